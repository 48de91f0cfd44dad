"""What a bucket is worth and what it must hold."""

from typing import NamedTuple

import numba
import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.facts import Contributor, WorstScenario
from novate.core.kernels import margin as kernel
from novate.core.kernels import remargin, standing, sweep
from novate.core.kernels.tails import pack, packs_for
from novate.core.money import written
from novate.core.portfolio import is_portfolio, why
from novate.core.terms import TRADING, MarginMode

CONTRIBUTORS_MAX = 3
JUDGED_ACCESS = (layout.OPEN, layout.REDUCE_ONLY, layout.RESTRICTED)
TOGETHER_LEAST = 5_000  # below this many portfolio buckets it is not worth compiling for
FEW = 500  # below this many the sheet is packed for too few
NONE_ASKED = np.zeros((0, 2), np.int64)
ALL_CORES_LEAST = 20_000  # below this many buckets one core is done before two have been woken


class Judgement(NamedTuple):
    """A bucket judged in numeraire fine units.

    ``equity`` counts everything, ``settled`` is settled collateral after haircuts less premium owed, ``payable`` the
    same less all unsettled losses and what resting orders set aside, with no gain or option value against them.
    ``free`` is what could leave: max(0, min(payable, equity) - initial). ``priced`` is False where something held has
    no live price.
    """

    equity_fine: int
    settled_fine: int
    initial_fine: int
    maintenance_fine: int
    priced: bool
    payable_fine: int

    @property
    def spare_fine(self) -> int:
        """What is left of cash and of equity beyond the initial requirement; negative where it falls short."""
        return min(self.payable_fine, self.equity_fine) - self.initial_fine

    @property
    def free_fine(self) -> int:
        """What could be withdrawn, in numeraire fine units, if the balances are there."""
        return max(0, self.spare_fine)


def judge(book: Book, bucket: int, withdrawn_minor: dict[int, int] | None = None) -> Judgement:
    """Judge one bucket, as it would stand with the given amounts (per asset, minor units) taken out.

    A sub-account is judged with all that stands behind its omnibus account.
    """
    purse = book.purse_of(bucket)
    balances, at = book.balances, purse
    if withdrawn_minor:
        balances, at = balances[purse : purse + 1].copy(), 0
        for asset, amount in withdrawn_minor.items():
            balances[0, asset]["balance_minor"] -= amount
    equity, settled, initial, maintenance, priced, payable = kernel.judge_one(
        purse, balances, at, book.tables(), book.sheet
    )
    return Judgement(equity, settled, initial, maintenance, bool(priced), payable)


def judge_alone(book: Book, bucket: int) -> Judgement:
    """Judge the positions of one bucket without any money: what a sub-account asks of its omnibus account."""
    none = np.zeros((1, book.balances.shape[1]), layout.BALANCE)
    return judge_apart(book, book.segment(bucket), none, MarginMode.CROSS)


def judge_as(book: Book, bucket: int, mode: MarginMode) -> Judgement:
    """Judge one bucket as if it were margined in this mode; a sheet that covers it is in force where it needs one."""
    return judge_apart(book, book.segment(bucket), book.balances[bucket : bucket + 1], mode)


def mode_of(book: Book, bucket: int) -> MarginMode:
    """How a bucket is margined."""
    return MarginMode.PORTFOLIO if book.buckets[bucket]["portfolio"] else MarginMode.CROSS


def judge_apart(book: Book, rows: np.ndarray, balances: np.ndarray, mode: MarginMode) -> Judgement:
    """Judge position rows with one row of balances, as if they were a bucket; the book is not read for either."""
    sheet = book.sheet if mode is MarginMode.PORTFOLIO else None
    figures = kernel.judge_rows(0, len(rows), rows, balances, 0, book.tables(), sheet)
    equity, settled, initial, maintenance, priced, payable = figures
    return Judgement(equity, settled, initial, maintenance, bool(priced), payable)


def judge_many(book: Book, buckets: np.ndarray) -> np.ndarray:
    """Judge the given buckets (int64); rows of ``layout.JUDGED`` in the same order."""
    out = np.zeros(len(buckets), layout.JUDGED)
    asked = asked_together(book, buckets)
    sweep.judge_range(0, len(buckets), buckets, book.tables(), book.sheet, asked, out)
    return out


def judge_house(book: Book) -> np.ndarray:
    """Judge every bucket, in a large house on all cores; rows of ``layout.JUDGED`` by bucket."""
    out = np.zeros(book.account_count, layout.JUDGED)
    asked = asked_together(book, np.arange(book.account_count))
    if book.account_count < ALL_CORES_LEAST:
        none = np.zeros(0, np.int64)
        sweep.judge_range(0, book.account_count, none, book.tables(), book.sheet, asked, out)
    else:
        sweep.judge_all(book.account_count, book.tables(), book.sheet, asked, out)
    return out


def asked_together(book: Book, buckets: np.ndarray, least: int = TOGETHER_LEAST, few: int = FEW) -> np.ndarray:
    """``(initial, maintenance)`` in the numeraire of those of ``buckets`` that a sheet margins, a row for each bucket
    (int64), or no row where they are so few that each is better judged by itself.

    What was asked last and still stands is not worked out again; fewer than ``few`` others are worked out one by one.
    """
    if book.sheet is None:
        return NONE_ASKED
    chosen = np.flatnonzero(book.buckets["portfolio"][buckets])
    if len(chosen) < least:
        return NONE_ASKED
    own, tables = buckets[chosen], book.tables()
    asked, rows = np.zeros((len(chosen), 2), np.int64), np.zeros((len(buckets), 2), np.int64)
    standing.make_room(len(book.buckets), len(book.positions), book.balances.shape[1], book.sheet)
    changed = np.zeros(len(chosen), bool)
    standing.recall(own, tables, book.sheet, asked, changed)
    if changed.any():
        anew = np.zeros((np.count_nonzero(changed), 2), np.int64)
        if len(anew) < few:
            standing.require_each(own[changed], tables, book.sheet, anew)
        else:
            remargined(book, own[changed], anew)
        asked[changed] = anew
    rows[chosen] = asked
    return rows


def remargined(book: Book, buckets: np.ndarray, asked: np.ndarray) -> None:
    """``asked`` = ``(initial, maintenance)`` of portfolio buckets by the sheet in force, worked out together."""
    assert book.sheet is not None
    parts, rows, largest, rank = remargin.ready(len(book.buckets), book.sheet)
    packs = packs_for(parts, rows, largest)
    pack(book.sheet, packs)
    most = max(1, min(remargin.BUCKETS_MOST, remargin.KEPT_BYTES // (8 * rank)))
    threads = numba.get_num_threads()
    turns = -(-len(buckets) // (threads * most))
    chunk = -(-len(buckets) // (threads * turns))
    remargin.remargin_all(buckets, book.tables(), book.sheet, packs, chunk, asked)


def position_requirement(book: Book, contract: int, lots: int) -> tuple[int, int]:
    """``(initial, maintenance)`` of one position in fine units of its settlement asset."""
    initial, maintenance = kernel.requirement_of(lots, contract, book.tables())
    return int(initial), int(maintenance)


def locked_by(book: Book, contract: int, lots: int, cost_fine: int, bids: int = 0, asks: int = 0) -> int:
    """The worst that one position can come to, where its contract is collateralised; fine units, 0 for any other.

    With orders it is the worst of three: as it stands, with all bids filled at the mark, with all asks.
    """
    row = book.contracts[contract]
    if int(row["style"]) != layout.COLLATERALISED:
        return 0
    value = int(row["value_fine"])
    return max(_worst_loss(row, lots + filled, cost_fine + filled * value) for filled in (0, bids, -asks))


def _worst_loss(row: np.void, lots: int, cost_fine: int) -> int:
    worst = int(row["floor_value_fine" if lots > 0 else "cap_value_fine"])
    return max(0, cost_fine - lots * worst)


def locked_fine(book: Book, rows: np.ndarray, asset: int) -> int:
    """What collateralised positions (rows) keep of settled cash: the worst that each can come to, in the asset."""
    return sum(
        locked_by(book, int(row["contract"]), int(row["lots"]), int(row["cost_fine"]))
        for row in rows
        if int(book.contracts[row["contract"]]["asset"]) == asset
    )


def resting_premium_fine(book: Book, rows: np.ndarray, asset: int) -> int:
    """What the resting bids for options of position rows set aside of settled cash: their premium at the marks."""
    resting = (
        (book.contracts[row["contract"]], int(book.orders[row["orders"]]["bids"])) for row in rows if row["orders"]
    )
    return sum(
        bids * int(of["value_fine"]) for of, bids in resting if of["style"] == layout.PREMIUM and of["asset"] == asset
    )


def resting_cover_fine(book: Book, rows: np.ndarray, asset: int) -> int:
    """What the resting orders of position rows set aside to cover bets: by how much the worst that their positions can
    come to grows where the worse side is filled at the marks."""
    found = 0
    for row in rows:
        contract, resting = int(row["contract"]), book.orders[int(row["orders"])]
        if row["orders"] and int(book.contracts[contract]["asset"]) == asset:
            held = contract, int(row["lots"]), int(row["cost_fine"])
            found += locked_by(book, *held, int(resting["bids"]), int(resting["asks"])) - locked_by(book, *held)
    return found


def uncovered_fine(book: Book, rows: np.ndarray, balance: np.void, asset: int, *, resting: bool = True) -> int:
    """What a balance lacks of what is owed for certain in its asset, locked in it or (if ``resting``) set aside for
    resting orders; 0 or less where it covers them."""
    premium, cover = int(balance["premium_fine"]), locked_fine(book, rows, asset)
    if resting:
        premium += resting_premium_fine(book, rows, asset)
        cover += resting_cover_fine(book, rows, asset)
    owed = max(0, premium) - min(0, int(balance["carry_fine"]))
    cash = int(balance["balance_minor"]) * book.registers.assets[asset].unit_fine
    return cover + owed - cash


def largest_contributors(book: Book, purse: int) -> tuple[Contributor, ...]:
    """The positions with the largest initial requirements in tiers: the why of a call."""
    parts = [
        Contributor(contract, lots, position_requirement(book, contract, lots)[0])
        for bucket in book.in_purse(purse)
        for contract, lots, _ in book.positions_of(bucket)
        if lots
    ]
    parts.sort(key=lambda part: (-part.initial_fine, part.contract))
    return tuple(parts[:CONTRIBUTORS_MAX])


def why_called(book: Book, bucket: int) -> tuple[tuple[Contributor, ...], tuple[WorstScenario, ...]]:
    """The largest contributors to a requirement, and for a portfolio bucket the worst scenario of each block."""
    if not is_portfolio(book, bucket):
        return largest_contributors(book, bucket), ()
    worst, parts = why(book, bucket)
    return parts[:CONTRIBUTORS_MAX], worst


def in_numeraire(book: Book, amount_fine: int) -> str:
    """An amount of the numeraire as people write it: ``1.5 USD``."""
    asset = next(each for each in book.registers.assets if each.symbol == book.rulebook.numeraire)
    return f"{written(amount_fine, asset.fine_decimals)} {asset.symbol}"


def is_client_of_house(book: Book, bucket: int) -> bool:
    """Whether the bucket is a member's or a client's (and not one of the house's own)."""
    return book.registers.accounts[bucket].role in TRADING

"""Questions that change nothing: what a bucket would be after trades, which mark ends it, how much it may still trade.

Every answer is given by what decides and folds: the judgement of trades, of marks and of buckets, on rows of its own.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from novate.core.book import Book
from novate.core.kernels import margin as kernel
from novate.core.kernels.marks import mark_rows, set_marks
from novate.core.kernels.tables import refer
from novate.core.kernels.whatif import judge_what_if
from novate.core.layout import CROSS, LIVE
from novate.core.ledger import check_deposit, count_in
from novate.core.margin import Judgement
from novate.core.reasons import Reason
from novate.core.relief import in_full, relief_of
from novate.core.rows import MARK, TRADE
from novate.core.stretches import BOUNDED, floors, holdings, last, lowest, sizes, stretches, turns, worst_asked
from novate.core.terms import FEES


class Trade(NamedTuple):
    """A trade that might be: lots are positive where the bucket buys."""

    contract: int
    lots: int
    price_ticks: int


class Answer(NamedTuple):
    """What would become of one deposit or trade: ``Reason.ACCEPTED`` or why not, and the figure that goes with it."""

    reason: Reason
    figure: int


class Change(NamedTuple):
    """A bucket before and after."""

    before: Judgement
    after: Judgement


class WhatIf(NamedTuple):
    """An account's cross bucket before and after, and the answers to deposits and trades in their order.

    ``isolated`` has the account's isolated buckets that trades went to.
    """

    before: Judgement
    after: Judgement
    isolated: dict[int, Change]
    deposits: list[Answer]
    trades: list[Answer]


class Largest(NamedTuple):
    """The most lots that are accepted, and why one lot more is not."""

    lots: int
    refused: Answer


class Threshold(NamedTuple):
    """The first mark at or below, and at or above, the present one that leaves equity below a requirement.

    None where no price on that side inside the contract's limits does. Both are the present mark where it already is.
    """

    below_ticks: int | None
    above_ticks: int | None


class Thresholds(NamedTuple):
    """Where one contract's mark, all else equal, takes a bucket below its requirements.

    ``initial`` is where a clearing house calls, ``maintenance`` where a venue liquidates, after the bucket's relief.
    ``reason`` is
    ``PRICE_MISSING`` where something that the bucket holds, or the contract itself, has no live price.
    """

    reason: Reason
    initial: Threshold
    maintenance: Threshold


# ---- what if --------------------------------------------------------------------------------------------------------


def what_if(book: Book, account: int, trades: Sequence[Trade], deposits: Iterable[tuple[int, int]] = ()) -> WhatIf:
    """An account after deposits ``(asset, amount_minor)`` and then trades, in order, each seeing what stood before it.

    A trade is answered as ``decide_trades`` would answer its row if the other side could bear it; what is refused
    changes nothing. Figures are in numeraire fine units.
    """
    added = np.zeros(book.asset_count, np.int64)
    answers: list[Answer] = []
    so_far: dict[tuple[int, int], int] = {}
    for asset, amount in deposits:
        answers.append(Answer(*check_deposit(book, account, asset, amount, so_far)))
        if answers[-1].reason is Reason.ACCEPTED:
            added[asset] += amount
            count_in(book, account, asset, amount, so_far)
    places: dict[int, list[int]] = {account: []}
    for at, trade in enumerate(trades):
        places.setdefault(holder_of(book, account, trade.contract), []).append(at)
    said = [Answer(Reason.ACCEPTED, 0)] * len(trades)
    changes: dict[int, Change] = {}
    fees, nothing = book.balances[FEES].copy(), np.zeros(book.asset_count, np.int64)
    for bucket, chosen in places.items():
        rows = trade_rows(account, [trades[at] for at in chosen])
        come = added if bucket == account else nothing
        verdicts, figures = judge_what_if(
            account, bucket, rows, come, book.contract_count, fees, book.tables(), book.sheet
        )
        changes[bucket] = Change(*(judgement(each) for each in figures))
        for at, (reason, figure, _) in zip(chosen, verdicts.tolist(), strict=True):
            said[at] = Answer(Reason(reason), figure)
    return WhatIf(*changes.pop(account), changes, answers, said)


def holder_of(book: Book, account: int, contract: int) -> int:
    """The bucket of an account that holds a contract; an isolated bucket that is asked about is asked for itself."""
    return book.bucket_of(account, contract) if int(book.buckets[account]["contract"]) == CROSS else account


def judgement(figures: tuple[int, ...]) -> Judgement:
    """Figures of ``kernels.margin.judge_rows``."""
    equity, settled, initial, maintenance, priced, payable = figures
    return Judgement(equity, settled, initial, maintenance, bool(priced), payable)


def trade_rows(account: int, trades: Sequence[Trade]) -> np.ndarray:
    """Rows of ``TRADE`` with nobody (-1) on the other side."""
    return np.array(
        [
            (
                0,
                abs(trade.lots),
                trade.price_ticks,
                trade.contract,
                *((account, -1) if trade.lots > 0 else (-1, account)),
                0,
            )
            for trade in trades
        ],
        TRADE,
    )


# ---- the largest order ----------------------------------------------------------------------------------------------


def largest_order(book: Book, account: int, contract: int, side: int, price_ticks: int) -> Largest:
    """The most lots that the account may buy (``side`` 1) or sell (-1) at a price: accepted, and one lot more is not.

    Between the sizes at which a bracket begins, the old position is closed or a worst loss caps the requirement, what a
    bucket lacks is a convex function of the lots, so that those it may trade are a run without a gap: each stretch, the
    largest sizes first, is tried at its ends and where it lacks least, and the end of the run is found by halving. A
    risk sheet's k-th worst alone is not convex: where it leaves gaps, what is answered is the end of one run.
    """
    bucket = holder_of(book, account, contract)
    none = np.zeros(book.asset_count, np.int64)
    row = trade_rows(account, [Trade(contract, side, price_ticks)])

    def verdict(lots: int) -> tuple[Reason, int, int]:
        row["lots"] = lots
        fees = book.balances[FEES].copy()
        answers, _ = judge_what_if(account, bucket, row, none, book.contract_count, fees, book.tables(), book.sheet)
        reason, figure, excess = answers[0].tolist()
        return Reason(reason), figure, excess

    def answer(lots: int) -> Answer:
        return Answer(*verdict(lots)[:2])

    def accepts(lots: int) -> bool:
        return verdict(lots)[0] is Reason.ACCEPTED

    def lacks(lots: int) -> tuple[int, int]:
        reason, figure, excess = verdict(lots)
        match reason:
            case Reason.ACCEPTED:
                return 0, 0
            case Reason.MARGIN_INSUFFICIENT:
                return 1, excess
            case Reason.PREMIUM_NOT_COVERED | Reason.COLLATERAL_NOT_COVERED:
                return 2, figure
        return 3, 0

    for low, high in reversed(stretches(sizes(book, bucket, contract, side))):
        best = high if accepts(high) else low if accepts(low) else lowest(lacks, low, high)
        if accepts(best):
            most = last(accepts, best, high)
            return Largest(most, answer(most + 1))
    return Largest(0, answer(1))


# ---- the mark that ends it ------------------------------------------------------------------------------------------


class Overlay:
    """The house's marks in a copy of its own: one contract's is moved, as a mark moves it, and a bucket is judged."""

    def __init__(self, book: Book, bucket: int, contract: int) -> None:
        self.book, self.bucket, self.contract = book, bucket, contract
        rulebook = book.rulebook
        self.contracts = book.contracts.copy()
        self.tables = refer(
            book.assets[: book.asset_count],
            self.contracts,
            book.lot_terms.copy(),
            book.tiers,
            book.buckets,
            book.balances,
            book.positions,
            book.orders,
            book.holders,
            book.ends,
            book.limits,
            book.limit_spans,
            book.limit_lists,
            rulebook.gains_ppm,
            rulebook.long_option_ppm,
        )

    def mark(self, price_ticks: int) -> None:
        """Move the mark; options written on the contract take their terms from it."""
        rows, _, _ = mark_rows(np.array([(price_ticks, self.contract, 0)], MARK), self.book.contract_count, self.tables)
        set_marks(rows, 0, self.tables)

    def judge(self, price_ticks: int) -> Judgement:
        """The bucket at a mark of the contract."""
        self.mark(price_ticks)
        purse = self.book.purse_of(self.bucket)
        return judgement(kernel.judge_one(purse, self.book.balances, purse, self.tables, self.book.sheet))

    def worst_asked(self, price_ticks: int, contract: int, lots: int) -> tuple[bool, bool]:
        """Whether a bounded position would be asked for the worst that it can lose."""
        self.mark(price_ticks)
        initial, maintenance = kernel.requirement_of(lots, contract, self.tables)
        return worst_asked(self.contracts[contract], lots, (int(initial), int(maintenance)))


def thresholds(book: Book, account: int, contract: int) -> Thresholds:
    """The first marks of a contract, on the tick, at which equity no longer meets initial and maintenance.

    What is judged is the bucket that holds the contract. Between the prices at which a bracket begins, those at which a
    worst loss caps a requirement and the strikes of the options written on the contract, what a bucket lacks is a
    convex function of the price (of its reciprocal, where contracts are inverse), so that a stretch that begins without
    a lack has one only if it ends with one: its first tick is found by halving. Rounding can move what is lacking by a
    few fine units; the tick found is short and its neighbour towards the mark is not.
    """
    nowhere = Threshold(None, None)
    row = book.contracts[contract]
    overlay = Overlay(book, holder_of(book, account, contract), contract)
    if row["state"] != LIVE or not overlay.judge(int(row["price_ticks"])).priced:
        return Thresholds(Reason.PRICE_MISSING, nowhere, nowhere)
    ends, relief = prices(overlay), book.registers.relieved.get(book.purse_of(overlay.bucket))
    whole = Overlay(in_full(book), overlay.bucket, contract) if relief else None

    def short_of_initial(price: int) -> bool:
        verdict = overlay.judge(price)
        return verdict.equity_fine < verdict.initial_fine

    def short_of_maintenance(price: int) -> bool:
        verdict = overlay.judge(price)
        uncounted = whole.judge(price).equity_fine - verdict.equity_fine if whole else 0
        return verdict.equity_fine + relief_of(relief, uncounted, verdict.maintenance_fine) < verdict.maintenance_fine

    mark = int(row["price_ticks"])
    found = [
        Threshold(
            _first(short, mark, [end for end in reversed(ends) if end < mark]),
            _first(short, mark, [end for end in ends if end > mark]),
        )
        for short in (short_of_initial, short_of_maintenance)
    ]
    return Thresholds(Reason.ACCEPTED, *found)


def _first(short: Callable[[int], bool], mark: int, ends: list[int]) -> int | None:
    """The first price from the mark on, stretch by stretch, that is short; None where none is."""
    if short(mark):
        return mark
    good = mark
    for end in ends:
        if short(end):
            step = 1 if end > good else -1
            return good + step * (last(lambda far: not short(good + step * far), 0, abs(end - good)) + 1)  # noqa: B023
        good = end
    return None


def prices(overlay: Overlay) -> list[int]:
    """Prices at which the slope of what the bucket lacks can fall, ascending, with the contract's limits."""
    book, bucket, contract = overlay.book, overlay.bucket, overlay.contract
    row = book.contracts[contract]
    low, high = int(row["price_min_ticks"]), int(row["price_max_ticks"])
    found = dict.fromkeys([low, high, *_around(0)])
    bounded: list[tuple[int, int]] = []
    held = [(each, at) for each in book.in_purse(book.purse_of(bucket)) for at, _, _ in book.positions_of(each)]
    for each, at in held:
        of = book.contracts[at]
        if at != contract and (not of["option"] or of["underlying"] != contract):
            continue
        for lots in holdings(book, each, at):
            found |= _bends(book, at, lots)
            if lots and int(of["style"]) in BOUNDED:
                bounded.append((at, lots))
    ends = sorted(price for price in found if low <= price <= high)
    for (at, lots), which in itertools.product(bounded, (0, 1)):
        ends += turns(lambda price: overlay.worst_asked(price, at, lots)[which], ends)  # noqa: B023
    return sorted(dict.fromkeys(ends))


def _bends(book: Book, contract: int, lots: int) -> dict[int, None]:
    """Prices, of the contract or of what it is written on, at which a position's brackets, floor or strike are met."""
    held = book.contracts[contract]
    found: dict[int, None] = {}
    unit = int(held["factor_fine"])
    if held["option"]:
        unit = int(held["underlying_factor_fine"])
        found |= _around(int(held["strike_ticks"]))
    size, least = abs(lots) * unit, int(held["reference_least_fine"])
    for floor in floors(book, contract):
        if held["inverse"] and not held["option"] and floor:
            # The last value of one lot inside the bracket; values of lots are rounded, so lots are divided out first.
            found |= _around(unit // (floor // abs(lots))) if lots and floor >= abs(lots) else {}
        elif not held["inverse"] and size:
            found |= _around(floor // size) | _around(-(floor // size))
    if least and unit and not held["inverse"]:
        found |= _around(least // unit) | _around(-(least // unit))
    return found


def _around(price: int) -> dict[int, None]:
    return dict.fromkeys((price - 1, price, price + 1))

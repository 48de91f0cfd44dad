"""Questions that change nothing: what a bucket would be after trades, which mark ends it, how much it may still trade.

Every answer is given by what decides and folds: the judgement of trades, of marks and of buckets, on rows of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from novate.core.book import Book
from novate.core.kernels import margin as kernel
from novate.core.kernels.marks import mark_rows, set_marks
from novate.core.kernels.tables import refer
from novate.core.kernels.whatif import judge_what_if
from novate.core.layout import LIVE
from novate.core.ledger import check_deposit
from novate.core.margin import Judgement
from novate.core.reasons import Reason
from novate.core.rows import MARK, TRADE
from novate.core.stretches import floors, last, lowest, sizes, stretches
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


class WhatIf(NamedTuple):
    """A bucket before and after, and the answers to deposits and trades in their order."""

    before: Judgement
    after: Judgement
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

    ``initial`` is where a clearing house calls, ``maintenance`` where a venue liquidates. ``reason`` is
    ``PRICE_MISSING`` where something that the bucket holds, or the contract itself, has no live price.
    """

    reason: Reason
    initial: Threshold
    maintenance: Threshold


# ---- what if --------------------------------------------------------------------------------------------------------


def what_if(book: Book, bucket: int, trades: Sequence[Trade], deposits: Iterable[tuple[int, int]] = ()) -> WhatIf:
    """A bucket after deposits ``(asset, amount_minor)`` and then trades, in order, each seeing what stood before it.

    A trade is answered as ``decide_trades`` would answer its row if the other side could bear it; what is refused
    changes nothing. Figures are in numeraire fine units.
    """
    added = np.zeros(book.asset_count, np.int64)
    answers: list[Answer] = []
    so_far: dict[tuple[int, int], int] = {}
    for asset, amount in deposits:
        reason = check_deposit(book, bucket, asset, amount, so_far)
        answers.append(Answer(reason, amount))
        if reason is Reason.ACCEPTED:
            added[asset] += amount
            for key in ((-1, asset), (bucket, asset)):
                so_far[key] = so_far.get(key, 0) + amount
    rows = trade_rows(bucket, trades)
    verdicts, figures = judge_what_if(bucket, rows, added, book.contract_count, FEES, book.tables())
    before, after = (
        Judgement(equity, settled, initial, maintenance, bool(priced), payable)
        for equity, settled, initial, maintenance, priced, payable in figures.tolist()
    )
    return WhatIf(before, after, answers, [Answer(Reason(reason), figure) for reason, figure in verdicts.tolist()])


def trade_rows(bucket: int, trades: Sequence[Trade]) -> np.ndarray:
    """Rows of ``TRADE`` with nobody (-1) on the other side."""
    return np.array(
        [
            (
                0,
                abs(trade.lots),
                trade.price_ticks,
                trade.contract,
                *((bucket, -1) if trade.lots > 0 else (-1, bucket)),
                0,
            )
            for trade in trades
        ],
        TRADE,
    )


# ---- the largest order ----------------------------------------------------------------------------------------------


def largest_order(book: Book, bucket: int, contract: int, side: int, price_ticks: int) -> Largest:
    """The most lots that the bucket may buy (``side`` 1) or sell (-1) at a price: accepted, and one lot more is not.

    Between the sizes at which a bracket begins and at which the old position is closed, what a bucket lacks is a
    convex function of the lots, so that those it may trade are a run without a gap: each stretch, the largest sizes
    first, is tried at its ends and where it lacks least, and the end of the run is found by halving.
    """
    none = np.zeros(book.asset_count, np.int64)
    row = trade_rows(bucket, [Trade(contract, side, price_ticks)])

    def answer(lots: int) -> Answer:
        row["lots"] = lots
        answers, _ = judge_what_if(bucket, row, none, book.contract_count, FEES, book.tables())
        return Answer(Reason(int(answers[0, 0])), int(answers[0, 1]))

    def accepts(lots: int) -> bool:
        return answer(lots).reason is Reason.ACCEPTED

    def lacks(lots: int) -> int:
        verdict = answer(lots)
        if verdict.reason is Reason.ACCEPTED:
            return 0
        return verdict.figure if verdict.reason is Reason.MARGIN_INSUFFICIENT else 2**63

    held = next((lots for at, lots, _ in book.positions_of(bucket) if at == contract), 0)
    for low, high in reversed(stretches(sizes(book, contract, side * held))):
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
        self.tables = refer(
            book.assets[: book.asset_count],
            book.contracts.copy(),
            book.lot_terms.copy(),
            book.tiers,
            book.buckets,
            book.balances,
            book.positions,
            book.holders,
            book.ends,
            rulebook.gains_ppm,
            rulebook.long_option_ppm,
        )

    def judge(self, price_ticks: int) -> Judgement:
        """The bucket at a mark of the contract; options written on it take their terms from that mark."""
        rows, _, _ = mark_rows(np.array([(price_ticks, self.contract, 0)], MARK), self.book.contract_count, self.tables)
        set_marks(rows, 0, self.tables)
        equity, settled, initial, maintenance, priced, payable = kernel.judge_one(
            self.bucket, self.book.balances, self.bucket, self.tables
        )
        return Judgement(equity, settled, initial, maintenance, bool(priced), payable)


def thresholds(book: Book, bucket: int, contract: int) -> Thresholds:
    """The first marks of a contract, on the tick, at which equity no longer meets initial and maintenance.

    Between the prices at which a bracket begins and the strikes of the options written on the contract, what a bucket
    lacks is a convex function of the price (of its reciprocal, where contracts are inverse), so that a stretch that
    begins without a lack has one only if it ends with one: its first tick is found by halving. Rounding can move what
    is lacking by a few fine units; the tick found is short and its neighbour towards the mark is not.
    """
    nowhere = Threshold(None, None)
    row = book.contracts[contract]
    overlay = Overlay(book, bucket, contract)
    if row["state"] != LIVE or not overlay.judge(int(row["price_ticks"])).priced:
        return Thresholds(Reason.PRICE_MISSING, nowhere, nowhere)
    ends = prices(book, bucket, contract)

    def short_of_initial(price: int) -> bool:
        verdict = overlay.judge(price)
        return verdict.equity_fine < verdict.initial_fine

    def short_of_maintenance(price: int) -> bool:
        verdict = overlay.judge(price)
        return verdict.equity_fine < verdict.maintenance_fine

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


def prices(book: Book, bucket: int, contract: int) -> list[int]:
    """Prices at which the slope of what the bucket lacks can fall, ascending, with the contract's limits."""
    row = book.contracts[contract]
    low, high = int(row["price_min_ticks"]), int(row["price_max_ticks"])
    found = dict.fromkeys([low, high])
    for at, lots, _ in book.positions_of(bucket):
        held = book.contracts[at]
        if not lots or (at != contract and (not held["option"] or held["underlying"] != contract)):
            continue
        unit = int(held["factor_fine"])
        if held["option"]:
            unit = int(held["underlying_factor_fine"])
            found |= _around(int(held["strike_ticks"]))
        size = abs(lots) * unit
        for floor in floors(book, at):
            if held["inverse"] and not held["option"] and floor:
                found |= _around(size // floor)
            elif not held["inverse"] and size:
                found |= _around(floor // size)
    return sorted(price for price in found if low <= price <= high)


def _around(price: int) -> dict[int, None]:
    return dict.fromkeys((price - 1, price, price + 1))

"""A change of rules liquidates nobody: what it takes of a bucket's distance to liquidation is given back.

Where equity falls below maintenance a venue liquidates. A rulebook or a risk sheet that asks for more, or counts
collateral for less, could do the same without any price having moved. So whoever stands below its initial requirement
under the new rules is *relieved*: of what it is worth and does not count for a part is added to its equity, and of its
maintenance requirement only a part counts, so that it is as far from liquidation as it was. Nothing else looks at
either: trades, withdrawals, restrictions and calls are judged by the new rules. At the initial requirement the relief
is over.
"""

from copy import copy
from typing import Final

import numpy as np
from msgspec.structs import replace

from novate.core.book import Book
from novate.core.collateral import rates_under, set_rate
from novate.core.facts import (
    Deposited,
    Fact,
    OrdersChanged,
    OrdersFilled,
    Rejected,
    RowsRefused,
    SourceAdvanced,
    TradesNovated,
    Withdrawn,
)
from novate.core.kernels.sheet import SheetTables
from novate.core.margin import JUDGED_ACCESS, Judgement, judge, judge_house, judge_many
from novate.core.money import EXPOSURE_MAX, PPM, ceil_div
from novate.core.money_facts import CollateralTransferred, WithdrawalsRequested
from novate.core.registers import Relief
from novate.core.rows import MOVED, NOVATED, POSTED, RESERVED
from novate.core.supervision import MaintenanceRelieved, ReliefEnded

CREDIT_MAX: Final = 2**63 - 1
"""More than two equities can be apart; a relief that adds up to more than that is cut."""

LOOKED_AT: Final = ["equity_fine", "maintenance_fine"]
"""What of a judged bucket says how far it is from liquidation."""

UNMOVED: Final = frozenset((Rejected, RowsRefused, SourceAdvanced))
"""Facts that leave every bucket as it is."""

Moving = (
    TradesNovated | OrdersChanged | OrdersFilled | Deposited | Withdrawn | WithdrawalsRequested | CollateralTransferred
)
"""Facts that move no buckets but those in their rows."""

SIDES: Final[dict[type[Moving], tuple[np.dtype, tuple[str, ...]]]] = {
    TradesNovated: (NOVATED, ("buyer", "seller")),
    OrdersChanged: (RESERVED, ("bucket",)),
    OrdersFilled: (RESERVED, ("bucket",)),
    Deposited: (POSTED, ("account",)),
    Withdrawn: (POSTED, ("account",)),
    WithdrawalsRequested: (POSTED, ("account",)),
    CollateralTransferred: (MOVED, ("payer", "payee")),
}
"""What those rows are, and which of their columns name buckets."""


def relief_of(relief: Relief | None, uncounted_fine: int, maintenance_fine: int) -> int:
    """How far below this maintenance requirement a relieved purse may be before a venue liquidates it.

    ``uncounted_fine`` is what it is worth above its equity. Numeraire fine units, rounded down; 0 without a relief.
    """
    if relief is None:
        return 0
    counts = ceil_div(maintenance_fine * relief.kept_fine, relief.asked_fine)
    return credit_of(relief, uncounted_fine) + maintenance_fine - counts


def credit_of(relief: Relief, uncounted_fine: int) -> int:
    """What is added to a relieved purse's equity, which shrinks and grows with what does not count.

    Whoever lacked more than that could ever be had nothing to lose, and is credited what it lacked.
    """
    credit_fine, was_fine = relief.credit_fine, relief.uncounted_fine
    return credit_fine * uncounted_fine // was_fine if 0 < credit_fine <= was_fine else credit_fine


def in_full(book: Book) -> Book:
    """A copy in which all that buckets have counts in full: no haircuts and no caps, gains and options whole.

    Equity in it is what they are worth, and never less than what any rules at these marks let count.
    """
    draft = copy(book)
    draft.registers, draft.assets = copy(book.registers), book.assets.copy()
    symbols = [asset.symbol for asset in book.registers.assets]
    draft.registers.rulebook = replace(
        book.rulebook, collateral=dict.fromkeys(symbols, 0), gains_ppm=PPM, long_option_ppm=PPM
    )
    for rate in rates_under(book, draft.rulebook):
        set_rate(draft, rate)
    draft.assets["count_max_fine"] = EXPOSURE_MAX
    draft.sheet = None  # it makes nothing worth more
    return draft


def relief_at(book: Book, purse: int, verdict: Judgement) -> int:
    """``relief_of`` a purse that is judged so, at the marks of the book."""
    relief = book.registers.relieved.get(purse)
    if relief is None or not relief.credit_fine:
        return relief_of(relief, 0, verdict.maintenance_fine)
    return relief_of(relief, judge(in_full(book), purse).equity_fine - verdict.equity_fine, verdict.maintenance_fine)


def reliefs_of(book: Book, purses: np.ndarray, rows: np.ndarray) -> list[int]:
    """``relief_of`` of each of the purses (int64), judged as ``rows`` of ``layout.JUDGED``."""
    own = [book.registers.relieved.get(purse) for purse in purses.tolist()]
    uncounted = [0] * len(own)
    if any(relief is not None and relief.credit_fine for relief in own):
        uncounted = (judge_many(in_full(book), purses)["equity_fine"] - rows["equity_fine"]).tolist()
    return list(map(relief_of, own, uncounted, rows["maintenance_fine"].tolist()))


# ---- a change of rules ----------------------------------------------------------------------------------------------


def in_draft(book: Book) -> Book:
    """A copy in which rules may be changed; all that rules do not change is the book's own and must not be touched."""
    draft = copy(book)
    draft.registers = copy(book.registers)
    draft.assets, draft.contracts, draft.lot_terms = book.assets.copy(), book.contracts.copy(), book.lot_terms.copy()
    return draft


def under_sheet(book: Book, sheet: SheetTables) -> Book:
    """A copy of the book that is judged by another risk sheet."""
    draft = copy(book)
    draft.sheet = sheet
    return draft


def reliefs(book: Book, changed: Book) -> list[Fact]:
    """What a change of rules does to reliefs; ``changed`` is the book as the change would leave it, at the same marks.

    The distance to liquidation stays what it was, and is nothing where a bucket was below maintenance already. Whoever
    has its initial requirement, or is as far from liquidation without a relief, has none.
    """
    relieved = book.registers.relieved
    if changed.rulebook.form != "venue":
        return [ReliefEnded(bucket) for bucket in sorted(relieved)]
    after = judge_house(changed)
    short = ~is_sound(after) & np.isin(book.buckets["access"][: book.account_count], JUDGED_ACCESS)
    chosen = np.union1d(np.flatnonzero(short), np.array(sorted(relieved), np.int64)).astype(np.int64)
    if not len(chosen):
        return []
    before, worth = judge_many(book, chosen)[LOOKED_AT].tolist(), judge_many(in_full(book), chosen)["equity_fine"]
    every = zip(chosen.tolist(), before, after[chosen][LOOKED_AT].tolist(), worth.tolist(), strict=True)
    facts: list[Fact] = []
    for bucket, was, now, worth_fine in every:
        if bucket in relieved and short[bucket] and was == now:
            continue  # the change is not about what it has or must have
        given = given_back(book, bucket, was, now, worth_fine) if short[bucket] else None
        if given is not None:
            facts.append(given)
        elif bucket in relieved:
            facts.append(ReliefEnded(bucket))
    return facts


def is_sound(rows: np.ndarray) -> np.ndarray:
    """Which of judged buckets (rows of ``layout.JUDGED``) have all that the rules ask for, and need no relief."""
    return rows["equity_fine"] >= np.maximum(rows["initial_fine"], rows["maintenance_fine"])


def given_back(
    book: Book, bucket: int, was: tuple[int, int], now: tuple[int, int], worth_fine: int
) -> MaintenanceRelieved | None:
    """The relief that leaves a bucket as far from liquidation as it was; None where it needs none for that.

    ``was`` and ``now`` are its ``(equity, maintenance)``, and it is worth ``worth_fine``. What was taken from equity is
    given back as credit, the rest off maintenance, of which never less than nothing counts.
    """
    (equity, former), (left, asked) = was, now
    relief, uncounted = book.registers.relieved.get(bucket), worth_fine - equity
    taken = max(0, equity + relief_of(relief, uncounted, former) - former) - (left - asked)
    if taken <= 0:
        return None
    of_equity = min(taken, max(0, equity + (credit_of(relief, uncounted) if relief else 0) - left))
    of_maintenance = min(asked, taken - of_equity)
    kept, asked = (asked - of_maintenance, asked) if asked else (1, 1)  # of nothing all counts
    return MaintenanceRelieved(bucket, min(CREDIT_MAX, taken - of_maintenance), worth_fine - left, kept, asked)


# ---- its end --------------------------------------------------------------------------------------------------------


def reliefs_over(book: Book, facts: list[Fact]) -> list[ReliefEnded]:
    """Reliefs that are over: equity is at the initial requirement, whatever brought it there."""
    touched = _touched(book, facts)
    if not len(touched):
        return []
    return [ReliefEnded(bucket) for bucket in touched[is_sound(judge_many(book, touched))].tolist()]


def _touched(book: Book, facts: list[Fact]) -> np.ndarray:
    """Relieved purses (int64, ascending) that facts may have moved: those in their rows, or all."""
    relieved = book.registers.relieved
    buckets: dict[int, None] = {}
    for fact in facts:
        if isinstance(fact, Moving):
            layout, columns = SIDES[type(fact)]
            rows = np.frombuffer(fact.rows, layout)
            buckets |= dict.fromkeys(bucket for column in columns for bucket in rows[column].tolist())
        elif type(fact) not in UNMOVED:
            return np.array(sorted(relieved), np.int64)
    purses = dict.fromkeys(book.purse_of(bucket) for bucket in buckets)
    return np.array(sorted(purse for purse in purses if purse in relieved), np.int64)


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_maintenance_relieved(book: Book, fact: MaintenanceRelieved) -> None:
    """Relieve a bucket, or put another relief in the place of its former one."""
    book.registers.relieved[fact.bucket] = Relief(
        fact.credit_fine, fact.uncounted_fine, fact.kept_fine, fact.asked_fine
    )


def fold_relief_ended(book: Book, fact: ReliefEnded) -> None:
    """Nothing but the rules counts."""
    del book.registers.relieved[fact.bucket]

"""Portfolio buckets: what closing a position would free, and why a bucket must hold what it must hold."""

import numpy as np

from novate.core.book import Book
from novate.core.facts import Contributor, WorstScenario
from novate.core.kernels.portfolio import losses_at, requirement_without, scenarios_of, uncovered
from novate.core.layout import SHEET_HELD
from novate.core.money import EXPOSURE_MAX, SHEET_BOUND
from novate.core.orders import open_orders_of
from novate.core.reasons import Reason


def is_portfolio(book: Book, bucket: int) -> bool:
    """Whether the risk sheet margins the bucket."""
    return bool(book.buckets[bucket]["portfolio"])


def not_covered(book: Book, bucket: int, lots: dict[int, int]) -> tuple[Reason, str] | None:
    """Why the sheet in force could not judge a bucket that holds ``lots`` by contract with its orders, or None."""
    resting = open_orders_of(book, bucket)
    rows = [(lots.get(at, 0), *resting.get(at, (0, 0)), at, 0) for at in sorted({**lots, **resting})]
    rows = [row for row in rows if any(row[:3])]
    contract = int(uncovered(np.array(rows, SHEET_HELD), book.contracts, book.sheet))
    return None if contract == -1 else explain_uncovered(book, bucket, contract)


def explain_uncovered(book: Book, bucket: int, contract: int) -> tuple[Reason, str]:
    """Why a sheet cannot judge a bucket, and the cure."""
    name = book.registers.accounts[bucket].name
    if contract < 0:
        message = f"{name}: |lots| x largest result, with the collateral's, must stay below {SHEET_BOUND} sheet units: "
        return Reason.SHEET_BOUND_EXCEEDED, message + "use a larger sheet unit or fewer lots"
    symbol = book.registers.contracts[contract].symbol
    return Reason.SHEET_ROW_MISSING, f"{name} has {symbol}, and the sheet has no row for it: add one or close it"


def freed_by(book: Book, bucket: int, contract: int, lots: int) -> tuple[int, int]:
    """``(initial, maintenance)`` that closing a position of a portfolio bucket would free, in the numeraire.

    Negative for a position that hedges the others: without it the bucket would have to hold more.
    """
    with_it = requirement_without(bucket, contract, lots, book.tables(), book.sheet)
    without = requirement_without(bucket, contract, 0, book.tables(), book.sheet)
    return int(with_it[0]) - int(without[0]), int(with_it[1]) - int(without[1])


def why(book: Book, bucket: int) -> tuple[tuple[WorstScenario, ...], tuple[Contributor, ...]]:
    """Each block's worst scenario, the block that asks most first, and what every position loses in the very first.

    Losses are in the numeraire, positions from the largest loss on; a hedge has a negative one.
    """
    sheet = book.registers.sheet
    if sheet is None:
        raise LookupError("no risk sheet is in force; adopt one first")
    results, asked = scenarios_of(bucket, book.tables(), book.sheet)
    worst: list[tuple[int, int, int, int]] = []
    first = 0
    for at, block in enumerate(sheet.blocks):
        scenario = int(np.argmin(results[first : first + block.scenarios]))
        worst.append((int(asked[at]), at, scenario, -int(results[first + scenario])))
        first += block.scenarios
    worst.sort(key=lambda row: (-row[0], row[1]))
    _, block, scenario, _ = worst[0]
    start = sum(each.scenarios for each in sheet.blocks[:block])
    losses = losses_at(bucket, start + scenario, book.tables(), book.sheet)
    parts = [
        Contributor(int(row["contract"]), int(row["lots"]), in_fine(sheet.unit_fine, int(loss)))
        for row, loss in zip(book.segment(bucket), losses, strict=True)
        if row["lots"]
    ]
    parts.sort(key=lambda part: (-part.initial_fine, part.contract))
    return tuple(WorstScenario(at, k, in_fine(sheet.unit_fine, loss)) for _, at, k, loss in worst), tuple(parts)


def in_fine(unit_fine: int, units: int) -> int:
    """Sheet units in fine units of the numeraire, kept within 2^62 - 1."""
    return max(-EXPOSURE_MAX, min(EXPOSURE_MAX, units * unit_fine))

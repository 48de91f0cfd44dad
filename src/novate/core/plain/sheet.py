"""What a risk sheet asks, in plain Python integers and fractions, scenario by scenario.

The specification of ``kernels.portfolio``: slow, without running totals, and the only rounding is a ceiling.
"""

import math
from fractions import Fraction

from novate.core.book import Book
from novate.core.money import PPM, SHEET_BOUND
from novate.core.plain.values import clamp, convert, most_counted
from novate.core.reasons import Reason
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock

Reach = tuple[int, int]
"""The fewest and the most lots that a position may come to with its orders; both are what is held where none rest."""

Held = list[tuple[ContractRow | CollateralRow, Reach]]
"""Rows of the sheet and what a bucket may have of each."""


def results_of(row: ContractRow | CollateralRow) -> list[int]:
    """What one lot gains in each scenario, in sheet units."""
    return [int.from_bytes(row.results[at : at + 8], "little", signed=True) for at in range(0, len(row.results), 8)]


def in_force(book: Book) -> RiskSheet:
    """The sheet in force. Raises ``LookupError`` without one."""
    if book.registers.sheet is None:
        raise LookupError("no risk sheet is in force")
    return book.registers.sheet


def carried_lots(book: Book, asset: int, balance_minor: int) -> int:
    """Whole lots of a settled balance that run the scenarios of its row; none without a row or without a balance."""
    symbol = book.registers.assets[asset].symbol
    row = next((row for row in in_force(book).collateral if row.symbol == symbol), None)
    return min(max(0, balance_minor) // row.lot_minor, row.lots_max) if row else 0


def worth(book: Book, asset: int, amount: int, balance_minor: int) -> int:
    """An amount in numeraire fine units: what runs the scenarios at the price itself, the rest with its haircut.

    Of the balance nothing runs the scenarios where it is given as 0, as it is for a bucket in cross mode. No more
    counts than the rulebook's cap on what counts, and what is beyond it is no debt.
    """
    most = most_counted(book, asset)
    amount = min(amount, most)
    if balance_minor <= 0:
        return convert(book, asset, amount)
    symbol, terms = book.registers.assets[asset].symbol, book.assets[asset]
    row = next((row for row in in_force(book).collateral if row.symbol == symbol), None)
    carried_minor = carried_lots(book, asset, balance_minor) * (row.lot_minor if row else 0)
    covered = min(most, carried_minor * int(terms["unit_fine"]))
    price = Fraction(int(terms["price_mantissa"]), int(terms["price_scale"]))
    return clamp(clamp(math.floor(covered * price)) + convert(book, asset, amount - covered))


def held_rows(book: Book, reaches: dict[int, Reach], balances_minor: list[int]) -> Held:
    """Every row that a bucket may have lots of: its contracts' and its collateral's."""
    sheet = in_force(book)
    symbols = {book.registers.contracts[contract].symbol: reach for contract, reach in reaches.items() if any(reach)}
    held: Held = [(row, symbols[row.symbol]) for row in sheet.contracts if row.symbol in symbols]
    index = {asset.symbol: at for at, asset in enumerate(book.registers.assets)}
    for row in sheet.collateral:
        at = index[row.symbol]
        lots = carried_lots(book, at, balances_minor[at])
        held.append((row, (lots, lots)))
    return held


def size_of(reach: Reach) -> int:
    """The most lots, long or short."""
    return max(abs(reach[0]), abs(reach[1]))


def requirement(book: Book, reaches: dict[int, Reach], balances_minor: list[int]) -> int:
    """Initial in numeraire fine units: blocks combined, add-ons, half a unit a lot, rounded up.

    In every scenario each position has that of its possible lots which loses most there: whatever part of its orders is
    filled, in whatever order, the bucket never has to hold more than this.
    """
    sheet, held = in_force(book), held_rows(book, reaches, balances_minor)
    units = in_blocks(sheet, held) + sum(add_on(row.add_ons, size_of(reach)) for row, reach in held)
    units += math.ceil(Fraction(sum(size_of(reach) for _, reach in held), 2))
    return clamp(units * sheet.unit_fine)


def in_blocks(sheet: RiskSheet, held: Held) -> int:
    """What the blocks ask together, in sheet units: the weighted sum, no less than any floor, rounded up."""
    added, floors, first = Fraction(0), [0], 0
    for block in sheet.blocks:
        asked = asked_by(sheet, block, first, held) * Fraction(block.weight_ppm, PPM)
        if block.part == "floor":
            floors.append(math.ceil(asked))
        else:
            added += asked
        first += block.scenarios
    return max(math.ceil(added), *floors)


def maintenance(book: Book, lots: dict[int, int], balances_minor: list[int]) -> int:
    """Maintenance in numeraire fine units: a part of what initial would be if nothing rested."""
    initial = requirement(book, {contract: (size, size) for contract, size in lots.items()}, balances_minor)
    return math.ceil(Fraction(initial * in_force(book).maintenance_ppm, PPM))


def asked_by(sheet: RiskSheet, block: ScenarioBlock, first: int, held: Held) -> int:
    """What a block asks: the sets' own losses, less the granted part of what offsetting them takes off."""
    together = loss_of(block, total(block, first, held))
    alone = sum(loss_of(block, total(block, first, in_set)) for in_set in by_set(sheet, held))
    if alone <= together:
        return together
    return alone - math.floor(Fraction((alone - together) * sheet.offset_cap_ppm, PPM))


def by_set(sheet: RiskSheet, held: Held) -> list[Held]:
    """The rows of each netting set."""
    return [[(row, reach) for row, reach in held if row.netting_set == name] for name in sheet.netting_sets]


def total(block: ScenarioBlock, first: int, held: Held) -> list[int]:
    """Losses by scenario of a block."""
    losses = [0] * block.scenarios
    for row, reach in held:
        for at, result in enumerate(results_of(row)[first : first + block.scenarios]):
            losses[at] += max(-lots * result for lots in reach)
    return losses


def loss_of(block: ScenarioBlock, losses: list[int]) -> int:
    """The measure of a block's losses, rounded up, not below zero."""
    ranked = sorted(losses, reverse=True)
    if block.measure == "worst":
        return max(0, ranked[0])
    if block.measure == "kth_worst":
        return max(0, ranked[block.rank - 1])
    mass = Fraction(len(losses) * block.tail_numerator, block.tail_denominator)
    weights = [min(Fraction(1), max(Fraction(0), mass - at)) for at in range(len(losses))]
    tail = sum((weight * loss for weight, loss in zip(weights, ranked, strict=True)), Fraction(0))
    return max(0, math.ceil(Fraction(tail, mass)))


def add_on(pieces: tuple[AddOn, ...], size: int) -> int:
    """Each piece's rate on the part of a size that lies in it, every part rounded up."""
    asked = 0
    for at, piece in enumerate(pieces):
        end = min(size, pieces[at + 1].floor_lots) if at + 1 < len(pieces) else size
        asked += math.ceil(Fraction(max(0, end - piece.floor_lots) * piece.rate_ppm, PPM))
    return asked


def refusal(book: Book, reaches: dict[int, Reach], contract: int, before: Reach) -> tuple[Reason, int]:
    """Why a sheet cannot judge a bucket after a change in a contract: no row for it, or sums that may not be exact."""
    sheet, symbol = in_force(book), book.registers.contracts[contract].symbol
    largest = {row.symbol: max(1, *(abs(result) for result in results_of(row))) for row in sheet.contracts}
    if book.registers.contracts[contract].collateralised:
        return Reason.ACCEPTED, 0
    if symbol not in largest:
        return Reason.SHEET_ROW_MISSING, contract
    taken = sum(row.lots_max * max(1, *(abs(result) for result in results_of(row))) for row in sheet.collateral)
    for held, reach in reaches.items():
        taken += size_of(reach) * largest.get(book.registers.contracts[held].symbol, 0)
    if size_of(reaches[contract]) > size_of(before) and taken >= SHEET_BOUND:
        return Reason.SHEET_BOUND_EXCEEDED, SHEET_BOUND
    return Reason.ACCEPTED, 0

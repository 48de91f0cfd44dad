"""What a risk sheet asks for given lots, in whole sheet units: exactly what the house's own evaluation asks.

For lots that are held, without resting orders. Sums are of int64, within the bound that the house holds them to.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from novate.core.money import PPM, SHEET_BOUND, ceil_div
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.risk.errors import RiskError

Row = ContractRow | CollateralRow
Results = NDArray[np.int64]


def rows_of(sheet: RiskSheet, lots: Mapping[str, int]) -> list[tuple[Row, int]]:
    """The sheet's rows with the lots held of them, zeros left out; collateral of an asset by its symbol.

    RiskError for a symbol that has no row, for collateral beyond the row's limit, and for sums that may not be exact.
    """
    rows = {row.symbol: row for row in (*sheet.contracts, *sheet.collateral)}
    held, taken = [], 0
    for symbol, size in lots.items():
        if symbol not in rows:
            raise RiskError(f"{symbol}: the sheet {sheet.name} has no row for it: it has {', '.join(rows)}")
        row = rows[symbol]
        if isinstance(row, CollateralRow) and not 0 <= size <= row.lots_max:
            raise RiskError(f"{symbol}: {size} lots of collateral: the sheet carries 0 to {row.lots_max}")
        if size:
            held.append((row, size))
            taken += abs(size) * max(1, int(np.abs(results_of(row)).max()))
    if taken >= SHEET_BOUND:
        raise RiskError(f"lots x largest results are {taken}: the sheet is exact below {SHEET_BOUND}: use larger units")
    return held


def results_of(row: Row) -> Results:
    """What one lot gains in each scenario, in sheet units."""
    return np.frombuffer(row.results, "<i8").astype(np.int64)


@dataclass(frozen=True, slots=True)
class UnitsAsked:
    """What a sheet asks for, part by part, in whole sheet units.

    Attributes
    ----------
    blocks : tuple of int
        What each block asks after offsets and before its weight, in the order of the sheet.
    added, of_blocks : int
        Current and stressed blocks at their weights; the same, or the largest weighted floor where that is more.
    add_ons : tuple of (str, int)
        Of each row held.
    rounding : int
        Half a unit for every lot.
    """

    blocks: tuple[int, ...]
    added: int
    of_blocks: int
    add_ons: tuple[tuple[str, int], ...]
    rounding: int

    @property
    def initial(self) -> int:
        """The initial requirement."""
        return self.of_blocks + sum(units for _, units in self.add_ons) + self.rounding


def asked_in_parts(sheet: RiskSheet, lots: Mapping[str, int]) -> UnitsAsked:
    """The initial requirement and its parts: blocks combined, add-ons, half a unit a lot; every part rounded up."""
    held = rows_of(sheet, lots)
    parts = list(blocks_of(sheet.blocks))
    blocks = [_asked_by(sheet, block, part, held) for block, part in parts]
    added = _weighted(sheet.blocks, blocks)
    add_ons = tuple((row.symbol, _add_on(row.add_ons, abs(size))) for row, size in held)
    rounding = ceil_div(sum(abs(size) for _, size in held), 2)
    return UnitsAsked(tuple(blocks), added, _combined(sheet.blocks, blocks), add_ons, rounding)


def units_asked(sheet: RiskSheet, lots: Mapping[str, int]) -> int:
    """The initial requirement in sheet units."""
    return asked_in_parts(sheet, lots).initial


def asked_alone(blocks: Sequence[ScenarioBlock], results: Results) -> tuple[int, int]:
    """``(long, short)``: sheet units that one lot asks for by its results alone, without add-ons and half units."""
    parts = list(blocks_of(blocks))
    long = _combined(blocks, [_measured(block, -results[part]) for block, part in parts])
    return long, _combined(blocks, [_measured(block, results[part]) for block, part in parts])


def blocks_of(blocks: Sequence[ScenarioBlock]) -> Iterator[tuple[ScenarioBlock, slice]]:
    """Each block with its part of the rows' results."""
    first = 0
    for block in blocks:
        yield block, slice(first, first + block.scenarios)
        first += block.scenarios


def _combined(blocks: Sequence[ScenarioBlock], asked: Sequence[int]) -> int:
    """What blocks ask together: the weighted sum, no less than any weighted floor, rounded up."""
    floors = (_up(Fraction(n * of.weight_ppm, PPM)) for of, n in zip(blocks, asked, strict=True) if of.part == "floor")
    return max(_weighted(blocks, asked), 0, *floors)


def _weighted(blocks: Sequence[ScenarioBlock], asked: Sequence[int]) -> int:
    """Current and stressed blocks at their weights, rounded up."""
    return ceil_div(sum(n * of.weight_ppm for of, n in zip(blocks, asked, strict=True) if of.part != "floor"), PPM)


def _asked_by(sheet: RiskSheet, block: ScenarioBlock, part: slice, held: list[tuple[Row, int]]) -> int:
    """The sets' own losses, less the granted part of what offsetting them takes off."""
    by_set = {name: np.zeros(block.scenarios, np.int64) for name in sheet.netting_sets}
    for row, size in held:
        by_set[row.netting_set] -= size * results_of(row)[part]
    together = _measured(block, np.sum(list(by_set.values()), axis=0))
    alone = sum(_measured(block, losses) for losses in by_set.values())
    return together if alone <= together else alone - (alone - together) * sheet.offset_cap_ppm // PPM


def _measured(block: ScenarioBlock, losses: Results) -> int:
    """The measure of a block's losses, rounded up, not below zero."""
    if block.measure == "worst":
        return max(0, int(losses.max()))
    if block.measure == "kth_worst":
        return max(0, _largest(losses, block.rank)[-1])
    mass = Fraction(len(losses) * block.tail_numerator, block.tail_denominator)
    whole = int(mass)
    ranked = _largest(losses, math.ceil(mass))
    return max(0, _up((sum(ranked[:whole]) + (mass - whole) * ranked[-1]) / mass))


def _largest(losses: Results, count: int) -> list[int]:
    """The largest so many losses, the largest first."""
    rest = len(losses) - count
    return sorted(np.partition(losses, rest)[rest:].tolist(), reverse=True)


def _add_on(pieces: tuple[AddOn, ...], size: int) -> int:
    """Each piece's rate on the part of a size that lies in it, every part rounded up."""
    asked = 0
    for at, piece in enumerate(pieces):
        end = min(size, pieces[at + 1].floor_lots) if at + 1 < len(pieces) else size
        asked += ceil_div(max(0, end - piece.floor_lots) * piece.rate_ppm, PPM)
    return asked


def _up(fraction: Fraction) -> int:
    return ceil_div(fraction.numerator, fraction.denominator)

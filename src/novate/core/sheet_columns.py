"""A risk sheet laid out as the columns that kernels read: a cache of the sheet on record, never state."""

from collections.abc import Sequence

import numpy as np

from novate.core import layout
from novate.core.kernels.sheet import SheetTables, refer_to_sheet
from novate.core.money import charge
from novate.core.registers import Registers
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import Asset

MEASURES = {
    "worst": layout.WORST,
    "kth_worst": layout.KTH_WORST,
    "expected_shortfall": layout.EXPECTED_SHORTFALL,
}


def columns_of(registers: Registers) -> SheetTables | None:
    """The columns of the sheet in force, laid out afresh; None where there is none."""
    if registers.sheet is None:
        return None
    return lay_out_sheet(registers.sheet, registers.symbols, registers.assets)


def lay_out_sheet(sheet: RiskSheet, symbols: dict[str, int], assets: Sequence[Asset]) -> SheetTables:
    """The columns of a sheet whose symbols are on record."""
    of_contract, of_asset = np.full(len(symbols), -1, np.int32), np.full(len(assets), -1, np.int32)
    every = (*sheet.contracts, *sheet.collateral)
    for at, row in enumerate(sheet.contracts):
        of_contract[symbols[row.symbol]] = at
    known = [asset.symbol for asset in assets]
    for at, row in enumerate(sheet.collateral, len(sheet.contracts)):
        of_asset[known.index(row.symbol)] = at
    results = np.array([np.frombuffer(row.results, "<i8") for row in every], np.int64)
    rows, pieces = _rows(every, sheet.netting_sets)
    scalars = np.zeros(1, layout.SHEET)
    scalars[0]["unit_fine"], scalars[0]["collateral_bound"] = sheet.unit_fine, collateral_bound(sheet)
    scalars[0]["offset_ppm"], scalars[0]["maintenance_ppm"] = sheet.offset_cap_ppm, sheet.maintenance_ppm
    scalars[0]["netting_sets"] = len(sheet.netting_sets)
    add_ons = np.array(pieces, layout.ADD_ON)
    return refer_to_sheet(scalars, blocks_of(sheet.blocks), rows, add_ons, of_contract, of_asset, results)


def _rows(every: Sequence[ContractRow | CollateralRow], sets: Sequence[str]) -> tuple[np.ndarray, list]:
    """The rows of ``layout.SHEET_ROW`` and the pieces of all their add-ons, one after the other."""
    rows = np.zeros(len(every), layout.SHEET_ROW)
    pieces: list[tuple[int, int, int]] = []
    for at, row in enumerate(every):
        own = accumulate(row.add_ons)
        collateral = (row.lot_minor, row.lots_max) if isinstance(row, CollateralRow) else (1, 0)
        rows[at] = (largest_units(row.results), *collateral, sets.index(row.netting_set), len(pieces), len(own), 0)
        pieces += own
    return rows, pieces


def blocks_of(blocks: Sequence[ScenarioBlock]) -> np.ndarray:
    rows = np.zeros(len(blocks), layout.SHEET_BLOCK)
    first = 0
    for at, block in enumerate(blocks):
        rows[at]["first"], rows[at]["count"], rows[at]["rank"] = first, block.scenarios, block.rank
        rows[at]["measure"], rows[at]["floor"] = MEASURES[block.measure], int(block.part == "floor")
        rows[at]["tail_numerator"], rows[at]["tail_denominator"] = block.tail_numerator, block.tail_denominator
        rows[at]["weight_ppm"] = block.weight_ppm
        first += block.scenarios
    return rows


def largest_units(results: bytes) -> int:
    """The largest size of a row's results, at least 1: what a lot takes of the bound on exact sums."""
    values = np.frombuffer(results, "<i8")
    return max(1, int(values.max(initial=0)), -int(values.min(initial=0)))


def collateral_bound(sheet: RiskSheet) -> int:
    """The most that collateral can take of the bound on exact sums."""
    return sum(row.lots_max * largest_units(row.results) for row in sheet.collateral)


def accumulate(pieces: Sequence[AddOn]) -> list[tuple[int, int, int]]:
    """Rows of ``layout.ADD_ON``: each piece with what is accumulated below its floor, every part rounded up."""
    rows: list[tuple[int, int, int]] = []
    base = 0
    for at, piece in enumerate(pieces):
        rows.append((piece.floor_lots, base, piece.rate_ppm))
        if at + 1 < len(pieces):
            base += charge(pieces[at + 1].floor_lots - piece.floor_lots, piece.rate_ppm)
    return rows

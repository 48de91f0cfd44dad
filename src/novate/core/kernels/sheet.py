"""The risk sheet as tables: what one lot of a row gains in each scenario, and how scenarios become a requirement."""

from typing import Any

import numpy as np
from numba import njit, typeof, types
from numba.experimental import structref

from novate.core import layout


@structref.register
class SheetType(types.StructRef):
    """The compiled type of ``SheetTables``: an array of records each."""


class SheetTables(structref.StructRefProxy):
    """A reference to the tables of the risk sheet in force; without one ``sheet`` has no row."""

    __slots__ = ()


structref.define_boxing(SheetType, SheetTables)

SHEET_TABLES = SheetType(
    [
        ("sheet", typeof(np.zeros(0, layout.SHEET))),
        ("blocks", typeof(np.zeros(0, layout.SHEET_BLOCK))),
        ("rows", typeof(np.zeros(0, layout.SHEET_ROW))),
        ("add_ons", typeof(np.zeros(0, layout.ADD_ON))),
        ("of_contract", typeof(np.zeros(0, np.int32))),
        ("of_asset", typeof(np.zeros(0, np.int32))),
        ("results", typeof(np.zeros((0, 1), np.float64))),
    ]
)


@njit(cache=True)
def _refer(sheet, blocks, rows, add_ons, of_contract, of_asset, results):
    tables = structref.new(SHEET_TABLES)
    tables.sheet = sheet
    tables.blocks = blocks
    tables.rows = rows
    tables.add_ons = add_ons
    tables.of_contract = of_contract
    tables.of_asset = of_asset
    # A product of float64 is several times faster than one of int64, and exact: every sum stays below 2^52.
    tables.results = results.astype(np.float64)
    return tables


def refer_to_sheet(*tables: Any) -> SheetTables:
    """A reference to a sheet's tables in the order of ``SHEET_TABLES``; ``results`` are int64 and kept as float64."""
    return _refer(*tables)


@njit(cache=True, inline="always")
def row_of(contract, sheet):
    """The sheet's row of a contract, or -1: contracts may have been listed since."""
    at = np.uint32(contract)
    return np.int64(sheet.of_contract[at]) if at < len(sheet.of_contract) else -1


@njit(cache=True, inline="always")
def row_of_asset(asset, sheet):
    """The sheet's row of a collateral asset, or -1."""
    at = np.uint32(asset)
    return np.int64(sheet.of_asset[at]) if at < len(sheet.of_asset) else -1

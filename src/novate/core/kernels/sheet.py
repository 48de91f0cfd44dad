"""The risk sheet as tables: what one lot of a row gains in each scenario, and how scenarios become a requirement."""

from typing import Any

import numpy as np
from numba import from_dtype, njit, typeof, types
from numba.experimental import structref

from novate.core import layout
from novate.core.kernels.borrowing import owning


@structref.register
class PoolType(types.StructRef):
    """The compiled type of a pool: one reference, because a tuple of its arrays would be counted one by one."""


NUMBERS = types.Array(types.int64, 1, "C")
INDICES = types.Array(types.int32, 1, "C")
POOL = PoolType(
    [
        ("vectors", types.Array(types.float64, 3, "C")),  # [slot, set, scenario]
        ("counts", types.Array(types.int64, 2, "C")),  # [slot, count]
        ("rows", types.Array(from_dtype(layout.SHEET_HELD), 2, "C")),  # [slot, row]: what the vectors are made of
        ("filled", NUMBERS),  # [slot]: how many rows that is
        ("tags", NUMBERS),  # [slot]: the overlay bucket whose vectors these are, or -1
        ("new_vectors", types.Array(types.float64, 3, "C")),  # [side, (set, all), scenario]: after a change
        ("new_measures", types.Array(types.int64, 3, "C")),
        ("new_counts", types.Array(types.int64, 2, "C")),
        ("measures", types.Array(types.int64, 3, "C")),  # [overlay bucket, set, block]
        ("known", NUMBERS),  # [overlay bucket]: whether it has been judged as it was before the batch
        ("heads", INDICES),  # [overlay bucket]: the first position that the batch holds of it, or -1
        ("lengths", INDICES),  # [overlay bucket]: how many these are
        ("nexts", INDICES),  # [held position]: the bucket's next, or -1
        ("contracts", INDICES),  # [held position]
        ("after", types.Array(from_dtype(layout.SHEET_HELD), 1, "C")),  # [row]: what a bucket would have, to be bounded
        ("bounded", NUMBERS),  # [side]: whether the bound accepted it
        ("owners", NUMBERS),  # [entry]: the bucket of which it is remembered what was asked, or -1
        ("asked", NUMBERS),  # [entry]: that, in sheet units
        ("made_of", NUMBERS),  # [entry]: for how many rows
        ("made", types.Array(from_dtype(layout.SHEET_HELD), 2, "C")),  # [entry, row]: for which
        ("carried", types.Array(types.int64, 2, "C")),  # [entry, asset]: and for how many lots of collateral
        ("primes", types.Array(types.float64, 2, "C")),  # [bucket, block]: the worst result of its rank, see ``tails``
        (
            "answers",
            types.Array(from_dtype(layout.ANSWER), 1, "C"),
        ),  # [bucket]: what it was asked for, see ``standing``
        ("asked_for", types.Array(from_dtype(layout.ASKED_FOR), 1, "C")),  # [position]: what that was made of
        ("answered_lots", types.Array(types.int64, 2, "C")),  # [bucket, asset]: and lots of collateral
    ]
)
"""Memory for portfolio buckets while they are judged, see ``pool``, ``tails`` and ``standing``: with the sheet, so that
no batch asks for it."""


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
        ("pool", POOL),
    ]
)


@njit(cache=True)
def empty_pool():
    """A pool without room."""
    pool = structref.new(POOL)
    pool.vectors, pool.new_vectors = np.empty((0, 0, 0), np.float64), np.empty((0, 0, 0), np.float64)
    pool.measures, pool.new_measures = np.empty((0, 0, 0), np.int64), np.empty((0, 0, 0), np.int64)
    pool.counts, pool.new_counts = np.empty((0, 0), np.int64), np.empty((0, 0), np.int64)
    pool.rows = np.empty((0, 0), layout.SHEET_HELD)
    pool.filled, pool.tags, pool.known = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    pool.heads, pool.lengths = np.empty(0, np.int32), np.empty(0, np.int32)
    pool.nexts, pool.contracts = np.empty(0, np.int32), np.empty(0, np.int32)
    pool.after, pool.bounded = np.empty(0, layout.SHEET_HELD), np.zeros(2, np.int64)
    pool.owners, pool.asked, pool.made_of = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    pool.made, pool.carried = np.empty((0, 0), layout.SHEET_HELD), np.empty((0, 0), np.int64)
    pool.primes = np.empty((0, 0), np.float64)
    pool.answers, pool.asked_for = np.empty(0, layout.ANSWER), np.empty(0, layout.ASKED_FOR)
    pool.answered_lots = np.empty((0, 0), np.int64)
    return pool


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
    tables.pool = empty_pool()
    return tables


def refer_to_sheet(*tables: Any) -> SheetTables:
    """A reference to a sheet's tables in the order of ``SHEET_TABLES``; ``results`` are int64 and kept as float64."""
    return _refer(*tables)


@owning
def row_of(contract, sheet):
    """The sheet's row of a contract, or -1: contracts may have been listed since."""
    at = np.uint32(contract)
    return np.int64(sheet.of_contract[at]) if at < len(sheet.of_contract) else -1


@owning
def row_of_asset(asset, sheet):
    """The sheet's row of a collateral asset, or -1."""
    at = np.uint32(asset)
    return np.int64(sheet.of_asset[at]) if at < len(sheet.of_asset) else -1

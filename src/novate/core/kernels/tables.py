"""All tables of a book as one thing that a kernel takes: a tuple of them is taken apart anew at every call.

One compiled call costs two microseconds with a tuple of the tables and half of one with this reference to them.
"""

from collections import namedtuple
from typing import Any

import numpy as np
from numba import njit, typeof, types
from numba.experimental import structref

from novate.core import layout


@structref.register
class TablesType(types.StructRef):
    """The compiled type of ``Tables``: an array of records each, and two rates of the rulebook."""


class Tables(structref.StructRefProxy):
    """A reference to the tables of a book, as ``kernels`` read and write them; opaque to Python.

    The tables are the book's own: what a kernel writes is written. ``ends`` is ``[end of positions, end of
    holders, end of orders]``. ``limit_spans`` says per bucket where its limits stand in ``limit_lists`` (start and
    count), which holds rows of ``limits``.
    """

    __slots__ = ()


structref.define_boxing(TablesType, Tables)

TABLES = TablesType(
    [
        ("assets", typeof(np.zeros(0, layout.ASSET))),
        ("contracts", typeof(np.zeros(0, layout.CONTRACT))),
        ("lot_terms", typeof(np.zeros(0, layout.LOT))),
        ("tiers", typeof(np.zeros(0, layout.TIER))),
        ("buckets", typeof(np.zeros(0, layout.BUCKET))),
        ("balances", typeof(np.zeros((0, 1), layout.BALANCE))),
        ("positions", typeof(np.zeros(0, layout.POSITION))),
        ("orders", typeof(np.zeros(0, layout.OPEN_ORDERS))),
        ("holders", typeof(np.zeros(0, np.int32))),
        ("ends", typeof(np.zeros(0, np.int64))),
        ("limits", typeof(np.zeros(0, layout.LIMIT))),
        ("limit_spans", typeof(np.zeros((0, 2), np.int32))),
        ("limit_lists", typeof(np.zeros(0, np.int32))),
        ("gains_ppm", types.int64),
        ("long_option_ppm", types.int64),
    ]
)


@njit(cache=True)
def _refer(
    assets, contracts, lot_terms, tiers, buckets, balances, positions, orders, holders, ends, limits, limit_spans,
    limit_lists, gains_ppm, long_option_ppm,
):  # fmt: skip
    tables = structref.new(TABLES)
    tables.assets = assets
    tables.contracts = contracts
    tables.lot_terms = lot_terms
    tables.tiers = tiers
    tables.buckets = buckets
    tables.balances = balances
    tables.positions = positions
    tables.orders = orders
    tables.holders = holders
    tables.ends = ends
    tables.limits = limits
    tables.limit_spans = limit_spans
    tables.limit_lists = limit_lists
    tables.gains_ppm = gains_ppm
    tables.long_option_ppm = long_option_ppm
    return tables


Columns = namedtuple("Columns", TABLES.field_dict)  # noqa: PYI024
"""The same tables taken apart, once a call: what loops take that count no references (``borrowing``)."""


@njit(cache=True)
def columns(tables):
    """The tables taken apart; they live as long as the reference to them."""
    return Columns(
        tables.assets, tables.contracts, tables.lot_terms, tables.tiers, tables.buckets, tables.balances,
        tables.positions, tables.orders, tables.holders, tables.ends, tables.limits, tables.limit_spans,
        tables.limit_lists, tables.gains_ppm, tables.long_option_ppm,
    )  # fmt: skip


def refer(*tables: Any) -> Tables:
    """A reference to the tables, in the order of ``TABLES``; it keeps them alive and does not see their successors."""
    return _refer(*tables)

"""Portfolio buckets while a batch is judged: their results by scenario, kept as far as memory allows.

A *pool* of slots holds the vectors of the buckets touched last, and what they were made of. What is in it lives for one
batch and is never state: what falls out of it is worked out again from the book and from what the batch has moved.
What was asked of a bucket is remembered beyond it, see ``bound``.
"""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, divided
from novate.core.kernels.borrowing import owning
from novate.core.kernels.bound import make_memory, remember
from novate.core.kernels.portfolio import (
    COUNTS,
    add_row,
    add_scaled,
    count_row,
    equity_of,
    fill,
    in_money,
    measure,
    measure_all,
    read_rows,
    room_for,
    size_of,
)
from novate.core.kernels.sheet import row_of
from novate.core.layout import COLLATERALISED, SHEET_HELD
from novate.core.money import SHEET_BOUND
from novate.core.reasons import Reason

ACCEPTED = int(Reason.ACCEPTED)
SHEET_ROW_MISSING = int(Reason.SHEET_ROW_MISSING)
SHEET_BOUND_EXCEEDED = int(Reason.SHEET_BOUND_EXCEEDED)

POOL_BYTES = 2**20  # near the processor: what falls out of its cache costs more to fetch than to work out again
NOT_LINKED = -2


# ---- a batch --------------------------------------------------------------------------------------------------------


@njit(cache=True)
def begin(wanted, touched, n_held, sheet):
    """The sheet's pool, ready for a batch that touches so many portfolio buckets and holds so many positions."""
    pool = sheet.pool
    sets, scenarios, blocks = sheet.sheet[0].netting_sets, sheet.results.shape[1], len(sheet.blocks)
    sets = sets + 1 if sets > 1 else 1
    slots = min(wanted, max(2, POOL_BYTES // (8 * sets * scenarios)))
    if len(pool.tags) < slots:
        pool.vectors = np.empty((slots, sets, scenarios), np.float64)
        pool.counts = np.empty((slots, COUNTS), np.int64)
        pool.rows = np.empty((slots, 0), SHEET_HELD)
        pool.filled = np.empty(slots, np.int64)
        pool.tags = np.empty(slots, np.int64)
        pool.new_vectors = np.empty((2, 2, scenarios), np.float64)
        pool.new_measures = np.empty((2, sets, blocks), np.int64)
        pool.new_counts = np.empty((2, COUNTS), np.int64)
    pool.tags[:] = -1
    pool.bounded[:] = 0
    pool.measures = np.empty((len(touched), sets, blocks), np.int64)
    pool.known = np.zeros(len(touched), np.int64)
    pool.heads = np.full(len(touched), -1, np.int32)
    pool.lengths = np.zeros(len(touched), np.int32)
    pool.nexts = np.full(n_held, NOT_LINKED, np.int32)
    pool.contracts = np.empty(n_held, np.int32)
    return pool


@njit(cache=True)
def link(over, own, contract, pool):
    """Put a held position into the chain of its overlay bucket, once."""
    if pool.nexts[own] == NOT_LINKED:
        pool.nexts[own] = pool.heads[over]
        pool.heads[over] = own
        pool.lengths[over] += 1
        pool.contracts[own] = contract


@njit(cache=True)
def link_trades(rows, reasons, sides, held, touched, buckets, width, pool):
    """Chain the positions that a batch of trades holds of each portfolio bucket, and make room for their rows."""
    for at in range(len(rows)):
        if reasons[at] == ACCEPTED:
            for side in range(2):
                if buckets[touched[sides[at, side]]].portfolio != 0:
                    link(sides[at, side], held[at, side], rows[at].contract, pool)
    make_room(touched, buckets, width, pool)


@njit(cache=True)
def make_room(touched, buckets, width, pool):
    """Room in every slot for what any touched bucket holds and the batch may add to it."""
    most = 0
    for at in range(len(touched)):
        if buckets[touched[at]].portfolio != 0:
            most = max(most, np.int64(buckets[touched[at]].count) + pool.lengths[at])
    if pool.rows.shape[1] < most:
        pool.rows = np.empty((len(pool.tags), most), SHEET_HELD)
        pool.after = np.empty(most, SHEET_HELD)
    if pool.made.shape[1] < most or pool.carried.shape[1] != width:
        make_memory(most, width, pool)


@njit(cache=True)
def begin_alone(touched, more, tables, sheet):
    """A batch of one portfolio bucket, which may come to hold so many contracts more."""
    pool = begin(1, touched, 0, sheet)
    pool.lengths[0] = more
    make_room(touched, tables.buckets, tables.balances.shape[1], pool)


@njit(cache=True)
def row_in(rows, count, contract):
    """``(row, count)`` of a contract among the first rows, put at their end where there is none."""
    for at in range(count):
        if rows[at].contract == contract:
            return at, count
    rows[count].contract, rows[count].lots, rows[count].bids, rows[count].asks = contract, 0, 0, 0
    return count, count + 1


@owning
def gather(over, bucket, positions, resting, tables, pool, rows):
    """Into ``rows`` what a bucket holds and has resting as the batch has left it; returns how many these are."""
    own = tables.buckets[bucket]
    count = np.int64(read_rows(own.start, own.count, tables.positions, tables.orders, rows))
    at = np.int64(pool.heads[over])
    while at >= 0:
        where, count = row_in(rows, count, pool.contracts[at])
        rows[where].lots, rows[where].bids, rows[where].asks = positions[at].lots, resting[at].bids, resting[at].asks
        at = np.int64(pool.nexts[at])
    return count


@owning
def slot_for(over, bucket, positions, resting, tables, sheet, balances, sums, judged):
    """The slot with the bucket's vectors as the batch has left them; its first judgement goes to ``judged``."""
    pool = sheet.pool
    slot = over % len(pool.tags)
    if pool.tags[slot] != over:
        rows = pool.rows[slot]
        pool.filled[slot] = gather(over, bucket, positions, resting, tables, pool, rows)
        fill(rows[: pool.filled[slot]], balances, over, True, sheet, pool.vectors[slot], pool.counts[slot])
        pool.tags[slot] = over
    if pool.known[over] == 0:
        pool.known[over] = 1
        measure_all(pool.vectors[slot], pool.counts[slot], sheet.blocks, pool.measures[over])
        equity, _, priced = equity_of(balances, over, sums, over, tables.assets, tables.gains_ppm, sheet)
        judged[over].equity_fine = equity
        judged[over].initial_fine, _ = in_money(pool.measures[over], pool.counts[slot], sheet)
        remember(bucket, slot, balances, over, pool.measures[over], sheet)
        judged[over].priced *= priced
    return slot


# ---- a change in one contract ---------------------------------------------------------------------------------------


@owning
def refused_by_sheet(contract, style, before, after, slot, sheet):
    """``(reason, figure)``: the sheet must know the contract, and |lots| x largest result must stay below 2^52.

    ``before`` and ``after`` are the fewest and the most lots that the contract may come to with its orders.
    """
    if style == COLLATERALISED:
        return ACCEPTED, np.int64(0)
    row = row_of(contract, sheet)
    if row < 0:
        return SHEET_ROW_MISSING, np.int64(contract)
    grown = size_of(after[0], after[1]) - size_of(before[0], before[1])
    room = SHEET_BOUND - 1 - sheet.sheet[0].collateral_bound - sheet.pool.counts[slot, 1]
    if grown > 0 and grown > divided(max(0, room), sheet.rows[row].largest_units):
        return SHEET_BOUND_EXCEEDED, np.int64(SHEET_BOUND)
    return ACCEPTED, np.int64(0)


@owning
def require_after(over, slot, side, contract, before, after, sheet):
    """Initial requirement of a bucket after a change, whose vectors are left in row ``side`` of the new ones."""
    pool, at = sheet.pool, row_of(contract, sheet)
    measures, counts = pool.new_measures[side], pool.new_counts[side]
    measures[:] = pool.measures[over]
    counts[:] = pool.counts[slot]
    if at >= 0:
        row, last, results = sheet.rows[at], pool.vectors.shape[1] - 1, sheet.results[at]
        low, high = after[0] - before[0], after[1] - before[1]
        add_scaled(pool.vectors[slot, row.netting_set], low, high, results, pool.new_vectors[side, 0])
        measure(pool.new_vectors[side, 0], sheet.blocks, measures[row.netting_set])
        if last > 0:
            add_scaled(pool.vectors[slot, last], low, high, results, pool.new_vectors[side, 1])
            measure(pool.new_vectors[side, 1], sheet.blocks, measures[last])
        count_row(row, before, after, sheet.add_ons, counts)
    initial, _ = in_money(measures, counts, sheet)
    return initial


@owning
def keep(over, side, contract, position, resting, sheet):
    """The change stands: what it left is the bucket's, unless the other side has taken its slot meanwhile."""
    pool, at = sheet.pool, row_of(contract, sheet)
    slot, last = over % len(pool.tags), pool.vectors.shape[1] - 1
    if pool.bounded[side] != 0:  # no vector was made of it
        pool.known[over] = 0
        pool.tags[slot] = pool.tags[slot] if pool.tags[slot] != over else -1
        return
    pool.measures[over] = pool.new_measures[side]
    if pool.tags[slot] != over:
        return
    where, pool.filled[slot] = row_in(pool.rows[slot], pool.filled[slot], contract)
    row = pool.rows[slot, where]
    row.lots, row.bids, row.asks = position.lots, resting.bids, resting.asks
    pool.counts[slot] = pool.new_counts[side]
    if at >= 0:
        pool.vectors[slot, sheet.rows[at].netting_set] = pool.new_vectors[side, 0]
        if last > 0:
            pool.vectors[slot, last] = pool.new_vectors[side, 1]


@owning
def maintenance_of(slot, contract, lots, initial, counts, balances, at, sheet):
    """Maintenance requirement of a slot's bucket with ``lots`` more of a contract: of what it holds, orders left out.

    Where nothing rests (``counts``), that is a part of its ``initial`` requirement.
    """
    if counts[4] == 0:
        return charge(initial, sheet.sheet[0].maintenance_ppm)
    pool = sheet.pool
    vectors, measures, own = room_for(sheet)
    rows = pool.rows[slot, : pool.filled[slot]].copy()
    fill(rows, balances, at, False, sheet, vectors, own)
    row, held = row_of(contract, sheet), np.int64(0)
    for one in range(len(rows)):
        if rows[one].contract == contract:
            held = rows[one].lots
    if row >= 0:
        add_row(row, (held, held), (held + lots, held + lots), sheet, vectors, own)
    measure_all(vectors, own, sheet.blocks, measures)
    _, maintenance = in_money(measures, own, sheet)
    return maintenance

"""Portfolio buckets while a batch of trades is judged: their results by scenario, kept as far as memory allows.

A *pool* of slots holds the vectors of the buckets touched last. It lives for one batch and is never state: what falls
out of it is worked out again from the book and from the lots that the batch has moved so far.
"""

import numpy as np
from numba import njit, types
from numba.experimental import structref

from novate.core.kernels.arithmetic import divided
from novate.core.kernels.portfolio import (
    add_row,
    add_scaled,
    count_row,
    equity_of,
    fill,
    in_money,
    measure,
    measure_all,
)
from novate.core.kernels.sheet import row_of
from novate.core.money import SHEET_BOUND
from novate.core.reasons import Reason

ACCEPTED = int(Reason.ACCEPTED)
SHEET_ROW_MISSING = int(Reason.SHEET_ROW_MISSING)
SHEET_BOUND_EXCEEDED = int(Reason.SHEET_BOUND_EXCEEDED)

POOL_BYTES = 8 * 2**20


@structref.register
class PoolType(types.StructRef):
    """The compiled type of a pool: one reference, because a tuple of its arrays would be counted one by one."""


COUNTS = types.Array(types.int64, 1, "C")
POOL = PoolType(
    [
        ("vectors", types.Array(types.float64, 3, "C")),  # [slot, set, scenario]
        ("measures", types.Array(types.int64, 3, "C")),  # [overlay bucket, set, block]
        ("counts", types.Array(types.int64, 2, "C")),  # [slot, (lots, bound, add-ons, sets)]
        ("tags", COUNTS),  # [slot]: the overlay bucket whose vectors these are, or -1
        ("new_vectors", types.Array(types.float64, 3, "C")),  # [side, (set, all), scenario]: after the trade
        ("new_measures", types.Array(types.int64, 3, "C")),
        ("new_counts", types.Array(types.int64, 2, "C")),
        ("heads", types.Array(types.int32, 1, "C")),  # [overlay bucket]: the first position the batch holds, or -1
        ("nexts", types.Array(types.int32, 1, "C")),  # [held position]: the bucket's next, or -1
        ("before", COUNTS),  # [held position]: its lots in the book
        ("contracts", types.Array(types.int32, 1, "C")),  # [held position]
        ("known", COUNTS),  # [overlay bucket]: whether it has been judged as it was before the batch
    ]
)


@njit(cache=True)
def pool_for(touched, n_held, tables):
    """An empty pool for the touched buckets; without portfolio buckets among them it takes no room."""
    sheet = tables.sheet
    wanted = 0
    for at in range(len(touched)):
        wanted += 1 if tables.buckets[np.uint64(touched[at])].portfolio != 0 else 0
    sets, scenarios, blocks, n_touched = 1, 1, 1, 0
    if wanted > 0:
        sets = sheet.sheet[0].netting_sets
        sets = sets + 1 if sets > 1 else 1
        scenarios, blocks, n_touched = sheet.results.shape[1], len(sheet.blocks), len(touched)
    else:
        n_held = 0
    slots = min(wanted, max(2, POOL_BYTES // (8 * sets * scenarios)))
    both = 2 if wanted > 0 else 0
    pool = structref.new(POOL)
    pool.vectors = np.empty((slots, sets, scenarios), np.float64)
    pool.measures = np.empty((n_touched, sets, blocks), np.int64)
    pool.counts = np.empty((slots, 4), np.int64)
    pool.tags = np.full(slots, -1, np.int64)
    pool.new_vectors = np.empty((both, 2, scenarios), np.float64)
    pool.new_measures = np.empty((both, sets, blocks), np.int64)
    pool.new_counts = np.empty((both, 4), np.int64)
    pool.heads = np.full(n_touched, -1, np.int32)
    pool.nexts = np.full(n_held, -2, np.int32)
    pool.before = np.empty(n_held, np.int64)
    pool.contracts = np.empty(n_held, np.int32)
    pool.known = np.zeros(n_touched, np.int64)
    return pool


@njit(cache=True)
def linked(rows, reasons, sides, held, positions, touched, tables):
    """A pool for a batch, with the held positions of every portfolio bucket chained, and their lots in the book."""
    pool = pool_for(touched, len(positions), tables)
    if len(pool.heads) == 0:
        return pool
    for at in range(len(rows)):
        if reasons[at] != ACCEPTED:
            continue
        for side in range(2):
            bucket = rows[at].buyer if side == 0 else rows[at].seller
            own = held[at, side]
            if tables.buckets[bucket].portfolio != 0 and pool.nexts[own] == -2:
                over = sides[at, side]
                pool.nexts[own] = pool.heads[over]
                pool.heads[over] = own
                pool.before[own] = positions[own].lots
                pool.contracts[own] = rows[at].contract
    return pool


@njit(cache=True, inline="always")
def meet_sheet(over, bucket, contract, old_lots, lots, pool, positions, tables, balances, sums, judged):
    """``(slot, reason, figure)`` of a side before its margin is judged: slot -1 where no sheet has a say."""
    if tables.buckets[np.uint64(bucket)].portfolio == 0:
        return -1, ACCEPTED, np.int64(0)
    slot = slot_for(over, bucket, pool, positions, tables, balances, sums, judged)
    reason, figure = refused_by_sheet(contract, old_lots, old_lots + lots, slot, pool, tables.sheet)
    return slot, reason, figure


@njit(cache=True)
def slot_for(over, bucket, pool, positions, tables, balances, sums, judged):
    """The slot with the bucket's vectors as the batch has left them; its first judgement goes to ``judged``."""
    sheet = tables.sheet
    slot = over % len(pool.tags)
    if pool.tags[slot] != over:
        vectors, counts = pool.vectors[slot], pool.counts[slot]
        fill(tables.buckets[bucket], tables.positions, balances, over, sheet, vectors, counts)
        own = np.int64(pool.heads[over])
        while own >= 0:
            if positions[own].lots != pool.before[own]:
                row = row_of(pool.contracts[own], sheet)
                add_row(row, pool.before[own], positions[own].lots, sheet, vectors, counts)
            own = np.int64(pool.nexts[own])
        pool.tags[slot] = over
    if pool.known[over] == 0:
        pool.known[over] = 1
        measure_all(pool.vectors[slot], pool.counts[slot], sheet.blocks, pool.measures[over])
        equity, _, priced = equity_of(balances, over, sums, over, tables.assets, tables.gains_ppm, sheet)
        judged[over].equity_fine = equity
        judged[over].initial_fine, _ = in_money(pool.measures[over], pool.counts[slot], sheet)
        judged[over].priced *= priced
    return slot


@njit(cache=True)
def refused_by_sheet(contract, old_lots, new_lots, slot, pool, sheet):
    """``(reason, figure)``: the sheet must know the contract, and |lots| x largest result must stay below 2^52."""
    row = row_of(contract, sheet)
    if row < 0:
        return SHEET_ROW_MISSING, np.int64(contract)
    grown = abs(new_lots) - abs(old_lots)
    room = SHEET_BOUND - 1 - sheet.sheet[0].collateral_bound - pool.counts[slot, 1]
    if grown > 0 and grown > divided(max(0, room), sheet.rows[row].largest_units):
        return SHEET_BOUND_EXCEEDED, np.int64(SHEET_BOUND)
    return ACCEPTED, np.int64(0)


@njit(cache=True)
def judge_after(over, slot, side, contract, old_lots, new_lots, balances, sums, pool, tables):
    """``(equity, initial, priced)`` of a bucket after a leg, left in row ``side`` of the pool's new vectors."""
    sheet = tables.sheet
    at = row_of(contract, sheet)
    row = sheet.rows[at]
    last = pool.vectors.shape[1] - 1
    measures, counts = pool.new_measures[side], pool.new_counts[side]
    measures[:] = pool.measures[over]
    counts[:] = pool.counts[slot]
    results, lots = sheet.results[at], new_lots - old_lots
    add_scaled(pool.vectors[slot, row.netting_set], lots, results, pool.new_vectors[side, 0])
    measure(pool.new_vectors[side, 0], sheet.blocks, measures[row.netting_set])
    if last > 0:
        add_scaled(pool.vectors[slot, last], lots, results, pool.new_vectors[side, 1])
        measure(pool.new_vectors[side, 1], sheet.blocks, measures[last])
    count_row(row, old_lots, new_lots, sheet.add_ons, counts)
    equity, _, priced = equity_of(balances, side, sums, side, tables.assets, tables.gains_ppm, sheet)
    initial, _ = in_money(measures, counts, sheet)
    return equity, initial, priced


@njit(cache=True)
def keep(over, side, contract, pool, sheet):
    """The trade stands: what it left is the bucket's, unless the other side has taken its slot meanwhile."""
    slot = over % len(pool.tags)
    pool.measures[over] = pool.new_measures[side]
    if pool.tags[slot] != over:
        return
    last = pool.vectors.shape[1] - 1
    pool.vectors[slot, sheet.rows[row_of(contract, sheet)].netting_set] = pool.new_vectors[side, 0]
    if last > 0:
        pool.vectors[slot, last] = pool.new_vectors[side, 1]
    pool.counts[slot] = pool.new_counts[side]

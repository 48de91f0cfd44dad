"""The most that a portfolio bucket can be asked for, known without running a scenario.

What was asked of a bucket is *remembered* with the rows and the collateral it was asked for. However these have changed
since, in no scenario do they lose more than the changes in lots x the largest result of each; every measure, the offset
between netting sets and the weights pass that on at most in full. Most trades leave far more margin than that and need
no vector. It is a cache and never state: what the bound accepts, the scenarios accept.
"""

import numpy as np

from novate.core.kernels.arithmetic import charge, divided
from novate.core.kernels.borrowing import owning
from novate.core.kernels.portfolio import add_on, asked_units, collateral_lots, reach, size_of
from novate.core.kernels.sheet import row_of, row_of_asset
from novate.core.layout import SHEET_HELD
from novate.core.money import SHEET_BOUND

MEMORY_BYTES = 32 * 2**20


@owning
def make_memory(most, width, pool):
    """An empty memory for buckets of up to ``most`` rows and balances in ``width`` assets."""
    entries = max(1, MEMORY_BYTES // (32 * most + 8 * width + 24))
    pool.owners = np.full(entries, -1, np.int64)
    pool.asked = np.empty(entries, np.int64)
    pool.made_of = np.empty(entries, np.int64)
    pool.made = np.empty((entries, most), SHEET_HELD)
    pool.carried = np.empty((entries, width), np.int64)


@owning
def lots_carried(balances, at, asset, sheet):
    """Lots of a balance that run the scenarios."""
    row = row_of_asset(asset, sheet)
    return collateral_lots(balances[at, asset].balance_minor, sheet.rows[row]) if row >= 0 else np.int64(0)


@owning
def remember(bucket, slot, balances, at, measures, sheet):
    """Remember what is asked of a bucket with the rows and counts in a slot and the collateral in row ``at``."""
    pool = sheet.pool
    entry, count = bucket % len(pool.owners), pool.filled[slot]
    pool.owners[entry], pool.made_of[entry] = bucket, count
    pool.asked[entry] = asked_units(measures, pool.counts[slot], sheet)
    for row in range(count):
        pool.made[entry, row] = pool.rows[slot, row]
    for asset in range(balances.shape[1]):
        pool.carried[entry, asset] = lots_carried(balances, at, asset, sheet)


@owning
def place_of(contract, guess, rows, count):
    """Where a contract stands among the first rows, looked for from a guess on; -1 where it does not."""
    for step in range(count):
        at = guess + step if guess + step < count else guess + step - count
        if rows[at].contract == contract:
            return at
    return -1


@owning
def change(was_low, was_high, low, high, row, sheet):
    """What a row's change adds at most: ``(to any loss, to add-ons, to lots)``."""
    size, was = size_of(low, high), size_of(was_low, was_high)
    moved = max(abs(low - was_low), abs(high - was_high)) * sheet.rows[row].largest_units
    added = add_on(size, sheet.rows[row], sheet.add_ons) - add_on(was, sheet.rows[row], sheet.add_ons)
    return moved, added, size - was


@owning
def at_most(rows, count, balances, at, bucket, sheet):
    """Sheet units that can be asked of a bucket that has these rows, and the collateral in row ``at``, at most.

    -1 where nothing is remembered of it or the rows come near what the sheet can sum exactly.
    """
    pool, zero = sheet.pool, np.int64(0)
    entry = bucket % len(pool.owners)
    if pool.owners[entry] != bucket:
        return np.int64(-1)
    made, made_of = pool.made[entry], pool.made_of[entry]
    room = SHEET_BOUND - 1 - sheet.sheet[0].collateral_bound
    moved, added, lots, found = zero, zero, zero, 0
    for here in range(count):
        low, high = reach(rows[here], rows[here])
        there = place_of(rows[here].contract, min(here, made_of - 1), made, made_of)
        found += 1 if there >= 0 else 0
        row = row_of(rows[here].contract, sheet)
        if row >= 0:
            largest = sheet.rows[row].largest_units
            if size_of(low, high) > divided(room, largest):
                return np.int64(-1)
            room -= size_of(low, high) * largest
            was_low, was_high = reach(made[there], made[there]) if there >= 0 else (zero, zero)
            more = change(was_low, was_high, low, high, row, sheet)
            moved, added, lots = moved + more[0], added + more[1], lots + more[2]
    if found < made_of:  # what is gone may have been a hedge
        for there in range(made_of):
            row = row_of(made[there].contract, sheet)
            if row >= 0 and place_of(made[there].contract, min(there, count - 1), rows, count) < 0:
                was_low, was_high = reach(made[there], made[there])
                more = change(was_low, was_high, zero, zero, row, sheet)
                moved, added, lots = moved + more[0], added + more[1], lots + more[2]
    for asset in range(balances.shape[1]):
        now, was = lots_carried(balances, at, asset, sheet), pool.carried[entry, asset]
        if now != was:
            more = change(was, was, now, now, row_of_asset(asset, sheet), sheet)
            moved, added, lots = moved + more[0], added + more[1], lots + more[2]
    return pool.asked[entry] + charge(moved, largest_weight(sheet.blocks)) + added + (max(zero, lots) + 1) // 2


@owning
def largest_weight(blocks):
    """What a loss in every scenario weighs: the blocks that add up together, or a floor alone."""
    together, floor = np.int64(0), np.int64(0)
    for at in range(len(blocks)):
        if blocks[at].floor != 0:
            floor = max(floor, np.int64(blocks[at].weight_ppm))
        else:
            together += blocks[at].weight_ppm
    return max(together, floor)

"""The overlay that decisions are made on: copies of the buckets and positions that a batch touches."""

import numpy as np
from numba import njit

from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.kernels.margin import standing, sum_purse
from novate.core.kernels.prefetch import AHEAD, ask_for, prefetch
from novate.core.kernels.search import find
from novate.core.kernels.tables import columns
from novate.core.layout import OPEN_ORDERS, POSITION
from novate.core.reasons import Reason

ACCEPTED = int(Reason.ACCEPTED)


@inlined
def slot_of(key, keys):
    """Slot of a key in an open-addressed table of int64 keys (-1 is empty): the key's own or the first free one."""
    mask = len(keys) - 1
    at = ((key * 0x9E3779B97F4A7C1) >> 20) & mask
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def table_for(count):
    """An empty table of keys with room for twice ``count`` at half load."""
    size = 16
    while size < 4 * count:
        size *= 2
    return np.full(size, -1, np.int64)


@njit(cache=True)
def load(touched, tables, balances, sums, judged):
    """Copy and price every touched purse once; returns how many are left to a sheet, their positions summed alone."""
    return load_rows(touched, columns(tables), balances, sums, judged)


@borrowing
def load_rows(touched, tables, balances, sums, judged):
    """The loop of ``load``. Purses lie far apart, so those ahead are asked for early."""
    buckets, positions, contracts, tiers = tables.buckets, tables.positions, tables.contracts, tables.tiers
    lot_terms, orders = tables.lot_terms, tables.orders
    assets, gains_ppm, long_option_ppm = tables.assets, tables.gains_ppm, tables.long_option_ppm
    by_sheet = 0
    for at in range(len(touched)):
        if at + 2 * AHEAD < len(touched):
            prefetch(buckets, touched[at + 2 * AHEAD])
        if at + AHEAD < len(touched):
            ask_for(touched[at + AHEAD], buckets, positions, tables.balances)
        bucket = np.uint64(touched[at])
        own = buckets[bucket]
        for asset in range(balances.shape[1]):
            balances[at, asset] = tables.balances[bucket, asset]
        priced = sum_purse(bucket, buckets, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, at)
        judged[at].priced = priced
        if own.portfolio != 0:
            by_sheet += 1
            continue
        equity, initial, known = standing(balances, at, sums, at, assets, gains_ppm)
        judged[at].equity_fine = equity
        judged[at].initial_fine = initial
        judged[at].priced = priced * known
    return by_sheet


@borrowing
def take_position(bucket, contract, buckets, book_positions, orders, positions, resting, into):
    """Copy a bucket's lots, cost and open orders in a contract into row ``into``; of nothing where it has none."""
    where, found = find(bucket, contract, buckets, book_positions)
    own, rest = positions[into], resting[into]
    own.lots, own.cost_fine, rest.bids, rest.asks = 0, 0, 0, 0
    if found:
        row = book_positions[where]
        own.lots, own.cost_fine = row.lots, row.cost_fine
        # Asking first lets the processor go on to the next position before this one has arrived.
        if row.orders != 0:
            resting[into] = orders[np.uint32(row.orders)]


@njit(cache=True)
def hold(rows, reasons, n_contracts, tables, dealing, held):
    """Copy every position that a row touches, once, and its open orders; ``held`` gets the overlay row of each side.

    ``dealing`` names the buckets of each row's buyer and seller.
    A pass of its own, because look-ups that do not wait for one another overlap.
    """
    keys = table_for(len(rows))
    slots = np.empty(len(keys), np.int32)
    positions, resting = np.empty(2 * len(rows), POSITION), np.empty(2 * len(rows), OPEN_ORDERS)
    hold_rows(rows, reasons, n_contracts, columns(tables), dealing, held, keys, slots, positions, resting)
    return positions, resting


@borrowing
def hold_rows(rows, reasons, n_contracts, tables, dealing, held, keys, slots, positions, resting):
    """The loop of ``hold``; ``keys`` and ``slots`` are its table of the positions that it has."""
    buckets, book_positions, orders = tables.buckets, tables.positions, tables.orders
    n_positions = 0
    for at in range(len(rows)):
        if at + AHEAD < len(rows) and reasons[at + AHEAD] == ACCEPTED:
            for side in range(2):
                own = buckets[np.uint64(dealing[at + AHEAD, side])]
                prefetch(book_positions, own.start + (own.count >> 1))
        if reasons[at] != ACCEPTED:
            continue
        for side in range(2):
            bucket = np.int64(dealing[at, side])
            key = bucket * n_contracts + rows[at].contract
            slot = slot_of(key, keys)
            if keys[slot] == -1:
                keys[slot] = key
                slots[slot] = n_positions
                take_position(
                    bucket, rows[at].contract, buckets, book_positions, orders, positions, resting, n_positions
                )
                n_positions += 1
            held[at, side] = slots[slot]

"""Lots and cost into positions: the one leg, on overlay rows and on the book, and the trades that are two of them."""

import numpy as np
from numba import njit

from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.kernels.limits import count_leg
from novate.core.kernels.prefetch import AHEAD, ask_for, prefetch
from novate.core.kernels.search import find, purse_of
from novate.core.kernels.tables import columns
from novate.core.layout import PREMIUM


@inlined
def apply_leg(position, balance, contract, lots, cost_fine):
    """Add lots and cost to a position and its bucket's running totals: on overlay rows and on the book alike."""
    before = abs(position.lots) * contract.largest_value_fine + abs(position.cost_fine)
    position.lots += lots
    position.cost_fine += cost_fine
    balance.exposure_fine += abs(position.lots) * contract.largest_value_fine + abs(position.cost_fine) - before
    if contract.style == PREMIUM:
        balance.premium_fine += cost_fine


@borrowing
def place(bucket, contract, buckets, contracts, positions, holders, ends):
    """The row of a contract in a bucket, made where it is missing; -1 where the tables need more room first.

    Where a bucket's or a contract's rows are full they move to the end of their table, with room to double.
    """
    where, found = find(bucket, contract, buckets, positions)
    if found:
        return where
    own = buckets[bucket]
    of = contracts[contract]
    if own.count == own.capacity and ends[0] + 2 * own.capacity + 4 > len(positions):
        return -1
    if of.holders_count == of.holders_capacity and ends[1] + 2 * of.holders_capacity + 4 > len(holders):
        return -1
    if own.count == own.capacity:
        offset = where - own.start
        fresh = ends[0]
        for at in range(own.count):
            positions[fresh + at] = positions[own.start + at]
        own.capacity = 2 * own.capacity + 4
        ends[0] += own.capacity
        own.start = fresh
        where = fresh + offset
    if of.holders_count == of.holders_capacity:
        fresh = ends[1]
        for at in range(of.holders_count):
            holders[fresh + at] = holders[of.holders_start + at]
        of.holders_capacity = 2 * of.holders_capacity + 4
        ends[1] += of.holders_capacity
        of.holders_start = fresh
    for at in range(own.start + own.count, where, -1):
        positions[at] = positions[at - 1]
    row = positions[where]
    row.contract = contract
    row.lots = 0
    row.cost_fine = 0
    row.orders = 0
    own.count += 1
    holders[of.holders_start + of.holders_count] = bucket
    of.holders_count += 1
    return where


@inlined
def move(bucket, purse, of, lots, cost_fine, where, balances, positions, limits, spans, lists):
    """Apply one leg to the book at a placed row, with the running totals of the contract and of its limits."""
    row = positions[where]
    if of.limited != 0:
        count_leg(bucket, row.contract, row.lots, lots, limits, spans, lists)
    of.open_lots -= max(0, row.lots)
    apply_leg(row, balances[purse, of.asset], of, lots, cost_fine)
    of.open_lots += max(0, row.lots)
    of.net_lots += lots
    of.net_cost_fine += cost_fine


@njit(cache=True)
def place_and_move(bucket, contract, lots, cost_fine, tables):
    """One leg of the book, on a row made for it where there is none; returns False where the tables need more room."""
    where = place(bucket, contract, tables.buckets, tables.contracts, tables.positions, tables.holders, tables.ends)
    if where >= 0:
        move(
            bucket, purse_of(bucket, tables.buckets), tables.contracts[contract], lots, cost_fine, where,
            tables.balances, tables.positions, tables.limits, tables.limit_spans, tables.limit_lists,
        )  # fmt: skip
    return where >= 0


@njit(cache=True)
def novate_rows(rows, first, fees_account, tables):
    """Fold novated trades into the book from row ``first`` on; returns the row reached (tables full) or the count."""
    return novate_from(rows, first, fees_account, columns(tables))


@borrowing
def novate_from(rows, first, fees_account, tables):
    """The loop of ``novate_rows``."""
    buckets, contracts, positions, holders = tables.buckets, tables.contracts, tables.positions, tables.holders
    balances, ends = tables.balances, tables.ends
    limits, spans, lists = tables.limits, tables.limit_spans, tables.limit_lists
    for at in range(first, len(rows)):
        if at + 2 * AHEAD < len(rows):
            prefetch(buckets, rows[at + 2 * AHEAD].buyer)
            prefetch(buckets, rows[at + 2 * AHEAD].seller)
        if at + AHEAD < len(rows):
            ask_for(rows[at + AHEAD].buyer, buckets, positions, balances)
            ask_for(rows[at + AHEAD].seller, buckets, positions, balances)
        row = rows[at]
        buying, selling, of = np.int64(row.buyer), np.int64(row.seller), np.int64(row.contract)
        buyer_at = place(buying, of, buckets, contracts, positions, holders, ends)
        if buyer_at < 0:
            return at
        # Placing the seller moves only the seller's rows, so the buyer's row still stands where it stood.
        seller_at = place(selling, of, buckets, contracts, positions, holders, ends)
        if seller_at < 0:
            return at
        contract = contracts[of]
        cost = row.lots * row.value_fine
        buyer, seller = purse_of(buying, buckets), purse_of(selling, buckets)
        move(buying, buyer, contract, row.lots, cost, buyer_at, balances, positions, limits, spans, lists)
        move(selling, seller, contract, -row.lots, -cost, seller_at, balances, positions, limits, spans, lists)
        contract.traded_lots += row.lots
        balances[buyer, contract.asset].carry_fine -= row.buyer_fee_fine
        balances[seller, contract.asset].carry_fine -= row.seller_fee_fine
        balances[fees_account, contract.asset].carry_fine += row.buyer_fee_fine + row.seller_fee_fine
    return len(rows)


@njit(cache=True)
def reserve(bucket, contract, bids, asks, tables):
    """Change a bucket's open orders in a contract; returns False where the tables need more room.

    Open orders are bounded like positions, so that their fills never pass what 64 bits can hold.
    """
    where = place(bucket, contract, tables.buckets, tables.contracts, tables.positions, tables.holders, tables.ends)
    if where < 0:
        return False
    position = tables.positions[where]
    if position.orders == 0:
        if tables.ends[2] == len(tables.orders):
            return False
        position.orders = tables.ends[2]
        tables.ends[2] += 1
    own, of = tables.orders[position.orders], tables.contracts[contract]
    own.bids += bids
    own.asks += asks
    purse = purse_of(bucket, tables.buckets)
    tables.balances[purse, of.asset].exposure_fine += (bids + asks) * of.largest_value_fine
    return True


@njit(cache=True)
def cancel_orders(bucket, tables):
    """Every resting order of a bucket is gone."""
    own = tables.buckets[bucket]
    for at in range(own.start, own.start + own.count):
        position = tables.positions[at]
        if position.orders != 0:
            rest = tables.orders[position.orders]
            reserve(bucket, np.int64(position.contract), -rest.bids, -rest.asks, tables)


@njit(cache=True)
def expire_rows(contract, value_fine, tables):
    """Turn every position in a contract into money at its final value: lots x value - cost into the holder's carry."""
    of = tables.contracts[contract]
    for at in range(of.holders_start, of.holders_start + of.holders_count):
        bucket = np.int64(tables.holders[at])
        where, found = find(bucket, contract, tables.buckets, tables.positions)
        if found:
            row = tables.positions[where]
            rest = tables.orders[row.orders]
            reserve(bucket, contract, -rest.bids, -rest.asks, tables)
            purse = purse_of(bucket, tables.buckets)
            tables.balances[purse, of.asset].carry_fine += row.lots * value_fine - row.cost_fine
            move(
                bucket, purse, of, -row.lots, -row.cost_fine, where, tables.balances, tables.positions,
                tables.limits, tables.limit_spans, tables.limit_lists,
            )  # fmt: skip

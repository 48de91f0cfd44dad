"""Buckets judged one after the other, and the whole house on all cores."""

import numpy as np
from numba import njit, prange

from novate.core.kernels.borrowing import FIRST, borrowing
from novate.core.kernels.margin import sum_purse, total
from novate.core.kernels.portfolio import equity_of, judge_portfolio, room_for
from novate.core.kernels.prefetch import AHEAD, ask_for
from novate.core.kernels.tables import columns
from novate.core.layout import SUB, SUBTOTAL


@borrowing
def stand_aside(row):
    """A sub-account is judged with its purse and not by itself: it lacks nothing."""
    row.equity_fine = row.settled_fine = row.initial_fine = row.maintenance_fine = 0
    row.priced = 1


@njit(cache=True)
def judge_range(first, last, chosen, tables, sheet, asked, out):
    """Judge ``chosen[first:last]`` (or the buckets themselves where ``chosen`` is empty) into ``out``.

    ``asked`` has the ``(initial, maintenance)`` of portfolio buckets, row for row with ``out``, or nothing at all: then
    each is worked out here.
    """
    sums = np.empty((1, len(tables.assets)), SUBTOTAL)
    if sheet is None:
        judge_in_range(first, last, chosen, columns(tables), None, asked, out, sums, None)
    else:
        judge_in_range(first, last, chosen, columns(tables), sheet, asked, out, sums, room_for(sheet))


@borrowing
def judge_in_range(first, last, chosen, tables, sheet, asked, out, sums, room):
    """The loop of ``judge_range``, with a row of ``sums`` and ``room`` for one portfolio bucket to work on."""
    buckets, balances, positions, contracts = tables.buckets, tables.balances, tables.positions, tables.contracts
    lot_terms, tiers, assets, orders = tables.lot_terms, tables.tiers, tables.assets, tables.orders
    gains_ppm, long_option_ppm = tables.gains_ppm, tables.long_option_ppm

    for at in range(first, last):
        bucket = np.uint64(chosen[at]) if len(chosen) else np.uint64(at)
        if at + AHEAD < last:
            ask_for(chosen[at + AHEAD] if len(chosen) else at + AHEAD, buckets, positions, balances)
        own, row = buckets[bucket], out[at]
        if own.contract <= SUB:
            stand_aside(row)
            continue
        priced = sum_purse(
            bucket, buckets, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, FIRST
        )
        if sheet is not None and own.portfolio != 0 and len(asked):
            equity, settled, known = equity_of(balances, np.int64(bucket), sums, FIRST, assets, gains_ppm, sheet)
            initial, maintenance = asked[at, 0], asked[at, 1]
        elif sheet is not None and own.portfolio != 0:
            equity, settled, initial, maintenance, known = judge_portfolio(
                own.start, own.count, positions, orders, balances, np.int64(bucket), sums, assets, gains_ppm, sheet,
                room,
            )  # fmt: skip
        else:
            equity, settled, initial, maintenance, known = total(balances, bucket, sums, FIRST, assets, gains_ppm)
        row.equity_fine = equity
        row.settled_fine = settled
        row.initial_fine = initial
        row.maintenance_fine = maintenance
        row.priced = priced * known


@njit(cache=True, parallel=True)
def judge_all(count, tables, sheet, asked, out):
    """Judge buckets 0 to count on all cores."""
    none = np.zeros(0, np.int64)
    blocks = 64
    step = (count + blocks - 1) // blocks
    for block in prange(blocks):
        first = min(count, block * step)
        last = min(count, first + step)
        judge_range(first, last, none, tables, sheet, asked, out)

"""The worst results of many portfolios at once: the product of lots and scenarios, blocked by scenario.

A *case* is a portfolio as a row of lots. A part of the sheet, all rows by ``LANES`` scenarios, stays near the processor
while every case is multiplied with it, and of a case's results only those are kept that are among its worst: no matrix
of cases by scenarios is ever in memory. Results are float64 that hold integers below 2^52 in sum, so products and sums
are exact in any order.
"""

import numpy as np
from numba import njit, prange

from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.kernels.lanes import LANES, below, lowest_bit
from novate.core.kernels.measures import loss_of, rank_of
from novate.core.money import SHEET_BOUND

MILDER = 20
"""By which part of last time's rank-th worst result a result may be milder and still be kept: enough for a sheet that
moved by as much, and few results more than the rank."""

LINE_BYTES = 64
ALL_LANES = np.uint64(2**LANES - 1)


# ---- what is kept ---------------------------------------------------------------------------------------------------


@inlined
def insert(value, kept, case, held, rank):
    """Put a value among a case's least, ascending; it takes the place of the largest where they are ``rank`` already.

    Returns how many there are then.
    """
    at = held - 1 if held == rank else held
    after = at + 1
    while at > 0 and kept[case, at - 1] > value:
        kept[case, at] = kept[case, at - 1]
        at -= 1
    kept[case, at] = value
    return after


@borrowing
def run_part(cases, rows, low, high, part, lanes, rank, work):
    """All cases in the scenarios of one part of the sheet, of which the first ``lanes`` count.

    Once as many of a case's results are kept as there is room for, the largest of them is the threshold.
    """
    sums, kept, held, thresholds = work
    counted = ALL_LANES >> np.uint64(LANES - lanes)
    for case in range(len(cases)):
        own, threshold = cases[case], thresholds[case]
        found = below(own.start, own.ranges, own.end, rows, low, high, part, threshold, sums) & counted
        while found != 0:
            value = sums[lowest_bit(found)]
            found &= found - np.uint64(1)
            if value < threshold:
                held[case] = insert(value, kept, case, held[case], rank)
                if held[case] == rank:
                    threshold = kept[case, rank - 1]
        thresholds[case] = threshold


# ---- measures -------------------------------------------------------------------------------------------------------


@njit(cache=True)
def parts_of(block):
    """How many parts a block's scenarios are taken in."""
    return (np.int64(block.count) + LANES - 1) // LANES


def packs_for(parts, rows, largest):
    """Room for a sheet whose largest result is this, ``[part, row, lane]``, in the narrower type that holds it.

    It begins where a line of the cache does, so that no vector lies across two, and is made here and not by a kernel:
    numpy asks for large pages of memory where an array is large.
    """
    kind = np.dtype(np.int32 if largest < 2**31 else np.float64)
    size = parts * rows * LANES
    room = np.empty(size + LINE_BYTES // kind.itemsize, kind)
    first = -room.ctypes.data % LINE_BYTES // kind.itemsize
    return room[first : first + size].reshape(parts, rows, LANES)


@njit(cache=True, parallel=True)
def pack(sheet, packs):
    """The sheet's results into ``packs[part, row, lane]``; lanes beyond a block's end gain nothing."""
    starts, ends, part = np.empty(len(packs), np.int64), np.empty(len(packs), np.int64), 0
    for at in range(len(sheet.blocks)):
        block = sheet.blocks[at]
        for first in range(block.first, block.first + block.count, LANES):
            starts[part], ends[part] = first, min(first + LANES, block.first + block.count)
            part += 1
    results = sheet.results
    for at in prange(len(packs)):
        for row in range(len(results)):
            for lane in range(ends[at] - starts[at]):
                packs[at, row, lane] = results[row, starts[at] + lane]
            packs[at, row, ends[at] - starts[at] :] = 0


@njit(cache=True)
def measure_cases(cases, rows, low, high, sheet, packs, primes, out):
    """The loss of each case in each block into ``out[case, block]``.

    ``packs`` are the sheet's results as ``pack`` writes them. ``primes[case, block]`` is what results are below that
    are kept from the start, infinity where nothing is known of the case: a guess costs time and never a figure. It is
    left as the rank-th worst result. Where fewer results than the rank were below it, the case is measured again
    without.
    """
    most = np.int64(1)
    for at in range(len(sheet.blocks)):
        most = max(most, rank_of(sheet.blocks[at]))
    kept, held = np.empty((len(cases), most), np.float64), np.empty(len(cases), np.int64)
    sums, first = np.empty(LANES, np.float64), 0
    for at in range(len(sheet.blocks)):
        block = sheet.blocks[at]
        rank = rank_of(block)
        own = packs[first : first + parts_of(block)]
        first += parts_of(block)
        held[:] = 0
        run_block(block, cases, rows, low, high, own, rank, (sums, kept, held, primes[:, at].copy()))
        again = np.flatnonzero(held < rank)
        if len(again):
            unprimed = np.full(len(again), np.inf)
            redone, none = np.empty((len(again), most), np.float64), np.zeros(len(again), np.int64)
            run_block(block, cases[again], rows, low, high, own, rank, (sums, redone, none, unprimed))
            for one in range(len(again)):
                kept[again[one]] = redone[one]
        for case in range(len(cases)):
            total = 0
            for one in range(rank):
                total += np.int64(kept[case, one])
            out[case, at] = loss_of(total, np.int64(kept[case, rank - 1]), block)
            primes[case, at] = kept[case, rank - 1]


@njit(cache=True)
def run_block(block, cases, rows, low, high, packs, rank, work):
    """All cases in all scenarios of a block, whose parts these are."""
    for part in range(len(packs)):
        run_part(cases, rows, low, high, packs[part], min(LANES, block.count - part * LANES), rank, work)


@njit(cache=True)
def relaxed(prime):
    """A threshold that last time's rank-th worst result gives this time."""
    return prime + abs(prime) // MILDER + 1 if abs(prime) < SHEET_BOUND else np.inf

"""The worst results of many portfolios at once: the product of lots and scenarios, blocked by scenario.

A *case* is a portfolio as a row of lots. A part of the sheet, all rows by ``LANES`` scenarios, stays near the processor
while every case is multiplied with it, and of a case's results only those are kept that are among its worst: no matrix
of cases by scenarios is ever in memory. Results are float64 that hold integers below 2^52 in sum, so products and sums
are exact in any order.
"""

import numpy as np
from numba import njit, prange

from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.kernels.measures import loss_of, rank_of
from novate.core.money import SHEET_BOUND

LANES = 64
GROUPS = 8
MILDER = 10
"""By which part of last time's rank-th worst result a result may be milder and still be kept: enough for a sheet that
moved by as much, and few results more than the rank."""

exact = njit(fastmath={"contract", "nnan", "nsz"}, _nrt=False, forceinline=True, no_cfunc_wrapper=True)
"""``inlined`` where no result is NaN and zero has no sign that counts; integers are exact with either rounding."""


# ---- the product ----------------------------------------------------------------------------------------------------


@exact
def begin(at, end, rows, low, part, sums):
    """``sums`` = so many entries that those left are a multiple of four; returns the first of these."""
    odd = (end - at) & 3
    if odd == 0:
        for lane in range(LANES):
            sums[lane] = 0
    elif odd == 1:
        first, a = part[np.uint32(rows[at])], low[at]
        for lane in range(LANES):
            sums[lane] = a * first[lane]
    else:
        first, second = part[np.uint32(rows[at])], part[np.uint32(rows[at + 1])]
        a, b = low[at], low[at + 1]
        for lane in range(LANES):
            sums[lane] = a * first[lane] + b * second[lane]
        if odd == 3:
            third, c = part[np.uint32(rows[at + 2])], low[at + 2]
            for lane in range(LANES):
                sums[lane] += c * third[lane]
    return at + odd


@exact
def add_fours(at, end, rows, low, part, sums):
    """Add entries to ``sums``, four at a time: a sum is then fetched and put back once for four products."""
    while at < end:
        first, second = part[np.uint32(rows[at])], part[np.uint32(rows[at + 1])]
        third, fourth = part[np.uint32(rows[at + 2])], part[np.uint32(rows[at + 3])]
        a, b, c, d = low[at], low[at + 1], low[at + 2], low[at + 3]
        for lane in range(LANES):
            sums[lane] += (a * first[lane] + b * second[lane]) + (c * third[lane] + d * fourth[lane])
        at += 4


@exact
def add_ranges(at, end, rows, low, high, part, sums):
    """Add entries that may come to anything from ``low`` to ``high`` lots: in each scenario what gains less."""
    while at < end:
        row, least, most = part[np.uint32(rows[at])], low[at], high[at]
        for lane in range(LANES):
            one, other = least * row[lane], most * row[lane]
            sums[lane] += min(one, other)
        at += 1


# ---- what is kept ---------------------------------------------------------------------------------------------------


@exact
def least_of_groups(sums, least):
    """The least of every eighth sum, for each of the eight; returns the least of all."""
    for group in range(GROUPS):
        least[group] = sums[group]
    for line in range(1, LANES // GROUPS):
        for group in range(GROUPS):
            value = sums[line * GROUPS + group]
            least[group] = min(value, least[group])
    lowest = least[0]
    for group in range(GROUPS):
        lowest = min(least[group], lowest)
    return lowest


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
def keep(sums, least, lanes, threshold, kept, case, held, rank):
    """Keep those of the first ``lanes`` sums that are below the threshold; returns ``(how many are kept, threshold)``.

    Once as many are kept as there is room for, the largest of them is the threshold.
    """
    for group in range(GROUPS):
        if least[group] < threshold:
            for lane in range(group, lanes, GROUPS):
                value = sums[lane]
                if value < threshold:
                    held = insert(value, kept, case, held, rank)
                    if held == rank:
                        threshold = kept[case, rank - 1]
    return held, threshold


@borrowing
def run_part(cases, rows, low, high, part, lanes, rank, work):
    """All cases in the scenarios of one part of the sheet."""
    sums, least, kept, held, thresholds = work
    for case in range(len(cases)):
        own = cases[case]
        at = begin(own.start, own.ranges, rows, low, part, sums)
        add_fours(at, own.ranges, rows, low, part, sums)
        add_ranges(own.ranges, own.end, rows, low, high, part, sums)
        if least_of_groups(sums, least) < thresholds[case]:
            held[case], thresholds[case] = keep(sums, least, lanes, thresholds[case], kept, case, held[case], rank)


# ---- measures -------------------------------------------------------------------------------------------------------


@njit(cache=True)
def parts_of(block):
    """How many parts a block's scenarios are taken in."""
    return (np.int64(block.count) + LANES - 1) // LANES


@njit(cache=True, parallel=True)
def packed(sheet, kind):
    """The sheet's results as ``[part, row, lane]`` of the type of ``kind``; lanes beyond a block's end gain nothing."""
    parts = 0
    for at in range(len(sheet.blocks)):
        parts += parts_of(sheet.blocks[at])
    starts, ends, part = np.empty(parts, np.int64), np.empty(parts, np.int64), 0
    for at in range(len(sheet.blocks)):
        block = sheet.blocks[at]
        for first in range(block.first, block.first + block.count, LANES):
            starts[part], ends[part] = first, min(first + LANES, block.first + block.count)
            part += 1
    packs, results = np.empty((parts, len(sheet.results), LANES), kind.dtype), sheet.results
    for at in prange(parts):
        for row in range(len(results)):
            for lane in range(ends[at] - starts[at]):
                packs[at, row, lane] = results[row, starts[at] + lane]
            packs[at, row, ends[at] - starts[at] :] = 0
    return packs


@njit(cache=True)
def measure_cases(cases, rows, low, high, sheet, packs, primes, out):
    """The loss of each case in each block into ``out[case, block]``.

    ``packs`` are the sheet's results as ``packed`` has them. ``primes[case, block]`` is what results are below that are
    kept from the start, infinity where nothing is known of the case: a guess costs time and never a figure. It is left
    as the rank-th worst result. Where fewer results than the rank were below it, the case is measured again without.
    """
    most = np.int64(1)
    for at in range(len(sheet.blocks)):
        most = max(most, rank_of(sheet.blocks[at]))
    kept, held = np.empty((len(cases), most), np.float64), np.empty(len(cases), np.int64)
    sums, least = np.empty(LANES, np.float64), np.empty(GROUPS, np.float64)
    first = 0
    for at in range(len(sheet.blocks)):
        block = sheet.blocks[at]
        rank = rank_of(block)
        own = packs[first : first + parts_of(block)]
        first += parts_of(block)
        held[:] = 0
        run_block(block, cases, rows, low, high, own, rank, (sums, least, kept, held, primes[:, at].copy()))
        again = np.flatnonzero(held < rank)
        if len(again):
            unprimed = np.full(len(again), np.inf)
            redone, none = np.empty((len(again), most), np.float64), np.zeros(len(again), np.int64)
            run_block(block, cases[again], rows, low, high, own, rank, (sums, least, redone, none, unprimed))
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

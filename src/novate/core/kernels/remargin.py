"""What all portfolio buckets must hold, worked out together: see ``tails`` for why that is quicker.

A bucket has a *view* with its orders, which initial comes from, and where some rest one without, for maintenance.
A view has a case for each netting set that it touches and, where these are several, one for all together.
"""

import numpy as np
from numba import njit, prange

from novate.core.kernels.measures import rank_of
from novate.core.kernels.portfolio import COUNTS, collateral_lots, count_row, in_money, rows_of
from novate.core.kernels.sheet import row_of, row_of_asset
from novate.core.kernels.standing import take_memory
from novate.core.kernels.tails import measure_cases, relaxed
from novate.core.layout import CASE

KEPT_BYTES = 2**22  # of the worst results of a chunk's cases: a small part of what a core may have to itself
BUCKETS_MOST = 2**15
NARROW, WIDE = np.empty(0, np.int32), np.empty(0, np.float64)
"""Arrays of the types in which the sheet is packed: the first where every result fits it."""


@njit(cache=True)
def held_by(bucket, tables, sheet):
    """``(rows of the sheet, [fewest, own, most] lots)`` of what a bucket holds, has resting and has as collateral."""
    own = tables.buckets[bucket]
    held = rows_of(own.start, own.count, tables.positions, tables.orders)
    width = tables.balances.shape[1]
    rows, lots = np.empty(len(held) + width, np.int32), np.empty((3, len(held) + width), np.int64)
    count = 0
    for at in range(len(held)):
        row = row_of(held[at].contract, sheet)
        if row >= 0:
            rows[count] = row
            lots[0, count], lots[1, count] = held[at].lots - held[at].asks, held[at].lots
            lots[2, count] = held[at].lots + held[at].bids
            count += 1
    for asset in range(width):
        row = row_of_asset(asset, sheet)
        if row >= 0:
            own_lots = collateral_lots(tables.balances[bucket, asset].balance_minor, sheet.rows[row])
            if own_lots != 0:
                rows[count] = row
                lots[:, count] = own_lots
                count += 1
    return rows[:count], lots[:, :count]


@njit(cache=True)
def count_view(rows, lots, resting, sheet, counts):
    """A view's counts, as ``portfolio.fill`` has them."""
    counts[:] = 0
    for at in range(len(rows)):
        low, high = (lots[0, at], lots[2, at]) if resting else (lots[1, at], lots[1, at])
        count_row(sheet.rows[rows[at]], (0, 0), (low, high), sheet.add_ons, counts)


@njit(cache=True)
def sets_in(bits):
    """How many netting sets a bit stands for each."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@njit(cache=True)
def survey(first, last, buckets, tables, sheet):
    """``(cases, entries)`` that portfolio buckets ``buckets[first:last]`` will have."""
    cases, entries = 0, 0
    counts = np.empty(COUNTS, np.int64)
    for at in range(first, last):
        rows, lots = held_by(buckets[at], tables, sheet)
        count_view(rows, lots, True, sheet, counts)
        touched = sets_in(counts[3])
        views = 2 if counts[4] > 0 else 1
        cases += views * (touched + 1 if touched > 1 else touched)
        entries += views * len(rows) * (2 if touched > 1 else 1)
    return cases, entries


@njit(cache=True)
def add_case(netting_set, rows, lots, resting, sheet, case, entries):
    """Write a case of the rows of one netting set, or of all for -1; what orders may change comes last."""
    own_rows, low, high = entries
    case.end = case.start
    for ranged in range(2):
        case.ranges = case.end if ranged else case.ranges
        for at in range(len(rows)):
            least, most = (lots[0, at], lots[2, at]) if resting else (lots[1, at], lots[1, at])
            inside = netting_set < 0 or sheet.rows[rows[at]].netting_set == netting_set
            if inside and (least != most) == (ranged == 1):
                own_rows[case.end], low[case.end], high[case.end] = rows[at], least, most
                case.end += 1


@njit(cache=True)
def add_view(rows, lots, resting, bits, sheet, cases, count, entries):
    """Write the cases of a view, that of all its rows last; returns how many cases there are then."""
    touched, several = bits, bits & (bits - 1)
    for netting_set in range(sheet.sheet[0].netting_sets):
        if (touched >> netting_set) & 1 and several:
            count = begin_case(cases, count)
            add_case(netting_set, rows, lots, resting, sheet, cases[count - 1], entries)
    if touched:
        count = begin_case(cases, count)
        add_case(-1, rows, lots, resting, sheet, cases[count - 1], entries)
    return count


@njit(cache=True)
def begin_case(cases, count):
    """The next case starts where the last one ends; returns how many there are then."""
    cases[count].start = cases[count - 1].end if count else 0
    return count + 1


@njit(cache=True)
def asked_of_view(bits, counts, found, at, sheet, measures):
    """``(initial, maintenance)`` of a view from its cases' losses, from ``found[at]`` on."""
    last = len(measures) - 1
    measures[:] = 0
    several = bits & (bits - 1)
    for netting_set in range(sheet.sheet[0].netting_sets):
        if (bits >> netting_set) & 1:
            measures[netting_set] = found[at]
            at += 1 if several else 0
    if bits:
        measures[last] = found[at]
    return in_money(measures, counts, sheet)


@njit(cache=True)
def remargin_chunk(first, last, buckets, tables, sheet, packs, primes, asked):
    """``asked[at] = (initial, maintenance)`` of portfolio bucket ``buckets[at]``, for a chunk of them."""
    n_cases, n_entries = survey(first, last, buckets, tables, sheet)
    cases = np.zeros(n_cases, CASE)
    entries = (np.empty(n_entries, np.int32), np.empty(n_entries, np.float64), np.empty(n_entries, np.float64))
    bits, views = np.empty(last - first, np.int64), np.empty(last - first, np.int64)
    counts, whole = np.empty((last - first, 2, COUNTS), np.int64), np.full((last - first, 2), -1, np.int64)
    count = 0
    for at in range(first, last):
        one = at - first
        rows, lots = held_by(buckets[at], tables, sheet)
        count_view(rows, lots, True, sheet, counts[one, 0])
        bits[one], views[one] = counts[one, 0, 3], 2 if counts[one, 0, 4] > 0 else 1
        for view in range(views[one]):
            if view == 1:
                count_view(rows, lots, False, sheet, counts[one, 1])
            count = add_view(rows, lots, view == 0, bits[one], sheet, cases, count, entries)
            whole[one, view] = count - 1
    known = np.full((n_cases, len(sheet.blocks)), np.inf)
    for at in range(first, last):
        if bits[at - first]:
            for block in range(len(sheet.blocks)):
                known[whole[at - first, 0], block] = relaxed(primes[buckets[at], block])
    found = np.empty((n_cases, len(sheet.blocks)), np.int64)
    measure_cases(cases, entries[0], entries[1], entries[2], sheet, packs, known, found)
    sets = sheet.sheet[0].netting_sets
    measures = np.empty((sets + 1 if sets > 1 else 1, len(sheet.blocks)), np.int64)
    case = 0
    for at in range(first, last):
        one = at - first
        for view in range(views[one]):
            own = asked_of_view(bits[one], counts[one, view], found, case, sheet, measures)
            if view == 0:
                asked[at, 0], asked[at, 1] = own
            else:
                asked[at, 1] = own[1]
            case = whole[one, view] + 1
        if bits[one]:
            primes[buckets[at]] = known[whole[one, 0]]


@njit(cache=True)
def ready(count, sheet):
    """``(largest result, largest rank)`` of a sheet, with room for guesses about so many buckets."""
    pool, blocks = sheet.pool, len(sheet.blocks)
    if len(pool.primes) < count:
        primes = np.full((count + count // 2, blocks), np.inf)
        for at in range(len(pool.primes)):
            primes[at] = pool.primes[at]
        pool.primes = primes
    largest, rank = np.int64(1), np.int64(1)
    for at in range(len(sheet.rows)):
        largest = max(largest, np.int64(sheet.rows[at].largest_units))
    for at in range(blocks):
        rank = max(rank, rank_of(sheet.blocks[at]))
    return largest, rank


@njit(cache=True)
def inherit(former, sheet):
    """Let what was guessed by the former sheet's results be guessed by this one's, where both have as many blocks.

    The memory of what was asked goes from one to the other, and nothing that is in it.
    """
    take_memory(former, sheet)
    if former.pool.primes.shape[1] == len(sheet.blocks):
        sheet.pool.primes = former.pool.primes


@njit(cache=True)
def presume(value, sheet):
    """Guess the same of every bucket: what a test does to show that a guess decides nothing."""
    sheet.pool.primes[:] = value


@njit(cache=True, parallel=True)
def remargin_all(buckets, tables, sheet, packs, chunk, asked):
    """``asked[at] = (initial, maintenance)`` of the portfolio buckets given, chunk by chunk on all cores.

    ``packs`` are the sheet's results as ``packed`` has them; ``ready`` has made room.
    """
    chunks, primes = (len(buckets) + chunk - 1) // chunk, sheet.pool.primes
    for at in prange(chunks):
        remargin_chunk(at * chunk, min(len(buckets), (at + 1) * chunk), buckets, tables, sheet, packs, primes, asked)

"""What all portfolio buckets must hold, worked out together: see ``tails`` for why that is quicker.

A bucket has a *view* with its orders, which initial comes from, and where some rest one without, for maintenance.
A view has a case for each netting set that it touches and, where these are several, one for all together.
"""

import numpy as np
from numba import njit, prange

from novate.core.kernels.measures import rank_of
from novate.core.kernels.portfolio import COUNTS, collateral_lots, count_row, in_money
from novate.core.kernels.sheet import row_of, row_of_asset
from novate.core.kernels.standing import note_answer, note_rows, take_memory
from novate.core.kernels.tails import measure_cases, parts_of, relaxed
from novate.core.layout import CASE

KEPT_BYTES = 2**21
BUCKETS_MOST = 2**13
"""A chunk has no more buckets than this, nor more bytes of worst results: what is written of them, part after part,
stays near the core beside the part itself, and the sheet is still read for thousands of buckets at a time."""


@njit(cache=True)
def held_by(bucket, tables, sheet, rows, lots):
    """Write the rows of the sheet that a bucket holds, has resting or as collateral, and its ``[fewest, own, most]``
    lots of each; returns how many there are."""
    own, count = tables.buckets[bucket], 0
    for at in range(own.start, own.start + own.count):
        position = tables.positions[at]
        rest, row = tables.orders[np.uint32(position.orders)], row_of(position.contract, sheet)
        if row >= 0 and (position.lots != 0 or rest.bids != 0 or rest.asks != 0):
            rows[count], lots[1, count] = row, position.lots
            lots[0, count], lots[2, count] = position.lots - rest.asks, position.lots + rest.bids
            count += 1
    for asset in range(tables.balances.shape[1]):
        row = row_of_asset(asset, sheet)
        if row >= 0:
            own_lots = collateral_lots(tables.balances[bucket, asset].balance_minor, sheet.rows[row])
            if own_lots != 0:
                rows[count] = row
                lots[:, count] = own_lots
                count += 1
    return count


@njit(cache=True)
def count_view(rows, lots, held, resting, sheet, counts):
    """A view's counts, as ``portfolio.fill`` has them."""
    counts[:] = 0
    for at in range(held):
        low, high = (lots[0, at], lots[2, at]) if resting else (lots[1, at], lots[1, at])
        count_row(sheet.rows[rows[at]], (0, 0), (low, high), sheet.add_ons, counts)


@njit(cache=True)
def room_of(first, last, buckets, tables, sheet):
    """``(rows of one bucket, cases, entries)`` that portfolio buckets ``buckets[first:last]`` can have at most."""
    most, rows = np.int64(0), np.int64(0)
    for at in range(first, last):
        held = np.int64(tables.buckets[buckets[at]].count) + tables.balances.shape[1]
        most, rows = max(most, held), rows + held
    sets = np.int64(sheet.sheet[0].netting_sets)
    several = sets > 1  # each row is then in the case of its set and in that of all
    return most, 2 * (last - first) * (sets + 1 if several else 1), 2 * rows * (2 if several else 1)


@njit(cache=True)
def add_case(netting_set, rows, lots, held, resting, sheet, case, entries):
    """Write a case of the rows of one netting set, or of all for -1; what orders may change comes last."""
    own_rows, low, high = entries
    case.end = case.start
    for ranged in range(2):
        case.ranges = case.end if ranged else case.ranges
        for at in range(held):
            least, most = (lots[0, at], lots[2, at]) if resting else (lots[1, at], lots[1, at])
            inside = netting_set < 0 or sheet.rows[rows[at]].netting_set == netting_set
            if inside and (least != most) == (ranged == 1):
                own_rows[case.end], low[case.end], high[case.end] = rows[at], least, most
                case.end += 1


@njit(cache=True)
def add_view(rows, lots, held, resting, bits, sheet, cases, count, entries):
    """Write the cases of a view, that of all its rows last; returns how many cases there are then."""
    touched, several = bits, bits & (bits - 1)
    for netting_set in range(sheet.sheet[0].netting_sets):
        if (touched >> netting_set) & 1 and several:
            count = begin_case(cases, count)
            add_case(netting_set, rows, lots, held, resting, sheet, cases[count - 1], entries)
    if touched:
        count = begin_case(cases, count)
        add_case(-1, rows, lots, held, resting, sheet, cases[count - 1], entries)
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
    most, n_cases, n_entries = room_of(first, last, buckets, tables, sheet)
    rows, lots, cases = np.empty(most, np.int32), np.empty((3, most), np.int64), np.empty(n_cases, CASE)
    entries = (np.empty(n_entries, np.int32), np.empty(n_entries, np.float64), np.empty(n_entries, np.float64))
    bits, views = np.empty(last - first, np.int64), np.empty(last - first, np.int64)
    counts, whole = np.empty((last - first, 2, COUNTS), np.int64), np.full((last - first, 2), -1, np.int64)
    count = 0
    for at in range(first, last):
        one = at - first
        held = held_by(buckets[at], tables, sheet, rows, lots)
        note_rows(buckets[at], tables, sheet)
        count_view(rows, lots, held, True, sheet, counts[one, 0])
        bits[one], views[one] = counts[one, 0, 3], 2 if counts[one, 0, 4] > 0 else 1
        for view in range(views[one]):
            if view == 1:
                count_view(rows, lots, held, False, sheet, counts[one, 1])
            count = add_view(rows, lots, held, view == 0, bits[one], sheet, cases, count, entries)
            whole[one, view] = count - 1
    known = np.full((count, len(sheet.blocks)), np.inf)
    for at in range(first, last):
        if bits[at - first]:
            for block in range(len(sheet.blocks)):
                known[whole[at - first, 0], block] = relaxed(primes[buckets[at], block])
    found = np.empty((count, len(sheet.blocks)), np.int64)
    measure_cases(cases[:count], entries[0], entries[1], entries[2], sheet, packs, known, found)
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
        note_answer(buckets[at], asked[at], tables, sheet)


@njit(cache=True)
def ready(count, sheet):
    """``(parts, rows, largest result, largest rank)`` of a sheet, with room for guesses about so many buckets."""
    pool, blocks = sheet.pool, len(sheet.blocks)
    if len(pool.primes) < count:
        primes = np.full((count + count // 2, blocks), np.inf)
        for at in range(len(pool.primes)):
            primes[at] = pool.primes[at]
        pool.primes = primes
    parts, largest, rank = np.int64(0), np.int64(1), np.int64(1)
    for at in range(len(sheet.rows)):
        largest = max(largest, np.int64(sheet.rows[at].largest_units))
    for at in range(blocks):
        rank = max(rank, rank_of(sheet.blocks[at]))
        parts += parts_of(sheet.blocks[at])
    return parts, len(sheet.rows), largest, rank


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

    ``packs`` are the sheet's results as ``pack`` writes them; ``ready`` and ``standing.make_room`` have made room. What
    is asked is noted at once.
    """
    chunks, primes = (len(buckets) + chunk - 1) // chunk, sheet.pool.primes
    for at in prange(chunks):
        remargin_chunk(at * chunk, min(len(buckets), (at + 1) * chunk), buckets, tables, sheet, packs, primes, asked)

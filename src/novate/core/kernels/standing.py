"""What was asked of portfolio buckets last, for as long as it stands.

A sheet says what a lot loses, so a mark changes nothing of a requirement: only a bucket's lots, its orders and its lots
of collateral do. All that was asked when many were judged is noted with what it was asked for, side by side with the
table of positions; where that is still the same, so is the requirement. It is a cache and never state: every row is
compared, and what cannot be found again is worked out again.
"""

import numpy as np
from numba import njit, prange

from novate.core.kernels.borrowing import borrowing
from novate.core.kernels.bound import lots_carried
from novate.core.kernels.portfolio import require, room_for, rows_of
from novate.core.layout import ANSWER, ASKED_FOR

NOWHERE = -1
PIECES = 64


@njit(cache=True)
def make_room(buckets, positions, width, sheet):
    """Make room for what is asked of so many buckets with so many rows of positions in all."""
    pool = sheet.pool
    if len(pool.answers) < buckets or pool.answered_lots.shape[1] != width:
        pool.answers = np.zeros(buckets, ANSWER)
        pool.answered_lots = np.zeros((len(pool.answers), width), np.int64)
        forget(sheet)
    if len(pool.asked_for) < positions:
        pool.asked_for = np.zeros(positions, ASKED_FOR)
        forget(sheet)


@njit(cache=True)
def forget(sheet):
    """Let nothing of what was noted stand."""
    pool = sheet.pool
    for at in range(len(pool.answers)):
        pool.answers[at].start = NOWHERE


@njit(cache=True)
def take_memory(former, sheet):
    """Let a sheet have the memory of the former one, with nothing in it; the former has none then."""
    mine, other = sheet.pool, former.pool
    mine.answers, mine.asked_for, mine.answered_lots = other.answers, other.asked_for, other.answered_lots
    other.answers, other.asked_for = np.empty(0, ANSWER), np.empty(0, ASKED_FOR)
    other.answered_lots = np.empty((0, 0), np.int64)
    forget(sheet)


@njit(cache=True)
def has_collateral(sheet):
    """Whether a sheet has a row of collateral."""
    return len(sheet.of_asset) > 0 and sheet.of_asset.max() >= 0


@borrowing
def same_rows(bucket, start, count, positions, orders, asked_for):
    """Whether a bucket has the very lots and orders that it was last asked for."""
    for at in range(start, start + count):
        position, noted = positions[at], asked_for[at]
        resting = orders[np.uint32(position.orders)]
        same = (noted.bucket == bucket) & (noted.contract == position.contract) & (noted.lots == position.lots)
        if not same & (noted.bids == resting.bids) & (noted.asks == resting.asks):
            return False
    return True


@njit(cache=True)
def note_rows(bucket, tables, sheet):
    """Note the lots, orders and collateral of a bucket, which is about to be asked for what they must have."""
    own, pool = tables.buckets[bucket], sheet.pool
    for at in range(own.start, own.start + own.count):
        position, noted = tables.positions[at], pool.asked_for[at]
        resting = tables.orders[np.uint32(position.orders)]
        noted.bucket, noted.contract, noted.lots = bucket, position.contract, position.lots
        noted.bids, noted.asks = resting.bids, resting.asks
    for asset in range(tables.balances.shape[1]):
        pool.answered_lots[bucket, asset] = lots_carried(tables.balances, bucket, asset, sheet)


@njit(cache=True)
def note_answer(bucket, asked, tables, sheet):
    """Note what is asked of a bucket, ``(initial, maintenance)``, for what ``note_rows`` has noted of it."""
    own, answer = tables.buckets[bucket], sheet.pool.answers[bucket]
    answer.start, answer.count, answer.initial_fine, answer.maintenance_fine = own.start, own.count, asked[0], asked[1]


@njit(cache=True)
def same_collateral(bucket, balances, lots, sheet):
    """Whether a bucket has as many lots of collateral as it was last asked for."""
    for asset in range(balances.shape[1]):
        if lots[bucket, asset] != lots_carried(balances, bucket, asset, sheet):
            return False
    return True


@njit(cache=True, parallel=True)
def recall(buckets, tables, sheet, asked, changed):
    """``asked[at] = (initial, maintenance)`` of the buckets whose last requirement stands; ``changed[at]`` of others.

    ``make_room`` has made room.
    """
    collateral, pool = has_collateral(sheet), sheet.pool
    answers, asked_for, lots = pool.answers, pool.asked_for, pool.answered_lots
    own_buckets, positions, orders, balances = tables.buckets, tables.positions, tables.orders, tables.balances
    for piece in prange(PIECES):
        for at in range(piece * len(buckets) // PIECES, (piece + 1) * len(buckets) // PIECES):
            bucket = buckets[at]
            own, answer = own_buckets[bucket], answers[bucket]
            stands = answer.start == own.start and answer.count == own.count
            stands = stands and same_rows(bucket, own.start, own.count, positions, orders, asked_for)
            if stands and (not collateral or same_collateral(bucket, balances, lots, sheet)):
                asked[at, 0], asked[at, 1] = answer.initial_fine, answer.maintenance_fine
            else:
                changed[at] = True


@njit(cache=True)
def require_each(buckets, tables, sheet, asked):
    """``asked[at] = (initial, maintenance)`` of the buckets, one after the other; noted at once."""
    vectors, measures, counts = room_for(sheet)
    for at in range(len(buckets)):
        own = tables.buckets[buckets[at]]
        note_rows(buckets[at], tables, sheet)
        rows = rows_of(own.start, own.count, tables.positions, tables.orders)
        own_asked = require(rows, tables.balances, buckets[at], sheet, vectors, measures, counts)
        asked[at, 0], asked[at, 1] = own_asked
        note_answer(buckets[at], own_asked, tables, sheet)

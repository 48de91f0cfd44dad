"""Measures of losses by scenario, and how those of netting sets and blocks become a requirement in sheet units.

Results are float64 that hold integers below 2^52 in sum, so products and sums are exact in any order.
"""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, credit, divided
from novate.core.layout import EXPECTED_SHORTFALL, WORST
from novate.core.money import PPM

SMALL_RANK = 48  # up to here the worst are kept sorted as they are met; beyond, the scenarios are partitioned


@njit(cache=True, fastmath={"nnan", "nsz"})
def least(values):
    """The smallest value: there is no NaN here, and zero has no sign that counts."""
    lowest = values[0]
    for value in values:
        if value < lowest:
            lowest = value
    return np.int64(lowest)


@njit(cache=True)
def least_of_rank(values, rank):
    """``(sum of the rank smallest values, the largest of these)`` as integers."""
    total = 0
    if rank > SMALL_RANK:
        parted = np.partition(values, rank - 1)
        for at in range(rank):
            total += np.int64(parted[at])
        return total, np.int64(parted[rank - 1])
    kept = np.empty(rank, np.float64)
    held = 0
    for value in values:
        if held == rank:
            if value >= kept[held - 1]:
                continue
            held -= 1
        at = held
        while at > 0 and kept[at - 1] > value:
            kept[at] = kept[at - 1]
            at -= 1
        kept[at] = value
        held += 1
    for at in range(rank):
        total += np.int64(kept[at])
    return total, np.int64(kept[rank - 1])


@njit(cache=True)
def rank_of(block):
    """How many of a block's least results say what it measures."""
    if block.measure == WORST:
        return np.int64(1)
    if block.measure == EXPECTED_SHORTFALL:
        mass = np.int64(block.count) * block.tail_numerator
        return divided(mass + block.tail_denominator - 1, block.tail_denominator)
    return np.int64(block.rank)


@njit(cache=True)
def loss_of(total, last, block):
    """What a block measures, not below zero: from the sum of its ``rank_of`` least results and the largest of these."""
    if block.measure == EXPECTED_SHORTFALL:
        return max(0, shortfall(total, last, block))
    return max(0, -last)


@njit(cache=True)
def shortfall(total, last, block):
    """Expected shortfall: the mean of the worst ``numerator / denominator`` of the results, as a loss, rounded up."""
    mass, denominator = np.int64(block.count) * block.tail_numerator, block.tail_denominator
    rest = mass % denominator
    inner = total - last if rest > 0 else total
    parts = denominator * (inner % mass)
    mean = denominator * (inner // mass)
    if rest > 0:
        parts += rest * (last % mass)
        mean += rest * (last // mass)
    return -(mean + parts // mass)


@njit(cache=True)
def measure(values, blocks, into):
    """The loss of each block, not below zero."""
    for at in range(len(blocks)):
        block = blocks[at]
        own = values[block.first : block.first + block.count]
        if block.measure == WORST:
            value = least(own)
            into[at] = loss_of(value, value, block)
        else:
            total, last = least_of_rank(own, rank_of(block))
            into[at] = loss_of(total, last, block)


@njit(cache=True)
def combine(measures, blocks, offset_ppm):
    """Losses of every netting set, the last row those of all together, combined into sheet units, rounded up."""
    last = measures.shape[0] - 1
    whole, rest, floor = 0, 0, 0
    for at in range(len(blocks)):
        block = blocks[at]
        asked = measures[last, at]
        alone = 0
        for own in range(last):
            alone += measures[own, at]
        if alone > asked:
            asked = alone - credit(alone - asked, offset_ppm)
        if block.floor != 0:
            floor = max(floor, charge(asked, block.weight_ppm))
        else:
            whole += divided(asked, PPM) * block.weight_ppm
            rest += (asked % PPM) * block.weight_ppm
    return max(floor, whole + divided(rest + PPM - 1, PPM))


@njit(cache=True)
def asked_alone(results, blocks):
    """``(long, short)``: sheet units that one lot asks for by itself, add-ons and rounding left out."""
    measures = np.empty((1, len(blocks)), np.int64)
    gains = results.astype(np.float64)
    measure(gains, blocks, measures[0])
    long = combine(measures, blocks, 0)
    measure(-gains, blocks, measures[0])
    return long, combine(measures, blocks, 0)

"""A side of a fill, or two of one purse, judged alone and not in a batch.

A record is a bare address. The array that it stands in is let go after the last look-up in it, which may be before the
call that reads the record: what is held stands in arrays of the caller's here, which outlive the call.
"""

import numpy as np
from numba import njit

from novate.core.kernels.borrowing import FIRST, NO, NOTHING, SECOND, owning
from novate.core.kernels.overlay import load, take_position
from novate.core.kernels.pool import begin_alone, slot_for
from novate.core.kernels.search import purse_of
from novate.core.kernels.sides import judge_in_purse, judge_leg, judge_leg_by_sheet
from novate.core.kernels.tables import columns
from novate.core.layout import BALANCE, JUDGED, OPEN_ORDERS, POSITION, SUBTOTAL


@njit(cache=True)
def judge_two(first, second, contract_index, lots, value, tables):
    """Two legs between sub-accounts of one purse, without fee; ``lots`` are the first one's. As ``judge_in_purse``."""
    positions, resting = np.zeros(2, POSITION), np.zeros(2, OPEN_ORDERS)
    take_position(first, contract_index, tables.buckets, tables.positions, tables.orders, positions, resting, 0)
    take_position(second, contract_index, tables.buckets, tables.positions, tables.orders, positions, resting, 1)
    return judge_two_held(first, second, contract_index, lots, value, positions, resting, tables)


@owning
def judge_two_held(first, second, contract_index, lots, value, positions, resting, tables):
    """The same, with what both hold."""
    width, buckets = len(tables.assets), tables.buckets
    sums, judged, balances = np.zeros((2, width), SUBTOTAL), np.zeros(2, JUDGED), np.empty((2, width), BALANCE)
    load(np.array([purse_of(first, buckets)], np.int32), tables, balances, sums, judged)
    new_balances, new_sums = np.empty((2, width), BALANCE), np.empty((2, width), SUBTOTAL)
    return judge_in_purse(
        lots, value, NOTHING, positions[0], positions[1], resting[0], resting[1], NOTHING, NOTHING, NO, FIRST, SECOND,
        tables.contracts[contract_index], buckets[first].access, buckets[second].access, balances, sums, judged,
        new_balances, new_sums, tables.assets, tables.tiers, tables.gains_ppm, tables.long_option_ppm,
        np.empty((2, 2), np.int64),
    )  # fmt: skip


@njit(cache=True)
def judge_side(bucket, contract_index, lots, value, tables, sheet):
    """One side of a fill on its own, without fee: ``(reason, figure, equity after, initial after)``."""
    position, resting = np.zeros(1, POSITION), np.zeros(1, OPEN_ORDERS)
    take_position(bucket, contract_index, tables.buckets, tables.positions, tables.orders, position, resting, 0)
    return judge_side_held(bucket, contract_index, lots, value, position, resting, tables, sheet)


@owning
def judge_side_held(bucket, contract_index, lots, value, position, resting, tables, sheet):
    """The same, with what it holds."""
    width = len(tables.assets)
    sums, judged, balances = np.zeros((1, width), SUBTOTAL), np.zeros(1, JUDGED), np.empty((1, width), BALANCE)
    touched = np.array([purse_of(bucket, tables.buckets)], np.int32)
    by_sheet = load(touched, tables, balances, sums, judged)
    access = tables.buckets[bucket].access
    new_balances, new_sums = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL)
    if sheet is not None and by_sheet > 0:
        begin_alone(touched, 1, tables, sheet)
        slot = slot_for(FIRST, bucket, position, resting, columns(tables), sheet, balances, sums, judged)
        return judge_leg_by_sheet(
            lots, value, NOTHING, position[0], resting[0], NOTHING, NO, FIRST, FIRST, slot, contract_index, access,
            balances, sums, judged, new_balances, new_sums, columns(tables), sheet,
        )  # fmt: skip
    return judge_leg(
        lots, value, NOTHING, position[0], resting[0], NOTHING, NO, FIRST, FIRST, tables.contracts[contract_index],
        access, balances, sums, judged, new_balances, new_sums, tables.assets, tables.tiers, tables.gains_ppm,
        tables.long_option_ppm,
    )  # fmt: skip

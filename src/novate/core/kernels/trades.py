"""Trades decided on an overlay of the touched rows; the book is not written.

Four passes: *route* each row to its two overlay buckets, *load* every touched bucket once (its balances and sums),
*hold* every touched position once, *judge* the rows in order, each seeing those before it.
"""

import numpy as np
from numba import njit

from novate.core.kernels.admit import check_row, is_promised
from novate.core.kernels.arithmetic import charge, reference_at, value_at
from novate.core.kernels.legs import apply_leg
from novate.core.kernels.limits import count_trade, counted, limit_passed
from novate.core.kernels.margin import option_worth, total, worse_side
from novate.core.kernels.overlay import load, slot_of, table_for, take_position
from novate.core.kernels.search import bucket_of
from novate.core.layout import (
    BALANCE,
    JUDGED,
    OPEN_ORDERS,
    POSITION,
    REDUCE_ONLY,
    RESTRICTED,
    SUBTOTAL,
)
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason
from novate.core.rows import FILLS_BUYER, FILLS_SELLER, NOVATED, REFUSED, RESERVED

ACCEPTED = int(Reason.ACCEPTED)
DUPLICATE_OR_LATE = int(Reason.DUPLICATE_OR_LATE)
PRICE_MISSING = int(Reason.PRICE_MISSING)
MEMBER_IN_DEFAULT = int(Reason.MEMBER_IN_DEFAULT)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
PREMIUM_NOT_COVERED = int(Reason.PREMIUM_NOT_COVERED)
MARGIN_INSUFFICIENT = int(Reason.MARGIN_INSUFFICIENT)
OPEN_INTEREST_LIMIT_EXCEEDED = int(Reason.OPEN_INTEREST_LIMIT_EXCEEDED)
GROUP_LIMIT_EXCEEDED = int(Reason.GROUP_LIMIT_EXCEEDED)
ACCOUNT_RESTRICTED = int(Reason.ACCOUNT_RESTRICTED)
ORDERS_EXCEEDED = int(Reason.ORDERS_EXCEEDED)


@njit(cache=True, inline="always")
def more_required(old_lots, lots, filled, resting, contract, tiers):
    """How much more of initial margin a leg asks for, ``filled`` lots of it taken off the resting orders."""
    bids, asks = resting.bids, resting.asks
    before, _ = worse_side(old_lots, bids, asks, contract, tiers)
    if lots > 0:
        bids -= filled
    else:
        asks -= filled
    after, _ = worse_side(old_lots + lots, bids, asks, contract, tiers)
    return after - before


@njit(cache=True, inline="always")
def judge_leg(
    lots, value, fee, position, resting, filled, guaranteed, side, over, contract, access, balances, sums, judged,
    new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
):  # fmt: skip
    """Whether one side of a trade is acceptable: ``(reason, figure, equity after, initial after)``.

    ``filled`` lots of the side's ``resting`` orders become the trade; where those are guaranteed neither a restriction
    nor a lack of margin refuses it, unless a premium must be covered. Row ``over`` of ``balances``, ``sums`` and
    ``judged`` is the side before the trade; its rows after it are left in row ``side`` of ``new_balances`` and
    ``new_sums``. Nothing else is written.
    """
    asset = contract.asset
    old_lots, old_cost = position.lots, position.cost_fine
    new_lots = old_lots + lots
    cost = lots * value
    guaranteed = is_promised(filled, guaranteed, contract)
    balance = balances[over, asset]
    equity, initial, priced = judged[over].equity_fine, judged[over].initial_fine, judged[over].priced
    shortfall = initial - equity
    cash = balance.balance_minor * assets[asset].unit_fine
    grown = (abs(new_lots) - abs(old_lots) - filled) * contract.largest_value_fine
    grown += abs(old_cost + cost) - abs(old_cost)
    # A settled swing can leave exposure near 2^63 and cash near 2^62: room is tested before more is taken from it.
    room = EXPOSURE_MAX - balance.exposure_fine - cash
    reason, figure = ACCEPTED, np.int64(0)
    if abs(new_lots) > contract.position_limit_lots:
        reason, figure = POSITION_LIMIT_EXCEEDED, contract.position_limit_lots
    elif grown > 0 and (room < 0 or grown > room - abs(balance.carry_fine) - fee):
        reason, figure = EXPOSURE_LIMIT_EXCEEDED, np.int64(EXPOSURE_MAX)
    else:
        for at in range(new_sums.shape[1]):
            new_balances[side, at] = balances[over, at]
            new_sums[side, at] = sums[over, at]
        new_balances[side, asset].carry_fine -= fee
        new_sums[side, asset].initial_fine += more_required(old_lots, lots, filled, resting, contract, tiers)
        if contract.option == 0:
            new_sums[side, asset].variation_fine += lots * contract.value_fine - cost
        else:
            new_sums[side, asset].option_fine += option_worth(new_lots, contract, long_option_ppm)
            new_sums[side, asset].option_fine -= option_worth(old_lots, contract, long_option_ppm)
            new_balances[side, asset].premium_fine += cost
        equity, _, initial, _, still_priced = total(new_balances, side, new_sums, side, assets, gains_ppm)
        reduces = (old_lots > 0 and lots < 0 and new_lots >= 0) or (old_lots < 0 and lots > 0 and new_lots <= 0)
        owed = new_balances[side, asset].premium_fine
        owed -= min(0, new_balances[side, asset].carry_fine + new_sums[side, asset].variation_fine)
        if access == REDUCE_ONLY and not reduces:
            reason = MEMBER_IN_DEFAULT
        elif access == RESTRICTED and not (reduces or guaranteed):
            reason = ACCOUNT_RESTRICTED
        elif contract.option != 0 and cost > 0 and owed > cash:
            reason, figure = PREMIUM_NOT_COVERED, owed - cash
        elif not (guaranteed or (reduces and initial - equity <= shortfall)):
            if priced == 0 or still_priced == 0:
                reason = PRICE_MISSING
            elif equity < initial:
                reason, figure = MARGIN_INSUFFICIENT, initial - equity
    return reason, figure, equity, initial


@njit(cache=True)
def judge_side(bucket, contract_index, lots, value, tables):
    """One side of a fill on its own, without fee: ``(reason, figure, equity after, initial after)``."""
    width = len(tables.assets)
    contracts, assets, tiers = tables.contracts, tables.assets, tables.tiers
    sums = np.zeros((1, width), SUBTOTAL)
    judged = np.zeros(1, JUDGED)
    balances = np.empty((1, width), BALANCE)
    touched = np.array([bucket], np.int32)
    load(touched, tables, balances, sums, judged)
    position, resting = np.zeros(1, POSITION), np.zeros(1, OPEN_ORDERS)
    take_position(bucket, contract_index, tables, position, resting, 0)
    contract = contracts[contract_index]
    access = tables.buckets[bucket].access
    new_balances, new_sums = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL)
    return judge_leg(
        lots, value, 0, position[0], resting[0], 0, False, 0, 0, contract, access, balances, sums, judged,
        new_balances, new_sums, assets, tiers, tables.gains_ppm, tables.long_option_ppm,
    )  # fmt: skip


# ---- the overlay ----------------------------------------------------------------------------------------------------


@njit(cache=True)
def route(rows, mark, n_contracts, n_accounts, guaranteed, tables, reasons, figures, sides):
    """Check every row and give its buyer and seller their overlay slots; returns ``(buckets by slot, new mark)``."""
    contracts, buckets = tables.contracts, tables.buckets
    keys = table_for(len(rows))
    slots = np.empty(len(keys), np.int32)
    touched = np.empty(2 * len(rows), np.int32)
    n_touched = 0
    for at in range(len(rows)):
        reasons[at], figures[at] = check_row(rows[at], mark, n_contracts, n_accounts, guaranteed, contracts, buckets)
        if reasons[at] != DUPLICATE_OR_LATE:
            mark = rows[at].number
        if reasons[at] != ACCEPTED:
            continue
        for side in range(2):
            bucket = bucket_of(rows[at].buyer if side == 0 else rows[at].seller, rows[at].contract, buckets)
            slot = slot_of(bucket, keys)
            if keys[slot] == -1:
                keys[slot] = bucket
                slots[slot] = n_touched
                touched[n_touched] = bucket
                n_touched += 1
            sides[at, side] = slots[slot]
    return touched[:n_touched], mark


@njit(cache=True)
def hold(rows, reasons, n_contracts, tables, touched, sides, held):
    """Copy every position that a row touches, once, and its open orders; ``held`` gets the overlay row of each side.

    A pass of its own, because look-ups that do not wait for one another overlap.
    """
    keys = table_for(len(rows))
    slots = np.empty(len(keys), np.int32)
    positions, resting = np.empty(2 * len(rows), POSITION), np.empty(2 * len(rows), OPEN_ORDERS)
    n_positions = 0
    for at in range(len(rows)):
        if reasons[at] != ACCEPTED:
            continue
        for side in range(2):
            bucket = touched[sides[at, side]]
            key = np.int64(bucket) * n_contracts + rows[at].contract
            slot = slot_of(key, keys)
            if keys[slot] == -1:
                keys[slot] = key
                slots[slot] = n_positions
                take_position(bucket, rows[at].contract, tables, positions, resting, n_positions)
                n_positions += 1
            held[at, side] = slots[slot]
    return positions, resting


@njit(cache=True)
def count_ahead(rows, reasons, tables):
    """The limits to count this batch on; none where no row is in a contract that has one."""
    for at in range(len(rows)):
        if reasons[at] == ACCEPTED and tables.contracts[rows[at].contract].limited != 0:
            return counted(tables.limits, tables.contracts)
    return tables.limits[:0].copy()


@njit(cache=True)
def check_limits(row, held, positions, contract, counts, spans, lists):
    """Whether a trade stays inside every limit that its sides share: its reason and the number of the limit."""
    limit = limit_passed(row, held, positions, contract.open_limit, counts, spans, lists)
    if limit < 0:
        return ACCEPTED, np.int64(0)
    open_interest = counts[limit].everyone != 0
    return OPEN_INTEREST_LIMIT_EXCEEDED if open_interest else GROUP_LIMIT_EXCEEDED, np.int64(counts[limit].number)


@njit(cache=True)
def check_filled(row, buying, selling):
    """Whether the resting orders that a trade says it fills are as large as it is."""
    if row.filled & FILLS_BUYER and row.lots > buying.bids:
        return ORDERS_EXCEEDED, buying.bids
    if row.filled & FILLS_SELLER and row.lots > selling.asks:
        return ORDERS_EXCEEDED, selling.asks
    return ACCEPTED, np.int64(0)


@njit(cache=True)
def check_both(row, fee, fees, held, positions, resting, contract, counts, spans, lists):
    """What both sides share: room for the fees, the orders that are filled, and the limits; a reason and its figure."""
    if fees > EXPOSURE_MAX - 2 * fee:
        return EXPOSURE_LIMIT_EXCEEDED, np.int64(EXPOSURE_MAX)
    if row.filled != 0:
        reason, figure = check_filled(row, resting[held[0]], resting[held[1]])
        if reason != ACCEPTED:
            return reason, figure
    if contract.limited != 0:
        return check_limits(row, held, positions, contract, counts, spans, lists)
    return ACCEPTED, np.int64(0)


@njit(cache=True, inline="always")
def put_on_record(novated, row, at, value, fee, buyer, seller):
    """Fill in a novated trade between two buckets; ``at`` is its row in the batch."""
    novated.lots, novated.value_fine = row.lots, value
    novated.buyer_fee_fine = novated.seller_fee_fine = fee
    novated.contract, novated.row = row.contract, at
    novated.buyer, novated.seller = buyer, seller


@njit(cache=True)
def judge_in_order(
    rows, n_contracts, fees_account, guaranteed, tables, touched, sides, reasons, figures, novated, fills
):  # fmt: skip
    """Judge the routed rows one after the other on the overlay; fills ``novated`` and ``fills``, returns how many.

    A row that is refused leaves its reason and figure, and the overlay as it was.
    """
    contracts, assets, tiers, buckets = tables.contracts, tables.assets, tables.tiers, tables.buckets
    gains_ppm, long_option_ppm = tables.gains_ppm, tables.long_option_ppm
    width = tables.balances.shape[1]
    balances, sums = np.empty((len(touched), width), BALANCE), np.empty((len(touched), width), SUBTOTAL)
    judged, held = np.empty(len(touched), JUDGED), np.empty((len(rows), 2), np.int32)
    load(touched, tables, balances, sums, judged)
    positions, resting = hold(rows, reasons, n_contracts, tables, touched, sides, held)
    fees = tables.balances[fees_account].copy()
    counts, spans, lists = count_ahead(rows, reasons, tables), tables.limit_spans, tables.limit_lists
    new_balances, new_sums = np.empty((2, width), BALANCE), np.empty((2, width), SUBTOTAL)
    verdicts = np.empty((2, 2), np.int64)
    n_novated, n_fills = 0, 0
    for at in range(len(rows)):
        if reasons[at] != ACCEPTED:
            continue
        row = rows[at]
        contract = contracts[row.contract]
        value = value_at(row.price_ticks, contract)
        fee = charge(row.lots * reference_at(row.price_ticks, contract), contract.fee_ppm)
        reasons[at], figures[at] = check_both(
            row, fee, fees[contract.asset].carry_fine, held[at], positions, resting, contract, counts, spans, lists
        )
        for side in range(2):
            if reasons[at] != ACCEPTED:
                break
            lots = row.lots if side == 0 else -row.lots
            filled = row.lots if row.filled & (1 << side) else np.int64(0)
            over, own = sides[at, side], held[at, side]
            access = buckets[touched[over]].access
            reasons[at], figures[at], verdicts[side, 0], verdicts[side, 1] = judge_leg(
                lots, value, fee, positions[own], resting[own], filled, guaranteed, side, over, contract, access,
                balances, sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
            )  # fmt: skip
        if reasons[at] != ACCEPTED:
            continue
        if contract.limited != 0:
            count_trade(row, held[at], positions, contract.open_limit, counts, spans, lists)
        for side in range(2):
            over, own = sides[at, side], held[at, side]
            lots = row.lots if side == 0 else -row.lots
            if row.filled & (1 << side):
                fill(resting[own], row.contract, touched[over], lots, fills[n_fills])
                balances[over, contract.asset].exposure_fine -= row.lots * contract.largest_value_fine
                n_fills += 1
            balances[over, contract.asset].carry_fine -= fee
            apply_leg(positions[own], balances[over, contract.asset], contract, lots, lots * value)
            for asset in range(width):
                sums[over, asset] = new_sums[side, asset]
            judged[over].equity_fine, judged[over].initial_fine = verdicts[side, 0], verdicts[side, 1]
        fees[contract.asset].carry_fine += 2 * fee
        put_on_record(novated[n_novated], row, at, value, fee, touched[sides[at, 0]], touched[sides[at, 1]])
        n_novated += 1
    return n_novated, n_fills


@njit(cache=True)
def fill(resting, contract, bucket, lots, out):
    """Take what a trade fills off the resting orders of one side, and write it down."""
    out.bids, out.asks = -max(0, lots), min(0, lots)
    out.contract, out.bucket = contract, bucket
    resting.bids += out.bids
    resting.asks += out.asks


@njit(cache=True)
def judge_trades(rows, mark, n_contracts, n_accounts, fees_account, guaranteed, tables):
    """Decide a batch of trades: ``(NOVATED rows, RESERVED rows of filled orders, REFUSED rows, new mark)``."""
    count = len(rows)
    reasons = np.empty(count, np.int64)
    figures = np.empty(count, np.int64)
    sides = np.empty((count, 2), np.int32)
    novated = np.empty(count, NOVATED)
    n_filled = 0
    for at in range(count):
        n_filled += (rows[at].filled & FILLS_BUYER) + (rows[at].filled >> 1)
    fills = np.empty(n_filled, RESERVED)
    touched, mark = route(rows, mark, n_contracts, n_accounts, guaranteed, tables, reasons, figures, sides)
    n_novated, n_fills = judge_in_order(
        rows, n_contracts, fees_account, guaranteed, tables, touched, sides, reasons, figures, novated, fills
    )
    refused = np.empty(count - n_novated, REFUSED)
    n_refused = 0
    for at in range(count):
        if reasons[at] != ACCEPTED:
            refused[n_refused].figure = figures[at]
            refused[n_refused].row = at
            refused[n_refused].reason = reasons[at]
            n_refused += 1
    return novated[:n_novated], fills[:n_fills], refused, mark

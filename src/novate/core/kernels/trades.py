"""Trades decided on an overlay of the touched rows; the book is not written.

Four passes: *route* each row to its two overlay buckets, *load* every touched bucket once (its balances and sums),
*hold* every touched position once, *judge* the rows in order, each seeing those before it.
"""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, size_at, value_at
from novate.core.kernels.legs import apply_leg, bucket_of
from novate.core.kernels.overlay import hold, load, slot_of, table_for
from novate.core.kernels.pool import begin, keep, link_trades, slot_for
from novate.core.kernels.sides import judge_leg, judge_leg_by_sheet
from novate.core.layout import (
    BALANCE,
    COLLATERALISED,
    CROSS,
    EXPIRED,
    HOUSE_ONLY,
    JUDGED,
    LIQUIDATING,
    LIVE,
    SUBTOTAL,
)
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason
from novate.core.rows import BUYER, FILLS_BUYER, FILLS_SELLER, NEITHER, NOVATED, REFUSED, RESERVED, SELLER

ACCEPTED = int(Reason.ACCEPTED)
DUPLICATE_OR_LATE = int(Reason.DUPLICATE_OR_LATE)
CONTRACT_UNKNOWN = int(Reason.CONTRACT_UNKNOWN)
ACCOUNT_UNKNOWN = int(Reason.ACCOUNT_UNKNOWN)
MARGIN_CLASS_UNKNOWN = int(Reason.MARGIN_CLASS_UNKNOWN)
ACCOUNTS_MUST_DIFFER = int(Reason.ACCOUNTS_MUST_DIFFER)
ACCOUNT_NOT_TRADABLE = int(Reason.ACCOUNT_NOT_TRADABLE)
CONTRACT_NOT_TRADABLE = int(Reason.CONTRACT_NOT_TRADABLE)
QUANTITY_MUST_BE_POSITIVE = int(Reason.QUANTITY_MUST_BE_POSITIVE)
PRICE_OUT_OF_LIMITS = int(Reason.PRICE_OUT_OF_LIMITS)
PRICE_MISSING = int(Reason.PRICE_MISSING)
CONTRACT_EXPIRED = int(Reason.CONTRACT_EXPIRED)
ACCOUNT_IN_LIQUIDATION = int(Reason.ACCOUNT_IN_LIQUIDATION)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
ORDERS_EXCEEDED = int(Reason.ORDERS_EXCEEDED)
MALFORMED = int(Reason.MALFORMED)


@njit(cache=True, inline="always")
def may_name(account, buckets):
    """Whether a trade may name an account: one of a member or client, and not an isolated bucket of it."""
    own = buckets[account]
    return own.access != HOUSE_ONLY and own.contract == CROSS


@njit(cache=True, inline="always")
def access_of(account, contract, buckets):
    """What the bucket that an account's trades in a contract go to may do; nothing where a trade may not name it."""
    if not may_name(account, buckets):
        return np.int32(HOUSE_ONLY)
    return buckets[bucket_of(account, contract, buckets)].access


@njit(cache=True)
def check_row(row, mark, n_contracts, n_accounts, contracts, buckets):
    """Everything about a trade that does not need margin: ``(reason, figure, side)``, the first that fails."""
    if row.number <= mark:
        return DUPLICATE_OR_LATE, mark, NEITHER
    if row.contract < 0 or row.contract >= n_contracts:
        return CONTRACT_UNKNOWN, np.int64(row.contract), NEITHER
    if row.buyer < 0 or row.buyer >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.buyer), BUYER
    if row.seller < 0 or row.seller >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.seller), SELLER
    buyer_access = access_of(row.buyer, row.contract, buckets)
    seller_access = access_of(row.seller, row.contract, buckets)
    return check_terms(row, contracts[row.contract], buyer_access, seller_access)


@njit(cache=True)
def check_terms(row, contract, buyer_access, seller_access):
    """What the contract's terms and the accesses of two known accounts say of a trade: ``(reason, figure, side)``."""
    if contract.tier_count == 0 and contract.tradable != 0 and contract.style != COLLATERALISED:
        return MARGIN_CLASS_UNKNOWN, np.int64(row.contract), NEITHER
    if row.buyer == row.seller:
        return ACCOUNTS_MUST_DIFFER, np.int64(row.buyer), NEITHER
    if buyer_access == HOUSE_ONLY:
        return ACCOUNT_NOT_TRADABLE, np.int64(row.buyer), BUYER
    if seller_access == HOUSE_ONLY:
        return ACCOUNT_NOT_TRADABLE, np.int64(row.seller), SELLER
    if contract.tradable == 0:
        return CONTRACT_NOT_TRADABLE, np.int64(row.contract), NEITHER
    if row.lots <= 0:
        return QUANTITY_MUST_BE_POSITIVE, row.lots, NEITHER
    if row.price_ticks < contract.price_min_ticks or row.price_ticks > contract.price_max_ticks:
        return PRICE_OUT_OF_LIMITS, row.price_ticks, NEITHER
    if contract.state != LIVE:
        return CONTRACT_EXPIRED if contract.state == EXPIRED else PRICE_MISSING, np.int64(row.contract), NEITHER
    if buyer_access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.buyer), BUYER
    if seller_access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.seller), SELLER
    if row.lots > contract.position_limit_lots:
        return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots, NEITHER
    if row.filled < 0 or row.filled > FILLS_BUYER + FILLS_SELLER:
        return MALFORMED, np.int64(row.filled), NEITHER
    return ACCEPTED, np.int64(0), NEITHER


# ---- the overlay ----------------------------------------------------------------------------------------------------


@njit(cache=True)
def route(rows, mark, n_contracts, n_accounts, tables, reasons, figures, failed, sides):
    """Check every row and give its buyer and seller their overlay slots; returns ``(buckets by slot, new mark)``."""
    contracts, buckets = tables.contracts, tables.buckets
    keys = table_for(len(rows))
    slots = np.empty(len(keys), np.int32)
    touched = np.empty(2 * len(rows), np.int32)
    n_touched = 0
    for at in range(len(rows)):
        reason, figure, side_failed = check_row(rows[at], mark, n_contracts, n_accounts, contracts, buckets)
        reasons[at], figures[at], failed[at] = reason, figure, side_failed
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
def overlay_of(rows, reasons, n_contracts, tables, touched, sides):
    """Load what the routed rows touch: balances, sums and judgements by bucket, the sides' positions and orders."""
    width = tables.balances.shape[1]
    balances, sums = np.empty((len(touched), width), BALANCE), np.empty((len(touched), width), SUBTOTAL)
    judged, held = np.empty(len(touched), JUDGED), np.empty((len(rows), 2), np.int32)
    by_sheet = load(touched, tables, balances, sums, judged)
    positions, resting = hold(rows, reasons, n_contracts, tables, touched, sides, held)
    if by_sheet > 0:
        pool = begin(by_sheet, touched, len(positions), tables.sheet)
        link_trades(rows, reasons, sides, held, touched, tables.buckets, pool)
    return balances, sums, judged, held, positions, resting


@njit(cache=True, inline="always")
def take_on(lots, value, fee, position, over, side, contract, balances, sums, new_sums, judged, verdicts):
    """A side of an accepted trade to the overlay."""
    balances[over, contract.asset].carry_fine -= fee
    apply_leg(position, balances[over, contract.asset], contract, lots, lots * value)
    for asset in range(sums.shape[1]):
        sums[over, asset] = new_sums[side, asset]
    judged[over].equity_fine, judged[over].initial_fine = verdicts[side, 0], verdicts[side, 1]


@njit(cache=True)
def judge_in_order(
    rows, n_contracts, fees_account, guaranteed, tables, touched, sides, reasons, figures, failed, novated, fills
):
    """Judge the routed rows one after the other on the overlay; fills ``novated`` and ``fills``, returns how many.

    A row that is refused leaves its reason, figure and the side that failed, and the overlay as it was.
    """
    contracts, assets, tiers, buckets = tables.contracts, tables.assets, tables.tiers, tables.buckets
    gains_ppm, long_option_ppm = tables.gains_ppm, tables.long_option_ppm
    balances, sums, judged, held, positions, resting = overlay_of(rows, reasons, n_contracts, tables, touched, sides)
    fees = tables.balances[fees_account].copy()
    new_balances, new_sums = np.empty((2, len(fees)), BALANCE), np.empty((2, len(fees)), SUBTOTAL)
    verdicts, n_novated, n_fills = np.empty((2, 2), np.int64), 0, 0
    for at in range(len(rows)):
        if reasons[at] != ACCEPTED:
            continue
        row = rows[at]
        contract = contracts[row.contract]
        value = value_at(row.price_ticks, contract)
        fee = charge(row.lots * size_at(row.price_ticks, contract), contract.fee_ppm)
        if fees[contract.asset].carry_fine > EXPOSURE_MAX - 2 * fee:
            reasons[at], figures[at] = EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX
        elif row.filled != 0:
            reasons[at], figures[at], failed[at] = check_filled(row, resting[held[at, 0]], resting[held[at, 1]])
        for side in range(2):
            if reasons[at] != ACCEPTED:
                break
            lots = row.lots if side == 0 else -row.lots
            filled = row.lots if row.filled & (1 << side) else np.int64(0)
            over, own = sides[at, side], held[at, side]
            bucket = buckets[touched[over]]
            if bucket.portfolio == 0:
                reasons[at], figures[at], verdicts[side, 0], verdicts[side, 1] = judge_leg(
                    lots, value, fee, positions[own], resting[own], filled, guaranteed, side, over, contract,
                    bucket.access, balances, sums, judged, new_balances, new_sums, assets, tiers, gains_ppm,
                    long_option_ppm,
                )  # fmt: skip
            else:
                slot = slot_for(over, touched[over], positions, resting, tables, balances, sums, judged)
                reasons[at], figures[at], verdicts[side, 0], verdicts[side, 1] = judge_leg_by_sheet(
                    lots, value, fee, positions[own], resting[own], filled, guaranteed, side, over, slot, row.contract,
                    bucket.access, balances, sums, judged, new_balances, new_sums, tables,
                )  # fmt: skip
            failed[at] = BUYER if side == 0 else SELLER
        if reasons[at] != ACCEPTED:
            continue
        for side in range(2):
            over, own = sides[at, side], held[at, side]
            lots = row.lots if side == 0 else -row.lots
            if row.filled & (1 << side):
                fill(resting[own], lots, balances[over, contract.asset], contract, fills[n_fills])
                fills[n_fills].contract, fills[n_fills].bucket = row.contract, touched[over]
                n_fills += 1
            take_on(lots, value, fee, positions[own], over, side, contract, balances, sums, new_sums, judged, verdicts)
            if buckets[touched[over]].portfolio != 0:
                keep(over, side, row.contract, positions[own], resting[own], tables.sheet)
        fees[contract.asset].carry_fine += 2 * fee
        write_novated(novated[n_novated], at, row, value, fee, touched[sides[at, 0]], touched[sides[at, 1]])
        n_novated += 1
    return n_novated, n_fills


@njit(cache=True, inline="always")
def write_novated(done, at, row, value, fee, buyer, seller):
    """Write an accepted trade down, between the buckets of its accounts."""
    done.lots, done.value_fine = row.lots, value
    done.buyer_fee_fine = done.seller_fee_fine = fee
    done.contract, done.row = row.contract, at
    done.buyer, done.seller = buyer, seller


@njit(cache=True)
def check_filled(row, buying, selling):
    """Whether the resting orders that a trade says it fills are as large as it is: ``(reason, figure, side)``."""
    if row.filled & FILLS_BUYER and row.lots > buying.bids:
        return ORDERS_EXCEEDED, buying.bids, BUYER
    if row.filled & FILLS_SELLER and row.lots > selling.asks:
        return ORDERS_EXCEEDED, selling.asks, SELLER
    return ACCEPTED, np.int64(0), NEITHER


@njit(cache=True)
def fill(resting, lots, balance, contract, out):
    """Take what a trade fills off the resting orders of one side, and write it down."""
    out.bids, out.asks = -max(0, lots), min(0, lots)
    resting.bids += out.bids
    resting.asks += out.asks
    balance.exposure_fine -= abs(lots) * contract.largest_value_fine


@njit(cache=True)
def judge_trades(rows, mark, n_contracts, n_accounts, fees_account, guaranteed, tables):
    """Decide a batch of trades: ``(NOVATED rows, RESERVED rows of filled orders, REFUSED rows, new mark)``."""
    count = len(rows)
    reasons = np.empty(count, np.int64)
    figures = np.empty(count, np.int64)
    failed = np.zeros(count, np.int16)
    sides = np.empty((count, 2), np.int32)
    novated = np.empty(count, NOVATED)
    n_filled = 0
    for at in range(count):
        n_filled += (rows[at].filled & FILLS_BUYER) + (rows[at].filled >> 1)
    fills = np.empty(n_filled, RESERVED)
    touched, mark = route(rows, mark, n_contracts, n_accounts, tables, reasons, figures, failed, sides)
    n_novated, n_fills = judge_in_order(
        rows, n_contracts, fees_account, guaranteed, tables, touched, sides, reasons, figures, failed, novated, fills
    )
    refused = np.empty(count - n_novated, REFUSED)
    n_refused = 0
    for at in range(count):
        if reasons[at] != ACCEPTED:
            refused[n_refused].figure = figures[at]
            refused[n_refused].row = at
            refused[n_refused].reason = reasons[at]
            refused[n_refused].side = failed[at]
            n_refused += 1
    return novated[:n_novated], fills[:n_fills], refused, mark

"""Trades decided on an overlay of the touched rows; the book is not written.

Four passes: *route* each row to its two overlay buckets, *load* every touched bucket once (its balances and sums),
*hold* every touched position once, *judge* the rows in order, each seeing those before it.
"""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, reference_at, value_at
from novate.core.kernels.legs import apply_leg
from novate.core.kernels.limits import count_trade, counted, limit_passed, nearest_in_band
from novate.core.kernels.margin import option_worth, requirement, sum_positions, total
from novate.core.kernels.prefetch import AHEAD, ask_for, prefetch
from novate.core.kernels.search import bucket_of, find
from novate.core.layout import (
    BALANCE,
    CROSS,
    EXPIRED,
    HOUSE_ONLY,
    JUDGED,
    LIQUIDATING,
    LIVE,
    POSITION,
    REDUCE_ONLY,
    RESTRICTED,
    SUBTOTAL,
)
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason
from novate.core.rows import NOVATED, REFUSED

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
MEMBER_IN_DEFAULT = int(Reason.MEMBER_IN_DEFAULT)
ACCOUNT_IN_LIQUIDATION = int(Reason.ACCOUNT_IN_LIQUIDATION)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
PREMIUM_NOT_COVERED = int(Reason.PREMIUM_NOT_COVERED)
MARGIN_INSUFFICIENT = int(Reason.MARGIN_INSUFFICIENT)
PRICE_OUTSIDE_BAND = int(Reason.PRICE_OUTSIDE_BAND)
CONTRACT_HALTED = int(Reason.CONTRACT_HALTED)
OPEN_INTEREST_LIMIT_EXCEEDED = int(Reason.OPEN_INTEREST_LIMIT_EXCEEDED)
GROUP_LIMIT_EXCEEDED = int(Reason.GROUP_LIMIT_EXCEEDED)
ACCOUNT_RESTRICTED = int(Reason.ACCOUNT_RESTRICTED)


@njit(cache=True, inline="always")
def may_name(account, buckets):
    """Whether a trade may name an account: one of a member or client, and not an isolated bucket of it."""
    own = buckets[account]
    return own.access != HOUSE_ONLY and own.contract == CROSS


@njit(cache=True)
def check_row(row, mark, n_contracts, n_accounts, contracts, buckets):
    """Everything about a trade that does not need margin: its reason by precedence and the figure that goes with it."""
    if row.number <= mark:
        return DUPLICATE_OR_LATE, mark
    if row.contract < 0 or row.contract >= n_contracts:
        return CONTRACT_UNKNOWN, np.int64(row.contract)
    if row.buyer < 0 or row.buyer >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.buyer)
    if row.seller < 0 or row.seller >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.seller)
    contract = contracts[row.contract]
    if contract.tier_count == 0 and contract.tradable != 0:
        return MARGIN_CLASS_UNKNOWN, np.int64(row.contract)
    if row.buyer == row.seller:
        return ACCOUNTS_MUST_DIFFER, np.int64(row.buyer)
    if not may_name(row.buyer, buckets):
        return ACCOUNT_NOT_TRADABLE, np.int64(row.buyer)
    if not may_name(row.seller, buckets):
        return ACCOUNT_NOT_TRADABLE, np.int64(row.seller)
    if contract.tradable == 0:
        return CONTRACT_NOT_TRADABLE, np.int64(row.contract)
    if row.lots <= 0:
        return QUANTITY_MUST_BE_POSITIVE, row.lots
    if row.price_ticks < contract.price_min_ticks or row.price_ticks > contract.price_max_ticks:
        return PRICE_OUT_OF_LIMITS, row.price_ticks
    if contract.state == EXPIRED:
        return CONTRACT_EXPIRED, np.int64(row.contract)
    if contract.halted != 0:
        return CONTRACT_HALTED, np.int64(row.contract)
    if contract.state != LIVE:
        return PRICE_MISSING, np.int64(row.contract)
    if contract.band_ppm != 0:
        nearest = nearest_in_band(row.price_ticks, contract)
        if nearest != row.price_ticks:
            return PRICE_OUTSIDE_BAND, nearest
    if buckets[bucket_of(row.buyer, row.contract, buckets)].access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.buyer)
    if buckets[bucket_of(row.seller, row.contract, buckets)].access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.seller)
    if row.lots > contract.position_limit_lots:
        return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots
    return ACCEPTED, np.int64(0)


@njit(cache=True, inline="always")
def judge_leg(
    lots, value, fee, old_lots, old_cost, side, over, contract, access, balances, sums, judged, new_balances, new_sums,
    assets, tiers, gains_ppm, long_option_ppm,
):  # fmt: skip
    """Whether one side of a trade is acceptable: ``(reason, figure, equity after, initial after)``.

    Row ``over`` of ``balances``, ``sums`` and ``judged`` is the side before the trade; its rows after it are left in
    row ``side`` of ``new_balances`` and ``new_sums``. Nothing else is written.
    """
    asset = contract.asset
    new_lots = old_lots + lots
    cost = lots * value
    balance = balances[over, asset]
    equity, initial, priced = judged[over].equity_fine, judged[over].initial_fine, judged[over].priced
    shortfall = initial - equity
    cash = balance.balance_minor * assets[asset].unit_fine
    grown = (abs(new_lots) - abs(old_lots)) * contract.largest_value_fine + abs(old_cost + cost) - abs(old_cost)
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
        before, _ = requirement(old_lots, contract, tiers)
        after, _ = requirement(new_lots, contract, tiers)
        new_sums[side, asset].initial_fine += after - before
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
        elif access == RESTRICTED and not reduces:
            reason = ACCOUNT_RESTRICTED
        elif contract.option != 0 and cost > 0 and owed > cash:
            reason, figure = PREMIUM_NOT_COVERED, owed - cash
        elif not (reduces and initial - equity <= shortfall):
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
    where, found = find(bucket, contract_index, tables.buckets, tables.positions)
    old_lots = tables.positions[where].lots if found else np.int64(0)
    old_cost = tables.positions[where].cost_fine if found else np.int64(0)
    contract = contracts[contract_index]
    access = tables.buckets[bucket].access
    new_balances, new_sums = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL)
    return judge_leg(
        lots, value, 0, old_lots, old_cost, 0, 0, contract, access, balances, sums, judged, new_balances, new_sums,
        assets, tiers, tables.gains_ppm, tables.long_option_ppm,
    )  # fmt: skip


# ---- the overlay ----------------------------------------------------------------------------------------------------


@njit(cache=True, inline="always")
def slot_of(key, keys):
    """Slot of a key in an open-addressed table of int64 keys (-1 is empty): the key's own or the first free one."""
    mask = len(keys) - 1
    at = ((key * 0x9E3779B97F4A7C1) >> 20) & mask
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def table_for(count):
    """An empty table of keys with room for twice ``count`` at half load."""
    size = 16
    while size < 4 * count:
        size *= 2
    return np.full(size, -1, np.int64)


@njit(cache=True)
def route(rows, mark, n_contracts, n_accounts, tables, reasons, figures, sides):
    """Check every row and give its buyer and seller their overlay slots; returns ``(buckets by slot, new mark)``."""
    contracts, buckets = tables.contracts, tables.buckets
    keys = table_for(len(rows))
    slots = np.empty(len(keys), np.int32)
    touched = np.empty(2 * len(rows), np.int32)
    n_touched = 0
    for at in range(len(rows)):
        reasons[at], figures[at] = check_row(rows[at], mark, n_contracts, n_accounts, contracts, buckets)
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
def load(touched, tables, balances, sums, judged):
    """Copy and price every touched bucket once. Buckets lie far apart, so those ahead are asked for early."""
    buckets, positions, contracts, tiers = tables.buckets, tables.positions, tables.contracts, tables.tiers
    lot_terms = tables.lot_terms
    assets, gains_ppm, long_option_ppm = tables.assets, tables.gains_ppm, tables.long_option_ppm
    for at in range(len(touched)):
        if at + 2 * AHEAD < len(touched):
            prefetch(buckets, touched[at + 2 * AHEAD])
        if at + AHEAD < len(touched):
            ask_for(touched[at + AHEAD], buckets, positions, tables.balances)
        bucket = np.uint64(touched[at])
        own = buckets[bucket]
        for asset in range(balances.shape[1]):
            balances[at, asset] = tables.balances[bucket, asset]
        priced = sum_positions(own.start, own.count, positions, lot_terms, contracts, tiers, long_option_ppm, sums, at)
        equity, _, initial, _, known = total(balances, at, sums, at, assets, gains_ppm)
        judged[at].equity_fine = equity
        judged[at].initial_fine = initial
        judged[at].priced = priced * known


@njit(cache=True)
def hold(rows, reasons, n_contracts, tables, touched, sides, held):
    """Copy every position that a row touches, once; ``held`` gets the overlay row of each side. Returns the rows.

    A pass of its own, because look-ups that do not wait for one another overlap.
    """
    buckets, book_positions = tables.buckets, tables.positions
    keys = table_for(len(rows))
    slots = np.empty(len(keys), np.int32)
    positions = np.empty(2 * len(rows), POSITION)
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
                where, found = find(bucket, rows[at].contract, buckets, book_positions)
                if found:
                    positions[n_positions] = book_positions[where]
                else:
                    positions[n_positions].lots = 0
                    positions[n_positions].cost_fine = 0
                n_positions += 1
            held[at, side] = slots[slot]
    return positions


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


@njit(cache=True, inline="always")
def put_on_record(novated, row, at, value, fee, buyer, seller):
    """Fill in a novated trade between two buckets; ``at`` is its row in the batch."""
    novated.lots, novated.value_fine = row.lots, value
    novated.buyer_fee_fine = novated.seller_fee_fine = fee
    novated.contract, novated.row = row.contract, at
    novated.buyer, novated.seller = buyer, seller


@njit(cache=True)
def judge_in_order(rows, n_contracts, fees_account, tables, touched, sides, reasons, figures, novated):
    """Judge the routed rows one after the other on the overlay; fills ``novated`` and returns how many.

    A row that is refused leaves its reason and figure, and the overlay as it was.
    """
    contracts, assets, tiers, buckets = tables.contracts, tables.assets, tables.tiers, tables.buckets
    gains_ppm, long_option_ppm = tables.gains_ppm, tables.long_option_ppm
    width = tables.balances.shape[1]
    balances, sums = np.empty((len(touched), width), BALANCE), np.empty((len(touched), width), SUBTOTAL)
    judged = np.empty(len(touched), JUDGED)
    load(touched, tables, balances, sums, judged)
    held = np.empty((len(rows), 2), np.int32)
    positions = hold(rows, reasons, n_contracts, tables, touched, sides, held)
    fees = tables.balances[fees_account].copy()
    counts, spans, lists = count_ahead(rows, reasons, tables), tables.limit_spans, tables.limit_lists
    new_balances, new_sums = np.empty((2, width), BALANCE), np.empty((2, width), SUBTOTAL)
    verdicts = np.empty((2, 2), np.int64)
    n_novated = 0
    for at in range(len(rows)):
        if reasons[at] != ACCEPTED:
            continue
        row = rows[at]
        contract = contracts[row.contract]
        value = value_at(row.price_ticks, contract)
        fee = charge(row.lots * reference_at(row.price_ticks, contract), contract.fee_ppm)
        if fees[contract.asset].carry_fine > EXPOSURE_MAX - 2 * fee:
            reasons[at], figures[at] = EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX
        if contract.limited != 0 and reasons[at] == ACCEPTED:
            reasons[at], figures[at] = check_limits(row, held[at], positions, contract, counts, spans, lists)
        for side in range(2):
            if reasons[at] != ACCEPTED:
                break
            lots = row.lots if side == 0 else -row.lots
            over = sides[at, side]
            access = buckets[touched[over]].access
            own = held[at, side]
            old_lots, old_cost = positions[own].lots, positions[own].cost_fine
            reasons[at], figures[at], verdicts[side, 0], verdicts[side, 1] = judge_leg(
                lots, value, fee, old_lots, old_cost, side, over, contract, access, balances, sums, judged,
                new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
            )  # fmt: skip
        if reasons[at] != ACCEPTED:
            continue
        if contract.limited != 0:
            count_trade(row, held[at], positions, contract.open_limit, counts, spans, lists)
        for side in range(2):
            over = sides[at, side]
            lots = row.lots if side == 0 else -row.lots
            balances[over, contract.asset].carry_fine -= fee
            apply_leg(positions[held[at, side]], balances[over, contract.asset], contract, lots, lots * value)
            for asset in range(width):
                sums[over, asset] = new_sums[side, asset]
            judged[over].equity_fine, judged[over].initial_fine = verdicts[side, 0], verdicts[side, 1]
        fees[contract.asset].carry_fine += 2 * fee
        put_on_record(novated[n_novated], row, at, value, fee, touched[sides[at, 0]], touched[sides[at, 1]])
        n_novated += 1
    return n_novated


@njit(cache=True)
def judge_trades(rows, mark, n_contracts, n_accounts, fees_account, tables):
    """Decide a batch of trades: ``(NOVATED rows, REFUSED rows, new high-water mark)``."""
    count = len(rows)
    reasons = np.empty(count, np.int64)
    figures = np.empty(count, np.int64)
    sides = np.empty((count, 2), np.int32)
    novated = np.empty(count, NOVATED)
    touched, mark = route(rows, mark, n_contracts, n_accounts, tables, reasons, figures, sides)
    n_novated = judge_in_order(rows, n_contracts, fees_account, tables, touched, sides, reasons, figures, novated)
    refused = np.empty(count - n_novated, REFUSED)
    n_refused = 0
    for at in range(count):
        if reasons[at] != ACCEPTED:
            refused[n_refused].figure = figures[at]
            refused[n_refused].row = at
            refused[n_refused].reason = reasons[at]
            n_refused += 1
    return novated[:n_novated], refused, mark

"""Resting orders: what they may come to is reserved in margin before they can be filled."""

import numpy as np
from numba import njit

from novate.core.kernels.admit import may_name
from novate.core.kernels.borrowing import FIRST, borrowing, inlined
from novate.core.kernels.legs import reserve
from novate.core.kernels.margin import (
    owed_in,
    premium_with_bids,
    resting_cover,
    results_with_orders,
    standing,
    worse_side,
)
from novate.core.kernels.overlay import load, slot_of, table_for, take_position
from novate.core.kernels.pool import begin, keep, link, make_room, refused_by_sheet, require_after, slot_for
from novate.core.kernels.portfolio import equity_of, reach
from novate.core.kernels.search import bucket_of, purse_of
from novate.core.kernels.tables import columns
from novate.core.layout import (
    BALANCE,
    COLLATERALISED,
    EXPIRED,
    JUDGED,
    LIQUIDATING,
    LIVE,
    OPEN_ORDERS,
    POOLED,
    POSITION,
    PREMIUM,
    REDUCE_ONLY,
    RESTRICTED,
    SUBTOTAL,
)
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason
from novate.core.rows import BUY, NEITHER, REFUSED, RESERVED, SELL

ACCEPTED = int(Reason.ACCEPTED)
MALFORMED = int(Reason.MALFORMED)
DUPLICATE_OR_LATE = int(Reason.DUPLICATE_OR_LATE)
CONTRACT_UNKNOWN = int(Reason.CONTRACT_UNKNOWN)
ACCOUNT_UNKNOWN = int(Reason.ACCOUNT_UNKNOWN)
MARGIN_CLASS_UNKNOWN = int(Reason.MARGIN_CLASS_UNKNOWN)
ACCOUNT_NOT_TRADABLE = int(Reason.ACCOUNT_NOT_TRADABLE)
CONTRACT_NOT_TRADABLE = int(Reason.CONTRACT_NOT_TRADABLE)
PRICE_MISSING = int(Reason.PRICE_MISSING)
CONTRACT_HALTED = int(Reason.CONTRACT_HALTED)
ACCOUNT_RESTRICTED = int(Reason.ACCOUNT_RESTRICTED)
CONTRACT_EXPIRED = int(Reason.CONTRACT_EXPIRED)
MEMBER_IN_DEFAULT = int(Reason.MEMBER_IN_DEFAULT)
ACCOUNT_IN_LIQUIDATION = int(Reason.ACCOUNT_IN_LIQUIDATION)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
ORDERS_EXCEEDED = int(Reason.ORDERS_EXCEEDED)
PREMIUM_NOT_COVERED = int(Reason.PREMIUM_NOT_COVERED)
MARGIN_INSUFFICIENT = int(Reason.MARGIN_INSUFFICIENT)
COLLATERAL_NOT_COVERED = int(Reason.COLLATERAL_NOT_COVERED)


@borrowing
def check_order(row, mark, n_contracts, n_accounts, contracts, buckets):
    """Everything about a change of orders that does not need the account: its reason and the figure with it."""
    if row.number <= mark:
        return DUPLICATE_OR_LATE, mark
    if row.contract < 0 or row.contract >= n_contracts:
        return CONTRACT_UNKNOWN, np.int64(row.contract)
    if row.account < 0 or row.account >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.account)
    if (row.side != BUY and row.side != SELL) or row.lots == 0:
        return MALFORMED, row.lots
    contract = contracts[row.contract]
    if contract.tier_count == 0 and contract.tradable != 0 and contract.style != COLLATERALISED:
        return MARGIN_CLASS_UNKNOWN, np.int64(row.contract)
    if not may_name(row.account, buckets):
        return ACCOUNT_NOT_TRADABLE, np.int64(row.account)
    if contract.tradable == 0:
        return CONTRACT_NOT_TRADABLE, np.int64(row.contract)
    if row.lots > 0 and contract.state == EXPIRED:
        return CONTRACT_EXPIRED, np.int64(row.contract)
    if row.lots > 0 and contract.halted != 0:
        return CONTRACT_HALTED, np.int64(row.contract)
    if row.lots > 0 and contract.state != LIVE:
        return PRICE_MISSING, np.int64(row.contract)
    if row.lots > 0 and buckets[bucket_of(row.account, row.contract, buckets)].access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.account)
    if row.lots > contract.position_limit_lots:
        return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots
    return ACCEPTED, np.int64(0)


@inlined
def changed(row, resting):
    """``(bids, asks)`` after a change of orders."""
    return resting.bids + (row.lots if row.side == BUY else 0), resting.asks + (row.lots if row.side == SELL else 0)


@borrowing
def check_bounds(row, bids, asks, position, resting, balance, cash, contract, access):
    """What has nothing to do with margin: orders to cancel, the position limit, 64 bits, a default."""
    if bids < 0 or asks < 0:
        return ORDERS_EXCEEDED, resting.bids if row.side == BUY else resting.asks
    if row.lots > 0:
        room = EXPOSURE_MAX - balance.exposure_fine - cash
        if position.lots + bids > contract.position_limit_lots or asks - position.lots > contract.position_limit_lots:
            return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots
        if room < 0 or row.lots * contract.largest_value_fine > room - abs(balance.carry_fine):
            return EXPOSURE_LIMIT_EXCEEDED, np.int64(EXPOSURE_MAX)
        opens = position.lots + bids > max(0, position.lots) if row.side == BUY else (
            position.lots - asks < min(0, position.lots)
        )  # fmt: skip
        if opens and access == REDUCE_ONLY:
            return MEMBER_IN_DEFAULT, np.int64(0)
        if opens and access == RESTRICTED:
            return ACCOUNT_RESTRICTED, np.int64(0)
    return ACCEPTED, np.int64(0)


@inlined
def premium_of(row, contract):
    """The premium at the mark of the bids for options that a change adds (or, below zero, takes off)."""
    return row.lots * contract.value_fine if contract.style == PREMIUM and row.side == BUY else np.int64(0)


@inlined
def cover_of(bids, asks, position, resting, contract):
    """What orders in a fully collateralised contract set aside after a change more than before it (or, below zero,
    less)."""
    if contract.style != COLLATERALISED:
        return np.int64(0)
    after = resting_cover(position.lots, position.cost_fine, bids, asks, contract)
    return after - resting_cover(position.lots, position.cost_fine, resting.bids, resting.asks, contract)


@borrowing
def check_cover(premium, cover, balance, own, cash):
    """Whether settled cash covers all that is owed and set aside with so much more of it: ``(reason, figure)``."""
    bought, result = premium_with_bids(balance, own), results_with_orders(balance, own)
    due, owed = bought + premium - min(0, result), max(0, bought) - min(0, result - cover)
    if premium > 0 and due > cash:
        return PREMIUM_NOT_COVERED, due - cash
    if cover > 0 and owed > cash and owed > owed_in(balance, own):
        return COLLATERAL_NOT_COVERED, owed - cash
    return ACCEPTED, np.int64(0)


@borrowing
def check_margin(contract, more, priced, equity, initial):
    """Whether a bucket bears its orders; where no ``more`` is required of it, it does."""
    if more and priced == 0:
        return PRICE_MISSING, np.int64(contract)
    if more and equity < initial:
        return MARGIN_INSUFFICIENT, initial - equity
    return ACCEPTED, np.int64(0)


@borrowing
def judge_order(row, position, resting, over, contract, access, balances, sums, judged, assets, tiers, gains_ppm):
    """Whether an account may have these orders more, or fewer: ``(reason, figure)``.

    An accepted change is in ``resting`` and in row ``over`` of ``balances``, ``sums`` and ``judged`` afterwards. Fewer
    orders, and more that raise no requirement, are never asked for margin; more bids for an option set its premium
    aside, more orders in what is fully collateralised their cover.
    """
    own, balance = sums[over, contract.asset], balances[over, contract.asset]
    bids, asks = changed(row, resting)
    cash, premium = balance.balance_minor * assets[contract.asset].unit_fine, premium_of(row, contract)
    cover = cover_of(bids, asks, position, resting, contract)
    reason, figure = check_bounds(row, bids, asks, position, resting, balance, cash, contract, access)
    if reason == ACCEPTED:
        reason, figure = check_cover(premium, cover, balance, own, cash)
    if reason != ACCEPTED:
        return reason, figure
    before, _ = worse_side(position.lots, resting.bids, resting.asks, contract, tiers)
    after, _ = worse_side(position.lots, bids, asks, contract, tiers)
    own.initial_fine += after - before
    equity, initial, priced = standing(balances, over, sums, over, assets, gains_ppm)
    reason, figure = check_margin(row.contract, after > before, priced * judged[over].priced, equity, initial)
    if reason != ACCEPTED:
        own.initial_fine -= after - before
        return reason, figure
    judged[over].equity_fine, judged[over].initial_fine = equity, initial
    balance.exposure_fine += row.lots * contract.largest_value_fine
    own.resting_premium_fine += premium
    own.resting_cover_fine += cover
    resting.bids, resting.asks = bids, asks
    return reason, figure


@njit(cache=True)
def judge_order_by_sheet(row, position, resting, over, slot, access, balances, sums, judged, tables, sheet):
    """The same of an account in portfolio mode; an accepted change is in the sheet's pool, too."""
    contract = tables.contracts[row.contract]
    own, balance = sums[over, contract.asset], balances[over, contract.asset]
    bids, asks = changed(row, resting)
    cash, premium = balance.balance_minor * tables.assets[contract.asset].unit_fine, premium_of(row, contract)
    cover = cover_of(bids, asks, position, resting, contract)
    reason, figure = check_bounds(row, bids, asks, position, resting, balance, cash, contract, access)
    if reason != ACCEPTED:
        return reason, figure
    before, after = reach(position, resting), (position.lots - asks, position.lots + bids)
    reason, figure = refused_by_sheet(np.int64(row.contract), contract.style, before, after, slot, sheet)
    if reason == ACCEPTED:
        reason, figure = check_cover(premium, cover, balance, own, cash)
    if reason != ACCEPTED:
        return reason, figure
    equity = judged[over].equity_fine
    initial = require_after(over, slot, FIRST, np.int64(row.contract), before, after, sheet)
    more = initial > judged[over].initial_fine
    reason, figure = check_margin(row.contract, more, judged[over].priced, equity, initial)
    if reason == ACCEPTED:
        judged[over].initial_fine = initial
        balance.exposure_fine += row.lots * contract.largest_value_fine
        own.resting_premium_fine += premium
        own.resting_cover_fine += cover
        resting.bids, resting.asks = bids, asks
        keep(over, FIRST, np.int64(row.contract), position, resting, sheet)
    return reason, figure


@njit(cache=True)
def all_live(purse, n_contracts, keys, slots, resting, tables):
    """1 where all that a purse holds or has orders in, after the changes so far, has a live price; else 0."""
    at = np.int64(purse)
    while at >= 0:
        own = tables.buckets[at]
        for row in range(own.start, own.start + own.count):
            position = tables.positions[row]
            rest = tables.orders[position.orders]
            open_lots = rest.bids + rest.asks
            slot = slot_of(at * n_contracts + position.contract, keys)
            if keys[slot] != -1:
                open_lots = resting[slots[slot]].bids + resting[slots[slot]].asks
            if (position.lots != 0 or open_lots != 0) and tables.contracts[position.contract].state != LIVE:
                return 0
        at = np.int64(own.next) if tables.buckets[purse].contract == POOLED else np.int64(-1)
    return 1


@njit(cache=True)
def route_orders(
    rows, mark, n_contracts, n_accounts, tables, reasons, figures, over, held, dealing, position_keys, position_slots
):
    """Check every row and copy what it touches: ``(purses, the positions and open orders, new high-water mark)``.

    ``position_keys`` and ``position_slots`` come to be the table of the positions that are copied.
    """
    contracts, buckets, count = tables.contracts, tables.buckets, len(rows)
    book_positions, orders = tables.positions, tables.orders
    bucket_keys = table_for(count)
    bucket_slots = np.empty(len(bucket_keys), np.int32)
    touched = np.empty(count, np.int32)
    positions, resting = np.empty(count, POSITION), np.empty(count, OPEN_ORDERS)
    n_touched, n_positions = 0, 0
    for at in range(count):
        row = rows[at]
        reasons[at], figures[at] = check_order(row, mark, n_contracts, n_accounts, contracts, buckets)
        if reasons[at] != DUPLICATE_OR_LATE:
            mark = row.number
        if reasons[at] != ACCEPTED:
            continue
        bucket = bucket_of(row.account, row.contract, buckets)
        dealing[at] = bucket
        purse = purse_of(bucket, buckets)
        slot = slot_of(purse, bucket_keys)
        if bucket_keys[slot] == -1:
            bucket_keys[slot], bucket_slots[slot] = purse, n_touched
            touched[n_touched] = purse
            n_touched += 1
        over[at] = bucket_slots[slot]
        key = bucket * n_contracts + row.contract
        slot = slot_of(key, position_keys)
        if position_keys[slot] == -1:
            position_keys[slot], position_slots[slot] = key, n_positions
            take_position(bucket, row.contract, buckets, book_positions, orders, positions, resting, n_positions)
            n_positions += 1
        held[at] = position_slots[slot]
    return touched[:n_touched], positions[:n_positions], resting[:n_positions], mark


@njit(cache=True)
def judge_orders(rows, mark, n_contracts, n_accounts, tables, sheet):
    """Decide changes of resting orders: ``(RESERVED rows, REFUSED rows, new high-water mark)``, each row on its own."""
    count, width = len(rows), tables.balances.shape[1]
    contracts, assets, tiers, buckets = tables.contracts, tables.assets, tables.tiers, tables.buckets
    gains_ppm = tables.gains_ppm
    reasons, figures = np.empty(count, np.int64), np.empty(count, np.int64)
    over, held, dealing = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32)
    keys = table_for(count)
    slots = np.empty(len(keys), np.int32)
    touched, positions, resting, mark = route_orders(
        rows, mark, n_contracts, n_accounts, tables, reasons, figures, over, held, dealing, keys, slots
    )
    balances, sums = np.empty((len(touched), width), BALANCE), np.empty((len(touched), width), SUBTOTAL)
    judged = np.empty(len(touched), JUDGED)
    by_sheet = load(touched, tables, balances, sums, judged)
    if sheet is not None and by_sheet > 0:
        begin_orders(by_sheet, rows, reasons, over, held, touched, len(positions), tables, sheet)
    reserved, refused = np.empty(count, RESERVED), np.empty(count, REFUSED)
    n_reserved, n_refused = 0, 0
    for at in range(count):
        row = rows[at]
        if reasons[at] == ACCEPTED:
            own, of, purse = held[at], buckets[dealing[at]], np.int64(over[at])
            if judged[purse].priced == 0:  # a row before may have taken the last orders off what has no price
                judged[purse].priced = all_live(touched[purse], n_contracts, keys, slots, resting, tables)
                if sheet is not None and of.portfolio != 0:
                    _, _, known = equity_of(balances, purse, sums, purse, assets, gains_ppm, sheet)
                    judged[purse].priced *= known
            if sheet is not None and of.portfolio != 0:
                slot = slot_for(
                    purse, np.int64(touched[purse]), positions, resting, columns(tables), sheet, balances, sums, judged
                )
                reasons[at], figures[at] = judge_order_by_sheet(
                    row, positions[own], resting[own], purse, slot, of.access, balances, sums, judged, tables, sheet
                )
            else:
                reasons[at], figures[at] = judge_order(
                    row, positions[own], resting[own], purse, contracts[row.contract], of.access, balances, sums,
                    judged, assets, tiers, gains_ppm,
                )  # fmt: skip
        if reasons[at] == ACCEPTED:
            done = reserved[n_reserved]
            done.bids, done.asks = (row.lots, 0) if row.side == BUY else (0, row.lots)
            done.contract, done.bucket = row.contract, dealing[at]
            n_reserved += 1
        else:
            no = refused[n_refused]
            no.figure, no.row, no.reason, no.side = figures[at], at, reasons[at], NEITHER
            n_refused += 1
    return reserved[:n_reserved], refused[:n_refused], mark


@njit(cache=True)
def begin_orders(by_sheet, rows, reasons, over, held, touched, n_held, tables, sheet):
    """Ready the sheet's pool for a batch of orders."""
    pool = begin(by_sheet, touched, n_held, sheet)
    for at in range(len(rows)):
        if reasons[at] == ACCEPTED and tables.buckets[touched[over[at]]].portfolio != 0:
            link(over[at], held[at], rows[at].contract, pool)
    make_room(touched, tables.buckets, tables.balances.shape[1], pool)


@njit(cache=True)
def reserve_rows(rows, first, tables):
    """Fold changes of open orders from row ``first`` on; returns the row reached (tables full) or the count."""
    for at in range(first, len(rows)):
        row = rows[at]
        if not reserve(np.int64(row.bucket), np.int64(row.contract), row.bids, row.asks, tables):
            return at
    return len(rows)

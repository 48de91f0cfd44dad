"""Trades decided on an overlay of the touched rows; the book is not written.

Four passes: *route* each row to its two overlay buckets, *load* every touched bucket once (its balances and sums),
*hold* every touched position once, *judge* the rows in order, each seeing those before it.
"""

import numpy as np
from numba import njit

from novate.core.kernels.admit import check_row, is_promised
from novate.core.kernels.arithmetic import charge, size_at, value_at
from novate.core.kernels.borrowing import borrowing
from novate.core.kernels.legs import apply_leg
from novate.core.kernels.limits import check_limits, count_ahead, count_trade
from novate.core.kernels.margin import collateralised_result, option_worth, owed_in, total, worse_side
from novate.core.kernels.overlay import hold, load, slot_of, table_for, take_position
from novate.core.kernels.prefetch import AHEAD, prefetch
from novate.core.kernels.search import bucket_of
from novate.core.kernels.tables import columns
from novate.core.layout import (
    BALANCE,
    COLLATERALISED,
    JUDGED,
    OPEN_ORDERS,
    POSITION,
    PREMIUM,
    REDUCE_ONLY,
    RESTRICTED,
    SUBTOTAL,
)
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason
from novate.core.rows import BUYER, FILLS_BUYER, FILLS_SELLER, NEITHER, NOVATED, REFUSED, RESERVED, SELLER

ACCEPTED = int(Reason.ACCEPTED)
DUPLICATE_OR_LATE = int(Reason.DUPLICATE_OR_LATE)
PRICE_MISSING = int(Reason.PRICE_MISSING)
MEMBER_IN_DEFAULT = int(Reason.MEMBER_IN_DEFAULT)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
PREMIUM_NOT_COVERED = int(Reason.PREMIUM_NOT_COVERED)
MARGIN_INSUFFICIENT = int(Reason.MARGIN_INSUFFICIENT)
COLLATERAL_NOT_COVERED = int(Reason.COLLATERAL_NOT_COVERED)
ACCOUNT_RESTRICTED = int(Reason.ACCOUNT_RESTRICTED)
ORDERS_EXCEEDED = int(Reason.ORDERS_EXCEEDED)


@borrowing
def spares_the_house(new_balances, new_sums, side, over, balances, sums, judged, assets, gains_ppm):
    """Whether a bucket that lacks margin after a leg that reduces is no danger that it was not before.

    What lacks to the initial requirement may not grow. Equity above zero may not fall below it, nor fall further, and
    what lacks to the maintenance requirement may not grow: otherwise closing at a bad price would hand the house's
    money to whoever takes the other side.
    """
    was = judged[over].equity_fine
    equity, _, initial, maintenance, _ = total(new_balances, side, new_sums, side, assets, gains_ppm)
    if initial - equity > judged[over].initial_fine - was or (equity < 0 and equity < was):
        return False
    if equity >= maintenance:
        return True
    _, _, _, maintenance_before, _ = total(balances, over, sums, over, assets, gains_ppm)
    return maintenance - equity <= maintenance_before - was


@njit(cache=True, inline="always")
def uncovered(contract, cost, cash, balance, own, new_balance, new_own):
    """What settled cash lacks after a leg: of a premium bought, or of the worst that a collateralised one can come to.

    A leg of a collateralised contract that does not deepen the lack lacks nothing.
    """
    if contract.style == PREMIUM and cost > 0:
        return new_balance.premium_fine - min(0, new_balance.carry_fine + new_own.variation_fine) - cash
    if contract.style == COLLATERALISED and owed_in(new_balance, new_own) > owed_in(balance, own):
        return owed_in(new_balance, new_own) - cash
    return np.int64(0)


@njit(cache=True, inline="always")
def after_leg(lots, cost, position, resting, filled, contract, tiers, long_option_ppm, balance, own):
    """Change a side's balance and sums by one leg: requirement with what still rests, result, option value, premium."""
    old_lots, bids, asks = position.lots, resting.bids, resting.asks
    new_lots = old_lots + lots
    before, least_before = worse_side(old_lots, bids, asks, contract, tiers)
    if lots > 0:
        bids -= filled
    else:
        asks -= filled
    after, least = worse_side(new_lots, bids, asks, contract, tiers)
    own.initial_fine += after - before
    own.maintenance_fine += least - least_before
    if contract.style == PREMIUM:
        own.option_fine += option_worth(new_lots, contract, long_option_ppm)
        own.option_fine -= option_worth(old_lots, contract, long_option_ppm)
        balance.premium_fine += cost
    elif contract.style == COLLATERALISED:
        own.variation_fine += collateralised_result(new_lots, position.cost_fine + cost, contract)
        own.variation_fine -= collateralised_result(old_lots, position.cost_fine, contract)
    else:
        own.variation_fine += lots * contract.value_fine - cost


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
        after_leg(
            lots, cost, position, resting, filled, contract, tiers, long_option_ppm, new_balances[side, asset],
            new_sums[side, asset],
        )  # fmt: skip
        equity, _, initial, _, still_priced = total(new_balances, side, new_sums, side, assets, gains_ppm)
        reduces = (old_lots > 0 and lots < 0 and new_lots >= 0) or (old_lots < 0 and lots > 0 and new_lots <= 0)
        lack = uncovered(
            contract, cost, cash, balance, sums[over, asset], new_balances[side, asset], new_sums[side, asset]
        )
        if access == REDUCE_ONLY and not reduces:
            reason = MEMBER_IN_DEFAULT
        elif access == RESTRICTED and not (reduces or guaranteed):
            reason = ACCOUNT_RESTRICTED
        elif lack > 0:
            reason, figure = (PREMIUM_NOT_COVERED if contract.style == PREMIUM else COLLATERAL_NOT_COVERED), lack
        elif (priced == 0 or still_priced == 0 or equity < initial) and not (
            guaranteed
            or (
                reduces
                and spares_the_house(new_balances, new_sums, side, over, balances, sums, judged, assets, gains_ppm)
            )
        ):
            if priced == 0 or still_priced == 0:
                reason = PRICE_MISSING
            else:
                reason, figure = MARGIN_INSUFFICIENT, initial - equity
    return reason, figure, equity, initial


@borrowing
def judge_in_purse(
    lots, value, fee, first, second, resting_first, resting_second, filled_first, filled_second, guaranteed, over,
    between, contract, access_first, access_second, balances, sums, judged, new_balances, new_sums, assets, tiers,
    gains_ppm, long_option_ppm, verdicts,
):  # fmt: skip
    """Whether one purse may bear both legs of what two of its sub-accounts do with each other.

    Returns ``(reason, figure, 0 for the first or 1 for the second)``. ``lots`` are the first one's; ``first`` and
    ``second`` are positions, followed by their orders. The second leg is judged on what the first leaves, which is put
    into row ``between`` of ``balances``, ``sums`` and ``judged``. Margin or a premium that lacks only between the two
    lacks nobody: where the purse meets its initial requirement after both, they stand.
    """
    reason, figure, equity, initial = judge_leg(
        lots, value, fee, first, resting_first, filled_first, guaranteed, 0, over, contract, access_first, balances,
        sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
    )  # fmt: skip
    verdicts[0, 0], verdicts[0, 1] = equity, initial
    if reason != ACCEPTED and reason != MARGIN_INSUFFICIENT and reason != PREMIUM_NOT_COVERED:
        return reason, figure, 0
    for asset in range(sums.shape[1]):
        balances[between, asset] = new_balances[0, asset]
        sums[between, asset] = new_sums[0, asset]
    grown = (abs(first.lots + lots) - abs(first.lots) - filled_first) * contract.largest_value_fine
    grown += abs(first.cost_fine + lots * value) - abs(first.cost_fine)
    balances[between, contract.asset].exposure_fine += grown
    judged[between].equity_fine, judged[between].initial_fine = equity, initial
    judged[between].priced = judged[over].priced
    after, its_figure, equity, initial = judge_leg(
        -lots, value, fee, second, resting_second, filled_second, guaranteed, 1, between, contract, access_second,
        balances, sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
    )  # fmt: skip
    verdicts[1, 0], verdicts[1, 1] = equity, initial
    if after != ACCEPTED:
        return after, its_figure, 1
    if reason != ACCEPTED and equity < initial:
        return reason, figure, 0
    return ACCEPTED, np.int64(0), 0


@njit(cache=True)
def judge_two(first, second, contract_index, lots, value, tables):
    """Two legs between sub-accounts of one purse, without fee; ``lots`` are the first one's. As ``judge_in_purse``."""
    width, buckets = len(tables.assets), tables.buckets
    sums, judged, balances = np.zeros((2, width), SUBTOTAL), np.zeros(2, JUDGED), np.empty((2, width), BALANCE)
    load(np.array([buckets[first].purse], np.int32), tables, balances, sums, judged)
    positions, resting = np.zeros(2, POSITION), np.zeros(2, OPEN_ORDERS)
    take_position(first, contract_index, buckets, tables.positions, tables.orders, positions, resting, 0)
    take_position(second, contract_index, buckets, tables.positions, tables.orders, positions, resting, 1)
    new_balances, new_sums = np.empty((2, width), BALANCE), np.empty((2, width), SUBTOTAL)
    return judge_in_purse(
        lots, value, 0, positions[0], positions[1], resting[0], resting[1], 0, 0, False, 0, 1,
        tables.contracts[contract_index], buckets[first].access, buckets[second].access, balances, sums, judged,
        new_balances, new_sums, tables.assets, tables.tiers, tables.gains_ppm, tables.long_option_ppm,
        np.empty((2, 2), np.int64),
    )  # fmt: skip


@njit(cache=True)
def judge_side(bucket, contract_index, lots, value, tables):
    """One side of a fill on its own, without fee: ``(reason, figure, equity after, initial after)``."""
    width = len(tables.assets)
    contracts, assets, tiers = tables.contracts, tables.assets, tables.tiers
    sums = np.zeros((1, width), SUBTOTAL)
    judged = np.zeros(1, JUDGED)
    balances = np.empty((1, width), BALANCE)
    touched = np.array([tables.buckets[bucket].purse], np.int32)
    load(touched, tables, balances, sums, judged)
    position, resting = np.zeros(1, POSITION), np.zeros(1, OPEN_ORDERS)
    take_position(bucket, contract_index, tables.buckets, tables.positions, tables.orders, position, resting, 0)
    contract = contracts[contract_index]
    access = tables.buckets[bucket].access
    new_balances, new_sums = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL)
    return judge_leg(
        lots, value, 0, position[0], resting[0], 0, False, 0, 0, contract, access, balances, sums, judged,
        new_balances, new_sums, assets, tiers, tables.gains_ppm, tables.long_option_ppm,
    )  # fmt: skip


# ---- the overlay ----------------------------------------------------------------------------------------------------


@njit(cache=True)
def route(rows, mark, n_contracts, n_accounts, guaranteed, tables, reasons, figures, failed, dealing, sides):
    """Check every row and find the buckets of its buyer and seller, and the overlay slots of their purses.

    Returns ``(purses by slot, new mark)``.
    """
    keys = table_for(len(rows))
    slots = np.empty(len(keys), np.int32)
    touched = np.empty(2 * len(rows), np.int32)
    n_touched, mark = route_rows(
        rows, mark, n_contracts, n_accounts, guaranteed, columns(tables), reasons, figures, failed, dealing, sides,
        keys, slots, touched,
    )  # fmt: skip
    return touched[:n_touched], mark


@borrowing
def route_rows(
    rows, mark, n_contracts, n_accounts, guaranteed, tables, reasons, figures, failed, dealing, sides, keys, slots,
    touched,
):  # fmt: skip
    """The loop of ``route``; ``keys`` and ``slots`` are its table of the purses that it has."""
    contracts, buckets = tables.contracts, tables.buckets
    n_touched = 0
    for at in range(len(rows)):
        if at + AHEAD < len(rows):
            prefetch(buckets, np.int64(rows[at + AHEAD].buyer))
            prefetch(buckets, np.int64(rows[at + AHEAD].seller))
        reason, figure, side_failed = check_row(rows[at], mark, n_contracts, n_accounts, guaranteed, contracts, buckets)
        reasons[at], figures[at], failed[at] = reason, figure, side_failed
        if reasons[at] != DUPLICATE_OR_LATE:
            mark = rows[at].number
        if reasons[at] != ACCEPTED:
            continue
        for side in range(2):
            bucket = bucket_of(rows[at].buyer if side == 0 else rows[at].seller, rows[at].contract, buckets)
            purse = np.int64(buckets[bucket].purse)
            slot = slot_of(purse, keys)
            if keys[slot] == -1:
                keys[slot] = purse
                slots[slot] = n_touched
                touched[n_touched] = purse
                n_touched += 1
            dealing[at, side], sides[at, side] = bucket, slots[slot]
    return n_touched, mark


@borrowing
def check_filled(row, buying, selling):
    """Whether the resting orders that a trade says it fills are as large as it is: ``(reason, figure, side)``."""
    if row.filled & FILLS_BUYER and row.lots > buying.bids:
        return ORDERS_EXCEEDED, buying.bids, BUYER
    if row.filled & FILLS_SELLER and row.lots > selling.asks:
        return ORDERS_EXCEEDED, selling.asks, SELLER
    return ACCEPTED, np.int64(0), NEITHER


@njit(cache=True, inline="always")
def check_both(row, fee, fees, held, positions, resting, contract, counts, spans, lists):
    """What both sides share: room for the fees, the orders that are filled, the limits: ``(reason, figure, side)``."""
    reason, figure, side = ACCEPTED, np.int64(0), NEITHER
    if fees > EXPOSURE_MAX - 2 * fee:
        reason, figure = EXPOSURE_LIMIT_EXCEEDED, np.int64(EXPOSURE_MAX)
    elif row.filled != 0:
        reason, figure, side = check_filled(row, resting[held[0]], resting[held[1]])
    if contract.limited != 0 and reason == ACCEPTED:
        reason, figure = check_limits(row, held, positions, contract, counts, spans, lists)
    return reason, figure, side


@njit(cache=True)
def judge_in_order(
    rows, n_contracts, fees_account, guaranteed, tables, touched, dealing, sides, reasons, figures, failed, novated,
    fills,
):  # fmt: skip
    """Judge the routed rows one after the other on the overlay; fills ``novated`` and ``fills``, returns how many.

    A row that is refused leaves its reason, figure and the side that failed, and the overlay as it was.
    """
    width = tables.balances.shape[1]
    overlays = len(touched) + 1  # the last is for what a purse is between two of its sub-accounts
    balances, sums = np.empty((overlays, width), BALANCE), np.empty((overlays, width), SUBTOTAL)
    judged, held = np.empty(overlays, JUDGED), np.empty((len(rows), 2), np.int32)
    load(touched, tables, balances, sums, judged)
    positions, resting = hold(rows, reasons, n_contracts, tables, dealing, held)
    fees, verdicts = tables.balances[fees_account].copy(), np.empty((2, 2), np.int64)
    counts = count_ahead(rows, reasons, tables)
    new_balances, new_sums = np.empty((2, width), BALANCE), np.empty((2, width), SUBTOTAL)
    return judge_held(
        rows, guaranteed, columns(tables), dealing, sides, reasons, figures, failed, novated, fills, balances, sums,
        judged, held, positions, resting, fees, counts, new_balances, new_sums, verdicts,
    )  # fmt: skip


@borrowing
def judge_held(
    rows, guaranteed, tables, dealing, sides, reasons, figures, failed, novated, fills, balances, sums, judged,
    held, positions, resting, fees, counts, new_balances, new_sums, verdicts,
):  # fmt: skip
    """The loop of ``judge_in_order`` over an overlay that is loaded and held."""
    contracts, assets, tiers, buckets = tables.contracts, tables.assets, tables.tiers, tables.buckets
    gains_ppm, long_option_ppm = tables.gains_ppm, tables.long_option_ppm
    spans, lists, width = tables.limit_spans, tables.limit_lists, balances.shape[1]
    n_novated, n_fills = 0, 0
    for at in range(len(rows)):
        if reasons[at] != ACCEPTED:
            continue
        row = rows[at]
        contract = contracts[row.contract]
        value = value_at(row.price_ticks, contract)
        fee = charge(row.lots * size_at(row.price_ticks, contract), contract.fee_ppm)
        reasons[at], figures[at], failed[at] = check_both(
            row, fee, fees[contract.asset].carry_fine, held[at], positions, resting, contract, counts, spans, lists
        )
        pooled = sides[at, 0] == sides[at, 1]
        if pooled and reasons[at] == ACCEPTED:
            buyer, seller = held[at, 0], held[at, 1]
            reasons[at], figures[at], which = judge_in_purse(
                row.lots, value, fee, positions[buyer], positions[seller], resting[buyer], resting[seller],
                row.lots if row.filled & FILLS_BUYER else np.int64(0),
                row.lots if row.filled & FILLS_SELLER else np.int64(0), guaranteed, sides[at, 0], len(judged) - 1,
                contract, buckets[dealing[at, 0]].access, buckets[dealing[at, 1]].access, balances, sums, judged,
                new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm, verdicts,
            )  # fmt: skip
            failed[at] = SELLER if which else BUYER
        for side in range(2):
            if pooled or reasons[at] != ACCEPTED:
                break
            lots = row.lots if side == 0 else -row.lots
            filled = row.lots if row.filled & (1 << side) else np.int64(0)
            over, own = sides[at, side], held[at, side]
            access = buckets[dealing[at, side]].access
            reasons[at], figures[at], verdicts[side, 0], verdicts[side, 1] = judge_leg(
                lots, value, fee, positions[own], resting[own], filled, guaranteed, side, over, contract, access,
                balances, sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
            )  # fmt: skip
            failed[at] = BUYER if side == 0 else SELLER
        if reasons[at] != ACCEPTED:
            continue
        if contract.limited != 0:
            count_trade(row, held[at], positions, contract.open_limit, counts, spans, lists)
        for side in range(2):
            over, own = sides[at, side], held[at, side]
            lots = row.lots if side == 0 else -row.lots
            if row.filled & (1 << side):
                fill(resting[own], row.contract, dealing[at, side], lots, fills[n_fills])
                balances[over, contract.asset].exposure_fine -= row.lots * contract.largest_value_fine
                n_fills += 1
            balances[over, contract.asset].carry_fine -= fee
            apply_leg(positions[own], balances[over, contract.asset], contract, lots, lots * value)
            for asset in range(width):
                sums[over, asset] = new_sums[side, asset]
            judged[over].equity_fine, judged[over].initial_fine = verdicts[side, 0], verdicts[side, 1]
        fees[contract.asset].carry_fine += 2 * fee
        write_novated(novated[n_novated], at, row, value, fee, dealing[at, 0], dealing[at, 1])
        n_novated += 1
    return n_novated, n_fills


@njit(cache=True, inline="always")
def write_novated(done, at, row, value, fee, buyer, seller):
    """Write an accepted trade down, between the buckets of its accounts."""
    done.lots, done.value_fine = row.lots, value
    done.buyer_fee_fine = done.seller_fee_fine = fee
    done.contract, done.row = row.contract, at
    done.buyer, done.seller = buyer, seller


@borrowing
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
    failed = np.zeros(count, np.int16)
    sides = np.empty((count, 2), np.int32)
    novated = np.empty(count, NOVATED)
    n_filled = 0
    for at in range(count):
        n_filled += (rows[at].filled & FILLS_BUYER) + (rows[at].filled >> 1)
    fills = np.empty(n_filled, RESERVED)
    dealing = np.empty((count, 2), np.int32)
    touched, mark = route(
        rows, mark, n_contracts, n_accounts, guaranteed, tables, reasons, figures, failed, dealing, sides
    )
    n_novated, n_fills = judge_in_order(
        rows, n_contracts, fees_account, guaranteed, tables, touched, dealing, sides, reasons, figures, failed, novated,
        fills,
    )  # fmt: skip
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

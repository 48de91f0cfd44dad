"""Whether one side of a trade is acceptable: limits, default, cover and margin, in tiers or by the risk sheet."""

import numpy as np

from novate.core.kernels.admit import is_promised
from novate.core.kernels.borrowing import ADDED, FIRST, SECOND, TAKEN_OFF, borrowing, inlined, owning
from novate.core.kernels.bound import at_most
from novate.core.kernels.margin import (
    add_bet,
    maintenance_in,
    option_worth,
    owed_in,
    owed_without_orders,
    premium_with_bids,
    results_with_orders,
    standing,
    worse_side,
)
from novate.core.kernels.pool import (
    gather,
    maintenance_of,
    refused_by_sheet,
    require_after,
    row_in,
    slot_for,
)
from novate.core.kernels.portfolio import equity_of, in_fine, reach
from novate.core.kernels.sheet import row_of
from novate.core.layout import (
    COLLATERALISED,
    PREMIUM,
    REDUCE_ONLY,
    RESTRICTED,
)
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason

ACCEPTED = int(Reason.ACCEPTED)
PRICE_MISSING = int(Reason.PRICE_MISSING)
ACCOUNT_RESTRICTED = int(Reason.ACCOUNT_RESTRICTED)
MEMBER_IN_DEFAULT = int(Reason.MEMBER_IN_DEFAULT)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
PREMIUM_NOT_COVERED = int(Reason.PREMIUM_NOT_COVERED)
MARGIN_INSUFFICIENT = int(Reason.MARGIN_INSUFFICIENT)
COLLATERAL_NOT_COVERED = int(Reason.COLLATERAL_NOT_COVERED)


@borrowing
def spares_the_house(new_balances, new_sums, side, over, sums, judged, assets, gains_ppm):
    """Whether a bucket that lacks margin after a leg that reduces is no danger that it was not before.

    What lacks to the initial requirement may not grow. Equity above zero may not fall below it, nor fall further, and
    what lacks to the maintenance requirement may not grow: otherwise closing at a bad price would hand the house's
    money to whoever takes the other side.
    """
    was = judged[over].equity_fine
    equity, initial, _ = standing(new_balances, side, new_sums, side, assets, gains_ppm)
    if initial - equity > judged[over].initial_fine - was or (equity < 0 and equity < was):
        return False
    maintenance = maintenance_in(new_sums, side, assets)
    return equity >= maintenance or maintenance - equity <= maintenance_in(sums, over, assets) - was


@inlined
def lacking(contract, cost, cash, balance, own, new_balance, new_own):
    """What settled cash lacks after a leg; 0 where nothing need be covered, which is most of all there is."""
    if contract.style != PREMIUM and contract.style != COLLATERALISED:
        return np.int64(0)
    return uncovered(contract, cost, cash, balance, own, new_balance, new_own)


@borrowing
def uncovered(contract, cost, cash, balance, own, new_balance, new_own):
    """What settled cash lacks after a leg: of premium bought and bid for, or of the worst of what is collateralised.

    A leg that does not deepen the lack lacks nothing. A fill takes what was set aside for it, but what a mark has set
    aside beyond the cash covers no bet: what is held must be covered without it.
    """
    if contract.style == PREMIUM and cost <= 0:
        return np.int64(0)
    if contract.style == PREMIUM:
        before = premium_with_bids(balance, own) - min(0, results_with_orders(balance, own))
        due = premium_with_bids(new_balance, new_own) - min(0, results_with_orders(new_balance, new_own))
        return deepened(before, due, cash)
    held = deepened(owed_without_orders(balance, own), owed_without_orders(new_balance, new_own), cash)
    return max(held, deepened(owed_in(balance, own), owed_in(new_balance, new_own), cash))


@inlined
def deepened(before, owed, cash):
    """What cash lacks of what is owed, where that is more than before."""
    return owed - cash if owed > before else np.int64(0)


@inlined
def after_leg(lots, cost, position, resting, filled, contract, tiers, long_option_ppm, balance, own):
    """Change a side's balance and sums by one leg: requirement with what still rests, result, option value, premium,
    what orders set aside."""
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
        own.resting_premium_fine -= max(0, min(filled, lots)) * contract.value_fine
        balance.premium_fine += cost
    elif contract.style == COLLATERALISED:
        add_bet(old_lots, position.cost_fine, resting.bids, resting.asks, TAKEN_OFF, contract, own)
        add_bet(new_lots, position.cost_fine + cost, bids, asks, ADDED, contract, own)
    else:
        own.variation_fine += lots * contract.value_fine - cost


@inlined
def check_bounds(lots, cost, fee, filled, position, balance, contract, cash):
    """Whether a leg stays within the position limit and within 64 bits: ``(reason, figure)``."""
    reason, figure = ACCEPTED, np.int64(0)
    new_lots = position.lots + lots
    grown = (abs(new_lots) - abs(position.lots) - filled) * contract.largest_value_fine
    grown += abs(position.cost_fine + cost) - abs(position.cost_fine)
    # A settled swing can leave exposure near 2^63 and cash near 2^62: room is tested before more is taken from it.
    room = EXPOSURE_MAX - balance.exposure_fine - cash
    if abs(new_lots) > contract.position_limit_lots:
        reason, figure = POSITION_LIMIT_EXCEEDED, contract.position_limit_lots
    elif grown > 0 and (room < 0 or grown > room - abs(balance.carry_fine) - fee):
        reason, figure = EXPOSURE_LIMIT_EXCEEDED, np.int64(EXPOSURE_MAX)
    return reason, figure


@inlined
def stand_after(
    lots, cost, fee, position, resting, filled, side, over, contract, balances, sums, new_balances, new_sums, tiers,
    long_option_ppm,
):  # fmt: skip
    """Leave a side's balances and sums after a leg in row ``side`` of the new ones."""
    asset = contract.asset
    for at in range(new_sums.shape[1]):
        new_balances[side, at] = balances[over, at]
        new_sums[side, at] = sums[over, at]
    new_balances[side, asset].carry_fine -= fee
    after_leg(
        lots, cost, position, resting, filled, contract, tiers, long_option_ppm, new_balances[side, asset],
        new_sums[side, asset],
    )  # fmt: skip


@inlined
def brings_nearer(old_lots, lots):
    """Whether a leg only brings a position nearer to zero."""
    new_lots = old_lots + lots
    return (old_lots > 0 and lots < 0 and new_lots >= 0) or (old_lots < 0 and lots > 0 and new_lots <= 0)


@inlined
def not_allowed(reduces, guaranteed, lack, contract, access):
    """Why a default, a restriction or missing cover forbids a leg: ``(reason, figure)``."""
    reason, figure = ACCEPTED, np.int64(0)
    if access == REDUCE_ONLY and not reduces:
        reason = MEMBER_IN_DEFAULT
    elif access == RESTRICTED and not (reduces or guaranteed):
        reason = ACCOUNT_RESTRICTED
    elif lack > 0:
        reason, figure = (PREMIUM_NOT_COVERED if contract.style == PREMIUM else COLLATERAL_NOT_COVERED), lack
    return reason, figure


@inlined
def judge_leg(
    lots, value, fee, position, resting, filled, guaranteed, side, over, contract, access, balances, sums, judged,
    new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
):  # fmt: skip
    """Whether one side of a trade is acceptable in tiers: ``(reason, figure, equity after, initial after)``.

    ``filled`` lots of the side's ``resting`` orders become the trade; where those are guaranteed neither a restriction
    nor a lack of margin refuses it, unless a premium must be covered. Row ``over`` of ``balances``, ``sums`` and
    ``judged`` is the side before the trade; its rows after it are left in row ``side`` of ``new_balances`` and
    ``new_sums``. Nothing else is written.
    """
    asset, cost = contract.asset, lots * value
    waived = is_promised(filled, guaranteed, contract)
    balance = balances[over, asset]
    equity, initial, priced = judged[over].equity_fine, judged[over].initial_fine, judged[over].priced
    cash = balance.balance_minor * assets[asset].unit_fine
    reason, figure = check_bounds(lots, cost, fee, filled, position, balance, contract, cash)
    if reason == ACCEPTED:
        stand_after(
            lots, cost, fee, position, resting, filled, side, over, contract, balances, sums, new_balances, new_sums,
            tiers, long_option_ppm,
        )  # fmt: skip
        equity, initial, still_priced = standing(new_balances, side, new_sums, side, assets, gains_ppm)
        reduces = brings_nearer(position.lots, lots)
        lack = lacking(
            contract, cost, cash, balance, sums[over, asset], new_balances[side, asset], new_sums[side, asset]
        )
        reason, figure = not_allowed(reduces, waived, lack, contract, access)
        if (
            reason == ACCEPTED
            and (priced == 0 or still_priced == 0 or equity < initial)
            and not (
                waived
                or (reduces and spares_the_house(new_balances, new_sums, side, over, sums, judged, assets, gains_ppm))
            )
        ):
            if priced == 0 or still_priced == 0:
                reason = PRICE_MISSING
            else:
                reason, figure = MARGIN_INSUFFICIENT, initial - equity
    return reason, figure, equity, initial


@owning
def judge_leg_by_sheet(
    lots, value, fee, position, resting, filled, guaranteed, side, over, slot, at, access, balances, sums, judged,
    new_balances, new_sums, tables, sheet,
):  # fmt: skip
    """The same of a side in portfolio mode, in contract ``at``; what it may come to after it stays in the pool."""
    contract, assets = tables.contracts[at], tables.assets
    asset, cost = contract.asset, lots * value
    balance = balances[over, asset]
    equity, initial = judged[over].equity_fine, judged[over].initial_fine
    cash = balance.balance_minor * assets[asset].unit_fine
    before, after = reach(position, resting), reach_after(position, resting, lots, filled)
    reason, figure = check_bounds(lots, cost, fee, filled, position, balance, contract, cash)
    if reason == ACCEPTED:
        reason, figure = refused_by_sheet(at, contract.style, before, after, slot, sheet)
    if reason == ACCEPTED:
        was, asked = equity, initial
        stand_after(
            lots, cost, fee, position, resting, filled, side, over, contract, balances, sums, new_balances, new_sums,
            tables.tiers, tables.long_option_ppm,
        )  # fmt: skip
        equity, _, priced = equity_of(new_balances, side, new_sums, side, assets, tables.gains_ppm, sheet)
        initial = require_after(over, slot, side, at, before, after, sheet)
        lack = lacking(
            contract, cost, cash, balance, sums[over, asset], new_balances[side, asset], new_sums[side, asset]
        )
        reduces, waived = brings_nearer(position.lots, lots), is_promised(filled, guaranteed, contract)
        priced *= judged[over].priced
        reason, figure = not_allowed(reduces, waived, lack, contract, access)
        if reason == ACCEPTED and not waived and (priced == 0 or equity < initial):
            spared = reduces and initial - equity <= asked - was and (equity >= 0 or equity >= was)
            if spared and equity < initial:
                counts, after_it = sheet.pool.counts[slot], sheet.pool.new_counts[side]
                least = maintenance_of(slot, at, lots, initial, after_it, balances, over, sheet)
                least_before = maintenance_of(slot, at, np.int64(0), asked, counts, balances, over, sheet)
                spared = equity >= least or least - equity <= least_before - was
            if not spared and priced == 0:
                reason = PRICE_MISSING
            elif not spared:
                reason, figure = MARGIN_INSUFFICIENT, initial - equity
    return reason, figure, equity, initial


@owning
def stands_by_bound(
    lots, value, fee, own, positions, resting, filled, side, over, bucket, at, access, balances, sums, judged,
    new_balances, new_sums, tables, sheet,
):  # fmt: skip
    """Whether a side in portfolio mode is acceptable whatever the scenarios say: ``(yes, equity after, the most that
    can be asked of it after)``."""
    contract, position, pool = tables.contracts[at], positions[own], sheet.pool
    balance, cost, nothing = balances[over, contract.asset], lots * value, np.int64(0)
    cash = balance.balance_minor * tables.assets[contract.asset].unit_fine
    reason, _ = check_bounds(lots, cost, fee, filled, position, balance, contract, cash)
    if reason != ACCEPTED or (contract.style != COLLATERALISED and row_of(at, sheet) < 0):
        return False, nothing, nothing
    where, count = row_in(pool.after, gather(over, bucket, positions, resting, tables, pool, pool.after), at)
    low, high = reach_after(position, resting[own], lots, filled)
    pool.after[where].lots, pool.after[where].bids, pool.after[where].asks = low, high - low, 0
    units = at_most(pool.after, count, balances, over, bucket, sheet)
    if units < 0:
        return False, nothing, nothing
    stand_after(
        lots, cost, fee, position, resting[own], filled, side, over, contract, balances, sums, new_balances, new_sums,
        tables.tiers, tables.long_option_ppm,
    )  # fmt: skip
    equity, _, priced = equity_of(new_balances, side, new_sums, side, tables.assets, tables.gains_ppm, sheet)
    lack = lacking(
        contract, cost, cash, balance, sums[over, contract.asset], new_balances[side, contract.asset],
        new_sums[side, contract.asset],
    )  # fmt: skip
    reason, _ = not_allowed(brings_nearer(position.lots, lots), False, lack, contract, access)
    most = in_fine(units, sheet)
    return reason == ACCEPTED and priced * judged[over].priced != 0 and equity >= most, equity, most


@owning
def judge_in_portfolio(
    lots, value, fee, own, positions, resting, filled, guaranteed, side, over, bucket, at, access, balances, sums,
    judged, new_balances, new_sums, tables, sheet,
):  # fmt: skip
    """As ``judge_leg_by_sheet``, without running a scenario where the bound accepts the side."""
    stands, equity, most = stands_by_bound(
        lots, value, fee, own, positions, resting, filled, side, over, bucket, at, access, balances, sums, judged,
        new_balances, new_sums, tables, sheet,
    )  # fmt: skip
    sheet.pool.bounded[side] = stands
    if stands:
        return ACCEPTED, np.int64(0), equity, most
    slot = slot_for(over, bucket, positions, resting, tables, sheet, balances, sums, judged)
    return judge_leg_by_sheet(
        lots, value, fee, positions[own], resting[own], filled, guaranteed, side, over, slot, at, access, balances,
        sums, judged, new_balances, new_sums, tables, sheet,
    )  # fmt: skip


@inlined
def reach_after(position, resting, lots, filled):
    """The same after a leg that takes ``filled`` lots off the orders of its side."""
    low, high = reach(position, resting)
    return (low + lots, high + lots - filled) if lots > 0 else (low + lots + filled, high + lots)


@borrowing
def judge_in_purse(
    lots, value, fee, first, second, resting_first, resting_second, filled_first, filled_second, guaranteed, over,
    between, contract, access_first, access_second, balances, sums, judged, new_balances, new_sums, assets, tiers,
    gains_ppm, long_option_ppm, verdicts,
):  # fmt: skip
    """Whether one purse may bear both legs of what two of its sub-accounts do with each other.

    Returns ``(reason, figure, 0 for the first or 1 for the second)``. ``lots`` are the first one's; ``first`` and
    ``second`` are positions, followed by their orders. The second leg is judged on what the first leaves, which is put
    into row ``between`` of ``balances``, ``sums`` and ``judged``. What lacks only between the two lacks nobody: where
    the purse covers its bets and meets its initial requirement after both, they stand.
    """
    reason, figure, equity, initial = judge_leg(
        lots, value, fee, first, resting_first, filled_first, guaranteed, FIRST, over, contract, access_first, balances,
        sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
    )  # fmt: skip
    verdicts[0, 0], verdicts[0, 1] = equity, initial
    bare = reason == COLLATERAL_NOT_COVERED
    if reason != ACCEPTED and reason != MARGIN_INSUFFICIENT and reason != PREMIUM_NOT_COVERED and not bare:
        return reason, figure, 0
    for at in range(sums.shape[1]):
        balances[between, at] = new_balances[0, at]
        sums[between, at] = new_sums[0, at]
    grown = (abs(first.lots + lots) - abs(first.lots) - filled_first) * contract.largest_value_fine
    grown += abs(first.cost_fine + lots * value) - abs(first.cost_fine)
    balances[between, contract.asset].exposure_fine += grown
    judged[between].equity_fine, judged[between].initial_fine = equity, initial
    judged[between].priced = judged[over].priced
    after, its_figure, equity, initial = judge_leg(
        -lots, value, fee, second, resting_second, filled_second, guaranteed, SECOND, between, contract, access_second,
        balances, sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
    )  # fmt: skip
    verdicts[1, 0], verdicts[1, 1] = equity, initial
    if after != ACCEPTED:
        return after, its_figure, 1
    if bare:
        asset = contract.asset
        cash = balances[over, asset].balance_minor * assets[asset].unit_fine
        lack = lacking(
            contract, lots * value, cash, balances[over, asset], sums[over, asset], new_balances[1, asset],
            new_sums[1, asset],
        )  # fmt: skip
        if lack > 0:
            return reason, lack, 0
    if reason != ACCEPTED and equity < initial:
        return reason, figure, 0
    return ACCEPTED, np.int64(0), 0

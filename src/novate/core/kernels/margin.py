"""What buckets are worth and what they must hold."""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, clamp, convert, credit, millionths
from novate.core.kernels.borrowing import ADDED, FIRST, NOTHING, borrowing, inlined
from novate.core.kernels.portfolio import judge_portfolio, payable_of, room_for
from novate.core.layout import COLLATERALISED, LIVE, POOLED, PREMIUM, SUBTOTAL, TIERED


@inlined
def requirement(lots, contract, tiers):
    """``(initial, maintenance)`` of one position, rounded up, in the contract's settlement asset."""
    initial, maintenance = 0, 0
    # The sign of a position is a coin toss for the processor, how its contract is margined is not: ask that first.
    if lots != 0 and contract.style != COLLATERALISED and (contract.style != PREMIUM or lots < 0):
        size = abs(lots)
        reference = size * contract.reference_fine
        at = contract.tier_start
        last = at + contract.tier_count - 1
        while at < last and tiers[at + 1].floor_fine < reference:
            at += 1
        tier = tiers[at]
        above = reference - tier.floor_fine
        initial = tier.initial_base_fine + charge(above, tier.initial_ppm)
        maintenance = tier.maintenance_base_fine + charge(above, tier.maintenance_ppm)
        if contract.style != TIERED:
            if contract.option != 0 and lots < 0:
                relief = size * contract.otm_fine
                initial = max(initial - relief, tier.initial_least_base_fine + charge(above, tier.initial_least_ppm))
                maintenance = max(
                    maintenance - relief, tier.maintenance_least_base_fine + charge(above, tier.maintenance_least_ppm)
                )
            else:
                worst = lots * (contract.value_fine - worst_value(lots, contract))
                initial, maintenance = min(initial, worst), min(maintenance, worst)
    return initial, maintenance


@inlined
def worst_value(lots, contract):
    """The value per lot that a bounded position fears: the floor for a long one, the cap for a short one."""
    return contract.floor_value_fine if lots > 0 else contract.cap_value_fine


@inlined
def collateralised_result(lots, cost_fine, filled, contract):
    """What a fully collateralised position counts for: its result at the worst end, and no gain before it is paid; so
    many lots of its resting orders (asks are negative) being ``filled`` at the mark."""
    worst = worst_value(lots + filled, contract)  # no product passes what the account's exposure counts for its lots
    return min(0, lots * worst - cost_fine + filled * (worst - contract.value_fine))


@borrowing
def resting_cover(lots, cost_fine, bids, asks, contract):
    """What the worse side of the resting orders in a fully collateralised contract sets aside, filled at the mark: by
    how much the position could then lose more than it can now; not negative."""
    if bids == 0 and asks == 0:
        return NOTHING
    result = collateralised_result(lots, cost_fine, NOTHING, contract)
    bought = collateralised_result(lots, cost_fine, bids, contract)
    return result - min(result, bought, collateralised_result(lots, cost_fine, -asks, contract))


@borrowing
def add_bet(lots, cost_fine, bids, asks, sign, contract, own):
    """Add (or, with a sign of -1, take off) a fully collateralised position and its orders to the sums of its asset."""
    own.variation_fine += sign * collateralised_result(lots, cost_fine, NOTHING, contract)
    own.resting_cover_fine += sign * resting_cover(lots, cost_fine, bids, asks, contract)


@inlined
def premium_with_bids(balance, own):
    """Premium bought less premium sold, with all resting bids filled at the marks."""
    return balance.premium_fine + own.resting_premium_fine


@inlined
def results_with_orders(balance, own):
    """Unsettled results and carry, with what resting orders set aside to cover bets."""
    return own.variation_fine + balance.carry_fine - own.resting_cover_fine


@inlined
def owed_in(balance, own):
    """What a bucket will have to pay in one asset, with resting orders in options and bets filled and no premium it is
    due against it; not negative."""
    return max(0, premium_with_bids(balance, own)) - min(0, results_with_orders(balance, own))


@inlined
def owed_without_orders(balance, own):
    """The same for what is held alone."""
    return max(0, balance.premium_fine) - min(0, own.variation_fine + balance.carry_fine)


@inlined
def worse_side(lots, bids, asks, contract, tiers):
    """``(initial, maintenance)`` of a position with its resting orders: initial at the worse of all that may be filled.

    Orders that reduce the position count for nothing until they are larger than it. Maintenance asks for what is held.
    """
    initial, maintenance = requirement(lots, contract, tiers)
    if bids > 0 or asks > 0:
        initial = max(
            initial, filled_initial(lots + bids, contract, tiers), filled_initial(lots - asks, contract, tiers)
        )
    return initial, maintenance


@borrowing
def filled_initial(lots, contract, tiers):
    """What a position would have to hold with the orders of one side filled; a call, since few have orders."""
    return requirement(lots, contract, tiers)[0]


@inlined
def option_worth(lots, contract, long_option_ppm):
    """What the value of an option position counts for: long credited at the rulebook's rate, short in full."""
    worth = lots * contract.value_fine
    if lots > 0 and worth > 0:
        worth = credit(worth, long_option_ppm)
    return worth


@inlined
def sum_run(first, end, positions, orders, lot_terms, sums, into):
    """Add a run of positions inside their first brackets to row ``into`` of the sums; returns where the run ends.

    Inside its first bracket a requirement grows with size, so the worse side is the larger of all that may be filled.
    Indices are unsigned: a signed one may count from the end, and every use of it pays for asking.
    """
    at = first
    while at < end:
        position = positions[at]
        lot = lot_terms[np.uint32(position.contract)]
        lots = position.lots
        size = abs(lots)
        worst = size
        if position.orders != 0:
            rest = orders[np.uint32(position.orders)]
            worst = max(size, abs(lots + rest.bids), abs(lots - rest.asks))
        if worst > lot.bracket_lots:
            break
        own = sums[into, np.uint32(lot.asset)]
        own.variation_fine += lots * lot.value_fine - position.cost_fine
        own.initial_fine += worst * lot.initial_whole_fine + millionths(worst * lot.initial_rest_ppm)
        own.maintenance_fine += size * lot.maintenance_whole_fine + millionths(size * lot.maintenance_rest_ppm)
        at += np.uint64(1)
    return at


@borrowing
def sum_one(position, open_orders, contract, tiers, long_option_ppm, own):
    """Add any position to the sums of its asset, the long way; returns 0 where its price is missing."""
    lots, bids, asks = position.lots, open_orders.bids, open_orders.asks
    if contract.style == PREMIUM:
        own.option_fine += option_worth(lots, contract, long_option_ppm)
        own.resting_premium_fine += bids * contract.value_fine
    elif contract.style == COLLATERALISED:
        add_bet(lots, position.cost_fine, bids, asks, ADDED, contract, own)
    else:
        own.variation_fine += lots * contract.value_fine - position.cost_fine
    initial, maintenance = worse_side(lots, bids, asks, contract, tiers)
    own.initial_fine += initial
    own.maintenance_fine += maintenance
    return 0 if (lots != 0 or bids != 0 or asks != 0) and contract.state != LIVE else 1


@inlined
def sum_positions(start, count, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into):
    """Sum position rows into row ``into`` of ``sums`` (per asset); returns 0 where a price is missing."""
    for asset in range(sums.shape[1]):
        sums[into, asset].variation_fine = 0
        sums[into, asset].option_fine = 0
        sums[into, asset].initial_fine = 0
        sums[into, asset].maintenance_fine = 0
        sums[into, asset].resting_premium_fine = 0
        sums[into, asset].resting_cover_fine = 0
    return add_positions(start, count, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into)


@inlined
def add_positions(start, count, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into):
    """Add position rows to what row ``into`` of ``sums`` has; returns 0 where a price is missing."""
    priced = 1
    at, end = np.uint64(start), np.uint64(start + count)
    while at < end:
        at = sum_run(at, end, positions, orders, lot_terms, sums, into)
        if at < end:
            contract = contracts[np.uint32(positions[at].contract)]
            own_orders, own = orders[np.uint32(positions[at].orders)], sums[into, np.uint32(contract.asset)]
            priced &= sum_one(positions[at], own_orders, contract, tiers, long_option_ppm, own)
            at += np.uint64(1)
    return priced


@inlined
def sum_purse(bucket, buckets, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into):
    """Sum all positions that are judged with a purse into row ``into`` of ``sums``; returns 0 where a price is missing.

    Of a gross omnibus account those are its sub-accounts', each with its own sign: requirements are added and never
    netted, so that a long of one client does not offset a short of another. Results and option values add up in one
    purse, as the money does.
    """
    own = buckets[bucket]
    priced = sum_positions(
        own.start, own.count, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into
    )
    if own.contract == POOLED:
        priced &= add_subs(
            own.next, buckets, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into
        )
    return priced


@borrowing
def add_subs(first, buckets, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into):
    """Add the positions of a chain of sub-accounts to the sums of their purse; returns 0 where a price is missing."""
    priced = 1
    at = np.int64(first)
    while at >= 0:
        own = buckets[at]
        priced &= add_positions(
            own.start, own.count, positions, orders, lot_terms, contracts, tiers, long_option_ppm, sums, into
        )
        at = np.int64(own.next)
    return priced


@inlined
def standing(balances, bucket, sums, into, assets, gains_ppm):
    """What decides on a bucket, in the numeraire, from its balances and sums: ``(equity, initial, priced)``."""
    equity, initial, priced = 0, 0, 1
    for at in range(sums.shape[1]):
        balance = balances[bucket, at]
        own = sums[into, at]
        asset = assets[at]
        cash = balance.balance_minor * asset.unit_fine
        unsettled = own.variation_fine + balance.carry_fine - balance.premium_fine
        amount = cash + min(0, unsettled) + credit(max(0, unsettled), gains_ppm) + own.option_fine
        if amount != 0 or cash != 0 or own.initial_fine != 0 or balance.premium_fine != 0:
            if asset.live == 0:
                priced = 0
            equity = clamp(equity + convert(min(amount, asset.count_max_fine), asset))
            initial = clamp(initial - convert(-own.initial_fine, asset))
    return equity, initial, priced


@inlined
def maintenance_in(sums, into, assets):
    """A bucket's maintenance requirement in the numeraire."""
    maintenance = 0
    for at in range(sums.shape[1]):
        maintenance = clamp(maintenance - convert(-sums[into, at].maintenance_fine, assets[at]))
    return maintenance


@inlined
def total(balances, bucket, sums, into, assets, gains_ppm):
    """A bucket in the numeraire from its balances and sums: ``(equity, settled, initial, maintenance, priced)``."""
    equity, initial, priced = standing(balances, bucket, sums, into, assets, gains_ppm)
    settled = 0
    for at in range(sums.shape[1]):
        balance, asset = balances[bucket, at], assets[at]
        paid_up = balance.balance_minor * asset.unit_fine - max(0, balance.premium_fine)
        settled = clamp(settled + convert(min(paid_up, asset.count_max_fine), asset))
    return equity, settled, initial, maintenance_in(sums, into, assets), priced


@njit(cache=True)
def requirement_of(lots, contract_index, tables):
    """``(initial, maintenance)`` of one position of a contract."""
    return requirement(lots, tables.contracts[contract_index], tables.tiers)


@borrowing
def payable(balances, bucket, sums, into, assets):
    """What cash covers after everything that is owed unsettled and what resting orders set aside, in the numeraire;
    gains of one asset pay in none."""
    covered = 0
    for at in range(sums.shape[1]):
        balance = balances[bucket, at]
        cash = balance.balance_minor * assets[at].unit_fine
        left = min(cash - owed_in(balance, sums[into, at]), assets[at].count_max_fine)
        covered = clamp(covered + convert(left, assets[at]))
    return covered


@njit(cache=True)
def judge_rows(start, count, positions, balances, at, tables, sheet):
    """Judge position rows with row ``at`` of the given balances, as if they were a bucket: by a sheet or, where it is
    None, in tiers.

    Returns ``(equity, settled, initial, maintenance, priced, payable)``.
    """
    lot_terms, contracts, tiers, assets = tables.lot_terms, tables.contracts, tables.tiers, tables.assets
    sums, long_option_ppm = np.empty((1, len(assets)), SUBTOTAL), tables.long_option_ppm
    priced = sum_positions(
        start, count, positions, tables.orders, lot_terms, contracts, tiers, long_option_ppm, sums, FIRST
    )
    if sheet is not None:
        equity, settled, initial, maintenance, known = judge_portfolio(
            start, count, positions, tables.orders, balances, at, sums, assets, tables.gains_ppm, sheet,
            room_for(sheet),
        )  # fmt: skip
        covered = payable_of(balances, at, sums, FIRST, assets, sheet)
    else:
        equity, settled, initial, maintenance, known = total(balances, at, sums, FIRST, assets, tables.gains_ppm)
        covered = payable(balances, at, sums, FIRST, assets)
    return equity, settled, initial, maintenance, priced * known, covered


@njit(cache=True)
def judge_sums(priced, sums, balances, at, tables):
    """Judge the first row of sums in tiers, with row ``at`` of the given balances; answers as ``judge_rows``."""
    assets = tables.assets
    equity, settled, initial, maintenance, known = total(balances, at, sums, FIRST, assets, tables.gains_ppm)
    return equity, settled, initial, maintenance, priced * known, payable(balances, at, sums, FIRST, assets)


@njit(cache=True)
def judge_one(purse, balances, at, tables, sheet):
    """Judge a purse with row ``at`` of the given balances; answers as ``judge_rows``."""
    own = tables.buckets[purse]
    if own.contract != POOLED:
        if sheet is not None and own.portfolio != 0:
            return judge_rows(own.start, own.count, tables.positions, balances, at, tables, sheet)
        return judge_rows(own.start, own.count, tables.positions, balances, at, tables, None)
    sums = np.empty((1, len(tables.assets)), SUBTOTAL)
    priced = sum_purse(
        purse, tables.buckets, tables.positions, tables.orders, tables.lot_terms, tables.contracts, tables.tiers,
        tables.long_option_ppm, sums, FIRST,
    )  # fmt: skip
    return judge_sums(priced, sums, balances, at, tables)

"""What buckets are worth and what they must hold."""

import numpy as np
from numba import njit, prange

from novate.core.kernels.arithmetic import charge, clamp, convert, credit
from novate.core.layout import LIVE, SUBTOTAL


@njit(cache=True)
def requirement(lots, contract, tiers):
    """``(initial, maintenance)`` of one position, rounded up, in the contract's settlement asset."""
    if lots == 0 or (lots > 0 and contract.option != 0):
        return 0, 0
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
    if contract.option != 0:
        relief = size * contract.otm_fine
        initial = max(
            initial - relief, tier.initial_least_base_fine + charge(above, tier.initial_least_ppm)
        )
        maintenance = max(
            maintenance - relief, tier.maintenance_least_base_fine + charge(above, tier.maintenance_least_ppm)
        )
    return initial, maintenance


@njit(cache=True)
def option_worth(lots, contract, long_option_ppm):
    """What the value of an option position counts for: long credited at the rulebook's rate, short in full."""
    worth = lots * contract.value_fine
    if lots > 0 and worth > 0:
        return credit(worth, long_option_ppm)
    return worth


@njit(cache=True)
def sum_positions(bucket, tables, sums):
    """Sum a bucket's positions into ``sums`` (one ``SUBTOTAL`` per asset); returns 0 where a price is missing."""
    for asset in range(len(sums)):
        sums[asset].variation_fine = 0
        sums[asset].option_fine = 0
        sums[asset].initial_fine = 0
        sums[asset].maintenance_fine = 0
    priced = 1
    start = tables.buckets[bucket].start
    for at in range(start, start + tables.buckets[bucket].count):
        position = tables.positions[at]
        contract = tables.contracts[position.contract]
        into = sums[contract.asset]
        if contract.option == 0:
            into.variation_fine += position.lots * contract.value_fine - position.cost_fine
        else:
            into.option_fine += option_worth(position.lots, contract, tables.long_option_ppm)
        if position.lots != 0:
            if contract.state != LIVE:
                priced = 0
            initial, maintenance = requirement(position.lots, contract, tables.tiers)
            into.initial_fine += initial
            into.maintenance_fine += maintenance
    return priced


@njit(cache=True)
def total(balances, sums, tables):
    """``(equity, settled, initial, maintenance, priced)`` in the numeraire from a bucket's balances and sums per asset."""
    equity, settled, initial, maintenance, priced = 0, 0, 0, 0, 1
    for at in range(len(sums)):
        balance = balances[at]
        own = sums[at]
        asset = tables.assets[at]
        cash = balance.balance_minor * asset.unit_fine
        unsettled = own.variation_fine + balance.carry_fine - balance.premium_fine
        if unsettled > 0:
            unsettled = credit(unsettled, tables.gains_ppm)
        amount = cash + unsettled + own.option_fine
        if amount == 0 and cash == 0 and own.initial_fine == 0 and balance.premium_fine == 0:
            continue
        if asset.live == 0:
            priced = 0
        equity = clamp(equity + convert(amount, asset))
        settled = clamp(settled + convert(cash - max(0, balance.premium_fine), asset))
        initial = clamp(initial - convert(-own.initial_fine, asset))
        maintenance = clamp(maintenance - convert(-own.maintenance_fine, asset))
    return equity, settled, initial, maintenance, priced


@njit(cache=True)
def judge_one(bucket, balance, tables):
    """Judge one bucket with the given row of balances: ``(equity, settled, initial, maintenance, priced)``."""
    sums = np.zeros(len(tables.assets), SUBTOTAL)
    priced = sum_positions(bucket, tables, sums)
    equity, settled, initial, maintenance, known = total(balance, sums, tables)
    return equity, settled, initial, maintenance, priced * known


@njit(cache=True)
def judge_range(first, last, chosen, tables, out):
    """Judge ``chosen[first:last]`` (or the buckets themselves where ``chosen`` is empty) into ``out``."""
    sums = np.zeros(len(tables.assets), SUBTOTAL)
    for at in range(first, last):
        bucket = chosen[at] if len(chosen) else at
        priced = sum_positions(bucket, tables, sums)
        equity, settled, initial, maintenance, known = total(tables.balances[bucket], sums, tables)
        row = out[at]
        row.equity_fine = equity
        row.settled_fine = settled
        row.initial_fine = initial
        row.maintenance_fine = maintenance
        row.priced = priced * known


@njit(cache=True, parallel=True)
def judge_all(count, tables, out):
    """Judge buckets 0 to count on all cores."""
    none = np.zeros(0, np.int64)
    blocks = 64
    step = (count + blocks - 1) // blocks
    for block in prange(blocks):
        first = min(count, block * step)
        last = min(count, first + step)
        judge_range(first, last, none, tables, out)

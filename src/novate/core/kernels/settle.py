"""A settlement cycle over the whole book, and the recount that the laws ask for."""

from numba import njit

from novate.core.kernels.legs import apply_leg
from novate.core.kernels.search import purse_of
from novate.core.layout import LIVE, PREMIUM


@njit(cache=True)
def settle_results(asset, count, tables, out):
    """Into ``out`` (int64 zeros per bucket): unsettled results in one asset, of all contracts that have a live price.

    What a sub-account's positions come to is its purse's.
    """
    for bucket in range(count):
        result = 0
        start = tables.buckets[bucket].start
        for at in range(start, start + tables.buckets[bucket].count):
            position = tables.positions[at]
            contract = tables.contracts[position.contract]
            if contract.asset != asset or contract.state != LIVE:
                continue
            if contract.style != PREMIUM:
                result += position.lots * contract.value_fine
            result -= position.cost_fine
        out[purse_of(bucket, tables.buckets)] += result


@njit(cache=True)
def settle_costs(asset, count, tables):
    """Set the cost of every live variation position to lots x value and of every live premium position to zero."""
    for bucket in range(count):
        start, purse = tables.buckets[bucket].start, purse_of(bucket, tables.buckets)
        for at in range(start, start + tables.buckets[bucket].count):
            position = tables.positions[at]
            contract = tables.contracts[position.contract]
            if contract.asset != asset or contract.state != LIVE:
                continue
            cost = position.lots * contract.value_fine if contract.style != PREMIUM else 0
            change = cost - position.cost_fine
            if change != 0:
                apply_leg(position, tables.balances[purse, asset], contract, 0, change)
                contract.net_cost_fine += change


@njit(cache=True)
def recount(count, tables, lots, costs, long_lots, exposure, premium):
    """Sum the whole book afresh: lots and costs per contract, exposure and premium per purse and asset."""
    for bucket in range(count):
        start, purse = tables.buckets[bucket].start, purse_of(bucket, tables.buckets)
        for at in range(start, start + tables.buckets[bucket].count):
            position = tables.positions[at]
            contract = tables.contracts[position.contract]
            lots[position.contract] += position.lots
            costs[position.contract] += position.cost_fine
            long_lots[position.contract] += max(0, position.lots)
            resting = tables.orders[position.orders]
            lots_at_most = abs(position.lots) + resting.bids + resting.asks
            exposure[purse, contract.asset] += lots_at_most * contract.largest_value_fine + abs(position.cost_fine)
            if contract.style == PREMIUM:
                premium[purse, contract.asset] += position.cost_fine


@njit(cache=True)
def first_unbalanced(count, contracts):
    """The first contract whose lots or costs do not sum to zero, or -1."""
    for at in range(count):
        if contracts[at].net_lots != 0 or contracts[at].net_cost_fine != 0:
            return at
    return -1

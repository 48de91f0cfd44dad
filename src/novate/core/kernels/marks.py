"""Prices into values per lot and margin terms."""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import reference_at, value_at
from novate.core.kernels.lots import set_lot
from novate.core.layout import EXPIRED, HALTED, LIVE
from novate.core.reasons import Reason
from novate.core.rows import MARKED, NEITHER, REFUSED

CONTRACT_UNKNOWN = int(Reason.CONTRACT_UNKNOWN)
CONTRACT_EXPIRED = int(Reason.CONTRACT_EXPIRED)
PRICE_MISSING = int(Reason.PRICE_MISSING)


@njit(cache=True)
def option_terms(spot_ticks, contract):
    """``(reference, out of the money)`` per lot of an option at its underlying's price; relief is rounded down."""
    distance = contract.strike_ticks - spot_ticks if contract.option == 1 else spot_ticks - contract.strike_ticks
    distance = max(0, distance)
    unit = contract.underlying_factor_fine
    if contract.inverse == 0:
        return max(abs(spot_ticks * unit), contract.reference_least_fine), distance * unit
    return unit, (unit // spot_ticks) * distance + (unit % spot_ticks) * distance // spot_ticks


@njit(cache=True)
def mark_rows(marks, n_contracts, tables):
    """Value every mark: ``(MARKED rows, halted contracts with cause 0 missing or 1 out of limits, REFUSED rows)``.

    Options come after what they are written on, and live options whose underlying moved are marked again at their own
    last price, since their margin terms follow the underlying.
    """
    contracts = tables.contracts
    prices = np.empty(n_contracts, np.int64)
    states = np.empty(n_contracts, np.int64)
    moved = np.zeros(n_contracts, np.int64)
    for at in range(n_contracts):
        prices[at] = contracts[at].price_ticks
        states[at] = contracts[at].state
    halted = np.empty((len(marks), 2), np.int64)
    refused = np.empty(len(marks), REFUSED)
    n_halted = 0
    n_refused = 0
    for turn in range(2):
        for at in range(len(marks)):
            mark = marks[at]
            reason = 0
            if mark.contract < 0 or mark.contract >= n_contracts:
                if turn == 0:
                    reason = CONTRACT_UNKNOWN
            elif (contracts[mark.contract].option != 0) == (turn == 1):
                contract = contracts[mark.contract]
                if contract.state == EXPIRED:
                    reason = CONTRACT_EXPIRED
                elif mark.missing != 0 or not (
                    contract.price_min_ticks <= mark.price_ticks <= contract.price_max_ticks
                ):
                    states[mark.contract] = HALTED
                    moved[mark.contract] = 0
                    halted[n_halted, 0] = mark.contract
                    halted[n_halted, 1] = 0 if mark.missing != 0 else 1
                    n_halted += 1
                elif contract.option != 0 and states[contract.underlying] != LIVE:
                    reason = PRICE_MISSING
                else:
                    states[mark.contract] = LIVE
                    prices[mark.contract] = mark.price_ticks
                    moved[mark.contract] = 1
            if reason != 0:
                refused[n_refused].row = at
                refused[n_refused].reason = reason
                refused[n_refused].figure = mark.contract
                refused[n_refused].side = NEITHER
                n_refused += 1
    return value_moved(moved, prices, states, contracts), halted[:n_halted], refused[:n_refused]


@njit(cache=True)
def value_moved(moved, prices, states, contracts):
    """MARKED rows of all contracts that moved (1), and of live options whose underlying did."""
    rows = np.zeros(len(moved), MARKED)
    n_rows = 0
    for at in range(len(moved)):
        contract = contracts[at]
        if contract.option != 0 and moved[at] == 0 and states[at] == LIVE and moved[contract.underlying] == 1:
            moved[at] = 2
        if moved[at] == 0:
            continue
        row = rows[n_rows]
        row.contract = at
        row.price_ticks = prices[at]
        row.value_fine = value_at(prices[at], contract)
        row.fresh = 1 if moved[at] == 1 else 0
        if contract.option != 0:
            row.reference_fine, row.otm_fine = option_terms(prices[contract.underlying], contract)
        else:
            row.reference_fine = reference_at(prices[at], contract)
        n_rows += 1
    return rows[:n_rows]


@njit(cache=True)
def set_marks(rows, time_ns, tables):
    """Fold marks into the contracts. An option marked again only for its underlying keeps the age of its own mark."""
    contracts, tiers, lot_terms = tables.contracts, tables.tiers, tables.lot_terms
    for at in range(len(rows)):
        row = rows[at]
        contract = contracts[row.contract]
        contract.price_ticks = row.price_ticks
        contract.value_fine = row.value_fine
        contract.reference_fine = row.reference_fine
        contract.otm_fine = row.otm_fine
        contract.state = LIVE
        if row.fresh != 0:
            contract.marked_at_ns = time_ns
        set_lot(row.contract, contracts, tiers, lot_terms)

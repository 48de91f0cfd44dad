"""One bucket as it would stand after deposits and trades: the judgement of ``trades`` on rows of its own."""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, reference_at, value_at
from novate.core.kernels.legs import apply_leg
from novate.core.kernels.margin import payable, sum_positions, total
from novate.core.kernels.trades import ACCEPTED, CONTRACT_UNKNOWN, EXPOSURE_LIMIT_EXCEEDED, check_terms, judge_leg
from novate.core.layout import BALANCE, JUDGED, OPEN, POSITION, SUBTOTAL
from novate.core.money import EXPOSURE_MAX


@njit(cache=True)
def judge_overlay(positions, count, balances, sums, tables, figures):
    """Judge ``count`` position rows with one row of balances: the figures of ``margin.judge_one``, in its order."""
    priced = sum_positions(
        0, count, positions, tables.lot_terms, tables.contracts, tables.tiers, tables.long_option_ppm, sums, 0
    )
    equity, settled, initial, maintenance, known = total(balances, 0, sums, 0, tables.assets, tables.gains_ppm)
    figures[0], figures[1], figures[2], figures[3] = equity, settled, initial, maintenance
    figures[4] = priced * known
    figures[5] = payable(balances, 0, sums, 0, tables.assets)


@njit(cache=True)
def row_of(contract, positions, count):
    """``(row, count)``: where a contract stands among the first ``count`` rows, or is put, by contract."""
    at = 0
    while at < count and positions[at].contract < contract:
        at += 1
    if at < count and positions[at].contract == contract:
        return at, count
    for below in range(count, at, -1):
        positions[below] = positions[below - 1]
    positions[at].contract = contract
    positions[at].lots = 0
    positions[at].cost_fine = 0
    return at, count + 1


@njit(cache=True)
def judge_what_if(bucket, rows, deposits_minor, n_contracts, fees_account, tables):
    """Deposits, then trades in order, against counterparties that can bear them; the book is not written.

    ``rows`` are trades in which the bucket is buyer or seller and the other side is -1. Returns ``(answers, figures)``:
    per row its reason and figure, and the bucket before and after as ``judge_overlay`` has it. A row that is refused
    leaves the bucket as it was.
    """
    contracts, assets, tiers = tables.contracts, tables.assets, tables.tiers
    gains_ppm, long_option_ppm = tables.gains_ppm, tables.long_option_ppm
    width = len(assets)
    own = tables.buckets[bucket]
    balances, sums, judged = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL), np.zeros(1, JUDGED)
    new_balances, new_sums = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL)
    positions = np.empty(own.count + len(rows), POSITION)
    count = np.int64(own.count)
    for at in range(count):
        positions[at] = tables.positions[own.start + at]
    for asset in range(width):
        balances[0, asset] = tables.balances[bucket, asset]
    fees = tables.balances[fees_account].copy()
    figures = np.empty((2, 6), np.int64)
    answers = np.zeros((len(rows), 2), np.int64)
    judge_overlay(positions, count, balances, sums, tables, figures[0])
    for asset in range(width):
        balances[0, asset].balance_minor += deposits_minor[asset]
    judge_overlay(positions, count, balances, sums, tables, figures[1])
    judged[0].equity_fine, judged[0].initial_fine, judged[0].priced = figures[1, 0], figures[1, 2], figures[1, 4]
    for at in range(len(rows)):
        row = rows[at]
        if row.contract < 0 or row.contract >= n_contracts:
            answers[at, 0], answers[at, 1] = CONTRACT_UNKNOWN, row.contract
            continue
        contract = contracts[row.contract]
        buys = row.buyer == bucket
        reason, figure, _ = check_terms(row, contract, own.access if buys else OPEN, OPEN if buys else own.access)
        if reason == ACCEPTED:
            value = value_at(row.price_ticks, contract)
            fee = charge(row.lots * reference_at(row.price_ticks, contract), contract.fee_ppm)
            if fees[contract.asset].carry_fine > EXPOSURE_MAX - 2 * fee:
                reason, figure = EXPOSURE_LIMIT_EXCEEDED, np.int64(EXPOSURE_MAX)
        if reason == ACCEPTED:
            lots = row.lots if buys else -row.lots
            where, count = row_of(row.contract, positions, count)
            reason, figure, equity, initial = judge_leg(
                lots, value, fee, positions[where].lots, positions[where].cost_fine, 0, 0, contract, own.access,
                balances, sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
            )  # fmt: skip
            if reason == ACCEPTED:
                balances[0, contract.asset].carry_fine -= fee
                apply_leg(positions[where], balances[0, contract.asset], contract, lots, lots * value)
                for asset in range(width):
                    sums[0, asset] = new_sums[0, asset]
                judged[0].equity_fine, judged[0].initial_fine = equity, initial
                fees[contract.asset].carry_fine += 2 * fee
        answers[at, 0], answers[at, 1] = reason, figure
    judge_overlay(positions, count, balances, sums, tables, figures[1])
    return answers, figures

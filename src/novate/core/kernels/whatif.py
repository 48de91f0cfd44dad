"""A purse as it would stand after deposits and trades of a bucket: the judgement of ``trades`` on rows of its own."""

import numpy as np
from numba import njit

from novate.core.kernels.admit import ACCEPTED, CONTRACT_UNKNOWN, access_of, check_terms
from novate.core.kernels.arithmetic import charge, size_at, value_at
from novate.core.kernels.borrowing import FIRST, NO, NOTHING, borrowing, owning
from novate.core.kernels.limits import count_trade, counted
from novate.core.kernels.margin import judge_rows, judge_sums, maintenance_in, standing, sum_positions, sum_purse
from novate.core.kernels.pool import begin_alone, keep, maintenance_of, slot_for
from novate.core.kernels.search import purse_of
from novate.core.kernels.sides import MARGIN_INSUFFICIENT, brings_nearer, judge_leg, judge_leg_by_sheet
from novate.core.kernels.tables import columns
from novate.core.kernels.trades import check_both, take_on
from novate.core.layout import BALANCE, JUDGED, OPEN, OPEN_ORDERS, POOLED, POSITION, SUBTOTAL


@borrowing
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
    positions[at].orders = 0
    return at, count + 1


@borrowing
def excess(reduces, equity, initial, maintenance, was, initial_before, maintenance_before):
    """By how much a leg misses what margin allows: above zero where it is refused, convex where requirements are.

    A leg that reduces may lack what was lacking of either requirement, and be as far below zero, as before it.
    """
    if not reduces:
        return initial - equity
    below_initial = initial - equity - max(0, initial_before - was)
    below_maintenance = maintenance - equity - max(0, maintenance_before - was)
    return max(below_initial, below_maintenance, -equity - max(0, -was))


@owning
def judge_with_excess(
    lots, value, fee, position, resting, at, slot, access, balances, sums, judged, new_balances, new_sums, tables, sheet
):
    """A leg in contract ``at``: what ``judge_leg`` says, and the excess where margin is lacking.

    It is judged by the sheet with its pool's ``slot``; in tiers where that is below zero.
    """
    over, was, asked = np.int64(0), judged[0].equity_fine, judged[0].initial_fine
    if sheet is not None and slot >= 0:
        reason, figure, equity, initial = judge_leg_by_sheet(
            lots, value, fee, position, resting, NOTHING, NO, FIRST, FIRST, slot, at, access, balances, sums, judged,
            new_balances, new_sums, tables, sheet,
        )  # fmt: skip
        if reason == MARGIN_INSUFFICIENT:
            after = maintenance_of(slot, at, lots, initial, sheet.pool.new_counts[0], balances, FIRST, sheet)
            before = maintenance_of(slot, at, NOTHING, asked, sheet.pool.counts[slot], balances, FIRST, sheet)
            over = excess(brings_nearer(position.lots, lots), equity, initial, after, was, asked, before)
        return reason, figure, equity, initial, over
    reason, figure, equity, initial = judge_leg(
        lots, value, fee, position, resting, NOTHING, NO, FIRST, FIRST, tables.contracts[at], access, balances, sums,
        judged, new_balances, new_sums, tables.assets, tables.tiers, tables.gains_ppm, tables.long_option_ppm,
    )  # fmt: skip
    if reason == MARGIN_INSUFFICIENT:
        was, asked, _ = standing(balances, FIRST, sums, FIRST, tables.assets, tables.gains_ppm)
        after, before = maintenance_in(new_sums, FIRST, tables.assets), maintenance_in(sums, FIRST, tables.assets)
        over = excess(brings_nearer(position.lots, lots), equity, initial, after, was, asked, before)
    return reason, figure, equity, initial, over


@njit(cache=True)
def sum_beside(bucket, tables):
    """What a bucket's purse has beside the bucket's own positions: its sums, and 0 where a price of it is missing.

    That is nothing, but for a sub-account: the others of its pool.
    """
    others = np.zeros((1, len(tables.assets)), SUBTOTAL)
    own, purse = tables.buckets[bucket], purse_of(bucket, tables.buckets)
    if tables.buckets[purse].contract != POOLED:
        return others, 1
    alone = np.empty(others.shape, SUBTOTAL)
    sum_positions(
        own.start, own.count, tables.positions, tables.orders, tables.lot_terms, tables.contracts, tables.tiers,
        tables.long_option_ppm, alone, FIRST,
    )  # fmt: skip
    priced = sum_purse(
        purse, tables.buckets, tables.positions, tables.orders, tables.lot_terms, tables.contracts, tables.tiers,
        tables.long_option_ppm, others, FIRST,
    )  # fmt: skip
    for asset in range(others.shape[1]):
        others[0, asset].variation_fine -= alone[0, asset].variation_fine
        others[0, asset].option_fine -= alone[0, asset].option_fine
        others[0, asset].initial_fine -= alone[0, asset].initial_fine
        others[0, asset].maintenance_fine -= alone[0, asset].maintenance_fine
        others[0, asset].resting_premium_fine -= alone[0, asset].resting_premium_fine
        others[0, asset].resting_cover_fine -= alone[0, asset].resting_cover_fine
    return others, priced


@njit(cache=True)
def sum_with(others, known, count, positions, tables, sums):
    """Sum the first position rows and what is beside them; returns 0 where a price is missing."""
    priced = sum_positions(
        0, count, positions, tables.orders, tables.lot_terms, tables.contracts, tables.tiers, tables.long_option_ppm,
        sums, FIRST,
    )  # fmt: skip
    for asset in range(sums.shape[1]):
        sums[0, asset].variation_fine += others[0, asset].variation_fine
        sums[0, asset].option_fine += others[0, asset].option_fine
        sums[0, asset].initial_fine += others[0, asset].initial_fine
        sums[0, asset].maintenance_fine += others[0, asset].maintenance_fine
        sums[0, asset].resting_premium_fine += others[0, asset].resting_premium_fine
        sums[0, asset].resting_cover_fine += others[0, asset].resting_cover_fine
    return priced & known


@njit(cache=True)
def judge_with(others, beside, count, positions, by_sheet, balances, tables, sheet):
    """Judge the first position rows, and what is beside them, with the first row of balances: ``margin.judge_rows``."""
    if sheet is not None and by_sheet:
        return judge_rows(FIRST, count, positions, balances, FIRST, tables, sheet)
    sums = np.empty(others.shape, SUBTOTAL)
    return judge_sums(sum_with(others, beside, count, positions, tables, sums), sums, balances, FIRST, tables)


@njit(cache=True)
def open_with(bucket, deposits_minor, more, others, beside, tables, sheet, positions, balances, sums, judged):
    """Copy a bucket and its purse's money into rows of their own, with deposits: what it was before them, and a slot.

    ``others`` are the sums of what is beside it, ``beside`` is 0 where one of them has no price. The slot is that of
    the sheet's pool, in which ``more`` contracts find room; -1 for a bucket in tiers.
    """
    own, assets = tables.buckets[bucket], tables.assets
    for at in range(own.count):
        positions[at] = tables.positions[own.start + at]
    for asset in range(len(assets)):
        balances[0, asset] = tables.balances[purse_of(bucket, tables.buckets), asset]
    before = judge_with(others, beside, np.int64(own.count), positions, own.portfolio != 0, balances, tables, sheet)
    for asset in range(len(assets)):
        balances[0, asset].balance_minor += deposits_minor[asset]
    priced = sum_with(others, beside, np.int64(own.count), positions, tables, sums)
    if sheet is not None and own.portfolio != 0:
        judged[0].priced = priced
        begin_alone(np.array([bucket], np.int32), more, tables, sheet)
        slot = slot_for(FIRST, bucket, positions, tables.orders, columns(tables), sheet, balances, sums, judged)
        return before, np.int64(slot)
    equity, initial, known = standing(balances, FIRST, sums, FIRST, assets, tables.gains_ppm)
    judged[0].equity_fine, judged[0].initial_fine, judged[0].priced = equity, initial, priced * known
    return before, np.int64(-1)


@njit(cache=True)
def judge_what_if(account, bucket, rows, deposits_minor, n_contracts, fees, tables, sheet):
    """Deposits, then trades in order, against counterparties that can bear them; the book is not written.

    ``rows`` are trades of one ``bucket`` of the account, in which the account is buyer or seller and the other side is
    ``NOBODY``: it holds nothing in the contract before and shares no limit. Returns ``(answers, figures)``: per row its
    reason, its figure and, where margin is lacking, its ``excess``; and the bucket before and after as
    ``margin.judge_rows`` has it. A row that is refused leaves the bucket as it was. The fees of all rows are added to
    ``fees``, the balances of the account that receives them.
    """
    contracts, own, width = tables.contracts, tables.buckets[bucket], len(tables.assets)
    balances, sums, judged = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL), np.zeros(1, JUDGED)
    new_balances, new_sums = np.empty((1, width), BALANCE), np.empty((1, width), SUBTOTAL)
    positions, none = np.empty(own.count + len(rows) + 1, POSITION), own.count + len(rows)
    positions[none].lots, resting = 0, np.zeros(1, OPEN_ORDERS)
    counts, spans, lists = counted(tables.limits, contracts), tables.limit_spans, tables.limit_lists
    count, answers, verdict = np.int64(own.count), np.zeros((len(rows), 3), np.int64), np.empty((1, 2), np.int64)
    others, beside = sum_beside(bucket, tables)
    before, slot = open_with(
        bucket, deposits_minor, len(rows), others, beside, tables, sheet, positions, balances, sums, judged
    )
    for at in range(len(rows)):
        row = rows[at]
        if row.contract < 0 or row.contract >= n_contracts:
            answers[at, 0], answers[at, 1] = CONTRACT_UNKNOWN, row.contract
            continue
        contract, buys = contracts[row.contract], row.buyer == account
        access = access_of(account, row.contract, tables.buckets)
        reason, figure, _ = check_terms(row, contract, False, access if buys else OPEN, OPEN if buys else access)
        if reason == ACCEPTED:
            value = value_at(row.price_ticks, contract)
            fee = charge(row.lots * size_at(row.price_ticks, contract), contract.fee_ppm)
            where, count = row_of(row.contract, positions, count)
            held = (where, none) if buys else (none, where)
            reason, figure, _ = check_both(
                row, fee, fees[contract.asset].carry_fine, held, positions, resting, contract, counts, spans, lists
            )
        if reason == ACCEPTED:
            lots, own_orders = row.lots if buys else -row.lots, tables.orders[np.uint32(positions[where].orders)]
            reason, figure, equity, initial, answers[at, 2] = judge_with_excess(
                lots, value, fee, positions[where], own_orders, np.int64(row.contract), slot, access, balances, sums,
                judged, new_balances, new_sums, columns(tables), sheet,
            )  # fmt: skip
            if reason == ACCEPTED:
                if contract.limited != 0:
                    count_trade(row, held, positions, contract.open_limit, counts, spans, lists)
                verdict[0, 0], verdict[0, 1] = equity, initial
                held_now = positions[where]
                take_on(lots, value, fee, held_now, FIRST, FIRST, contract, balances, sums, new_sums, judged, verdict)
                if sheet is not None and slot >= 0:
                    keep(FIRST, FIRST, np.int64(row.contract), positions[where], own_orders, sheet)
                fees[contract.asset].carry_fine += 2 * fee
        answers[at, 0], answers[at, 1] = reason, figure
    return answers, (before, judge_with(others, beside, count, positions, own.portfolio != 0, balances, tables, sheet))

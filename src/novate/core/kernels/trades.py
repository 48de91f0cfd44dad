"""Trades decided on an overlay of the touched rows; the book is not written.

Four passes: *route* each row to its two overlay buckets, *load* every touched bucket once (its balances and sums),
*hold* every touched position once, *judge* the rows in order, each seeing those before it.
"""

import numpy as np
from numba import njit

from novate.core.kernels.admit import check_row
from novate.core.kernels.arithmetic import charge, size_at, value_at
from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.kernels.legs import apply_leg
from novate.core.kernels.limits import check_limits, count_ahead, count_trade
from novate.core.kernels.overlay import hold, load, slot_of, table_for
from novate.core.kernels.pool import begin, keep, link_trades
from novate.core.kernels.prefetch import AHEAD, prefetch
from novate.core.kernels.search import bucket_of, purse_of
from novate.core.kernels.sides import judge_in_portfolio, judge_in_purse, judge_leg
from novate.core.kernels.tables import columns
from novate.core.layout import BALANCE, JUDGED, SUBTOTAL
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason
from novate.core.rows import BUYER, FILLS_BUYER, FILLS_SELLER, NEITHER, NOVATED, REFUSED, RESERVED, SELLER

ACCEPTED = int(Reason.ACCEPTED)
DUPLICATE_OR_LATE = int(Reason.DUPLICATE_OR_LATE)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
ORDERS_EXCEEDED = int(Reason.ORDERS_EXCEEDED)


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
            purse = purse_of(bucket, buckets)
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


@inlined
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


@inlined
def take_on(lots, value, fee, position, over, side, contract, balances, sums, new_sums, judged, verdicts):
    """A side of an accepted trade to the overlay."""
    balances[over, contract.asset].carry_fine -= fee
    apply_leg(position, balances[over, contract.asset], contract, lots, lots * value)
    for asset in range(sums.shape[1]):
        sums[over, asset] = new_sums[side, asset]
    judged[over].equity_fine, judged[over].initial_fine = verdicts[side, 0], verdicts[side, 1]


@njit(cache=True)
def judge_in_order(
    rows, n_contracts, fees_account, guaranteed, tables, sheet, touched, dealing, sides, reasons, figures, failed,
    novated, fills,
):  # fmt: skip
    """Judge the routed rows one after the other on the overlay; fills ``novated`` and ``fills``, returns how many.

    A row that is refused leaves its reason, figure and the side that failed, and the overlay as it was.
    """
    width = tables.balances.shape[1]
    overlays = len(touched) + 1  # the last is for what a purse is between two of its sub-accounts
    balances, sums = np.empty((overlays, width), BALANCE), np.empty((overlays, width), SUBTOTAL)
    judged, held = np.empty(overlays, JUDGED), np.empty((len(rows), 2), np.int32)
    by_sheet = load(touched, tables, balances, sums, judged)
    positions, resting = hold(rows, reasons, n_contracts, tables, dealing, held)
    if sheet is not None and by_sheet > 0:
        pool = begin(by_sheet, touched, len(positions), sheet)
        link_trades(rows, reasons, sides, held, touched, tables.buckets, width, pool)
    fees, verdicts = tables.balances[fees_account].copy(), np.empty((2, 2), np.int64)
    counts = count_ahead(rows, reasons, tables)
    new_balances, new_sums = np.empty((2, width), BALANCE), np.empty((2, width), SUBTOTAL)
    return judge_held(
        rows, guaranteed, columns(tables), sheet, touched, dealing, sides, reasons, figures, failed, novated, fills,
        balances, sums, judged, held, positions, resting, fees, counts, new_balances, new_sums, verdicts,
    )  # fmt: skip


@borrowing
def judge_pooled(
    at, row, value, fee, guaranteed, over, held, dealing, tables, balances, sums, judged, positions, resting,
    new_balances, new_sums, verdicts,
):  # fmt: skip
    """Whether one purse may bear both sides of row ``at``: ``(reason, figure, side that failed)``."""
    buyer, seller, buckets = held[at, 0], held[at, 1], tables.buckets
    bought = row.lots if row.filled & FILLS_BUYER else np.int64(0)
    sold = row.lots if row.filled & FILLS_SELLER else np.int64(0)
    reason, figure, which = judge_in_purse(
        row.lots, value, fee, positions[buyer], positions[seller], resting[buyer], resting[seller], bought, sold,
        guaranteed, over, len(judged) - 1, tables.contracts[row.contract], buckets[dealing[at, 0]].access,
        buckets[dealing[at, 1]].access, balances, sums, judged, new_balances, new_sums, tables.assets, tables.tiers,
        tables.gains_ppm, tables.long_option_ppm, verdicts,
    )  # fmt: skip
    return reason, figure, SELLER if which else BUYER


@borrowing
def judge_held(
    rows, guaranteed, tables, sheet, touched, dealing, sides, reasons, figures, failed, novated, fills, balances, sums,
    judged, held, positions, resting, fees, counts, new_balances, new_sums, verdicts,
):  # fmt: skip
    """The loop of ``judge_in_order`` over an overlay that is loaded and held."""
    contracts, assets, tiers, buckets = tables.contracts, tables.assets, tables.tiers, tables.buckets
    gains_ppm, long_option_ppm = tables.gains_ppm, tables.long_option_ppm
    spans, lists, n_novated, n_fills = tables.limit_spans, tables.limit_lists, 0, 0
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
            reasons[at], figures[at], failed[at] = judge_pooled(
                at, row, value, fee, guaranteed, sides[at, 0], held, dealing, tables, balances, sums, judged, positions,
                resting, new_balances, new_sums, verdicts,
            )  # fmt: skip
        for side in range(2):
            if pooled or reasons[at] != ACCEPTED:
                break
            lots = row.lots if side == 0 else -row.lots
            filled = row.lots if row.filled & (1 << side) else np.int64(0)
            over, own, of = np.int64(sides[at, side]), held[at, side], buckets[dealing[at, side]]
            if sheet is not None and of.portfolio != 0:
                reasons[at], figures[at], verdicts[side, 0], verdicts[side, 1] = judge_in_portfolio(
                    lots, value, fee, own, positions, resting, filled, guaranteed, side, over, np.int64(touched[over]),
                    np.int64(row.contract), of.access, balances, sums, judged, new_balances, new_sums, tables, sheet,
                )  # fmt: skip
            else:
                reasons[at], figures[at], verdicts[side, 0], verdicts[side, 1] = judge_leg(
                    lots, value, fee, positions[own], resting[own], filled, guaranteed, side, over, contract, of.access,
                    balances, sums, judged, new_balances, new_sums, assets, tiers, gains_ppm, long_option_ppm,
                )  # fmt: skip
            failed[at] = BUYER if side == 0 else SELLER
        if reasons[at] != ACCEPTED:
            continue
        if contract.limited != 0:
            count_trade(row, held[at], positions, contract.open_limit, counts, spans, lists)
        for side in range(2):
            over, own = np.int64(sides[at, side]), held[at, side]
            lots = row.lots if side == 0 else -row.lots
            if row.filled & (1 << side):
                fill(resting[own], row.contract, dealing[at, side], lots, fills[n_fills])
                balances[over, contract.asset].exposure_fine -= row.lots * contract.largest_value_fine
                n_fills += 1
            take_on(lots, value, fee, positions[own], over, side, contract, balances, sums, new_sums, judged, verdicts)
            if sheet is not None and buckets[touched[over]].portfolio != 0:
                keep(over, side, np.int64(row.contract), positions[own], resting[own], sheet)
        fees[contract.asset].carry_fine += 2 * fee
        write_novated(novated[n_novated], at, row, value, fee, dealing[at, 0], dealing[at, 1])
        n_novated += 1
    return n_novated, n_fills


@inlined
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
def judge_trades(rows, mark, n_contracts, n_accounts, fees_account, guaranteed, tables, sheet):
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
        rows, n_contracts, fees_account, guaranteed, tables, sheet, touched, dealing, sides, reasons, figures, failed,
        novated, fills,
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

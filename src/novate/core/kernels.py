"""Compiled loops over the columns. Each has a slow, readable twin in Python integers in ``plain.py``.

Rows are the records of ``layout.py``. Nothing here decides a rule that is not also written in the twin; the bounds
that keep every product and sum inside 64 bits are argued in ``money.py`` and checked at listing and on every trade.
"""

import numpy as np
from numba import njit, prange

from novate.core import layout
from novate.core.commands import Reason
from novate.core.facts import MARKED, NOVATED, REFUSED
from novate.core.money import EXPOSURE_MAX, PPM

OPEN, REDUCE_ONLY, LIQUIDATING = layout.OPEN, layout.REDUCE_ONLY, layout.LIQUIDATING
LIVE = layout.LIVE
BALANCE, POSITION, SUBTOTAL, JUDGED = layout.BALANCE, layout.POSITION, layout.SUBTOTAL, layout.JUDGED

ACCEPTED = int(Reason.ACCEPTED)
DUPLICATE_OR_LATE = int(Reason.DUPLICATE_OR_LATE)
CONTRACT_UNKNOWN = int(Reason.CONTRACT_UNKNOWN)
ACCOUNT_UNKNOWN = int(Reason.ACCOUNT_UNKNOWN)
ACCOUNTS_MUST_DIFFER = int(Reason.ACCOUNTS_MUST_DIFFER)
ACCOUNT_NOT_TRADABLE = int(Reason.ACCOUNT_NOT_TRADABLE)
CONTRACT_NOT_TRADABLE = int(Reason.CONTRACT_NOT_TRADABLE)
CONTRACT_EXPIRED = int(Reason.CONTRACT_EXPIRED)
QUANTITY_MUST_BE_POSITIVE = int(Reason.QUANTITY_MUST_BE_POSITIVE)
PRICE_OUT_OF_LIMITS = int(Reason.PRICE_OUT_OF_LIMITS)
PRICE_MISSING = int(Reason.PRICE_MISSING)
ACCOUNT_IN_LIQUIDATION = int(Reason.ACCOUNT_IN_LIQUIDATION)
MEMBER_IN_DEFAULT = int(Reason.MEMBER_IN_DEFAULT)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
EXPOSURE_LIMIT_EXCEEDED = int(Reason.EXPOSURE_LIMIT_EXCEEDED)
PREMIUM_NOT_COVERED = int(Reason.PREMIUM_NOT_COVERED)
MARGIN_INSUFFICIENT = int(Reason.MARGIN_INSUFFICIENT)
MARGIN_CLASS_UNKNOWN = int(Reason.MARGIN_CLASS_UNKNOWN)


# ---- arithmetic -----------------------------------------------------------------------------------------------------


@njit(cache=True, inline="always")
def credit(amount, rate_ppm):
    """``amount * rate`` rounded down; amount >= 0."""
    whole = amount // PPM
    return whole * rate_ppm + (amount - whole * PPM) * rate_ppm // PPM


@njit(cache=True, inline="always")
def charge(amount, rate_ppm):
    """``amount * rate`` rounded up; amount >= 0."""
    whole = amount // PPM
    return whole * rate_ppm + ((amount - whole * PPM) * rate_ppm + (PPM - 1)) // PPM


@njit(cache=True)
def convert(amount, asset):
    """Worth in numeraire fine units: credits rounded down, debts rounded up in size, both kept within 2^62 - 1."""
    if amount >= 0:
        mantissa, scale, rest = asset.credit_mantissa, asset.credit_scale, 0
        size = amount
    else:
        mantissa, scale, rest = asset.debit_mantissa, asset.debit_scale, asset.debit_scale - 1
        size = -amount
    if scale == 1 and mantissa == 1:
        return amount
    whole = size // scale
    if mantissa > 0 and whole > EXPOSURE_MAX // mantissa - 1:
        worth = EXPOSURE_MAX
    else:
        worth = min(EXPOSURE_MAX, whole * mantissa + ((size - whole * scale) * mantissa + rest) // scale)
    return worth if amount >= 0 else -worth


@njit(cache=True)
def clamp(amount):
    """Kept within 2^62 - 1 either way."""
    return min(max(amount, -EXPOSURE_MAX), EXPOSURE_MAX)


@njit(cache=True)
def value_at(price_ticks, contract):
    """Value of one lot at a price, in fine units: inverse values are rounded half to even, once."""
    if contract.inverse == 0 or contract.option != 0:
        return price_ticks * contract.factor_fine - contract.index_fine
    whole = contract.factor_fine // price_ticks
    rest = contract.factor_fine - whole * price_ticks
    other = price_ticks - rest
    if rest > other or (rest == other and whole % 2 == 1):
        whole += 1
    return -whole - contract.index_fine


@njit(cache=True)
def reference_at(price_ticks, contract):
    """Size of one lot's value at a price, without funding, rounded up."""
    if contract.inverse == 0 or contract.option != 0:
        return abs(price_ticks * contract.factor_fine)
    return (contract.factor_fine + price_ticks - 1) // price_ticks


# ---- margin ---------------------------------------------------------------------------------------------------------


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
def sum_positions(bucket, buckets, positions, contracts, tiers, long_option_ppm, sums):
    """Sum a bucket's positions into ``sums`` (one ``SUBTOTAL`` per asset); returns 0 where a price is missing."""
    for asset in range(len(sums)):
        sums[asset].variation_fine = 0
        sums[asset].option_fine = 0
        sums[asset].initial_fine = 0
        sums[asset].maintenance_fine = 0
    priced = 1
    start = buckets[bucket].start
    for at in range(start, start + buckets[bucket].count):
        position = positions[at]
        contract = contracts[position.contract]
        into = sums[contract.asset]
        if contract.option == 0:
            into.variation_fine += position.lots * contract.value_fine - position.cost_fine
        else:
            into.option_fine += option_worth(position.lots, contract, long_option_ppm)
        if position.lots != 0:
            if contract.state != LIVE:
                priced = 0
            initial, maintenance = requirement(position.lots, contract, tiers)
            into.initial_fine += initial
            into.maintenance_fine += maintenance
    return priced


@njit(cache=True)
def total(balances, sums, assets, gains_ppm):
    """``(equity, settled, initial, maintenance, priced)`` in the numeraire from a bucket's balances and sums per asset."""
    equity, settled, initial, maintenance, priced = 0, 0, 0, 0, 1
    for at in range(len(sums)):
        balance = balances[at]
        own = sums[at]
        asset = assets[at]
        cash = balance.balance_minor * asset.unit_fine
        unsettled = own.variation_fine + balance.carry_fine - balance.premium_fine
        if unsettled > 0:
            unsettled = credit(unsettled, gains_ppm)
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
def judge_range(first, last, chosen, buckets, balances, positions, contracts, tiers, assets, rules, out):
    """Judge ``chosen[first:last]`` (or the buckets themselves where ``chosen`` is empty) into ``out``."""
    gains_ppm, long_option_ppm = rules
    sums = np.zeros(len(assets), SUBTOTAL)
    for at in range(first, last):
        bucket = chosen[at] if len(chosen) else at
        priced = sum_positions(bucket, buckets, positions, contracts, tiers, long_option_ppm, sums)
        equity, settled, initial, maintenance, known = total(balances[bucket], sums, assets, gains_ppm)
        row = out[at]
        row.equity_fine = equity
        row.settled_fine = settled
        row.initial_fine = initial
        row.maintenance_fine = maintenance
        row.priced = priced * known


@njit(cache=True)
def judge_one(bucket, balance, buckets, positions, contracts, tiers, assets, rules):
    """Judge one bucket with the given row of balances: ``(equity, settled, initial, maintenance, priced)``."""
    sums = np.zeros(len(assets), SUBTOTAL)
    priced = sum_positions(bucket, buckets, positions, contracts, tiers, rules[1], sums)
    equity, settled, initial, maintenance, known = total(balance, sums, assets, rules[0])
    return equity, settled, initial, maintenance, priced * known


@njit(cache=True, parallel=True)
def judge_all(count, buckets, balances, positions, contracts, tiers, assets, rules, out):
    """Judge buckets 0 to count on all cores."""
    none = np.zeros(0, np.int64)
    blocks = 64
    step = (count + blocks - 1) // blocks
    for block in prange(blocks):
        first = min(count, block * step)
        last = min(count, first + step)
        judge_range(first, last, none, buckets, balances, positions, contracts, tiers, assets, rules, out)


# ---- one leg --------------------------------------------------------------------------------------------------------


@njit(cache=True, inline="always")
def apply_leg(position, balance, contract, lots, cost_fine):
    """Add lots and cost to a position and its bucket's running totals: on overlay rows and on the book alike."""
    before = abs(position.lots) * contract.largest_value_fine + abs(position.cost_fine)
    position.lots += lots
    position.cost_fine += cost_fine
    balance.exposure_fine += abs(position.lots) * contract.largest_value_fine + abs(position.cost_fine) - before
    if contract.option != 0:
        balance.premium_fine += cost_fine


@njit(cache=True)
def find(bucket, contract, buckets, positions):
    """``(row, found)``: where the contract stands or belongs in the bucket's sorted rows."""
    low = buckets[bucket].start
    high = low + buckets[bucket].count
    end = high
    while low < high:
        middle = (low + high) // 2
        if positions[middle].contract < contract:
            low = middle + 1
        else:
            high = middle
    return low, low < end and positions[low].contract == contract


# ---- trades: decide on an overlay -----------------------------------------------------------------------------------


@njit(cache=True, inline="always")
def slot_of(key, keys, mask):
    """Slot of a key in an open-addressed table of int64 keys (-1 is empty): the key's own or the first free one."""
    at = ((key * 0x9E3779B97F4A7C1) >> 20) & mask
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def check_row(row, mark, contracts, n_contracts, n_accounts, buckets):
    """Everything about a trade that does not need margin: its reason by precedence and the figure that goes with it."""
    if row.number <= mark:
        return DUPLICATE_OR_LATE, mark
    if row.contract < 0 or row.contract >= n_contracts:
        return CONTRACT_UNKNOWN, row.contract
    if row.buyer < 0 or row.buyer >= n_accounts:
        return ACCOUNT_UNKNOWN, row.buyer
    if row.seller < 0 or row.seller >= n_accounts:
        return ACCOUNT_UNKNOWN, row.seller
    contract = contracts[row.contract]
    if contract.tier_count == 0 and contract.tradable != 0:
        return MARGIN_CLASS_UNKNOWN, row.contract
    if row.buyer == row.seller:
        return ACCOUNTS_MUST_DIFFER, row.buyer
    if buckets[row.buyer].access == layout.HOUSE_ONLY:
        return ACCOUNT_NOT_TRADABLE, row.buyer
    if buckets[row.seller].access == layout.HOUSE_ONLY:
        return ACCOUNT_NOT_TRADABLE, row.seller
    if contract.tradable == 0:
        return CONTRACT_NOT_TRADABLE, row.contract
    if row.lots <= 0:
        return QUANTITY_MUST_BE_POSITIVE, row.lots
    if row.price_ticks < contract.price_min_ticks or row.price_ticks > contract.price_max_ticks:
        return PRICE_OUT_OF_LIMITS, row.price_ticks
    if contract.state == layout.EXPIRED:
        return CONTRACT_EXPIRED, row.contract
    if contract.state != LIVE:
        return PRICE_MISSING, row.contract
    if buckets[row.buyer].access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, row.buyer
    if buckets[row.seller].access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, row.seller
    if row.lots > contract.position_limit_lots:
        return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots
    return ACCEPTED, 0


@njit(cache=True)
def judge_leg(
    lots, value, fee, position, balances, sums, contract, tiers, assets, judged, access, rules, new_balances, new_sums
):
    """Whether one side of a trade is acceptable: ``(reason, figure)``; the side's new rows are left in the ``new`` ones.

    ``judged`` is the side before the trade, and is not changed here.
    """
    gains_ppm, long_option_ppm = rules
    asset = contract.asset
    old_lots = position.lots
    new_lots = old_lots + lots
    cost = lots * value
    if abs(new_lots) > contract.position_limit_lots:
        return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots, judged.equity_fine, judged.initial_fine
    balance = balances[asset]
    new_cost = position.cost_fine + cost
    exposure = (
        balance.exposure_fine
        - abs(old_lots) * contract.largest_value_fine
        - abs(position.cost_fine)
        + abs(new_lots) * contract.largest_value_fine
        + abs(new_cost)
    )
    if exposure < 0 or exposure > EXPOSURE_MAX - abs(balance.carry_fine) - fee:
        return EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX, judged.equity_fine, judged.initial_fine
    new_balances[:] = balances[:]
    new_sums[:] = sums[:]
    new_balances[asset].carry_fine -= fee
    into = new_sums[asset]
    before, _ = requirement(old_lots, contract, tiers)
    after, _ = requirement(new_lots, contract, tiers)
    into.initial_fine += after - before
    if contract.option == 0:
        into.variation_fine += lots * contract.value_fine - cost
    else:
        into.option_fine += option_worth(new_lots, contract, long_option_ppm) - option_worth(
            old_lots, contract, long_option_ppm
        )
        new_balances[asset].premium_fine += cost
    equity, _, initial, _, priced = total(new_balances, new_sums, assets, gains_ppm)
    reduces = (old_lots > 0 and lots < 0 and new_lots >= 0) or (old_lots < 0 and lots > 0 and new_lots <= 0)
    if access == REDUCE_ONLY and not reduces:
        return MEMBER_IN_DEFAULT, 0, equity, initial
    if contract.option != 0 and cost > 0:
        cash = balance.balance_minor * assets[asset].unit_fine + min(0, new_balances[asset].carry_fine)
        owed = new_balances[asset].premium_fine
        if owed > cash:
            return PREMIUM_NOT_COVERED, owed - cash, equity, initial
    if reduces and initial - equity <= judged.initial_fine - judged.equity_fine:
        return ACCEPTED, 0, equity, initial
    if judged.priced == 0 or priced == 0:
        return PRICE_MISSING, 0, equity, initial
    if equity < initial:
        return MARGIN_INSUFFICIENT, initial - equity, equity, initial
    return ACCEPTED, 0, equity, initial


@njit(cache=True)
def judge_side(
    bucket, contract_index, lots, value, contracts, tiers, assets, buckets, balances, positions, rules
):
    """One side of a fill on its own, without fee: ``(reason, figure, equity after, initial after)``."""
    width = len(assets)
    sums = np.zeros(width, SUBTOTAL)
    judged = np.zeros(1, JUDGED)
    held = np.zeros(1, POSITION)
    priced = sum_positions(bucket, buckets, positions, contracts, tiers, rules[1], sums)
    equity, _, initial, _, known = total(balances[bucket], sums, assets, rules[0])
    judged[0].equity_fine = equity
    judged[0].initial_fine = initial
    judged[0].priced = priced * known
    where, found = find(bucket, contract_index, buckets, positions)
    if found:
        held[0] = positions[where]
    return judge_leg(
        lots,
        value,
        0,
        held[0],
        balances[bucket],
        sums,
        contracts[contract_index],
        tiers,
        assets,
        judged[0],
        buckets[bucket].access,
        rules,
        np.empty(width, BALANCE),
        np.empty(width, SUBTOTAL),
    )


@njit(cache=True)
def judge_trades(
    rows, mark, n_contracts, n_accounts, fees_account, contracts, tiers, assets, buckets, balances, positions, rules
):
    """Decide a batch of trades on an overlay of the touched rows; the book is not written.

    Three passes: route (each row to its two overlay buckets), load (price every touched bucket once), judge (in order,
    each row seeing those before it). Returns ``(novated rows, refused rows, new high-water mark)``.
    """
    count = len(rows)
    width = balances.shape[1]
    size = 16
    while size < 4 * count:
        size *= 2
    mask = size - 1
    bucket_keys = np.full(size, -1, np.int64)
    bucket_slots = np.empty(size, np.int32)
    touched = np.empty(2 * count, np.int32)
    n_touched = 0
    novated = np.empty(count, NOVATED)
    refused = np.empty(count, REFUSED)
    sides = np.empty((count, 2), np.int32)
    reasons = np.empty(count, np.int32)
    figures = np.empty(count, np.int64)

    for at in range(count):  # route
        reason, figure = check_row(rows[at], mark, contracts, n_contracts, n_accounts, buckets)
        reasons[at] = reason
        figures[at] = figure
        if reason != DUPLICATE_OR_LATE:
            mark = rows[at].number
        if reason != ACCEPTED:
            continue
        for side in range(2):
            bucket = rows[at].buyer if side == 0 else rows[at].seller
            slot = slot_of(np.int64(bucket), bucket_keys, mask)
            if bucket_keys[slot] == -1:
                bucket_keys[slot] = bucket
                bucket_slots[slot] = n_touched
                touched[n_touched] = bucket
                n_touched += 1
            sides[at, side] = bucket_slots[slot]

    over_balances = np.empty((n_touched, width), BALANCE)  # load
    over_sums = np.zeros((n_touched, width), SUBTOTAL)
    over_judged = np.empty(n_touched, JUDGED)
    for at in range(n_touched):
        bucket = touched[at]
        over_balances[at] = balances[bucket]
        priced = sum_positions(bucket, buckets, positions, contracts, tiers, rules[1], over_sums[at])
        equity, _, initial, _, known = total(over_balances[at], over_sums[at], assets, rules[0])
        over_judged[at].equity_fine = equity
        over_judged[at].initial_fine = initial
        over_judged[at].priced = priced * known

    position_keys = np.full(size, -1, np.int64)  # judge
    position_slots = np.empty(size, np.int32)
    over_positions = np.zeros(2 * count, POSITION)
    n_positions = 0
    fees_carry = balances[fees_account].copy()
    new_balances = np.empty((2, width), BALANCE)
    new_sums = np.empty((2, width), SUBTOTAL)
    verdict = np.empty((2, 2), np.int64)
    held = np.empty(2, np.int32)
    n_novated = 0
    n_refused = 0
    for at in range(count):
        row = rows[at]
        reason = reasons[at]
        figure = figures[at]
        if reason == ACCEPTED:
            contract = contracts[row.contract]
            value = value_at(row.price_ticks, contract)
            fee = charge(row.lots * reference_at(row.price_ticks, contract), contract.fee_ppm)
            if fees_carry[contract.asset].carry_fine > EXPOSURE_MAX - 2 * fee:
                reason, figure = EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX
            for side in range(2):
                if reason != ACCEPTED:
                    break
                bucket = row.buyer if side == 0 else row.seller
                over = sides[at, side]
                key = np.int64(bucket) * n_contracts + row.contract
                slot = slot_of(key, position_keys, mask)
                if position_keys[slot] == -1:
                    position_keys[slot] = key
                    position_slots[slot] = n_positions
                    where, found = find(bucket, row.contract, buckets, positions)
                    if found:
                        over_positions[n_positions] = positions[where]
                    n_positions += 1
                held[side] = position_slots[slot]
                reason, figure, equity, initial = judge_leg(
                    row.lots if side == 0 else -row.lots,
                    value,
                    fee,
                    over_positions[held[side]],
                    over_balances[over],
                    over_sums[over],
                    contract,
                    tiers,
                    assets,
                    over_judged[over],
                    buckets[bucket].access,
                    rules,
                    new_balances[side],
                    new_sums[side],
                )
                verdict[side, 0] = equity
                verdict[side, 1] = initial
        if reason != ACCEPTED:
            refused[n_refused].row = at
            refused[n_refused].reason = reason
            refused[n_refused].figure = figure
            n_refused += 1
            continue
        for side in range(2):
            over = sides[at, side]
            lots = row.lots if side == 0 else -row.lots
            over_balances[over, contract.asset].carry_fine -= fee
            apply_leg(over_positions[held[side]], over_balances[over, contract.asset], contract, lots, lots * value)
            over_sums[over] = new_sums[side]
            over_judged[over].equity_fine = verdict[side, 0]
            over_judged[over].initial_fine = verdict[side, 1]
        fees_carry[contract.asset].carry_fine += 2 * fee
        done = novated[n_novated]
        done.lots = row.lots
        done.value_fine = value
        done.buyer_fee_fine = fee
        done.seller_fee_fine = fee
        done.contract = row.contract
        done.buyer = row.buyer
        done.seller = row.seller
        done.row = at
        n_novated += 1
    return novated[:n_novated], refused[:n_refused], mark


# ---- trades: evolve the book ----------------------------------------------------------------------------------------


@njit(cache=True)
def place(bucket, contract, ends, buckets, positions, contracts, holders):
    """The row of a contract in a bucket, made where it is missing; -1 where the tables need more room first.

    ``ends`` is ``(end of positions, end of holders)`` and is moved on.
    """
    where, found = find(bucket, contract, buckets, positions)
    if found:
        return where
    own = buckets[bucket]
    of = contracts[contract]
    if own.count == own.capacity and ends[0] + 2 * own.capacity + 4 > len(positions):
        return -1
    if of.holders_count == of.holders_capacity and ends[1] + 2 * of.holders_capacity + 4 > len(holders):
        return -1
    if own.count == own.capacity:
        offset = where - own.start
        fresh = ends[0]
        for at in range(own.count):
            positions[fresh + at] = positions[own.start + at]
        own.capacity = 2 * own.capacity + 4
        ends[0] += own.capacity
        own.start = fresh
        where = fresh + offset
    if of.holders_count == of.holders_capacity:
        fresh = ends[1]
        for at in range(of.holders_count):
            holders[fresh + at] = holders[of.holders_start + at]
        of.holders_capacity = 2 * of.holders_capacity + 4
        ends[1] += of.holders_capacity
        of.holders_start = fresh
    for at in range(own.start + own.count, where, -1):
        positions[at] = positions[at - 1]
    row = positions[where]
    row.contract = contract
    row.lots = 0
    row.cost_fine = 0
    row.pad = 0
    own.count += 1
    holders[of.holders_start + of.holders_count] = bucket
    of.holders_count += 1
    return where


@njit(cache=True)
def move(bucket, contract, lots, cost_fine, where, balances, positions, contracts):
    """Apply one leg to the book at a placed row, with the contract's running totals."""
    of = contracts[contract]
    row = positions[where]
    of.open_lots -= max(0, row.lots)
    apply_leg(row, balances[bucket, of.asset], of, lots, cost_fine)
    of.open_lots += max(0, row.lots)
    of.net_lots += lots
    of.net_cost_fine += cost_fine


@njit(cache=True)
def novate_rows(rows, first, fees_account, ends, buckets, balances, positions, contracts, holders):
    """Fold novated trades into the book from row ``first`` on; returns the row reached (tables full) or the count."""
    for at in range(first, len(rows)):
        row = rows[at]
        buyer_at = place(row.buyer, row.contract, ends, buckets, positions, contracts, holders)
        if buyer_at < 0:
            return at
        seller_at = place(row.seller, row.contract, ends, buckets, positions, contracts, holders)
        if seller_at < 0:
            return at
        # Placing the seller moves only the seller's rows, so the buyer's row still stands where it stood.
        cost = row.lots * row.value_fine
        move(row.buyer, row.contract, row.lots, cost, buyer_at, balances, positions, contracts)
        move(row.seller, row.contract, -row.lots, -cost, seller_at, balances, positions, contracts)
        asset = contracts[row.contract].asset
        contracts[row.contract].traded_lots += row.lots
        balances[row.buyer, asset].carry_fine -= row.buyer_fee_fine
        balances[row.seller, asset].carry_fine -= row.seller_fee_fine
        balances[fees_account, asset].carry_fine += row.buyer_fee_fine + row.seller_fee_fine
    return len(rows)


# ---- marks ----------------------------------------------------------------------------------------------------------


@njit(cache=True)
def option_terms(spot_ticks, contract):
    """``(reference, out of the money)`` per lot of an option at its underlying's price; relief is rounded down."""
    distance = contract.strike_ticks - spot_ticks if contract.option == 1 else spot_ticks - contract.strike_ticks
    distance = max(0, distance)
    unit = contract.underlying_factor_fine
    if contract.inverse == 0:
        return abs(spot_ticks * unit), distance * unit
    return unit, (unit // spot_ticks) * distance + (unit % spot_ticks) * distance // spot_ticks


@njit(cache=True)
def mark_rows(marks, contracts, n_contracts):
    """Value every mark: ``(MARKED rows, halted contracts with cause 0 missing or 1 out of limits, REFUSED rows)``.

    Options come after what they are written on, and live options whose underlying moved are marked again at their own
    last price, since their margin terms follow the underlying.
    """
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
                if contract.state == layout.EXPIRED:
                    reason = CONTRACT_EXPIRED
                elif mark.missing != 0 or not (contract.price_min_ticks <= mark.price_ticks <= contract.price_max_ticks):
                    states[mark.contract] = layout.HALTED
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
                n_refused += 1
    rows = np.zeros(n_contracts, MARKED)
    n_rows = 0
    for at in range(n_contracts):
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
    return rows[:n_rows], halted[:n_halted], refused[:n_refused]


@njit(cache=True)
def set_marks(rows, time_ns, contracts):
    """Fold marks into the contracts. An option marked again only for its underlying keeps the age of its own mark."""
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


# ---- settlement -----------------------------------------------------------------------------------------------------


@njit(cache=True)
def settle_results(asset, count, buckets, positions, contracts, out):
    """Into ``out`` (int64 per bucket): unsettled results in one asset, of every contract that has a live price."""
    for bucket in range(count):
        result = 0
        start = buckets[bucket].start
        for at in range(start, start + buckets[bucket].count):
            position = positions[at]
            contract = contracts[position.contract]
            if contract.asset != asset or contract.state != LIVE:
                continue
            if contract.option == 0:
                result += position.lots * contract.value_fine
            result -= position.cost_fine
        out[bucket] = result


@njit(cache=True)
def settle_costs(asset, count, buckets, balances, positions, contracts):
    """Set the cost of every live variation position to lots x value and of every live premium position to zero."""
    for bucket in range(count):
        start = buckets[bucket].start
        for at in range(start, start + buckets[bucket].count):
            position = positions[at]
            contract = contracts[position.contract]
            if contract.asset != asset or contract.state != LIVE:
                continue
            cost = position.lots * contract.value_fine if contract.option == 0 else 0
            change = cost - position.cost_fine
            if change != 0:
                apply_leg(position, balances[bucket, asset], contract, 0, change)
                contract.net_cost_fine += change


# ---- laws -----------------------------------------------------------------------------------------------------------


@njit(cache=True)
def recount(count, buckets, positions, lots, costs, long_lots, exposure, premium, contracts):
    """Sum the whole book afresh: lots and costs per contract, exposure and premium per bucket and asset."""
    for bucket in range(count):
        start = buckets[bucket].start
        for at in range(start, start + buckets[bucket].count):
            position = positions[at]
            contract = contracts[position.contract]
            lots[position.contract] += position.lots
            costs[position.contract] += position.cost_fine
            long_lots[position.contract] += max(0, position.lots)
            exposure[bucket, contract.asset] += abs(position.lots) * contract.largest_value_fine + abs(
                position.cost_fine
            )
            if contract.option != 0:
                premium[bucket, contract.asset] += position.cost_fine

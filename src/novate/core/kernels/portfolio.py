"""What a portfolio bucket must hold: its results by scenario, measured, combined, in whole sheet units.

Results are float64 that hold integers: |lots| x largest result of all rows together stay below 2^52 (adoption and every
trade check it), so products and sums are exact in any order.
"""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, clamp, convert, credit, divided
from novate.core.kernels.sheet import row_of, row_of_asset
from novate.core.layout import EXPECTED_SHORTFALL, WORST
from novate.core.money import EXPOSURE_MAX, PPM, SHEET_BOUND

SMALL_RANK = 48  # up to here the worst are kept sorted as they are met; beyond, the scenarios are partitioned


# ---- measures -------------------------------------------------------------------------------------------------------


@njit(cache=True, fastmath={"nnan", "nsz"})
def least(values):
    """The smallest value: there is no NaN here, and zero has no sign that counts."""
    lowest = values[0]
    for value in values:
        if value < lowest:
            lowest = value
    return np.int64(lowest)


@njit(cache=True)
def least_of_rank(values, rank):
    """``(sum of the rank smallest values, the largest of these)`` as integers."""
    total = 0
    if rank > SMALL_RANK:
        parted = np.partition(values, rank - 1)
        for at in range(rank):
            total += np.int64(parted[at])
        return total, np.int64(parted[rank - 1])
    kept = np.empty(rank, np.float64)
    held = 0
    for value in values:
        if held == rank:
            if value >= kept[held - 1]:
                continue
            held -= 1
        at = held
        while at > 0 and kept[at - 1] > value:
            kept[at] = kept[at - 1]
            at -= 1
        kept[at] = value
        held += 1
    for at in range(rank):
        total += np.int64(kept[at])
    return total, np.int64(kept[rank - 1])


@njit(cache=True)
def shortfall(values, numerator, denominator):
    """Expected shortfall: the mean of the worst ``numerator / denominator`` of the values, as a loss, rounded up."""
    mass = len(values) * numerator
    whole, rest = mass // denominator, mass % denominator
    total, last = least_of_rank(values, whole + (1 if rest > 0 else 0))
    inner = total - last if rest > 0 else total
    parts = denominator * (inner % mass)
    mean = denominator * (inner // mass)
    if rest > 0:
        parts += rest * (last % mass)
        mean += rest * (last // mass)
    return -(mean + parts // mass)


@njit(cache=True)
def measure(values, blocks, into):
    """The loss of each block, not below zero."""
    for at in range(len(blocks)):
        block = blocks[at]
        own = values[block.first : block.first + block.count]
        if block.measure == WORST:
            loss = -least(own)
        elif block.measure == EXPECTED_SHORTFALL:
            loss = shortfall(own, block.tail_numerator, block.tail_denominator)
        else:
            _, value = least_of_rank(own, block.rank)
            loss = -value
        into[at] = max(0, loss)


@njit(cache=True)
def combine(measures, blocks, offset_ppm):
    """Losses of every netting set, the last row those of all together, combined into sheet units, rounded up."""
    last = measures.shape[0] - 1
    whole, rest, floor = 0, 0, 0
    for at in range(len(blocks)):
        block = blocks[at]
        asked = measures[last, at]
        alone = 0
        for own in range(last):
            alone += measures[own, at]
        if alone > asked:
            asked = alone - credit(alone - asked, offset_ppm)
        if block.floor != 0:
            floor = max(floor, charge(asked, block.weight_ppm))
        else:
            whole += divided(asked, PPM) * block.weight_ppm
            rest += (asked % PPM) * block.weight_ppm
    return max(floor, whole + divided(rest + PPM - 1, PPM))


# ---- rows -----------------------------------------------------------------------------------------------------------


@njit(cache=True)
def add_on(lots, row, add_ons):
    """The add-on of a position in sheet units, every piece rounded up."""
    if row.add_on_count == 0 or lots == 0:
        return 0
    size = abs(lots)
    at = row.add_on_start
    last = at + row.add_on_count - 1
    while at < last and add_ons[at + 1].floor_lots < size:
        at += 1
    return add_ons[at].base_units + charge(max(0, size - add_ons[at].floor_lots), add_ons[at].rate_ppm)


@njit(cache=True, inline="always")
def add_scaled(values, lots, results, into):
    """``into = values + lots x results``."""
    factor = np.float64(lots)
    for at in range(len(into)):
        into[at] = values[at] + factor * results[at]


@njit(cache=True, inline="always")
def accumulate(into, lots, results):
    """``into += lots x results``: told apart from ``add_scaled``, whose arrays may not overlap if it is to be quick."""
    factor = np.float64(lots)
    for at in range(len(into)):
        into[at] += factor * results[at]


@njit(cache=True)
def add_row(at, before, after, sheet, vectors, counts):
    """Change a row's lots from ``before`` to ``after`` in the vectors of a bucket and its counts."""
    row = sheet.rows[at]
    accumulate(vectors[row.netting_set], after - before, sheet.results[at])
    if len(vectors) > 1:
        accumulate(vectors[len(vectors) - 1], after - before, sheet.results[at])
    count_row(row, before, after, sheet.add_ons, counts)


@njit(cache=True, inline="always")
def count_row(row, before, after, add_ons, counts):
    """The same change in a bucket's counts: lots, what the rows take of the bound, add-ons."""
    grown = abs(after) - abs(before)
    counts[0] += grown
    counts[1] += grown * row.largest_units
    counts[2] += add_on(after, row, add_ons) - add_on(before, row, add_ons)
    counts[3] |= np.int64(1) << row.netting_set


@njit(cache=True, inline="always")
def collateral_lots(balance_minor, row):
    """Whole lots of a settled balance that run the scenarios."""
    return min(divided(balance_minor, row.lot_minor), row.lots_max) if balance_minor > 0 else 0


@njit(cache=True)
def fill(own, positions, balances, at, sheet, vectors, counts):
    """Results by scenario of a bucket's positions and of the collateral in row ``at`` of the balances.

    ``vectors`` gets a row for each netting set and, where there are several, one for all together; ``counts`` the sum
    of |lots|, of |lots| x largest result (of contracts alone), the add-ons, and a bit for each set that has a row.
    """
    vectors[:] = 0
    counts[:] = 0
    for where in range(own.start, own.start + own.count):
        position = positions[where]
        row = row_of(position.contract, sheet)
        if position.lots != 0 and row >= 0:
            accumulate(vectors[sheet.rows[row].netting_set], position.lots, sheet.results[row])
            count_row(sheet.rows[row], 0, position.lots, sheet.add_ons, counts)
    bound = counts[1]
    for asset in range(balances.shape[1]):
        row = row_of_asset(asset, sheet)
        if row >= 0:
            lots = collateral_lots(balances[at, asset].balance_minor, sheet.rows[row])
            if lots != 0:
                accumulate(vectors[sheet.rows[row].netting_set], lots, sheet.results[row])
                count_row(sheet.rows[row], 0, lots, sheet.add_ons, counts)
    counts[1] = bound  # collateral has its own part of the bound, granted when the sheet was adopted
    last = len(vectors) - 1
    for one in range(last):
        if counts[3] & (np.int64(1) << one):
            accumulate(vectors[last], 1, vectors[one])


@njit(cache=True)
def measure_all(vectors, counts, blocks, measures):
    """The losses of every netting set that has a row and of all together; where only one has, these are the same."""
    last, touched, only = len(vectors) - 1, 0, 0
    for one in range(last):
        if counts[3] & (np.int64(1) << one):
            measure(vectors[one], blocks, measures[one])
            touched, only = touched + 1, one
        else:
            measures[one] = 0
    if touched == 1:
        measures[last] = measures[only]
    else:
        measure(vectors[last], blocks, measures[last])


@njit(cache=True)
def room_for(sheet):
    """``(vectors, measures, counts)`` to judge one bucket in."""
    sets = sheet.sheet[0].netting_sets if len(sheet.sheet) else 1
    rows = sets + 1 if sets > 1 else 1
    vectors = np.empty((rows, sheet.results.shape[1]), np.float64)
    return vectors, np.empty((rows, len(sheet.blocks)), np.int64), np.empty(4, np.int64)


# ---- a bucket -------------------------------------------------------------------------------------------------------


@njit(cache=True)
def in_money(measures, counts, sheet):
    """``(initial, maintenance)`` in the numeraire: measures combined, add-ons, and half a unit a lot, rounded up."""
    terms = sheet.sheet[0]
    units = combine(measures, sheet.blocks, terms.offset_ppm) + counts[2] + (counts[0] + 1) // 2
    initial = units * terms.unit_fine if units <= EXPOSURE_MAX // terms.unit_fine else EXPOSURE_MAX
    return initial, charge(initial, terms.maintenance_ppm)


@njit(cache=True)
def worth(amount, balance_minor, at, assets, sheet):
    """An amount in the numeraire: the lots that run the scenarios at the price itself, the rest with its haircut."""
    asset = assets[at]
    row = row_of_asset(at, sheet)
    if row < 0 or balance_minor <= 0:
        return convert(amount, asset)
    terms = sheet.rows[row]
    covered = collateral_lots(balance_minor, terms) * terms.lot_minor * asset.unit_fine
    whole = divided(covered, asset.price_scale)
    if asset.price_mantissa > 0 and whole > divided(EXPOSURE_MAX, asset.price_mantissa):
        carried = EXPOSURE_MAX
    else:
        part = divided((covered - whole * asset.price_scale) * asset.price_mantissa, asset.price_scale)
        carried = min(EXPOSURE_MAX, whole * asset.price_mantissa + part)
    return clamp(carried + convert(amount - covered, asset))


@njit(cache=True)
def equity_of(balances, at, sums, into, assets, gains_ppm, sheet):
    """``(equity, settled, priced)`` of a portfolio bucket, as ``margin.total`` has them for others."""
    equity, settled, priced = 0, 0, 1
    for asset in range(sums.shape[1]):
        balance = balances[at, asset]
        own = sums[into, asset]
        cash = balance.balance_minor * assets[asset].unit_fine
        unsettled = own.variation_fine + balance.carry_fine - balance.premium_fine
        amount = cash + min(0, unsettled) + credit(max(0, unsettled), gains_ppm) + own.option_fine
        if amount != 0 or cash != 0 or balance.premium_fine != 0:
            if assets[asset].live == 0:
                priced = 0
            equity = clamp(equity + worth(amount, balance.balance_minor, asset, assets, sheet))
            due = cash - max(0, balance.premium_fine)
            settled = clamp(settled + worth(due, balance.balance_minor, asset, assets, sheet))
    return equity, settled, priced


@njit(cache=True)
def payable_of(balances, at, sums, into, assets, sheet):
    """``margin.payable`` of a portfolio bucket."""
    covered = 0
    for asset in range(sums.shape[1]):
        balance = balances[at, asset]
        owed = min(0, sums[into, asset].variation_fine + balance.carry_fine) - max(0, balance.premium_fine)
        amount = balance.balance_minor * assets[asset].unit_fine + owed
        covered = clamp(covered + worth(amount, balance.balance_minor, asset, assets, sheet))
    return covered


@njit(cache=True)
def judge_portfolio(own, positions, balances, at, sums, into, assets, gains_ppm, sheet, vectors, measures, counts):
    """``(equity, settled, initial, maintenance, priced)`` of a portfolio bucket, from its summed positions."""
    equity, settled, priced = equity_of(balances, at, sums, into, assets, gains_ppm, sheet)
    fill(own, positions, balances, at, sheet, vectors, counts)
    measure_all(vectors, counts, sheet.blocks, measures)
    initial, maintenance = in_money(measures, counts, sheet)
    return equity, settled, initial, maintenance, priced


@njit(cache=True)
def requirement_without(bucket, contract, lots, tables):
    """``(initial, maintenance)`` of a portfolio bucket with ``lots`` of one of its contracts instead of its own."""
    sheet = tables.sheet
    vectors, measures, counts = room_for(sheet)
    own = tables.buckets[bucket]
    fill(own, tables.positions, tables.balances, bucket, sheet, vectors, counts)
    for at in range(own.start, own.start + own.count):
        position = tables.positions[at]
        if position.contract == contract and position.lots != lots:
            add_row(row_of(contract, sheet), position.lots, lots, sheet, vectors, counts)
    measure_all(vectors, counts, sheet.blocks, measures)
    return in_money(measures, counts, sheet)


@njit(cache=True)
def scenarios_of(bucket, tables):
    """``(results of the whole bucket by scenario in sheet units, what each block asks in sheet units)``."""
    sheet = tables.sheet
    vectors, measures, counts = room_for(sheet)
    fill(tables.buckets[bucket], tables.positions, tables.balances, bucket, sheet, vectors, counts)
    measure_all(vectors, counts, sheet.blocks, measures)
    asked = np.empty(len(sheet.blocks), np.int64)
    for at in range(len(asked)):
        asked[at] = combine(measures[:, at : at + 1], sheet.blocks[at : at + 1], sheet.sheet[0].offset_ppm)
    return vectors[len(vectors) - 1].astype(np.int64), asked


@njit(cache=True)
def losses_at(bucket, scenario, tables):
    """What each position row of a bucket loses in one scenario, in sheet units."""
    sheet = tables.sheet
    own = tables.buckets[bucket]
    losses = np.zeros(own.count, np.int64)
    for at in range(own.count):
        position = tables.positions[own.start + at]
        row = row_of(position.contract, sheet)
        if row >= 0:
            losses[at] = -position.lots * np.int64(sheet.results[row, scenario])
    return losses


# ---- what a sheet must cover ----------------------------------------------------------------------------------------


@njit(cache=True)
def uncovered(bucket, tables, sheet):
    """What keeps a sheet from judging a bucket: a contract without a row, -2 the bound on exact sums, or -1 nothing."""
    own = tables.buckets[bucket]
    room = SHEET_BOUND - 1 - sheet.sheet[0].collateral_bound
    for at in range(own.start, own.start + own.count):
        position = tables.positions[at]
        if position.lots == 0:
            continue
        row = row_of(position.contract, sheet)
        if row < 0:
            return np.int64(position.contract)
        size, largest = abs(position.lots), sheet.rows[row].largest_units
        if size > room // largest:
            return np.int64(-2)
        room -= size * largest
    return np.int64(-1)


@njit(cache=True)
def first_uncovered(count, tables, sheet):
    """``(bucket, contract or -2)`` of the first portfolio bucket that a sheet cannot judge, or ``(-1, -1)``."""
    for bucket in range(count):
        if tables.buckets[bucket].portfolio != 0:
            found = uncovered(bucket, tables, sheet)
            if found != -1:
                return np.int64(bucket), found
    return np.int64(-1), np.int64(-1)


@njit(cache=True)
def same_sheet(one, other):
    """Whether two layouts hold the same results and bounds."""
    if one.results.shape != other.results.shape or len(one.sheet) != len(other.sheet):
        return False
    for at in range(len(one.sheet)):
        if one.sheet[at].collateral_bound != other.sheet[at].collateral_bound:
            return False
    return bool(np.all(one.results == other.results))

"""What a portfolio bucket must hold: its results by scenario, measured, combined, in whole sheet units.

Results are float64 that hold integers: |lots| x largest result of all rows together stay below 2^52 (adoption and every
trade check it), so products and sums are exact in any order.
"""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import charge, clamp, convert, credit, divided
from novate.core.kernels.borrowing import FIRST, inlined, owning
from novate.core.kernels.measures import combine, measure
from novate.core.kernels.sheet import row_of, row_of_asset
from novate.core.layout import COLLATERALISED, SHEET_HELD
from novate.core.money import EXPOSURE_MAX, SHEET_BOUND

COUNTS = 5  # of lots, of the bound, of add-ons, a bit for each netting set, of resting lots


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


@inlined
def reach(held, resting):
    """The fewest and the most lots that a position may come to with its orders."""
    return held.lots - resting.asks, held.lots + resting.bids


@inlined
def size_of(low, high):
    """The most lots, long or short, that a position may come to."""
    return max(abs(low), abs(high))


@inlined
def add_scaled(values, low, high, results, into):
    """``into = values + lots x results``, in each scenario with ``low`` or ``high`` lots, whichever gains less."""
    least, most = np.float64(low), np.float64(high)
    for at in range(len(into)):
        result = results[at]
        into[at] = values[at] + (least if result > 0 else most) * result


@inlined
def accumulate(into, low, high, results):
    """``into += lots x results``: told apart from ``add_scaled``, whose arrays may not overlap if it is to be quick."""
    least, most = np.float64(low), np.float64(high)
    for at in range(len(into)):
        result = results[at]
        into[at] += (least if result > 0 else most) * result


@njit(cache=True)
def add_row(at, before, after, sheet, vectors, counts):
    """Change what a row may come to, ``(low, high)`` lots, in the vectors of a bucket and its counts.

    What is gained with the worse of two ends changes by their changes: which end is the worse says the result alone.
    """
    row = sheet.rows[at]
    low, high = after[0] - before[0], after[1] - before[1]
    accumulate(vectors[row.netting_set], low, high, sheet.results[at])
    if len(vectors) > 1:
        accumulate(vectors[len(vectors) - 1], low, high, sheet.results[at])
    count_row(row, before, after, sheet.add_ons, counts)


@inlined
def count_row(row, before, after, add_ons, counts):
    """The same change in a bucket's counts: lots, what the rows take of the bound, add-ons, sets, resting lots."""
    size, was = size_of(after[0], after[1]), size_of(before[0], before[1])
    counts[0] += size - was
    counts[1] += (size - was) * row.largest_units
    counts[2] += add_on(size, row, add_ons) - add_on(was, row, add_ons)
    counts[3] |= np.int64(1) << row.netting_set
    counts[4] += after[1] - after[0] - (before[1] - before[0])


@inlined
def collateral_lots(balance_minor, row):
    """Whole lots of a settled balance that run the scenarios."""
    return min(divided(balance_minor, row.lot_minor), row.lots_max) if balance_minor > 0 else 0


@njit(cache=True)
def read_rows(start, count, positions, orders, rows):
    """Copy what a bucket holds and has resting into rows of ``SHEET_HELD``; returns how many there are."""
    found = 0
    for at in range(start, start + count):
        position = positions[at]
        rest = orders[np.uint32(position.orders)]
        if position.lots != 0 or rest.bids != 0 or rest.asks != 0:
            row = rows[found]
            row.contract, row.lots, row.bids, row.asks = position.contract, position.lots, rest.bids, rest.asks
            found += 1
    return found


@njit(cache=True)
def fill(rows, balances, at, resting, sheet, vectors, counts):
    """Results by scenario of a bucket's rows, ``resting`` orders too or not, and of the collateral in row ``at``.

    ``vectors`` gets a row for each netting set and, where there are several, one for all together; ``counts`` the sum
    of |lots|, of |lots| x largest result (of contracts alone), the add-ons, a bit for each set that has a row, and the
    lots that rest.
    """
    vectors[:] = 0
    counts[:] = 0
    for where in range(len(rows)):
        held = rows[where]
        row = row_of(held.contract, sheet)
        if row >= 0:
            low, high = reach(held, held) if resting else (held.lots, held.lots)
            accumulate(vectors[sheet.rows[row].netting_set], low, high, sheet.results[row])
            count_row(sheet.rows[row], (0, 0), (low, high), sheet.add_ons, counts)
    bound = counts[1]
    for asset in range(balances.shape[1]):
        row = row_of_asset(asset, sheet)
        if row >= 0:
            lots = collateral_lots(balances[at, asset].balance_minor, sheet.rows[row])
            if lots != 0:
                accumulate(vectors[sheet.rows[row].netting_set], lots, lots, sheet.results[row])
                count_row(sheet.rows[row], (0, 0), (lots, lots), sheet.add_ons, counts)
    counts[1] = bound  # collateral has its own part of the bound, granted when the sheet was adopted
    last = len(vectors) - 1
    for one in range(last):
        if counts[3] & (np.int64(1) << one):
            accumulate(vectors[last], 1, 1, vectors[one])


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
    return vectors, np.empty((rows, len(sheet.blocks)), np.int64), np.empty(COUNTS, np.int64)


# ---- a bucket -------------------------------------------------------------------------------------------------------


@njit(cache=True)
def asked_units(measures, counts, sheet):
    """Initial requirement in sheet units: measures combined, add-ons, and half a unit a lot, rounded up."""
    return combine(measures, sheet.blocks, sheet.sheet[0].offset_ppm) + counts[2] + (counts[0] + 1) // 2


@owning
def in_fine(units, sheet):
    """Sheet units in the numeraire."""
    unit_fine = sheet.sheet[0].unit_fine
    return units * unit_fine if units <= EXPOSURE_MAX // unit_fine else EXPOSURE_MAX


@njit(cache=True)
def in_money(measures, counts, sheet):
    """``(initial, maintenance)`` in the numeraire."""
    initial = in_fine(asked_units(measures, counts, sheet), sheet)
    return initial, charge(initial, sheet.sheet[0].maintenance_ppm)


@njit(cache=True)
def worth(amount, balance_minor, at, assets, sheet):
    """An amount in the numeraire: the lots that run the scenarios at the price itself, the rest with its haircut.

    No more counts than the rulebook's cap on what counts, and what is beyond it is no debt.
    """
    asset = assets[at]
    amount = min(amount, asset.count_max_fine)
    row = row_of_asset(at, sheet)
    if row < 0 or balance_minor <= 0:
        return convert(amount, asset)
    terms = sheet.rows[row]
    covered = min(collateral_lots(balance_minor, terms) * terms.lot_minor * asset.unit_fine, asset.count_max_fine)
    whole = divided(covered, asset.price_scale)
    if asset.price_mantissa > 0 and whole > divided(EXPOSURE_MAX, asset.price_mantissa):
        carried = EXPOSURE_MAX
    else:
        part = divided((covered - whole * asset.price_scale) * asset.price_mantissa, asset.price_scale)
        carried = min(EXPOSURE_MAX, whole * asset.price_mantissa + part)
    return clamp(carried + convert(amount - covered, asset))


@owning
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
        balance, own = balances[at, asset], sums[into, asset]
        due = max(0, balance.premium_fine + own.resting_premium_fine)
        owed = min(0, own.variation_fine + balance.carry_fine - own.resting_cover_fine) - due
        amount = balance.balance_minor * assets[asset].unit_fine + owed
        covered = clamp(covered + worth(amount, balance.balance_minor, asset, assets, sheet))
    return covered


@njit(cache=True)
def require(rows, balances, at, sheet, vectors, measures, counts):
    """``(initial, maintenance)`` of a bucket's rows: initial with its orders at their worst, maintenance without them.

    ``vectors``, ``measures`` and ``counts`` are those that initial came from where nothing rests.
    """
    fill(rows, balances, at, True, sheet, vectors, counts)
    measure_all(vectors, counts, sheet.blocks, measures)
    initial, maintenance = in_money(measures, counts, sheet)
    if counts[4] > 0:
        fill(rows, balances, at, False, sheet, vectors, counts)
        measure_all(vectors, counts, sheet.blocks, measures)
        _, maintenance = in_money(measures, counts, sheet)
    return initial, maintenance


@njit(cache=True)
def rows_of(start, count, positions, orders):
    """What a bucket holds and has resting, as rows of ``SHEET_HELD``."""
    rows = np.empty(count, SHEET_HELD)
    return rows[: read_rows(start, count, positions, orders, rows)]


@owning
def judge_portfolio(start, count, positions, orders, balances, at, sums, assets, gains_ppm, sheet, room):
    """``(equity, settled, initial, maintenance, priced)`` of position rows that stand summed in row 0 of ``sums``."""
    rows = rows_of(start, count, positions, orders)
    equity, settled, priced = equity_of(balances, at, sums, FIRST, assets, gains_ppm, sheet)
    vectors, measures, counts = room
    initial, maintenance = require(rows, balances, at, sheet, vectors, measures, counts)
    return equity, settled, initial, maintenance, priced


@njit(cache=True)
def requirement_without(bucket, contract, lots, tables, sheet):
    """``(initial, maintenance)`` of a portfolio bucket with ``lots`` of one of its contracts instead of its own."""
    own = tables.buckets[bucket]
    vectors, measures, counts = room_for(sheet)
    rows = rows_of(own.start, own.count, tables.positions, tables.orders)
    for at in range(len(rows)):
        if rows[at].contract == contract:
            rows[at].lots = lots
    return require(rows, tables.balances, bucket, sheet, vectors, measures, counts)


@njit(cache=True)
def scenarios_of(bucket, tables, sheet):
    """``(results of the whole bucket by scenario in sheet units, what each block asks in sheet units)``."""
    own = tables.buckets[bucket]
    vectors, measures, counts = room_for(sheet)
    rows = rows_of(own.start, own.count, tables.positions, tables.orders)
    fill(rows, tables.balances, bucket, True, sheet, vectors, counts)
    measure_all(vectors, counts, sheet.blocks, measures)
    asked = np.empty(len(sheet.blocks), np.int64)
    for at in range(len(asked)):
        asked[at] = combine(measures[:, at : at + 1], sheet.blocks[at : at + 1], sheet.sheet[0].offset_ppm)
    return vectors[len(vectors) - 1].astype(np.int64), asked


@njit(cache=True)
def losses_at(bucket, scenario, tables, sheet):
    """What each position row of a bucket loses in one scenario with its orders, in sheet units."""
    own = tables.buckets[bucket]
    losses = np.zeros(own.count, np.int64)
    for at in range(own.count):
        position = tables.positions[own.start + at]
        rest = tables.orders[np.uint32(position.orders)]
        row = row_of(position.contract, sheet)
        if row >= 0:
            low, high = reach(position, rest)
            result = np.int64(sheet.results[row, scenario])
            losses[at] = -result * (low if result > 0 else high)
    return losses


# ---- what a sheet must cover ----------------------------------------------------------------------------------------


@njit(cache=True)
def uncovered(rows, contracts, sheet):
    """What keeps a sheet from judging rows: a contract without a row, -2 the bound on exact sums, or -1 nothing.

    What is fully collateralised is no business of a sheet.
    """
    room = SHEET_BOUND - 1 - sheet.sheet[0].collateral_bound
    for at in range(len(rows)):
        held = rows[at]
        if contracts[held.contract].style == COLLATERALISED:
            continue
        row = row_of(held.contract, sheet)
        if row < 0:
            return np.int64(held.contract)
        low, high = reach(held, held)
        size, largest = size_of(low, high), sheet.rows[row].largest_units
        if size > room // largest:
            return np.int64(-2)
        room -= size * largest
    return np.int64(-1)


@njit(cache=True)
def uncovered_in(bucket, tables, sheet):
    """The same of a bucket of the book."""
    own = tables.buckets[bucket]
    return uncovered(rows_of(own.start, own.count, tables.positions, tables.orders), tables.contracts, sheet)


@njit(cache=True)
def first_uncovered(count, tables, sheet):
    """``(bucket, contract or -2)`` of the first portfolio bucket that a sheet cannot judge, or ``(-1, -1)``."""
    for bucket in range(count):
        if tables.buckets[bucket].portfolio != 0:
            found = uncovered_in(bucket, tables, sheet)
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

"""What a risk sheet asks of a portfolio bucket: losses by scenario, measured block by block, in whole sheet units.

In each scenario whatever a bucket may come to with its orders is taken at the end that loses more. Everything is whole
numbers and fractions; what is asked for is rounded up, what offsetting is granted rounded down.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from novate.core.facts import WorstScenario
from novate.core.reasons import Reason
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import FINE, Refusal
from novate.sim.auditor.rounding import LARGEST, PPM, down, part_down, part_up, up, within

EXACT_BELOW = 2**52
"""|lots| x largest result, all rows of a bucket and the most of all collateral together, stay below it."""

Row = ContractRow | CollateralRow


class Held(NamedTuple):
    """A row of the sheet, and the fewest and the most lots that a bucket may come to have of it."""

    row: Row
    low: int
    high: int

    @property
    def size(self) -> int:
        """The most lots, long or short."""
        return max(abs(self.low), abs(self.high))

    def loss(self, scenario: int) -> int:
        """What is lost in one scenario at the worse of the two ends."""
        result = results_of(self.row.results)[scenario]
        return max(-self.low * result, -self.high * result)


@lru_cache(4096)
def results_of(packed: bytes) -> tuple[int, ...]:
    """What one lot gains in each scenario, in sheet units."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)


def largest_of(row: Row) -> int:
    """The size of a row's largest result, one unit at least."""
    return max(1, *(abs(result) for result in results_of(row.results)))


def collateral_takes(sheet: RiskSheet) -> int:
    """What the most collateral that may run the scenarios takes of ``EXACT_BELOW``."""
    return sum(row.lots_max * largest_of(row) for row in sheet.collateral)


# ---- what a bucket has ----------------------------------------------------------------------------------------------


def reaches(bucket: Bucket, *, resting: bool) -> dict[int, tuple[int, int]]:
    """By contract, the fewest and the most lots that a bucket may come to, with its ``resting`` orders or without."""
    found = {}
    for contract in sorted({**bucket.positions, **bucket.orders}):
        lots = bucket.positions[contract].lots if contract in bucket.positions else 0
        bids, asks = bucket.orders.get(contract, (0, 0)) if resting else (0, 0)
        if lots or bids or asks:
            found[contract] = lots - asks, lots + bids
    return found


def carried(house: House, asset: int, balance_minor: int) -> tuple[CollateralRow, int] | None:
    """The row of an asset and how many whole lots of a settled balance run its scenarios, if any do."""
    symbol = house.monies[asset].terms.symbol
    for row in house.sheet.collateral:
        if row.symbol == symbol and balance_minor >= row.lot_minor:
            return row, min(balance_minor // row.lot_minor, row.lots_max)
    return None


def held_rows(house: House, bucket: Bucket, *, resting: bool) -> list[Held]:
    """Everything of a bucket that has a row: positions with their orders, and whole lots of collateral."""
    rows = {row.symbol: row for row in house.sheet.contracts}
    found = []
    for contract, ends in reaches(bucket, resting=resting).items():
        row = rows.get(house.instruments[contract].terms.symbol)
        found += [Held(row, *ends)] if row else []
    for asset in range(len(house.monies)):
        lots = carried(house, asset, bucket.balance_minor[asset])
        found += [Held(lots[0], lots[1], lots[1])] if lots else []
    return found


def at_price(house: House, bucket: Bucket, asset: int) -> tuple[int, int]:
    """Fine units of an asset that count at its price without a haircut, and what they count for, rounded down."""
    lots = carried(house, asset, bucket.balance_minor[asset]) if bucket.portfolio else None
    if lots is None:
        return 0, 0
    money = house.monies[asset]
    amount = min(lots[0].lot_minor * lots[1] * money.unit, most_counted(house, asset))
    return amount, within(down(amount * Fraction(*money.price)))


def most_counted(house: House, asset: int) -> int:
    """Fine units of an asset that count for one bucket at most."""
    cap = house.rules.collateral_caps.get(house.monies[asset].terms.symbol)
    return LARGEST if cap is None or cap.counted_minor is None else cap.counted_minor * house.monies[asset].unit


# ---- what it must hold ----------------------------------------------------------------------------------------------


def requirement_by_sheet(house: House, bucket: Bucket) -> tuple[int, int]:
    """``(initial, maintenance)`` in the numeraire: a part of what initial would be without orders is maintenance."""
    initial, held_alone = (
        min(LARGEST, asked_units(house.sheet, held_rows(house, bucket, resting=resting)) * house.sheet.unit_fine)
        for resting in (True, False)
    )
    return initial, part_up(held_alone, house.sheet.maintenance_ppm)


def asked_units(sheet: RiskSheet, held: list[Held]) -> int:
    """Blocks added at their weights, no less than any floor; add-ons; half a unit for every lot. All rounded up."""
    half = Fraction(sum(one.size for one in held), 2)
    return in_blocks(sheet, held) + sum(add_on(one.row.add_ons, one.size) for one in held) + up(half)


def in_blocks(sheet: RiskSheet, held: list[Held]) -> int:
    """Blocks added at their weights, no less than any floor, rounded up."""
    added, floors = Fraction(0), [0]
    for block, first in blocks_of(sheet):
        asked = weighted(sheet, block, first, held)
        if block.part == "floor":
            floors.append(up(asked))
        else:
            added += asked
    return max(up(added), *floors)


def blocks_of(sheet: RiskSheet) -> Iterator[tuple[ScenarioBlock, int]]:
    """Each block with the number of its first scenario."""
    first = 0
    for block in sheet.blocks:
        yield block, first
        first += block.scenarios


def weighted(sheet: RiskSheet, block: ScenarioBlock, first: int, held: list[Held]) -> Fraction:
    """What a block asks at its weight: what all lose together, and of what the sets save on it no more than the cap.

    Where a measure finds more in all together than in the sets apart, nothing is saved.
    """
    together = measured(block, losses(block, first, held))
    apart = 0
    for name in dict.fromkeys(one.row.netting_set for one in held):
        apart += measured(block, losses(block, first, [one for one in held if one.row.netting_set == name]))
    granted = part_down(max(0, apart - together), sheet.offset_cap_ppm)
    return Fraction((max(together, apart) - granted) * block.weight_ppm, PPM)


def losses(block: ScenarioBlock, first: int, held: list[Held]) -> list[int]:
    """What rows lose together in each scenario of a block."""
    return [sum(one.loss(first + at) for one in held) for at in range(block.scenarios)]


def measured(block: ScenarioBlock, losses: list[int]) -> int:
    """The measure of a block's losses, rounded up, and nothing where it is a gain."""
    ranked = sorted(losses, reverse=True)
    if block.measure == "worst":
        return max(0, ranked[0])
    if block.measure == "kth_worst":
        return max(0, ranked[block.rank - 1])
    tail = Fraction(block.scenarios * block.tail_numerator, block.tail_denominator)
    whole = down(tail)
    lost = sum(ranked[:whole], Fraction(0))
    if tail > whole:
        lost += (tail - whole) * ranked[whole]
    return max(0, up(lost / tail))


def add_on(pieces: tuple[AddOn, ...], size: int) -> int:
    """Each piece's rate on the part of a size that lies between its floor and the next, rounded up."""
    total = 0
    for at, piece in enumerate(pieces):
        end = pieces[at + 1].floor_lots if at + 1 < len(pieces) else size
        total += part_up(max(0, min(size, end) - piece.floor_lots), piece.rate_ppm)
    return total


# ---- why ------------------------------------------------------------------------------------------------------------


def worst_scenarios(house: House, bucket: Bucket) -> tuple[WorstScenario, ...]:
    """Each block's worst scenario and what is lost there; the block that asks most comes first."""
    held = held_rows(house, bucket, resting=True)
    found = []
    for at, (block, first) in enumerate(blocks_of(house.sheet)):
        lost = losses(block, first, held)
        asked = up(weighted(house.sheet, block, first, held))
        found.append((-asked, WorstScenario(at, lost.index(max(lost)), within(max(lost) * house.sheet.unit_fine))))
    return tuple(worst for _, worst in sorted(found, key=lambda one: (one[0], one[1].block)))


def lost_by(house: House, bucket: Bucket, worst: WorstScenario) -> dict[int, int]:
    """What each contract held loses in a scenario, in the numeraire; nothing where it has no row."""
    first = next(first for at, (_, first) in enumerate(blocks_of(house.sheet)) if at == worst.block)
    rows = {row.symbol: row for row in house.sheet.contracts}
    lost = {}
    for contract, ends in reaches(bucket, resting=True).items():
        row = rows.get(house.instruments[contract].terms.symbol)
        units = Held(row, *ends).loss(first + worst.scenario) if row else 0
        lost[contract] = within(units * house.sheet.unit_fine)
    return lost


# ---- what a sheet can judge -----------------------------------------------------------------------------------------


def beyond_sheet(house: House, sheet: RiskSheet, bucket: Bucket) -> Reason | None:
    """Why a sheet cannot judge a bucket: contract after contract, one has no row or sums are not sure to be exact.

    What is fully collateralised is left out: it counts at its worst already.
    """
    rows, taken = {row.symbol: row for row in sheet.contracts}, collateral_takes(sheet)
    for contract, ends in reaches(bucket, resting=True).items():
        terms = house.instruments[contract].terms
        if terms.collateralised:
            continue
        if terms.symbol not in rows:
            return Reason.SHEET_ROW_MISSING
        taken += Held(rows[terms.symbol], *ends).size * largest_of(rows[terms.symbol])
        if taken >= EXACT_BELOW:
            return Reason.SHEET_BOUND_EXCEEDED
    return None


def may_have(house: House, before: Bucket, after: Bucket, contract: int) -> Refusal:
    """Whether the sheet can judge a portfolio bucket after a change in one contract, where it could before."""
    terms = house.instruments[contract].terms
    if not before.portfolio or terms.collateralised:
        return FINE
    if terms.symbol not in [row.symbol for row in house.sheet.contracts]:
        return Reason.SHEET_ROW_MISSING, contract
    was, now = (reaches(bucket, resting=True).get(contract, (0, 0)) for bucket in (before, after))
    grows = max(map(abs, now)) > max(map(abs, was))
    if grows and beyond_sheet(house, house.sheet, after):
        return Reason.SHEET_BOUND_EXCEEDED, EXACT_BELOW
    return FINE

"""The right slice of a bucket in liquidation: what closing a position frees, and how much of it is enough."""

from fractions import Fraction

from novate.core.facts import LiquidationOrdered
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.house import Disagreement, House
from novate.sim.auditor.levels import release
from novate.sim.auditor.rounding import up
from novate.sim.auditor.scenarios import requirement_by_sheet
from novate.sim.auditor.trades import with_leg
from novate.sim.auditor.worth import judge, lot_value, requirement

PLACES = 64
"""In how many even places a slice of a portfolio is looked for."""


def frees(house: House, bucket: Bucket, contract: int) -> int:
    """What closing a position would free: its maintenance requirement in the numeraire.

    Of a portfolio the difference that it makes, which is below zero for what hedges the rest.
    """
    if bucket.portfolio:
        without = bucket.copy()
        del without.positions[contract]
        return requirement_by_sheet(house, bucket)[1] - requirement_by_sheet(house, without)[1]
    mantissa, scale = house.monies[house.instruments[contract].asset].debit
    return up(Fraction(requirement(house, contract, bucket.positions[contract].lots)[1] * mantissa, scale))


def cures(house: House, bucket: Bucket, contract: int, lots: int, price_ticks: int) -> bool:
    """Whether lots closed at a price bring equity back to the release level."""
    return _lacks(house, bucket, contract, lots, price_ticks) <= 0


def _lacks(house: House, bucket: Bucket, contract: int, lots: int, price_ticks: int) -> int:
    """What equity lacks of the release level after lots were closed at a price; below zero where it is above."""
    value = lot_value(house, house.instruments[contract], price_ticks)
    verdict = judge(house, with_leg(bucket, contract, lots, lots * value))
    return release(house, verdict) - verdict.equity


def demand_looked_for(house: House, bucket: Bucket, chosen: LiquidationOrdered, most: int) -> None:
    """A slice of a portfolio, where a lack may grow with the lots that are closed, is looked for in even places.

    It is the fewest lots between the place before the first that cures and this one; where none cures, those of the
    place with the smallest lack. It is never more than a slice may have.
    """
    whole, lots, side = abs(bucket.positions[chosen.contract].lots), abs(chosen.lots), 1 if chosen.lots > 0 else -1
    places = sorted({max(1, whole * step // PLACES) for step in range(1, PLACES + 1)})
    lacks = {
        at: _lacks(house, bucket, chosen.contract, side * at, chosen.limit_price_ticks)
        for at in dict.fromkeys((*places, lots, max(1, lots - 1)))
    }
    cure = next((at for at in places if lacks[at] <= 0), None)
    if cure is None:
        right = lots == min(most, min(places, key=lambda at: (lacks[at], at)))
    else:
        before = max((at for at in places if at < cure), default=0)
        fewest = lacks[lots] <= 0 and (lots == 1 or lacks[lots - 1] > 0)
        right = before < lots <= cure and (fewest or lots == most) if most > before else lots == most
    if not right:
        raise Disagreement("slices", f"{chosen} is not what cures the portfolio, nor what leaves the smallest lack")

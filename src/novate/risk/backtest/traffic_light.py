"""Basel's traffic light, for any level and any window: how unlikely so many exceptions are.

Zones by the probability of so many exceptions or fewer under a correct model: yellow from 95 %, red from 99.99 %
(Basel Committee, MAR99; first in the supervisory framework of 1996). The multipliers are those of MAR99 for a level of
99 % and 250 days; other windows have none.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from scipy.special import bdtr

from novate.risk.errors import RiskError
from novate.risk.measures import as_written

YELLOW: Final = 0.95
RED: Final = 0.9999
MULTIPLIERS: Final = (1.50, 1.50, 1.50, 1.50, 1.50, 1.70, 1.76, 1.83, 1.88, 1.92, 2.00)
"""By exceptions in 250 days at 99 %; the last from there on."""


@dataclass(frozen=True, slots=True)
class TrafficLight:
    """A count of exceptions in its zone.

    Attributes
    ----------
    probability : float
        Of so many exceptions or fewer under a correct model.
    yellow_from, red_from : int
        The least counts of exceptions in these zones.
    multiplier : float or None
        Of MAR99, for 99 % and 250 steps alone.
    """

    exceptions: int
    zone: Literal["green", "yellow", "red"]
    probability: float
    yellow_from: int
    red_from: int
    multiplier: float | None


def traffic_light(exceptions: int, steps: int, level: float) -> TrafficLight:
    """The zone of so many exceptions in so many steps at a level, such as 0.99."""
    if not (0 <= exceptions <= steps and steps > 0):
        raise RiskError(f"{exceptions} exceptions in {steps} steps: expected no more exceptions than steps")
    rate = float(1 - as_written(level))
    yellow, red = (_first_at(limit, steps, rate) for limit in (YELLOW, RED))
    zone = "red" if exceptions >= red else "yellow" if exceptions >= yellow else "green"
    known = (steps, as_written(level)) == (250, Fraction(99, 100))
    multiplier = MULTIPLIERS[min(exceptions, len(MULTIPLIERS) - 1)] if known else None
    return TrafficLight(exceptions, zone, float(bdtr(exceptions, steps, rate)), yellow, red, multiplier)


def _first_at(probability: float, steps: int, rate: float) -> int:
    """The least count of which so many or fewer have at least this probability."""
    count = 0
    while bdtr(count, steps, rate) < probability:
        count += 1
    return count

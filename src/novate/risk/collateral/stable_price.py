"""A price that follows another at a limited rate, so that a spike of an illiquid collateral buys nothing.

Initial margin takes the worse of the two; maintenance the price itself. Source: Mango v4 (blockworks-foundation,
2024), whose defaults these are: 0.03 % a second, and 6 % an hour against an average of a day ago.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Final

from novate.risk.errors import RiskError

DELAYS: Final = 24
STEP_MIN_S: Final = 10
"""Updates that follow each other more closely change nothing, so that frequent ones do no more than rare ones."""
STEP_MAX_S: Final = 600
"""After a pause a price counts for no longer than this, though an interval's mean is over all of its time."""


@dataclass(frozen=True, slots=True)
class StablePrice:
    """The stable price and what it is drawn from; immutable.

    ``delayed`` are the averages of the last ``DELAYS`` intervals, read a whole round after they were written; ``slot``
    is the one in use. ``gathered`` is price x seconds of the open interval, over ``gathered_s`` seconds.
    """

    price: float
    time_s: int
    delayed: tuple[float, ...]
    slot: int
    gathered: float = 0.0
    gathered_s: int = 0
    interval_s: int = 3_600
    delay_limit: float = 0.06
    stable_limit: float = 0.0003

    def updated(self, time_s: int, price: float) -> "StablePrice":
        """After an observation of the price that is followed.

        The delayed price moves from one interval to the next by at most ``delay_limit`` towards the interval's mean;
        the stable price by at most ``stable_limit`` a second, times the square of how near it is to the delayed one.
        A price of zero is followed too. RiskError for one that is negative, and for time that runs backwards.
        """
        step = time_s - self.time_s
        if not 0 <= price < inf or step < 0:
            raise RiskError(
                f"price {price} at {time_s} s, after {self.time_s} s: expected a finite price, 0 or more, time forward"
            )
        if step < STEP_MIN_S:
            return self
        counted = min(step, STEP_MAX_S)
        gathered = replace(
            self, time_s=time_s, gathered=self.gathered + price * counted, gathered_s=self.gathered_s + step
        )
        turned = gathered._turned(slot_of(time_s, self.interval_s), step > DELAYS * self.interval_s)
        distant, near = turned.delayed[turned.slot], self.price
        nearness = min(near, distant) / max(near, distant) if max(near, distant) > 0 else 1.0
        return replace(turned, price=_held(price, near, self.stable_limit * nearness**2 * counted))

    def _turned(self, slot: int, all_passed: bool) -> "StablePrice":
        """With the open interval closed, where its time is over: its mean is what is read a round later."""
        if slot == self.slot:
            return self
        mean = _held(self.gathered / self.gathered_s, self.delayed[self.slot - 1], self.delay_limit)
        passed = (
            range(DELAYS) if all_passed else [(self.slot + at) % DELAYS for at in range((slot - self.slot) % DELAYS)]
        )
        delayed = tuple(mean if at in passed else value for at, value in enumerate(self.delayed))
        return replace(self, delayed=delayed, slot=slot, gathered=0.0, gathered_s=0)


def begun(price: float, time_s: int, *, interval_s: int = 3_600) -> StablePrice:
    """A stable price that begins at a price, as if it had stood there for a day."""
    if not (0 < price < inf and interval_s > 0):
        raise RiskError(f"price {price}, interval_s {interval_s}: expected positive ones to begin with")
    return StablePrice(price, time_s, (price,) * DELAYS, slot_of(time_s, interval_s), interval_s=interval_s)


def slot_of(time_s: int, interval_s: int) -> int:
    """Which of the intervals of a round a time lies in."""
    return time_s // interval_s % DELAYS


def initial_price(price: float, stable: float, *, owned: bool) -> float:
    """The worse of the two: the lower for what is owned, the higher for what is owed."""
    if not (0 <= price < inf and 0 <= stable < inf):
        raise RiskError(f"price {price}, stable price {stable}: expected finite ones of 0 or more")
    return min(price, stable) if owned else max(price, stable)


def _held(target: float, before: float, limit: float) -> float:
    """A target no further than a fraction of it from what was before."""
    return min(max(target, before * (1 - limit)), before * (1 + limit))

"""How much of a liquidation the market takes, and at which price: outside the core, which never invents a fill.

Liquidations trade against a book of limited depth. Taking a total of Q lots of one contract on one side since the last
recorded price moves the price by the square root law,

    impact(Q) = Y * sigma * sqrt(Q / V),

with sigma the volatility of a step, V the lots that usually trade in a step and Y the constant ``IMPACT``. An order is
filled while the impact stays inside its limit and while its round has depth left, at the average impact of the lots it
takes; what is left waits for the next round or for the order's expiry. The impact is gone with the next recorded price
(which is history, and not moved by anyone here).
"""

import math
from dataclasses import dataclass, field

IMPACT = 0.8
ROUND_SHARE = 0.06
"""Share of a step's usual volume that liquidations can take in one round of one step, per contract and side."""

REACH_MAX = 1e6
"""A limit so many impacts of one usual volume away is no limit."""


@dataclass(slots=True)
class Fill:
    """Lots (positive) that the market takes and the price in ticks."""

    lots: int
    price_ticks: int


@dataclass(slots=True)
class Depth:
    """The market's depth within one step. ``taken`` counts lots per contract and side since the last recorded price."""

    taken: dict[tuple[int, int], float] = field(default_factory=dict)
    left: dict[tuple[int, int], int] = field(default_factory=dict)

    def next_step(self) -> None:
        """A new recorded price: the impact of the last step is gone."""
        self.taken.clear()
        self.left.clear()

    def next_round(self) -> None:
        """A while later in the same step: depth is offered anew, what was taken still weighs on the price."""
        self.left.clear()

    def offer(
        self, contract: int, lots: int, limit_ticks: int, mark_ticks: int, sigma: float, volume_lots: float
    ) -> Fill | None:
        """What the market takes of an order (``lots`` signed, positive buys), or None where it takes nothing.

        ``sigma`` is the volatility of a step as a fraction, ``volume_lots`` the usual volume of a step. The price is
        rounded against the order and never beyond its limit.
        """
        side = 1 if lots > 0 else -1
        key = contract, side
        volume = max(volume_lots, 1.0)
        left = self.left.setdefault(key, max(1, int(volume * ROUND_SHARE)))
        before = self.taken.get(key, 0.0)
        room = side * (limit_ticks - mark_ticks) / mark_ticks  # how far the limit lies beyond the mark
        if room < 0:
            return None
        reach = volume * min(room / (IMPACT * sigma), REACH_MAX) ** 2 if sigma > 0 else math.inf
        size = int(min(abs(lots), left, max(reach - before, 0.0)))
        if size < 1:
            return None
        average = _mean_impact(before, before + size, sigma, volume)
        exact = mark_ticks * (1 + side * average)
        price = math.ceil(exact) if side > 0 else math.floor(exact)
        price = min(price, limit_ticks) if side > 0 else max(price, limit_ticks)
        return Fill(size, price)

    def take(self, contract: int, side: int, lots: int) -> None:
        """Lots that were executed weigh on what follows."""
        self.taken[contract, side] = self.taken.get((contract, side), 0.0) + lots
        self.left[contract, side] = self.left.get((contract, side), 0) - lots


def _mean_impact(first: float, last: float, sigma: float, volume: float) -> float:
    """Average of the square root law between two totals taken."""
    integral = (last**1.5 - first**1.5) * 2 / 3
    return IMPACT * sigma * integral / (math.sqrt(volume) * (last - first))

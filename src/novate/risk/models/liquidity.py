"""What it costs to close a position that is large for its market: a piecewise-linear add-on by |lots|.

Of Q lots, with V traded in a day, of which a part p can be closed without waiting longer than the horizon of h days:

    Q x half spread + Y s Q √(Q / V)  +  m Q (√(Q / (p V h)) - 1) where Q is more than p V h

The first two are half the spread and the square-root law of impact (Almgren, Thum, Hauptmann and Li, 2005; Bouchaud,
2010), s being a day's standard deviation of a lot's result. The third is concentration: what a lot asks for, m, over
the longer time that closing takes, by √time, which takes moves for uncorrelated. All are convex, and a sheet holds
chords, which lie above: the table never asks for less than the law up to its last knot, and goes on along its last
chord.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from novate.risk.errors import RiskError

KNOTS: Final = (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, 16.0, 64.0)
"""Where chords meet, in days' volumes and in what can be closed within the horizon."""
COST_MAX: Final = 1e100
"""More than any market costs, and what a rate per lot is still a number of."""


@dataclass(frozen=True, slots=True)
class Liquidity:
    """The market of a contract or collateral asset.

    Attributes
    ----------
    half_spread : float
        Of one lot, in whole units of the numeraire.
    daily_lots : float
        Traded in a day.
    closable : float
        The part of a day's volume that a liquidation can take.
    impact : float
        Y of the square-root law.
    """

    half_spread: float
    daily_lots: float
    closable: float = 0.2
    impact: float = 1.0

    def __post_init__(self) -> None:
        finite = np.isfinite((self.half_spread, self.daily_lots, self.impact)).all()
        if not (finite and self.half_spread >= 0 < self.daily_lots and 0 < self.closable <= 1 and self.impact >= 0):
            raise RiskError(
                f"half_spread {self.half_spread}, daily_lots {self.daily_lots}, closable {self.closable}, impact "
                f"{self.impact}: expected no negative spread or impact, a positive volume, a part above 0 and up to 1"
            )


@dataclass(frozen=True, slots=True)
class Slope:
    """A piece of an add-on: for the part of |lots| above ``floor_lots``, so much of the numeraire per lot."""

    floor_lots: int
    per_lot: float


def cost(market: Liquidity, lots: float, *, day_sigma: float, asked_of_one: float, horizon_days: float) -> float:
    """What closing so many lots costs by the law, in whole units of the numeraire.

    ``day_sigma`` is the standard deviation of one lot's result over a day, ``asked_of_one`` the requirement of one lot.
    """
    spread = lots * market.half_spread
    impact = market.impact * day_sigma * lots * np.sqrt(lots / market.daily_lots)
    in_time = market.closable * market.daily_lots * horizon_days
    waiting = asked_of_one * lots * max(0.0, np.sqrt(lots / in_time) - 1)
    return float(spread + impact + waiting)


def slopes(market: Liquidity, *, day_sigma: float, asked_of_one: float, horizon_days: float) -> tuple[Slope, ...]:
    """The add-on as chords of ``cost``, from zero lots on."""
    in_time = market.closable * market.daily_lots * horizon_days
    knots = sorted({0, *(max(1, round(knot * size)) for knot in KNOTS for size in (market.daily_lots, in_time))})
    with np.errstate(over="ignore"):
        costs = [
            cost(market, lots, day_sigma=day_sigma, asked_of_one=asked_of_one, horizon_days=horizon_days)
            for lots in knots
        ]
    if not max(costs) < COST_MAX:
        raise RiskError(f"{market}: {max(knots):,} lots would cost {max(costs):g} to close: correct what it says")
    return tuple(
        Slope(low, (above - below) / (high - low))
        for low, high, below, above in zip(knots, knots[1:], costs, costs[1:], strict=False)
    )


def added(pieces: tuple[Slope, ...], lots: float) -> float:
    """What pieces ask of so many lots, zero or more: of each part of them the piece that it lies in."""
    ends = (*(piece.floor_lots for piece in pieces[1:]), lots)
    return sum(
        piece.per_lot * max(0.0, min(lots, end) - piece.floor_lots) for piece, end in zip(pieces, ends, strict=False)
    )

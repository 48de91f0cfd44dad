"""Vega's log-normal risk model: the closed-form expected shortfall of a price over a horizon, and four margin levels.

With lambda the tail and s = sigma sqrt(tau), a unit long may lose 1 - N(N^-1(lambda) - s) / lambda of its price and a
unit short N(N^-1(lambda) + s) / lambda - 1. Maintenance, rounded up to the asset's smallest unit, is mark x size x
(risk factor + linear slippage) and a share of accrued funding that is owed; search, initial and release are multiples
of it, cut off.
"""

from fractions import Fraction
from math import ceil, sqrt
from typing import Annotated

from msgspec import Meta, Struct
from scipy.special import ndtr, ndtri

from novate.risk.errors import RiskError
from novate.risk.unwinding.levels import levels
from novate.risk.venues.book import Book, only_perpetuals
from novate.risk.venues.requirement import Factor, Part, Risk, Share, largest, market, weighed


class Market(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model of one market: the tail (risk aversion), the horizon in years, volatility a year."""

    tail: float
    horizon: float
    vol: float
    slippage: float

    def __post_init__(self) -> None:
        if not (0 < self.tail < 1 and self.horizon > 0 and self.vol > 0 and self.slippage >= 0):
            raise RiskError(f"{self}: expected a tail between 0 and 1, a horizon and a volatility above 0")


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters; levels are multiples of maintenance, ``decimals`` those of the settlement asset."""

    markets: dict[str, Market]
    search: Factor
    initial: Factor
    release: Factor
    decimals: Annotated[int, Meta(ge=0, le=18)]
    funding: Factor = 0.0
    collateral: dict[str, Share] = {}


def risk_factors(of: Market) -> tuple[float, float]:
    """What a unit long and a unit short may lose, as parts of its price."""
    quantile, deviation = ndtri(of.tail), of.vol * sqrt(of.horizon)
    return float(1 - ndtr(quantile - deviation) / of.tail), float(ndtr(quantile + deviation) / of.tail - 1)


def requirement(book: Book, rules: Rules) -> Risk:
    """The four levels, market by market."""
    unit = 10.0**rules.decimals
    multiples = [Fraction(str(each)) for each in (rules.search, rules.initial, rules.release)]
    parts: list[Part] = []
    search = release = 0.0
    for name in book.held():
        of, positions = market(rules.markets, name), only_perpetuals(book, name)
        worth = sum(each.amount * each.price for each in positions)
        factor = risk_factors(of)[0 if worth > 0 else 1]
        owed = max(0.0, -sum(each.funding for each in positions))
        need = abs(worth) * (factor + of.slippage) + rules.funding * owed
        # Half a part in 10^12 of room: a float a hair above a whole unit is not another unit.
        at = levels(ceil(need * unit * (1 - 5e-13)), *multiples)
        what = f"{positions[0].symbol}: {'long' if worth > 0 else 'short'}, risk factor {factor:.7f}"
        parts.append(Part(what, at.initial / unit, at.maintenance / unit))
        search += at.search / unit
        release += at.release / unit
    return Risk(
        parts=tuple(parts),
        option_value=0.0,
        measured_from_value=True,
        collateral=weighed(book.collateral, rules.collateral),
        contributors=largest([(part.what.partition(":")[0], part.initial) for part in parts]),
        also=(("search", search), ("release", release)),
    )

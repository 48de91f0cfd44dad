"""What is taken off a collateral asset's price: what it may lose while it is sold, in this market and in a bad one."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from novate.core.money import PPM, ceil_div
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves
from novate.risk.measures import expected_shortfall, value_at_risk
from novate.risk.scenarios.filtered import filtered

NOISE_PPM: Final = 1e-3
"""Parts are floats: what is less than this above a whole step of a haircut is not rounded up to the next one."""


@dataclass(frozen=True, slots=True)
class Peg:
    """What a stable asset should be worth in the numeraire, and how its haircut rises once it is not.

    Below ``threshold`` of par every part of the price that is missing is added ``factor`` times: where a peg has begun
    to fail, its own history says nothing about what is next. Defaults are Derive's (PM2, January 2026).
    """

    par: float = 1.0
    threshold: float = 0.98
    factor: float = 2.0

    def __post_init__(self) -> None:
        if not (0 < self.par < math.inf and 0 <= self.threshold <= 1 and 0 <= self.factor < math.inf):
            raise RiskError(f"{self}: expected a par above 0, a part of it, and a factor of 0 or more")


@dataclass(frozen=True, slots=True)
class HaircutRules:
    """How haircuts are calibrated; the default is 99 % of two days, in whole per cent.

    Attributes
    ----------
    horizon_steps : int
        Rows of the history that selling takes: the liquidation period.
    level, measure
        Which loss is covered.
    least : float
        No haircut is less: a fraction of the price.
    step_ppm : int
        Haircuts are whole multiples of it, rounded up.
    """

    horizon_steps: int = 2
    level: float = 0.99
    measure: Literal["value_at_risk", "expected_shortfall"] = "value_at_risk"
    least: float = 0.0
    step_ppm: int = 10_000

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1:
            raise RiskError(f"least {self.least}: expected a part of the price, 0 to 1")
        if self.measure not in ("value_at_risk", "expected_shortfall"):
            raise RiskError(f"measure {self.measure!r}: expected value_at_risk or expected_shortfall")


@dataclass(frozen=True, slots=True)
class Haircut:
    """A haircut with its parts, as fractions of the price: ``max(market, stressed, least) + currency + depeg``.

    ``ppm`` is the sum rounded up to whole steps, never above all; ``binding`` which of the first three it is.
    """

    asset: str
    market: float
    stressed: float
    least: float
    currency: float
    depeg: float
    ppm: int

    @property
    def binding(self) -> str:
        """``market``, ``stressed`` or ``least``: what the haircut follows from; the first of equals."""
        parts = {"market": self.market, "stressed": self.stressed, "least": self.least}
        return max(parts, key=lambda name: parts[name])


def haircut(
    history: FactorHistory,
    asset: str,
    rules: HaircutRules,
    *,
    stressed: Scenarios | None = None,
    currency: str | None = None,
    peg: Peg | None = None,
) -> Haircut:
    """The haircut of an asset from its history of prices.

    Parameters
    ----------
    history : FactorHistory
        Prices of the asset (a relative factor) and, where it is quoted in another currency than the numeraire, of that.
    stressed : Scenarios or None
        Moves of a bad market over the liquidation period, such as those of ``stress_days``; probabilities and
        parts that count are heeded. None: all moves of the
        history as they were, which a calm does not take down.
    currency : str or None
        The factor that is the price of the asset's currency.
    peg : Peg or None
        For an asset that should be worth something fixed.

    The *market* part is measured on moves scaled to the volatility of now (mid scaling, EWMA with its floor); on moves
    as they were for an asset with a peg, whose volatility says nothing until it breaks. The *currency* part is measured
    alike and added, not offset. All are losses of the price, 1 - exp(move), of the asset held long.

    RiskError names an asset that is no relative factor of the history, and stress of another horizon.
    """
    recorded = moves(history, rules.horizon_steps)
    bad = recorded if stressed is None else stressed
    if bad.horizon_days != recorded.horizon_days:
        raise RiskError(
            f"{asset}: stress over {bad.horizon_days:g} days for a liquidation period of {recorded.horizon_days:g}: "
            "take windows of the same length"
        )
    pegged = (asset,) if peg is not None else ()
    now = filtered(history, rules.horizon_steps, unscaled=pegged)
    market = _measured(now, asset, rules)
    stress = _measured(bad, asset, rules)
    exchange = 0.0
    if currency is not None:
        exchange = max(_measured(each, currency, rules) for each in (now, recorded))
    missing = 0.0
    if peg is not None:
        price = float(history.levels[-1, _column(recorded, asset)])
        missing = max(0.0, peg.threshold - price / peg.par) * peg.factor
    total = max(market, stress, rules.least) + exchange + missing
    return Haircut(asset, market, stress, rules.least, exchange, missing, _whole(total, rules.step_ppm))


def results_of(scenarios: Scenarios, asset: str) -> NDArray[np.float64]:
    """What the price of an asset gains in each scenario, as a fraction of it, times the part that is ``counted``;
    negative is a loss."""
    column = _column(scenarios, asset)
    if scenarios.factors[column].kind != "relative":
        raise RiskError(f"{asset}: a haircut is a part of a price, and needs a relative factor")
    gains = np.expm1(scenarios.moves[:, column])
    return gains if scenarios.counted is None else gains * scenarios.counted


def _column(scenarios: Scenarios, asset: str) -> int:
    names = [factor.name for factor in scenarios.factors]
    if asset not in names:
        raise RiskError(f"{scenarios.name}: no factor {asset}: it has {', '.join(names)}")
    return names.index(asset)


def _measured(scenarios: Scenarios, asset: str, rules: HaircutRules) -> float:
    measure = value_at_risk if rules.measure == "value_at_risk" else expected_shortfall
    return max(0.0, float(measure(results_of(scenarios, asset), rules.level, weights=scenarios.weights)))


def _whole(fraction: float, step_ppm: int) -> int:
    """A fraction in ppm, rounded up to whole steps, at most all of it."""
    if not 0 < step_ppm <= PPM:
        raise RiskError(f"step_ppm {step_ppm}: expected a positive part of {PPM}")
    return min(PPM, ceil_div(math.ceil(fraction * PPM - NOISE_PPM), step_ppm) * step_ppm)

"""Options in accounts to be backtested: of constant maturity, struck anew every day and held over the horizon.

A recorded series has no listed options, so what is held is told by what it is on a day: its strike as a part of the
price, its days to expiry. The forward is the price, its volatility that of the history's own series ("BTC vol 30d", in
total variance between tenors) on the smile that its skew tells where there is one ("BTC skew 30d", see ``risk.skew``).
It is valued by ``risk.revaluation``, as a sheet values it: what an option gains is what it is worth in the scenario or
on the day, with the horizon passed, less what it was worth.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import numpy as np

from novate.core.terms import Contract, Kind
from novate.risk.checks import Floats, require
from novate.risk.days import DAY_NS, YEAR_DAYS
from novate.risk.errors import RiskError
from novate.risk.factors import TENOR, FactorHistory
from novate.risk.instruments import Instrument
from novate.risk.revaluation import Levels, between, results_of_one_lot, vol_levels
from novate.risk.skew import call_delta, rotated

DAYS_MAX: Final = 36_500.0
MONEYNESS_MAX: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Option:
    """Options that an account holds on a series.

    Attributes
    ----------
    on, right : str, {"call", "put"}
    strike : float
        As a part of the price of the day: 0.9 is a tenth below it.
    days : float
        To expiry, on each day.
    lots : float
        Units of the series that they are on, held throughout; long is positive.
    weight : float
        Instead: the money in as much of the series, in the currency of its price, brought back to that every day.
    """

    on: str
    right: Literal["call", "put"]
    strike: float
    days: float
    lots: float = 0.0
    weight: float = 0.0

    def __post_init__(self) -> None:
        if self.right not in ("call", "put"):
            raise RiskError(f"{self.name}: right {self.right!r}: expected call or put")
        if not (1 / MONEYNESS_MAX <= self.strike <= MONEYNESS_MAX and 0 < self.days <= DAYS_MAX):
            raise RiskError(
                f"{self.name}: expected a strike as a part of the price, such as 0.9, and days above 0, at most "
                f"{DAYS_MAX:,.0f}"
            )
        if not (math.isfinite(self.lots) and math.isfinite(self.weight)) or (self.lots == 0) == (self.weight == 0):
            raise RiskError(f"{self.name}: lots {self.lots}, weight {self.weight}: give one of them, a finite number")

    @property
    def name(self) -> str:
        """In messages."""
        return f"{self.right} on {self.on} at {self.strike:g} of its price, {self.days:g} days"


def curves_of(series: str, known: Iterable[str]) -> tuple[str, ...]:
    """Which of the known series are the volatility and the skew of one, by tenor."""
    return tuple(name for name in known if re.fullmatch(rf"{re.escape(series)} (vol|skew) {TENOR}", name))


def require_priced(option: Option, history: FactorHistory) -> None:
    """RiskError where a history cannot say what an option is worth."""
    known = {factor.name: factor.kind for factor in history.factors}
    if option.on not in known:
        raise RiskError(f"{option.name}: there is no series {option.on!r}: the history has {', '.join(known)}")
    if known[option.on] == "absolute":
        raise RiskError(f"{option.name}: the price may be zero or below, and a strike is a part of it: leave it out")
    if not any(name.startswith(f"{option.on} vol ") for name in curves_of(option.on, known)):
        raise RiskError(
            f"{option.name}: no series says its volatility: give one such as '{option.on} vol 30d', an annual fraction"
        )


def option_gains(options: Sequence[Option], levels: Levels) -> Floats:
    """What long options on one of money of their series gain, of shape (n_scenarios, n_options): by levels now, those
    in every scenario, and the days between them.

    RiskError where the skew leaves an option no volatility, with the option.
    """
    if not options:
        return np.empty((len(levels.after), 0))
    prices = np.array([levels.of(each.on, each.name)[0] for each in options])
    struck = [_struck(each, levels, price) for each, price in zip(options, prices.tolist(), strict=True)]
    return (results_of_one_lot(struck, levels, 0) / prices[:, None]).T


def _struck(option: Option, levels: Levels, price: float) -> Instrument:
    """The option as it is on the day, which is time zero: on one unit, at its own volatility."""
    vol, _ = vol_levels(levels, option.on, option.days)
    tenors, skew, _ = levels.tenors(option.on, "skew")
    if len(tenors):
        delta = call_delta(np.ones(1), option.strike, np.array([vol]), option.days / YEAR_DAYS)
        turned = rotated(np.array([vol]), delta, float(between(tenors, skew, option.days)))
        cure = f"'{option.on} skew' takes it there: correct the series, or hold a strike nearer to the price"
        require(turned > 0, "volatility", turned, cure, [option.name])
        vol = float(turned[0])
    terms = Contract(
        symbol=option.name,
        kind=Kind(option.right),
        settlement="",
        tick_size="1",
        lot_size="1",
        price_min_ticks=1,
        price_max_ticks=2**53,
        position_limit_lots=1,
        margin_class=option.on,
        stale_after_ns=DAY_NS,
        underlying=option.on,
        strike=f"{Decimal(repr(option.strike * price)):f}",
        expiry_ns=round(option.days * DAY_NS),
    )
    return Instrument(terms, option.on, None, price, vol)

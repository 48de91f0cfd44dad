"""Prices that a history does not have: forwards, options and funding, in floats that end as ticks.

All are stated models, named in the report of a run: a forward is the index carried at a flat rate, an option is
Black-76 on it at a stated volatility, a funding rate leans with the recent move.
"""

import math

import numpy as np

YEAR_NS = 365 * 86_400 * 10**9
CARRY_PER_YEAR = 0.02
VOLATILITY_FLOOR = 0.12
VOLATILITY_STEPS = 20
FUNDING_BASE_PER_DAY = 0.0001
FUNDING_LEAN = 0.01
FUNDING_CAP_PER_DAY = 0.001


def forward(spot: float, years: float) -> float:
    """The index carried forward at the flat rate."""
    return spot * math.exp(CARRY_PER_YEAR * max(years, 0.0))


def black76(spot: float, strike: float, years: float, volatility: float, *, call: bool) -> float:
    """Undiscounted value of a European option on the forward, per unit of the underlying."""
    future = forward(spot, years)
    if years <= 0:
        return max(future - strike, 0.0) if call else max(strike - future, 0.0)
    width = volatility * math.sqrt(years)
    above = math.log(future / strike) / width + width / 2
    value = future * _normal(above) - strike * _normal(above - width)
    return value if call else value - future + strike


def realised_volatility(close: np.ndarray, steps_per_year: float) -> float:
    """Volatility per year of the last prices of one series, missing ones left out, at least the floor."""
    known = close[~np.isnan(close)][-VOLATILITY_STEPS - 1 :]
    if len(known) < 3:
        return VOLATILITY_FLOOR
    return max(VOLATILITY_FLOOR, float(np.std(np.diff(np.log(known)), ddof=1)) * math.sqrt(steps_per_year))


def funding_rate(recent_return: float, days: float) -> float:
    """Rate for a span of ``days``: the base and a lean with the recent return, capped; positive is paid by longs."""
    per_day = FUNDING_BASE_PER_DAY + FUNDING_LEAN * recent_return
    return max(-FUNDING_CAP_PER_DAY, min(FUNDING_CAP_PER_DAY, per_day)) * days


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))

"""Implied volatility: what Black-76 must be told to give a price.

The price determines the volatility to the last few places wherever it does at all: far out of the money, next to the
money and next to the upper bound alike. The time value is compared in logarithms, by whichever of it and of what it
lacks to its bound is smaller, in a variable in which the comparison is nearly a straight line (P. Jäckel, "Let's be
rational", Wilmott 2015, uses the same three regions).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from novate.risk.black import log_moneyness, normalised
from novate.risk.checks import Floats, require
from novate.risk.errors import RiskError
from novate.risk.tails import SQRT_2PI

ITERATIONS_MAX = 100
STEP_LAST = 1e-10
"""Newton's steps square themselves: after one below this nothing is left to find."""
ROUNDING = 8 * float(np.finfo(float).eps)


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    call: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    names: Sequence[str] | None = None,
) -> Floats:
    """The volatility (annual fraction) at which ``black76`` gives a price.

    A price that is the discounted payoff at the forward and nothing more (or less by what floats cannot tell apart)
    has none: zero is given.

    Raises ``RiskError``, naming the contract where ``names`` does, for a price outside the bounds that any model
    keeps: below that payoff, or not below the discounted forward (a call) or strike (a put); for a forward or strike
    that is not above zero; and where no time is left. ``within_bounds`` says beforehand which prices have one.
    """
    floats = [np.asarray(each, np.float64) for each in (price, forward, strike, years, rate)]
    prices, forwards, strikes, times, rates, calls = np.broadcast_arrays(*floats, np.asarray(call, bool))
    require(times > 0, "years", times, "without time no price says a volatility", names)
    require((forwards > 0) & (strikes > 0), "forward", forwards, "a forward and strike above zero are needed", names)
    left, most = time_value_left(prices * np.exp(rates * times), forwards, strikes, calls)
    least = "a price of its discounted payoff at the forward or more is needed: mend the quote, or leave it out"
    require(left >= 0, "price", prices, least, names)
    upper = "a call is worth less than the discounted forward, a put than the strike: mend the quote, or leave it out"
    require(left < most, "price", prices, upper, names)
    out = np.zeros(left.shape)
    live = left > 0
    if live.any():
        scale = np.sqrt(forwards[live]) * np.sqrt(strikes[live])
        away = -np.abs(log_moneyness(forwards[live], strikes[live]))
        out[live] = _solve(away, left[live] / scale, (most - left)[live] / scale) / np.sqrt(times[live])
    return out


def within_bounds(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, call: ArrayLike, *, rate: ArrayLike = 0.0
) -> np.ndarray:
    """Whether a price has an implied volatility above zero; NaN has none."""
    price, rate, years = np.asarray(price, float), np.asarray(rate, float), np.asarray(years, float)
    left, most = time_value_left(price * np.exp(rate * years), np.asarray(forward), np.asarray(strike), call)
    return (left > 0) & (left < most)


def time_value_left(undiscounted: Floats, forward: Floats, strike: Floats, call: ArrayLike) -> tuple[Floats, Floats]:
    """Time value of a price, and the bound that it stays below: the smaller of forward and strike."""
    intrinsic = np.maximum(np.where(call, forward - strike, strike - forward), 0.0)
    left = undiscounted - intrinsic
    slack = ROUNDING * np.maximum(forward, strike)
    return np.where((left < 0) & (left >= -slack), 0.0, left), np.minimum(forward, strike)


def _solve(away: Floats, value: Floats, lacking: Floats) -> Floats:
    """Deviations (volatility x sqrt(years)) at normalised time values and at what these lack to their bound.

    Newton's method. Up to the inflection of the value in the deviation s, at s^2 = 2 |ln(F / K)|, ln(value) is compared
    by 1 / s^2; above it by ln s; and once the value is more than half its bound, ln(lacking) by s^2. Each starts left
    or right of the root on the side from which its curvature lets it converge without passing it.
    """
    start = np.sqrt(-2 * away)
    turn = np.zeros(away.shape)
    apart = start > 0
    turn[apart] = normalised(away[apart], start[apart])[0]
    below, above = value < turn, value > lacking
    deviation = np.where(below, start, np.maximum(start, SQRT_2PI * value))
    above &= ~below
    open_ = np.arange(len(away))
    for _ in range(ITERATIONS_MAX):
        at, was = deviation[open_], away[open_]
        new = np.empty(at.shape)
        low, high = below[open_], above[open_]
        mid = ~(low | high)
        worth, slope = normalised(was, at)
        with np.errstate(divide="ignore"):
            gap = np.log(worth) - np.log(value[open_])
        relative = worth / slope
        new[low] = _by_inverse_square(at[low], gap[low] * relative[low])
        new[mid] = at[mid] * np.exp(-gap[mid] * relative[mid] / at[mid])
        new[high] = _towards_bound(at[high], was[high], slope[high], lacking[open_][high])
        deviation[open_] = new
        open_ = open_[np.abs(new / at - 1) > STEP_LAST]
        if not len(open_):
            return deviation
    first = int(open_[0])
    raise RiskError(f"no volatility found for a time value of {value[first]} at ln(F / K) = {away[first]}")


def _by_inverse_square(deviation: Floats, change: Floats) -> Floats:
    """Newton's step in u = 1 / s^2, where ``change`` is what it would be in s itself."""
    return deviation / np.sqrt(1 + 2 * change / deviation)


def _towards_bound(deviation: Floats, away: Floats, slope: Floats, lacking: Floats) -> Floats:
    """Newton's step in s^2 on the logarithm of what the value lacks to its bound."""
    middle, half = away / deviation, deviation / 2
    lacks = np.exp(away / 2) * ndtr(-middle - half) + np.exp(-away / 2) * ndtr(middle - half)
    change = (np.log(lacks) - np.log(lacking)) * lacks / slope
    return np.sqrt(deviation * deviation + 2 * deviation * change)

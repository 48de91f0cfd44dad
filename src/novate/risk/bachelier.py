"""Bachelier's normal model: European options on a price that may be zero or below.

Volatility is that of the price itself, in its currency for a year (7.5 is 7.5 dollars a barrel), and all else is as in
``black``. At no volatility or no time an option is worth its discounted payoff at the forward.

Source: L. Bachelier, "Théorie de la spéculation" (1900), in the form of W. Schachermayer and J. Teichmann, Mathematical
Finance 18 (2008).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from novate.risk.checks import Floats, require
from novate.risk.errors import RiskError
from novate.risk.greeks import Greeks
from novate.risk.tails import SQRT_2PI, density, mills, mills_slope

ITERATIONS_MAX = 64
STEP_LAST = 1e-10
"""Newton's steps square themselves: after one below this nothing is left to find."""
NEAR = 1e-8
ROUNDING = 8 * float(np.finfo(float).eps)


def bachelier(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, call: ArrayLike, *, rate: ArrayLike = 0.0
) -> Floats:
    """Price of an option on a forward. Raises ``RiskError`` for a negative volatility or time."""
    forward, strike, vol, years, call, rate = _broadcast(forward, strike, vol, years, call, rate)
    intrinsic = np.maximum(np.where(call, forward - strike, strike - forward), 0.0)
    deviation = vol * np.sqrt(years)
    d = deviations_from(-np.abs(forward - strike), deviation)
    far = np.maximum(d, -40.0)  # beyond, nothing is left of the density
    return np.exp(-rate * years) * (intrinsic + deviation * density(d) * mills_slope(far))


def bachelier_greeks(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, call: ArrayLike, *, rate: ArrayLike = 0.0
) -> Greeks:
    """Price and Greeks by the forward, which stays as time passes and rates move. Errors as ``bachelier``."""
    forward, strike, vol, years, call, rate = _broadcast(forward, strike, vol, years, call, rate)
    price = bachelier(forward, strike, vol, years, call, rate=rate)
    deviation, discount, sign = vol * np.sqrt(years), np.exp(-rate * years), np.where(call, 1.0, -1.0)
    d = deviations_from(forward - strike, deviation)
    bell = discount * density(d)
    gamma = np.divide(bell, deviation, out=np.zeros_like(bell), where=deviation > 0)
    decay = np.divide(bell * vol, 2 * np.sqrt(years), out=np.zeros_like(bell), where=years > 0)
    delta = sign * discount * ndtr(sign * d)
    return Greeks(price, delta, gamma, bell * np.sqrt(years), rate * price - decay, -years * price)


def implied_normal_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    call: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    names: Sequence[str] | None = None,
) -> Floats:
    """The volatility at which ``bachelier`` gives a price; zero for a price that is its payoff at the forward alone.

    Raises ``RiskError``, naming the contract where ``names`` does, for a price below that payoff, and without time.
    """
    floats = [np.asarray(each, np.float64) for each in (price, forward, strike, years, rate)]
    prices, forwards, strikes, times, rates, calls = np.broadcast_arrays(*floats, np.asarray(call, bool))
    require(times > 0, "years", times, "without time no price says a volatility", names)
    undiscounted = prices * np.exp(rates * times)
    away = np.abs(forwards - strikes)
    intrinsic = np.maximum(np.where(calls, forwards - strikes, strikes - forwards), 0.0)
    left = undiscounted - intrinsic
    slack = ROUNDING * np.maximum(np.abs(forwards), np.abs(strikes))
    least = "a price of its discounted payoff at the forward or more is needed: mend the quote, or leave it out"
    require(left >= -slack, "price", prices, least, names)
    deviation = np.array((left + away / 2) * SQRT_2PI)  # at the money, to the square of how far it is from there
    apart = (left > 0) & (away > NEAR * left)
    if apart.any():
        deviation[apart] = away[apart] / _deviations(left[apart] / away[apart])
    return np.where(left > 0, deviation, 0.0) / np.sqrt(times)


def _deviations(ratio: Floats) -> Floats:
    """How many deviations away the strike is, where the time value is ``ratio`` of its distance.

    Newton on ln((n(d) - d N(-d)) / d) = ln(ratio) by ln d, which is concave and falls: from the right it converges
    without passing the root.
    """
    target = np.log(ratio)
    log_d = -np.log(ratio * SQRT_2PI)  # n(d) - d N(-d) < n(0): right of the root
    log_d = np.minimum(log_d, 0.5 * np.log(np.maximum(-2 * target, 2.0)))  # and below n(d) where d > 1
    step = np.ones_like(log_d)
    for _ in range(ITERATIONS_MAX):
        d = np.exp(log_d)
        slope = mills_slope(-d)
        value = -0.5 * d * d - np.log(SQRT_2PI) + np.log(slope) - log_d
        step = (value - target) / (1 + d * mills(-d) / slope)
        log_d = log_d + step
        if np.all(np.abs(step) < STEP_LAST):
            return np.exp(log_d)
    raise RiskError(f"no normal volatility found for {ratio[np.argmax(np.abs(step))]} of the distance to the strike")


def deviations_from(gap: Floats, deviation: Floats) -> Floats:
    """``gap / deviation``; infinite where there is no deviation, and zero there at the money."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0, 0.0, gap / deviation)


def _broadcast(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, call: ArrayLike, rate: ArrayLike
) -> tuple[Floats, ...]:
    """The arguments as arrays of one shape, checked."""
    floats = [np.asarray(each, np.float64) for each in (forward, strike, vol, years, rate)]
    forwards, strikes, vols, times, rates, calls = np.broadcast_arrays(*floats, np.asarray(call, bool))
    require(np.isfinite(forwards), "forward", forwards, "give a price")
    require(vols >= 0, "vol", vols, "give what the price moves in a year, zero or more")
    require(times >= 0, "years", times, "it has expired: leave it out, or give zero for its payoff")
    return forwards, strikes, vols, times, calls, rates

"""Black-76 and Black-Scholes: European options on a price that stays above zero.

Arguments broadcast as numpy's do. Volatility is an annual fraction (0.5 is 50 %), time is in years, a rate is
continuously compounded, ``call`` is true for a call and false for a put. Prices are per unit of the underlying, in its
currency. At no volatility or no time an option is worth its discounted payoff at the forward; its gamma is then given
as zero, and its delta at the money as half.

Sources: F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976); F. Black and M. Scholes, J.
Political Economy 81 (1973); R. Merton, Bell J. Economics 4 (1973), for the dividend.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from novate.risk.checks import Floats, require
from novate.risk.greeks import Greeks
from novate.risk.kernels.black import grid
from novate.risk.tails import CLOSE, SQRT_2PI, density, mills_rise


def black76(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, call: ArrayLike, *, rate: ArrayLike = 0.0
) -> Floats:
    """Price of an option on a forward: the discounted payoff at the forward and its time value.

    The time value keeps its relative precision far out of the money: ``implied_vol`` finds the volatility again.

    Raises ``RiskError`` for a forward or strike that is not above zero, and for a negative volatility or time.
    """
    args = _broadcast(forward, strike, vol, years, call, rate)
    forward, strike, vol, years, call, rate = args
    intrinsic = np.maximum(np.where(call, forward - strike, strike - forward), 0.0)
    return np.exp(-rate * years) * (intrinsic + time_value(forward, strike, vol * np.sqrt(years)))


def black76_greeks(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, call: ArrayLike, *, rate: ArrayLike = 0.0
) -> Greeks:
    """Price and Greeks of an option on a forward, which stays where it is as time passes and rates move.

    ``delta`` and ``gamma`` are by the forward. Errors as ``black76``.
    """
    forward, strike, vol, years, call, rate = _broadcast(forward, strike, vol, years, call, rate)
    price = black76(forward, strike, vol, years, call, rate=rate)
    deviation, discount, sign = vol * np.sqrt(years), np.exp(-rate * years), np.where(call, 1.0, -1.0)
    d1, _ = deviations_from(log_moneyness(forward, strike), deviation)
    bell = discount * density(d1)
    spread = forward * deviation
    gamma = np.divide(bell, spread, out=np.zeros_like(bell), where=spread > 0)
    vega = forward * bell * np.sqrt(years)
    decay = np.divide(forward * bell * vol, 2 * np.sqrt(years), out=np.zeros_like(bell), where=years > 0)
    return Greeks(price, sign * discount * ndtr(sign * d1), gamma, vega, rate * price - decay, -years * price)


def black_scholes(
    spot: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    call: ArrayLike,
    *,
    rate: ArrayLike,
    dividend: ArrayLike = 0.0,
) -> Floats:
    """Price of an option on a spot that pays ``dividend`` continuously (a currency's or coin's own rate).

    It is ``black76`` at the forward spot x exp((rate - dividend) x years). Errors as there.
    """
    growth = np.exp((np.asarray(rate, float) - np.asarray(dividend, float)) * np.asarray(years, float))
    return black76(np.asarray(spot, float) * growth, strike, vol, years, call, rate=rate)


def black_scholes_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    call: ArrayLike,
    *,
    rate: ArrayLike,
    dividend: ArrayLike = 0.0,
) -> Greeks:
    """Price and Greeks of an option on a spot: ``delta`` and ``gamma`` are by the spot, ``rho`` by ``rate``."""
    carry, years = np.asarray(rate, float) - np.asarray(dividend, float), np.asarray(years, float)
    growth = np.exp(carry * years)
    forward = np.asarray(spot, float) * growth
    on = black76_greeks(forward, strike, vol, years, call, rate=rate)
    by_forward = on.delta * forward
    return on._replace(
        delta=on.delta * growth,
        gamma=on.gamma * growth * growth,
        theta=on.theta - carry * by_forward,
        rho=on.rho + years * by_forward,
    )


def black76_grid(forwards: Floats, strikes: Floats, deviations: Floats, call: ArrayLike) -> Floats:
    """Undiscounted prices of many options in many scenarios, on all cores.

    Parameters
    ----------
    forwards, deviations : ndarray of shape (n_contracts, n_scenarios)
        The forward of each contract in each scenario, and volatility x sqrt(years).
    strikes, call : array_like of shape (n_contracts,)
        The strike of each contract, and whether it is a call.

    Returns
    -------
    ndarray of shape (n_contracts, n_scenarios)
        Off by less than 10^-14 of the forward (of the strike, where that is larger). Nothing is checked: a forward or
        strike that is not above zero gives no price. NaN gives NaN.
    """
    forwards, deviations = np.ascontiguousarray(forwards, np.float64), np.ascontiguousarray(deviations, np.float64)
    is_put = np.where(np.asarray(call, bool), 0.0, 1.0)
    out = np.empty(forwards.shape)
    grid(forwards, np.ascontiguousarray(strikes, np.float64), deviations, is_put, out)
    return out


# ---- what these and implied volatility share -----------------------------------------------------------------------


def log_moneyness(forward: Floats, strike: Floats) -> Floats:
    """ln(forward / strike), exact near the money too."""
    gap = (forward - strike) / strike
    return np.where(np.abs(gap) < 0.5, np.log1p(np.maximum(gap, -0.5)), np.log(forward / strike))


def deviations_from(log_money: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """``(d1, d2)``; infinite where there is no deviation, and zero there at the money."""
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.where(log_money == 0, 0.0, log_money / deviation)
    return middle + deviation / 2, middle - deviation / 2


def time_value(forward: Floats, strike: Floats, deviation: Floats) -> Floats:
    """Undiscounted value of the option that is out of the money, precise in its own size."""
    away, scale = -np.abs(log_moneyness(forward, strike)), np.sqrt(forward) * np.sqrt(strike)
    out = np.zeros(np.shape(deviation))
    live = deviation > 0
    if live.any():
        out[live] = scale[live] * normalised(away[live], deviation[live])[0]
    return out


def normalised(away: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """Time value over sqrt(forward x strike), and its derivative by the deviation; ``away`` = -|ln(F / K)|.

    One-dimensional arrays, deviations above zero.
    """
    middle, half = away / deviation, deviation / 2
    slope = np.exp(-0.5 * (middle * middle + half * half)) / SQRT_2PI
    inside = (half >= CLOSE) & (middle + half > 0)
    rise = mills_rise(np.where(inside, -1.0, middle), np.where(inside, 1.0, half))
    direct = np.exp(away / 2) * ndtr(middle + half) - np.exp(-away / 2) * ndtr(middle - half)
    return np.where(inside, direct, slope * rise), slope


def _broadcast(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, call: ArrayLike, rate: ArrayLike
) -> tuple[Floats, ...]:
    """The arguments as arrays of one shape, checked."""
    floats = [np.asarray(each, np.float64) for each in (forward, strike, vol, years, rate)]
    forwards, strikes, vols, times, rates, calls = np.broadcast_arrays(*floats, np.asarray(call, bool))
    require(forwards > 0, "forward", forwards, "Black needs a price above zero: price it by bachelier")
    require(strikes > 0, "strike", strikes, "Black needs a strike above zero: price it by bachelier")
    require(vols >= 0, "vol", vols, "give an annual fraction of zero or more")
    require(times >= 0, "years", times, "it has expired: leave it out, or give zero for its payoff")
    return forwards, strikes, vols, times, calls, rates

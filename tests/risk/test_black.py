"""Black-76 and Black-Scholes: against QuantLib, published figures, and what holds for every option."""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from novate.risk.black import (
    black76,
    black76_greeks,
    black76_grid,
    black_scholes,
    black_scholes_greeks,
)
from novate.risk.errors import RiskError

FORWARD = st.floats(1e-3, 1e6)
MONEYNESS = st.floats(-3.0, 3.0)
VOL = st.floats(0.01, 4.0)
YEARS = st.floats(1e-4, 10.0)


@given(FORWARD, MONEYNESS, VOL, YEARS, st.floats(-0.1, 0.3), st.booleans())
def test_prices_and_greeks_are_those_of_quantlib(
    forward: float, moneyness: float, vol: float, years: float, rate: float, call: bool
) -> None:
    strike, deviation, discount = forward * math.exp(moneyness), vol * math.sqrt(years), math.exp(-rate * years)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
    theirs = ql.BlackCalculator(payoff, forward, deviation, discount)
    ours = black76_greeks(forward, strike, vol, years, call, rate=rate)
    scale = discount * max(forward, strike)
    assert ours.price == pytest.approx(theirs.value(), rel=1e-9, abs=1e-14 * scale)
    assert ours.delta == pytest.approx(theirs.deltaForward(), rel=1e-9, abs=1e-13 * discount)
    assert ours.gamma == pytest.approx(theirs.gammaForward(), rel=1e-8, abs=1e-250)
    assert ours.vega == pytest.approx(theirs.vega(years), rel=1e-9, abs=1e-14 * scale)
    assert ours.rho == pytest.approx(-years * theirs.value(), rel=1e-9, abs=1e-13 * scale)
    assert ours.theta == pytest.approx(
        rate * theirs.value() - theirs.vega(years) * vol / (2 * years), rel=1e-9, abs=1e-12 * scale
    )


@given(
    FORWARD, st.floats(-1.0, 1.0), VOL, st.floats(0.01, 5.0), st.floats(-0.1, 0.3), st.floats(-0.1, 0.3), st.booleans()
)
def test_greeks_on_a_spot_are_those_of_quantlib(
    spot: float, moneyness: float, vol: float, years: float, rate: float, dividend: float, call: bool
) -> None:
    strike, growth, discount = spot * math.exp(moneyness), math.exp((rate - dividend) * years), math.exp(-rate * years)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
    theirs = ql.BlackCalculator(payoff, spot * growth, vol * math.sqrt(years), discount)
    ours = black_scholes_greeks(spot, strike, vol, years, call, rate=rate, dividend=dividend)
    scale = max(spot, strike) * math.exp(0.1 * years)
    assert ours.price == pytest.approx(theirs.value(), rel=1e-9, abs=1e-13 * scale)
    assert ours.delta == pytest.approx(theirs.delta(spot), rel=1e-9, abs=1e-12)
    assert ours.gamma == pytest.approx(theirs.gamma(spot), rel=1e-8, abs=1e-250)
    assert ours.vega == pytest.approx(theirs.vega(years), rel=1e-9, abs=1e-12 * scale)
    assert ours.theta == pytest.approx(theirs.theta(spot, years), rel=1e-8, abs=1e-11 * scale)
    assert ours.rho == pytest.approx(theirs.rho(years), rel=1e-9, abs=1e-11 * scale)


def test_published_prices() -> None:
    """J. Hull, Options, Futures, and Other Derivatives, 10th ed., example 15.6 (a stock) and 18.6 (crude oil futures);
    E. Haug, The Complete Guide to Option Pricing Formulas, 2nd ed., sections 1.1.1, 1.1.2 and 1.1.3."""
    hull = [black_scholes(42, 40, 0.2, 0.5, call, rate=0.10).item() for call in (True, False)]
    assert [round(price, 2) for price in hull] == [4.76, 0.81]
    assert round(black76(20, 20, 0.25, 4 / 12, False, rate=0.09).item(), 2) == 1.12
    assert round(black_scholes(60, 65, 0.30, 0.25, True, rate=0.08).item(), 4) == 2.1334
    assert round(black_scholes(100, 95, 0.20, 0.5, False, rate=0.10, dividend=0.05).item(), 4) == 2.4648
    assert round(black76(19, 19, 0.28, 0.75, True, rate=0.10).item(), 4) == 1.7011


def test_published_greeks() -> None:
    """Haug, chapter 2: delta of options on a future, gamma on a stock, theta (a year's) on an index, rho on a stock."""
    deltas = [black76_greeks(105, 100, 0.36, 0.5, call, rate=0.10).delta.item() for call in (True, False)]
    assert [round(delta, 4) for delta in deltas] == [0.5946, -0.3566]
    assert round(black_scholes_greeks(55, 60, 0.30, 0.75, True, rate=0.10).gamma.item(), 4) == 0.0278
    theta = black_scholes_greeks(430, 405, 0.20, 1 / 12, False, rate=0.07, dividend=0.05).theta.item()
    assert theta == pytest.approx(-31.1924, abs=0.01)
    assert round(black_scholes_greeks(72, 75, 0.19, 1.0, True, rate=0.09).rho.item(), 4) == 38.7325


@given(FORWARD, MONEYNESS, VOL, YEARS, st.floats(-0.1, 0.3))
def test_put_call_parity_and_bounds(forward: float, moneyness: float, vol: float, years: float, rate: float) -> None:
    strike, discount = forward * math.exp(moneyness), math.exp(-rate * years)
    call, put = (black76(forward, strike, vol, years, is_call, rate=rate).item() for is_call in (True, False))
    assert call - put == pytest.approx(discount * (forward - strike), rel=1e-12, abs=1e-14 * discount * forward)
    assert 0 <= call <= discount * forward * (1 + 1e-15)
    assert 0 <= put <= discount * strike * (1 + 1e-15)


@given(FORWARD, MONEYNESS, VOL, YEARS, st.booleans(), st.floats(1.001, 2.0))
def test_an_option_is_worth_more_with_more_volatility_or_time(
    forward: float, moneyness: float, vol: float, years: float, call: bool, more: float
) -> None:
    strike = forward * math.exp(moneyness)
    price = black76(forward, strike, vol, years, call)
    assert black76(forward, strike, vol * more, years, call) >= price
    assert black76(forward, strike, vol, years * more, call) >= price
    dearer = black76(forward, strike * more, vol, years, call)
    assert (dearer <= price) if call else (dearer >= price)


@given(FORWARD, st.floats(-2.0, 2.0), st.floats(0.05, 2.0), st.floats(0.05, 5.0), st.booleans())
def test_greeks_are_the_slopes_of_the_price(
    forward: float, moneyness: float, vol: float, years: float, call: bool
) -> None:
    strike, rate = forward * math.exp(moneyness), 0.04
    ours = black76_greeks(forward, strike, vol, years, call, rate=rate)

    def slope(up: np.ndarray, down: np.ndarray, step: float) -> float:
        return float(up - down) / (2 * step)

    near = {"rel": 1e-4, "abs": 1e-6}
    step = 1e-5 * forward
    prices = [black76(forward + move, strike, vol, years, call, rate=rate) for move in (step, -step)]
    assert ours.delta == pytest.approx(slope(*prices, step), **near)
    deltas = [black76_greeks(forward + move, strike, vol, years, call, rate=rate).delta for move in (step, -step)]
    assert ours.gamma * forward == pytest.approx(slope(*deltas, step) * forward, **near)
    unit = forward
    prices = [black76(forward, strike, vol + move, years, call, rate=rate) for move in (1e-5, -1e-5)]
    assert ours.vega / unit == pytest.approx(slope(*prices, 1e-5) / unit, **near)
    prices = [black76(forward, strike, vol, years + move, call, rate=rate) for move in (1e-6, -1e-6)]
    assert ours.theta / unit == pytest.approx(-slope(*prices, 1e-6) / unit, **near)
    prices = [black76(forward, strike, vol, years, call, rate=rate + move) for move in (1e-6, -1e-6)]
    assert ours.rho / unit == pytest.approx(slope(*prices, 1e-6) / unit, **near)


def test_without_volatility_or_time_an_option_is_its_payoff() -> None:
    forwards = np.array([90.0, 100.0, 110.0])
    for vol, years in ((0.0, 1.0), (0.5, 0.0), (0.0, 0.0)):
        call = black76_greeks(forwards, 100.0, vol, years, True)
        assert call.price.tolist() == [0, 0, 10]
        assert call.delta.tolist() == [0, 0.5, 1]
        assert call.gamma.tolist() == [0, 0, 0]
        assert black76(forwards, 100.0, vol, years, False).tolist() == [10, 0, 0]
        grid = black76_grid(np.tile(forwards, (2, 1)), [100.0, 100.0], np.zeros((2, 3)), [True, False])
        assert grid == pytest.approx(np.array([[0, 0, 10], [10, 0, 0]]), rel=0, abs=1e-290)


def test_the_grid_is_within_a_hundredth_of_its_allowance() -> None:
    """The issue allows 10^-12 of the forward; the reference is the C library's erfc in each tail."""
    random = np.random.default_rng(76)
    shape = (60, 200)
    forwards = 100 * np.exp(random.normal(0, 0.5, shape))
    strikes = 100 * np.exp(random.normal(0, 0.7, shape[0]))
    deviations = np.exp(random.uniform(math.log(1e-3), math.log(8.0), shape))
    call = random.random(shape[0]) < 0.5
    ours = black76_grid(forwards, strikes, deviations, call)
    careful = black76(forwards, strikes[:, None], deviations, 1.0, call[:, None])
    for contract in range(shape[0]):
        for scenario in range(shape[1]):
            forward, strike = float(forwards[contract, scenario]), float(strikes[contract])
            d1 = math.log(forward / strike) / deviations[contract, scenario] + deviations[contract, scenario] / 2
            d2, sign = d1 - deviations[contract, scenario], 1 if call[contract] else -1
            one, other = (math.erfc(-sign * d / math.sqrt(2)) / 2 for d in (d1, d2))
            reference = sign * (forward * one - strike * other)
            assert abs(ours[contract, scenario] - reference) <= 1e-14 * max(forward, strike)
            assert abs(careful[contract, scenario] - reference) <= 1e-14 * max(forward, strike)
    assert np.abs((ours - careful) / forwards).max() < 1e-14


def test_the_grid_gives_no_price_for_what_is_missing() -> None:
    forwards, deviations = np.array([[100.0, np.nan, 100.0]]), np.array([[0.2, 0.2, np.nan]])
    assert np.isnan(black76_grid(forwards, [100.0], deviations, [True])).tolist() == [[False, True, True]]


def test_what_black_cannot_price_is_said() -> None:
    with pytest.raises(RiskError, match=r"\[1\]: forward: got -36.98: Black needs a price above zero"):
        black76([20.0, -36.98], 20.0, 0.5, 0.1, True)
    with pytest.raises(RiskError, match=r"strike: got 0.0"):
        black76(20.0, 0.0, 0.5, 0.1, True)
    with pytest.raises(RiskError, match="vol: got nan"):
        black76(20.0, 20.0, math.nan, 0.1, True)
    with pytest.raises(RiskError, match=r"years: got -0.1: it has expired"):
        black76(20.0, 20.0, 0.5, -0.1, True)

"""Implied volatility: found again wherever the price determines it, and refused with the contract's name elsewhere."""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813
from hypothesis import assume, given
from hypothesis import strategies as st

from novate.risk.black import black76, black76_greeks
from novate.risk.errors import RiskError
from novate.risk.implied import implied_vol, within_bounds

EPS = float(np.finfo(float).eps)


@given(st.floats(1e-2, 1e6), st.floats(-8.0, 8.0), st.floats(0.005, 5.0), st.floats(1e-4, 10.0))
def test_the_volatility_of_a_price_is_found_again(forward: float, moneyness: float, vol: float, years: float) -> None:
    strike = forward * math.exp(moneyness)
    call = strike >= forward
    price = black76(forward, strike, vol, years, call)
    room = 1 - price / min(forward, strike)
    assume(price > 1e-290 * forward and room > 1e-6)
    # A relative error of the price moves the volatility by this much.
    bent = price / (black76_greeks(forward, strike, vol, years, call).vega * vol)
    assert implied_vol(price, forward, strike, years, call) == pytest.approx(vol, rel=float(40 * EPS * (1 + bent)))


def test_the_wings_keep_their_digits() -> None:
    moneyness = np.linspace(-3, 3, 601)
    strikes = 50_000 * np.exp(moneyness)
    for vol, years in ((0.15, 0.02), (0.6, 0.02), (0.6, 1.0), (2.0, 2.0)):
        prices = black76(50_000.0, strikes, vol, years, strikes > 50_000)
        live = prices > 1e-280
        found = implied_vol(prices[live], 50_000.0, strikes[live], years, strikes[live] > 50_000)
        assert np.abs(found / vol - 1).max() < 4e-14


def test_prices_in_the_money_keep_what_their_payoff_leaves() -> None:
    price = black76(100.0, 60.0, 0.5, 0.25, True, rate=0.03)
    assert implied_vol(price, 100.0, 60.0, 0.25, True, rate=0.03) == pytest.approx(0.5, rel=1e-11)
    deep = black76(100.0, 20.0, 0.2, 0.1, True)
    assert deep == 80
    assert implied_vol(deep, 100.0, 20.0, 0.1, True) == 0


@given(st.floats(-1.0, 1.0), st.floats(0.05, 2.0), st.floats(0.01, 3.0), st.booleans())
def test_it_is_that_of_quantlib(moneyness: float, vol: float, years: float, call: bool) -> None:
    forward, strike = 100.0, 100.0 * math.exp(moneyness)
    price = black76(forward, strike, vol, years, call).item()
    assume(within_bounds(price, forward, strike, years, call).item())
    assume(black76_greeks(forward, strike, vol, years, call).vega > 1e-3)
    side = ql.Option.Call if call else ql.Option.Put
    theirs = ql.blackFormulaImpliedStdDev(
        side, strike, forward, price, 1.0, 0.0, 1.1 * vol * math.sqrt(years), 1e-13, 500
    )
    assert implied_vol(price, forward, strike, years, call) == pytest.approx(theirs / math.sqrt(years), rel=1e-8)


@pytest.mark.parametrize(
    ("price", "call", "years", "says"),
    [
        (9.0, True, 0.5, "BTC-90000-C: price: got 9.0: a price of its discounted payoff at the forward or more"),
        (100.0, True, 0.5, "BTC-90000-C: price: got 100.0: a call is worth less than the discounted forward"),
        (90.0, False, 0.5, "BTC-90000-C: price: got 90.0: a call is worth less than the discounted forward, a put"),
        (math.nan, True, 0.5, "BTC-90000-C: price: got nan"),
        (12.0, True, 0.0, "BTC-90000-C: years: got 0.0: without time"),
    ],
)
def test_a_price_outside_the_bounds_names_its_contract(price: float, call: bool, years: float, says: str) -> None:
    with pytest.raises(RiskError, match=says):
        implied_vol(
            [12.0 if call else 5.0, price], 100.0, 90.0, [0.5, years], call, names=["BTC-80000-C", "BTC-90000-C"]
        )


def test_which_prices_have_one_is_known_beforehand() -> None:
    prices = np.array([9.0, 10.0, 12.0, 100.0, np.nan])
    assert within_bounds(prices, 100.0, 90.0, 0.5, True).tolist() == [False, False, True, False, False]

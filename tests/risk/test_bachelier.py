"""Bachelier: against QuantLib, across zero, and what holds for every option."""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813
from hypothesis import assume, given
from hypothesis import strategies as st

from novate.risk.bachelier import bachelier, bachelier_greeks, implied_normal_vol
from novate.risk.errors import RiskError

PRICE = st.floats(-500.0, 500.0)
VOL = st.floats(0.5, 200.0)
YEARS = st.floats(1e-3, 5.0)

PRICES = st.integers(-2_000, 10_000).map(lambda cents: cents / 100)
"""Prices that are quoted: QuantLib has no answer for those near the end of a float's range."""


@given(PRICE, PRICE, VOL, YEARS, st.floats(-0.1, 0.3), st.booleans())
def test_prices_and_greeks_are_those_of_quantlib(
    forward: float, strike: float, vol: float, years: float, rate: float, call: bool
) -> None:
    """Beyond six deviations QuantLib's calculator gives up on a put, and its rho is another's: the price tells both."""
    deviation, discount = vol * math.sqrt(years), math.exp(-rate * years)
    side = ql.Option.Call if call else ql.Option.Put
    ours = bachelier_greeks(forward, strike, vol, years, call, rate=rate)
    scale = discount * max(abs(forward), abs(strike), deviation)
    price = ql.bachelierBlackFormula(side, strike, forward, deviation, discount)
    assert ours.price == pytest.approx(price, rel=1e-9, abs=1e-12 * scale)
    assert ours.rho == pytest.approx(-years * price, rel=1e-9, abs=1e-11 * scale)
    assume(abs(forward - strike) < 6 * deviation)
    theirs = ql.BachelierCalculator(ql.PlainVanillaPayoff(side, strike), forward, deviation, discount)
    assert ours.delta == pytest.approx(theirs.deltaForward(), rel=1e-9, abs=1e-12)
    assert ours.gamma == pytest.approx(theirs.gammaForward(), rel=1e-8, abs=1e-14)
    assert ours.vega == pytest.approx(theirs.vega(years), rel=1e-9, abs=1e-12)
    assert ours.theta == pytest.approx(
        rate * price - theirs.vega(years) * vol / (2 * years), rel=1e-9, abs=1e-11 * scale
    )


@given(PRICE, PRICE, VOL, YEARS, st.floats(1.01, 3.0))
def test_parity_and_monotonicity(forward: float, strike: float, vol: float, years: float, more: float) -> None:
    call, put = (bachelier(forward, strike, vol, years, is_call).item() for is_call in (True, False))
    assert call - put == pytest.approx(forward - strike, rel=1e-12, abs=1e-12 * (1 + vol))
    assert call >= max(0.0, forward - strike)
    assert bachelier(forward, strike, vol * more, years, True) >= call
    assert bachelier(forward + more, strike, vol, years, True) >= call
    assert bachelier(-forward, -strike, vol, years, False) == call  # the model knows no zero


@given(PRICE, PRICE, VOL, YEARS)
def test_the_volatility_of_a_price_is_found_again(forward: float, strike: float, vol: float, years: float) -> None:
    assume(abs(forward - strike) < 36 * vol * math.sqrt(years))
    call = strike >= forward
    price = bachelier(forward, strike, vol, years, call)
    assert implied_normal_vol(price, forward, strike, years, call) == pytest.approx(vol, rel=1e-14)


@given(PRICES, PRICES, st.floats(5.0, 80.0), st.booleans())
def test_implied_volatility_is_that_of_quantlib(forward: float, strike: float, vol: float, call: bool) -> None:
    assume(abs(forward - strike) < 3 * vol)
    price = bachelier(forward, strike, vol, 0.5, call).item()
    side = ql.Option.Call if call else ql.Option.Put
    theirs = ql.bachelierBlackFormulaImpliedVol(side, strike, forward, 0.5, price)
    assert implied_normal_vol(price, forward, strike, 0.5, call) == pytest.approx(theirs, rel=1e-9)


def test_without_volatility_or_time_an_option_is_its_payoff() -> None:
    forwards = np.array([-5.0, 0.0, 5.0])
    for vol, years in ((0.0, 1.0), (9.0, 0.0)):
        put = bachelier_greeks(forwards, 0.0, vol, years, False)
        assert put.price.tolist() == [5, 0, 0]
        assert put.delta.tolist() == [-1, -0.5, 0]
        assert put.gamma.tolist() == [0, 0, 0]
    assert implied_normal_vol(5.0, -5.0, 0.0, 1.0, False) == 0


def test_what_has_no_volatility_names_its_contract() -> None:
    with pytest.raises(RiskError, match=r"CL-20-P: price: got 4.9: a price of its discounted payoff"):
        implied_normal_vol([4.9], 15.0, 20.0, 0.1, False, names=["CL-20-P"])
    with pytest.raises(RiskError, match=r"CL-20-P: years: got 0.0"):
        implied_normal_vol([6.0], 15.0, 20.0, 0.0, False, names=["CL-20-P"])
    with pytest.raises(RiskError, match=r"vol: got -1.0"):
        bachelier(15.0, 20.0, -1.0, 0.1, False)
    with pytest.raises(RiskError, match="forward: got nan"):
        bachelier(math.nan, 20.0, 1.0, 0.1, False)

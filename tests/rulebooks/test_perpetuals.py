"""Rules of perpetuals: figures that venues publish come out, and brackets do not jump."""

from fractions import Fraction
from math import ceil
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from novate.risk.errors import RiskError
from novate.risk.venues import brackets, lognormal, open_interest
from novate.rulebooks import load, margin
from tests.rulebooks.books import book, perpetual


def rules(name: str) -> Any:
    return load(name).rules


# vegaprotocol/quant riskmodelbs/forwards_test.go (2021), to 10^-8 together; and core/integration/features of
# vegaprotocol/vega (2024), "test risk model parameter ranges", whose drift of 10^-7 does not reach the seventh figure.
@pytest.mark.parametrize(
    ("tail", "horizon", "vol", "long", "short", "within"),
    [
        (0.01, 1 / 365 / 24 / 60, 1.5, 5.5011137953e-03, 5.5276558362e-03, 1e-8),
        (0.000001, 0.1, 1.0, 0.80072822791, 3.55690313589, 1e-6),
    ],
)
def test_vega_publishes_its_risk_factors(
    tail: float, horizon: float, vol: float, long: float, short: float, within: float
) -> None:
    found = lognormal.risk_factors(lognormal.Market(tail=tail, horizon=horizon, vol=vol, slippage=0.0))
    assert found == pytest.approx((long, short), abs=within)


def test_vega_means_a_hundred_times_by_its_parameters() -> None:
    # VMP-33: "should result in an initial leverage of ~50x and a max leverage of ~100x", before slippage.
    long, short = lognormal.risk_factors(rules("vega").markets["BTC"])
    assert 1 / long == pytest.approx(100, rel=0.03)
    assert 1 / short == pytest.approx(100, rel=0.03)


def test_vega_has_four_levels() -> None:
    found = margin(book(perpetual(-2, 50_000, funding=-10.0), cash=9.0, prices={"BTC": 50_000.0}), load("vega"))
    _, short = lognormal.risk_factors(rules("vega").markets["BTC"])
    need = 100_000 * (short + 0.001) + 0.9 * 10
    assert need <= found.maintenance < need + 1.1e-6
    levels = dict(found.also)
    assert found.initial == pytest.approx(1.5 * found.maintenance, abs=1e-6)
    assert levels["search"] == pytest.approx(1.2 * found.maintenance, abs=1e-6)
    assert levels["release"] == pytest.approx(1.7 * found.maintenance, abs=1e-6)
    assert found.equity == 9 - 10


# dydxprotocol/v4-chain, protocol/x/perpetuals/types/liquidity_tier_test.go, March 2026.
@pytest.mark.parametrize(
    ("ppm", "notional", "interest", "lower", "upper", "initial"),
    [
        (200_000, 500_000, 0, 0, 0, 100_000),
        (500_000, 1_000_000, 0, 0, 0, 500_000),
        (100_000, 1, 0, 0, 0, 1),
        (567_243, 123_456, 0, 0, 0, 70_030),
        (200_000, 500_000, 1_500_000_000_000, 0, 0, 100_000),
        (200_000, 500_000, 1_500_000_000_000, 1_000_000_000_000, 2_000_000_000_000, 300_000),
        (200_000, 500_000, 80_000_000_000_000, 25_000_000_000_000, 50_000_000_000_000, 500_000),
        (200_000, 500_000, 25_000_000_000_000, 25_000_000_000_000, 50_000_000_000_000, 100_000),
        (200_000, 500_000, 28_123_456_789_123, 25_000_000_000_000, 60_000_000_000_000, 135_697),
    ],
)
def test_dydx_publishes_initial_margin(
    ppm: int, notional: int, interest: int, lower: int, upper: int, initial: int
) -> None:
    tier = open_interest.Tier(
        initial_ppm=ppm, maintenance_fraction_ppm=500_000, lower_cap_micro=lower, upper_cap_micro=upper
    )
    assert open_interest.initial_micro(tier, notional, interest) == initial


@pytest.mark.parametrize(
    ("interest", "ppm"), [(0, 200_000), (1_500_000, 600_000), (1_234_567, 387_653), (2_500_000, 1_000_000)]
)
def test_dydx_publishes_scaled_rates(interest: int, ppm: int) -> None:
    tier = open_interest.Tier(
        initial_ppm=200_000, maintenance_fraction_ppm=500_000, lower_cap_micro=1_000_000, upper_cap_micro=2_000_000
    )
    assert open_interest.initial_ppm(tier, interest) == ppm


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**14))
def test_open_interest_raises_initial_and_never_maintenance(notional: int, interest: int, more: int) -> None:
    tier = rules("dydx-v4").tiers["small-cap"]
    before, after = (open_interest.initial_micro(tier, notional, each) for each in (interest, interest + more))
    assert before <= after <= notional
    assert open_interest.maintenance_micro(tier, notional) == ceil(Fraction(ceil(Fraction(notional, 10)), 2))
    assert open_interest.maintenance_micro(tier, notional) <= before


def test_dydx_by_the_book() -> None:
    held = book(perpetual(-30, 150, 160, on="SOL"), prices={"SOL": 150.0}, cash=500.0, open_interest=70_000_000.0)
    found = margin(held, load("dydx-v4"))
    # Half way between the caps of 40 and 100 millions: 5 % + half of 95 % of 4,500.
    assert (found.initial, found.maintenance, found.equity) == (0.525 * 4500, 0.03 * 4500, 800.0)
    missing = book(perpetual(-30, 150, on="SOL"), prices={"SOL": 150.0})
    with pytest.raises(RiskError, match=r"\$\.underlyings\.SOL\.open_interest: missing"):
        margin(missing, load("dydx-v4"))


@pytest.mark.parametrize(
    ("name", "price", "interest", "initial", "maintenance"),
    [
        ("BTC", 89_919.2, 381.7348, 0.02, 0.012),
        ("ETH", 3_103.01, 7_457.108, 0.02, 0.012),
        ("SOL", 135.3, 41_917.9, 0.05, 0.03),
    ],
)
def test_dydx_answers_with_fractions(
    name: str, price: float, interest: float, initial: float, maintenance: float
) -> None:
    """Prices, units of open interest and fractions of the main network on 8 December 2025."""
    held = book(perpetual(1, price, on=name), prices={name: price}, open_interest=interest * price)
    found = margin(held, load("dydx-v4"))
    assert (found.initial, found.maintenance) == pytest.approx((initial * price, maintenance * price), abs=2e-6)


# The venue's "cum" of every bracket, April 2026.
@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("BTC", (0, 300, 1500, 12e3, 132e3, 482e3, 2_982e3, 14_482e3, 26_482e3, 41_482e3, 121_482e3, 421_482e3)),
        ("ETH", (0, 300, 1500, 12e3, 132e3, 382e3, 2_007e3, 9_507e3, 17_507e3, 27_507e3, 80_507e3, 280_507e3)),
        ("SOL", (0, 75, 1475, 11_475, 31_475, 231_475, 2_231_475, 4_231_475, 16_731_475, 66_731_475)),
        ("XRP", (0, 40, 360, 735, 3735, 8735, 58_735, 558_735, 1_058_735, 4_183_735, 16_683_735)),
        ("BNB", (0, 10, 810, 4810, 12_310, 87_310, 837_310, 1_587_310, 6_274_810, 25_024_810)),
    ],
)
def test_binance_publishes_its_deductions(name: str, published: tuple[float, ...]) -> None:
    assert brackets.deductions(rules("binance").markets[name]) == pytest.approx(published)


@pytest.mark.parametrize("name", ["binance", "hyperliquid"])
def test_maintenance_does_not_jump(name: str) -> None:
    for of in rules(name).markets.values():
        for each in of[1:]:
            below, above = (brackets.maintenance(of, each.above * (1 + by)) for by in (-1e-9, 1e-9))
            assert below == pytest.approx(above, rel=1e-8)


def test_a_bracket_ends_with_its_own_cap() -> None:
    of = rules("binance").markets["BTC"]
    assert [brackets.bracket_of(of, notional) for notional in (0, 300_000, 300_000.01, 10**10)] == [0, 0, 1, 11]


def test_hyperliquid_maintains_half_of_what_it_asks_for_first() -> None:
    for of in rules("hyperliquid").markets.values():
        for each in of:
            assert each.maintenance == pytest.approx(0.5 / each.leverage)


@pytest.mark.parametrize(("name", "above"), [("DOGE", 20e6), ("HYPE", 20e6), ("BNB", 3e6), ("kSHIB", 3e6)])
def test_hyperliquids_smaller_coins_have_two_tiers(name: str, above: float) -> None:
    for notional, initial, maintenance in (
        (above, above / 10, above / 20),
        (2 * above, 2 * above / 5, 2 * above / 10 - above / 20),
    ):
        found = margin(book(perpetual(notional, 1.0, on=name), prices={name: 1.0}), load("hyperliquid"))
        assert (found.initial, found.maintenance) == (pytest.approx(initial), pytest.approx(maintenance))


def test_brackets_by_the_book() -> None:
    held = book(perpetual(4, 100_000), cash=20_000.0)
    found = margin(held, load("binance"))
    assert found.initial == 400_000 / 100
    assert found.maintenance == pytest.approx(400_000 * 0.005 - 300)
    with pytest.raises(RiskError, match="beyond the last bracket"):
        margin(book(perpetual(20_000, 100_000)), load("binance"))

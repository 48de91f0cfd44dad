"""Liquidation, deleveraging and funding as dYdX v4 publishes them: its test vectors, to the last unit.

Facts from dydxprotocol/v4-chain, read in 2026: protocol/x/clob/keeper/liquidations_test.go (bankruptcy and fillable
prices, insurance fund, deleveraging), protocol/lib/margin/risk_test.go, the tests of protocol/x/perpetuals (funding).
"""

from fractions import Fraction

import pytest

from novate.core.money import ceil_div
from novate.risk.errors import RiskError
from novate.risk.unwinding.bankruptcy import bankruptcy_proceeds
from novate.risk.unwinding.deleveraging import Deleveraged, Holder, by_relief, deleverage
from novate.risk.unwinding.funding import (
    clamped_rate,
    index_delta,
    index_payment_ppm,
)
from novate.risk.unwinding.offers import fund_delta, offer_price
from novate.risk.unwinding.ordering import compare, riskiest_first
from novate.risk.unwinding.standing import Market, Standing, closing

USD = 1_000_000
F = Fraction


def market(price_usd: int, units_per_coin: int, initial_ppm: int = 200_000, fraction_ppm: int = 500_000) -> Market:
    """A market with base initial margin and maintenance as a fraction of it, each rounded up."""

    def initial(notional: int) -> int:
        return ceil_div(notional * initial_ppm, USD)

    return Market(
        F(price_usd * USD, units_per_coin), lambda notional: ceil_div(initial(notional) * fraction_ppm, USD), initial
    )


BTC, ETH = market(50_000, 10**8), market(3_000, 10**9)


def account(cash_usd: int, *positions: tuple[Market, int]) -> Standing:
    return sum((each.standing(size) for each, size in positions), Standing(cash_usd * USD, 0, 0))


LONG, SHORT = 10**7, -(10**7)  # a tenth of a bitcoin


@pytest.mark.parametrize(
    ("cash_usd", "held", "size", "expected"),
    [
        (-4_501, LONG, -LONG, 4_501_000_000),
        (5_499, SHORT, LONG, -5_499_000_000),
        (-5_000, LONG, -LONG, 5_000_000_000),
        (-5_000, LONG, -LONG // 2, 2_500_000_000),
        (5_000, SHORT, LONG // 2, -2_500_000_000),
        (5_000, SHORT, LONG, -5_000_000_000),
        (-5_100, LONG, -LONG, 5_100_000_000),
        (4_900, SHORT, LONG, -4_900_000_000),
        (-13, 10**8, -21_347, 2_776),
        (13, -(10**8), 21_347, -2_775),
        (1, 10**8, -(10**8), -1_000_000),
    ],
)
def test_dydx_bankruptcy_prices_of_one_position(cash_usd: int, held: int, size: int, expected: int) -> None:
    assert bankruptcy_proceeds(account(cash_usd, (BTC, held)), closing(BTC, held, size)) == expected


@pytest.mark.parametrize(
    ("cash_usd", "coins", "ether", "expected"),
    [
        (-490, 400_000, 10**8, 294_000_000),
        (510, -400_000, -(10**8), -306_000_000),
        (110, 400_000, -(10**8), -306 * USD),
    ],
)
def test_dydx_bankruptcy_prices_of_one_of_two_positions(cash_usd: int, coins: int, ether: int, expected: int) -> None:
    both = account(cash_usd, (BTC, coins), (ETH, ether))
    assert bankruptcy_proceeds(both, closing(ETH, ether, -ether)) == expected


@pytest.mark.parametrize(("held", "size"), [(10**8, 0), (0, -LONG), (10**8, LONG), (10**8, -(10**8) - 1)])
def test_only_what_is_held_can_be_closed(held: int, size: int) -> None:
    with pytest.raises(RiskError, match="closing"):
        closing(BTC, held, size)


@pytest.mark.parametrize(
    ("cash_usd", "held", "terms", "price_usd"),
    [
        (-4_501, LONG, {}, F(49_999)),
        (-4_501, LONG, {"adjustment_ppm": 2_000_000}, F(49_998)),
        (-4_501, LONG, {"spread_ppm": 200_000}, F(49_998)),
        (5_499, SHORT, {}, F(50_001)),
        (5_499, SHORT, {"adjustment_ppm": 2_000_000}, F(50_002)),
        (5_499, SHORT, {"spread_ppm": 200_000}, F(50_002)),
        (-5_000, LONG, {}, F(49_500)),
        (5_000, SHORT, {}, F(50_500)),
        (-5_500, LONG, {}, F(49_500)),
        (4_500, SHORT, {}, F(50_500)),
        (-4_501, LONG, {"adjustment_ppm": 2**32 - 1}, F(49_500)),
        (-4_501, LONG, {"spread_ppm": 1}, F(4_999_999_999, 100_000)),
        (-4_501, LONG, {"spread_ppm": 1_000_000}, F(49_990)),
    ],
)
def test_dydx_offers(cash_usd: int, held: int, terms: dict[str, int], price_usd: Fraction) -> None:
    offered = offer_price(account(cash_usd, (BTC, held)), BTC, held, **terms)
    assert offered == price_usd * USD / 10**8


def test_dydx_offers_one_of_two_positions() -> None:
    both = account(-490, (BTC, 400_000), (ETH, 10**8))
    assert offer_price(both, ETH, 10**8) == F(2_976 * USD, 10**9)
    with pytest.raises(RiskError, match="none to make"):
        offer_price(both, ETH, 0)


def test_dydx_insurance_fund() -> None:
    """A short of one bitcoin with 50,499 dollars, filled at 50,000; a quarter of it; the same at a mark of 50,500."""
    carl = account(50_499, (BTC, -(10**8)))
    for size, expected in ((10**8, 250_000_000), (25_000_000, 62_500_000)):
        bankruptcy = bankruptcy_proceeds(carl, closing(BTC, -(10**8), size))
        assert fund_delta(-500 * size, bankruptcy, fee_max_ppm=5_000) == expected
    dear = market(50_500, 10**8)
    carl = account(50_499, (dear, -(10**8)))
    bankruptcy = bankruptcy_proceeds(carl, closing(dear, -(10**8), 25_000_000))
    assert fund_delta(-50_498 * USD // 4, bankruptcy, fee_max_ppm=5_000) == 250_000
    whole = bankruptcy_proceeds(carl, closing(dear, -(10**8), 10**8))
    assert fund_delta(-50_500 * USD, whole, fee_max_ppm=5_000) == -USD


def test_dydx_deleverages_a_whole_position_at_its_bankruptcy_price() -> None:
    dear = market(50_500, 10**8)
    carl = Holder("Carl", account(50_499, (dear, -(10**8))), -(10**8))
    dave = Holder("Dave", account(50_000, (dear, 10**8)), 10**8)
    assert deleverage(carl, [dave], dear, start=0) == ([Deleveraged("Dave", 10**8, -50_499 * USD)], 0)


def test_dydx_passes_over_prices_that_do_not_overlap() -> None:
    carl = Holder("Carl", account(49_999, (BTC, -(10**8))), -(10**8))
    dave = Holder("Dave", account(-50_000, (BTC, 10**8)), 10**8)
    assert deleverage(carl, [dave], BTC, start=0) == ([], -(10**8))
    small = Holder("Dora", account(50_000, (BTC, 25_000_000)), 25_000_000)
    same, none = Holder("Sam", account(0, (BTC, -5)), -5), Holder("Nora", account(5), 0)
    parts, left = deleverage(carl, [none, small, dave, same], BTC, start=2)
    assert parts == [Deleveraged("Dora", 25_000_000, -12_499_750_000)]
    assert left == -75_000_000


def test_deleveraging_starts_where_it_is_told_and_goes_round() -> None:
    carl = Holder("Carl", account(50_499, (BTC, -(10**8))), -(10**8))
    rich = [Holder(name, account(50_000, (BTC, 6 * LONG)), 6 * LONG) for name in ("A", "B", "C")]
    parts, left = deleverage(carl, rich, BTC, start=2)
    assert [(part.holder, part.size) for part in parts] == [("C", 6 * LONG), ("A", 4 * LONG)]
    assert left == 0
    assert sum(part.proceeds for part in parts) == -50_499 * USD
    with pytest.raises(RiskError, match="a position to close"):
        deleverage(Holder("Flat", account(1), 0), rich, BTC, start=0)


def test_a_hedged_book_is_deleveraged_last() -> None:
    hedged, naked = (Holder(name, Standing(50, 20, 10), 5) for name in ("hedged", "naked"))
    ranked = by_relief([hedged, naked], lambda holder: 40 if holder is hedged else 2)
    assert [(holder.name, relief) for holder, relief in ranked] == [("naked", 8), ("hedged", -30)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((100, 100), (100, 100), 0),
        ((100, 50), (100, 100), -1),
        ((100, 50), (0, 100), -1),
        ((100, 50), (-100, 100), -1),
        ((-100, 150), (-100, 100), -1),
        ((100, 150), (100, 100), 1),
        ((0, 150), (100, 100), 1),
        ((-100, 150), (100, 100), 1),
        ((-100, 50), (-100, 100), 1),
    ],
)
def test_dydx_order_of_risk(first: tuple[int, int], second: tuple[int, int], expected: int) -> None:
    one, other = (Standing(net, 0, maintenance) for net, maintenance in (first, second))
    assert compare(one, other) == expected
    assert riskiest_first([one, other])[0] is (other if expected < 0 else one)


@pytest.mark.parametrize(
    ("net", "maintenance", "expected"),
    [
        (100, 0, False),
        (0, 100, True),
        (0, 0, False),
        (-100, 100, True),
        (-100, 0, False),
        (75, 100, True),
        (100, 100, False),
    ],
)
def test_dydx_who_is_liquidatable(net: int, maintenance: int, expected: bool) -> None:
    assert Standing(net, 0, maintenance).is_liquidatable is expected


def test_standings_add_and_refuse_negative_requirements() -> None:
    assert Standing(300, 200, 100) + Standing(150, 100, 50) == Standing(450, 300, 150)
    with pytest.raises(RiskError, match="never negative"):
        Standing(0, 0, -1)


@pytest.mark.parametrize(
    ("rate", "seconds", "price", "expected"),
    [
        (1_001_999, 28_800, F(1_000 * USD, 10**12), 1_001),
        (-1_001_999, 28_800, F(1_000 * USD, 10**12), -1_001),
        (-1_001_999, 14_400, F(100_000 * USD, 10**4), -5_009_995_000_000),
        (-1_001_999, 3_600, F(1_000), -125_249_875),
    ],
)
def test_dydx_funding_index(rate: int, seconds: int, price: Fraction, expected: int) -> None:
    assert index_delta(rate, seconds, price) == expected


def test_dydx_funding_rate_is_clamped_and_paid() -> None:
    maintenance = 745_345 * 564_947 // USD
    assert clamped_rate(10**9, 745_345, maintenance, clamp_factor_ppm=423_978_721) == 137_481_459
    assert clamped_rate(-(10**9), 745_345, maintenance, clamp_factor_ppm=423_978_721) == -137_481_459
    assert clamped_rate(7, 745_345, maintenance, clamp_factor_ppm=423_978_721) == 7
    assert index_payment_ppm(-3, 120, 20) == 300
    with pytest.raises(RiskError, match="exchange"):
        clamped_rate(0, 1, 2, clamp_factor_ppm=1)

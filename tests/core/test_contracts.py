"""Contracts of every shape: prices below zero, capped, futures-style. Mostly half-dollar ticks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from novate.core import commands as c
from novate.core import facts as f
from novate.core import layout
from novate.core.liquidation import limit_price
from novate.core.margin import judge
from novate.core.reasons import Reason
from novate.core.terms import Contract, Kind, Tier
from tests.core.twins import compare_judgements
from tests.core.worlds import (
    DAY,
    HOUR,
    MILLION,
    USD,
    House,
    fill,
    folded,
    funding,
    future,
    of,
    reasons,
    rulebook,
    small_house,
)

CENT = 10**6
"""Fine units of a dollar in a cent."""
BELOW: dict[str, Any] = {"price_min_ticks": -1_000, "price_max_ticks": 1_000, "margin_floor_ticks": 20}
BINARY: dict[str, Any] = {"tick_size": "0.01", "price_min_ticks": 0, "price_max_ticks": 100, "capped": True}


def listed(*contracts: Contract, members: int = 2, **rules: Any) -> House:
    """A house of contracts 1, 2 … after the future of ``small_house``, its members rich."""
    house = small_house(members=members, **rules)
    for contract in contracts:
        house.ok(c.ListContract(contract))
    for member in range(members):
        house.deposit(house.account(f"m{member}"), USD, MILLION)
    return house


def initial(house: House, member: int) -> int:
    """The initial requirement of a member in cents, rounded down."""
    return judge(house.book, house.account(f"m{member}")).initial_fine // CENT


# ---- terms ----------------------------------------------------------------------------------------------------------

PERPETUAL: dict[str, Any] = {"kind": Kind.PERPETUAL, "expiry_ns": None}
INDEX: dict[str, Any] = {"kind": Kind.INDEX, "expiry_ns": None, "position_limit_lots": 1}
CALL: dict[str, Any] = {"kind": Kind.CALL, "underlying": "FUT", "strike": "100"}


@pytest.mark.parametrize(
    ("terms", "path"),
    [
        ({"price_min_ticks": -5}, "margin_floor_ticks"),
        ({"price_min_ticks": 0}, "margin_floor_ticks"),
        (INDEX | {"price_min_ticks": 0}, "margin_floor_ticks"),
        (BELOW | {"margin_floor_ticks": 1_001}, "margin_floor_ticks"),
        (BELOW | {"margin_floor_ticks": -1}, "margin_floor_ticks"),
        (BELOW | {"price_min_ticks": 5, "price_max_ticks": -5}, "price_min_ticks"),
        (PERPETUAL | BELOW | {"inverse": True, "margin_floor_ticks": 0}, "price_min_ticks"),
        (PERPETUAL | {"inverse": True, "margin_floor_ticks": 1}, "margin_floor_ticks"),
        (CALL | {"price_min_ticks": -1}, "price_min_ticks"),
        (CALL | {"margin_floor_ticks": 1}, "margin_floor_ticks"),
        (CALL | {"capped": True}, "capped"),
        ({"futures_style": True}, "futures_style"),
        (PERPETUAL | {"capped": True}, "capped"),
        ({"inverse": True, "capped": True}, "capped"),
        ({"capped": True, "price_max_ticks": 1}, "price_max_ticks"),
        (BINARY, "margin_floor_ticks"),
        (BINARY | {"collateralised": True, "margin_floor_ticks": 1}, "margin_floor_ticks"),
        ({"collateralised": True}, "collateralised"),
        ({"resolvable": True}, "resolvable"),
        (BINARY | {"margin_floor_ticks": 100, "margin_class": ""}, "margin_class"),
        (BELOW | {"position_limit_lots": 2**61 // (2_000 * 50 * CENT) + 1}, "position_limit_lots"),
    ],
)
def test_terms_that_cannot_be_cleared_are_refused_with_their_field(terms: dict[str, Any], path: str) -> None:
    house = small_house()
    before = house.book.digest()
    facts = house.do(c.ListContract(future("NEW", **terms)))
    assert [(fact.reason, fact.path) for fact in of(facts, f.Rejected)] == [
        (Reason.TERMS_INVALID, f"$.contract.{path}")
    ]
    assert house.book.digest() == before


@pytest.mark.parametrize(
    ("underlying", "option"),
    [
        (BINARY | {"margin_floor_ticks": 100}, {"strike": "0.5"}),
        (BELOW, {"strike": "1", "inverse": True, "settlement": "USD"}),
        (BELOW, {"strike": "501"}),
    ],
)
def test_options_that_have_no_margin_or_no_payoff_are_refused(
    underlying: dict[str, Any], option: dict[str, Any]
) -> None:
    house = small_house()
    house.ok(c.ListContract(future("UNDER", **underlying)))
    facts = house.do(c.ListContract(future("CALL", **CALL | {"underlying": "UNDER"} | option)))
    assert reasons(facts) == [Reason.TERMS_INVALID]


def test_a_collateralised_contract_needs_no_margin_class() -> None:
    house = listed(future("BET", **BINARY, collateralised=True, margin_class=""))
    house.mark((1, 40))
    assert not reasons(house.trade(1, house.account("m0"), house.account("m1"), 10, 40))
    house.ok(c.AdoptRulebook(rulebook(margin_classes={"flat": (Tier(0, 200_000, 100_000),)})))


# ---- prices at zero and below ---------------------------------------------------------------------------------------


def test_the_requirement_follows_the_size_of_the_price_down_to_the_floor() -> None:
    """10 % of 100 lots: at 50 dollars 500, at 5 as much as at the floor of 10: 100; at -30, 300."""
    house = listed(future("ANY", **BELOW))
    house.mark((1, 100))
    house.trade(1, house.account("m0"), house.account("m1"), 100, 100)
    for price, expected in ((100, 500_00), (10, 100_00), (0, 100_00), (-10, 100_00), (-60, 300_00)):
        house.mark((1, price))
        compare_judgements(house.book)
        assert (initial(house, 0), initial(house, 1)) == (expected, expected), price


def test_a_price_below_zero_is_traded_settled_and_final() -> None:
    """Long 10 from 5 dollars to -20: 250 lost. Bought back 4 at -20, ended at -10: 6 x 10 gained on the rest."""
    house = listed(future("ANY", **BELOW, fee_ppm=10_000))
    m0, m1 = house.account("m0"), house.account("m1")
    house.mark((1, 10))
    house.trade(1, m0, m1, 10, 10)
    house.mark((1, -40))
    assert not reasons(house.trade(1, m1, m0, 4, -40))
    house.clock(DAY)
    fees = 50 + 80  # 1 % of 10 x 5 and of 4 x 20, on the size of the price
    assert house.balance(m0) == MILLION - 250_00 - fees
    house.mark((1, 0))
    house.clock(2 * DAY)
    assert house.balance(m0) == MILLION - 250_00 - fees + 120_00
    house.do(c.ExpireContract(1, -20), 90 * DAY)
    house.clock(91 * DAY)
    assert house.balance(m0) == MILLION - 250_00 - fees + 60_00
    assert house.balance(m0) + house.balance(m1) + house.balance(0) == 2 * MILLION
    assert folded(house.records).digest() == house.book.digest()


@pytest.mark.parametrize(
    ("slippage_ppm", "mark", "sells", "buys"),
    [
        (20_000, 100, 98, 102),
        (20_000, 3, 3, 3),  # 2 % of the floor's 20 ticks is less than a tick
        (100_000, 100, 90, 110),
        (100_000, 3, 1, 5),
        (100_000, 0, -2, 2),
        (100_000, -3, -5, -1),
        (100_000, -100, -110, -90),
        (100_000, -990, -1_000, -891),
        (100_000, 990, 891, 1_000),
    ],
)
def test_a_slice_is_limited_by_the_size_of_the_price_or_of_the_floor(
    slippage_ppm: int, mark: int, sells: int, buys: int
) -> None:
    house = listed(future("ANY", **BELOW), slippage_ppm=slippage_ppm)
    house.mark((1, mark))
    assert (limit_price(house.book, 1, -1), limit_price(house.book, 1, 1)) == (sells, buys)


def test_a_bucket_is_liquidated_below_zero() -> None:
    """Long 10 from 5 with 160 dollars: at -10.50 it has 5, and a slice sells at -12.50 (20 % of 10) at the least."""
    house = listed(future("ANY", **BELOW), form="venue", slippage_ppm=200_000)
    house.ok(c.OpenAccount(0, "poor"))
    poor = house.account("poor")
    house.deposit(poor, USD, 160_00)
    house.mark((1, 10))
    assert not reasons(house.trade(1, poor, house.account("m1"), 10, 10))
    facts = house.mark((1, -21))
    assert [(fact.lots, fact.limit_price_ticks) for fact in of(facts, f.LiquidationOrdered)] == [(-10, -25)]
    assert not reasons(fill(house, "m1"))
    house.clock(DAY)
    assert house.balance(poor) == 160_00 - 175_00 + 15_00, "15 dollars are lost beyond it"
    compare_judgements(house.book)


def test_funding_of_a_negative_value_turns_round() -> None:
    """1 % of -20 dollars: the shorts pay the longs 0.20 a lot."""
    house = listed(future("ANY", **BELOW | PERPETUAL))
    m0, m1 = house.account("m0"), house.account("m1")
    house.mark((1, -40))
    house.trade(1, m0, m1, 10, -40)
    house.ok(c.PublishFunding(funding([(1, 10**10)])))
    house.clock(DAY)
    assert (house.balance(m0), house.balance(m1)) == (MILLION + 2_00, MILLION - 2_00)


def test_options_on_a_negative_price_are_margined_by_the_floor_and_pay_below_zero() -> None:
    """A put struck at -10, oil at 0: out of the money by 10. Ended at -37.5 it pays 27.5."""
    tiers = {"flat": (Tier(0, 100_000, 50_000),), "option": (Tier(0, 200_000, 100_000, 100_000, 50_000),)}
    put = future("PUT", kind=Kind.PUT, underlying="ANY", strike="-10", margin_class="option", price_min_ticks=0)
    house = listed(future("ANY", **BELOW | {"margin_floor_ticks": 100}), put, margin_classes=tiers)
    m0, m1 = house.account("m0"), house.account("m1")
    house.mark((1, 0), (2, 6))
    house.trade(2, m0, m1, 10, 6)
    compare_judgements(house.book)
    assert (initial(house, 0), initial(house, 1)) == (0, 50_00), "max(20 % of 50 - 10, 10 % of 50) a lot"
    house.clock(DAY)
    house.do(c.ExpireContract(2, -75), 90 * DAY)
    house.clock(91 * DAY)
    assert house.balance(m0) == MILLION - 30_00 + 275_00


# ---- futures-style options ------------------------------------------------------------------------------------------


def styled_house() -> House:
    """A call struck at 100 on the future at 100, 20 % or 10 % of the underlying at least."""
    tiers = {"flat": (Tier(0, 100_000, 50_000),), "option": (Tier(0, 200_000, 100_000, 100_000, 50_000),)}
    call = future("CALL", **CALL, futures_style=True, margin_class="option", price_min_ticks=0)
    return listed(call, margin_classes=tiers)


def test_a_futures_style_option_is_paid_by_variation_and_ends_at_its_payoff() -> None:
    """Bought at 10, settled at 12.50, ended with the future at 107: 7 a lot."""
    house = styled_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.mark((1, 20))
    assert not reasons(house.trade(1, m0, m1, 10, 20))
    house.clock(DAY)
    assert house.balance(m0) == MILLION, "no premium is paid"
    house.mark((1, 25))
    house.clock(2 * DAY)
    assert house.balance(m0) == MILLION + 25_00
    house.do(c.ExpireContract(1, 214), 90 * DAY)
    house.clock(91 * DAY)
    assert (house.balance(m0), house.balance(m1)) == (MILLION - 30_00, MILLION + 30_00)


@pytest.mark.parametrize(("spot", "price", "long", "short"), [
    (200, 20, 10, 20), (200, 60, 20, 20), (160, 2, 1, 8), (300, 102, 30, 30), (200, 0, 0, 20),
])  # fmt: skip
def test_a_long_futures_style_option_requires_no_more_than_its_value(
    spot: int, price: int, long: int, short: int
) -> None:
    """A lot, in dollars: the long min(value, 20 % of the future), the short as if it were paid up front."""
    house = styled_house()
    house.mark((0, spot), (1, price))
    house.trade(1, house.account("m0"), house.account("m1"), 10, price)
    compare_judgements(house.book)
    assert (initial(house, 0), initial(house, 1)) == (long * 10_00, short * 10_00)


# ---- capped contracts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "long", "short"), [(50, 20, 20), (5, 5, 20), (0, 0, 20), (95, 20, 5), (100, 20, 0)])
def test_a_margined_capped_contract_requires_no_more_than_can_be_lost(price: int, long: int, short: int) -> None:
    """20 % of the margin floor, 1.00 a lot, in cents: never more than lies between the mark and the end."""
    tiers = {"flat": (Tier(0, 200_000, 100_000),)}
    house = listed(future("CAP", **BINARY, margin_floor_ticks=100), margin_classes=tiers)
    house.mark((1, price))
    house.trade(1, house.account("m0"), house.account("m1"), 100, price)
    compare_judgements(house.book)
    assert (initial(house, 0), initial(house, 1)) == (long * 100, short * 100)


def test_a_capped_contract_under_an_order_resolves_and_frees_the_account() -> None:
    """Long 100 at 0.50 with 25 dollars: at 0.20 it is liquidated, and resolved while the order is open."""
    house = listed(future("CAP", **BINARY, margin_floor_ticks=100, resolvable=True), form="venue")
    house.ok(c.OpenAccount(0, "poor"))
    poor = house.account("poor")
    house.deposit(poor, USD, 34_00)
    house.mark((1, 50))
    assert not reasons(house.trade(1, poor, house.account("m1"), 100, 50))
    house.mark((1, 20))
    assert [order.limit_price_ticks for order in house.book.registers.orders.values()] == [18]
    fill(house, "m1", 10)
    house.ok(c.ResolveContract(1, 100, "resolved"))
    house.clock(HOUR)
    assert not house.book.registers.liquidations
    house.clock(DAY)
    assert house.balance(poor) == 34_00 - 10 * 32 + 90 * 50


# ---- April 2020 -----------------------------------------------------------------------------------------------------


def test_oil_is_cleared_through_zero_on_its_own_prices(market_file: Callable[[str], Path]) -> None:
    """WTI spot from March to May 2020, -36.98 on 20 April: every day is settled, and every cent is there."""
    table = pq.read_table(market_file("crude_oil_spot_daily.parquet")).to_pydict()
    days = [
        (str(day)[:10], round(price * 100))
        for day, price in zip(table["date"], table["wti_usd_bbl"], strict=True)
        if price is not None and "2020-03-01" <= str(day)[:10] <= "2020-05-29"
    ]
    assert dict(days)["2020-04-20"] == -36_98
    oil = {"tick_size": "0.01", "lot_size": "1000", "price_min_ticks": -100_00, "price_max_ticks": 300_00}
    house = listed(future("CL", **oil, margin_floor_ticks=20_00, expiry_ns=400 * DAY), members=3)
    long, short, maker = (house.account(f"m{member}") for member in range(3))
    house.deposit(long, USD, 10 * MILLION)
    house.mark((1, days[0][1]))
    assert not reasons(house.trade(1, long, short, 50, days[0][1]))
    for at, (day, price) in enumerate(days, 1):
        house.mark((1, price))
        lots = next(lots for contract, lots, _ in house.book.positions_of(long) if contract == 1)
        assert initial(house, 0) == lots * 1_000 * max(abs(price), 20_00) // 10
        if day == "2020-04-20":
            assert not reasons(house.trade(1, maker, long, 20, price))
        house.clock(at * DAY)
        compare_judgements(house.book)
    first, low, last = days[0][1], dict(days)["2020-04-20"], days[-1][1]
    assert house.balance(long) == 11 * MILLION + 1_000 * (20 * (low - first) + 30 * (last - first))
    assert house.balance(maker) == MILLION + 1_000 * 20 * (last - low)
    assert house.book.contracts[1]["state"] == layout.LIVE
    assert folded(house.records).digest() == house.book.digest()

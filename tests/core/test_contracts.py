"""Contracts of every shape: prices below zero, capped and collateralised, futures-style. Mostly half-dollar ticks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from novate.core import commands as c
from novate.core import facts as f
from novate.core import layout
from novate.core.liquidation import limit_price
from novate.core.margin import judge
from novate.core.plain import margin as plain
from novate.core.reasons import Reason
from novate.core.rows import BUYER, SELLER
from novate.core.terms import Asset, Contract, Kind, Tier
from novate.sim.auditor.auditor import Auditor, compare_facts
from novate.sim.worlds import packing
from tests.core.twins import compare_judgements, compare_trades, refused_rows
from tests.core.worlds import (
    DAY,
    EUR,
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


def bet_house(**terms: Any) -> House:
    """A binary contract at 0.40; m0 and m1 have 100 dollars each and no more."""
    house = small_house(gains_ppm=500_000)
    house.ok(c.ListContract(future("BET", **BINARY, collateralised=True, resolvable=True, **terms)))
    for member in ("m0", "m1"):
        house.deposit(house.account(member), USD, 100_00)
    house.mark((1, 40))
    return house


@pytest.mark.parametrize(("cash", "price", "fills", "refused"), [
    (100_00, 39, 3, None),
    (100_00, 41, 3, None),
    (100_00, 41, 0, (100_00, SELLER)),
    (100_00, 41, 2, (40_00, BUYER)),
    (140_00, 41, 2, None),
    (140_00, 41, 0, (60_00, SELLER)),
])  # fmt: skip
def test_cover_that_a_pool_lacks_only_between_two_of_its_own_lacks_nobody(
    cash: int, price: int, fills: int, refused: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bid of 100 and an ask of 100 at 0.40 set aside 100 dollars. The twin and the auditor decide the same."""
    auditor, do = Auditor(), House.do

    def audited(house: House, command: c.AnyCommand, at_ns: int | None = None) -> list[f.Fact]:
        facts = do(house, command, at_ns)
        compare_facts(auditor.carry_out(command, house.time_ns, facts), facts)
        return facts

    monkeypatch.setattr(House, "do", audited)
    house = bet_house()
    house.ok(c.OpenAccount(0, "pool", "gross_omnibus"))
    pool = house.account("pool")
    house.ok(c.OpenSubAccount(pool, "a"))
    house.ok(c.OpenSubAccount(pool, "b"))
    a, b = house.account("pool/a"), house.account("pool/b")
    house.deposit(pool, USD, cash)
    house.ok(c.ChangeOrders("venue", packing.orders([(house.next(), 100, 1, a, 0), (house.next(), 100, 1, b, 1)])))
    row = (house.next(), 100, price, 1, a, b, fills)
    compare_trades(house.book, [row])
    facts = house.do(c.SubmitTrades("venue", packing.trades([row])))
    lacking = [(refused[0] * CENT, 0, Reason.COLLATERAL_NOT_COVERED, refused[1])] if refused else []
    assert refused_rows(facts) == lacking


def test_both_sides_of_a_collateralised_contract_put_up_what_they_could_lose_and_marks_move_nothing() -> None:
    house = bet_house()
    m0, m1 = house.account("m0"), house.account("m1")
    assert reasons(house.trade(1, m0, m1, 167, 40)) == [Reason.COLLATERAL_NOT_COVERED], "the short lacks 0.20"
    assert not reasons(house.trade(1, m0, m1, 150, 40))
    for price in (40, 0, 99, 100, 1):
        house.mark((1, price))
        assert judge(house.book, m0).free_fine == judge(house.book, m0).equity_fine == 40_00 * CENT
        assert judge(house.book, m1).free_fine == judge(house.book, m1).equity_fine == 10_00 * CENT
        house.clock(house.time_ns + DAY)
    assert house.balance(m0) == 100_00 - 150 * 39
    assert reasons(house.withdraw(m0, USD, 40_01)) == [Reason.MARGIN_INSUFFICIENT]
    assert not reasons(house.withdraw(m0, USD, 40_00))


def test_a_gain_of_one_bet_covers_another_once_it_is_settled() -> None:
    house = bet_house()
    house.ok(c.ListContract(future("BET2", **BINARY, collateralised=True)))
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m1, USD, 1_000_00)
    house.mark((2, 40))
    house.trade(1, m0, m1, 100, 40)
    house.trade(1, m1, m0, 100, 90)
    assert judge(house.book, m0).equity_fine == 100_00 * CENT
    assert reasons(house.trade(2, m0, m1, 251, 40)) == [Reason.COLLATERAL_NOT_COVERED]
    house.clock(DAY)
    assert house.balance(m0) == 150_00
    assert not reasons(house.trade(2, m0, m1, 375, 40))


def test_cover_is_asked_for_in_the_settlement_asset() -> None:
    """Euros worth a thousand dollars do not cover a bet in dollars, and dollars that cover one do not leave."""
    house = bet_house()
    house.ok(c.AddAsset(Asset("EUR", 2, 8, 100 * 10**8)))
    house.ok(c.AdoptRulebook(rulebook(collateral={"USD": 0, "EUR": 0})))
    m0, m1, eur = house.account("m0"), house.account("m1"), 1
    house.mark(assets={eur: 10**8})
    house.deposit(m0, eur, 1_000_00)
    house.deposit(m1, USD, 1_000_00)
    assert reasons(house.trade(1, m0, m1, 251, 40)) == [Reason.COLLATERAL_NOT_COVERED]
    assert not reasons(house.trade(1, m0, m1, 200, 40))
    assert reasons(house.withdraw(m0, USD, 20_01)) == [Reason.COLLATERAL_NOT_COVERED]
    assert not reasons(house.withdraw(m0, USD, 20_00))
    assert not reasons(house.withdraw(m0, eur, 1_000_00))


def test_a_bet_set_apart_takes_its_cover_with_it() -> None:
    """100 at 0.40 could lose 40 dollars: euros do not come instead, and 40 of 100 dollars then stay where they are."""
    house = bet_house()
    house.ok(c.AddAsset(Asset("EUR", 2, 8, 100 * 10**8)))
    house.ok(c.AdoptRulebook(rulebook("venue", collateral={"USD": 0, "EUR": 0})))
    m0, m1 = house.account("m0"), house.account("m1")
    house.mark(assets={1: 10**8})
    house.deposit(m0, 1, 1_000_00)
    house.trade(1, m0, m1, 100, 40)
    euros, dollars = c.Money(1, 500_00), c.Money(USD, 60_00)
    assert reasons(house.do(c.IsolatePosition(m0, 1, (euros,)))) == [Reason.COLLATERAL_NOT_COVERED]
    house.ok(c.IsolatePosition(m0, 1, (dollars,)))
    assert reasons(house.do(c.MoveCollateral("bank", house.next(), m0, 1, USD, -20_01))) == [Reason.MARGIN_INSUFFICIENT]
    house.ok(c.MoveCollateral("bank", house.next(), m0, 1, 1, 100_00))
    moved = house.do(c.MoveCollateral("bank", house.next(), m0, 1, USD, -20_01))
    assert reasons(moved) == [Reason.COLLATERAL_NOT_COVERED]
    house.ok(c.MoveCollateral("bank", house.next(), m0, 1, USD, -20_00))


def test_a_bet_does_not_back_other_positions() -> None:
    """200 dollars less 40 locked: a future of 1,600 dollars asks for 160, one lot more for too much."""
    house = bet_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 100_00)
    house.deposit(m1, USD, 1_000_00)
    house.trade(1, m0, m1, 100, 40)
    house.mark((1, 100))
    assert reasons(house.trade(0, m0, m1, 17, 200)) == [Reason.MARGIN_INSUFFICIENT]
    assert not reasons(house.trade(0, m0, m1, 16, 200))


def test_a_bet_in_an_account_that_fails_is_sold_after_what_asks_for_margin() -> None:
    """60 dollars beside the bet, a future falls by 70: first it is closed, then enough of the bet, 2 cents below."""
    house = bet_house()
    house.ok(c.AdoptRulebook(rulebook("venue", gains_ppm=500_000)))
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m1, USD, 1_000_00)
    assert not reasons(house.trade(1, m0, m1, 100, 40))
    assert not reasons(house.trade(0, m0, m1, 4, 200))
    house.mark((0, 172))
    (order,) = house.book.registers.orders.values()
    assert (order.contract, order.lots) == (0, -4)
    fill(house, "m1")
    (order,) = house.book.registers.orders.values() or [None]
    assert (order.contract, order.limit_price_ticks) == (1, 38)


def test_a_contract_resolves_before_its_expiry_and_once() -> None:
    house = bet_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.trade(1, m0, m1, 100, 40)
    assert reasons(house.do(c.ResolveContract(1, 101, "resolved"))) == [Reason.PRICE_OUT_OF_LIMITS]
    assert reasons(house.do(c.ResolveContract(0, 100, "resolved"))) == [Reason.NOT_RESOLVABLE]
    assert reasons(house.do(c.ResolveContract(9, 100, "resolved"))) == [Reason.CONTRACT_UNKNOWN]
    house.mark((1, None))
    facts = house.ok(c.ResolveContract(1, 100, "resolved"))
    assert [(fact.value_fine, fact.cause) for fact in of(facts, f.ContractExpired)] == [(10**8, "resolved")]
    assert reasons(house.do(c.ResolveContract(1, 0, "voided"))) == [Reason.CONTRACT_EXPIRED]
    house.clock(DAY)
    assert (house.balance(m0), house.balance(m1)) == (160_00, 40_00)


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


# ---- nobody who is fully collateralised ever fails ------------------------------------------------------------------

TROUBLE = (
    f.MarginCalled,
    f.Breached,
    f.MemberDefaulted,
    f.LossAbsorbed,
    f.GainsCut,
    f.ShortfallAssigned,
    f.CollateralConverted,
)
traders = st.integers(0, 3)
trades = st.tuples(
    st.just("trade"), st.integers(1, 3), traders, traders, st.sampled_from([1, 7, 40, 99, 250]), st.integers(-50, 100),
    st.sampled_from([0, 0, 1, 2, 3]),
)  # fmt: skip
resting = st.tuples(
    st.just("rest"), st.integers(1, 3), traders, st.sampled_from([1, 7, 40, 99, 250, -7, -40]), st.integers(0, 1)
)
prices = st.tuples(st.just("mark"), st.integers(1, 3), st.one_of(st.none(), st.integers(-51, 101)))
leaving = st.tuples(st.just("withdraw"), traders, st.sampled_from([USD, EUR]), st.sampled_from([1, 3_00, 40_00, 90_00]))
endings = st.tuples(st.just("end"), st.integers(1, 3), st.sampled_from([0, 1, 50, 100]))
passing = st.tuples(st.just("clock"), st.sampled_from([HOUR, DAY]))
apart = st.tuples(
    st.sampled_from(["isolate", "rejoin", "move", "move"]), traders, st.integers(1, 3), st.sampled_from([USD, EUR]),
    st.sampled_from([-60_00, -1, 1, 20_00, 70_00]),
)  # fmt: skip
usual = st.one_of(trades, trades, trades, resting, resting, prices, prices, leaving, passing, passing)
steps = st.lists(st.one_of(usual, usual, apart, endings), max_size=40)


def betting_house(form: str) -> House:
    """Three bets, one in euros with a floor below zero; gains count half, and euros less a third."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.AddAsset(Asset("BTC", 8, 12, 10**6 * 10**8)))
    house.ok(c.AddAsset(Asset("EUR", 2, 8, 100 * 10**8)))
    locked = BINARY | {"collateralised": True, "resolvable": True, "margin_class": ""}
    house.ok(c.ListContract(future()))
    house.ok(c.ListContract(future("BET", **locked)))
    house.ok(c.ListContract(future("FEE-BET", **locked, fee_ppm=33_333, lot_size="0.7")))
    house.ok(c.ListContract(future("EUR-BET", **locked | {"price_min_ticks": -50, "settlement": "EUR"}, fee_ppm=999)))
    collateral = {"USD": 0, "EUR": 333_333}
    house.ok(c.AdoptRulebook(rulebook(form, collateral=collateral, gains_ppm=500_000)))
    for member in range(4):
        house.ok(c.AddMember(f"m{member}"))
    house.mark((1, 40), (2, 60), (3, 0), assets={EUR: 11 * 10**7})
    for member in range(4):
        for asset in (USD, EUR):
            house.deposit(house.account(f"m{member}"), asset, 100_00)
    return house


def equities(house: House) -> list[int]:
    """The equity of every bucket, isolated ones included."""
    return [judge(house.book, at).equity_fine for at in range(house.book.account_count)]


def held_is_covered(house: House) -> bool:
    """Settled cash of every bucket covers the worst of what it holds, whatever its orders set aside."""
    purses = [plain.read(house.book, at) for at in range(house.book.account_count)]
    return all(
        plain.owed_without_orders(house.book, purse, asset) <= purse.balance_minor[asset] * CENT
        for purse in purses
        for asset in (USD, EUR)
    )


def moving(house: House, kind: str, account: int, contract: int, asset: int, amount: int) -> c.AnyCommand:
    """A bet set apart with some money, joined again, or money between the two."""
    if kind == "isolate":
        return c.IsolatePosition(account, contract, (c.Money(asset, amount),) if amount > 0 else ())
    if kind == "rejoin":
        return c.RejoinPosition(account, contract)
    return c.MoveCollateral("bank", house.next(), account, contract, asset, amount)


@pytest.mark.parametrize("form", ["clearing_house", "venue"])
@pytest.mark.parametrize("count", [40, pytest.param(1_500, marks=pytest.mark.long)])
def test_a_collateralised_account_never_fails_whatever_the_marks(form: str, count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(steps)
    def run(chosen: list[tuple[Any, ...]]) -> None:
        house = betting_house(form)
        who = [house.account(f"m{member}") for member in range(4)]
        for kind, *own in chosen:
            before = equities(house)
            if kind == "trade":
                row = house.next(), own[3], own[4], own[0], who[own[1]], who[own[2]], own[5]
                facts = house.do(c.SubmitTrades("venue", packing.trades([row])))
            elif kind == "rest":
                row = house.next(), own[2], own[0], who[own[1]], own[3]
                facts = house.do(c.ChangeOrders("venue", packing.orders([row])))
            elif kind == "mark":
                facts = house.mark((own[0], own[1]))
                assert equities(house) == before, "a mark moves no money"
            elif kind == "withdraw":
                facts = house.withdraw(who[own[0]], own[1], own[2])
            elif kind in ("isolate", "rejoin", "move"):
                facts = house.do(moving(house, kind, who[own[0]], *own[1:]))
            elif kind == "end":
                facts = house.do(c.ResolveContract(own[0], own[1], "resolved"))
            else:
                facts = house.clock(house.time_ns + own[0])
            assert not of(facts, TROUBLE), facts  # type: ignore[arg-type]
            assert min(equities(house)) >= 0
            assert (house.book.balances["balance_minor"] >= 0).all()
            assert held_is_covered(house)
        for contract in (1, 2, 3):
            house.do(c.ResolveContract(contract, 100 * (len(chosen) % 2), "resolved"))
        assert not of(house.clock(house.time_ns + DAY), TROUBLE)  # type: ignore[arg-type]
        compare_judgements(house.book)

    run()


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

"""Fully collateralised contracts: bets, what covers them, and that nobody who holds nothing else ever fails."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from novate.core import commands as c
from novate.core import facts as f
from novate.core.margin import judge
from novate.core.plain import margin as plain
from novate.core.reasons import Reason
from novate.core.rows import BUYER, SELLER
from novate.core.terms import Asset
from novate.sim.auditor.auditor import Auditor, compare_facts
from novate.sim.worlds import packing
from tests.core.twins import compare_judgements, compare_trades, refused_rows
from tests.core.worlds import (
    DAY,
    EUR,
    HOUR,
    USD,
    House,
    fill,
    future,
    of,
    reasons,
    rulebook,
    small_house,
)

CENT = 10**6
"""Fine units of a dollar in a cent."""
BINARY: dict[str, Any] = {"tick_size": "0.01", "price_min_ticks": 0, "price_max_ticks": 100, "capped": True}


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

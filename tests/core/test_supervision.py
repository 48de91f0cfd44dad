"""Limits, halts, rules to come and levels of equity, case by case. Prices are half-dollar ticks, a lot is one unit."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from novate.core import commands as c
from novate.core import facts as f
from novate.core import laws, layout
from novate.core import supervision as sv
from novate.core.book import Book
from novate.core.levels import charge_all
from novate.core.margin import judge
from novate.core.money import EXPOSURE_MAX, charge
from novate.core.reasons import Reason
from novate.core.terms import Asset, Limit, Tier
from tests.core.worlds import (
    BTC,
    DAY,
    HOUR,
    MILLION,
    USD,
    House,
    coin_house,
    fill,
    future,
    names_of,
    of,
    reasons,
    rulebook,
    small_house,
    traded,
)


def again(house: House) -> Book:
    """The house out of its snapshot, with every law checked."""
    laws.check_whole(house.book)
    book = Book.loads(house.book.dumps())
    assert book.digest() == house.book.digest()
    assert (book.limits == house.book.limits).all()
    return book


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_a_take_over_leaves_the_group_and_open_interest_stays() -> None:
    """What the house takes over is no longer under the member's control."""
    house = traded(cash=1_000_00)
    house.ok(c.SetLimit(Limit("m0", 0, "net", 100, members=(0,))))
    house.ok(c.SetLimit(Limit("all", 0, "gross", 100)))
    assert house.book.limits[0]["net_lots"] == 100
    house.mark((0, 160))
    house.clock(DAY)
    assert house.book.registers.members[0].defaulted
    assert house.book.limits[0]["net_lots"] == 0
    assert house.book.contracts[0]["open_lots"] == 100
    again(house)


def test_expiry_empties_a_limit() -> None:
    house = traded()
    house.ok(c.SetLimit(Limit("m0", 0, "gross", 100, members=(0,))))
    house.do(c.ExpireContract(0, 200), 90 * DAY)
    assert house.book.limits[0]["long_lots"] == 0
    again(house)


def test_clients_of_before_and_after_and_named_accounts_share_a_limit() -> None:
    house = small_house(members=2)
    house.ok(c.OpenAccount(0, "before"))
    house.ok(c.SetLimit(Limit("group", 0, "net", 10, members=(0,), accounts=(house.account("m1"),))))
    house.ok(c.SetLimit(Limit("other", 0, "gross", 7, accounts=(house.account("before"),))))
    house.ok(c.OpenAccount(0, "after"))
    house.ok(c.OpenAccount(1, "stranger"))
    for name in ("m0", "m1", "before", "after", "stranger"):
        house.deposit(house.account(name), USD, MILLION)
    stranger = house.account("stranger")
    for name, lots in (("m0", 2), ("m1", 3), ("before", 4), ("after", 1)):
        assert not reasons(house.trade(0, house.account(name), stranger, lots, 200)), name
    assert reasons(house.trade(0, house.account("after"), stranger, 1, 200)) == [Reason.GROUP_LIMIT_EXCEEDED]
    assert house.book.limits["net_lots"].tolist() == [10, 4]
    book = again(house)
    assert reasons(House(book, house.time_ns, house.number).trade(0, house.account("after"), stranger, 1, 200)) == [
        Reason.GROUP_LIMIT_EXCEEDED
    ]


def test_a_limit_that_moves_to_another_contract_frees_the_first() -> None:
    house = traded()
    house.ok(c.ListContract(future("NEXT")))
    house.ok(c.SetLimit(Limit("x", 0, "gross", 100)))
    assert reasons(house.trade(0, house.account("m0"), house.account("m1"), 1, 200)) == [
        Reason.OPEN_INTEREST_LIMIT_EXCEEDED
    ]
    house.ok(c.SetLimit(Limit("x", 1, "gross", 100)))
    assert list(house.book.registers.limits) == [0]
    assert not reasons(house.trade(0, house.account("m0"), house.account("m1"), 1, 200))
    house.ok(c.RemoveLimit("x"))
    house.ok(c.SetLimit(Limit("y", 1, "gross", 100)))
    assert list(house.book.registers.limits) == [1], "a number is never given twice"
    assert house.book.contracts["limited"][:2].tolist() == [0, 1]
    again(house)


def test_an_isolated_position_is_still_the_accounts() -> None:
    """Moving lots into a bucket of their own changes nothing about who holds them."""
    house = small_house("venue", members=2)
    m0, m1 = house.account("m0"), house.account("m1")
    house.ok(c.SetLimit(Limit("member", 0, "net", 10, members=(0,))))
    house.ok(c.SetLimit(Limit("account", 0, "gross", 8, accounts=(m0,))))
    house.deposit(m0, USD, MILLION)
    house.deposit(m1, USD, MILLION)
    assert not reasons(house.trade(0, m0, m1, 6, 200))
    house.ok(c.IsolatePosition(m0, 0, (c.Money(USD, 1_000_00),)))
    assert house.book.limits["net_lots"].tolist() == [6, 6]
    assert reasons(house.trade(0, m0, m1, 3, 200)) == [Reason.GROUP_LIMIT_EXCEEDED]
    assert not reasons(house.trade(0, m0, m1, 2, 200))
    house.ok(c.SetLimit(Limit("account", 0, "gross", 9, accounts=(m0,))))
    assert house.book.limits["long_lots"].tolist() == [8, 8]
    again(house)


# ---- halts ----------------------------------------------------------------------------------------------------------


def test_a_liquidation_goes_on_in_what_is_not_halted() -> None:
    """Two contracts; with the first halted the slice is of the second."""
    house = small_house("venue")
    house.ok(c.ListContract(future("NEXT")))
    house.mark((1, 200))
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 2_500_00)
    house.deposit(m1, USD, MILLION)
    house.trade(0, m0, m1, 150, 200)
    house.trade(1, m0, m1, 50, 200)
    orders = of(house.mark((0, 178), (1, 178)), f.LiquidationOrdered)
    assert [order.contract for order in orders] == [0]
    facts = house.do(c.HaltContract(0, "a fire"))
    assert [(fact.order, fact.cause) for fact in of(facts, f.OrderClosed)] == [(0, "halted")]
    assert [order.contract for order in of(facts, f.LiquidationOrdered)] == [1]
    facts = house.do(c.ResumeContract(0))
    assert not of(facts, f.LiquidationOrdered), "an order is open"
    again(house)


def test_what_is_halted_expires_all_the_same() -> None:
    house = traded()
    house.ok(c.HaltContract(0, "a fire"))
    house.do(c.ExpireContract(0, 200), 90 * DAY)
    assert house.book.registers.halts == {}
    assert house.book.contracts[0]["halted"] == 0
    assert reasons(house.do(c.ResumeContract(0))) == [Reason.CONTRACT_EXPIRED]


@pytest.mark.parametrize("cause", ["", "  ", "x" * 201])
def test_a_halt_says_why(cause: str) -> None:
    assert reasons(small_house().do(c.HaltContract(0, cause))) == [Reason.NAME_EMPTY]


# ---- rules to come --------------------------------------------------------------------------------------------------

STEEP = {"flat": (Tier(0, 200_000, 100_000),)}


@pytest.mark.parametrize(
    "command",
    [c.Clock(), c.AddMember("new"), c.OpenAccount(99, "nobody's"), c.PublishMarks(b""), c.RemoveLimit("none")],
)
def test_any_command_lets_rules_take_force(command: c.AnyCommand) -> None:
    """Even one that is refused: time has come all the same."""
    house = traded()
    house.ok(c.AdoptRulebook(rulebook(name="steep", margin_classes=STEEP), 2 * HOUR))
    assert judge(house.book, house.account("m0")).initial_fine == 1_000 * 10**8
    facts = house.do(command, 2 * HOUR)
    assert names_of(facts)[0] == "RulebookAdopted"
    assert [fact.amount_fine for fact in of(facts, f.MarginCalled)] == [500 * 10**8]
    assert judge(house.book, house.account("m0")).initial_fine == 2_000 * 10**8
    again(house)


def test_the_first_rulebook_may_be_one_to_come() -> None:
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.AdoptRulebook(rulebook(), HOUR))
    assert reasons(house.do(c.PublishMarks(b""))) == [Reason.RULEBOOK_MISSING]
    house.ok(c.Clock(), HOUR)
    assert house.book.rulebook.name == "test"


def test_rules_that_lapse_are_gone_and_those_after_them_are_decided() -> None:
    house = traded()
    house.ok(c.AdoptRulebook(rulebook("venue", name="a"), HOUR))
    house.ok(c.AdoptRulebook(rulebook(name="b", margin_classes=STEEP), 2 * HOUR))
    house.mark((0, 188))  # a call is open
    facts = house.clock(3 * HOUR)
    assert [(fact.name, fact.reason, fact.path) for fact in of(facts, sv.RulebookLapsed)] == [
        ("a", Reason.RULEBOOK_INVALID, "$.rulebook.form")
    ]
    assert house.book.rulebook.name == "b"
    assert house.book.registers.scheduled == []


def test_there_is_an_end_to_what_may_be_scheduled() -> None:
    house = small_house()
    for at in range(64):
        house.ok(c.AdoptRulebook(rulebook(name=str(at)), HOUR))
    assert reasons(house.do(c.AdoptRulebook(rulebook(name="one more"), HOUR))) == [Reason.RULEBOOK_INVALID]


# ---- levels ---------------------------------------------------------------------------------------------------------


def test_what_a_deposit_adds_is_counted_after_its_haircut() -> None:
    """0.01 bitcoin at 50,000 dollars less 10 %: 450 of a call of 540."""
    house = coin_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 1_000_00)
    house.deposit(m1, USD, MILLION)
    house.trade(0, m0, m1, 100, 200)
    house.mark((0, 188))
    assert house.book.registers.calls[m0].amount_fine == 540 * 10**8
    paid = of(house.deposit(m0, BTC, 10**6), sv.CallPaid)
    assert [(fact.paid_fine, fact.open_fine) for fact in paid] == [(450 * 10**8, 90 * 10**8)]
    assert names_of(house.deposit(m0, USD, 90_00)) == ["Deposited", "SourceAdvanced", "CallMet"]


def test_a_restriction_gives_way_to_the_default_of_its_member() -> None:
    house = small_house(members=2, reduce_only_ppm=1_900_000)
    house.ok(c.OpenAccount(0, "client"))
    client, m0, m1 = (house.account(name) for name in ("client", "m0", "m1"))
    house.deposit(client, USD, 2_000_00)
    house.deposit(m0, USD, 1_000_00)
    house.deposit(m1, USD, MILLION)
    house.trade(0, client, m1, 100, 200)
    house.trade(0, m0, m1, 100, 200)
    facts = house.mark((0, 176))  # 88: the client has 800 against 190 % of 440 = 836, the member -200
    assert [fact.bucket for fact in of(facts, sv.AccountRestricted)] == [m0, client]
    assert house.book.buckets[client]["access"] == layout.RESTRICTED
    house.clock(HOUR)  # m0 missed its call
    assert house.book.registers.members[0].defaulted
    assert house.book.buckets[client]["access"] in (layout.REDUCE_ONLY, layout.LIQUIDATING)
    assert house.book.registers.restricted == {}
    again(house)


def test_a_rulebook_without_the_level_ends_restrictions() -> None:
    house = traded(cash=2_000_00, reduce_only_ppm=10_000_000, call_trigger_ppm=1)
    m0 = house.account("m0")
    house.mark((0, 199))
    assert house.book.buckets[m0]["access"] == layout.RESTRICTED
    assert reasons(house.withdraw(m0, USD, 1)) == [Reason.ACCOUNT_RESTRICTED]
    facts = house.ok(c.AdoptRulebook(rulebook()))
    assert [fact.bucket for fact in of(facts, sv.AccountReleased)] == [m0]
    assert house.book.buckets[m0]["access"] == layout.OPEN


def test_a_restricted_bucket_can_still_be_breached() -> None:
    house = traded("venue", cash=1_500_00, reduce_only_ppm=1_200_000)
    m0 = house.account("m0")
    house.mark((0, 181))  # 90.5: 550 against 120 % of 452.50 = 543
    assert house.book.buckets[m0]["access"] == layout.OPEN
    house.mark((0, 180))  # 90: 500 against 540
    assert house.book.buckets[m0]["access"] == layout.RESTRICTED
    house.mark((0, 178))  # 89: 400 against maintenance of 445
    assert house.book.buckets[m0]["access"] == layout.LIQUIDATING
    assert house.book.registers.restricted == {}
    fill(house, "m1")
    again(house)


@given(
    st.lists(st.one_of(st.integers(0, EXPOSURE_MAX), st.integers(0, 10**7)), min_size=1, max_size=5),
    st.integers(0, 10**8),
)
def test_levels_of_many_are_those_of_one(amounts: list[int], rate_ppm: int) -> None:
    """Exact wherever the level fits; beyond that it is too high for any equity, or a rounding below that."""
    found = charge_all(np.array(amounts, np.int64), rate_ppm).tolist()
    for amount, level in zip(amounts, found, strict=True):
        exact = charge(amount, rate_ppm)
        assert level == exact if exact <= EXPOSURE_MAX else level >= EXPOSURE_MAX - 10**8

"""Balances below zero: what is lent, to whom, for how much, and by whom. Money is cents, prices half-dollar ticks."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from novate.core import commands as c
from novate.core import facts as f
from novate.core import laws
from novate.core.collateral import Purse
from novate.core.overdrafts import OVERDRAFT_MAX
from novate.core.plain.margin import read
from novate.core.plain.overdrafts import interest_fine, raisable_minor
from novate.core.reasons import Reason
from novate.core.terms import TREASURY, Asset, Layer, Overdraft
from tests.core.worlds import BTC, DAY, HOUR, MILLION, USD, House, coin_house, of, reasons

LIMIT = 500_00


def lending_house(rate_ppm: int = 365_000, treasury: int = 1_000_00, **rules: object) -> House:
    """Dollars may be owed up to 500 for two days; bitcoin at 50,000 dollars counts for 45,000."""
    house = coin_house(**{"overdrafts": {"USD": Overdraft(LIMIT, 2 * DAY)}, **rules})
    house.ok(c.PublishInterest(USD, rate_ppm))
    if treasury:
        house.fund("treasury", USD, treasury)
    house.deposit(house.account("m1"), USD, MILLION)
    return house


def losing(house: House, *, coins: int = 10**8, ticks: int = 196) -> int:
    """m0, with bitcoin only, is long 100 lots from 100 dollars and loses 50 dollars a tick in the next cycle."""
    m0 = house.account("m0")
    house.deposit(m0, BTC, coins)
    assert not reasons(house.trade(0, m0, house.account("m1"), 100, 200))
    house.mark((0, ticks))
    return m0


@given(
    amount=st.integers(1, 10**9),
    rate=st.integers(0, 10**7),
    waits=st.lists(st.sampled_from([1, 977, HOUR, 5 * HOUR, DAY]), min_size=1, max_size=4),
    fresh=st.integers(0, 10**7),
)
@settings(max_examples=60, deadline=None)
def test_interest_is_that_of_the_plain_twin_and_nothing_is_made(
    amount: int, rate: int, waits: list[int], fresh: int
) -> None:
    """Whatever the waits, each charge is the twin's on what stood; and a new rate charges at the one before."""
    house = lending_house(rate)
    m0 = losing(house)
    house.clock(DAY)
    now, expected = house.time_ns, 0
    stands = -house.balance(m0)
    assert stands == 200_00
    charged = []
    for wait in waits[:2]:
        charged += of(house.do(c.PublishInterest(USD, fresh), house.time_ns + wait), f.InterestCharged)
        if expected := interest_fine(stands, 10**6, rate, house.time_ns - now):
            assert charged[-1].amount_fine == expected
        now, rate = house.time_ns, fresh
    total = sum(fact.amount_fine for fact in charged)
    assert int(house.book.balances[m0, USD]["carry_fine"]) == -total
    assert int(house.book.balances[TREASURY, USD]["carry_fine"]) == total
    laws.check_whole(house.book)


PRICES = st.sampled_from([1, 10**6, 30_000 * 10**8, 49_999 * 10**8 + 7, 10**6 * 10**8])


@given(balances=st.tuples(st.integers(-(10**7), 10**9), st.integers(-(10**9), 10**9)), price=PRICES, live=st.booleans())
@settings(max_examples=80, deadline=None)
def test_what_collateral_raises_is_what_the_plain_twin_says(balances: tuple[int, int], price: int, live: bool) -> None:
    house = lending_house()
    house.mark(assets={BTC: price})
    if not live:
        house.mark(assets={BTC: None})
    m0 = house.account("m0")
    for asset, balance in enumerate(balances):
        house.book.balances[m0, asset]["balance_minor"] = balance
    for asset in (USD, BTC):
        expected = raisable_minor(house.book, read(house.book, m0), asset)
        assert Purse(house.book).raisable(m0, asset) == expected
        if balances[asset] >= 0:
            house.book.balances[TREASURY, asset]["balance_minor"] = 2**60
            facts = Purse(house.book).raise_cash(m0, asset, 2**60)
            assert sum(fact.received_minor for fact in facts) == min(2**60, expected)


@given(
    treasury=st.sampled_from([0, 1, 99_99, 100_00, 150_00, 400_00, 10_000_00]),
    limit=st.sampled_from([0, 1, 50_00, 150_00, 10_000_00]),
    coins=st.sampled_from([1, 10**3, 444_444, 444_445, 10**6, 10**8]),
    ticks=st.integers(190, 199),
)
@settings(max_examples=80, deadline=None)
def test_a_cycle_lends_the_least_of_lack_limit_collateral_and_treasury(
    treasury: int, limit: int, coins: int, ticks: int
) -> None:
    """What is not lent is raised by conversion as far as the treasury still has it, and nobody is lent more."""
    house = lending_house(treasury=treasury, overdrafts={"USD": Overdraft(limit, DAY)}, form="venue")
    m0 = house.account("m0")
    house.deposit(m0, USD, 10_000_00)
    losing(house, coins=coins)
    house.withdraw(m0, USD, 10_000_00)
    house.ok(c.PublishMarks(b""))
    held = house.balance(m0)
    house.mark((0, ticks))
    lack = max(0, (200 - ticks) * 50_00 - held)
    lent = min(lack, limit, raisable_minor(house.book, read(house.book, m0), USD), treasury)
    raised = min(lack - lent, raisable_minor(house.book, read(house.book, m0), USD), treasury - lent)
    facts = house.clock(DAY)
    cycle = facts[: next(at for at, fact in enumerate(facts) if isinstance(fact, f.Settled))]
    assert next((fact.amount_minor for fact in of(facts, f.OverdraftChanged)), 0) == lent
    assert sum(fact.received_minor for fact in of(cycle, f.CollateralConverted)) == raised
    laws.check_whole(house.book)


def test_what_was_lent_is_collected_before_the_cycles_own_loss_cuts_gains() -> None:
    """m0 owes 200 and loses 1,000 more; its coin is worth nothing. The treasury bears 200, winners 1,000."""
    house = lending_house(0, waterfall=(Layer.GAINS_HAIRCUT,))
    m0 = losing(house)
    house.clock(DAY)
    house.mark((0, 176), assets={BTC: 1})
    facts = house.clock(DAY + HOUR)  # called, and the call is missed before the next cycle
    facts += house.clock(2 * DAY)
    absorbed = [(fact.layer, fact.payer, fact.amount_minor) for fact in of(facts, f.LossAbsorbed)]
    assert absorbed == [(Layer.TREASURY, TREASURY, 200_00)]
    (cut,) = of(facts, f.GainsCut)
    assert sum(amount for _, amount in cut.unpaid) == 1_000_00
    assert house.balance(TREASURY) == 800_00
    assert house.book.registers.overdrafts == {}
    assert m0 in house.book.registers.claims


def test_a_lowered_limit_is_collected_at_the_next_clock() -> None:
    house = lending_house(0)
    m0 = losing(house)
    house.clock(DAY)
    rules = house.book.rulebook
    house.ok(
        c.AdoptRulebook(type(rules)(**{**{n: getattr(rules, n) for n in rules.__struct_fields__}, "overdrafts": {}}))
    )
    assert house.balance(m0) == -200_00
    (converted,) = of(house.clock(DAY + 1), f.CollateralConverted)
    assert (converted.received_minor, house.balance(m0)) == (200_00, 0)


def test_a_missing_price_lends_nothing_and_converts_nothing() -> None:
    """The bitcoin may be worth nothing by now: the member's own account is in default, as it is without any limit."""
    house = lending_house(0)
    losing(house)
    house.mark(assets={BTC: None})
    facts = house.clock(DAY)
    assert of(facts, f.MemberDefaulted)
    assert house.book.registers.overdrafts == {}


def test_a_price_that_goes_missing_later_is_waited_for_until_the_next_cycle() -> None:
    house = lending_house(0)
    m0 = losing(house)
    house.clock(DAY)
    house.mark(assets={BTC: None})
    house.clock(2 * DAY - 1)
    assert house.balance(m0) == -200_00


def test_what_is_lent_is_not_there_for_another_conversion() -> None:
    """All of the treasury's 200 dollars are lent to m0, so m2's bitcoin finds no dollars: m2 is in default."""
    house = lending_house(0, treasury=200_00)
    m0, m2 = losing(house), house.account("m2")
    house.clock(DAY)
    assert house.balance(m0) == -200_00
    house.deposit(m2, BTC, 10**8)
    house.trade(0, m2, house.account("m1"), 10, 196)
    house.mark((0, 195))
    facts = house.clock(2 * DAY - 1)
    facts = house.clock(2 * DAY)
    assert house.account("m2") in [
        house.book.registers.members[x.member].house_account for x in of(facts, f.MemberDefaulted)
    ]
    laws.check_whole(house.book)


def test_an_unrecorded_negative_balance_and_one_that_is_not_lent_break_a_law() -> None:
    house = lending_house(0)
    m0 = losing(house)
    house.clock(DAY)
    house.book.balances[TREASURY, USD]["balance_minor"] -= 900_00
    with pytest.raises(laws.LawBroken, match="is lent, the treasury holds"):
        laws.lent_is_held(house.book)
    house.book.balances[TREASURY, USD]["balance_minor"] += 900_00
    house.book.registers.overdrafts.clear()
    with pytest.raises(laws.LawBroken, match="m0 has a negative balance"):
        laws.overdrafts_are_lent(house.book)
    assert m0


@pytest.mark.parametrize(
    ("overdrafts", "path"),
    [
        ({"JPY": Overdraft(1, 1)}, "overdrafts.JPY"),
        ({"EUR": Overdraft(1, 1)}, "overdrafts.EUR"),
        ({"USD": Overdraft(-1, 1)}, "overdrafts.USD.amount"),
        ({"USD": Overdraft(OVERDRAFT_MAX, 1)}, "overdrafts.USD.amount"),
        ({"USD": Overdraft(1, -1)}, "overdrafts.USD.time"),
    ],
)
def test_limits_that_cannot_be_are_refused(overdrafts: dict[str, Overdraft], path: str) -> None:
    house = coin_house()
    house.ok(c.AddAsset(Asset("EUR", 2, 8)))
    (fact,) = house.do(c.AdoptRulebook(replace(house.book.rulebook, overdrafts=overdrafts)))
    assert isinstance(fact, f.Rejected)
    assert (fact.reason, fact.path) == (Reason.RULEBOOK_INVALID, f"$.rulebook.{path}")


def test_the_treasury_is_no_layer_of_a_rulebook() -> None:
    house = coin_house()
    listed = replace(house.book.rulebook, waterfall=(Layer.TREASURY, Layer.GAINS_HAIRCUT))
    (fact,) = house.do(c.AdoptRulebook(listed))
    assert isinstance(fact, f.Rejected)
    assert fact.path == "$.rulebook.waterfall"


@pytest.mark.parametrize(
    ("asset", "rate", "reason"),
    [
        (9, 1, Reason.ASSET_UNKNOWN),
        (USD, -1, Reason.INTEREST_OUT_OF_RANGE),
        (USD, 10**7 + 1, Reason.INTEREST_OUT_OF_RANGE),
    ],
)
def test_interest_that_cannot_be_is_refused(asset: int, rate: int, reason: Reason) -> None:
    assert reasons(coin_house().do(c.PublishInterest(asset, rate))) == [reason]

"""Initial rates that rise with open interest, and those that hold for the whole of a position."""

from fractions import Fraction
from math import ceil
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from novate.core import commands as c
from novate.core import facts as f
from novate.core import laws
from novate.core.book import Book
from novate.core.margin import judge, position_requirement
from novate.core.money import PPM
from novate.core.open_interest import fold_initial_scaled
from novate.core.plain.margin import requirement as plain_requirement
from novate.core.supervision import InitialScaled, MaintenanceRelieved
from novate.core.terms import OpenInterest, Rulebook, Tier
from novate.core.tiers import scale_tiers
from tests.core.worlds import HOUR, MILLION, USD, House, future, names_of, of, rulebook, small_house, traded

DOLLAR = 10**8
CAPS = OpenInterest(2_000 * DOLLAR, 12_000 * DOLLAR)
RISING: dict[str, Any] = {"open_interest": {"flat": CAPS}}
STEEP = {"flat": (Tier(0, 100_000, 50_000, 60_000, 30_000), Tier(3_000 * DOLLAR, 250_000, 90_000, 100_000, 50_000))}

amounts = st.one_of(st.integers(0, 10**6), st.integers(0, 2**60))


# ---- rates ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, PPM), amounts, amounts, amounts, amounts)
def test_a_rate_goes_in_a_straight_line_to_all(rate: int, lower: int, width: int, interest: int, more: int) -> None:
    caps = OpenInterest(lower, lower + width + 1)
    tier = Tier(0, rate, rate // 2, rate // 3, rate // 5)
    (risen,), (later,) = (scale_tiers((tier,), caps, each) for each in (interest, interest + more))
    share = min(max(Fraction(interest - lower, width + 1), Fraction(0)), Fraction(1))
    assert 0 <= rate + (PPM - rate) * share - risen.initial_ppm < 1
    assert 0 <= rate // 3 + (PPM - rate // 3) * share - risen.initial_least_ppm < 1
    assert (risen.floor_fine, risen.maintenance_ppm, risen.maintenance_least_ppm) == (0, rate // 2, rate // 5)
    assert rate <= risen.initial_ppm <= later.initial_ppm <= PPM
    assert risen.initial_ppm == PPM or interest < caps.upper_fine


@given(st.integers(-(10**7), 10**7), st.integers(0, CAPS.upper_fine), st.booleans(), st.booleans())
def test_the_kernels_ask_for_what_their_twin_asks(lots: int, interest: int, whole: bool, rises: bool) -> None:
    rules: dict[str, Any] = {"margin_classes": STEEP, "whole_initial": ("flat",) if whole else ()}
    house = small_house("venue", **rules, **(RISING if rises else {}))
    if rises:
        fold_initial_scaled(house.book, InitialScaled(0, interest))
    asked = position_requirement(house.book, 0, lots)
    assert asked == plain_requirement(house.book, 0, lots)
    own = scale_tiers(STEEP["flat"], CAPS, interest if rises else 0)
    size = abs(lots) * 100 * DOLLAR
    tier = own[size > own[1].floor_fine]
    exact = Fraction(size * tier.initial_ppm, PPM)
    if not whole:
        exact -= Fraction(tier.floor_fine * (tier.initial_ppm - own[0].initial_ppm), PPM)
    assert exact <= asked[0] <= ceil(exact) + 1
    assert asked[1] <= asked[0]


# ---- when they move -------------------------------------------------------------------------------------------------


def test_contracts_of_a_class_rise_each_by_its_own() -> None:
    """70 lots of the first are half of the way; the second, listed later, has nothing open."""
    house = traded("venue", cash=MILLION, lots=70, **RISING)
    house.ok(c.ListContract(future("NEXT")))
    facts = house.mark((0, 200), (1, 200))
    assert of(facts, InitialScaled) == [InitialScaled(0, 7_000 * DOLLAR)]
    assert position_requirement(house.book, 0, 10) == (550 * DOLLAR, 50 * DOLLAR)
    assert position_requirement(house.book, 1, 10) == (100 * DOLLAR, 50 * DOLLAR)
    assert names_of(house.mark((0, 200), (1, 200))) == ["MarksPublished"]
    again = Book.loads(house.book.dumps())
    assert position_requirement(again, 0, 10) == (550 * DOLLAR, 50 * DOLLAR)


def test_a_batch_is_judged_at_the_rates_of_the_last_marks() -> None:
    house = small_house("venue", **RISING)
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 7_000_00)
    house.deposit(m1, USD, MILLION)
    assert of(house.trade(0, m0, m1, 700, 200), f.TradesNovated)  # all that 10 % of 70,000 allow
    assert of(house.mark((0, 200)), InitialScaled) == [InitialScaled(0, CAPS.upper_fine)]
    assert judge(house.book, m0).initial_fine == 70_000 * DOLLAR


def test_what_has_no_price_keeps_its_rates() -> None:
    house = traded("venue", cash=MILLION, lots=70, **RISING)
    house.mark((0, 200))
    house.mark((0, None))
    assert house.book.registers.open_interest == {0: 7_000 * DOLLAR}
    facts = house.ok(c.AdoptRulebook(rulebook("venue", **RISING)))
    assert names_of(facts) == ["RulebookAdopted"]  # nothing is known of its value: the next marks say it
    assert of(house.mark((0, 200)), InitialScaled) == [InitialScaled(0, 7_000 * DOLLAR)]


def test_rules_for_later_begin_with_what_is_open_then() -> None:
    house = traded("venue", cash=MILLION, lots=70)
    house.ok(c.AdoptRulebook(rulebook("venue", name="later", **RISING), house.time_ns + HOUR))
    house.mark((0, 220))
    facts = house.clock(house.time_ns + HOUR)
    assert of(facts, InitialScaled) == [InitialScaled(0, 7_700 * DOLLAR)]
    facts = house.ok(c.AdoptRulebook(rulebook("venue")))
    assert not of(facts, InitialScaled)
    assert house.book.registers.open_interest == {}
    assert position_requirement(house.book, 0, 10) == (110 * DOLLAR, 55 * DOLLAR)


# ---- what they do not do --------------------------------------------------------------------------------------------


@given(st.integers(1, 300), st.integers(0, 20_000_00), st.integers(0, 10**12), st.integers(1, 10**12))
def test_nobody_is_liquidated_for_what_is_open(lots: int, cash: int, lower: int, width: int) -> None:
    house = traded("venue", cash=cash + lots * 10_00, lots=lots)
    m0 = house.account("m0")
    before = judge(house.book, m0)
    rules = rulebook("venue", open_interest={"flat": OpenInterest(lower, lower + width)})
    facts = house.ok(c.AdoptRulebook(rules)) + house.mark((0, 200))
    assert not of(facts, f.Breached) + of(facts, f.MarginCalled) + of(facts, MaintenanceRelieved)
    after = judge(house.book, m0)
    assert (after.equity_fine, after.maintenance_fine) == (before.equity_fine, before.maintenance_fine)
    assert before.initial_fine <= after.initial_fine <= lots * 100 * DOLLAR


def test_a_gain_over_a_floor_may_call() -> None:
    """30 lots at 100 are 3,000, up to and with which 10 % are asked for; 15 dollars above 25 % are, of all 3,015."""
    house = traded("clearing_house", cash=400_00, lots=30, margin_classes=STEEP, whole_initial=("flat",))
    m0 = house.account("m0")
    assert judge(house.book, m0).initial_fine == 300 * DOLLAR
    calls = {each.bucket: each for each in of(house.mark((0, 201)), f.MarginCalled)}
    assert (calls[m0].equity_fine, calls[m0].initial_fine) == (415 * DOLLAR, 753_75 * DOLLAR // 100)


FALLING = {"flat": (Tier(0, 200_000, 50_000), Tier(DOLLAR, 100_000, 50_000))}


@pytest.mark.parametrize(
    ("rules", "path", "message"),
    [
        (rulebook(**RISING), "flat.open_interest", "only a venue's initial margin may rise with open interest"),
        (rulebook("venue", open_interest={"none": CAPS}), "none.open_interest", "there is no margin class 'none'"),
        (
            rulebook("venue", open_interest={"flat": OpenInterest(5, 5)}),
            "flat.open_interest",
            "must be above the lower",
        ),
        (rulebook("venue", open_interest={"flat": OpenInterest(-1, 5)}), "flat.open_interest", "between 0 and 2"),
        (rulebook(whole_initial=("none",)), "none.whole_initial", "there is no margin class 'none'"),
        (rulebook(whole_initial=("flat",), margin_classes=FALLING), "flat", "must not fall"),
    ],
)
def test_rules_that_cannot_be(rules: Rulebook, path: str, message: str) -> None:
    (refused,) = small_house().do(c.AdoptRulebook(rules))
    assert isinstance(refused, f.Rejected)
    assert refused.path == f"$.rulebook.margin_classes.{path}"
    assert message in refused.message


def test_rates_of_another_open_interest_break_a_law() -> None:
    house: House = traded("venue", cash=MILLION, lots=70, **RISING)
    house.mark((0, 200))
    laws.check_whole(house.book)
    house.book.registers.open_interest[0] += DOLLAR
    with pytest.raises(laws.LawBroken, match="FUT: its tiers are not those of its open interest on record"):
        laws.check_whole(house.book)

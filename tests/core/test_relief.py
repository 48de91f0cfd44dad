"""A change of rules starts no liquidation, and takes nobody nearer to one: on random houses."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from msgspec.structs import replace

from novate.core import commands as c
from novate.core.book import Book
from novate.core.commands import AdoptRiskSheet, AdoptRulebook
from novate.core.consequences import consequences
from novate.core.decide import decide
from novate.core.evolve import evolve
from novate.core.facts import Breached, Fact, Rejected
from novate.core.laws import check_whole
from novate.core.margin import JUDGED_ACCESS, judge_house
from novate.core.relief import is_sound, reliefs_of
from novate.core.terms import Rulebook, Tier
from tests.core.planted import examples, planted
from tests.core.sheets import sheets
from tests.core.test_sheets import planted_portfolios
from tests.core.worlds import (
    BTC,
    MILLION,
    USD,
    House,
    coin_house,
    of,
    rich_rulebook,
    rulebook,
    small_house,
)

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


# ---- random houses --------------------------------------------------------------------------------------------------


def distances(book: Book) -> dict[int, int]:
    """What each bucket that may trade can still lose before a venue liquidates it."""
    rows = judge_house(book)
    acts = np.isin(book.buckets["access"][: book.account_count], JUDGED_ACCESS)
    spare = (rows["equity_fine"] - rows["maintenance_fine"]).tolist()
    reliefs = reliefs_of(book, np.arange(book.account_count), rows)
    return {at: own + given for at, (own, given) in enumerate(zip(spare, reliefs, strict=True)) if acts[at]}


def adopt(book: Book, command: Any) -> None:
    """Decide a change of rules, fold it, and hold what it did against what each bucket could lose before."""
    before = distances(book)
    facts = decide(book, command)
    if isinstance(facts[0], Rejected):
        return
    for fact in facts:
        evolve(book, fact)
    rows, after, relieved = judge_house(book), distances(book), book.registers.relieved
    for bucket, distance in before.items():
        if bucket in relieved:
            assert after[bucket] == max(0, distance)
            assert not is_sound(rows[bucket])
        else:
            assert is_sound(rows[bucket]) or after[bucket] >= max(0, distance)
    assert not of(consequences(book, facts), Breached)


@st.composite
def rules(draw: st.DrawFn, *, stricter: bool = False) -> Rulebook:
    """The rich house's rules as a venue's, asking for more (or less), counting collateral for less (or more)."""
    milder = [] if stricter else [200, 500]
    thousandths = draw(st.sampled_from([*milder, 1_000, 1_000, 1_300, 3_000, 10_000]))
    rates = ("initial_ppm", "maintenance_ppm", "initial_least_ppm", "maintenance_least_ppm")
    own = rich_rulebook("venue", reserved_trades=draw(st.sampled_from(["checked", "guaranteed"])))

    def scaled(tier: Tier) -> Tier:
        return replace(tier, **{rate: min(10**6, getattr(tier, rate) * thousandths // 1_000) for rate in rates})

    haircuts = st.sampled_from([*([] if stricter else [0, 33_333]), 100_000, 500_000, 999_999])
    return replace(
        own,
        margin_classes={name: tuple(map(scaled, tiers)) for name, tiers in own.margin_classes.items()},
        collateral={"USD": 0, "BTC": draw(haircuts), "EUR": draw(haircuts)},
        gains_ppm=draw(st.sampled_from([0, 900_000])),
        long_option_ppm=draw(st.sampled_from([0, 800_000])),
        reduce_only_ppm=draw(st.sampled_from([0, 1_500_000])),
    )


@pytest.mark.parametrize("count", examples(60, 1_500))
def test_no_rulebook_liquidates_anybody(count: int) -> None:
    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted(), st.lists(rules(), min_size=1, max_size=3))
    def run(book: Book, changes: list[Rulebook]) -> None:
        for each in (rich_rulebook("venue"), *changes):  # the first makes a venue of it
            adopt(book, AdoptRulebook(each))
            assert Book.loads(book.dumps()).registers.relieved == book.registers.relieved

    run()


@pytest.mark.parametrize("count", examples(40, 1_000))
def test_no_sheet_liquidates_anybody(count: int) -> None:
    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted_portfolios(large=False), st.lists(sheets(large=False), min_size=1, max_size=2))
    def run(book: Book, changes: list[Any]) -> None:
        book.registers.rulebook = replace(book.rulebook, form="venue")
        for each in changes:
            adopt(book, AdoptRiskSheet(each))

    run()


@pytest.mark.parametrize("count", examples(60, 1_500))
def test_stricter_rules_that_are_taken_back_leave_nothing_behind(count: int) -> None:
    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted(), st.lists(rules(stricter=True), min_size=1, max_size=2))
    def run(book: Book, changes: list[Rulebook]) -> None:
        first = rich_rulebook("venue")
        book.registers.rulebook = replace(book.rulebook, form="venue")
        adopt(book, AdoptRulebook(first))
        before = dict(book.registers.relieved)
        for each in (*changes, first):
            adopt(book, AdoptRulebook(each))
        assert {*book.registers.relieved} <= {*before}

    run()


# ---- beside a house whose rules never changed -----------------------------------------------------------------------


def crowd(positions: list[tuple[int, int]]) -> House:
    """Members with so many dollars in the place of what they must have, each with a position against a rich one."""
    house = small_house("venue", members=len(positions) + 1)
    rich = house.account(f"m{len(positions)}")
    house.deposit(rich, USD, 1_000 * MILLION)
    for at, (lots, percent) in enumerate(positions):
        account = house.account(f"m{at}")
        house.deposit(account, USD, abs(lots) * 10_000 * percent // 100)
        sides = (account, rich) if lots > 0 else (rich, account)
        house.trade(0, *sides, abs(lots), 200)
    return house


def breached(facts: list[Fact]) -> list[int]:
    return [fact.bucket for fact in of(facts, Breached)]


holdings = st.tuples(st.integers(-500, 500).filter(bool), st.integers(10, 19))


@pytest.mark.parametrize("count", examples(60, 600))
def test_a_relieved_bucket_is_liquidated_when_it_would_have_been(count: int) -> None:
    """At the very mark at which it is in a house that kept its rules: not before, and not after, whatever it closed."""

    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(
        st.lists(holdings, min_size=6, max_size=6),
        st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 5), st.integers(0, 400)), min_size=4, max_size=12),
        st.lists(st.sampled_from([2, 3, 4, 6]), min_size=1, max_size=2),
    )
    def run(positions: list[tuple[int, int]], moves: list[tuple[int, int, int]], factors: list[int]) -> None:
        liquidated_alike(positions, moves, factors)

    run()


def liquidated_alike(positions: list[tuple[int, int]], moves: list[tuple[int, int, int]], factors: list[int]) -> None:
    plain, changed = crowd(positions), crowd(positions)
    for factor in factors:
        classes = {"flat": (Tier(0, min(10**6, 100_000 * factor), 50_000 * factor),)}
        assert not breached(changed.ok(c.AdoptRulebook(rulebook("venue", margin_classes=classes))))
    price = 200
    followed = dict(changed.book.registers.relieved)
    for move, who, lots in moves:
        price += move
        own, beside = changed.mark((0, price)), plain.mark((0, price))
        for bucket in followed:
            assert (bucket in breached(own)) == (bucket in breached(beside))
        account, rich = changed.account(f"m{who % len(positions)}"), changed.account(f"m{len(positions)}")
        held, _ = changed.book.position_of(account, 0)
        if account in followed and account not in breached(own) and lots and held:
            sides = (rich, account) if held > 0 else (account, rich)
            for house in (changed, plain):
                house.trade(0, *sides, min(lots, abs(held)), price)
        followed = {at: relief for at, relief in followed.items() if at in changed.book.registers.relieved}
    check_whole(changed.book)


@pytest.mark.parametrize("count", examples(60, 600))
def test_a_haircut_takes_nothing_and_leaves_nothing_at_any_price(count: int) -> None:
    @settings(max_examples=count, suppress_health_check=QUIET)
    @example(prices=[(12, 205)], haircuts=[200_000, 500_000])
    @given(
        st.lists(st.tuples(st.integers(1, 80), st.integers(190, 210)), min_size=1, max_size=8),
        st.lists(st.sampled_from([200_000, 500_000, 800_000, 999_999]), min_size=1, max_size=3),
    )
    def run(prices: list[tuple[int, int]], haircuts: list[int]) -> None:
        haircut_kept(prices, haircuts)

    run()


def haircut_kept(prices: list[tuple[int, int]], haircuts: list[int]) -> None:
    """Whatever the coin and the future do, liquidation comes where it would have come with the former haircut.

    That is the last one at which it needed no relief: there the rules began to count in full.
    """
    plain, changed = coin_house(form="venue"), coin_house(form="venue")
    for house in (plain, changed):
        house.deposit(house.account("m0"), BTC, 10**8)
        house.deposit(house.account("m1"), USD, MILLION)
        house.trade(0, house.account("m0"), house.account("m1"), 4_000, 200)
    for haircut in haircuts:
        house = replace(changed.book.rulebook, collateral={"USD": 0, "BTC": haircut})
        assert not breached(changed.ok(c.AdoptRulebook(house)))
        if not changed.book.registers.relieved:
            plain.ok(c.AdoptRulebook(house))
    for coin, price in prices:
        if not changed.book.registers.relieved:
            break  # with its initial requirement under the new rules they count in full
        own, beside = (each.mark((0, price), assets={BTC: coin * 1_000 * 10**8}) for each in (changed, plain))
        assert breached(own) == breached(beside)
    check_whole(changed.book)

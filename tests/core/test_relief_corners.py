"""Reliefs one by one: what ends them, what they leave alone, and the law that they are due."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from novate.core import commands as c
from novate.core import layout, relief
from novate.core.book import Book
from novate.core.decide import decide
from novate.core.evolve import evolve
from novate.core.facts import MemberDefaulted
from novate.core.laws import LawBroken, reliefs_are_due
from novate.core.registers import Relief
from novate.core.terms import MarginMode, Tier
from novate.core.whatif import thresholds
from tests.core.sheets import contract_row, small_sheet
from tests.core.test_relief import breached, distances
from tests.core.worlds import (
    BTC,
    DAY,
    MILLION,
    USD,
    House,
    coin_house,
    decoded,
    names_of,
    orders,
    rulebook,
    traded,
)

STRICT = rulebook("venue", margin_classes={"flat": (Tier(0, 200_000, 100_000),)})


def relieved_house(**terms: Any) -> House:
    """m0 long 100 lots at 100 dollars with 1,000: half of its maintenance counts, and it has 500 to lose."""
    house = traded("venue", cash=1_000_00)
    house.ok(c.AdoptRulebook(replace(STRICT, **terms)))
    assert list(house.book.registers.relieved) == [house.account("m0")]
    return house


def test_a_replay_and_a_snapshot_know_the_relief() -> None:
    house = traded("venue", cash=1_000_00)
    before = house.book.dumps()
    facts = house.ok(c.AdoptRulebook(STRICT))
    book = Book.loads(before)
    for fact in decoded(facts):
        evolve(book, fact)
    assert book.digest() == Book.loads(house.book.dumps()).digest() == house.book.digest()
    assert book.registers.relieved == house.book.registers.relieved != {}


def test_a_decision_leaves_the_book_as_it_is() -> None:
    house = traded("venue", cash=1_000_00)
    before = house.book.digest()
    facts = decide(house.book, c.AdoptRulebook(STRICT))
    assert names_of(facts) == ["RulebookAdopted", "MaintenanceRelieved"]
    assert house.book.digest() == before
    house.ok(c.AdoptRiskSheet(small_sheet()))
    house.ok(c.SetMarginMode(house.account("m0"), MarginMode.PORTFOLIO))
    before = house.book.digest()
    facts = decide(house.book, c.AdoptRiskSheet(small_sheet(contract_row("FUT", [-2_000, 200, 800]))))
    assert names_of(facts) == ["RiskSheetAdopted", "MaintenanceRelieved"]
    assert house.book.digest() == before


def test_an_order_that_is_cancelled_can_end_a_relief() -> None:
    """What rests counts for the initial requirement; without it the bucket has all that the rules ask for."""
    house = traded("venue", cash=3_000_00)
    m0 = house.account("m0")
    house.ok(c.ChangeOrders("venue", orders([(house.next(), 150, 0, m0, 0)])))
    house.ok(c.AdoptRulebook(STRICT))
    assert list(house.book.registers.relieved) == [m0]
    facts = house.ok(c.ChangeOrders("venue", orders([(house.next(), -100, 0, m0, 0)])))
    assert names_of(facts) == ["OrdersChanged", "SourceAdvanced", "ReliefEnded"]


def test_trades_of_others_end_nobodys_relief() -> None:
    house = relieved_house()
    m1, m0 = house.account("m1"), house.account("m0")
    house.ok(c.AddMember("m2"))
    m2 = house.account("m2")
    house.deposit(m2, USD, MILLION)
    house.trade(0, m2, m1, 1, 200)
    assert list(house.book.registers.relieved) == [m0]
    house.trade(0, m1, m0, 60, 200)
    assert not house.book.registers.relieved


def test_of_money_that_comes_in_only_its_owner_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are relieved: a deposit costs what it costs in a house where nobody is."""
    house = relieved_house()
    m0, m1 = house.account("m0"), house.account("m1")
    looked_at: list[list[int]] = []
    honest = relief.judge_many

    def seen(book: Book, buckets: np.ndarray) -> np.ndarray:
        looked_at.append(buckets.tolist())
        return honest(book, buckets)

    monkeypatch.setattr(relief, "judge_many", seen)
    house.deposit(m1, USD, 100)
    house.withdraw(m1, USD, 100)
    assert looked_at == []
    house.deposit(m0, USD, 100)
    assert looked_at == [[m0]]


def test_who_has_nothing_left_is_not_relieved_by_what_it_brings() -> None:
    """A credit of more than collateral left out is no part of it: a deposit adds what it counts for and no more."""
    house = coin_house(form="venue")
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 10_000_00)
    house.deposit(m0, BTC, 1)  # 0.0005 dollars, of which a tenth does not count
    house.deposit(m1, USD, MILLION)
    house.trade(0, m0, m1, 400, 200)
    house.book.balances[m0, USD]["balance_minor"] -= 12_000_00
    house.book.balances[m1, USD]["balance_minor"] += 12_000_00
    house.ok(c.AdoptRulebook(replace(house.book.rulebook, margin_classes=STRICT.margin_classes)))
    before = distances(house.book)[m0]
    house.deposit(m0, BTC, 100_000)
    assert (before, distances(house.book)[m0]) == (0, 45 * 10**8)
    assert breached(house.mark((0, 199))) == [m0]


def test_a_restriction_beside_a_relief() -> None:
    """The level that restricts is the new rules': below maintenance, and not liquidated, it may only reduce."""
    house = traded("venue", cash=1_000_00)
    facts = house.ok(c.AdoptRulebook(replace(STRICT, reduce_only_ppm=1_000_001)))
    assert names_of(facts) == ["RulebookAdopted", "MaintenanceRelieved", "AccountRestricted"]
    facts = house.deposit(house.account("m0"), USD, 1_000_00)
    assert names_of(facts) == ["Deposited", "SourceAdvanced", "AccountReleased", "ReliefEnded"]


def test_a_default_ends_the_relief_of_the_member_and_not_of_its_client() -> None:
    """The client may only reduce now; that its member failed is no fall of its own."""
    house = traded("venue", cash=1_000_00)
    m0, m1 = house.account("m0"), house.account("m1")
    house.ok(c.OpenAccount(0, "client"))
    client = house.account("client")
    house.deposit(client, USD, 1_000_00)
    house.trade(0, client, m1, 100, 200)
    house.ok(c.AdoptRulebook(STRICT))
    assert list(house.book.registers.relieved) == [m0, client]
    evolve(house.book, MemberDefaulted(0, "reversal_missed"))
    assert list(house.book.registers.relieved) == [client]
    assert house.book.buckets[client]["access"] == layout.REDUCE_ONLY
    assert breached(house.mark((0, 190))) == []
    assert breached(house.mark((0, 189))) == [client]
    assert not house.book.registers.relieved


def test_the_mark_that_liquidates_a_relieved_bucket_is_the_one_that_is_told() -> None:
    house = relieved_house()
    m0 = house.account("m0")
    told = thresholds(house.book, m0, 0).maintenance.below_ticks
    assert told is not None
    assert breached(house.mark((0, told + 1))) == []
    assert breached(house.mark((0, told))) == [m0]


def as_clearing_house(book: Book, _: int) -> None:
    book.registers.rulebook = replace(book.rulebook, form="clearing_house")


def in_liquidation(book: Book, bucket: int) -> None:
    book.set_access(bucket, layout.LIQUIDATING)


def with_money(book: Book, bucket: int) -> None:
    book.balances[bucket, USD]["balance_minor"] += MILLION


def relieved_of(*figures: int) -> Callable[[Book, int], None]:
    def plant(book: Book, bucket: int) -> None:
        book.registers.relieved[bucket] = Relief(*figures)

    return plant


BREAKS = {
    "in a clearing house": (as_clearing_house, "m0 is relieved and is not a venue's to liquidate"),
    "in liquidation": (in_liquidation, "m0 is relieved and is not a venue's to liquidate"),
    "with money": (with_money, "m0 is relieved, and it is at its initial requirement"),
    "of nothing": (relieved_of(0, 0, 5, 5), "m0 is relieved of nothing"),
    "of a debt": (relieved_of(-1, 0, 4, 5), "m0 is relieved of nothing, or of more than it must hold"),
    "of less than nothing": (relieved_of(0, 0, 6, 5), "or of more than it must hold"),
    "of a part of nothing": (relieved_of(7, 9, 0, 0), "or of more than it must hold"),
    "of more than all": (relieved_of(0, 0, -1, 5), "or of more than it must hold"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_relief_that_is_not_due_breaks_a_law(name: str) -> None:
    plant, message = BREAKS[name]
    house = relieved_house()
    reliefs_are_due(house.book)
    plant(house.book, house.account("m0"))
    with pytest.raises(LawBroken, match=message):
        reliefs_are_due(house.book)


def test_the_law_is_asked_at_a_settlement() -> None:
    house = relieved_house()
    house.book.registers.relieved[house.account("m0")] = Relief(0, 0, 6, 5)
    with pytest.raises(LawBroken, match="m0 is relieved"):
        house.clock(2 * DAY)

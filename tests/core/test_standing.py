"""What was asked of portfolio buckets stands for as long as their lots, orders and collateral do, and no longer."""

from collections.abc import Callable

import numpy as np
import pytest

from novate.core import commands as c
from novate.core.book import Book
from novate.core.kernels import standing
from novate.core.margin import asked_together, judge
from novate.core.risk_sheet import portfolio_buckets
from novate.core.sheet_terms import CollateralRow
from novate.core.terms import MarginMode
from tests.core.sheets import contract_row, results, small_sheet
from tests.core.worlds import BTC, MILLION, USD, House, coin_house, future, orders, trades

COIN = CollateralRow("BTC", "coin", results([-5_000, 0, 5_000]), lot_minor=10**6, lots_max=1_000)


def sheet_of(worst: int) -> c.AdoptRiskSheet:
    rows = (contract_row("FUT", [worst, 200, 800]), contract_row("TWIN", [-1_400, 300, 900]))
    return c.AdoptRiskSheet(small_sheet(*rows, collateral=(COIN,)))


@pytest.fixture
def house() -> House:
    """Three portfolio accounts in two futures, with coins of which whole lots run the scenarios."""
    house = coin_house()
    house.ok(c.ListContract(future("TWIN")))
    house.mark((1, 200))
    house.ok(sheet_of(-1_500))
    for name in ("m0", "m1", "m2"):
        house.deposit(house.account(name), USD, MILLION)
        house.ok(c.SetMarginMode(house.account(name), MarginMode.PORTFOLIO))
    trade(house, "m0", "m1")
    asked_together(house.book, portfolio_buckets(house.book), 1)
    return house


def trade(house: House, buyer: str, seller: str, contract: int = 0) -> None:
    row = (house.next(), 60, 200, contract, house.account(buyer), house.account(seller))
    house.ok(c.SubmitTrades("venue", trades([row])))


def changed(book: Book) -> list[str]:
    """The portfolio accounts whose last requirement does not stand; all are then asked, and by all ways alike."""
    buckets = portfolio_buckets(book)
    found = np.zeros(len(buckets), bool)
    standing.make_room(len(book.buckets), len(book.positions), book.balances.shape[1], book.sheet)
    standing.recall(buckets, book.tables(), book.sheet, np.zeros((len(buckets), 2), np.int64), found)
    alone = [(of.initial_fine, of.maintenance_fine) for of in (judge(book, bucket) for bucket in buckets.tolist())]
    assert [tuple(row) for row in asked_together(book, buckets, 1).tolist()] == alone
    assert [tuple(row) for row in asked_together(book, buckets, 1, 0).tolist()] == alone
    return [book.registers.accounts[bucket].name for bucket in buckets[found].tolist()]


def rest(house: House) -> None:
    house.ok(c.ChangeOrders("venue", orders([(house.next(), 5, 0, house.account("m0"), 1)])))


def back_and_forth(house: House) -> None:
    for mode in (MarginMode.CROSS, MarginMode.PORTFOLIO):
        house.ok(c.SetMarginMode(house.account("m2"), mode))


CHANGES: dict[str, tuple[Callable[[House], object], list[str]]] = {
    "a mark": (lambda house: house.mark((0, 210), (1, 190)), []),
    "money without a row": (lambda house: house.deposit(house.account("m0"), USD, 5), []),
    "a trade": (lambda house: trade(house, "m1", "m0"), ["m0", "m1"]),
    "a trade in another contract": (lambda house: trade(house, "m2", "m1", 1), ["m1", "m2"]),
    "an order": (rest, ["m0"]),
    "a lot of collateral": (lambda house: house.deposit(house.account("m2"), BTC, 10**6), ["m2"]),
    "less than a lot of it": (lambda house: house.deposit(house.account("m2"), BTC, 10**6 - 1), []),
    "another sheet": (lambda house: house.ok(sheet_of(-1_700)), ["m0", "m1", "m2"]),
    "the same sheet again": (lambda house: house.ok(sheet_of(-1_500)), ["m0", "m1", "m2"]),
    "another mode and back": (back_and_forth, []),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_asked_stands_until_what_it_was_asked_for_changes(house: House, change: str) -> None:
    assert changed(house.book) == []
    act, concerned = CHANGES[change]
    act(house)
    assert changed(house.book) == concerned
    assert changed(house.book) == []


def test_rows_that_another_was_asked_for_are_not_taken_for_ones_own(house: House) -> None:
    """Tables of positions are packed now and then: a place may have been another's in the meantime."""
    book, m0, m1 = house.book, house.account("m0"), house.account("m1")
    starts, own = book.buckets["start"], int(book.buckets["start"][m0])
    starts[[m0, m1]] = starts[[m1, m0]]
    book.positions["lots"][own] += 7
    asked_together(book, np.array([m1]), 1)
    starts[[m0, m1]] = starts[[m1, m0]]
    assert changed(book) == ["m0", "m1"]


def test_as_many_lots_of_another_contract_are_asked_for_anew(house: House) -> None:
    book, m0 = house.book, house.account("m0")
    book.positions["contract"][book.buckets["start"][m0]] = 1
    assert changed(book) == ["m0"]


def test_fewer_rows_in_the_same_place_are_asked_for_anew(house: House) -> None:
    book, m0 = house.book, house.account("m0")
    trade(house, "m0", "m1", 1)
    changed(book)
    book.buckets["count"][m0] -= 1
    assert changed(book) == ["m0"]

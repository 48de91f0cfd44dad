"""Each law is broken on purpose: a wrong number planted in the columns must be reported by the law it breaks."""

from collections.abc import Callable

import pytest

from novate.core import commands as c
from novate.core import laws
from novate.core.book import Book
from novate.core.novation import move_leg
from novate.core.step import fold
from novate.core.terms import FEES, TREASURY, Limit
from tests.core.worlds import BTC, CALL, DAY, FEED, HOUR, PERP, USD, House, rich_house

ANY = "LawBroken"


@pytest.fixture
def house() -> House:
    """A house in the middle of its day: positions, premium owed, fees, a settled cycle behind it."""
    house = rich_house(clients=1)
    a, b, client = house.account("m0"), house.account("m1"), house.account("m0/c0")
    for account in (a, b, client):
        house.deposit(account, USD, 10**8)
        house.deposit(account, BTC, 10**7)
    house.trade(PERP, a, b, 100, FEED[PERP])
    house.clock(8 * HOUR)
    house.trade(CALL, client, b, 10, FEED[CALL])
    house.trade(PERP, client, a, 7, FEED[PERP] + 3)
    house.ok(c.SetLimit(Limit("some", PERP, "gross", 500, members=(0,))))
    laws.check_whole(house.book)
    return house


def planted(table: str, row: object, field: str, change: int = 1) -> Callable[[Book], None]:
    """Adds ``change`` to one field of one row."""

    def plant(book: Book) -> None:
        getattr(book, table)[row][field] += change

    return plant


def fund_holds_a_position(book: Book) -> None:
    """A treasury with positions that are matched: every total still adds up."""
    move_leg(book, TREASURY, PERP, 5, 5)
    move_leg(book, 5, PERP, -5, -5)


def hide_money(book: Book) -> None:
    """Money from one account to another beyond what it has."""
    book.balances[FEES, USD]["balance_minor"] -= 10**9
    book.balances[5, USD]["balance_minor"] += 10**9


BREAKS = {
    "lots do not sum to zero": (planted("contracts", PERP, "net_lots"), "PERP: lots sum to 1"),
    "costs do not sum to zero": (planted("contracts", CALL, "net_cost_fine", -7), "CALL: .*costs to -7"),
    "money from nowhere": (planted("assets", BTC, "balance_total_minor"), "BTC: balances sum to .* came in"),
    "a position grows by itself": (planted("positions", 0, "lots"), "PERP: net_lots is 0 but the positions count 1"),
    "a cost grows by itself": (planted("positions", 0, "cost_fine", 3), "PERP: net_cost_fine is 0 .* count 3"),
    "open interest drifts": (planted("contracts", PERP, "open_lots"), "PERP: open_lots is"),
    "exposure drifts": (planted("balances", (5, USD), "exposure_fine"), "m0: exposure_fine of asset 0"),
    "premium drifts": (planted("balances", (7, USD), "premium_fine"), "premium_fine of asset 0"),
    "a balance that nobody paid": (planted("balances", (5, USD), "balance_minor"), "USD: balances sum to"),
    "a carry that nobody owes": (planted("balances", (5, USD), "carry_fine"), "USD: carries sum to 1 fine units"),
    "a balance below zero": (hide_money, "house:fees has a negative balance of asset 0"),
    "a lot's terms are of yesterday": (planted("lot_terms", PERP, "initial_whole_fine"), "PERP"),
    "a limit counts what nobody holds": (planted("limits", 0, "long_lots"), "the limit 'some' has counted"),
    "the house takes a position": (fund_holds_a_position, "house:treasury holds positions"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_law_is_reported_by_name(house: House, name: str) -> None:
    plant, message = BREAKS[name]
    plant(house.book)
    with pytest.raises(laws.LawBroken, match=message):
        laws.check_whole(house.book)


@pytest.mark.parametrize("name", ["lots do not sum to zero", "costs do not sum to zero", "money from nowhere"])
def test_running_laws_are_checked_after_every_command(house: House, name: str) -> None:
    BREAKS[name][0](house.book)
    with pytest.raises(laws.LawBroken):
        house.deposit(5, USD, 1)


@pytest.mark.parametrize("name", BREAKS)
def test_every_law_is_checked_at_a_settlement(house: House, name: str) -> None:
    BREAKS[name][0](house.book)
    with pytest.raises(laws.LawBroken):
        house.clock(2 * DAY)


def test_a_forged_record_breaks_a_law_at_recovery(house: House) -> None:
    book = Book()
    for time_ns, facts in house.records[:-1]:
        fold(book, facts, time_ns)
    book.contracts[PERP]["net_lots"] += 1
    with pytest.raises(laws.LawBroken, match="PERP"):
        fold(book, house.records[-1][1], house.records[-1][0])


def test_a_snapshot_that_was_altered_does_not_load(house: House) -> None:
    data = bytearray(house.book.dumps())
    data[-100] ^= 1
    with pytest.raises(ValueError, match=r"digest|snapshot"):
        Book.loads(bytes(data))


def test_the_laws_hold_in_a_house_without_anything() -> None:
    house = House()
    laws.check_whole(house.book)
    house.do(c.Clock(), DAY)
    assert Book.loads(house.book.dumps()).digest() == house.book.digest()

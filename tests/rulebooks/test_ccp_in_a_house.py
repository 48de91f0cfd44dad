"""A house that adopts the sheet of our own rulebook asks for exactly what the rulebook says."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from novate import ClearingHouse
from novate.core import commands as c
from novate.risk.models.contagion import WrongWay
from novate.risk.models.gap import Gap
from novate.risk.models.requirement import requirement, rounding_bound
from novate.risk.venues.book import Book, Collateral, Future, Option, Position
from novate.risk.venues.house_sheet import Depth, Drawn, drawn_up
from novate.rulebooks import Rulebook, margin
from tests.house.opened import RULES
from tests.rulebooks.books import book, future, option, past, perpetual
from tests.rulebooks.ccp import CCP, ruled


def listed(house: ClearingHouse, each: Position, count: int) -> None:
    """A position's contract, of which it is so many lots."""
    size, symbol = Decimal(str(abs(each.amount))), each.symbol
    lot = f"{size / count:f}"
    terms: dict[str, Any] = {"settlement": "USD", "tick_size": "0.5", "lot_size": lot, "stale_after": "9h"}
    terms |= {"price_min": "0.5", "price_max": 1_000_000, "position_limit": size, "margin_class": "major"}
    if isinstance(each, Option):
        terms |= {"underlying": "BTC", "strike": str(each.strike), "expiry": f"{each.expiry:%Y-%m-%dT%H:%M:%SZ}"}
        house.list_contract(symbol, each.right, **terms).expect()
    elif isinstance(each, Future):
        house.list_contract(symbol, "future", expiry=f"{each.expiry:%Y-%m-%dT%H:%M:%SZ}", **terms).expect()
    else:
        house.list_contract(symbol, "perpetual", **terms).expect()


def house_holding(held: Book, drawn: Drawn, marks: dict[str, int]) -> ClearingHouse:
    """A house that adopted a sheet, in which alice holds the book."""
    house = ClearingHouse()
    house.add_asset("USD", 2, 8, time=f"{held.time:%Y-%m-%dT%H:%M:%SZ}").expect()
    house.add_asset("BTC", 8, 12, price_max=1_000_000, price_in="USD", stale_after="9h").expect()
    tier = [{"above": 0, "initial": "10%", "maintenance": "5%", "initial_least": "5%", "maintenance_least": "3%"}]
    rules = {**RULES, "margin_classes": {"major": tier}, "collateral": {"USD": 0, "BTC": "10%"}}
    house.adopt_rulebook("rules", **rules).expect()
    index: dict[str, Any] = {"tick_size": "0.5", "lot_size": 1, "price_min": "0.5", "price_max": 1_000_000}
    house.list_contract("BTC", "index", settlement="USD", position_limit=1, stale_after="9h", **index).expect()
    for each in held.positions:
        listed(house, each, abs(drawn.lots[each.symbol]))
    for member, client in (("Alpha", "alice"), ("Beta", "bob")):
        house.add_member(member).expect()
        house.open_account(client, member=member).expect()
        house.deposit(client, "USD", 10_000_000).expect()
    house.marks(marks, asset_prices={"BTC": marks["BTC"]}).expect()
    for each in held.collateral:
        house.deposit("alice", each.asset, str(each.amount)).expect()
    for each in held.positions:
        buyer, seller = ("alice", "bob") if each.amount > 0 else ("bob", "alice")
        size, price = str(abs(each.amount)), marks[each.symbol]
        house.trade(each.symbol, buyer=buyer, seller=seller, quantity=size, price=price).expect()
    house.apply(c.AdoptRiskSheet(drawn.sheet)).expect()
    house.set_margin_mode("alice", "portfolio").expect()
    return house


BOOKS: dict[str, tuple[Position, ...]] = {
    "perpetual": (perpetual(-1, 100_000, 98_000),),
    "spread": (perpetual(2.5, 100_000), future(-2.25, 101_000, 90)),
    "options": (
        perpetual(-0.3, 100_000),
        future(0.125, 101_000, 90),
        option(4, 105_000, "call", 25, 0.44),
        option(-4.5, 120_000, "call", 25, 0.46),
        option(-2, 80_000, "put", 60, 0.52),
    ),
}


EVERYTHING = ruled(
    model=replace(CCP.rules.model, gap=Gap(), wrong_way=(WrongWay("BTC", 0.3),)),
    liquidity={"BTC": Depth(half_spread=0.0003, daily_units=20.0)},
    short_options={"BTC": 0.0075},
    shocks={"a crash": {"BTC": -0.25, "BTC vol 30d": 0.5}},
)


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize("coins", [0.0, 0.75])
@pytest.mark.parametrize("rulebook", [CCP, EVERYTHING], ids=["ccp", "with every add-on"])
def test_a_house_that_adopts_the_sheet_asks_for_the_same_to_the_last_unit(
    name: str, coins: float, rulebook: Rulebook
) -> None:
    pledged = (Collateral(asset="BTC", amount=coins, price=100_000.0),) if coins else ()
    held = book(*BOOKS[name], forwards={25: 100_400.0, 60: 101_300.0}, collateral=pledged)
    history = past("BTC", "BTC vol 30d") if name == "options" else past("BTC")
    found, drawn = margin(held, rulebook, history), drawn_up(held, rulebook.rules, history)
    marks = {each.symbol: 1_000 if isinstance(each, Option) else int(each.price) for each in held.positions}
    with house_holding(held, drawn, marks | {"BTC": 100_000}) as house:
        account = house.account("alice")
        assert account.initial == Decimal(f"{found.initial:.8f}")
        assert account.maintenance == Decimal(f"{found.maintenance:.8f}")
    estimate = requirement(drawn.made, drawn.lots).initial
    assert -1e-6 <= found.initial - estimate <= rounding_bound(drawn.made, drawn.lots, Fraction(1, 10_000)) + 1e-6


def test_lots_of_a_houses_own_ask_for_as_much_but_for_rounding() -> None:
    """One lot of all of it, or a thousand lots of a thousandth: half a unit a lot is all the difference."""
    history, held = past("BTC"), book(perpetual(1, 100_000))
    drawn = drawn_up(held, CCP.rules, history)
    (row,) = drawn.made.rows
    fine = replace(drawn.made, rows=(replace(row, results=row.results / 1_000),))
    whole, parted = requirement(drawn.made, {"BTC-PERP": 1}), requirement(fine, {"BTC-PERP": 1_000})
    assert parted.initial == pytest.approx(whole.initial)
    assert rounding_bound(fine, {"BTC-PERP": 1_000}, Fraction(1, 10_000)) < 0.11

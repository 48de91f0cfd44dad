"""Houses for the tests of the core: a driver in few words, and one rich house with every kind of contract."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from novate.core import commands as c
from novate.core.book import Book
from novate.core.facts import AnyFact, Fact, Rejected, RowsRefused
from novate.core.reasons import Reason
from novate.core.rows import REFUSED
from novate.core.step import fold, step
from novate.core.terms import Asset, Contract, Kind, Layer, Rulebook, Tier
from novate.sim.worlds import packing

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
USD, BTC, EUR = range(3)
MILLION = 10**8
"""A million dollars in cents."""
cash, trades, orders, marks, funding = packing.cash, packing.trades, packing.orders, packing.marks, packing.funding
LAYERS = (Layer.DEFAULTER_FUND, Layer.SKIN, Layer.INSURANCE, Layer.SURVIVORS_FUND, Layer.GAINS_HAIRCUT)


@dataclass
class House:
    """A book that remembers the records that made it: ``(time, facts)``."""

    book: Book = field(default_factory=Book)
    time_ns: int = 0
    number: int = 0
    records: list[tuple[int, list[Fact]]] = field(default_factory=list)

    def do(self, command: c.AnyCommand, at_ns: int | None = None) -> list[Fact]:
        """One command through ``step`` at a time (by default the last one)."""
        self.time_ns = self.time_ns if at_ns is None else at_ns
        facts = step(self.book, command, self.time_ns)
        self.records.append((self.time_ns, facts))
        return facts

    def ok(self, command: c.AnyCommand, at_ns: int | None = None) -> list[Fact]:
        """One command of which nothing may be refused."""
        facts = self.do(command, at_ns)
        assert not reasons(facts), facts
        return facts

    def next(self) -> int:
        """The next number of every source."""
        self.number += 1
        return self.number

    def account(self, name: str) -> int:
        """Index of an account by name."""
        return self.book.registers.names[name]

    def deposit(self, account: int, asset: int, amount_minor: int) -> list[Fact]:
        return self.do(c.Deposit("bank", cash([(self.next(), amount_minor, account, asset)])))

    def withdraw(self, account: int, asset: int, amount_minor: int) -> list[Fact]:
        return self.do(c.Withdraw("bank", cash([(self.next(), amount_minor, account, asset)])))

    def fund(self, fund: str, asset: int, amount_minor: int, member: int | None = None) -> list[Fact]:
        return self.do(c.Contribute("bank", self.next(), fund, asset, amount_minor, member))  # type: ignore[arg-type]

    def trade(self, contract: int, buyer: int, seller: int, lots: int, price_ticks: int) -> list[Fact]:
        return self.do(c.SubmitTrades("venue", trades([(self.next(), lots, price_ticks, contract, buyer, seller)])))

    def mark(self, *rows: tuple[int, int | None], assets: dict[int, int | None] | None = None) -> list[Fact]:
        """Marks as ``(contract, price in ticks or None)`` and prices of assets."""
        prices = tuple(c.AssetPrice(asset, price) for asset, price in (assets or {}).items())
        return self.do(c.PublishMarks(marks(rows), prices))

    def clock(self, at_ns: int) -> list[Fact]:
        return self.do(c.Clock(), at_ns)

    def balance(self, account: int, asset: int = USD) -> int:
        return int(self.book.balances[account, asset]["balance_minor"])

    def worth_fine(self, account: int, asset: int) -> int:
        """Balance, carry and unsettled result in one asset, at the marks of the book: Python integers throughout."""
        row, contracts = self.book.balances[account, asset], self.book.contracts
        worth = int(row["balance_minor"]) * self.book.registers.assets[asset].unit_fine + int(row["carry_fine"])
        for contract, lots, cost in self.book.positions_of(account):
            if int(contracts[contract]["asset"]) == asset:
                worth += lots * int(contracts[contract]["value_fine"]) - cost
        return worth


def refusals(facts: Iterable[Fact]) -> list[tuple[int, Reason, int]]:
    """Refused rows as ``(row, reason, figure)``."""
    return [
        (int(row["row"]), Reason(int(row["reason"])), int(row["figure"]))
        for fact in facts
        if isinstance(fact, RowsRefused)
        for row in np.frombuffer(fact.rows, REFUSED)
    ]


def reasons(facts: Iterable[Fact]) -> list[Reason]:
    """Why things were refused, whole commands first."""
    facts = list(facts)
    whole = [fact.reason for fact in facts if isinstance(fact, Rejected)]
    return whole + [reason for _, reason, _ in refusals(facts)]


def names_of(facts: Iterable[Fact]) -> list[str]:
    """The kinds of the facts in order."""
    return [type(fact).__name__ for fact in facts]


def decoded(facts: list[Fact]) -> list[AnyFact]:
    """The facts as a journal gives them back."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=list[AnyFact])


def folded(records: Iterable[tuple[int, list[Fact]]]) -> Book:
    """A second book, from the encoded facts alone."""
    book = Book()
    for time_ns, facts in records:
        fold(book, decoded(facts), time_ns)
    return book


# ---- one small house ------------------------------------------------------------------------------------------------


def rulebook(form: str = "clearing_house", **changes: object) -> Rulebook:
    """10 % initial, 5 % maintenance, daily settlement, calls due in an hour."""
    terms: dict[str, object] = {
        "name": "test",
        "numeraire": "USD",
        "form": form,
        "collateral": {"USD": 0},
        "margin_classes": {"flat": (Tier(0, 100_000, 50_000),)},
        "settlement_interval_ns": DAY,
        "call_due_ns": HOUR,
        "waterfall": LAYERS,
        **changes,
    }
    return Rulebook(**terms)  # type: ignore[arg-type]


def future(symbol: str = "FUT", **changes: object) -> Contract:
    """A linear dated future: tick 0.5, one unit a lot, no fee."""
    terms: dict[str, object] = {
        "symbol": symbol,
        "kind": Kind.FUTURE,
        "settlement": "USD",
        "tick_size": "0.5",
        "lot_size": "1",
        "price_min_ticks": 1,
        "price_max_ticks": 1_000_000,
        "position_limit_lots": 10_000,
        "margin_class": "flat",
        "stale_after_ns": 365 * DAY,
        "expiry_ns": 90 * DAY,
        **changes,
    }
    return Contract(**terms)  # type: ignore[arg-type]


def small_house(form: str = "clearing_house", members: int = 2, **rules: object) -> House:
    """Dollars, one future at 100 dollars (200 ticks), members m0, m1 … without money."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.ListContract(future()))
    house.ok(c.AdoptRulebook(rulebook(form, **rules)))
    for member in range(members):
        house.ok(c.AddMember(f"m{member}"))
    house.mark((0, 200))
    return house


def of(facts: list[Fact], kind: type) -> list:
    return [fact for fact in facts if isinstance(fact, kind)]


def traded(form: str = "clearing_house", *, cash: int = 1_500_00, lots: int = 100, **rules: object) -> House:
    """m0 long ``lots`` at 100 dollars against m1, who is rich."""
    house = small_house(form, **rules)
    house.deposit(house.account("m0"), USD, cash)
    house.deposit(house.account("m1"), USD, MILLION)
    assert not reasons(house.trade(0, house.account("m0"), house.account("m1"), lots, 200))
    return house


def fill(house: House, account: str, lots: int | None = None) -> list[Fact]:
    """The oldest open order at its limit."""
    order, terms = next(iter(house.book.registers.orders.items()))
    return house.do(
        c.ExecuteLiquidation(
            "market", house.next(), order, lots or abs(terms.open_lots), terms.limit_price_ticks, house.account(account)
        )
    )


def coin_house(**rules: object) -> House:
    """Bitcoin at 50,000 dollars counts as collateral, less 10 %."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.AddAsset(Asset("BTC", 8, 12, 10**6 * 10**8)))
    house.ok(c.ListContract(future()))
    house.ok(c.AdoptRulebook(rulebook(**{"collateral": {"USD": 0, "BTC": 100_000}, **rules})))
    for name in ("m0", "m1", "m2"):
        house.ok(c.AddMember(name))
    house.mark((0, 200), assets={BTC: 50_000 * 10**8})
    return house


# ---- one rich house -------------------------------------------------------------------------------------------------

INDEX, LINEAR, PERP, INVERSE, CALL, PUT, INVERSE_CALL, INVERSE_PUT, INVERSE_FUTURE, EURO = range(10)
FEED = {INDEX: 100_000, LINEAR: 100_400, PERP: 100_000, INVERSE: 100_000, CALL: 5_000, PUT: 4_000} | {
    INVERSE_CALL: 500,
    INVERSE_PUT: 400,
    INVERSE_FUTURE: 100_200,
    EURO: 100_000,
}
"""Marks in ticks: bitcoin at 50 000 dollars."""

STYLED_CALL, STYLED_PUT, BINARY, SPREAD, CRUDE, CRUDE_CALL, CRUDE_PUT, CRUDE_PERP, EURO_BINARY = range(10, 19)
FEED |= {
    STYLED_CALL: 5_000,
    STYLED_PUT: 400,
    BINARY: 40,
    SPREAD: -30,
    CRUDE: -7_526,
    CRUDE_CALL: 300,
    CRUDE_PUT: 200,
} | {
    CRUDE_PERP: -1_000,
    EURO_BINARY: 1,
}
"""Futures-style options, capped contracts, and crude oil on the evening of 20 April 2020, in half cents."""


def rich_contracts() -> list[Contract]:
    """Every kind: an index, linear and inverse futures and perpetuals, calls and puts, three settlement assets."""
    base: dict[str, object] = {
        "settlement": "USD",
        "tick_size": "0.5",
        "lot_size": "0.001",
        "price_min_ticks": 2_000,
        "price_max_ticks": 1_000_000,
        "position_limit_lots": 200_000,
        "margin_class": "major",
        "stale_after_ns": 2 * DAY,
    }
    option = base | {"underlying": "IDX", "strike": "50000", "expiry_ns": 3 * DAY, "margin_class": "option"}
    option |= {"price_min_ticks": 1, "fee_ppm": 300}
    coin = option | {"settlement": "BTC", "tick_size": "0.0001", "price_max_ticks": 20_000, "inverse": True}
    dollar_lot = {"inverse": True, "settlement": "BTC", "lot_size": "100", "position_limit_lots": 1_000_000}
    rows = [
        base | {"symbol": "IDX", "kind": Kind.INDEX},
        base | {"symbol": "FUT", "kind": Kind.FUTURE, "expiry_ns": 4 * DAY, "fee_ppm": 200},
        base | {"symbol": "PERP", "kind": Kind.PERPETUAL, "fee_ppm": 500},
        base | dollar_lot | {"symbol": "INV", "kind": Kind.PERPETUAL, "fee_ppm": 500},
        option | {"symbol": "CALL", "kind": Kind.CALL},
        option | {"symbol": "PUT", "kind": Kind.PUT, "underlying": "FUT"},
        coin | {"symbol": "COIN-CALL", "kind": Kind.CALL},
        coin | {"symbol": "COIN-PUT", "kind": Kind.PUT, "strike": "48000"},
        base | dollar_lot | {"symbol": "INV-FUT", "kind": Kind.FUTURE, "expiry_ns": 2 * DAY, "margin_class": "alt"},
        base | {"symbol": "EUR-PERP", "kind": Kind.PERPETUAL, "settlement": "EUR", "margin_class": "alt"},
        option | {"symbol": "STYLED-CALL", "kind": Kind.CALL, "futures_style": True},
        coin | {"symbol": "STYLED-PUT", "kind": Kind.PUT, "futures_style": True, "price_min_ticks": 0},
    ]
    return [Contract(**row) for row in [*rows, *bounded_contracts(base)]]  # type: ignore[arg-type]


def bounded_contracts(base: dict[str, object]) -> list[dict[str, object]]:
    """Capped and collateralised contracts, and oil whose price may be anything."""
    capped = base | {"kind": Kind.FUTURE, "expiry_ns": 3 * DAY, "capped": True, "resolvable": True, "tick_size": "0.01"}
    capped |= {"lot_size": "1", "price_min_ticks": 0, "price_max_ticks": 100, "fee_ppm": 10_000}
    locked = capped | {"collateralised": True, "margin_class": ""}
    crude = base | {"tick_size": "0.005", "lot_size": "10", "price_min_ticks": -20_000, "price_max_ticks": 60_000}
    crude |= {"margin_floor_ticks": 2_000, "margin_class": "alt", "fee_ppm": 100}
    on_crude = crude | {"underlying": "CRUDE", "margin_class": "option", "price_min_ticks": 0, "expiry_ns": 3 * DAY}
    on_crude |= {"margin_floor_ticks": 0}
    return [
        locked | {"symbol": "BINARY"},
        capped | {"symbol": "SPREAD", "price_min_ticks": -100, "margin_floor_ticks": 40, "margin_class": "alt"},
        crude | {"symbol": "CRUDE", "kind": Kind.FUTURE, "expiry_ns": 4 * DAY},
        on_crude | {"symbol": "CRUDE-CALL", "kind": Kind.CALL, "strike": "-10"},
        on_crude | {"symbol": "CRUDE-PUT", "kind": Kind.PUT, "strike": "0", "futures_style": True},
        crude | {"symbol": "CRUDE-PERP", "kind": Kind.PERPETUAL},
        locked | {"symbol": "EUR-BINARY", "settlement": "EUR", "price_min_ticks": -50, "fee_ppm": 0},
    ]


MAJOR = (Tier(0, 50_000, 25_000), Tier(20_000 * 10**8, 100_000, 60_000), Tier(1_000_003 * 10**7, 333_333, 166_667))
ALT = (Tier(0, 100_000, 100_000), Tier(10**11 + 7, 250_000, 125_001))
OPTION = (Tier(0, 150_000, 100_000, 75_000, 50_000), Tier(30_000 * 10**8, 300_000, 200_000, 100_000, 90_000))


def rich_rulebook(form: str = "clearing_house", **changes: object) -> Rulebook:
    """Brackets with awkward bounds, haircuts, gains at 90 % and long options at 80 %."""
    rules: dict[str, object] = {
        "collateral": {"USD": 0, "BTC": 100_000, "EUR": 33_333},
        "margin_classes": {"major": MAJOR, "alt": ALT, "option": OPTION},
        "settlement_interval_ns": 8 * HOUR,
        "gains_ppm": 900_000,
        "long_option_ppm": 800_000,
        "slice_ppm": 400_000,
        "slice_expiry_ns": HOUR,
        "slices_max": 2,
        "kept_trades_max": 80,
        "late_bust": "offset",
        "porting_due_ns": 8 * HOUR,
        **changes,
    }
    return rulebook(form, **rules)


def rich_house(form: str = "clearing_house", members: int = 3, clients: int = 2, **rules: object) -> House:
    """All contracts of ``rich_contracts`` marked, members m0 …, clients m0/c0 …; no money yet."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.AddAsset(Asset("BTC", 8, 12, 10**6 * 10**8, 2 * DAY)))
    house.ok(c.AddAsset(Asset("EUR", 2, 8, 100 * 10**8, 2 * DAY)))
    for contract in rich_contracts():
        house.ok(c.ListContract(contract))
    house.ok(c.AdoptRulebook(rich_rulebook(form, **rules)))
    for member in range(members):
        house.ok(c.AddMember(f"m{member}"))
        for client in range(clients):
            house.ok(c.OpenAccount(member, f"m{member}/c{client}"))
    house.mark(*FEED.items(), assets={BTC: 50_000 * 10**8, EUR: 11 * 10**7})
    return house


def accounts_of(house: House) -> list[int]:
    """Accounts that may trade: members' own and clients'."""
    return [at for at, account in enumerate(house.book.registers.accounts) if account.role <= 1]


# ---- one house at the bounds ----------------------------------------------------------------------------------------


def extreme_house(form: str = "clearing_house", members: int = 4, **rules: object) -> House:
    """Contracts whose position limit x largest value per lot is 2^61 or nearly: every sum runs as high as it may."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 6, 8)))
    house.ok(c.AddAsset(Asset("BTC", 10, 12, 2**48 * 1000, 2 * DAY)))
    house.ok(c.AddAsset(Asset("EUR", 6, 8, 10**16, 2 * DAY)))
    base: dict[str, object] = {"stale_after_ns": 2 * DAY, "tick_size": "1", "lot_size": "0.00002048"}
    base |= {"settlement": "USD", "price_min_ticks": 1, "price_max_ticks": 2**20, "position_limit_lots": 2**30}
    base |= {"margin_class": "major"}
    inverse = base | {"settlement": "BTC", "inverse": True, "lot_size": "1", "position_limit_lots": 2**21}
    dated = {"expiry_ns": 2 * DAY}
    option = base | dated | {"underlying": "IDX", "strike": "1000", "margin_class": "option"}
    bounded = dated | {"kind": Kind.FUTURE, "price_min_ticks": -(2**19), "price_max_ticks": 2**19}
    for row in (
        base | {"symbol": "IDX", "kind": Kind.INDEX},
        base | {"symbol": "FUT", "kind": Kind.FUTURE, **dated},
        base | {"symbol": "PERP", "kind": Kind.PERPETUAL, "position_limit_lots": 2**29, "fee_ppm": 10_000},
        inverse | {"symbol": "INV", "kind": Kind.PERPETUAL, "position_limit_lots": 2**20},
        option | {"symbol": "CALL", "kind": Kind.CALL},
        option | {"symbol": "PUT", "kind": Kind.PUT, "fee_ppm": 1_000_000},
        option | inverse | {"symbol": "COIN-CALL", "kind": Kind.CALL, "tick_size": "0.000001", "strike": "2"}
        | {"position_limit_lots": 2**20},
        base | {"symbol": "FUT2", "kind": Kind.FUTURE, **dated},
        inverse | {"symbol": "INV-FUT", "kind": Kind.FUTURE, **dated},
        base | {"symbol": "EUR-PERP", "kind": Kind.PERPETUAL, "settlement": "EUR", "position_limit_lots": 2**29},
        option | {"symbol": "STYLED-CALL", "kind": Kind.CALL, "futures_style": True},
        base | bounded | {"symbol": "BINARY", "capped": True, "collateralised": True, "resolvable": True},
        base | bounded | {"symbol": "SPREAD", "capped": True, "margin_floor_ticks": 1},
        base | bounded | {"symbol": "ANY", "margin_floor_ticks": 2**19},
    ):  # fmt: skip
        house.ok(c.ListContract(Contract(**row)))  # type: ignore[arg-type]
    house.ok(c.AdoptRulebook(rich_rulebook(form, **rules)))
    for member in range(members):
        house.ok(c.AddMember(f"m{member}"))
        house.ok(c.OpenAccount(member, f"m{member}/c0"))
    prices = {at: int(row["price_max_ticks"]) // 2 for at, row in enumerate(house.book.contracts[:14])}
    house.mark(*prices.items(), assets={BTC: 2**48, EUR: 10**15})
    return house

"""Whatever is asked, the house answers: no command stops it, and what is refused whole moves nothing."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novate import ClearingHouse
from novate.cli import main
from novate.service.audit import audit
from novate.views import detail, fact_name
from tests.house.opened import RULES, opened

NAMES = st.sampled_from(
    [
        *("alice", "bob", "alice", "bob", "Alpha", "Beta", "pool", "pool/1", "pool/2"),
        *("Alpha:fund", "house:fees", "liquidation:11", "nobody", ""),
    ]
)
SYMBOLS = st.sampled_from(["BTC-PERP", "INV", "FUT", "CALL", "IDX", "BET", "nothing"])
ASSETS = st.sampled_from(["USD", "BTC", "EUR"])
HUGE = st.sampled_from([0, 1, -1, 2**31, 2**61, 2**63 - 1, -(2**63), 2**64, 10**30])
LOTS = st.integers(1, 200) | st.integers(1, 20) | HUGE
PRICES = st.sampled_from(
    [
        "50000",
        "50000",
        "50100",
        "49000.5",
        "49900",
        "50500",
        "1",
        "1000000",
        "45000",
        "55000",
        "50000.25",
        "-1",
        "0",
        "1e9",
        "9" * 19,
        "NaN",
    ]
)
AMOUNTS = st.sampled_from(["1", "1000", "0.01", "0.001", "-5", "0", "92233720368547758.07", "9" * 40, "1e3"])
NUMBERS = st.integers(1, 60) | st.integers(1, 10**6) | st.sampled_from([0, -1, 2**63 - 1, 2**64])
RATES = st.sampled_from(["0.01%", "-1", "1", "1000000", "0.0000000000001", "9000000", "-9000000"])
TIMES = st.integers(0, 60).map(lambda half: None if half < 40 else (1_709_539_200 + (half - 40) * 1800) * 10**9)


def command(kind: str, /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    made = st.fixed_dictionaries({"command": st.just(kind), "time": TIMES, **fields})
    return made.map(lambda one: {field: value for field, value in one.items() if value is not None})


def rows(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.fixed_dictionaries({"number": NUMBERS, **fields}), max_size=4)


SOURCE = st.sampled_from(["venue", "bank", ""])
CASH = rows(account=NAMES, asset=ASSETS, amount=AMOUNTS)
TRADE = rows(contract=SYMBOLS, buyer=NAMES, seller=NAMES, lots=LOTS, price=PRICES)
COMMANDS = st.one_of(
    command("trades", source=SOURCE, rows=TRADE),
    command("trades", source=SOURCE, rows=TRADE),
    command("deposit", source=SOURCE, rows=CASH),
    command("withdraw", source=SOURCE, rows=CASH),
    command("marks", prices=st.dictionaries(SYMBOLS | ASSETS, st.none() | PRICES, max_size=3)),
    command("marks", prices=st.dictionaries(SYMBOLS, PRICES, max_size=3)),
    command("funding", rates=st.dictionaries(SYMBOLS, RATES, max_size=2)),
    command("contribute", source=SOURCE, number=NUMBERS, fund=st.sampled_from(["default_fund", "insurance_fund", "x"]),
            asset=ASSETS, amount=AMOUNTS, member=st.none() | NAMES),
    command("execute", source=SOURCE, number=NUMBERS, order=st.integers(0, 3) | HUGE, lots=LOTS, price=PRICES,
            counterparty=NAMES),
    command("expire", contract=SYMBOLS, price=PRICES),
    command("resolve", contract=SYMBOLS, price=PRICES, outcome=st.sampled_from(["resolved", "voided", "won"])),
    command("add_member", name=NAMES),
    command("open_account", member=NAMES, name=NAMES),
    command("open_account", member=NAMES, name=NAMES, kind=st.sampled_from(["net_omnibus", "gross_omnibus", "pool"])),
    command("open_sub_account", account=NAMES, reference=st.sampled_from(["1", "2", "3", "", " ", "x" * 130])),
    command("add_asset", symbol=ASSETS, decimals=st.integers(-1, 20), fine_decimals=st.integers(-1, 20)),
    command("clock"),
    command("set_margin_mode", account=NAMES, mode=st.sampled_from(["portfolio", "portfolio", "cross", "isolated"])),
    command("adopt_risk_sheet", name=st.just("s"), numeraire=ASSETS, unit=AMOUNTS,
            blocks=st.just([{"name": "b", "part": "current", "scenarios": 2, "measure": "worst", "weight": "100%"}]),
            contracts=st.dictionaries(SYMBOLS, st.fixed_dictionaries(
                {"netting_set": st.just("all"), "results": st.lists(st.integers(-9, 9) | HUGE, max_size=3)}))),
)  # fmt: skip


def wider(path: Path | None = None) -> ClearingHouse:
    """The house of the other tests with an inverse perpetual, a future, an index and a call, and richer clients."""
    house = opened(path)
    common: dict[str, Any] = {"settlement": "USD", "tick_size": "0.5", "price_max": 1_000_000, "margin_class": "major"}
    common |= {"stale_after": "9h", "price_min": 1}
    house.add_asset("BTC", 8, 12, price_max=10_000_000, stale_after="1h").expect()
    house.adopt_rulebook("wider", **{**RULES, "collateral": {"USD": 0, "BTC": "10%"}}).expect()
    coin = {"settlement": "BTC", "lot_size": 100, "position_limit": 1_000_000, "inverse": True, "price_min": 1000}
    house.list_contract("INV", "perpetual", **{**common, **coin}).expect()
    expiry = 1_709_560_000 * 10**9
    house.list_contract("FUT", "future", **common, lot_size="0.01", position_limit=100, expiry=expiry).expect()
    house.list_contract("IDX", "index", **common, lot_size=1, position_limit=1).expect()
    call = {"underlying": "IDX", "strike": 50_000, "expiry": expiry, "lot_size": "0.01", "position_limit": 100}
    house.list_contract("CALL", "call", **common, **call).expect()
    bet = {**common, "tick_size": "0.01", "price_min": 0, "price_max": 1, "lot_size": 1, "expiry": expiry}
    bet |= {"position_limit": 10_000, "capped": True, "collateralised": True, "resolvable": True, "margin_class": ""}
    house.list_contract("BET", "future", **bet).expect()
    house.marks({"INV": 50_000, "FUT": 50_000, "IDX": 50_000, "CALL": 2000, "BET": "0.4"}).expect()
    for name in ("carl", "dora"):
        house.open_account(name, member="Beta").expect()
        house.deposit(name, "USD", 30_000).expect()
    house.open_account("pool", member="Beta", kind="gross_omnibus").expect()
    for reference in ("1", "2"):
        house.open_sub_account("pool", reference).expect()
    house.deposit("pool", "USD", 30_000).expect()
    for fund in ("skin_in_the_game", "insurance_fund", "treasury"):
        house.contribute(fund, "USD", 400).expect()
    return house


@settings(max_examples=60)
@given(st.lists(COMMANDS, max_size=14))
def test_no_command_stops_the_house(commands: list[dict[str, Any]]) -> None:
    with wider() as house:
        for one in commands:
            before = house.digest()
            outcome = house.submit(one)
            for refusal in outcome.refusals:
                assert refusal.path.startswith("$")
                assert 10 < len(refusal.message) < 400
                assert refusal.row is None or 0 <= refusal.row < outcome.rows
            if outcome.seq is None:
                assert not outcome.ok
                assert house.digest() == before
        house.clock(1_709_539_200 * 10**9 + 10**15)


class Crowd:
    """Asks a house for one thing after another, most of it sensible and some of it not; a seed is a world."""

    def __init__(self, house: ClearingHouse, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)
        self.number = 0
        self.time_ns = house.time_ns
        self.price = 50_000

    def ask(self) -> dict[str, Any]:
        """The next command."""
        kinds = (
            self.trade,
            self.mark,
            self.cash,
            self.fill,
            self.clock,
            self.fund,
            self.expire,
            self.nonsense,
            self.bet,
        )
        (kind,) = self.random.choices(kinds, (8, 6, 4, 6, 3, 1, 1, 2, 2))
        self.number += 1
        return kind()

    def name(self) -> str:
        return self.random.choice(["alice", "bob", "carl", "dora"] * 6 + ["Alpha", "Beta", "nobody", "house:skin"])

    def trade(self) -> dict[str, Any]:
        contract = self.random.choice(["BTC-PERP", "BTC-PERP", "INV", "FUT", "CALL"])
        about = 2000 if contract == "CALL" else self.price
        price = about + self.random.choice([0, 0, 10, -10, 250, -900])
        lots = self.random.choice([1, 5, 20, 60, 150, 400])
        row = {"number": self.number, "contract": contract, "buyer": self.name(), "seller": self.name()}
        return {"command": "trades", "source": "venue", "rows": [{**row, "lots": lots, "price": price}]}

    def mark(self) -> dict[str, Any]:
        self.price = max(20_000, min(90_000, self.price + self.random.choice([50, -50, 400, -400, 3000, -3500, 9000])))
        prices: dict[str, Any] = dict.fromkeys(("BTC-PERP", "INV", "FUT", "IDX"), self.price)
        prices |= {"CALL": max(1, self.price - 48_000), "BTC": self.price}
        if self.random.random() < 0.1:
            prices[self.random.choice(list(prices))] = None
        return {"command": "marks", "prices": prices}

    def cash(self) -> dict[str, Any]:
        asset, amounts = self.random.choice([("USD", ["5", "300", "2000.01"]), ("BTC", ["0.01", "0.00000001", "0.2"])])
        row = {"number": self.number, "account": self.name(), "asset": asset, "amount": self.random.choice(amounts)}
        return {"command": self.random.choice(["deposit", "deposit", "withdraw"]), "source": "venue", "rows": [row]}

    def fill(self) -> dict[str, Any]:
        orders = self.house.open_orders()
        if not orders:
            return self.trade()
        order = self.random.choice(orders)
        lots = self.random.choice([abs(order.open_lots), abs(order.open_lots), 1, abs(order.open_lots) // 2 + 1, 10**6])
        fill = {"command": "execute", "source": "venue", "number": self.number, "order": order.number}
        return {**fill, "lots": lots, "price": order.limit_price, "counterparty": self.name()}

    def clock(self) -> dict[str, Any]:
        self.time_ns += self.random.choice([30, 90, 1800, 3600, 4 * 3600]) * 10**9
        return {"command": "clock", "time": self.time_ns}

    def fund(self) -> dict[str, Any]:
        return {"command": "funding", "rates": {"BTC-PERP": self.random.choice(["0.0001", "-0.003"]), "INV": "0.01"}}

    def expire(self) -> dict[str, Any]:
        return {"command": "expire", "contract": self.random.choice(["FUT", "CALL"]), "price": self.price}

    def bet(self) -> dict[str, Any]:
        price = self.random.choice(["0", "0.01", "0.4", "0.99", "1", "1.01"])
        if self.random.random() < 0.05:
            return {"command": "resolve", "contract": "BET", "price": price, "outcome": "voided"}
        if self.random.random() < 0.3:
            return {"command": "marks", "prices": {"BET": price}}
        asked = self.trade()
        asked["rows"][0] |= {"contract": "BET", "price": price}
        return asked

    def nonsense(self) -> dict[str, Any]:
        asked = self.trade()
        asked["rows"][0][self.random.choice(["lots", "price", "number", "buyer"])] = self.random.choice(
            [0, -1, 2**63, "x", None, "0.1", []]
        )
        return asked


@pytest.mark.parametrize("seed", range(8))
def test_a_crowd_is_cleared_whatever_it_asks(seed: int) -> None:
    happened = set()
    with wider() as house:
        crowd = Crowd(house, seed)
        for _ in range(150):
            asked = crowd.ask()
            outcome = house.submit(asked)
            happened |= {fact_name(type(fact)) for fact in outcome.facts}
            assert all(10 < len(refusal.message) < 400 for refusal in outcome.refusals)
        for row in house.facts():
            assert detail(row)
        paid = house.read(lambda book: book.registers.external_minor)
        held = [
            sum(int(row["balance_minor"]) for row in house.read(lambda book, at=at: book.balances[:, at].copy()))
            for at in range(len(paid))
        ]
        assert held == paid
    assert {"trades_novated", "marks_published", "rows_refused"} <= happened


@pytest.mark.parametrize("seed", [100, 101])
def test_a_crowds_journal_is_audited_and_its_tape_makes_the_same_house(seed: int, tmp_path: Path) -> None:
    journal, written = tmp_path / "journal", tmp_path / "written.jsonl"
    with wider(journal) as house:
        crowd = Crowd(house, seed)
        for _ in range(200):
            house.submit(crowd.ask())
        seq, digest = house.seq, house.digest()
    found = audit(journal)
    assert (found.clean, found.records) == (True, seq)
    assert main(["replay", str(journal), "--tape", str(written)]) == 0
    with ClearingHouse() as house:
        outcomes = list(house.run(written))
        assert [str(outcome.refusals) for _, outcome in outcomes if outcome.seq is None] == []
        assert (house.seq, house.digest()) == (seq, digest)

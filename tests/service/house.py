"""A small house for the tests of the service: two members, one future, one day."""

from pathlib import Path

import numpy as np

from novate.core.commands import (
    AddAsset,
    AddMember,
    AdoptRulebook,
    AnyCommand,
    Clock,
    Contribute,
    Deposit,
    ListContract,
    OpenAccount,
    PublishMarks,
    SubmitTrades,
)
from novate.core.rows import CASH, MARK, TRADE
from novate.core.terms import Asset, Contract, Kind, Layer, Rulebook, Tier
from novate.service.engine import Engine

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
USD = 0
FUTURE = 0
ALICE, BOB = 5, 7
"""House accounts of the two members: an account index after the five of the house, with a fund account each."""

RULEBOOK = Rulebook(
    name="test",
    numeraire="USD",
    form="clearing_house",
    collateral={"USD": 0},
    margin_classes={"future": (Tier(0, 100_000, 50_000),)},
    settlement_interval_ns=HOUR,
    call_due_ns=HOUR,
    waterfall=(Layer.DEFAULTER_FUND, Layer.SKIN, Layer.INSURANCE, Layer.SURVIVORS_FUND, Layer.GAINS_HAIRCUT),
)

TERMS = Contract(
    symbol="ABC-DEC",
    kind=Kind.FUTURE,
    settlement="USD",
    tick_size="0.5",
    lot_size="1",
    price_min_ticks=1,
    price_max_ticks=10_000,
    position_limit_lots=1_000_000,
    margin_class="future",
    stale_after_ns=24 * HOUR,
    expiry_ns=1000 * HOUR,
    fee_ppm=100,
)


def mark(price_ticks: int) -> PublishMarks:
    """A mark of the future."""
    return PublishMarks(np.array([(price_ticks, FUTURE, 0)], MARK).tobytes())


def deposit(source: str, number: int, account: int, amount_minor: int) -> AnyCommand:
    """Dollars for an account."""
    return Deposit(source, np.array([(number, amount_minor, account, USD)], CASH).tobytes())


def trade(source: str, number: int, lots: int = 1, price_ticks: int = 200, rows: int = 1) -> SubmitTrades:
    """Alice buys from Bob, ``rows`` times."""
    table = np.zeros(rows, TRADE)
    table["number"] = np.arange(number, number + rows)
    table["lots"], table["price_ticks"] = lots, price_ticks
    table["contract"], table["buyer"], table["seller"] = FUTURE, ALICE, BOB
    return SubmitTrades(source, table.tobytes())


def opening() -> list[AnyCommand]:
    """Ten commands after which Alice and Bob can trade."""
    return [
        AddAsset(Asset("USD", decimals=2, fine_decimals=8)),
        AdoptRulebook(RULEBOOK),
        ListContract(TERMS),
        AddMember("Alice"),
        AddMember("Bob"),
        OpenAccount(0, "Alice's client"),
        Contribute("treasurer", 1, "insurance_fund", USD, 100_000),
        deposit("cash", 1, ALICE, 1_000_000_000),
        deposit("cash", 2, BOB, 1_000_000_000),
        mark(200),
    ]


def day() -> list[tuple[int, AnyCommand]]:
    """A day with times: trades, marks, a settlement and refusals."""
    commands = [*opening(), trade("market", 1, lots=5, rows=30), mark(210), trade("market", 31), trade("market", 31)]
    return [*((n * SECOND, command) for n, command in enumerate(commands)), (2 * HOUR, Clock()), (2 * HOUR, mark(205))]


def a_day_in(folder: Path) -> bytes:
    """A journal of the day in a folder; the state hash after it."""
    with Engine(folder) as engine:
        return carry_out(engine, day())


def carry_out(engine: Engine, tape: list[tuple[int, AnyCommand]]) -> bytes:
    """Submit a tape; the state hash after it."""
    for time_ns, command in tape:
        engine.submit(command, time_ns)
    return engine.read(lambda book: book.digest()).result(60)

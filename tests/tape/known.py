"""The house against whose names and terms a tape is read."""

from typing import Any

import pytest

from novate import tape
from novate.core.registers import Conversion, Order, Registers
from novate.core.terms import Account, Asset, Contract, Kind, Layer, Member, Role, Rulebook, Tier

USD = Asset("USD", 2, 8)
BTC = Asset("BTC", 8, 12, price_max_fine=10**7 * 10**8, stale_after_ns=3_600 * 10**9)
PERPETUAL = Contract("BTC-PERP", Kind.PERPETUAL, "USD", "0.5", "0.001", 2, 2_000_000, 10**6, "major", 10**9)
INDEX = Contract("ETH", Kind.INDEX, "USD", "0.01", "1", 1, 10**8, 10**6, "major", 10**9)
OPTION = Contract(
    "ETH-C-2000", Kind.CALL, "USD", "0.1", "0.1", 1, 10**6, 10**5, "major", 10**9,
    underlying="ETH", strike="2000", expiry_ns=1_700_000_000_000_000_000, fee_ppm=300,
)  # fmt: skip
RULES = Rulebook(
    name="rules",
    numeraire="USD",
    form="clearing_house",
    collateral={"USD": 0, "BTC": 100_000},
    margin_classes={"major": (Tier(0, 50_000, 25_000), Tier(10**14, 100_000, 50_000, 20_000, 10_000))},
    settlement_interval_ns=8 * 3_600 * 10**9,
    call_due_ns=5_400 * 10**9,
    waterfall=(Layer.DEFAULTER_FUND, Layer.GAINS_HAIRCUT),
    call_minimum_fine=10**10,
)


def registers(*, rulebook: Rulebook | None = RULES) -> Registers:
    """A house with two assets, three contracts, a member and two clients, one liquidation order and one that
    sells bitcoin for dollars."""
    names = ["house:fees", "house:rounding", "house:treasury", "house:skin", "house:insurance"]
    accounts = [Account(name, Role.FEES, -1) for name in names]
    accounts += [Account("Alpha", Role.HOUSE, 0), Account("Alpha:fund", Role.DEFAULT_FUND, 0)]
    accounts += [Account("alice", Role.CLIENT, 0), Account("bob", Role.CLIENT, 0)]
    return Registers(
        assets=[USD, BTC],
        contracts=[PERPETUAL, INDEX, OPTION],
        members=[Member("Alpha", 5, 6)],
        accounts=accounts,
        rulebook=rulebook,
        orders={7: Order(7, 0, -10, -10, 100_000, 0)},
        conversions={3: Conversion(7, 1, 444_445, 444_445, 0, 200_00, 0)},
        next_conversion=4,
    )


def decode(value: Any, known: Registers | None = None) -> tape.Decoded:
    known = registers() if known is None else known
    return tape.decode_command(tape.wire_command(value), known, tape.Names(known))


def refusal_of(line: str | bytes) -> tape.Refusal:
    """The refusal of a line that does not convert as a whole."""
    with pytest.raises(tape.Refused) as caught:
        decode(tape.parse_line(line))
    return caught.value.refusal


def trade(**changes: Any) -> dict[str, Any]:
    row = {"number": 1, "contract": "BTC-PERP", "buyer": "alice", "seller": "bob", "lots": 5, "price": "50000.5"}
    return {name: value for name, value in {**row, **changes}.items() if value is not ...}


def trades(*rows: Any) -> dict[str, Any]:
    return {"command": "trades", "source": "venue", "rows": list(rows)}

"""From real returns to a risk sheet: rounding hides no more than half a unit a lot, and the house margins by it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from novate.core import commands as c
from novate.core.margin import judge
from novate.core.plain import margin as plain_margin
from novate.core.plain import sheet as plain_sheet
from novate.core.sheet_terms import ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import MarginMode
from novate.risk.sheet import hidden, quantise
from tests.core.worlds import MILLION, USD, House, future, reasons, rulebook, small_house


def returns(path: Path, symbol: str, step: int) -> np.ndarray:
    """Returns of closes ``step`` bars apart."""
    table = pq.read_table(path, columns=["symbol", "ts", "close"])
    table = table.filter(pc.equal(table["symbol"], symbol)).sort_by("ts")  # pyright: ignore[reportAttributeAccessIssue]
    closes = table["close"].to_numpy()
    return closes[step:] / closes[:-step] - 1


def house_of_two() -> House:
    """Two futures at 100 dollars, all with room."""
    house = small_house(members=3)
    house.ok(c.ListContract(future("ETH")))
    house.ok(c.AdoptRulebook(rulebook()))
    house.mark((0, 200), (1, 200))
    for name in ("m0", "m1", "m2"):
        house.deposit(house.account(name), USD, MILLION)
    return house


def test_a_sheet_of_real_returns_margins_as_its_floats_would(market_file: Callable[[str], Path]) -> None:
    data = market_file("binance_perp_15m_2025h2.parquet")
    moves = [returns(data, symbol, 96)[-8_000::8] for symbol in ("BTCUSDT", "ETHUSDT")]
    unit, scenarios = 0.01, len(moves[0])
    half = scenarios // 2
    gains = [100 * move for move in moves]  # one lot is worth 100 dollars
    rows = [quantise(gain, unit) for gain in gains]
    assert all(hidden(gain, unit, row) <= 0.5 + 1e-6 for gain, row in zip(gains, rows, strict=True))
    blocks = (
        ScenarioBlock("current", "current", half, "expected_shortfall", 750_000, 1, 1, 40),
        ScenarioBlock("stressed", "stressed", scenarios - half, "worst", 250_000),
    )
    contracts = (ContractRow("FUT", "coins", rows[0]), ContractRow("ETH", "coins", rows[1]))
    house = house_of_two()
    house.ok(c.AdoptRiskSheet(RiskSheet("real", "USD", 10**6, blocks, contracts)))
    m0, m1, m2 = (house.account(name) for name in ("m0", "m1", "m2"))
    for account in (m0, m1):
        house.ok(c.SetMarginMode(account, MarginMode.PORTFOLIO))
    assert not reasons(house.trade(0, m0, m1, 70, 200))
    assert not reasons(house.trade(1, m1, m0, 55, 200))
    assert not reasons(house.trade(1, m2, m1, 20, 200))
    for account in (m0, m1):
        own = plain_margin.read(house.book, account)
        lots, initial = own.lots(), judge(house.book, account).initial_fine
        assert initial == plain_sheet.requirement(house.book, own.reaches(), [MILLION])
        losses = -sum(lots[at] * gains[at] for at in range(2))
        worst = np.sort(losses[:half])[::-1]
        mass = half / 40
        whole = int(mass)
        tail = (worst[:whole].sum() + (mass - whole) * worst[whole]) / mass
        asked = 0.75 * tail + 0.25 * losses[half:].max()
        spread = sum(map(abs, lots.values())) * unit  # half a unit a lot for the rounding, as much again added back
        assert asked - 1e-6 <= initial / 10**8 <= asked + spread + 4 * unit


@pytest.mark.parametrize(
    ("results", "unit", "says"),
    [
        ([1.0, np.nan], 0.01, r"results\[1\]: expected a finite number"),
        ([], 0.01, "one number for each scenario"),
        ([1.0], 0.0, "a positive amount of money"),
        ([1e20], 0.01, "use a larger unit"),
    ],
)
def test_what_cannot_be_a_row_is_said(results: list[float], unit: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        quantise(np.array(results), unit)

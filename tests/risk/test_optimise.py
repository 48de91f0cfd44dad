"""The cheapest collateral and the trades that free most margin: against brute force, and counted by the house."""

import itertools
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from novate.core import commands as c
from novate.core.margin import judge
from novate.core.money import PPM
from novate.core.plain import sheet as plain
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import MarginMode
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, moves
from novate.risk.optimise.cheapest import Eligible, cheapest_collateral, counted
from novate.risk.optimise.freeing import Tradable, freeing_trades
from novate.risk.optimise.program import Program
from novate.risk.sheet import quantise
from novate.risk.sheet_asks import units_asked
from tests.core.sheets import contract_row, results, sheets, small_sheet
from tests.core.worlds import MILLION, USD, future, reasons, rulebook, small_house
from tests.risk.test_real_series import read

assets = st.lists(
    st.builds(
        Eligible,
        asset=st.sampled_from("ABCD"),
        lot_fine=st.integers(1, 500),
        haircut_ppm=st.sampled_from([0, 33_333, 160_000, 500_000, 1_000_000]),
        lots_max=st.integers(0, 4),
        cost_fine=st.integers(-2, 20),
        cap_fine=st.none() | st.integers(0, 900),
        group=st.sampled_from([None, "x", "y"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150)
@given(requirement=st.integers(0, 2_000), eligible=assets, cap=st.integers(0, 1_000))
def test_no_other_collateral_is_cheaper(requirement: int, eligible: list[Eligible], cap: int) -> None:
    caps, best = {"x": cap}, None
    for lots in itertools.product(*(range(each.lots_max + 1) for each in eligible)):
        if counted(eligible, lots, caps) >= requirement:
            cost = sum(each.cost_fine * held for each, held in zip(eligible, lots, strict=True))
            best = cost if best is None else min(best, cost)
    if best is None:
        with pytest.raises(RiskError, match="all that is eligible"):
            cheapest_collateral(requirement, eligible, group_caps_fine=caps)
        return
    found = cheapest_collateral(requirement, eligible, group_caps_fine=caps)
    assert found.cost_fine == best
    assert found.counted_fine == counted(eligible, found.lots, caps) >= requirement
    assert all(0 <= held <= each.lots_max for each, held in zip(eligible, found.lots, strict=True))


def test_collateral_for_a_million() -> None:
    """In dollars: cash at 5 % a year, bills at nothing but only for 400,000, coins cheap, with 16 % off and a cap."""
    unit = 10**8
    eligible = [
        Eligible("USD", 1 * unit, 0, 10**7, cost_fine=unit // 20),
        Eligible("BILL", 1_000 * unit, 10_000, 400, cost_fine=0, group="treasury"),
        Eligible("BTC", 50_000 * unit, 160_000, 30, cost_fine=500 * unit, cap_fine=300_000 * unit),
    ]
    found = cheapest_collateral(10**6 * unit, eligible, group_caps_fine={"treasury": 350_000 * unit})
    dollars, bills, coins = found.lots
    assert bills >= 354, "the cap on bills counts 350,000 of them"
    assert coins == 7, "seven count for 294,000 at 500 dollars, which cash would cost 14,700 for; an eighth for 6,000"
    assert dollars == 10**6 - 350_000 - 294_000
    assert found.counted_fine == 10**6 * unit


@pytest.mark.parametrize(
    ("requirement", "eligible", "says"),
    [
        (-1, [Eligible("A", 1, 0, 1, 0)], "0 or more"),
        (1, [], "from some"),
        (1, [Eligible("A", 0, 0, 1, 0)], "A: .*a worth"),
        (1, [Eligible("A", 1, PPM + 1, 1, 0)], "a haircut"),
        (1, [Eligible("A", 1, 0, 1, 0, cap_fine=-1)], "nothing negative"),
        (3, [Eligible("A", 1, 0, 2, 0)], "counts for 2 of a requirement of 3"),
    ],
)
def test_collateral_that_cannot_be_chosen_is_said(requirement: int, eligible: list[Eligible], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        cheapest_collateral(requirement, eligible)
    with pytest.raises(RiskError, match="group caps"):
        cheapest_collateral(0, [Eligible("A", 1, 0, 2, 0)], group_caps_fine={"x": -1})


def test_a_missing_solver_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'novate\[optimise\]'"):
        cheapest_collateral(1, [Eligible("A", 1, 0, 2, 0)])


def test_a_search_that_does_not_end_is_said() -> None:
    program, weights = Program(), np.random.default_rng(1).integers(10**5, 10**6, 60)
    items = program.variables(60, cost=-1.0, most=1, whole=True)
    program.row(items, weights, most=float(weights.sum() // 2), least=float(weights.sum() // 2))
    with pytest.raises(RiskError, match="allow more than 1 nodes"):
        program.solved(nodes_max=1)


def by_the_core(sheet: RiskSheet, lots: dict[str, int]) -> int:
    """The same in the core's slow twin, block by block."""
    rows = {row.symbol: row for row in (*sheet.contracts, *sheet.collateral)}
    held: plain.Held = [(rows[symbol], (size, size)) for symbol, size in lots.items() if size]
    added, floors, first = Fraction(0), [0], 0
    for block in sheet.blocks:
        asked = plain.asked_by(sheet, block, first, held) * Fraction(block.weight_ppm, PPM)
        first += block.scenarios
        if block.part == "floor":
            floors.append(-(-asked.numerator // asked.denominator))
        else:
            added += asked
    units = max(-(-added.numerator // added.denominator), *floors)
    units += sum(plain.add_on(row.add_ons, plain.size_of(reach)) for row, reach in held)
    return units + -(-sum(plain.size_of(reach) for _, reach in held) // 2)


@given(sheet=sheets(large=False), lots=st.lists(st.integers(-1_000, 1_000), min_size=30, max_size=30))
def test_a_sheet_asks_here_what_the_core_asks(sheet: RiskSheet, lots: list[int]) -> None:
    held = {row.symbol: size for row, size in zip(sheet.contracts, lots, strict=False)}
    held |= {row.symbol: abs(lots[at]) % (row.lots_max + 1) for at, row in enumerate(sheet.collateral)}
    assert units_asked(sheet, held) == by_the_core(sheet, held)


def test_lots_that_a_sheet_cannot_judge_are_said() -> None:
    sheet = small_sheet(collateral=(CollateralRow("BTC", "all", results([1, 1, 1]), 1, 5),))
    for lots, says in (
        ({"X": 1}, "no row for it"),
        ({"BTC": 6}, "carries 0 to 5"),
        ({"FUT": 2**52}, "use larger units"),
    ):
        with pytest.raises(RiskError, match=says):
            units_asked(sheet, lots)


@st.composite
def convex_sheets(draw: st.DrawFn) -> RiskSheet:
    """Three contracts in up to two sets, every convex block, caps of every size, add-ons that rise."""
    shares = draw(st.sampled_from([(1_000_000,), (750_000, 250_000)]))
    blocks = []
    for at, weight in enumerate((*shares, *draw(st.sampled_from([(), (900_000,)])))):
        part = ("current", "stressed")[at] if at < len(shares) else "floor"
        measure = draw(st.sampled_from(["worst", "expected_shortfall"]))
        count, denominator = draw(st.integers(2, 8)), draw(st.integers(1, 3))
        blocks.append(ScenarioBlock(f"b{at}", part, count, measure, weight, 1, 1, denominator))  # type: ignore[arg-type]
    count = sum(block.scenarios for block in blocks)
    rows = []
    for symbol in "ABC":
        values = draw(st.lists(st.integers(-1_000, 1_000), min_size=count, max_size=count))
        pieces = draw(
            st.sampled_from([(), (AddOn(0, 0), AddOn(2, 40_000_000)), (AddOn(1, 5_000_000), AddOn(4, 10**8))])
        )
        rows.append(ContractRow(symbol, draw(st.sampled_from(["x", "y"])), results(values), pieces))
    return small_sheet(*rows, blocks=tuple(blocks), offset_cap_ppm=draw(st.sampled_from([0, 800_000, 1_000_000])))


@settings(max_examples=100)
@given(sheet=convex_sheets(), lots=st.tuples(*[st.integers(-6, 6)] * 3), cost=st.sampled_from([0.0, 0.25, 60.0]))
def test_no_other_trades_free_more(sheet: RiskSheet, lots: tuple[int, ...], cost: float) -> None:
    """Within what rounding up each part of the requirement adds to the float optimum."""
    held = dict(zip("ABC", lots, strict=True))
    bounds = {"A": Tradable(2, 3, cost), "B": Tradable(4, 0, cost)}
    found = freeing_trades(sheet, held, bounds, gap=0.0)
    best = 0.0
    for a, b in itertools.product(range(-2, 4), range(-4, 1)):
        after = units_asked(sheet, held | {"A": held["A"] + a, "B": held["B"] + b})
        best = max(best, found.before_units - after - cost * (abs(a) + abs(b)))
    ceilings = len(sheet.blocks) * (2 + len(sheet.netting_sets)) + sum(len(row.add_ons) for row in sheet.contracts) + 2
    assert best - ceilings <= found.freed_units - found.cost_units <= best + 1e-9
    assert set(found.trades) <= set(bounds)
    assert all(-bounds[symbol].sell_max <= size <= bounds[symbol].buy_max for symbol, size in found.trades.items())
    assert found.after_units == units_asked(sheet, {name: held[name] + found.trades.get(name, 0) for name in "ABC"})
    assert found.before_units == units_asked(sheet, held)


def test_a_limit_on_what_is_traded_is_kept() -> None:
    """A long of ten in A that loses 500 in the worst scenario: each lot sold frees 500 and half a unit."""
    sheet = small_sheet(contract_row("A", [-500, 200, 800]))
    found = freeing_trades(sheet, {"A": 10}, {"A": Tradable(10, 10)}, lots_traded_max=3)
    assert (found.trades, found.before_units, found.after_units, found.freed_units) == ({"A": -3}, 5_005, 3_504, 1_501)
    assert freeing_trades(sheet, {"A": 10}, {"A": Tradable(10, 10, 501.0)}).trades == {}
    assert freeing_trades(sheet, {}, {"A": Tradable(10, 10)}).trades == {}


def test_what_is_not_convex_or_not_there_is_said() -> None:
    worst = ScenarioBlock("b", "current", 3, "kth_worst", PPM, 2)
    falling = small_sheet(contract_row("A", [-5, 2, 8], "all", (0, 2_000_000), (3, 1_000_000)))
    for sheet, bounds, says in (
        (small_sheet(contract_row("A", [-5, 2, 8]), blocks=(worst,)), {"A": Tradable(1, 1)}, "k-th worst"),
        (falling, {"A": Tradable(1, 1)}, "fall with size"),
        (small_sheet(), {"A": Tradable(1, 1)}, "no contract of the sheet"),
        (small_sheet(), {"FUT": Tradable(-1, 1)}, "nothing negative"),
    ):
        with pytest.raises(RiskError, match=says):
            freeing_trades(sheet, {}, bounds)
    with pytest.raises(RiskError, match="lots_traded_max"):
        freeing_trades(small_sheet(), {"FUT": 1}, {"FUT": Tradable(1, 1)}, lots_traded_max=-1)


def test_the_house_asks_what_the_optimiser_said(market_file: Callable[[str], Path]) -> None:
    """1,000 real two-day moves of bitcoin and as many of the S&P 500, each in a set of its own: the house agrees."""
    btc = read(market_file("btcusd_daily_2011_2025.parquet"), "close", Factor("BTC"), gap_days=1)
    index = read(market_file("sp500_index_daily.parquet"), "close", Factor("S&P 500"), gap_days=7)
    gains = [100 * np.expm1(moves(history, 2).moves[-1_000:, 0]) for history in (btc, index)]
    block = ScenarioBlock("current", "current", 1_000, "expected_shortfall", PPM, 1, 1, 100)
    rows = [
        ContractRow(symbol, symbol, quantise(gain, 0.01)) for symbol, gain in zip(("FUT", "ETH"), gains, strict=True)
    ]
    sheet = RiskSheet("real", "USD", 10**6, (block,), tuple(rows))
    found = freeing_trades(sheet, {"FUT": 70, "ETH": 40}, {"FUT": Tradable(20, 20), "ETH": Tradable(100, 100)})
    assert found.trades["FUT"] == -20
    assert found.freed_units > 0
    house = small_house(members=3)
    house.ok(c.ListContract(future("ETH")))
    house.ok(c.AdoptRulebook(rulebook()))
    house.mark((0, 200), (1, 200))
    for name in ("m0", "m1", "m2"):
        house.deposit(house.account(name), USD, MILLION)
    house.ok(c.AdoptRiskSheet(sheet))
    m0, m1 = house.account("m0"), house.account("m1")
    house.ok(c.SetMarginMode(m0, MarginMode.PORTFOLIO))
    for contract, lots in ((0, 70), (1, 40)):
        assert not reasons(house.trade(contract, m0, m1, lots, 200))
    assert judge(house.book, m0).initial_fine == found.before_units * sheet.unit_fine
    for contract, symbol in enumerate(("FUT", "ETH")):
        size = found.trades.get(symbol, 0)
        buyer, seller = (m0, m1) if size > 0 else (m1, m0)
        if size:
            assert not reasons(house.trade(contract, buyer, seller, abs(size), 200))
    assert judge(house.book, m0).initial_fine == found.after_units * sheet.unit_fine

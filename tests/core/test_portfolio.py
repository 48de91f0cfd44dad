"""Portfolio accounts through the house: a pool that is too small, calls, liquidation, collateral that costs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from novate.core import commands as c
from novate.core import layout
from novate.core.book import Book
from novate.core.evolve import evolve
from novate.core.facts import Breached, LiquidationOrdered, MarginCalled, RiskSheetAdopted, TakenOver
from novate.core.laws import LawBroken, check_whole
from novate.core.liquidation import judge_fill
from novate.core.margin import judge
from novate.core.novation import decide_trades
from novate.core.plain import margin as plain_margin
from novate.core.plain import sheet as plain_sheet
from novate.core.portfolio import freed_by, why
from novate.core.reasons import Reason
from novate.core.risk_sheet import digest_of, fold_risk_sheet_adopted
from novate.core.sheet_terms import CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import MarginMode
from tests.core.sheets import SYMBOLS, contract_row, results, small_sheet
from tests.core.worlds import BTC, FEED, MILLION, USD, House, coin_house, fill, future, of, reasons, rich_house, trades
from tests.core.worlds import small_house as house_of
from tests.rubbish import RUBBISH

PORTFOLIO = MarginMode.PORTFOLIO
ROOT = Path(__file__).resolve().parents[2]


def two_futures(form: str = "clearing_house", *, cash: int = 1_500_00, **rules: object) -> House:
    """m0 in portfolio mode: long 100 of one future against 60 short of another that moves alike; m1 is rich."""
    house = house_of(form, **rules)
    house.ok(c.ListContract(future("TWIN")))
    house.mark((1, 200))
    house.deposit(house.account("m0"), USD, cash)
    house.deposit(house.account("m1"), USD, MILLION)
    rows = (contract_row("FUT", [-1_500, 200, 800]), contract_row("TWIN", [-1_400, 300, 900]))
    house.ok(c.AdoptRiskSheet(small_sheet(*rows)))
    house.ok(c.SetMarginMode(house.account("m0"), PORTFOLIO))
    m0, m1 = house.account("m0"), house.account("m1")
    batch = [(house.next(), 60, 200, 1, m1, m0), (house.next(), 100, 200, 0, m0, m1)]  # the hedge first
    house.ok(c.SubmitTrades("venue", trades(batch)))
    return house


def test_a_pool_too_small_for_a_batch_decides_the_same() -> None:
    scenarios, random = 2**14, np.random.default_rng(7)
    rows = tuple(
        ContractRow(symbol, f"set {at}", results(random.integers(-900, 900, scenarios).tolist()))
        for at, symbol in enumerate(SYMBOLS)
    )
    blocks = (ScenarioBlock("all", "current", scenarios, "expected_shortfall", 10**6, 1, 1, 100),)
    sheet = RiskSheet("long", "USD", 10**6, blocks, rows)
    house = rich_house(kept_trades_max=10_000)
    traders = [at for at, account in enumerate(house.book.registers.accounts) if account.role <= 1]
    for account in traders:
        house.deposit(account, USD, 2_000_000_00 if account % 2 else 5_000_00)
        house.deposit(account, BTC, 10**8)
    fold_risk_sheet_adopted(house.book, RiskSheetAdopted(sheet, digest_of(sheet)))
    for account in traders:
        house.ok(c.SetMarginMode(account, PORTFOLIO))
    assert len(traders) > 2**23 // (8 * scenarios * (len(SYMBOLS) + 1)), "the pool holds them all"
    batch = []
    for at in range(120):
        buyer, seller = random.choice(traders, 2, replace=False).tolist()
        contract = int(random.choice([1, 2, 3, 8, 9]))
        batch.append((at + 1, int(random.integers(1, 3_000)), FEED[contract], contract, buyer, seller))
    digests = []
    for parts in ([batch], [[row] for row in batch]):
        copy = House(Book.loads(house.book.dumps()))
        refused = 0
        for part in parts:
            facts = decide_trades(copy.book, c.SubmitTrades("v", trades(part)))
            refused += len(reasons(facts))
            for fact in facts:
                evolve(copy.book, fact)
        assert 0 < refused < len(batch)
        digests.append(copy.book.digest())
    assert digests[0] == digests[1]


def test_what_a_hedge_frees_is_negative_and_why_says_so() -> None:
    house = two_futures()
    m0 = house.account("m0")
    # long 100: 150,000; short 60: -84,000; with 160 lots' half units 66,080; without the hedge 150,050, alone 54,030
    assert judge(house.book, m0).initial_fine == 66_080 * 10**6
    assert freed_by(house.book, m0, 1, -60) == ((66_080 - 150_050) * 10**6, (33_040 - 75_025) * 10**6)
    assert freed_by(house.book, m0, 0, 100)[0] == (66_080 - 54_030) * 10**6
    worst, parts = why(house.book, m0)
    assert [(part.block, part.scenario, part.loss_fine) for part in worst] == [(0, 0, 66_000 * 10**6)]
    assert [(part.contract, part.initial_fine) for part in parts] == [(0, 150_000 * 10**6), (1, -84_000 * 10**6)]


def test_a_venue_closes_what_frees_most_until_it_is_sound() -> None:
    house = two_futures("venue", cash=700_00)
    m0 = house.account("m0")
    facts = house.mark((0, 192))  # 400 dollars less; 300 are left, below the maintenance of 330.40
    assert of(facts, Breached)[0].bucket == m0
    (order,) = of(facts, LiquidationOrdered)
    assert (order.contract, order.lots < 0) == (0, True)
    for _ in range(6):
        if not house.book.registers.orders:
            break
        fill(house, "m1")
    verdict = judge(house.book, m0)
    assert house.book.buckets[m0]["access"] == layout.OPEN
    assert verdict.equity_fine >= verdict.initial_fine
    own = plain_margin.read(house.book, m0)
    assert verdict.initial_fine == plain_sheet.requirement(house.book, own.reaches(), [700_00])


def test_a_bankrupt_portfolio_is_taken_over_whole() -> None:
    house = two_futures("venue", cash=700_00, slices_max=0)
    facts = house.mark((0, 180))
    (taken,) = of(facts, TakenOver)
    assert taken.bucket == house.account("m0")
    assert all(lots == 0 for _, lots, _ in house.book.positions_of(house.account("m0")))
    check_whole(house.book)


def test_a_portfolio_takes_the_other_side_of_a_fill_only_as_its_sheet_allows() -> None:
    house = two_futures("venue", cash=700_00)
    m2 = house.book.account_count
    house.ok(c.AddMember("m2"))
    house.deposit(m2, USD, 100_00)
    house.ok(c.SetMarginMode(m2, PORTFOLIO))
    house.mark((0, 192))
    assert reasons(fill(house, "m2")) == [Reason.MARGIN_INSUFFICIENT]
    assert not reasons(fill(house, "m2", 5))
    assert judge(house.book, m2).initial_fine == (5 * 1_500 + 3) * 10**6


def reduce_what_falls_short() -> None:
    """A portfolio below its requirement may reduce, by however little, whatever is worked out for it meanwhile."""
    house, values = two_futures(cash=900_00), [-1_500, -900, -1_200, -1_000, -950, -1_100, -1_300, -1_400]
    m0, none = house.account("m0"), contract_row("TWIN", [0] * 8)
    house.mark((0, 193))
    value = int(house.book.contracts[0]["value_fine"])
    for tail in range(1, 9):
        block = ScenarioBlock("tail", "current", 8, "expected_shortfall", 10**6, 1, tail, 8)
        house.ok(c.AdoptRiskSheet(small_sheet(contract_row("FUT", values), none, blocks=(block,))))
        for lots in (1, 2, 5, 30):
            reason, _, equity, initial = judge_fill(house.book, m0, 0, -lots, value)
            assert (reason, equity < initial) == (0, True), f"{lots} lots with {tail} scenarios in the tail"


def test_a_portfolio_is_not_judged_on_memory_that_was_let_go() -> None:
    """An expected shortfall once sorted its tail where the position had stood that was being judged."""
    reduce_what_falls_short()
    code = "from tests.core.test_portfolio import reduce_what_falls_short as run; run()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | RUBBISH, check=True)


def test_collateral_that_costs_more_than_it_brings_is_called() -> None:
    house = coin_house()
    coin = CollateralRow("BTC", "all", results([-50_001_00, 0, 0]), 10**8, 10)
    house.ok(c.AdoptRiskSheet(small_sheet(contract_row("FUT", [-500, 200, 800]), collateral=(coin,))))
    m0 = house.account("m0")
    house.ok(c.SetMarginMode(m0, PORTFOLIO))
    facts = house.deposit(m0, BTC, 10**8)
    (call,) = of(facts, MarginCalled)
    assert (call.bucket, call.amount_fine) == (m0, 101 * 10**6)  # a dollar, and half a cent rounded up


def test_a_sheet_with_another_in_its_columns_breaks_the_law() -> None:
    house = two_futures()
    check_whole(house.book)
    house.book.registers.sheet = small_sheet(contract_row("FUT", [-1, 2, 3]), contract_row("TWIN", [-1, 2, 3]))
    with pytest.raises(LawBroken, match="columns of the risk sheet"):
        check_whole(house.book)

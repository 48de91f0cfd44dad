"""Questions that change nothing answer as the house would: against trades decided and marks published, one by one."""

from functools import cache
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

from novate.core import commands as c
from novate.core.admission import open_account
from novate.core.book import Book
from novate.core.commands import PublishMarks, SubmitTrades
from novate.core.evolve import evolve
from novate.core.facts import Fact, MarksPublished, OrdersChanged, RiskSheetAdopted, TradesNovated
from novate.core.layout import OPEN, RESTRICTED
from novate.core.ledger import decide_deposit
from novate.core.margin import judge
from novate.core.novation import decide_trades, move_leg
from novate.core.orders import fold_orders
from novate.core.reasons import Reason
from novate.core.risk_sheet import digest_of, fold_risk_sheet_adopted
from novate.core.rows import RESERVED, SELLER
from novate.core.sheet_terms import AddOn, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import Asset, Kind, Limit, Role, Tier
from novate.core.variation import decide_marks
from novate.core.whatif import Trade, largest_order, thresholds, what_if
from tests.core.planted import TRADERS, Row, batches, examples, planted, priced
from tests.core.sheets import results
from tests.core.test_sheets import planted_portfolios
from tests.core.twins import refused_rows
from tests.core.worlds import USD, House, cash, future, marks, rulebook, small_house, trades

Draw = st.DrawFn


def rich_in(book: Book, name: str) -> int:
    """A new account that can bear the other side of anything and shares no limit: it is nobody's."""
    rich = open_account(book, name, Role.HOUSE, -1)
    for asset in range(book.asset_count):
        if book.assets[asset]["live"]:
            unit = book.registers.assets[asset].unit_fine
            book.balances[rich, asset]["balance_minor"] = 10**17 // unit
    return rich


def decided(book: Book, account: int, trade: Trade, number: int) -> tuple[tuple[Reason, int], bool]:
    """What the house says of a trade against a new account, folded where accepted, and whether that one failed."""
    rich = rich_in(book, f"rich {number}")
    sides = (account, rich) if trade.lots > 0 else (rich, account)
    row = (number, abs(trade.lots), trade.price_ticks, trade.contract, *sides)
    facts = decide_trades(book, SubmitTrades("venue", trades([row])))
    for fact in facts:
        if isinstance(fact, TradesNovated):
            evolve(book, fact)
    figure, _, reason, side = next(iter(refused_rows(facts)), (0, 0, Reason.ACCEPTED, 0))
    theirs = side and (side == SELLER) == (trade.lots > 0)
    return (reason, figure), bool(theirs)


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_what_if_answers_as_trades_are_decided(count: int) -> None:
    """Deposits, then trades: the same answers, and the bucket that folding leaves."""

    @settings(max_examples=count)
    @given(
        planted() | planted_portfolios(large=False),
        batches(),
        st.sampled_from(TRADERS),
        st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 10**9)), max_size=2),
    )
    def run(book: Book, rows: list[Row], account: int, deposits: list[tuple[int, int]]) -> None:
        asked = [
            Trade(contract, size if buyer % 2 else -size, price)
            for _, size, price, contract, buyer, *_ in priced(book, rows)
            if 0 <= contract < book.contract_count and 0 < size < 2**62
        ]
        before, digest = judge(book, account), book.digest()
        answer = what_if(book, account, asked, deposits)
        assert book.digest() == digest
        assert answer.before == before
        bank = [(number, amount, account, asset) for number, (asset, amount) in enumerate(deposits)]
        facts: list[Fact] = decide_deposit(book, c.Deposit("bank", cash(bank)))
        refused = {row: reason for _, row, reason, _ in refused_rows(facts)}
        assert [reason for reason, _ in answer.deposits] == [
            refused.get(at, Reason.ACCEPTED) for at in range(len(bank))
        ]
        for fact in facts:
            evolve(book, fact)
        for number, (trade, said) in enumerate(zip(asked, answer.trades, strict=True), 1):
            verdict, theirs = decided(book, account, trade, number)
            assume(not theirs)
            assert said == verdict
        assert answer.after == judge(book, account)
        for bucket, change in answer.isolated.items():
            assert change.after == judge(book, bucket)

    run()


# ---- against every size and every price ------------------------------------------------------------------------------


TIERS = {
    "rising": (Tier(0, 50_000, 30_000, 20_000, 10_000), Tier(2_000 * 10**8, 150_000, 100_000, 60_000, 50_000)),
    "falling": (Tier(0, 300_000, 200_000, 90_000, 80_000), Tier(1_500 * 10**8, 50_000, 20_000, 20_000, 10_000)),
    "whole": (Tier(0, 50_000, 30_000, 20_000, 10_000), Tier(2_000 * 10**8, 150_000, 100_000, 60_000, 50_000)),
}
SMALL: dict[str, Any] = {"price_min_ticks": 50, "price_max_ticks": 600, "position_limit_lots": 90, "fee_ppm": 1_000}
SMALL_CONTRACTS = range(6)


@cache
def small_world(margin_class: str, gains_ppm: int) -> bytes:
    """A linear and an inverse future, options on each, one paid by variation and one capped, prices of 50 to 600."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.AddAsset(Asset("BTC", 8, 12, 10**6 * 10**8)))
    option = {"expiry_ns": 10**18, "margin_class": margin_class}
    for contract in (
        future("FUT", **SMALL, margin_class=margin_class),
        future("INV", **SMALL, margin_class=margin_class, settlement="BTC", inverse=True, lot_size="100"),
        future("CALL", **{**SMALL, **option}, kind=Kind.CALL, underlying="FUT", strike="100"),
        future("PUT", **{**SMALL, **option}, kind=Kind.PUT, underlying="FUT", strike="110"),
        future("STYLED", **{**SMALL, **option}, kind=Kind.CALL, underlying="FUT", strike="120", futures_style=True),
        future("CAPPED", **{**SMALL, **option}, capped=True),
    ):
        house.ok(c.ListContract(contract))
    rules = rulebook(
        margin_classes=TIERS,
        whole_initial=("whole",),
        collateral={"USD": 0, "BTC": 50_000},
        gains_ppm=gains_ppm,
        long_option_ppm=900_000,
    )
    house.ok(c.AdoptRulebook(rules))
    house.ok(c.AddMember("m0"))
    house.mark((0, 200), (1, 210), assets={1: 100 * 10**8})
    house.mark((2, 60), (3, 70), (4, 80), (5, 220))
    return house.book.dumps()


def small_sheet_for(seed: int) -> RiskSheet:
    """Losses of up to 20 dollars a lot in two netting sets, a tail and a worst, add-ons that rise and fall."""
    random, rows = np.random.default_rng(seed), []
    pieces = [(), (AddOn(0, 0), AddOn(9, 90_000_000)), (AddOn(0, 200_000_000), AddOn(30, 1_000_000))]
    for at, symbol in enumerate(("FUT", "INV", "CALL", "PUT", "STYLED", "CAPPED")):
        moves = results(random.integers(-2_000, 2_000, 9, endpoint=True).tolist())
        rows.append(ContractRow(symbol, f"set {at % 2}", moves, pieces[random.integers(3)]))
    blocks = (
        ScenarioBlock("current", "current", 6, "expected_shortfall", 750_000, 1, 2, 5),
        ScenarioBlock("stressed", "stressed", 3, "worst", 250_000),
    )
    return RiskSheet("small", "USD", 10**6, blocks, tuple(rows), (), 800_000, 700_000)


@st.composite
def small_books(draw: Draw) -> tuple[Book, int]:
    """A book of ``small_world`` with m0's money and positions, and limits on them, at random."""
    book = Book.loads(small_world(draw(st.sampled_from(sorted(TIERS))), draw(st.sampled_from([0, 900_000, 1_000_000]))))
    account = book.registers.names["m0"]
    for measure in draw(st.sets(st.sampled_from(["net", "gross", "open"]))):
        of, most = draw(st.sampled_from(SMALL_CONTRACTS)), draw(st.integers(0, 60))
        group: dict[str, Any] = {} if measure == "open" else {"members": (0,)}
        limit = Limit(measure, of, "net" if measure == "net" else "gross", most, **group)
        House(book).ok(c.SetLimit(limit), book.registers.time_ns)
    book.buckets[account]["access"] = draw(st.sampled_from([OPEN, OPEN, RESTRICTED]))
    book.balances[account, USD]["balance_minor"] = draw(st.integers(0, 400_000))
    book.balances[account, 1]["balance_minor"] = draw(st.sampled_from([0, 10**8, 10**9]))
    if draw(st.booleans()):
        sheet = small_sheet_for(draw(st.integers(0, 10**6)))
        fold_risk_sheet_adopted(book, RiskSheetAdopted(sheet, digest_of(sheet)))
        book.buckets[account]["portfolio"] = 1
    for contract in draw(st.sets(st.sampled_from(SMALL_CONTRACTS), max_size=3)):
        lots, result = draw(st.integers(-90, 90)), draw(st.integers(-(10**10), 10**10))
        move_leg(book, account, contract, lots, lots * int(book.contracts[contract]["value_fine"]) + result)
        bids, asks = draw(st.sampled_from([0, 0, 7, 90])), draw(st.sampled_from([0, 0, 11, 60]))
        fold_orders(book, OrdersChanged(np.array([(bids, asks, contract, account)], RESERVED).tobytes()))
    return book, account


@pytest.mark.parametrize("count", examples(25, 400))
def test_the_largest_order_is_the_largest_size_that_is_accepted(count: int) -> None:
    @settings(max_examples=count)
    @given(small_books(), st.sampled_from(SMALL_CONTRACTS), st.sampled_from([1, -1]), st.integers(900, 1_100))
    def run(world: tuple[Book, int], contract: int, side: int, per_mille: int) -> None:
        book, account = world
        price = int(book.contracts[contract]["price_ticks"]) * per_mille // 1_000
        found = largest_order(book, account, contract, side, price)

        def answer(lots: int) -> tuple[Reason, int]:
            return what_if(book, account, [Trade(contract, side * lots, price)]).trades[0]

        accepted = [lots for lots in range(1, 92) if answer(lots)[0] is Reason.ACCEPTED]
        assert found.lots == max(accepted, default=0)
        assert found.refused == answer(found.lots + 1)
        assert found.refused.reason is not Reason.ACCEPTED

    run()


def marked_at(data: bytes, contract: int, price: int) -> Book:
    """The book after a mark."""
    book = Book.loads(data)
    for fact in decide_marks(book, PublishMarks(marks([(contract, price)]))):
        if isinstance(fact, MarksPublished):
            evolve(book, fact)
    return book


@pytest.mark.parametrize("count", examples(12, 200))
def test_thresholds_are_the_first_ticks_at_which_a_mark_breaches(count: int) -> None:
    @settings(max_examples=count)
    @given(small_books(), st.sampled_from(SMALL_CONTRACTS))
    def run(world: tuple[Book, int], contract: int) -> None:
        book, account = world
        digest, data = book.digest(), book.dumps()
        found = thresholds(book, account, contract)
        assert book.digest() == digest
        assert found.reason is Reason.ACCEPTED
        mark = int(book.contracts[contract]["price_ticks"])
        verdicts = {price: judge(marked_at(data, contract, price), account) for price in range(50, 601)}
        for threshold, field in ((found.initial, "initial_fine"), (found.maintenance, "maintenance_fine")):
            short = [price for price, verdict in verdicts.items() if verdict.equity_fine < getattr(verdict, field)]
            assert threshold.below_ticks == max((price for price in short if price <= mark), default=None)
            assert threshold.above_ticks == min((price for price in short if price >= mark), default=None)

    run()


# ---- worked by hand --------------------------------------------------------------------------------------------------


def test_a_long_position_ends_where_equity_meets_maintenance() -> None:
    """Long 100 at 100 dollars with 1,500: 1,500 + 100 (p - 100) < 10 p below 94.44, < 5 p below 89.47."""
    house = small_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 150_000)
    house.deposit(m1, USD, 10**8)
    house.trade(0, m0, m1, 100, 200)
    found = thresholds(house.book, m0, 0)
    assert (found.initial.below_ticks, found.maintenance.below_ticks) == (188, 178)
    assert (found.initial.above_ticks, found.maintenance.above_ticks) == (None, None)


def test_the_largest_order_by_hand() -> None:
    """1,500 dollars at 10 % of 100: 150 lots. After selling 100 it may buy 250: 100 close, 150 open."""
    house = small_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 150_000)
    house.deposit(m1, USD, 10**8)
    assert largest_order(house.book, m0, 0, 1, 200).lots == 150
    house.trade(0, m1, m0, 100, 200)
    found = largest_order(house.book, m0, 0, 1, 200)
    assert (found.lots, found.refused) == (250, (Reason.MARGIN_INSUFFICIENT, 10 * 10**8))


def test_without_a_price_there_is_no_threshold() -> None:
    house = small_house()
    house.mark((0, None))
    assert thresholds(house.book, house.account("m0"), 0).reason is Reason.PRICE_MISSING


def test_an_index_moves_the_options_written_on_it() -> None:
    """Short one call struck at 100: its margin follows the index, its value its own mark."""
    house = small_house()
    for terms in (
        future("IDX", kind=Kind.INDEX, expiry_ns=None),
        future("CALL", kind=Kind.CALL, underlying="IDX", strike="100"),
    ):
        house.ok(c.ListContract(terms))
    house.ok(c.AdoptRulebook(rulebook(margin_classes={"flat": (Tier(0, 100_000, 50_000, 50_000, 20_000),)})))
    house.mark((1, 200), (2, 10))
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 1_200)
    house.deposit(m1, USD, 10**8)
    assert not [row for fact in house.trade(2, m1, m0, 1, 10) for row in refused_rows([fact])]
    found = thresholds(house.book, m0, 1)
    # 12 + 5 received, worth -5: equity 12. Initial is 10 % of the index: short of it above 120 dollars, 240 ticks.
    assert (found.initial.below_ticks, found.initial.above_ticks) == (None, 241)
    assert found.maintenance.above_ticks == 481

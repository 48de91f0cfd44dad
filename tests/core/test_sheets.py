"""Portfolio buckets: the compiled evaluation of a risk sheet against its plain twin, on adversarial sheets."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from novate.core.book import Book
from novate.core.commands import SubmitTrades
from novate.core.evolve import evolve
from novate.core.facts import RiskSheetAdopted
from novate.core.kernels.bound import at_most
from novate.core.kernels.fills import judge_side
from novate.core.kernels.measures import least_of_rank, measure
from novate.core.kernels.portfolio import in_fine, requirement_without
from novate.core.layout import SHEET_HELD
from novate.core.novation import decide_trades
from novate.core.plain import margin as plain_margin
from novate.core.plain import sheet as plain_sheet
from novate.core.reasons import Reason
from novate.core.risk_sheet import check_sheet, digest_of, fold_risk_sheet_adopted
from novate.core.sheet_columns import blocks_of
from novate.core.sheet_terms import ScenarioBlock
from tests.core.planted import CONTRACTS, PURSES, Row, batches, changes, examples, planted, priced
from tests.core.sheets import sheets
from tests.core.twins import compare_judgements, compare_orders, compare_trades
from tests.core.worlds import trades

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@st.composite
def planted_portfolios(draw: st.DrawFn, *, large: bool = True) -> Book:
    """A planted house under a generated sheet, most accounts margined by it."""
    book, sheet = draw(planted()), draw(sheets(large=large))
    assert list(check_sheet(book, sheet)) == []
    chosen = draw(st.lists(st.sampled_from(PURSES), min_size=1, unique=True))
    fold_risk_sheet_adopted(book, RiskSheetAdopted(sheet, digest_of(sheet)))
    for bucket in chosen:
        reaches = plain_margin.read(book, bucket).reaches()
        fits = all(
            plain_sheet.refusal(book, reaches, contract, (0, 0))[0] is Reason.ACCEPTED
            for contract in reaches
            if any(reaches[contract])
        )
        book.buckets[bucket]["portfolio"] = int(fits)
    return book


@pytest.mark.parametrize("count", examples(80, 1_500))
def test_portfolios_are_judged_as_the_twin_judges_them(count: int) -> None:
    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted_portfolios())
    def run(book: Book) -> None:
        compare_judgements(book)
        assert Book.loads(book.dumps()).digest() == book.digest()

    run()


@pytest.mark.parametrize("count", examples(100, 1_500))
def test_trades_of_portfolios_are_decided_as_the_twin_decides_them(count: int) -> None:
    seen: dict[Reason, None] = {}

    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted_portfolios(), batches())
    def run(book: Book, rows: list[Row]) -> None:
        before = book.digest()
        seen.update(dict.fromkeys(compare_trades(book, priced(book, rows))))
        assert book.digest() == before, "decide wrote to the book"

    run()
    if count > 1_000:
        assert Reason.SHEET_BOUND_EXCEEDED in seen


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_what_is_remembered_of_portfolios_decides_nothing(count: int) -> None:
    """Batch after batch, with money that comes and goes between them, is decided as by the twin that remembers none."""

    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted_portfolios(), st.lists(batches(), min_size=2, max_size=4), st.sampled_from(PURSES), st.data())
    def run(book: Book, many: list[list[Row]], bucket: int, data: st.DataObject) -> None:
        for turn, rows in enumerate(many):
            later = [(row[0] + 1_000 * turn, *row[1:]) if 0 < row[0] < 1_000 else row for row in rows]
            compare_trades(book, priced(book, later))
            for fact in decide_trades(book, SubmitTrades("venue", trades(priced(book, later)))):
                evolve(book, fact)
            money = book.balances[bucket, data.draw(st.integers(0, book.asset_count - 1))]
            money["balance_minor"] = data.draw(st.sampled_from([1, -1])) * data.draw(st.integers(0, 10**9))

    run()


@settings(max_examples=300, suppress_health_check=QUIET)
@given(planted_portfolios(), st.sampled_from(PURSES), st.data())
def test_the_bound_is_never_below_what_the_scenarios_ask(book: Book, bucket: int, data: st.DataObject) -> None:
    own = plain_margin.read(book, bucket)
    if not book.buckets[bucket]["portfolio"]:
        return
    tables, sheet = book.tables(), book.sheet
    judge_side(bucket, 1, 1, 1, tables, sheet)  # what is asked now is remembered
    reaches = own.reaches()
    asked = plain_sheet.requirement(book, reaches, own.balance_minor)
    assert asked == in_fine(at_most(*held_as(reaches), book.balances, bucket, bucket, sheet), sheet)
    for contract in data.draw(st.lists(st.sampled_from(CONTRACTS[1:]), max_size=4)):
        low = data.draw(st.integers(-200, 200) | st.integers(-(10**6), 10**6))
        reaches[contract] = low, low + data.draw(st.sampled_from([0, 0, 5, 10**5]))
    money = book.balances[bucket, data.draw(st.integers(0, book.asset_count - 1))]
    money["balance_minor"] = data.draw(st.integers(-(10**6), 10**9))
    bound = int(at_most(*held_as(reaches), book.balances, bucket, bucket, sheet))
    balances = plain_margin.read(book, bucket).balance_minor
    assert bound == -1 or in_fine(bound, sheet) >= plain_sheet.requirement(book, reaches, balances)


def held_as(reaches: dict[int, tuple[int, int]]) -> tuple[np.ndarray, int]:
    """What positions may come to, as rows that hold the least and have the rest in bids; and how many."""
    rows = [(low, high - low, 0, contract, 0) for contract, (low, high) in reaches.items() if low or high]
    return np.array(rows, SHEET_HELD), len(rows)


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_orders_of_portfolios_are_decided_as_the_twin_decides_them(count: int) -> None:
    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted_portfolios(), changes())
    def run(book: Book, rows: list[tuple[int, int, int, int, int]]) -> None:
        compare_orders(book, rows)

    run()


@settings(max_examples=60, suppress_health_check=QUIET)
@given(planted_portfolios(), st.sampled_from(PURSES), st.data())
def test_whatever_is_filled_of_its_orders_a_portfolio_has_reserved_for(
    book: Book, bucket: int, data: st.DataObject
) -> None:
    if not book.buckets[bucket]["portfolio"]:
        return
    own = plain_margin.read(book, bucket)
    filled = own.copy()
    for place, (bids, asks) in own.orders.items():
        bought, sold = data.draw(st.integers(0, bids)), data.draw(st.integers(0, asks))
        lots, cost = own.positions.get(place, (0, 0))
        filled.positions[place] = lots + bought - sold, cost
        filled.orders[place] = bids - bought, asks - sold
    reserved, asked = (plain_margin.judge(book, each).initial_fine for each in (own, filled))
    assert asked <= reserved
    assert plain_margin.judge(book, filled).maintenance_fine <= reserved


@settings(max_examples=60, suppress_health_check=QUIET)
@given(planted_portfolios(large=False), st.sampled_from(PURSES))
def test_what_a_position_frees_is_what_the_twin_says(book: Book, bucket: int) -> None:
    own = plain_margin.read(book, bucket)
    for contract in own.lots():
        without = own.copy()
        without.positions[bucket, contract] = 0, 0
        initial = plain_sheet.requirement(book, without.reaches(), own.balance_minor)
        maintenance = plain_sheet.maintenance(book, without.lots(), own.balance_minor)
        assert requirement_without(bucket, contract, 0, book.tables(), book.sheet) == (initial, maintenance)


@settings(max_examples=300)
@given(
    st.lists(st.integers(-(2**52) + 1, 2**52 - 1) | st.integers(-3, 3), min_size=1, max_size=200),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 200),
)
def test_measures_are_exact_at_any_size(values: list[int], one: int, other: int, rank: int) -> None:
    losses, rank = [-value for value in values], min(rank, len(values))
    numerator, denominator = min(one, other), max(one, other)
    array = np.array(values, np.float64)
    assert least_of_rank(array, rank)[1] == sorted(values)[rank - 1]
    if len(values) * numerator >= denominator:
        block = ScenarioBlock("b", "current", len(values), "expected_shortfall", 10**6, 1, numerator, denominator)
        measured = np.zeros(1, np.int64)
        measure(array, blocks_of([block]), measured)
        assert measured[0] == plain_sheet.loss_of(block, losses)

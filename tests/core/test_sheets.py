"""Portfolio buckets: the compiled evaluation of a risk sheet against its plain twin, on adversarial sheets."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from novate.core.book import Book
from novate.core.facts import RiskSheetAdopted
from novate.core.kernels.measures import least_of_rank, shortfall
from novate.core.kernels.portfolio import requirement_without
from novate.core.plain import margin as plain_margin
from novate.core.plain import sheet as plain_sheet
from novate.core.reasons import Reason
from novate.core.risk_sheet import check_sheet, digest_of, fold_risk_sheet_adopted
from novate.core.terms import ScenarioBlock
from tests.core.planted import PURSES, Row, batches, changes, examples, planted, priced
from tests.core.sheets import sheets
from tests.core.twins import compare_judgements, compare_orders, compare_trades

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
        assert max(0, shortfall(array, numerator, denominator)) == plain_sheet.loss_of(block, losses)

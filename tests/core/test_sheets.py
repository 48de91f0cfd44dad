"""Portfolio buckets: the compiled evaluation of a risk sheet against its plain twin, on adversarial sheets."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from novate.core import plain, plain_sheet
from novate.core.book import Book
from novate.core.facts import RiskSheetAdopted
from novate.core.kernels import overlay
from novate.core.kernels.portfolio import least_of_rank, requirement_without, shortfall
from novate.core.reasons import Reason
from novate.core.risk_sheet import check_sheet, digest_of, fold_risk_sheet_adopted
from novate.core.terms import ScenarioBlock
from tests.core.sheets import sheets
from tests.core.test_kernels import (
    TRADERS,
    Row,
    batches,
    compare_judgements,
    compare_trades,
    examples,
    planted,
    priced,
)

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@st.composite
def planted_portfolios(draw: st.DrawFn, *, large: bool = True) -> Book:
    """A planted house under a generated sheet, most accounts margined by it."""
    book, sheet = draw(planted()), draw(sheets(large=large))
    assert list(check_sheet(book, sheet)) == []
    chosen = draw(st.lists(st.sampled_from(TRADERS), min_size=1, unique=True))
    fold_risk_sheet_adopted(book, RiskSheetAdopted(sheet, digest_of(sheet)))
    for bucket in chosen:
        lots = {contract: lots for contract, lots, _ in book.positions_of(bucket)}
        fits = all(
            plain_sheet.refusal(book, lots, contract, 0)[0] is Reason.ACCEPTED for contract in lots if lots[contract]
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
@pytest.mark.parametrize("pool_bytes", [overlay.POOL_BYTES])
def test_trades_of_portfolios_are_decided_as_the_twin_decides_them(count: int, pool_bytes: int) -> None:
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


@settings(max_examples=60, suppress_health_check=QUIET)
@given(planted_portfolios(large=False), st.sampled_from(TRADERS))
def test_what_a_position_frees_is_what_the_twin_says(book: Book, bucket: int) -> None:
    own = plain.read(book, bucket)
    lots = dict(own.lots)
    for contract in lots:
        without = plain_sheet.requirement(book, {**lots, contract: 0}, own.balance_minor)
        assert requirement_without(bucket, contract, 0, book.tables()) == without


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

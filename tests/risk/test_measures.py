"""Measures: conventions by hand, the sheet's integer measures as twins, weights, and laws against closed forms."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from scipy.stats import t as student

from novate.core.kernels.measures import least_of_rank, rank_of, shortfall
from novate.core.sheet_columns import blocks_of
from novate.core.sheet_terms import ScenarioBlock
from novate.risk.errors import RiskError
from novate.risk.measures import (
    ES_CONVENTIONS,
    VAR_CONVENTIONS,
    age_weights,
    expected_shortfall,
    kth_worst,
    parametric_es,
    parametric_var,
    value_at_risk,
    worst,
)

TEN = -np.arange(1.0, 11.0)  # losses of 1 to 10
WHOLE = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60)
LEVELS = st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99, 0.995])


def test_the_conventions_of_value_at_risk_by_hand() -> None:
    found = {name: value_at_risk(TEN, 0.9, convention=name) for name in VAR_CONVENTIONS}  # pyright: ignore[reportArgumentType]
    assert found == pytest.approx({"ceil": 9, "next": 10, "linear": 9.1, "weibull": 9.9})
    assert value_at_risk(TEN, 0.85) == value_at_risk(TEN, 0.85, convention="next") == 9
    assert value_at_risk(TEN, 0.99) == 10


def test_the_conventions_of_expected_shortfall_by_hand() -> None:
    found = {name: expected_shortfall(TEN, 0.85, convention=name) for name in ES_CONVENTIONS}  # pyright: ignore[reportArgumentType]
    # The worst 15 % of ten are one and a half: (10 + 9 / 2) / 1.5.
    assert found == pytest.approx({"acerbi_tasche": 29 / 3, "at_or_beyond": 9.5, "beyond": 10, "whole": 9.5})
    assert expected_shortfall(TEN, 0.99, convention="beyond") == 10


@pytest.mark.parametrize(("level", "count", "rank"), [(0.99, 1000, 990), (0.975, 3600, 3510), (0.07, 100, 7)])
def test_a_level_is_the_decimal_that_it_is_written_as(level: float, count: int, rank: int) -> None:
    """In floats 0.07 x 100 lies above 7, and would take the next rank."""
    losses = np.arange(1.0, count + 1)
    assert value_at_risk(-losses, level) == value_at_risk(-losses, Fraction(str(level))) == rank


@given(WHOLE, st.integers(1, 40), st.integers(2, 41))
def test_expected_shortfall_is_the_float_twin_of_the_sheets(
    values: list[int], numerator: int, denominator: int
) -> None:
    numerator = min(numerator, denominator - 1)
    results = np.array(values, np.float64)
    own = float(expected_shortfall(results, 1 - Fraction(numerator, denominator)))
    measured = ScenarioBlock("b", "current", len(values), "expected_shortfall", 10**6, 1, numerator, denominator)
    block = blocks_of([measured])[0]
    of_sheet = shortfall(*least_of_rank(results, rank_of(block)), block)
    assert of_sheet == math.ceil(exact_shortfall(values, Fraction(numerator, denominator)))
    assert own == pytest.approx(float(exact_shortfall(values, Fraction(numerator, denominator))), abs=1e-6)
    assert own - 1e-6 <= of_sheet < own + 1 + 1e-6


def exact_shortfall(values: list[int], tail: Fraction) -> Fraction:
    """Acerbi and Tasche in fractions: each loss, from the worst, as far as the tail is not filled."""
    left, total = len(values) * tail, Fraction(0)
    for value in sorted(values):
        taken = min(Fraction(1), left)
        total -= taken * value
        left -= taken
    return total / (len(values) * tail)


@given(WHOLE, st.integers(1, 60))
def test_the_kth_worst_is_the_float_twin_of_the_sheets(values: list[int], rank: int) -> None:
    results, rank = np.array(values, np.float64), min(rank, len(values))
    assert kth_worst(results, rank) == -least_of_rank(results, rank)[1]
    assert worst(results) == kth_worst(results, 1) == -min(values)


@given(WHOLE, LEVELS)
def test_equal_weights_change_nothing(values: list[int], level: float) -> None:
    results = np.array(values, np.float64)
    weights = np.full(len(results), 1 / len(results))
    assert value_at_risk(results, level, weights=weights) == value_at_risk(results, level)
    whole = expected_shortfall(results, level, weights=weights)
    assert whole == pytest.approx(expected_shortfall(results, level), abs=1e-5)


@given(WHOLE, LEVELS, st.integers(0, 10**6))
def test_weights_count_like_repetitions(values: list[int], level: float, seed: int) -> None:
    times = np.random.default_rng(seed).integers(1, 5, len(values))
    results = np.array(values, np.float64)
    repeated = np.repeat(results, times)
    weights = times / times.sum()
    assert value_at_risk(results, level, weights=weights) == value_at_risk(repeated, level)
    whole = expected_shortfall(results, level, weights=weights)
    assert whole == pytest.approx(expected_shortfall(repeated, level), abs=1e-5)


@given(WHOLE, LEVELS, st.floats(0.1, 10), st.floats(-1e5, 1e5))
def test_what_a_coherent_measure_does(values: list[int], level: float, scale: float, cash: float) -> None:
    results = np.array(values, np.float64)
    other = np.random.default_rng(len(values)).permutation(results) * 0.7
    es = expected_shortfall(results, level)
    assert es >= value_at_risk(results, level) - 1e-6
    assert es <= worst(results) + 1e-6
    assert expected_shortfall(scale * results + cash, level) == pytest.approx(scale * es - cash, abs=1e-4)
    both = expected_shortfall(results + other, level)
    assert both <= es + expected_shortfall(other, level) + 1e-5


@given(st.integers(0, 1000), LEVELS)
def test_portfolios_side_by_side_are_measured_as_alone(seed: int, level: float) -> None:
    results = np.random.default_rng(seed).standard_normal((50, 3))
    weights = age_weights(50, 0.97)
    measures: list[Callable[[np.ndarray], np.ndarray]] = [
        *(lambda part, name=name: value_at_risk(part, level, convention=name) for name in VAR_CONVENTIONS),
        *(lambda part, name=name: expected_shortfall(part, level, convention=name) for name in ES_CONVENTIONS),
        lambda part: value_at_risk(part, level, weights=weights),
        lambda part: expected_shortfall(part, level, weights=weights),
        lambda part: kth_worst(part, 3),
        worst,
    ]
    for measure in measures:
        assert measure(results) == pytest.approx(np.array([measure(column) for column in results.T]), abs=1e-12)


def test_age_weights_are_the_newest_heaviest() -> None:
    weights = age_weights(3, 0.5)
    assert weights == pytest.approx([1 / 7, 2 / 7, 4 / 7])
    # A loss of ten on the newest day, of nothing before: with a weight of four sevenths it is the median.
    assert value_at_risk(np.array([0.0, 0.0, -10.0]), 0.5, weights=weights) == 10
    assert value_at_risk(np.array([-10.0, 0.0, 0.0]), 0.5, weights=weights) == 0


@pytest.mark.parametrize("level", [0.95, 0.975, 0.99, 0.999])
@pytest.mark.parametrize("dof", [math.inf, 4.0, 6.5])
def test_parametric_measures_are_those_of_their_law(level: float, dof: float) -> None:
    law = norm() if math.isinf(dof) else student(dof, scale=math.sqrt((dof - 2) / dof))
    var = law.ppf(level)
    es = quad(lambda loss: loss * law.pdf(loss), var, math.inf)[0] / (1 - level)
    assert parametric_var(2.0, level, dof=dof, mean=0.5) == pytest.approx(2 * var - 0.5, rel=1e-9)
    assert parametric_es(2.0, level, dof=dof, mean=0.5) == pytest.approx(2 * es - 0.5, rel=1e-6)


def test_a_normals_shortfall_at_97_5_is_its_value_at_risk_at_99() -> None:
    """Why Basel went from one to the other: 2.338 against 2.326 standard deviations."""
    assert parametric_es(1, 0.975) == pytest.approx(2.338, abs=5e-4)
    assert parametric_var(1, 0.99) == pytest.approx(2.326, abs=5e-4)
    assert parametric_var(np.array([1.0, 2.0]), 0.99) == pytest.approx([2.326, 4.653], abs=5e-4)


def test_measures_of_many_draws_approach_those_of_the_law() -> None:
    draws = np.random.default_rng(9).standard_normal(400_000)
    for name in VAR_CONVENTIONS:
        assert value_at_risk(draws, 0.99, convention=name) == pytest.approx(2.326, abs=0.02)  # pyright: ignore[reportArgumentType]
    for name in ES_CONVENTIONS:
        assert expected_shortfall(draws, 0.99, convention=name) == pytest.approx(2.665, abs=0.02)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: value_at_risk(np.array([]), 0.99), "results: expected scenarios"),
        (lambda: value_at_risk(np.array([1.0, np.nan]), 0.99), "results, scenario 1: expected finite"),
        (lambda: expected_shortfall(TEN, 1.0), "level 1.0: expected a probability"),
        (lambda: value_at_risk(TEN, 0.9, convention="median"), "convention 'median': expected one of ceil"),  # pyright: ignore[reportArgumentType]
        (lambda: expected_shortfall(TEN, 0.9, convention="tail"), "convention 'tail': expected one of acerbi"),  # pyright: ignore[reportArgumentType]
        (lambda: value_at_risk(TEN, 0.9, weights=np.full(10, 0.2)), "10 probabilities that sum to 1"),
        (lambda: value_at_risk(TEN, 0.9, convention="next", weights=np.full(10, 0.1)), "have ceil only"),
        (lambda: kth_worst(TEN, 11), "rank 11: expected 1 to 10"),
        (lambda: parametric_es(1.0, 0.99, dof=2), "dof 2: expected more than 2"),
        (lambda: age_weights(3, 1.1), r"decay 1\.1"),
    ],
)
def test_what_has_no_measure_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

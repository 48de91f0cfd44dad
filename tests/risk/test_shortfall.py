"""Tests and scores of expected shortfall: the critical values of the paper, correct models, wrong ones, consistency."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from novate.risk.backtest.scores import fissler_ziegel, pinball
from novate.risk.backtest.shortfall import ShortfallTest, simulated, z1, z2
from novate.risk.errors import RiskError
from novate.risk.measures import parametric_es, parametric_var


def quantile(number: int, level: float, significance: float, dof: float = math.inf) -> float:
    known = simulated(number, 250, level, dof)  # pyright: ignore[reportArgumentType]
    return float(known[int(significance * len(known))])


def test_the_critical_values_of_the_paper() -> None:
    """-0.70 at 5 % and -1.8 at 0.01 %, for 97.5 % and 250 days, whatever the tail but the fattest (Acerbi and Szekely,
    2014: -0.70 and -1.8 at 100 degrees of freedom, -0.82 and -4.4 at 3); at 99 % they are others."""
    assert quantile(2, 0.975, 0.05) == pytest.approx(-0.70, abs=0.01)
    assert quantile(2, 0.975, 0.0001) == pytest.approx(-1.74, abs=0.01), "the paper's table says -1.8"
    assert quantile(2, 0.975, 0.05, 100) == pytest.approx(-0.70, abs=0.01)
    assert quantile(2, 0.975, 0.05, 3) == pytest.approx(-0.82, abs=0.01)
    assert quantile(2, 0.975, 0.0001, 3) == pytest.approx(-4.4, abs=0.5)
    assert quantile(2, 0.99, 0.05) == pytest.approx(-1.1, abs=0.05)
    assert quantile(2, 0.99, 0.0001) == pytest.approx(-3.0, abs=0.15)


def test_the_statistics_by_hand() -> None:
    results, var, es = np.array([-4.0, 1.0, -2.0, -6.0]), np.full(4, 3.0), np.full(4, 4.0)
    assert z1(results, var, es, 0.75).statistic == pytest.approx((-1 - 1.5) / 2 + 1)
    assert z2(results, var, es, 0.75).statistic == pytest.approx((-1 - 1.5) / (4 * 0.25) + 1)


def test_both_are_expected_to_be_zero() -> None:
    assert simulated(2, 250, 0.975).mean() == pytest.approx(0, abs=0.005)
    assert simulated(1, 250, 0.975).mean() == pytest.approx(0, abs=0.005)


def foreseen(steps: int, level: float, dof: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Volatilities that change, with the measures of a t-distribution at each."""
    sigma = np.exp(0.5 * np.sin(np.arange(steps) / 20))
    return sigma, parametric_var(sigma, level, dof=dof), parametric_es(sigma, level, dof=dof)


def of_many(test: Callable[..., ShortfallTest], truth: float, model: float, scale: float = 1.0) -> float:
    """Share rejected of 2,000 samples that are t with ``truth`` degrees of freedom, where ``model`` was foreseen."""
    rng, rejected = np.random.default_rng(8), []
    sigma, var, es = foreseen(250, 0.975, model)
    unit = math.sqrt((truth - 2) / truth)
    for _ in range(2000):
        results = scale * sigma * unit * rng.standard_t(truth, 250)
        rejected.append(test(results, var, es, 0.975, dof=model).rejected)
    return float(np.mean(rejected))


@pytest.mark.parametrize("test", [z1, z2])
def test_a_correct_model_is_rejected_at_the_stated_rate(test: Callable[..., ShortfallTest]) -> None:
    """Volatility changes all the time, which the statistics do not see: they are of ratios."""
    assert of_many(test, 6.0, 6.0) == pytest.approx(0.05, abs=3.5 * math.sqrt(0.05 / 2000))


def test_models_that_foresee_too_little_are_caught() -> None:
    assert of_many(z2, 6.0, 6.0, scale=1.5) > 0.8
    assert of_many(z1, 3.0, 100.0) > 0.5  # the right number of exceptions, and too large


def test_without_exceptions_the_first_says_nothing() -> None:
    found = z1(np.ones(10), np.ones(10), np.ones(10), 0.975)
    assert math.isnan(found.statistic)
    assert found.p_value == 1
    assert not found.rejected
    assert z2(np.ones(10), np.ones(10), np.ones(10), 0.975).statistic == 1


def test_scores_by_hand() -> None:
    results, var = np.array([-5.0, -1.0]), np.array([3.0, 3.0])
    assert pinball(results, var, 0.99) == pytest.approx([0.99 * 2, 0.01 * 2])
    found = fissler_ziegel(results, var, np.array([4.0, 4.0]), 0.99)
    assert found == pytest.approx([2 / (0.01 * 4) + 3 / 4 + math.log(4) - 1, 3 / 4 + math.log(4) - 1])


@pytest.mark.parametrize("off", [0.8, 0.95, 1.05, 1.25])
def test_the_truth_scores_best(off: float) -> None:
    results = np.random.default_rng(2).standard_normal(1_000_000)
    var, es = parametric_var(1.0, 0.975), parametric_es(1.0, 0.975)
    assert pinball(results, var, 0.975).mean() < pinball(results, off * var, 0.975).mean()
    truth = fissler_ziegel(results, var, es, 0.975).mean()
    assert truth < fissler_ziegel(results, off * var, es, 0.975).mean()
    assert truth < fissler_ziegel(results, var, off * es, 0.975).mean()


def test_units_do_not_rank_models() -> None:
    results = np.random.default_rng(2).standard_normal(1000)
    apart = [
        (
            fissler_ziegel(unit * results, unit * 2.0, unit * 2.5, 0.975)
            - fissler_ziegel(unit * results, unit, unit, 0.975)
        )
        for unit in (np.float64(1), np.float64(100))
    ]
    assert apart[0] == pytest.approx(apart[1])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: z2(np.ones(3), np.ones(3), np.zeros(3), 0.975), "es: expected a positive"),
        (lambda: z2(np.ones(3), np.ones(2), np.ones(3), 0.975), "one value at risk for each result"),
        (lambda: z2(np.ones(3), np.ones(3), np.ones(3), 1.0), r"level 1\.0"),
        (lambda: z2(np.ones(3), np.ones(3), np.ones(3), 0.975, dof=2.0), r"dof 2\.0"),
        (
            lambda: fissler_ziegel(np.ones(2), np.ones(2), np.array([1.0, 0.0]), 0.975),
            "es, step 1: expected a positive",
        ),
        (lambda: pinball(np.ones(2), np.ones(2), 0.0), r"level 0\.0"),
    ],
)
def test_what_cannot_be_tested_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

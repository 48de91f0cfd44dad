"""Volatilities: the recursion by hand, no look ahead, the floor, and GARCH that finds what made the moves."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.risk.errors import RiskError
from novate.risk.volatility import Garch, ewma, fit_garch, floored, residuals, root_of_time


def steps(count: int, seed: int = 0, sigma: float = 0.02) -> np.ndarray:
    return sigma * np.random.default_rng(seed).standard_normal(count)


def test_ewma_is_its_recursion() -> None:
    found = ewma(np.array([0.01, -0.03, 0.02, 0.05]), decay=0.9, seed_count=2, floor_quantile=None)
    seed = 0.02**2 * 2  # the sample variance of 0.01 and -0.03
    second = 0.9 * seed + 0.1 * 0.02**2
    third = 0.9 * second + 0.1 * 0.05**2
    assert np.isnan(found[:2]).all()
    assert found[2:] ** 2 == pytest.approx([seed, second, third])


@given(st.integers(60, 119), st.sampled_from([None, 0.25]))
def test_no_volatility_knows_its_own_step_or_a_later_one(row: int, floor: float | None) -> None:
    moves = steps(120)
    changed = moves.copy()
    changed[row:] *= 10
    before, after = (ewma(part, floor_quantile=floor) for part in (moves, changed))
    assert (before[60 : row + 1] == after[60 : row + 1]).all()
    assert after[row + 1] > before[row + 1]


def test_factors_do_not_touch_each_other() -> None:
    both = ewma(np.column_stack([steps(200, 1), steps(200, 2)]))
    alone = [ewma(steps(200, seed)) for seed in (1, 2)]
    assert np.allclose(both, np.column_stack(alone), rtol=1e-12, equal_nan=True)


def test_the_floor_is_the_lower_quantile_of_what_was_foreseen_so_far() -> None:
    path = np.concatenate([np.full(3, np.nan), 0.01 * np.abs(steps(50, 4, 1.0))])
    found = floored(path, 0.25)
    for row in range(3, len(path)):
        assert found[row] == max(path[row], np.quantile(path[3 : row + 1], 0.25, method="lower"))


def test_a_long_calm_does_not_take_the_floor_away_at_once() -> None:
    moves = np.concatenate([steps(500, 1, 0.04), steps(100, 2, 0.001)])
    assert ewma(moves, floor_quantile=None)[-1] < 0.01
    assert ewma(moves)[-1] > 0.03


def test_residuals_are_moves_over_what_was_foreseen() -> None:
    moves = np.column_stack([steps(200, 1), 5 * steps(200, 2)])
    path = ewma(moves)
    found = residuals(moves, path)
    assert found == pytest.approx(moves[60:] / path[60:-1])
    assert found.std(axis=0) == pytest.approx([1, 1], abs=0.15)
    with pytest.raises(RiskError, match="one row more than the moves"):
        residuals(moves, path[:-1])
    with pytest.raises(RiskError, match="column 1, 0 rows after its begin: no volatility"):
        residuals(moves * [1, 0], ewma(moves * [1, 0]))


def test_garch_finds_the_parameters_that_made_the_moves() -> None:
    rng = np.random.default_rng(11)
    truth = Garch(4e-6, 0.08, 0.90, None)
    variance, moves = truth.constant / 0.02, np.empty(8000)
    for at in range(len(moves)):
        moves[at] = np.sqrt(variance) * rng.standard_normal()
        variance = truth.constant + truth.reaction * moves[at] ** 2 + truth.persistence * variance
    found = fit_garch(moves, "normal")
    assert found.reaction == pytest.approx(truth.reaction, abs=0.02)
    assert found.persistence == pytest.approx(truth.persistence, abs=0.03)
    assert found.dof is None
    long_run = found.constant / (1 - found.reaction - found.persistence)
    assert long_run == pytest.approx(2e-4, rel=0.15)
    path = found.path(moves)
    assert np.isnan(path[:60]).all()
    assert path[-1] ** 2 == pytest.approx(variance, rel=0.15)


def test_garch_with_t_innovations_sees_the_tail() -> None:
    moves = 0.02 * np.random.default_rng(3).standard_t(4, 4000)
    found = fit_garch(moves)
    assert found.dof is not None
    assert 3 < found.dof < 5.5


def test_root_of_time_is_only_that() -> None:
    assert root_of_time(0.02, 4) == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ewma(steps(100), decay=1.0), "decay 1.0"),
        (lambda: ewma(steps(50)), "seed_count 60: 50 moves"),
        (lambda: ewma(np.full(100, np.nan)), "row 0: expected a finite number"),
        (lambda: ewma(steps(100), floor_quantile=1.0), "floor_quantile"),
        (lambda: fit_garch(np.zeros(200)), "all alike"),
        (lambda: fit_garch(steps(20)), "100 finite moves"),
        (lambda: fit_garch(steps(200), "skewed"), "expected normal or t"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_what_has_no_volatility_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

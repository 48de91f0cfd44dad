"""Scenarios from history: as it was, filtered by volatility, on named days; and moves that are stated outright."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.risk.errors import RiskError
from novate.risk.factors import Factor, levels_after, moves, one_step_moves
from novate.risk.scenarios.filtered import Scaling, filtered, scaling_factors
from novate.risk.scenarios.historical import historical
from novate.risk.scenarios.hypothetical import basis_shocks, depegs, funding_shocks, hypothetical
from novate.risk.scenarios.stress_days import NAMED, StressDay, stress_days
from novate.risk.volatility import ewma, fit_garch
from tests.risk.walks import daily, walk


def test_historical_moves_are_the_newest_windows() -> None:
    history = daily(walk(100, seed=1))
    found = historical(history, 2, lookback=30)
    assert len(found) == 30
    assert (found.moves == moves(history, 2).moves[-30:]).all()
    assert found.labels[-1] == "2015-04-10"
    with pytest.raises(RiskError, match="the last 200 of 99 scenarios"):
        historical(history, lookback=200)


def test_age_takes_probability_away() -> None:
    weights = historical(daily(walk(100, seed=1)), decay=0.98).weights
    assert weights is not None
    assert weights.sum() == pytest.approx(1)
    assert weights[-2] / weights[-1] == pytest.approx(0.98)
    with pytest.raises(RiskError, match=r"decay 1\.5"):
        historical(daily(walk(100, seed=1)), decay=1.5)


def test_the_three_scalings_by_hand() -> None:
    path = np.array([[np.nan], [0.02], [0.04], [0.01], [0.03]])
    full = [0.03 / 0.02, 0.03 / 0.04, 0.03 / 0.01]
    wanted: dict[Scaling, list[float]] = {
        "full": full,
        "mid": [(0.03 + s) / (2 * s) for s in (0.02, 0.04, 0.01)],
        "floored": [1.5, 1.0, 3.0],
    }
    for scaling, factors in wanted.items():
        assert scaling_factors(path, 1, scaling)[1:, 0] == pytest.approx(factors)
    # A window of two steps is scaled by what was foreseen before its first step.
    assert scaling_factors(path, 2, "full")[1:, 0] == pytest.approx(full[:2])


@given(st.integers(1, 5), st.integers(0, 100))
def test_filtered_moves_are_recorded_ones_times_their_factor(horizon: int, seed: int) -> None:
    history = daily(walk(150, seed=seed, factors=2), Factor("BTC"), Factor("ETH"))
    path = ewma(one_step_moves(history))
    found = filtered(history, horizon, scaling="full")
    assert len(found) == 150 - 60 - horizon
    raw = moves(history, horizon)
    for row in (0, len(found) - 1):
        start = 60 + row  # the window begins with move `start`
        assert found.labels[row] == raw.labels[start]
        assert found.moves[row] == pytest.approx(raw.moves[start] * path[-1] / path[start])


@given(st.integers(0, 100))
def test_mid_lies_half_way_to_full_and_floored_never_shrinks(seed: int) -> None:
    history = daily(walk(150, seed=seed))
    raw = moves(history, 1).moves[60:]
    full, mid, lifted = (filtered(history, scaling=scaling).moves for scaling in ("full", "mid", "floored"))
    assert mid == pytest.approx((full + raw) / 2)
    assert (np.abs(lifted) >= np.abs(raw) - 1e-15).all()


def test_filtering_undoes_a_change_of_volatility() -> None:
    """Moves of a calm year, then of a wild one: filtered, all have the volatility of the wild one."""
    calm = 0.01 * np.random.default_rng(1).standard_normal(365)
    levels = 100 * np.exp(np.cumsum(np.concatenate([calm, 5 * calm])))
    found = filtered(daily(levels), scaling="full").moves
    assert found[:250].std() == pytest.approx(found[-250:].std(), rel=0.25)


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_a_garch_path_scales_as_an_ewma_does(horizon: int) -> None:
    """A path for each factor, fitted to its own moves; windows of several days by what was foreseen for their first."""
    history = daily(walk(600, seed=4, factors=2), Factor("BTC"), Factor("ETH"))
    steps = one_step_moves(history)
    path = np.stack([fit_garch(column).path(column) for column in steps.T], axis=1)
    found, raw = filtered(history, horizon, scaling="full", path=path), moves(history, horizon)
    assert len(found) == 600 - 60 - horizon
    assert found.horizon_days == horizon
    assert found.labels == raw.labels[60:]
    assert found.moves == pytest.approx(raw.moves[60:] * path[-1] / path[60:-horizon])


def test_a_peg_is_left_unscaled_by_name() -> None:
    levels = np.column_stack([walk(100, seed=1), np.ones(100)])
    history = daily(levels, Factor("BTC"), Factor("USDC"))
    with pytest.raises(RiskError, match=r"USDC, 2015-03-03: no volatility .* name the factor in `unscaled`"):
        filtered(history)
    found = filtered(history, unscaled=("USDC",))
    assert (found.moves[:, 1] == 0).all()
    assert (found.moves[:, 0] == filtered(daily(levels[:, 0])).moves[:, 0]).all()
    with pytest.raises(RiskError, match="unscaled: no factor DAI"):
        filtered(history, unscaled=("DAI",))


def test_ten_years_of_fifty_factors_are_filtered_in_well_under_a_second() -> None:
    factors = tuple(Factor(f"F{at}") for at in range(50))
    history = daily(walk(3653, seed=1, factors=50), *factors)
    began = time.process_time()
    assert filtered(history, 2).moves.shape == (3653 - 60 - 2, 50)
    assert time.process_time() - began < 1


def test_named_days_are_taken_as_they_were_and_the_others_named() -> None:
    history = daily(walk(3000, seed=5), first="2016-01-01")
    found = stress_days(history)
    dates = [label[:10] for label in found.scenarios.labels]
    assert dates == [day.date for day in NAMED if "2016-01-01" < day.date < "2024-03-18"]
    assert {day.date for day in found.missing} == {day.date for day in NAMED} - set(dates)
    by_label = dict(zip(moves(history, 1).labels, moves(history, 1).moves, strict=True))
    for date, move in zip(dates, found.scenarios.moves, strict=True):
        assert (move == by_label[date]).all()


def test_every_window_that_holds_the_day_is_a_scenario() -> None:
    history = daily(walk(10, seed=5))
    day = StressDay("2015-01-05", "the day")
    found = stress_days(history, 3, (day,)).scenarios
    assert found.labels == tuple(f"2015-01-05 the day, to 2015-01-0{end}" for end in (5, 6, 7))
    assert (found.moves == moves(history, 3).moves[1:4]).all()
    # At the edges of a history there are fewer.
    assert len(stress_days(history, 3, (StressDay("2015-01-10", "last"),)).scenarios) == 1
    assert stress_days(history, 3, (day, StressDay("2015-01-01", "first"))).missing[0].event == "first"
    with pytest.raises(RiskError, match="no stress day lies between 2015-01-02 and 2015-01-10"):
        stress_days(history)


def test_stated_shocks_move_what_they_name_alone() -> None:
    factors = (Factor("BTC"), Factor("BTC basis 90d", "absolute"))
    found = hypothetical("crash", factors, {"a": {"BTC": -0.3}, "b": {"BTC": 0.1, "BTC basis 90d": -0.15}})
    after = levels_after(np.array([50_000.0, 0.08]), found)
    assert after == pytest.approx(np.array([[35_000, 0.08], [55_000, -0.07]]))


def test_basis_funding_and_pegs_move_as_factors() -> None:
    basis = basis_shocks("BTC", (30, 90), (0.05, 0.15))
    assert [factor.name for factor in basis.factors] == ["BTC basis 30d", "BTC basis 90d"]
    assert levels_after(np.array([0.1, 0.1]), basis)[:, 0] == pytest.approx([0.15, 0.05, 0.25, -0.05])
    funding = funding_shocks("BTC", (0.001,))
    assert levels_after(np.array([0.0001]), funding)[:, 0] == pytest.approx([0.0011, -0.0009])
    peg = depegs("USDC", 0.999, (0.98, 0.88))
    assert levels_after(np.array([0.999]), peg)[:, 0] == pytest.approx([0.98, 0.88])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: hypothetical("x", (Factor("BTC"),), {"a": {"ETH": 1.0}}), "x, a: no factor ETH"),
        (lambda: hypothetical("x", (Factor("BTC"),), {"a": {"BTC": -1.0}}), "BTC, after the move: 0 is not above"),
        (lambda: hypothetical("x", (Factor("BTC"),), {}), "at least one row"),
        (lambda: moves(daily(walk(5, seed=1)), 5), "horizon_steps 5: 5 rows hold horizons of 1 to 4"),
        (lambda: filtered(daily(walk(100, seed=1)), path=np.ones((3, 1))), r"shape \(100, 1\), got \(3, 1\)"),
        (lambda: filtered(daily(walk(62, seed=1)), 5), "it begins after the last of 57 windows"),
        (lambda: scaling_factors(np.ones((4, 1)), 1, "half"), "expected full"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_what_makes_no_scenario_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

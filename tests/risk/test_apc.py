"""Tools against procyclicality: by hand, and what must hold of any path."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.risk.apc import Buffer, Procyclicality, capped_rise, largest_rise, procyclicality, with_floor, with_stress
from novate.risk.errors import RiskError

PATHS = st.lists(st.floats(0.01, 1e6), min_size=2, max_size=60).map(np.array)


def test_a_buffer_is_used_up_while_margins_rise_and_refilled_afterwards() -> None:
    """100 for five days; 115, 130 and 150 are rises: the charge stays at 125 until the margin has passed it."""
    rule = Buffer(share=0.25, rising=1.1, window=5, refill=5)
    margin = [100.0] * 5 + [115.0, 130.0, 150.0] + [150.0] * 8
    charged = rule.charged(margin)
    assert charged[:5].tolist() == [125.0] * 5
    assert charged[5:8].tolist() == [125.0, 130.0, 150.0]
    # The mean of five days is passed by a tenth until the rise has left them; then a fifth of the buffer a day.
    assert charged[8:].tolist() == pytest.approx([150, 150, 157.5, 165, 172.5, 180, 187.5, 187.5])


def test_a_margin_that_falls_keeps_its_buffer() -> None:
    assert Buffer().charged([100.0, 90.0, 80.0]).tolist() == pytest.approx([125.0, 112.5, 100.0])


@given(PATHS)
def test_a_buffer_never_charges_less_than_the_margin_nor_more_than_a_full_one(path: np.ndarray) -> None:
    charged = Buffer().charged(path)
    assert (charged >= path).all()
    assert (charged <= 1.25 * path * (1 + 1e-12)).all()


@given(PATHS, st.integers(1, 59))
def test_no_tool_looks_ahead(path: np.ndarray, upto: int) -> None:
    known = path[: min(upto, len(path))]
    assert np.array_equal(Buffer().charged(known), Buffer().charged(path)[: len(known)])
    assert np.array_equal(capped_rise(known).charged, capped_rise(path).charged[: len(known)])


def test_a_cap_defers_and_says_what_is_not_covered() -> None:
    found = capped_rise([100.0, 150.0, 150.0, 150.0, 90.0], daily=0.2)
    assert found.charged.tolist() == pytest.approx([100, 120, 144, 150, 90])
    assert found.uncovered.tolist() == pytest.approx([0, 30, 6, 0, 0])


@given(PATHS, st.floats(0.01, 1.0))
def test_a_cap_bounds_the_daily_rise(path: np.ndarray, daily: float) -> None:
    found = capped_rise(path, daily)
    assert largest_rise(found.charged, 1) <= (1 + daily) * (1 + 1e-12)
    assert (found.uncovered >= 0).all()


def test_stress_and_floor() -> None:
    assert with_stress([100.0, 200.0], [300.0, 300.0]).tolist() == [150.0, 225.0]
    assert with_floor([100.0, 200.0], [150.0, 150.0]).tolist() == [150.0, 200.0]


def test_the_metrics_by_hand() -> None:
    path = [100.0, 80.0, 100.0, 120.0, 60.0, 90.0]
    found = procyclicality(path, [50.0, 50.0, 50.0, 50.0, 50.0, 50.0])
    assert found == Procyclicality(2.0, 1.5, 1.5, 1.5, pytest.approx(550 / 300))  # type: ignore[arg-type]
    assert largest_rise([60.0, 70.0, 100.0], 1) == pytest.approx(100 / 70)
    assert largest_rise([60.0, 70.0, 100.0], 2) == pytest.approx(100 / 60)
    assert largest_rise([100.0, 50.0], 5) == 1.0
    assert procyclicality([1.0, 1.0]) == Procyclicality(1.0, 1.0, 1.0, 1.0, 1.0)


@given(PATHS)
def test_mitigation_is_what_the_metrics_see(path: np.ndarray) -> None:
    """A floor and a stressed part, constant, never make a requirement swing more."""
    bare = procyclicality(path)
    for mitigated in (
        with_floor(path, np.full(len(path), path.mean())),
        with_stress(path, np.full(len(path), path.max())),
    ):
        found = procyclicality(mitigated, path)
        assert found.peak_to_trough <= bare.peak_to_trough * (1 + 1e-9)
        assert found.rise_5 <= bare.rise_5 * (1 + 1e-9)
        assert found.cost >= 1 - 1e-9


def test_what_is_no_path_is_said() -> None:
    with pytest.raises(RiskError, match="none below 0"):
        Buffer().charged([1.0, -1.0])
    with pytest.raises(RiskError, match="the same days, got 2 and 1"):
        with_floor([1.0, 2.0], [1.0])
    with pytest.raises(RiskError, match=r"day 1: 0\.0: ratios need"):
        procyclicality([1.0, 0.0])
    with pytest.raises(RiskError, match="weight 2"):
        with_stress([1.0], [1.0], 2)
    with pytest.raises(RiskError, match="daily 0"):
        capped_rise([1.0], 0)
    with pytest.raises(RiskError, match=r"rising 0\.5"):
        Buffer(rising=0.5)
    with pytest.raises(RiskError, match="days 0"):
        largest_rise([1.0], 0)

"""The depth model: limited, inside the limit, and dearer the more is taken."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.sim.depth import IMPACT, ROUND_SHARE, Depth


@given(
    lots=st.integers(-100_000, 100_000).filter(bool),
    slippage=st.floats(0, 0.2),
    mark=st.integers(100, 10**7),
    sigma=st.floats(0, 0.2),
    volume=st.floats(0, 10**6),
    taken=st.floats(0, 10**5),
)
def test_a_fill_is_never_more_than_asked_nor_worse_than_the_limit(
    lots: int, slippage: float, mark: int, sigma: float, volume: float, taken: float
) -> None:
    side = 1 if lots > 0 else -1
    limit = mark + side * int(mark * slippage)
    depth = Depth(taken={(7, side): taken})
    fill = depth.offer(7, lots, limit, mark, sigma, volume)
    if fill is not None:
        assert 1 <= fill.lots <= abs(lots)
        assert fill.lots <= max(1, volume * ROUND_SHARE)
        assert 0 <= side * (fill.price_ticks - mark) <= side * (limit - mark)


def test_a_stale_limit_better_than_the_mark_gets_nothing() -> None:
    assert Depth().offer(0, -10, 1_020, 1_000, 0.01, 10_000) is None
    assert Depth().offer(0, 10, 980, 1_000, 0.01, 10_000) is None


def test_the_average_price_follows_the_square_root_law() -> None:
    sigma, volume, mark = 0.02, 10_000, 10**9  # a mark so large that rounding to a tick does not matter
    fill = Depth().offer(0, 500, 2 * mark, mark, sigma, volume)
    assert fill is not None
    assert fill.lots == 500
    assert fill.price_ticks / mark - 1 == pytest.approx(2 / 3 * IMPACT * sigma * math.sqrt(500 / volume), rel=1e-6)


def test_what_was_taken_weighs_until_the_next_price() -> None:
    depth = Depth()
    first = depth.offer(0, -100, 900, 1_000, 0.05, 10_000)
    assert first is not None
    depth.take(0, -1, 100)
    depth.next_round()
    second = depth.offer(0, -100, 900, 1_000, 0.05, 10_000)
    assert second is not None
    assert second.price_ticks < first.price_ticks
    depth.next_step()
    assert depth.offer(0, -100, 900, 1_000, 0.05, 10_000) == first


def test_a_round_has_an_end_for_both_sides_apart() -> None:
    depth = Depth()
    fill = depth.offer(0, 10_000, 2_000, 1_000, 0.01, 10_000)
    assert fill is not None
    assert fill.lots == 10_000 * ROUND_SHARE
    depth.take(0, 1, fill.lots)
    assert depth.offer(0, 10_000, 2_000, 1_000, 0.01, 10_000) is None
    assert depth.offer(0, -10_000, 500, 1_000, 0.01, 10_000) is not None

"""What size costs a margin: the law of impact by hand, and chords of it that are never below."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.risk.errors import RiskError
from novate.risk.models.liquidity import Liquidity, added, cost, slopes


@given(
    st.floats(0.0, 2.0),
    st.floats(1.0, 1e6),
    st.floats(0.01, 1.0),
    st.floats(0.0, 2.0),
    st.floats(0.0, 50.0),
    st.lists(st.integers(0, 10**9), min_size=2, max_size=6),
)
def test_chords_lie_above_the_law_and_never_fall(
    spread: float, volume: float, closable: float, impact: float, sigma: float, sizes: Sequence[int]
) -> None:
    market = Liquidity(spread, volume, closable, impact)
    law: dict[str, float] = {"day_sigma": sigma, "asked_of_one": 3 * sigma, "horizon_days": 2.0}
    pieces = slopes(market, **law)

    for lots in sizes:
        within = lots <= pieces[-1].floor_lots
        if within:
            assert added(pieces, lots) >= cost(market, lots, **law) * (1 - 1e-9) - 1e-9
    ordered = [added(pieces, lots) for lots in sorted(sizes)]
    assert all(low <= high * (1 + 1e-12) for low, high in itertools.pairwise(ordered))
    rising = [piece.per_lot for piece in pieces]
    assert all(low <= high * (1 + 1e-9) + 1e-12 for low, high in itertools.pairwise(rising))


def test_the_law_of_a_large_position_by_hand() -> None:
    """100 lots a day, a fifth can be closed: 40 lots in two days. 160 lots take four times that."""
    market = Liquidity(half_spread=0.5, daily_lots=100, closable=0.2, impact=1.0)
    small = cost(market, 25, day_sigma=2.0, asked_of_one=10.0, horizon_days=2.0)
    assert small == pytest.approx(12.5 + 2 * 25 * 0.5)
    large = cost(market, 160, day_sigma=2.0, asked_of_one=10.0, horizon_days=2.0)
    assert large == pytest.approx(80 + 2 * 160 * np.sqrt(1.6) + 10 * 160 * (2 - 1))
    with pytest.raises(RiskError, match="a positive volume"):
        Liquidity(0.0, 0.0)

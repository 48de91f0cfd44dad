"""Grids: SPAN's sixteen in CME's order, and the tables of crypto portfolio margin as published."""

from collections.abc import Callable

import numpy as np
import pytest

from novate.risk.errors import RiskError
from novate.risk.factors import Factor, levels_after
from novate.risk.scenarios.crypto_grid import Grid, SkewShock, VolShock, crypto_grid, skew_multiplier
from novate.risk.scenarios.span import NEWER, span

PRICE, VOL = Factor("ES", "absolute"), Factor("ES vol 30d", "absolute")
DERIBIT = Grid(
    0.16,
    9,
    VolShock(0.5, 0.25, vol_min=0.5),
    tails=tuple((change, 0.16 / abs(change)) for change in (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)),
)
DERIVE = Grid(
    0.18,
    9,
    VolShock(0.5, 0.275, vol_min=0.45),
    tails=((-0.66, 0.036 / 0.66), (-0.33, 0.036 / 0.33), (0.5, 0.072), (1.0, 0.036), (2.0, 0.018), (3.0, 0.012)),
    outer_up_only=True,
    linear_skew=True,
    abs_skew=True,
)
ROTATION = SkewShock(cap=0.15, cap_slope=-0.05, width=4.0, width_min=0.01, vol=0.6, vol_slope=-0.1)


def test_the_sixteen_in_their_order() -> None:
    """A scan range of 20 points and classic extremes: of 40 points, 35 % counts, which are 14 (McMillan on Options)."""
    found = span((PRICE, 1000.0), 20.0, ((VOL, 0.2),), 0.04)
    after = levels_after(np.array([1000.0, 0.2]), found)
    third = 20 / 3
    prices = [
        0,
        0,
        third,
        third,
        -third,
        -third,
        2 * third,
        2 * third,
        -2 * third,
        -2 * third,
        20,
        20,
        -20,
        -20,
        40,
        -40,
    ]
    assert after[:, 0] - 1000 == pytest.approx(prices)
    assert after[:, 1] == pytest.approx([0.24, 0.16] * 7 + [0.2, 0.2])
    assert found.counted is not None
    assert found.counted * (after[:, 0] - 1000) == pytest.approx([*prices[:14], 14, -14])


def test_the_newer_extremes() -> None:
    found = span((PRICE, 1000.0), 20.0, (), 0.0, extreme=NEWER)
    assert found.counted is not None
    assert (found.counted * found.moves[:, 0])[-2:] == pytest.approx([19.8, -19.8])


def test_a_relative_price_reaches_the_same_levels_but_not_zero() -> None:
    found = span((Factor("BTC"), 100.0), 30.0, (), 0.0)
    assert levels_after(np.array([100.0]), found)[-1, 0] == pytest.approx(40)
    with pytest.raises(RiskError, match="BTC, after the move: -20 is not above zero"):
        span((Factor("BTC"), 100.0), 60.0, (), 0.0)
    assert levels_after(np.array([100.0]), span((PRICE, 100.0), 60.0, (), 0.0))[-1, 0] == pytest.approx(-20)


def test_deribits_table() -> None:
    rows = DERIBIT.rows()
    assert len(rows) == 9 * 3 + 8
    prices = sorted({change for change, _, part in rows if part == 1})
    assert prices == pytest.approx([-0.16, -0.12, -0.08, -0.04, 0, 0.04, 0.08, 0.12, 0.16])
    tails = {change: part for change, _, part in rows if part < 1}
    assert {change: round(part, 2) for change, part in tails.items()} == {
        -0.66: 0.24, -0.33: 0.48, 0.5: 0.32, 1.0: 0.16, 2.0: 0.08, 3.0: 0.05, 4.0: 0.04, 5.0: 0.03
    }  # fmt: skip
    assert all(way == "up" for _, way, part in rows if part < 1)


def test_derives_thirty_one() -> None:
    """The scenarios of the public test portfolios of Derive's PM2 (derivexyz/v2-core, January 2026)."""
    rows = [(round(1 + change, 6), way, round(part, 6)) for change, way, part in DERIVE.rows()]
    assert rows[0] == (1.18, "up", 1)
    assert rows[-7] == (0.82, "up", 1)
    inner = [row for row in rows if 0.82 < row[0] < 1.18]
    levels = (1.135, 1.09, 1.045, 1, 0.955, 0.91, 0.865)
    assert inner == [(level, way, 1) for level in levels for way in ("up", "same", "down")]
    assert [(price, part) for price, _, part in rows[-6:]] == [
        (0.34, 0.054545), (0.67, 0.109091), (1.5, 0.072), (2.0, 0.036), (3.0, 0.018), (4.0, 0.012)
    ]  # fmt: skip
    assert len(crypto_grid("BTC", 60_000.0, {30: 0.6}, DERIVE)) == 31


def test_volatilities_move_with_their_tenor() -> None:
    shock = VolShock(0.5, 0.25, vol_min=0.5)
    assert shock.multiplier(30, "up") == pytest.approx(1.5)
    assert shock.multiplier(7, "up") == pytest.approx(1 + 0.5 * (30 / 7) ** 0.3)
    assert shock.multiplier(180, "down") == pytest.approx(1 - 0.25 * (30 / 180) ** 0.13)
    assert shock.multiplier(0.01, "up") == shock.multiplier(1, "up")  # below a day counts as a day
    assert shock.multiplier(7, "same") == 1
    assert VolShock(1, 0.9).multiplier(1, "down") == 0  # never below
    assert shock.shocked(np.array([0.2, 0.8]), 30, "up") == pytest.approx([0.5, 1.2])
    assert shock.shocked(0.2, 30, "down") == pytest.approx(0.15)


def test_the_grid_needs_nothing_of_its_pricer_but_levels() -> None:
    found = crypto_grid("BTC", 60_000.0, {7: 0.4, 30: 0.25, 90: 0.6}, DERIVE)
    assert [factor.name for factor in found.factors] == [
        "BTC", "BTC vol 7d", "BTC vol 30d", "BTC vol 90d", "BTC skew linear", "BTC skew abs"
    ]  # fmt: skip
    after = levels_after(np.array([60_000.0, 0.4, 0.25, 0.6, 0.0, 0.0]), found)
    by_label = dict(zip(found.labels, after, strict=True))
    up = by_label["price +0.135, vol up"]
    week, quarter = 1 + 0.5 * (30 / 7) ** 0.3, 1 + 0.5 * (30 / 90) ** 0.13
    assert up == pytest.approx([68_100, 0.4 * week, 0.45, 0.6 * quarter, 0, 0])  # 0.25 x 1.5 is below the minimum
    down = by_label["price -0.045, vol down"]
    assert down[:3] == pytest.approx([57_300, 0.4 * (1 - 0.275 * (30 / 7) ** 0.3), 0.25 * 0.725])
    assert by_label["skew linear"] == pytest.approx([60_000, 0.4, 0.25, 0.6, 1, 0])
    assert by_label["skew abs"][-2:] == pytest.approx([0, 1])


def test_skew_rotates_about_the_forward_and_stops_at_its_cap() -> None:
    k, years = np.array([-5.0, -0.1, 0.0, 0.1, 5.0]), 30 / 365
    root = np.sqrt(years)
    cap, reach = 0.15 - 0.05 * root, root * 4 * (0.6 - 0.1 * root)
    part = 0.1 * cap / reach
    assert skew_multiplier(k, years, 0, 0, ROTATION) == pytest.approx(np.ones(5))
    assert skew_multiplier(k, years, 1, 0, ROTATION) == pytest.approx([1 - cap, 1 - part, 1, 1 + part, 1 + cap])
    assert skew_multiplier(k, years, 0, 1, ROTATION) == pytest.approx([1 + cap, 1 + part, 1, 1 + part, 1 + cap])
    assert skew_multiplier(k, years, -1, 0, ROTATION) == pytest.approx([1 + cap, 1 + part, 1, 1 - part, 1 - cap])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Grid(0.16, 8, VolShock(0.5, 0.25)), "an odd count"),
        (lambda: Grid(1.2, 9, VolShock(0.5, 0.25)), "between 0 and 1"),
        (lambda: Grid(0.16, 9, VolShock(0.5, 0.25), tails=((-1.0, 0.1),)), "tail -1.0"),
        (lambda: Grid(0.16, 9, VolShock(0.5, 0.25), tails=((0.5, 0.0),)), "tail 0.5, counted 0.0"),
        (lambda: span((PRICE, 1.0), 0.0, (), 0.0), "a price range above 0"),
    ],
)
def test_a_grid_that_cannot_be_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

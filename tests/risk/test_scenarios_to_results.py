"""From scenarios to results of one lot: a venue's grid, its rotated skew, recorded history down to a sheet's row."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from novate.core.terms import Kind
from novate.risk.black import black76
from novate.risk.days import DAY_NS
from novate.risk.factors import Factor, FactorHistory, Scenarios, levels_after
from novate.risk.instruments import Instrument
from novate.risk.measures import expected_shortfall
from novate.risk.revaluation import Levels, projected, results_at, results_of_one_lot
from novate.risk.scenarios.crypto_grid import Grid, SkewShock, VolShock, crypto_grid, skew_multiplier
from novate.risk.scenarios.filtered import filtered
from novate.risk.sheet import hidden, quantise
from tests.risk.test_revaluation import NOW, contract

GRID = Grid(0.16, 9, VolShock(0.5, 0.25), linear_skew=True)
SPOT, VOL = 100_000.0, 0.6


def levels_in(scenarios: Scenarios, now: list[float]) -> Levels:
    """The levels of some scenarios, from the levels of now in their order of factors."""
    names = tuple(factor.name for factor in scenarios.factors)
    return Levels(names, np.array(now), levels_after(np.array(now), scenarios), scenarios.horizon_days)


def coin_call() -> Instrument:
    terms = contract("CALL", Kind.CALL, 31, underlying="IDX", strike="110000", inverse=True, settlement="BTC")
    return Instrument(terms, "BTC", "BTC", SPOT, VOL)


def test_a_grid_revalues_an_option_in_full() -> None:
    grid = crypto_grid("BTC", SPOT, {30.0: 0.5}, GRID)
    results = results_of_one_lot([coin_call()], levels_in(grid, [SPOT, 0.5, 0.0]), NOW)[0]
    now = black76(SPOT, 110_000, VOL, 31 / 365, True) / SPOT
    for label, spot, vol in (("price +0.16, vol up", 1.16, 1.5), ("price -0.08, vol down", 0.92, 0.75)):
        at = grid.labels.index(label)
        then = black76(SPOT * spot, 110_000, VOL * vol, 30 / 365, True) / (SPOT * spot)
        assert results[at] == pytest.approx(float(then - now) * SPOT * spot, rel=1e-9)


def test_a_rotated_skew_bends_the_volatilities_between_the_two_steps() -> None:
    grid = crypto_grid("BTC", SPOT, {30.0: 0.5}, GRID)
    levels = levels_in(grid, [SPOT, 0.5, 0.0])
    prices, vols, years = projected([coin_call()], levels, NOW)
    rotation = SkewShock(cap=0.15, cap_slope=-0.05, width=4.0, width_min=0.01, vol=0.6, vol_slope=-0.1)
    k = np.log(110_000 / prices)
    bent = vols * skew_multiplier(k, years[:, None], levels.of("BTC skew linear", "CALL")[1], 0.0, rotation)
    results, plain = (results_at([coin_call()], levels, NOW, prices, each, years)[0] for each in (bent, vols))
    at = grid.labels.index("skew linear")
    assert results[at] > plain[at]  # its strike is high
    assert np.delete(results, at).tolist() == np.delete(plain, at).tolist()


def test_recorded_history_becomes_a_row_of_a_sheet(market_file: Callable[[str], Path]) -> None:
    table = pq.read_table(market_file("btcusd_daily_2011_2025.parquet"))
    times = table["date" if "date" in table.column_names else "ts"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    closes = table["close"].to_numpy().astype(float)[:, None]
    history = FactorHistory((Factor("BTC"),), times, closes, gap_max_ns=DAY_NS)
    scenarios = filtered(history, 2)
    spot = float(closes[-1, 0])
    levels = Levels(("BTC",), np.array([spot]), levels_after(np.array([spot]), scenarios), 2.0)
    future = Instrument(contract("FUT", Kind.FUTURE, 90, lot_size="0.01"), "BTC", None, spot)
    results = results_of_one_lot([future], levels, NOW)[0]
    assert results == pytest.approx(0.01 * spot * np.expm1(scenarios.moves[:, 0]), rel=1e-9, abs=1e-9)
    assert hidden(results, 0.01, quantise(results, 0.01)) <= 0.5 + 1e-6
    assert 0.05 < expected_shortfall(results, 0.99) / (0.01 * spot) < 0.6

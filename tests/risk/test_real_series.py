"""Real histories: what they hold, what is refused in them, and how models cover them out of sample."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from novate.risk.backtest.coverage import exceptions, pof
from novate.risk.backtest.traffic_light import traffic_light
from novate.risk.backtest.windows import OutOfSample, out_of_sample
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory, Scenarios, levels_after, moves, one_step_moves
from novate.risk.measures import expected_shortfall, parametric_var, value_at_risk
from novate.risk.scenarios.filtered import filtered
from novate.risk.scenarios.historical import historical
from novate.risk.scenarios.stress_days import stress_days
from novate.risk.volatility import ewma, fit_garch

MarketFile = Callable[[str], Path]
NEGATIVE_OIL = ("2020-04-20", "2020-04-21")


def read(path: Path, column: str, factor: Factor, *, gap_days: int, vouched: tuple[str, ...] = ()) -> FactorHistory:
    """One column of a file by its dates or times; rows without a number are days on which the market was shut."""
    table = pq.read_table(path)
    name = "date" if "date" in table.column_names else "ts"
    times = table[name].to_numpy().astype("datetime64[ns]").astype(np.int64)
    levels = table[column].to_numpy().astype(np.float64)
    there = ~np.isnan(levels)
    return FactorHistory((factor,), times[there], levels[there, None], gap_max_ns=gap_days * DAY_NS, vouched=vouched)


@pytest.fixture(scope="session")
def btc(market_file: MarketFile) -> FactorHistory:
    return read(market_file("btcusd_daily_2011_2025.parquet"), "close", Factor("BTC"), gap_days=1)


@pytest.fixture(scope="session")
def sp500(market_file: MarketFile) -> FactorHistory:
    return read(market_file("sp500_index_daily.parquet"), "close", Factor("S&P 500"), gap_days=7)


@pytest.fixture(scope="session")
def wti(market_file: MarketFile) -> FactorHistory:
    path = market_file("crude_oil_spot_daily.parquet")
    return read(path, "wti_usd_bbl", Factor("WTI", "absolute"), gap_days=5, vouched=NEGATIVE_OIL)


def returns_by_day(scenarios: Scenarios) -> dict[str, float]:
    """Simple returns of the first factor, by the dates that labels begin with."""
    returns = np.expm1(scenarios.moves[:, 0]).tolist()
    return {label[:10]: move for label, move in zip(scenarios.labels, returns, strict=True)}


def test_bitcoins_days_of_stress(btc: FactorHistory) -> None:
    found = stress_days(btc)
    by_date = returns_by_day(found.scenarios)
    assert by_date["2020-03-12"] == pytest.approx(-0.39, abs=0.01)
    assert all(by_date[day] < -0.04 for day in ("2021-05-19", "2022-06-13", "2022-11-08", "2022-11-09"))
    assert {"1987-10-19", "2008-09-15", "2025-10-10"} <= {day.date for day in found.missing}
    assert len(stress_days(btc, 2).scenarios) == 2 * len(found.scenarios)


def test_equities_days_of_stress(sp500: FactorHistory) -> None:
    found = stress_days(sp500)
    by_date = returns_by_day(found.scenarios)
    assert by_date["2020-03-16"] == pytest.approx(-0.1198, abs=1e-4)
    assert by_date["2008-10-15"] == pytest.approx(-0.0903, abs=1e-4)
    assert by_date["2008-09-15"] == pytest.approx(-0.0471, abs=1e-4)
    assert "1987-10-19" in {day.date for day in found.missing}


def test_a_market_that_shuts_has_gaps_and_no_more_than_are_stated(market_file: MarketFile) -> None:
    with pytest.raises(RiskError, match="nothing between 2001-09-10 and 2001-09-17, 7 days where at most 5"):
        read(market_file("sp500_index_daily.parquet"), "close", Factor("S&P 500"), gap_days=5)


def test_oil_below_zero_is_absolute_and_vouched_for(market_file: MarketFile, wti: FactorHistory) -> None:
    path = market_file("crude_oil_spot_daily.parquet")
    with pytest.raises(RiskError, match=r"WTI, 2020-04-20: -36\.98 is not above zero: .* make the factor absolute"):
        read(path, "wti_usd_bbl", Factor("WTI"), gap_days=5)
    with pytest.raises(RiskError, match=r"WTI, 2020-04-20: from 18\.31 to -36\.98 is a move of -55\.29"):
        read(path, "wti_usd_bbl", Factor("WTI", "absolute"), gap_days=5)
    days = stress_days(wti).scenarios
    (row,) = [at for at, label in enumerate(days.labels) if label.startswith("2020-04-20")]
    assert days.moves[row, 0] == pytest.approx(-55.29)
    assert levels_after(np.array([18.31]), days)[row, 0] == pytest.approx(-36.98)


@pytest.mark.parametrize("scaling", ["full", "mid", "floored"])
def test_filtering_goes_across_the_day_that_oil_was_negative(wti: FactorHistory, scaling: str) -> None:
    row = list(wti.labels()).index("2020-04-21")
    past = wti.rows(0, row + 1)
    found = filtered(past, 2, scaling=scaling)  # pyright: ignore[reportArgumentType]
    assert np.isfinite(found.moves).all()
    long_oil = levels_after(past.levels[-1], found)[:, 0] - past.levels[-1, 0]
    if scaling != "mid":
        # By the wildest volatility there ever was, calm years' moves are many times what they were.
        assert value_at_risk(long_oil, 0.99) > 5 * value_at_risk(moves(past, 2).moves[:, 0], 0.99)
    assert expected_shortfall(long_oil, 0.99) > 10


def test_a_collateral_that_lost_its_peg(market_file: MarketFile) -> None:
    path = market_file("usde_usdt_binance_1m_2025oct.parquet")
    with pytest.raises(RiskError, match=r"USDe, 2025-10-10: .*`vouched`"):
        read(path, "close", Factor("USDe"), gap_days=1)
    history = read(path, "close", Factor("USDe"), gap_days=1, vouched=("2025-10-10", "2025-10-11"))
    worst_hour = moves(history, 60)
    assert worst_hour.horizon_days == pytest.approx(1 / 24)
    assert np.exp(worst_hour.moves.min()) < 0.75


def foresee(model: str) -> Callable[[FactorHistory], tuple[float]]:
    """One-day value at risk at 99 %, as a part of the level, of the last four years that the model is handed."""

    def foreseen(past: FactorHistory) -> tuple[float]:
        past = past.rows(len(past) - 1460, len(past))
        if model == "normal":
            return (float(parametric_var(ewma(one_step_moves(past))[-1, 0], 0.99)),)
        made = historical(past) if model == "historical" else filtered(past, scaling="full")
        return (float(value_at_risk(made.moves[:, 0], 0.99)),)

    return foreseen


def hits_of(found: OutOfSample) -> np.ndarray:
    return exceptions(np.log(found.after / found.before)[:, 0], found.foreseen[:, 0])


@pytest.mark.parametrize("series", ["btc", "sp500"])
def test_filtered_history_covers_a_crisis_better_than_a_normal_law(series: str, request: pytest.FixtureRequest) -> None:
    """500 days to the end of 2022, with the bear market, and of 2009, with Lehman: one-day results, 99 %."""
    history: FactorHistory = request.getfixturevalue(series)
    end = list(history.labels()).index("2022-12-28" if series == "btc" else "2009-12-31")
    known = history.rows(0, end + 1)
    hits = {model: hits_of(out_of_sample(known, foresee(model), first=end - 500)) for model in ("filtered", "normal")}
    assert not pof(hits["filtered"], 0.99).rejected
    assert traffic_light(int(hits["filtered"].sum()), 500, 0.99).zone == "green"
    assert hits["normal"].sum() > hits["filtered"].sum()


def test_garch_of_bitcoin_remembers_and_has_fat_tails(btc: FactorHistory) -> None:
    found = fit_garch(one_step_moves(btc)[-2500:, 0])
    assert 0.85 < found.reaction + found.persistence < 1.001
    assert found.dof is not None
    assert 2 < found.dof < 5
    recent = btc.rows(len(btc) - 2501, len(btc))
    made = filtered(recent, scaling="full", path=found.path(one_step_moves(recent)[:, 0])[:, None])
    assert len(made) == 2500 - 60

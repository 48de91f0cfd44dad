"""Price histories: what is read, and what is refused with its place and the cure."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from novate.market.history import HistoryError, default_history, read_history


def written(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_history_has_the_crisis_in_it() -> None:
    history = default_history().between("2008-09-12", "2008-09-15")
    assert history.symbols == ("S&P 500", "Nasdaq Composite", "WTI crude")
    assert len(history) == 2
    lehman = dict(zip(history.symbols, history.close[1], strict=True))
    assert lehman["S&P 500"] == pytest.approx(1192.70, abs=0.01)
    assert history.close[1, 0] / history.close[0, 0] - 1 == pytest.approx(-0.0471, abs=1e-4)


def test_the_default_history_is_read_without_importing_its_package() -> None:
    code = "import sys; from novate.market import history; history.default_history(); sys.exit('arch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_holiday_of_one_market_is_a_missing_price_and_not_yesterdays() -> None:
    history = default_history()
    assert history.missing_count > 0
    assert not np.isnan(history.close).all(axis=1).any()


def test_long_form_with_venues(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "venue,symbol,ts,close\na,BTC,2025-01-01T00:00:00Z,100\nb,BTC,2025-01-01T00:00:00Z,101\n"
        "a,BTC,2025-01-01T00:05:00Z,102\na,ETH,2025-01-01T00:05:00Z,\n",
    )
    history = read_history(path)
    assert history.symbols == ("BTC@a", "BTC@b")  # ETH@a never had a price
    assert history.step_ns == 300 * 10**9
    np.testing.assert_array_equal(history.close, [[100.0, 101.0], [102.0, np.nan]])


def test_wide_form_keeps_what_is_missing_missing(tmp_path: Path) -> None:
    history = read_history(written(tmp_path, "date,gold,oil\n2020-01-01,1500,60\n2020-01-02,,61\n2020-01-03,1510,62\n"))
    assert history.symbols == ("gold", "oil")
    assert history.missing_count == 1
    np.testing.assert_array_equal(history.close[:, 0], [1500.0, np.nan, 1510.0])


@pytest.mark.parametrize(("scale", "unit"), [(1, "s"), (10**3, "ms"), (10**6, "us"), (10**9, "ns")])
def test_whole_number_times_are_told_apart_by_their_size(tmp_path: Path, scale: int, unit: str) -> None:
    path = tmp_path / f"{unit}.parquet"
    times = [1_600_000_000 * scale, 1_600_000_060 * scale]
    pa.parquet.write_table(pa.table({"time": times, "price": [1.0, 2.0]}), path)
    history = read_history(path)
    assert history.symbols == (unit,)
    assert history.times_ns.tolist() == [1_600_000_000 * 10**9, 1_600_000_060 * 10**9]


def test_bars_of_several_lengths_give_the_shortest(tmp_path: Path) -> None:
    rows = [
        "symbol,interval,ts,close",
        "X,1h,2025-01-01 00:00,1",
        "X,30m,2025-01-01 00:00,2",
        "X,30m,2025-01-01 00:30,3",
    ]
    text = "\n".join(rows) + "\n"
    assert read_history(written(tmp_path, text)).close[:, 0].tolist() == [2.0, 3.0]


def test_the_mark_is_preferred_to_the_last_trade(tmp_path: Path) -> None:
    text = "symbol,ts,close,mark_close\nX,2025-01-01,1,5\nX,2025-01-02,2,6\n"
    assert read_history(written(tmp_path, text)).close[:, 0].tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,close\nX,1\n", "no column of times: expected one of ts"),
        ("ts,X,x\n2025-01-01,1,2\n", "two columns are called `x`, whatever their case: give each its own name"),
        ("symbol,ts,funding\nX,2025-01-01,0.1\n", "no column of prices: a file with symbols needs one of"),
        ("ts,name\n2025-01-01,X\n", "no column of prices"),
        ("ts,close\n", "no rows"),
        ("ts,close\n2025-01-01,5\n", "one time only"),
        ("ts,close\n2025-01-02,5\n2025-01-01,6\n", "row 2: prices goes back to 2025-01-01 after 2025-01-02: sort"),
        ("ts,close\n2025-01-01,5\n2025-01-01,6\n", "row 2: prices has a second price at 2025-01-01: keep one"),
        ("ts,close\n2025-01-01,5\n2025-01-02,-3\n", "row 2: prices is -3 at 2025-01-02: contracts have positive price"),
        ("ts,close\n2025-01-01,5\n2025-01-02,0\n", "row 2: prices is 0 at 2025-01-02"),
        ("ts,close\n2025-01-01,5\n2025-01-02,nan\n", "row 2: `close` is nan: expected a positive number"),
        ("ts,close\n2025-01-01,five\n2025-01-02,six\n", "column `close` is string: expected numbers"),
        ("ts,close\nyesterday,5\ntoday,6\n", "a time cannot be read"),
        ("ts,close\n17,5\n18,6\n", "time 17 is no count of s, ms, us or ns since 1970"),
        ("ts,close\n,5\n2025-01-02,6\n", "row 1: no time"),
        ("symbol,ts,close\nX,2025-01-01,5\n,2025-01-02,6\n", "row 2: no symbol: name every row's series"),
    ],
)
def test_what_cannot_be_cleared_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HistoryError) as caught:
        read_history(written(tmp_path, text))
    assert message in str(caught.value)
    assert "prices.csv" in str(caught.value)


def test_files_that_are_no_history(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no such file"):
        read_history(tmp_path / "absent.csv")
    with pytest.raises(HistoryError, match="unknown kind of file"):
        read_history(written(tmp_path, "", "prices.xlsx"))
    with pytest.raises(HistoryError, match="cannot be read"):
        read_history(written(tmp_path, "not parquet", "prices.parquet"))


@pytest.mark.parametrize(
    ("name", "series", "step_minutes"),
    [
        ("binance_perp_1h_last_mark.parquet", 4, 60),
        ("binance_perp_15m_2025h2.parquet", 2, 15),
        ("multi_venue_5m_2025q1.parquet", 8, 5),
        ("bybit_perp_30m_1h_2025oct.parquet", 46, 30),
        ("btcusd_daily_2011_2025.parquet", 1, 1440),
    ],
)
def test_recorded_histories(market_file: Callable[[str], Path], name: str, series: int, step_minutes: int) -> None:
    history = read_history(market_file(name))
    assert len(history.symbols) == series
    assert history.step_ns == step_minutes * 60 * 10**9
    assert (np.diff(history.times_ns) > 0).all()


def test_negative_oil_is_refused_with_its_day(market_file: Callable[[str], Path]) -> None:
    with pytest.raises(HistoryError, match=r"wti_usd_bbl is -36\.98 at 2020-04-20"):
        read_history(market_file("crude_oil_spot_daily.parquet"))

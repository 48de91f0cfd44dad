"""``novate backtest``: a readable table and a page over real prices; what cannot be tested is said in one line."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from novate.cli import main
from tests.risk.walks import walk

Novate = Callable[..., tuple[int, str, str]]
FAST = ("--model", "historical", "--model", "default")


@pytest.fixture
def novate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Novate:
    """Runs the command with its report in the temporary folder."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        page = tmp_path / "page.html"
        code = main(["backtest", *map(str, arguments), "--out", str(page)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def written(path: Path, count: int = 700, **changes: str) -> Path:
    """A CSV file of a walk, a row a day from 2015 on; ``changes`` by day, as y2015_03_01="…"."""
    start = np.datetime64("2015-01-01")
    rows = ["date,close"]
    for at, price in enumerate(walk(count, seed=9)[:, 0].tolist()):
        day = str(start + at)
        cell = changes.get("y" + day.replace("-", "_"), f"{price:.4f}")
        if cell != "absent":
            rows.append(f"{day},{cell}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_installed_history_is_tested_by_default(novate: Novate, tmp_path: Path) -> None:
    code, out, err = novate("--window", "100", "--series", "S&P 500")
    assert (code, err) == (0, "")
    words = [" ".join(line.split()) for line in out.splitlines()]
    assert words[0] == "Coverage"
    assert any(line.startswith("S&P 500 filtered shortfall long 100 0 1.0") for line in words)
    for model in ("historical VaR", "EWMA VaR", "SPAN scan"):
        assert any(line.startswith(f"{model} long 100") for line in words)
    assert "Procyclicality" in words
    assert any("S&P 500 with a buffer of 25 %" in line for line in words)
    assert words[-1] == str((tmp_path / "page.html").resolve())
    assert max(map(len, out.splitlines())) <= 160


def test_the_page_needs_nothing_else_and_has_every_table_and_chart(novate: Novate, tmp_path: Path) -> None:
    history = written(tmp_path / "COIN & CO.csv")
    assert novate(history, "--series", "COIN & CO", "--window", "120")[0] == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "src=" not in page.split("<script", 1)[0]
    assert "<h1>COIN &amp; CO</h1>" in page
    assert 'id="chart-series-0"' in page
    data = json.loads(page.split('id="chart-data">')[1].split("</script>")[0].replace("\\u003c", "<"))
    (chart,) = data
    assert chart["axis"] == "% of the price"
    labels = [trace["label"] for trace in chart["traces"]]
    assert labels[:3] == ["loss", "filtered shortfall", "historical VaR"]
    assert {len(trace["y"]) for trace in chart["traces"]} == {len(chart["x"])} == {120}
    for anchor in ("coverage", "procyclicality", "tools"):
        assert f'<h2 id="{anchor}">' in page
    assert page.count("</tr>") > 20


def test_json_has_the_figures_as_numbers(novate: Novate, tmp_path: Path) -> None:
    code, out, _ = novate(written(tmp_path / "coin.csv"), *FAST, "--json", "--level", "0.95", "--horizon", "2")
    assert code == 0
    (one,) = json.loads(out)["series"]
    assert (one["series"], one["level"], one["horizon_steps"]) == ("coin", 0.95, 2)
    assert one["last"] == "2016-11-30"
    assert [each["model"] for each in one["verdicts"]] == ["historical VaR"] * 2 + ["filtered shortfall"] * 2
    assert one["verdicts"][0]["steps"] == 198
    assert one["verdicts"][0]["expected"] == pytest.approx(9.9)
    assert one["tools"]["current part alone"]["cost"] == 1.0


@pytest.mark.parametrize(
    ("changes", "count", "options", "message"),
    [
        (
            {"y2015_06_10": "absent"},
            700,
            (),
            "coin: nothing between 2015-06-09 and 2015-06-11, 2 days where at most 1 are",
        ),
        ({"y2015_06_10": ""}, 700, (), "no hole: add the missing rows, or begin after the hole"),
        (
            {"y2015_06_10": "100000"},
            700,
            (),
            "coin, 2015-06-10: from .* to 100000 is a move of .* name the day with --vouch",
        ),
        ({"y2015_06_10": "-3"}, 700, (), "coin, 2015-06-10: -3 is not above zero: .* give the series as --absolute"),
        ({"y2015_06_10": "nan"}, 700, (), "row 161: `close` is nan: expected"),
        ({}, 300, (), "coin: 300 prices from 2015-01-01 to 2015-10-27 leave 0 days to test after a warm-up of 500"),
        ({}, 700, ("--window", "40"), "leave 40 days to test after a warm-up of 659, and 100 at least"),
        ({}, 700, ("--level", "1.5"), "level 1.5: expected a probability between 0 and 1"),
        ({}, 700, ("--level", "0.9999"), "10000 at least are needed for a level of 0.9999: .*give a longer history"),
        ({}, 700, ("--series", "gold"), "coin has no series 'gold': it has coin"),
        ({}, 700, ("--absolute", "gold"), "coin has no series 'gold': it has coin"),
    ],
)
def test_what_cannot_be_tested_is_said_in_one_line(
    novate: Novate, tmp_path: Path, changes: dict[str, str], count: int, options: tuple[str, ...], message: str
) -> None:
    code, out, err = novate(written(tmp_path / "coin.csv", count, **changes), *FAST, *options)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("novate: ")
    assert re.search(message, err), err
    assert not (tmp_path / "page.html").exists()


def test_a_file_that_is_not_there_and_a_model_that_is_not_known(novate: Novate, tmp_path: Path) -> None:
    code, _, err = novate(tmp_path / "none.parquet")
    assert (code, err.count("\n")) == (2, 1)
    assert "none.parquet: no such file: give a Parquet or CSV file of prices" in err
    code, _, err = novate("--model", "crystal-ball")
    assert code == 2
    assert re.search('"default".*"historical".*"ewma".*"span".*"historical-es".*"ewma-es"', err.replace("'", '"')), err
    code, _, err = novate("--horizon", "0")
    assert (code, err) == (2, "novate: horizon, warm-up and window must be positive\n")


def test_an_expected_shortfall_asks_for_more_of_the_same_law(novate: Novate, tmp_path: Path) -> None:
    """Its own shortfall is judged alike (Z2 is of the law, not of the margin); it has no more exceptions, and asks for
    more: of a normal law at 97.5 % 2.338 deviations instead of 1.960."""
    models = [part for name in ("historical", "historical-es", "ewma", "ewma-es") for part in ("--model", name)]
    code, out, err = novate(written(tmp_path / "coin.csv"), *models, "--level", "0.975", "--json")
    assert (code, err) == (0, "")
    (one,) = json.loads(out)["series"]
    rows = {(each["model"], each["side"]): each for each in one["verdicts"]}
    for name in ("historical", "EWMA"):
        for side in ("long", "short"):
            quantile, tail = rows[f"{name} VaR", side], rows[f"{name} ES", side]
            assert tail["z2"] == quantile["z2"]
            assert tail["exceptions"] <= quantile["exceptions"]
            assert tail["mean"] > 1.1 * quantile["mean"]
    ratio = rows["EWMA ES", "long"]["mean"] / rows["EWMA VaR", "long"]["mean"]
    assert ratio == pytest.approx(2.338 / 1.960, rel=0.01)
    assert len(rows) == 8
    code, out, _ = novate(written(tmp_path / "coin.csv"), "--model", "ewma-es", "--window", "100")
    assert "EWMA ES" in out


def test_a_day_that_needs_no_vouching_is_refused(novate: Novate, tmp_path: Path) -> None:
    history = written(tmp_path / "coin.csv", y2015_06_10="100000")
    true = ("--vouch", "2015-06-10", "--vouch", "2015-06-11")
    assert novate(history, "--model", "historical", *true)[0] == 0
    for day, words in (
        ("nonsense", "'nonsense' with --vouch: expected a day such as 2020-04-20"),
        (
            "2015-06-12",
            "--vouch 2015-06-12: coin: no move into this day is that large; the days to vouch for are ",
        ),
        ("2014-06-12", "coin: there is no price of this day; the days to vouch for are 2015-06-10, 2015-06-11"),
    ):
        code, out, err = novate(history, "--model", "historical", *true, "--vouch", day)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words in err
    code, _, err = novate(written(tmp_path / "calm.csv"), "--model", "historical", "--vouch", "2015-06-10")
    assert (code, err) == (
        2,
        "novate: --vouch 2015-06-10: calm: no move into this day is that large; no day needs it: leave it out\n",
    )


@pytest.mark.parametrize(("step_h", "said"), [(1, "1"), (12, "12"), (168, "168")])
def test_rows_that_are_no_days_are_refused(novate: Novate, tmp_path: Path, step_h: int, said: str) -> None:
    """Every row is called a day, and an hourly file was taken for years of days."""
    times = np.datetime64("2015-01-01T00:00:00") + np.arange(700) * np.timedelta64(step_h, "h")
    rows = [f"{time},{price:.4f}" for time, price in zip(times, walk(700, seed=9)[:, 0].tolist(), strict=True)]
    (tmp_path / "coin.csv").write_text("\n".join(["time,close", *rows]) + "\n", encoding="utf-8")
    code, out, err = novate(tmp_path / "coin.csv", *FAST)
    assert (code, out) == (2, "")
    assert err == f"novate: coin: a price every {said} h, and days are tested: give one price a day\n"


@pytest.mark.parametrize(("horizon", "span"), [("1", "one day"), ("2", "2 days")])
def test_a_chart_says_over_which_horizon(novate: Novate, tmp_path: Path, horizon: str, span: str) -> None:
    assert novate(written(tmp_path / "coin.csv"), "--model", "historical", "--horizon", horizon)[0] == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert f"one unit over {span}, and the margin that each model had asked for it {span} before." in page


def test_a_market_that_closes_has_no_holes_on_weekends(novate: Novate, tmp_path: Path) -> None:
    weekends = {
        "y" + str(day).replace("-", "_"): "absent"
        for day in np.datetime64("2015-01-01") + np.arange(900)
        if not np.is_busday(day)
    }
    history = written(tmp_path / "shares.csv", 900, **weekends)
    assert novate(history, *FAST)[0] == 0
    code, _, err = novate(history, *FAST, "--gap-days", "2")
    assert code == 2
    assert "shares: nothing between 2015-01-02 and 2015-01-05, 3 days where at most 2 are no hole" in err


def test_the_day_that_oil_was_negative_is_one_exception_among_many(
    novate: Novate, market_file: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = pq.read_table(market_file("crude_oil_spot_daily.parquet"))
    few = [str(day)[:4] in {"2017", "2018", "2019", "2020"} for day in whole["date"].to_pylist()]
    pq.write_table(whole.filter(pa.array(few)), tmp_path / "oil.parquet")
    oil = (tmp_path / "oil.parquet", "--series", "wti_usd_bbl", *FAST, "--json")
    code, _, err = novate(*oil)
    assert code == 2
    assert "wti_usd_bbl, 2020-04-20: -36.98 is not above zero" in err
    code, _, err = novate(*oil, "--absolute", "wti_usd_bbl")
    assert code == 2
    assert "2020-04-20: from 18.31 to -36.98 is a move of -55.29" in err
    code, out, err = novate(*oil, "--absolute", "wti_usd_bbl", "--vouch", "2020-04-20", "--vouch", "2020-04-21")
    assert (code, err) == (0, "")
    (one,) = json.loads(out)["series"]
    longs = {each["model"]: each for each in one["verdicts"] if each["side"] == "long"}
    assert 1 <= longs["filtered shortfall"]["exceptions"] < longs["historical VaR"]["exceptions"]
    assert longs["filtered shortfall"]["light"]["zone"] == "green"


def commands_of(document: str) -> list[tuple[str, list[str]]]:
    """Each command of the page of backtests, with the rows of the tables under it."""
    found = []
    for section in document.split("\n    novate backtest ")[1:]:
        command, _, rest = section.partition("\n")
        lines = [line for line in rest.splitlines() if line.startswith("| ")]
        found.append((command, [line.strip("| ") for line in lines]))
    return found


@pytest.mark.long
@pytest.mark.parametrize("at", range(4))
def test_the_page_of_backtests_says_what_the_command_prints(
    novate: Novate, market_data: Path, tmp_path: Path, at: int
) -> None:
    document = (Path(__file__).parents[1] / "docs" / "backtests.md").read_text(encoding="utf-8")
    command, rows = commands_of(document)[at]
    arguments = command.replace("$NOVATE_DATA", str(market_data)).split()
    known = []
    shortfalls = ("--model", "historical-es", "--model", "ewma-es")
    for more in ((), ("--model", "default", "--horizon", "2"), shortfalls):
        assert novate(*arguments, *more)[0] == 0
        page = html.unescape((tmp_path / "page.html").read_text(encoding="utf-8")).replace("\u00a0", " ")
        cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]
        known += [" | ".join(row[1:]) for row in cells]
    figures = [
        row for row in rows if not row.startswith(("model |", "margin |", "over two days |", "expected shortfall |"))
    ]
    assert len(figures) == 8 + 4 + 6 + 2 + 4
    assert [row for row in figures if row not in known] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--level", "nan"), "level nan: expected a probability between 0 and 1, such as 0.99"),
        (("--level", "1", "--model", "span"), "level 1.0: expected a probability between 0 and 1"),
        (("--level", "1.5", "--model", "span"), "level 1.5: expected a probability between 0 and 1"),
        (("--gap-days", "nan"), "--gap-days nan: expected days above 0, 100,000 at most"),
        (("--gap-days", "1e300"), "--gap-days 1e+300: expected days above 0"),
        (("--window", "0"), "horizon, warm-up and window must be positive"),
    ],
)
def test_options_that_are_no_numbers_to_count_with_are_said_in_one_line(
    novate: Novate, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    models = () if "--model" in options else FAST
    code, out, err = novate(written(tmp_path / "coin.csv"), *models, *options)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err

"""``novate margin``: one venue's answer with its reasons, all side by side, and one line for what goes wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from novate.cli import main
from novate.rulebooks import load, margin, names, read_book
from tests.rulebooks.books import past

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "portfolio.toml"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = main(["margin", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


def test_one_rulebook_prints_margins_equity_and_why(ask: Any) -> None:
    code, out, err = ask(EXAMPLE, "--rulebook", "derive-pm2")
    assert (code, err) == (0, "")
    found = margin(read_book(EXAMPLE), load("derive-pm2"))
    words = [" ".join(line.split()) for line in out.splitlines()]
    assert f"requirement {found.initial:,.2f} {found.maintenance:,.2f}" in words
    assert f"equity {found.equity:,.2f} {found.equity:,.2f}" in words
    assert f"value of options {dict(found.equity_parts)['value of options']:,.2f}" in words
    assert f"Worst: {found.worst}" in words
    assert f"{found.contributors[0][0]} {found.contributors[0][1]:,.2f}" in words
    assert any(line.startswith("not covered: dated futures") for line in words)


def test_a_comparison_has_a_row_for_every_rulebook(ask: Any) -> None:
    code, out, _ = ask(EXAMPLE, "--compare")
    assert code == 0
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert set(names()) <= set(rows)
    assert rows["binance"] == "cannot: BTC-2026-01-30-95000-C: the rules cover perpetuals alone"
    found = margin(read_book(EXAMPLE), load("derive-srm"))
    assert rows["derive-srm"].startswith(f"{found.initial:,.2f} {found.maintenance:,.2f} {found.equity:,.2f}")
    assert max(map(len, out.splitlines())) <= 140


def test_the_list_names_dates_and_sources(ask: Any) -> None:
    code, out, _ = ask("--list")
    assert code == 0
    for name in names():
        header = load(name).header
        assert name in out
        assert f"{header.date}" in out
        assert header.sources[0][:25] in out


def test_answers_in_json(ask: Any) -> None:
    _, out, _ = ask(EXAMPLE, "--rulebook", "derive-srm", "--json")
    found, answer = margin(read_book(EXAMPLE), load("derive-srm")), json.loads(out)
    assert (answer["rulebook"], answer["date"], answer["initial"]) == ("derive-srm", "2026-01-31", found.initial)
    assert sum(part["initial"] for part in answer["parts"]) == pytest.approx(found.initial)
    _, out, _ = ask(EXAMPLE, "--compare", "--json")
    answers = json.loads(out)
    assert set(answers) == set(names())
    assert answers["vega"] == {"cannot": "BTC-2026-01-30-95000-C: the rules cover perpetuals alone"}
    _, out, _ = ask("--list", "--json")
    assert set(json.loads(out)["rulebooks"]) == set(names())


def written(path: Path, *names: str, **changes: str) -> Path:
    """A CSV file of closes until the day before the example's, at its price; ``changes`` by day, as y2025_06_10="…"."""
    known = past(*names)
    rows = [",".join(["date", *names])]
    for day, levels in zip(known.labels(), known.levels.tolist(), strict=True):
        cells = [f"{0.92 * level:.6f}" for level in levels]
        if (given := changes.get("y" + day.replace("-", "_"))) is not None:
            cells[0] = given
        if cells[0] != "absent":
            rows.append(",".join([day, *cells]))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_our_own_rulebook_says_what_binds_when_and_what_it_rests_on(ask: Any, tmp_path: Path) -> None:
    history = written(tmp_path / "closes.csv", "BTC", "BTC vol 30d")
    code, out, err = ask(EXAMPLE, "--rulebook", "ccp", "--history", history)
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert "novate, default margin model, rules of 2026-" in words
    for part in (
        "current: 75 % of ",
        "stressed: 25 % of ",
        "rounding to whole sheet units",
        "floor in full, worst in ",
    ):
        assert part in words
    assert "history: BTC, BTC vol 30d; 2021-11-27 to 2026-01-04, 1,500 rows" in words
    assert "BTC: not covered for want of a series such as 'BTC premium', 'BTC funding', 'BTC basis 90d'" in words
    _, out, _ = ask(EXAMPLE, "--rulebook", "ccp", "--history", history, "--json")
    found = json.loads(out)
    assert sum(part["initial"] for part in found["parts"]) == pytest.approx(found["initial"])
    assert found["notes"][0].startswith("history: BTC, BTC vol 30d;")
    # In exact sheet units of a hundredth of a cent.
    assert found["initial"] == round(found["initial"], 4)


def test_a_comparison_has_our_own_rulebook_where_there_is_a_history(ask: Any, tmp_path: Path) -> None:
    history = written(tmp_path / "closes.csv", "BTC")
    _, without, _ = ask(EXAMPLE, "--compare", "--json")
    assert json.loads(without)["ccp"] == {"cannot": "it margins by a history of prices: give one (--history FILE)"}
    _, out, _ = ask(EXAMPLE, "--compare", "--history", history, "--json")
    assert json.loads(out)["ccp"]["initial"] > 0
    assert {**json.loads(out), "ccp": None} == {**json.loads(without), "ccp": None}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (slice(0, None), "BTC: nothing between 2025-06-09 and 2025-06-11, 2 days where at most 1 are no hole"),
        (slice(-40, None), "a longer history"),
        (slice(-2, None), "a longer history"),
        (slice(0, 40), "BTC: nothing between 2022-01-05 and 2026-01-05"),
    ],
)
def test_a_comparison_answers_the_rest_where_a_history_does_not_do(
    ask: Any, tmp_path: Path, lines: slice, words: str
) -> None:
    history = written(tmp_path / "closes.csv", "BTC", y2025_06_10="absent")
    head, *rows = history.read_text(encoding="utf-8").splitlines()
    history.write_text("\n".join([head, *rows[lines]]) + "\n", encoding="utf-8")
    code, out, err = ask(EXAMPLE, "--compare", "--history", history, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert words in found["ccp"]["cannot"]
    _, without, _ = ask(EXAMPLE, "--compare", "--json")
    assert {**found, "ccp": None} == {**json.loads(without), "ccp": None}
    code, out, err = ask(EXAMPLE, "--rulebook", "ccp", "--history", history)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_a_comparison_lacks_a_series_in_a_row_and_refuses_options_that_name_nothing(ask: Any, tmp_path: Path) -> None:
    history = written(tmp_path / "closes.csv", "ETH")
    compared = (EXAMPLE, "--compare", "--history", history)
    code, out, _ = ask(*compared, "--json")
    lacks = "BTC: the history has no series of this name: it has eth: add it, or say which it is with --series"
    assert (code, json.loads(out)["ccp"]) == (0, {"cannot": lacks})
    for given, words in (
        (("--series", "BTC=gold"), "closes has no series 'gold': it has eth"),
        (("--absolute", "gold"), "closes has no series 'gold': it has eth"),
        (("--gap-days", "0"), "--gap-days 0: expected days above 0"),
    ):
        code, out, err = ask(*compared, *given)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words in err


def test_series_by_other_names_in_a_long_file(ask: Any, tmp_path: Path) -> None:
    plain = written(tmp_path / "closes.csv", "BTC")
    lines = plain.read_text(encoding="utf-8").splitlines()[1:]
    rows = [f"{line},BTC/USD" for line in lines] + [f"{line},other" for line in lines[:50]]
    path = tmp_path / "long.csv"
    path.write_text("\n".join(["date,close,symbol", *rows]) + "\n", encoding="utf-8")
    _, expected, _ = ask(EXAMPLE, "--rulebook", "ccp", "--history", plain, "--json")
    code, out, _ = ask(EXAMPLE, "--rulebook", "ccp", "--history", path, "--series", "BTC=BTC/USD", "--json")
    assert (code, out) == (0, expected)
    for given, words in (
        (
            (),
            "the history has no series of this name: it has BTC/USD, other: add it, or say which it is with --series",
        ),
        (("--series", "BTC=BTC/USD", "--absolute", "CL"), "long has no series 'CL': it has BTC, other"),
        (("--series", "BTC=gold"), "long has no series 'gold': it has BTC/USD, other"),
        (("--series", "BTC"), "--series BTC: expected what it stands for and its name in the file"),
        (("--series", "BTC=BTC/USD", "--gap-days", "nan"), "--gap-days nan: expected days above 0, 100,000 at most"),
        (("--series", "BTC=BTC/USD", "--gap-days", "inf"), "--gap-days inf: expected days above 0"),
    ):
        code, out, err = ask(EXAMPLE, "--rulebook", "ccp", "--history", path, *given)
        assert code == 2
        assert (out, err.count("\n")) == ("", 1)
        assert words in err


@pytest.mark.parametrize(
    ("day", "cell", "words"),
    [
        ("y2025_06_10", "absent", "BTC: nothing between 2025-06-09 and 2025-06-11, 2 days where at most 1 are no hole"),
        ("y2025_06_10", "-3", "BTC, 2025-06-10: -3 is not above zero: correct it, or give the series as --absolute"),
        ("y2025_06_10", "9e9", "to 9e+09 is a move of"),
        ("y2025_06_10", "9e9", "name the day with --vouch"),
        ("y2026_01_04", "3.5", "BTC, 2026-01-04: from "),
    ],
)
def test_a_history_that_cannot_be_is_refused_with_series_day_and_cure(
    ask: Any, tmp_path: Path, day: str, cell: str, words: str
) -> None:
    history = written(tmp_path / "closes.csv", "BTC", **{day: cell})
    code, out, err = ask(EXAMPLE, "--rulebook", "ccp", "--history", history)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_a_day_that_is_true_is_vouched_for(ask: Any, tmp_path: Path) -> None:
    history = written(tmp_path / "closes.csv", "BTC", y2026_01_04="3.5")
    margined = (EXAMPLE, "--rulebook", "ccp", "--history", history, "--json")
    code, _, err = ask(*margined, "--vouch", "2026-01-04")
    assert code == 2
    assert "ccp: BTC, 2026-01-05: from 3.5 to 92000 is a move of" in err
    code, out, _ = ask(*margined, "--vouch", "2026-01-04", "--vouch", "2026-01-05")
    assert code == 0
    assert json.loads(out)["initial"] > 0


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (("nonsense",), "'nonsense' with --vouch: expected a day such as 2020-04-20"),
        (("BTC",), "'BTC' with --vouch: expected a day"),
        (("20260104",), "'20260104' with --vouch: expected a day"),
        (("2026-02-30",), "'2026-02-30' with --vouch: expected a day"),
        (
            ("2026-01-04", "2026-01-05", "1999-01-01"),
            "--vouch 1999-01-01: BTC: there is no price of this day; ",
        ),
        (
            ("2026-01-04", "2026-01-05", "2025-01-06"),
            "--vouch 2025-01-06: BTC: no move into this day is that",
        ),
        (("2026-01-04", "2026-01-05", "2025-01-06"), "the days to vouch for are 2026-01-04, 2026-01-05"),
    ],
)
def test_a_day_that_needs_no_vouching_is_refused(ask: Any, tmp_path: Path, days: tuple[str, ...], words: str) -> None:
    history = written(tmp_path / "closes.csv", "BTC", y2026_01_04="3.5")
    vouched = [option for day in days for option in ("--vouch", day)]
    for asked in (("--rulebook", "ccp"), ("--compare",)):
        code, out, err = ask(EXAMPLE, *asked, "--history", history, *vouched)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words in err


def test_rows_that_are_not_known_at_the_books_time_are_not_judged(ask: Any, tmp_path: Path) -> None:
    """The close of the very day is known when that has ended."""
    until = written(tmp_path / "closes.csv", "BTC")
    beyond = tmp_path / "later.csv"
    beyond.write_text(until.read_text() + "2026-01-05,3.4\n2026-01-06,3.5\n2026-02-06,92000\n", encoding="utf-8")
    answers = [ask(EXAMPLE, "--rulebook", "ccp", "--history", path, "--json") for path in (until, beyond)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 0
    early = tmp_path / "early.toml"
    early.write_text(EXAMPLE.read_text().replace("time = 2026", "time = 2012"), encoding="utf-8")
    assert "the history begins at" in ask(early, "--rulebook", "ccp", "--history", until)[2]


def test_a_book_of_cash_is_asked_for_nothing(ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "cash.toml"
    path.write_text("time = 2026-01-05T08:00:00Z\ncash = 5.0\npositions = []\n[underlyings]\n", encoding="utf-8")
    history = written(tmp_path / "closes.csv", "BTC")
    code, out, err = ask(path, "--rulebook", "ccp", "--history", history, "--json")
    assert (code, err) == (0, "")
    assert (json.loads(out)["initial"], json.loads(out)["equity"]) == (0, 5)


def test_a_rulebook_of_ones_own_reads_the_series_that_it_names(ask: Any, tmp_path: Path) -> None:
    """Columns of a wide file by their names whatever their case, though the book holds nothing of them."""
    shipped = (EXAMPLE.parents[1] / "src/novate/rulebooks/ccp.toml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(shipped + 'wrong_way = [{ name = "FTT", fall = 0.9 }]\n', encoding="utf-8")
    code, out, err = ask(EXAMPLE, "--rulebook", mine, "--history", written(tmp_path / "closes.csv", "BTC", "FTT"))
    assert (code, err) == (0, "")
    assert "wrong-way in full, worst in FTT falls by 90 %" in " ".join(out.split())
    code, _, err = ask(EXAMPLE, "--rulebook", mine, "--history", written(tmp_path / "closes.csv", "BTC"))
    assert (code, err.count("\n")) == (2, 1)
    assert "wrong_way: there is no factor 'FTT': the history has BTC" in err


def test_a_name_is_that_of_one_series(ask: Any, tmp_path: Path) -> None:
    """The one that is said, where the file has another by the name itself; never the first of two in silence."""
    path = written(tmp_path / "closes.csv", "BTC", "ETH")
    plain = (EXAMPLE, "--rulebook", "ccp", "--history", path, "--json")
    _, of_btc, _ = ask(*plain)
    lines = path.read_text(encoding="utf-8").splitlines()
    scaled = [f"{day},{eth},{btc}" for day, btc, eth in (line.split(",") for line in lines[1:])]
    path.write_text("\n".join(["date,BTC,mine", *scaled]) + "\n", encoding="utf-8")
    assert ask(*plain, "--series", "BTC=mine")[1] == of_btc
    twice = [
        f"{day},{btc},{name}" for name in ("BTC", "Btc") for day, btc, _ in (line.split(",") for line in lines[1:])
    ]
    path.write_text("\n".join(["date,close,symbol", *twice]) + "\n", encoding="utf-8")
    code, out, err = ask(*plain)
    assert (code, out) == (2, "")
    assert err == "novate: closes: BTC is that of BTC and Btc: say which it is with --series BTC=...\n"
    path.write_text("\n".join(["date,BTC,Btc", *lines[1:]]) + "\n", encoding="utf-8")
    code, out, err = ask(*plain)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "closes.csv: two columns are called `btc`, whatever their case: give each its own name" in err


def test_markets_that_close_and_markets_that_do_not_meet_on_common_days(ask: Any, tmp_path: Path) -> None:
    """The joint history is that of the days that both have, each judged by its own gaps."""
    path = written(tmp_path / "closes.csv", "BTC", "ES")
    lines = path.read_text(encoding="utf-8").splitlines()
    shut = [line if np.is_busday(line[:10]) else line.rpartition(",")[0] + "," for line in lines[1:]]
    path.write_text("\n".join([lines[0], *shut]) + "\n", encoding="utf-8")
    book = tmp_path / "both.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    more = '[underlyings.ES]\nprice = 0.46\n[[positions]]\nkind = "perpetual"\nunderlying = "ES"\n'
    book.write_text(text + more + "amount = 1.0\nprice = 0.46\nentry = 0.46\n", encoding="utf-8")
    code, out, _ = ask(book, "--rulebook", "ccp", "--history", path, "--json")
    assert code == 0
    weekdays = sum(np.is_busday(line[:10]) for line in lines[1:])
    assert json.loads(out)["notes"][0] == f"history: BTC, ES; 2021-11-29 to 2026-01-02, {weekdays:,} rows"
    assert ask(book, "--rulebook", "ccp", "--history", path, "--gap-days", "2")[0] == 2
    ended = [line if line[:10] < "2025-12-31" else f"{line[:10]},," + line.rpartition(",")[2] for line in shut]
    path.write_text("\n".join([lines[0], *ended]) + "\n", encoding="utf-8")
    code, out, err = ask(book, "--rulebook", "ccp", "--history", path)
    assert (code, out) == (2, "")
    assert "BTC: nothing between 2025-12-30 and 2026-01-05, 6 days where at most 1 are no hole: add the missing" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([EXAMPLE], "give a portfolio with --rulebook NAME or --compare, or --list alone"),
        ([EXAMPLE, "--list"], "or --list alone"),
        ([EXAMPLE, "--rulebook", "vega", "--compare"], "give a portfolio"),
        (["--compare"], "give a portfolio"),
        ([EXAMPLE, "--compare", "--vouch", "2020-03-12"], "are of a history: give one with --history FILE"),
        ([EXAMPLE, "--rulebook", "ccp"], "ccp margins by a history of prices: give one with --history FILE"),
        (
            [EXAMPLE, "--rulebook", "vega", "--history", "a.csv"],
            "vega margins by no history of prices: leave --history out",
        ),
        ([EXAMPLE, "--rulebook", "ccp", "--history", "none.csv"], "none.csv: no such file: give a Parquet or CSV"),
        ([EXAMPLE, "--rulebook", "mars"], "mars: there is no such rulebook: name one of binance"),
        (["nowhere.toml", "--compare"], "nowhere.toml: No such file or directory"),
        ([EXAMPLE, "--rulebook", "dydx-v4"], "dydx-v4: BTC-2026-01-30-95000-C: the rules cover perpetuals alone"),
    ],
)
def test_what_goes_wrong_is_one_line(ask: Any, arguments: list[str | Path], words: str) -> None:
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err

"""``novate margin``: one venue's answer with its reasons, all side by side, and one line for what goes wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from novate.cli import main
from novate.rulebooks import load, margin, names, read_book

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


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([EXAMPLE], 2, "give a portfolio with --rulebook NAME or --compare, or --list alone"),
        ([EXAMPLE, "--list"], 2, "or --list alone"),
        ([EXAMPLE, "--rulebook", "vega", "--compare"], 2, "give a portfolio"),
        (["--compare"], 2, "give a portfolio"),
        ([EXAMPLE, "--rulebook", "mars"], 2, "mars: there is no such rulebook: name one of binance"),
        (["nowhere.toml", "--compare"], 1, "nowhere.toml: No such file or directory"),
        ([EXAMPLE, "--rulebook", "dydx-v4"], 1, "dydx-v4: BTC-2026-01-30-95000-C: the rules cover perpetuals alone"),
    ],
)
def test_what_goes_wrong_is_one_line(ask: Any, arguments: list[str | Path], code: int, words: str) -> None:
    found, out, err = ask(*arguments)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    assert words in err

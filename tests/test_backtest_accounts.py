"""``novate backtest --accounts``: whole accounts by file or by the hypothetical set; what is wrong is one line."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.risk.walks import walk
from tests.test_backtest import FAST, Novate, commands_of, novate

__all__ = ["novate"]
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "accounts.toml"
COINS = """
members = ["Alder", "Birch"]
[[accounts]]
name = "Alder"
member = "Alder"
lots = { BTC = 2.0, ETH = -30.0 }
[[accounts]]
name = "Ann"
member = "Alder"
weights = { BTC = 1000 }
[[accounts]]
name = "Birch"
member = "Birch"
lots = { ETH = 5 }
"""


def written(folder: Path, count: int = 700) -> Path:
    """Two coins a day from 2015 on; ETH begins ten days later, and XRP is never there with them."""
    days = [str(np.datetime64("2015-01-01") + at) for at in range(count)]
    prices = walk(count, seed=4, factors=2)
    rows = []
    for at, (day, (btc, eth)) in enumerate(zip(days, prices.tolist(), strict=True)):
        rows += [f"{day},BTC,{btc:.4f}"] + ([f"{day},ETH,{eth:.4f}"] if at >= 10 else [])
    rows += [f"{np.datetime64('2018-01-01') + at},XRP,{1 + at}" for at in range(3)]
    path = folder / "coins.csv"
    path.write_text("\n".join(["date,symbol,close", *rows]) + "\n", encoding="utf-8")
    return path


def accounts(folder: Path, text: str = COINS, name: str = "accounts.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_accounts_members_and_the_house_are_told(novate: Novate, tmp_path: Path) -> None:
    code, out, err = novate(written(tmp_path), "--accounts", accounts(tmp_path), *FAST)
    assert (code, err) == (0, "")
    words = [" ".join(line.split()) for line in out.splitlines()]
    assert words[0] == "Accounts"
    assert any(line.startswith("Alder historical VaR ") for line in words)
    assert any(line.startswith("Alder: Ann historical VaR ") for line in words)
    assert "Members and the house" in words
    assert any(line.startswith("Alder 2 historical VaR ") and " ≤ 3.8 – " in line for line in words)
    assert any(line.startswith("Birch 1 historical VaR ") and " 1.9 " in line for line in words)
    assert any(line.startswith("the house 3 historical VaR ") for line in words)
    assert max(map(len, out.splitlines())) <= 160


def test_json_and_the_page_have_the_same_figures(novate: Novate, tmp_path: Path) -> None:
    run = (written(tmp_path), "--accounts", accounts(tmp_path), *FAST)
    code, out, _ = novate(*run, "--json")
    assert code == 0
    found = json.loads(out)["accounts"]
    assert found["accounts"] == {"Alder": "Alder", "Ann": "Alder", "Birch": "Birch"}
    assert (found["series"], found["from"], found["level"]) == (["BTC", "ETH"], "accounts of accounts.toml", 0.99)
    assert [(each["whose"], each["name"]) for each in found["covered"]][::2] == [
        ("account", "Alder"),
        ("account", "Ann"),
        ("account", "Birch"),
        ("member", "Alder"),
        ("member", "Birch"),
        ("house", "the house"),
    ]
    assert all(each["steps"] == 189 for each in found["covered"])  # 690 days on which both have a price
    page = html.unescape((tmp_path / "page.html").read_text(encoding="utf-8"))
    for anchor in ("accounts", "members"):
        assert f'<h2 id="{anchor}">' in page
        assert f'<a href="#{anchor}">' in page
    for each in found["covered"]:
        assert f"{each['mean']:,.0f}" in page or f"{each['mean']:,.2f}" in page
    data = json.loads(page.split('id="chart-data">')[1].split("</script>")[0].replace("\\u003c", "<"))
    assert len(data) == 3
    assert [trace["label"] for trace in data[0]["traces"]] == [
        "losses",
        "historical VaR",
        "filtered shortfall",
        "short under historical VaR",
    ]
    assert len(data[0]["x"]) == 189


OPTIONS = """
members = ["A"]
[[accounts]]
name = "A"
member = "A"
weights = { BTC = 1000 }
options = [{ on = "BTC", right = "call", strike = 1.1, days = 30, weight = -1000 }]
[[accounts]]
name = "Ann"
member = "A"
options = [{ on = "BTC", right = "put", strike = 0.9, days = 7, lots = -2.5 }]
"""


def with_volatility(folder: Path, *, vol: str = "BTC vol 30d") -> Path:
    """A coin, its volatility and its skew, which is below zero for most of the time."""
    table = np.stack(
        [walk(700, seed=4)[:, 0], 0.006 * walk(700, seed=5)[:, 0], np.sin(np.arange(700) / 9) / 20], axis=1
    )
    rows = ["date,symbol,close"]
    for at, cells in enumerate(table.tolist()):
        day = np.datetime64("2015-01-01") + at
        rows += [f"{day},{name},{cell:.6f}" for name, cell in zip(("BTC", vol, "BTC skew 30d"), cells, strict=True)]
    (folder / "coin.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "coin.csv"


def test_accounts_may_hold_options_where_the_history_says_their_volatility(novate: Novate, tmp_path: Path) -> None:
    run = ("--accounts", accounts(tmp_path, OPTIONS), "--model", "historical", "--window", "100", "--json")
    code, out, err = novate(with_volatility(tmp_path), *run)
    assert (code, err) == (0, "")
    found = json.loads(out)["accounts"]
    assert found["series"] == ["BTC", "BTC vol 30d", "BTC skew 30d"]
    means = {each["name"]: each["mean"] for each in found["covered"] if each["whose"] == "account"}
    assert 0 < means["A"] < 1000
    assert means["Ann"] > 0
    code, out, err = novate(with_volatility(tmp_path, vol="BTC iv"), *run)
    assert (code, out, err.count("\n")) == (2, "", 1)
    words = "call on BTC at 1.1 of its price, 30 days: no series says its volatility: give one such as 'BTC vol 30d'"
    assert words in err
    for change, message in (
        (('"put"', '"puts"'), r"Invalid enum value 'puts' - at `\$\.accounts\[1\]\.options\[0\]\.right`"),
        (
            ("strike = 0.9", "strike = 90000"),
            "put on BTC at 90000 of its price, 7 days: expected a strike as a part of",
        ),
        (("lots = -2.5", "weights = -2.5"), "lots 0.0, weight 0.0: give one of them"),
        (
            ('on = "BTC", right = "put"', 'on = "ETH", right = "put"'),
            "coin has no series 'ETH': it has BTC, BTC vol 30d",
        ),
    ):
        assert change[0] in OPTIONS
        wrong = ("--accounts", accounts(tmp_path, OPTIONS.replace(*change)), *run[2:])
        code, out, err = novate(with_volatility(tmp_path), *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert re.search(message, err), err


def test_the_same_accounts_in_json(novate: Novate, tmp_path: Path) -> None:
    listed = [{"name": "A", "member": "A", "weights": {"BTC": 1}}]
    path = accounts(tmp_path, json.dumps({"members": ["A"], "accounts": listed}), "accounts.json")
    assert novate(written(tmp_path), "--accounts", path, "--model", "ewma")[0] == 0
    for text, message in (
        (path.read_text().replace('{"BTC": 1}', '{"BTC": 1, "BTC": 2}'), "it is not JSON: 'BTC' is there twice"),
        (path.read_text().replace('"BTC": 1', '"BTC": NaN'), "weights of BTC: nan is not finite"),
        ("[]", "expected a table, got list"),
        ("{", "it is not JSON: "),
        ("[" * 100_000, "it is not JSON: "),
        (path.read_text().replace('"name": "A"', r'"name": "\ud800"'), "it is not JSON: 'utf-8' codec can't encode"),
        (path.read_text().replace('"BTC": 1', '"BTC": 1e200'), "weights of BTC: 1e+200 is more than 1e+100: correct"),
    ):
        code, _, err = novate(written(tmp_path), "--accounts", accounts(tmp_path, text, "accounts.json"))
        assert (code, err.count("\n")) == (2, 1)
        assert message in err


def test_files_as_other_systems_write_them(novate: Novate, tmp_path: Path) -> None:
    """The ending in capitals; the mark of byte order in front of the text."""
    listed = json.dumps({"members": ["A"], "accounts": [{"name": "A", "member": "A", "weights": {"BTC": 1}}]})
    for path in (
        accounts(tmp_path, listed, "LISTED.JSON"),
        accounts(tmp_path, "\ufeff" + COINS.lstrip(), "marked.toml"),
    ):
        assert novate(written(tmp_path), "--accounts", path, "--model", "historical")[0] == 0


def test_the_example_is_of_the_installed_history(novate: Novate) -> None:
    code, out, err = novate("--accounts", EXAMPLE, "--window", "150", "--model", "historical")
    assert (code, err) == (0, "")
    assert "Alder: Bob" in out


def test_hypothetical_accounts_of_some_series_or_of_all(novate: Novate, tmp_path: Path) -> None:
    history = written(tmp_path)
    code, out, _ = novate(history, "--accounts", "hypothetical", "--series", "BTC", "--series", "ETH", *FAST, "--json")
    assert code == 0
    found = json.loads(out)["accounts"]
    assert len(found["accounts"]) == 15
    assert found["from"] == "hypothetical accounts, the set of 2026-11-22"
    code, out, err = novate(history, "--accounts", "hypothetical", *FAST)
    assert (code, out) == (2, "")
    assert err.startswith("novate: the series have 0 days in common: BTC from 2015-01-01 to 2016-11-30; ETH from 2015-")
    assert err.endswith("; XRP from 2018-01-01 to 2018-01-03: give series of the same days\n")


def test_a_hole_of_one_market_is_none_because_another_was_shut(novate: Novate, tmp_path: Path) -> None:
    """Each series is judged by its own days before they meet, as in ``novate margin``."""
    lines = written(tmp_path, 1_000).read_text(encoding="utf-8").splitlines()
    shut = [line for line in lines if ",ETH," not in line or np.is_busday(line[:10])]
    (tmp_path / "week.csv").write_text("\n".join(shut) + "\n", encoding="utf-8")
    plain = (tmp_path / "week.csv", "--accounts", accounts(tmp_path), *FAST)
    assert novate(*plain)[0] == 0
    gone = [line for line in shut if not ("2016-03-01" <= line[:10] <= "2016-03-03" and ",BTC," in line)]
    (tmp_path / "week.csv").write_text("\n".join(gone) + "\n", encoding="utf-8")
    code, out, err = novate(*plain)
    assert (code, out) == (2, "")
    assert "BTC: nothing between 2016-02-29 and 2016-03-04, 4 days where at most 1 are no hole" in err


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (("ETH = 5", "GOLD = 5"), (), "coins has no series 'GOLD': it has BTC, ETH, XRP"),
        (('"Ann"', '"Birch"'), (), "accounts.toml: account 'Birch': it is there twice"),
        (('["Alder", "Birch"]', '["Alder", "Birch", "Cedar"]'), (), "member 'Cedar': it has no account"),
        (('"Birch"]', '"Birch", "the house"]'), (), "member 'the house': that is what all members together are"),
        (('"Birch"]', '"Beech"]'), (), "account 'Birch': there is no member 'Birch'"),
        (("BTC = 1000", "BTC = nan"), (), "account 'Ann': weights of BTC: nan is not finite"),
        (("BTC = 1000", 'BTC = "1000"'), (), r"Expected `float`, got `str` - at `\$\.accounts\[1\]\.weights"),
        (("weights", "weight"), (), r"account 'Ann': it holds nothing"),
        (("lots = { ETH", "size = 1\nlots = { ETH"), (), r"\$\.accounts\[2\]\.size: unknown, nothing reads it"),
        (("members =", "members"), (), "accounts.toml: it is not TOML"),
        (("BTC = 1000", "BTC = 1000"), ("--series", "BTC"), "--series with --accounts FILE"),
        (
            ("BTC = 1000", "BTC = 1000"),
            ("--vouch", "2016-03-01"),
            "--vouch 2016-03-01: BTC, ETH: no move into",
        ),
        (("BTC = 1000", "BTC = 1000"), ("--absolute", "BTC"), "account 'Ann': a weight of BTC, whose price may be"),
    ],
)
def test_accounts_that_cannot_be_tested_are_said_in_one_line(
    novate: Novate, tmp_path: Path, change: tuple[str, str], options: tuple[str, ...], message: str
) -> None:
    assert change[0] in COINS
    path = accounts(tmp_path, COINS.replace(*change))
    code, out, err = novate(written(tmp_path), "--accounts", path, *FAST, *options)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert re.search(message, err), err
    assert not (tmp_path / "page.html").exists()


def test_a_file_of_accounts_that_is_not_there(novate: Novate, tmp_path: Path) -> None:
    code, _, err = novate(written(tmp_path), "--accounts", "hypothetic")
    assert (code, err) == (2, "novate: hypothetic: No such file or directory\n")


def rows_of(page: str, anchor: str, named: int) -> list[str]:
    """The rows of a table of the page, the first columns filled down."""
    section = page.split(f'<h2 id="{anchor}">')[1].split("</section>", maxsplit=1)[0]
    names, found = [""] * named, []
    for row in re.findall(r"<tr>(.*?)</tr>", section, re.DOTALL):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        if cells:
            names = cells[:named] if cells[0] else names
            found.append(" | ".join([*names, *cells[named:]]))
    return found


@pytest.mark.long
@pytest.mark.parametrize(("at", "accounts", "together"), [(4, 15, 10), (5, 22, 4), (6, 15, 1)])
def test_the_page_of_backtests_says_what_the_command_prints_of_accounts(
    novate: Novate, market_data: Path, tmp_path: Path, at: int, accounts: int, together: int
) -> None:
    document = (Path(__file__).parents[1] / "docs" / "backtests.md").read_text(encoding="utf-8")
    command, rows = commands_of(document)[at]
    assert novate(*command.replace("$NOVATE_DATA", str(market_data)).split())[0] == 0
    page = html.unescape((tmp_path / "page.html").read_text(encoding="utf-8")).replace("\u00a0", " ")
    known = {*rows_of(page, "accounts", 1), *rows_of(page, "members", 2)}
    figures = [row for row in rows if not row.startswith(("account |", "member |"))]
    assert len(figures) == accounts + together
    assert [row for row in figures if row not in known] == []

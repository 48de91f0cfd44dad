"""Our own rulebook: the books, histories and rules of one's own that it can do with, and those it refuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from novate.cli import main
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.models.basis import Basis
from novate.risk.models.contagion import WrongWay
from novate.risk.models.gap import Gap
from novate.risk.venues.book import Collateral, NotCovered
from novate.risk.venues.house_sheet import drawn_up
from novate.rulebooks import load, margin, read_book
from tests.risk.walks import daily
from tests.rulebooks.books import NOW, book, future, option, past, perpetual
from tests.rulebooks.ccp import CCP, asked

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "portfolio.toml"


def test_amounts_stay_as_they_are() -> None:
    history = past("BTC")
    odd = 0.1 + 0.2
    drawn = drawn_up(book(perpetual(odd, 100_000)), CCP.rules, history)
    assert drawn.lots == {"BTC-PERP": 1}
    exact = drawn_up(book(perpetual(3e-7, 100_000)), CCP.rules, history)
    ratio = drawn.made.rows[0].results / exact.made.rows[0].results
    assert ratio == pytest.approx(odd / 3e-7)


def test_expiries_of_one_day_are_two_rows() -> None:
    near = 20 + 1 / 86_400
    held = book(option(1, 90_000, "put", 20), option(-1, 90_000, "put", near), forwards={20: 1e5, near: 1e5})
    drawn = drawn_up(held, CCP.rules, past("BTC"))
    assert list(drawn.lots) == ["BTC-2026-01-25-90000-P, 08:00:00", "BTC-2026-01-25-90000-P, 08:00:01"]
    assert asked(held, past("BTC")) < 1


def test_strikes_that_differ_in_the_seventh_figure_are_two_rows() -> None:
    prices, forwards = {"BTC": 150e6}, {20: 150e6}
    sold, small = option(-100, 150_000_100.0, "call", 20), option(-1, 150_000_200.5, "call", 20)
    both = book(sold, small, prices=prices, forwards=forwards)
    history = past("BTC")
    history = replace(history, levels=history.levels * 1_500)
    drawn = drawn_up(both, CCP.rules, history)
    assert list(drawn.lots) == ["BTC-2026-01-25-150000100-C", "BTC-2026-01-25-150000200.5-C"]
    alone = asked(book(sold, prices=prices, forwards=forwards), history)
    assert asked(both, history) == pytest.approx(1.01 * alone, rel=1e-4)


def test_collateral_is_not_called_as_a_position_is() -> None:
    pledged = (Collateral(asset="BTC-PERP", amount=1.0, price=0.5),)
    with pytest.raises(RiskError, match="BTC-PERP: it is the symbol of a position and of collateral: name the asset"):
        asked(book(perpetual(1, 100_000), collateral=pledged), past("BTC", "BTC-PERP"))


def test_rows_after_the_books_time_are_not_known() -> None:
    """The close of the day itself neither: it is there when the day ends."""
    later = past("BTC")
    shifted = replace(later, times_ns=later.times_ns + 3 * DAY_NS)
    drawn = drawn_up(book(perpetual(1, 100_000)), CCP.rules, replace(shifted, levels=shifted.levels))
    assert drawn.past.labels()[-1] == "2026-01-04"
    assert len(drawn.past) == len(later) - 3


def oil(*prices: float) -> FactorHistory:
    """A history of crude oil that ends with these prices."""
    table = 60 + np.cumsum(np.random.default_rng(1).standard_normal(600))
    table[-len(prices) :] = prices
    start = str(np.datetime64(NOW.date()) - 600)
    return daily(table, Factor("CL", "absolute"), first=start, vouched=("2026-01-03", "2026-01-04"))


def test_a_price_may_be_negative_where_it_moves_by_differences() -> None:
    history = oil(18.0, -37.0, 10.0)
    held = book(future(1_000, 10.5, 30, on="CL"), prices={"CL": 10.0})
    # A fall by 55 in two days is among the scenarios, whatever the price is now.
    found = margin(held, CCP, history)
    assert found.initial > 40_000
    with pytest.raises(
        NotCovered, match="CL-2026-02-04-12-C: CL moves by differences, and the volatility of its options"
    ):
        margin(book(option(1, 12.0, "call", 30, on="CL"), prices={"CL": 10.0}, forwards={30: 10.5}), CCP, history)


def test_a_history_that_cannot_do_is_refused_with_series_day_and_cure() -> None:
    one = book(perpetual(1, 100_000))
    ether = book(perpetual(1, 3_000, on="ETH"), prices={"ETH": 3_000.0})
    cheap = book(perpetual(1, 100), prices={"BTC": 100.0})
    for held, history, words in (
        (ether, past("BTC"), "ETH: the history has no series of this name: it has BTC: add it"),
        (one, past("BTC", days=40), "BTC: 39 moves end at 2026-01-04, and a volatility starts from 62: give a longer"),
        (one, past("BTC", days=130), "current: 68 scenarios of BTC: 100 at least .*2026-01-04: give a longer history"),
        (cheap, past("BTC"), "BTC, 2026-01-05: from 100000 to 100 is a move of .*: correct the level or"),
    ):
        with pytest.raises(RiskError, match=words):
            margin(held, CCP, history)


def test_a_history_that_ended_long_ago_is_refused() -> None:
    history = past("BTC")
    old = replace(history, times_ns=history.times_ns - 9 * DAY_NS)
    with pytest.raises(
        RiskError, match="BTC: nothing between 2025-12-26 and 2026-01-05, 10 days where at most 1 are no hole: add"
    ):
        asked(book(perpetual(1, 100_000)), old)
    late = replace(history, times_ns=history.times_ns + 1_499 * DAY_NS)
    with pytest.raises(
        RiskError, match="begins at 2026-01-04, and 1 of its rows end by the book's time: give a history"
    ):
        asked(book(perpetual(1, 100_000)), late)


def test_a_rulebook_of_ones_own_names_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (EXAMPLE.parents[1] / "src/novate/rulebooks/ccp.toml").read_text(encoding="utf-8")
    for change, words in (
        (("stress_weight = 0.25", "stress_weight = 2.5"), "stress_weight 2.5"),
        (("level = 0.99", "levels = 0.99"), r"\$\.model\.levels: unknown"),
        (('scaling = "mid"', 'scaling = "half"'), r"Invalid enum value 'half' - at `\$\.model\.scaling`"),
        (("unit_fine = 10_000", "unit_fine = 0"), r">= 1 - at `\$\.unit_fine`"),
        (("offset_cap = 0.8", "gap = { level = 1.0 }"), r"level 1\.0: expected a probability .* at `\$\.model\.gap`"),
    ):
        path.write_text(text.replace(*change), encoding="utf-8")
        with pytest.raises(RiskError, match=words):
            load(str(path))
    more = "gap = { least = 0.3, indices = [] }\nwrong_way = [{ name = 'BTC', fall = 0.5 }]\nbasis = { level = 0.99 }\n"
    path.write_text(text + more, encoding="utf-8")
    rules = load(str(path)).rules
    assert rules.model.gap == Gap(least=0.3)
    assert rules.model.wrong_way == (WrongWay("BTC", 0.5),)
    assert rules.model.basis == Basis()
    own = "short_options = { BTC = 0.005 }\ncollateral = { EUR = 0.9 }\n"
    own += 'shocks = { "a crash" = { BTC = -0.6, "BTC vol 30d" = 1.0 } }\n'
    path.write_text(text.replace("fundings_a_day = 3.0\n", own), encoding="utf-8")
    assert load(str(path)).rules.shocks == {"a crash": {"BTC": -0.6, "BTC vol 30d": 1.0}}
    path.write_text(text + "gap = { least = 0.3, most = 0.4 }\n", encoding="utf-8")
    with pytest.raises(RiskError, match=r"\$\.model\.gap\.most: unknown"):
        load(str(path))
    for change, words in (
        (("level = 0.99", "level = nan"), "level nan: expected a probability"),
        (("fundings_a_day = 3.0", "shocks.x = { BTC = 1e308 }"), "BTC, scenario 0: level: got inf: leave the scenario"),
        (("fundings_a_day = 3.0", "liquidity.BTC = { half_spread = 0.0, daily_units = inf }"), "daily_lots inf"),
        (
            ("fundings_a_day = 3.0", "liquidity.BTC = { half_spread = 1.0, daily_units = 1e-300, impact = 1e300 }"),
            r"impact=1e\+300\): 1 lots would cost inf to close: correct what it says",
        ),
    ):
        path.write_text(text.replace(*change), encoding="utf-8")
        with pytest.raises(RiskError, match=words):
            asked(book(perpetual(1, 100_000)), past("BTC"), load(str(path)))
    path.write_text(text.replace("years = 10.0", "years = inf"), encoding="utf-8")
    assert asked(book(perpetual(1, 1e5)), past("BTC"), load(str(path))) == asked(book(perpetual(1, 1e5)), past("BTC"))
    path.write_text(text.replace("level = 0.99", "level = 0.995"), encoding="utf-8")
    held, history = book(perpetual(1, 100_000)), past("BTC", days=1_500)
    assert margin(held, load(str(path)), history).initial > asked(held, history)


def test_the_example_is_margined_by_a_history_of_its_underlying() -> None:
    held = read_book(EXAMPLE)
    history = past("BTC")
    found = margin(held, CCP, replace(history, levels=history.levels * 0.92))
    assert 0 < found.maintenance < found.initial < found.equity
    with pytest.raises(NotCovered, match="it margins by a history of prices: give one"):
        margin(held, CCP)


def test_a_coin_by_its_real_history(
    market_file: Callable[[str], Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Bitcoin from 2011 on: ten years count in the current part and the floor, all of it in the stressed part."""
    history = market_file("btcusd_daily_2011_2025.parquet")
    book_file = tmp_path / "one.toml"
    book_file.write_text(
        "time = 2025-09-25T08:00:00Z\ncash = 50_000\n[underlyings.BTC]\nprice = 113_000\n[[positions]]\n"
        'kind = "perpetual"\nunderlying = "BTC"\namount = 1\nprice = 113_000\nentry = 113_000\n',
        encoding="utf-8",
    )
    series = ("--series", f"BTC={history.stem}")
    assert main(["margin", str(book_file), "--rulebook", "ccp", "--history", str(history), *series, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0.15 < found["initial"] / 113_000 < 0.35
    assert found["notes"][0] == "history: BTC; 2011-08-18 to 2025-09-24, 5,152 rows"
    assert not any("years long" in note for note in found["notes"])
    assert [name for name, _ in found["also"]] == [
        "current in full, worst in the 2 days to 2020-03-12",
        "stressed in full, worst in the 2 days to 2013-04-11",
        "floor in full, worst in the 2 days to 2020-03-12",
    ]
    assert found["worst"] == "stressed, the 2 days to 2013-04-11"

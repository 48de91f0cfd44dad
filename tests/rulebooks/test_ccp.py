"""Our own rulebook: the default model's sheet, what it asks for and why; what a book and a history must be."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from novate.cli import main
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.measures import expected_shortfall
from novate.risk.models.basis import Basis
from novate.risk.models.contagion import WrongWay
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.gap import Gap
from novate.risk.venues.book import Book, Collateral, NotCovered
from novate.risk.venues.house_sheet import Depth, drawn_up, unmoved
from novate.rulebooks import load, margin, read_book
from tests.risk.walks import daily
from tests.rulebooks.books import NOW, book, future, option, past, perpetual
from tests.rulebooks.ccp import CCP, asked, modelled, ruled

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "portfolio.toml"


# ---- what it asks for -----------------------------------------------------------------------------------------------


def test_its_parameters_are_the_default_models() -> None:
    default = FilteredShortfall()
    for field in fields(default):
        assert getattr(CCP.rules.model, field.name) == getattr(default, field.name)
    assert CCP.rules.maintenance == 0.8
    assert CCP.header.evaluation == "exact"


def test_a_perpetual_by_hand() -> None:
    history = past("BTC", days=1_000)
    found = margin(book(perpetual(-2, 100_000), cash=50_000.0), CCP, history)
    blocks = CCP.rules.model.blocks(history)
    losses = [float(expected_shortfall(-2e5 * np.expm1(each.scenarios.moves[:, 0]), 0.99)) for each in blocks]
    current, stressed, floor = losses
    of_blocks = max(0.75 * current + 0.25 * stressed, floor)
    assert 0 <= found.initial - of_blocks <= 3e-4
    assert 0 <= found.maintenance - 0.8 * of_blocks <= 3e-4
    assert found.equity == 50_000
    assert [loss for _, loss in found.also] == pytest.approx(losses)
    assert found.contributors[0][0] == "BTC-PERP"
    first = f"current: 75 % of {current:,.2f}"
    assert {part.what: part.initial for part in found.parts}[first] == pytest.approx(0.75 * current)


def test_the_parts_say_what_binds_and_when() -> None:
    wild, calm = past("BTC", days=700, sigma=0.04), past("BTC", days=700, seed=8, sigma=0.004)
    table = np.concatenate([wild.levels * calm.levels[0] / wild.levels[-1], calm.levels])
    history = daily(table, Factor("BTC"), first=str(np.datetime64(NOW.date()) - 1_400))
    found = margin(book(perpetual(1, 100_000)), CCP, history)
    what = [part.what.split(":")[0] for part in found.parts]
    assert what == ["current", "stressed", "floor binds", "rounding to whole sheet units"]
    named, _, day = found.worst.partition(", the 2 days to ")
    assert named == "floor"
    moves = np.log(history.levels[2:, 0] / history.levels[:-2, 0])
    assert day == history.labels()[2:][int(np.argmin(moves))]
    assert sum(part.initial for part in found.parts) == pytest.approx(found.initial)
    assert f"history: BTC; {history.day(0)} to 2026-01-04, 1,400 rows" in found.notes
    assert any(note.startswith("it is 3.8 years long, where the rules look back 10") for note in found.notes)


def test_shocks_are_a_part_of_their_own_and_touch_what_is_held() -> None:
    history = past("BTC", "ETH")
    shocks = {"a crash": {"BTC": -0.6, "SOL": -0.9}, "vols double": {"BTC vol 30d": 1.0}, "elsewhere": {"SOL": -0.9}}
    rulebook = ruled(shocks=shocks)
    found = margin(book(perpetual(1, 100_000)), rulebook, history)
    assert 0 <= found.initial - 60_000 <= 3e-4
    assert found.worst == "hypothetical, a crash"
    held = book(option(-1, 100_000, "call", 30, 0.5), forwards={30: 100_000.0})
    drawn = drawn_up(held, rulebook.rules, history)
    assert [len(block.scenarios) for block in drawn.made.blocks][3:] == [2]
    assert drawn.made.blocks[3].scenarios.labels == ("a crash", "vols double")
    # At the money a call is worth about 0.4 F v √T: twice the volatility, about twice the value.
    value = dict(margin(held, rulebook, history).equity_parts)["value of options"]
    assert drawn.made.rows[0].results[-1] == pytest.approx(-value, rel=0.1)


def test_a_shock_is_one_of_the_tenors_that_are_recorded() -> None:
    """Another tenor would stand still where the recorded ones move, and take off what they ask for."""
    held, history = book(option(-1, 100_000, "call", 30, 0.5), forwards={30: 1e5}), past("BTC", "BTC vol 7d")
    words = "BTC vol 30d: where BTC vol 7d move it would stand still: move those, or give its history"
    with pytest.raises(RiskError, match=words):
        margin(held, ruled(shocks={"up": {"BTC vol 30d": 1.0}}), history)
    found = margin(held, ruled(shocks={"up": {"BTC vol 7d": 3.0}}), history)
    assert found.worst == "hypothetical, up"


def test_a_volatility_series_is_asked_for_where_there_are_options() -> None:
    both = (option(-1, 100_000, "call", 300, 0.5), option(-1, 100_000, "put", 300, 0.5))
    held = book(*both, forwards={300: 100_000.0})
    without, beside = past("BTC"), past("BTC", "BTC vol 30d")
    missing = "'BTC basis 90d', 'BTC vol 30d', 'BTC skew 30d'"
    assert (
        f"BTC: not covered for want of a series such as {missing}: these stay as they are"
        in margin(held, CCP, without).notes
    )
    assert unmoved(held, ["BTC", "BTC vol 7d", "BTC skew 7d"]) == {"BTC": ["BTC basis 90d"]}
    same = FactorHistory(beside.factors[:1], beside.times_ns, beside.levels[:, :1], gap_max_ns=DAY_NS)
    assert asked(held, beside) > 1.1 * asked(held, same)
    # A perpetual reads no volatility, and a series that nothing reads shortens and changes nothing.
    only = book(perpetual(-1, 100_000))
    assert asked(only, beside) == asked(only, same)


def test_a_risk_reversal_is_asked_for_its_skew() -> None:
    """Long the call and short the put of 25 delta, against a perpetual: what is left open is the smile."""
    legs = option(10, 111_000, "call", 30, 0.5), option(-10, 92_000, "put", 30, 0.5)
    held = book(*legs, perpetual(-5, 100_000), forwards={30: 100_000.0})
    prices, skew = past("BTC"), -0.04 + np.cumsum(0.004 * np.random.default_rng(3).standard_normal(1_500))
    factors = (Factor("BTC"), Factor("BTC skew 30d", "absolute"))
    calm = 1e5 * (prices.levels[:, 0] / 1e5) ** 0.001
    history = FactorHistory(factors, prices.times_ns, np.stack([calm, skew], axis=1), gap_max_ns=DAY_NS)
    alone, moved = asked(held, history.of(["BTC"])), asked(held, history)
    # Two legs of ten, each half a move of two days at 99 %, by a vega of F √T n(d1) (d1 = ±0.67).
    vega = 1e5 * np.sqrt(28 / 365) * 0.318
    assert moved - alone == pytest.approx(10 * 0.004 * 2**0.5 * 2.67 * vega, rel=0.15)
    assert margin(held, CCP, history).notes[0].startswith("history: BTC, BTC skew 30d; ")
    # A shock moves it whether it has a series or not, by a difference; what nets is none of its business.
    rotated = ruled(shocks={"rotated": {"BTC skew 30d": -0.2}})
    for known in (history, history.of(["BTC"])):
        found = margin(held, rotated, known)
        assert found.worst == "hypothetical, rotated"
        assert found.initial == pytest.approx(10 * 0.2 * vega, rel=0.15)
        assert [symbol[-1] for symbol, _ in found.contributors[:2]] == ["C", "P"]
    assert not any(name.startswith("basis") for name, _ in margin(held, modelled(basis=Basis()), history).also)
    with pytest.raises(RiskError, match=r"-111000-C, scenario \d+: volatility: got -.*: 'BTC skew' takes it there"):
        margin(held, ruled(shocks={"rotated": {"BTC skew 30d": -1.2}}), history)


def test_a_hedged_book_is_asked_for_its_basis() -> None:
    held = book(perpetual(1, 100_000), future(-1, 101_000, 90))
    prices, basis = past("BTC"), np.cumsum(0.004 * np.random.default_rng(3).standard_normal(1_500))
    factors = (*prices.factors, Factor("BTC basis 90d", "absolute"))
    history = FactorHistory(factors, prices.times_ns, np.stack([prices.levels[:, 0], basis], axis=1), gap_max_ns=DAY_NS)
    alone, moved = asked(held, prices), asked(held, history)
    assert alone < 0.003 * 100_000
    # 90 days are a quarter of a year: the moves of the basis over two days, on 100,000, at 99 %.
    assert moved == pytest.approx(1e5 * 88 / 365 * 0.004 * 2**0.5 * 2.67, rel=0.4)


def test_funding_is_paid_three_times_a_day() -> None:
    prices = past("BTC")
    rates = np.full((1_500, 1), 1e-4)
    factors = (*prices.factors, Factor("BTC funding", "absolute"))
    history = FactorHistory(factors, prices.times_ns, np.concatenate([prices.levels, rates], axis=1), gap_max_ns=DAY_NS)
    model = replace(CCP.rules.model, unscaled=("BTC funding",))
    more = asked(book(perpetual(1, 100_000)), history, ruled(model=model)) - asked(book(perpetual(1, 100_000)), prices)
    assert 0 < more < 6e-4 * 1e5
    with pytest.raises(RiskError, match="say how often it is paid"):
        asked(book(perpetual(1, 100_000)), history, ruled(model=model, fundings_a_day=0.0))


def test_size_costs_where_the_rulebook_knows_the_market() -> None:
    depth = Depth(half_spread=0.0005, daily_units=100.0)
    held, history = book(perpetual(160, 100_000)), past("BTC")
    found = margin(held, ruled(liquidity={"BTC": depth}), history)
    parts = {part.what: part.initial for part in found.parts}
    bare = asked(held, history)
    sigma = np.sqrt(float((np.expm1(CCP.rules.model.blocks(history)[0].scenarios.moves) ** 2).mean()) / 2) * 1e5
    law = 160 * 50 + sigma * 160 * np.sqrt(1.6) + bare * (np.sqrt(160 / 40) - 1)
    assert parts["BTC-PERP: for its size"] >= law
    assert parts["BTC-PERP: for its size"] == pytest.approx(law, rel=0.2)
    # A lot is a millionth of the position, so that the sheet holds its rates, and half a unit a lot is 50.
    assert found.initial == pytest.approx(bare + parts["BTC-PERP: for its size"] + 50, abs=3)


def test_gaps_failures_and_short_options_are_parts_of_a_rulebook_of_ones_own() -> None:
    history = past("BTC", "ETH")
    far = option(-3, 20_000, "put", 30, 0.5)
    held = book(far, forwards={30: 100_000.0})
    assert asked(held, history) < 1
    found = margin(held, ruled(short_options={"BTC": 0.005, "ETH": 0.01}), history)
    parts = {part.what: part.initial for part in found.parts}
    assert parts["BTC-2026-02-04-20000-P: short option"] == pytest.approx(3 * 500)
    assert found.initial == pytest.approx(1_500, abs=1)
    gapped = modelled(gap=Gap(least=0.6), wrong_way=(WrongWay("BTC", 0.7),))
    one = margin(book(perpetual(1, 100_000)), gapped, history)
    assert [name.partition(" ")[0] for name, _ in one.also] == ["current", "stressed", "floor", "gap", "wrong-way"]
    assert one.worst == "wrong-way, BTC falls by 70 %, others as on its worst days"
    assert 0 <= one.initial - 70_000 <= 3e-4
    assert margin(book(perpetual(-1, 100_000)), gapped, history).worst == "gap, BTC gaps by +60 %"


def test_a_failure_strikes_books_that_hold_nothing_of_the_name() -> None:
    """What was recorded on the name's worst days is asked of its like, so the name's series is read for that."""
    coin = past("BTC", days=1_500, seed=7)
    like = np.concatenate([coin.levels, 0.1 * coin.levels], axis=1)
    history = replace(coin, factors=(Factor("BTC"), Factor("FTT")), levels=like)
    spread = modelled(wrong_way=(WrongWay("FTT", 0.9),))
    found = margin(book(perpetual(1, 100_000)), spread, history)
    moves = np.sort(np.log(like[2:, 0] / like[:-2, 0]))[:15].mean()  # 1 % of 1,498 windows
    assert {name.partition(" ")[0]: amount for name, amount in found.also}["wrong-way"] == pytest.approx(
        -1e5 * np.expm1(moves)
    )
    with pytest.raises(RiskError, match="there is no factor 'FTT': the history has BTC"):
        margin(book(perpetual(1, 100_000)), spread, coin)


def test_a_rulebook_serves_books_that_hold_a_part_of_what_it_names() -> None:
    history = past("BTC", "ETH")
    coin, ether = (
        book(perpetual(1, 100_000)),
        book(perpetual(1, 3_000, on="ETH"), prices={"ETH": 3_000.0}),
    )
    gapped = modelled(gap=Gap(indices=("BTC",)), basis=Basis(beside={"ETH": "BTC"}))

    def parts(of: Book) -> list[str]:
        return [name.partition(" ")[0] for name, _ in margin(of, gapped, history).also][3:]

    assert parts(coin) == []  # an index that does not gap, and nothing that nets with it
    assert parts(ether) == ["gap", "basis"]  # against its leader, which is read for that
    assert asked(coin, history, gapped) == asked(coin, history)


# ---- collateral -----------------------------------------------------------------------------------------------------


def test_collateral_with_a_series_runs_the_scenarios_and_hedges() -> None:
    history = past("BTC", "ETH")
    coin = Collateral(asset="BTC", amount=1.0, price=100_000.0)
    long, short = book(perpetual(1, 100_000), collateral=(coin,)), book(perpetual(-1, 100_000), collateral=(coin,))
    bare = margin(book(perpetual(1, 100_000)), CCP, history)
    both = margin(long, CCP, history)
    assert both.initial == pytest.approx(2 * bare.initial, rel=1e-6)
    assert both.equity == bare.equity + 100_000
    assert asked(short, history) < 0.01
    twice = msgspec.structs.replace(long, collateral=(coin, coin))
    assert asked(twice, history) == pytest.approx(3 * bare.initial, rel=1e-6)
    # Alone, at another price than the index.
    alone = book(collateral=(Collateral(asset="ETH", amount=10.0, price=2_900.0),), prices={"BTC": 1e5})
    cheap = asked(alone, history)
    assert cheap == pytest.approx(
        29_000 / 30_000 * asked(book(perpetual(10, 3_000, on="ETH"), prices={"ETH": 3_000.0}), history), rel=1e-6
    )


def test_collateral_without_a_series_has_a_weight_or_is_refused() -> None:
    history = past("BTC")
    held = book(perpetual(1, 100_000), collateral=(Collateral(asset="EUR", amount=1_000.0, price=1.1),))
    with pytest.raises(
        NotCovered, match="EUR: nothing says what it may lose: give its series in the history, or its weight"
    ):
        margin(held, CCP, history)
    found = margin(held, ruled(collateral={"EUR": 0.9}), history)
    assert found.equity == pytest.approx(990)
    assert found.initial == asked(book(perpetual(1, 100_000)), history)
    assert "collateral by its weight, not by scenarios: EUR" in found.notes
    # A shock alone moves it too: a peg that breaks.
    pegged = margin(held, ruled(shocks={"EUR at 0.88": {"EUR": -0.2}}), history)
    assert pegged.equity == pytest.approx(1_100)
    many = book(perpetual(1, 100_000), collateral=(Collateral(asset="EUR", amount=1e6, price=1.1),))
    broken = margin(many, ruled(shocks={"EUR at 0.88": {"EUR": -0.2}}), history)
    assert 0 <= broken.initial - 220_000 <= 3e-4
    with pytest.raises(RiskError, match="nothing that the book holds has a series: the history has BTC: add one"):
        margin(msgspec.structs.replace(many, positions=()), ruled(shocks={"EUR at 0.88": {"EUR": -0.2}}), history)


# ---- what a book and a history must be ------------------------------------------------------------------------------


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

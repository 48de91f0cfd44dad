"""Our own rulebook: the default model's sheet, what it asks for and why."""

from dataclasses import fields, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

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
from novate.rulebooks import margin
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

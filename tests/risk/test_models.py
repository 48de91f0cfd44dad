"""Margin models: what their blocks are, what they ask by hand, and that they foresee from the past alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from novate.core.terms import Kind
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.instruments import Instrument
from novate.risk.measures import expected_shortfall, parametric_es, parametric_var, value_at_risk
from novate.risk.models.blocks import Block, Model, combined, prices_of, windows_within
from novate.risk.models.challengers import NormalEwma, PlainHistorical, SpanScan
from novate.risk.models.draft import Collateral, Draft, Markets, draft
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.liquidity import Liquidity
from novate.risk.models.requirement import Requirement, requirement
from novate.risk.scenarios.hypothetical import depegs, hypothetical
from novate.risk.scenarios.stress_days import NAMED, StressDay, stressed
from tests.risk.test_revaluation import contract
from tests.risk.walks import daily, walk

MODELS: tuple[Model, ...] = (
    *(FilteredShortfall(), PlainHistorical(), NormalEwma(), SpanScan()),
    *(PlainHistorical(measure="expected_shortfall"), NormalEwma(measure="expected_shortfall")),
)


def at_end(history: FactorHistory) -> dict[str, float]:
    """The last level of every factor."""
    return {factor.name: float(level) for factor, level in zip(history.factors, history.levels[-1], strict=True)}


def perpetual(symbol: str, index: str, price: float) -> Instrument:
    return Instrument(contract(symbol, Kind.PERPETUAL), index, None, price)


def two_coins(count: int = 800) -> FactorHistory:
    table = walk(count, seed=3, sigma=0.03, factors=2)
    return daily(table, Factor("BTC"), Factor("ETH"))


def drawn_up(model: Model, history: FactorHistory, **options: Any) -> Draft:
    """A perpetual of one unit on each factor, at the index."""
    now = at_end(history)
    futures = [perpetual(f"{name}-PERP", name, price) for name, price in now.items()]
    return draft(model, futures, history, now, int(history.known_ns[-1]), **options)


def simple_returns(moves: np.ndarray) -> np.ndarray:
    return np.expm1(moves[:, 0])


# ---- the default model ----------------------------------------------------------------------------------------------


def test_the_default_is_three_quarters_current_and_a_quarter_stressed_or_the_floor() -> None:
    history = daily(walk(1_500, seed=1))
    made = drawn_up(FilteredShortfall(), history)
    current, stress, floor = made.blocks
    price = history.levels[-1, 0]
    for long in (1, -1):
        losses = [float(expected_shortfall(long * simple_returns(each.scenarios.moves), 0.99)) for each in made.blocks]
        asked = requirement(made, {"BTC-PERP": long})
        assert asked.initial == pytest.approx(price * max(0.75 * losses[0] + 0.25 * losses[1], losses[2]))
        assert asked.maintenance == pytest.approx(0.8 * asked.initial)
    assert (len(current.scenarios), len(stress.scenarios), len(floor.scenarios)) == (1_498 - 60, 250, 1_498)
    assert [each.weight for each in made.blocks] == [0.75, 0.25, 1.0]
    assert current.scenarios.horizon_days == 2


def test_ten_years_are_ten_years_and_stress_is_older() -> None:
    table = walk(6_000, seed=2)
    table[100] = table[99] * 0.6  # a crash, sixteen years before the end
    table[101:] *= 0.6
    history = daily(table, first="2005-01-01", vouched=("2005-04-11",))
    current, stress, floor = FilteredShortfall().blocks(history)
    assert len(floor.scenarios) == len(current.scenarios) == windows_within(history, 2, 10) == 3_652 - 1
    assert floor.scenarios.moves.min() > -0.2
    assert stress.scenarios.moves.min() < np.log(0.65)
    assert floor.scenarios.labels[0] > "2011"


def test_a_calm_lowers_current_and_leaves_the_floor() -> None:
    wild = walk(700, seed=4, sigma=0.04)
    calm = wild[-1] * walk(700, seed=5, sigma=0.004) / 100
    history = daily(np.concatenate([wild, calm]))
    made = drawn_up(FilteredShortfall(), history)
    asked = requirement(made, {"BTC-PERP": 1})
    current, _, floor = asked.blocks
    assert current.loss < 0.8 * floor.loss
    assert asked.binds == "floor"
    assert asked.of_blocks == floor.loss


def test_stress_is_the_named_days_and_then_the_worst_of_any_factor() -> None:
    table = walk(900, seed=6, sigma=0.01, factors=2)
    for row, column, factor in ((300, 0, 0.85), (500, 1, 1.22)):
        table[row:, column] *= factor
    day = StressDay("2015-03-01", "a quiet day with a name")
    found = stressed(daily(table, Factor("A"), Factor("B")), 1, 3, (day,))
    assert found.labels == ("2015-03-01 a quiet day with a name", "2016-05-15", "2015-10-28")
    assert found.moves[1, 1] == pytest.approx(np.log(1.22), abs=0.05)
    whole = stressed(daily(table, Factor("A"), Factor("B")), 2, 10_000, NAMED)
    assert len(whole) == 898
    assert len(set(map(tuple, whole.moves.tolist()))) == 898


def test_a_hypothetical_peg_that_breaks_is_asked_for_in_full() -> None:
    history = two_coins()
    model = FilteredShortfall(hypothetical=(depegs("USDC", 1.0, [0.95, 0.88]),))
    now = {**at_end(history), "USDC": 0.999}
    pledge = Collateral("USDC", 100, 1.0, 10**6)
    future = perpetual("BTC-PERP", "BTC", now["BTC"])
    made = draft(model, [future], history, now, int(history.known_ns[-1]), collateral=[pledge])
    row = made.row("USDC")
    results = [made.in_block(row.results, block) for block in made.blocks]
    assert results[3] == pytest.approx([-0.05 * 0.999, -0.12 * 0.999])
    assert [np.count_nonzero(part) for part in results] == [0, 0, 0, 2]
    asked = requirement(made, {"USDC": 1_000_000})
    assert asked.initial == pytest.approx(0.12 * 999_000)
    assert asked.binds == asked.blocks[3].block == "hypothetical"
    assert asked.blocks[3].scenario == "USDC at 0.88"
    # Without hypotheticals nothing else is another.
    bare = FilteredShortfall().blocks(history)
    assert [len(block.scenarios) for block in bare] == [len(block.scenarios) for block in made.blocks[:3]]
    coin = requirement(made, {"BTC-PERP": 1})
    assert coin.binds != "hypothetical"
    assert coin.initial == requirement(drawn_up(FilteredShortfall(), history), {"BTC-PERP": 1}).initial


# ---- the others -----------------------------------------------------------------------------------------------------


def test_historical_var_is_the_order_statistic_of_two_years() -> None:
    history = daily(walk(1_500, seed=7))
    asked = requirement(drawn_up(PlainHistorical(), history), {"BTC-PERP": 1})
    moves = np.log(history.levels[2:, 0] / history.levels[:-2, 0])[-windows_within(history, 2, 2.0) :]
    assert asked.initial == pytest.approx(history.levels[-1, 0] * float(value_at_risk(np.expm1(moves), 0.99)))


def test_historical_shortfall_is_the_mean_of_the_tail() -> None:
    history = daily(walk(1_500, seed=7))
    model = PlainHistorical(measure="expected_shortfall")
    asked = requirement(drawn_up(model, history), {"BTC-PERP": -1})
    moves = np.log(history.levels[2:, 0] / history.levels[:-2, 0])[-windows_within(history, 2, 2.0) :]
    assert asked.initial == pytest.approx(history.levels[-1, 0] * float(expected_shortfall(-np.expm1(moves), 0.99)))
    assert (model.name, PlainHistorical().name) == ("historical ES", "historical VaR")


@pytest.mark.parametrize(("level", "off"), [(0.975, 0.0007), (0.99, 0.0016), (0.999, 0.012)])
def test_ewma_shortfall_of_one_factor_is_that_of_the_normal(level: float, off: float) -> None:
    history = daily(walk(400, seed=1), Factor("OIL", "absolute"))
    model = NormalEwma(horizon_steps=2, level=level, measure="expected_shortfall")
    (block,) = model.blocks(history)
    exact = float(parametric_es(model.volatilities(history)[-1, 0] * np.sqrt(2), level))
    assert model.name == "EWMA ES"
    for results in (block.scenarios.moves[:, 0], -block.scenarios.moves[:, 0]):
        assert 1 - float(block.loss(results)) / exact == pytest.approx(off, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_ewma_of_one_factor_is_the_normal_quantile(seed: int) -> None:
    history = daily(walk(400, seed=seed), Factor("OIL", "absolute"))
    model = NormalEwma(horizon_steps=2)
    (block,) = model.blocks(history)
    sigma = model.volatilities(history)[-1, 0] * np.sqrt(2)
    exact = float(parametric_var(sigma, 0.99))
    for results in (block.scenarios.moves[:, 0], -block.scenarios.moves[:, 0]):
        assert float(block.loss(results)) == pytest.approx(exact, rel=0.01)


def test_ewma_foresees_usual_steps_on_a_monday_too() -> None:
    known = daily(walk(101, seed=1))
    days = np.arange(101) + 2 * (np.arange(101) // 5)
    monday = replace(known, times_ns=known.times_ns[0] + DAY_NS * days, gap_max_ns=3 * DAY_NS)
    assert monday.times_ns[-1] - monday.times_ns[-2] == 3 * DAY_NS
    assert [NormalEwma(horizon_steps=h).blocks(monday)[0].scenarios.horizon_days for h in (1, 2)] == [1, 2]


def test_ewma_of_two_factors_knows_their_correlation() -> None:
    rng = np.random.default_rng(8)
    one, other = rng.standard_normal((2, 3_000))
    table = 100 + np.cumsum(np.stack([one, 0.6 * one + 0.8 * other], axis=1), axis=0)
    history = daily(table, Factor("A", "absolute"), Factor("B", "absolute"))
    (block,) = NormalEwma(horizon_steps=1, decay=0.999, draws=20_000).blocks(history)
    assert np.corrcoef(*block.scenarios.moves.T).min() == pytest.approx(0.6, abs=0.05)
    against = float(block.loss(block.scenarios.moves @ [1.0, -1.0]))
    together = float(block.loss(block.scenarios.moves @ [1.0, 1.0]))
    assert against == pytest.approx(float(parametric_var(np.sqrt(0.8), 0.99)), rel=0.12)
    assert together == pytest.approx(float(parametric_var(np.sqrt(3.2), 0.99)), rel=0.12)


def test_a_scan_moves_every_price_by_its_own_range_and_nets_none() -> None:
    history = two_coins()
    made = drawn_up(SpanScan(), history)
    now = at_end(history)
    found = np.log(history.levels[2:] / history.levels[:-2])
    wide = {
        name: now[name] * -np.expm1(-float(value_at_risk(-np.abs(found[:, at]), 0.99)))
        for at, name in enumerate(("BTC", "ETH"))
    }
    # Longs lose most where the price falls by the whole range; the extreme counts 35 % of twice it.
    assert requirement(made, {"BTC-PERP": 3}).initial == pytest.approx(3 * wide["BTC"], rel=1e-9)
    both = requirement(made, {"BTC-PERP": 3, "ETH-PERP": -2})
    assert both.initial == pytest.approx(3 * wide["BTC"] + 2 * wide["ETH"], rel=1e-9)
    assert both.blocks[0].scenario.split(":")[0] in {str(number) for number in range(1, 17)}


def test_a_scan_moves_volatilities_with_their_price() -> None:
    table = np.concatenate([walk(600, seed=9), 0.5 * walk(600, seed=10, sigma=0.05) / 100], axis=1)
    history = daily(table, Factor("BTC"), Factor("BTC vol 30d"))
    (block,) = SpanScan(horizon_steps=1).blocks(history)
    ups = block.scenarios.moves[:, 1]
    assert (ups[:14:2] > 0).all()
    assert (ups[1:14:2] < 0).all()
    assert (ups[14:] == 0).all()
    assert dict(prices_of(history.factors)) == {"BTC": (Factor("BTC vol 30d"),)}
    assert list(prices_of((Factor("S&P 500"), Factor("S&P"), Factor("S&P 500 vol 30d")))) == ["S&P"]


def test_a_scan_names_the_price_that_never_moved() -> None:
    table = np.concatenate([walk(600, seed=9), np.full((600, 1), 3.0)], axis=1)
    with pytest.raises(RiskError, match="PEG: its scan range is zero: until 2016-08-22 it hardly ever moved"):
        SpanScan().blocks(daily(table, Factor("BTC"), Factor("PEG")))


@pytest.mark.parametrize(("level", "off"), [(0.99, 0.003), (0.995, 0.007), (0.999, 0.022)])
def test_ewma_is_too_low_by_as_much_as_is_said(level: float, off: float) -> None:
    history = daily(walk(400, seed=1), Factor("OIL", "absolute"))
    model = NormalEwma(horizon_steps=1, level=level)
    (block,) = model.blocks(history)
    exact = float(parametric_var(model.volatilities(history)[-1, 0], level))
    assert 1 - float(block.loss(block.scenarios.moves[:, 0])) / exact == pytest.approx(off, abs=0.001)


# ---- all of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_no_model_looks_ahead(model: Model) -> None:
    """What comes later changes nothing, and the first rows of the path are the path of the past."""
    table = walk(900, seed=11, factors=2)
    other = table.copy()
    other[700:] = table[700:][::-1] * 1.5
    factors = Factor("A"), Factor("B")
    one, two = daily(table, *factors), daily(other, *factors, vouched=("2016-12-01",))
    past = one.rows(0, 700)
    path = model.volatilities(one)
    for first, second in zip(
        model.blocks(past, None if path is None else path[:700]), model.blocks(two.rows(0, 700)), strict=True
    ):
        assert np.array_equal(first.scenarios.moves, second.scenarios.moves)
        assert first.scenarios.labels == second.scenarios.labels
    with pytest.raises(
        RiskError, match="the history ends at 2017-06-18, known when that day has ended, after now: cut it"
    ):
        draft(model, [perpetual("A-PERP", "A", 1.0)], one, at_end(one), int(one.known_ns[-1]) - 1)
    assert draft(model, [perpetual("A-PERP", "A", 1.0)], one, at_end(one), int(one.known_ns[-1])).rows


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_history_that_is_too_short_is_said(model: Model) -> None:
    short = daily(walk(70, seed=12))
    if isinstance(model, NormalEwma):
        assert len(model.blocks(short)) == 1
    else:
        with pytest.raises(RiskError, match=r"BTC.* (until|ends at) 2015-03-11.*give a longer history"):
            model.blocks(short)
    if isinstance(model, NormalEwma | FilteredShortfall):
        path = model.volatilities(short)[:41]
        with pytest.raises(RiskError, match="BTC: 40 moves end at 2015-02-10, and a volatility starts from 6"):
            model.blocks(short.rows(0, 41), path)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_measures_of_a_block_are_those_of_its_terms(model: Model) -> None:
    made = drawn_up(model, two_coins())
    for block in made.blocks:
        written = block.terms()
        losses = np.sort(-made.in_block(made.rows[0].results, block))[::-1]
        found = float(block.loss(-losses))
        if written.measure == "worst":
            assert found == losses[0]
        elif written.measure == "kth_worst":
            assert found == losses[written.rank - 1]
        else:
            mass = len(losses) * written.tail_numerator / written.tail_denominator
            whole = int(mass)
            assert found == pytest.approx((losses[:whole].sum() + (mass - whole) * losses[whole]) / mass)
    assert sum(block.terms().weight_ppm for block in made.blocks if block.part != "floor") == 10**6


def test_netting_sets_offset_each_other_up_to_the_cap() -> None:
    history = two_coins()
    apart, joined = (
        drawn_up(FilteredShortfall(), history, markets=Markets(sets)) for sets in ({}, {"BTC": "coins", "ETH": "coins"})
    )
    lots = {"BTC-PERP": 10, "ETH-PERP": -10}
    whole, netted = requirement(apart, lots), requirement(joined, lots)
    for one, other in zip(whole.blocks, netted.blocks, strict=True):
        assert one.loss == pytest.approx(one.without_offsets - 0.8 * (one.without_offsets - other.loss))
        assert other.without_offsets == other.loss <= one.loss


def test_the_reasons_add_up() -> None:
    made = drawn_up(FilteredShortfall(), two_coins(), markets=Markets({}, {"BTC-PERP": Liquidity(0.5, 100)}))
    asked = requirement(made, {"BTC-PERP": 40, "ETH-PERP": -15})
    for block in asked.blocks:
        assert sum(loss for _, loss in block.contributors) == pytest.approx(block.scenario_loss)
        assert block.contributors[0][1] >= block.contributors[1][1]
        assert block.loss <= block.without_offsets
    assert dict(asked.add_ons).keys() == {"BTC-PERP"}
    assert asked.initial == pytest.approx(asked.of_blocks + sum(more for _, more in asked.add_ons))
    with pytest.raises(RiskError, match="SOL-PERP: it has no row in filtered shortfall"):
        requirement(made, {"SOL-PERP": 1})
    assert requirement(made, {}) == Requirement(0.0, 0.0, 0.0, requirement(made, {}).blocks, ())


def test_what_a_model_cannot_be_given_is_said() -> None:
    history = two_coins()
    future = perpetual("BTC-PERP", "BTC", 100.0)
    now = int(history.known_ns[-1])
    with pytest.raises(RiskError, match="levels: ETH has none"):
        draft(PlainHistorical(), [future], history, {"BTC": 100.0}, now)
    with pytest.raises(RiskError, match="SOL-PERP: there is no factor 'SOL'"):
        draft(PlainHistorical(), [perpetual("SOL-PERP", "SOL", 1.0)], history, at_end(history), now)
    with pytest.raises(RiskError, match="BTC, now: 0 is not above zero"):
        draft(PlainHistorical(), [future], history, {"BTC": 0.0, "ETH": 1.0}, now)
    with pytest.raises(RiskError, match="stress_weight 1"):
        FilteredShortfall(stress_weight=1.0)
    scenarios = PlainHistorical().blocks(history)[0].scenarios.last(100)
    weighted = replace(scenarios, weights=np.full(100, 0.01))
    with pytest.raises(RiskError, match="scenarios of a sheet count alike"):
        Block("b", "current", weighted, "worst", 0.99)


def test_too_few_scenarios_for_a_level_are_said_with_what_limits_them() -> None:
    long = daily(walk(1_500, seed=1))
    with pytest.raises(RiskError, match=r"stressed: 250 .*BTC: 1000 at least .*0.999: raise stress_count \(250\)"):
        FilteredShortfall(level=0.999).blocks(long)
    assert len(FilteredShortfall(level=0.999, stress_count=1_000).blocks(long)) == 3
    with pytest.raises(RiskError, match=r"current: 639 .* the history ends at 2016-12-01: give a longer history"):
        FilteredShortfall(level=0.999).blocks(long.rows(0, 701))
    with pytest.raises(RiskError, match=r"current: 2000 .* 10000 at least .* raise draws or a lower level"):
        NormalEwma(level=0.9999).blocks(long)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: PlainHistorical(years=np.nan).blocks(two_coins()), "years nan: expected a look-back above 0"),
        (lambda: SpanScan(long_years=-1.0).blocks(two_coins()), r"years -1\.0: expected a look-back above 0"),
        (lambda: PlainHistorical(measure="worst"), "measure 'worst': expected value_at_risk or expected_shortfall"),  # pyright: ignore[reportArgumentType]
        (lambda: NormalEwma(draws=-1), "draws -1, seed 1996: expected one draw at least"),
        (lambda: NormalEwma(seed=-1), "draws 2000, seed -1: expected one draw at least, and a seed of 0 or more"),
        (lambda: Collateral("ETH", 100, np.nan, 10), r"Collateral\(symbol='ETH'.*expected a lot of some units"),
    ],
)
def test_parameters_that_cannot_be_are_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()


def test_parts_that_a_sheet_would_round_are_refused() -> None:
    history = two_coins()
    cure = r"whole millionths from 0 to 1: round it to six decimals"
    with pytest.raises(RiskError, match=f"stress_weight 0.333.*{cure}"):
        FilteredShortfall(stress_weight=1 / 3)
    with pytest.raises(RiskError, match=f"offset_cap 0.666.*{cure}"):
        drawn_up(PlainHistorical(offset_cap=2 / 3), history)
    with pytest.raises(RiskError, match=f"maintenance 0.857.*{cure}"):
        drawn_up(PlainHistorical(), history, maintenance=6 / 7)
    (block,) = PlainHistorical().blocks(history)
    with pytest.raises(RiskError, match=f"current: weight 0.142.*{cure}"):
        replace(block, weight=1 / 7)
    weights = [each.weight for each in FilteredShortfall(stress_weight=0.9).blocks(history)]
    assert weights == pytest.approx([0.1, 0.9, 1])


def test_a_factor_that_nothing_reads_is_refused() -> None:
    history = two_coins()
    future = perpetual("BTC-PERP", "BTC", at_end(history)["BTC"])
    dated = replace(future, contract=contract("BTC-JUN", Kind.FUTURE, 20_000))
    now = {**at_end(history), "BTC premium": 0.0, "BTC basis 90d": 0.0, "BTC bassis 90d": 0.0}
    now |= {"BTC skew linear": 0.0, "BTC skew 30d": 0.0}

    def shocked(name: str, held: Instrument) -> Draft:
        shock = hypothetical("shock", (Factor(name, "absolute"),), {"up": {name: 0.01}})
        model = FilteredShortfall(hypothetical=(shock,))
        return draft(model, [held], history, now, int(history.known_ns[-1]))

    unread = "no contract or collateral moves by it: correct its name"
    for name, held in (("BTC bassis 90d", dated), ("BTC basis 90d", future), ("BTC premium", dated)):
        with pytest.raises(RiskError, match=f"{name}: {unread}"):
            shocked(name, held)
    with pytest.raises(
        RiskError, match=r"BTC skew linear: a venue's rule says how far .* and no sheet: move 'BTC skew 30d'"
    ):
        shocked("BTC skew linear", future)
    terms = contract("BTC-C", Kind.CALL, 20_000, underlying="IDX", strike="150")
    call = Instrument(terms, "BTC", None, now["BTC"], 0.1)
    with pytest.raises(RiskError, match=f"BTC skew 30d: {unread}"):
        shocked("BTC skew 30d", dated)
    for name, held in (("BTC premium", future), ("BTC basis 90d", dated), ("BTC skew 30d", call)):
        assert shocked(name, held).rows[0].results[-1] != 0
    # A tenor that only a shock moves would hold the curve where the recorded one moves.
    table = np.concatenate([history.levels[:, :1], walk(800, seed=4, sigma=0.001) / 10**5], axis=1)
    history = daily(table, Factor("BTC"), Factor("BTC basis 30d", "absolute"))
    now["BTC basis 30d"] = float(table[-1, 1])
    with pytest.raises(RiskError, match="BTC basis 90d: where BTC basis 30d move it would stand still: move those, or"):
        shocked("BTC basis 90d", dated)
    assert shocked("BTC basis 30d", dated).rows[0].results[-1] != 0


def test_a_history_that_ends_long_ago_is_refused() -> None:
    history = two_coins()
    future, last = perpetual("BTC-PERP", "BTC", 100.0), int(history.known_ns[-1])
    # The close of the 11th is not there before that day has ended.
    assert draft(PlainHistorical(), [future], history, at_end(history), last + DAY_NS).rows
    with pytest.raises(RiskError, match=r"ends at 2017-03-10, known 1\.5 days before now, where at most 1 are no hole"):
        draft(PlainHistorical(), [future], history, at_end(history), last + 3 * DAY_NS // 2)
    hourly = replace(history, times_ns=history.times_ns[-1] + DAY_NS // 24 * np.arange(-len(history), 0))
    with pytest.raises(RiskError, match=r"where at most 1 are no hole: add"):
        draft(PlainHistorical(), [future], hourly, at_end(history), last + DAY_NS)


def test_a_combination_takes_the_floor_where_it_is_more() -> None:
    (block,) = PlainHistorical().blocks(two_coins())
    parts = [replace(block, name=name, part=part, weight=weight) for name, part, weight in PARTS]
    low, high = (combined(parts, [np.array(20.0), np.array(40.0), np.array(floor)]) for floor in (24.0, 26.0))
    assert (float(low), float(high)) == (25.0, 26.0)


PARTS = (("now", "current", 0.75), ("then", "stressed", 0.25), ("least", "floor", 1.0))

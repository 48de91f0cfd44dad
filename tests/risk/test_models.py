"""What holds of every margin model: it foresees from the past alone, its reasons add up, and what cannot be is said."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from novate.core.terms import Kind
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor
from novate.risk.instruments import Instrument
from novate.risk.models.blocks import Block, Model, combined
from novate.risk.models.challengers import NormalEwma, PlainHistorical, SpanScan
from novate.risk.models.draft import Collateral, Draft, Markets, draft
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.liquidity import Liquidity
from novate.risk.models.requirement import Requirement, requirement
from novate.risk.scenarios.hypothetical import hypothetical
from tests.risk.drafts import at_end, drawn_up, perpetual, two_coins
from tests.risk.test_revaluation import contract
from tests.risk.walks import daily, walk

MODELS: tuple[Model, ...] = (
    *(FilteredShortfall(), PlainHistorical(), NormalEwma(), SpanScan()),
    *(PlainHistorical(measure="expected_shortfall"), NormalEwma(measure="expected_shortfall")),
)


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

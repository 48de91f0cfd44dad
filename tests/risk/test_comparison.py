"""Models over one series: what is asked of a unit, how it is judged, and that the comparison is like with like."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from novate.core.terms import Kind
from novate.risk.backtest.comparison import Comparison, compare, unit_results
from novate.risk.backtest.coverage import pof
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.instruments import Instrument
from novate.risk.measures import parametric_var
from novate.risk.models.blocks import Block, Model
from novate.risk.models.challengers import NormalEwma, PlainHistorical, SpanScan
from novate.risk.models.draft import draft
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.requirement import requirement
from tests.risk.test_revaluation import contract
from tests.risk.walks import daily, walk


def models(horizon_steps: int = 1) -> list[Model]:
    return [kind(horizon_steps=horizon_steps) for kind in (FilteredShortfall, PlainHistorical, NormalEwma, SpanScan)]


def compared(history: FactorHistory, horizon_steps: int = 1, **options: int) -> Comparison:
    return compare(history, models(horizon_steps), level=0.99, **options)


HISTORY = daily(walk(1_000, seed=1))


@pytest.mark.parametrize("kind", ["relative", "absolute"])
@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_a_unit_is_asked_for_what_the_models_sheet_asks_of_a_contract(model: Model, kind: str) -> None:
    """The comparison takes a short cut to a contract of one unit: its last day is what a draft says of it."""
    factor = Factor("X", kind)  # type: ignore[arg-type]
    history = daily(HISTORY.levels, factor)
    found = compare(history, [model], level=0.99, last=100)
    past = history.rows(0, len(history) - 1)
    price = float(past.levels[-1, 0])
    future = Instrument(contract("PERP", Kind.PERPETUAL), "X", None, price, normal=kind == "absolute")
    made = draft(model, [future], past, {"X": price}, int(past.known_ns[-1]))
    for side, lots in enumerate((1, -1)):
        unit = price if kind == "relative" else 1.0
        assert requirement(made, {"PERP": lots}).initial == pytest.approx(
            unit * found.paths[0].requirement[-1, side], rel=1e-12
        )


def test_results_and_days_are_those_after_what_was_foreseen() -> None:
    found = compared(HISTORY, last=300)
    assert len(found.labels) == len(found.times_ns) == len(found.results) == 300
    assert found.labels[-1] == HISTORY.labels()[-1]
    assert found.times_ns[0] == HISTORY.times_ns[-300]
    levels = HISTORY.levels[:, 0]
    assert found.results[:, 0] == pytest.approx(levels[-300:] / levels[-301:-1] - 1)
    assert np.array_equal(found.results[:, 1], -found.results[:, 0])
    gains = unit_results([Factor("OIL", "absolute")], np.array([[18.31]]), np.array([[-36.98]]))[0]
    assert gains == pytest.approx([-55.29])


def test_the_verdict_is_that_of_the_requirement() -> None:
    found = compared(HISTORY)
    assert [(verdict.model, verdict.side) for verdict in found.verdicts] == [
        (model.name, side) for model in models() for side in ("long", "short")
    ]
    for at, verdict in enumerate(found.verdicts):
        path, side = found.paths[at // 2], at % 2
        hits = -found.results[:, side] > path.requirement[:, side]
        assert (verdict.steps, verdict.exceptions) == (499, hits.sum())
        assert verdict.pof == pof(hits, 0.99).p_value_exact
        assert verdict.mean == pytest.approx(path.requirement[:, side].mean())
        assert (verdict.z2 is None) == (path.model == "SPAN scan")
        if path.var is not None and path.es is not None:
            assert (path.es >= path.var - 1e-12).all()
    assert set(found.procyclicality) == {model.name for model in models()}


def test_of_a_normal_walk_models_ask_what_they_should() -> None:
    found = compared(daily(walk(1_500, seed=2, sigma=0.01)))
    quantile = float(parametric_var(0.01, 0.99))
    by_model = {path.model: path.requirement[:, 0].mean() for path in found.paths}
    assert by_model["EWMA VaR"] == pytest.approx(quantile, rel=0.1)
    assert by_model["historical VaR"] == pytest.approx(quantile, rel=0.1)
    assert by_model["SPAN scan"] == pytest.approx(float(parametric_var(0.01, 0.995)), rel=0.1)
    assert by_model["filtered shortfall"] > quantile


def test_the_default_is_its_parts_and_the_tools_are_of_its_current_part() -> None:
    found = compared(HISTORY, last=200)
    path = found.paths[0]
    current, stress, floor = (path.parts[name] for name in ("current", "stressed", "floor"))
    assert path.requirement == pytest.approx(np.maximum(0.75 * current + 0.25 * stress, floor))
    tools = list(found.tools.values())
    assert tools[0].cost == 1.0
    assert tools[1].cost == pytest.approx(1.25, abs=0.02)
    assert tools[-1].peak_to_trough == found.procyclicality["filtered shortfall"].peak_to_trough
    assert compare(HISTORY, [PlainHistorical(horizon_steps=1)], level=0.99, last=200).tools == {}


def test_a_model_may_have_any_number_of_blocks() -> None:
    """A challenger with a floor has two blocks: its parts go by their names, and no tool of the default's is shown."""

    class Floored(PlainHistorical):
        def blocks(self, past: FactorHistory, path: NDArray[np.float64] | None = None) -> tuple[Block, ...]:
            (own,) = PlainHistorical.blocks(self, past, path)
            return replace(own, weight=0.5), replace(own, name="least", part="floor", weight=1.0)

    bare, floored = (
        compare(HISTORY, [kind(horizon_steps=1)], level=0.99, last=100) for kind in (PlainHistorical, Floored)
    )
    assert floored.paths[0].parts.keys() == {"current", "least"}
    assert floored.paths[0].requirement == pytest.approx(bare.paths[0].requirement)
    assert floored.tools == {}


def test_horizons_that_overlap_are_judged_in_samples_that_do_not() -> None:
    found = compared(HISTORY, horizon_steps=2)
    assert found.results[0, 0] == pytest.approx(HISTORY.levels[502, 0] / HISTORY.levels[500, 0] - 1)
    for at, verdict in enumerate(found.verdicts):
        hits = -found.results[:, at % 2] > found.paths[at // 2].requirement[:, at % 2]
        parts = [pof(hits[start::2], 0.99).p_value_exact for start in (0, 1)]
        assert verdict.pof == min(1.0, 2 * min(parts))
        assert verdict.light.exceptions <= verdict.exceptions == hits.sum()


def test_a_model_without_a_view_is_caught() -> None:
    """Volatility doubles after the warm-up: two years of history are slow to learn it, and the short ones quick."""
    table = np.concatenate([walk(600, seed=3, sigma=0.01), 0.0 + walk(400, seed=4, sigma=0.03)])
    found = compared(daily(table, vouched=("2016-08-23",)))
    by_model = {verdict.model: verdict for verdict in found.verdicts if verdict.side == "long"}
    slow, quick = by_model["historical VaR"], by_model["EWMA VaR"]
    assert slow.pof < 0.05
    assert slow.exceptions > quick.exceptions
    assert slow.light.zone in ("yellow", "red")


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(
        RiskError, match=r"BTC: 550 prices from 2015-01-01 to 2016-07-03 leave 49 days to test .* longer"
    ):
        compared(HISTORY.rows(0, 550))
    with pytest.raises(RiskError, match="leave 50 days to test after a warm-up of 949"):
        compared(HISTORY, last=50)
    two = daily(walk(700, seed=5, factors=2), Factor("A"), Factor("B"))
    with pytest.raises(RiskError, match="a history of one factor"):
        compared(two)
    with pytest.raises(RiskError, match="models of one horizon"):
        compare(HISTORY, [*models(1), *models(2)], level=0.99)

"""The models that the default is held against: what each asks, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor
from novate.risk.measures import expected_shortfall, parametric_es, parametric_var, value_at_risk
from novate.risk.models.blocks import prices_of, windows_within
from novate.risk.models.challengers import NormalEwma, PlainHistorical, SpanScan
from novate.risk.models.requirement import requirement
from tests.risk.drafts import at_end, drawn_up, two_coins
from tests.risk.walks import daily, walk


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

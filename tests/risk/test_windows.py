"""Out of sample: a model sees the past alone, and overlapping horizons are taken apart."""

from collections.abc import Callable

import numpy as np
import pytest

from novate.risk.backtest.coverage import independence, pof
from novate.risk.backtest.windows import block_bootstrap, bonferroni, interleaved, out_of_sample
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.measures import expected_shortfall, parametric_var, value_at_risk
from novate.risk.scenarios.filtered import filtered
from tests.risk.walks import daily, walk


def model(past: FactorHistory) -> tuple[float, float]:
    """Value at risk and expected shortfall of one coin, in money."""
    results = past.levels[-1, 0] * np.expm1(filtered(past, 2).moves[:, 0])
    return float(value_at_risk(results, 0.95)), float(expected_shortfall(results, 0.95))


def test_forecasts_do_not_know_what_comes() -> None:
    """With everything after a row changed, what was foreseen up to that row is the same to the last bit."""
    levels = walk(200, seed=1)
    changed = levels.copy()
    changed[151:] *= np.linspace(1.01, 1.5, 49)[:, None]
    before, after = (out_of_sample(daily(part), model, first=100, horizon_steps=2) for part in (levels, changed))
    rows = 151 - 100
    assert (before.foreseen[:rows] == after.foreseen[:rows]).all()
    assert (before.foreseen[rows:] != after.foreseen[rows:]).all()


def test_a_model_is_handed_exactly_the_rows_up_to_now() -> None:
    history = daily(walk(20, seed=1))
    seen = []

    def note(past: FactorHistory) -> tuple[float]:
        assert past.levels.base is None  # a copy: no way from it to the rest
        seen.append((len(past), float(past.levels[-1, 0])))
        return (float(len(past)),)

    found = out_of_sample(history, note, first=5, horizon_steps=3, every=4)
    rows = [5, 9, 13]
    assert seen == [(row + 1, history.levels[row, 0]) for row in rows]
    assert found.foreseen[:, 0].tolist() == [6, 10, 14]
    assert (found.before == history.levels[rows]).all()
    assert (found.after == history.levels[[8, 12, 16]]).all()
    assert found.labels == ("2015-01-09", "2015-01-13", "2015-01-17")


def test_the_last_horizon_ends_with_the_history() -> None:
    history = daily(walk(20, seed=1))
    found = out_of_sample(history, lambda past: (1.0,), first=5, horizon_steps=3)
    assert found.labels[-1] == history.labels()[-1]
    assert len(found.labels) == 20 - 5 - 3


def test_a_correct_model_is_covered_out_of_sample() -> None:
    history = daily(walk(1500, seed=3, sigma=0.02))
    sigma = [(float(parametric_var(0.02, 0.95)),)]
    found = out_of_sample(history, lambda past: sigma[0], first=10)
    results = np.log(found.after / found.before)[:, 0]
    hits = -results > found.foreseen[:, 0]
    assert not pof(hits, 0.95).rejected
    assert not independence(hits).rejected


def test_interleaved_samples_use_all_and_overlap_never() -> None:
    values = np.arange(10.0)
    samples = interleaved(values, 3)
    assert [sample.tolist() for sample in samples] == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]
    assert bonferroni([0.04, 0.5, 0.9]) == pytest.approx(0.12)
    assert bonferroni([0.6, 0.8]) == 1


def overlapping_hits(rng: np.random.Generator, steps: int, horizon: int, level: float) -> np.ndarray:
    """Exceptions of a correct model over overlapping horizons."""
    sums = np.cumsum(np.concatenate([[0.0], rng.standard_normal(steps + horizon - 1)]))
    return -(sums[horizon:] - sums[:-horizon]) > parametric_var(np.sqrt(horizon), level)


def test_overlap_breaks_independence_and_interleaving_mends_it() -> None:
    """A correct 99 % model over 250 overlapping windows of 5 days: far more rejections than the nominal 5 %."""
    rng = np.random.default_rng(6)
    overlapping, apart = [], []
    for _ in range(400):
        hits = overlapping_hits(rng, 250, 5, 0.99)
        overlapping.append(independence(hits).rejected)
        apart.append(bonferroni([independence(part).p_value_exact for part in interleaved(hits, 5)]) <= 0.05)
    assert np.mean(overlapping) > 0.25
    assert np.mean(apart) <= 0.05


def test_block_bootstrap_keeps_its_level_where_values_overlap() -> None:
    """Means of overlapping exceptions: as if independent they are rejected far too often, by blocks about as stated."""
    rng = np.random.default_rng(7)
    by_blocks, as_if_apart = [], []
    for seed in range(120):
        hits = overlapping_hits(rng, 2000, 5, 0.95).astype(np.float64)
        by_blocks.append(block_bootstrap(hits, 0.05, block=25, seed=seed, draws=500) <= 0.05)
        as_if_apart.append(block_bootstrap(hits, 0.05, block=1, seed=seed, draws=500) <= 0.05)
    assert np.mean(as_if_apart) > 0.2
    assert np.mean(by_blocks) < 0.12


def test_block_bootstrap_sees_a_mean_that_is_off() -> None:
    hits = (np.random.default_rng(1).random(2000) < 0.1).astype(np.float64)
    assert block_bootstrap(hits, 0.05, block=10, seed=1) < 0.01
    assert block_bootstrap(hits, float(hits.mean()), block=10, seed=1) == 1
    # 2,000 values are 285 blocks of 7 and a rest of 5: whatever is put together has as many as the sample.
    assert block_bootstrap(np.ones(2000), 0.9995, block=7, seed=1) < 0.001
    assert block_bootstrap(hits, 0.09, block=7, seed=1) == block_bootstrap(hits, 0.09, block=7, seed=1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: out_of_sample(daily(walk(10, seed=1)), lambda past: (1.0,), first=9),
            "expected a first row of 1 to 8",
        ),
        (
            lambda: out_of_sample(daily(walk(10, seed=1)), lambda past: (np.nan,), first=5),
            r"2015-01-06: the model foresees \[nan\]",
        ),
        (lambda: interleaved(np.ones(3), 4), "horizon_steps 4: expected 1 to 3"),
        (lambda: bonferroni([]), "one at least"),
        (lambda: block_bootstrap(np.ones(99), 1.0, block=10, seed=1), "block 10: 99 finite values"),
        (lambda: daily(np.ones(5), Factor("A")).rows(0, 1), "rows 0 to 1: expected two or more of 5"),
    ],
)
def test_what_cannot_be_tested_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

"""Coverage tests: published tables, exact laws against brute force, true sizes, and models that are wrong."""

import itertools
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from novate.risk.backtest.coverage import (
    CoverageTest,
    conditional_coverage,
    exceptions,
    independence,
    pof,
    tuff,
)
from novate.risk.backtest.traffic_light import traffic_light
from novate.risk.errors import RiskError

CHI_SQUARED_95 = 3.841
KUPIEC = {
    0.99: ((1, 6), (2, 10), (5, 16)),
    0.975: ((3, 11), (7, 20), (16, 35)),
    0.95: ((7, 20), (17, 35), (38, 64)),
    0.925: ((12, 27), (28, 50), (60, 91)),
    0.90: ((17, 35), (39, 64), (82, 119)),
}
"""Counts of failures in 255, 510 and 1,000 days at which the level is not rejected at 95 %: Kupiec (1995), as printed
in Jorion, Value at Risk (2007), chapter 6: N < 7 (which leaves out that none at all has a ratio of 5.1), 1 < N < 11,
4 < N < 17, and so on."""
ALL: dict[str, Callable[[np.ndarray, float], CoverageTest]] = {
    "pof": pof,
    "tuff": tuff,
    "independence": lambda hits, level: independence(hits),
    "conditional": conditional_coverage,
}


def spread(steps: int, *runs: int) -> np.ndarray:
    """Exceptions in runs of these lengths, neither at the beginning nor at the end."""
    hits = np.zeros(steps, np.bool_)
    at = 3
    for run in runs:
        hits[at : at + run] = True
        at += run + 2
    assert at < steps
    return hits


def first(steps: int, count: int) -> np.ndarray:
    return np.arange(steps) < count


@pytest.mark.parametrize("level", KUPIEC)
def test_kupiecs_table(level: float) -> None:
    for steps, (least, most) in zip((255, 510, 1000), KUPIEC[level], strict=True):
        passed = [count for count in range(130) if pof(first(steps, count), level).statistic < CHI_SQUARED_95]
        assert (passed[0], passed[-1]) == (least, most)


def test_kupiecs_time_until_first_failure() -> None:
    """At 99 %, a first failure on the days 7 to 438 does not reject at 95 % (Kupiec, 1995)."""

    def statistic(day: int) -> float:
        return tuff(np.arange(1, 1001) == day, 0.99).statistic

    assert [statistic(day) < CHI_SQUARED_95 for day in (6, 7, 438, 439)] == [False, True, True, False]
    assert statistic(100) == pytest.approx(0, abs=1e-9)
    assert tuff(np.zeros(50, np.bool_), 0.99).statistic == 0  # no failure yet, none expected
    assert tuff(np.zeros(500, np.bool_), 0.99).statistic > CHI_SQUARED_95


def test_christoffersens_test_on_jp_morgans_year() -> None:
    """Of 252 days of 1998 at 95 %, 20 exceptions, 6 of which follow one: 3.91, 9.53 and 13.44 in all (Jorion, Value at
    Risk, 2007, chapter 6; the sum there counts 252 days in both)."""
    hits = spread(253, *[2] * 6, *[1] * 8)
    assert hits.sum() == 20
    assert pof(hits[1:], 0.95).statistic == pytest.approx(3.91, abs=5e-3)
    assert independence(hits).statistic == pytest.approx(9.53, abs=5e-3)
    assert pof(hits[1:], 0.95).statistic + independence(hits).statistic == pytest.approx(13.44, abs=5e-3)
    assert independence(hits).rejected
    assert conditional_coverage(hits, 0.95).rejected


def test_bunched_exceptions_of_an_exercise() -> None:
    """6 of 252 days at 99 %, 4 of which follow one: 3.498 and 25.837 (Jorion, chapter 6, question 10)."""
    hits = spread(253, 3, 3)
    assert pof(hits[1:], 0.99).statistic == pytest.approx(3.498, abs=1e-3)
    assert independence(hits).statistic == pytest.approx(25.837, abs=1e-3)


@pytest.mark.parametrize(("steps", "rate"), [(2, 0.3), (7, 0.5), (10, 0.2)])
@pytest.mark.parametrize("name", ["pof", "tuff", "conditional"])
def test_the_law_is_that_of_all_samples(name: str, steps: int, rate: float) -> None:
    test, level = ALL[name], 1 - rate
    samples = [np.array(sample) for sample in itertools.product([False, True], repeat=steps)]
    likely = np.array([rate ** sample.sum() * (1 - rate) ** (steps - sample.sum()) for sample in samples])
    found = [test(sample, level) for sample in samples]
    check_law(found, likely)


@pytest.mark.parametrize(("steps", "count"), [(6, 0), (6, 6), (6, 5), (9, 3), (10, 5)])
def test_the_law_of_independence_is_that_of_all_orders(steps: int, count: int) -> None:
    samples = [np.isin(np.arange(steps), hit) for hit in itertools.combinations(range(steps), count)]
    likely = np.full(len(samples), 1 / math.comb(steps, count))
    check_law([independence(sample) for sample in samples], likely)


def check_law(found: list[CoverageTest], likely: np.ndarray) -> None:
    """p-values, critical value and size are those counted over all samples."""
    statistics = np.array([one.statistic for one in found])
    assert likely.sum() == pytest.approx(1)
    for one in found:
        assert one.p_value_exact == pytest.approx(likely[statistics >= one.statistic - 1e-9].sum())
        assert one.size == pytest.approx(likely[statistics > one.critical + 1e-9].sum())
        assert one.size <= one.significance
        assert one.rejected == (one.statistic > one.critical + 1e-9)
    assert len(Counter(one.critical for one in found)) == 1


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("steps", "level"), [(250, 0.99), (500, 0.95)])
def test_a_correct_model_is_rejected_at_the_true_size(name: str, steps: int, level: float) -> None:
    """The share rejected of 2,000 correct samples is the size that the exact law states, not the nominal 5 %."""
    rng = np.random.default_rng(17)
    tests = [ALL[name](rng.random(steps) < 1 - level, level) for _ in range(2000)]
    size = np.mean([one.size for one in tests])  # of independence, one for each number of exceptions
    assert size < 0.05
    rejected = np.mean([one.rejected for one in tests])
    assert rejected == pytest.approx(size, abs=3.5 * math.sqrt(0.05 / 2000))


def test_the_limit_misleads_where_samples_are_small() -> None:
    nothing = pof(np.zeros(250, np.bool_), 0.99)
    assert nothing.p_value < 0.05 < nothing.p_value_exact  # one correct model in twelve has no exception in a year
    assert not nothing.rejected


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("pof", lambda rng: rng.random(500) < 0.03),
        ("conditional", lambda rng: rng.random(500) < 0.03),
        ("tuff", lambda rng: rng.random(500) < 0.7),
    ],
)
def test_a_model_with_too_many_exceptions_is_caught(
    name: str, make: Callable[[np.random.Generator], np.ndarray]
) -> None:
    rng = np.random.default_rng(3)
    assert np.mean([ALL[name](make(rng), 0.99).rejected for _ in range(200)]) > 0.6


@pytest.mark.parametrize("name", ["independence", "conditional"])
def test_a_model_whose_exceptions_come_in_runs_is_caught(name: str) -> None:
    """As many exceptions as there should be, but after one the next has a chance of a half."""
    rng = np.random.default_rng(4)
    caught = []
    for _ in range(200):
        hits = np.zeros(1000, np.bool_)
        for at in range(1, 1000):
            hits[at] = rng.random() < (0.5 if hits[at - 1] else 0.005)
        caught.append(ALL[name](hits, 0.99).rejected)
    assert np.mean(caught) > 0.8


def test_many_exceptions_one_by_one_are_no_fault_of_independence() -> None:
    assert not independence(spread(250, *[1] * 12)).rejected


def test_an_exception_is_a_loss_beyond_what_was_foreseen() -> None:
    results, var = np.array([-3.0, -2.0, 5.0, -2.1]), np.full(4, 2.0)
    assert exceptions(results, var).tolist() == [True, False, False, True]
    with pytest.raises(RiskError, match="step 1: result nan"):
        exceptions(np.array([1.0, np.nan]), np.ones(2))
    with pytest.raises(RiskError, match="one value at risk for each result"):
        exceptions(results, np.ones(3))


def test_basels_zones() -> None:
    """MAR99 for 99 % and 250 days: green 0-4, yellow 5-9, red from 10, with their multipliers and probabilities."""
    lights = [traffic_light(count, 250, 0.99) for count in range(13)]
    assert [light.zone for light in lights] == ["green"] * 5 + ["yellow"] * 5 + ["red"] * 3
    assert [light.multiplier for light in lights] == [1.5] * 5 + [1.70, 1.76, 1.83, 1.88, 1.92] + [2.0] * 3
    percent = [round(100 * light.probability, 2) for light in lights[:10]]
    assert percent == [8.11, 28.58, 54.32, 75.81, 89.22, 95.88, 98.63, 99.60, 99.89, 99.97]


def test_zones_of_other_levels_and_windows() -> None:
    three_years = traffic_light(6, 750, 0.995)
    assert (three_years.zone, three_years.yellow_from, three_years.red_from) == ("green", 7, 13)
    assert three_years.multiplier is None
    below = sum(math.comb(750, count) * 0.005**count * 0.995 ** (750 - count) for count in range(7))
    assert three_years.probability == pytest.approx(below)
    with pytest.raises(RiskError, match="300 exceptions in 250 steps"):
        traffic_light(300, 250, 0.99)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pof(np.zeros(10), 0.99), "an array of two or more booleans"),
        (lambda: pof(np.zeros(1, np.bool_), 0.99), "two or more booleans"),
        (lambda: tuff(np.zeros(5, np.bool_), 1.0), r"level 1\.0"),
        (lambda: independence(np.zeros(5, np.bool_), significance=0.0), r"significance 0\.0"),
    ],
)
def test_what_cannot_be_tested_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

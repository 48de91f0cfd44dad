"""Factors: what may be a history, what is refused and with which cure, and what moves are."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import (
    Factor,
    FactorHistory,
    Scenarios,
    levels_after,
    move_to,
    moves,
    one_step_moves,
    stacked,
)
from novate.risk.histories import in_common
from tests.risk.walks import daily, walk

BTC, WTI, BASIS = Factor("BTC"), Factor("WTI", "absolute"), Factor("BTC basis 90d", "absolute")


def test_moves_overlap_and_are_dated_by_their_end() -> None:
    history = daily(np.array([[100.0, 0.05], [110.0, 0.07], [99.0, -0.01], [99.0, 0.00]]), BTC, BASIS)
    found = moves(history, 2)
    assert found.labels == ("2015-01-03", "2015-01-04")
    assert found.horizon_days == 2
    assert found.moves == pytest.approx(np.array([[np.log(0.99), -0.06], [np.log(0.9), -0.07]]))
    assert levels_after(history.levels[0], found)[0] == pytest.approx(history.levels[2])


@given(st.integers(1, 5), st.integers(0, 10**6))
def test_each_move_takes_the_levels_of_its_start_to_those_of_its_end(steps: int, seed: int) -> None:
    levels = np.column_stack([walk(20, seed=seed), np.cumsum(walk(20, seed=seed + 1) - 100)])
    history = daily(levels, BTC, WTI)
    found = moves(history, steps)
    for row in range(len(found)):
        assert levels_after(levels[row], found)[row] == pytest.approx(levels[row + steps])


def test_times_of_day_are_part_of_a_label() -> None:
    times = np.array([0, 1, 2]) * (DAY_NS // 24)
    history = FactorHistory((BTC,), times, np.array([[1.0], [2.0], [3.0]]), gap_max_ns=DAY_NS)
    assert moves(history, 1).labels == ("1970-01-01T01:00", "1970-01-01T02:00")
    assert moves(history, 2).horizon_days == pytest.approx(2 / 24)


def with_level(row: int, level: float, kind: Factor = BTC) -> FactorHistory:
    levels = walk(60, seed=3)
    levels[row] = level
    return daily(levels, kind)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: with_level(4, np.nan), r"BTC, 2015-01-05: a hole \(nan\): find the level"),
        (lambda: with_level(4, 0.0), r"BTC, 2015-01-05: 0 is not above zero: .* make the factor absolute"),
        (lambda: with_level(4, -3.0), r"BTC, 2015-01-05: -3 is not above zero"),
        (lambda: with_level(40, 1000.0), r"BTC, 2015-02-10: .* limit: correct the level or.*`vouched`"),
        (lambda: with_level(40, 2000.0, WTI), r"WTI, 2015-02-10: .* limit"),
        (lambda: daily(np.array([1.0])), "two rows at least"),
        (lambda: daily(np.array([[1.0, 2.0]] * 3), BTC, BTC), "expected different names"),
        (lambda: daily(np.array([1.0, 2.0]), Factor("BTC", "log")), "BTC: kind 'log'"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_what_is_no_history_is_said_with_its_day_and_cure(make: Callable[[], FactorHistory], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        make()


def test_gaps_and_times_out_of_order_are_named() -> None:
    times = DAY_NS * np.array([0, 1, 2, 6, 7])
    levels = walk(5, seed=1)
    assert len(FactorHistory((BTC,), times, levels, gap_max_ns=4 * DAY_NS)) == 5
    with pytest.raises(RiskError, match="BTC: nothing between 1970-01-03 and 1970-01-07, 4 days where at most 3"):
        FactorHistory((BTC,), times, levels, gap_max_ns=3 * DAY_NS)
    with pytest.raises(RiskError, match="row 2, 1970-01-02: times must increase strictly"):
        FactorHistory((BTC,), DAY_NS * np.array([0, 1, 1, 2, 3]), levels, gap_max_ns=3 * DAY_NS)


def test_a_large_move_that_is_true_is_vouched_for_by_its_day() -> None:
    levels = 1 + 1e-4 * np.random.default_rng(5).standard_normal(100)
    levels[50] = 0.65
    with pytest.raises(RiskError, match="USDE, 2015-02-20"):
        daily(levels, Factor("USDE"))
    with pytest.raises(RiskError, match="USDE, 2015-02-21"):  # the way back is a move of its own
        daily(levels, Factor("USDE"), vouched=("2015-02-20",))
    history = daily(levels, Factor("USDE"), vouched=("2015-02-20", "2015-02-21"))
    assert one_step_moves(history).min() < -0.4


def test_nothing_of_a_history_can_be_written_to_or_reached_beyond_its_past() -> None:
    levels = walk(10, seed=2)
    history = daily(levels)
    levels[:] = 1
    assert history.levels[3, 0] != 1
    with pytest.raises(ValueError, match="read-only"):
        history.levels[0] = 1
    past = history.rows(0, 4)
    assert len(past) == 4
    assert past.levels.base is None
    assert past.times_ns.base is None
    assert (past.levels == history.levels[:4]).all()
    assert (history.rows(3, 5).times_ns == history.times_ns[3:5]).all()


def test_a_move_leads_where_it_should() -> None:
    assert move_to(BTC, 100, 84) == pytest.approx(np.log(0.84))
    assert move_to(WTI, 18.31, -36.98) == pytest.approx(-55.29)
    with pytest.raises(RiskError, match="BTC, after the move: -1 is not above zero"):
        move_to(BTC, 100, -1)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"moves": np.array([[np.inf], [0.0]])}, "stress, a: BTC moves by inf"),
        ({"moves": np.zeros((3, 1))}, "2 labels and 1 factors"),
        ({"weights": np.array([0.5, 0.6])}, "weights sum to 1.1"),
        ({"weights": np.array([1.5, -0.5])}, "none below 0"),
        ({"counted": np.array([1.0])}, "counted: expected 2 numbers"),
        ({"horizon_days": 0.0}, "horizon_days: expected a positive number"),
    ],
)
def test_scenarios_that_cannot_be_are_refused(part: dict[str, object], says: str) -> None:
    given_parts = {"moves": np.zeros((2, 1)), "horizon_days": 1.0} | part
    with pytest.raises(RiskError, match=says):
        Scenarios("stress", (BTC,), labels=("a", "b"), **given_parts)  # pyright: ignore[reportArgumentType]


def test_sets_are_stacked_over_all_their_factors() -> None:
    coin = Scenarios("coin", (BTC,), np.array([[0.1], [-0.1]]), ("up", "down"), 1.0)
    both = Scenarios("both", (BASIS, BTC), np.array([[0.05, -0.3]]), ("crash",), 1.0, counted=np.array([0.5]))
    found = stacked("all", coin, both)
    assert found.factors == (BTC, BASIS)
    assert found.moves.tolist() == [[0.1, 0], [-0.1, 0], [-0.3, 0.05]]
    assert found.labels == ("up", "down", "crash")
    assert found.counted is not None
    assert found.counted.tolist() == [1, 1, 0.5]
    assert stacked("one", coin).counted is None
    longer = Scenarios("longer", (BTC,), np.zeros((1, 1)), ("a",), 2.0)
    weighted = Scenarios("weighted", (BTC,), np.zeros((1, 1)), ("a",), 1.0, weights=np.ones(1))
    for other in (longer, weighted):
        with pytest.raises(RiskError, match="all: expected one or more sets of the same horizon, without weights"):
            stacked("all", coin, other)
    with pytest.raises(RiskError, match="expected different names"):
        stacked("all", coin, Scenarios("other", (Factor("BTC", "absolute"),), np.zeros((1, 1)), ("a",), 1.0))


def test_levels_are_checked_before_they_move() -> None:
    scenarios = Scenarios("stress", (BTC, WTI), np.zeros((1, 2)), ("a",), 1.0)
    assert levels_after(np.array([1.0, -5.0]), scenarios).tolist() == [[1.0, -5.0]]
    with pytest.raises(RiskError, match="BTC, now: 0 is not above zero"):
        levels_after(np.array([0.0, 1.0]), scenarios)
    with pytest.raises(RiskError, match="expected 2 levels"):
        levels_after(np.array([1.0]), scenarios)


def test_series_meet_on_the_days_that_all_of_them_have() -> None:
    coin = daily(walk(20, seed=1), Factor("BTC"), first="2024-01-01", vouched=("2024-01-02",))
    open_days = [day for day in range(20) if day % 7 < 5]
    shares = FactorHistory(
        (Factor("ES"), Factor("ES basis 90d", "absolute")),
        coin.times_ns[open_days] + DAY_NS,
        walk(len(open_days), seed=2, factors=2),
        gap_max_ns=3 * DAY_NS,
        vouched=("2024-01-09",),
    )
    both = in_common([coin, shares])
    days = [day for day in range(20) if day - 1 in open_days]
    assert [factor.name for factor in both.factors] == ["BTC", "ES", "ES basis 90d"]
    assert both.times_ns.tolist() == coin.times_ns[days].tolist()
    assert both.column("BTC").tolist() == coin.levels[days, 0].tolist()
    assert both.column("ES").tolist() == shares.column("ES")[: len(days)].tolist()
    assert (both.gap_max_ns, both.vouched) == (3 * DAY_NS, ("2024-01-02", "2024-01-09"))
    part = both.of(("ES basis 90d", "BTC"))
    assert [factor.name for factor in part.factors] == ["BTC", "ES basis 90d"]
    assert (part.levels == both.levels[:, [0, 2]]).all()
    with pytest.raises(RiskError, match="there is no factor 'ETH': the history has BTC, ES, ES basis 90d"):
        both.of(("ETH",))
    later = daily(walk(20, seed=1), Factor("ETH"), first="2025-01-01")
    words = "0 days in common: BTC from 2024-01-01 to 2024-01-20; ETH from 2025-01-01 to 2025-01-20: give series"
    with pytest.raises(RiskError, match=words):
        in_common([coin, later])
    with pytest.raises(RiskError, match="none: give one"):
        in_common([])

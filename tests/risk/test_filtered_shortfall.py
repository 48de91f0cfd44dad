"""The default model: what its blocks are and what they ask by hand."""

import numpy as np
import pytest

from novate.risk.factors import Factor
from novate.risk.measures import expected_shortfall
from novate.risk.models.blocks import windows_within
from novate.risk.models.draft import Collateral, draft
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.requirement import requirement
from novate.risk.scenarios.hypothetical import depegs
from novate.risk.scenarios.stress_days import NAMED, StressDay, stressed
from tests.risk.drafts import at_end, drawn_up, perpetual, two_coins
from tests.risk.walks import daily, walk


def simple_returns(moves: np.ndarray) -> np.ndarray:
    return np.expm1(moves[:, 0])


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

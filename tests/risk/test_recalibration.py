"""When a new sheet is due, and steps towards the model that the house takes, to the unit."""

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from novate.core.commands import AdoptRiskSheet
from novate.core.recalibration import beyond_bounds
from novate.core.sheet_terms import RiskSheet
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory, Scenarios
from novate.risk.models.blocks import Block
from novate.risk.models.draft import Collateral, Draft, Row, quantised
from novate.risk.recalibration import Due, Policy, Step, due, within
from novate.risk.volatility import ewma
from tests.core.worlds import rich_house, rulebook, small_house
from tests.risk.walks import daily, walk

# ---- when -----------------------------------------------------------------------------------------------------------

WEEKLY = Policy(7 * DAY_NS, 1.5)


def grown_wild(days: int) -> FactorHistory:
    """A coin and a stock; the coin moves thrice as far in the last so many days."""
    table = walk(300, seed=4, sigma=0.01, factors=2)
    moves = np.diff(np.log(table), axis=0)
    moves[len(moves) - days :, 0] *= 3
    levels = 100 * np.exp(np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)]))
    return daily(levels, Factor("BTC"), Factor("STOCK"))


def test_a_recalibration_is_due_on_schedule_or_where_volatility_rose() -> None:
    calm = grown_wild(0)
    now = int(calm.known_ns[-1])
    assert due(WEEKLY, calm, now - 6 * DAY_NS, now) is None
    on_time = due(WEEKLY, calm, now - 7 * DAY_NS, now)
    assert on_time is not None
    assert on_time.because == "schedule"
    wild = grown_wild(20)
    path = ewma(np.diff(np.log(wild.levels), axis=0))
    found = due(WEEKLY, wild, now - 20 * DAY_NS, now)
    ratio = float(path[-1, 0] / path[-21, 0])
    assert ratio > 1.5
    assert found == Due("volatility", "BTC", ratio)
    assert due(Policy(21 * DAY_NS, ratio), wild, now - 20 * DAY_NS, now) is None


def test_between_rows_what_was_known_counts() -> None:
    """Calibrated between two rows, the volatility is that of the rows known then: a day's close when its day ends."""
    wild = grown_wild(20)
    now = int(wild.known_ns[-1])
    at_the_end = due(WEEKLY, wild, now - 20 * DAY_NS, now)
    assert due(WEEKLY, wild, now - 20 * DAY_NS + 5, now + 5) == at_the_end
    before_it = due(WEEKLY, wild, now - 20 * DAY_NS - 1, now)
    assert before_it == due(WEEKLY, wild, now - 21 * DAY_NS, now)
    assert before_it != at_the_end


def test_a_close_of_a_date_is_not_known_at_its_midnight() -> None:
    """The same for what is due and for the draft; and times that are no midnights are those at which rows are known."""
    dates = grown_wild(20)
    midnight = int(dates.times_ns[-1])
    with pytest.raises(RiskError, match="known when that day has ended, after now"):
        due(WEEKLY, dates, midnight - 20 * DAY_NS, midnight)
    assert due(WEEKLY, dates, midnight - 20 * DAY_NS, midnight + DAY_NS) is not None
    at_four = replace(dates, times_ns=dates.times_ns + DAY_NS * 2 // 3)
    assert due(WEEKLY, at_four, midnight - 20 * DAY_NS, midnight + DAY_NS * 2 // 3) is not None


def test_a_crash_on_the_day_of_the_last_calibration_is_reason_enough() -> None:
    """Calibrated on a Monday morning from closes up to Sunday's: Monday's close was not known."""
    levels = grown_wild(0).levels.copy()
    levels[-1] = 0.6 * levels[-2]
    vouched = (grown_wild(0).labels()[-1],)
    crashed = daily(levels, Factor("BTC"), Factor("STOCK"), vouched=vouched)
    monday = int(crashed.times_ns[-1]) + DAY_NS // 3
    found = due(WEEKLY, crashed, monday, monday + DAY_NS)
    assert found is not None
    assert found.because == "volatility"
    assert due(WEEKLY, crashed, monday + DAY_NS, monday + DAY_NS) is None


def test_a_factor_that_did_not_move_and_now_does_is_reason_enough() -> None:
    levels = np.full(200, 100.0)
    levels[-1] = 101
    pegged = daily(levels, Factor("PEG"), vouched=("2015-07-19",))
    now = int(pegged.known_ns[-1])
    assert due(WEEKLY, pegged, now - DAY_NS, now) == Due("volatility", "PEG", np.inf)
    still = daily(np.full(200, 100.0), Factor("PEG"))
    assert due(WEEKLY, still, now - 7 * DAY_NS, now) == Due("schedule", "PEG", 1.0)


@pytest.mark.parametrize(
    ("calibrated_days", "now_days", "message"),
    [
        (5, -1, "after now: cut it there"),
        (5, 3, "3 days before now"),
        (295, 0, "5 rows into a history that begins on 2015-01-01: expected a time up to now with more than 60 rows"),
        (-1, 0, "expected a time up to now"),
    ],
)
def test_what_is_due_cannot_be_said(calibrated_days: int, now_days: int, message: str) -> None:
    known = grown_wild(0)
    last = int(known.known_ns[-1])
    with pytest.raises(RiskError, match=message):
        due(WEEKLY, known, last - calibrated_days * DAY_NS, last + now_days * DAY_NS)


@pytest.mark.parametrize("wrong", [{"every_ns": 0, "ratio": 2.0}, {"every_ns": 1, "ratio": 1.0}])
def test_a_policy_that_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(RiskError, match="expected a time above 0"):
        Policy(**wrong)


# ---- how far --------------------------------------------------------------------------------------------------------

CENT = 10**6


def block(part: Any, count: int, measure: Any, weight: float, level: float = 0.8) -> Block:
    moves = Scenarios(part, (Factor("X"),), np.zeros((count, 1)), ("",) * count, 2.0)
    return Block(part, part, moves, measure, level, weight)


def draft_of(blocks: tuple[Block, ...], **rows: np.ndarray) -> Draft:
    made = tuple(Row(symbol, "all", np.asarray(values, np.float64), ()) for symbol, values in rows.items())
    return Draft("by hand", blocks, made, 0.8, 0.8)


def in_units(made: Draft, unit_fine: int = CENT) -> RiskSheet:
    return quantised(made, name="sheet", numeraire="USD", unit_fine=unit_fine, fine_decimals=8)


def next_step(former: RiskSheet, made: Draft, rise: int, fall: int, unit_fine: int = CENT) -> Step:
    return within(former, made, rise_ppm=rise, fall_ppm=fall, unit_fine=unit_fine, fine_decimals=8)


WORST = (block("current", 3, "worst", 1.0),)


def test_a_rise_takes_three_steps_and_says_what_is_uncovered() -> None:
    """A long lot asks for 5.00 and by the model for 8.00, a short one for 8.00 and 7.20: 6.00, 7.20, 8.00."""
    model = draft_of(WORST, FUT=np.array([-8, 2, 7.2]))
    former = in_units(draft_of(WORST, FUT=np.array([-5.0, 2, 8])))
    asked, uncovered = [], []
    for _ in range(3):
        step = next_step(former, model, 200_000, 250_000)
        assert [(one.symbol, one.side, one.wanted) for one in step.held_back] == [("FUT", "long", 8.0)] * (
            len(asked) < 2
        )
        former = in_units(step.draft)
        asked.append(np.frombuffer(former.contracts[0].results, "<i8").tolist())
        uncovered += [round(one.uncovered, 10) for one in step.held_back]
    assert asked == [[-600, 200, 720], [-720, 200, 720], [-800, 200, 720]]
    assert uncovered == [2.0, 0.8]
    assert former == in_units(model)


def test_a_fall_is_held_back_and_nothing_is_uncovered() -> None:
    model = draft_of(WORST, FUT=np.array([-2.0, 2, 7.2]), NEW=np.array([-900.0, 2, 7.2]))
    step = next_step(in_units(draft_of(WORST, FUT=np.array([-8.0, 2, 8]))), model, 200_000, 250_000)
    (held,) = step.held_back
    assert (held.side, held.former, held.wanted, held.asked, held.uncovered) == ("long", 8.0, 2.0, 6.0, 0.0)
    assert step.draft.row("NEW") is model.row("NEW"), "there is nothing to compare it with"


def test_without_bounds_a_step_is_the_model() -> None:
    model = draft_of(WORST, FUT=np.array([-2.0, 2, 70]))
    step = next_step(in_units(draft_of(WORST, FUT=np.array([-8.0, 2, 8]))), model, 0, 0)
    assert step.held_back == ()
    assert in_units(step.draft) == in_units(model)


def test_collateral_is_not_held_back() -> None:
    row = Row("BTC", "all", np.array([-100.0, 0, 0]), (), Collateral("BTC", 1, 1.0, 10))
    made = Draft("pledged", WORST, (Row("BTC", "all", np.array([-6.0, 0, 0]), ()), row), 0.8, 0.8)
    step = next_step(in_units(draft_of(WORST, BTC=np.array([-5.0, 0, 0]))), made, 100_000, 0)
    assert step.draft.rows[1] is row
    assert [one.asked for one in step.held_back] == [5.5]


@pytest.mark.parametrize(
    ("former", "model", "message"),
    [
        ([-0.03, 0, 0], [-9.0, 0, 0], "FUT: a long lot asks for 3 sheet units, by the model for 900.*smaller unit"),
        ([0, 0, 0.03], [0, 0, 0.01], "FUT: a short lot asks for 3 sheet units, by the model for 1.*smaller unit"),
        ([-9.0, 0, 9], [0, 0, 9.0], "FUT: it asks a long lot for 0, a short lot for 9, and no scale"),
        ([-9.0, 0, 9], [-9.0, 0, np.nan], "FUT: results.2.: expected a finite number"),
    ],
)
def test_steps_that_lead_nowhere(former: list[float], model: list[float], message: str) -> None:
    with pytest.raises(RiskError, match=message):
        next_step(
            in_units(draft_of(WORST, FUT=np.array(former))), draft_of(WORST, FUT=np.array(model)), 100_000, 100_000
        )


# ---- whatever the model ---------------------------------------------------------------------------------------------

SHAPES = {
    "future": lambda moves: moves,
    "call": lambda moves: np.maximum(moves, -0.3),
    "sold lottery ticket": lambda moves: np.where(moves > 1.5, -5 * moves, 0.05),
    "spread": lambda moves: np.abs(moves) - 0.7,
}
"""What a lot gains as its index moves."""


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """A model of one to three blocks of any measure, and a row of each shape."""
    parts: list[tuple[Any, float]] = draw(
        st.sampled_from(
            [
                [("current", 1.0)],
                [("current", 0.75), ("stressed", 0.25)],
                [("current", 0.75), ("stressed", 0.25), ("floor", 0.6)],
            ]
        )
    )
    measures = st.sampled_from(["worst", "value_at_risk", "expected_shortfall"])
    blocks = tuple(block(part, draw(st.integers(8, 30)), draw(measures), weight) for part, weight in parts)
    count = sum(len(each.scenarios) for each in blocks)
    moves = np.random.default_rng(draw(st.integers(0, 10**6))).standard_normal(count)
    sizes = st.sampled_from([30.0, 100.0, 1_000.0])
    made = draft_of(blocks, **{name.replace(" ", "_"): draw(sizes) * shape(moves) for name, shape in SHAPES.items()})
    if len(parts) < 3 and draw(st.booleans()):  # a sheet holds no charge on short options beside a floor of less weight
        made = replace(made, rows=tuple(replace(row, short_option=draw(sizes) / 10) for row in made.rows))
    return made


def step_if_any(former: RiskSheet, made: Draft, rise: int, fall: int, unit_fine: int) -> Step | None:
    """None where the model asks for nothing on a side that may not fall to it."""
    try:
        return next_step(former, made, rise, fall, unit_fine)
    except RiskError as error:
        if "lot for 0" in str(error):
            return None
        raise


@settings(max_examples=60, deadline=None)
@given(
    former=drafts(),
    model=drafts(),
    rise_ppm=st.sampled_from([0, 50_000, 200_000, 1_000_000]),
    fall_ppm=st.sampled_from([0, 50_000, 250_000, 999_999]),
    unit_fine=st.sampled_from([CENT // 10, CENT, 3 * CENT]),
)
def test_the_house_takes_every_step_and_they_reach_the_model(
    former: Draft, model: Draft, rise_ppm: int, fall_ppm: int, unit_fine: int
) -> None:
    house = rich_house()
    house.book.registers.rulebook = rulebook(recalibration_rise_ppm=rise_ppm, recalibration_fall_ppm=fall_ppm)
    in_force, wanted = in_units(former), in_units(model, unit_fine)
    for _ in range(300):
        step = step_if_any(in_force, model, rise_ppm, fall_ppm, unit_fine)
        if step is None:
            assert fall_ppm, "only a fall may have no end that the model's results can be scaled to"
            return
        sheet = in_units(step.draft, unit_fine)
        refused = beyond_bounds(house.book, sheet, in_force, 0, 0)
        assert refused is None, refused
        in_force = sheet
        if not step.held_back:
            break
    assert in_force == wanted


def test_the_house_adopts_the_steps_one_after_the_other() -> None:
    house = small_house(recalibration_rise_ppm=200_000)
    model = draft_of(WORST, FUT=np.array([-20.0, 2, 8]))
    sheet = in_units(draft_of(WORST, FUT=np.array([-5.0, 2, 8])))
    house.ok(AdoptRiskSheet(sheet))
    taken = 0
    while sheet != in_units(model):
        sheet, taken = in_units(next_step(sheet, model, 200_000, 0).draft), taken + 1
        house.ok(AdoptRiskSheet(sheet))
    assert taken == 8, "1.2 to the eighth is more than 4"

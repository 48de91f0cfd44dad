"""Sheets to come, and how far one may go from the one before it."""

from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from novate.core import commands as c
from novate.core import facts as f
from novate.core import laws
from novate.core import supervision as sv
from novate.core.book import Book
from novate.core.kernels.measures import asked_alone
from novate.core.plain import sheet as plain_sheet
from novate.core.reasons import Reason
from novate.core.recalibration import beyond_bounds, lots_of
from novate.core.risk_sheet import digest_of
from novate.core.sheet_columns import blocks_of
from novate.core.sheet_terms import ContractRow, RiskSheet
from novate.core.step import fold
from novate.core.terms import MarginMode
from tests.core.sheets import contract_row, results, sheets, small_sheet
from tests.core.worlds import DAY, HOUR, House, names_of, of, reasons, rich_house, rulebook, small_house, traded

CALM = contract_row("FUT", [-500, 200, 800])


def sheet_of(worst: int, name: str = "next", **changes: object) -> RiskSheet:
    """A long lot of the future asks for ``worst`` cents, a short one for 800."""
    return small_sheet(contract_row("FUT", [-worst, 200, 800]), name=name, **changes)


def bounded(**bounds: Any) -> House:
    """A house with the sheet that asks for 500, in force since the beginning, under bounds."""
    house = small_house(**bounds)
    house.ok(c.AdoptRiskSheet(small_sheet(CALM)))
    return house


def plainly_alone(sheet: RiskSheet, row: ContractRow) -> list[int]:
    """What one lot asks for, long and short, by the slow twin."""
    return [plain_sheet.in_blocks(sheet, [(row, (lots, lots))]) for lots in (1, -1)]


# ---- the schedule ---------------------------------------------------------------------------------------------------


def test_what_took_force_is_not_journaled_twice_and_comes_back_from_facts_and_snapshot() -> None:
    house = bounded()
    coming = sheet_of(600)
    (scheduled,) = house.ok(c.AdoptRiskSheet(coming, HOUR))
    assert scheduled == sv.RiskSheetScheduled(coming, digest_of(coming), HOUR)
    waiting = Book.loads(house.book.dumps())
    assert waiting.digest() == house.book.digest()
    facts = house.ok(c.Clock(), 2 * HOUR)
    assert facts[0] == sv.RiskSheetTookForce("next", digest_of(coming))
    fold(waiting, facts, 2 * HOUR)
    assert waiting.digest() == house.book.digest()
    assert house.book.registers.sheet == coming
    assert house.book.registers.sheet_since_ns == HOUR, "its time, not that of the first command after it"
    assert house.book.registers.scheduled == []
    laws.check_whole(house.book)


def test_who_is_short_by_a_sheet_that_took_force_is_called_at_once() -> None:
    house = traded(cash=1_500_00)
    house.ok(c.AdoptRiskSheet(small_sheet(contract_row("FUT", [-1_000, 200, 800]))))
    house.ok(c.SetMarginMode(house.account("m0"), MarginMode.PORTFOLIO))
    house.ok(c.AdoptRiskSheet(sheet_of(2_000), HOUR))
    facts = house.do(c.AddMember("new"), HOUR)
    assert names_of(facts)[:2] == ["RiskSheetTookForce", "MarginCalled"]
    assert [fact.amount_fine for fact in of(facts, f.MarginCalled)] == [(2_000_50 - 1_500_00) * 10**6]


def test_a_rulebook_and_a_sheet_may_wait_under_one_name() -> None:
    house = bounded()
    house.ok(c.AdoptRulebook(rulebook(name="next"), HOUR))
    house.ok(c.AdoptRiskSheet(sheet_of(600), HOUR))
    assert reasons(house.do(c.AdoptRiskSheet(sheet_of(601), 2 * HOUR))) == [Reason.NAME_TAKEN]
    house.ok(c.CancelRulebook("next"))
    assert reasons(house.do(c.CancelRulebook("next"))) == [Reason.RULEBOOK_NOT_SCHEDULED]
    house.ok(c.CancelRiskSheet("next"))
    assert reasons(house.do(c.CancelRiskSheet("next"))) == [Reason.SHEET_NOT_SCHEDULED]


def test_there_is_an_end_to_the_sheets_that_may_wait() -> None:
    house = bounded()
    for at in range(8):
        house.ok(c.AdoptRiskSheet(sheet_of(500, str(at)), HOUR))
    refused = house.do(c.AdoptRiskSheet(sheet_of(500, "one more"), HOUR))
    assert [(fact.reason, fact.path) for fact in of(refused, f.Rejected)] == [(Reason.SHEET_INVALID, "$.effective_ns")]
    house.ok(c.AdoptRulebook(rulebook(name="rules have room of their own"), HOUR))


def test_sheets_wait_for_rules_like_everything_that_needs_them() -> None:
    house = House()
    assert reasons(house.do(c.AdoptRiskSheet(small_sheet(), HOUR))) == [Reason.RULEBOOK_MISSING]
    assert reasons(house.do(c.CancelRiskSheet("none"))) == [Reason.RULEBOOK_MISSING]


# ---- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worst", "unit_fine", "refused"),
    [
        (600, 10**6, False),
        (601, 10**6, True),
        (375, 10**6, False),
        (374, 10**6, True),
        (6_000, 10**5, False),
        (6_001, 10**5, True),
    ],
)
def test_bounds_hold_to_the_unit(worst: int, unit_fine: int, refused: bool) -> None:
    """500 cents may become 600 or 375: a rise of 20 %, a fall of 25 %; and 6,000 tenths of a cent."""
    house = bounded(recalibration_rise_ppm=200_000, recalibration_fall_ppm=250_000)
    scale = 10**6 // unit_fine
    row = contract_row("FUT", [-worst, 200 * scale, 800 * scale])
    found = house.do(c.AdoptRiskSheet(small_sheet(row, unit_fine=unit_fine)))
    assert reasons(found) == ([Reason.RECALIBRATION_TOO_FAR] if refused else [])


def test_what_asked_for_nothing_may_ask_for_anything() -> None:
    """There is nothing that a rise could be a part of."""
    house = small_house(recalibration_rise_ppm=1, recalibration_fall_ppm=1)
    house.ok(c.AdoptRiskSheet(small_sheet(contract_row("FUT", [5, 200, 800]))))
    house.ok(c.AdoptRiskSheet(small_sheet(contract_row("FUT", [-900, 200, 800]))))
    assert reasons(house.do(c.AdoptRiskSheet(small_sheet(contract_row("FUT", [0, 200, 800]))))) == [
        Reason.RECALIBRATION_TOO_FAR
    ]


def test_of_sheets_to_come_each_is_compared_with_the_one_that_it_follows() -> None:
    """A rise in steps that are announced together: 500, 600, 720; and 720 cannot come in the place of 600."""
    house = bounded(recalibration_rise_ppm=200_000, recalibration_every_ns=DAY)
    assert reasons(house.do(c.AdoptRiskSheet(sheet_of(720, "second"), 2 * DAY))) == [Reason.RECALIBRATION_TOO_FAR]
    house.ok(c.AdoptRiskSheet(sheet_of(600, "first"), DAY))
    early = house.do(c.AdoptRiskSheet(sheet_of(720, "second"), 2 * DAY - 1))
    assert reasons(early) == [Reason.RECALIBRATION_TOO_SOON]
    house.ok(c.AdoptRiskSheet(sheet_of(720, "second"), 2 * DAY))
    assert names_of(house.clock(DAY))[0] == "RiskSheetTookForce"
    assert names_of(house.clock(2 * DAY))[0] == "RiskSheetTookForce"
    assert house.book.registers.sheet == sheet_of(720, "second")


def test_a_step_that_is_taken_back_takes_those_after_it_along() -> None:
    house = bounded(recalibration_rise_ppm=200_000)
    house.ok(c.AdoptRiskSheet(sheet_of(600, "first"), DAY))
    house.ok(c.AdoptRiskSheet(sheet_of(720, "second"), 2 * DAY))
    house.ok(c.CancelRiskSheet("first"))
    (lapsed,) = of(house.clock(2 * DAY), sv.RiskSheetLapsed)
    assert (lapsed.name, lapsed.reason) == ("second", Reason.RECALIBRATION_TOO_FAR)
    assert house.book.registers.sheet == small_sheet(CALM)


@pytest.mark.parametrize("late_ns", [0, 1, 2 * HOUR])
def test_what_waited_counts_from_its_time_however_late_a_command_comes(late_ns: int) -> None:
    """A step a day is a step a day though the first command of a day is a moment late, or a whole day is slept over."""
    house = bounded(recalibration_every_ns=HOUR)
    house.ok(c.AdoptRiskSheet(sheet_of(501, "first"), HOUR))
    house.ok(c.AdoptRiskSheet(sheet_of(502, "second"), 2 * HOUR))
    first, second = house.clock(HOUR + late_ns), house.clock(max(2 * HOUR, HOUR + late_ns))
    took_force = of([*first, *second], sv.RiskSheetTookForce)
    assert [fact.name for fact in took_force] == ["first", "second"]
    assert reasons(house.do(c.AdoptRiskSheet(sheet_of(503)))) == [Reason.RECALIBRATION_TOO_SOON] * (late_ns < 2 * HOUR)


def test_a_sheet_at_once_puts_off_those_to_come() -> None:
    house = bounded(recalibration_every_ns=HOUR)
    house.ok(c.AdoptRiskSheet(sheet_of(501, "to come"), 2 * HOUR))
    house.ok(c.AdoptRiskSheet(sheet_of(502, "at once")), HOUR + 1)
    (lapsed,) = of(house.clock(2 * HOUR), sv.RiskSheetLapsed)
    assert lapsed.reason is Reason.RECALIBRATION_TOO_SOON


@pytest.mark.parametrize(
    "wrong", [{"recalibration_rise_ppm": -1}, {"recalibration_fall_ppm": 10**6 + 1}, {"recalibration_every_ns": -1}]
)
def test_bounds_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    found = small_house().do(c.AdoptRulebook(rulebook(**wrong)))
    assert [fact.path for fact in of(found, f.Rejected)] == [f"$.rulebook.{next(iter(wrong))}"]


@settings(max_examples=150, deadline=None)
@given(sheets())
def test_what_a_lot_asks_for_alone_is_what_the_twin_says(sheet: RiskSheet) -> None:
    blocks = blocks_of(sheet.blocks)
    for row in sheet.contracts:
        assert list(asked_alone(np.frombuffer(row.results, "<i8"), blocks)) == plainly_alone(sheet, row)


SCALES = st.sampled_from([0, Fraction(1, 2), Fraction(3, 4), Fraction(99, 100), 1, Fraction(101, 100), 2])
BOUNDS = st.sampled_from([0, 1, 10_000, 250_000, 10**6])


@settings(max_examples=150, deadline=None)
@given(sheets(large=False), st.lists(SCALES, min_size=1, max_size=3), st.sampled_from([1, 3, 10]), BOUNDS, BOUNDS)
def test_sheets_are_refused_where_a_lot_by_the_twin_goes_too_far(
    former: RiskSheet, scales: list[Fraction], finer: int, rise_ppm: int, fall_ppm: int
) -> None:
    unit_fine = former.unit_fine * finer
    former, rows = replace(former, unit_fine=unit_fine), []
    for at, row in enumerate(former.contracts):
        scale = scales[at % len(scales)] * finer
        values = [int(value * scale) for value in np.frombuffer(row.results, "<i8").tolist()]
        rows.append(replace(row, results=results(values)))
    sheet = replace(former, contracts=tuple(rows), unit_fine=unit_fine // finer)
    rules = rulebook(recalibration_rise_ppm=rise_ppm, recalibration_fall_ppm=fall_ppm)
    too_far = []
    for was_row, row in zip(former.contracts, sheet.contracts, strict=True):
        for was, now in zip(plainly_alone(former, was_row), plainly_alone(sheet, row), strict=True):
            before, after = was * former.unit_fine, now * sheet.unit_fine
            rises = rise_ppm and before and after > before * (1 + Fraction(rise_ppm, 10**6))
            if rises or (fall_ppm and after < before * (1 - Fraction(fall_ppm, 10**6))):
                too_far.append(row.symbol)
    house = rich_house()
    house.book.registers.rulebook = rules
    refused = beyond_bounds(house.book, sheet, former, 0, 0)
    assert [refused.path if refused else None] == [f"$.sheet.contracts.{too_far[0]}" if too_far else None]
    assert [asked for _, _, asked in lots_of(sheet)] == [
        units * sheet.unit_fine for row in sheet.contracts for units in plainly_alone(sheet, row)
    ]

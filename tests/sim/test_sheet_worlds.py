"""Worlds that adopt risk sheets: the auditor's own evaluation of one, and bugs that only its chapters can find."""

import builtins
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from novate.core import consequences, governance, liquidation, margin, recalibration, risk_sheet, sheet_columns
from novate.core.registers import Registers
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.sim.auditor.scenarios import Held, add_on, asked_units, blocks_of, losses, weighted
from novate.sim.worlds.models import packed
from novate.sim.worlds.play import play
from novate.sim.worlds.world import is_modelled
from tests.sim.finding import Bug, first_failure

PPM = 10**6
MODELLED = [seed for seed in range(300) if is_modelled(seed)]


# ---- a sheet by hand ------------------------------------------------------------------------------------------------


def long(row: ContractRow | CollateralRow, lots: int) -> Held:
    return Held(row, lots, lots)


def test_a_sheet_is_evaluated_as_by_hand() -> None:
    """The working of the stories PORT-002 and PORT-003."""
    oil, coin = ContractRow("OIL", "energy", packed([-100, 20, 90])), ContractRow("BTC", "coins", packed([-60, -5, 40]))
    block = ScenarioBlock("current", "current", 3, "worst", PPM)
    sheet = RiskSheet("sets", "USD", 1, (block,), (oil, coin))
    held = [long(oil, 10), long(coin, -15)]
    assert losses(block, 0, held) == [100, -275, -300]
    assert weighted(sheet, block, 0, held) == 400
    assert asked_units(sheet, held) == 413
    recent = ScenarioBlock("recent", "current", 4, "expected_shortfall", 750_000, 1, 3, 8)
    crash = ScenarioBlock("crash", "stressed", 2, "worst", 250_000)
    decade = ScenarioBlock("decade", "floor", 3, "kth_worst", 500_000, 2)
    pieces = AddOn(0, 0), AddOn(6, 12_500_000)
    row = ContractRow("OIL", "all", packed([-100, 20, 90, -40, -250, 60, -30, -10, -20]), pieces)
    sheet = RiskSheet("blocks", "USD", 1, (recent, crash, decade), (row,))
    assert [weighted(sheet, one, first, [long(row, 7)]) for one, first in blocks_of(sheet)] == [420, 437.5, 70]
    assert add_on(pieces, 7) == 13
    assert (asked_units(sheet, [long(row, 7)]), asked_units(sheet, [long(row, -7)])) == (875, 473)


def test_orders_are_filled_where_that_loses() -> None:
    row = ContractRow("OIL", "all", packed([-100, 20, 90]))
    resting = Held(row, -8, 6)
    assert [resting.loss(at) for at in range(3)] == [600, 160, 720]
    assert resting.size == 8


# ---- worlds ---------------------------------------------------------------------------------------------------------


def test_worlds_with_sheets_do_what_can_be_done_with_them() -> None:
    seen: Counter[str] = Counter()
    for seed in MODELLED[:12]:
        played = play(seed, 200)
        assert played.failure is None
        seen += played.seen
    reached = (
        "RiskSheetAdopted",
        "RiskSheetScheduled",
        "RiskSheetTookForce",
        "recalibration_too_far",
        "MarginModeSet",
        "sheet_row_missing",
        "sheet_invalid",
        "margin_mode_unchanged",
    )
    assert [what for what in reached if not seen[what]] == []


def test_few_worlds_have_sheets() -> None:
    assert 40 < len(MODELLED) < 90


# ---- planted bugs ---------------------------------------------------------------------------------------------------

honest_columns, honest_as, honest_freed = risk_sheet.columns_of, risk_sheet.judge_as, liquidation.freed_by
honest_pieces, honest_lots = sheet_columns.accumulate, recalibration.lots_of
honest_force = governance.put_in_force


def laid_out(change: Callable[[RiskSheet], RiskSheet]) -> Callable[[Registers], Any]:
    """Another sheet in force than the one on record."""

    def columns(registers: Registers) -> Any:
        kept = registers.sheet
        assert kept is not None
        registers.sheet = change(kept)
        found = honest_columns(registers)
        registers.sheet = kept
        return found

    return columns


def floor_is_added(sheet: RiskSheet) -> RiskSheet:
    """What should be the least of all is a part of the sum."""
    return replace(sheet, blocks=tuple(replace(block, part="current") for block in sheet.blocks))


def all_in_one_set(sheet: RiskSheet) -> RiskSheet:
    """Everything offsets everything."""
    return replace(sheet, contracts=tuple(replace(row, netting_set="one") for row in sheet.contracts))


def from_nothing(pieces: Any) -> Any:
    """What is accumulated below the floor of an add-on's piece is forgotten."""
    return [(floor, 0, rate) for floor, _, rate in honest_pieces(pieces)]


def hedges_weigh(*of: Any) -> tuple[int, int]:
    """A hedge that would be missed frees as much as it saves."""
    initial, maintenance = honest_freed(*of)
    return initial, abs(maintenance)


def longs_alone(sheet: RiskSheet) -> list[Any]:
    """What a short lot asks for may rise and fall at will."""
    return [one for one in honest_lots(sheet) if one[1] == "long"]


def in_units(sheet: RiskSheet) -> list[Any]:
    """Units of one sheet are compared with those of another that are worth something else."""
    return [(symbol, side, asked // sheet.unit_fine) for symbol, side, asked in honest_lots(sheet)]


def since_the_command(book: Any, sheet: RiskSheet, _: int) -> None:
    """A sheet that counts from the command that came after its time."""
    honest_force(book, sheet, book.registers.time_ns)


BUGS: dict[str, Bug] = {
    "sheets without bounds": (risk_sheet, "beyond_bounds", lambda *_: None),
    "sheets to come without bounds": (governance, "beyond_bounds", lambda *_: None),
    "sheets to come that all follow the one in force": (
        governance,
        "_followed_at",
        lambda book, _: (book.registers.sheet, book.registers.sheet_since_ns),
    ),
    "sheets to come that leave contracts out": (governance, "forgotten", lambda *_: None),
    "bounds for long lots alone": (recalibration, "lots_of", longs_alone),
    "bounds in units of two sheets": (recalibration, "lots_of", in_units),
    "a sheet in force since a late command": (governance, "put_in_force", since_the_command),
    "a sheet that took force and is not judged by": (consequences, "RiskSheetTookForce", type("Never", (), {})),
    "offsets beyond the cap": (risk_sheet, "columns_of", laid_out(lambda sheet: replace(sheet, offset_cap_ppm=PPM))),
    "a floor that is added": (risk_sheet, "columns_of", laid_out(floor_is_added)),
    "everything in one netting set": (risk_sheet, "columns_of", laid_out(all_in_one_set)),
    "all of initial as maintenance": (
        risk_sheet,
        "columns_of",
        laid_out(lambda one: replace(one, maintenance_ppm=PPM)),
    ),
    "add-ons that begin anew": (sheet_columns, "accumulate", from_nothing),
    "a sheet that forgets what is held": (risk_sheet, "first_uncovered", lambda *_: (-1, -1)),
    "a sheet that liquidates": (risk_sheet, "reliefs", lambda *_: []),
    "a switch without a row for all": (risk_sheet, "uncovered_in", lambda *_: -1),
    "a switch into a shortfall": (risk_sheet, "judge_as", lambda *of: honest_as(*of)._replace(initial_fine=0)),
    "a sheet that is not judged by at once": (consequences, "RiskSheetAdopted", type("Never", (), {})),
    "a reason in tiers for a call by the sheet": (margin, "is_portfolio", lambda *_: False),
    "a portfolio sold down as in tiers": (liquidation, "is_portfolio", lambda *_: False),
    "hedges that weigh in a package": (liquidation, "freed_by", hedges_weigh),
    "new collateral that nobody looks at": (consequences, "is_portfolio", lambda *_: False),
}
QUICK = ("offsets beyond the cap", "sheets without bounds")


@pytest.mark.parametrize("bug", [bug if bug in QUICK else pytest.param(bug, marks=pytest.mark.long) for bug in BUGS])
def test_the_auditor_finds_a_planted_bug_in_portfolios(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, failure = first_failure(BUGS[bug], MODELLED, monkeypatch)
    crashed = hasattr(builtins, failure.noun)
    assert not crashed, f"the auditor must object, or a law of the house, and not {failure}"

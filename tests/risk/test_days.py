"""Days and years have one home; a date's close is known when its day has ended; what is no day is refused."""

import ast
from pathlib import Path

import numpy as np
import pytest

from novate import risk
from novate.risk import days
from novate.risk.days import DAY_NS, calendar_years_ns, check_days, known_when
from novate.risk.errors import RiskError
from novate.risk.venues.requirement import NO_PENALTY, Penalty, doubt

FOLDER = Path(risk.__path__[0])


def test_no_other_module_counts_days_or_years_by_itself() -> None:
    written = {days.DAY_SECONDS, days.DAY_NS, days.YEAR_DAYS, days.CALENDAR_YEAR_DAYS, 252}
    found = [
        f"{path.relative_to(FOLDER)}:{node.lineno}: {node.value}"
        for path in sorted(FOLDER.rglob("*.py"))
        if path != FOLDER / "days.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value in written
    ]
    assert found == []


def test_dates_are_known_when_they_have_ended_and_other_times_at_once() -> None:
    dates = DAY_NS * np.array([10, 11, 14])
    assert known_when(dates).tolist() == [11 * DAY_NS, 12 * DAY_NS, 15 * DAY_NS]
    at_four = dates + DAY_NS * 2 // 3
    assert known_when(at_four).tolist() == at_four.tolist()
    assert calendar_years_ns(4) == 1461 * DAY_NS


@pytest.mark.parametrize(
    "day", ["nonsense", "", "20200420", "2020-4-20", "2020-02-30", "2020-04-20T00:00", "2020-W17-1"]
)
def test_what_is_no_day_is_refused(day: str) -> None:
    check_days(["2020-04-20"])
    with pytest.raises(RiskError, match="in `vouched`: expected a day such as 2020-04-20"):
        check_days(["2020-04-20", day])


def test_doubt_is_asked_for_below_a_threshold_alone() -> None:
    penalty = Penalty(threshold=0.5, factor=2.0)
    assert [doubt(confidence, 100.0, penalty) for confidence in (1.0, 0.5, 0.25)] == [0.0, 0.0, 150.0]
    assert doubt(0.0, 100.0, NO_PENALTY) == 0.0

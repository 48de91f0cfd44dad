"""Days and years: how long they are, and what a date says as the time of a row."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError

DAY_SECONDS: Final = 86_400
DAY_NS: Final = DAY_SECONDS * 10**9
YEAR_DAYS: Final = 365
"""Of time to expiry and of annual rates and volatilities: every second counts alike, as in markets that never close."""
YEAR_SECONDS: Final = YEAR_DAYS * DAY_SECONDS
YEAR_NS: Final = YEAR_DAYS * DAY_NS
CALENDAR_YEAR_DAYS: Final = 365.25
"""Of how far a model looks back."""


def calendar_years_ns(years: float) -> int:
    """So many years of the calendar in nanoseconds, in whole seconds."""
    return round(years * CALENDAR_YEAR_DAYS * DAY_SECONDS) * 10**9


def are_dates(times_ns: NDArray[np.int64]) -> bool:
    """Whether times are days, each at its midnight."""
    return not (times_ns % DAY_NS).any()


def known_when(times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """When the prices of rows are known: those of a date when its day has ended, others at their own time.

    The one rule of what may be looked at. A close that was taken at the midnight it bears is a day late by it, which is
    the careful side.
    """
    return times_ns + DAY_NS if are_dates(times_ns) else times_ns


def check_days(vouched: Sequence[str]) -> None:
    """RiskError for one that is no ISO day."""
    for day in vouched:
        try:
            written = date.fromisoformat(day).isoformat()
        except ValueError:
            written = None
        if written != day:
            raise RiskError(f"{day!r} in `vouched`: expected a day such as 2020-04-20")

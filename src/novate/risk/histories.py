"""Histories as a model wants them: up to now, and several as one."""

from collections.abc import Sequence

import numpy as np

from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory


def require_up_to(history: FactorHistory, time_ns: int) -> None:
    """RiskError for a history whose last row is not known at a time (``known_when``), or was so long before it that
    there is a hole."""
    late_ns = time_ns - int(history.known_ns[-1])
    if late_ns < 0:
        when = "known when that day has ended, " if history.whole_days else ""
        raise RiskError(
            f"the history ends at {history.labels()[-1]}, {when}after now: cut it there, or give a later time"
        )
    if late_ns > history.gap_max_ns:
        raise RiskError(
            f"the history ends at {history.labels()[-1]}, known {late_ns / DAY_NS:g} days before now, where at most "
            f"{history.gap_max_ns / DAY_NS:g} are no hole: add the rows since"
        )


def rows_known(history: FactorHistory, time_ns: int) -> int:
    """How many rows were known at a time: see ``known_when``."""
    return int(np.searchsorted(history.known_ns, time_ns, side="right"))


def in_common(histories: Sequence[FactorHistory]) -> FactorHistory:
    """Factors of several histories at the times that all of them have: a day on which one market was shut is left out
    for all, and the move over it is one move of each.

    A gap is a hole where it is one for every one of them; each was judged by its own when it was made.
    """
    if not histories:
        raise RiskError("histories: none: give one at least")
    times = histories[0].times_ns
    for each in histories[1:]:
        times = np.intersect1d(times, each.times_ns, assume_unique=True)
    if len(times) < 2:
        ranges = "; ".join(
            f"{each.factors[0].name} from {each.day(0)} to {each.day(len(each) - 1)}" for each in histories
        )
        raise RiskError(f"the series have {len(times)} days in common: {ranges}: give series of the same days")
    columns = [each.levels[np.searchsorted(each.times_ns, times)] for each in histories]
    return FactorHistory(
        tuple(factor for each in histories for factor in each.factors),
        times,
        np.concatenate(columns, axis=1),
        gap_max_ns=max(each.gap_max_ns for each in histories),
        move_limit=max(each.move_limit for each in histories),
        vouched=tuple(dict.fromkeys(day for each in histories for day in each.vouched)),
    )

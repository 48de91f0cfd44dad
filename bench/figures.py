"""What a figure is, and how repetitions become one."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

RESULT_KEYS: Final = ("figure", "value", "unit", "target", "met", "beside", "command")


class Figure(msgspec.Struct, kw_only=True):
    """One row of the table and of results.json.

    ``value`` is the median of all repetitions. ``target`` is None for what has none (limits, peers, parts of other
    figures). ``beside`` holds, in the unit of the figure, what it is to be read against: value / beside is the ratio.
    ``bounds`` become part of it once all limits are measured: what to call it, which limit, and how much of the figure
    one unit of the limit allows in a second. ``skipped`` says why there is no value.
    """

    key: str
    figure: str
    unit: str
    samples: Sequence[float] = ()
    target: float | None = None
    at_most: bool = False
    beside: dict[str, float] = {}
    bounds: dict[str, tuple[str, float]] = {}
    skipped: str = ""
    command: str = ""

    @property
    def value(self) -> float | None:
        """The median of the repetitions."""
        return statistics.median(self.samples) if self.samples else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target or a value."""
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    def result(self) -> dict[str, Any]:
        """The figure as results.json has it; the spread of the repetitions stands beside it."""
        beside: dict[str, float | str] = dict(self.beside)
        if len(self.samples) > 1:
            beside[f"lowest of {len(self.samples)} repetitions"] = min(self.samples)
            beside[f"highest of {len(self.samples)} repetitions"] = max(self.samples)
        if self.skipped:
            beside["skipped"] = self.skipped
        fields = (self.figure, self.value, self.unit, self.target, self.met, beside, self.command)
        return dict(zip(RESULT_KEYS, fields, strict=True))


def seconds(function: Callable[[], object]) -> float:
    """How long a call takes, by the clock on the wall."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start

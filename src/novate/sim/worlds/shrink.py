"""Fewest steps that still fail: delta debugging over the places of a script."""

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from novate.sim.worlds.play import Failure, Played, replay
from novate.sim.worlds.script import Step, ranges

SECONDS_MAX = 60.0


def shrink(
    played: Played,
    *,
    history: Path | None = None,
    seconds_max: float = SECONDS_MAX,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """The line that brings a failure back, with as few steps as were found in the time."""
    failure = played.failure
    if failure is None:
        raise ValueError("nothing failed")
    until = clock() + seconds_max
    places = fewest(list(range(failure.place + 1)), lambda chosen: fails(played.script, chosen, failure), until, clock)
    steps = max(0, places[-1] + 1 - played.opening)
    line = f"novate sim --seed {played.seed} --steps {steps} --only {ranges(places)}"
    return line if history is None else f"{line} --history {shlex.quote(str(history))}"


def fails(script: Sequence[Step], places: Sequence[int], failure: Failure) -> bool:
    """Whether these places alone fail in the same noun."""
    found = replay(script, places)
    return found is not None and found.noun == failure.noun


def fewest(
    places: list[int], still_fails: Callable[[list[int]], bool], until: float, clock: Callable[[], float]
) -> list[int]:
    """Drop ever smaller parts as long as what is left still fails, until single places are needed or time is over."""
    if not still_fails(places):
        return places
    size = max(1, len(places) // 2)
    while clock() < until:
        dropped = False
        start = 0
        while start < len(places) and clock() < until:
            rest = places[:start] + places[start + size :]
            if rest and still_fails(rest):
                places, dropped = rest, True
            else:
                start += size
        if size == 1 and not dropped:
            break
        size = size if dropped and size == 1 else max(1, size // 2)
    return places

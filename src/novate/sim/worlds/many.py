"""Many worlds at once: one process per core, each failing world shrunk to a line that brings it back."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from novate.sim.worlds.play import play
from novate.sim.worlds.shrink import SECONDS_MAX, shrink


@dataclass(frozen=True)
class Report:
    """How one world went. ``line`` brings a failure back with fewest steps."""

    seed: int
    steps: int
    seen: Counter[str]
    message: str | None = None
    line: str | None = None


def report_of(seed: int, steps: int, history: Path | None = None, shrink_seconds: float = SECONDS_MAX) -> Report:
    """Play one world, and shrink it where it fails."""
    played = play(seed, steps, history)
    if played.failure is None:
        return Report(seed, len(played.script), played.seen)
    line = shrink(played, history=history, seconds_max=shrink_seconds)
    return Report(seed, len(played.script), played.seen, played.failure.message, line)


def play_many(first: int, count: int, steps: int, jobs: int, history: Path | None = None) -> Iterator[Report]:
    """The reports of ``count`` worlds from seed ``first`` on, each as it is done.

    Worker processes are started afresh and not forked: a kernel may be running in another thread.
    """
    seeds = range(first, first + count)
    if jobs <= 1:
        yield from (report_of(seed, steps, history) for seed in seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(report_of, seed, steps, history) for seed in seeds]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            for one in waiting:
                one.cancel()

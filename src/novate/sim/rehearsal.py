"""Compilation as progress: a small run beside the journal, so that no kernel is compiled while the house is open."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.event import Listener, install_listener
from rich.progress import Progress, TaskID

from novate.sim.desk import BookDesk
from novate.sim.plan import Plan
from novate.sim.population import draw_population
from novate.sim.world import World

MEMBERS, CLIENTS, STEPS, FLOW_TRADES = 6, 30, 12, 20


class Compiled(Listener):
    """Advances a task with every kernel that the compiler has finished."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task = progress, task
        self.count = 0

    def on_start(self, event: Any) -> None:
        """Show which kernel is being compiled."""
        self.progress.update(self.task, note=event.data["dispatcher"].__name__[:14])

    def on_end(self, event: Any) -> None:
        """One more is done."""
        self.count += 1
        self.progress.advance(self.task)


def kernels() -> int:
    """How many kernels the core has."""
    modules = [module for name, module in sys.modules.items() if name.startswith("novate.core.kernels.")]
    found = {id(thing) for module in modules for thing in vars(module).values() if isinstance(thing, Dispatcher)}
    return len(found)


def rehearse(plan: Plan, progress: Progress) -> int:
    """Play a few steps of a plan with a handful of members; returns how many kernels had to be compiled."""
    task = progress.add_task("Compiling, kept for the next run", total=kernels(), note="")
    rng = np.random.default_rng(0)
    small = replace(plan, series=[replace(series) for series in plan.series])
    people = draw_population(rng, MEMBERS, CLIENTS, len(plan.series))
    compiled = Compiled(progress, task)
    with install_listener("numba:compile", compiled):
        world = World(small, people, rng, BookDesk(), lambda *_: None, FLOW_TRADES)
        world.open_house()
        for step in range(min(STEPS, len(plan.history))):
            world.play(step)
    done = f"{compiled.count} kernels" if compiled.count else "in the cache"
    progress.update(task, total=1, completed=1, note=done)
    return compiled.count

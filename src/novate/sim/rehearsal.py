"""Compilation as progress: a small run beside the journal, so that no kernel is compiled while the house is open."""

import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numba import typeof
from numba.core.dispatcher import Dispatcher
from numba.core.event import Listener, install_listener
from rich.progress import Progress, TaskID

from novate.core import layout
from novate.core.book import Book
from novate.core.kernels import fills, legs, margin, marks, sweep, trades
from novate.core.margin import NONE_ASKED
from novate.core.rows import MARK, NOVATED, TRADE
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


def compile_trades(book: Book | None = None) -> None:
    """The kernel that decides trades, more than half of all that is to be compiled: in the form that a house such as
    ``book`` asks for, by default one without a risk sheet."""
    book = book or Book()
    rows = np.frombuffer(b"", TRADE)
    compile_for(trades.judge_trades, rows, 0, 0, 0, 0, False, book.tables(), book.sheet)


def compile_others(book: Book | None = None) -> None:
    """The next larger ones, likewise."""
    book = book or Book()
    tables, none, out = book.tables(), np.zeros(0, np.int64), np.zeros(0, layout.JUDGED)
    compile_for(sweep.judge_range, 0, 0, none, tables, book.sheet, NONE_ASKED, out)
    compile_for(margin.judge_one, 0, book.balances, 0, tables, book.sheet)
    compile_for(fills.judge_side, 0, 0, 0, 0, tables, book.sheet)
    compile_for(marks.mark_rows, np.frombuffer(b"", MARK), 0, tables)
    compile_for(legs.novate_rows, np.frombuffer(b"", NOVATED), 0, 0, tables)


def compile_for(kernel: Any, *arguments: Any) -> None:
    """A kernel, in the form that such arguments ask for."""
    kernel.compile(tuple(typeof(each) for each in arguments))


@contextmanager
def beside() -> Iterator[None]:
    """Trades are compiled by a process of their own, where there is a core for it and they are not compiled yet."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    kept = trades.judge_trades.stats.cache_path
    if cores == 1 or kept is None or any(Path(kept).glob("trades.judge_trades-*.nbi")):
        yield
        return
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        compiled = pool.submit(compile_trades)
        yield
        compiled.result()


def rehearse(plan: Plan, progress: Progress) -> int:
    """Play a few steps of a plan with a handful of members; returns how many kernels had to be compiled."""
    task = progress.add_task("Compiling, kept for the next run", total=kernels(), note="")
    rng = np.random.default_rng(0)
    small = replace(plan, series=[replace(series) for series in plan.series])
    people = draw_population(rng, MEMBERS, CLIENTS, len(plan.series))
    compiled = Compiled(progress, task)
    with install_listener("numba:compile", compiled):
        with beside():
            compile_others()
        world = World(small, people, rng, BookDesk(), lambda *_: None, FLOW_TRADES)
        world.open_house()
        for step in range(min(STEPS, len(plan.history))):
            world.play(step)
    done = f"{compiled.count} kernels" if compiled.count else "in the cache"
    progress.update(task, total=1, completed=1, note=done)
    return compiled.count

"""``python -m bench.profile``: where the time of a trade goes, stage by stage, in a batch and alone.

Every stage is timed by the processor time of its own thread, so that whatever runs beside it is not counted. Stages of
one command would warm the caches for each other, so every command times one stage only and is then carried out.
"""

import asyncio
import cProfile
import pstats
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.__main__ import WORK, folder_in
from bench.figures import seconds
from bench.journal import submit_side_by_side
from bench.session import TIME_NS, Session, submit_all
from bench.trades import Recorder
from bench.world import FULL, SMALL
from novate.core.commands import AnyCommand, SubmitTrades
from novate.core.consequences import consequences
from novate.core.decide import decide
from novate.core.evolve import evolve
from novate.core.kernels import trades as kernel
from novate.core.laws import check_running
from novate.core.layout import BALANCE, JUDGED, SUBTOTAL
from novate.core.rows import TRADE
from novate.core.step import DECISION_VERSION
from novate.core.terms import FEES
from novate.service.chain import Entry, record_hash
from novate.service.engine import Engine

Timed = Callable[[Recorder, SubmitTrades], Callable[[], object]]
"""Makes ready, untimed, what the stage needs; what comes back is timed. It must not change the book."""

ENCODE = msgspec.msgpack.Encoder().encode
DECODE = msgspec.msgpack.Decoder(AnyCommand).decode
SINGLES_EACH_STAGE = 2_000
BATCHES_EACH_STAGE = 15


def kernel_inputs(recorder: Recorder, command: SubmitTrades) -> tuple:
    """What the passes of the kernel share: rows, tables and the columns of their verdicts."""
    rows = np.frombuffer(command.rows, TRADE)
    reasons, figures = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    failed, dealing = np.empty(len(rows), np.int16), np.empty((len(rows), 2), np.int32)
    columns = reasons, figures, failed, dealing, np.empty((len(rows), 2), np.int32)
    return rows, recorder.book.tables(), columns


def route(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """Check every row and find its overlay rows."""
    rows, tables, columns = kernel_inputs(recorder, command)
    book = recorder.book
    return lambda: kernel.route(rows, -1, book.contract_count, book.account_count, False, tables, *columns)


def load(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """Copy and price every touched account."""
    rows, tables, columns = kernel_inputs(recorder, command)
    book = recorder.book
    touched, _ = kernel.route(rows, -1, book.contract_count, book.account_count, False, tables, *columns)
    shape = len(touched), book.balances.shape[1]
    into = np.empty(shape, BALANCE), np.empty(shape, SUBTOTAL), np.empty(len(touched), JUDGED)
    return lambda: kernel.load(touched, tables, *into)


def hold(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """Copy every touched position."""
    rows, tables, columns = kernel_inputs(recorder, command)
    book = recorder.book
    kernel.route(rows, -1, book.contract_count, book.account_count, False, tables, *columns)
    reasons, dealing, held = columns[0], columns[3], np.empty((len(rows), 2), np.int32)
    return lambda: kernel.hold(rows, reasons, book.contract_count, tables, dealing, held)


def judge(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """The whole kernel that decides."""
    rows, tables, _ = kernel_inputs(recorder, command)
    book = recorder.book
    return lambda: kernel.judge_trades(
        rows, -1, book.contract_count, book.account_count, FEES, False, tables, book.sheet
    )


def decided(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """Decide: the kernel and all that surrounds it."""
    recorder.book.registers.time_ns = TIME_NS
    return lambda: decide(recorder.book, command)


def after_laws(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """The running laws."""
    return lambda: check_running(recorder.book)


def after_consequences(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """What follows from trades: nothing."""
    facts = decide(recorder.book, command)
    return lambda: consequences(recorder.book, facts)


def encoding(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """The command into bytes and back, as the engine takes it."""
    return lambda: DECODE(ENCODE(command))


def encoding_facts(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """The facts into bytes."""
    facts = decide(recorder.book, command)
    return lambda: ENCODE(facts)


def hashing(recorder: Recorder, command: SubmitTrades) -> Callable[[], object]:
    """The record's hash."""
    entry = Entry(TIME_NS, DECISION_VERSION, "SubmitTrades", ENCODE(command), ENCODE(decide(recorder.book, command)))
    return lambda: record_hash(recorder.hash, 1, entry)


STAGES: dict[str, Timed] = {
    "encode and decode the command": encoding,
    "decide: route": route,
    "decide: load": load,
    "decide: hold": hold,
    "decide: kernel, all passes": judge,
    "decide: all": decided,
    "consequences": after_consequences,
    "laws": after_laws,
    "encode the facts": encoding_facts,
    "hash": hashing,
}


def microseconds(recorder: Recorder, commands: Iterable[SubmitTrades]) -> dict[str, float]:
    """Median processor time of each stage, of folding and of it all, over commands that take turns."""
    samples: dict[str, list[float]] = {name: [] for name in (*STAGES, "evolve", "all of it")}
    names = list(samples)
    for at, command in enumerate(commands):
        name = names[at % len(names)]
        if name == "all of it":
            samples[name].append(timed(lambda command=command: recorder.record(command)))
        elif name == "evolve":
            facts = decide(recorder.book, command)
            samples[name].append(timed(lambda facts=facts: [evolve(recorder.book, fact) for fact in facts]))
        else:
            samples[name].append(timed(STAGES[name](recorder, command)))
            recorder.record(command)
    return {name: 1e6 * float(np.median(times[1:])) for name, times in samples.items()}


def timed(function: Callable[[], object]) -> float:
    """Processor time of this thread that a call takes."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def stages(session: Session, *, hubs: bool) -> dict[str, dict[str, float]]:
    """The stages of batches (microseconds a trade) and of single commands (microseconds each)."""
    recorder, world = Recorder(session.book()), session.world
    if hubs:
        recorder.record_all(world.hub_filling())
    turns = len(STAGES) + 2
    batches = (world.batch(hubs=hubs) for _ in range(BATCHES_EACH_STAGE * turns))
    found = {"batches, us a trade": microseconds(recorder, batches)}
    for name in found["batches, us a trade"]:
        found["batches, us a trade"][name] /= session.size.batch_rows
    if not hubs:
        found["single, us"] = microseconds(recorder, world.singles(SINGLES_EACH_STAGE * turns, "single"))
    return found


def engine_threads(session: Session, folder: Path | None) -> dict[str, dict[str, float]]:
    """Processor time of each thread, and the time on the wall: a trade of a batch, a command from many submitters."""
    size, world = session.size, session.world
    found: dict[str, dict[str, float]] = {}
    with Engine(folder, snapshot_every=None) as engine:
        if folder is None:
            for commands in (world.opening(), world.filling()):
                submit_all(engine, commands)
        for turn in range(2):  # the first warms up
            batches = [world.batch() for _ in range(size.batches)]
            spent = by_thread(lambda batches=batches: submit_all(engine, batches))
            found["batches, us a trade"] = per(spent, size.batches * size.batch_rows)
            singles = [world.singles(size.singles_each, f"{turn}:{n}") for n in range(size.submitters)]
            spent = by_thread(lambda singles=singles: asyncio.run(submit_side_by_side(engine, singles)))
            found["single, us"] = per(spent, size.submitters * size.singles_each)
    return found


def by_thread(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of processor time that each thread spends while work is done, and those on the wall."""
    clocks = {
        thread.name: time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.name.startswith("novate-") and thread.ident is not None
    }
    clocks["the asker's thread"] = time.pthread_getcpuclockid(threading.get_ident())
    before = {name: time.clock_gettime(clock) for name, clock in clocks.items()}
    wall = seconds(work)
    spent = {name: time.clock_gettime(clock) - before[name] for name, clock in clocks.items()}
    return spent | {"on the wall": wall}


def per(spent: dict[str, float], count: int) -> dict[str, float]:
    """Seconds for many into microseconds each."""
    return {name: 1e6 * sample / count for name, sample in spent.items()}


def functions(session: Session, lines: int = 15) -> None:
    """The Python functions that single commands spend their time in."""
    recorder, commands = Recorder(session.book()), session.world.singles(SINGLES_EACH_STAGE, "functions")
    recorder.record_all(commands[:10])
    profiler = cProfile.Profile()
    profiler.runcall(recorder.record_all, commands[10:])
    pstats.Stats(profiler).sort_stats("tottime").print_stats(lines)


def main(arguments: list[str]) -> None:
    """Print the profiles; ``--small`` for a smoke run."""
    console = Console()
    with folder_in(WORK) as folder:
        session = Session(SMALL if "--small" in arguments else FULL, folder, with_peer=False)
        columns = stages(session, hubs=False)
        columns["batches with hubs, us a trade"] = stages(session, hubs=True)["batches, us a trade"]
        table = Table("stage, processor time", *columns)
        for name in columns["single, us"]:
            table.add_row(name, *(f"{times[name]:.3f}" for times in columns.values()))
        console.print(table)
        threads = {}
        for where, journal in (("journal", session.copy_of_opened("threads")), ("no disk", None)):
            for kind, times in engine_threads(session, journal).items():
                threads[f"{where}, {kind}"] = times
        table = Table("through the engine, processor time", *threads)
        for name in threads["journal, single, us"]:
            table.add_row(name, *(f"{times[name]:.3f}" for times in threads.values()))
        console.print(table)
        functions(session)


if __name__ == "__main__":
    main(sys.argv[1:])

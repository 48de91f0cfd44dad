"""Recovery: how long a house takes to stand again, and what it takes to hold one."""

import os
import shutil
import statistics
from pathlib import Path

from bench.figures import Figure, seconds
from bench.session import Session, drop_snapshots, recovered, require_accepted, submit_all
from bench.ticks import open_positions
from bench.trades import Recorder
from novate.core.layout import POSITION
from novate.service.engine import Engine
from novate.service.reader import DATABASE

BATCHES_TARGET_S = 10.0
SINGLES_TARGET_S = 60.0
SNAPSHOT_TARGET_S = 5.0
MEMORY_TARGET_BYTES = 64.0
REPEATS = 3
AHEAD = 20_000
HOLDER_BYTES = 4
OPENING = "of it opening accounts and first positions"


def batches(session: Session) -> list[Figure]:
    """Everything folded from the first record on, trades in batches; the opening of the accounts is part of it."""
    size, world = session.size, session.world
    opening = timed(session.copy_of_opened("recovery"), snapshots=False)
    folder = session.copy_of_opened("recovery")
    with Engine(folder, snapshot_every=None) as engine:
        for start in range(0, size.recovery_batches, size.batches):
            count = min(size.batches, size.recovery_batches - start)
            submit_all(engine, [world.batch() for _ in range(count)])
    samples = timed(folder, snapshots=False)
    bounds = hashing(folder)
    shutil.rmtree(folder)
    name = f"recovery of {size.recovery_batches * size.batch_rows:,} trades in batches of {size.batch_rows:,}"
    figure = Figure(key="recovery-batches", figure=f"{name}, no snapshot", unit="s", samples=samples)
    figure.target = BATCHES_TARGET_S
    figure.at_most, figure.bounds, figure.beside = True, bounds, {OPENING: statistics.median(opening)}
    return [figure]


def singles(session: Session) -> list[Figure]:
    """Trades that came as one command each: from the first record on, and from the last snapshot at its oldest."""
    size = session.size
    opening = statistics.median(timed(session.copy_of_opened("recovery"), snapshots=False))
    folder = session.copy_of_opened("recovery")
    drop_snapshots(folder)
    trades, count, tail = size.recovery_singles, size.recovery_singles_measured, size.snapshot_every - 1
    with Engine(folder, snapshot_every=None) as engine:
        submit_singles(session, engine, count - tail, "before")
        engine.snapshot().result()
        submit_singles(session, engine, tail, "after")
    from_snapshot = timed(folder, snapshots=True)
    from_first = timed(folder, snapshots=False)
    bounds = hashing(folder, scale=trades / count)
    shutil.rmtree(folder)
    scaled = "" if count == trades else f" ({count:,} measured, scaled linearly)"
    samples = [opening + (sample - opening) * trades / count for sample in from_first]
    whole = Figure(
        key="recovery-singles",
        figure=f"recovery of {trades:,} single commands, no snapshot{scaled}",
        unit="s",
        samples=samples,
        target=SINGLES_TARGET_S,
        at_most=True,
        beside={OPENING: opening},
        bounds=bounds,
    )
    name = f"recovery of single commands from the last snapshot, {tail:,} records after it"
    last = Figure(key="recovery-snapshot", figure=name, unit="s", samples=from_snapshot, target=SNAPSHOT_TARGET_S)
    last.at_most = True
    return [whole, last]


def memory(session: Session) -> list[Figure]:
    """Bytes of the tables of positions and of holders, dead and spare rows too, for each open position."""
    size, world = session.size, session.world
    recorder = Recorder(session.book())
    recorder.record_all(world.batch() for _ in range(size.batches))
    uniform = per_position(recorder)
    recorder.record_all(world.hub_filling())
    recorder.record_all(world.batch(hubs=True) for _ in range(size.batches))
    samples = (uniform, per_position(recorder))
    figures: list[Figure] = []
    for key, of, sample in zip(("memory", "memory-hubs"), ("uniform accounts", "and hubs"), samples, strict=True):
        name = f"memory for each open position, {of}"
        figure = Figure(key=key, figure=name, unit="bytes", samples=[sample], target=MEMORY_TARGET_BYTES, at_most=True)
        figure.beside = {"the rows alone, none spare": POSITION.itemsize + HOLDER_BYTES}
        figures.append(figure)
    return figures


def per_position(recorder: Recorder) -> float:
    """Bytes of the two tables that grow with positions, over the positions that are not flat."""
    tables = recorder.book.memory_bytes()
    return (tables["positions"] + tables["holders"]) / open_positions(recorder)


def submit_singles(session: Session, engine: Engine, count: int, source: str) -> None:
    """Single trades, submitted ahead: how they came does not show in the journal."""
    for start in range(0, count, AHEAD):
        commands = session.world.singles(min(AHEAD, count - start), f"{source}:{start}")
        tickets = [engine.submit(command) for command in commands]
        for ticket in tickets:
            require_accepted(ticket.result().facts)


def timed(folder: Path, *, snapshots: bool) -> list[float]:
    """Seconds to recover the journal in a folder, read from the disk each time and not out of memory."""
    if not snapshots:
        drop_snapshots(folder)
    samples: list[float] = []
    for _ in range(REPEATS):
        forget_file(folder / DATABASE)
        samples.append(seconds(lambda: recovered(folder)))
    return samples


def forget_file(path: Path) -> None:
    """Have the system drop what it keeps of a file in memory, where it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def hashing(folder: Path, scale: float = 1.0) -> dict[str, tuple[str, float]]:
    """What hashing the journal's bytes would take alone."""
    size = (folder / DATABASE).stat().st_size * scale / 1e9
    return {f"SHA-256 alone of {size:.1f} GB": ("limit-sha256", 1 / size)}

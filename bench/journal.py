"""Trades through the journal: nothing is answered before it is durable, and commits overlap the next decisions."""

import asyncio
import shutil
from pathlib import Path

from bench.figures import Figure, seconds
from bench.session import TIME_NS, Session, require_accepted, submit_all
from bench.trades import repetitions
from novate.core.commands import SubmitTrades
from novate.service.engine import Engine
from novate.service.journal import JournalReader

BATCHES_TARGET = 700_000
SINGLES_TARGET = 25_000


def batches(session: Session) -> list[Figure]:
    """Batches, submitted ahead by one thread."""
    size = session.size
    folder = session.copy_of_opened("journal-batches")
    with Engine(folder, snapshot_every=None) as engine:
        opened = engine.committed.seq
        samples = repetitions(session, lambda commands: submit_all(engine, commands), hubs=False)
    row_bytes = mean_record_bytes(folder, opened) / size.batch_rows
    shutil.rmtree(folder)
    name = f"trades through the journal, durable, batches of {size.batch_rows:,}"
    figure = Figure(key="journal-batches", figure=name, unit="trades/s", samples=samples, target=BATCHES_TARGET)
    figure.beside = session.beside_peer()
    figure.bounds = {
        f"SHA-256 alone of {row_bytes:.0f} bytes a trade": ("limit-sha256", 1e9 / row_bytes),
        "those bytes appended and synced": ("limit-stream", 1e9 / row_bytes),
        "durable one-row commits, a batch each": ("limit-commits", size.batch_rows),
    }
    return [figure]


def mean_record_bytes(folder: Path, after: int) -> float:
    """What a record takes, command and facts, on average of those after a seq."""
    with JournalReader(folder) as reader:
        anchor = reader.hash_of(after)
        if anchor is None:
            raise LookupError(f"{folder}: there is no record {after}")
        sizes = [len(record.command) + len(record.facts) for record in reader.records(after, anchor)]
    return sum(sizes) / len(sizes)


def singles(session: Session) -> list[Figure]:
    """Commands of one trade each, from many submitters on one event loop; each waits for its answer."""
    size = session.size
    folder = session.copy_of_opened("journal-singles")
    samples: list[float] = []
    with Engine(folder, snapshot_every=None) as engine:
        for repetition in range(size.repeats + 1):
            commands = [session.world.singles(size.singles_each, f"{repetition}:{n}") for n in range(size.submitters)]
            count = size.submitters * size.singles_each
            samples.append(
                count / seconds(lambda commands=commands: asyncio.run(submit_side_by_side(engine, commands)))
            )
    shutil.rmtree(folder)
    figure = Figure(
        key="journal-singles",
        figure=f"single commands through the journal, durable, {size.submitters} submitters",
        unit="commands/s",
        samples=samples[1:],
        target=SINGLES_TARGET,
    )
    figure.beside = session.beside_peer()
    figure.bounds = {
        "durable one-row commits": ("limit-commits", 1.0),
        "bare write and fdatasync": ("limit-syncs", 1.0),
    }
    return [figure]


async def submit_side_by_side(engine: Engine, commands: list[list[SubmitTrades]]) -> None:
    """One task for each list; a task submits its next command when the one before is durable."""

    async def submitter(own: list[SubmitTrades]) -> None:
        for command in own:
            answer = await engine.submit_async(command, TIME_NS)
            require_accepted(answer.facts)

    await asyncio.gather(*(submitter(own) for own in commands))

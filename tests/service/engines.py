"""What tests do with an engine: a clock that ticks, commands carried out, what is on record, and a thread kept busy."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from novate.core.commands import AnyCommand
from novate.service.engine import Engine, EngineClosed, Ticket
from novate.service.journal import JournalReader, Record
from tests.service.house import SECOND


class Ticks:
    """A clock that advances a second whenever it is read."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += SECOND
        return self.now_ns


def carry_out(engine: Engine, commands: list[AnyCommand]) -> None:
    """Submit commands and wait for the last."""
    for ticket in [engine.submit(command) for command in commands]:
        ticket.result(60)


def digest(engine: Engine) -> bytes:
    """The state hash."""
    return engine.read(lambda book: book.digest()).result(60)


def records(folder: Path) -> list[Record]:
    """All records, verified."""
    with JournalReader(folder) as reader:
        return list(reader.records())


@contextmanager
def held(engine: Engine) -> Iterator[None]:
    """Keep the engine's thread busy, so that what is asked meanwhile queues up."""
    entered, released = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        entered.set()
        released.wait(60)

    engine.read(hold)
    entered.wait(60)
    try:
        yield
    finally:
        released.set()


def outcome(ticket: Ticket) -> object:
    """What a ticket gives or raises."""
    try:
        return ticket.result(60).seq
    except EngineClosed as error:
        return error

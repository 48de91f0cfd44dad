"""Where the simulation hands its commands in: a running engine with its journal, or a bare book for rehearsals."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import Fact
from novate.core.step import step
from novate.service.engine import Engine

T = TypeVar("T")
Timed = tuple[int, AnyCommand]
"""When a command is handed in (UTC nanoseconds), and the command."""

Watcher = Callable[[AnyCommand, Sequence[Fact], int], None]
"""Told each command, its facts and its time."""


class Desk(Protocol):
    """Takes commands at stated times and answers with their facts; shows the book between them."""

    def send(self, commands: Sequence[Timed]) -> list[Sequence[Fact]]:
        """Hand in commands one after another; the facts of each."""
        ...

    def look(self, question: Callable[[Book], T]) -> T:
        """Ask something of the book as it stands."""
        ...


class BookDesk:
    """A bare book: no journal, nothing durable."""

    def __init__(self) -> None:
        self.book = Book()

    def send(self, commands: Sequence[Timed]) -> list[Sequence[Fact]]:
        """Decide and fold at once."""
        return [step(self.book, command, time_ns) for time_ns, command in commands]

    def look(self, question: Callable[[Book], T]) -> T:
        """The book is here."""
        return question(self.book)


class EngineDesk:
    """A running engine. The commands of one call are committed together; answers come when they are durable."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def send(self, commands: Sequence[Timed]) -> list[Sequence[Fact]]:
        """Submit all, then wait for each."""
        tickets = [self.engine.submit(command, time_ns=time_ns) for time_ns, command in commands]
        return [ticket.result().facts for ticket in tickets]

    def look(self, question: Callable[[Book], T]) -> T:
        """Read on the engine's thread."""
        return self.engine.read(question).result()

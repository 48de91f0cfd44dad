"""One run of the bench: what its figures share, made once when first asked for."""

import shutil
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from bench import peer
from bench.figures import Figure
from bench.limits import Limits
from bench.world import Size, World
from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import Fact, Rejected, RowsRefused
from novate.service.engine import Answer, Engine
from novate.service.journal import Journal
from novate.service.replay import recover

TIME_NS = 10**9
"""The house's time during all measurements: no settlement falls due, no price goes stale."""


class Session:
    """The world, the limits of the machine and folders to write journals to, all under ``work``."""

    def __init__(
        self, size: Size, work: Path, *, with_peer: bool, kind: type[World] = World, limits: Limits | None = None
    ) -> None:
        self.size = size
        self.world = kind(size)
        self.limits = Limits(work, size.limit_seconds) if limits is None else limits
        self._others: dict[type[World], Session] = {}
        self._work = work
        self._with_peer = with_peer

    def other(self, kind: type[World]) -> "Session":
        """The session of another kind of house on the same machine, made once."""
        if kind not in self._others:
            work = self._work / kind.__name__
            work.mkdir()
            self._others[kind] = Session(self.size, work, with_peer=False, kind=kind, limits=self.limits)
        return self._others[kind]

    @cached_property
    def opened(self) -> Path:
        """A journal of a house in which every account holds its positions, with a snapshot at its end."""
        folder = self._work / "opened"
        with Engine(folder, snapshot_every=None) as engine:
            submit_all(engine, self.world.opening())
            submit_all(engine, self.world.filling())
            engine.snapshot().result()
        return folder

    def copy_of_opened(self, name: str) -> Path:
        """A copy of the opened journal, to go on with."""
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.opened, folder)
        return folder

    def book(self) -> Book:
        """A fresh book of the opened house, rebuilt by folding as a running house would have grown it."""
        folder = self.copy_of_opened("book")
        drop_snapshots(folder)
        book = recovered(folder)
        shutil.rmtree(folder)
        return book

    @cached_property
    def peer(self) -> Figure:
        """What the peer does on this machine, or why that is not known."""
        return peer.measure(self.size, wanted=self._with_peer)

    def beside_peer(self) -> dict[str, float]:
        """The peer's fills as trades a second: a trade fills two accounts."""
        value = self.peer.value
        return {} if value is None else {f"{peer.NAME}, two fills a trade": value / 2}


def submit_all(engine: Engine, commands: Iterable[AnyCommand]) -> list[Answer]:
    """Have the engine carry commands out, all of them, and wait for the last. Raises where one is refused."""
    tickets = [engine.submit(command, TIME_NS) for command in commands]
    answers = [ticket.result() for ticket in tickets]
    for answer in answers:
        require_accepted(answer.facts)
    return answers


def require_accepted(facts: Iterable[Fact]) -> None:
    """A refusal is quicker than a trade: there must be none in a measurement."""
    for fact in facts:
        if isinstance(fact, Rejected | RowsRefused):
            raise AssertionError(f"the bench asked for something that was refused: {fact!r:.400}")


def recovered(folder: Path) -> Book:
    """The book that the journal in a folder recovers to."""
    journal = Journal(folder)
    try:
        return recover(journal).book
    finally:
        journal.close()


def drop_snapshots(folder: Path) -> None:
    """Leave the journal alone with its records."""
    for snapshot in folder.glob("snapshot-*"):
        snapshot.unlink()

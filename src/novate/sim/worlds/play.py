"""Plays a world, step by step, with the auditor beside the core; and plays any part of its script again."""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import AnyFact, Fact, Rejected, RowsRefused
from novate.core.reasons import Reason
from novate.core.rows import REFUSED
from novate.core.step import fold, step
from novate.service.engine import Engine
from novate.sim.auditor import Auditor, Disagreement
from novate.sim.book_picture import Picture, picture_of
from novate.sim.worlds.script import Restart, Step
from novate.sim.worlds.world import World


@dataclass(frozen=True)
class Failure:
    """What went wrong at which place of the script. ``noun`` is what two failures must share to be the same."""

    place: int
    noun: str
    message: str


class Lost(AssertionError):
    """After a restart the house was not the one from before."""


@dataclass
class Stage:
    """A book, the records that made it, and an auditor beside it, if wanted."""

    auditor: Auditor | None
    book: Book = field(default_factory=Book)
    records: list[tuple[int, AnyCommand, bytes]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    drawn: Picture | None = None

    def picture(self) -> Picture:
        """The book as it stands: drawn once a step, for the auditor and for who acts next."""
        if self.drawn is None:
            self.drawn = picture_of(self.book)
        return self.drawn

    def do(self, one: Step) -> list[Fact]:
        """One step and what followed. Raises what the core raises, ``Disagreement`` and ``Lost``."""
        self.drawn = None
        if isinstance(one.what, Restart):
            self.restart(one.what)
            return []
        facts = step(self.book, one.what, one.time_ns)
        self.records.append((one.time_ns, one.what, msgspec.msgpack.encode(facts)))
        self._count(facts)
        if self.auditor is not None:
            self.auditor.step(one.what, one.time_ns, facts, self.picture())
        return facts

    def _count(self, facts: Sequence[Fact]) -> None:
        """What has happened, by kind of fact and by reason of refusals."""
        for fact in facts:
            self.seen[type(fact).__name__] += 1
            if isinstance(fact, Rejected):
                self.seen[fact.reason.text] += 1
            elif isinstance(fact, RowsRefused):
                refused = np.frombuffer(fact.rows, REFUSED)["reason"].tolist()
                self.seen.update(Reason(reason).text for reason in refused)

    # ---- restarts ---------------------------------------------------------------------------------------------------

    def restart(self, restart: Restart) -> None:
        """The book dies and comes back. It must be the same house, to the last bit."""
        self.seen[f"restart {restart.how}"] += 1
        before = self.book.digest()
        match restart.how:
            case "snapshot":
                after = Book.loads(self.book.dumps())
            case "facts":
                after = Book()
                for time_ns, _, facts in self.records:
                    fold(after, msgspec.msgpack.decode(facts, type=list[AnyFact]), time_ns)
            case "engine":
                after = self._through_engine()
        if after.digest() != before:
            raise Lost(f"after a restart from {restart.how} it is another house")
        self.book = after

    def _through_engine(self) -> Book:
        """Everything so far goes through a journaled engine that is never closed; another one opens what it left."""
        with tempfile.TemporaryDirectory(prefix="novate-sim-") as folder:
            dying, left = Path(folder, "journal"), Path(folder, "left")
            with Engine(dying, snapshot_every=50) as engine:
                tickets = [engine.submit(command, time_ns) for time_ns, command, _ in self.records]
                for ticket, (_, command, facts) in zip(tickets, self.records, strict=True):
                    if msgspec.msgpack.encode(ticket.result().facts) != facts:
                        raise Lost(f"the engine answers {type(command).__name__} otherwise than the core")
                # A snapshot that is being written may be whole under its name in the middle of the copy.
                unfinished = shutil.ignore_patterns("*.unfinished")
                shutil.copytree(dying, left, ignore=unfinished, copy_function=copy_if_there)
            with Engine(left) as engine:
                return Book.loads(engine.read(Book.dumps).result())


def copy_if_there(source: str, target: str) -> None:
    """Copy a file, but for an old snapshot that a new one has replaced meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(source, target)


# ---- playing --------------------------------------------------------------------------------------------------------


@dataclass
class Played:
    """A world that was played: its script as far as it came (``opening`` steps first), what was seen, what failed, and
    the digest of the house that it left."""

    seed: int
    opening: int
    script: list[Step]
    seen: Counter[str]
    failure: Failure | None = None
    digest: bytes = b""


def play(seed: int, steps: int, history: Path | None = None, *, audited: bool = True) -> Played:
    """A world from its seed: the opening and so many steps, or until something goes wrong."""
    world = World(seed, history)
    stage = Stage(Auditor() if audited else None)
    script = world.opening()
    played = Played(seed, len(script), script, stage.seen)
    for place in range(len(script) + steps):
        if place == len(played.script):
            played.script.append(world.next(stage.picture()))
        failure = attempt(stage, place, played.script[place])
        if failure is not None:
            played.failure = failure
            del played.script[place + 1 :]
            break
    played.digest = stage.book.digest()
    return played


def replay(script: Sequence[Step], places: Sequence[int]) -> Failure | None:
    """Only these places of a script, in a new house with a new auditor."""
    stage = Stage(Auditor())
    for place in places:
        failure = attempt(stage, place, script[place])
        if failure is not None:
            return failure
    return None


def attempt(stage: Stage, place: int, one: Step) -> Failure | None:
    """One step; whatever it raises is a failure: a disagreement by its noun, anything else by its kind."""
    try:
        stage.do(one)
    except Disagreement as error:
        return Failure(place, error.noun, str(error))
    except Exception as error:  # noqa: BLE001 - a simulator's business is what nobody foresaw
        return Failure(place, type(error).__name__, f"{type(error).__name__}: {error}")
    return None

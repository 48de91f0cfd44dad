"""One command, whole: decide, evolve, what follows, laws."""

from collections.abc import Iterable
from typing import Final

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.consequences import consequences
from novate.core.decide import phases
from novate.core.evolve import evolve
from novate.core.facts import CycleClosed, Fact, Rejected
from novate.core.laws import check_running, check_whole
from novate.core.reasons import Reason

DECISION_VERSION: Final = 1
"""Raised whenever the same command on the same book would give other facts."""


def step(book: Book, command: AnyCommand, time_ns: int) -> list[Fact]:
    """Decide a command, fold its facts and all that follows, and check the laws.

    Returns every fact in order; a time before the book's own is refused and leaves the book as it is. Raises
    ``LawBroken`` where the house broke a law; the book must then be rebuilt.
    """
    if refused := refuse_time(book, time_ns):
        return [refused]
    book.registers.time_ns = time_ns
    facts: list[Fact] = []
    for phase in phases(book, command):
        latest = phase(book)
        while latest:
            for fact in latest:
                evolve(book, fact)
            facts += latest
            latest = consequences(book, latest)
    _check_laws(book, facts)
    return facts


def refuse_time(book: Book, time_ns: int) -> Rejected | None:
    """The house's time never runs backwards: the refusal of a time before the book's, or None."""
    last_ns = book.registers.time_ns
    if time_ns >= last_ns:
        return None
    message = f"{time_ns} is before the last record's time {last_ns}: put the tape in order of time"
    return Rejected(Reason.TIME_RUNS_BACKWARDS, "$.time_ns", message)


def fold(book: Book, facts: Iterable[Fact], time_ns: int) -> None:
    """Recovery: fold the facts of one record as they stand; nothing is decided again."""
    book.registers.time_ns = time_ns
    facts = list(facts)
    for fact in facts:
        evolve(book, fact)
    _check_laws(book, facts)


def _check_laws(book: Book, facts: list[Fact]) -> None:
    if any(isinstance(fact, CycleClosed) for fact in facts):
        check_whole(book)
    else:
        check_running(book)

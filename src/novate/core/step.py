"""One command, whole: decide, evolve, what follows, laws."""

from collections.abc import Iterable
from typing import Final

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.consequences import consequences
from novate.core.decide import phases
from novate.core.evolve import evolve
from novate.core.facts import CycleClosed, Fact
from novate.core.laws import check_running, check_whole

DECISION_VERSION: Final = 2
"""Raised whenever the same command on the same book would give other facts."""


def step(book: Book, command: AnyCommand, time_ns: int) -> list[Fact]:
    """Decide a command at a time not before the book's, fold its facts and all that follows, and check the laws.

    Returns every fact in order. Raises ``LawBroken`` where the house broke a law; the book must then be rebuilt.
    """
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

"""Folding records into a book, quickly where there are many small ones."""

from typing import Final

import msgspec

from novate.core.book import Book
from novate.core.facts import (
    AccountOpened,
    AnyFact,
    Contributed,
    Deposited,
    Fact,
    MemberAdded,
    Rejected,
    RowsRefused,
    SourceAdvanced,
    SubAccountOpened,
    TradesNovated,
    Withdrawn,
)
from novate.core.novation import keep
from novate.core.step import DECISION_VERSION, fold
from novate.service.journal import JournalError, Record

DECIDED_BY: Final = {1: "0.1"}
"""Decision version -> the release that decides by it."""

TIMELESS: Final = frozenset(
    {
        AccountOpened,
        Contributed,
        Deposited,
        MemberAdded,
        Rejected,
        RowsRefused,
        SourceAdvanced,
        SubAccountOpened,
        TradesNovated,
        Withdrawn,
    }
)
"""Facts that fold alike whatever the time is."""

TOGETHER_RECORDS: Final = 4096
ALONE_BYTES: Final = 1 << 16

decode_facts = msgspec.msgpack.Decoder(list[AnyFact]).decode


def release_of(version: int) -> str:
    """The release that decides by a version, for people."""
    known = DECIDED_BY.get(version)
    return "a later release than this one" if known is None else f"release {known}"


def backwards(record: Record, before_ns: int) -> str:
    """What to say of a record whose time is before that of the record before it."""
    return (
        f"record {record.seq} ({record.kind}): its time {record.time_ns} is before {before_ns}, that of the record"
        " before it; no release writes that, so the journal was rewritten: restore the folder from a copy"
    )


class Folding:
    """Folds records, in order, into a book.

    Small neighbours whose facts do not depend on the time are folded in one go, as if one command had led to them all,
    their trades as one batch; the laws are checked after the last. ``flush()`` before the book is looked at.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._facts: list[Fact] = []
        self._rows: list[bytes] = []
        self._novated: list[TradesNovated] = []
        self._sources: dict[str, Fact] = {}
        self._first = self._last = self._time_ns = 0

    def add(self, record: Record) -> None:
        """Fold one record. Raises ``JournalError`` where its facts cannot be read, or where they break a law."""
        before_ns = self._time_ns if self._first else self._book.registers.time_ns
        if record.time_ns < before_ns:
            raise JournalError(backwards(record, before_ns))
        try:
            facts = decode_facts(record.facts)
        except msgspec.MsgspecError as error:
            raise JournalError(
                f"record {record.seq}: {error}: its facts are of decision version {record.version}, this release writes"
                f" {DECISION_VERSION}; use {release_of(record.version)}"
            ) from error
        if len(record.facts) < ALONE_BYTES and self._gather(facts):
            if not self._first:
                self._first = record.seq
            self._last, self._time_ns = record.seq, record.time_ns
            if self._last - self._first >= TOGETHER_RECORDS:
                self.flush()
        else:
            self.flush()
            self._fold(facts, record.time_ns, f"record {record.seq} ({record.kind}): its facts do")

    def flush(self) -> None:
        """Fold what was gathered."""
        if self._first:
            self._close_rows()
            facts = [*self._facts, *self._sources.values()]
            self._fold(facts, self._time_ns, f"records {self._first} to {self._last}: their facts do")
            for fact in self._novated:
                keep(self._book, fact)
            self._facts, self._sources, self._novated, self._first = [], {}, [], 0

    def _gather(self, facts: list[AnyFact]) -> bool:
        if not TIMELESS.issuperset(map(type, facts)):
            return False
        for fact in facts:
            if type(fact) is TradesNovated:
                self._rows.append(fact.rows)
                if fact.source:
                    self._novated.append(fact)
            elif type(fact) is SourceAdvanced:
                self._sources[fact.source] = fact
            elif type(fact) is not RowsRefused and type(fact) is not Rejected:
                self._close_rows()
                self._facts.append(fact)
        return True

    def _close_rows(self) -> None:
        if self._rows:
            self._facts.append(TradesNovated(b"".join(self._rows)))
            self._rows = []

    def _fold(self, facts: list[Fact] | list[AnyFact], time_ns: int, place: str) -> None:
        try:
            fold(self._book, facts, time_ns)
        except Exception as error:
            raise JournalError(
                f"{place} not fold: {type(error).__name__}: {error}; an audit tells whether the house decided so"
            ) from error

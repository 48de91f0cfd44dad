"""The audit: every command of a journal is decided again, and must lead to the same facts, byte for byte."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import Fact
from novate.core.laws import LawBroken
from novate.core.step import DECISION_VERSION, refuse_time, step
from novate.service.chain import GENESIS, Record
from novate.service.folding import Folding, backwards, decode_facts, release_of
from novate.service.reader import JournalReader
from novate.service.replay import PROGRESS_EVERY, Progress, open_whole
from novate.service.snapshot import snapshots
from novate.service.witness import Witnesses

LOOK_EVERY_S: Final = 0.1

decode_command = msgspec.msgpack.Decoder(AnyCommand).decode
encode_facts = msgspec.msgpack.Encoder().encode


class Difference(msgspec.Struct, frozen=True):
    """Where a decision was not repeated: the record, the fact of it, what stands there and what was decided now.

    A fact that only one side has is None on the other; ``message`` says so where the command could not be decided.
    """

    seq: int
    kind: str
    index: int
    journaled: Fact | None
    decided: Fact | None
    message: str


class Audit(msgspec.Struct, frozen=True):
    """What an audit found.

    ``others`` counts the records of other decision versions, which were folded only; ``confirmed`` the snapshots that
    hold what the journal makes. ``unconfirmed`` says of the others why not; ``not_compared`` are of other releases.
    """

    records: int
    decided_again: int
    others: dict[int, int]
    difference: Difference | None
    confirmed: int = 0
    unconfirmed: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether every record was of this release's decision version and was decided alike, and no snapshot lies."""
        return self.difference is None and not self.others and not self.unconfirmed

    def lines(self) -> list[str]:
        """The findings in sentences."""
        found = [f"{self.records} records, {self.decided_again} decided again with identical facts"]
        found += [
            f"{count} records of decision version {version} were folded and not decided again: audit them with"
            f" {release_of(version)}"
            for version, count in sorted(self.others.items())
        ]
        if self.difference is not None:
            found.append(self.difference.message)
        if self.confirmed:
            found.append(f"{self.confirmed} snapshots are what the journal makes")
        return [*found, *self.unconfirmed, *self.not_compared]


class Auditing:
    """An audit under way: the book as decided so far, what was counted, and the first difference if there was one."""

    def __init__(self, watch: Callable[[Record, Book], None] = lambda *_: None) -> None:
        """``watch`` is told of every record and of the book after it."""
        self._book, self._watch = Book(), watch
        self._folding = Folding(self._book)
        self._seq, self._hash = 0, GENESIS
        self._again, self._others = 0, dict[int, int]()
        self.difference: Difference | None = None

    def take(self, reader: JournalReader, progress: Progress | None = None) -> None:
        """Decide again what the reader has beyond what was taken before; ends at the first record that differs."""
        for record in reader.records(self._seq, self._hash):
            self._seq, self._hash = record.seq, record.hash
            if record.version != DECISION_VERSION:
                self._folding.add(record)
                self._folding.flush()
                self._others[record.version] = self._others.get(record.version, 0) + 1
            else:
                self.difference = decide_again(self._book, record)
                if self.difference is not None:
                    break
                self._again += 1
            self._watch(record, self._book)
            if progress is not None and record.seq % PROGRESS_EVERY == 0:
                progress(record.seq, max(reader.last_seq, record.seq))
        if progress is not None:
            progress(self._seq, self._seq if self.difference is None else reader.last_seq)

    def found(self, witnesses: Witnesses | None = None) -> Audit:
        """What was found so far, with what became of the snapshots where they were held against the book."""
        found = Audit(self._seq, self._again, self._others, self.difference)
        if witnesses is None:
            return found
        unconfirmed, not_compared = tuple(witnesses.unconfirmed), tuple(witnesses.not_compared)
        return msgspec.structs.replace(
            found, confirmed=witnesses.confirmed, unconfirmed=unconfirmed, not_compared=not_compared
        )


def audit(folder: str | Path, progress: Progress | None = None) -> Audit:
    """Decide every command of this release's decision version again and demand identical facts, byte for byte.

    Ends at the first record that differs, for the book is another one from there. Every snapshot of a record before
    that is held against the book, for a start trusts it. Raises ``JournalError`` where the chain itself is not sound.
    """
    found = snapshots(Path(folder))
    with open_whole(folder, found) as reader:
        witnesses = Witnesses(found, reader.last_seq)
        auditing = Auditing(witnesses.ask)
        auditing.take(reader, progress)
    return auditing.found(witnesses)


def follow(folder: str | Path, ended: Callable[[], bool], progress: Progress | None = None) -> Audit:
    """Audit a journal while it is written: each record soon after it is durable, until ``ended()`` or one differs.

    What was durable when ``ended`` became true is all decided again. Snapshots are not compared. Raises
    ``JournalError`` where the chain itself is not sound.
    """
    auditing = Auditing()
    while True:
        last = ended()
        with open_whole(folder) as reader:
            auditing.take(reader, progress)
        if last or auditing.difference is not None:
            return auditing.found()
        time.sleep(LOOK_EVERY_S)


def decide_again(book: Book, record: Record) -> Difference | None:
    """Decide a record's command on the book before it; the first difference from its facts, or None."""
    if refuse_time(book, record.time_ns):
        message = backwards(record, book.registers.time_ns)
        return Difference(record.seq, record.kind, 0, None, None, message)
    try:
        decided = step(book, decode_command(record.command), record.time_ns)
    except (msgspec.MsgspecError, LawBroken) as error:
        message = f"record {record.seq} ({record.kind}): the command cannot be decided again: {error}"
        return Difference(record.seq, record.kind, 0, None, None, message)
    if encode_facts(decided) == record.facts:
        return None
    return first_difference(record, decided)


def first_difference(record: Record, decided: list[Fact]) -> Difference:
    """The first fact in which a record and a new decision differ."""
    place = f"record {record.seq} ({record.kind})"
    try:
        journaled = decode_facts(record.facts)
    except msgspec.MsgspecError as error:
        return Difference(record.seq, record.kind, 0, None, decided[0], f"{place}: its facts cannot be read: {error}")
    pairs = [
        (journaled[i] if i < len(journaled) else None, decided[i] if i < len(decided) else None)
        for i in range(max(len(journaled), len(decided)))
    ]
    index = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
    if index is None:  # the same facts in another encoding: no release writes that
        return Difference(record.seq, record.kind, 0, None, None, f"{place}: its facts are not in their canonical form")
    one, other = pairs[index]
    message = f"{place}: fact {index} is {one!r} in the journal, decided again it is {other!r}"
    return Difference(record.seq, record.kind, index, one, other, message)

"""From the journal back to the book: recovery and replay fold facts, the audit decides every command again."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import Fact
from novate.core.laws import LawBroken, check_whole
from novate.core.step import DECISION_VERSION, refuse_time, step
from novate.service.folding import Folding, backwards, decode_facts, release_of
from novate.service.journal import GENESIS, Journal, JournalError, JournalReader, Record
from novate.service.snapshot import newest_snapshot, require_snapshots, snapshots
from novate.service.witness import Witnesses

PROGRESS_EVERY: Final = 256

Progress = Callable[[int, int], None]
"""Told the records done and those to do, now and then and at the end."""

decode_command = msgspec.msgpack.Decoder(AnyCommand).decode
encode_facts = msgspec.msgpack.Encoder().encode


class Recovered(msgspec.Struct, frozen=True):
    """The book as the journal has it, and how it came about: the snapshot used (0: none) and the records folded."""

    book: Book
    seq: int
    time_ns: int
    snapshot_seq: int
    folded: int


def recover(journal: Journal, progress: Progress | None = None) -> Recovered:
    """Build the book from the newest snapshot that the chain confirms and the records after it."""
    require_snapshots(snapshots(journal.folder), journal.reader.last_seq)
    found = newest_snapshot(journal.folder, journal.reader.hash_of)
    if found is None:
        book, seq, time_ns, anchor = Book(), 0, 0, GENESIS
    else:
        snapshot, book = found
        seq, time_ns, anchor = snapshot.seq, snapshot.time_ns, snapshot.hash
    start, total = seq, journal.reader.last_seq - seq
    folding = Folding(book)
    for record in journal.recover(seq, anchor):
        folding.add(record)
        seq, time_ns = record.seq, record.time_ns
        if progress is not None and (seq - start) % PROGRESS_EVERY == 0:
            progress(seq - start, total)
    folding.flush()
    if progress is not None:
        progress(total, total)
    try:
        check_whole(book)
    except LawBroken as error:
        raise JournalError(f"{journal.folder}: the book after record {seq} breaks a law: {error}") from error
    return Recovered(book, seq, time_ns, start, seq - start)


def open_whole(folder: str | Path, found: list[Path] | None = None) -> JournalReader:
    """Open a journal to read all of it. Raises ``JournalError`` where it ends before its head or a snapshot of it.

    ``found`` are its snapshots, if they were listed already.
    """
    found = snapshots(Path(folder)) if found is None else found
    reader = JournalReader(folder)
    try:
        reader.require_head()
        require_snapshots(found, reader.last_seq)
    except BaseException:
        reader.close()
        raise
    return reader


def replay(folder: str | Path, until: int | None = None, progress: Progress | None = None) -> Book:
    """The book after record ``until`` (the last by default), folded from the first record on, the chain verified.

    Snapshots are not used, but a journal that ends before one of them is refused without ``until``. Works beside a
    running engine. Raises ``JournalError``.
    """
    book = Book()
    with open_whole(folder) if until is None else JournalReader(folder) as reader:
        last_seq = max(reader.last_seq, reader.head.seq)  # where the end is damaged, only the head knows it
        if until is not None and not 0 <= until <= last_seq:
            raise JournalError(f"{reader.folder}: there is no record {until}; the journal ends at {last_seq}")
        total = reader.last_seq if until is None else until
        folding = Folding(book)
        for record in reader.records(until=until):
            folding.add(record)
            if progress is not None and record.seq % PROGRESS_EVERY == 0:
                progress(record.seq, max(total, record.seq))
        folding.flush()
    if progress is not None:
        progress(total, total)
    return book


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


def audit(folder: str | Path, progress: Progress | None = None) -> Audit:
    """Decide every command of this release's decision version again and demand identical facts, byte for byte.

    Ends at the first record that differs, for the book is another one from there. Every snapshot of a record before
    that is held against the book, for a start trusts it. Raises ``JournalError`` where the chain itself is not sound.
    """
    book, again, others, difference, seq = Book(), 0, dict[int, int](), None, 0
    folding = Folding(book)
    found = snapshots(Path(folder))
    with open_whole(folder, found) as reader:
        witnesses = Witnesses(found, reader.last_seq)
        for record in reader.records():
            seq = record.seq
            if record.version != DECISION_VERSION:
                folding.add(record)
                folding.flush()
                others[record.version] = others.get(record.version, 0) + 1
            else:
                difference = decide_again(book, record)
                if difference is not None:
                    break
                again += 1
            witnesses.ask(record, book)
            if progress is not None and seq % PROGRESS_EVERY == 0:
                progress(seq, max(reader.last_seq, seq))
        if progress is not None:
            progress(seq, seq if difference is None else reader.last_seq)
    unconfirmed, not_compared = tuple(witnesses.unconfirmed), tuple(witnesses.not_compared)
    return Audit(seq, again, others, difference, witnesses.confirmed, unconfirmed, not_compared)


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

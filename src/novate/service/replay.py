"""From the journal back to the book: recovery and replay fold its facts."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from novate.core.book import Book
from novate.core.laws import LawBroken, check_whole
from novate.service.folding import Folding
from novate.service.journal import GENESIS, Journal, JournalError, JournalNotThere, JournalReader
from novate.service.snapshot import newest_snapshot, require_snapshots, snapshots

PROGRESS_EVERY: Final = 256

Progress = Callable[[int, int], None]
"""Told the records done and those to do, now and then and at the end."""


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
            raise JournalNotThere(f"{reader.folder}: there is no record {until}; the journal ends at {last_seq}")
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

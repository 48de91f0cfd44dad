"""The journal: one row of SQLite per record, each hashed together with the hash before it.

A folder holds one journal:

    journal.sqlite          the records: seq, time, version, kind, command, facts, hash
    journal.head            how far acknowledgements have gone (novate.service.head)
    journal.lock            held by the process that writes
    snapshot-<seq>.novate   the book after record ``seq`` (novate.service.snapshot)
    quarantine.jsonl        commands that broke a law (novate.service.quarantine)

What is on disk is never trusted: reading computes every hash again, and a chain that ends before the head, lacks a
record or holds another one is refused by an error that names the place. Readers open the database read-only, so that
looking at a damaged journal does not change it.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from novate.service.chain import (
    FORMAT,
    GENESIS,
    Entry,
    JournalDamaged,
    JournalError,
    JournalIncomplete,
    JournalLocked,
    JournalNotThere,
    Record,
    record_hash,
)
from novate.service.head import Head, HeadFile, has_both_slots
from novate.service.reader import COLUMNS, DATABASE, HEAD, UNREADABLE, JournalReader

__all__ = [
    "GENESIS",
    "Entry",
    "Journal",
    "JournalDamaged",
    "JournalError",
    "JournalIncomplete",
    "JournalLocked",
    "JournalNotThere",
    "JournalReader",
    "MemoryJournal",
    "Record",
]

LOCK: Final = "journal.lock"
ROWS_PER_STATEMENT: Final = 256
PAGE_BYTES: Final = 32768
CHECKPOINT_PAGES: Final = 512

SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    command BLOB NOT NULL,
    facts BLOB NOT NULL,
    hash BLOB NOT NULL
);
"""


def lock_folder(folder: Path) -> int:
    """Take the writer's lock of a folder; closing the returned descriptor gives it back. Raises ``JournalLocked``."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise JournalLocked(
            f"{folder}: process {holder} is writing this journal; stop it first, or choose another folder"
        ) from error
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def sync_folder(folder: Path) -> None:
    """Make the names of new files in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Journal:
    """A journal opened for writing; one process and one thread at a time. ``last`` is the last durable record.

    Take all of ``recover()`` first: what was not verified is not extended.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open a journal, or begin one where there is none. Raises ``JournalLocked`` or another ``JournalError``."""
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise JournalNotThere(f"{self.folder} is a file: give the folder that holds, or shall hold, the journal")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.last = Head(0, GENESIS)
        self._writer: sqlite3.Connection | None = None
        self._head: HeadFile | None = None
        self._lock = lock_folder(self.folder)
        try:
            begin_if_new(self.folder)
            self.reader = JournalReader(self.folder)
        except BaseException:
            os.close(self._lock)
            raise
        try:
            self.reader.require_head()
        except BaseException:
            self.close()
            raise

    def recover(self, after: int = 0, anchor: bytes = GENESIS) -> Iterator[Record]:
        """Stream the records after ``after`` (whose hash is ``anchor``), verified; then the journal can be appended to.

        Records that were committed when a crash kept the head from following are acknowledged by that: the head heals.
        """
        seq, digest = after, anchor
        for record in self.reader.records(after, anchor):
            seq, digest = record.seq, record.hash
            yield record
        self.last = Head(seq, digest)
        self._head = HeadFile(self.folder / HEAD, self.last)
        self._writer = connect(self.folder / DATABASE)

    def append(self, entries: Sequence[Entry]) -> None:
        """Commit entries as the next records, all or none, and move the head. All is durable when this returns.

        After a failure it is not known what is on disk: the journal refuses to go on and must be opened again.
        """
        if self._writer is None or self._head is None:
            raise JournalError(f"{self.folder}: not open for appending; take all of recover() first")
        writer, self._writer = self._writer, None
        seq, previous = self.last.seq, self.last.hash
        values: list[int | str | bytes] = []
        for entry in entries:
            seq += 1
            previous = record_hash(previous, seq, entry)
            values += (seq, entry.time_ns, entry.version, entry.kind, entry.command, entry.facts, previous)
        try:
            insert(writer, values)
            last = Head(seq, previous)
            self._head.write(last)
        except BaseException:
            writer.close()
            raise
        self.last = last
        self._writer = writer

    def close(self) -> None:
        """Close the files and give the lock back."""
        self.reader.close()
        if self._head is not None:
            self._head.close()
            self._head = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class MemoryJournal:
    """The same chain without a disk: nothing survives the process, all else is the same. ``keep`` keeps the records."""

    def __init__(self, *, keep: bool = False) -> None:
        self.last = Head(0, GENESIS)
        self.records: list[Record] | None = [] if keep else None

    def append(self, entries: Sequence[Entry]) -> None:
        """Extend the chain."""
        seq, previous = self.last.seq, self.last.hash
        for entry in entries:
            seq += 1
            previous = record_hash(previous, seq, entry)
            if self.records is not None:
                self.records.append(
                    Record(seq, entry.time_ns, entry.version, entry.kind, entry.command, entry.facts, previous)
                )
        self.last = Head(seq, previous)

    def close(self) -> None:
        """Nothing to close."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits are durable when they return."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=300)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return database


def insert(database: sqlite3.Connection, values: Sequence[int | str | bytes]) -> None:
    """Commit rows (their values one after another), many to a statement.

    Each statement gives up the interpreter's lock and must win it back from the thread that decides, so a group of
    up to ``ROWS_PER_STATEMENT`` rows is a single statement that commits by itself.
    """
    width = len(COLUMNS.split(","))
    step = min(ROWS_PER_STATEMENT, database.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width) * width
    pieces = [values[start : start + step] for start in range(0, len(values), step)]
    if len(pieces) > 1:
        database.execute("BEGIN IMMEDIATE")
    for piece in pieces:
        rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * (len(piece) // width))
        database.execute(f"INSERT INTO records ({COLUMNS}) VALUES {rows}", piece)
    if len(pieces) > 1:
        database.execute("COMMIT")


def begin_if_new(folder: Path) -> None:
    """Make an empty journal where there is none, or where a crash interrupted just that."""
    path, head = folder / DATABASE, folder / HEAD
    if has_both_slots(head):
        return
    tables, records = content(path)
    if records:
        return  # records without a head: the reader refuses them
    if not tables:
        left = [*folder.glob("snapshot-*.novate"), *(file for file in [head] if file.exists() and file.stat().st_size)]
        if left:
            raise JournalError(f"{left[0]} has no {DATABASE} beside it: restore it from a copy, or choose a new folder")
        create(path)
    HeadFile(head, Head(0, GENESIS)).close()
    sync_folder(folder)


def create(path: Path) -> None:
    """Make a database with the tables. It is given its name when it is whole: a crash leaves all of it or nothing."""
    unfinished = path.with_suffix(".unfinished")
    for left in path.parent.glob(f"{unfinished.name}*"):  # by a crash, with the logs of then
        left.unlink()
    with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # a batch of trades fills dozens even of these
        database.execute("PRAGMA journal_mode = WAL")
        meta = f"INSERT INTO meta VALUES ('format', '{FORMAT}'), ('genesis', '{GENESIS.hex()}');"
        database.executescript(f"BEGIN; {SCHEMA} {meta} COMMIT;")
    unfinished.replace(path)  # closing put the log into the database and synced it
    sync_folder(path.parent)


def content(path: Path) -> tuple[bool, bool]:
    """Whether a database has tables, and whether it has records or cannot be read; looking does not change it."""
    if not path.exists() or path.stat().st_size == 0:
        return False, False
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        try:
            if database.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone() is None:
                return False, False
            return True, database.execute("SELECT seq FROM records LIMIT 1").fetchone() is not None
        except UNREADABLE:
            return True, True  # the reader says what is wrong with it

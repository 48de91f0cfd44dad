"""Reading a journal: every hash is computed again, and what is not what was written is refused by name."""

import contextlib
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from novate.service.chain import (
    FORMAT,
    GENESIS,
    JournalDamaged,
    JournalError,
    JournalIncomplete,
    JournalNotThere,
    Record,
    record_hash,
)
from novate.service.head import Head, read_head

DATABASE: Final = "journal.sqlite"
HEAD: Final = "journal.head"
COLUMNS: Final = "seq, time_ns, version, kind, command, facts, hash"

UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite and its Python module raise where a page or a text is not what was written."""


def error_name(error: Exception) -> str:
    """SQLite's own name of an error, or Python's."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__


class JournalReader:
    """A journal opened for reading, beside its writer if there is one. Use it as a context manager.

    ``head`` is what the head said when the journal was opened.
    """

    def __init__(self, folder: str | Path, head: Head | None = None) -> None:
        """Open an existing journal, holding it against ``head`` or else against its own head file.

        Raises ``JournalNotThere`` where there is none, or none of this format, and ``JournalError`` where its head
        cannot be used.
        """
        self.folder = Path(folder)
        path = self.folder / DATABASE
        if not path.is_file():
            lost = JournalError if (self.folder / HEAD).exists() else JournalNotThere
            raise lost(f"{path} does not exist: give the folder of a journal, or restore the file from a copy")
        # The head first: a record that the writer acknowledges meanwhile is then no surprise.
        self.head = self._read_head() if head is None else head
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            self._check_format()
            self.last_seq = self._find_last()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def records(self, after: int = 0, anchor: bytes = GENESIS, until: int | None = None) -> Iterator[Record]:
        """Stream the records after ``after``, verifying the chain from ``anchor``, the hash of record ``after``.

        Without ``until`` (the last seq wanted) the chain must reach the head. Raises ``JournalDamaged`` or
        ``JournalIncomplete`` at the first record that is not what was written, after all before it were given.
        """
        good, previous = after, anchor
        last = 2**63 - 1 if until is None else until
        query = f"SELECT {COLUMNS} FROM records WHERE seq > ? AND seq <= ? ORDER BY seq"
        try:
            for row in self._database.execute(query, (after, last)):
                record = Record(*row)
                self._check_record(record, good, previous)
                good, previous = record.seq, record.hash
                yield record
                if good == last:  # to ask for one more would stumble over what may lie behind it
                    return
        except UNREADABLE as error:
            self._verify(after)
            raise self._unreadable(error, good) from error
        except JournalDamaged:
            self._verify(after)
            raise
        if good < min(self.head.seq, last):
            self._verify(after)
            raise self._incomplete(good + 1, min(self.head.seq, last))

    def require_head(self) -> None:
        """Refuse a journal that ends before its head, before anything is read."""
        if self.last_seq < self.head.seq:
            self._verify(self.last_seq)
            raise self._incomplete(self.last_seq + 1, self.head.seq)

    def _verify(self, until: int) -> None:
        """Before records up to ``until`` are called good: raise where they are not, for a start skips most of them."""
        if until:
            for _ in self.records(until=until):
                pass

    def hash_of(self, seq: int) -> bytes | None:
        """The hash that stands in record ``seq``, not verified; None where there is no such record."""
        if seq == 0:
            return GENESIS
        row = self._one("SELECT hash FROM records WHERE seq = ?", seq)
        return None if row is None else row[0]

    def _check_record(self, record: Record, good: int, previous: bytes) -> None:
        if not isinstance(record.seq, int):
            raise JournalDamaged(
                f"{self.folder / DATABASE}: what follows record {good} has no number; {self._advice(good)}", good
            )
        if record.seq != good + 1:
            raise self._incomplete(good + 1, record.seq - 1)
        try:
            expected = record_hash(previous, record.seq, record)
        except (TypeError, AttributeError, struct.error):  # a damaged row may hold a value of another type
            expected = None
        if expected != record.hash:
            raise JournalDamaged(
                f"{self.folder / DATABASE}: record {record.seq} does not match its hash: it, or its place in the chain,"
                f" was changed; {self._advice(good)}",
                good,
            )
        if record.seq == self.head.seq and record.hash != self.head.hash:
            raise JournalDamaged(
                f"{self.folder}: record {record.seq} of {DATABASE} is not the one that {HEAD} names: one of the two"
                f" files belongs to another journal or was rewritten; {self._advice(good)}",
                good,
            )

    def _read_head(self) -> Head:
        path = self.folder / HEAD
        cure = (
            f"restore {HEAD} from a copy, or, where you can tell from elsewhere that no acknowledged record is missing,"
            f" accept the chain as it stands: `novate rebuild-head {self.folder}`"
        )
        try:
            head = read_head(path)
        except FileNotFoundError:
            head, state = None, "does not exist"
        else:
            state = "is spoilt in both slots"
        if head is None:
            raise JournalError(f"{path} {state}, so nobody can tell whether records are missing: {cure}")
        return head

    def _check_format(self) -> None:
        try:
            row = self._database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        except UNREADABLE as error:
            unreadable = self._unreadable(error, None)
            if not isinstance(unreadable, JournalDamaged) or not unreadable.last_good_seq:
                raise unreadable from error
            found = f"unreadable ({error_name(error)})"
        else:
            found = "none" if row is None else repr(row[0])
        if found == repr(str(FORMAT)):
            return
        message = f"{self.folder / DATABASE}: format is {found}, this release reads format {FORMAT}"
        if good := self._last_good():  # no other format has such hashes
            raise JournalDamaged(
                f"{message}; but its records are of format {FORMAT}, so the table meta was damaged; the last good"
                f" record is {good}. Nothing was changed on disk: restore the folder from a copy",
                good,
            )
        raise JournalNotThere(message)

    def _find_last(self) -> int:
        try:
            row = self._database.execute("SELECT seq FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        except UNREADABLE:
            return self.head.seq  # walking the chain shall tell where the damage begins
        if row is None:
            return 0
        return row[0] if isinstance(row[0], int) else self.head.seq  # a damaged schema may have no number there

    def _one(self, query: str, *parameters: int) -> tuple | None:
        try:
            return self._database.execute(query, parameters).fetchone()
        except UNREADABLE as error:
            raise self._unreadable(error, None) from error

    def _unreadable(self, error: Exception, good: int | None) -> JournalError:
        name = error_name(error)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN")):
            return JournalNotThere(f"{self.folder / DATABASE}: {name} ({error}): check its rights, then try again")
        # Where a look-up failed nobody knows yet how far the chain is sound: walk it.
        last = self._last_good() if good is None else good
        return JournalDamaged(
            f"{self.folder / DATABASE}: SQLite reports {name} ({error}) after record {last}; {self._advice(last)}", last
        )

    def _last_good(self) -> int:
        good, previous = 0, GENESIS
        with contextlib.suppress(*UNREADABLE, JournalDamaged):
            for row in self._database.execute(f"SELECT {COLUMNS} FROM records ORDER BY seq"):
                record = Record(*row)
                self._check_record(record, good, previous)
                good, previous = record.seq, record.hash
        return good

    def _incomplete(self, first: int, last: int) -> JournalIncomplete:
        missing = f"record {first} is" if first == last else f"records {first} to {last} are"
        return JournalIncomplete(
            f"{self.folder / DATABASE}: {missing} missing ({HEAD} says that record {self.head.seq} was acknowledged);"
            f" {self._advice(first - 1)}",
            first,
            last,
        )

    def _advice(self, good: int) -> str:
        return (
            f"the last good record is {good}, and a replay until {good} shows the house as it stood then."
            " Nothing was changed on disk: restore the folder from a copy"
        )

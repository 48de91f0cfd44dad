"""Snapshots held against the journal: an audit shows that a start from one gives the house that the journal makes."""

from pathlib import Path

import msgspec

from novate.core.book import Book
from novate.service.chain import Record
from novate.service.snapshot import SnapshotDamaged, SnapshotOfAnotherRelease, named_seq, read_snapshot


class Witnesses:
    """Compares each snapshot with the book as it stands after its record; one removed meanwhile is left out."""

    def __init__(self, found: list[Path], last_seq: int) -> None:
        """Watch for the records that the snapshots' names tell of; a snapshot of none of them is unconfirmed."""
        self.confirmed = 0
        self.unconfirmed: list[str] = []
        self.not_compared: list[str] = []
        self._due: dict[int, list[Path]] = {}
        for path in found:
            seq = named_seq(path)
            if 0 < seq <= last_seq:
                self._due.setdefault(seq, []).append(path)
            else:
                self._compare(path, None, None)

    def ask(self, record: Record, book: Book) -> None:
        """Compare the snapshots of this record with the book after it."""
        for path in self._due.pop(record.seq, ()):
            self._compare(path, record, book)

    def _compare(self, path: Path, record: Record | None, book: Book | None) -> None:
        try:
            snapshot = read_snapshot(path)
            if record is None or book is None or snapshot.seq != record.seq:
                raise SnapshotDamaged(f"it is of record {snapshot.seq}, which is not the one that its name tells of")
            if snapshot.hash != record.hash:
                raise SnapshotDamaged(f"it is of another house: its record {snapshot.seq} has another hash")
            if snapshot.time_ns != record.time_ns or Book.loads(snapshot.body).digest() != book.digest():
                raise SnapshotDamaged(f"it does not hold the house that the journal makes up to record {snapshot.seq}")
        except FileNotFoundError:
            return  # the engine beside us keeps only the newest
        except SnapshotOfAnotherRelease as error:
            self.not_compared.append(f"{path} was not compared: {error}")
        except (SnapshotDamaged, OSError, ValueError, msgspec.MsgspecError) as error:
            self.unconfirmed.append(f"{path} is not to be trusted: {error}; move it out of the folder")
        else:
            self.confirmed += 1

"""Snapshots: the book after one record, so that recovery folds only what came later.

A snapshot is a shortcut and never the truth: it is used only where its own digest holds, where it was written for the
layout of the book that this release has, and where the chain has the hash that it names; otherwise the one before it
is used, or the whole journal. But it is a witness: it was written after its record was durable, so a chain that ends
before it has lost records.
"""

import hashlib
import logging
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from novate.core import book, layout
from novate.core.book import Book
from novate.service.journal import JournalIncomplete, sync_folder

MAGIC: Final = b"NOVSNAP1"
HEADER: Final = struct.Struct("<8s32sqq32sQ")
DIGEST_BYTES: Final = 32
KEPT: Final = 3

log = logging.getLogger("novate.journal")


class SnapshotDamaged(Exception):
    """A snapshot cannot be used; the message says why."""


class SnapshotOfAnotherRelease(SnapshotDamaged):
    """A snapshot is sound, and of a release that lays the book out differently."""


class Snapshot(msgspec.Struct, frozen=True):
    """The book (``Book.dumps``) after record ``seq``, the time of that record and its hash in the chain."""

    seq: int
    time_ns: int
    hash: bytes
    body: bytes


def book_layout() -> bytes:
    """A hash of how this release lays the book out; a snapshot of another layout is not read."""
    tables = [(name, thing.descr) for name, thing in sorted(vars(layout).items()) if isinstance(thing, np.dtype)]
    registers = [
        (name, thing.__struct_fields__)
        for name, thing in sorted(vars(book).items())
        if isinstance(thing, type) and issubclass(thing, msgspec.Struct)
    ]
    return hashlib.sha256(repr((tables, registers)).encode()).digest()


def snapshot_path(folder: Path, seq: int) -> Path:
    """Where the snapshot after record ``seq`` lies."""
    return folder / f"snapshot-{seq:012d}.novate"


def write_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write a snapshot, whole or not at all, and of it and those before it keep the newest ``KEPT``."""
    path = snapshot_path(folder, snapshot.seq)
    header = HEADER.pack(MAGIC, book_layout(), snapshot.seq, snapshot.time_ns, snapshot.hash, len(snapshot.body))
    hasher = hashlib.sha256(header)
    hasher.update(snapshot.body)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(header)
        file.write(snapshot.body)
        file.write(hasher.digest())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(folder)
    for old in [other for other in snapshots(folder) if other <= path][KEPT:]:
        old.unlink()
    return path


def snapshots(folder: Path) -> list[Path]:
    """The snapshots of a folder, newest first."""
    return sorted(folder.glob("snapshot-*.novate"), reverse=True)


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot. Raises ``SnapshotDamaged`` where it is not what was written, or of another release."""
    made_for, snapshot = unpack(path.read_bytes())
    if made_for != book_layout():
        raise SnapshotOfAnotherRelease("it was written by a release that lays the book out differently")
    return snapshot


def unpack(data: bytes) -> tuple[bytes, Snapshot]:
    """The layout that a snapshot was written for, and what it says. Raises ``SnapshotDamaged``."""
    content, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if len(content) < HEADER.size or hashlib.sha256(content).digest() != digest:
        raise SnapshotDamaged("its digest does not match its content")
    magic, made_for, seq, time_ns, chain_hash, length = HEADER.unpack_from(content)
    if magic != MAGIC or length != len(content) - HEADER.size:
        raise SnapshotDamaged("it is not a snapshot of this format")
    return made_for, Snapshot(seq, time_ns, chain_hash, content[HEADER.size :])


def beyond(found: list[Path], last_seq: int) -> Iterator[tuple[Path, int]]:
    """The sound snapshots among ``found`` of records after ``last_seq``, with their records."""
    for path in found:
        try:
            seq = unpack(path.read_bytes())[1].seq
        except (SnapshotDamaged, OSError):  # no witness; whoever wants to use it says why it cannot be used
            continue
        if seq > last_seq:
            yield path, seq


def require_snapshots(found: list[Path], last_seq: int) -> None:
    """Refuse a journal that ends before a sound snapshot.

    List the snapshots before the journal is opened: those that its writer adds meanwhile are then no surprise.
    """
    for path, seq in beyond([path for path in found if named_seq(path) > last_seq], last_seq):
        raise JournalIncomplete(
            f"{path} is of record {seq}, and the journal ends at {last_seq}: records {last_seq + 1} to {seq} are"
            " missing, or the snapshot is of another house. Nothing was changed on disk: restore the folder from a"
            " copy, or move the snapshot out of it where you know that it does not belong there",
            last_seq + 1,
            seq,
        )


def named_seq(path: Path) -> int:
    """The record that a snapshot's name tells of; 0 where it tells of none."""
    number = path.stem.removeprefix("snapshot-")
    return int(number) if number.isdecimal() else 0


def newest_snapshot(folder: Path, hash_of: Callable[[int], bytes | None]) -> tuple[Snapshot, Book] | None:
    """The newest snapshot that the chain confirms, with its book; each one passed over is logged by name.

    ``hash_of`` gives the hash that stands in a record of the journal, or None.
    """
    for path in snapshots(folder):
        try:
            snapshot = read_snapshot(path)
            if hash_of(snapshot.seq) != snapshot.hash:
                raise SnapshotDamaged(f"the journal has another record {snapshot.seq}, or none")
            return snapshot, Book.loads(snapshot.body)
        except (SnapshotDamaged, OSError, ValueError, msgspec.MsgspecError) as error:
            log.warning("%s is passed over: %s; an older snapshot or the journal is used", path, error)
    return None

"""One record of the journal, its place in the chain of hashes, and what can be wrong with a journal."""

import hashlib
import struct
from typing import Final

import msgspec

FORMAT: Final = 1
GENESIS: Final = hashlib.sha256(b"novate journal, format 1").digest()
"""The hash before the first record."""

CHAINED: Final = struct.Struct("<32sqqqQQQ")
PIECE_BYTES: Final = 1 << 22


class JournalError(Exception):
    """A journal cannot be opened, read or written; the message says where and what to do."""


class JournalLocked(JournalError):
    """Another process writes this journal."""


class JournalNotThere(JournalError):
    """The folder has no journal that can be opened here, or the journal no such record: nothing is said of what the
    journal holds."""


class JournalDamaged(JournalError):
    """The journal does not hold what was written. Records up to ``last_good_seq`` are sound."""

    def __init__(self, message: str, last_good_seq: int) -> None:
        super().__init__(message)
        self.last_good_seq = last_good_seq


class JournalIncomplete(JournalDamaged):
    """Records ``first_missing_seq`` to ``last_missing_seq`` are not there, though something later tells of them."""

    def __init__(self, message: str, first_missing_seq: int, last_missing_seq: int) -> None:
        super().__init__(message, first_missing_seq - 1)
        self.first_missing_seq = first_missing_seq
        self.last_missing_seq = last_missing_seq


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record before it has its place in the chain: encoded command and facts, and the version that decided."""

    time_ns: int
    version: int
    kind: str
    command: bytes
    facts: bytes


class Record(msgspec.Struct, frozen=True, gc=False):
    """One row of the journal."""

    seq: int
    time_ns: int
    version: int
    kind: str
    command: bytes
    facts: bytes
    hash: bytes


def record_hash(previous: bytes, seq: int, entry: Entry | Record) -> bytes:
    """SHA-256 over the previous hash and everything in the record, each part with its length before it."""
    kind, command, facts = entry.kind.encode(), entry.command, entry.facts
    head = CHAINED.pack(previous, seq, entry.time_ns, entry.version, len(kind), len(command), len(facts))
    if len(command) + len(facts) < PIECE_BYTES:
        # One call: each call with much to hash gives up the interpreter's lock and has to win it back.
        return hashlib.sha256(b"".join((head, kind, command, facts))).digest()
    hasher = hashlib.sha256(head + kind)
    hasher.update(command)
    hasher.update(facts)
    return hasher.digest()

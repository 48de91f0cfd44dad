"""The journal's head: how far acknowledgements have gone, kept apart from the journal itself.

One flipped bit in SQLite's log silently shortens the chain, and what is left still verifies. Only a file that is
written and synced on its own can say that more was acknowledged. It has two slots, one per block of the disk, written
in turn, so that a write torn by a crash spoils the slot whose record was never acknowledged and leaves the other.
"""

import hashlib
import logging
import os
import struct
from pathlib import Path
from typing import Final

import msgspec

MAGIC: Final = b"NOVHEAD1"
SLOT_BYTES: Final = 4096
SLOT: Final = struct.Struct("<8sq32s")
CHECKSUM_BYTES: Final = 32

log = logging.getLogger("novate.journal")


class Head(msgspec.Struct, frozen=True):
    """The last record whose commit was made durable before its acknowledgement: its number and its hash."""

    seq: int
    hash: bytes


def pack_slot(head: Head) -> bytes:
    """The bytes of a slot: magic, seq, hash and the SHA-256 of these."""
    body = SLOT.pack(MAGIC, head.seq, head.hash)
    return body + hashlib.sha256(body).digest()


def parse_slot(data: bytes) -> Head | None:
    """The head that a slot holds, or None where its checksum does not match."""
    body, checksum = data[: SLOT.size], data[SLOT.size : SLOT.size + CHECKSUM_BYTES]
    if len(body) < SLOT.size or hashlib.sha256(body).digest() != checksum:
        return None
    magic, seq, digest = SLOT.unpack(body)
    return Head(seq, digest) if magic == MAGIC else None


def read_head(path: Path) -> Head | None:
    """The newest of the two slots that is whole; None where neither is. Raises ``FileNotFoundError``.

    One spoilt slot is what a crash in the middle of a write leaves; it is logged, for a bad disk looks the same.
    """
    data = path.read_bytes()
    slots = [parse_slot(data[start : start + SLOT_BYTES]) for start in (0, SLOT_BYTES)]
    whole = [head for head in slots if head is not None]
    if len(whole) == 1 and whole[0].seq > 0:
        log.warning("%s: slot %d is spoilt, the other says seq %d", path, slots.index(None) + 1, whole[0].seq)
    return max(whole, key=lambda head: head.seq, default=None)


def has_both_slots(path: Path) -> bool:
    """Whether a head file was begun and both of its slots were written: the journal beside it is there to be read."""
    return path.exists() and path.stat().st_size > SLOT_BYTES


class HeadFile:
    """The head opened for writing. Not thread-safe: the thread that commits also moves the head."""

    def __init__(self, path: Path, head: Head) -> None:
        """Open or create the file and make it say ``head``, durably."""
        # With O_DSYNC a write returns when it is durable: one call, where write and fdatasync would be two.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DSYNC, 0o644)
        try:
            slots = [parse_slot(os.pread(self._file, SLOT_BYTES, start)) for start in (0, SLOT_BYTES)]
            seqs = [-1 if slot is None else slot.seq for slot in slots]
            self._next = seqs.index(min(seqs))
            self.write(head)
            if min(seqs) < 0:  # new, or one slot was spoilt: leave two whole ones
                self.write(head)
            os.fsync(self._file)
        except BaseException:
            os.close(self._file)
            raise

    def write(self, head: Head) -> None:
        """Put the head into the older slot; it is durable when this returns."""
        data = pack_slot(head)
        written = os.pwrite(self._file, data, self._next * SLOT_BYTES)
        if written != len(data):
            raise OSError(f"journal head: {written} of {len(data)} bytes were written; the disk may be full")
        self._next = 1 - self._next

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

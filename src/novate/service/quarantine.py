"""Commands that stopped the house are kept for people to look at, and not tried again."""

import base64
import os
from pathlib import Path
from typing import Final

import msgspec

from novate.service.journal import sync_folder

QUARANTINE: Final = "quarantine.jsonl"


class Quarantined(msgspec.Struct, frozen=True):
    """One line of ``quarantine.jsonl``.

    ``cause`` is ``core`` (a law broke or an assertion failed) or ``commit`` (the journal could not be written; the
    first command of the group is shown). The command would have been record ``seq`` at ``time_ns``. ``book_digest``
    is of the book in memory as it was found then, the command's changes in it; a replay until ``seq - 1`` shows the
    book before it. ``command`` is the journal's own encoding in base64, and ``readable`` the same for people.
    """

    cause: str
    error: str
    message: str
    seq: int
    time_ns: int
    book_digest: str
    kind: str
    command: str
    readable: object


def encode_command(data: bytes) -> tuple[str, object]:
    """A journaled command as base64, and as plain values with bytes in base64."""
    return base64.b64encode(data).decode(), msgspec.to_builtins(msgspec.msgpack.decode(data))


def quarantine(folder: Path, line: Quarantined) -> Path:
    """Append a line to the folder's quarantine, durably."""
    path = folder / QUARANTINE
    with path.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)
    return path

"""What an operator can do about a head that is gone: accept the chain of a journal as it stands."""

import os
from pathlib import Path

import msgspec

from novate.service.head import Head, HeadFile, read_head
from novate.service.journal import (
    GENESIS,
    JournalError,
    JournalIncomplete,
    JournalNotThere,
    JournalReader,
    lock_folder,
    sync_folder,
)
from novate.service.reader import DATABASE, HEAD
from novate.service.snapshot import beyond, snapshots

REPLACED = ".replaced"


class Accepted(msgspec.Struct, frozen=True):
    """The chain that the head now stands for: its last record, and the files that were set aside for it.

    ``changed`` is False where the head was sound, and nothing was done.
    """

    head: Head
    time_ns: int
    changed: bool
    aside: list[Path]


def rebuild_head(folder: str | Path, last: int | None = None) -> Accepted:
    """Verify the chain of a journal and write a head that names its last record, where the head cannot be used.

    Only for an operator who knows from elsewhere (a copy, the members' own records) that nothing acknowledged is
    missing. Where the head or a snapshot tells that something is, ``last``, the last record there is, must be given:
    the records after it are then given up. The old head and such snapshots are kept under another name. Raises
    ``JournalError`` where the chain is damaged, and ``JournalLocked`` where an engine runs.
    """
    folder = Path(folder)
    if not (folder / DATABASE).is_file():
        raise JournalNotThere(f"{folder / DATABASE} does not exist: give the folder of a journal")
    lock = lock_folder(folder)
    try:
        try:
            claimed = read_head(folder / HEAD)
        except FileNotFoundError:
            claimed = None
        found, time_ns, confirmed = _walk(folder, claimed)
        witnesses = list(beyond(snapshots(folder), found.seq))
        if last is not None and last != found.seq:
            raise JournalNotThere(
                f"{folder / DATABASE} ends at record {found.seq}, not at {last}: give the last there is"
            )
        if confirmed and not witnesses:
            return Accepted(found, time_ns, False, [])
        if last is None:
            _require_no_loss(folder, found, claimed, witnesses)
        aside = [_set_aside(path) for path, _ in witnesses]
        if (folder / HEAD).exists():
            aside.append(_set_aside(folder / HEAD))
        HeadFile(folder / HEAD, found).close()
        sync_folder(folder)
        return Accepted(found, time_ns, True, aside)
    finally:
        os.close(lock)


def _walk(folder: Path, claimed: Head | None) -> tuple[Head, int, bool]:
    """The end of the chain, its time, and whether the chain holds what the head claims."""
    found, time_ns, confirmed = Head(0, GENESIS), 0, claimed == Head(0, GENESIS)
    with JournalReader(folder, head=found) as reader:
        for record in reader.records():
            found, time_ns = Head(record.seq, record.hash), record.time_ns
            confirmed = confirmed or found == claimed
    return found, time_ns, confirmed


def _require_no_loss(folder: Path, found: Head, claimed: Head | None, witnesses: list[tuple[Path, int]]) -> None:
    tell = [(folder / HEAD, claimed.seq)] if claimed is not None else []
    told_by, seq = max([*tell, *witnesses], key=lambda told: told[1], default=(None, 0))
    if seq > found.seq:
        raise JournalIncomplete(
            f"{told_by} says that record {seq} was acknowledged, and the journal ends at {found.seq}: records"
            f" {found.seq + 1} to {seq} are missing. Restore the folder from a copy; only where there is none, give"
            f" them up by naming the last record that is left: `novate rebuild-head {folder} --last {found.seq}`",
            found.seq + 1,
            seq,
        )
    if claimed is not None:
        raise JournalError(
            f"{folder / HEAD} names another record {claimed.seq} than the journal holds: one of the two belongs to"
            " another journal. Put the right one there; only where there is none, accept the chain as it is:"
            f" `novate rebuild-head {folder} --last {found.seq}`"
        )


def _set_aside(path: Path) -> Path:
    """Rename a file so that nothing reads it, over no other file."""
    number, target = 1, path.with_name(path.name + REPLACED)
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}{REPLACED}-{number}")
    return path.rename(target)

"""A disk that remembers: everything that was written to one folder, in order, and what of it a sync made durable.

From the memory any moment can be restored as a power cut would leave it. POSIX promises little: until a file is synced
each piece of each write to it may or may not be there, and until the folder is synced the same goes for new, moved and
removed names.
"""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from novate.service import head, journal, snapshot
from tests.service.vfs import overhear

SECTOR = 512
PIECE = 4096


class Wrote(NamedTuple):
    """Bytes on their way into a file."""

    file: int
    offset: int
    data: bytes


class Truncated(NamedTuple):
    """A file cut to a size, on its way."""

    file: int
    size: int


class Synced(NamedTuple):
    """All that is on its way into a file has arrived."""

    file: int


class Named(NamedTuple):
    """A name given to a file, or (None) removed; on its way."""

    name: str
    file: int | None


class NamesSynced(NamedTuple):
    """All names are durable."""


class Told(NamedTuple):
    """Somebody was told that records up to this one are durable."""

    seq: int


Event = Wrote | Truncated | Synced | Named | NamesSynced | Told


class Disk:
    """Records what happens to a folder; ``with disk.recording():`` around the code that shall be recorded."""

    def __init__(self, folder: Path, *, honest_head: bool = True) -> None:
        """``honest_head=False`` makes the head's writes lie about being durable."""
        self.folder = folder
        self.events: list[Event] = []
        self.honest_head = honest_head
        self._names: dict[str, int] = {}
        self._files = 0
        self._lock = threading.RLock()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Overhear SQLite and the modules that write files themselves."""
        with ExitStack() as stack:
            stack.enter_context(overhear(self))
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            system: Any = System(self)
            for module in (head, journal, snapshot):
                patch.setattr(module, "os", system)
            replace, unlink = Path.replace, Path.unlink

            def overheard_replace(path: Path, target: Path) -> Path:
                result = replace(path, target)
                self.renamed(path, target)
                return result

            def overheard_unlink(path: Path, missing_ok: bool = False) -> None:
                unlink(path, missing_ok)
                self.unlinked(path, False)

            patch.setattr(Path, "replace", overheard_replace)
            patch.setattr(Path, "unlink", overheard_unlink)
            yield

    def told(self, seq: int) -> None:
        """Somebody was told of a record."""
        with self._lock:
            self.events.append(Told(seq))

    def opened(self, path: Path, create: bool) -> None:
        """A file was opened, and made where there was none."""
        with self._lock:
            if create and self._ours(path) and path.name not in self._names:
                self._files += 1
                self._name(path.name, self._files)

    def wrote(self, path: Path, offset: int, data: bytes) -> None:
        """Bytes were written."""
        with self._lock:
            if self._ours(path):
                self.events.append(Wrote(self._names[path.name], offset, data))

    def truncated(self, path: Path, size: int) -> None:
        """A file was cut."""
        with self._lock:
            if self._ours(path):
                self.events.append(Truncated(self._names[path.name], size))

    def synced(self, path: Path, names: bool) -> None:
        """A file was synced, and its folder where ``names``."""
        with self._lock:
            if path == self.folder:
                self.events.append(NamesSynced())
            elif self._ours(path):
                self.events.append(Synced(self._names[path.name]))
                if names:
                    self.events.append(NamesSynced())

    def unlinked(self, path: Path, names: bool) -> None:
        """A name was removed."""
        with self._lock:
            if self._ours(path) and path.name in self._names:
                self._name(path.name, None)
                if names:
                    self.events.append(NamesSynced())

    def renamed(self, path: Path, target: Path) -> None:
        """A file was given another name."""
        with self._lock:
            if self._ours(path):
                self._name(target.name, self._names[path.name])
                self._name(path.name, None)

    def _ours(self, path: Path) -> bool:
        return path.parent == self.folder and path.suffix != ".lock" and not path.name.endswith("-shm")

    def _name(self, name: str, file: int | None) -> None:
        self.events.append(Named(name, file))
        if file is None:
            del self._names[name]
        else:
            self._names[name] = file


class System:
    """Stands in for ``os`` in the modules that write files themselves."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._opened: dict[int, tuple[Path, bool]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        self._disk.opened(path, bool(flags & os.O_CREAT))
        descriptor = os.open(path, flags, mode)
        self._opened[descriptor] = Path(path), bool(flags & os.O_DSYNC)
        return descriptor

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        path, durable = self._opened[descriptor]
        self._disk.wrote(path, offset, data)
        written = os.pwrite(descriptor, data, offset)
        if durable and self._disk.honest_head:
            self._disk.synced(path, False)
        return written

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        status = os.fstat(descriptor)
        for path in [self._disk.folder, *self._disk.folder.iterdir()]:
            if os.path.samestat(path.stat(), status):
                if path.suffix == ".unfinished":  # written through Python's own files, and whole by now
                    self._disk.opened(path, True)
                    self._disk.wrote(path, 0, path.read_bytes())
                if path.suffix != ".head" or self._disk.honest_head:
                    self._disk.synced(path, False)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)
        self._opened.pop(descriptor, None)


class Moment:
    """The state of a disk after some events: what is durable, and what is on its way."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._files: dict[int, bytes] = {}
        self._pending: dict[int, list[Wrote | Truncated]] = {}
        self._names: dict[str, int] = {}
        self._names_pending: list[Named] = []

    def advance(self, event: Event) -> None:
        """Let one more thing happen."""
        match event:
            case Wrote() | Truncated():
                self._pending.setdefault(event.file, []).append(event)
            case Synced():
                arrived = self._pending.pop(event.file, [])
                self._files[event.file] = applied(self._files.get(event.file, b""), arrived)
            case Named():
                self._names_pending.append(event)
            case NamesSynced():
                rename(self._names, self._names_pending)
                self._names_pending = []
            case Told():
                self.acknowledged = event.seq

    def cut(self, how: str, rng: random.Random) -> dict[str, bytes]:
        """The files of the folder after a power cut.

        ``nothing`` that was on its way arrived; ``some`` did, piece by piece at random; ``torn``: all but the end of
        the last write to each file; ``everything`` did, as after a kill.
        """
        names, pending = dict(self._names), self._names_pending
        if how == "some":
            pending = pending[: rng.randint(0, len(pending))]
        if how != "nothing":
            rename(names, pending)
        return {name: self._content(file, how, rng) for name, file in names.items()}

    def _content(self, file: int, how: str, rng: random.Random) -> bytes:
        pending = self._pending.get(file, [])
        if how == "nothing":
            pending = []
        elif how == "some":
            pending = [piece for change in pending for piece in pieces(change) if rng.random() < 0.5]
        elif how == "torn" and pending:
            *pending, last = pending
            if isinstance(last, Wrote):
                kept = rng.randrange(0, len(last.data), SECTOR if len(last.data) > SECTOR else 1)
                pending = [*pending, last._replace(data=last.data[:kept])]
        return applied(self._files.get(file, b""), pending)


def pieces(change: Wrote | Truncated) -> list[Wrote | Truncated]:
    """A change in the pieces in which a disk may carry it out: blocks, or the sectors of less."""
    if isinstance(change, Truncated):
        return [change]
    size = PIECE if len(change.data) > PIECE else SECTOR
    return [
        Wrote(change.file, change.offset + start, change.data[start : start + size])
        for start in range(0, len(change.data), size)
    ]


def applied(content: bytes, changes: list[Wrote | Truncated]) -> bytes:
    """The content of a file after changes."""
    if not changes:
        return content
    data = bytearray(content)
    for change in changes:
        if isinstance(change, Truncated):
            del data[change.size :]
            data.extend(bytes(change.size - len(data)))
        else:
            data.extend(bytes(max(0, change.offset - len(data))))
            data[change.offset : change.offset + len(change.data)] = change.data
    return bytes(data)


def rename(names: dict[str, int], changes: list[Named]) -> None:
    """Carry out changes of names."""
    for change in changes:
        if change.file is None:
            names.pop(change.name, None)
        else:
            names[change.name] = change.file

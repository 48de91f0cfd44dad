"""SQLite's own layer of files, overheard: every write, truncation and sync of the library that Python uses.

Python's ``sqlite3`` cannot be given a VFS, but the library behind it can: a copy of its default VFS is registered as
the new default whose files report to a listener and then do what they always did. The code under test, its statements
and its pragmas are the real ones.
"""

import _sqlite3
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Protocol

import pytest

OPEN_CREATE = 0x4
OPEN_LOG = 0x800 | 0x4000 | 0x80000
"""SQLite's flags of a rollback journal, a super-journal and a write-ahead log."""


class Listener(Protocol):
    """Who is told what happens to the files of SQLite, each before it happens but a sync, which is told after."""

    def opened(self, path: Path, create: bool) -> None: ...
    def wrote(self, path: Path, offset: int, data: bytes) -> None: ...
    def truncated(self, path: Path, size: int) -> None: ...
    def synced(self, path: Path, names: bool) -> None: ...
    def unlinked(self, path: Path, names: bool) -> None: ...


class Vfs(Structure):
    """``sqlite3_vfs``, version 3."""

    _fields_ = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", c_void_p),
        ("xDelete", c_void_p),
        ("others", c_void_p * 14),
    ]


class Methods(Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = [
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", c_void_p),
        ("xWrite", c_void_p),
        ("xTruncate", c_void_p),
        ("xSync", c_void_p),
        ("others", c_void_p * 13),
    ]


class File(Structure):
    """``sqlite3_file``."""

    _fields_ = [("pMethods", POINTER(Methods))]


OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


def library() -> ctypes.CDLL:
    """The library that this Python's ``sqlite3`` uses; a Python that hides it cannot run the test."""
    try:
        found = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        found.sqlite3_vfs_find.restype = POINTER(Vfs)
        found.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        found.sqlite3_vfs_unregister.argtypes = [c_void_p]
    except (OSError, AttributeError) as error:
        pytest.skip(f"this Python's SQLite cannot be reached from outside: {error}")
    return found


class Overheard:
    """The VFS whose files report to ``listener``."""

    def __init__(self, original: "ctypes._Pointer[Vfs]", listener: Listener) -> None:
        self._original, self._listener = original, listener
        self._files: dict[int, Path] = {}
        self._names_due: set[int] = set()
        self._tables: dict[int, Methods] = {}
        self._kept: list[object] = []  # what C calls must not be collected
        self.vfs = Vfs.from_buffer_copy(original.contents)
        self.vfs.zName = b"overheard"
        self.vfs.pNext = None
        self.vfs.xOpen = self._keep(OPEN(self._open))
        self.vfs.xDelete = self._keep(DELETE(self._delete))

    def _keep(self, function: object) -> c_void_p:
        self._kept.append(function)
        return ctypes.cast(function, c_void_p)  # pyright: ignore[reportArgumentType]

    def _open(self, _: int, name: int | None, file: int, flags: int, flags_out: int) -> int:
        path = Path(ctypes.string_at(name).decode()) if name else None
        if path is not None:
            self._listener.opened(path, bool(flags & OPEN_CREATE))
        code = OPEN(self._original.contents.xOpen)(
            ctypes.addressof(self._original.contents), name, file, flags, flags_out
        )
        opened = ctypes.cast(file, POINTER(File)).contents
        if code == 0 and path is not None and opened.pMethods:
            self._files[file] = path
            self._names_due.discard(file)
            if flags & OPEN_LOG and flags & OPEN_CREATE:  # SQLite makes the name of a new log durable at its first sync
                self._names_due.add(file)
            opened.pMethods = ctypes.pointer(self._methods(opened.pMethods))
        return code

    def _delete(self, _: int, name: bytes, sync_names: int) -> int:
        code = DELETE(self._original.contents.xDelete)(ctypes.addressof(self._original.contents), name, sync_names)
        if code == 0:
            self._listener.unlinked(Path(name.decode()), bool(sync_names))
        return code

    def _methods(self, original: "ctypes._Pointer[Methods]") -> Methods:
        address = ctypes.addressof(original.contents)
        if address not in self._tables:
            table = self._tables[address] = Methods.from_buffer_copy(original.contents)
            write, truncate, sync = WRITE(table.xWrite), TRUNCATE(table.xTruncate), SYNC(table.xSync)

            def overheard_write(file: int, data: int, size: int, offset: int) -> int:
                self._listener.wrote(self._files[file], offset, ctypes.string_at(data, size))
                return write(file, data, size, offset)

            def overheard_truncate(file: int, size: int) -> int:
                self._listener.truncated(self._files[file], size)
                return truncate(file, size)

            def overheard_sync(file: int, flags: int) -> int:
                code = sync(file, flags)
                if code == 0:
                    self._listener.synced(self._files[file], file in self._names_due)
                    self._names_due.discard(file)
                return code

            table.xWrite = self._keep(WRITE(overheard_write))
            table.xTruncate = self._keep(TRUNCATE(overheard_truncate))
            table.xSync = self._keep(SYNC(overheard_sync))
        return self._tables[address]


@contextmanager
def overhear(listener: Listener) -> Iterator[None]:
    """Report all that SQLite does to files while in the context; all of its connections must be closed at the end."""
    sqlite = library()
    original = sqlite.sqlite3_vfs_find(None)
    overheard = Overheard(original, listener)
    address = ctypes.addressof(overheard.vfs)
    sqlite.sqlite3_vfs_register(address, 1)
    try:
        yield
    finally:
        sqlite.sqlite3_vfs_unregister(address)
        sqlite.sqlite3_vfs_register(original, 1)

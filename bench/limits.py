"""What this machine can do at best: the limits that figures are read against. Measured before and after them."""

import functools
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from numba import njit, prange

from bench.figures import Figure, seconds

TRIAD_WORDS = 4_000_000
NEAR_WORDS = 1 << 16
NEAR_PASSES = 2_000
LINE_WORDS = 8
TABLE_WORDS = 1 << 25
GATHERED_LINES = 1_000_000
ROW_BYTES = 300  # about what a record of one trade takes
PREALLOCATED_BYTES = 1 << 22
BLOCK_BYTES = 4096
STREAM_BYTES = 1 << 20  # about what a record of ten thousand trades takes
HASHED = bytes(1 << 20)


@njit(parallel=True, cache=True)
def triad(out, one, other, factor):
    """out = one + factor * other, on all threads: the plainest loop that memory alone holds back."""
    for at in prange(len(out)):
        out[at] = one[at] + factor * other[at]


@functools.cache
def triad_arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arrays of the triad, made once."""
    return np.zeros(TRIAD_WORDS), np.ones(TRIAD_WORDS), np.ones(TRIAD_WORDS)


def memory_bandwidth(folder: Path, limit_seconds: float) -> list[float]:
    """GB/s read and written by the triad, one sample a pass."""
    del folder
    out, one, other = triad_arrays()
    triad(out, one, other, 2.0)
    moved = 3 * out.nbytes / 1e9
    return repeated(limit_seconds, lambda: moved / seconds(lambda: triad(out, one, other, 2.0)))


@njit(parallel=True, cache=True, fastmath={"reassoc", "nsz"})
def read_near(words, passes):
    """The sum of a row of words for each thread, passed over so many times."""
    totals = np.zeros(len(words))
    for thread in prange(len(words)):
        total = 0.0
        for _ in range(passes):
            for at in range(words.shape[1]):
                total += words[thread, at]
        totals[thread] = total
    return totals.sum()


def near_bandwidth(folder: Path, limit_seconds: float) -> list[float]:
    """GB/s that all threads read, each from half a mebibyte of its own that its core keeps near."""
    del folder
    words = np.ones((numba.get_num_threads(), NEAR_WORDS))
    read_near(words, 1)
    read = NEAR_PASSES * words.nbytes / 1e9
    return repeated(limit_seconds, lambda: read / seconds(lambda: read_near(words, NEAR_PASSES)))


@njit(cache=True)
def gather(table, lines):
    """A word out of each of some cache lines; the reads do not wait for one another."""
    total = 0
    for at in range(len(lines)):
        total += table[lines[at] * LINE_WORDS]
    return total


@functools.cache
def large_table() -> tuple[np.ndarray, np.ndarray]:
    """A table that no cache holds, and lines all over it."""
    lines = np.random.default_rng(0).integers(0, TABLE_WORDS // LINE_WORDS, GATHERED_LINES)
    return np.ones(TABLE_WORDS, np.int64), lines


def random_lines(folder: Path, limit_seconds: float) -> list[float]:
    """Cache lines a second that one core reads from anywhere in a table too large for its caches."""
    del folder
    table, lines = large_table()
    gather(table, lines[:1])
    return repeated(limit_seconds, lambda: GATHERED_LINES / seconds(lambda: gather(table, lines)))


def sha256(folder: Path, limit_seconds: float) -> list[float]:
    """GB/s of SHA-256 on one core, a mebibyte at a time."""
    del folder
    return repeated(limit_seconds, lambda: len(HASHED) / 1e9 / seconds(lambda: hashlib.sha256(HASHED).digest()))


def sqlite_commits(folder: Path, limit_seconds: float) -> list[float]:
    """Durable commits a second as the journal makes them: one row in SQLite's log, then the head synced on its own."""
    path = folder / "limit.sqlite"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA page_size = 32768")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    head = os.open(folder / "limit.head", os.O_RDWR | os.O_CREAT | os.O_DSYNC)
    row, slot = bytes(ROW_BYTES), bytes(80)

    def commit() -> None:
        database.execute("INSERT INTO rows (body) VALUES (?)", (row,))
        os.pwrite(head, slot, 0)

    try:
        return per_second(limit_seconds, commit)
    finally:
        database.close()
        os.close(head)
        for file in folder.glob("limit.*"):
            file.unlink()


def bare_syncs(folder: Path, limit_seconds: float) -> list[float]:
    """Blocks a second written into a file that is already there, each made durable: the least that durability costs."""
    path = folder / "limit.blocks"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    block, blocks = bytes(BLOCK_BYTES), PREALLOCATED_BYTES // BLOCK_BYTES
    for at in range(blocks):
        os.pwrite(file, block, at * BLOCK_BYTES)
    os.fsync(file)
    done = 0

    def write() -> None:
        nonlocal done
        os.pwrite(file, block, done % blocks * BLOCK_BYTES)
        os.fdatasync(file)
        done += 1

    try:
        return per_second(limit_seconds, write)
    finally:
        os.close(file)
        path.unlink()


def durable_stream(folder: Path, limit_seconds: float) -> list[float]:
    """GB/s appended to a file, each mebibyte made durable before the next."""
    path = folder / "limit.stream"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    block = bytes(STREAM_BYTES)

    def write() -> None:
        os.write(file, block)
        os.fdatasync(file)

    try:
        return [blocks * STREAM_BYTES / 1e9 for blocks in per_second(limit_seconds, write)]
    finally:
        os.close(file)
        path.unlink()


def repeated(limit_seconds: float, sample: Callable[[], float]) -> list[float]:
    """Samples until the time is over, five at least."""
    samples: list[float] = []
    end = time.perf_counter() + limit_seconds
    while len(samples) < 5 or time.perf_counter() < end:
        samples.append(sample())
    return samples


def per_second(limit_seconds: float, action: Callable[[], None]) -> list[float]:
    """Calls a second, one sample for each fifth of the time."""
    samples: list[float] = []
    for _ in range(5):
        count, start = 0, time.perf_counter()
        while count == 0 or time.perf_counter() - start < limit_seconds / 5:
            action()
            count += 1
        samples.append(count / (time.perf_counter() - start))
    return samples


Measure = Callable[[Path, float], list[float]]

LIMITS: dict[str, tuple[str, str, Measure]] = {
    "limit-memory": (f"memory bandwidth, triad on {numba.get_num_threads()} threads", "GB/s", memory_bandwidth),
    "limit-near": (f"near memory read, {numba.get_num_threads()} threads", "GB/s", near_bandwidth),
    "limit-lines": ("cache lines read at random, one core", "lines/s", random_lines),
    "limit-sha256": ("SHA-256, one core", "GB/s", sha256),
    "limit-commits": ("durable one-row commits, SQLite with its log synced and the head", "commits/s", sqlite_commits),
    "limit-syncs": ("bare write and fdatasync of one block", "syncs/s", bare_syncs),
    "limit-stream": ("appended and synced, a mebibyte at a time", "GB/s", durable_stream),
}


class Limits:
    """The limits of this machine, each measured anew whenever ``measure`` is called; all samples count."""

    def __init__(self, folder: Path, limit_seconds: float) -> None:
        self._folder = folder
        self._seconds = limit_seconds
        self.figures = {
            key: Figure(key=key, figure=f"limit: {name}", unit=unit, samples=[])
            for key, (name, unit, _) in LIMITS.items()
        }

    def measure(self) -> None:
        """Measure every limit once more."""
        for key, (_, _, measure) in LIMITS.items():
            figure = self.figures[key]
            figure.samples = [*figure.samples, *measure(self._folder, self._seconds)]

    def stand_beside(self, figure: Figure) -> None:
        """Put what the limits allow beside a figure, in its own unit: a rate, or the time (in its unit) of one."""
        for name, (key, per_unit) in figure.bounds.items():
            value = self.figures[key].value
            if value is None:
                raise LookupError(f"{key} has not been measured yet")
            allowed = value * per_unit
            figure.beside = figure.beside | {name: 1 / allowed if figure.at_most else allowed}

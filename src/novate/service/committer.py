"""The writer's thread: makes groups of decided commands durable, then tells those who asked."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from novate.core.step import DECISION_VERSION
from novate.service.journal import Entry, Journal, MemoryJournal
from novate.service.snapshot import Snapshot, log, write_snapshot
from novate.service.tickets import Answer, EngineStopped, Failure, Waiter, deliver

GROUPS_AHEAD: Final = 8
"""How many groups may be decided beyond what is being committed."""


class Undone(msgspec.Struct, frozen=True):
    """A commit that failed: why, and the first of its commands."""

    error: Exception
    kind: str
    command: bytes
    answer: Answer


class Group:
    """What is committed and told together: outcomes in order, decided commands among them, a snapshot at the end."""

    __slots__ = ("decided", "outcomes", "size", "snapshot", "snapshot_waiter")

    def __init__(self) -> None:
        self.outcomes: list[tuple[Waiter, Any]] = []
        self.decided: list[tuple[str, bytes, Answer]] = []
        self.size = 0
        self.snapshot: Snapshot | None = None
        self.snapshot_waiter: Waiter | None = None


class Committer:
    """Owns the journal from now on. After a failed commit nothing more is committed and all who wait get the error."""

    def __init__(
        self, journal: Journal | MemoryJournal, folder: Path | None, on_failure: Callable[[Undone], None]
    ) -> None:
        self._journal = journal
        self._folder = folder
        self._on_failure = on_failure
        self._failure: str | None = None
        self._lost: list[Group] = []
        self._outbox: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(GROUPS_AHEAD)
        self._encode = msgspec.msgpack.Encoder().encode
        self._thread = threading.Thread(target=self._run, name="novate-journal", daemon=True)
        self._thread.start()

    def put(self, group: Group) -> None:
        """Hand a group over; waits where the writer is too far behind."""
        self._room.acquire()
        self._outbox.put(group)

    def close(self) -> None:
        """Commit what was handed over, then close the journal."""
        self._outbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            groups, closing = self._take()
            if self._failure is None:
                try:
                    self._commit(groups)
                except Exception as error:  # noqa: BLE001 - whatever it was, these records are not known to be durable
                    self._fail(error, groups)
            if self._failure is None:
                self._tell(groups)
            else:
                self._lost += groups
        self._journal.close()
        self._tell_lost()  # only now, so that whoever hears of it can open the journal again

    def _take(self) -> tuple[list[Group], bool]:
        """Wait for a group and take all that are queued; a snapshot ends the harvest, for it needs the hash there."""
        groups: list[Group] = []
        while True:
            group = self._outbox.get()
            if group is None:
                return groups, True
            self._room.release()
            groups.append(group)
            if group.snapshot is not None or self._outbox.empty():
                return groups, False

    def _commit(self, groups: list[Group]) -> None:
        encode = self._encode
        entries = [
            Entry(answer.time_ns, DECISION_VERSION, kind, command, encode(answer.facts))
            for group in groups
            for kind, command, answer in group.decided
        ]
        if not entries:
            return
        self._journal.append(entries)
        last = next(group.decided[-1][2].seq for group in reversed(groups) if group.decided)
        if self._journal.last.seq != last:
            raise AssertionError(f"the journal ends at {self._journal.last.seq}, the engine decided up to {last}")

    def _fail(self, error: Exception, groups: list[Group]) -> None:
        kind, command, answer = next(group.decided[0] for group in groups if group.decided)
        self._failure = (
            f"record {answer.seq} and those after it are not known to be durable: the commit failed ({error!r});"
            " open the journal again to see which of them it holds"
        )
        self._on_failure(Undone(error, kind, command, answer))

    def _tell(self, groups: list[Group]) -> None:
        deliver(outcome for group in groups for outcome in group.outcomes)
        if groups and groups[-1].snapshot is not None:
            self._write_snapshot(groups[-1].snapshot, groups[-1].snapshot_waiter)

    def _tell_lost(self) -> None:
        for group in self._lost:
            waiters = [waiter for waiter, _ in group.outcomes]
            if group.snapshot_waiter is not None:
                waiters.append(group.snapshot_waiter)
            deliver((waiter, Failure(EngineStopped(self._failure))) for waiter in waiters)

    def _write_snapshot(self, snapshot: Snapshot, waiter: Waiter | None) -> None:
        if self._folder is None:
            return
        try:
            outcome = write_snapshot(self._folder, msgspec.structs.replace(snapshot, hash=self._journal.last.hash))
        except OSError as error:  # recovery takes longer without it, and nothing else
            log.warning("%s: snapshot %d was not written: %s", self._folder, snapshot.seq, error)
            outcome = Failure(error)
        if waiter is not None:
            deliver([(waiter, outcome)])

"""The engine: one thread owns the book and decides, another commits, and nobody is told before the commit.

Commands come from any thread or event loop into one queue. The engine's thread decides them one after another and
hands groups to the writer, which makes a whole group durable at once while the next commands are being decided. What
was decided is seen by nobody until then: answers and reads wait for the commit of everything they show.

Whatever the core raises (a broken law, a failed assertion), and a commit that fails, stops the engine: the book in
memory is then worth nothing, and the next engine builds it again from the journal.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import Rejected
from novate.core.laws import LawBroken, check_whole
from novate.core.reasons import Reason
from novate.core.step import refuse_time, step
from novate.service.committer import Committer, Group, Undone
from novate.service.head import Head
from novate.service.inbox import OVERHEAD_BYTES, Ask, Close, Inbox, Message, Read, TakeSnapshot
from novate.service.journal import Journal, MemoryJournal, Record
from novate.service.quarantine import Quarantined, encode_command, quarantine
from novate.service.replay import Progress, Recovered, recover
from novate.service.snapshot import Snapshot
from novate.service.tickets import Answer, EngineBusy, EngineClosed, EngineStopped, Failure, Ticket, Waiter, deliver

__all__ = ["Answer", "Engine", "EngineBusy", "EngineClosed", "EngineStopped", "Ticket"]

COMMAND_BYTES_MAX: Final = 64 << 20
GROUP_OUTCOMES: Final = 512
GROUP_BYTES: Final = 256 << 10
TIME_MAX_NS: Final = 2**63 - 1
CHECK_EVERY: Final = 10_000
"""Records between two recounts of the whole book; snapshots, starts and settlements bring others."""

T = TypeVar("T")
log = logging.getLogger("novate.engine")


class Engine:
    """A running clearing house. Use it as a context manager, or ``close()`` it.

    ``submit`` and ``read`` serve threads and return a ``Ticket``; ``submit_async`` and ``read_async`` serve an event
    loop and return a future of it. ``recovered`` tells how the book was found at the start, ``fault`` why the engine
    stopped by itself, if it did.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
        snapshot_every: int | None = 250_000,
        keep_records: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Open the journal in the folder ``path`` (or begin one) and bring the book up to it.

        Without a path nothing survives the process, and ``keep_records`` keeps ``records`` in memory. ``clock`` gives
        nanoseconds and may run backwards; the house's time never does. A snapshot is written after every
        ``snapshot_every`` records. ``progress`` is told of the recovery. Raises ``JournalError``.
        """
        if path is not None and keep_records:
            raise ValueError("keep_records is for an engine without a path; read the records of a journal from there")
        self._path = None if path is None else Path(path)
        self._snapshot_every = snapshot_every if path is not None else None
        self._clock = clock
        if path is None:
            journal: Journal | MemoryJournal = MemoryJournal(keep=keep_records)
            self.recovered = Recovered(Book(), 0, 0, 0, 0)
        else:
            journal = Journal(path)
            try:
                self.recovered = recover(journal, progress)
            except BaseException:
                journal.close()
                raise
        self._journal = journal
        self._book = self.recovered.book
        self._seq, self._time_ns = self.recovered.seq, self.recovered.time_ns
        self._snapshot_seq = self.recovered.snapshot_seq
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(AnyCommand).decode
        self._inbox = Inbox()
        self._ended = False
        self.fault: str | None = None
        self._failed: tuple[Waiter, Failure] | None = None
        self._committer = Committer(journal, self._path, self._inbox.put_now)
        self._thread = threading.Thread(target=self._run, name="novate-engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def decided_seq(self) -> int:
        """The last record that is decided, durable or not: inside a read, the one whose book is seen."""
        return self._seq

    @property
    def committed(self) -> Head:
        """The last record that is durable and its hash, which stands for the whole journal up to it."""
        return self._journal.last

    @property
    def records(self) -> list[Record]:
        """The records of an engine without a path that was asked to keep them."""
        if not isinstance(self._journal, MemoryJournal) or self._journal.records is None:
            raise ValueError("no records are kept: ask for them with keep_records=True, or read the journal's folder")
        return self._journal.records

    # --- asking, from any thread --------------------------------------------------------------------------------------

    def submit(self, command: AnyCommand, time_ns: int | None = None) -> Ticket[Answer]:
        """Ask for a command; its answer comes when it is durable. Waits while too much is waiting already.

        ``time_ns`` is the command's own time, for tapes; the clock's by default. A command that does not encode, and a
        time before the last, are answered with a ``Rejected`` fact without a record in the journal. Raises
        ``EngineStopped`` or ``EngineClosed``, here or from the ticket.
        """
        ticket: Ticket[Answer] = Ticket()
        ask = self._ask(ticket, command, time_ns)
        if isinstance(ask, Ask):
            self._put(ask, len(ask.encoded), wait=True)
        else:
            ticket.complete(ask)
        return ticket

    def read(self, function: Callable[[Book], T]) -> Ticket[T]:
        """Ask for ``function(book)``, run by the engine's thread; the answer comes when all that it saw is durable.

        The function must not change the book nor return a view of its tables. What it raises, the ticket raises.
        """
        ticket: Ticket[T] = Ticket()
        self._put(Read(ticket, function), 0, wait=True)
        return ticket

    def snapshot(self) -> Ticket[Path]:
        """Ask for a snapshot of the book now; the answer is its path. Raises ``ValueError`` without a folder."""
        if self._path is None:
            raise ValueError("an engine without a path has no folder for a snapshot; give it a path")
        ticket: Ticket[Path] = Ticket()
        self._put(TakeSnapshot(ticket), 0, wait=True)
        return ticket

    # --- asking, on an event loop -------------------------------------------------------------------------------------

    def submit_async(self, command: AnyCommand, time_ns: int | None = None) -> asyncio.Future[Answer]:
        """``submit`` for an event loop: await the future. A cancelled wait does not take the command back.

        Raises ``EngineBusy`` where ``submit`` would wait.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        ask = self._ask(future, command, time_ns)
        if isinstance(ask, Ask):
            self._put(ask, len(ask.encoded), wait=False)
        else:
            future.set_result(ask)
        return future

    def read_async(self, function: Callable[[Book], T]) -> asyncio.Future[T]:
        """``read`` for an event loop. Raises ``EngineBusy`` where ``read`` would wait."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(Read(future, function), 0, wait=False)
        return future

    def close(self) -> None:
        """Carry out and commit what was asked before, close the journal and join the threads. May be called again."""
        if self._thread.is_alive():
            self._inbox.put_now(Close())
        self._thread.join()

    def _ask(self, waiter: Waiter, command: AnyCommand, time_ns: int | None) -> Ask | Answer:
        # What is decided is what was decoded from the bytes that are journaled: wrong types never reach the core.
        if time_ns is not None and not 0 <= time_ns <= TIME_MAX_NS:
            raise ValueError(f"time_ns: expected 0 to 2^63 - 1 nanoseconds, got {time_ns}")
        try:
            encoded = self._encode(command)
            if len(encoded) <= COMMAND_BYTES_MAX:
                return Ask(waiter, self._decode(encoded), encoded, time_ns)
            message = f"{len(encoded)} bytes, at most {COMMAND_BYTES_MAX} are taken at once: split the command"
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
            message = str(error)
        text, _, path = message.partition(" - at `")
        rejected = Rejected(Reason.MALFORMED, path.rstrip("`") or "$", text)
        return Answer(None, self._time_ns if time_ns is None else time_ns, [rejected])

    def _put(self, message: Ask | Read | TakeSnapshot, size: int, *, wait: bool) -> None:
        if self._ended:
            raise self._ending()
        self._inbox.put(message, size, wait=wait)
        if self._ended:  # the engine may have looked for the last time before this was put
            self._refuse_leftovers()

    # --- the engine's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        inbox = self._inbox
        while not self._ended:
            group, taken = Group(), 0
            message = inbox.get()
            while True:
                taken += self._handle(message, group)
                if self._ended or len(group.outcomes) >= GROUP_OUTCOMES or taken >= GROUP_BYTES or group.snapshot:
                    break
                try:
                    message = inbox.get_nowait()
                except queue.Empty:
                    break
            inbox.release(taken)
            self._committer.put(group)
        self._committer.close()
        self._refuse_leftovers()
        if self._failed is not None:
            deliver([self._failed])

    def _handle(self, message: Message, group: Group) -> int:
        """Carry one message out; returns the bytes it no longer holds in the queue."""
        if type(message) is Ask:
            self._decide(message, group)
            return len(message.encoded) + OVERHEAD_BYTES
        match message:
            case Read():
                try:
                    outcome = message.function(self._book)
                except Exception as error:  # noqa: BLE001 - the asker's own function, so the error is the asker's
                    outcome = Failure(error)
                group.outcomes.append((message.waiter, outcome))
                return OVERHEAD_BYTES
            case TakeSnapshot():
                try:
                    check_whole(self._book)
                except LawBroken as error:
                    self._stop(f"the book after record {self._seq} breaks a law: {error}", message.waiter, error)
                else:
                    self._take_snapshot(group)
                    group.snapshot_waiter = message.waiter
                return OVERHEAD_BYTES
            case Undone():
                self._stop_for_commit(message)
            case Close():
                self._ended = True
        return 0

    def _decide(self, ask: Ask, group: Group) -> None:
        time_ns = ask.time_ns
        if time_ns is None:
            time_ns = max(self._clock(), self._time_ns)
        elif refused := refuse_time(self._book, time_ns):
            group.outcomes.append((ask.waiter, Answer(None, time_ns, [refused])))
            return
        seq = self._seq + 1
        due = self._snapshot_every is not None and seq - self._snapshot_seq >= self._snapshot_every
        try:
            facts = step(self._book, ask.command, time_ns)
            if due or seq % CHECK_EVERY == 0:
                check_whole(self._book)
        except Exception as error:  # noqa: BLE001 - whatever the core raises, the book can no longer be trusted
            self._stop_for_core(ask, time_ns, error)
            return
        self._seq, self._time_ns = seq, time_ns
        answer = Answer(seq, time_ns, facts)
        group.outcomes.append((ask.waiter, answer))
        group.decided.append((type(ask.command).__name__, ask.encoded, answer))
        if due:
            self._take_snapshot(group)

    def _take_snapshot(self, group: Group) -> None:
        # The committer adds the hash: it is not known before the group has its place in the chain.
        group.snapshot = Snapshot(self._seq, self._time_ns, b"", self._book.dumps())
        self._snapshot_seq = self._seq

    # --- the end ------------------------------------------------------------------------------------------------------

    def _stop_for_core(self, ask: Ask, time_ns: int, error: Exception) -> None:
        fault = self._quarantine("core", error, self._seq + 1, time_ns, type(ask.command).__name__, ask.encoded)
        self._stop(fault, ask.waiter, error)

    def _stop_for_commit(self, undone: Undone) -> None:
        if self.fault is None:
            seq, time_ns = undone.answer.seq or 0, undone.answer.time_ns
            fault = self._quarantine("commit", undone.error, seq, time_ns, undone.kind, undone.command)
            self._stop(fault, None, undone.error)

    def _stop(self, fault: str, waiter: Waiter | None, error: Exception) -> None:
        log.critical("%s", fault)
        self.fault = fault
        self._ended = True
        if waiter is not None:
            stopped = self._ending()
            stopped.__cause__ = error
            self._failed = waiter, Failure(stopped)

    def _quarantine(self, cause: str, error: Exception, seq: int, time_ns: int, kind: str, encoded: bytes) -> str:
        name = type(error).__name__
        fault = f"{kind} as record {seq} stopped the engine: {name}: {error}"
        if self._path is None:
            return fault
        command, readable = encode_command(encoded)
        line = Quarantined(cause, name, str(error), seq, time_ns, self._digest(), kind, command, readable)
        try:
            return f"{fault}; see {quarantine(self._path, line)}"
        except OSError as failure:
            return f"{fault}; it could not be put into quarantine: {failure}"

    def _digest(self) -> str:
        try:
            return self._book.digest().hex()
        except Exception as error:  # noqa: BLE001 - a book that broke a law may be beyond telling
            return f"unknown ({error!r})"

    def _ending(self) -> Exception:
        if self.fault is not None:
            return EngineStopped(f"{self.fault}; open the journal again with a new engine")
        return EngineClosed("the engine is closed; open the journal again with a new one")

    def _refuse_leftovers(self) -> None:
        for message in self._inbox.leftovers():
            if isinstance(message, Undone):
                self._stop_for_commit(message)
            elif not isinstance(message, Close):
                deliver([(message.waiter, Failure(self._ending()))])

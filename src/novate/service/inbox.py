"""The queue before the engine: what waits to be carried out, and how much of it may wait."""

import queue
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.service.committer import Undone
from novate.service.tickets import EngineBusy, Waiter

WAITING_BYTES_MAX: Final = 256 << 20
OVERHEAD_BYTES: Final = 512


class Ask(msgspec.Struct, gc=False):
    """A command on its way: as decoded, as it will be journaled, and its own time if it brings one."""

    waiter: Waiter
    command: AnyCommand
    encoded: bytes
    time_ns: int | None


class Read(msgspec.Struct, gc=False):
    """A question about the book."""

    waiter: Waiter
    function: Callable[[Book], Any]


class TakeSnapshot(msgspec.Struct, gc=False):
    """A wish for a snapshot now."""

    waiter: Waiter


class Close(msgspec.Struct, gc=False):
    """The last message: nothing after it is carried out."""


Message = Ask | Read | TakeSnapshot | Undone | Close


class Inbox:
    """Messages in order of arrival, from any thread, with a bound on the bytes that wait."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._waiting_bytes = 0
        self.put_now = self._queue.put
        self.get = self._queue.get
        self.get_nowait = self._queue.get_nowait

    def put(self, message: Message, size: int, *, wait: bool) -> None:
        """Queue a message of ``size`` bytes; where too much waits already, wait for room or raise ``EngineBusy``."""
        size += OVERHEAD_BYTES
        with self._lock:
            while self._waiting_bytes and self._waiting_bytes + size > WAITING_BYTES_MAX:
                if not wait:
                    raise EngineBusy(f"{self._waiting_bytes} bytes wait to be carried out; try again in a moment")
                self._room.wait()
            self._waiting_bytes += size
        self._queue.put(message)

    def release(self, size: int) -> None:
        """Say that messages of this size, with their overhead, no longer wait."""
        with self._lock:
            self._waiting_bytes -= size
            self._room.notify_all()

    def leftovers(self) -> list[Message]:
        """Everything that is left, when nothing will be carried out any more; whoever waits for room goes on."""
        messages: list[Message] = []
        while True:
            try:
                messages.append(self._queue.get_nowait())
            except queue.Empty:
                break
        with self._lock:
            self._waiting_bytes = 0
            self._room.notify_all()
        return messages

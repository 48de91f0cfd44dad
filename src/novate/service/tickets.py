"""How those who ask the engine learn the answer: from any thread, or on an event loop."""

import asyncio
import logging
import threading
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec

from novate.core.facts import Fact

T = TypeVar("T")
log = logging.getLogger("novate.engine")


class EngineClosed(Exception):
    """The engine was closed and takes no more commands."""


class EngineBusy(Exception):
    """Too much is waiting to be decided; try again in a moment."""


class EngineStopped(Exception):
    """A broken law or a failed commit stopped the engine; open the journal again with a new one."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a command led to. ``seq`` is its record in the journal, None where it was not decided and not journaled."""

    seq: int | None
    time_ns: int
    facts: list[Fact]


class Failure(msgspec.Struct, frozen=True):
    """An outcome that is raised."""

    error: Exception


class Ticket(Generic[T]):
    """A claim on an answer, for threads. A lock and no more: ``concurrent.futures`` costs ten times as much."""

    __slots__ = ("_outcome", "_pending")

    def __init__(self) -> None:
        self._pending = threading.Lock()
        self._pending.acquire()
        self._outcome: Any = None

    def done(self) -> bool:
        """Whether the answer is there."""
        return not self._pending.locked()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the answer (at most ``timeout`` seconds, else ``TimeoutError``); raises what the engine raised."""
        if not self._pending.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError(f"no answer within {timeout} s; the command may still be carried out")
        self._pending.release()
        if type(self._outcome) is Failure:
            raise self._outcome.error
        return self._outcome

    def complete(self, outcome: object) -> None:
        """Give the answer, once; the engine's part."""
        self._outcome = outcome
        self._pending.release()


Waiter = Ticket | asyncio.Future


def deliver(outcomes: Iterable[tuple[Waiter, object]]) -> None:
    """Give each waiter its outcome, waking every event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future, object]]] = {}
    for waiter, outcome in outcomes:
        if isinstance(waiter, Ticket):
            waiter.complete(outcome)
        else:
            by_loop.setdefault(waiter.get_loop(), []).append((waiter, outcome))
    for loop, pairs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, pairs)
        except RuntimeError:  # the loop was closed: nobody is left to tell
            log.debug("%d answers came after their event loop was closed", len(pairs))


def _settle(pairs: list[tuple[asyncio.Future, object]]) -> None:
    for future, outcome in pairs:
        if future.done():  # its task was cancelled
            continue
        if type(outcome) is Failure:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)

"""The proof of a run: its facts folded into an empty house, and every command decided again by a process beside."""

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from rich.progress import Progress

from novate.core.book import Book
from novate.report.series import Check, RunSeries
from novate.service.audit import Audit, follow
from novate.service.head import has_both_slots
from novate.service.reader import HEAD
from novate.service.replay import replay

LOOK_EVERY_S: Final = 0.1


class AuditBeside:
    """An audit that another process makes of a journal while this one writes it."""

    def __init__(self, pipe: Connection, done: Any) -> None:
        self._pipe, self._done = pipe, done

    def ended(self, seconds: float) -> bool:
        """Whether there is an answer already, or comes within a time: before it is asked for at a difference."""
        return self._pipe.poll(seconds)

    def found(self, progress: Progress, total: int) -> Audit:
        """Say that nothing more is written, and wait for what was found.

        Raises ``ChildProcessError`` where the audit could not be made, with the reason.
        """
        with contextlib.suppress(BrokenPipeError):  # at the first difference it ends unasked; its answer waits here
            self._pipe.send(None)
        task = progress.add_task("Deciding every command again", total=total, note="")
        while not self.ended(LOOK_EVERY_S):
            progress.update(task, completed=self._done.value)
        try:
            found = self._pipe.recv()
        except EOFError as error:
            raise ChildProcessError("the process that decides every command again ended by itself") from error
        progress.update(task, completed=total)
        if isinstance(found, str):
            raise ChildProcessError(f"the journal could not be decided again: {found}")
        return found


@contextlib.contextmanager
def audited_beside(folder: Path) -> Iterator[AuditBeside]:
    """Audit the journal of a folder, from its first record on, for as long as it is written."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    done = context.Value("q", 0)
    process = context.Process(target=_audit, args=(folder, theirs, done), name="novate-audit", daemon=True)
    process.start()
    theirs.close()
    try:
        yield AuditBeside(ours, done)
    finally:
        process.terminate()  # it is at its end, or nobody wants to hear of it any more
        process.join()
        ours.close()


def _audit(folder: Path, pipe: Connection, done: Any) -> None:
    def progress(records: int, _: int) -> None:
        done.value = records

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the run ends this process too
    try:
        while not has_both_slots(folder / HEAD) and not pipe.poll():  # there is no journal yet
            time.sleep(LOOK_EVERY_S)
        pipe.send(follow(folder, pipe.poll, progress))
    except Exception as error:  # noqa: BLE001 - raised where it is asked for, in words: not every error can be sent
        pipe.send(f"{type(error).__name__}: {error}")


def prove(run: RunSeries, book: Book, folder: Path, audit: AuditBeside, progress: Progress) -> None:
    """Fold the journal into an empty house, have every command decided again, and put both on record."""
    digest = book.digest().hex()
    task = progress.add_task("Replaying the journal", total=1, note="")
    again = replay(folder, progress=lambda done, total: progress.update(task, completed=done, total=max(total, 1)))
    found = audit.found(progress, run.figures["commands"])
    run.checks = [
        Check("State of the house at the end, SHA-256", digest, holds=True),
        Check(
            "The journal's facts, folded into an empty house, give",
            again.digest().hex(),
            again.digest().hex() == digest,
        ),
        Check("Every command, decided again on the house before it", "; ".join(found.lines()), found.clean),
        Check(
            "Laws of conservation",
            f"checked after each of {found.records:,} records, the whole book at each settlement",
            holds=True,
        ),
        *run.checks,
    ]

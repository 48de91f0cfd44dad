"""The power is cut at every write and every sync: what was acknowledged is there, or the start is refused by name.

A kill leaves the writes that were never synced in the system's cache, so it cannot tell a journal that syncs from one
that does not. Here a run is recorded down to its writes and syncs (``tests.service.disk``), and every moment of it is
restored as a power cut would leave it. The same test has to fail where SQLite is told not to sync.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from novate.core.book import Book
from novate.core.step import fold
from novate.service import journal
from novate.service.engine import Engine
from novate.service.folding import decode_facts
from novate.service.journal import Journal, JournalError, JournalIncomplete, JournalReader, Record
from tests.service.disk import Disk, Moment, Named, NamesSynced, Synced, Told, Wrote
from tests.service.house import ALICE, HOUR, SECOND, deposit, mark, opening, trade

HOWS = ("nothing", "some", "torn", "everything")
CHECKPOINT_PAGES = 12
SOUND = "sound"


class Run:
    """A recorded run: all that happened to the disk, every record in the end, and the state hash after each."""

    def __init__(self, disk: Disk) -> None:
        self.events = disk.events
        with JournalReader(disk.folder) as reader:
            self.records = list(reader.records())
        book = Book()
        self.digests = [book.digest()]
        for record in self.records:
            fold(book, decode_facts(record.facts), record.time_ns)
            self.digests.append(book.digest())

    def moments(self) -> Iterator[tuple[int, Moment]]:
        """Every moment between two things that happened, with its number; it is valid until the next is asked for."""
        moment = Moment()
        for number, event in enumerate(self.events):
            yield number, moment
            moment.advance(event)
        yield len(self.events), moment


def record(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    synchronous: str = "FULL",
    honest_head: bool = True,
) -> Run:
    """Three lives of a house: single commands and groups, checkpoints, snapshots, a settlement, clean ends."""
    disk = Disk(folder, honest_head=honest_head)
    connect, append = journal.connect, Journal.append

    def connected(path: Path) -> sqlite3.Connection:
        database = connect(path)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,), "the journal asks for full syncs"
        database.execute(f"PRAGMA synchronous = {synchronous}")
        return database

    def appended(self: Journal, entries: Any) -> None:
        append(self, entries)
        disk.told(self.last.seq)  # when this returns, whoever asked is told

    with monkeypatch.context() as patch, disk.recording():
        patch.setattr(journal, "CHECKPOINT_PAGES", CHECKPOINT_PAGES)
        patch.setattr(journal, "connect", connected)
        patch.setattr(Journal, "append", appended)
        with Engine(folder) as engine:
            for number, command in enumerate(opening()):
                engine.submit(command, number * SECOND).result(60)
            for number in range(1, 9):
                engine.submit(trade("market", number), HOUR // 2).result(60)
            for ticket in [engine.submit(trade("batch", n * 400, rows=400), HOUR // 2) for n in range(1, 4)]:
                ticket.result(60)
            engine.snapshot().result(60)
            engine.submit(mark(210), 2 * HOUR).result(60)
        with Engine(folder, snapshot_every=6) as engine:
            for number in range(9, 22):
                engine.submit(trade("market", number), 2 * HOUR).result(60)
            for ticket in [engine.submit(deposit("cash", n, ALICE, n), 3 * HOUR) for n in range(3, 9)]:
                ticket.result(60)
            engine.snapshot().result(60)
        with Engine(folder) as engine:
            engine.submit(trade("market", 50, rows=2000), 3 * HOUR).result(60)
            engine.submit(mark(190), 4 * HOUR).result(60)
    return Run(disk)


def verdict(files: dict[str, bytes], run: Run, acknowledged: int, folder: Path) -> str:
    """What a start finds in these files: ``sound``, ``named: …`` where it refuses, ``silent: …`` where it should."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        with Engine(folder) as engine:
            seq = engine.recovered.seq
            digest = engine.read(lambda book: book.digest()).result(60)
        with JournalReader(folder) as reader:
            found: list[Record] = list(reader.records())
    except JournalIncomplete as error:
        return f"named: {error.first_missing_seq} to {error.last_missing_seq}"
    except JournalError as error:
        return f"named: {error}"
    if seq < acknowledged:
        return f"silent: {acknowledged} was acknowledged, the house came back at {seq}"
    if found != run.records[:seq] or digest != run.digests[seq]:
        return f"silent: the house came back otherwise at {seq}"
    return SOUND


def verdicts(
    run: Run, tmp_path: Path, *, every: int, hows: tuple[str, ...] = HOWS, seed: int = 3
) -> Iterator[tuple[int, str, str]]:
    """For every moment of a run (or every few) and each kind of cut: the moment's number, the kind, the verdict."""
    rng = random.Random(seed)
    seen: set[tuple[int, frozenset[tuple[str, bytes]]]] = set()
    for number, moment in run.moments():
        if number % every:
            continue
        for how in hows:
            files = moment.cut(how, rng)
            key = moment.acknowledged, frozenset(files.items())
            if key not in seen:  # a moment with nothing on its way looks alike however it is cut
                seen.add(key)
                yield number, how, verdict(files, run, moment.acknowledged, tmp_path / f"cut-{number}-{how}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The recorded run of a journal as it is."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return record(tmp_path_factory.mktemp("recorded") / "house", monkeypatch)


def test_the_recording_has_all_that_a_run_does(run: Run) -> None:
    counts = Counter(type(event) for event in run.events)
    assert counts[Wrote] > 150
    assert counts[Synced] > 100
    assert counts[Told] > 35
    assert [event.seq for event in run.events if isinstance(event, Told)][-1] == len(run.records)
    assert counts[NamesSynced] > 5
    named = Counter(event.name.partition("-")[0] for event in run.events if isinstance(event, Named))
    assert named["journal.sqlite"] > 3, "logs come and go"
    assert named["snapshot"] > 6
    checkpoints = {event.offset for event in run.events if isinstance(event, Wrote) and event.file == 1}
    assert len(checkpoints) > 5, "pages of the log went into the database"
    moment = Moment()
    for event in run.events:
        moment.advance(event)
    assert set(moment.cut("everything", random.Random())) >= {"journal.sqlite", "journal.head"}


def judge(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, every: int, seed: int) -> None:
    """Every cut of a run leaves a sound house, and snapshots that can be used."""
    found = list(verdicts(run, tmp_path, every=every, seed=seed))
    assert len(found) > len(run.events) // every, "many cuts look different"
    assert [(number, how, what) for number, how, what in found if what != SOUND] == []
    assert "is passed over" not in caplog.text, "no snapshot was torn"


def test_a_power_cut_loses_nothing_acknowledged(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    judge(run, tmp_path, caplog, every=3, seed=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_a_power_cut_at_every_moment_loses_nothing_acknowledged(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    judge(run, tmp_path, caplog, every=1, seed=seed)


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_the_same_cuts_catch_a_journal_that_does_not_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronous: str
) -> None:
    careless = record(tmp_path / "house", monkeypatch, synchronous=synchronous)
    found = [what for _, _, what in verdicts(careless, tmp_path, every=11, hows=("nothing", "some"))]
    lost = [what for what in found if what.startswith("named: ")]
    assert len(lost) > len(found) // 4, "acknowledged records were lost"
    assert set(found) == {SOUND, *lost}, "but never in silence: the head was synced and tells"


def test_without_a_synced_head_the_loss_would_be_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    careless = record(tmp_path / "house", monkeypatch, synchronous="OFF", honest_head=False)
    found = [what for _, _, what in verdicts(careless, tmp_path, every=23, hows=("nothing", "some"))]
    assert any(what.startswith("silent: ") for what in found), "which is what the head is for"


def test_a_house_that_came_back_goes_on_and_comes_back_again(run: Run, tmp_path: Path) -> None:
    rng = random.Random(5)
    for number, moment in run.moments():
        if number % 41 == 0 and moment.acknowledged > 10:
            folder = tmp_path / f"cut-{number}"
            assert verdict(moment.cut("some", rng), run, moment.acknowledged, folder) == SOUND
            with Engine(folder) as engine:
                answer = engine.submit(trade("later", 1), 5 * HOUR).result(60)
                digest = engine.read(lambda book: book.digest()).result(60)
            with Engine(folder) as engine:
                assert engine.recovered.seq == answer.seq
                assert engine.read(lambda book: book.digest()).result(60) == digest


def test_a_beginning_that_was_cut_off_is_begun_again(run: Run, tmp_path: Path) -> None:
    rng = random.Random(7)
    first = next(number for number, event in enumerate(run.events) if isinstance(event, Told))
    assert first > 20, "a beginning has many moments"
    for number, moment in run.moments():
        if number > first:
            break
        for how in ("some", "torn"):
            assert verdict(moment.cut(how, rng), run, moment.acknowledged, tmp_path / f"cut-{number}-{how}") == SOUND

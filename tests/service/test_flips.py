"""A bit flipped anywhere in a journal's files is harmless or named, and never silent.

Harmless: every record and the book come out as they were. Named: the error tells the last good record, or the range
that is missing, and the house can be shown up to there.
"""

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from novate.core.book import Book
from novate.core.step import fold
from novate.service import journal
from novate.service.audit import audit
from novate.service.engine import Engine, EngineStopped
from novate.service.folding import decode_facts
from novate.service.head import CHECKSUM_BYTES, SLOT, SLOT_BYTES
from novate.service.journal import PAGE_BYTES, JournalDamaged, JournalError, JournalReader, Record
from novate.service.replay import replay
from novate.service.snapshot import DIGEST_BYTES, HEADER, snapshots
from tests.service.house import SECOND, opening, trade

FILES = ("journal.sqlite", "journal.sqlite-wal", "journal.head")
LOG_HEADER, FRAME_HEADER = 32, 24


class House(NamedTuple):
    """A journal as it lies on disk while its engine runs and after, its records and the state hash after each."""

    running: Path
    closed: Path
    records: list[Record]
    digests: list[bytes]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Records of all sizes, a log that has gone into the database before and was begun again, and a snapshot."""
    home = tmp_path_factory.mktemp("flips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "CHECKPOINT_PAGES", 20)
        with Engine(home / "live") as engine:
            for number, command in enumerate(opening()):
                engine.submit(command, number * SECOND).result(60)
            for number in range(60):
                rows = 1500 if number in (20, 40) else 60 if number % 3 == 0 else 1
                engine.submit(trade("market", number * 2000, rows=rows), 60 * SECOND).result(60)
                if number == 30:
                    engine.snapshot().result(60)
            shutil.copytree(home / "live", home / "running")
    (home / "running" / "journal.sqlite-shm").unlink()
    assert not (home / "live" / "journal.sqlite-wal").exists(), "closing puts the log into the database"
    with JournalReader(home / "live") as reader:
        records = list(reader.records())
    book = Book()
    digests = [book.digest()]
    for record in records:
        fold(book, decode_facts(record.facts), record.time_ns)
        digests.append(book.digest())
    assert len(records) == 70
    return House(home / "running", home / "live", records, digests)


# --- where a bit may flip -----------------------------------------------------------------------------------------

Region = tuple[str, int, int]


def database_regions(data: bytes) -> Iterator[Region]:
    """The parts of a database's pages, by SQLite's file format."""
    yield "file header", 0, 100
    for start in range(0, len(data), PAGE_BYTES):
        at = start + (100 if start == 0 else 0)
        size = {0x0D: 8, 0x0A: 8, 0x05: 12}.get(data[at])
        if size is None or (data[at - 1 : at + 1] != data[at - 1 : at + 1]):
            yield "overflow pointer", start, start + 4
            yield "overflow content", start + 4, start + PAGE_BYTES
            continue
        kind = {0x0D: "leaf", 0x0A: "index leaf", 0x05: "interior"}[data[at]]
        cells = int.from_bytes(data[at + 3 : at + 5], "big")
        content = start + (int.from_bytes(data[at + 5 : at + 7], "big") or 65536)
        yield f"{kind} header", at, at + size
        yield f"{kind} pointers", at + size, at + size + 2 * cells
        yield f"{kind} free space", at + size + 2 * cells, content
        yield f"{kind} cells", content, start + PAGE_BYTES


def log_regions(data: bytes) -> Iterator[Region]:
    """The parts of a write-ahead log: frames of this log, and those that an earlier one left behind."""
    yield "log header", 0, LOG_HEADER
    salts = data[16:24]
    for start in range(LOG_HEADER, len(data), FRAME_HEADER + PAGE_BYTES):
        age = "live" if data[start + 8 : start + 16] == salts else "stale"
        yield f"{age} frame header", start, start + FRAME_HEADER
        yield f"{age} frame page", start + FRAME_HEADER, start + FRAME_HEADER + PAGE_BYTES


def head_regions(data: bytes) -> Iterator[Region]:
    """The parts of the two slots."""
    for slot, start in (("first", 0), ("second", SLOT_BYTES)):
        yield f"{slot} slot", start, start + SLOT.size
        yield f"{slot} checksum", start + SLOT.size, start + SLOT.size + CHECKSUM_BYTES
    yield "between the slots", SLOT.size + CHECKSUM_BYTES, SLOT_BYTES


REGIONS = dict(zip(FILES, (database_regions, log_regions, head_regions), strict=True))


def places(regions: Iterator[Region], each: int, rng: random.Random) -> Iterator[tuple[str, int]]:
    """Of each kind of region ``each`` places, the first and the last byte of one among them."""
    kinds: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for kind, start, end in regions:
        if end > start:
            kinds[kind].append((start, end))
    for kind, spans in kinds.items():
        start, end = rng.choice(spans)
        yield from ((kind, start), (kind, end - 1))
        for _ in range(each - 2):
            yield kind, rng.randrange(*rng.choice(spans))


# --- what comes of it ---------------------------------------------------------------------------------------------


def outcome(folder: Path, house: House) -> str:
    """``harmless`` or ``named``; anything else fails. A start, a replay, an audit and a reader are all asked."""
    told = [check_start(folder, house), check_reading(folder, house)]
    assert {*told} <= {"named", "harmless"}
    return max(told)


def check_start(folder: Path, house: House) -> str:
    """A start from the snapshot, and two commits that write where the flip may lie."""
    try:
        with Engine(folder) as engine:
            assert engine.recovered.seq == len(house.records)
            assert engine.read(lambda book: book.digest()).result(60) == house.digests[-1]
            for number, rows in ((1, 1), (2, 300)):
                engine.submit(trade("later", number * 1000, rows=rows), 61 * SECOND).result(60)
    except JournalError as error:
        return check_named(folder, house, error)
    except EngineStopped as error:
        return "named" if "the commit failed" in str(error) else f"stopped: {error}"
    return "harmless"


def check_reading(folder: Path, house: House) -> str:
    try:
        with JournalReader(folder) as reader:
            assert list(reader.records())[: len(house.records)] == house.records
        assert replay(folder, until=len(house.records)).digest() == house.digests[-1]
        assert audit(folder).clean
    except JournalError as error:
        with pytest.raises(JournalError):
            audit(folder)
        return check_named(folder, house, error)
    return "harmless"


def check_named(folder: Path, house: House, error: JournalError) -> str:
    """A refusal says where, and the house can be shown up to there."""
    assert isinstance(error, JournalDamaged), f"it names no record: {error}"
    good = error.last_good_seq
    assert f"the last good record is {good}" in str(error)
    try:
        shown = replay(folder, until=min(good, len(house.records)))
    except JournalError:
        assert "a replay until" not in str(error) or good == 0, f"record {good} is said to be good and cannot be shown"
    else:
        assert shown.digest() == house.digests[min(good, len(house.records))]
    return "named"


def flip(house: House, tmp_path: Path, state: str, file: str, each: int, seed: int) -> dict[str, Counter]:
    """Flip one bit at a time; what came of it, by kind of region."""
    rng = random.Random(seed)
    original = getattr(house, state)
    sound = (original / file).read_bytes()
    found: dict[str, Counter] = defaultdict(Counter)
    for number, (kind, place) in enumerate(places(REGIONS[file](sound), each, rng)):
        folder = tmp_path / f"{number}"
        shutil.copytree(original, folder)
        data = bytearray(sound)
        data[place] ^= 1 << rng.randrange(8)
        (folder / file).write_bytes(data)
        try:
            found[kind][outcome(folder, house)] += 1
        except AssertionError as error:
            raise AssertionError(f"{file}: byte {place} ({kind}), {data[place]:#x}: {error}") from error
        shutil.rmtree(folder)
    return found


def judge(found: dict[str, Counter], state: str, file: str) -> None:
    """What each kind of region must have led to at least once, or never."""
    named = {kind for kind, counts in found.items() if counts["named"]}
    harmless = {kind for kind, counts in found.items() if counts["harmless"]}
    match file:
        case "journal.sqlite":
            assert named >= {"leaf header", "leaf cells", "overflow content"}
            if state == "closed":  # while a log is there, it holds these pages
                assert named >= {"file header", "index leaf cells", "interior header"}
            assert not named & {"leaf free space", "interior free space", "index leaf free space"}
            assert len(found) == 15
        case "journal.sqlite-wal":
            assert named >= {"log header", "live frame header", "live frame page"}
            assert not named & {"stale frame header", "stale frame page"}
        case _:
            assert not named, "one slot always stands"
            assert len(harmless) == 5


CASES = [*(("running", file) for file in FILES), ("closed", "journal.sqlite"), ("closed", "journal.head")]


@pytest.mark.parametrize(("state", "file"), CASES)
def test_a_flipped_bit_is_harmless_or_named(house: House, tmp_path: Path, state: str, file: str) -> None:
    judge(flip(house, tmp_path, state, file, 6, seed=1), state, file)


@pytest.mark.long
@pytest.mark.parametrize(("state", "file"), CASES)
@pytest.mark.parametrize("seed", range(2, 5))
def test_a_flipped_bit_is_harmless_or_named_wherever_it_is(
    house: House, tmp_path: Path, state: str, file: str, seed: int
) -> None:
    judge(flip(house, tmp_path, state, file, 40, seed), state, file)


@pytest.mark.parametrize(("start", "end"), [(0, HEADER.size), (HEADER.size, -DIGEST_BYTES), (-DIGEST_BYTES, 0)])
def test_a_flipped_bit_in_a_snapshot_is_named_and_the_journal_used(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture, start: int, end: int
) -> None:
    rng = random.Random(start)
    folder = tmp_path / "house"
    shutil.copytree(house.closed, folder)
    (path,) = snapshots(folder)
    sound = path.read_bytes()
    for _ in range(12):
        data = bytearray(sound)
        data[rng.randrange(start % len(sound), end % len(sound) or len(sound))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        caplog.clear()
        with Engine(folder) as engine:
            assert engine.recovered.snapshot_seq == 0
            assert engine.recovered.book.digest() == house.digests[-1]
        assert f"{path} is passed over" in caplog.text
        (finding,) = audit(folder).unconfirmed
        assert str(path) in finding

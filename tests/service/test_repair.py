"""A head that is gone, and snapshots that know more than the journal: what is refused, and what can be accepted."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from novate.cli import main
from novate.core.book import Book
from novate.service.audit import audit
from novate.service.engine import Engine
from novate.service.head import SLOT_BYTES
from novate.service.journal import JournalError, JournalIncomplete
from novate.service.repair import rebuild_head
from novate.service.replay import replay
from novate.service.snapshot import Snapshot, read_snapshot, write_snapshot
from tests.service.house import ALICE, BOB, HOUR, SECOND, deposit, opening, trade

RECORDS = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A house of twenty records with snapshots after the tenth, the fifteenth and the last."""
    folder = tmp_path / "house"
    commands = [*opening(), *(trade("market", n) for n in range(1, 11))]
    with Engine(folder) as engine:
        for number, command in enumerate(commands, 1):
            engine.submit(command, number * SECOND).result(60)
            if number in (10, 15, RECORDS):
                engine.snapshot().result(60)
    return folder


@pytest.fixture
def novate(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command line: its exit code and all that it printed."""

    def call(*arguments: str | Path) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        return code, "".join(capsys.readouterr())

    return call


def snapshot_of(folder: Path, seq: int) -> Path:
    """Where a snapshot lies."""
    return folder / f"snapshot-{seq:012d}.novate"


def forget(folder: Path, seq: int) -> None:
    """Delete the records after ``seq``, as an old copy of the database would."""
    with closing(sqlite3.connect(folder / "journal.sqlite", isolation_level=None)) as database:
        database.execute("DELETE FROM records WHERE seq > ?", (seq,))


def state(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, and those that SQLite keeps beside an open database."""
    passing = ("journal.lock", "journal.sqlite-shm", "journal.sqlite-wal")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in passing}


# --- the head, rebuilt --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["absent", "empty", "spoilt"])
def test_a_head_that_is_gone_is_written_anew(folder: Path, novate: Any, damage: str) -> None:
    digest, head = replay(folder).digest(), folder / "journal.head"
    if damage == "absent":
        head.unlink()
    else:
        head.write_bytes(b"" if damage == "empty" else bytes(2 * SLOT_BYTES))
    code, said = novate("replay", folder)
    assert code == 1
    assert f"accept the chain as it stands: `novate rebuild-head {folder}`" in said
    code, said = novate("rebuild-head", folder)
    assert code == 0
    assert said.startswith(f"the journal ends at record {RECORDS} (1970-01-01T00:00:20Z, hash ")
    assert ("journal.head.replaced" in said) == (damage != "absent")
    with Engine(folder) as engine:
        assert engine.committed.hash.hex() in said
        assert engine.recovered.book.digest() == digest
    code, said = novate("audit", folder)
    assert code == 0
    assert "3 snapshots are what the journal makes" in said


def test_a_sound_head_is_left_alone(folder: Path, novate: Any) -> None:
    before = state(folder)
    said = f"the head is sound and was not changed; the journal ends at record {RECORDS}\n"
    assert novate("rebuild-head", folder) == (0, said)
    assert novate("rebuild-head", folder, "--last", str(RECORDS)) == (0, said)
    code, said = novate("rebuild-head", folder, "--last", "19")
    assert code == 2
    assert "ends at record 20, not at 19: give the last there is" in said
    assert state(folder) == before


def test_records_known_to_be_missing_are_given_up_only_by_name(folder: Path, novate: Any) -> None:
    forget(folder, 17)
    before = state(folder)
    code, said = novate("rebuild-head", folder)
    assert code == 1
    assert "record 20 was acknowledged, and the journal ends at 17: records 18 to 20 are missing" in said
    assert f"`novate rebuild-head {folder} --last 17`" in said
    assert novate("rebuild-head", folder, "--last", "20")[0] == 2
    assert state(folder) == before
    with pytest.raises(JournalIncomplete) as caught:
        rebuild_head(folder)
    assert (caught.value.first_missing_seq, caught.value.last_missing_seq) == (18, 20)

    code, said = novate("rebuild-head", folder, "--last", "17")
    assert code == 0
    assert "the journal ends at record 17" in said
    for name in ("journal.head", snapshot_of(folder, 20).name):
        assert f"set aside: {folder / name}.replaced" in said
        assert (folder / f"{name}.replaced").read_bytes() == before[name]
    with Engine(folder) as engine:
        assert (engine.recovered.seq, engine.recovered.snapshot_seq) == (17, 15)
        engine.submit(trade("market", 50), HOUR).result(60)
    assert audit(folder).clean


def test_what_was_set_aside_is_never_written_over(folder: Path) -> None:
    for number in (17, 16):
        forget(folder, number)
        rebuild_head(folder, number)
    assert (folder / "journal.head.replaced").exists()
    assert (folder / "journal.head.replaced-2").exists()


def test_a_head_of_another_journal_needs_a_word(folder: Path, tmp_path: Path, novate: Any) -> None:
    with Engine(tmp_path / "other") as other:
        for command in opening():
            other.submit(command, 7).result(60)
    (folder / "journal.head").write_bytes((tmp_path / "other" / "journal.head").read_bytes())
    code, said = novate("rebuild-head", folder)
    assert code == 1
    assert "names another record 10 than the journal holds" in said
    assert novate("rebuild-head", folder, "--last", str(RECORDS))[0] == 0
    assert audit(folder).clean


def test_a_damaged_chain_is_never_accepted(folder: Path, novate: Any) -> None:
    with closing(sqlite3.connect(folder / "journal.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE records SET time_ns = 1 WHERE seq = 7")
    (folder / "journal.head").unlink()
    code, said = novate("rebuild-head", folder, "--last", "20")
    assert code == 1
    assert "record 7 does not match its hash" in said
    assert not (folder / "journal.head").exists()


def test_a_head_is_not_rebuilt_beside_an_engine_or_where_no_journal_is(
    folder: Path, tmp_path: Path, novate: Any
) -> None:
    with Engine(folder):
        code, said = novate("rebuild-head", folder)
        assert code == 2
        assert "is writing this journal; stop it first" in said
    code, said = novate("rebuild-head", tmp_path)
    assert code == 2
    assert "journal.sqlite does not exist: give the folder of a journal" in said
    assert not (tmp_path / "journal.lock").exists()


# --- snapshots as witnesses ---------------------------------------------------------------------------------------


def roll_back(folder: Path, seq: int) -> None:
    """Database and head as an old copy has them, snapshots as they are now."""
    aside = [(path, path.rename(path.with_suffix(".later"))) for path in folder.glob("snapshot-*.novate")]
    forget(folder, seq)
    rebuild_head(folder, seq)
    for path, later in aside:
        later.rename(path)


def test_a_journal_that_ends_before_its_snapshot_has_lost_records(folder: Path, novate: Any) -> None:
    roll_back(folder, 17)
    before = state(folder)
    for read in (Engine, replay, audit):
        with pytest.raises(
            JournalIncomplete, match="records 18 to 20 are missing, or the snapshot is of another"
        ) as caught:
            read(folder)
        assert (caught.value.first_missing_seq, caught.value.last_missing_seq) == (18, 20)
    for command in ("replay", "audit", "rebuild-head"):
        code, said = novate(command, folder)
        assert code == 1
        assert str(snapshot_of(folder, 20)) in said
        assert "records 18 to 20 are missing" in said
    assert state(folder) == before
    assert novate("replay", folder, "--until", "17")[0] == 0, "what is there can be shown"
    assert novate("rebuild-head", folder, "--last", "17")[0] == 0
    with Engine(folder) as engine:
        assert engine.recovered.seq == 17


def test_a_snapshot_of_another_house_and_a_later_record_is_refused(folder: Path, tmp_path: Path) -> None:
    with Engine(tmp_path / "other") as other:
        for number, command in enumerate([*opening(), *(deposit("cash", n, ALICE, 1) for n in range(3, 20))]):
            other.submit(command, number).result(60)
        stranger = other.snapshot().result(60)
    stranger.rename(folder / stranger.name)
    for read in (Engine, replay, audit):
        with pytest.raises(JournalIncomplete, match="or the snapshot is of another house"):
            read(folder)
    (folder / stranger.name).unlink()
    assert audit(folder).clean


def test_an_audit_names_a_snapshot_of_another_house(folder: Path, tmp_path: Path, novate: Any) -> None:
    with Engine(tmp_path / "other") as other:
        for number, command in enumerate(opening()):
            other.submit(command, number).result(60)
        stranger = other.snapshot().result(60)
    stranger.replace(snapshot_of(folder, 10))
    code, said = novate("audit", folder)
    assert code == 1
    assert (
        f"{snapshot_of(folder, 10)} is not to be trusted: it is of another house: its record 10 has another hash"
        in said
    )
    assert "2 snapshots are what the journal makes" in said
    assert novate("replay", folder)[0] == 0, "a replay uses none"


@pytest.mark.parametrize("seq", [10, 15, RECORDS])
def test_an_audit_names_a_truncated_snapshot(folder: Path, novate: Any, seq: int) -> None:
    path = snapshot_of(folder, seq)
    path.write_bytes(path.read_bytes()[:-100])
    code, said = novate("audit", folder)
    assert code == 1
    assert f"{path} is not to be trusted: its digest does not match its content; move it out of the folder" in said
    assert novate("replay", folder)[0] == 0


def test_a_truncated_snapshot_beyond_the_journal_is_no_witness(folder: Path) -> None:
    roll_back(folder, 17)
    path = snapshot_of(folder, 20)
    path.write_bytes(path.read_bytes()[:-100])
    with Engine(folder) as engine:
        assert engine.recovered.seq == 17
    (finding,) = audit(folder).unconfirmed
    assert finding.startswith(f"{path} is not to be trusted")


def test_an_audit_finds_a_snapshot_with_money_that_the_journal_does_not_make(folder: Path) -> None:
    """What a forger would do: a start trusts it, for its digest and its place in the chain hold."""
    path = snapshot_of(folder, RECORDS)
    honest = read_snapshot(path)
    book = Book.loads(honest.body)
    book.balances["balance_minor"][ALICE, 0] += 5
    book.balances["balance_minor"][BOB, 0] -= 5
    write_snapshot(folder, Snapshot(honest.seq, honest.time_ns, honest.hash, book.dumps()))
    with Engine(folder) as engine:
        assert engine.recovered.snapshot_seq == RECORDS
    found = audit(folder)
    assert not found.clean
    (finding,) = found.unconfirmed
    assert f"{path} is not to be trusted: it does not hold the house that the journal makes up to record 20" in finding


def test_a_snapshot_under_a_wrong_name_is_named(folder: Path) -> None:
    snapshot_of(folder, 15).rename(snapshot_of(folder, 14))
    (finding,) = audit(folder).unconfirmed
    assert "it is of record 15, which is not the one that its name tells of" in finding
    snapshot_of(folder, 14).rename(folder / "snapshot-copy.novate")
    (finding,) = audit(folder).unconfirmed
    assert "snapshot-copy.novate is not to be trusted" in finding


def test_a_snapshot_of_another_release_is_not_compared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("novate.service.snapshot.book_layout", lambda: bytes(32))
    found = audit(folder)
    assert found.clean
    assert len(found.not_compared) == 3
    assert found.lines()[-1].endswith("it was written by a release that lays the book out differently")
    roll_back(folder, 17)
    with pytest.raises(JournalError, match="records 18 to 20 are missing"):
        Engine(folder)

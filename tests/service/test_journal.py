"""The journal keeps what it was given, and says so by name where the disk does not."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from novate.service.chain import record_hash
from novate.service.head import SLOT_BYTES
from novate.service.journal import (
    GENESIS,
    Entry,
    Journal,
    JournalDamaged,
    JournalError,
    JournalIncomplete,
    JournalLocked,
    JournalReader,
    MemoryJournal,
    Record,
)
from novate.service.repair import rebuild_head


def entry(number: int, size: int = 40) -> Entry:
    """An entry like no other."""
    return Entry(1000 + number, 1, "Test", b"command %d " % number * 3, bytes([number % 251]) * size)


def opened(folder: Path) -> Journal:
    """A journal ready to be appended to."""
    journal = Journal(folder)
    for _ in journal.recover():
        pass
    return journal


def filled(folder: Path, *, groups: int = 4, size: int = 10) -> list[Record]:
    """A closed journal of ``groups`` commits of ``size`` records."""
    with closing(opened(folder)) as journal:
        for group in range(groups):
            journal.append([entry(group * size + number) for number in range(size)])
    return read(folder)


def read(folder: Path) -> list[Record]:
    """All records, verified."""
    with JournalReader(folder) as reader:
        return list(reader.records())


def execute(folder: Path, statement: str) -> None:
    """Change the database behind the journal's back."""
    with closing(sqlite3.connect(folder / "journal.sqlite", isolation_level=None)) as database:
        database.execute(statement)


def test_what_was_appended_is_read_back_in_order(folder: Path) -> None:
    records = filled(folder, groups=3, size=2)
    assert [record.seq for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record.command for record in records] == [entry(number).command for number in range(6)]
    with closing(opened(folder)) as journal:
        assert (journal.last.seq, journal.last.hash) == (6, records[-1].hash)
        journal.append([entry(6)])
    assert read(folder)[:6] == records


def test_reading_can_begin_and_end_anywhere(folder: Path) -> None:
    records = filled(folder)
    with JournalReader(folder) as reader:
        assert list(reader.records(after=10, anchor=records[9].hash, until=12)) == records[10:12]
        with pytest.raises(JournalDamaged, match="record 11 does not match its hash"):
            list(reader.records(after=10, anchor=records[8].hash))


def test_a_group_of_more_rows_than_a_statement_takes_is_still_one_commit(folder: Path) -> None:
    assert len(filled(folder, groups=1, size=1000)) == 1000


def test_memory_and_disk_have_the_same_chain(folder: Path) -> None:
    memory = MemoryJournal(keep=True)
    for group in range(4):
        memory.append([entry(group * 10 + number) for number in range(10)])
    assert memory.records == filled(folder)
    assert memory.last.hash == read(folder)[-1].hash


def test_the_hash_covers_every_part_and_where_each_ends() -> None:
    base = Entry(5, 1, "Kind", b"command", b"facts")
    others = [
        msgspec.structs.replace(base, time_ns=6),
        msgspec.structs.replace(base, version=2),
        Entry(5, 1, "Kin", b"dcommand", b"facts"),
        Entry(5, 1, "Kind", b"commandf", b"acts"),
        Entry(5, 1, "Kind", b"command", b"factS"),
    ]
    hashes = {record_hash(GENESIS, 1, other) for other in [base, *others]}
    hashes |= {record_hash(GENESIS, 2, base), record_hash(bytes(32), 1, base)}
    assert len(hashes) == 8
    large = Entry(5, 1, "Kind", b"c" * 50_000, b"f" * 50_000)
    assert record_hash(GENESIS, 1, large) != record_hash(
        GENESIS, 1, Entry(5, 1, "Kind", b"c" * 50_000 + b"f", b"f" * 49_999)
    )


# --- who may open it ----------------------------------------------------------------------------------------------


def test_one_writer_at_a_time(folder: Path) -> None:
    with closing(opened(folder)):
        with pytest.raises(JournalLocked, match=f"process {os.getpid()} is writing"):
            Journal(folder)
        script = f"from novate.service.journal import Journal; Journal({str(folder)!r})"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert other.returncode == 1
        assert f"JournalLocked: {folder}: process {os.getpid()} is writing this journal" in other.stderr
    opened(folder).close()


def test_a_reader_works_beside_the_writer(folder: Path) -> None:
    with closing(opened(folder)) as journal:
        journal.append([entry(1)])
        with JournalReader(folder) as reader:
            journal.append([entry(2)])
            assert len(list(reader.records())) == 2


def test_what_was_not_verified_is_not_extended(folder: Path) -> None:
    filled(folder)
    with closing(Journal(folder)) as journal, pytest.raises(JournalError, match=r"take all of recover\(\) first"):
        journal.append([entry(1)])


@pytest.mark.parametrize("left", ["empty database", "no tables", "no head", "empty head"])
def test_a_beginning_that_a_crash_interrupted_is_completed(folder: Path, left: str) -> None:
    opened(folder).close()
    if left == "empty database":
        (folder / "journal.sqlite").write_bytes(b"")
    if left == "no tables":
        (folder / "journal.sqlite").unlink()
        execute(folder, "PRAGMA journal_mode = WAL")
    (folder / "journal.head").unlink()
    if left == "empty head":
        (folder / "journal.head").touch()
    assert len(filled(folder)) == 40


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="is a file: give the folder"):
        Journal(tmp_path / "file")
    with pytest.raises(JournalError, match="does not exist: give the folder of a journal"):
        JournalReader(tmp_path)


def test_another_format_is_named(folder: Path) -> None:
    filled(folder)
    execute(folder, "UPDATE meta SET value = '2' WHERE key = 'format'")
    with pytest.raises(JournalError, match="format is '2', this release reads format 1"):
        Journal(folder)


# --- crashes and losses ---------------------------------------------------------------------------------------------


def test_a_crash_between_commit_and_head_heals(folder: Path) -> None:
    filled(folder)
    head = (folder / "journal.head").read_bytes()
    with closing(opened(folder)) as journal:
        journal.append([entry(40), entry(41)])
    (folder / "journal.head").write_bytes(head)
    opened(folder).close()
    with JournalReader(folder) as reader:
        assert reader.head.seq == 42


def test_a_chain_that_ends_before_the_head_is_refused(folder: Path) -> None:
    filled(folder)
    execute(folder, "DELETE FROM records WHERE seq > 36")
    with pytest.raises(JournalIncomplete, match="records 37 to 40 are missing") as caught:
        Journal(folder)
    assert (caught.value.first_missing_seq, caught.value.last_missing_seq) == (37, 40)
    assert caught.value.last_good_seq == 36
    with pytest.raises(JournalIncomplete, match="records 37 to 40 are missing"):
        read(folder)
    with JournalReader(folder) as reader:
        assert len(list(reader.records(until=36))) == 36


def test_a_journal_emptied_or_removed_is_refused(folder: Path) -> None:
    filled(folder)
    execute(folder, "DELETE FROM records")
    with pytest.raises(JournalIncomplete, match="records 1 to 40 are missing"):
        Journal(folder)
    (folder / "journal.sqlite").unlink()
    with pytest.raises(JournalError, match=r"journal\.sqlite does not exist"):
        Journal(folder)
    (folder / "journal.head").unlink()
    (folder / "snapshot-000000000040.novate").touch()
    with pytest.raises(JournalError, match=r"snapshot-000000000040.novate has no journal\.sqlite beside it"):
        Journal(folder)


def test_a_record_missing_in_the_middle_is_named(folder: Path) -> None:
    filled(folder)
    execute(folder, "DELETE FROM records WHERE seq = 7")
    with pytest.raises(JournalIncomplete, match=r"record 7 is missing .* the last good record is 6"):
        read(folder)


@pytest.mark.parametrize(
    "change",
    ["time_ns = 0", "version = 9", "kind = 'Other'", "command = x'00'", "facts = facts || x'00'", "hash = x'00'"],
)
def test_a_record_changed_in_any_part_is_named(folder: Path, change: str) -> None:
    filled(folder)
    execute(folder, f"UPDATE records SET {change} WHERE seq = 7")
    with pytest.raises(JournalDamaged, match="record 7 does not match its hash") as caught:
        opened(folder)
    assert caught.value.last_good_seq == 6


@pytest.mark.parametrize("head", ["absent", "zeros"])
def test_records_without_a_head_are_refused(folder: Path, head: str) -> None:
    filled(folder)
    (folder / "journal.head").unlink()
    if head == "zeros":
        (folder / "journal.head").write_bytes(bytes(2 * SLOT_BYTES))
    with pytest.raises(JournalError, match=r"nobody can tell whether records are missing: restore journal\.head"):
        Journal(folder)
    assert rebuild_head(folder).head.seq == 40
    assert len(read(folder)) == 40


@pytest.mark.parametrize("slot", [0, 1])
def test_one_spoilt_slot_leaves_the_other(folder: Path, slot: int, caplog: pytest.LogCaptureFixture) -> None:
    filled(folder)
    data = bytearray((folder / "journal.head").read_bytes())
    data[slot * SLOT_BYTES + 20] ^= 1
    (folder / "journal.head").write_bytes(data)
    assert len(read(folder)) == 40
    assert f"slot {slot + 1} is spoilt" in caplog.text
    with closing(opened(folder)) as journal:
        journal.append([entry(40)])
    caplog.clear()
    assert len(read(folder)) == 41
    assert caplog.text == ""


def test_the_head_of_another_journal_is_noticed(folder: Path, tmp_path: Path) -> None:
    filled(folder)
    with closing(opened(tmp_path / "other")) as journal:
        journal.append([entry(number) for number in range(5)])
    shutil.copy(tmp_path / "other" / "journal.head", folder / "journal.head")
    read(folder)  # the same five entries: the same chain
    with closing(opened(tmp_path / "other")) as journal:
        journal.append([entry(99)])
    shutil.copy(tmp_path / "other" / "journal.head", folder / "journal.head")
    with pytest.raises(JournalDamaged, match=r"record 6 of journal\.sqlite is not the one that journal\.head names"):
        opened(folder)


# --- what SQLite itself finds (single bits: test_flips.py) -----------------------------------------------------------


def test_sqlites_own_report_names_the_last_good_record(folder: Path) -> None:
    filled(folder, groups=8, size=60)
    path = folder / "journal.sqlite"
    data = bytearray(path.read_bytes())
    page = 32768
    data[page * 4 : page * 5] = b"\xff" * page
    path.write_bytes(data)
    with pytest.raises(JournalDamaged, match=r"SQLite reports SQLITE_CORRUPT .* the last good record is \d+") as caught:
        read(folder)
    assert caught.value.last_good_seq > 0
    with JournalReader(folder) as reader:
        assert len(list(reader.records(until=caught.value.last_good_seq))) == caught.value.last_good_seq


def test_a_text_that_cannot_be_decoded_is_named(folder: Path) -> None:
    filled(folder)
    execute(folder, "UPDATE records SET kind = CAST(x'ff' AS TEXT) WHERE seq = 7")
    with pytest.raises(JournalDamaged, match="after record 6; the last good record is 6"):
        read(folder)
    execute(folder, "UPDATE meta SET value = CAST(x'ff' AS TEXT)")
    with pytest.raises(JournalDamaged, match="the last good record is 6"):
        read(folder)


def test_a_file_that_is_no_database_is_named(folder: Path) -> None:
    filled(folder)
    (folder / "journal.sqlite").write_bytes(b"not a database" * 4096)
    with pytest.raises(JournalDamaged, match=r"SQLITE_NOTADB .* after record 0"):
        Journal(folder)

"""The same house again: from the journal, from a snapshot, after a kill."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from novate.core.book import Book
from novate.core.commands import AddMember, Clock, OpenAccount, SubmitTrades
from novate.core.facts import TradesNovated
from novate.core.lifecycle_commands import BustTrade
from novate.core.rows import NOVATED, TRADE
from novate.service import folding
from novate.service.audit import audit, decode_command
from novate.service.engine import Engine
from novate.service.folding import decode_facts
from novate.service.journal import Entry, JournalError, JournalReader, Record
from novate.service.replay import replay
from novate.service.snapshot import KEPT, read_snapshot, snapshots
from tests.service.forger import rewrite, with_facts
from tests.service.house import ALICE, HOUR, SECOND, carry_out, day, deposit, mark, opening, trade

ROOT = Path(__file__).resolve().parents[2]


def test_trades_on_record_come_back_from_many_small_records(folder: Path) -> None:
    """Recovery folds neighbours as one batch; each trade is on record under its own source and number all the same."""
    tape = [*opening(), *(trade(("one", "two")[at % 2], 10 * at) for at in range(40)), trade("gaps", 5, rows=4)]
    with Engine(folder) as engine:
        digest = carry_out(engine, [(n * SECOND, command) for n, command in enumerate(tape)])
    with Engine(folder) as engine:
        assert engine.read(lambda book: book.digest()).result(60) == digest
        kept = engine.read(lambda book: book.trades.columns()["number"].tolist()).result(60)
        assert kept == [*(10 * at for at in range(40)), 5, 6, 7, 8]
        engine.submit(BustTrade("desk", 1, "two", 30), 100 * SECOND).result(60)
        digest = engine.read(lambda book: book.digest()).result(60)
    assert replay(folder).digest() == digest


# --- recovery -----------------------------------------------------------------------------------------------------


def test_the_book_comes_back_and_goes_on_alike(folder: Path, digest: bytes) -> None:
    told: list[tuple[int, int]] = []
    with Engine(folder, progress=lambda done, total: told.append((done, total))) as engine, Engine() as other:
        assert engine.recovered.folded == engine.recovered.seq == len(day())
        assert engine.read(lambda book: book.digest()).result(60) == digest
        carry_out(other, day())
        more = [(3 * HOUR, trade("market", 50, rows=3)), (3 * HOUR, mark(190)), (4 * HOUR, Clock())]
        assert carry_out(engine, more) == carry_out(other, more)
        assert engine.committed == other.committed
    assert told == [(len(day()), len(day()))]


def test_recovery_goes_on_from_a_snapshot(folder: Path, digest: bytes) -> None:
    with Engine(folder) as engine:
        path = engine.snapshot().result(60)
        assert path.name == f"snapshot-{len(day()):012d}.novate"
        after = carry_out(engine, [(3 * HOUR, trade("market", 50))])
    with Engine(folder) as engine:
        assert (engine.recovered.snapshot_seq, engine.recovered.folded) == (len(day()), 1)
        assert engine.read(lambda book: book.digest()).result(60) == after
        assert engine.submit(AddMember("Carol")).result(60).seq == len(day()) + 2
    assert replay(folder, until=len(day())).digest() == digest


def test_snapshots_are_written_when_due_and_old_ones_removed(folder: Path) -> None:
    with Engine(folder, snapshot_every=5) as engine:
        carry_out(engine, [(n, AddMember(f"member {n}")) for n in range(43)])
        engine.snapshot().result(60)
    seqs = [read_snapshot(path).seq for path in snapshots(folder)]
    assert len(seqs) == KEPT
    assert seqs[0] == 43
    assert all(seq % 5 == 0 for seq in seqs[1:])


def two_snapshots(folder: Path) -> tuple[Path, bytes]:
    """A day with a snapshot after its tenth record and one at its end: the path of that, and the state hash."""
    with Engine(folder) as engine:
        carry_out(engine, day()[:10])
        engine.snapshot().result(60)
        digest = carry_out(engine, day()[10:])
        return engine.snapshot().result(60), digest


def damaged(data: bytes, damage: str) -> bytes:
    """The content of a file after a mishap."""
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    return {"flipped": bytes(flipped), "cut": data[:-40], "empty": b""}[damage]


def test_trades_of_many_records_are_folded_together_alike(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = [*day()[:10], *((20 * SECOND, trade(f"source {n % 3}", n, lots=1 + n % 5)) for n in range(100))]
    tape[60] = (20 * SECOND, mark(201))
    tape[70:75] = [(20 * SECOND, AddMember("Carol")), (20 * SECOND, OpenAccount(2, "Carol's client")), *tape[75:78]]
    tape[80] = (20 * SECOND, deposit("cash", 5, ALICE, 7))
    with Engine(folder) as engine:
        digest = carry_out(engine, tape)
    for together in (1, 7, 4096):
        monkeypatch.setattr(folding, "TOGETHER_RECORDS", together)
        assert replay(folder).digest() == digest
    for until in (59, 60, 61, 62, 100):
        with Engine() as engine:
            assert replay(folder, until=until).digest() == carry_out(engine, tape[:until])


def test_snapshots_of_a_chain_that_was_given_up_do_not_push_others_out(folder: Path, digest: bytes) -> None:
    for seq in (900, 901, 902):
        (folder / f"snapshot-{seq:012d}.novate").write_bytes(b"of records that are no more")
    with Engine(folder) as engine:
        kept = engine.snapshot().result(60)
    with Engine(folder) as engine:
        assert kept.exists()
        assert engine.recovered.snapshot_seq == len(day())


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_snapshot_is_named_and_the_one_before_it_used(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    newest, digest = two_snapshots(folder)
    newest.write_bytes(damaged(newest.read_bytes(), damage))
    with Engine(folder) as engine:
        assert (engine.recovered.snapshot_seq, engine.recovered.seq) == (10, len(day()))
        assert engine.read(lambda book: book.digest()).result(60) == digest
    assert f"{newest} is passed over: its digest does not match its content" in caplog.text


def test_a_snapshot_of_another_layout_is_passed_over(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other_release:
        other_release.setattr("novate.service.snapshot.book_layout", lambda: bytes(32))
        _, digest = two_snapshots(folder)
    with Engine(folder) as engine:
        assert engine.recovered.snapshot_seq == 0
        assert engine.read(lambda book: book.digest()).result(60) == digest
    assert "it was written by a release that lays the book out differently" in caplog.text


def test_a_snapshot_of_another_chain_is_passed_over(
    folder: Path, digest: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Engine(tmp_path / "other") as other:
        carry_out(other, [(n, AddMember(f"member {n}")) for n in range(5)])
        stranger = other.snapshot().result(60)
    stranger.rename(folder / stranger.name)
    with Engine(folder) as engine:
        assert engine.recovered.snapshot_seq == 0
        assert engine.read(lambda book: book.digest()).result(60) == digest
    assert "the journal has another record 5, or none" in caplog.text


def test_an_engine_refuses_a_journal_that_lost_records(folder: Path, digest: bytes) -> None:
    with Engine(folder) as engine:
        engine.snapshot().result(60)
    rewrite(folder, lambda entries: entries[:-2], keep_head=True)
    with pytest.raises(JournalError, match="records 15 to 16 are missing"):
        Engine(folder)


# --- a kill -------------------------------------------------------------------------------------------------------

WRITER = """
import sys, threading
from novate.core.commands import OpenAccount
from novate.service import journal
from novate.service.engine import Engine
from novate.core.rows import NOVATED, TRADE
from tests.service.forger import rewrite, with_facts
from tests.service.house import carry_out, day, opening, trade
journal.CHECKPOINT_PAGES = 16
lock = threading.Lock()

def told(line):
    with lock:
        sys.stdout.write(line + "\\n")
        sys.stdout.flush()

def accounts(engine, writer, first):
    for start in range(first, first + 1_000_000, 7):
        names = [f"writer {writer} account {n}" for n in range(start, start + 7)]
        tickets = [(name, engine.submit(OpenAccount(0, name))) for name in names]
        for name, ticket in tickets:
            told(f"account {ticket.result().seq} {name}")

def batches(engine, first):
    for number in range(first * 1000, (first + 1_000_000) * 1000, 1000):
        answer = engine.submit(trade("batches", number, rows=200)).result()
        told(f"batch {answer.seq} {number}")

with Engine(sys.argv[1], snapshot_every=97) as engine:
    if not engine.recovered.seq:
        for command in opening():
            engine.submit(command).result()
    first = engine.recovered.seq
    threads = [threading.Thread(target=accounts, args=(engine, n, first)) for n in range(2)]
    threads.append(threading.Thread(target=batches, args=(engine, first)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
"""Two threads open accounts in groups and one submits trades in batches; each tells what was acknowledged."""


def killed(folder: Path, lines: int) -> list[tuple[str, int, str]]:
    """Let the writer acknowledge some commands and kill it: (what, record, which) of every whole line it told."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert writer.stdout is not None
    read = [writer.stdout.readline() for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    read += writer.stdout.readlines()
    writer.stdout.close()
    writer.wait(60)
    told = [line.rstrip("\n").split(" ", 2) for line in read if line.endswith("\n")]
    assert len(told) >= lines, "the writer ended by itself"
    return [(what, int(seq), which) for what, seq, which in told]


def check_acknowledged(told: list[tuple[str, int, str]], records: list[Record]) -> None:
    """Each acknowledged command is the record that it was said to be, whole, and is there once."""
    assert len({seq for _, seq, _ in told}) == len(told)
    for what, seq, which in told:
        record = records[seq - 1]
        command, facts = decode_command(record.command), decode_facts(record.facts)
        if what == "account":
            assert isinstance(command, OpenAccount)
            assert command.name == which
        else:
            (trades,) = (fact for fact in facts if isinstance(fact, TradesNovated))
            assert isinstance(command, SubmitTrades)
            assert np.frombuffer(command.rows, TRADE)["number"][0] == int(which)
            assert len(trades.rows) // NOVATED.itemsize == 200
    names = [record.command for record in records if record.kind == "OpenAccount"]
    assert len(set(names)) == len(names)


def test_what_was_acknowledged_survives_a_kill(folder: Path) -> None:
    """Kills at moments that differ: while commits, checkpoints and snapshots go on, and soon after a recovery."""
    told: list[tuple[str, int, str]] = []
    for lines in (150, 1, 40, 333, 7, 200):
        told += killed(folder, lines)
        with Engine(folder) as engine:
            assert engine.recovered.seq >= max(seq for _, seq, _ in told)
            recovered = engine.read(lambda book: book.digest()).result(60)
        assert replay(folder).digest() == recovered
    with JournalReader(folder) as reader:
        check_acknowledged(told, list(reader.records()))
    assert {what for what, _, _ in told} == {"account", "batch"}
    assert len(told) > 700
    assert audit(folder).clean


# --- replay -------------------------------------------------------------------------------------------------------


def test_a_replay_ends_where_it_is_told(folder: Path, digest: bytes) -> None:
    told: list[tuple[int, int]] = []
    assert replay(folder, progress=lambda done, total: told.append((done, total))).digest() == digest
    assert told[-1] == (len(day()), len(day()))
    with Engine() as engine:
        assert replay(folder, until=12).digest() == carry_out(engine, day()[:12])
    assert replay(folder, until=0).digest() == Book().digest()
    with pytest.raises(JournalError, match=f"there is no record 99; the journal ends at {len(day())}"):
        replay(folder, until=99)


def test_a_replay_works_beside_the_engine(folder: Path) -> None:
    with Engine(folder) as engine:
        assert replay(folder).digest() == Book().digest()
        assert replay(folder).digest() != carry_out(engine, day()) == replay(folder).digest()
        assert audit(folder).clean


def test_facts_of_a_later_release_name_it(folder: Path, digest: bytes) -> None:
    def later(entries: list[Entry]) -> list[Entry]:
        unknown = msgspec.msgpack.encode([{"type": "SomethingNew"}])
        return [*entries, Entry(entries[-1].time_ns, 9, "New", b"\x80", unknown)]

    rewrite(folder, later)
    with pytest.raises(JournalError, match=r"record 17: .*'SomethingNew'.*use a later release than this one"):
        replay(folder)


def test_facts_that_break_a_law_are_not_recovered(folder: Path, digest: bytes) -> None:
    rewrite(folder, with_facts(8, lambda facts: [facts[0], facts[0].__class__(facts[0].rows[:8] + b"\xff" * 8)]))
    with pytest.raises(JournalError, match="records 4 to 9: their facts do not fold: LawBroken: USD"):
        Engine(folder)

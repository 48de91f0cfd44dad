"""What stops an engine: laws that break and commits that fail; nothing is told and nothing is lost."""

import base64
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from novate.core import laws
from novate.core.commands import AddMember
from novate.core.evolve import FOLDS
from novate.core.facts import Deposited
from novate.core.rows import POSTED
from novate.core.step import step
from novate.service import engine as engine_module
from novate.service.audit import audit, decode_command
from novate.service.engine import Engine, EngineStopped
from novate.service.journal import Journal
from novate.service.replay import replay
from tests.service.engines import Ticks, carry_out, digest, held, records
from tests.service.house import ALICE, SECOND, deposit, opening, trade


def break_law(monkeypatch: pytest.MonkeyPatch, law: str, name: str) -> None:
    """Plant a law that breaks as soon as a member of this name is on record."""

    def broken(book: Any) -> None:
        if any(member.name == name for member in book.registers.members):
            raise laws.LawBroken(f"{name} is against the law")

    monkeypatch.setattr(laws, law, broken)


def test_a_broken_law_stops_the_house_and_keeps_the_command_aside(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_law(monkeypatch, "money_is_conserved", "Mallory")
    engine = Engine(folder, clock=Ticks())
    carry_out(engine, opening())
    before = digest(engine)
    with held(engine):
        sound = engine.submit(AddMember("Carol"))
        fatal = engine.submit(AddMember("Mallory"))
        others = [engine.submit(AddMember("Dave")), engine.read(lambda book: book.digest()), engine.snapshot()]
    with pytest.raises(EngineStopped, match=r"AddMember as record 12 stopped the engine: LawBroken: Mallory") as caught:
        fatal.result(60)
    assert isinstance(caught.value.__cause__, laws.LawBroken)
    assert sound.result(60).seq == 11
    for other in others:
        with pytest.raises(EngineStopped, match=r"open the journal again with a new engine"):
            other.result(60)
    with pytest.raises(EngineStopped):
        engine.submit(AddMember("Erin"))
    assert "Mallory is against the law" in (engine.fault or "")
    assert "quarantine.jsonl" in caplog.text

    (line,) = map(msgspec.json.decode, (folder / "quarantine.jsonl").read_text().splitlines())
    assert (line["cause"], line["error"], line["message"]) == ("core", "LawBroken", "Mallory is against the law")
    assert (line["seq"], line["time_ns"], line["kind"]) == (12, 12 * SECOND, "AddMember")
    assert decode_command(base64.b64decode(line["command"])) == AddMember("Mallory")
    assert line["readable"] == {"type": "AddMember", "name": "Mallory"}
    assert len(bytes.fromhex(line["book_digest"])) == 32

    with Engine(folder) as engine:  # at once: the lock was given back before anybody was told
        assert engine.recovered.seq == 11
        assert engine.read(lambda book: [member.name for member in book.registers.members]).result(60)[-1] == "Carol"
        assert digest(engine) != before
    engine.close()
    assert len((folder / "quarantine.jsonl").read_text().splitlines()) == 1


def test_a_command_that_breaks_a_real_law_is_put_aside_and_not_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault is planted in the core: a deposit of exactly 666 makes a cent out of nothing. Money is conserved, so:"""
    fold = FOLDS[Deposited]
    decided: list[Any] = []

    def faulty(book: Any, fact: Any) -> None:
        fold(book, fact)
        if 666 in np.frombuffer(fact.rows, POSTED)["amount_minor"]:
            book.assets["balance_total_minor"][0] += 1
            decided.append(fact)

    monkeypatch.setitem(FOLDS, Deposited, faulty)
    with Engine(folder, clock=Ticks()) as engine:
        carry_out(engine, [*opening(), trade("market", 1)])
        before = digest(engine)
        with pytest.raises(
            EngineStopped, match="Deposit as record 12 stopped the engine: LawBroken: USD: balances sum"
        ):
            engine.submit(deposit("cash", 3, ALICE, 666)).result(60)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    (line,) = map(msgspec.json.decode, files["quarantine.jsonl"].splitlines())
    assert (line["error"], line["seq"], line["kind"]) == ("LawBroken", 12, "Deposit")
    assert line["message"].startswith("USD: balances sum to ")

    for _ in range(2):  # the fault is still there, and the command is not tried again
        with Engine(folder) as engine:
            assert (engine.recovered.seq, engine.recovered.folded) == (11, 11)
            assert digest(engine) == before
    assert len(decided) == 1
    assert (folder / "quarantine.jsonl").read_bytes() == files["quarantine.jsonl"]
    assert (folder / "journal.sqlite").read_bytes() == files["journal.sqlite"]

    # What an operator does: decide it again on the book before it, here with the fault and then without.
    command = decode_command(base64.b64decode(line["command"]))
    book = replay(folder, until=line["seq"] - 1)
    assert book.digest() == before
    with pytest.raises(laws.LawBroken):
        step(book, command, line["time_ns"])
    assert book.digest().hex() == line["book_digest"], "the book with the fault in it"
    monkeypatch.undo()
    with Engine(folder) as engine:
        answer = engine.submit(command).result(60)
        assert answer.seq == 12
        assert isinstance(answer.facts[0], Deposited), "its number was not used up"
    assert audit(folder).clean


def test_everything_behind_a_command_that_breaks_a_law_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_law(monkeypatch, "money_is_conserved", "Mallory")
    engine = Engine(folder)
    with held(engine):
        tickets = [engine.submit(AddMember(name)) for name in ("Alice", "Mallory", "Bob", "Mallory", "Carol")]
    assert tickets[0].result(60).seq == 1
    for ticket in tickets[1:]:
        with pytest.raises(EngineStopped):
            ticket.result(60)
    engine.close()
    assert len((folder / "quarantine.jsonl").read_bytes().splitlines()) == 1, "the second was never decided"
    with Engine(folder) as engine, pytest.raises(EngineStopped):
        engine.submit(AddMember("Mallory")).result(60)
    assert len((folder / "quarantine.jsonl").read_bytes().splitlines()) == 2, "sent again, it stops the house again"
    assert [record.kind for record in records(folder)] == ["AddMember"]


def test_a_failed_assertion_in_memory_stops_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise IndexError("no such row")

    with Engine() as engine:
        monkeypatch.setattr(engine_module, "step", fail)
        with pytest.raises(EngineStopped, match="IndexError: no such row; open the journal again"):
            engine.submit(AddMember("Alice")).result(60)


def test_the_whole_book_is_recounted_now_and_then(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "CHECK_EVERY", 5)
    break_law(monkeypatch, "totals_recount", "Mallory")
    with Engine(folder) as engine:
        tickets = [engine.submit(AddMember(name)) for name in ("Alice", "Bob", "Mallory", "Carol", "Dave")]
        with pytest.raises(EngineStopped, match="Mallory is against the law"):
            tickets[-1].result(60)
        assert [ticket.result(60).seq for ticket in tickets[:4]] == [1, 2, 3, 4]


def test_no_snapshot_is_taken_of_a_book_that_breaks_a_law(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_law(monkeypatch, "totals_recount", "Mallory")
    with Engine(folder) as engine:
        carry_out(engine, [AddMember("Mallory")])
        with pytest.raises(EngineStopped, match="the book after record 1 breaks a law: Mallory is against the law"):
            engine.snapshot().result(60)
    assert not list(folder.glob("snapshot-*"))


class Failing:
    """Stands in for ``Journal.append`` and fails from the ``count``-th commit on."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.append = Journal.append

    def method(self) -> Callable[[Journal, Any], None]:
        """The method to put in its place."""

        def append(journal: Journal, entries: Any) -> None:
            self.left -= 1
            if self.left < 0:
                raise sqlite3.OperationalError("database or disk is full")
            self.append(journal, entries)

        return append


def test_a_failed_commit_stops_the_house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(folder, clock=Ticks()) as engine:
        carry_out(engine, opening())
        sound = digest(engine)
        monkeypatch.setattr(Journal, "append", Failing(0).method())
        tickets = [engine.submit(AddMember("Carol")), engine.read(lambda book: book.digest())]
        for ticket in tickets:
            with pytest.raises(EngineStopped, match=r"record 11 and those after it .* disk is full"):
                ticket.result(60)
        engine._thread.join(60)
        assert "AddMember as record 11 stopped the engine: OperationalError" in (engine.fault or "")
        with pytest.raises(EngineStopped):
            engine.submit(AddMember("Dave"))
    monkeypatch.undo()
    (line,) = map(msgspec.json.decode, (folder / "quarantine.jsonl").read_text().splitlines())
    assert (line["cause"], line["seq"], line["readable"]["name"]) == ("commit", 11, "Carol")
    with Engine(folder) as engine:
        assert digest(engine) == sound


def test_a_commit_that_fails_while_closing_is_not_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(folder)
    monkeypatch.setattr(Journal, "append", Failing(0).method())
    ticket = engine.submit(AddMember("Alice"))
    engine.close()
    with pytest.raises(EngineStopped, match="the commit failed"):
        ticket.result(0)
    assert "disk is full" in (engine.fault or "")
    assert (folder / "quarantine.jsonl").exists()

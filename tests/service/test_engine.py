"""The engine: what is told is durable, what is asked at once is ordered, and what breaks stops it."""

import asyncio
import base64
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from novate.core import laws
from novate.core.commands import AddMember, AnyCommand, Contribute, Deposit, OpenAccount
from novate.core.evolve import FOLDS
from novate.core.facts import AccountOpened, Deposited, MemberAdded, Rejected, TradesNovated
from novate.core.reasons import Reason
from novate.core.rows import CASH, POSTED
from novate.core.step import step
from novate.service import engine as engine_module
from novate.service import inbox
from novate.service.audit import audit, decode_command
from novate.service.engine import Engine, EngineBusy, EngineClosed, EngineStopped, Ticket
from novate.service.journal import Journal, JournalLocked, JournalReader, Record
from novate.service.replay import replay
from tests.service.house import ALICE, BOB, SECOND, deposit, mark, opening, trade


class Ticks:
    """A clock that advances a second whenever it is read."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += SECOND
        return self.now_ns


def carry_out(engine: Engine, commands: list[AnyCommand]) -> None:
    """Submit commands and wait for the last."""
    for ticket in [engine.submit(command) for command in commands]:
        ticket.result(60)


def digest(engine: Engine) -> bytes:
    """The state hash."""
    return engine.read(lambda book: book.digest()).result(60)


def records(folder: Path) -> list[Record]:
    """All records, verified."""
    with JournalReader(folder) as reader:
        return list(reader.records())


@contextmanager
def held(engine: Engine) -> Iterator[None]:
    """Keep the engine's thread busy, so that what is asked meanwhile queues up."""
    entered, released = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        entered.set()
        released.wait(60)

    engine.read(hold)
    entered.wait(60)
    try:
        yield
    finally:
        released.set()


# --- answers ------------------------------------------------------------------------------------------------------


def test_commands_are_answered_with_their_facts_and_their_place(folder: Path) -> None:
    with Engine(folder, clock=Ticks()) as engine:
        carry_out(engine, opening())
        answer = engine.submit(trade("market", 1)).result(60)
        assert (answer.seq, answer.time_ns) == (11, 11 * SECOND)
        assert isinstance(answer.facts[0], TradesNovated)
        positions = engine.read(lambda book: [book.positions_of(bucket)[0][1] for bucket in (ALICE, BOB)])
        assert positions.result(60) == [1, -1]
        assert engine.committed.seq == 11
    assert [record.kind for record in records(folder)][-2:] == ["PublishMarks", "SubmitTrades"]


def test_a_command_that_was_decided_and_refused_is_on_record(folder: Path) -> None:
    with Engine(folder) as engine:
        answer = engine.submit(OpenAccount(3, "nobody's client")).result(60)
        assert answer.seq == 1
        assert isinstance(answer.facts[0], Rejected)
        assert answer.facts[0].reason is Reason.MEMBER_UNKNOWN
    assert len(records(folder)) == 1


@pytest.mark.parametrize(
    ("command", "path", "text"),
    [
        (AddMember(name=7), "$.name", "Expected `str`, got `int`"),  # pyright: ignore[reportArgumentType]
        (Contribute("s", True, "treasury", 0, 1), "$.number", "Expected `int`, got `bool`"),
        (Contribute("s", 1, "pocket", 0, 1), "$.fund", "Invalid enum value 'pocket'"),  # pyright: ignore[reportArgumentType]
        (Contribute("s", 1, "treasury", 0, 2**70), "$", "can't serialize ints < -2**63 or > 2**64 - 1"),
        ("AddMember", "$", "Expected `object`, got `str`"),
        (object(), "$", "Encoding objects of type object is unsupported"),
    ],
)
def test_what_is_not_a_command_is_refused_and_not_on_record(command: Any, path: str, text: str) -> None:
    with Engine(keep_records=True) as engine:
        answer = engine.submit(command).result(60)
        assert answer.seq is None
        (fact,) = answer.facts
        assert isinstance(fact, Rejected)
        assert (fact.reason, fact.path, fact.message) == (Reason.MALFORMED, path, text)
        assert engine.records == []


def test_a_command_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "COMMAND_BYTES_MAX", 1000)
    with Engine() as engine:
        (fact,) = engine.submit(trade("market", 1, rows=100)).result(60).facts
        assert isinstance(fact, Rejected)
        assert "at most 1000 are taken at once: split the command" in fact.message


# --- time ---------------------------------------------------------------------------------------------------------


def test_time_never_runs_backwards() -> None:
    times = iter([50, 40, 60])
    with Engine(clock=lambda: next(times)) as engine:
        stamped = [engine.submit(AddMember(f"member {n}")).result(60).time_ns for n in range(3)]
    assert stamped == [50, 50, 60]


def test_a_tape_brings_its_own_time_in_order(folder: Path) -> None:
    with Engine(folder, clock=Ticks()) as engine:
        assert engine.submit(AddMember("Alice"), time_ns=100 * SECOND).result(60).time_ns == 100 * SECOND
        late = engine.submit(AddMember("Bob"), time_ns=99 * SECOND).result(60)
        assert late.seq is None
        (fact,) = late.facts
        assert isinstance(fact, Rejected)
        assert (fact.reason, fact.path) == (Reason.TIME_RUNS_BACKWARDS, "$.time_ns")
        assert engine.submit(AddMember("Bob")).result(60).time_ns == 100 * SECOND, "the clock is behind"
        with pytest.raises(ValueError, match="time_ns: expected 0 to 2\\^63 - 1 nanoseconds, got -1"):
            engine.submit(AddMember("Carol"), time_ns=-1)
    assert [record.time_ns for record in records(folder)] == [100 * SECOND, 100 * SECOND]
    with Engine(folder, clock=Ticks()) as engine:
        assert engine.submit(AddMember("Carol")).result(60).time_ns == 100 * SECOND, "time goes on where it stood"


# --- many at once -------------------------------------------------------------------------------------------------


def test_many_threads_are_carried_out_in_one_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = []
    append = Journal.append
    monkeypatch.setattr(Journal, "append", lambda self, entries: (commits.append(len(entries)), append(self, entries)))
    answers: dict[int, list[Any]] = {}
    with Engine(folder) as engine:
        carry_out(engine, opening())
        commits.clear()

        def work(thread: int) -> None:
            answers[thread] = [engine.submit(trade(f"thread {thread}", n)).result(60) for n in range(1, 51)]

        threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(commits) == 1000
    assert len(commits) < 500, "concurrent commands share commits"
    seqs = [[answer.seq for answer in mine] for mine in answers.values()]
    assert sorted(seq for mine in seqs for seq in mine) == list(range(11, 1011))
    assert all(mine == sorted(mine) for mine in seqs)
    journaled = records(folder)
    assert [record.time_ns for record in journaled] == sorted(record.time_ns for record in journaled)
    for thread, mine in answers.items():
        assert all(decode_command(journaled[answer.seq - 1].command).source == f"thread {thread}" for answer in mine)


def test_an_event_loop_is_served() -> None:
    async def submitter(engine: Engine, name: str) -> list[int | None]:
        return [(await engine.submit_async(trade(name, number))).seq for number in range(1, 11)]

    async def main(engine: Engine) -> None:
        seqs = await asyncio.gather(*(submitter(engine, f"task {n}") for n in range(100)))
        assert sorted(seq or 0 for mine in seqs for seq in mine) == list(range(11, 1011))
        assert await engine.read_async(lambda book: book.positions_of(ALICE)[0][1]) == 1000
        with pytest.raises(ZeroDivisionError):
            await engine.read_async(lambda _: 1 // 0)
        (malformed,) = (await engine.submit_async(AddMember(name=7))).facts  # pyright: ignore[reportArgumentType]
        assert isinstance(malformed, Rejected)

    with Engine() as engine:
        carry_out(engine, opening())
        asyncio.run(main(engine))


def test_who_stops_waiting_does_not_stop_the_command() -> None:
    async def main(engine: Engine) -> None:
        with held(engine):
            cancelled = engine.submit_async(AddMember("Alice"))
            follower = engine.submit_async(AddMember("Bob"))
            cancelled.cancel()
        assert (await follower).seq == 2

    async def leave(engine: Engine) -> None:
        engine.submit_async(AddMember("Carol"))

    with Engine() as engine:
        asyncio.run(main(engine))
        with held(engine):
            asyncio.run(leave(engine))  # its loop is closed before the answer comes
        assert engine.submit(AddMember("Dave")).result(60).seq == 4


def test_nothing_is_told_before_the_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committing, gate = threading.Event(), threading.Event()
    append = Journal.append

    def slow(self: Journal, entries: Any) -> None:
        committing.set()
        gate.wait(60)
        append(self, entries)

    with Engine(folder) as engine:
        carry_out(engine, opening())
        monkeypatch.setattr(Journal, "append", slow)
        answer = engine.submit(trade("market", 1))
        committing.wait(60)
        read = engine.read(lambda book: book.positions_of(ALICE))
        later = engine.submit(trade("market", 2))
        with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s; the command may still be carried out"):
            read.result(0.05)
        assert not answer.done()
        assert not later.done()
        assert engine.committed.seq == 10
        gate.set()
        assert [row[1] for row in read.result(60)] == [1], "it saw the first trade and not the second"
        assert answer.done()
        assert later.result(60).seq == 12


def test_too_much_waiting_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "WAITING_BYTES_MAX", 2300)

    async def main(engine: Engine) -> None:
        with held(engine):
            waiting = [engine.submit_async(AddMember(f"member {n}")) for n in range(3)]
            with pytest.raises(EngineBusy, match="bytes wait to be carried out; try again"):
                engine.submit_async(AddMember("one too many"))
            thread = threading.Thread(target=lambda: engine.submit(AddMember("patient")).result(60))
            thread.start()
        await asyncio.gather(*waiting)
        await asyncio.to_thread(thread.join)

    with Engine() as engine:
        asyncio.run(main(engine))
        assert engine.read(lambda book: len(book.registers.members)).result(60) == 4


# --- memory, closing --------------------------------------------------------------------------------------------------


def test_memory_and_disk_agree(folder: Path) -> None:
    with Engine(folder, clock=Ticks()) as durable, Engine(clock=Ticks(), keep_records=True) as fleeting:
        for engine in (durable, fleeting):
            carry_out(engine, [*opening(), trade("market", 1, rows=20), mark(210)])
        assert durable.committed == fleeting.committed
        assert digest(durable) == digest(fleeting)
        assert records(folder) == fleeting.records
        with pytest.raises(ValueError, match="no records are kept"):
            _ = durable.records
    with pytest.raises(ValueError, match="keep_records is for an engine without a path"):
        Engine(folder, keep_records=True)


def test_closing_carries_out_what_was_asked_before(folder: Path) -> None:
    engine = Engine(folder)
    tickets = [engine.submit(AddMember(f"member {n}")) for n in range(200)]
    engine.close()
    assert [ticket.result(0).seq for ticket in tickets] == list(range(1, 201))
    engine.close()
    for ask in (lambda: engine.submit(AddMember("late")), lambda: engine.read(len), engine.snapshot):
        with pytest.raises(EngineClosed, match="the engine is closed"):
            ask()  # pyright: ignore[reportArgumentType]
    assert len(records(folder)) == 200
    assert engine.fault is None


def test_closing_while_others_ask_answers_every_one() -> None:
    for _ in range(8):
        engine = Engine()
        tickets: list[Ticket] = []

        def ask(engine: Engine = engine, tickets: list[Ticket] = tickets) -> None:
            for n in range(1000):
                try:
                    tickets.append(engine.submit(AddMember(f"{threading.get_ident()} {n}")))
                except EngineClosed:
                    return

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        engine.close()
        for thread in threads:
            thread.join()
        outcomes = [outcome(ticket) for ticket in tickets]
        assert all(isinstance(found, int | EngineClosed) for found in outcomes)


def outcome(ticket: Ticket) -> object:
    """What a ticket gives or raises."""
    try:
        return ticket.result(60).seq
    except EngineClosed as error:
        return error


# --- trouble ----------------------------------------------------------------------------------------------------------


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


def test_two_engines_do_not_share_a_journal(folder: Path) -> None:
    with Engine(folder), pytest.raises(JournalLocked):
        Engine(folder)


def test_facts_of_cash_survive_the_journal(folder: Path) -> None:
    with Engine(folder) as engine:
        carry_out(engine, opening())
        rows = np.array([(3, 5, ALICE, 0), (4, -5, ALICE, 0)], CASH).tobytes()
        facts = engine.submit(Deposit("cash", rows)).result(60).facts
        client = engine.submit(OpenAccount(1, "Bob's client")).result(60).facts
        assert client == [AccountOpened(1, "Bob's client")]
        assert engine.submit(AddMember("Carol")).result(60).facts == [MemberAdded("Carol")]
    last = records(folder)[10]
    assert msgspec.msgpack.encode(facts) == last.facts

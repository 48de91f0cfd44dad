"""The engine: what is told is durable, and what is asked at once is ordered."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from novate.core.commands import AddMember, Contribute, Deposit, OpenAccount
from novate.core.facts import AccountOpened, MemberAdded, Rejected, TradesNovated
from novate.core.reasons import Reason
from novate.core.rows import CASH
from novate.service import engine as engine_module
from novate.service import inbox
from novate.service.audit import decode_command
from novate.service.engine import Engine, EngineBusy, EngineClosed, Ticket
from novate.service.journal import Journal, JournalLocked
from tests.service.engines import Ticks, carry_out, digest, held, outcome, records
from tests.service.house import ALICE, BOB, SECOND, mark, opening, trade

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

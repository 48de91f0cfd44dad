"""A house that runs: whole tapes, many threads, closed and opened again."""

import threading
from pathlib import Path

import pytest

from novate import ClearingHouse
from novate.service.engine import EngineClosed
from novate.service.journal import JournalError
from tests.house.opened import opened

ROOT = Path(__file__).resolve().parents[2]


def test_a_durable_house_is_the_same_house_when_it_is_opened_again(tmp_path: Path) -> None:
    with opened() as house:
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=10, price=50_001).expect()
        digest, facts = house.digest(), list(house.facts())
    with opened(tmp_path / "journal") as house:
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=10, price=50_001).expect()
        seq = house.seq
        assert house.digest() == digest
        assert list(house.facts()) == facts
    with ClearingHouse(tmp_path / "journal") as house:
        assert (house.digest(), house.seq) == (digest, seq)
        house.trade("BTC-PERP", buyer="bob", seller="alice", lots=10, price=50_002).expect()
        (record,) = house.records(since=seq)
        assert record.seq == seq + 1
        assert [row["fact"] for row in house.facts(since=seq)] == ["trades_novated", "source_advanced"]
        with pytest.raises(JournalError, match="writing this journal"):
            ClearingHouse(tmp_path / "journal")


def test_a_closed_house_takes_nothing() -> None:
    house = opened()
    house.close()
    house.close()
    with pytest.raises(EngineClosed):
        house.clock()


def test_a_whole_tape_runs_with_its_line_numbers_and_times() -> None:
    tape = (ROOT / "examples" / "first_day.jsonl").read_bytes()
    broken = tape.replace(b'{"command": "funding"', b'{"command": "fundings"')
    with ClearingHouse() as house:
        outcomes = dict(house.run(tape))
        digest = house.digest()
        # Run again, every line has its time and is late: nothing changes.
        assert all(not outcome.ok for line, outcome in house.run(tape) if b'"clock"' not in tape.split(b"\n")[line - 1])
        assert house.digest() == digest
    assert len(outcomes) == 20
    assert [line for line, outcome in outcomes.items() if outcome.refusals] == [21]
    assert outcomes[26].time_ns == outcomes[27].time_ns - 14_370 * 10**9
    with ClearingHouse() as house:
        answers = dict(house.run(broken))
        assert 'did you mean "funding"?' in answers[26].refusals[0].message
        assert [line for line, outcome in answers.items() if outcome.seq is None] == [26]


def test_threads_share_a_house_each_with_its_own_source() -> None:
    with opened() as house:

        def work(name: str) -> None:
            for _ in range(30):
                house.open_account(f"{name}-{house.next_number(name)}", member="Alpha").expect()
                house.deposit("alice", "USD", 1, source=name).expect()

        threads = [threading.Thread(target=work, args=(f"desk{index}",)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert house.account("alice").balance("USD") == 1120
        assert house.account("desk3-30").name == "desk3-30"

"""Commands through the front door: in people's units, answered row by row, each number taken once."""

import datetime
from decimal import Decimal

import numpy as np
import pytest

from novate import Reason, Refused
from novate.core import commands as core
from novate.core.facts import MarksPublished
from novate.core.rows import MARK, TRADE
from tests.house.opened import opened


def test_rows_are_answered_under_their_own_numbers() -> None:
    row = {"contract": "BTC-PERP", "buyer": "alice", "seller": "bob", "lots": 100, "price": "50000"}
    rows = [
        {**row, "price": "50000.25"},
        row,
        {**row, "buyer": "carol"},
        {**row, "lots": 1_000_000},
        {**row, "lots": 101},
        {**row, "lots": 1},
    ]
    with opened() as house:
        outcome = house.trades(rows)
        assert outcome.rows == 6
        reasons = [answer and answer.reason for answer in outcome.answers]
        assert reasons == [
            Reason.PRICE_OFF_TICK,
            None,
            Reason.ACCOUNT_UNKNOWN,
            Reason.POSITION_LIMIT_EXCEEDED,
            Reason.MARGIN_INSUFFICIENT,
            None,
        ]
        assert [refusal.path for refusal in outcome.refusals] == [
            "$.rows[0].price",
            "$.rows[2].buyer",
            "$.rows[3].lots",
            "$.rows[4].buyer",
        ]
        # 201 lots require 1005.00 of 1000.00
        assert "alice would be 5 USD short of its initial requirement" in outcome.refusals[3].message
        with pytest.raises(Refused, match=r"price_off_tick at `\$.rows\[0\].price`: 50000.25 is not a multiple"):
            outcome.expect()
        assert house.account("alice").lots("BTC-PERP") == 101


def test_pythons_own_times_and_numbers_are_taken() -> None:
    with opened() as house:
        noon = datetime.datetime(2024, 3, 4, 13, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
        house.deposit("alice", "USD", Decimal("1E+2"), time=noon).expect()
        assert house.time_ns == 1_709_553_600 * 10**9
        assert house.account("alice").balance("USD") == 1100
        assert house.add_asset("EUR", 2, 8, price_max=2, stale_after=datetime.timedelta(hours=1)).ok


def test_lines_dicts_and_methods_are_the_same_command() -> None:
    digests = set()
    line = '{"command": "marks", "time": "2024-03-04T09:00:00Z", "prices": {"BTC-PERP": "50001.5"}}'
    for ask in (
        lambda house: house.submit(line),
        lambda house: house.submit(line.encode()),
        lambda house: house.submit(
            {"command": "marks", "time": "2024-03-04T09:00:00Z", "prices": {"BTC-PERP": Decimal("50001.5")}}
        ),
        lambda house: house.marks({"BTC-PERP": "50001.5"}, time="2024-03-04T09:00:00Z"),
    ):
        with opened() as house:
            assert ask(house).ok
            digests.add(house.digest())
    assert len(digests) == 1


def test_malformed_commands_are_answered_and_change_nothing() -> None:
    with opened() as house:
        before, seq = house.digest(), house.seq
        for line in ("", "{", "[]", '{"command": "clock", "time": "never"}', '{"command": "deposit", "source": "x"}'):
            outcome = house.submit(line)
            assert outcome.seq is None
            assert outcome.refusals[0].reason is Reason.MALFORMED
        assert (house.digest(), house.seq) == (before, seq)


def test_a_number_is_taken_once() -> None:
    with opened() as house:
        assert house.deposit("alice", "USD", 5, source="bank", number=7).ok
        late = house.deposit("alice", "USD", 5, source="bank", number=7)
        assert late.refusals[0].reason is Reason.DUPLICATE_OR_LATE
        assert late.refusals[0].message.startswith("the source is already at number 7, so 7 is a duplicate or late")
        assert house.next_number("bank") == 8
        assert house.deposit("alice", "USD", 5, source="bank").ok
        assert house.account("alice").balance("USD") == 1010


def test_what_is_refused_outside_the_core_takes_no_number() -> None:
    with opened() as house:
        assert not house.deposit("alice", "USD", "0.001", source="bank", number=1).ok
        assert house.deposit("alice", "USD", "0.01", source="bank", number=1).ok


def test_time_stands_still_without_a_clock_and_never_runs_back() -> None:
    with opened() as house:
        before = house.digest()
        back = house.clock("2024-03-04T07:59:59Z")
        assert back.refusals[0].reason is Reason.TIME_RUNS_BACKWARDS
        assert "is before the house's time, 2024-03-04T08:00:00Z" in back.refusals[0].message
        assert house.digest() == before
        assert house.add_member("Gamma").time_ns == 1_709_539_200 * 10**9
    with opened(clock=lambda: 2_000_000_000 * 10**9) as house:
        assert house.add_member("Gamma").time_ns == 2_000_000_000 * 10**9


def test_commands_of_the_core_pass_as_they_are() -> None:
    with opened() as house:
        rows = np.array([(1, 5, 100_000, 0, 7, 10, 0), (2, -5, 100_000, 0, 7, 99, 0)], TRADE)
        outcome = house.apply(core.SubmitTrades("kernel", rows.tobytes()))
        assert [(refusal.row, refusal.reason) for refusal in outcome.refusals] == [(1, Reason.ACCOUNT_UNKNOWN)]
        marks = np.array([(100_002, 0, 0), (1, 55, 0)], MARK)
        outcome = house.apply(core.PublishMarks(marks.tobytes()))
        assert isinstance(outcome.facts[0], MarksPublished)
        assert [refusal.path for refusal in outcome.refusals] == ["$.rows[1]"]

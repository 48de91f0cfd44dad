"""ClearingHouse, the front door: commands in people's units, outcomes row by row, reads with names and decimals."""

import datetime
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import novate
from novate import ClearingHouse, Reason, Refused, views
from novate.core import commands as core
from novate.core.facts import MarksPublished
from novate.core.rows import MARK, TRADE
from novate.service.engine import EngineClosed
from novate.service.journal import JournalError

MORNING = "2024-03-04T08:00:00Z"
ROOT = Path(__file__).resolve().parent.parent


RULES: dict[str, Any] = {
    "numeraire": "USD",
    "form": "clearing_house",
    "collateral": {"USD": 0},
    "margin_classes": {"major": [{"above": 0, "initial": "10%", "maintenance": "5%"}]},
    "settlement_interval": "8h",
    "call_due": "1h",
    "waterfall": ["defaulter_fund", "skin_in_the_game", "survivors_fund", "gains_haircut"],
}


def opened(path: Path | None = None, **options: Any) -> ClearingHouse:
    """A house in dollars with one perpetual at 50,000 and two members' clients, alice and bob, of 1,000 each."""
    house = ClearingHouse(path, **options)
    house.add_asset("USD", 2, 8, time=MORNING).expect()
    house.adopt_rulebook("rules", **RULES).expect()
    house.list_contract(
        "BTC-PERP",
        "perpetual",
        settlement="USD",
        tick_size="0.5",
        lot_size="0.001",
        price_min=1,
        price_max=1_000_000,
        position_limit=1000,
        margin_class="major",
        stale_after="9h",
    ).expect()
    for member, client in (("Alpha", "alice"), ("Beta", "bob")):
        house.add_member(member).expect()
        house.open_account(client, member=member).expect()
        house.deposit(client, "USD", 1000).expect()
    house.marks({"BTC-PERP": 50_000}).expect()
    return house


def test_a_trade_is_novated_and_netted() -> None:
    with opened() as house:
        outcome = house.trade("BTC-PERP", buyer="alice", seller="bob", lots=100, price="49999.5")
        assert outcome.ok
        assert outcome.answers == [None]
        house.trade("BTC-PERP", buyer="bob", seller="alice", quantity="0.04", price=Decimal("50010.0")).expect()
        # alice: 100 x (50.0000 - 49.9995) + 40 x (50.0100 - 50.0000) = 0.05 + 0.40
        alice, bob = house.account("alice"), house.account("bob")
        assert (alice.lots("BTC-PERP"), bob.lots("BTC-PERP")) == (60, -60)
        assert alice.equity == Decimal("1000.45")
        assert bob.equity == Decimal("999.55")
        assert alice.initial == Decimal(300)  # 60 x 50 x 10 %
        assert alice.maintenance == Decimal(150)
        assert alice.free == Decimal(700)  # gains that are not settled cannot leave
        assert bob.free == Decimal("699.55")
        assert alice.positions[0].unsettled == Decimal("0.45")
        assert alice.positions[0].quantity == Decimal("0.06")
        (netting,) = house.compression()
        assert (netting.gross_lots, netting.net_lots, netting.netted) == (140, 60, Decimal("0.5714"))
        contract = house.contract("BTC-PERP")
        assert (contract.state, contract.price, contract.open_lots) == ("live", Decimal(50_000), 60)


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
            "$.rows[4]",
        ]
        # 201 lots require 1005.00 of 1000.00
        assert "alice or bob would be 5 USD short of its initial requirement" in outcome.refusals[3].message
        with pytest.raises(Refused, match=r"price_off_tick at `\$.rows\[0\].price`: 50000.25 is not a multiple"):
            outcome.expect()
        assert house.account("alice").lots("BTC-PERP") == 101


FLOATS = [
    ("deposit", lambda house: house.deposit("alice", "USD", 0.5)),
    ("numpy", lambda house: house.deposit("alice", "USD", np.float64(0.5))),
    ("trade", lambda house: house.trade("BTC-PERP", buyer="alice", seller="bob", lots=1, price=0.5)),
    ("marks", lambda house: house.marks({"BTC-PERP": 0.5})),
    ("funding", lambda house: house.funding({"BTC-PERP": 0.5})),
    ("submit", lambda house: house.submit({"command": "marks", "prices": {"BTC-PERP": 0.5}})),
]


@pytest.mark.parametrize("ask", [ask for _, ask in FLOATS], ids=[name for name, _ in FLOATS])
def test_a_float_is_never_money(ask: Any) -> None:
    with opened() as house:
        before = house.digest()
        with pytest.raises(TypeError, match=r"the float .*0\.5.* is not an exact number: give a string"):
            ask(house)
        assert house.digest() == before


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Decimal("NaN"), "finite"),
        (b"5", "a bytes has no place"),
        ({1}, "a set has no place"),
        (datetime.datetime(2024, 1, 1), "no time zone"),  # noqa: DTZ001
    ],
)
def test_other_values_without_an_exact_form_are_refused(value: Any, message: str) -> None:
    with opened() as house, pytest.raises(TypeError, match=message):
        house.deposit("alice", "USD", value)


@pytest.mark.parametrize("value", [Decimal("1E+999999999"), 10**400, "9" * 400, Decimal("1E-999999999")])
def test_absurd_numbers_are_refused_at_once(value: Any) -> None:
    with opened() as house:
        (refusal,) = house.deposit("alice", "USD", value).refusals
        assert refusal.path == "$.rows[0].amount"
        assert len(refusal.message) < 200


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


def test_limits_halts_and_rules_to_come_are_set_and_read() -> None:
    house = opened()
    house.set_limit("open", "BTC-PERP", "gross", quantity="0.05").expect()
    house.set_limit("Alpha", "BTC-PERP", "net", lots=10, members=["Alpha"], accounts=["bob"]).expect()
    house.trade("BTC-PERP", buyer="alice", seller="Beta", price=50_000, lots=1)  # Beta has no money
    refused = house.trade("BTC-PERP", buyer="alice", seller="bob", price=50_000, lots=51).refusals[0]
    assert (refused.reason, refused.path) == (Reason.OPEN_INTEREST_LIMIT_EXCEEDED, "$.rows[0].lots")
    house.trade("BTC-PERP", buyer="alice", seller="bob", price=50_000, lots=20).expect()
    of_all, of_alpha = house.limits()
    assert (of_all.lots, of_all.used_lots, of_all.members, of_all.accounts) == (50, 20, (), ())
    assert (of_alpha.net_lots, of_alpha.long_lots, of_alpha.members, of_alpha.accounts) == (0, 20, ("Alpha",), ("bob",))
    house.remove_limit("Alpha").expect()
    house.halt("BTC-PERP", "a fork").expect()
    assert house.contract("BTC-PERP").halted == "a fork"
    assert not house.trade("BTC-PERP", buyer="bob", seller="alice", price=50_000, lots=1).ok
    house.resume("BTC-PERP").expect()
    assert house.contract("BTC-PERP").halted is None
    noon, rules = "2024-03-04T12:00:00Z", {**RULES, "price_bands": {"major": "1%"}, "warning": "200%"}
    house.adopt_rulebook("noon", **rules, effective=noon).expect()
    house.adopt_rulebook("never", **rules, effective="2024-03-04T11:00:00Z").expect()
    house.cancel_rulebook("never").expect()
    (to_come,) = house.scheduled()
    assert (to_come.name, to_come.terms["warning"], to_come.effective_ns) == ("noon", "2", 1_709_553_600 * 10**9)
    assert (in_force := house.rulebook()) is not None
    assert (in_force.name, in_force.effective_ns) == ("rules", None)
    far = house.trade("BTC-PERP", buyer="bob", seller="alice", price=50_501, lots=1, time=noon)
    assert far.refusals[0].reason is Reason.PRICE_OUTSIDE_BAND
    assert house.rulebook() is not None
    assert house.scheduled() == []
    seen = house.read(lambda book: views.house(book, house.seq))
    assert {table.title for table in views.tables(seen)} >= {"Limits", "Contracts"}
    names = [row["fact"] for row in house.facts()]
    for name in ("limit_set", "limit_removed", "trading_halted", "trading_resumed", "rulebook_scheduled"):
        assert name in names
    assert "rulebook_cancelled" in names


def test_unknown_names_are_lookup_errors_with_a_cure() -> None:
    with opened() as house:
        with pytest.raises(LookupError, match='no account is called "alise": did you mean "alice"'):
            house.account("alise")
        with pytest.raises(LookupError, match='no contract is called "BTC": '):
            house.contract("BTC")


def test_commands_of_the_core_pass_as_they_are() -> None:
    with opened() as house:
        rows = np.array([(1, 5, 100_000, 0, 7, 10, 0), (2, -5, 100_000, 0, 7, 99, 0)], TRADE)
        outcome = house.apply(core.SubmitTrades("kernel", rows.tobytes()))
        assert [(refusal.row, refusal.reason) for refusal in outcome.refusals] == [(1, Reason.ACCOUNT_UNKNOWN)]
        marks = np.array([(100_002, 0, 0), (1, 55, 0)], MARK)
        outcome = house.apply(core.PublishMarks(marks.tobytes()))
        assert isinstance(outcome.facts[0], MarksPublished)
        assert [refusal.path for refusal in outcome.refusals] == ["$.rows[1]"]


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


def test_a_call_a_default_and_its_orders_can_be_read() -> None:
    with opened() as house:
        house.contribute("default_fund", "USD", 250, member="Beta").expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=200, price=50_000).expect()
        house.marks({"BTC-PERP": 46_000}, time="2024-03-04T09:00:00Z").expect()
        # alice: 1000 - 200 x 4 = 200 of 200 x 46 x 10 % = 920
        (call,) = house.calls()
        assert (call.account, call.amount, call.asset, call.largest) == ("alice", Decimal(720), "USD", ("BTC-PERP",))
        assert house.account("alice").call == call
        house.clock("2024-03-04T10:00:00Z").expect()
        (order,) = house.open_orders()
        assert (order.account, order.contract, order.lots < 0) == ("alice", "BTC-PERP", True)
        assert order.limit_price < 46_000
        assert house.account("alice").status == "in_liquidation"
        refused = house.execute(order.number, counterparty="bob", price=1, lots=1)
        assert refused.refusals[0].reason is Reason.PRICE_WORSE_THAN_LIMIT
        assert refused.refusals[0].message.endswith(f"order {order.number} sells at least at {order.limit_price}")
        house.execute(order.number, counterparty="bob", price=order.limit_price, lots=-order.lots).expect()
        late = house.execute(order.number, counterparty="bob", price=order.limit_price, lots=1)
        assert late.refusals[0].reason is Reason.ORDER_NOT_OPEN
        told = [row for row in house.facts() if row["fact"] == "liquidation_executed"]
        assert (told[0]["account"], told[0]["contract"]) == ("alice", "BTC-PERP")
        alpha, beta = house.members()
        assert (alpha.name, alpha.clients, alpha.defaulted) == ("Alpha", ("alice",), False)
        assert beta.default_fund == (("USD", Decimal("250.00")),)
        assert ("Beta:fund", Decimal("250.00")) in [(fund.account, fund.settled) for fund in house.funds()]


def test_money_on_its_way_can_be_read_and_the_gate_that_it_waits_for(tmp_path: Path) -> None:
    """bob's deposit is taken back when its money has left: the rest is owed, and alice's withdrawal waits."""
    path = tmp_path / "journal"
    rules = {**RULES, "form": "venue", "deposit_final_after": "1d", "withdrawal_gates": {"USD": 5}}
    rules["collateral_caps"] = {"USD": {"house": 10_000}}
    with opened(path) as house:
        house.adopt_rulebook("gated", **rules).expect()
        house.announce_deposit("alice", "USD", 300, source="chain").expect()
        house.deposit("bob", "USD", 200, source="chain").expect()
        house.withdraw("bob", "USD", 1100).expect()
        house.reverse_deposit(2, source="chain").expect()
        assert [(each.state, each.account, each.amount) for each in house.deposits()] == [
            ("pending", "alice", Decimal("300.00")),
            ("owed", "bob", Decimal("100.00")),
        ]
        refused = house.withdraw("alice", "USD", 10)
        assert refused.refusals[0].reason is Reason.GATE_CLOSED
        house.request_withdrawal("alice", "USD", "400.50").expect()
        house.release_withdrawal(0).expect()
        house.clock("2024-03-04T08:30:00Z").expect()
        (gate,) = house.gates()
        assert (gate.asset, gate.cause, gate.age_ns) == ("USD", "reversals", 30 * 60 * 10**9)
        assert (gate.deficit, gate.available, gate.dust, gate.waiting) == (100, 0, 5, Decimal("400.50"))
        shown = {table.title: table.rows for table in house.read(lambda book: views.tables(views.house(book, 0)))}
        assert shown["Withdrawals on their way"] == [["0", "alice", "waiting", "400.50", "USD"]]
        assert shown["Closed gates"][0][:4] == ["USD", "reversals", "2024-03-04T08:00:00Z", "30m"]
        assert shown["Deposits that are not final"][1][:4] == ["chain", "2", "owed", "bob"]
        digest = house.digest()
    with ClearingHouse(path) as house:
        assert house.digest() == digest
        house.contribute("insurance_fund", "USD", 95).expect()
        assert house.gates() == []
        house.confirm_withdrawal(0).expect()
        again = house.confirm_withdrawal(0)
        assert again.refusals[0].reason is Reason.WITHDRAWAL_CLOSED
        house.finalise_deposit(1, source="chain").expect()
        house.cancel_deposit(1, source="chain")
        house.transfer("Alpha", "alice", "USD", 1)
        house.request_withdrawal("alice", "USD", 1).expect()
        house.return_withdrawal(1).expect()
        assert house.account("alice").balance("USD") == Decimal("899.50")
        assert house.withdrawals() == []
        told = [row for row in house.facts() if row["fact"].startswith(("withdrawal", "gate", "deposit_"))]
        assert [row["fact"] for row in told] == [
            "deposit_reversed",
            "gate_closed",
            "withdrawals_requested",
            "withdrawal_waits",
            "gate_opened",
            "withdrawal_released",
            "withdrawal_confirmed",
            "deposit_closed",
            "withdrawals_requested",
            "withdrawal_returned",
        ]
        assert told[0]["owed"] == Decimal("100.00")


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


def test_importing_novate_loads_nothing_heavy() -> None:
    code = "import novate, sys; print(*sorted({'numba', 'numpy', 'arch', 'pyarrow', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_what_novate_exports() -> None:
    for name in novate.__all__:
        assert getattr(novate, name) is not None
        assert name in dir(novate)
    with pytest.raises(AttributeError, match="it has ClearingHouse"):
        _ = novate.Clearinghouse  # type: ignore[attr-defined]

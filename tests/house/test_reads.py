"""What can be read of a house, with names and decimals, as things happen to it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from novate import ClearingHouse, Reason, views
from tests.house.opened import RULES, opened


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


def test_a_bet_shows_what_it_locks_and_ends_with_its_event() -> None:
    """150 lots at 0.40: the long keeps 60 of its cash for the worst, the short 90; voided at 0.50 the long gains 15."""
    bet: dict[str, Any] = {"settlement": "USD", "tick_size": "0.01", "lot_size": 1, "price_min": 0, "price_max": 1}
    bet |= {"position_limit": 1000, "stale_after": "9h", "expiry": "2024-03-31"}
    with opened() as house:
        house.list_contract("RAIN", "future", **bet, capped=True, collateralised=True, resolvable=True).expect()
        house.marks({"RAIN": 0}).expect()
        shown = house.contract("RAIN")
        assert (shown.style, shown.price, shown.value_per_lot) == ("collateralised", 0, 0)
        house.trade("RAIN", buyer="alice", seller="bob", lots=150, price="0.40").expect()
        locked = [house.account(name).positions[0].locked for name in ("alice", "bob")]
        assert locked == [60, 90]
        assert [house.account(name).free for name in ("alice", "bob")] == [940, 910]
        house.resolve("RAIN", "0.50", outcome="voided").expect()
        assert [fact["cause"] for fact in house.facts() if fact["fact"] == "contract_expired"] == ["voided"]
        house.clock("2024-03-04T16:00:00Z").expect()
        assert house.account("alice").balance("USD") == 1015


def test_a_relief_is_shown_until_it_is_over() -> None:
    """alice has 1,000 for 200 lots worth 10,000; of the 1,500 that the stricter rules ask a third counts."""
    venue = RULES | {"form": "venue", "waterfall": ["insurance_fund", "gains_haircut"]}
    stricter = venue | {"margin_classes": {"major": [{"above": 0, "initial": "30%", "maintenance": "15%"}]}}
    with opened() as house:
        house.adopt_rulebook("venue", **venue).expect()
        house.deposit("bob", "USD", 9000).expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=200, price=50_000).expect()
        assert house.account("alice").relief == 0
        house.adopt_rulebook("stricter", **stricter).expect()
        alice = house.account("alice")
        assert (alice.equity, alice.maintenance, alice.relief, alice.free) == (1000, 1500, 1000, 0)
        assert json.loads(views.to_json(alice))["relief"] == "1000.00000000"
        (told,) = [fact for fact in house.facts() if fact["fact"] == "maintenance_relieved"]
        assert (told["account"], told["relief"], told["of_equity"]) == ("alice", 1000, 0)
        shown = house.read(lambda book: views.tables(views.house(book, 0)))[0].rows
        assert [row[3] for row in shown if row[0] in ("alice", "bob")] == ["open, relieved", "open"]
        house.deposit("alice", "USD", 2000).expect()
        assert house.account("alice").relief == 0
        assert [fact["account"] for fact in house.facts() if fact["fact"] == "relief_ended"] == ["alice"]


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


def test_the_open_interest_by_which_initial_rates_stand_can_be_read() -> None:
    """60 lots of 50 are 3,000: half of the way from 2,000 to 4,000, so that 10 % are 55 %. Between marks it stands."""
    rising = {"tiers": RULES["margin_classes"]["major"], "open_interest": {"lower": 2000, "upper": 4000}}
    with opened() as house:
        assert house.contract("BTC-PERP").scaled_at is None
        for name in ("alice", "bob"):
            house.deposit(name, "USD", 1000).expect()
        house.adopt_rulebook("rising", **{**RULES, "form": "venue", "margin_classes": {"major": rising}}).expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=60, price=50_000).expect()
        assert (house.contract("BTC-PERP").scaled_at, house.account("alice").initial) == (0, 300)
        house.marks({"BTC-PERP": 50_000}).expect()
        assert (house.contract("BTC-PERP").scaled_at, house.account("alice").initial) == (3000, 1650)
        house.trade("BTC-PERP", buyer="bob", seller="alice", lots=60, price=50_000).expect()
        assert house.contract("BTC-PERP").scaled_at == 3000


def test_risk_sheets_in_force_and_to_come_are_read_without_their_scenarios() -> None:
    house = opened()
    assert house.risk_sheet() is None
    row = {"netting_set": "BTC", "results": [-3, 2]}
    block = {"name": "current", "part": "current", "scenarios": 2, "measure": "worst", "weight": 1}
    sheet: dict[str, Any] = {"numeraire": "USD", "unit": 1, "blocks": [block], "contracts": {"BTC-PERP": row}}
    noon = "2024-03-04T12:00:00Z"
    house.adopt_risk_sheet("monday", **sheet, effective=noon).expect()
    house.adopt_risk_sheet("tuesday", **sheet, effective="2024-03-05T12:00:00Z").expect()
    house.cancel_risk_sheet("tuesday").expect()
    (to_come,) = house.scheduled()
    terms = {"numeraire": "USD", "unit": "1", "scenarios": 2, "contracts": ["BTC-PERP"], "collateral": []}
    assert to_come == views.Rules("monday", terms, 1_709_553_600 * 10**9, "risk_sheet")
    past = house.adopt_risk_sheet("sunday", **sheet, effective="2024-03-03T12:00:00Z").refusals[0]
    assert past.path == "$.effective"
    assert past.message.startswith("2024-03-03T12:00:00Z is past")
    shown = {table.title: table.rows for table in views.tables(house.read(lambda book: views.house(book, house.seq)))}
    assert shown["Rules to come"] == [["risk sheet", "monday", noon]]
    house.clock(noon).expect()
    assert house.risk_sheet() == views.Rules("monday", terms, None, "risk_sheet")
    assert house.scheduled() == []
    digests = [row["digest"] for row in house.facts() if row.get("sheet") == "monday"]
    assert len(digests) == 2
    assert digests[0] == digests[1]


def test_unknown_names_are_lookup_errors_with_a_cure() -> None:
    with opened() as house:
        with pytest.raises(LookupError, match='no account is called "alise": did you mean "alice"'):
            house.account("alise")
        with pytest.raises(LookupError, match='no contract is called "BTC": '):
            house.contract("BTC")


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


def test_balances_below_zero_can_be_read_with_what_they_pay() -> None:
    """alice has euros only and loses 10: she stands below zero until the dollars come, at a thousandth a day."""
    rules = {**RULES, "collateral": {"USD": 0, "EUR": "10%"}, "overdrafts": {"USD": {"amount": 500, "time": "2d"}}}
    with opened() as house:
        house.add_asset("EUR", 2, 8, price_max=10).expect()
        house.adopt_rulebook("lending", **rules).expect()
        house.interest("USD", "36.5%").expect()
        house.contribute("treasury", "USD", 100).expect()
        house.marks({"EUR": "1.10"}).expect()
        house.deposit("alice", "EUR", 1000).expect()
        house.withdraw("alice", "USD", 1000).expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=10, price=50_000).expect()
        house.marks({"BTC-PERP": 49_000}).expect()
        house.clock("2024-03-04T16:00:00Z").expect()
        (owed,) = house.overdrafts()
        assert (owed.account, owed.asset, owed.amount, owed.limit) == ("alice", "USD", Decimal(10), Decimal(500))
        assert owed.until_ns - owed.since_ns == 2 * 24 * 3600 * 10**9
        assert owed.rate == Decimal("0.365")
        assert house.account("alice").balance("USD") == Decimal("-10.00")
        told = {table.title: table.rows for table in house.read(lambda book: views.tables(views.house(book, 1)))}
        since, until = "2024-03-04T16:00:00Z", "2024-03-06T16:00:00Z"
        assert told["Balances below zero"] == [["alice", "10.00", "500.00", "USD", since, until, "36.5 %", "0.00"]]
        house.marks({"BTC-PERP": 49_000}, time="2024-03-04T20:00:00Z").expect()
        assert house.overdrafts()[0].accrued == Decimal("0.00166667")  # half of what eight hours cost, rounded up
        house.clock("2024-03-05T00:00:00Z").expect()
        (charged,) = [row for row in house.facts() if row["fact"] == "interest_charged"]
        assert (charged["account"], charged["amount"]) == ("alice", Decimal("0.00333334"))
        house.deposit("alice", "USD", 11).expect()
        assert house.overdrafts() == []


def test_collateral_for_sale_can_be_read_and_its_sales_reported() -> None:
    """alice has euros only and loses 10, of which 4 are beyond her limit: 4.05 euros bring them at 0.99."""
    rules = {**RULES, "collateral": {"USD": 0, "EUR": "10%"}, "overdrafts": {"USD": {"amount": 6, "time": "2d"}}}
    with opened() as house:
        house.add_asset("EUR", 2, 8, price_max=10).expect()
        house.adopt_rulebook("selling", **rules, conversion="orders", conversion_due="90m").expect()
        house.interest("USD", "36.5%").expect()
        house.contribute("treasury", "USD", 100).expect()
        house.marks({"EUR": "1.10"}).expect()
        house.deposit("alice", "EUR", 1000).expect()
        house.withdraw("alice", "USD", 1000).expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=10, price=50_000).expect()
        house.marks({"BTC-PERP": 49_000}).expect()
        house.clock("2024-03-04T16:00:00Z").expect()
        (order,) = house.conversions()
        assert (order.number, order.account, order.sold, order.bought) == (0, "alice", "EUR", "USD")
        assert (order.sell, order.open, order.least) == (Decimal("4.05"), Decimal("4.05"), Decimal("4.00"))
        told = {table.title: table.rows for table in house.read(lambda book: views.tables(views.house(book, 1)))}
        due = "2024-03-04T17:30:00Z"
        assert told["Conversion orders"] == [["0", "alice", "4.05", "4.05", "EUR", "4.00", "USD", due]]
        (refusal,) = house.withdraw("alice", "EUR", "995.96").refusals
        assert refusal.reason.text == "collateral_on_order"
        (refusal,) = house.execute_conversion(1, sold=1, received=1).refusals
        assert refusal.reason.text == "order_unknown"
        house.execute_conversion(0, sold="2.00", received="2.50").expect()
        assert house.account("alice").balance("EUR") == Decimal("998.00")
        assert [(each.open, each.least) for each in house.conversions()] == [(Decimal("1.52"), Decimal("4.00"))]
        house.deposit("alice", "USD", 5).expect()
        assert house.conversions() == []
        told = [row for row in house.facts() if row["fact"].startswith("conversion")]
        assert [row["fact"].removeprefix("conversion_") for row in told] == ["ordered", "executed", "reduced", "closed"]
        assert (told[0]["sell"], told[0]["sell_asset"], told[0]["least"]) == (Decimal("4.05"), "EUR", Decimal("4.00"))
        assert (told[1]["sold"], told[1]["received"], told[2]["open"]) == (Decimal(2), Decimal("2.5"), Decimal("1.52"))
        assert (told[3]["order"], told[3]["account"], told[3]["cause"]) == (0, "alice", "cured")


def test_trades_on_record_can_be_read_and_dealt_with() -> None:
    """Every method about trades and positions afterwards, and what can be read of them."""
    with opened() as house:
        house.deposit("Beta", "USD", 100).expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=2, price=50_000, source="venue", number=1).expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=3, price=49_000, source="venue", number=2).expect()
        house.give_up("venue", 1, account="alice", receiver="Beta", lots=1).expect()
        (asked,) = house.give_ups()
        assert (asked.giver, asked.receiver, asked.lots, asked.number) == ("alice", "Beta", 1, 1)
        house.answer_give_up(asked.give_up, member="Beta", accept=True).expect()
        terms = {"contract": "BTC-PERP", "buyer": "alice", "seller": "bob"}
        house.correct_trade("venue", 2, **terms, quantity="0.002", price=50_000).expect()
        held = [(trade.number, trade.buyer, trade.lots, trade.busted) for trade in house.trades_on_record()]
        assert held == [(1, "alice", 1, False), (2, "alice", 3, True), (1, "Beta", 1, False), (2, "alice", 2, False)]
        house.bust_trade("venue", 2).expect()
        house.transfer_position("alice", "bob", "BTC-PERP", lots=1, cause="same_owner").expect()
        house.compress_positions("BTC-PERP", {"Beta": -1, "bob": 1}).expect()
        assert [house.account(name).lots("BTC-PERP") for name in ("alice", "Beta", "bob")] == [0, 0, 0]
        late = house.offset_trade("venue", 1, **terms, lots=1, price=50_000)
        assert [refusal.reason for refusal in late.refusals] == [Reason.TRADE_ON_RECORD]
        for outcome in (house.port_account("bob", "Alpha"), house.answer_porting("bob", "Alpha", accept=True)):
            assert [refusal.reason for refusal in outcome.refusals] == [Reason.NOT_PORTABLE]
        assert (house.give_ups(), house.portings()) == ([], [])
        told = {row["fact"]: row for row in house.facts()}
        assert told["give_up_proposed"]["giver"] == "alice"
        assert told["trade_corrected"]["lots"] == 2
        assert told["position_transferred"]["cost"] == Decimal("50.00000000")
        assert told["positions_compressed"]["account"] == "bob"


def test_clients_of_a_member_in_default_can_be_read_and_ported() -> None:
    with opened() as house:
        house.adopt_rulebook("rules", **RULES, porting_due="2h").expect()
        house.deposit("Alpha", "USD", 100).expect()
        house.trade("BTC-PERP", buyer="Alpha", seller="bob", lots=20, price=50_000).expect()
        house.marks({"BTC-PERP": 48_000}).expect()
        house.clock("2024-03-04T09:00:00Z").expect()
        (waiting,) = house.portings()
        assert (waiting.account, waiting.member, waiting.proposed_to) == ("alice", "Alpha", None)
        assert waiting.due_ns == house.time_ns + 2 * 3600 * 10**9
        house.port_account("alice", "Beta").expect()
        assert house.portings()[0].proposed_to == "Beta"
        house.answer_porting("alice", "Beta", accept=True).expect()
        assert house.portings() == []
        assert house.account("alice").member == "Beta"
        assert house.account("alice").status == "open"
        assert {row["fact"] for row in house.facts()} >= {"porting_opened", "porting_proposed", "account_ported"}

"""What-if, the largest order and the liquidation price: asked, and nothing changes."""

from decimal import Decimal

import pytest

from novate import ClearingHouse, Reason, Refused
from tests.house.opened import opened


def test_what_if_shows_before_and_after_and_changes_nothing() -> None:
    """100 lots at 50,000 dollars a bitcoin, 0.001 each: 5,000 of value, 500 initial, 250 maintenance."""
    with opened() as house:
        seq, digest = house.seq, house.digest()
        buy = {"contract": "BTC-PERP", "side": "buy", "lots": 100, "price": "50001"}
        answer = house.what_if("alice", [buy])
        assert (answer.accepted, answer.seq, answer.numeraire) == (True, seq, "USD")
        assert (answer.before.equity, answer.before.initial, answer.before.free) == (1000, 0, 1000)
        after = answer.after
        assert (after.equity, after.initial, after.maintenance, after.free) == (
            Decimal("999.9"),
            500,
            250,
            Decimal("499.9"),
        )
        assert (house.seq, house.digest()) == (seq, digest)
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=100, price="50001").expect()
        assert house.account("alice").equity == after.equity
        assert house.account("alice").free == after.free


def test_what_if_answers_each_trade_with_its_reason() -> None:
    """1,000 carry 200 lots; with 500 more, 300. Rows that do not convert are answered."""
    sell = {"contract": "BTC-PERP", "side": "sell", "price": 50_000}
    with opened() as house:
        answer = house.what_if("alice", [{**sell, "quantity": "0.201"}, {**sell, "lots": 200}, {**sell, "lots": 1}])
        assert not answer.accepted
        assert [(refusal.path, refusal.reason) for refusal in answer.refusals] == [
            ("$.trades[0]", Reason.MARGIN_INSUFFICIENT),
            ("$.trades[2]", Reason.MARGIN_INSUFFICIENT),
        ]
        assert answer.refusals[0].message.startswith("alice would be 5 USD short of its initial requirement")
        assert answer.after.initial == 1000
        more = house.what_if("alice", [{**sell, "lots": 300}], deposits=[{"asset": "USD", "amount": "500"}])
        assert (more.accepted, more.after.equity) == (True, 1500)
        wrong = house.what_if(
            "alice",
            [{**sell, "lots": 1, "price": "50000.25"}, {**sell, "lots": 0}, {**sell, "lots": 1, "side": "hold"}],
            deposits=[{"asset": "USD", "amount": -1}, {"asset": "EUR", "amount": 1}],
        )
        assert [(refusal.path, refusal.reason) for refusal in wrong.refusals] == [
            ("$.deposits[1].asset", Reason.ASSET_UNKNOWN),
            ("$.trades[0].price", Reason.PRICE_OFF_TICK),
            ("$.trades[1].lots", Reason.QUANTITY_MUST_BE_POSITIVE),
            ("$.trades[2].side", Reason.MALFORMED),
            ("$.deposits[0].amount", Reason.AMOUNT_MUST_BE_POSITIVE),
        ]
        assert wrong.after == wrong.before
        with pytest.raises(TypeError, match=r"\$\.trades\[0\]\.price"):
            house.what_if("alice", [{**sell, "lots": 1, "price": 50_000.0}])
        with pytest.raises(LookupError, match="carol"):
            house.what_if("carol")


def test_the_largest_order_is_accepted_and_one_lot_more_is_not() -> None:
    with opened() as house:
        order = house.largest_order("alice", "BTC-PERP", "buy", 50_000)
        assert (order.lots, order.quantity, order.side) == (200, Decimal("0.2"), "buy")
        assert order.refusal.reason is Reason.MARGIN_INSUFFICIENT
        assert "alice would be 5 USD short" in order.refusal.message
        refused = house.trade("BTC-PERP", buyer="alice", seller="bob", lots=201, price=50_000)
        assert [refusal.reason for refusal in refused.refusals] == [Reason.MARGIN_INSUFFICIENT]
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=200, price=50_000).expect()
        assert house.largest_order("alice", "BTC-PERP", "buy", 50_000).lots == 0
        assert house.largest_order("alice", "BTC-PERP", "sell", 50_000).lots == 400
        with pytest.raises(Refused, match="price_off_tick"):
            house.largest_order("alice", "BTC-PERP", "buy", "0.3")
        with pytest.raises(ValueError, match="buy"):
            house.largest_order("alice", "BTC-PERP", "both", 1)  # type: ignore[arg-type]


def test_the_liquidation_price_is_on_the_tick() -> None:
    """Long 100 from 50,000: 1,000 + 0.1 (p - 50,000) < 0.01 p below 44,444.4, < 0.005 p below 42,105.3."""
    with opened() as house:
        assert house.liquidation_price("alice", "BTC-PERP").reason.startswith("no price of BTC-PERP from 1 to 1000000")
        house.trade("BTC-PERP", buyer="alice", seller="bob", lots=100, price=50_000).expect()
        found = house.liquidation_price("alice", "BTC-PERP")
        assert (found.mark, found.call_below, found.call_above) == (50_000, Decimal(44_444), None)
        assert (found.liquidation_below, found.liquidation_above, found.reason) == (Decimal(42_105), None, "")
        # Short: 1,000 - 0.1 (p - 50,000) < 0.01 p above 54,545.45, < 0.005 p above 57,142.86
        found = house.liquidation_price("bob", "BTC-PERP")
        assert (found.call_above, found.liquidation_above) == (Decimal("54545.5"), Decimal(57_143))
        house.marks({"BTC-PERP": None}).expect()
        found = house.liquidation_price("bob", "BTC-PERP")
        assert (found.mark, found.liquidation_above, found.reason.split(":")[0]) == (None, None, "price_missing")


def test_questions_need_a_rulebook() -> None:
    with ClearingHouse() as house:
        house.add_asset("USD", 2, 8).expect()
        house.add_member("Alpha").expect()
        with pytest.raises(LookupError, match="no rulebook is in force"):
            house.what_if("Alpha")

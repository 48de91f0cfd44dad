"""Trades and positions after they were made, of accounts with isolated buckets, resting orders and money on its way."""

from novate.core import commands as c
from novate.core import layout
from novate.core import lifecycle_commands as after
from novate.core.facts import Breached, MarginCalled
from novate.core.laws import check_whole
from novate.core.lifecycle_facts import AccountPorted, GiveUpProposed, TradeBusted
from novate.core.orders import open_orders_of
from novate.core.reasons import Reason
from novate.core.rows import SELL
from tests.core.worlds import HOUR, MILLION, USD, House, cash, folded, future, of, orders, reasons, small_house


def with_client(**rules: object) -> House:
    """m0 with its client c, m1 and m2; a lot of 100 dollars needs 10."""
    house = small_house(members=3, **rules)
    house.ok(c.OpenAccount(0, "c"))
    for name, amount in (("m0", 1_000_00), ("c", 1_000_00), ("m1", MILLION), ("m2", MILLION)):
        house.deposit(house.account(name), USD, amount)
    return house


def isolate(house: House, amount_minor: int) -> int:
    client = house.account("c")
    house.ok(c.IsolatePosition(client, 0, (c.Money(USD, amount_minor),)))
    return house.book.bucket_of(client, 0)


def lots(house: House, bucket: int) -> int:
    return sum(held for _, held, _ in house.book.positions_of(bucket))


def sound(house: House) -> None:
    check_whole(house.book)
    assert folded(house.records).digest() == house.book.digest()


def test_a_trade_is_busted_where_its_account_holds_the_contract_now() -> None:
    """Made in the cross bucket and isolated since, or made in an isolated bucket that was rejoined since."""
    house = with_client()
    client = house.account("c")
    house.trade(0, client, house.account("m1"), 20, 200)
    first = house.number
    bucket = isolate(house, 300_00)
    assert lots(house, client) == 0
    house.trade(0, client, house.account("m1"), 5, 200)
    second = house.number
    (busted,) = of(house.ok(after.BustTrade("op", house.next(), "venue", first)), TradeBusted)
    assert [leg.bucket for leg in busted.legs] == [bucket, house.account("m1")]
    assert (lots(house, bucket), lots(house, client)) == (5, 0)
    house.ok(c.RejoinPosition(client, 0))
    (busted,) = of(house.ok(after.BustTrade("op", house.next(), "venue", second)), TradeBusted)
    assert [leg.bucket for leg in busted.legs] == [client, house.account("m1")]
    assert house.book.positions_of(bucket) == house.book.positions_of(client) == []
    assert house.worth_fine(client, USD) == 1_000_00 * 10**6
    sound(house)


def test_give_ups_corrections_and_transfers_go_to_the_isolated_bucket() -> None:
    house = with_client()
    client, m0, m1, m2 = (house.account(name) for name in ("c", "m0", "m1", "m2"))
    house.trade(0, m0, m1, 10, 200)
    number = house.number
    bucket = isolate(house, 100_00)
    proposal = after.GiveUp("op", house.next(), "venue", number, m0, client, 6)
    (asked,) = of(house.ok(proposal), GiveUpProposed)
    house.ok(after.AnswerGiveUp("op", house.next(), asked.give_up, 0, True))
    assert (lots(house, bucket), lots(house, client), lots(house, m0)) == (6, 0, 4)
    onward = after.GiveUp("op", house.next(), "venue", number, client, m2, 1)
    (asked,) = of(house.ok(onward), GiveUpProposed)
    house.ok(after.AnswerGiveUp("op", house.next(), asked.give_up, 2, True))
    assert (lots(house, bucket), lots(house, m2)) == (5, 1)
    more = after.TransferPosition("op", house.next(), m0, client, 0, 4, "same_owner")
    house.ok(more)
    again = after.TransferPosition("op", house.next(), m2, client, 0, 2, "same_owner")
    assert reasons(house.do(again)) == [Reason.LOTS_EXCEEDED]
    house.trade(0, m2, m1, 5, 200)
    # Nine lots stand in the bucket with 100 dollars; the cross bucket's 900 do not help it to two more.
    too_many = after.TransferPosition("op", house.next(), m2, client, 0, 2, "same_owner")
    assert reasons(house.do(too_many)) == [Reason.MARGIN_INSUFFICIENT]
    compression = (after.Reduction(client, -9), after.Reduction(m1, 9))
    house.ok(after.CompressPositions("op", house.next(), 0, compression))
    assert lots(house, bucket) == 0
    assert reasons(house.do(after.TransferPosition("op", house.next(), m2, bucket, 0, 1, "same_owner"))) == [
        Reason.ACCOUNT_NOT_TRADABLE
    ]
    correction = after.CorrectTrade(
        "op", house.next(), "venue", house.book.registers.sources["venue"], 0, client, m1, 3, 200
    )
    house.ok(correction)
    assert (lots(house, bucket), lots(house, client)) == (3, 0)
    sound(house)


def test_resting_orders_count_where_a_position_arrives() -> None:
    """Ninety lots to buy reserve 900 of 1,000 dollars: ten more lots fit, an eleventh does not."""
    house = with_client()
    client, m2 = house.account("c"), house.account("m2")
    house.trade(0, m2, house.account("m1"), 20, 200)
    house.ok(c.ChangeOrders("venue", orders([(house.next(), 90, 0, client, 0)])))
    for size, refused in ((11, [Reason.MARGIN_INSUFFICIENT]), (10, [])):
        command = after.TransferPosition("op", house.next(), m2, client, 0, size, "same_owner")
        assert reasons(house.do(command)) == refused
    sound(house)


def in_default(house: House) -> None:
    """m0's own position loses more than it has margin for, and its call is missed."""
    house.trade(0, house.account("m0"), house.account("m1"), 100, 200)
    house.mark((0, 194))
    house.clock(HOUR)
    assert house.book.registers.members[0].defaulted


def test_a_client_is_ported_with_all_its_buckets_its_orders_cancelled() -> None:
    house = with_client()
    client = house.account("c")
    house.trade(0, client, house.account("m1"), 20, 200)
    bucket = isolate(house, 260_00)
    house.ok(c.RequestWithdrawal("bank", cash([(house.next(), 40_00, client, USD)])))
    in_default(house)
    house.mark((0, 193))  # 260 - 70 = 190 is below 193: called
    assert house.book.registers.calls[bucket].amount_fine == 3 * 10**8
    house.ok(c.ChangeOrders("venue", orders([(house.next(), 5, 0, client, SELL)])))
    assert open_orders_of(house.book, bucket) == {0: (0, 5)}
    house.ok(after.PortAccount("op", house.next(), client, 2))
    facts = house.ok(after.AnswerPorting("op", house.next(), client, 2, True))
    assert of(facts, AccountPorted)
    assert not of(facts, MarginCalled)  # the open call goes along
    for each in (client, bucket):
        assert house.book.registers.accounts[each].member == house.book.buckets[each]["member"] == 2
        assert house.book.buckets[each]["access"] == layout.OPEN
        assert open_orders_of(house.book, each) == {}
    assert house.book.registers.calls[bucket].amount_fine == 3 * 10**8
    house.ok(c.ReturnWithdrawal("bank", house.next(), 0))
    assert house.balance(client) == 740_00
    house.ok(c.MoveCollateral("bank", house.next(), client, 0, USD, 3_00))
    assert bucket not in house.book.registers.calls
    sound(house)


def test_what_is_not_ported_is_closed_out_bucket_by_bucket() -> None:
    house = with_client(porting_due_ns=HOUR)
    client = house.account("c")
    house.trade(0, client, house.account("m1"), 20, 200)
    bucket = isolate(house, 400_00)
    in_default(house)
    closed = of(house.clock(2 * HOUR), Breached)
    assert [(fact.bucket, fact.cause) for fact in closed] == [(bucket, "not_ported")]
    assert house.book.buckets[client]["access"] == layout.REDUCE_ONLY
    assert reasons(house.do(after.PortAccount("op", house.next(), client, 2))) == [Reason.ACCOUNT_IN_LIQUIDATION]
    sound(house)


def test_a_bet_stays_covered_when_what_it_was_made_of_is_undone() -> None:
    """Bought at 0.40, sold at 0.50: without the purchase 100 lots are short and could lose 50 dollars, of 45."""
    house = small_house(members=3)
    bet = {"tick_size": "0.01", "price_min_ticks": 0, "price_max_ticks": 100, "capped": True, "collateralised": True}
    house.ok(c.ListContract(future("BET", **bet, lot_size="1", margin_class="")))
    m0, m1, m2 = (house.account(name) for name in ("m0", "m1", "m2"))
    for account, amount in ((m0, 45_00), (m1, MILLION), (m2, MILLION)):
        house.deposit(account, USD, amount)
    house.mark((1, 40))
    house.trade(1, m0, m1, 100, 40)
    bought = house.number
    house.trade(1, m2, m0, 100, 50)
    sold = house.number
    undone = after.BustTrade("op", house.next(), "venue", bought)
    assert reasons(house.do(undone)) == [Reason.COLLATERAL_NOT_COVERED]
    moved = after.TransferPosition("op", house.next(), m2, m0, 1, 100, "same_owner")
    house.ok(moved)
    assert reasons(house.do(after.BustTrade("op", house.next(), "venue", sold))) == [Reason.COLLATERAL_NOT_COVERED]
    house.deposit(m0, USD, 45_00)
    house.ok(after.BustTrade("op", house.next(), "venue", sold))
    sound(house)


def test_a_correction_to_a_price_below_zero_is_charged_on_its_size() -> None:
    house = small_house(members=3)
    terms = {"price_min_ticks": -1_000, "price_max_ticks": 1_000, "margin_floor_ticks": 20, "fee_ppm": 10_000}
    house.ok(c.ListContract(future("ANY", **terms)))
    m0, m1 = house.account("m0"), house.account("m1")
    for account in (m0, m1):
        house.deposit(account, USD, MILLION)
    house.mark((1, 10))
    house.trade(1, m0, m1, 10, 10)
    number = house.number
    house.ok(after.CorrectTrade("op", house.next(), "venue", number, 1, m0, m1, 10, -40))
    (row,) = house.book.trades.standing("venue", number)
    assert int(row["buyer_fee_fine"]) == int(row["seller_fee_fine"]) == 2 * 10**8  # 1 % of 10 x 20 dollars
    sound(house)

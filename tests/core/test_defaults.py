"""Awkward moments on the way from breach to flat, one by one. Money is cents, prices are half-dollar ticks."""

from novate.core import commands as c
from novate.core import facts as f
from novate.core import layout
from novate.core.margin import judge
from novate.core.reasons import Reason
from novate.core.terms import Layer
from tests.core.worlds import (
    BTC,
    DAY,
    HOUR,
    MILLION,
    USD,
    House,
    coin_house,
    fill,
    future,
    names_of,
    of,
    reasons,
    small_house,
    traded,
)

# ---- several at once ------------------------------------------------------------------------------------------------


def test_buckets_breached_by_one_tick_get_orders_of_their_own() -> None:
    house = small_house("venue", members=4)
    for name, money in (("m0", 1_500_00), ("m1", 1_500_00), ("m2", MILLION), ("m3", MILLION)):
        house.deposit(house.account(name), USD, money)
    for name in ("m0", "m1"):
        house.trade(0, house.account(name), house.account("m2"), 100, 200)
    facts = house.mark((0, 178))
    orders = of(facts, f.LiquidationOrdered)
    assert [(order.order, order.bucket) for order in orders] == [(0, house.account("m0")), (1, house.account("m1"))]
    assert {order.bucket for order in house.book.registers.orders.values()} == {order.bucket for order in orders}
    fill(house, "m3")
    fill(house, "m3")
    assert not house.book.registers.orders
    assert not house.book.registers.liquidations


def test_two_members_default_in_one_cycle_and_each_gets_an_account_of_its_own() -> None:
    house = small_house(members=3)
    for name, money in (("m0", 1_000_00), ("m1", 1_000_00), ("m2", MILLION)):
        house.deposit(house.account(name), USD, money)
    house.fund("insurance_fund", USD, MILLION)
    for name in ("m0", "m1"):
        house.trade(0, house.account(name), house.account("m2"), 100, 200)
    house.mark((0, 160))  # 80 dollars: each owes 2,000 and has 1,000
    facts = house.clock(DAY)
    assert [fact.member for fact in of(facts, f.MemberDefaulted)] == [0, 1]
    assert [fact.bucket for fact in of(facts, f.TakenOver)] == [house.account("m0"), house.account("m1")]
    estates = house.book.registers.origins
    assert sorted(estates.values()) == [house.account("m0"), house.account("m1")]
    assert [house.book.positions_of(account)[0][1] for account in sorted(estates)] == [100, 100]
    assert len({order.bucket for order in of(facts, f.LiquidationOrdered)}) == 2
    assert sum(fact.amount_minor for fact in of(facts, f.LossAbsorbed)) == 2_000_00


def test_a_defaulted_member_does_not_default_again() -> None:
    house = traded(cash=1_000_00)
    house.mark((0, 160))
    assert len(of(house.clock(DAY), f.MemberDefaulted)) == 1
    for day in range(2, 6):
        house.mark((0, 160 - 10 * day))
        facts = house.clock(day * DAY)
        assert not of(facts, f.MemberDefaulted)
        assert not of(facts, f.Breached)
    assert reasons(house.deposit(house.account("m0"), USD, 10)) == []
    assert reasons(house.withdraw(house.account("m0"), USD, 10)) == [Reason.MEMBER_IN_DEFAULT]


# ---- clients --------------------------------------------------------------------------------------------------------


def client_house() -> tuple[House, int]:
    house = small_house(members=3)
    house.ok(c.OpenAccount(0, "carol"))
    carol = house.account("carol")
    for account, money in ((carol, 2_000_00), (house.account("m0"), 1_000_00), (house.account("m1"), MILLION)):
        house.deposit(account, USD, money)
    house.trade(0, carol, house.account("m1"), 100, 200)
    house.trade(0, house.account("m0"), house.account("m1"), 100, 200)
    return house, carol


def test_a_clients_open_call_outlives_its_members_default() -> None:
    house, carol = client_house()
    facts = house.mark((0, 178))  # 89: the client has 900, needs 890; the member has -100
    assert [fact.bucket for fact in of(facts, f.MarginCalled)] == [house.account("m0")]
    facts = house.mark((0, 176))  # 88: the client has 800, needs 880
    calls = [(fact.bucket, fact.amount_fine // 10**8) for fact in of(facts, f.MarginCalled)]
    assert calls == [(house.account("m0"), 1080), (carol, 80)]  # the member's is raised
    house.do(c.Clock(), HOUR)
    assert house.book.registers.members[0].defaulted
    assert list(house.book.registers.calls) == [] or carol in house.book.registers.calls
    assert names_of(house.records[-1][1]).count("MemberDefaulted") == 1
    assert carol in house.book.registers.liquidations, "its own call was due at the same moment and is missed"


def test_clients_of_a_defaulted_member_may_reduce_and_nothing_else() -> None:
    house, carol = client_house()
    house.mark((0, 178))
    house.do(c.Clock(), HOUR)
    m1 = house.account("m1")
    assert house.book.buckets[carol]["access"] == layout.REDUCE_ONLY
    assert reasons(house.trade(0, carol, m1, 1, 178)) == [Reason.MEMBER_IN_DEFAULT]
    assert reasons(house.trade(0, m1, carol, 101, 178)) == [Reason.MEMBER_IN_DEFAULT], "a flip is not a reduction"
    assert reasons(house.withdraw(carol, USD, 1)) == [Reason.MEMBER_IN_DEFAULT]
    assert reasons(house.do(c.OpenAccount(0, "dan"))) == [Reason.MEMBER_IN_DEFAULT]
    assert reasons(house.trade(0, m1, carol, 40, 178)) == []
    assert reasons(house.trade(0, m1, carol, 60, 178)) == []
    assert [row for row in house.book.positions_of(carol) if row[1]] == []


def test_a_client_in_liquidation_when_its_member_defaults_may_only_reduce_afterwards() -> None:
    house, carol = client_house()
    house.deposit(house.account("m0"), USD, 4_000_00)
    house.mark((0, 176))
    house.clock(HOUR)
    assert carol in house.book.registers.liquidations
    house.mark((0, 120))  # 60: the member has -3,000 of 5,000 … and is called
    house.mark((0, 90))
    house.clock(2 * HOUR + 1)
    house.clock(4 * HOUR)
    assert house.book.registers.members[0].defaulted
    assert house.book.buckets[carol]["access"] == layout.LIQUIDATING
    for _ in range(20):
        while house.book.registers.orders:
            fill(house, "m1")
        house.clock(house.time_ns + DAY)
        if not house.book.registers.liquidations:
            break
    assert not house.book.registers.liquidations
    assert house.book.buckets[carol]["access"] == layout.REDUCE_ONLY


def test_what_a_client_lacks_is_the_members_and_comes_back_to_it_first() -> None:
    """The client has 1,000 and owes 1,500; the member pays 500. Sold out at better prices, it repays the member."""
    house = small_house(members=2)
    house.ok(c.OpenAccount(0, "carol"))
    carol, m0, m1 = (house.account(name) for name in ("carol", "m0", "m1"))
    for account, money in ((carol, 1_000_00), (m0, 3_000_00), (m1, MILLION)):
        house.deposit(account, USD, money)
    house.trade(0, carol, m1, 100, 200)
    house.mark((0, 170))  # 85
    facts = house.clock(DAY)
    assert [(x.bucket, x.house_bucket, x.amount_minor) for x in of(facts, f.ShortfallAssigned)] == [(carol, m0, 500_00)]
    assert house.balance(carol) == 0
    assert house.balance(m0) == 2_500_00
    assert not house.book.registers.members[0].defaulted
    house.clock(DAY + HOUR)  # the call is missed, and nothing is left: taken over
    assert house.book.registers.liquidations[carol].account >= 0
    house.mark((0, 200))
    while house.book.registers.orders:
        house.clock(house.time_ns + HOUR)  # the order of before expires; the next one is at today's price
        fill(house, "m1")
    facts = house.clock(2 * DAY)
    returned = {x.cause: (x.payee, x.amount_minor) for x in of(facts, f.Transferred)}
    assert returned["reimbursement"] == (m0, 500_00)
    assert returned["estate_returned"][0] == carol
    assert house.balance(m0) == 3_000_00
    assert of(facts, f.LiquidationClosed)
    assert house.book.buckets[carol]["access"] == layout.OPEN


# ---- orders ---------------------------------------------------------------------------------------------------------


def test_a_contract_that_expires_closes_its_open_order_at_the_next_clock() -> None:
    house = traded("venue")
    order = of(house.mark((0, 178)), f.LiquidationOrdered)[0].order
    house.do(c.ExpireContract(0, 178), 90 * DAY)
    late = c.ExecuteLiquidation("market", house.next(), order, 1, 178, house.account("m1"))
    assert reasons(house.do(late)) == [Reason.EXECUTION_EXCEEDS_ORDER]
    facts = house.clock(90 * DAY + 1)
    assert [(fact.order, fact.cause) for fact in of(facts, f.OrderClosed)] == [(order, "expired")]
    assert of(facts, f.LiquidationEnded), "flat, and not below nothing"
    assert house.balance(house.account("m0")) + house.balance(house.account("m1")) == MILLION + 1_500_00


def test_orders_expire_together_and_each_bucket_gets_its_next_slice() -> None:
    house = small_house("venue", members=4, slices_max=5)
    for name, money in (("m0", 1_500_00), ("m1", 1_500_00), ("m2", MILLION)):
        house.deposit(house.account(name), USD, money)
    for name in ("m0", "m1"):
        house.trade(0, house.account(name), house.account("m2"), 100, 200)
    house.mark((0, 178))
    facts = house.clock(60 * 10**9)
    assert names_of(facts) == ["OrderClosed", "OrderClosed", "LiquidationOrdered", "LiquidationOrdered"]
    assert [fact.order for fact in of(facts, f.LiquidationOrdered)] == [2, 3]
    late = c.ExecuteLiquidation("market", house.next(), 0, 1, 178, house.account("m2"))
    assert reasons(house.do(late)) == [Reason.ORDER_NOT_OPEN]


def test_a_halted_contract_is_not_sliced_and_not_filled_and_goes_on_when_its_price_is_back() -> None:
    house = traded("venue")
    house.mark((0, 178))
    house.mark((0, None))
    assert reasons(fill(house, "m1")) == [Reason.PRICE_MISSING]
    facts = house.clock(HOUR)
    assert names_of(facts) == ["OrderClosed"], "nothing is ordered without a price"
    house.clock(DAY)
    assert house.balance(house.account("m0")) == 1_500_00, "and nothing is settled"
    assert of(house.mark((0, 178)), f.LiquidationOrdered)


def test_a_liquidation_account_whose_contract_never_has_a_price_again_waits_for_its_expiry() -> None:
    house = traded(cash=1_000_00)
    house.fund("insurance_fund", USD, MILLION)
    house.mark((0, 160))
    house.clock(DAY)
    account = next(iter(house.book.registers.origins))
    house.mark((0, None))
    for day in (2, 3, 4):
        house.clock(day * DAY)
        assert [row[:2] for row in house.book.positions_of(account)] == [(0, 100)]
    house.do(c.ExpireContract(0, 150), 90 * DAY)
    facts = house.clock(91 * DAY)
    assert of(facts, f.LiquidationClosed)
    assert not house.book.registers.liquidations


def test_who_misses_its_settlement_is_not_called_for_the_gains_it_was_cut() -> None:
    """A client of a failed member cannot pay its coins and loses dollars to a cut in one cycle: one breach, no call.

    m0 fails short of 100 futures that double, with 1,000 for a loss of 10,000; no fund pays. Its client is long of them
    and would gain 10,000, of which 9,000 are cut. It owes 0.0444 bitcoin that it does not have and nobody sells.
    """
    house = coin_house(waterfall=(Layer.GAINS_HAIRCUT,))
    inverse = future("INV", inverse=True, settlement="BTC", lot_size="100", price_min_ticks=2_000)
    house.ok(c.ListContract(inverse))
    house.mark((1, 100_000))
    house.ok(c.OpenAccount(0, "client"))
    failing, rich, coins, client = (house.account(name) for name in ("m0", "m1", "m2", "client"))
    house.deposit(failing, USD, 1_000_00)
    house.deposit(client, USD, 3_250_00)
    house.deposit(rich, USD, MILLION)
    house.deposit(coins, BTC, 10**9)
    assert not reasons(house.trade(0, client, failing, 100, 200))
    assert not reasons(house.trade(1, client, coins, 200, 100_000))
    house.mark((0, 400), (1, 90_000))
    assert of(house.clock(HOUR), f.MemberDefaulted)
    facts = house.clock(DAY)
    assert [(fact.bucket, fact.cause) for fact in of(facts, f.Breached)] == [(client, "settlement_missed")]
    verdict = judge(house.book, client)
    assert verdict.equity_fine < verdict.initial_fine
    assert of(facts, f.MarginCalled) == []
    assert client not in house.book.registers.calls

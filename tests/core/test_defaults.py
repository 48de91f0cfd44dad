"""Awkward moments on the way from breach to flat, one by one. Money is cents, prices are half-dollar ticks."""

from novate.core import commands as c
from novate.core import facts as f
from novate.core import layout
from novate.core.commands import Reason
from novate.core.facts import Fact
from novate.core.margin import judge
from novate.core.terms import INSURANCE, ROUNDING, SKIN, TREASURY, Asset, Kind, Layer, Role, Tier
from tests.core.worlds import (
    DAY,
    HOUR,
    LAYERS,
    USD,
    House,
    future,
    names_of,
    reasons,
    rulebook,
    small_house,
)

BTC = 1
MILLION = 10**8
ONLY_CUT = (Layer.GAINS_HAIRCUT,)


def of(facts: list[Fact], kind: type) -> list:
    return [fact for fact in facts if isinstance(fact, kind)]


def traded(form: str = "clearing_house", *, cash: int = 1_500_00, lots: int = 100, **rules: object) -> House:
    """m0 long ``lots`` at 100 dollars against m1, who is rich."""
    house = small_house(form, **rules)
    house.deposit(house.account("m0"), USD, cash)
    house.deposit(house.account("m1"), USD, MILLION)
    assert not reasons(house.trade(0, house.account("m0"), house.account("m1"), lots, 200))
    return house


def fill(house: House, account: str, lots: int | None = None) -> list[Fact]:
    """The oldest open order at its limit."""
    order, terms = next(iter(house.book.registers.orders.items()))
    return house.do(
        c.ExecuteLiquidation(
            "market", house.next(), order, lots or abs(terms.open_lots), terms.limit_price_ticks, house.account(account)
        )
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
    assert [fact.bucket for fact in of(facts, f.MarginCalled)] == [carol]
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


# ---- rules that change ----------------------------------------------------------------------------------------------


def coin_house(**rules: object) -> House:
    """Bitcoin at 50,000 dollars counts as collateral, less 10 %."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.AddAsset(Asset("BTC", 8, 12, 10**6 * 10**8)))
    house.ok(c.ListContract(future()))
    house.ok(c.AdoptRulebook(rulebook(**{"collateral": {"USD": 0, "BTC": 100_000}, **rules})))
    for name in ("m0", "m1", "m2"):
        house.ok(c.AddMember(name))
    house.mark((0, 200), assets={BTC: 50_000 * 10**8})
    return house


def test_a_new_haircut_counts_at_once_and_calls_whoever_it_leaves_short() -> None:
    """Long 100 at 100 dollars needs 1,000; 0.03 bitcoin are worth 1,350 at 10 %, 900 at 40 %."""
    house = coin_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, BTC, 3_000_000)
    house.deposit(m1, USD, MILLION)
    house.trade(0, m0, m1, 100, 200)
    assert judge(house.book, m0).equity_fine == 1_350 * 10**8
    facts = house.ok(c.AdoptRulebook(rulebook(collateral={"USD": 0, "BTC": 400_000})))
    assert judge(house.book, m0).equity_fine == 900 * 10**8
    assert [(fact.bucket, fact.amount_fine) for fact in of(facts, f.MarginCalled)] == [(m0, 100 * 10**8)]


def test_collateral_that_is_no_longer_eligible_counts_for_nothing_and_may_leave() -> None:
    house = coin_house()
    m0 = house.account("m0")
    house.deposit(m0, BTC, 3_000_000)
    house.ok(c.AdoptRulebook(rulebook()))
    assert judge(house.book, m0).equity_fine == 0
    assert reasons(house.deposit(m0, BTC, 1)) == [Reason.ASSET_NOT_ELIGIBLE]
    assert reasons(house.withdraw(m0, BTC, 3_000_000)) == []


def test_an_asset_stays_eligible_while_a_contract_is_open_in_it() -> None:
    house = coin_house()
    inverse = future(
        "INV", kind=Kind.PERPETUAL, inverse=True, settlement="BTC", lot_size="100", expiry_ns=None, price_min_ticks=100
    )
    house.ok(c.ListContract(inverse))
    house.mark((1, 100_000))
    m0, m1 = house.account("m0"), house.account("m1")
    for account in (m0, m1):
        house.deposit(account, BTC, 10**8)
    assert not reasons(house.trade(1, m0, m1, 10, 100_000))
    assert reasons(house.do(c.AdoptRulebook(rulebook()))) == [Reason.RULEBOOK_INVALID]
    house.trade(1, m1, m0, 10, 100_000)
    house.ok(c.AdoptRulebook(rulebook()))


def test_the_form_does_not_change_while_a_call_or_a_liquidation_is_open() -> None:
    house = traded()
    house.mark((0, 188))  # 94: 900 against 940
    assert house.book.registers.calls
    assert reasons(house.do(c.AdoptRulebook(rulebook("venue")))) == [Reason.RULEBOOK_INVALID]
    house.deposit(house.account("m0"), USD, 100_00)
    house.ok(c.AdoptRulebook(rulebook("venue")))


def test_new_rules_leave_open_orders_and_calls_as_they_are() -> None:
    house = traded()
    due = of(house.mark((0, 188)), f.MarginCalled)[0].due_ns
    house.ok(c.AdoptRulebook(rulebook(call_due_ns=10 * HOUR)))
    assert house.book.registers.calls[house.account("m0")].due_ns == due
    venue = traded("venue")
    order = of(venue.mark((0, 178)), f.LiquidationOrdered)[0]
    venue.ok(c.AdoptRulebook(rulebook("venue", margin_classes={"flat": (Tier(0, 200_000, 100_000),)})))
    assert list(venue.book.registers.orders) == [order.order]
    fill(venue, "m1")
    assert not venue.book.registers.orders or order.order not in venue.book.registers.orders


# ---- money ----------------------------------------------------------------------------------------------------------


def test_a_flow_that_rounds_up_for_the_loser_and_down_for_the_winner_can_go_wholly_unpaid() -> None:
    """A tick of a thousandth of a lot is 0.0005 dollars: the loser owes a cent, the winner gains none."""
    house = coin_house(waterfall=ONLY_CUT)
    house.ok(c.ListContract(future("TINY", lot_size="0.001")))
    house.mark((1, 200))
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, BTC, 10**8)
    house.deposit(m1, USD, MILLION)
    house.trade(1, m0, m1, 1, 200)
    house.mark((1, 199))
    facts = house.clock(DAY)
    assert [fact.unpaid for fact in of(facts, f.GainsCut)] == [((m0, 1),)]
    assert house.balance(m1) == MILLION
    house.mark((1, 201))
    house.clock(2 * DAY)
    house.mark((1, 160))
    house.clock(3 * DAY)


def test_loss_conversion_assignment_layers_and_cut_in_two_assets_at_once() -> None:
    """m0 loses 3,000 dollars and 0.02 bitcoin, and has 500 dollars and 0.05 bitcoin; the treasury holds 900 dollars.

    Dollars first: 2,500 are lacking. The treasury buys 900 dollars' worth of bitcoin at 45,000: exactly 0.02. The skin
    pays 100, the insurance fund 200; the survivor's fund has 300. The other 1,000 are cut. Bitcoin then: 0.02 are
    due and 0.03 are there.
    """
    house = coin_house()
    house.ok(c.ListContract(future("INV", inverse=True, settlement="BTC", lot_size="100")))
    house.mark((1, 100_000))
    m0, m1, m2 = (house.account(name) for name in ("m0", "m1", "m2"))
    house.deposit(m0, USD, 2_000_00)
    house.deposit(m0, BTC, 5_000_000)
    house.deposit(m1, USD, MILLION)
    house.deposit(m1, BTC, 10**9)
    house.ok(c.AdoptRulebook(rulebook(collateral={"USD": 0, "BTC": 100_000},
                                      margin_classes={"flat": (Tier(0, 10_000, 5_000),)})))  # fmt: skip
    house.fund("treasury", USD, 900_00)
    house.fund("skin_in_the_game", USD, 100_00)
    house.fund("insurance_fund", USD, 200_00)
    house.fund("default_fund", USD, 300_00, 2)
    house.trade(0, m0, m1, 300, 200)  # 300 lots at 100: loses 3,000 at 90
    house.trade(1, m0, m1, 90, 100_000)  # 9,000 dollars at 50,000; at 45,000 minus 0.02 bitcoin
    house.withdraw(m0, USD, 1_500_00)
    assert house.balance(m0, USD) == 500_00
    house.mark((0, 180), (1, 90_000))
    facts = house.clock(DAY)
    converted = of(facts, f.CollateralConverted)
    assert [(x.bucket, x.paid_asset, x.paid_minor, x.received_minor) for x in converted] == [
        (m0, BTC, 2_000_000, 900_00)
    ]
    absorbed = [(x.layer, x.payer, x.asset, x.amount_minor) for x in of(facts, f.LossAbsorbed)]
    assert absorbed == [
        (Layer.SKIN, SKIN, USD, 100_00),
        (Layer.INSURANCE, INSURANCE, USD, 200_00),
        (Layer.SURVIVORS_FUND, house.account("m2:fund"), USD, 300_00),
    ]
    assert [x.unpaid for x in of(facts, f.GainsCut)] == [((m0, 1_000_00),)]
    assert house.balance(m1, USD) == MILLION + 2_000_00
    assert house.balance(m1, BTC) == 10**9 + 1_999_999, "0.02 less a fraction of a satoshi, which waits in the carry"
    assert house.balance(ROUNDING, BTC) == 1
    assert house.balance(m0, BTC) == 1_000_000
    assert house.balance(TREASURY, BTC) == 2_000_000
    assert [x.member for x in of(facts, f.MemberDefaulted)] == [0]
    assert m2 not in house.book.registers.calls


def test_a_take_over_leaves_exactly_nothing_in_every_asset() -> None:
    """Positions, a closed position with a result, money of another asset: the package takes it all at cost."""
    house = coin_house()
    house.ok(c.ListContract(future("TWO")))
    house.ok(c.ListContract(future("THREE")))
    house.mark((1, 300), (2, 400))
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 3_333_33)
    house.deposit(m0, BTC, 12_345)
    house.deposit(m1, USD, MILLION)
    house.trade(0, m0, m1, 100, 200)
    house.trade(1, m1, m0, 70, 300)
    house.trade(2, m0, m1, 9, 400)
    house.trade(2, m1, m0, 9, 391)  # closed with a loss of 40.50, not settled yet
    worth = house.worth_fine(m0, USD)
    house.mark((0, 170), (1, 340))
    worth = house.worth_fine(m0, USD)
    assert [row[1] for row in house.book.positions_of(m0)] == [100, -70, 0]
    facts = house.clock(HOUR)
    account = next(iter(house.book.registers.origins))
    assert of(facts, f.TakenOver)
    assert house.worth_fine(m0, USD) == 0
    assert house.balance(m0, BTC) == 0
    assert house.worth_fine(account, USD) == worth
    assert house.balance(account, BTC) == 12_345
    assert [row[1] for row in house.book.positions_of(account) if row[1]] == [100, -70]


def test_an_estate_with_collateral_that_nobody_buys_stays_open_until_the_treasury_can() -> None:
    """The insurance fund paid 500 for m0, whose bitcoin nobody could buy: it is not given back first."""
    house = coin_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, BTC, 2_000_000)  # 0.02: 900 dollars after the haircut
    house.deposit(m0, USD, 200_00)
    house.deposit(m1, USD, MILLION)
    house.fund("insurance_fund", USD, MILLION)
    house.trade(0, m0, m1, 100, 200)
    house.mark((0, 186))  # 93: owes 700 dollars and has 200
    facts = house.clock(DAY)
    assert [(x.payer, x.amount_minor) for x in of(facts, f.LossAbsorbed)] == [(INSURANCE, 500_00)]
    while house.book.registers.orders:
        fill(house, "m1")
    house.clock(2 * DAY)
    account = house.book.registers.liquidations[m0].account
    assert house.balance(account, BTC) == 2_000_000
    assert house.book.registers.liquidations, "still open"
    house.fund("treasury", USD, MILLION)
    facts = house.clock(3 * DAY)
    assert of(facts, f.LiquidationClosed)
    assert house.balance(INSURANCE) == MILLION
    repaid = sum(x.amount_minor for x in of(facts, f.Transferred) if x.cause == "reimbursement" and x.asset == USD)
    assert repaid >= 500_00
    assert house.balance(m0, BTC) + house.balance(TREASURY, BTC) == 2_000_000


def test_a_sound_account_that_others_paid_for_repays_in_the_next_cycle_and_goes_on() -> None:
    """Worth 1 bitcoin and owing 700 dollars that nobody would buy: breached, not sold out, free once it has repaid."""
    house = coin_house(form="venue")
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, BTC, 10**8)
    house.deposit(m1, USD, MILLION)
    house.fund("insurance_fund", USD, MILLION)
    house.trade(0, m0, m1, 100, 200)
    house.mark((0, 186))
    facts = house.clock(DAY)
    assert [x.cause for x in of(facts, f.Breached)] == ["settlement_missed"]
    assert not of(facts, f.LiquidationOrdered)
    assert reasons(house.trade(0, m1, m0, 1, 186)) == [Reason.ACCOUNT_IN_LIQUIDATION]
    house.clock(2 * DAY)
    assert m0 in house.book.registers.liquidations, "the treasury is still empty"
    house.fund("treasury", USD, 500_00)
    house.clock(3 * DAY)
    assert m0 in house.book.registers.liquidations, "200 are still owed"
    house.deposit(m0, USD, 200_00)
    facts = house.clock(4 * DAY)
    assert [(x.payee, x.amount_minor) for x in of(facts, f.Transferred)] == [(INSURANCE, 200_00)]
    assert of(facts, f.LiquidationEnded)
    assert house.balance(INSURANCE) == MILLION
    assert reasons(house.trade(0, m1, m0, 1, 186)) == []


def test_a_member_that_could_repay_at_the_moment_of_its_default_is_taken_over_with_all_it_has() -> None:
    """The treasury has no dollars when m0 needs them, and has some a moment later, because m2 needed bitcoin."""
    house = coin_house()
    house.ok(c.ListContract(future("INV", inverse=True, settlement="BTC", lot_size="100")))
    house.mark((1, 100_000))
    m0, m1, m2 = (house.account(name) for name in ("m0", "m1", "m2"))
    house.deposit(m0, BTC, 10**8)
    house.deposit(m1, USD, MILLION)
    house.deposit(m1, BTC, 10**9)
    house.deposit(m2, USD, MILLION)
    house.fund("treasury", BTC, 10**8)
    house.fund("insurance_fund", USD, MILLION)
    house.trade(0, m0, m1, 100, 200)
    house.trade(1, m2, m1, 100, 100_000)
    house.mark((0, 186), (1, 90_000))
    facts = house.clock(DAY)
    assert [x.bucket for x in of(facts, f.CollateralConverted)] == [m2]
    assert house.balance(TREASURY, USD) > 0
    assert [x.member for x in of(facts, f.MemberDefaulted)] == [0]
    assert house.balance(m0, BTC) == 0
    account = house.book.registers.liquidations[m0].account
    assert house.balance(account, BTC) == 10**8


def test_the_last_layer_to_pay_is_repaid_first() -> None:
    """Skin 100, insurance 200, survivors 100 each paid; 450 come back: the survivors' 200 first, 200, then 50."""
    house = small_house(members=4)
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 1_000_00)
    house.deposit(m1, USD, MILLION)
    house.fund("skin_in_the_game", USD, 100_00)
    house.fund("insurance_fund", USD, 200_00)
    for member in (2, 3):
        house.fund("default_fund", USD, 100_00, member)
    house.trade(0, m0, m1, 100, 200)
    house.mark((0, 170))  # owes 1,500, has 1,000; 500 from the layers
    facts = house.clock(DAY)
    assert [x.amount_minor for x in of(facts, f.LossAbsorbed)] == [100_00, 200_00, 100_00, 100_00]
    house.mark((0, 180))
    house.clock(DAY + HOUR)
    while house.book.registers.orders:
        order = next(iter(house.book.registers.orders))
        house.do(c.ExecuteLiquidation("market", house.next(), order, 100, 179, m1))
    facts = house.clock(2 * DAY)  # sold at 89.50: 450 more than at 85
    returned = [(x.payee, x.amount_minor) for x in of(facts, f.Transferred) if x.cause == "reimbursement"]
    funds = [house.account(f"m{member}:fund") for member in (2, 3)]
    assert returned == [(funds[0], 100_00), (funds[1], 100_00), (INSURANCE, 200_00), (SKIN, 50_00)]


def test_a_venue_closes_a_members_own_account_like_any_other_and_keeps_the_surplus() -> None:
    house = traded("venue", cash=1_000_00, slippage_ppm=0)
    m0 = house.account("m0")
    facts = house.mark((0, 181))  # 90.50: 50 left; below maintenance, above nothing
    assert [fact.cause for fact in of(facts, f.Breached)] == ["below_maintenance"]
    facts = house.mark((0, 170))  # 85: minus 500; the order stays, and the bucket is taken over when it expires
    facts = house.clock(HOUR)
    assert of(facts, f.TakenOver)
    assert not of(facts, f.MemberDefaulted)
    assert not house.book.registers.members[0].defaulted
    house.mark((0, 190))
    house.clock(2 * HOUR)
    while house.book.registers.orders:
        fill(house, "m1")
    facts = house.clock(DAY)
    surplus = [(x.cause, x.payee, x.amount_minor) for x in of(facts, f.Transferred)]
    assert surplus == [("surplus_to_insurance", INSURANCE, 500_00)]  # 1,000 - 500 at 95
    assert of(facts, f.LiquidationClosed)
    assert house.book.buckets[m0]["access"] == layout.OPEN
    assert house.book.registers.accounts[m0].role is Role.HOUSE


# ---- premium --------------------------------------------------------------------------------------------------------


def option_house(**rules: object) -> House:
    """A call at 100 dollars on the future (contract 1), marked at 10 dollars; long options count in full."""
    classes = {"flat": (Tier(0, 100_000, 50_000, 50_000, 25_000),)}
    house = small_house(margin_classes=classes, **rules)
    call = future("CALL", kind=Kind.CALL, underlying="FUT", strike="100", expiry_ns=30 * DAY)
    house.ok(c.ListContract(call))
    house.mark((1, 20))
    house.deposit(house.account("m0"), USD, 1_000_00)
    house.deposit(house.account("m1"), USD, MILLION)
    return house


def test_premium_is_held_from_cash_that_is_not_owed_elsewhere() -> None:
    house = option_house()
    m0, m1 = house.account("m0"), house.account("m1")
    assert reasons(house.trade(1, m0, m1, 101, 20)) == [Reason.PREMIUM_NOT_COVERED]
    house.trade(0, m0, m1, 10, 200)
    house.mark((0, 150))
    house.trade(0, m1, m0, 10, 150)  # a loss of 250 is now owed
    assert reasons(house.trade(1, m0, m1, 76, 20)) == [Reason.PREMIUM_NOT_COVERED]
    assert reasons(house.trade(1, m0, m1, 75, 20)) == []
    assert judge(house.book, m0).free_fine == 0
    house.clock(DAY)
    assert house.balance(m0) == 0
    assert house.balance(m1) == MILLION + 1_000_00


def test_the_value_of_an_option_pays_for_no_withdrawal() -> None:
    """A long call worth 4,000 is equity; the 900 that its holder owes on a future are still cash to be kept."""
    house = option_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.trade(1, m0, m1, 1, 20)
    house.clock(DAY)
    house.mark((1, 8_000))
    assert house.balance(m0) == 990_00
    house.trade(0, m0, m1, 10, 200)
    house.mark((0, 20))
    house.trade(0, m1, m0, 10, 20)  # 900 lost
    assert judge(house.book, m0).equity_fine == (990 - 900 + 4_000) * 10**8
    assert judge(house.book, m0).free_fine == 90 * 10**8
    assert reasons(house.withdraw(m0, USD, 90_01)) == [Reason.MARGIN_INSUFFICIENT]
    assert reasons(house.withdraw(m0, USD, 90_00)) == []
    house.clock(2 * DAY)
    assert not house.book.registers.members[0].defaulted


def test_a_gain_in_one_asset_pays_for_no_withdrawal_in_another() -> None:
    house = coin_house()
    house.ok(c.ListContract(future("INV", inverse=True, settlement="BTC", lot_size="100")))
    house.mark((1, 100_000))
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, USD, 10_000_00)
    house.deposit(m0, BTC, 10_000_000)
    house.deposit(m1, USD, MILLION)
    house.deposit(m1, BTC, 10**9)
    house.trade(0, m0, m1, 100, 200)
    house.trade(1, m0, m1, 100, 100_000)
    house.mark((0, 20), (1, 1_000_000))
    house.trade(0, m1, m0, 100, 20)  # owes 9,000 dollars
    house.trade(1, m1, m0, 100, 1_000_000)  # gains 0.18 bitcoin
    free = judge(house.book, m0)
    assert free.free_fine == (1_000 + 4_500) * 10**8
    assert reasons(house.withdraw(m0, USD, 6_000_00)) == [Reason.MARGIN_INSUFFICIENT]


def test_an_option_without_its_underlyings_price_is_halted_and_paid_at_expiry_all_the_same() -> None:
    house = option_house()
    m0, m1 = house.account("m0"), house.account("m1")
    house.trade(1, m0, m1, 10, 20)
    house.mark((0, None))
    assert int(house.book.contracts[1]["state"]) == layout.HALTED
    assert reasons(house.trade(1, m0, m1, 1, 20)) == [Reason.PRICE_MISSING]
    house.clock(DAY)
    assert house.balance(m0) == 1_000_00, "a premium is paid at a cycle in which the option has a price"
    house.do(c.ExpireContract(1, 230), 30 * DAY)
    house.clock(31 * DAY)
    assert house.balance(m0) == 1_000_00 - 100_00 + 150_00
    assert house.balance(m1) == MILLION + 100_00 - 150_00


# ---- terms that would not fit ---------------------------------------------------------------------------------------


def test_terms_and_rows_that_do_not_fit_are_refused_and_not_folded() -> None:
    house = small_house()
    for command in (
        c.ListContract(future("A", price_max_ticks=2**70)),
        c.ListContract(future("B", inverse=True, price_max_ticks=2**62, position_limit_lots=1)),
        c.ListContract(future("C", stale_after_ns=2**63)),
        c.ListContract(future("D", expiry_ns=2**64)),
        c.AddAsset(Asset("X", 0, 0, 2**60)),
        c.AddAsset(Asset("Y", 0, 18, 2**60, 2**63)),
        c.OpenAccount(0, "liquidation:9"),
        c.AddMember("house:more"),
        c.Deposit("bank", b"123"),
        c.Withdraw("bank", b"123"),
        c.SubmitTrades("venue", b"123"),
        c.PublishMarks(b"123"),
        c.PublishFunding(b"123"),
        c.Contribute("bank", 2**63, "treasury", 0, 1),
        c.ExecuteLiquidation("market", -(2**63) - 1, 0, 1, 1, 5),
    ):
        before = house.book.digest()
        facts = house.do(command)
        assert names_of(facts) == ["Rejected"], command
        assert house.book.digest() == before


def test_a_rulebook_must_end_with_a_cut() -> None:
    house = small_house()
    assert reasons(house.do(c.AdoptRulebook(rulebook(waterfall=LAYERS[:-1])))) == [Reason.RULEBOOK_INVALID]

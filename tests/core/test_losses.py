"""Who pays for a loss, who is repaid and in what order. Money is cents, prices are half-dollar ticks."""

from novate.core import commands as c
from novate.core import facts as f
from novate.core import layout
from novate.core.reasons import Reason
from novate.core.terms import INSURANCE, ROUNDING, SKIN, TREASURY, Layer, Role, Tier
from tests.core.worlds import (
    BTC,
    DAY,
    HOUR,
    MILLION,
    USD,
    coin_house,
    fill,
    future,
    of,
    reasons,
    rulebook,
    small_house,
    traded,
)

ONLY_CUT = (Layer.GAINS_HAIRCUT,)


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

"""Rules that change, premium that is held, terms that would not fit. Prices are half-dollar ticks."""

from novate.core import commands as c
from novate.core import facts as f
from novate.core import layout
from novate.core.margin import judge
from novate.core.reasons import Reason
from novate.core.rows import BUY
from novate.core.terms import Asset, Kind, Tier
from tests.core.worlds import (
    BTC,
    DAY,
    HOUR,
    LAYERS,
    MILLION,
    USD,
    House,
    coin_house,
    fill,
    future,
    names_of,
    of,
    orders,
    reasons,
    rulebook,
    small_house,
    traded,
)

# ---- rules that change ----------------------------------------------------------------------------------------------


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


def test_a_margin_class_stays_while_orders_rest_in_it() -> None:
    """Orders reserve margin at the rates of their class: without one there is nothing that they could reserve."""
    house = small_house()
    m0 = house.account("m0")
    house.deposit(m0, USD, MILLION)
    house.ok(c.ChangeOrders("venue", orders([(house.next(), 10, 0, m0, BUY)])))
    other = rulebook(margin_classes={"other": (Tier(0, 200_000, 100_000),)})
    (refused,) = of(house.do(c.AdoptRulebook(other)), f.Rejected)
    assert refused.path == "$.rulebook.margin_classes.flat"
    house.ok(c.ChangeOrders("venue", orders([(house.next(), -10, 0, m0, BUY)])))
    house.ok(c.AdoptRulebook(other))


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


def test_an_option_halts_with_the_expiry_of_what_it_is_written_on() -> None:
    """Its margin follows a price that will never come again."""
    house = small_house()
    expiry = house.book.registers.contracts[0].expiry_ns
    assert expiry is not None
    house.ok(c.ListContract(future("CALL", kind=Kind.CALL, underlying="FUT", strike="100", expiry_ns=2 * expiry)))
    house.clock(expiry)
    house.mark((0, 200), (1, 10))
    assert house.book.contracts[1]["state"] == layout.LIVE
    facts = house.do(c.ExpireContract(0, 200), expiry)
    assert [fact.contract for fact in of(facts, f.ContractHalted)] == [1]
    assert house.book.contracts[1]["state"] == layout.HALTED


def test_the_numeraire_is_worth_itself_and_has_no_haircut() -> None:
    house = small_house()
    refused = of(house.do(c.AdoptRulebook(rulebook(collateral={"USD": 1}))), f.Rejected)
    assert [(fact.reason, fact.path) for fact in refused] == [(Reason.RULEBOOK_INVALID, "$.rulebook.collateral.USD")]

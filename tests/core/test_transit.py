"""Money in and out, its gates, transfers and caps. Money is cents."""

from typing import Any

import numpy as np
import pytest

from novate.core import commands as c
from novate.core import facts as f
from novate.core import laws
from novate.core import money_facts as m
from novate.core.facts import Fact
from novate.core.money import EXPOSURE_MAX
from novate.core.reasons import Reason
from novate.core.rows import TRANSFER
from novate.core.terms import INSURANCE, Asset, Cap, Layer
from novate.core.withdrawals import TRANSIT
from tests.core.worlds import (
    BTC,
    DAY,
    HOUR,
    MILLION,
    USD,
    House,
    cash,
    coin_house,
    of,
    reasons,
    rulebook,
    small_house,
    traded,
)

FIRST = 1_000


def money_house(form: str = "clearing_house", *, horizon: int = DAY, **rules: object) -> House:
    """m0 with the clients a and b, m1 with money; deposits may be reversed for a day."""
    house = small_house(form, deposit_final_after_ns=horizon, **rules)
    for name in "ab":
        house.ok(c.OpenAccount(0, name))
    house.deposit(house.account("m1"), USD, MILLION)
    return house


def announce(house: House, account: str, amount: int, number: int) -> list[Fact]:
    return house.do(c.AnnounceDeposit("chain", cash([(number, amount, house.account(account), USD)])))


def paid_in(house: House, account: str, amount: int, number: int, asset: int = USD) -> list[Fact]:
    return house.ok(c.Deposit("chain", cash([(number, amount, house.account(account), asset)])))


def reverse(house: House, deposit: int, at_ns: int | None = None) -> list[Fact]:
    return house.do(c.ReverseDeposit("chain", house.next() + FIRST, deposit), at_ns)


def request(house: House, account: str, amount: int, asset: int = USD) -> list[Fact]:
    return house.do(c.RequestWithdrawal("desk", cash([(house.next(), amount, house.account(account), asset)])))


def on(house: House, kind: Any, withdrawal: int) -> list[Fact]:
    return house.do(kind("desk", house.next(), withdrawal))


def transfer(house: House, payer: str, payee: str, amount: int, asset: int = USD) -> list[Fact]:
    row = (house.next(), amount, house.account(payer), house.account(payee), asset, 0)
    return house.do(c.TransferCollateral("desk", np.array([row], TRANSFER).tobytes()))


# ---- deposits -------------------------------------------------------------------------------------------------------


def test_a_deposit_leaves_the_register_when_it_is_final_for_good() -> None:
    house = money_house(horizon=HOUR)
    paid_in(house, "a", 100, 1)
    announce(house, "a", 50, 2)
    house.do(c.FinaliseDeposit("chain", 3, 2), HOUR // 2)
    facts = house.clock(HOUR)
    assert [(fact.source, fact.deposits) for fact in of(facts, m.DepositsFinal)] == [("bank", (1,)), ("chain", (1,))]
    assert list(house.book.registers.deposits_reversible["chain"]) == [2], "its hour began when it was final"
    assert reasons(reverse(house, 1)) == [Reason.DEPOSIT_CLOSED]
    house.clock(2 * HOUR)
    assert not house.book.registers.deposits_reversible


def test_an_announced_deposit_that_may_not_come_in_stays_pending() -> None:
    house = money_house(collateral_caps={"USD": Cap(account_minor=100)})
    announce(house, "a", 101, 1)
    facts = house.do(c.FinaliseDeposit("chain", 2, 1))
    assert reasons(facts) == [Reason.COLLATERAL_CAP_EXCEEDED]
    assert 1 in house.book.registers.deposits_pending["chain"]
    house.ok(c.AdoptRulebook(rulebook()))
    house.ok(c.FinaliseDeposit("chain", 3, 1))
    assert house.balance(house.account("a")) == 101
    assert not house.book.registers.deposits_reversible.get("chain"), "without a horizon it is final for good"


@pytest.mark.parametrize("field", ["number", "deposit"])
def test_numbers_beyond_64_bits_are_malformed(field: str) -> None:
    numbers = {"number": 1, "deposit": 1, field: 2**63}
    facts = money_house().do(c.ReverseDeposit("chain", **numbers))
    assert [(fact.reason, fact.path) for fact in of(facts, f.Rejected)] == [(Reason.MALFORMED, f"$.{field}")]


def test_a_reversal_takes_from_what_is_held_before_it_asks_anybody() -> None:
    """Of 1,000 cents 900 are held; the account's own 100 and the 900 pay, and the member pays nothing."""
    house = money_house()
    paid_in(house, "a", 1_000, 1)
    request(house, "a", 900)
    house.deposit(house.account("m0"), USD, 5_000)
    facts = reverse(house, 1)
    assert [fact.cause for fact in of(facts, m.WithdrawalReturned)] == ["recalled"]
    assert not of(facts, f.ShortfallAssigned)
    assert house.balance(house.account("m0")) == 5_000
    assert house.balance(house.account("a")) == 0


def test_what_was_released_is_gone_and_the_member_pays() -> None:
    house = money_house()
    paid_in(house, "a", 1_000, 1)
    request(house, "a", 900)
    on(house, c.ReleaseWithdrawal, 0)
    house.deposit(house.account("m0"), USD, 5_000)
    facts = reverse(house, 1)
    assert [fact.amount_minor for fact in of(facts, f.ShortfallAssigned)] == [900]
    assert house.balance(house.account("m0")) == 4_100
    on(house, c.ReturnWithdrawal, 0)  # its transfer failed: the member is repaid in the next cycle
    assert reasons(house.withdraw(house.account("a"), USD, 1)) == [Reason.BALANCE_INSUFFICIENT]
    house.clock(DAY)
    assert house.balance(house.account("m0")) == 5_000


def test_a_member_that_cannot_make_its_clients_reversal_good_defaults_and_the_layers_pay() -> None:
    house = money_house(waterfall=(Layer.DEFAULTER_FUND, Layer.INSURANCE, Layer.GAINS_HAIRCUT))
    house.fund("default_fund", USD, 300, 0)
    house.fund("insurance_fund", USD, 1_000)
    paid_in(house, "a", 1_000, 1)
    house.deposit(house.account("b"), USD, 7_777)
    house.deposit(house.account("m0"), USD, 200)
    assert not reasons(house.withdraw(house.account("a"), USD, 1_000))
    facts = reverse(house, 1)
    assert [(fact.layer, fact.amount_minor) for fact in of(facts, f.LossAbsorbed)] == [
        (Layer.DEFAULTER_FUND, 300),
        (Layer.INSURANCE, 500),
    ]
    assert [fact.cause for fact in of(facts, f.MemberDefaulted)] == ["reversal_missed"]
    assert house.balance(house.account("b")) == 7_777
    assert house.balance(INSURANCE) == 500


def test_a_debt_to_the_outside_is_collected_from_what_the_account_gets_next() -> None:
    """Nobody has the 900: they are owed, the account may not take new money out, and the clock collects it."""
    house = money_house("venue")
    paid_in(house, "a", 1_000, 1)
    house.withdraw(house.account("a"), USD, 900)
    facts = reverse(house, 1)
    assert [(fact.amount_minor, fact.owed_minor) for fact in of(facts, m.DepositReversed)] == [(100, 900)]
    assert reasons(reverse(house, 1)) == [Reason.DEPOSIT_CLOSED]
    house.deposit(house.account("a"), USD, 1_000)
    assert reasons(request(house, "a", 101)) == [Reason.BALANCE_INSUFFICIENT]
    facts = house.clock(HOUR)
    assert [(fact.amount_minor, fact.owed_minor) for fact in of(facts, m.DepositReversed)] == [(900, 0)]
    assert not house.book.registers.reversals_owed
    assert house.balance(house.account("a")) == 100


def test_other_collateral_is_converted_for_a_reversal_as_far_as_the_treasury_goes() -> None:
    house = coin_house(deposit_final_after_ns=DAY)
    house.fund("treasury", USD, 400_00)
    house.deposit(house.account("m0"), BTC, 10**8)
    paid_in(house, "m0", 1_000_00, 1)
    house.withdraw(house.account("m0"), USD, 1_000_00)
    facts = reverse(house, 1)
    assert [fact.received_minor for fact in of(facts, f.CollateralConverted)] == [400_00]
    assert [fact.owed_minor for fact in of(facts, m.DepositReversed)] == [600_00]
    assert house.balance(house.account("m0"), BTC) == 0, "in default, and taken over with all its bitcoin"
    house.fund("treasury", USD, 600_00)
    house.clock(HOUR)
    assert house.book.registers.reversals_owed
    house.clock(DAY)  # the estate is closed, and what is left of it is the account's again
    assert not house.book.registers.reversals_owed


# ---- withdrawals ----------------------------------------------------------------------------------------------------


def test_a_breach_has_held_money_back_before_anything_is_sold() -> None:
    """A venue: below maintenance without the 700 that are held, sound with them."""
    house = traded("venue")
    m0 = house.account("m0")
    assert not reasons(request(house, "m0", 490_00))
    facts = house.mark((0, 188))  # 94: 1,010 - 600 = 410, below 470
    assert [fact.cause for fact in of(facts, m.WithdrawalReturned)] == ["recalled"]
    assert not of(facts, f.Breached)
    assert house.balance(m0) == 1_500_00


def test_a_default_takes_what_is_held_into_the_estate() -> None:
    house = traded(call_minimum_fine=10**15)  # nobody is called, so nothing comes back before the settlement
    house.deposit(house.account("m0"), USD, 500_00)
    assert not reasons(request(house, "m0", 500_00))
    facts = house.mark((0, 100)) + house.clock(DAY)
    assert [fact.cause for fact in of(facts, m.WithdrawalReturned)] == ["recalled"]
    flows = of(facts, f.Settled)
    assert flows
    assert [fact.cause for fact in of(facts, f.MemberDefaulted)] == ["settlement_missed"]
    cut = sum(amount for fact in of(facts, f.GainsCut) for _, amount in fact.unpaid)
    assert cut == 5_000_00 - 2_000_00, "the 500 that were held paid too"


def test_money_that_comes_back_after_a_take_over_goes_to_who_liquidates() -> None:
    house = traded(cash=2_000_00)
    assert not reasons(request(house, "m0", 500_00))
    on(house, c.ReleaseWithdrawal, 0)
    house.mark((0, 100))
    house.clock(DAY)
    account = house.book.registers.liquidations[house.account("m0")].account
    before = house.balance(account)
    facts = on(house, c.ReturnWithdrawal, 0)
    assert [fact.account for fact in of(facts, m.WithdrawalReturned)] == [account]
    assert house.balance(account) == before + 500_00


def test_releases_are_refused_for_accounts_in_liquidation_and_clients_of_a_member_in_default() -> None:
    house = money_house()
    house.deposit(house.account("a"), USD, 1_000)
    request(house, "a", 600)
    paid_in(house, "m0", 1_000, 1)
    house.withdraw(house.account("m0"), USD, 1_000)
    facts = reverse(house, 1)
    assert of(facts, f.MemberDefaulted)
    assert [held.state for held in house.book.registers.withdrawals.values()] == ["requested"]
    facts = on(house, c.ReleaseWithdrawal, 0)
    assert [(fact.cause, fact.reason) for fact in of(facts, m.WithdrawalReturned)] == [
        ("refused", Reason.MEMBER_IN_DEFAULT)
    ]
    assert house.balance(house.account("a")) == 1_000


def test_what_is_held_and_what_comes_back_stay_inside_64_bits() -> None:
    house = small_house(members=3)
    most = EXPOSURE_MAX // 10**6
    for name in ("m0", "m1"):
        house.deposit(house.account(name), USD, most * 6 // 10)
    both = [(house.next(), most * 6 // 10, house.account(name), USD) for name in ("m0", "m1")]
    facts = house.do(c.RequestWithdrawal("desk", cash(both)))
    assert reasons(facts) == [Reason.MONEY_LIMIT_EXCEEDED], "the two in one batch, before there is an account for them"
    assert reasons(request(house, "m1", most * 6 // 10)) == [Reason.MONEY_LIMIT_EXCEEDED]
    assert not reasons(house.deposit(house.account("m0"), USD, most * 6 // 10))
    assert reasons(on(house, c.ReturnWithdrawal, 0)) == [Reason.MONEY_LIMIT_EXCEEDED]
    house.withdraw(house.account("m0"), USD, most * 6 // 10)
    assert not reasons(on(house, c.ReturnWithdrawal, 0))


def test_held_money_that_is_nobodys_breaks_a_law() -> None:
    house = money_house()
    request(house, "m1", 100)
    house.book.registers.withdrawals[0].amount_minor = 99
    with pytest.raises(laws.LawBroken, match="held for withdrawals"):
        laws.check_whole(house.book)


# ---- gates, transfers, caps -----------------------------------------------------------------------------------------


def gated() -> House:
    """A venue with 900 owed for a reversal and nothing in the fund."""
    house = money_house("venue", withdrawal_gates={"USD": 100})
    paid_in(house, "a", 1_000, 1)
    house.withdraw(house.account("a"), USD, 900)
    facts = reverse(house, 1)
    assert [(fact.cause, fact.deficit_minor) for fact in of(facts, m.GateClosed)] == [("reversals", 900)]
    return house


def test_a_gate_stays_closed_until_the_fund_reaches_the_deficit_less_the_dust() -> None:
    house = gated()
    request(house, "m1", 50)
    request(house, "m1", 60)
    on(house, c.ReleaseWithdrawal, 1)
    on(house, c.ReleaseWithdrawal, 0)
    assert reasons(house.withdraw(house.account("m1"), USD, 1)) == [Reason.GATE_CLOSED]
    assert reasons(transfer(house, "m1", "m1:fund", 1)) == [Reason.GATE_CLOSED]
    assert not of(house.fund("insurance_fund", USD, 799), m.GateOpened)
    facts = house.fund("insurance_fund", USD, 1)
    assert [type(fact).__name__ for fact in facts if isinstance(fact, m.GateOpened | m.WithdrawalReleased)] == [
        "GateOpened",
        "WithdrawalReleased",
        "WithdrawalReleased",
    ]
    assert [fact.withdrawal for fact in of(facts, m.WithdrawalReleased)] == [0, 1], "in the order of the requests"


def test_a_rulebook_without_the_gate_opens_it() -> None:
    house = gated()
    facts = house.ok(c.AdoptRulebook(rulebook("venue")))
    assert of(facts, m.GateOpened)
    assert not house.book.registers.gates


def test_what_waited_is_judged_again_when_the_gate_opens() -> None:
    house = gated()
    house.ok(c.AddAsset(Asset("BTC", 8, 12, 10**6 * 10**8)))
    rules = rulebook("venue", withdrawal_gates={"USD": 100}, collateral={"USD": 0, "BTC": 0})
    house.ok(c.AdoptRulebook(rules))
    house.mark(assets={1: 10**12})
    house.deposit(house.account("m1"), 1, 10**8)
    request(house, "m1", 50)
    on(house, c.ReleaseWithdrawal, 0)
    house.mark(assets={1: None})
    facts = house.fund("insurance_fund", USD, 800)
    assert [fact.reason for fact in of(facts, m.WithdrawalReturned)] == [Reason.PRICE_MISSING]


@pytest.mark.parametrize(
    "changes",
    [
        {"withdrawal_gates": {"SOL": 0}},
        {"withdrawal_gates": {"USD": -1}},
        {"collateral_caps": {"SOL": Cap()}},
        {"collateral_caps": {"USD": Cap(member_minor=-1)}},
        {"deposit_final_after_ns": -1},
    ],
)
def test_rules_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    assert reasons(small_house().do(c.AdoptRulebook(rulebook(**changes)))) == [Reason.RULEBOOK_INVALID]


def test_a_transfer_meets_the_call_of_the_client_it_goes_to() -> None:
    house = money_house()
    house.deposit(house.account("a"), USD, 1_500_00)
    house.deposit(house.account("m0"), USD, 1_000_00)
    house.trade(0, house.account("a"), house.account("m1"), 100, 200)
    assert of(house.mark((0, 180)), f.MarginCalled)
    assert reasons(transfer(house, "m0", "a", 1_000_01)) == [Reason.BALANCE_INSUFFICIENT]
    facts = transfer(house, "m0", "a", 1_000_00)
    assert [fact.by for fact in of(facts, f.CallMet)] == ["payment"]


def test_a_transfer_is_judged_like_a_withdrawal() -> None:
    house = traded(cash=1_500_00, collateral_caps={"USD": Cap(account_minor=MILLION)})
    house.ok(c.OpenAccount(0, "a"))
    assert reasons(transfer(house, "m0", "a", 501_00)) == [Reason.MARGIN_INSUFFICIENT]
    house.ok(c.AdoptRulebook(rulebook(collateral_caps={"USD": Cap(account_minor=100_00, house_minor=1)})))
    assert reasons(transfer(house, "m0", "a", 101_00)) == [Reason.COLLATERAL_CAP_EXCEEDED]
    assert not reasons(transfer(house, "m0", "a", 100_00)), "for the member and the house nothing changes"


def test_the_withdrawals_account_is_opened_with_the_first_request() -> None:
    house = money_house()
    assert TRANSIT not in house.book.registers.names
    request(house, "m1", 1)
    assert house.balance(house.account(TRANSIT)) == 1

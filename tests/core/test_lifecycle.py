"""Trades and positions after they were made: what the stories do not show."""

import numpy as np
import pytest

from novate.core import commands as c
from novate.core import layout
from novate.core import lifecycle_commands as after
from novate.core.book import Book
from novate.core.facts import Breached, ShortfallAssigned, TradesNovated
from novate.core.lifecycle_facts import GiveUpProposed, TradeBusted, TradeCorrected, TradesForgotten
from novate.core.reasons import Reason
from novate.core.terms import FEES, Tier
from tests.core.worlds import (
    CALL,
    DAY,
    HOUR,
    MILLION,
    PERP,
    USD,
    House,
    folded,
    funding,
    of,
    reasons,
    rich_house,
    rulebook,
    small_house,
    traded,
    trades,
)


def bust(house: House, number: int) -> list:
    return house.do(after.BustTrade("operations", house.next(), "venue", number))


def rich() -> House:
    """m0 and m1 of a small house with a million each."""
    house = small_house(members=3)
    for name in ("m0", "m1"):
        house.deposit(house.account(name), USD, MILLION)
    return house


def test_nothing_comes_back_in_a_margin_class_that_is_gone() -> None:
    """Two trades cancel, so the rulebook may drop their class; undoing one would bring lots that nothing margins."""
    house = rich()
    a, b = house.account("m0"), house.account("m1")
    house.do(c.SubmitTrades("venue", trades([(1, 5, 200, 0, a, b), (2, 5, 200, 0, b, a)])))
    house.ok(c.AdoptRulebook(rulebook(margin_classes={"other": (Tier(0, 200_000, 100_000),)}, late_bust="offset")))
    assert reasons(bust(house, 1)) == [Reason.MARGIN_CLASS_UNKNOWN]
    correct = after.CorrectTrade("operations", house.next(), "venue", 1, 0, a, b, 6, 200)
    assert reasons(house.do(correct)) == [Reason.MARGIN_CLASS_UNKNOWN]
    house.clock(DAY)
    offset = after.OffsetTrade("operations", house.next(), "venue", 1, 0, a, b, 5, 200)
    house.mark((0, 200))
    assert reasons(house.do(offset)) == [Reason.MARGIN_CLASS_UNKNOWN]
    house.ok(c.AdoptRulebook(rulebook(late_bust="offset")))
    offset = after.OffsetTrade("operations", house.next(), "venue", 1, 0, a, b, 5, 200)
    assert reasons(house.do(offset)) == []


# ---- what is on record ----------------------------------------------------------------------------------------------


def test_numbers_that_run_with_the_rows_cost_eight_bytes_for_all() -> None:
    house = rich()
    a, b = house.account("m0"), house.account("m1")
    together = [(100 + at, 1, 200, 0, a, b) for at in range(5)]
    (fact,) = of(house.do(c.SubmitTrades("venue", trades(together))), TradesNovated)
    assert (fact.first_number, fact.numbers) == (100, b"")
    refused = [(110, 1, 200, 0, a, b), (111, 1, 200, 0, a, a), (112, 1, 200, 0, a, b)]
    (fact,) = of(house.do(c.SubmitTrades("venue", trades(refused))), TradesNovated)
    assert (fact.first_number, fact.numbers) == (110, b"")
    gaps = [(120, 1, 200, 0, a, b), (122, 1, 200, 0, a, b), (122, 1, 200, 0, a, b), (123, 1, 200, 0, a, b)]
    (fact,) = of(house.do(c.SubmitTrades("venue", trades(gaps))), TradesNovated)
    assert np.frombuffer(fact.numbers, np.int64).tolist() == [120, 122, 123]
    assert house.book.trades.columns()["number"].tolist() == [100, 101, 102, 103, 104, 110, 112, 120, 122, 123]


def test_numbers_may_be_as_large_as_64_bits_hold() -> None:
    house = rich()
    a, b = house.account("m0"), house.account("m1")
    house.do(c.SubmitTrades("venue", trades([(2**63 - 2, 1, 200, 0, a, a), (2**63 - 1, 1, 200, 0, a, b)])))
    assert house.book.trades.columns()["number"].tolist() == [2**63 - 1]
    assert not reasons(bust(house, 2**63 - 1))


def test_when_the_columns_are_made_is_not_state() -> None:
    house, eager = rich(), rich()
    for each in (house, eager):
        for _ in range(20):
            each.trade(0, each.account("m0"), each.account("m1"), 1, 200)
            if each is eager:
                assert each.book.trades.count
    assert house.book.digest() == eager.book.digest() == folded(house.records).digest()
    assert Book.loads(house.book.dumps()).digest() == house.book.digest()


def test_a_source_without_a_name_leaves_nothing_on_record() -> None:
    house = rich()
    house.do(c.SubmitTrades("", trades([(1, 1, 200, 0, house.account("m0"), house.account("m1"))])))
    assert house.book.blotter.count == 0
    assert folded(house.records).digest() == house.book.digest()


def test_the_oldest_trades_go_an_eighth_at_a_time() -> None:
    house = small_house(kept_trades_max=16)
    for name in ("m0", "m1"):
        house.deposit(house.account(name), USD, MILLION)
    a, b = house.account("m0"), house.account("m1")
    facts = house.do(c.SubmitTrades("venue", trades([(at, 1, 200, 0, a, b) for at in range(1, 17)])))
    assert not of(facts, TradesForgotten)
    (fact,) = of(house.do(c.SubmitTrades("venue", trades([(20, 1, 200, 0, a, b)]))), TradesForgotten)
    assert fact.count == 3
    assert house.book.trades.first_number("venue") == 4
    assert reasons(bust(house, 3)) == [Reason.OUTSIDE_BUST_WINDOW]
    assert not reasons(bust(house, 4))
    many = trades([(at, 1, 200, 0, a, b) for at in range(21, 61)])
    (fact,) = of(house.do(c.SubmitTrades("late", many)), TradesForgotten)
    assert house.book.blotter.count == 14
    assert folded(house.records).digest() == house.book.digest()


def test_a_cycle_takes_the_trades_off_the_record() -> None:
    house = traded()
    house.clock(DAY)
    assert house.book.blotter.count == 0
    assert house.book.blotter.sources == []
    assert reasons(bust(house, house.number - 1)) == [Reason.OUTSIDE_BUST_WINDOW]


# ---- bust and correction --------------------------------------------------------------------------------------------


def test_a_bust_asks_for_no_margin_and_a_venue_breaches_who_falls_short() -> None:
    house = small_house("venue", members=3)
    for name, cash in (("m0", 1_100_00), ("m1", MILLION), ("m2", MILLION)):
        house.deposit(house.account(name), USD, cash)
    m0, m1, m2 = (house.account(name) for name in ("m0", "m1", "m2"))
    house.trade(0, m0, m1, 100, 200)
    number = house.number
    house.trade(0, m2, m0, 100, 200)
    house.mark((0, 220))
    facts = bust(house, number)
    assert [fact.bucket for fact in of(facts, Breached)] == [m0]
    assert reasons(bust(house, number + 1)) == [Reason.ACCOUNT_IN_LIQUIDATION]


def test_a_bust_that_would_pass_a_limit_waits() -> None:
    house = rich()
    m0, m1 = house.account("m0"), house.account("m1")
    house.book.contracts[0]["position_limit_lots"] = 10
    house.trade(0, m0, m1, 10, 200)
    first = house.number
    house.trade(0, m1, m0, 10, 200)
    house.trade(0, m1, m0, 10, 200)
    assert reasons(bust(house, first)) == [Reason.POSITION_LIMIT_EXCEEDED]
    house.trade(0, m0, m1, 10, 200)
    assert not reasons(bust(house, first))


def test_a_trade_of_an_expired_contract_gives_its_final_result_back() -> None:
    house = rich_house()
    house.deposit(house.account("m0"), USD, MILLION)
    house.deposit(house.account("m1"), USD, MILLION)
    m0, m1 = house.account("m0"), house.account("m1")
    house.time_ns = 4 * DAY - 1
    house.mark((1, 100_400), (0, 100_000))
    house.trade(1, m0, m1, 1_000, 100_400)
    number = house.number
    before = [house.worth_fine(account, USD) for account in (m0, m1, FEES)]
    house.do(c.ExpireContract(1, 110_000), 4 * DAY)
    assert house.worth_fine(m0, USD) > before[0]
    (fact,) = of(bust(house, number), TradeBusted)
    assert all(leg.lots == leg.cost_fine == 0 for leg in fact.legs)
    fee = before[2] // 2
    assert fee > 0
    assert [house.worth_fine(account, USD) for account in (m0, m1, FEES)] == [before[0] + fee, before[1] + fee, 0]
    assert house.worth_fine(m0, USD) == MILLION * 10**6


def test_a_corrected_price_leaves_funding_where_it_was() -> None:
    """100 lots at 50,000, then 1 % of funding; a correction by ten dollars a coin moves one dollar in all."""
    house = rich_house()
    m0, m1 = house.account("m0"), house.account("m1")
    for account in (m0, m1):
        house.deposit(account, USD, MILLION)
    house.trade(PERP, m0, m1, 100, 100_000)
    number = house.number
    house.do(c.PublishFunding(funding([(PERP, 10**10)])))
    before = house.worth_fine(m0, USD)
    terms = ("operations", house.next(), "venue", number, PERP, m0, m1, 100)
    facts = house.do(after.CorrectTrade(*terms, 100_020))
    fees = [int(fact.buyer_fee_fine) for fact in of(facts, TradeCorrected)]
    assert house.worth_fine(m0, USD) == before - 10**8 - fees[0] + 25 * 10**7
    assert fees == [250_050_000]
    # And once more: the corrected trade keeps the index of the first.
    house.do(after.CorrectTrade("operations", house.next(), "venue", number, PERP, m0, m1, 100, 100_000))
    assert house.worth_fine(m0, USD) == before
    assert folded(house.records).digest() == house.book.digest()


def test_a_bust_after_funding_undoes_the_funding_of_its_lots() -> None:
    house = rich_house()
    m0, m1 = house.account("m0"), house.account("m1")
    for account in (m0, m1):
        house.deposit(account, USD, MILLION)
    house.trade(PERP, m0, m1, 100, 100_000)
    house.do(c.PublishFunding(funding([(PERP, 10**10)])))
    bust(house, house.number)
    assert [house.worth_fine(account, USD) for account in (m0, m1, FEES)] == [MILLION * 10**6] * 2 + [0]


def test_a_correction_is_done_whole_or_not_at_all() -> None:
    house = rich()
    m0, m1 = house.account("m0"), house.account("m1")
    house.trade(0, m0, m1, 10, 200)
    before = house.book.positions_of(m0)
    terms = ("venue", house.number)
    for contract, buyer, seller, lots, price, reason in (
        (7, m0, m1, 10, 200, Reason.CONTRACT_UNKNOWN),
        (0, 99, m1, 10, 200, Reason.ACCOUNT_UNKNOWN),
        (0, m0, FEES, 10, 200, Reason.ACCOUNT_NOT_TRADABLE),
        (0, m0, m1, 10_001, 200, Reason.POSITION_LIMIT_EXCEEDED),
        (0, m0, m1, 10, 1_000_001, Reason.PRICE_OUT_OF_LIMITS),
        (0, m0, house.account("m2"), 10, 200, Reason.MARGIN_INSUFFICIENT),
    ):
        command = after.CorrectTrade("operations", house.next(), *terms, contract, buyer, seller, lots, price)
        assert reasons(house.do(command)) == [reason]
        assert house.book.positions_of(m0) == before
    house.mark((0, None))
    command = after.CorrectTrade("operations", house.next(), *terms, 0, m0, m1, 10, 201)
    assert reasons(house.do(command)) == [Reason.PRICE_MISSING]


def test_numbers_are_used_up_and_not_used_twice() -> None:
    house = rich()
    house.trade(0, house.account("m0"), house.account("m1"), 10, 200)
    command = after.BustTrade("operations", 5, "venue", house.number)
    assert not reasons(house.do(command))
    assert reasons(house.do(command)) == [Reason.DUPLICATE_OR_LATE]
    assert reasons(house.do(after.BustTrade("operations", 2**63, "venue", 1))) == [Reason.MALFORMED]
    assert reasons(House().do(command)) == [Reason.RULEBOOK_MISSING]


# ---- give-ups -------------------------------------------------------------------------------------------------------


def test_a_given_up_option_is_paid_by_its_receiver() -> None:
    """The premium goes with the option: it must be there in settled cash, and the fee with it."""
    house = rich_house()
    m0, m1, m2 = (house.account(name) for name in ("m0", "m1", "m2"))
    for account in (m0, m1):
        house.deposit(account, USD, MILLION)
    house.trade(CALL, m0, m1, 100, 5_000)  # 100 lots of 0.001 at 2,500 dollars: a premium of 250
    give_up = after.GiveUp("operations", house.next(), "venue", house.number - 1, m0, m2, 100)
    (asked,) = of(house.do(give_up), GiveUpProposed)
    accept = ("operations", asked.give_up, 2, True)
    house.deposit(m2, USD, 249_99)
    facts = house.do(after.AnswerGiveUp(accept[0], house.next(), *accept[1:]))
    assert reasons(facts) == [Reason.PREMIUM_NOT_COVERED]
    house.deposit(m2, USD, 100_00)
    assert not reasons(house.do(after.AnswerGiveUp(accept[0], house.next(), *accept[1:])))
    assert house.book.positions_of(m0) == []
    assert house.book.positions_of(m2) == [(CALL, 100, 250 * 10**8)]
    assert int(house.book.balances[m0, USD]["carry_fine"]) == 0


def test_fees_of_a_split_trade_are_refunded_to_whoever_bore_them() -> None:
    """Seven lots given up in uneven parts, both sides: a bust leaves everyone with what it brought."""
    house = rich_house(members=3, clients=2)
    names = ("m0", "m1", "m2", "m2/c0", "m0/c1")
    for name in names:
        house.deposit(house.account(name), USD, MILLION)
    m0, m1, m2, c0, c1 = (house.account(name) for name in names)
    house.trade(PERP, m0, m1, 7, 100_001)
    number = house.number
    for giver, receiver, lots, member in ((m0, m2, 2, 2), (m1, c0, 3, 2), (m2, c1, 1, 0), (m0, c1, 2, 0)):
        (asked,) = of(
            house.do(after.GiveUp("op", house.next(), "venue", number, giver, receiver, lots)), GiveUpProposed
        )
        assert not reasons(house.do(after.AnswerGiveUp("op", house.next(), asked.give_up, member, True)))
    assert sum(int(row["lots"]) for row in house.book.trades.standing("venue", number)) == 7
    assert not reasons(bust(house, number))
    for name in names:
        assert house.worth_fine(house.account(name), USD) == MILLION * 10**6, name
        assert not house.book.positions_of(house.account(name))


# ---- porting --------------------------------------------------------------------------------------------------------


def defaulted(**rules: object) -> House:
    """m0 has failed; its client c has 20 lots and, at 97 dollars, 6 more than it needs."""
    house = small_house(members=3, **rules)
    house.ok(c.OpenAccount(0, "c"))
    for name, cash in (("m0", 1_000_00), ("c", 260_00), ("m1", MILLION), ("m2", MILLION)):
        house.deposit(house.account(name), USD, cash)
    house.trade(0, house.account("m0"), house.account("m1"), 100, 200)
    house.trade(0, house.account("c"), house.account("m1"), 20, 200)
    house.mark((0, 194))
    house.clock(HOUR)
    assert house.book.registers.members[0].defaulted
    assert house.book.buckets[house.account("c")]["access"] == layout.REDUCE_ONLY
    return house


def test_an_open_call_goes_with_the_client() -> None:
    """Missed behind the new member it is a breach; what the client then lacks is the new member's to make good."""
    house = defaulted(slices_max=0)
    client = house.account("c")
    house.mark((0, 193))
    assert house.book.registers.calls[client].amount_fine == 3 * 10**8
    house.do(after.PortAccount("op", house.next(), client, 2))
    assert not reasons(house.do(after.AnswerPorting("op", house.next(), client, 2, True)))
    assert house.book.registers.accounts[client].member == 2
    assert house.book.buckets[client]["member"] == 2
    assert house.book.buckets[client]["access"] == layout.OPEN
    assert house.book.registers.calls[client].amount_fine == 3 * 10**8
    (fact,) = of(house.clock(2 * HOUR), Breached)
    assert (fact.bucket, fact.cause) == (client, "call_missed")
    house.mark((0, 170))
    (paid,) = of(house.clock(DAY), ShortfallAssigned)
    assert paid.house_bucket == house.account("m2")


def test_what_a_client_owes_goes_with_it() -> None:
    """m0 made its client good before it failed; the client's claim is still repaid after it was ported."""
    house = small_house(members=3)
    house.ok(c.OpenAccount(0, "c"))
    for name, cash in (("m0", 500_00), ("c", 210_00), ("m1", MILLION), ("m2", MILLION)):
        house.deposit(house.account(name), USD, cash)
    client = house.account("c")
    house.trade(0, client, house.account("m1"), 20, 200)
    house.time_ns = DAY - 1
    house.mark((0, 160))
    house.clock(DAY)
    (claim,) = house.book.registers.claims[client]
    assert (claim.layer, claim.payee, claim.amount_minor) == (None, house.account("m0"), 190_00)
    house.deposit(client, USD, 400_00)
    house.trade(0, house.account("m0"), house.account("m1"), 30, 160)
    house.mark((0, 150))
    house.clock(DAY + HOUR)
    assert house.book.registers.members[0].defaulted
    house.do(after.PortAccount("op", house.next(), client, 2))
    assert not reasons(house.do(after.AnswerPorting("op", house.next(), client, 2, True)))
    assert house.book.registers.claims[client]
    house.clock(2 * DAY)
    assert client not in house.book.registers.claims
    assert folded(house.records).digest() == house.book.digest()


def test_clients_without_positions_are_not_closed_out() -> None:
    house = small_house(members=2, porting_due_ns=HOUR)
    house.ok(c.OpenAccount(0, "c"))
    house.deposit(house.account("c"), USD, 100_00)
    house.deposit(house.account("m0"), USD, 1_000_00)
    house.deposit(house.account("m1"), USD, MILLION)
    house.trade(0, house.account("m0"), house.account("m1"), 100, 200)
    house.mark((0, 190))
    house.clock(HOUR)
    facts = house.clock(2 * HOUR)
    assert not of(facts, Breached)
    assert house.book.registers.porting_due_ns == {}


@pytest.mark.parametrize("slices", [0, 3])
def test_who_is_not_ported_is_sold_slice_after_slice_until_flat(slices: int) -> None:
    """Neither being sound nor the slices of the rulebook end it: nothing is taken over from a sound client."""
    house = defaulted(porting_due_ns=HOUR, slice_ppm=500_000, slices_max=slices, slice_expiry_ns=DAY)
    client = house.account("c")
    house.deposit(client, USD, 1_000_00)
    house.clock(2 * HOUR)
    for _ in range(10):
        orders = {number: order for number, order in house.book.registers.orders.items() if order.bucket == client}
        for number, order in orders.items():
            fill = ("market", house.next(), number, abs(order.open_lots), order.limit_price_ticks, house.account("m1"))
            assert not reasons(house.do(c.ExecuteLiquidation(*fill)))
    assert [lots for _, lots, _ in house.book.positions_of(client) if lots] == []
    assert house.book.buckets[client]["access"] == layout.REDUCE_ONLY
    assert client not in house.book.registers.liquidations

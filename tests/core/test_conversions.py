"""Collateral sold by order for balances below zero. Money is cents and satoshi; bitcoin at 50,000 counts for 45,000."""

from fractions import Fraction
from random import Random
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from novate.core import commands as c
from novate.core import facts as f
from novate.core import laws
from novate.core.book import Book
from novate.core.conversions import beyond_limits, covered_minor, excess_minor
from novate.core.ledger import on_order_minor
from novate.core.overdrafts import sells_by_order
from novate.core.reasons import Reason
from novate.core.rows import TRANSFER
from novate.core.terms import TREASURY, Asset, Overdraft
from tests.core.seniority import fold_watching
from tests.core.test_overdrafts import lending_house, losing
from tests.core.worlds import BTC, DAY, HOUR, USD, House, cash, coin_house, decoded, future, marks, of, reasons, trades

RATE = Fraction(45_000 * 100, 10**8)
"""Cents for a satoshi, less haircut."""


def selling_house(limit: int = 0, **rules: object) -> House:
    """Beyond the limit collateral is sold by orders that stand for two hours."""
    own = {"conversion": "orders", "conversion_due_ns": 2 * HOUR, "overdrafts": {"USD": Overdraft(limit, 9 * DAY)}}
    return lending_house(0, treasury=10_000_00, **{**own, **rules})


def sell(house: House, order: int, sold: int, received: int) -> list[f.Fact]:
    return house.do(c.ExecuteConversion("desk", house.next(), order, sold, received))


def brought_by_orders(house: House, account: int) -> int:
    """Cents that an account's open orders bring at least."""
    return covered_minor(house.book.registers.conversions.values()).get((account, USD), 0)


@given(
    ticks=st.integers(190, 199),
    limit=st.sampled_from([0, 1, 99_99, 150_00]),
    price=st.sampled_from([1_000, 49_999 * 10**8 + 7, 50_000 * 10**8, 10**6 * 10**8]),
)
@settings(max_examples=60, deadline=None)
def test_an_order_is_for_what_is_lacking_at_the_price_less_haircut(ticks: int, limit: int, price: int) -> None:
    """Sold whole at its worst rate it brings the lack, with a satoshi less it would not; and that rate is exact."""
    house = selling_house(limit, form="venue")
    m0 = losing(house, coins=10**8, ticks=ticks)
    house.mark(assets={BTC: price})
    orders = of(house.clock(DAY), f.ConversionOrdered)
    lack = excess_minor(house.book, m0, USD)
    if m0 in house.book.registers.liquidations or lack <= 0:
        assert not orders
        return
    (order,) = orders
    rate = RATE * Fraction(price, 50_000 * 10**8)
    assert order.sell_minor * rate >= lack > (order.sell_minor - 1) * rate
    assert order.least_minor == order.sell_minor * rate // 1
    assert brought_by_orders(house, m0) >= lack
    assert order.due_ns == house.time_ns + 2 * HOUR
    assert not of(house.clock(house.time_ns + HOUR), f.ConversionOrdered)


@given(
    parts=st.lists(
        st.tuples(st.sampled_from([1, 7, 100_000, 222_222, 444_445]), st.integers(-1, 3), st.sampled_from([0, 10**5])),
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_sales_are_taken_exactly_at_the_worst_rate_and_better(parts: list[tuple[int, int, int]]) -> None:
    house = selling_house()
    m0 = losing(house)
    (order,) = of(house.clock(DAY), f.ConversionOrdered)
    for sold, over, better in parts:
        terms = house.book.registers.conversions.get(order.order)
        if terms is None:
            assert reasons(sell(house, order.order, sold, 10**9)) == [Reason.ORDER_NOT_OPEN]
            break
        still, worst = terms.open_minor, -(-sold * order.least_minor // order.sell_minor)
        received, before = worst + over + better, (house.balance(m0, USD), house.balance(m0, BTC))
        facts = sell(house, order.order, sold, received)
        if sold > still:
            assert reasons(facts) == [Reason.EXECUTION_EXCEEDS_ORDER]
        elif received <= 0:
            assert reasons(facts) == [Reason.AMOUNT_MUST_BE_POSITIVE]
        elif Fraction(received, sold) < Fraction(order.least_minor, order.sell_minor):
            assert reasons(facts) == [Reason.PRICE_WORSE_THAN_LIMIT]
        else:
            assert not reasons(facts)
            assert (house.balance(m0, USD), house.balance(m0, BTC)) == (before[0] + received, before[1] - sold)
        lack = max(0, excess_minor(house.book, m0, USD))
        assert brought_by_orders(house, m0) >= lack
        assert (lack == 0) == (order.order not in house.book.registers.conversions)
        laws.check_whole(house.book)
    assert house.balance(TREASURY, BTC) == 0


def test_what_is_reversed_is_paid_first_and_the_order_sells_what_is_left() -> None:
    """The deposit went back outside with most of the bitcoin: no more is for sale than is there, then nothing."""
    house = selling_house(deposit_final_after_ns=9 * DAY)
    m0 = losing(house, coins=10**8)
    house.clock(DAY)
    assert on_order_minor(house.book, m0, BTC) == 444_445
    reversible = house.book.registers.deposits_reversible
    source, number = next(
        (source, number)
        for source, numbered in reversible.items()
        for number, receipt in numbered.items()
        if (receipt.account, receipt.asset) == (m0, BTC)
    )
    house.deposit(m0, BTC, 200_000)
    facts = house.do(c.ReverseDeposit(source, house.next(), number))
    (reduced,) = of(facts, f.ConversionReduced)
    assert reduced.open_minor == house.balance(m0, BTC) == 200_000
    laws.check_whole(house.book)


def test_clients_of_a_member_in_default_sell_to_the_treasury() -> None:
    """The order of a sound client is taken back with its member's default; the next clock converts."""
    house = selling_house()
    house.ok(c.OpenAccount(0, "client"))
    client, m0 = house.account("client"), house.account("m0")
    house.deposit(client, BTC, 10**8)
    house.deposit(m0, BTC, 10**8)
    for account in (client, m0):
        assert not reasons(house.trade(0, account, house.account("m1"), 100, 200))
    house.mark((0, 196))
    assert len(of(house.clock(DAY), f.ConversionOrdered)) == 2
    house.withdraw(m0, BTC, 10**8 - 10**7)
    house.mark((0, 100))
    house.clock(DAY + 2)
    house.deposit(client, BTC, 10**8)
    facts = house.clock(DAY + HOUR + 2)
    assert of(facts, f.MemberDefaulted)
    closed = {fact.account: fact.cause for fact in of(facts, f.ConversionClosed)}
    assert closed == {client: "withdrawn", m0: "withdrawn"}
    assert house.book.registers.conversions == {}
    assert [fact.bucket for fact in of(house.clock(house.time_ns + 1), f.CollateralConverted)] == [client]


def test_without_a_price_what_is_due_waits_and_is_ordered_anew() -> None:
    house = selling_house()
    m0 = losing(house)
    house.clock(DAY)
    house.mark(assets={BTC: None})
    facts = house.clock(DAY + 2 * HOUR)
    assert [fact.cause for fact in of(facts, f.ConversionClosed)] == ["due"]
    assert not of(facts, f.CollateralConverted)
    assert not of(facts, f.ConversionOrdered)
    house.mark(assets={BTC: 40_000 * 10**8})
    (order,) = of(house.clock(DAY + 3 * HOUR), f.ConversionOrdered)
    assert (order.order, order.least_minor, house.balance(m0)) == (1, 200_00, -200_00)


def test_an_order_that_is_due_before_a_cycle_is_not_lent_for_again() -> None:
    """At the clock of the cycle it goes to the treasury first; only what the cycle adds is ordered."""
    house = selling_house(conversion_due_ns=DAY)
    m0 = losing(house)
    house.clock(DAY)
    house.mark((0, 195))
    facts = house.clock(2 * DAY)
    (converted,) = of(facts, f.CollateralConverted)
    (order,) = of(facts, f.ConversionOrdered)
    assert (converted.received_minor, order.least_minor) == (200_00, 50_00)
    assert house.balance(m0) == -50_00


def test_a_loss_that_collateral_cannot_bear_is_converted_in_the_cycle() -> None:
    """Nothing is lent, so nothing is ordered; what was for sale goes with the rest, and others pay what is lacking."""
    house = selling_house()
    m0 = losing(house, coins=10**7)
    house.clock(DAY)
    assert house.book.registers.conversions
    house.mark(assets={BTC: 1_000 * 10**8})
    facts = house.clock(2 * DAY)
    assert of(facts, f.MemberDefaulted)
    assert house.book.registers.conversions == {}
    assert house.balance(m0, BTC) == 0
    laws.check_whole(house.book)


@pytest.mark.parametrize(
    ("order", "sold", "received", "reason"),
    [
        (1, 1, 1, Reason.ORDER_UNKNOWN),
        (-1, 1, 1, Reason.ORDER_UNKNOWN),
        (0, 0, 1, Reason.AMOUNT_MUST_BE_POSITIVE),
        (0, 1, 0, Reason.AMOUNT_MUST_BE_POSITIVE),
        (0, -1, -1, Reason.AMOUNT_MUST_BE_POSITIVE),
        (0, 444_446, 10**9, Reason.EXECUTION_EXCEEDS_ORDER),
        (0, 444_445, 199_99, Reason.PRICE_WORSE_THAN_LIMIT),
        (0, 444_445, 2**61, Reason.MONEY_LIMIT_EXCEEDED),
        (0, 2**63, 1, Reason.MALFORMED),
        (0, 1, -(2**63), Reason.MALFORMED),
        (2**63, 1, 1, Reason.MALFORMED),
    ],
)
def test_sales_that_cannot_be_are_refused(order: int, sold: int, received: int, reason: Reason) -> None:
    house = selling_house()
    losing(house)
    house.clock(DAY)
    before = house.book.digest()
    facts = sell(house, order, sold, received)
    assert reasons(facts) == [reason]
    house.book.registers.sources.pop("desk", None)
    assert house.book.digest() == before


def test_a_sale_is_told_once() -> None:
    house = selling_house()
    losing(house)
    house.clock(DAY)
    number = house.next()
    assert not reasons(house.do(c.ExecuteConversion("desk", number, 0, 1_000, 50)))
    assert reasons(house.do(c.ExecuteConversion("desk", number, 0, 1_000, 50))) == [Reason.DUPLICATE_OR_LATE]


def test_more_for_sale_than_is_held_breaks_a_law() -> None:
    house = selling_house()
    m0 = losing(house)
    house.clock(DAY)
    house.book.registers.conversions[0].open_minor = house.balance(m0, BTC) + 1
    with pytest.raises(laws.LawBroken, match="are for sale, it holds"):
        laws.sales_are_held(house.book)


@pytest.mark.parametrize("due", [0, -1, 2**62])
def test_a_due_time_that_cannot_be_is_refused(due: int) -> None:
    house = selling_house()
    (fact,) = house.do(c.AdoptRulebook(replace(house.book.rulebook, conversion_due_ns=due)))
    assert isinstance(fact, f.Rejected)
    assert (fact.reason, fact.path) == (Reason.RULEBOOK_INVALID, "$.rulebook.conversion_due_ns")


# ---- in any order ---------------------------------------------------------------------------------------------------

EUR = 2
ACCOUNTS = ("m0", "m1", "m2", "client", "pool")


def two_way_house(form: str) -> House:
    """Dollars and bitcoin may be owed; what is for sale is bitcoin, euros or dollars."""
    house = coin_house(deposit_final_after_ns=9 * DAY, form=form)
    house.ok(c.AddAsset(Asset("EUR", 2, 8, 10 * 10**8)))
    rules = {"USD": Overdraft(100_00, 9 * HOUR), "BTC": Overdraft(10**5, 9 * DAY)}
    haircuts = {"USD": 0, "BTC": 100_000, "EUR": 20_000}
    selling = replace(house.book.rulebook, overdrafts=rules, collateral=haircuts, conversion="orders")
    house.ok(c.AdoptRulebook(replace(selling, conversion_due_ns=5 * HOUR, settlement_interval_ns=4 * HOUR)))
    house.ok(c.ListContract(future("COIN", settlement="BTC", tick_size="1", lot_size="1", inverse=True)))
    house.ok(c.OpenAccount(0, "client"))
    house.ok(c.OpenAccount(1, "pool", "net_omnibus"))
    house.mark((1, 50_000), assets={BTC: 50_000 * 10**8, EUR: 11 * 10**7})
    for asset in (USD, BTC):
        house.ok(c.PublishInterest(asset, 365_000))
    for asset, amount in ((USD, 10**7), (BTC, 10**9), (EUR, 10**6)):
        house.fund("treasury", asset, amount)
    return house


@given(seed=st.integers(0, 10**9), form=st.sampled_from(["clearing_house", "venue"]))
@settings(max_examples=60, deadline=None)
def test_orders_hold_in_any_order(seed: int, form: str) -> None:
    """Whatever happens, laws hold, folding gives the same book, and each order sells what is needed and is there."""
    house, random = two_way_house(form), Random(seed)
    shadow = Book.loads(house.book.dumps())

    def do(command: c.AnyCommand, wait: int = 0) -> None:
        facts = house.do(command, house.time_ns + wait)
        fold_watching(shadow, decoded(facts), house.time_ns)
        assert shadow.digest() == Book.loads(house.book.dumps()).digest() == house.book.digest()
        check_orders(house, clock=isinstance(command, c.Clock))

    accounts = [house.account(name) for name in ACCOUNTS]
    for account in accounts:
        brought = random.sample([(USD, 20_000_00), (BTC, 4 * 10**7), (EUR, 20_000_00)], random.choice([1, 1, 2]))
        do(c.Deposit("bank", cash([(house.next(), amount, account, asset) for asset, amount in brought])))
    for contract, price in ((0, 200), (1, 50_000)) * 3:
        buyer, seller = random.sample(accounts, 2)
        row = (house.next(), random.choice([30, 100, 4_000]), price, contract, buyer, seller)
        do(c.SubmitTrades("venue", trades([row])))
    for _ in range(40):
        do(*drawn(house, random, accounts))


def drawn(house: House, random: Random, accounts: list[int]) -> tuple[c.AnyCommand, int]:
    """The next command, and how long to wait for it."""
    book, (account, other), asset = house.book, random.sample(accounts, 2), random.choice([USD, BTC, EUR])
    part = max(1, house.balance(account, asset) * random.choice([1, 100, 500, 900, 1_000]) // 1_000)
    deposits = [*book.registers.deposits_reversible.get("bank", {}), 1]
    orders = random.choice("sales") == "s" and [*book.registers.conversions.items()]
    if orders:
        number, order = random.choice(orders)
        sold = max(1, order.open_minor * random.choice([1, 300, 1_000, 1_000, 1_001]) // 1_000)
        received = -(-sold * order.least_minor // order.sell_minor) + random.choice([-1, 0, 0, 1, 999])
        return c.ExecuteConversion("desk", house.next(), number, sold, received), 0
    match random.randrange(12):
        case 0 | 1 | 2 | 3:
            return c.Clock(), random.choice([1, 1, 2, 4]) * HOUR
        case 4 | 5:
            of = random.choice([0, 1])
            price = int(book.contracts[of]["price_ticks"]) * random.choice([90, 97, 99, 101, 103, 110]) // 100
            return c.PublishMarks(marks([(of, price)])), 0
        case 6:
            price = int(book.assets[asset or BTC]["price_fine"]) * random.choice([0, 80, 97, 103, 120]) // 100
            return c.PublishMarks(b"", (c.AssetPrice(asset or BTC, price or None),)), 0
        case 7:
            return c.Deposit("bank", cash([(house.next(), 10 ** random.randint(2, 7), account, asset)])), 0
        case 8:
            kind = random.choice([c.Withdraw, c.RequestWithdrawal])
            return kind("bank", cash([(house.next(), part, account, asset)])), 0
        case 9:
            row = np.array([(house.next(), part, account, other, asset, 0)], TRANSFER)
            return c.TransferCollateral("bank", row.tobytes()), 0
        case 10 if random.random() < 0.3:
            return c.ReverseDeposit("bank", house.next(), random.choice(deposits)), 0
        case _:
            form: Any = random.choice(["orders", "orders", "treasury"])
            return c.AdoptRulebook(replace(book.rulebook, conversion=form)), 0


def check_orders(house: House, *, clock: bool) -> None:
    """Every order is for an account that may owe, for no more than is needed and held; and a clock leaves none out."""
    book = house.book
    laws.check_whole(book)
    units: dict[tuple[int, int], int] = {}
    for order in book.registers.conversions.values():
        owes = order.account, order.bought_asset
        assert sells_by_order(book, *owes)
        assert order.due_ns > book.registers.time_ns or not clock
        units[owes] = units.get(owes, 0) + order.least_minor // order.sell_minor + 1
    for owes, of_rounding in units.items():
        assert 0 < covered_minor(book.registers.conversions.values())[owes] < excess_minor(book, *owes) + of_rounding
    assert not (clock and of(beyond_limits(book), f.ConversionOrdered))

"""Omnibus accounts: what a pool is asked for against what its clients would be asked for, and what it goes through."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from novate.core import commands as c
from novate.core import layout
from novate.core import lifecycle_commands as after
from novate.core.facts import Breached, Fact, LiquidationOrdered, MemberDefaulted, TakenOver
from novate.core.laws import LawBroken, check_whole
from novate.core.layout import LIQUIDATING, OPEN, REDUCE_ONLY
from novate.core.margin import judge, judge_alone
from novate.core.reasons import Reason
from novate.core.terms import Role
from tests.core.planted import examples
from tests.core.worlds import (
    ALT,
    BTC,
    CALL,
    CRUDE,
    DAY,
    EUR,
    EURO,
    FEED,
    HOUR,
    INVERSE,
    LINEAR,
    MAJOR,
    MILLION,
    OPTION,
    PERP,
    PUT,
    SPREAD,
    USD,
    House,
    folded,
    names_of,
    of,
    orders,
    reasons,
    rich_house,
    small_house,
)

HELD = [LINEAR, PERP, INVERSE, CALL, PUT, EURO, SPREAD, CRUDE]
CLIENTS = 3
FLAT = {"major": MAJOR[:1], "alt": ALT[:1], "option": OPTION[:1]}


def pooled(house: House, kind: str, name: str = "pool", member: int = 0) -> int:
    """A pool of ``CLIENTS`` sub-accounts, or a net omnibus account."""
    house.ok(c.OpenAccount(member, name, kind))  # type: ignore[arg-type]
    pool = house.account(name)
    for client in range(CLIENTS if kind == "gross_omnibus" else 0):
        house.ok(c.OpenSubAccount(pool, str(client)))
    return pool


def sub(house: House, client: int, name: str = "pool") -> int:
    return house.account(f"{name}/{client}")


def enrich(house: House, *accounts: int) -> None:
    """Money for anything."""
    for account in accounts:
        for asset, amount in ((USD, 10 * MILLION), (BTC, 10**11), (EUR, 10 * MILLION)):
            assert not reasons(house.deposit(account, asset, amount))


Trade = tuple[int, int, int, int]
trade = st.tuples(
    st.integers(0, CLIENTS - 1),
    st.sampled_from(HELD),
    st.integers(-2_000, 2_000).filter(bool),
    st.sampled_from([1000, 1000, 990, 1010]),
)


@pytest.mark.parametrize("count", examples(40, 600))
def test_gross_asks_for_what_the_clients_would_be_asked_for_and_net_for_no_more(count: int) -> None:
    """The same trades by clients of their own, by sub-accounts of one pool, and by one net account.

    Net asks for no more as long as a rate does not rise with size: two longs that net to one larger position may reach
    a bracket that neither reaches alone.
    """

    @settings(max_examples=count)
    @given(st.lists(trade, max_size=8), st.sampled_from([800, 950, 1000, 1100]), st.booleans())
    def run(done: list[Trade], moved: int, brackets: bool) -> None:
        house = rich_house(clients=0) if brackets else rich_house(clients=0, margin_classes=FLAT)
        gross, net = pooled(house, "gross_omnibus"), pooled(house, "net_omnibus", "net")
        alone = []
        for client in range(CLIENTS):
            house.ok(c.OpenAccount(0, f"alone{client}"))
            alone.append(house.account(f"alone{client}"))
        rich = house.account("m1")
        enrich(house, gross, net, rich, *alone)
        for client, contract, lots, permille in done:
            price = FEED[contract] * permille // 1000
            for account in (alone[client], sub(house, client), net):
                sides = (account, rich) if lots > 0 else (rich, account)
                house.trade(contract, *sides, abs(lots), price)
        for client in range(CLIENTS):
            assert house.book.positions_of(sub(house, client)) == house.book.positions_of(alone[client])
        house.mark(*((contract, FEED[contract] * moved // 1000) for contract in HELD))
        judged = [judge(house.book, account) for account in alone]
        pool, netted = judge(house.book, gross), judge(house.book, net)
        # Rounding: each asset is converted once for the pool and once for each client.
        for figure in ("initial_fine", "maintenance_fine"):
            asked = sum(getattr(each, figure) for each in judged)
            assert 0 <= asked - getattr(pool, figure) <= 3 * CLIENTS
            parts = [judge_alone(house.book, sub(house, client)) for client in range(CLIENTS)]
            assert sum(getattr(part, figure) for part in parts) == asked
            assert brackets or getattr(netted, figure) <= getattr(pool, figure)
        assert judge(house.book, sub(house, 0)) == pool
        check_whole(house.book)

    run()


def test_in_one_asset_gross_is_the_sum_to_the_last_unit() -> None:
    house = small_house()
    pool = pooled(house, "gross_omnibus")
    rich = house.account("m1")
    enrich_usd(house, pool, rich)
    for client, lots in enumerate((7, -5, 3)):
        sides = (sub(house, client), rich) if lots > 0 else (rich, sub(house, client))
        assert not reasons(house.trade(0, *sides, abs(lots), 200))
    assert judge(house.book, pool).initial_fine == 15 * 10 * 10**8  # 10 % of 100 dollars a lot


def enrich_usd(house: House, *accounts: int) -> None:
    for account in accounts:
        assert not reasons(house.deposit(account, USD, MILLION))


def test_resting_orders_of_two_clients_do_not_net() -> None:
    house = small_house()
    pool = pooled(house, "gross_omnibus")
    house.deposit(pool, USD, 100_00)
    rows = [(1, 6, 0, sub(house, 0), 0), (2, 4, 0, sub(house, 1), 1), (3, 1, 0, sub(house, 2), 0)]
    assert reasons(house.do(c.ChangeOrders("venue", orders(rows)))) == [Reason.MARGIN_INSUFFICIENT]
    assert judge(house.book, pool).initial_fine == 100 * 10**8
    net = pooled(house, "net_omnibus", "net")
    house.deposit(net, USD, 100_00)
    rows = [(number, lots, contract, net, side) for number, lots, contract, _, side in rows]
    rows = [(number + 3, *rest) for number, *rest in rows]
    assert not reasons(house.do(c.ChangeOrders("venue", orders(rows))))


def test_a_trade_of_a_sub_account_moves_the_pool_s_money_and_nobody_else_s() -> None:
    house = rich_house()
    pool = pooled(house, "gross_omnibus")
    enrich(house, pool, house.account("m1"))
    assert not reasons(house.trade(CALL, sub(house, 0), house.account("m1"), 10, FEED[CALL]))
    row = house.book.balances[pool, USD]
    assert row["premium_fine"] > 0
    assert row["carry_fine"] < 0
    assert not house.book.balances[sub(house, 0)]["carry_fine"].any()
    before = house.balance(pool)
    house.clock(8 * HOUR)
    assert house.balance(pool) < before
    check_whole(house.book)


def test_a_pool_is_one_account_to_calls_liquidation_and_default() -> None:
    """Its member fails, what is not ported is closed out, and the house that folds the facts is the same."""
    house = small_house(members=3, porting_due_ns=2 * HOUR)
    pool, rich = pooled(house, "gross_omnibus"), house.account("m1")
    enrich_usd(house, rich)
    house.deposit(pool, USD, 200_00)
    house.deposit(house.account("m0"), USD, 110_00)
    assert not reasons(house.trade(0, sub(house, 0), rich, 10, 200))
    assert not reasons(house.trade(0, rich, sub(house, 2), 5, 200))
    assert not reasons(house.trade(0, house.account("m0"), rich, 10, 200))
    called = house.mark((0, 180))
    assert {fact.bucket for fact in called if hasattr(fact, "due_ns")} == {house.account("m0")}
    facts = house.clock(HOUR)
    assert of(facts, MemberDefaulted)
    assert [access(house, at) for at in (pool, *house.book.subs_of(pool))] == [REDUCE_ONLY] * 4
    assert reasons(house.do(c.OpenSubAccount(pool, "late"))) == [Reason.MEMBER_IN_DEFAULT]
    facts = house.clock(3 * HOUR)
    assert [fact.bucket for fact in of(facts, Breached)] == [pool]
    assert [access(house, at) for at in (pool, *house.book.subs_of(pool))] == [LIQUIDATING] * 4
    ordered = [fact.bucket for fact in of(facts, LiquidationOrdered)]
    assert sub(house, 0) in ordered
    assert sub(house, 2) not in ordered
    assert reasons(house.trade(0, sub(house, 1), rich, 1, 180)) == [Reason.ACCOUNT_IN_LIQUIDATION]
    order, terms = next(
        (number, order) for number, order in house.book.registers.orders.items() if order.bucket == sub(house, 0)
    )
    own = c.ExecuteLiquidation("market", house.next(), order, 1, terms.limit_price_ticks, sub(house, 2))
    assert reasons(house.do(own)) == [Reason.ACCOUNTS_MUST_DIFFER]
    everything = c.ExecuteLiquidation("market", house.next(), order, 10, terms.limit_price_ticks, rich)
    facts = house.do(everything)
    assert sub(house, 2) in [fact.bucket for fact in of(facts, LiquidationOrdered)]
    order, terms = next(
        (number, order) for number, order in house.book.registers.orders.items() if order.bucket == sub(house, 2)
    )
    house.do(c.ExecuteLiquidation("market", house.next(), order, 5, terms.limit_price_ticks, rich))
    house.clock(DAY)
    assert [access(house, at) for at in (pool, *house.book.subs_of(pool))] == [REDUCE_ONLY] * 4
    assert folded(house.records).digest() == house.book.digest()


def access(house: House, bucket: int) -> int:
    return int(house.book.buckets[bucket]["access"])


def test_a_pool_that_is_taken_over_leaves_every_sub_account_flat() -> None:
    """Lots and costs of the package are those of the sub-accounts, and net in the liquidation account."""
    house = rich_house("venue", slices_max=0)
    pool, rich = pooled(house, "gross_omnibus"), house.account("m1")
    enrich(house, rich)
    house.deposit(pool, USD, 2_000_00)
    for client, lots in enumerate((400, -150, 80)):
        sides = (sub(house, client), rich) if lots > 0 else (rich, sub(house, client))
        assert not reasons(house.trade(LINEAR, *sides, abs(lots), FEED[LINEAR]))
    facts = house.mark((LINEAR, FEED[LINEAR] * 80 // 100))
    assert of(facts, TakenOver)
    left = [row for at in house.book.in_purse(pool) for row in house.book.positions_of(at)]
    assert [lots for _, lots, _ in left] == [0, 0, 0]
    assert sum(cost for *_, cost in left) == house.balance(pool) * 10**6 + house.book.balances[pool, USD]["carry_fine"]
    account = house.book.registers.liquidations[pool].account
    assert [lots for _, lots, _ in house.book.positions_of(account)] == [330]
    house.clock(8 * HOUR)
    assert [house.book.positions_of(at) for at in house.book.in_purse(pool)] == [[], [], [], []]
    assert house.balance(pool) == 0
    check_whole(house.book)
    assert folded(house.records).digest() == house.book.digest()


def test_sub_accounts_are_ported_with_their_pool() -> None:
    house = small_house(members=3)
    pool = pooled(house, "gross_omnibus")
    enrich_usd(house, pool, house.account("m1"))
    assert not reasons(house.trade(0, sub(house, 1), house.account("m1"), 4, 200))
    house.deposit(house.account("m0"), USD, 10_00)
    assert not reasons(house.trade(0, house.account("m0"), house.account("m1"), 1, 200))
    house.mark((0, 180))
    assert of(house.clock(2 * HOUR), MemberDefaulted)
    house.ok(after.PortAccount("desk", house.next(), pool, 2))
    house.ok(after.AnswerPorting("desk", house.next(), pool, 2, accept=True))
    for bucket in house.book.in_purse(pool):
        assert house.book.registers.accounts[bucket].member == house.book.buckets[bucket]["member"] == 2
        assert access(house, bucket) == OPEN
    assert not reasons(house.trade(0, sub(house, 0), house.account("m1"), 1, 180))


def test_members_may_have_many_sub_accounts() -> None:
    """A long chain is walked, and trades of one sub-account do not pay for the look-ups of all the others."""
    house = small_house()
    house.ok(c.OpenAccount(0, "pool", "gross_omnibus"))
    pool = house.account("pool")
    for reference in range(300):
        house.ok(c.OpenSubAccount(pool, f"r{reference}"))
    enrich_usd(house, pool, house.account("m1"))
    for reference in (0, 150, 299):
        assert not reasons(house.trade(0, house.account(f"pool/r{reference}"), house.account("m1"), 1, 200))
    assert house.book.subs_of(pool) == sorted(house.book.subs_of(pool))
    assert len(house.book.subs_of(pool)) == 300
    assert judge(house.book, pool).initial_fine == 3 * 10 * 10**8
    assert all(house.book.isolated_of(at) == [] for at in house.book.in_purse(pool))


@pytest.mark.parametrize(
    ("account", "reference", "reason"),
    [
        (99, "x", Reason.ACCOUNT_UNKNOWN),
        (-1, "x", Reason.ACCOUNT_UNKNOWN),
        (0, "x", Reason.NOT_GROSS_OMNIBUS),
        (5, "x", Reason.NOT_GROSS_OMNIBUS),
        ("pool/0", "x", Reason.NOT_GROSS_OMNIBUS),
        ("pool", "0", Reason.NAME_TAKEN),
        ("pool", "", Reason.NAME_EMPTY),
        ("pool", " x", Reason.NAME_EMPTY),
        ("pool", "x" * 200, Reason.NAME_EMPTY),
        ("pool", "house:fees", Reason.NAME_TAKEN),
    ],
)
def test_a_sub_account_that_cannot_be(account: int | str, reference: str, reason: Reason) -> None:
    house = small_house()
    pooled(house, "gross_omnibus")
    index = house.account(account) if isinstance(account, str) else account
    digest = house.book.digest()
    assert reasons(house.do(c.OpenSubAccount(index, reference))) == [reason]
    assert house.book.digest() == digest


def test_a_sub_account_with_money_of_its_own_breaks_a_law() -> None:
    house = small_house()
    pool = pooled(house, "gross_omnibus")
    enrich_usd(house, pool)
    house.book.balances[pool, USD]["balance_minor"] -= 1
    house.book.balances[sub(house, 0), USD]["balance_minor"] += 1
    with pytest.raises(LawBroken, match="pool/0 is a sub-account and has money of its own"):
        check_whole(house.book)


def test_the_kind_of_an_account_is_on_record() -> None:
    house = small_house()
    facts: list[Fact] = []
    for kind in ("client", "net_omnibus", "gross_omnibus"):
        facts += house.ok(c.OpenAccount(0, kind, kind))  # type: ignore[arg-type]
    assert names_of(facts) == ["AccountOpened"] * 3
    roles = [house.book.registers.accounts[house.account(fact.name)].role for fact in of(facts, type(facts[0]))]
    assert roles == [Role.CLIENT, Role.NET_OMNIBUS, Role.GROSS_OMNIBUS]
    assert int(house.book.buckets[house.account("gross_omnibus")]["contract"]) == layout.POOLED

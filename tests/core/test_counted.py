"""What counts of an asset towards margin: the kernels against the plain twin, and what a cap never does."""

import hypothesis.strategies as st
from hypothesis import given, settings
from msgspec.structs import replace

from novate.core import commands as c
from novate.core.margin import judge
from novate.core.terms import Cap
from tests.core.twins import compare_judgements
from tests.core.worlds import BTC, USD, coin_house, reasons

CAPS = st.sampled_from([None, 0, 1, 99_99, 1_000_00, 10**8, 2**61])


@given(
    caps=st.tuples(CAPS, CAPS),
    money=st.tuples(st.sampled_from([0, 1, 500_00, 5_000_00]), st.sampled_from([0, 1, 10**6, 10**8])),
    ticks=st.sampled_from([100, 196, 200, 204, 300]),
)
@settings(max_examples=60, deadline=None)
def test_what_counts_is_what_the_plain_twin_counts(
    caps: tuple[int | None, int | None], money: tuple[int, int], ticks: int
) -> None:
    """With a cap nobody is worth more than without one, and what is above it is free to leave."""
    house = coin_house()
    m0, m1 = house.account("m0"), house.account("m1")
    for asset, amount in enumerate(money):
        house.deposit(m0, asset, amount)
    house.deposit(m1, USD, 10**9)
    house.trade(0, m0, m1, 10, 200)
    house.mark((0, ticks))
    before = [judge(house.book, account) for account in (m0, m1)]
    capped = {symbol: Cap(counted_minor=cap) for symbol, cap in zip(("USD", "BTC"), caps, strict=True)}
    house.ok(c.AdoptRulebook(replace(house.book.rulebook, collateral_caps=capped)))
    compare_judgements(house.book)
    for account, was in zip((m0, m1), before, strict=True):
        now = judge(house.book, account)
        assert now.equity_fine <= was.equity_fine
        assert now.payable_fine <= was.payable_fine
        assert (now.initial_fine, now.maintenance_fine) == (was.initial_fine, was.maintenance_fine)
        if caps == (None, None):
            assert now == was


def test_what_counts_for_nothing_leaves_as_long_as_the_rest_covers() -> None:
    """Of 1 bitcoin 0.1 counts, 4,500 dollars: 0.9 leave beside a requirement of 4,500, and not a satoshi more."""
    house = coin_house(collateral_caps={"BTC": Cap(counted_minor=10**7)})
    m0, m1 = house.account("m0"), house.account("m1")
    house.deposit(m0, BTC, 10**8)
    house.deposit(m1, USD, 10**9)
    assert not reasons(house.trade(0, m0, m1, 450, 200))
    assert reasons(house.trade(0, m0, m1, 1, 200))
    assert not reasons(house.withdraw(m0, BTC, 9 * 10**7))
    assert reasons(house.withdraw(m0, BTC, 1))

"""Figures that others publish, or that follow from formulas they publish, come out of the house to the last unit."""

import itertools
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given

from novate.core import commands as c
from novate.core.margin import judge, position_requirement
from novate.core.plain.values import value_per_lot
from novate.core.terms import Asset, Contract, Kind, Tier
from novate.core.tiers import accumulate_tiers
from tests.core.worlds import DAY, HOUR, USD, House, funding, future, reasons, rulebook

BTC = 1


def house_with(*contracts: Contract, **rules: object) -> House:
    """Dollars to the cent and bitcoin to the satoshi, two rich members."""
    house = House()
    house.ok(c.AddAsset(Asset("USD", 2, 8)))
    house.ok(c.AddAsset(Asset("BTC", 8, 12, 10**6 * 10**8)))
    for contract in contracts:
        house.ok(c.ListContract(contract))
    house.ok(c.AdoptRulebook(rulebook(collateral={"USD": 0, "BTC": 0}, **rules)))
    for name in ("buyer", "seller"):
        house.ok(c.AddMember(name))
    house.mark(assets={BTC: 50_000 * 10**8})
    for name in ("buyer", "seller"):
        house.deposit(house.account(name), USD, 10**12)
        house.deposit(house.account(name), BTC, 10**11)
    return house


def gain(house: House, lots: int, entry: int, exit_: int, asset: int) -> int:
    """Minor units that the buyer of contract 0 receives in the settlement after a move."""
    buyer, seller = house.account("buyer"), house.account("seller")
    house.mark((0, entry))
    before = house.balance(buyer, asset)
    assert not reasons(house.trade(0, buyer, seller, lots, entry))
    house.mark((0, exit_))
    house.clock(DAY)
    return house.balance(buyer, asset) - before


def inverse(lot_size: str) -> Contract:
    return future(
        "XBTUSD",
        kind=Kind.PERPETUAL,
        inverse=True,
        settlement="BTC",
        lot_size=lot_size,
        price_min_ticks=200,
        price_max_ticks=2_000_000,
        position_limit_lots=1_000_000,
        expiry_ns=None,
    )


def test_an_inverse_future_pays_what_bitmex_publishes() -> None:
    """BitMEX, bitmex.com/app/inverseFuturesGuide: PnL = contracts x multiplier x (1/entry - 1/exit), 1 dollar each.

    Its example: 100,000 contracts bought at 10,000 and sold at 10,500 earn 0.476 bitcoin, which is 10/21 of one.
    """
    assert Fraction(100_000, 10_000) - Fraction(100_000, 10_500) == Fraction(10, 21)
    # 0.47619047…; the value of a lot at 10,500 is rounded once, to 95,238,095 x 10^-12: 0.238 less, 100,000 times.
    assert gain(house_with(inverse("1")), 100_000, 20_000, 21_000, BTC) == 47_619_050


def test_an_inverse_perpetual_pays_what_deribit_publishes() -> None:
    """Deribit, *Inverse Futures* in its support pages: contracts of 10 dollars, PnL = size x (1/entry - 1/exit).

    100 contracts from 10,000 to 12,500 dollars: 1,000 x (0.0001 - 0.00008) = 0.02 bitcoin.
    """
    assert gain(house_with(inverse("10")), 100, 20_000, 25_000, BTC) == 2_000_000


@given(st.integers(2_000, 200_000), st.integers(2_000, 200_000))
def test_an_inverse_result_is_the_formula_to_half_a_fine_unit_per_lot_and_price(entry: int, exit_: int) -> None:
    """The formula of both, against the house's values per lot: each of the two is off by at most half a unit."""
    house = house_with(inverse("1"))
    exact = (Fraction(2, entry) - Fraction(2, exit_)) * 10**12
    ours = value_per_lot(house.book, 0, exit_) - value_per_lot(house.book, 0, entry)
    assert abs(ours - exact) <= 1


@pytest.mark.parametrize(
    ("entry", "settled", "each_day"),
    [("97.00", ["97.50", "96.00", "96.25"], [50_000, -150_000, 25_000])],
)
def test_daily_variation_is_what_cme_group_publishes(entry: str, settled: list[str], each_day: list[int]) -> None:
    """CME Group, education, *Mark-to-Market*: each day (settlement price - the one before) x contract size, in cash.

    Crude oil, 1,000 barrels: bought at 97.00 and settled at 97.50, 96.00 and 96.25: +500, -1,500, +250 dollars.
    """
    oil = future("CL", tick_size="0.01", lot_size="1000", position_limit_lots=1_000)
    house = house_with(oil)
    buyer, seller = house.account("buyer"), house.account("seller")
    ticks = [int(Fraction(price) * 100) for price in (entry, *settled)]
    house.mark((0, ticks[0]))
    house.trade(0, buyer, seller, 1, ticks[0])
    for day, (price, flow) in enumerate(zip(ticks[1:], each_day, strict=True), 1):
        before = house.balance(buyer)
        house.mark((0, price))
        house.clock(day * DAY)
        assert house.balance(buyer) - before == flow
    assert house.balance(buyer) - 10**12 == -75_000
    assert house.balance(seller) - 10**12 == 75_000


def test_funding_is_position_value_times_rate_as_bitmex_and_binance_publish_it() -> None:
    """BitMEX and Binance: funding = position value x rate, longs pay shorts when it is positive, the mark its price.

    Linear: 10 bitcoin at 50,000 dollars at 0.01 % pay 50 dollars. Inverse: 100,000 dollars at 50,000 are 2 bitcoin; at
    0.01 % 0.0002 bitcoin.
    """
    linear = future("PERP", kind=Kind.PERPETUAL, lot_size="0.001", expiry_ns=None, position_limit_lots=100_000)
    for contract, asset, lots, paid in ((linear, USD, 10_000, 50_00), (inverse("1"), BTC, 100_000, 20_000)):
        house = house_with(contract)
        buyer, seller = house.account("buyer"), house.account("seller")
        house.mark((0, 100_000))
        house.trade(0, buyer, seller, lots, 100_000)
        before = [house.balance(buyer, asset), house.balance(seller, asset)]
        house.do(c.PublishFunding(funding([(0, 10**8)])))
        house.clock(DAY)
        assert [house.balance(buyer, asset), house.balance(seller, asset)] == [before[0] - paid, before[1] + paid]


BINANCE = (
    (0, 400, 0),
    (50_000, 500, 50),
    (250_000, 1_000, 1_300),
    (1_000_000, 2_500, 16_300),
    (10_000_000, 5_000, 266_300),
    (20_000_000, 10_000, 1_266_300),
)
"""(bracket floor in dollars, maintenance rate in 10^-5, cumulative maintenance amount in dollars)."""


@pytest.mark.parametrize(("floor", "rate", "deduction"), BINANCE)
def test_cumulative_deductions_are_those_that_binance_publishes(floor: int, rate: int, deduction: int) -> None:
    """Binance, announcement of 2021-03-18: BTCUSDT pays 0.4 % to 50,000 dollars, 0.5 % to 250,000, 1 % to 1,000,000 …

    Its rule: maintenance margin = notional x rate - maintenance amount, where a bracket's amount is the one before plus
    floor x (rate - rate before): 50, 1,300, 16,300, 266,300 … Ours accumulates the brackets below instead.
    """
    tiers = tuple(Tier(usd * 10**8, 10 * each, 10 * each) for usd, each, _ in BINANCE)
    row = next(row for row in accumulate_tiers(tiers) if row[0] == floor * 10**8)
    assert row[3] == floor * 10**8 * rate // 10**5 - deduction * 10**8


@given(st.integers(0, 30_000_000), st.integers(0, 99))
def test_the_requirement_of_any_notional_is_binances_to_the_rounding(dollars: int, cents: int) -> None:
    """As above, for any notional: our charge rounds each bracket up, by less than a unit each."""
    notional = dollars * 10**8 + cents * 10**6
    tiers = tuple(Tier(usd * 10**8, 10 * each, 10 * each) for usd, each, _ in BINANCE)
    floor, rate, deduction = [row for row in BINANCE if row[0] * 10**8 <= notional][-1]
    published = Fraction(notional * rate, 10**5) - deduction * 10**8
    base = next(row for row in accumulate_tiers(tiers) if row[0] == floor * 10**8)
    ours = base[3] + -(-(notional - floor * 10**8) * rate // 10**5)
    assert 0 <= ours - published < len(BINANCE)


def test_a_requirement_is_continuous_where_one_bracket_ends_and_the_next_begins() -> None:
    """A lot more at a floor costs at most the higher rate of one lot: no cliff, whatever the floors."""
    tiers = (Tier(0, 50_000, 25_000), Tier(1_000_000_007, 100_000, 50_000), Tier(5_000_000_011, 500_000, 499_999))
    contract = future("FUT", tick_size="0.01", lot_size="0.01", position_limit_lots=10**6)
    house = house_with(contract, margin_classes={"flat": tiers})
    house.mark((0, 1))
    reference = int(house.book.contracts[0]["reference_fine"])
    steps = [position_requirement(house.book, 0, lots) for lots in range(99_000, 101_000)]
    steps += [position_requirement(house.book, 0, lots) for lots in range(499_000, 501_000)]
    for before, after in itertools.pairwise(steps):
        if after[0] - before[0] < 10**8:
            assert 0 <= after[0] - before[0] <= reference // 2 + 2
            assert 0 <= after[1] - before[1] <= reference // 2 + 2


def test_a_short_calls_margin_is_cboes_formula() -> None:
    """Cboe, *Margin Manual*: premium + 20 % of the underlying less out-of-the-money, at least premium + 10 %.

    An example on fincyclopedia.net (*writing naked options*): five calls on 100 shares each, stock 52, strike 55,
    premium 4: 5 x 100 x (4 + 10.40 - 3) = 5,700 dollars. Ours is 3,700, since the premium's 2,000 stand in equity.
    """
    stock = future("ABC", tick_size="0.01", lot_size="1")
    call = future("ABC-C", kind=Kind.CALL, tick_size="0.01", lot_size="100", underlying="ABC", strike="55",
                  position_limit_lots=10_000, price_max_ticks=100_000)  # fmt: skip
    tiers = (Tier(0, 200_000, 150_000, 100_000, 75_000),)
    house = house_with(stock, call, margin_classes={"flat": tiers})
    house.mark((0, 52_00), (1, 4_00))
    assert position_requirement(house.book, 1, -5)[0] == 3_700 * 10**8
    assert position_requirement(house.book, 1, 5) == (0, 0)
    house.mark((0, 40_00))  # far out of the money: 10 % of 40 dollars
    assert position_requirement(house.book, 1, -5)[0] == 2_000 * 10**8
    buyer, seller = house.account("buyer"), house.account("seller")
    house.mark((0, 52_00))
    before = judge(house.book, seller).equity_fine
    house.trade(1, buyer, seller, 5, 4_00)
    assert judge(house.book, seller).equity_fine == before, "premium received, value owed"
    house.clock(DAY + HOUR)
    assert house.balance(seller) == 10**12 + 2_000_00

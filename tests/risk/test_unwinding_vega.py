"""Funding, order margin, levels, loss sharing and pacing as Vega publishes them: its worked examples, to the last unit.

Facts from vegaprotocol/specs and vegaprotocol/vega (v0.79, 2024), by the code of the criterion that gives them.
"""

from collections.abc import Callable
from fractions import Fraction

import pytest

from novate.risk.errors import RiskError
from novate.risk.unwinding.funding import (
    FundingTerms,
    funding_margin,
    funding_per_unit,
    time_weighted_average,
)
from novate.risk.unwinding.levels import Adjustment, adjust, levels, liquidation_price
from novate.risk.unwinding.loss_sharing import Loser, collect, pay_as_vega
from novate.risk.unwinding.order_margin import (
    Order,
    margin_to_add,
    margin_to_release,
    order_margin,
    orders_in_full,
    position_in_full,
)
from novate.risk.unwinding.pacing import Inventory, Pace, limits, slice_size, variation

F = Fraction


def at_minutes(*observed: tuple[int, int]) -> list[tuple[int, Fraction]]:
    return [(minute, F(price)) for minute, price in observed]


def test_vega_time_weighted_prices() -> None:
    """0053-PERP-027; and 036, with an auction from minute 5 to 7 and the payment that follows."""
    marks = at_minutes((-2, 10), (1, 11), (3, 10), (5, 9), (7, 8), (9, 7))
    spots = at_minutes((-9, 11), (1, 9), (3, 10), (5, 12), (6, 11), (7, 8), (9, 14))
    assert time_weighted_average(marks, 0, 10) == F("9.3")
    assert time_weighted_average(spots, 0, 10) == F("10.2")
    marks = at_minutes((-2, 10), (1, 11), (3, 11), (7, 9), (8, 8), (10, 30))
    spots = at_minutes((-9, 11), (1, 9), (3, 10), (5, 30), (6, 11), (8, 8), (9, 14))
    perpetual = time_weighted_average(marks, 0, 10, [(5, 7)])
    spot = time_weighted_average(spots, 0, 10, [(5, 7)])
    assert (perpetual, spot) == (F("9.875"), F("10.25"))
    assert funding_per_unit(FundingTerms(), perpetual, spot, years=F(0), traded=F(8, 10)) == F("-0.3")
    assert time_weighted_average(marks, 5, 7, [(4, 8)]) == 0
    assert time_weighted_average(at_minutes((4, 10), (6, 20)), 0, 10) == F(20 * 4 + 10 * 2, 6)
    with pytest.raises(RiskError, match="increase"):
        time_weighted_average(at_minutes((4, 10), (4, 20)), 0, 10)


@pytest.mark.parametrize(
    ("terms", "perpetual", "rate"),
    [
        (FundingTerms(scaling=F("2.5")), 99, F("-0.025")),
        (FundingTerms(rate_lower=F("-0.005"), rate_upper=F("0.015")), 99, F("-0.005")),
        (FundingTerms(rate_lower=F("-0.015"), rate_upper=F("0.005")), 101, F("0.005")),
    ],
)
def test_vega_funding_rates(terms: FundingTerms, perpetual: int, rate: Fraction) -> None:
    """0053-PERP-029 to 031."""
    assert funding_per_unit(terms, F(perpetual), F(100), years=F(1)) / 100 == rate


def test_vega_funding_with_interest_and_in_margin() -> None:
    """Interest brings the clamp in: (1 + t r) s - f, held within its bounds; who pays holds margin for it."""
    terms = FundingTerms(interest=F("0.1"), clamp_lower=F("-0.02"), clamp_upper=F("0.02"))
    assert funding_per_unit(terms, F(100), F(100), years=F("0.1")) == 1
    assert funding_per_unit(terms, F(100), F(100), years=F(1)) == 2
    assert funding_margin(3, F(2), F("0.9")) == F("5.4")
    assert funding_margin(-3, F(2), F("0.9")) == 0


def test_vega_order_margin() -> None:
    """0019-MCAL-034, 037, 038, 039, 060 and 061, of prices and sizes given there."""
    half = F(1, 2)
    assert order_margin(-3, [], [Order(15_900, 3)], half) == 23_850
    assert order_margin(0, [], [Order(16_100, 3)], F("0.3")) == 14_490
    assert order_margin(0, [], [Order(16_100, 2)], F("0.3")) == 9_660
    assert order_margin(0, [Order(15_000, 10)], [], F("0.2")) == 30_000
    assert order_margin(-1, [], [Order(15_910, 10)], F("0.9")) == 143_190
    assert order_margin(-1, [], [Order(15_912, 5)], F("0.9")) == 71_604
    assert order_margin(-3, [Order(15_912, 2)], [], F("0.9")) == 0
    assert order_margin(-3, [Order(145_000, 10)], [], F("0.9")) == 913_500
    assert order_margin(-3, [Order(100, 10)], [Order(100, 8)], F(1)) == 800
    assert order_margin(0, [Order(333, 1)], [], F(1, 10), position_factor=10) == 3
    with pytest.raises(RiskError, match="positive size"):
        order_margin(0, [Order(1, 0)], [], half)


def test_vega_isolated_position_margin() -> None:
    assert margin_to_add([Order(15_912, 3)], F("0.9")) == 42_960 + 2
    assert margin_to_add([Order(15_900, 3)], F("0.5")) == 23_850
    # A short of 4 at a mark of 15,900, with 57,000: one bought back at 15,950 and 15,951 (mean cut to 15,950).
    assert margin_to_release(57_000, -4, [Order(15_950, 1), Order(15_951, 1)], 15_900) == (57_000 - 4 * 50) // 2
    assert margin_to_release(57_000, -4, [Order(15_950, 4)], 15_900) == 57_000
    assert margin_to_release(57_000, -4, [Order(15_950, 9)], 15_900) == 57_000
    with pytest.raises(RiskError, match="a part of it"):
        margin_to_release(57_000, 0, [Order(1, 1)], 1)


def test_vega_margin_paid_in_full() -> None:
    assert position_in_full(10, 40, 100) == 400
    assert position_in_full(-10, 40, 100) == 600
    assert orders_in_full([Order(30, 2)], [Order(70, 5)], 100) == (60, 150)
    with pytest.raises(RiskError, match="between 0 and 100"):
        position_in_full(1, 101, 100)


def test_vega_levels() -> None:
    """0019-MCAL-037 (9,540 and its multiples) and 0053-PERP-037 (15: 16, 18, 21)."""
    found = levels(9_540, F("1.1"), F("1.2"), F("1.4"))
    assert (found.search, found.initial, found.release) == (10_494, 11_448, 13_356)
    found = levels(15, F("1.1"), F("1.2"), F("1.4"))
    assert (found.search, found.initial, found.release) == (16, 18, 21)
    assert adjust(17, 100, found) == Adjustment(0, False)
    assert adjust(21, 100, found) == Adjustment(0, False)
    assert adjust(22, 100, found) == Adjustment(-4, False)
    assert adjust(15, 100, found) == Adjustment(3, False)
    assert adjust(12, 2, found) == Adjustment(2, True)
    with pytest.raises(RiskError, match="increase"):
        levels(15, F("1.2"), F("1.1"), F("1.4"))


def test_vega_liquidation_price() -> None:
    """A long of 10 at 100 with 15 %, 5 % of it slippage: liquidated where 10 P - 1000 + 150 = 1.5 P."""
    risk, slip = F(1, 10), F(1, 20)
    assert liquidation_price(150, 10, F(100), risk, linear_slippage=slip) == 100
    assert liquidation_price(250, 10, F(100), risk, linear_slippage=slip) == F(750, F("8.5"))
    assert liquidation_price(5_000, 10, F(100), risk) == 0
    assert liquidation_price(10, 0, F(100), risk) is None
    assert liquidation_price(10, 10, F(100), F(1)) is None


def test_vega_loss_sharing() -> None:
    """Case 4 of the loss socialisation tests: a pool of 2,900, marks from 100 to 180.

    Sellers of 30, 70 and 1 owe 2,400, 5,600 and 80 and have 2,000, 3,000 and plenty; the buyers of 90, 1 and 10 win
    7,200, 80 and 800. Published: the pool is empty, the first buyer is 90 short, the last has 791.
    """
    found = collect([Loser(2_400, 2_000), Loser(5_600, 3_000), Loser(80, 10**8)], 2_900)
    assert found.taken == (2_000, 3_000, 80)
    assert (found.from_pool, found.lacking, found.total) == (2_900, 100, 7_980)
    assert pay_as_vega([7_200, 80, 800], found.total) == [7_110, 79, 791]
    assert pay_as_vega([7_200, 80, 800], 8_080) == [7_200, 80, 800]


def test_vega_overpays_the_last_winner() -> None:
    """What the largest remainder does not do: of 200 for three wins of 100, 100 and 1 the last gets 2."""
    assert pay_as_vega([100, 100, 1], 200) == [99, 99, 2]
    assert pay_as_vega([100, 100, 1], 200, network=0) == [101, 99, 0]  # the insurance party, where it has won


def test_vega_pacing() -> None:
    """0012-POSR-013: 280 at 1 % of a book of 10,000, halves, all at 50; and 033: half of 4, then half of 2."""
    pace, held, sold = Pace(fraction=F(1, 2), full_size=50, book_fraction=F(1, 100)), 280, []
    while held:
        sold.append(slice_size(pace, held, 10_000))
        held -= sold[-1]
    assert sold == [100, 90, 45, 45]
    pace = Pace(fraction=F(1, 5), full_size=10, book_fraction=F(1, 2))
    assert (slice_size(pace, 4, 4), slice_size(pace, 2, 2), slice_size(pace, -4, 0)) == (2, 1, 0)
    assert limits(Pace(), F(100)) == (90, 110)


def test_vega_takeovers() -> None:
    """0012-POSR-016, 017 and 018, and the gain of 52 and 78 of 033."""
    taken = Inventory().taken(1, F(100)).taken(-2, F(120))
    assert (taken.size, taken.realised, taken.unrealised(F(120)), taken.unrealised(F(60))) == (-1, 20, 0, 60)
    taken = Inventory().taken(1, F(100)).taken(1, F(90))
    assert (taken.size, taken.entry, taken.unrealised(F(90)), taken.unrealised(F(60))) == (2, 95, -10, -70)
    taken = Inventory().taken(2, F(100)).taken(-1, F(90))
    assert (taken.size, taken.realised) == (1, -10)
    assert taken.taken(-1, F(90)) == Inventory(0, F(0), F(-20))
    assert Inventory().taken(4, F(100)).taken(-2, F(126)).taken(-1, F(126)).realised == 78
    assert variation(-3, 110, 100) == -30
    with pytest.raises(RiskError, match="nothing"):
        Inventory().taken(0, F(1))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Pace(fraction=F(0)), "expected a positive time, parts up to all of it"),
        (lambda: Pace(book_fraction=F(2)), "parts up to all of it, and nothing negative"),
        (lambda: slice_size(Pace(), 100, -5), "a volume of -5 in the book: expected nothing negative"),
        (
            lambda: order_margin(0, [Order(1, 1)], [], F(1), position_factor=0),
            "position_factor 0: expected the positive",
        ),
        (lambda: margin_to_add([Order(1, 1)], F(-1)), "a margin factor of -1: expected nothing negative"),
        (lambda: margin_to_release(1, 5, [Order(1, 1)], 1, position_factor=0), "position_factor 0"),
        (lambda: position_in_full(1, 1, 2, position_factor=-1), "position_factor -1"),
        (lambda: orders_in_full([], [], 2, position_factor=-2), "position_factor -2"),
        (lambda: pay_as_vega([1, 2], 2, network=2), "network 2: expected its place among 2 winners, from 0"),
        (lambda: time_weighted_average(at_minutes((0, 1)), 0, 9, [(1, 5), (3, 6)]), "and do not overlap"),
        (lambda: time_weighted_average(at_minutes((0, 1)), 0, 9, [(5, 1)]), "expected spans that end after they begin"),
    ],
)
def test_what_cannot_be_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

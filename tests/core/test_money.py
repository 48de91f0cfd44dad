"""Exact arithmetic: every split adds up, every rounding goes where its name says."""

import math
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given

from novate.core import money

weights = st.lists(st.integers(0, 2**62), min_size=1, max_size=12).filter(any)
rates = st.integers(0, money.PPM)
amounts = st.integers(0, 2**62)


@given(st.integers(-(2**70), 2**70), weights)
def test_shares_sum_to_the_total_and_differ_from_the_exact_share_by_less_than_one(total: int, parts: list[int]) -> None:
    shares = money.split_pro_rata(total, parts)
    assert sum(shares) == total
    for share, part in zip(shares, parts, strict=True):
        exact = Fraction(total * part, sum(parts))
        assert abs(share - exact) < 1
        assert share == 0 or (share > 0) == (total > 0), "a share has the total's sign"
        assert part or share == 0, "who weighs nothing gets nothing"


@given(st.integers(0, 2**70), weights)
def test_left_over_units_go_to_the_largest_remainders_ties_to_the_earlier(total: int, parts: list[int]) -> None:
    shares = money.split_pro_rata(total, parts)
    remainders = [Fraction(total * part % sum(parts)) for part in parts]
    favoured = [share > total * part // sum(parts) for share, part in zip(shares, parts, strict=True)]
    for i, got in enumerate(favoured):
        for j, other in enumerate(favoured):
            if got and not other:
                assert remainders[i] > remainders[j] or (remainders[i] == remainders[j] and i < j)


@given(st.integers(0, 2**70), weights)
def test_a_larger_weight_never_gets_less(total: int, parts: list[int]) -> None:
    shares = money.split_pro_rata(total, parts)
    for share, part in zip(shares, parts, strict=True):
        for other, weight in zip(shares, parts, strict=True):
            assert part <= weight or share >= other


@given(st.integers(-(2**70), 2**70), weights)
def test_a_negative_total_is_split_like_a_positive_one(total: int, parts: list[int]) -> None:
    assert money.split_pro_rata(-total, parts) == [-share for share in money.split_pro_rata(total, parts)]


@pytest.mark.parametrize("parts", [[], [0], [0, 0], [3, -1]])
def test_a_split_needs_weights(parts: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        money.split_pro_rata(10, parts)


@given(amounts, rates)
def test_a_credit_rounds_down_and_a_charge_up(amount: int, rate: int) -> None:
    exact = Fraction(amount * rate, money.PPM)
    assert money.credit(amount, rate) == math.floor(exact)
    assert money.charge(amount, rate) == math.ceil(exact)


@given(st.integers(-(2**80), 2**80), st.integers(1, 2**63))
def test_half_even_is_the_rounding_of_fractions(numerator: int, denominator: int) -> None:
    assert money.round_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(-(10**6), 10**6), st.integers(1, 1000))
def test_ties_go_to_the_even_neighbour(half: int, denominator: int) -> None:
    assert money.round_half_even((2 * half + 1) * denominator, 2 * denominator) % 2 == 0


@given(st.integers(-(2**80), 2**80), st.integers(1, 2**63))
def test_ceil_div_rounds_up(numerator: int, denominator: int) -> None:
    assert money.ceil_div(numerator, denominator) == math.ceil(Fraction(numerator, denominator))


prices = st.fractions(min_value=0, max_value=10**9)


@given(prices)
def test_a_conversion_rate_is_tight_and_on_its_side(price: Fraction) -> None:
    (low, low_scale), (high, high_scale) = money.rate_of(price, up=False), money.rate_of(price, up=True)
    assert Fraction(low, low_scale) <= price <= Fraction(high, high_scale)
    for mantissa, scale in ((low, low_scale), (high, high_scale)):
        assert 0 <= mantissa <= 10**9
        assert abs(Fraction(mantissa, scale) - price) < Fraction(1, scale)
        assert scale == 10**9 or 10 * scale * price > 10**9 - 10, "a larger scale would still have fitted"


@given(st.fractions(min_value=10**9 + 1, max_value=10**15))
def test_a_rate_beyond_the_bound_is_refused(price: Fraction) -> None:
    with pytest.raises(OverflowError, match="above 10"):
        money.rate_of(price, up=False)


@given(st.integers(0, 2**63), prices)
def test_conversion_never_favours_the_account_and_stays_in_bounds(amount: int, price: Fraction) -> None:
    down = money.convert_down(amount, *money.rate_of(price, up=False))
    up = money.convert_up(amount, *money.rate_of(price, up=True))
    assert down <= min(amount * price, money.EXPOSURE_MAX)
    assert up >= min(amount * price, money.EXPOSURE_MAX)
    assert 0 <= down <= up <= money.EXPOSURE_MAX

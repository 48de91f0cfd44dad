"""Exact integer arithmetic: the only rounding in the house.

Amounts are integers of an asset. *Minor* units are what people see (cents, satoshi); *fine* units are what the
house computes in (10^-8 dollars, 10^-12 bitcoin). Every function here names the direction in which it rounds.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

PPM: Final = 1_000_000
E12: Final = 10**12

# In one asset a bucket's |balance| + |carry| + sum over positions of (|lots| x largest value + |cost|) is at most
# EXPOSURE_MAX fine units, checked whenever a trade or a deposit adds to it: whatever the marks then do inside their
# limits, its worth stays inside a signed 64-bit integer, settled or not. MONEY_MAX bounds all money of one asset, in
# minor units; VALUE_MAX what one position can be worth. SHEET_BOUND is above the sum of |lots| x largest result of a
# portfolio bucket, in sheet units: below it a float64 product of integers is exact in any order.
EXPOSURE_MAX: Final = 2**62 - 1
MONEY_MAX: Final = 2**61
SHEET_BOUND: Final = 2**52
VALUE_MAX: Final = 2**61


def written(amount: int, places: int) -> str:
    """An amount in units of 10^-places as people write it: ``written(-150, 2)`` is ``-1.50``."""
    whole, rest = divmod(abs(amount), 10**places)
    return f"{'-' if amount < 0 else ''}{whole}{f'.{rest:0{places}d}' if places else ''}"


def ceil_div(numerator: int, denominator: int) -> int:
    """Quotient rounded up (towards +infinity); the denominator is positive."""
    return -(-numerator // denominator)


def round_half_even(numerator: int, denominator: int) -> int:
    """Quotient rounded to nearest, ties to the even neighbour; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    double = 2 * rest
    if double > denominator or (double == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def credit(amount: int, rate_ppm: int) -> int:
    """``amount * rate`` rounded down: what an account is given. The amount is not negative."""
    return amount * rate_ppm // PPM


def charge(amount: int, rate_ppm: int) -> int:
    """``amount * rate`` rounded up: what an account is asked for. The amount is not negative."""
    return ceil_div(amount * rate_ppm, PPM)


def split_pro_rata(total: int, weights: Sequence[int]) -> list[int]:
    """Split ``total`` in proportion to ``weights``, exactly, by largest remainder.

    Every share is the exact share rounded towards zero, and the units left over go one each to the largest
    remainders, ties to the earlier position. Shares carry the sign of the total and sum to it. Weights are not
    negative and at least one is positive.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError(f"weights must not be negative and must sum to more than zero, got {list(weights)}")
    sign, size = (-1, -total) if total < 0 else (1, total)
    parts = [divmod(size * weight, whole) for weight in weights]
    shares = [quotient for quotient, _ in parts]
    left = size - sum(shares)
    for index in sorted(range(len(parts)), key=lambda i: (-parts[i][1], i))[:left]:
        shares[index] += 1
    return [sign * share for share in shares]


def rate_of(price: Fraction, *, up: bool) -> tuple[int, int]:
    """A conversion rate as ``(mantissa, scale)`` with ``rate = mantissa / scale``.

    The scale is the largest power of ten up to 10^9 that keeps the mantissa at or below 10^9, so that kernels can
    multiply in 64 bits. The mantissa is rounded down for amounts that an account is credited (``up=False``) and up
    for amounts it owes (``up=True``). Raises ``OverflowError`` for a rate above 10^9.
    """
    for digits in range(9, -1, -1):
        scale = 10**digits
        scaled = price * scale
        mantissa = ceil_div(scaled.numerator, scaled.denominator) if up else scaled.numerator // scaled.denominator
        if mantissa <= 10**9:
            return mantissa, scale
    raise OverflowError(f"conversion rate {price} is above 10^9")


def convert_down(amount: int, mantissa: int, scale: int) -> int:
    """``amount * mantissa / scale`` rounded down, at most 2^62 - 1. The amount is not negative."""
    return min(amount * mantissa // scale, EXPOSURE_MAX)


def convert_up(amount: int, mantissa: int, scale: int) -> int:
    """``amount * mantissa / scale`` rounded up, at most 2^62 - 1. The amount is not negative."""
    return min(ceil_div(amount * mantissa, scale), EXPOSURE_MAX)

"""The house's named roundings, written down a second time; everything else that is audited is exact."""

import math
from collections.abc import Sequence
from fractions import Fraction

PPM = 10**6
E12 = 10**12
LARGEST = 2**62 - 1
"""Where a sum in the numeraire stops growing, and what a bucket may be exposed to in one asset, in fine units."""

MONEY_LARGEST = VALUE_LARGEST = 2**61
"""All money of one asset, in minor units; and any price, time or number of lots."""


def down(amount: Fraction | int) -> int:
    """Towards minus infinity: what an account is given, and the cash of a settlement."""
    return math.floor(amount)


def up(amount: Fraction | int) -> int:
    """Towards plus infinity: what an account is asked for."""
    return math.ceil(amount)


def nearest(amount: Fraction) -> int:
    """To the nearest whole, a tie to the even one: a value per lot, a funding index."""
    return round(amount)


def part_down(amount: int, rate_ppm: int) -> int:
    """``rate`` of an amount, rounded down."""
    return amount * rate_ppm // PPM


def part_up(amount: int, rate_ppm: int) -> int:
    """``rate`` of an amount, rounded up."""
    return -(-amount * rate_ppm // PPM)


def within(amount: int) -> int:
    """No further from zero than ``LARGEST``."""
    return max(-LARGEST, min(LARGEST, amount))


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """A total in proportion to weights: exact shares cut to whole units, the rest to the largest remainders.

    Ties go to the earlier one. A negative total is shared like a positive one, with the sign put back.
    """
    exact = [Fraction(abs(total) * weight, sum(weights)) for weight in weights]
    whole = [down(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda at: (whole[at] - exact[at], at))
    for at in by_remainder[: abs(total) - sum(whole)]:
        whole[at] += 1
    return [-share for share in whole] if total < 0 else whole


def rate_in_digits(rate: Fraction, *, against: bool) -> tuple[int, int]:
    """A conversion rate as ``(mantissa, scale)``: as many decimals, nine at most, as keep the mantissa to 10^9.

    ``against`` rounds up (for what an account owes), otherwise down (for what counts for it).
    """
    for decimals in range(9, -1, -1):
        scaled = rate * 10**decimals
        mantissa = up(scaled) if against else down(scaled)
        if mantissa <= 10**9:
            return mantissa, 10**decimals
    raise OverflowError(f"no rate of at most ten digits is {rate}")

"""exp, log and the tail of the normal distribution without a branch, so that a loop over them runs on whole vectors.

numba calls the C library for ``math.exp``, ``math.log`` and ``math.erfc``, one number at a time. These are sums and
products alone, good to about two units in the last place. The polynomials and the quotient were fitted to the functions
in 50 digits; their errors stand beside them.

The loops may contract a product and a sum into one operation and nothing more: any reordering would undo ``ROUNDER``.
"""

import numpy as np
from numba import njit

vectorised = njit(fastmath={"contract"}, error_model="numpy", forceinline=True, no_cfunc_wrapper=True)
"""``njit`` for what becomes part of a loop over floats: a division by zero is an infinity, not an exception."""

FARTHEST = 37.0
"""Deviations beyond which the density is taken as that of 37: 10^-298, still a normal number."""

LOG2E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238
LN2_LOW = 1.9082149292705877e-10
SQRT_HALF = 0.7071067811865476
DENSITY_AT_ZERO = 0.3989422804014327
ROUNDER = 6755399441055744.0  # 1.5 x 2^52: adding it leaves the nearest integer in the last bits
ROUNDER_BITS = np.float64(ROUNDER).view(np.int64)
MANTISSA = np.int64(0x000FFFFFFFFFFFFF)
HALF_BITS = np.int64(0x3FE0000000000000)
FIFTY_TWO = np.int64(52)
BIAS = np.int64(1023)


@vectorised
def exp(x):
    """e^x for -708 <= x <= 708. The polynomial on half of ln 2 either way is off by 3e-18."""
    shifted = x * LOG2E + ROUNDER
    power = shifted - ROUNDER
    rest = (x - power * LN2_HIGH) - power * LN2_LOW
    p = 2.5110037605963777e-08
    p = p * rest + 2.763263963904103e-07
    p = p * rest + 2.755724091857897e-06
    p = p * rest + 2.4801485482328494e-05
    p = p * rest + 0.00019841269890047113
    p = p * rest + 0.0013888888952314775
    p = p * rest + 0.008333333333319601
    p = p * rest + 0.0416666666664881
    p = p * rest + 0.1666666666666668
    p = p * rest + 0.5000000000000019
    p = p * rest + 1.0
    p = p * rest + 1.0
    whole = np.float64(shifted).view(np.int64) - ROUNDER_BITS
    return p * np.int64((whole + BIAS) << FIFTY_TWO).view(np.float64)


@vectorised
def log(x):
    """ln x for normal x > 0. The polynomial in ((m - 1) / (m + 1))^2, 1/2 <= m^2 < 2, is off by 2e-18.

    The exponent becomes a float by its bits: there is no vector instruction for it before AVX-512.
    """
    bits = np.float64(x).view(np.int64)
    half = np.int64((bits & MANTISSA) | HALF_BITS).view(np.float64)  # in [1/2, 1)
    low = half < SQRT_HALF
    mantissa = half + half if low else half
    biased = np.int64((bits >> FIFTY_TWO) + ROUNDER_BITS).view(np.float64) - ROUNDER
    power = biased - 1023.0 if low else biased - 1022.0
    f = (mantissa - 1.0) / (mantissa + 1.0)
    z = f * f
    p = 0.14809710360655276
    p = p * z + 0.1531252814836419
    p = p * z + 0.18183631680229329
    p = p * z + 0.22222197056726048
    p = p * z + 0.2857142876064168
    p = p * z + 0.3999999999930234
    p = p * z + 0.6666666666666765
    p = p * z + 2.0
    return power * LN2_HIGH + (f * p + power * LN2_LOW)


@vectorised
def mills_above(t):
    """Numerator of Mills' ratio N(-t) / n(t) for 0 <= t <= 40; over ``mills_below`` it is off by 3e-15 of itself."""
    p = 2.0507693357889365e-05
    p = p * t + 0.00046854344165250084
    p = p * t + 0.0052237482799849366
    p = p * t + 0.03648426559424643
    p = p * t + 0.17321221215168178
    p = p * t + 0.5710691725309781
    p = p * t + 1.2806521794548444
    p = p * t + 1.8040452726931158
    return p * t + 1.253314137315504


@vectorised
def mills_below(t):
    """Denominator of Mills' ratio."""
    q = 2.050769335715136e-05
    q = q * t + 0.0004685434417887838
    q = q * t + 0.005244255962183351
    q = q * t + 0.03695280957643667
    q = q * t + 0.17839492758151781
    q = q * t + 0.6066167540435671
    q = q * t + 1.4436150369347305
    q = q * t + 2.3069232649432516
    q = q * t + 2.237304430874579
    return q * t + 1.0


@vectorised
def nearer(d):
    """The size of a deviation, ``FARTHEST`` at most; NaN stays."""
    size = abs(d)
    return FARTHEST if size > FARTHEST else size  # noqa: FURB136  NaN stays

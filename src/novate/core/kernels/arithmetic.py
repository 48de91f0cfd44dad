"""Exact 64-bit arithmetic for the loops; the plain forms are in ``money.py``."""

import numpy as np

from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.money import EXPOSURE_MAX, PPM


@inlined
def divided(amount, by):
    """``amount // by`` of two amounts that are not negative: an unsigned division is a few instructions shorter."""
    return np.int64(np.uint64(amount) // np.uint64(by))


@inlined
def credit(amount, rate_ppm):
    """``amount * rate`` rounded down; amount >= 0."""
    whole = divided(amount, PPM)
    return whole * rate_ppm + divided((amount - whole * PPM) * rate_ppm, PPM)


@inlined
def charge(amount, rate_ppm):
    """``amount * rate`` rounded up; amount >= 0."""
    whole = divided(amount, PPM)
    return whole * rate_ppm + divided((amount - whole * PPM) * rate_ppm + (PPM - 1), PPM)


@inlined
def convert(amount, asset):
    """Worth in numeraire fine units: credits rounded down, debts rounded up in size, both kept within 2^62 - 1."""
    if asset.numeraire != 0:
        return clamp(amount)
    return convert_at_rate(amount, asset)


@borrowing
def convert_at_rate(amount, asset):
    """``convert`` for an asset that has a rate."""
    if amount >= 0:
        mantissa, scale, rest = asset.credit_mantissa, asset.credit_scale, 0
    else:
        mantissa, scale, rest = asset.debit_mantissa, asset.debit_scale, asset.debit_scale - 1
    size = abs(amount)
    whole = divided(size, scale)
    # A mantissa is at most 10^9: a smaller whole cannot pass the bound, and a division is dear.
    if whole >= 2**32 and mantissa > 0 and whole > divided(EXPOSURE_MAX, mantissa):
        worth = EXPOSURE_MAX
    else:
        worth = min(EXPOSURE_MAX, whole * mantissa + divided((size - whole * scale) * mantissa + rest, scale))
    return worth if amount >= 0 else -worth


@inlined
def millionths(amount):
    """``amount / 10^6`` rounded up; amount >= 0."""
    return divided(amount + (PPM - 1), PPM)


@inlined
def clamp(amount):
    """Kept within 2^62 - 1 either way."""
    return min(max(amount, -EXPOSURE_MAX), EXPOSURE_MAX)


@borrowing
def value_at(price_ticks, contract):
    """Value of one lot at a price, in fine units: inverse values are rounded half to even, once."""
    if contract.inverse == 0 or contract.option != 0:
        return price_ticks * contract.factor_fine - contract.index_fine
    whole = contract.factor_fine // price_ticks
    rest = contract.factor_fine - whole * price_ticks
    other = price_ticks - rest
    if rest > other or (rest == other and whole % 2 == 1):
        whole += 1
    return -whole - contract.index_fine


@borrowing
def size_at(price_ticks, contract):
    """Size of one lot's value at a price, without funding or sign, rounded up: what fees are charged on."""
    if contract.inverse == 0 or contract.option != 0:
        return abs(price_ticks * contract.factor_fine)
    return (contract.factor_fine + price_ticks - 1) // price_ticks


@borrowing
def reference_at(price_ticks, contract):
    """What margin is asked for: the size at a price, and never less than the contract's margin floor."""
    return max(size_at(price_ticks, contract), contract.reference_least_fine)

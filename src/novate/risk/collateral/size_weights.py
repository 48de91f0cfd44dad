"""Weights that grow or fall with the square root of a size: concentration priced continuously.

Drift writes the root as sqrt(10 size) of a size in 10^-9 units, and divides it by 10^5: the root of the size in whole
units, which ``sqrt(size)`` stands for below. A factor of 1,000 ppm adds 0.1 to what 10,000 units weigh.

Exact integers: sizes in 10^-9 units of the asset, weights in 10^-4 (10,000 counts in full), factors in ppm. Source:
Drift (drift-labs/protocol-v2, 2025).
"""

from math import isqrt
from typing import Final

from novate.core.money import PPM
from novate.risk.errors import RiskError

FULL: Final = 10_000
ROOT_OF_ONE: Final = 100_000
"""What ``isqrt`` of ten times a size in 10^-9 gives for one whole unit: over it, that root is the root of the units."""


def asset_weight(size_e9: int, weight: int, factor_ppm: int) -> int:
    """What a holding of that size counts for: ``min(weight, 1.1 / (1 + factor sqrt(size)))``, rounded down."""
    _check(size_e9, weight, factor_ppm)
    if factor_ppm == 0:
        return weight
    root = isqrt(10 * size_e9) + 1
    return min(weight, (PPM + PPM // 10) * FULL // (PPM + root * factor_ppm // ROOT_OF_ONE))


def liability_weight(size_e9: int, weight: int, factor_ppm: int) -> int:
    """What a debt or position of that size weighs: ``max(weight, 0.8 weight + factor sqrt(size))``, the root's part
    rounded down. The same function gives the margin ratio of a position, of a ratio in 10^-4."""
    _check(size_e9, weight, factor_ppm)
    if factor_ppm == 0:
        return weight
    root = isqrt(10 * size_e9 + 1)
    return max(weight, weight - weight // 5 + root * factor_ppm // (ROOT_OF_ONE * PPM // FULL))


def _check(size_e9: int, weight: int, factor_ppm: int) -> None:
    if size_e9 < 0 or weight < 0 or factor_ppm < 0:
        raise RiskError(f"size {size_e9}, weight {weight}, factor {factor_ppm}: expected nothing negative")

"""SPAN's sixteen: three steps of price each way with volatility up and down, and two extremes that count in part.

The order is that of CME's risk arrays. Sets: the classic extreme is twice the scan range of which 35 % of the loss
counts, the newer one three times with 33 %.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from novate.risk.errors import RiskError
from novate.risk.factors import Factor, Scenarios, move_to


@dataclass(frozen=True, slots=True)
class Extreme:
    """The last two scenarios: how many scan ranges the price moves, and the part of the result that counts."""

    ranges: float
    counted: float


CLASSIC: Final = Extreme(2, 0.35)
NEWER: Final = Extreme(3, 0.33)
STEPS: Final = tuple(Fraction(step, 3) for step in (0, 1, -1, 2, -2, 3, -3))


def span(
    price: tuple[Factor, float],
    price_scan_range: float,
    vols: tuple[tuple[Factor, float], ...],
    vol_scan_range: float,
    *,
    extreme: Extreme = CLASSIC,
) -> Scenarios:
    """The sixteen scenarios of one combined commodity, looking one day ahead.

    Parameters
    ----------
    price : (Factor, float)
        What the scan range moves, and its level now; make it absolute where a scenario may take it below zero.
    price_scan_range : float
        In units of the price.
    vols : tuple of (Factor, float)
        Volatility factors with their levels now, annual fractions; empty for a commodity without options.
    vol_scan_range : float
        What they rise and fall by, in the same units. The extremes leave volatility alone.
    """
    if not (price_scan_range > 0 and vol_scan_range >= 0 and extreme.ranges > 0 and 0 < extreme.counted <= 1):
        raise RiskError(
            f"scan ranges {price_scan_range}, {vol_scan_range} and extreme {extreme}: expected a price range above 0, "
            "a volatility range of 0 or more, and a part above 0 and up to 1"
        )
    rows: list[tuple[float, int, str]] = []
    for step in STEPS:
        for vol_sign, way in ((1, "up"), (-1, "down")):
            rows.append((float(step) * price_scan_range, vol_sign, f"{len(rows) + 1}: {step} range, vol {way}"))
    for sign in (1, -1):
        rows.append((sign * extreme.ranges * price_scan_range, 0, f"{len(rows) + 1}: {sign * extreme.ranges:g} ranges"))
    moves = np.array(
        [[_move(price, shift), *(_move(vol, sign * vol_scan_range) for vol in vols)] for shift, sign, _ in rows]
    )
    factors = (price[0], *(factor for factor, _ in vols))
    counted = np.array([1.0] * 14 + [extreme.counted] * 2)
    labels = tuple(label for _, _, label in rows)
    return Scenarios(f"SPAN 16, {price[0].name}", factors, moves, labels, 1.0, counted=counted)


def _move(known: tuple[Factor, float], shift: float) -> float:
    factor, level = known
    return move_to(factor, level, level + shift)

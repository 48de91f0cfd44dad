"""The brackets of a margin class: whether they fit together, and what accumulates below each of them."""

import itertools

from novate.core.money import PPM, VALUE_MAX, charge
from novate.core.terms import Tier


def check_tiers(tiers: tuple[Tier, ...]) -> list[str]:
    """What is wrong with a margin class."""
    wrong = []
    if not tiers or tiers[0].floor_fine != 0:
        wrong.append("the first tier must start at 0")
    if any(high.floor_fine <= low.floor_fine for low, high in itertools.pairwise(tiers)):
        wrong.append("floors must rise")
    for tier in tiers:
        rates = (tier.initial_ppm, tier.maintenance_ppm, tier.initial_least_ppm, tier.maintenance_least_ppm)
        if not all(0 <= rate <= PPM for rate in rates) or tier.floor_fine > VALUE_MAX:
            wrong.append("rates must be between 0 and 100 % and floors at most 2^61")
        if tier.maintenance_ppm > tier.initial_ppm or tier.maintenance_least_ppm > tier.initial_least_ppm:
            wrong.append("maintenance must not be above initial")
    return wrong


def accumulate_tiers(tiers: tuple[Tier, ...]) -> list[tuple[int, ...]]:
    """Rows of ``layout.TIER``: each with the requirement accumulated below its floor, every part rounded up."""
    rows: list[tuple[int, ...]] = []
    bases = [0, 0, 0, 0]
    for at, tier in enumerate(tiers):
        rates = (tier.initial_ppm, tier.maintenance_ppm, tier.initial_least_ppm, tier.maintenance_least_ppm)
        rows.append((tier.floor_fine, *(figure for pair in zip(bases, rates, strict=True) for figure in pair)))
        if at + 1 < len(tiers):
            width = tiers[at + 1].floor_fine - tier.floor_fine
            bases = [base + charge(width, rate) for base, rate in zip(bases, rates, strict=True)]
    return rows

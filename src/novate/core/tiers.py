"""The brackets of a margin class: whether they fit together, and what accumulates below each of them."""

import itertools

from msgspec.structs import replace

from novate.core.money import PPM, VALUE_MAX, charge
from novate.core.terms import OpenInterest, Rulebook, Tier


def check_classes(rulebook: Rulebook) -> list[tuple[str, str]]:
    """What is wrong with a rulebook's margin classes, as ``(path, message)``."""
    wrong = []
    for name, tiers in rulebook.margin_classes.items():
        messages = check_tiers(tiers)
        if name in rulebook.whole_initial and any(_falls(*pair) for pair in itertools.pairwise(tiers)):
            messages.append("initial rates on the whole of a position must not fall")
        wrong += [(f"margin_classes.{name}", message) for message in messages]
    if len(dict.fromkeys(rulebook.whole_initial)) != len(rulebook.whole_initial):
        wrong.append(("whole_initial", "each class once"))
    for name in rulebook.whole_initial:
        if name not in rulebook.margin_classes:
            wrong.append((f"margin_classes.{name}.whole_initial", f"there is no margin class {name!r}"))
    for name, caps in rulebook.open_interest.items():
        path = f"margin_classes.{name}.open_interest"
        if name not in rulebook.margin_classes:
            wrong.append((path, f"there is no margin class {name!r}"))
        if rulebook.form != "venue":
            wrong.append((path, "only a venue's initial margin may rise with open interest: here it would make calls"))
        if not 0 <= caps.lower_fine < caps.upper_fine <= VALUE_MAX:
            wrong.append((path, "the upper value must be above the lower, and both between 0 and 2^61"))
    return wrong


def check_tiers(tiers: tuple[Tier, ...]) -> list[str]:
    """What is wrong with the tiers of a margin class in themselves."""
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


def _falls(low: Tier, high: Tier) -> bool:
    return high.initial_ppm < low.initial_ppm or high.initial_least_ppm < low.initial_least_ppm


def risen_rates(tiers: tuple[Tier, ...], caps: OpenInterest, open_interest_fine: int) -> list[tuple[int, int]]:
    """``(initial, initial_least)`` of each tier, gone as far towards 100 % as open interest from the lower value to the
    upper one; cut off to a ppm, as dYdX does."""
    width = caps.upper_fine - caps.lower_fine
    share = min(max(0, open_interest_fine - caps.lower_fine), width)

    def risen(rate_ppm: int) -> int:
        return rate_ppm + (PPM - rate_ppm) * share // width

    return [(risen(tier.initial_ppm), risen(tier.initial_least_ppm)) for tier in tiers]


def scale_tiers(tiers: tuple[Tier, ...], caps: OpenInterest, open_interest_fine: int) -> tuple[Tier, ...]:
    """Tiers with these initial rates; no rate of maintenance moves."""
    rates = risen_rates(tiers, caps, open_interest_fine)
    return tuple(
        replace(tier, initial_ppm=initial_ppm, initial_least_ppm=least_ppm)
        for tier, (initial_ppm, least_ppm) in zip(tiers, rates, strict=True)
    )


def accumulate_tiers(tiers: tuple[Tier, ...], *, whole_initial: bool = False) -> list[tuple[int, ...]]:
    """Rows of ``layout.TIER``: each with the requirement below its floor, every part rounded up.

    That is what accumulated in the tiers below, or of ``whole_initial`` the tier's own initial rates on its floor.
    """
    rows: list[tuple[int, ...]] = []
    bases = [0, 0, 0, 0]
    for at, tier in enumerate(tiers):
        rates = (tier.initial_ppm, tier.maintenance_ppm, tier.initial_least_ppm, tier.maintenance_least_ppm)
        if whole_initial:
            bases[0], bases[2] = charge(tier.floor_fine, rates[0]), charge(tier.floor_fine, rates[2])
        rows.append((tier.floor_fine, *(figure for pair in zip(bases, rates, strict=True) for figure in pair)))
        if at + 1 < len(tiers):
            width = tiers[at + 1].floor_fine - tier.floor_fine
            bases = [base + charge(width, rate) for base, rate in zip(bases, rates, strict=True)]
    return rows

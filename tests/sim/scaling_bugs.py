"""Bugs planted in the core that only initial rates on the whole, or rising with open interest, show."""

from typing import Any

from msgspec.structs import replace

from novate.core import admission, open_interest, variation
from novate.core.tiers import accumulate_tiers, scale_tiers
from tests.sim.finding import Bug


def short_of_all(tiers: Any, caps: Any, open_interest_fine: int) -> Any:
    """Rates a ppm short of where they should be, as soon as they rise."""
    risen = scale_tiers(tiers, caps, open_interest_fine)
    return tiers if risen == tiers else tuple(replace(tier, initial_ppm=tier.initial_ppm - 1) for tier in risen)


def part_by_part(tiers: Any, **_: Any) -> Any:
    """Initial requirements that accumulate whatever the class says."""
    return accumulate_tiers(tiers)


BUGS: dict[str, Bug] = {
    "initial rates that stay as they were": (variation, "scaled_with", lambda *_: []),
    "rules that begin without open interest": (admission, "scaled_under", lambda *_: []),
    "initial rates that never come to all": (open_interest, "scale_tiers", short_of_all),
    "a whole position at the rates of its parts": (admission, "accumulate_tiers", part_by_part),
}

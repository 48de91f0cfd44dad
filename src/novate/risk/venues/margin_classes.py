"""A venue's rules as margin classes that a house adopts, one for every underlying that they name.

A house works in integers, and its rates are whole parts per million. A rate that is none, such as a leverage of 3 or of
75, is rounded up to the next: never less is asked for than by the venue, and at most a part per million of the notional
more. All other figures are taken as they are.
"""

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any, Final

from novate.risk.venues import brackets, open_interest

MILLION: Final = 1_000_000

Classes = dict[str, dict[str, Any]]
"""Margin classes by name, as ``ClearingHouse.adopt_rulebook`` and a tape take them."""


def of_brackets(rules: brackets.Rules) -> Classes:
    """Maintenance part by part, and initial on the whole of a position: one over the leverage of its bracket."""
    return {
        name: {
            "tiers": [
                {
                    "above": _plain(Decimal(str(each.above))),
                    "initial": _rate(1 / Fraction(str(each.leverage))),
                    "maintenance": _rate(Fraction(str(each.maintenance))),
                }
                for each in own
            ],
            "whole_initial": True,
        }
        for name, own in rules.markets.items()
    }


def of_open_interest(rules: open_interest.Rules) -> Classes:
    """One rate, of which initial rises between the caps of open interest."""
    return {name: _tier_of_open_interest(rules.tiers[tier]) for name, tier in rules.markets.items()}


def _tier_of_open_interest(tier: open_interest.Tier) -> dict[str, Any]:
    initial = Fraction(tier.initial_ppm, MILLION)
    maintenance = initial * Fraction(tier.maintenance_fraction_ppm, MILLION)
    own: dict[str, Any] = {"tiers": [{"above": 0, "initial": _rate(initial), "maintenance": _rate(maintenance)}]}
    if tier.upper_cap_micro:
        caps = {"lower": tier.lower_cap_micro, "upper": tier.upper_cap_micro}
        own["open_interest"] = {end: _plain(Decimal(micro).scaleb(-6)) for end, micro in caps.items()}
    return own


def _rate(rate: Fraction) -> str:
    """A rate as a percentage, rounded up to a part per million."""
    return f"{_plain(Decimal(ceil(rate * MILLION)).scaleb(-4))}%"


def _plain(figure: Decimal) -> str:
    return f"{figure.normalize():f}"

"""dYdX's margin, exact in integers: initial margin grows with everyone's open interest, maintenance never does.

Money is in micro-units, rates in parts per million. Maintenance is the rounded-up maintenance fraction of what the base
rate asks for, itself rounded up; the initial rate goes in a straight line from the base at the lower cap of open
interest to all of the notional at the upper cap, cut off to a part per million.
"""

from fractions import Fraction
from typing import Annotated, Final

from msgspec import Meta, Struct

from novate.risk.errors import RiskError
from novate.risk.venues.book import Book, only_perpetuals
from novate.risk.venues.requirement import Part, Risk, largest, market, weighed

MILLION: Final = 1_000_000

Ppm = Annotated[int, Meta(ge=0, le=MILLION)]
Micro = Annotated[int, Meta(ge=0)]


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A liquidity tier; caps in micro-units, both 0 where open interest does not matter."""

    initial_ppm: Ppm
    maintenance_fraction_ppm: Ppm
    lower_cap_micro: Micro = 0
    upper_cap_micro: Micro = 0


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters: tiers, and the tier of every underlying."""

    tiers: dict[str, Tier]
    markets: dict[str, str]
    collateral: dict[str, float] = {}

    def __post_init__(self) -> None:
        for name, tier in self.markets.items():
            if tier not in self.tiers:
                raise RiskError(f"markets.{name}: tier {tier!r} is unknown: name one of {', '.join(self.tiers)}")


def requirement(book: Book, rules: Rules) -> Risk:
    """What tiers ask for, contract by contract; the sums of integers, in units of money."""
    parts: list[Part] = []
    for name in book.held():
        tier = rules.tiers[market(rules.markets, name)]
        positions = only_perpetuals(book, name)
        signed = sum((Fraction(str(each.amount)) * Fraction(str(each.price)) for each in positions), Fraction())
        notional = micro(abs(signed))
        interest = book.underlyings[name].open_interest
        if interest is None and tier.upper_cap_micro:
            raise RiskError(f"$.underlyings.{name}.open_interest: missing: these rules scale initial margin with it")
        interest_micro = micro(Fraction(str(interest or 0)))
        parts.append(
            Part(
                f"{positions[0].symbol}: {initial_ppm(tier, interest_micro) / 10_000:g} % of notional initially",
                initial_micro(tier, notional, interest_micro) / MILLION,
                maintenance_micro(tier, notional) / MILLION,
            )
        )
    return Risk(
        parts=tuple(parts),
        option_value=0.0,
        measured_from_value=True,
        collateral=weighed(book.collateral, rules.collateral),
        contributors=largest([(part.what.partition(":")[0], part.initial) for part in parts]),
    )


def initial_ppm(tier: Tier, open_interest_micro: int) -> int:
    """The rate of initial margin at an open interest, in parts per million."""
    lower, upper = tier.lower_cap_micro, tier.upper_cap_micro
    if upper == 0 or open_interest_micro <= lower:
        return tier.initial_ppm
    if open_interest_micro >= upper:
        return max(tier.initial_ppm, MILLION)
    return tier.initial_ppm + (MILLION - tier.initial_ppm) * (open_interest_micro - lower) // (upper - lower)


def initial_micro(tier: Tier, notional_micro: int, open_interest_micro: int) -> int:
    """Initial margin of a notional, rounded up."""
    return ceiling(notional_micro * initial_ppm(tier, open_interest_micro))


def maintenance_micro(tier: Tier, notional_micro: int) -> int:
    """Maintenance margin of a notional, rounded up twice."""
    return ceiling(ceiling(notional_micro * tier.initial_ppm) * tier.maintenance_fraction_ppm)


def ceiling(millionths: int) -> int:
    """Millionths as whole ones, rounded up."""
    return -(-millionths // MILLION)


def micro(money: Fraction) -> int:
    """Money in micro-units, cut off."""
    return int(money * MILLION)

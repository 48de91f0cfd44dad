"""Initial rates at a venue rise with what all hold of a contract: how far they are, and when they move."""

from collections.abc import Iterable
from fractions import Fraction

from msgspec.structs import replace

from novate.core.supervision import InitialScaled
from novate.core.terms import Rulebook, Tier
from novate.sim.auditor.house import House
from novate.sim.auditor.rounding import PPM, down, part_up

INITIAL = ("initial_ppm", "initial_least_ppm")


def risen(rules: Rulebook, name: str, open_fine: int) -> tuple[Tier, ...]:
    """The tiers of a class where so much is open: what an initial rate lacks of all is taken off by the share of the
    way that open interest has gone, cut off to a ppm."""
    tiers = rules.margin_classes[name]
    if name not in rules.open_interest:
        return tiers
    lower, upper = rules.open_interest[name].lower_fine, rules.open_interest[name].upper_fine
    share = Fraction(min(max(open_fine, lower), upper) - lower, upper - lower)
    return tuple(
        replace(tier, **{rate: down(getattr(tier, rate) * (1 - share) + PPM * share) for rate in INITIAL})
        for tier in tiers
    )


def initial_tiers(house: House, contract: int) -> tuple[Tier, ...]:
    """A contract's tiers as they stand."""
    name = house.instruments[contract].terms.margin_class
    return risen(house.rules, name, house.open_fine.get(contract, 0))


def on_all(size: int, tiers: tuple[Tier, ...], rate: str) -> int:
    """A rate on the whole of a size: that of the highest tier whose floor it passes; up to the floor and above it are
    rounded on their own."""
    passed = [tier for tier in tiers if size > tier.floor_fine]
    if not passed:
        return 0
    own = getattr(passed[-1], rate)
    return part_up(passed[-1].floor_fine, own) + part_up(size - passed[-1].floor_fine, own)


def open_lots(house: House, contract: int) -> int:
    """What all that are long hold together."""
    held = [bucket.positions[contract].lots for bucket in house.buckets.values() if contract in bucket.positions]
    return sum(lots for lots in held if lots > 0)


def moved(house: House, rules: Rulebook, lots_worth: Iterable[tuple[int, int]], *, anew: bool) -> list[InitialScaled]:
    """Contracts, each with the size of one lot, whose rates do not stand where their open interest has them."""
    facts: list[InitialScaled] = []
    for contract, reference in lots_worth:
        name = house.instruments[contract].terms.margin_class
        if name not in rules.open_interest:
            continue
        worth = min(open_lots(house, contract) * reference, rules.open_interest[name].upper_fine)
        before = 0 if anew else house.open_fine.get(contract, 0)
        if risen(rules, name, worth) != risen(rules, name, before):
            facts.append(InitialScaled(contract, worth))
    return facts


def with_marks(house: House, marked: Iterable[tuple[int, int]]) -> list[InitialScaled]:
    """What marks move: contracts, each with the size of one lot."""
    return moved(house, house.rules_in_force, marked, anew=False) if house.rules_in_force else []


def with_rules(house: House, rules: Rulebook) -> list[InitialScaled]:
    """What rules begin with, at the marks as they stand."""
    live = [(at, of.reference_fine) for at, of in enumerate(house.instruments) if of.state == "live"]
    return moved(house, rules, live, anew=True)


def apply_scaled(house: House, fact: InitialScaled) -> None:
    """The rates stand by this much from now."""
    house.open_fine = {**house.open_fine, fact.contract: fact.open_interest_fine}

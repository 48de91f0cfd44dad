"""The levels of equity: the trigger of a call and its target, the level that restricts and the one that releases.

Each is a rate of what the bucket itself must hold, rounded up.
"""

from collections.abc import Iterable

from novate.core.facts import Fact
from novate.core.supervision import AccountReleased, AccountRestricted
from novate.sim.auditor.house import House
from novate.sim.auditor.rounding import part_up
from novate.sim.auditor.worth import Verdict, judge


def trigger(house: House, verdict: Verdict) -> int:
    """Below it a bucket is called."""
    return part_up(verdict.initial, house.rules.call_trigger_ppm)


def target(house: House, verdict: Verdict) -> int:
    """What a call brings it back to."""
    return part_up(verdict.initial, house.rules.call_target_ppm)


def restriction(house: House, verdict: Verdict) -> int:
    """Below it a bucket may only reduce; 0 where the rules have no such level."""
    return part_up(verdict.maintenance, house.rules.reduce_only_ppm)


def release(house: House, verdict: Verdict) -> int:
    """At it a restriction ends, and a liquidation."""
    return part_up(verdict.initial, house.rules.release_ppm)


def restricted(house: House, index: int, verdict: Verdict) -> list[Fact]:
    """A bucket that may do everything, below the level, may only reduce from now."""
    if house.buckets[index].access != "open" or verdict.equity >= restriction(house, verdict):
        return []
    return [AccountRestricted(index, verdict.equity, verdict.maintenance)]


def released(house: House, among: Iterable[int]) -> list[Fact]:
    """Who may do everything again: at the release level, and not below the one that restricts."""
    facts: list[Fact] = []
    for index in sorted(set(among)):
        if house.buckets[index].access == "restricted":
            verdict = judge(house, house.buckets[index])
            if verdict.equity >= max(release(house, verdict), restriction(house, verdict)):
                facts.append(AccountReleased(index))
    return facts


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_restricted(house: House, fact: AccountRestricted) -> None:
    """It may only reduce."""
    house.buckets[fact.bucket].let("restricted")


def apply_released(house: House, fact: AccountReleased) -> None:
    """It may do everything."""
    house.buckets[fact.bucket].let("open")

"""Rules that change liquidate nobody: who is relieved of what they took, who is not any more, and what that spares.

A relief has two parts. What new rules took from equity is an amount that is put back. What they added to maintenance is
a fraction, so that it grows and shrinks with what the bucket holds.
"""

from collections.abc import Callable
from copy import copy
from fractions import Fraction

from novate.core.facts import Fact, RulebookAdopted
from novate.core.supervision import MaintenanceRelieved, ReliefEnded
from novate.core.terms import RiskSheet
from novate.sim.auditor.admission import apply_rulebook_adopted
from novate.sim.auditor.house import House, Relief
from novate.sim.auditor.rounding import up
from novate.sim.auditor.worth import Verdict, judge

INTEGER_LARGEST = 2**63 - 1


def distance(house: House, index: int, verdict: Verdict) -> int:
    """What a bucket may still lose before a venue liquidates it; it is in breach below zero."""
    relief = house.reliefs.get(index, Relief())
    return verdict.equity + relief.credit - up(verdict.maintenance * relief.part)


def is_sound(verdict: Verdict) -> bool:
    """Whether a bucket has all that the rules ask for, and is in no need of a relief."""
    return verdict.equity >= verdict.initial and verdict.equity >= verdict.maintenance


# ---- changes of rules -----------------------------------------------------------------------------------------------


def after_rules(house: House, fact: RulebookAdopted) -> list[Fact]:
    """What a rulebook does to reliefs."""

    def change(draft: House) -> None:
        draft.monies, draft.scheduled = [copy(money) for money in house.monies], dict(house.scheduled)
        apply_rulebook_adopted(draft, fact)

    return after(house, change) if house.rules_in_force is not None else []


def after_sheet(house: House, sheet: RiskSheet) -> list[Fact]:
    """What a risk sheet does to reliefs."""
    return after(house, lambda draft: setattr(draft, "sheet_in_force", sheet))


def after(house: House, change: Callable[[House], None]) -> list[Fact]:
    """What a change of rules does to reliefs, each bucket looked at before and after it."""
    draft = copy(house)
    change(draft)
    facts: list[Fact] = []
    for index, bucket in house.purses.items():
        before, now = judge(house, bucket), judge(draft, bucket)
        same = (before.equity, before.maintenance) == (now.equity, now.maintenance)
        ends = not draft.is_venue or not bucket.may_be_called or is_sound(now)
        if index in house.reliefs and same and not ends:
            continue
        given = None if ends else given_back(house, index, before, now)
        if given:
            facts.append(given)
        elif index in house.reliefs:
            facts.append(ReliefEnded(index))
    return facts


def given_back(house: House, index: int, before: Verdict, now: Verdict) -> MaintenanceRelieved | None:
    """The relief that leaves a bucket as far from liquidation as it was, or at it; None where it needs none for that.

    What was taken from equity is a credit, and so is what no fraction of maintenance could give back.
    """
    lacks = max(distance(house, index, before), 0) + now.maintenance - now.equity
    if lacks <= 0:
        return None
    lost = before.equity + house.reliefs.get(index, Relief()).credit - now.equity
    credit = max(min(lost, lacks), 0, lacks - now.maintenance)
    if now.maintenance == 0:
        return MaintenanceRelieved(index, min(credit, INTEGER_LARGEST), 1, 1)
    kept = now.maintenance - (lacks - credit)
    return MaintenanceRelieved(index, min(credit, INTEGER_LARGEST), kept, now.maintenance)


def over(house: House) -> list[ReliefEnded]:
    """Whoever is sound is relieved no longer, whatever made it so."""
    return [ReliefEnded(index) for index in sorted(house.reliefs) if is_sound(judge(house, house.buckets[index]))]


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_relieved(house: House, fact: MaintenanceRelieved) -> None:
    """Of maintenance a part counts from now, and something is added to equity."""
    house.reliefs[fact.bucket] = Relief(fact.credit_fine, Fraction(fact.kept_fine, fact.asked_fine))


def apply_ended(house: House, fact: ReliefEnded) -> None:
    """All counts again, and nothing is added."""
    del house.reliefs[fact.bucket]

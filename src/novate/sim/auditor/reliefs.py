"""Rules that change liquidate nobody: who is relieved of what they took, who is not any more, and what that spares.

A relief has two parts. Of what equity leaves out a fraction is put back, and of maintenance a fraction is asked for, so
that both grow and shrink with what the bucket holds.
"""

from collections.abc import Callable
from copy import copy
from fractions import Fraction

from msgspec.structs import replace

from novate.core.facts import Fact, RulebookAdopted
from novate.core.sheet_terms import RiskSheet
from novate.core.supervision import InitialScaled, MaintenanceRelieved, ReliefEnded
from novate.sim.auditor.admission import apply_rate, apply_rulebook_adopted, rates_of
from novate.sim.auditor.house import House, Relief
from novate.sim.auditor.rounding import PPM, down, up
from novate.sim.auditor.scaling import apply_scaled
from novate.sim.auditor.worth import Verdict, judge

INTEGER_LARGEST = 2**63 - 1


def distance(house: House, index: int, verdict: Verdict) -> int:
    """What a bucket may still lose before a venue liquidates it; it is in breach below zero."""
    relief = house.reliefs.get(index, Relief())
    return verdict.equity + credited(house, index, verdict.equity) - up(verdict.maintenance * relief.part)


def credited(house: House, index: int, equity: int) -> int:
    """What a relief adds to equity now: the same part of what equity leaves out as at the change of rules."""
    relief = house.reliefs.get(index, Relief())
    if not 0 < relief.credit <= relief.of:
        return relief.credit
    return down(Fraction(relief.credit, relief.of) * (worth_in_full(house, index) - equity))


def worth_in_full(house: House, index: int) -> int:
    """What a bucket would have by rules that count all that it has: at prices, every gain, every option, no cap."""
    full, rules = copy(house), house.rules
    everything = dict.fromkeys((money.terms.symbol for money in house.monies), 0)
    full.rules_in_force = replace(rules, collateral=everything, collateral_caps={}, gains_ppm=PPM, long_option_ppm=PPM)
    full.monies = [copy(money) for money in house.monies]
    for asset, money in enumerate(full.monies):
        if money.price_fine and not house.numeraire(asset):
            apply_rate(full, rates_of(money, asset, full.rules_in_force, money.price_fine))
    bucket = house.buckets[index].copy()
    bucket.portfolio = False
    return judge(full, bucket).equity


def is_sound(verdict: Verdict) -> bool:
    """Whether a bucket has all that the rules ask for, and is in no need of a relief."""
    return verdict.equity >= verdict.initial and verdict.equity >= verdict.maintenance


# ---- changes of rules -----------------------------------------------------------------------------------------------


def after_rules(house: House, fact: RulebookAdopted, scaled: list[InitialScaled]) -> list[Fact]:
    """What a rulebook does to reliefs, with the initial rates that it begins with."""

    def change(draft: House) -> None:
        draft.monies, draft.scheduled = [copy(money) for money in house.monies], dict(house.scheduled)
        apply_rulebook_adopted(draft, fact)
        for each in scaled:
            apply_scaled(draft, each)

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
    lost = before.equity + credited(house, index, before.equity) - now.equity
    left_out = worth_in_full(house, index) - now.equity
    credit = max(min(lost, lacks), 0, lacks - now.maintenance)
    if now.maintenance == 0:
        return MaintenanceRelieved(index, min(credit, INTEGER_LARGEST), left_out, 1, 1)
    kept = now.maintenance - (lacks - credit)
    return MaintenanceRelieved(index, min(credit, INTEGER_LARGEST), left_out, kept, now.maintenance)


def over(house: House) -> list[ReliefEnded]:
    """Whoever is sound is relieved no longer, whatever made it so."""
    return [ReliefEnded(index) for index in sorted(house.reliefs) if is_sound(judge(house, house.buckets[index]))]


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_relieved(house: House, fact: MaintenanceRelieved) -> None:
    """Of maintenance a part counts from now, and a part of what equity leaves out."""
    part = Fraction(fact.kept_fine, fact.asked_fine)
    house.reliefs[fact.bucket] = Relief(fact.credit_fine, fact.uncounted_fine, part)


def apply_ended(house: House, fact: ReliefEnded) -> None:
    """All counts again, and nothing is added."""
    del house.reliefs[fact.bucket]

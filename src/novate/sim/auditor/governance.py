"""Rules that are to come: on the schedule, off it, in force at their time or lapsed because they do not fit.

Rulebooks and risk sheets wait together, each under its kind and name, in the order in which they were scheduled.
"""

from collections.abc import Sequence

from novate.core.commands import AdoptRulebook, CancelRiskSheet, CancelRulebook
from novate.core.facts import Fact, Rejected, RulebookAdopted
from novate.core.reasons import Reason
from novate.core.sheet_terms import RiskSheet
from novate.core.supervision import (
    RiskSheetCancelled,
    RiskSheetLapsed,
    RiskSheetTookForce,
    RulebookCancelled,
    RulebookLapsed,
    RulebookScheduled,
)
from novate.core.terms import Role, Rulebook
from novate.sim.auditor import sheets
from novate.sim.auditor.admission import adoption
from novate.sim.auditor.house import Disagreement, House, Scheduled
from novate.sim.auditor.numbering import rejected
from novate.sim.auditor.reliefs import after_rules, after_sheet
from novate.sim.auditor.scaling import with_rules
from novate.sim.auditor.trades import lots_of


def decide_adopt(house: House, command: AdoptRulebook, answer: Sequence[Fact]) -> list[Fact]:
    """At once, or on the schedule. What is wrong with rules in themselves is left to the core."""
    effective_ns = house.now_ns if command.effective_ns is None else command.effective_ns
    at_once = effective_ns == house.now_ns
    if effective_ns < house.now_ns:
        return [rejected(Reason.EFFECTIVE_TIME_PAST, "$.effective_ns")]
    if not at_once and ("rulebook", command.rulebook.name) in house.scheduled:
        return [rejected(Reason.NAME_TAKEN, "$.rulebook.name")]
    refused = [fact for fact in answer if isinstance(fact, Rejected)]
    if refused:
        return list(refused)
    if not at_once:
        return [RulebookScheduled(command.rulebook, effective_ns)]
    if misfit := does_not_fit(house, command.rulebook):
        raise Disagreement("rules", f"they are in force and do not fit: {misfit}")
    return _in_force(house, adoption(house, command.rulebook))


def decide_cancel(house: House, command: CancelRulebook | CancelRiskSheet) -> list[Fact]:
    """Off the schedule, if it is there."""
    if isinstance(command, CancelRiskSheet):
        there = ("sheet", command.name) in house.scheduled
        return [RiskSheetCancelled(command.name) if there else rejected(Reason.SHEET_NOT_SCHEDULED, "$.name")]
    if ("rulebook", command.name) not in house.scheduled:
        return [rejected(Reason.RULEBOOK_NOT_SCHEDULED, "$.name")]
    return [RulebookCancelled(command.name)]


def first_due(house: House) -> list[Fact]:
    """The first rules whose time has come, in force or lapsed; of two at one time those that were scheduled first."""
    due = [(one.effective_ns, at, one) for at, one in enumerate(house.scheduled.values())]
    due = [each for each in due if each[0] <= house.now_ns]
    if not due:
        return []
    first = min(due, key=lambda each: each[:2])[2]
    rules = first.rules
    if isinstance(rules, RiskSheet):
        if refused := sheets.refusal(house, rules, first.effective_ns):
            return [RiskSheetLapsed(rules.name, *refused, "")]
        return [RiskSheetTookForce(rules.name, sheets.digest_of(rules)), *after_sheet(house, rules)]
    if misfit := does_not_fit(house, rules):
        return [RulebookLapsed(rules.name, Reason.RULEBOOK_INVALID, f"$.rulebook.{misfit}", "")]
    return _in_force(house, adoption(house, rules, scheduled=True))


def _in_force(house: House, adopted: RulebookAdopted) -> list[Fact]:
    """Rules, where the initial rates begin that open interest moves, and what that does to reliefs."""
    scaled = with_rules(house, adopted.rulebook)
    return [adopted, *scaled, *after_rules(house, adopted, scaled)]


def does_not_fit(house: House, rules: Rulebook) -> str | None:
    """The first field of rules that does not fit what is open, if any."""
    members_own = [
        bucket
        for bucket in house.buckets.values()
        if bucket.role is Role.ISOLATED and bucket.apart and house.buckets[bucket.owner].role is Role.HOUSE
    ]
    if rules.form == "clearing_house" and members_own:
        return "form"
    if house.rules_in_force and house.rules.form != rules.form and (house.calls or house.cases):
        return "form"
    for contract, of in enumerate(house.instruments):
        held = any(lots_of(one, contract) or contract in one.orders for one in house.buckets.values())
        if held and of.terms.margin_class not in rules.margin_classes and not of.terms.collateralised:
            return f"margin_classes.{of.terms.margin_class}"
        if held and of.terms.settlement not in (rules.numeraire, *rules.collateral):
            return f"collateral.{of.terms.settlement}"
    return None


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_scheduled(house: House, fact: RulebookScheduled) -> None:
    """They wait."""
    house.scheduled["rulebook", fact.rulebook.name] = Scheduled(fact.rulebook, fact.effective_ns)


def apply_over(house: House, fact: RulebookCancelled | RulebookLapsed) -> None:
    """They are not to come any more."""
    del house.scheduled["rulebook", fact.name]

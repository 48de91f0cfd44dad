"""What follows from facts without anyone asking, in rounds: each round is decided on the house the last one left."""

from collections.abc import Sequence

from novate.core.facts import (
    Breached,
    CollateralAssigned,
    ContractExpired,
    CycleClosed,
    Deposited,
    Fact,
    FundingPublished,
    GainsCut,
    LossAbsorbed,
    MarksPublished,
    MemberDefaulted,
    OrderClosed,
    OrdersFilled,
    PositionIsolated,
    PositionRejoined,
    RulebookAdopted,
    TakenOver,
    Transferred,
)
from novate.core.rows import POSTED, RESERVED
from novate.core.terms import TRADING
from novate.sim.auditor import estates, trouble
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import unpacked
from novate.sim.auditor.trouble import Choices
from novate.sim.auditor.worth import judge

MOVED = (CycleClosed, RulebookAdopted, Transferred, MarksPublished, FundingPublished, ContractExpired)
"""After these anybody's worth or requirement may be another one, so everybody is judged."""

WAKES = (OrderClosed, MarksPublished, ContractExpired)
"""After these every liquidation without an order in the market goes on."""


def follow(house: House, facts: Sequence[Fact], choices: Choices) -> list[Fact]:
    """The facts that follow from facts already applied."""
    found: list[Fact] = []
    going_on: list[int] = []
    for fact in facts:
        match fact:
            case Breached() | TakenOver():
                going_on.append(fact.bucket)
            case MemberDefaulted():
                found.append(trouble.take_over(house, house.members[fact.member].house))
            case CycleClosed():
                closed, others = estates.after_cycle(house, idle(house), leaving(house, facts))
                found += closed
                going_on += others
            case Transferred() if fact.payer in house.cases:
                going_on.append(fact.payer)
            case Deposited():
                found += trouble.paid(house, unpacked(fact.rows, POSTED))
            case OrdersFilled() if house.rules.reserved_trades == "guaranteed":
                found += trouble.short(house, {row[3] for row in unpacked(fact.rows, RESERVED)})
            case CollateralAssigned():
                giver, taker = (fact.account, fact.bucket) if fact.amount_minor > 0 else (fact.bucket, fact.account)
                found += trouble.paid(house, [(abs(fact.amount_minor), taker, fact.asset)])
                found += trouble.eased(house, [giver])
            case PositionIsolated() | PositionRejoined():
                found += trouble.eased(house, [fact.account, fact.bucket])
            case _ if isinstance(fact, WAKES):
                going_on += idle(house)
            case _:
                pass
    found += paid_for_by_others(house, facts)
    breached = [fact.bucket for fact in found if isinstance(fact, Breached)]
    if any(isinstance(fact, MOVED) for fact in facts):
        found += trouble.short(house, house.buckets, skip=breached)
    begun = [fact.bucket for fact in found if isinstance(fact, Breached | TakenOver)]
    for estate in dict.fromkeys(going_on):
        if estate in house.cases and estate not in begun:
            found += choices.next_step(house, estate)
    return found


def idle(house: House) -> list[int]:
    """Estates in liquidation with nothing in the market."""
    return [estate for estate, case in house.cases.items() if case.order < 0]


def leaving(house: House, facts: Sequence[Fact]) -> list[int]:
    """House accounts of members that are in default since this round."""
    return [house.members[fact.member].house for fact in facts if isinstance(fact, MemberDefaulted)]


def paid_for_by_others(house: House, facts: Sequence[Fact]) -> list[Fact]:
    """A member's or client's bucket that could not pay its settlement is in breach, whatever else it holds."""
    missed: list[int] = []
    for fact in facts:
        if isinstance(fact, LossAbsorbed):
            missed.append(fact.bucket)
        elif isinstance(fact, GainsCut):
            missed += [bucket for bucket, _ in fact.unpaid]
    found: list[Fact] = []
    for index in dict.fromkeys(missed):
        bucket = house.buckets[index]
        if bucket.role in TRADING and index not in house.cases:
            verdict = judge(house, bucket)
            found.append(Breached(index, "settlement_missed", verdict.equity, verdict.maintenance))
    return found

"""After a cycle: who paid for an estate is repaid, and a liquidation account that is flat is closed."""

from novate.core.facts import Fact, LiquidationClosed, Transferred
from novate.core.terms import INSURANCE, ROUNDING, Layer
from novate.sim.auditor.cash import hand_over
from novate.sim.auditor.house import House
from novate.sim.auditor.purse import Purse
from novate.sim.auditor.rounding import shares

LAST_FIRST: tuple[Layer | None, ...] = (
    Layer.GAINS_HAIRCUT,
    Layer.TREASURY,
    Layer.SURVIVORS_FUND,
    Layer.INSURANCE,
    Layer.SKIN,
    Layer.DEFAULTER_FUND,
    None,
)
"""Repayment runs against the order of payment; the client's own member, who paid before any layer, comes last."""


def after_cycle(house: House, idle: list[int], leaving: list[int]) -> tuple[list[Fact], list[int]]:
    """``(repayments and closings, estates whose liquidation goes on now)``.

    ``idle`` estates have no order in the market; ``leaving`` ones are taken over in this moment with all they have.
    """
    purse = Purse(house)
    facts: list[Fact] = []
    going_on: list[int] = []
    for estate in idle:
        closing = _close(house, estate, purse) if house.cases[estate].account >= 0 else []
        facts += closing
        going_on += [] if closing else [estate]
    for estate in house.claims:
        case = house.cases.get(estate)
        if estate not in leaving and (case is None or case.account < 0):
            repaid = _repay(house, estate, estate, purse)
            facts += repaid
            going_on = [other for other in going_on if not (repaid and other == estate)]
    return facts, going_on


def _owed(house: House, estate: int, asset: int) -> int:
    return sum(claim.amount_minor for claim in house.claims.get(estate, []) if claim.asset == asset)


def _repay(house: House, estate: int, holder: int, purse: Purse) -> list[Fact]:
    """What the holder has, other assets sold where it lacks, goes to those who paid: the last layer first, pro rata."""
    facts: list[Fact] = []
    for asset in range(len(house.monies)):
        owed = _owed(house, estate, asset)
        if not owed:
            continue
        facts += purse.convert(holder, asset, owed - purse.held[holder, asset])
        left = min(owed, purse.held[holder, asset])
        for layer in LAST_FIRST:
            by_payee: dict[int, int] = {}
            for claim in house.claims[estate]:
                if claim.layer is layer and claim.asset == asset:
                    by_payee[claim.payee] = by_payee.get(claim.payee, 0) + claim.amount_minor
            paid = min(left, sum(by_payee.values()))
            for payee, share in zip(by_payee, shares(paid, list(by_payee.values())), strict=True) if paid > 0 else ():
                if share:
                    facts.append(Transferred("reimbursement", holder, payee, asset, share))
                    purse.move(holder, payee, asset, share)
            left -= max(0, paid)
    return facts


def _close(house: House, estate: int, purse: Purse) -> list[Fact]:
    """Close a liquidation account without positions, unless it is below zero, or owes and has what cannot be sold."""
    account = house.cases[estate].account
    if house.buckets[account].positions:
        return []
    facts = _repay(house, estate, account, purse)
    for asset in range(len(house.monies)):
        repaid = sum(fact.amount_minor for fact in facts if isinstance(fact, Transferred) and fact.asset == asset)
        if _owed(house, estate, asset) > repaid and _has_something_else(purse, account, asset):
            return facts
        if purse.held[account, asset] < 0:
            return facts
    for asset in range(len(house.monies)):
        left, carry = purse.held[account, asset], house.buckets[account].carry_fine[asset]
        if left:
            cause, payee = ("surplus_to_insurance", INSURANCE) if house.is_venue else ("estate_returned", estate)
            facts.append(Transferred(cause, account, payee, asset, left))
            purse.move(account, payee, asset, left)
        if carry:
            facts.append(Transferred("liquidation_rounding", account, ROUNDING, asset, 0, carry))
    return [*facts, LiquidationClosed(account)]


def _has_something_else(purse: Purse, account: int, asset: int) -> bool:
    """Whether it holds another asset that is worth a unit of this one, or that has no price now."""
    for other in range(len(purse.house.monies)):
        held = purse.held[account, other]
        if other != asset and held > 0:
            rate = purse.rate(other, asset)
            if rate is None or held * rate >= 1:
                return True
    return False


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_transferred(house: House, fact: Transferred) -> None:
    """Money moves; a reimbursement takes it off the claims of its payee, the latest first.

    A shortfall was agreed when it was assigned.
    """
    if fact.cause == "shortfall":
        house.buckets[fact.payer].balance_minor[fact.asset] -= fact.amount_minor
        house.buckets[fact.payee].balance_minor[fact.asset] += fact.amount_minor
        return
    hand_over(house, fact.payer, fact.payee, fact.asset, fact.amount_minor, fact.carry_fine)
    if fact.cause != "reimbursement":
        return
    estate, left = house.estate_of(fact.payer), fact.amount_minor
    for claim in reversed(house.claims[estate]):
        if claim.payee == fact.payee and claim.asset == fact.asset:
            paid = min(left, claim.amount_minor)
            claim.amount_minor -= paid
            left -= paid
    house.claims[estate] = [claim for claim in house.claims[estate] if claim.amount_minor]
    if not house.claims[estate]:
        del house.claims[estate]


def apply_liquidation_closed(house: House, fact: LiquidationClosed) -> None:
    """The case is over; what is still owed is on record, and the bucket may act for itself again."""
    estate = house.estate_of(fact.account)
    del house.cases[estate]
    for claim in house.claims.pop(estate, []):
        owed = house.receivables.setdefault(estate, {})
        owed[claim.asset] = owed.get(claim.asset, 0) + claim.amount_minor
    reopen(house, estate)


def reopen(house: House, bucket: int) -> None:
    """A bucket acts for itself again; behind a member in default it only reduces. A failed house account never does."""
    one = house.buckets[bucket]
    if one.access == "liquidating":
        one.let("reduce_only" if house.members[one.member].defaulted else "open")

"""Balances below zero: what the treasury may lend, what that costs, and how far it goes."""

from collections.abc import Sequence
from fractions import Fraction

from novate.core.commands import PublishInterest
from novate.core.facts import Fact, Settled, TakenOver
from novate.core.overdraft_facts import InterestCharged, InterestPublished, OverdraftChanged
from novate.core.reasons import Reason
from novate.core.terms import OWNED, TREASURY
from novate.sim.auditor.house import House, Overdrawn
from novate.sim.auditor.numbering import rejected
from novate.sim.auditor.purse import Purse
from novate.sim.auditor.rounding import LARGEST, PPM, up
from novate.sim.auditor.sides import pay_carry
from novate.sim.auditor.worth import exposure

YEAR_NS = 365 * 24 * 60 * 60 * 10**9

# ---- interest -------------------------------------------------------------------------------------------------------


def decide_interest(house: House, command: PublishInterest) -> list[Fact]:
    """A rate of nothing to ten times the balance a year; until now the old one is charged."""
    if not 0 <= command.asset < len(house.monies):
        return [rejected(Reason.ASSET_UNKNOWN, "$.asset")]
    if not house.monies[command.asset].eligible:
        return [rejected(Reason.ASSET_NOT_ELIGIBLE, "$.asset")]
    if not 0 <= command.rate_ppm <= 10 * PPM:
        return [rejected(Reason.INTEREST_OUT_OF_RANGE, "$.rate")]
    charged = [fact for account in house.overdrafts for fact in charge(house, account, command.asset)]
    return [*charged, InterestPublished(command.asset, command.rate_ppm)]


def before_cycle(house: House) -> list[Fact]:
    """All interest until now."""
    if house.settlement_due_ns is None or house.settlement_due_ns > house.now_ns:
        return []
    places = [(account, asset) for account, owed in house.overdrafts.items() for asset in owed]
    return [fact for account, asset in places for fact in charge(house, account, asset)]


def charge(house: House, account: int, asset: int) -> list[Fact]:
    """Simple interest since it was last charged, rounded up; out of the liquidation account where there is one.

    No more than 64 bits can hold beside the rest of the two buckets.
    """
    one = house.overdrafts[account].get(asset)
    if one is None:
        return []
    years = Fraction(house.now_ns - one.charged_ns, YEAR_NS)
    interest = up(one.amount_minor * house.monies[asset].unit * Fraction(house.interest_ppm.get(asset, 0), PPM) * years)
    case = house.cases.get(account)
    payer = case.account if case and case.account >= 0 else account
    for index in (payer, TREASURY):
        bucket = house.buckets[index]
        cash = abs(bucket.balance_minor[asset]) * house.monies[asset].unit
        interest = min(interest, LARGEST - cash - abs(bucket.carry_fine[asset]) - exposure(house, bucket, asset))
    return [InterestCharged(account, payer, asset, interest)] if interest > 0 else []


# ---- limits ---------------------------------------------------------------------------------------------------------


def allowed(house: House, account: int, asset: int) -> int:
    """How far below zero the rules let a balance be now: their amount, until their time is over."""
    rule = house.rules.overdrafts.get(house.monies[asset].terms.symbol)
    one = house.overdrafts.get(account, {}).get(asset)
    since = one.since_ns if one else house.now_ns
    return rule.amount_minor if rule and house.now_ns - since < rule.time_ns else 0


def lendable(house: House, purse: Purse, account: int, asset: int, lack: int, failing: list[int]) -> int:
    """How far below zero a cycle may take a balance, whatever the treasury has.

    Nothing for who may not owe, nor where what it has otherwise would not raise all that it lacks. Else as far as the
    rules say; where they sell by order what is beyond that, all the way.
    """
    if not may_owe(house, account, asset, failing):
        return 0
    most = lack if rather_ordered(house, asset) else allowed(house, account, asset)
    return most if lack <= purse.raisable(account, asset) else 0


def may_owe(house: House, account: int, asset: int, failing: Sequence[int] = ()) -> bool:
    """Whether an account may be below zero in an asset at all.

    Not without a published rate, nor isolated, in liquidation, paid for by others, or behind a member that fails.
    """
    bucket = house.buckets[account]
    if bucket.role not in OWNED or account in house.cases or account in house.claims:
        return False
    return asset in house.interest_ppm and not (house.members[bucket.member].defaulted or bucket.member in failing)


def rather_ordered(house: House, asset: int) -> bool:
    """Whether the rules sell collateral by order for what is below zero beyond its limit in an asset."""
    return house.rules.conversion == "orders" and house.monies[asset].terms.symbol in house.rules.overdrafts


def noted(house: House, facts: Sequence[Fact]) -> list[Fact]:
    """Balances below zero that are not on record as they are, with the interest on what was until now.

    Only a cycle takes a balance below zero, and a take-over moves one that is.
    """
    places = [(account, asset) for account, owed in house.overdrafts.items() for asset in owed]
    if any(isinstance(fact, Settled | TakenOver) for fact in facts):
        every = [(account, asset) for account in house.purses for asset in range(len(house.monies))]
        below = [(account, asset) for account, asset in every if house.buckets[account].balance_minor[asset] < 0]
        places += [place for place in below if place not in places]
    found: list[Fact] = []
    for account, asset in places:
        one = house.overdrafts.get(account, {}).get(asset)
        amount = max(0, -house.buckets[account].balance_minor[asset])
        if one is None or one.amount_minor != amount:
            found += charge(house, account, asset) if one else []
            found.append(OverdraftChanged(account, asset, amount))
    return found


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_published(house: House, fact: InterestPublished) -> None:
    """The rate from now."""
    house.interest_ppm[fact.asset] = fact.rate_ppm
    for owed in house.overdrafts.values():
        if fact.asset in owed:
            owed[fact.asset].charged_ns = house.now_ns


def apply_charged(house: House, fact: InterestCharged) -> None:
    """Out of one carry, into the treasury's."""
    pay_carry(house, fact.bucket, fact.asset, -fact.amount_fine)
    pay_carry(house, TREASURY, fact.asset, fact.amount_fine)
    house.overdrafts[fact.account][fact.asset].charged_ns = house.now_ns


def apply_changed(house: House, fact: OverdraftChanged) -> None:
    """It is so much from now; its time runs from when it first was below zero."""
    owed = house.overdrafts.setdefault(fact.account, {})
    one = owed.get(fact.asset)
    owed[fact.asset] = Overdrawn(fact.amount_minor, one.since_ns if one else house.now_ns, house.now_ns)
    if not fact.amount_minor:
        del owed[fact.asset]
    if not owed:
        del house.overdrafts[fact.account]

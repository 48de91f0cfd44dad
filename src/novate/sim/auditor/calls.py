"""Calls: who falls through a level, what payments and prices do to a call, and what a missed one is."""

from collections.abc import Iterable

from novate.core.facts import (
    Breached,
    CallMet,
    Contributor,
    Fact,
    MarginCalled,
    MemberDefaulted,
)
from novate.core.supervision import CallPaid
from novate.core.terms import Role
from novate.sim.auditor.house import Bucket, Call, House
from novate.sim.auditor.levels import released, restricted, restriction, target, trigger
from novate.sim.auditor.withdrawals import recall
from novate.sim.auditor.worth import Verdict, judge, requirement


def short(house: House, among: Iterable[int]) -> list[Fact]:
    """Who of some buckets fell below a level.

    Below the trigger it is called (clearing house), below maintenance in breach at once (venue), below the reduce-only
    level it is restricted. Its own money answers first, even what it asked to have back.
    """
    facts: list[Fact] = []
    for index in sorted(among):
        bucket = house.buckets[index]
        if not bucket.may_be_called:
            continue
        verdict = judge(house, bucket)
        bar = verdict.maintenance if house.is_venue else trigger(house, verdict)
        if verdict.equity >= max(bar, restriction(house, verdict)):
            continue
        back = recall(house, index)
        facts += back
        if back:
            continue
        if house.is_venue and verdict.equity < verdict.maintenance:
            facts.append(Breached(index, "below_maintenance", verdict.equity, verdict.maintenance))
            continue
        if not house.is_venue:
            facts += called(house, index, verdict, house.calls.get(index))
        facts += restricted(house, index, verdict) if house.rules.reduce_only_ppm else []
    return facts


def recovered(house: House) -> list[Fact]:
    """Calls that a price met, where the rules let it, and restrictions that end."""
    facts: list[Fact] = []
    for index in house.calls if house.rules.call_recovery == "at_once" else ():
        verdict = judge(house, house.buckets[index])
        facts += [CallMet(index, "price")] if verdict.equity >= target(house, verdict) else []
    return facts + released(house, house.buckets)


def called(house: House, index: int, verdict: Verdict, earlier: Call | None) -> list[Fact]:
    """A call where equity is below the trigger and the minimum more is lacking than is called already.

    It takes the place of the earlier one.
    """
    lack = target(house, verdict) - verdict.equity
    called_already = earlier.amount_fine if earlier else 0
    least = called_already + max(1, house.rules.call_minimum_fine)
    if verdict.equity >= trigger(house, verdict) or lack < least:
        return []
    due, since = house.now_ns + house.rules.call_due_ns, house.now_ns
    if earlier:
        due, since = earlier.due_ns, earlier.since_ns
    why = largest(house, house.buckets[index])
    return [MarginCalled(index, lack, due, verdict.equity, verdict.initial, why, since)]


def largest(house: House, bucket: Bucket) -> tuple[Contributor, ...]:
    """The three positions that ask for most: the why of a call."""
    parts = [
        Contributor(contract, held.lots, requirement(house, contract, held.lots)[0])
        for contract, held in bucket.positions.items()
        if held.lots
    ]
    return tuple(sorted(parts, key=lambda part: (-part.initial_fine, part.contract))[:3])


def paid(house: House, rows: Iterable[tuple[int, ...]]) -> list[Fact]:
    """What deposits ``(amount, account, asset)`` do to calls and restrictions: what they added is paid of a call."""
    facts: list[Fact] = []
    brought: dict[int, list[tuple[int, int]]] = {}
    for amount, account, asset in rows:
        brought.setdefault(account, []).append((asset, amount))
    for account, money in brought.items():
        if account not in house.calls:
            continue
        call, before = house.calls[account], house.buckets[account].copy()
        for asset, amount in money:
            before.balance_minor[asset] -= amount
        verdict = judge(house, house.buckets[account])
        added = verdict.equity - judge(house, before).equity
        left = call.amount_fine - added
        if left <= 0:
            facts += [CallMet(account, "payment"), *called(house, account, verdict, None)]
        elif verdict.equity >= target(house, verdict) and house.rules.call_recovery != "must_pay":
            facts.append(CallMet(account, "payment"))
        elif added > 0:
            rest = Call(left, call.due_ns, call.largest, call.since_ns)
            facts += [CallPaid(account, added, left), *called(house, account, verdict, rest)]
    return facts + released(house, brought)


def eased(house: House, accounts: Iterable[int]) -> list[Fact]:
    """Calls and restrictions that end because positions or money moved between buckets."""
    moved, facts = sorted(set(accounts)), []
    for account in moved:
        verdict = judge(house, house.buckets[account])
        enough = verdict.equity >= target(house, verdict) and house.rules.call_recovery != "must_pay"
        facts += [CallMet(account, "payment")] if account in house.calls and enough else []
    return facts + released(house, moved)


def calls_due(house: House) -> list[Fact]:
    """Calls whose time is over: met by the price meanwhile, or missed; a house account's miss is a default."""
    facts: list[Fact] = []
    for index in sorted(house.calls):
        if house.calls[index].due_ns > house.now_ns:
            continue
        bucket = house.buckets[index]
        verdict = judge(house, bucket)
        if verdict.equity >= target(house, verdict) and house.rules.call_recovery != "must_pay":
            facts.append(CallMet(index, "price"))
        elif bucket.role is Role.HOUSE:
            facts.append(MemberDefaulted(bucket.member, "call_missed"))
        else:
            facts.append(Breached(index, "call_missed", verdict.equity, verdict.maintenance))
    return facts


def apply_margin_called(house: House, fact: MarginCalled) -> None:
    """A call is open."""
    house.calls[fact.bucket] = Call(fact.amount_fine, fact.due_ns, fact.largest, fact.since_ns)


def apply_call_paid(house: House, fact: CallPaid) -> None:
    """Less of a call is open."""
    house.calls[fact.bucket].amount_fine = fact.open_fine


def apply_call_met(house: House, fact: CallMet) -> None:
    """A call is closed."""
    del house.calls[fact.bucket]

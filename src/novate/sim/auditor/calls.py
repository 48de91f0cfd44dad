"""Calls: who falls through a level, what payments and prices do to a call, and what a missed one is."""

from collections.abc import Iterable
from fractions import Fraction

from novate.core.facts import (
    Breached,
    CallMet,
    Contributor,
    Fact,
    MarginCalled,
    MemberDefaulted,
)
from novate.core.money_facts import CollateralTransferred
from novate.core.rows import MOVED
from novate.core.supervision import CallPaid
from novate.core.terms import Role
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.cash import may_leave
from novate.sim.auditor.house import Call, House
from novate.sim.auditor.levels import released, restricted, restriction, target, trigger
from novate.sim.auditor.numbering import FINE, packed
from novate.sim.auditor.reliefs import distance
from novate.sim.auditor.rounding import LARGEST, up
from novate.sim.auditor.scenarios import lost_by, worst_scenarios
from novate.sim.auditor.withdrawals import recall
from novate.sim.auditor.worth import Verdict, judge, requirement, weight


def short(house: House, among: Iterable[int]) -> list[Fact]:
    """Who of some buckets fell below a level.

    Below the trigger it is called (clearing house), below maintenance in breach at once (venue), below the reduce-only
    level it is restricted. Its own money answers first, even what it asked to have back.
    """
    facts: list[Fact] = []
    for index in sorted({house.purse_of(index) for index in among}):
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
        if house.is_venue and distance(house, index, verdict) < 0:
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
    return facts + released(house, house.purses)


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
    bucket = house.buckets[index]
    worst = worst_scenarios(house, bucket) if bucket.portfolio else ()
    asks = lost_by(house, bucket, worst[0]) if worst else None
    return [MarginCalled(index, lack, due, verdict.equity, verdict.initial, largest(house, bucket, asks), since, worst)]


def largest(house: House, bucket: Bucket, asks: dict[int, int] | None) -> tuple[Contributor, ...]:
    """The three positions that ask for most, in tiers unless it is said what each asks: the why of a call."""
    parts = [
        Contributor(of, held.lots, requirement(house, of, held.lots)[0] if asks is None else asks[of])
        for one in bucket.together
        for of, held in sorted(one.positions.items(), key=lambda held: held[0])
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
    """Calls whose time is over: met by the price meanwhile, or missed.

    A house account's miss is a default. A client's is paid by its member where the rules say so, one client after the
    other; of a member that cannot, no more is said. Else the client's bucket is in breach.
    """
    facts: list[Fact] = []
    drafts, failed = house.drafts(), [at for at, member in enumerate(house.members) if member.defaulted]
    in_default = list(failed)
    for index in sorted(house.calls):
        if house.calls[index].due_ns > house.now_ns:
            continue
        bucket = house.buckets[index]
        verdict = judge(house, bucket)
        if verdict.equity >= target(house, verdict) and house.rules.call_recovery != "must_pay":
            facts.append(CallMet(index, "price"))
        elif bucket.role is Role.HOUSE:
            facts += [MemberDefaulted(bucket.member, "call_missed")] if bucket.member not in failed else []
            failed.append(bucket.member)
        elif house.rules.missed_client_calls == "liquidate" or bucket.member in in_default:
            facts.append(Breached(index, "call_missed", verdict.equity, verdict.maintenance))
        elif bucket.member not in failed:
            facts.append(_paid_by_member(house, drafts, index, verdict))
            failed += [bucket.member] if isinstance(facts[-1], MemberDefaulted) else []
    return facts


def _paid_by_member(house: House, drafts: dict[int, Bucket], index: int, verdict: Verdict) -> Fact:
    """What a client lacks, in whole units of the numeraire, out of what is free of its member's; or the consequence.

    Where the price does not pay calls, it is the call that is paid. Where no more of the numeraire counts, the money
    would not help, and the client is in breach. ``drafts`` have what the member has paid for others.
    """
    asset = next(at for at in range(len(house.monies)) if house.numeraire(at))
    lack = target(house, verdict) - verdict.equity
    if house.rules.call_recovery == "must_pay":
        lack = max(lack, house.calls[index].amount_fine)
    amount = up(Fraction(lack, house.monies[asset].unit))
    richer = house.buckets[index].copy()
    richer.balance_minor[asset] += amount
    if judge(house, richer).equity - verdict.equity < lack:
        return Breached(index, "call_missed", verdict.equity, verdict.maintenance)
    member = house.buckets[index].member
    payer = house.members[member].house
    free = may_leave(house, drafts[payer], payer, asset, amount) == FINE
    if not free or weight(house, richer, asset) > LARGEST:
        return MemberDefaulted(member, "client_call_missed")
    drafts[payer].balance_minor[asset] -= amount
    return CollateralTransferred(packed([(amount, payer, index, asset, 0)], MOVED))


def apply_margin_called(house: House, fact: MarginCalled) -> None:
    """A call is open."""
    house.calls[fact.bucket] = Call(fact.amount_fine, fact.due_ns, fact.largest, fact.since_ns)


def apply_call_paid(house: House, fact: CallPaid) -> None:
    """Less of a call is open."""
    house.calls[fact.bucket].amount_fine = fact.open_fine


def apply_call_met(house: House, fact: CallMet) -> None:
    """A call is closed."""
    del house.calls[fact.bucket]

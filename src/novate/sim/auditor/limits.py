"""What the operator sets: limits on what groups hold together in a contract, and whether a contract trades."""

from collections.abc import Iterable, Mapping

import msgspec

from novate.core.commands import HaltContract, RemoveLimit, ResumeContract, SetLimit
from novate.core.facts import Fact, OrderClosed
from novate.core.reasons import Reason
from novate.core.supervision import LimitRemoved, LimitSet, TradingHalted, TradingResumed
from novate.core.terms import OWNED, Kind, Limit
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import Refused, demand, rejected
from novate.sim.auditor.rounding import VALUE_LARGEST

CAUSE_LONGEST = 200

# ---- limits ---------------------------------------------------------------------------------------------------------


def decide_set(house: House, command: SetLimit) -> list[Fact]:
    """A limit of a group that exists takes the place of the one with its name."""
    members, accounts = (tuple(sorted({*one})) for one in (command.limit.members, command.limit.accounts))
    limit = msgspec.structs.replace(command.limit, members=members, accounts=accounts)
    try:
        _check(house, limit)
    except Refused as refused:
        return [rejected(refused.reason, refused.path)]
    return [LimitSet(_number_of(house, limit.name, house.next_limit), limit)]


def _check(house: House, limit: Limit) -> None:
    demand(bool(limit.name) and limit.name == limit.name.strip(), Reason.NAME_EMPTY, "$.limit.name")
    path = "$.limit.contract"
    demand(0 <= limit.contract < len(house.instruments), Reason.CONTRACT_UNKNOWN, path)
    demand(house.instruments[limit.contract].terms.kind is not Kind.INDEX, Reason.CONTRACT_NOT_TRADABLE, path)
    demand(0 <= limit.lots <= VALUE_LARGEST, Reason.LIMIT_INVALID, "$.limit.lots")
    for at, member in enumerate(limit.members):
        demand(0 <= member < len(house.members), Reason.MEMBER_UNKNOWN, f"$.limit.members[{at}]")
    for at, account in enumerate(limit.accounts):
        demand(account in house.buckets, Reason.ACCOUNT_UNKNOWN, f"$.limit.accounts[{at}]")
        tradable = house.buckets[account].role in OWNED
        demand(tradable, Reason.ACCOUNT_NOT_TRADABLE, f"$.limit.accounts[{at}]")
    if limit.everyone:
        demand(limit.measure != "net", Reason.LIMIT_INVALID, "$.limit.measure")
        others = [one for one in house.limits.values() if one.everyone and one.contract == limit.contract]
        demand(all(one.name == limit.name for one in others), Reason.LIMIT_INVALID, "$.limit.name")


def decide_remove(house: House, command: RemoveLimit) -> list[Fact]:
    """By its name."""
    number = _number_of(house, command.name, -1)
    return [LimitRemoved(number, command.name)] if number >= 0 else [rejected(Reason.LIMIT_UNKNOWN, "$.name")]


def _number_of(house: House, name: str, otherwise: int) -> int:
    return next((number for number, limit in house.limits.items() if limit.name == name), otherwise)


def passed(house: House, buckets: Mapping[int, Bucket], contract: int, legs: Mapping[int, int]) -> tuple[Reason, int]:
    """The first limit that legs (lots by bucket) take a group past or further past: ``(reason, its number)``.

    Open interest is asked first, then limits by number. Nothing is kept as it goes along: what a group holds is summed.
    """
    own = [(number, limit) for number, limit in house.limits.items() if limit.contract == contract]
    for number, limit in sorted(own, key=lambda one: (not one[1].everyone, one[0])):
        before = _held(buckets, _group(house, limit), contract, {})
        after = _held(buckets, _group(house, limit), contract, legs)
        if _exceeds(limit, before, after):
            reason = Reason.OPEN_INTEREST_LIMIT_EXCEEDED if limit.everyone else Reason.GROUP_LIMIT_EXCEEDED
            return reason, number
    return Reason.ACCEPTED, 0


def _exceeds(limit: Limit, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Past the limit on one side, and further than before; a net position has two sides too."""
    if limit.measure == "net":
        before, after = ((each[0] - each[1], each[1] - each[0]) for each in (before, after))
    return any(new > max(limit.lots, old) for old, new in zip(before, after, strict=True))


def _group(house: House, limit: Limit) -> set[int]:
    """The buckets that a limit counts."""
    return {
        index
        for index, bucket in house.buckets.items()
        if limit.everyone
        or house.owner_of(house.purse_of(index)) in limit.accounts
        or (bucket.member >= 0 and bucket.member in limit.members)
    }


def _held(
    buckets: Mapping[int, Bucket], group: Iterable[int], contract: int, legs: Mapping[int, int]
) -> tuple[int, int]:
    """``(long, short)`` lots of a group, with legs added."""
    every = []
    for index in group:
        held = buckets[index].positions.get(contract)
        every.append((held.lots if held else 0) + legs.get(index, 0))
    return sum(lots for lots in every if lots > 0), -sum(lots for lots in every if lots < 0)


def may_join(house: House, account: int, member: int) -> bool:
    """Whether an account with all that it holds keeps the limits of a member's groups, were it the member's."""
    own = {*house.buckets_of(account)}
    for limit in house.limits.values():
        group = _group(house, limit)
        if member in limit.members and account not in group:
            before = _held(house.buckets, group, limit.contract, {})
            if _exceeds(limit, before, _held(house.buckets, group | own, limit.contract, {})):
                return False
    return True


# ---- halts ----------------------------------------------------------------------------------------------------------


def decide_halt(house: House, command: HaltContract) -> list[Fact]:
    """Trading stops, and the house's own orders leave the market."""
    wrong = _wrong_with(house, command.contract)
    if wrong is None and command.contract in house.halts:
        wrong = rejected(Reason.CONTRACT_HALTED, "$.contract")
    if wrong is None and not 0 < len(command.cause.strip()) <= len(command.cause) <= CAUSE_LONGEST:
        wrong = rejected(Reason.NAME_EMPTY, "$.cause")
    if wrong:
        return [wrong]
    closed = [number for number, order in house.orders.items() if order.contract == command.contract]
    return [TradingHalted(command.contract, command.cause), *(OrderClosed(number, "halted") for number in closed)]


def decide_resume(house: House, command: ResumeContract) -> list[Fact]:
    """Trading goes on."""
    wrong = _wrong_with(house, command.contract)
    if wrong is None and command.contract not in house.halts:
        wrong = rejected(Reason.CONTRACT_NOT_HALTED, "$.contract")
    return [wrong or TradingResumed(command.contract)]


def _wrong_with(house: House, contract: int) -> Fact | None:
    if not 0 <= contract < len(house.instruments):
        return rejected(Reason.CONTRACT_UNKNOWN, "$.contract")
    of = house.instruments[contract]
    if of.terms.kind is Kind.INDEX:
        return rejected(Reason.CONTRACT_NOT_TRADABLE, "$.contract")
    return rejected(Reason.CONTRACT_EXPIRED, "$.contract") if of.state == "expired" else None


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_limit_set(house: House, fact: LimitSet) -> None:
    """It holds."""
    house.limits[fact.number] = fact.limit
    house.next_limit = max(house.next_limit, fact.number + 1)


def apply_limit_removed(house: House, fact: LimitRemoved) -> None:
    """It does not."""
    del house.limits[fact.number]


def apply_halted(house: House, fact: TradingHalted) -> None:
    """No trades from now."""
    house.halts[fact.contract] = fact.cause, house.now_ns


def apply_resumed(house: House, fact: TradingResumed) -> None:
    """Trades again."""
    del house.halts[fact.contract]

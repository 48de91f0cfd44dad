"""Positions that change accounts or cancel each other at the last mark, and clients that change members."""

from novate.core.facts import Breached, Fact
from novate.core.lifecycle_commands import AnswerPorting, CompressPositions, PortAccount, TransferPosition
from novate.core.lifecycle_facts import (
    AccountPorted,
    Leg,
    PortingDeclined,
    PortingEnded,
    PortingOpened,
    PortingProposed,
    PositionsCompressed,
    PositionTransferred,
)
from novate.core.reasons import Reason
from novate.core.terms import CLIENTS, Role
from novate.sim.auditor.house import House
from novate.sim.auditor.limits import may_join
from novate.sim.auditor.numbering import demand
from novate.sim.auditor.sides import book_leg, both, bucket_for, free, margined, named, shared, tradable, two
from novate.sim.auditor.trades import lots_of
from novate.sim.auditor.worth import judge

# ---- positions ------------------------------------------------------------------------------------------------------


def decide_transfer(house: House, command: TransferPosition) -> list[Fact]:
    """For a cause that the rules know; the giver keeps the result so far."""
    demand(command.cause in house.rules.transfer_causes, Reason.RULEBOOK_FORBIDS, "$.cause")
    contract = command.contract
    tradable(house, contract, "$.contract")
    giver, receiver = two(house, command.giver, command.receiver, contract, ("$.giver", "$.receiver"))
    demand(command.lots > 0, Reason.QUANTITY_MUST_BE_POSITIVE, "$.lots")
    held, value = lots_of(house.buckets[giver], contract), house.instruments[contract].value_fine
    demand(command.lots <= abs(held), Reason.LOTS_EXCEEDED, "$.lots")
    lots = command.lots if held > 0 else -command.lots
    both(house, giver, receiver, contract, lots, value, ("$.giver", "$.receiver"))
    shared(house, contract, {receiver: lots, giver: -lots}, "$.receiver")
    return [PositionTransferred(giver, receiver, contract, lots, lots * value, command.cause)]


def decide_compress(house: House, command: CompressPositions) -> list[Fact]:
    """Longs and shorts that cancel, each of an account that has them."""
    contract = command.contract
    tradable(house, contract, "$.contract")
    balanced = bool(command.legs) and sum(leg.lots for leg in command.legs) == 0
    demand(balanced, Reason.COMPRESSION_UNBALANCED, "$.legs")
    value, legs, seen = house.instruments[contract].value_fine, [], []
    for at, leg in enumerate(command.legs):
        path = f"$.legs[{at}]"
        bucket = bucket_for(house, leg.account, contract, f"{path}.account")
        demand(leg.account not in seen, Reason.ACCOUNTS_MUST_DIFFER, f"{path}.account")
        held = lots_of(house.buckets[bucket], contract)
        reduces = held * leg.lots < 0 and abs(leg.lots) <= abs(held)
        demand(reduces, Reason.LOTS_EXCEEDED, f"{path}.lots")
        margined(house, bucket, contract, leg.lots, value, path)
        seen.append(leg.account)
        legs.append(Leg(bucket, leg.lots, leg.lots * value, 0))
    shared(house, contract, {leg.bucket: leg.lots for leg in legs}, "$.legs")
    return [PositionsCompressed(contract, value, tuple(legs))]


# ---- clients of a member in default ---------------------------------------------------------------------------------


def decide_port(house: House, command: PortAccount) -> list[Fact]:
    """Somebody is asked to take the client over."""
    _portable(house, command)
    return [PortingProposed(command.account, command.member)]


def decide_porting_answer(house: House, command: AnswerPorting) -> list[Fact]:
    """Only who was asked can answer."""
    _portable(house, command)
    demand(command.account in house.portings, Reason.NOT_PORTABLE, "$.account")
    demand(house.portings[command.account] == command.member, Reason.NOT_A_PARTY, "$.member")
    kind = AccountPorted if command.accept else PortingDeclined
    return [kind(command.account, command.member)]


def _portable(house: House, command: PortAccount | AnswerPorting) -> None:
    """A client, free in all its buckets, behind a member in default; and a member that is not."""
    pool = command.account in house.buckets and house.buckets[command.account].role is Role.GROSS_OMNIBUS
    if not pool:
        named(house, command.account, "$.account")
    for bucket in house.buckets_of(command.account):
        free(house, bucket, "$.account")
    demand(0 <= command.member < len(house.members), Reason.MEMBER_UNKNOWN, "$.member")
    account = house.buckets[command.account]
    client = account.role in CLIENTS and house.members[account.member].defaulted
    demand(client, Reason.NOT_PORTABLE, "$.account")
    demand(not house.members[command.member].defaulted, Reason.MEMBER_IN_DEFAULT, "$.member")
    demand(may_join(house, command.account, command.member), Reason.GROUP_LIMIT_EXCEEDED, "$.member")


def _still_there(house: House, member: int) -> list[int]:
    """Buckets of a member's clients that are not in liquidation; a pool is one, with all its sub-accounts."""
    clients = [at for at, one in house.buckets.items() if one.role in CLIENTS and one.member == member]
    every = [bucket for client in clients for bucket in house.buckets_of(client) if bucket in house.purses]
    return [bucket for bucket in every if house.buckets[bucket].access != "liquidating"]


def porting_opened(house: House, member: int) -> list[Fact]:
    """The time that the rules give a defaulter's clients, where there are any and the rules give one."""
    time = house.rules.porting_due_ns
    return [PortingOpened(member, house.now_ns + time)] if time and _still_there(house, member) else []


def portings_over(house: House) -> list[Fact]:
    """What clients hold that nobody took over is closed out when their time is over."""
    facts: list[Fact] = []
    for member, due_ns in house.porting_due_ns.items():
        if due_ns > house.now_ns:
            continue
        facts.append(PortingEnded(member))
        for index in _still_there(house, member):
            bucket = house.buckets[index]
            if any(held.lots for one in bucket.together for held in one.positions.values()):
                verdict = judge(house, bucket)
                facts.append(Breached(index, "not_ported", verdict.equity, verdict.maintenance))
    return facts


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_transferred(house: House, fact: PositionTransferred) -> None:
    """Two legs that cancel."""
    book_leg(house, fact.contract, Leg(fact.giver, -fact.lots, -fact.cost_fine, 0))
    book_leg(house, fact.contract, Leg(fact.receiver, fact.lots, fact.cost_fine, 0))


def apply_compressed(house: House, fact: PositionsCompressed) -> None:
    """Legs that cancel."""
    for leg in fact.legs:
        book_leg(house, fact.contract, leg)


def apply_porting_opened(house: House, fact: PortingOpened) -> None:
    """Until then."""
    house.porting_due_ns[fact.member] = fact.due_ns


def apply_porting_proposed(house: House, fact: PortingProposed) -> None:
    """The latest who was asked."""
    house.portings[fact.account] = fact.member


def apply_porting_declined(house: House, fact: PortingDeclined) -> None:
    """Nobody is asked now."""
    del house.portings[fact.account]


def apply_ported(house: House, fact: AccountPorted) -> None:
    """It stands behind its new member with all its buckets; its orders are gone."""
    del house.portings[fact.account]
    for index in house.buckets_of(fact.account):
        bucket = house.buckets[index]
        bucket.member, bucket.access = fact.member, "open"
        bucket.orders.clear()


def apply_porting_ended(house: House, fact: PortingEnded) -> None:
    """The time is over."""
    del house.porting_due_ns[fact.member]

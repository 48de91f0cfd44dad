"""After the trade: what is busted, corrected, given up, moved, torn up and ported, and what somebody tries to."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.core import lifecycle_commands as after
from novate.core.terms import TransferCause
from novate.sim.book_picture import Picture
from novate.sim.worlds import pooling
from novate.sim.worlds.trading import near

if TYPE_CHECKING:
    from novate.sim.worlds.world import World

CAUSES: tuple[TransferCause, ...] = ("same_owner", "estate", "merger", "allocation")
SENT_MAX = 25
"""How many of its last trades a world remembers; the older ones are of cycles that are over."""


def act(world: "World", seen: Picture) -> c.AnyCommand | None:
    """One of all these."""
    acts: list[Callable[[World, Picture], c.AnyCommand | None]] = [bust, correct, offset, give_up]
    acts += [bust, correct, give_up, give_up, give_up] if seen["house"]["trades on record"] else []
    acts += [correct] * (8 if seen["halt"] and seen["house"]["trades on record"] else 0)
    acts += [transfer, transfer, compress]
    acts += [answer] * (20 if seen["give-up"] else 0)
    return world.random.choice(acts)(world, seen)


def _number(world: "World") -> int:
    return world.numbers.next("ops", odd=world.random.random() < 0.03)


# ---- trades ---------------------------------------------------------------------------------------------------------


def _recent(world: "World", seen: Picture) -> tuple[int, ...]:
    """One of the last trades, rather one in a contract that is halted or limited."""
    last = world.sent[-4:]
    watched = {*seen["halt"], *(one[1] for one in seen["limit"].values())}
    return world.random.choice([row for row in last if row[3] in watched and world.random.random() < 0.7] or last)


def bust(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A trade is undone, rather one of the last; or one that never was."""
    if not world.sent:
        return None
    trade = world.random.choice(world.sent[-4:])[0] if world.random.random() < 0.9 else world.random.choice([1, 10**6])
    return after.BustTrade("ops", _number(world), "venue", trade)


def correct(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A trade is booked with another price, size, side or contract; or with what makes no sense."""
    if not world.sent:
        return None
    random = world.random
    trade, lots, price, contract, buyer, seller = _recent(world, seen)[:6]
    match random.randrange(6):
        case 0 | 1:
            named = contract if contract < len(world.contracts) else 0  # the trade may have named what never was
            price = near(world, named, price, random.uniform(0.9, 1.1))
        case 2:
            lots = max(1, round(lots * random.uniform(0.3, 1.6)))
        case 3:
            buyer, seller = seller, buyer
        case 4:
            contract, buyer = random.randrange(len(world.contracts)), random.choice(world.people).account
        case _:
            lots, price, seller = random.choice([(0, price, seller), (lots, 2**60, seller), (lots, price, 999)])
    return after.CorrectTrade("ops", _number(world), "venue", trade, contract, buyer, seller, lots, price)


def offset(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A trade of long ago is undone by its opposite; or one that stands."""
    if not world.sent:
        return None
    early = world.sent[:-4] or world.sent
    chosen = world.random.choice(early if world.random.random() < 0.8 else world.sent)
    trade, lots, price, contract, buyer, seller = chosen[:6]
    return after.OffsetTrade("ops", _number(world), "venue", trade, contract, buyer, seller, lots, price)


def give_up(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A side of a trade, whole or in part, is to be somebody else's."""
    if not world.sent:
        return None
    random = world.random
    trade, lots, _, _, *sides = _recent(world, seen)[:6]
    others = [person.account for person in world.people if person.account not in sides or random.random() < 0.1]
    account, receiver = random.choice(pooling.rather_pooled(world, seen, sides)), random.choice(others or [0])
    receiver = pooling.of_its_pool(world, seen, account, 0.8) or receiver
    lots = max(1, lots * random.choice([1000, 1000, 500, 300, 1001]) // 1000)
    if random.random() < 0.08:
        account, receiver, lots = random.choice([(999, receiver, lots), (account, 0, lots), (account, receiver, 0)])
    return after.GiveUp("ops", _number(world), "venue", trade, account, receiver, lots)


def answer(world: "World", seen: Picture) -> c.AnyCommand:
    """The receiving member's answer, or somebody else's."""
    number, waiting = world.random.choice(list(seen["give-up"].items()))
    member = seen["account"][waiting[4]][1]
    if world.random.random() < 0.08:
        number, member = world.random.choice([(number + 1, member), (number, member + 1)])
    return after.AnswerGiveUp("ops", _number(world), number, member, world.random.random() < 0.85)


# ---- positions ------------------------------------------------------------------------------------------------------


def _held(seen: Picture) -> list[tuple[int, int, int]]:
    """``(account, contract, lots)`` of all that members and clients hold."""
    owners = {bucket: owner for bucket, (owner, _, _) in seen["isolated"].items()}
    own = [(owners.get(bucket, bucket), contract, lots) for (bucket, contract), (lots, _) in seen["position"].items()]
    return [(account, contract, lots) for account, contract, lots in own if lots and seen["account"][account][1] >= 0]


def transfer(world: "World", seen: Picture) -> c.AnyCommand | None:
    """Somebody's lots go to another account: to one of the same member, or to anybody."""
    random, held = world.random, _held(seen)
    if not held:
        return None
    givers = pooling.rather_pooled(world, seen, [account for account, _, _ in held])
    giver, contract, lots = random.choice([one for one in held if one[0] in givers])
    receiver = random.choice(world.people).account if random.random() < 0.95 else random.choice([0, 999])
    receiver = pooling.of_its_pool(world, seen, giver, 0.8) or receiver
    lots = max(1, abs(lots) * random.choice([1000, 500, 100, 1001]) // 1000)
    cause = random.choice(world.rulebook.transfer_causes or CAUSES) if random.random() < 0.9 else random.choice(CAUSES)
    return after.TransferPosition("ops", _number(world), giver, receiver, contract, lots, cause)


def compress(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A long and a short, or a few of them, tear up what cancels; now and then it does not."""
    random, held = world.random, _held(seen)
    pairs = [(one, other) for one in held for other in held if one[1] == other[1] and one[2] > 0 > other[2]]
    if not pairs:
        return None
    (longs, contract, lots), (shorts, _, short) = random.choice(pairs)
    size = max(1, min(lots, -short) * random.choice([1000, 500, 1001]) // 1000)
    legs = [after.Reduction(longs, -size), after.Reduction(shorts, size)]
    if random.random() < 0.1:
        legs = random.choice([legs[:1], [], [*legs, *legs], [legs[1], after.Reduction(999, -size)]])
    return after.CompressPositions("ops", _number(world), contract, tuple(legs))


# ---- clients --------------------------------------------------------------------------------------------------------


def _orphans(world: "World", seen: Picture) -> list[int]:
    """Clients whose member is in default."""
    failed = [member for member, defaulted in seen["member in default"].items() if defaulted]
    clients = [person.purse for person in world.people if person.client]
    return [account for account in clients if seen["account"].get(account, ("", -1))[1] in failed]


def urge(seen: Picture) -> float:
    """How likely it is that a client looks for another member: the time for it is short."""
    if seen["porting"]:
        return 60
    return 40 if seen["porting due"] else 10 if any(seen["member in default"].values()) else 0.3


def find_a_member(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A client of a member in default looks for another one, or is answered."""
    if seen["porting"] and world.random.random() < 0.6:
        return answer_porting(world, seen)
    return port(world, seen) if _orphans(world, seen) or world.random.random() < 0.1 else None


def port(world: "World", seen: Picture) -> c.AnyCommand:
    """A client of a member in default asks another member, or somebody asks who need not."""
    people = [person.purse for person in world.people]
    orphans = _orphans(world, seen) or people
    account = world.random.choice(orphans if world.random.random() < 0.9 else people)
    sound = [member for member, failed in seen["member in default"].items() if not failed]
    member = world.random.choice(sound if sound and world.random.random() < 0.8 else [*seen["member in default"], 99])
    return after.PortAccount("ops", _number(world), account, member)


def answer_porting(world: "World", seen: Picture) -> c.AnyCommand:
    """The member that was asked takes the client over or does not; or another one answers."""
    account, member = world.random.choice(list(seen["porting"].items()))
    member = member if world.random.random() < 0.9 else world.random.randrange(len(seen["member in default"]))
    return after.AnswerPorting("ops", _number(world), account, member, world.random.random() < 0.5)

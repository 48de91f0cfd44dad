"""Contracts of an account in buckets of their own: who isolates what, and with how much beside it."""

from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.sim.book_picture import Picture
from novate.sim.worlds.people import Person

if TYPE_CHECKING:
    from novate.sim.worlds.world import World


def isolate(world: "World", seen: Picture) -> c.AnyCommand | None:
    """Somebody isolates a contract, mostly one that is held, with some money, with all or with more than there is."""
    random = world.random
    clients = [person for person in world.people if person.client or world.rulebook.form == "venue"]
    person = random.choice(clients if clients and random.random() < 0.95 else world.people)
    account, odd = person.purse, random.random() < person.character.odd
    apart = [contract for owner, contract, stands in seen["isolated"].values() if stands and owner == account]
    held = [contract for holder, contract in seen["position"] if holder == account]
    others = [at for at in range(len(world.contracts)) if at not in apart]
    if len(seen["isolated"]) >= 6 or (apart and not odd and random.random() < 0.5) or not others:
        return None
    contract = random.choice(held) if held and random.random() < 0.8 else random.choice(others)
    money = [c.Money(asset, _part(world, seen, account, asset)) for asset in _assets(world)]
    if held and random.random() < 0.7:  # about what its positions ask for now
        unit = 10 ** (world.terms.assets[0].fine_decimals - world.terms.assets[0].decimals)
        money = [c.Money(0, max(1, seen["judged"][account][2] * random.choice([300, 700, 1050, 1400]) // 1000 // unit))]
    if odd:
        account = random.choice([account, random.randrange(len(seen["account"])), 999])
        contract = random.choice([contract, *apart, 99])
        money = random.choice([[*money, *money], [c.Money(9, 1)], [c.Money(0, -1)], money])
    return c.IsolatePosition(account, contract, tuple(money))


def _assets(world: "World") -> list[int]:
    """The numeraire, now and then others too, or nothing."""
    every = range(len(world.terms.assets))
    return [asset for asset in every if world.random.random() < (0.9 if asset == 0 else 0.3)]


def _part(world: "World", seen: Picture, account: int, asset: int) -> int:
    """Some of what an account holds, and at least a unit."""
    held = seen["balance"].get((account, asset), 0)
    return max(1, held * world.random.choice([5, 20, 50, 100, 300, 600, 1000, 1001]) // 1000)


def rejoin(world: "World", seen: Picture) -> c.AnyCommand | None:
    """An isolated contract goes back; or one that is not."""
    apart = [one[:2] for one in seen["isolated"].values() if one[2]]
    if apart and world.random.random() < 0.95:
        return c.RejoinPosition(*world.random.choice(apart))
    account = world.random.choice([0, 999, *(person.account for person in world.people)])
    return c.RejoinPosition(account, world.random.randrange(len(world.contracts) + 1))


def move(world: "World", seen: Picture) -> c.AnyCommand | None:
    """Money goes into an isolated bucket or out of it: some, all, a unit too much, or nothing at all."""
    random = world.random
    apart = {at: one[:2] for at, one in seen["isolated"].items() if one[2]}
    if not apart:
        return None
    bucket = random.choice(list(apart))
    account, contract = apart[bucket]
    asset = random.randrange(len(world.terms.assets)) if random.random() < 0.5 else 0
    amount = _part(world, seen, account, asset)
    if random.random() < 0.4:
        amount = -_part(world, seen, bucket, asset)
    odd = random.random() < 0.08
    if odd:
        account = random.choice([account, bucket, 999])
        contract, asset, amount = random.choice([(contract, 9, amount), (99, asset, amount), (contract, asset, 0)])
    return c.MoveCollateral("desk", world.numbers.next("desk", odd=odd), account, contract, asset, amount)


def answer(world: "World", seen: Picture, bucket: int, person: Person, amount: int) -> c.AnyCommand:
    """Somebody whose isolated bucket was called moves money into it."""
    _, contract, _ = seen["isolated"][bucket]
    return c.MoveCollateral("desk", world.numbers.next("desk"), person.purse, contract, 0, amount)

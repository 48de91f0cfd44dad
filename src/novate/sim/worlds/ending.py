"""Contracts that end: at their time or before it, with a final price."""

from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.sim.book_picture import Picture

if TYPE_CHECKING:
    from novate.sim.worlds.world import World


def due(world: "World", seen: Picture) -> list[int]:
    """Contracts whose time is over and that are not settled yet."""
    return [
        at
        for at, contract in enumerate(world.contracts)
        if contract.expiry_ns is not None
        and contract.expiry_ns <= world.now_ns
        and seen["contract"].get(at, ("expired",))[0] != "expired"
    ]


def expire(world: "World", seen: Picture) -> c.AnyCommand:
    """A contract that is due gets its final price; or one that is not is asked for."""
    over = due(world, seen)
    contract = world.random.choice(over) if over else world.random.randrange(len(world.contracts) + 1)
    if contract == len(world.contracts):
        return c.ExpireContract(contract, 1)
    listing = world.listings[contract]
    of = contract
    if listing.terms.underlying is not None:
        of = next(at for at, one in enumerate(world.contracts) if one.symbol == listing.terms.underlying)
    return c.ExpireContract(contract, 0 if world.random.random() < 0.05 else world.price_of(of))


def resolve(world: "World", seen: Picture) -> c.AnyCommand | None:
    """An event is decided or never will be; or somebody ends what does not end so."""
    bets = [at for at, contract in enumerate(world.contracts) if contract.resolvable]
    odd = world.random.random() < 0.2
    if not bets and not odd:
        return None
    contract = world.random.randrange(len(world.contracts) + 1) if odd else world.random.choice(bets)
    price = world.random.choice([0, 100, 100, 37, 101 if odd else 50])
    return c.ResolveContract(contract, price, world.random.choice(["resolved", "resolved", "voided"]))

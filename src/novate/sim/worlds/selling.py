"""Orders that sell collateral for what an account owes: who reports a sale, and who would rather keep what is sold."""

from fractions import Fraction
from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.sim.book_picture import Picture
from novate.sim.worlds import packing

if TYPE_CHECKING:
    from novate.sim.worlds.world import World


def act(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A sale, or somebody takes away what is for sale."""
    return (sell if world.random.random() < 0.7 else grab)(world, seen)


def sell(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A sale by an open order: whole, in part, better or as bad as it may be; too much, too cheap, or too late."""
    random, orders = world.random, seen["conversion order"]
    odd = random.random() < 0.15
    number = world.numbers.next("market", odd=odd and random.random() < 0.3)
    if not orders or (odd and random.random() < 0.4):
        over = random.randrange(-1, seen["house"]["next conversion order"] + 2)
        return c.ExecuteConversion("market", number, over, 1, 1) if odd else None
    order = random.choice(list(orders))
    _, _, sell_minor, open_minor, _, least_minor, _ = orders[order]
    sold = max(1, open_minor * random.choice([1000, 1000, 600, 250, 10]) // 1000)
    worst = -(-sold * least_minor // sell_minor)
    received = max(worst, int(worst * Fraction(random.choice([1000, 1000, 1003, 1100, 3000]), 1000)))
    if odd:
        wrong = [(sold, worst - 1), (open_minor + 1, 3 * worst), (0, worst), (sold, 0), (-sold, worst)]
        sold, received = random.choice([*wrong, (sold, 2**61), (sold, 2**62)])
    return c.ExecuteConversion("market", number, order, sold, received)


def grab(world: "World", seen: Picture) -> c.AnyCommand | None:
    """Who has an order takes out what it does not sell, or a unit of what it does: outside, across, or apart."""
    random, orders = world.random, seen["conversion order"]
    if not orders:
        return None
    account, asset, _, open_minor, *_ = random.choice(list(orders.values()))
    amount = max(1, seen["balance"].get((account, asset), 0) - open_minor + random.choice([0, 1, 1, open_minor]))
    number = world.numbers.next("bank")
    row = number, amount, account, asset
    others = [person.purse for person in world.people if person.purse != account]
    contract = random.randrange(len(world.contracts))
    return random.choice(
        [
            c.Withdraw("bank", packing.cash([row])),
            c.RequestWithdrawal("bank", packing.cash([row])),
            c.TransferCollateral("bank", packing.transfers([(number, amount, account, random.choice(others), asset)])),
            c.IsolatePosition(account, contract, (c.Money(asset, amount),)),
        ]
    )

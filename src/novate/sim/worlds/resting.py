"""Orders that rest at a venue: who has them registered, and which trades fill them."""

from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.core.rows import BUY, FILLS_BUYER, FILLS_SELLER, SELL
from novate.core.terms import Kind
from novate.sim.book_picture import Picture
from novate.sim.worlds import packing
from novate.sim.worlds.trading import Row, bucket_of, size_of

if TYPE_CHECKING:
    from novate.sim.worlds.world import World


def change(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A few changes: new orders that are within reach or not, fewer of some, none of others, or nonsense."""
    rows = [_change(world, seen) for _ in range(world.random.choice([1, 1, 2, 4]))]
    kept = [row for row in rows if row is not None]
    return c.ChangeOrders("venue", packing.orders(kept)) if kept else None


def _change(world: "World", seen: Picture) -> tuple[int, int, int, int, int] | None:
    random = world.random
    person = random.choice(world.people)
    live = [at for at, row in seen["contract"].items() if row[0] == "live"]
    live = [at for at in live if world.contracts[at].kind is not Kind.INDEX]
    if not live:
        return None
    odd = random.random() < person.character.odd
    account, contract, side = person.account, random.choice(live), random.choice([BUY, SELL])
    bucket = bucket_of(seen, account, contract)
    own = [(of, resting) for (holder, of), resting in seen["resting"].items() if holder in (account, bucket)]
    lots = size_of(world, seen, bucket, person.character.appetite, contract)
    if own and random.random() < 0.3:  # some of them, all of them, or one more than there are
        contract, resting = random.choice(own)
        lots = -max(1, resting[side] * random.choice([500, 1000, 1000, 1001]) // 1000)
    elif (held := seen["position"].get((bucket, contract), (0, 0))[0]) and random.random() < 0.4:
        side, lots = (SELL if held > 0 else BUY), abs(held) * random.choice([500, 1000, 1500]) // 1000
    if odd:
        lots = random.choice([lots, 0, -lots, 10**9])
        contract, side = random.choice([(contract, 2), (99, side), (random.randrange(len(world.contracts)), side)])
        account = random.choice([account, random.randrange(len(seen["account"])), 999])
    return world.numbers.next("venue", odd=odd), lots, contract, account, side


def filling(world: "World", seen: Picture, row: Row) -> tuple[int, ...]:
    """A trade, which now and then is made to fill somebody's resting orders: whole, in part, or more than rest."""
    random = world.random
    number, lots, price, contract, buyer, seller = row
    resting = [(at, own) for at, own in seen["resting"].items() if seen["contract"][at[1]][0] == "live"]
    if not resting or random.random() < 0.5:
        return row if random.random() < 0.98 else (*row, random.choice([1, 2, 3, 4, -1]))
    (bucket, contract), (bids, asks) = random.choice(resting)
    owner = seen["isolated"].get(bucket, (bucket, 0, 0))[0]
    others = [at for at in (buyer, seller) if at != owner]
    price = max(1, round(seen["contract"][contract][1] * random.uniform(0.97, 1.03)))
    buys = bids > 0 and (asks == 0 or random.random() < 0.5)
    lots = max(1, (bids if buys else asks) * random.choice([1000, 1000, 400, 1001]) // 1000)
    other = others[0] if others else owner
    theirs = seen["resting"].get((bucket_of(seen, other, contract), contract), (0, 0))[1 if buys else 0]
    both = theirs >= lots or random.random() < 0.03
    filled = FILLS_BUYER | FILLS_SELLER if both else FILLS_BUYER if buys else FILLS_SELLER
    return (number, lots, price, contract, *((owner, other) if buys else (other, owner)), filled)

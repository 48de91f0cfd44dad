"""Who trades what with whom, at which price and in which size."""

from typing import TYPE_CHECKING

from novate.core.terms import Kind
from novate.sim.book_picture import Picture
from novate.sim.worlds import pooling

if TYPE_CHECKING:
    from novate.sim.worlds.world import World

Row = tuple[int, int, int, int, int, int]


def bucket_of(seen: Picture, account: int, contract: int) -> int:
    """Where an account's trades in a contract go: to its isolated bucket where there is one."""
    return next((at for at, one in seen["isolated"].items() if one == (account, contract, True)), account)


def draw_trade(world: "World", seen: Picture) -> Row | None:
    """One row ``(number, lots, price, contract, buyer, seller)``; None where there is nobody to trade or nothing."""
    random = world.random
    live = [at for at, row in seen["contract"].items() if row[0] == "live"]
    live = [at for at in live if world.contracts[at].kind is not Kind.INDEX]
    if not live or len(world.people) < 2:
        return None
    able = [person for person in world.people if seen["access"][person.account] in ("open", "restricted")]
    one, other = random.sample(able if len(able) > 1 and random.random() < 0.95 else world.people, 2)
    if random.random() < 0.5 and world.people[0] not in (one, other):
        other = world.people[0]
    accounts = one.account, pooling.of_its_pool(world, seen, one.account, 0.4) or other.account
    contract = random.choice(live)
    apart = [of for owner, of, stands in seen["isolated"].values() if stands and owner == one.account and of in live]
    if apart and random.random() < 0.4:
        contract = random.choice(apart)
    mark = seen["contract"][contract][1]
    price = near(world, contract, mark, random.uniform(0.995, 1.005))
    if random.random() < max(one.character.off_market, other.character.off_market):
        price = near(world, contract, mark, random.choice([0.3, 0.7, 0.9, 1.1, 1.5, 3.0]))
    bucket = bucket_of(seen, one.account, contract)
    held = seen["position"].get((bucket, contract), (0, 0))[0]
    lots = size_of(world, seen, bucket, one.character.appetite, contract)
    buys = random.random() < 0.5
    if held and random.random() < 0.4:  # bring it nearer to zero, or through it
        lots, buys = max(1, abs(held) * random.choice([1000, 1000, 500, 1_300]) // 1000), held < 0
    buyer, seller = accounts if buys else accounts[::-1]
    odd = random.random() < one.character.odd
    row = (world.numbers.next("venue", odd=odd), lots, price, contract, buyer, seller)
    return _spoilt(world, seen, row) if odd else row


def near(world: "World", contract: int, mark: int, factor: float) -> int:
    """A price by a factor from the mark; where prices may be zero or below, as far away as a typical one would be."""
    terms = world.contracts[contract]
    if terms.price_min_ticks > 0:
        return max(1, round(mark * factor))
    return round(mark + (factor - 1) * max(abs(mark), (terms.price_max_ticks - terms.price_min_ticks) / 20))


def size_of(world: "World", seen: Picture, bucket: int, appetite: float, contract: int) -> int:
    """So many lots that about the wished part of what is spare would be needed, at a guessed tenth of their value."""
    terms = world.contracts[contract]
    asset = next(at for at, money in enumerate(world.terms.assets) if money.symbol == terms.settlement)
    mantissa, scale = seen["asset"][asset][2]
    equity, _, initial, _, _ = seen["judged"][seen["sub-account"].get(bucket, bucket)]
    lot = max(1, seen["contract"][contract][3] * mantissa // scale)
    most = min(max(0, equity - initial) * 10 // lot, terms.position_limit_lots)
    return max(1, int(most * appetite * world.random.uniform(0.1, 1.0)))


def _spoilt(world: "World", seen: Picture, row: Row) -> Row:
    """Something that must be refused, or that only looks so."""
    number, lots, price, contract, buyer, seller = row
    return world.random.choice(
        [
            (number, 0, price, contract, buyer, seller),
            (number, -lots, price, contract, buyer, seller),
            (number, 10**9, price, contract, buyer, seller),
            (number, lots, 0, contract, buyer, seller),
            (number, lots, 2**60, contract, buyer, seller),
            (number, lots, price, 77, buyer, seller),
            (number, lots, price, 0, buyer, seller),
            (number, lots, price, contract, buyer, buyer),
            (number, lots, price, contract, world.random.randrange(len(seen["account"])), seller),
            (number, lots, price, contract, buyer, 999),
            (number, 10_000, price, contract, buyer, seller),
            row,
        ]
    )

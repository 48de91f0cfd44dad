"""Gross omnibus accounts: who registers sub-accounts of a pool, and who deals with others of the same pool."""

from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.sim.book_picture import Picture
from novate.sim.worlds.people import CHARACTERS, Person

if TYPE_CHECKING:
    from novate.sim.worlds.world import World

PEOPLE_MAX = 12


def begin(world: "World", pool: int, member: int, first: int) -> list[c.AnyCommand]:
    """Two or three sub-accounts of a new pool, the first of which has the index ``first``; each is somebody."""
    world.pools.append(pool)
    count = world.random.choice([2, 2, 3])
    for at in range(count):
        world.people.append(Person(first + at, member, world.random.choice(CHARACTERS), True, pool))
    return [c.OpenSubAccount(pool, f"{at}") for at in range(count)]


def register(world: "World", seen: Picture) -> c.AnyCommand | None:
    """One more sub-account of a pool; now and then of what is none, or under a reference that cannot be given."""
    random = world.random
    odd = random.random() < 0.3
    if not world.pools and not odd:
        return None
    account = random.choice(world.pools or [0])
    reference = f"r{len(seen['account'])}"
    if odd:
        reference = random.choice([reference, "0", "", " 1", "house:1", "x" * 128])
        account = random.choice([account, account, random.randrange(len(seen["account"])), 999])
    _, member = seen["account"].get(account, ("", -1))
    if not odd and len(world.people) < PEOPLE_MAX and not seen["member in default"].get(member, True):
        world.people.append(Person(len(seen["account"]), member, random.choice(CHARACTERS), True, account))
    return c.OpenSubAccount(account, reference)


def of_its_pool(world: "World", seen: Picture, account: int, chance: float) -> int | None:
    """With some chance, for a sub-account, another one of its pool."""
    pool = seen["sub-account"].get(account)
    others = [at for at, of in seen["sub-account"].items() if of == pool and at != account]
    return world.random.choice(others) if pool is not None and others and world.random.random() < chance else None


def rather_pooled(world: "World", seen: Picture, accounts: list[int]) -> list[int]:
    """Of some accounts, every other time, those that are sub-accounts, if any are."""
    subs = [account for account in accounts if account in seen["sub-account"]]
    return subs if subs and world.random.random() < 0.5 else accounts

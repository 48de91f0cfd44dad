"""What the operator does: limits on groups, and halts of trading."""

from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.core.terms import Limit, Measure
from novate.sim.book_picture import Picture

if TYPE_CHECKING:
    from novate.sim.worlds.world import World


def limit(world: "World", seen: Picture) -> c.AnyCommand:
    """A limit near what is held, far above or of nothing; or one is lifted that was or was not set."""
    random = world.random
    names = [one[0] for one in seen["limit"].values()]
    if (names and random.random() < 0.3) or random.random() < 0.05:
        return c.RemoveLimit(random.choice([*names, "nobody"]))
    contract = random.randrange(len(world.contracts))
    held = [abs(lots) for (_, of), (lots, _) in seen["position"].items() if of == contract] or [100]
    lots = max(held) * random.choice([500, 1000, 1100, 2000, 5000]) // 1000
    people = random.sample(world.people, min(len(world.people), random.choice([1, 2, 3])))
    members = tuple(person.member for person in people) if random.random() < 0.5 else ()
    accounts = tuple(person.account for person in people) if random.random() < 0.4 else ()
    name = random.choice([*names, f"L{len(names)}"])
    if random.random() < 0.1:
        lots, members = random.choice([(-1, members), (lots, (99,)), (2**62, members)])
        accounts, contract = random.choice([((0,), contract), ((999,), contract), (accounts, 99)])
    measures: list[Measure] = ["net", "gross"] if members or accounts else ["gross", "gross", "net"]
    return c.SetLimit(Limit(name, contract, random.choice(measures), lots, members, accounts))


def halt(world: "World", seen: Picture) -> c.AnyCommand:
    """Trading stops, or goes on again soon; or what is not halted is resumed."""
    random = world.random
    if seen["halt"] and random.random() < 0.85:
        return c.ResumeContract(random.choice(list(seen["halt"])))
    contract = random.randrange(len(world.contracts) + 1)
    if random.random() < 0.1:
        return c.ResumeContract(contract)
    return c.HaltContract(contract, random.choice(["news", "news", "news", " "]))

"""What the operator does: limits on groups, halts of trading, other rules at once or at their time."""

from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from novate.core import commands as c
from novate.core.terms import Limit, Measure, Rulebook, Tier
from novate.sim.book_picture import Picture
from novate.sim.worlds import modelling
from novate.sim.worlds.terms import HOUR, PPM, SECOND, draw_rulebook, with_rising_initial

if TYPE_CHECKING:
    from novate.sim.worlds.world import World


def limit(world: "World", seen: Picture) -> c.AnyCommand:
    """A limit near what is held, far above or of nothing; or one is lifted that was or was not set."""
    random = world.random
    names = [one[0] for one in seen["limit"].values()]
    if (names and random.random() < 0.3) or random.random() < 0.05:
        return c.RemoveLimit(random.choice([*names, "nobody"]))
    if (seen["porting"] or seen["give-up"]) and random.random() < 0.7:
        return _against(world, seen)
    contract = _traded(world) if random.random() < 0.5 else random.randrange(len(world.contracts))
    held = [abs(lots) for (_, of), (lots, _) in seen["position"].items() if of == contract] or [100]
    lots = max(held) * random.choice([500, 1000, 1100, 2000, 5000]) // 1000
    people = random.sample(world.people, min(len(world.people), random.choice([1, 2, 3])))
    members = tuple(person.member for person in people) if random.random() < 0.5 else ()
    accounts = tuple(person.purse for person in people) if random.random() < 0.4 else ()
    name = random.choice([*names, f"L{len(names)}"])
    if random.random() < 0.1:
        lots, members = random.choice([(-1, members), (lots, (99,)), (2**62, members)])
        accounts, contract = random.choice([((0,), contract), ((999,), contract), (accounts, 99)])
    measures: list[Measure] = ["net", "gross"] if members or accounts else ["gross", "gross", "net"]
    return c.SetLimit(Limit(name, contract, random.choice(measures), lots, members, accounts))


def _traded(world: "World") -> int:
    """The contract of one of the last trades, if there is any such."""
    last = [row[3] for row in world.sent[-4:] if 0 <= row[3] < len(world.contracts)]
    return world.random.choice(last or [0])


def _against(world: "World", seen: Picture) -> c.AnyCommand:
    """A limit of whoever is asked to take a client or lots over, near what those are."""
    random = world.random
    clients, lots_of_trades = list(seen["porting"].items()), list(seen["give-up"].values())
    if clients:
        account, member = random.choice(clients)
        held = [
            (of, abs(lots))
            for (holder, of), (lots, _) in seen["position"].items()
            if lots and seen["sub-account"].get(holder, holder) == account
        ]
        contract, lots = random.choice(held or [(0, 100)])
        name, members, accounts = f"P{member}", (member,), ()
    else:
        _, _, contract, _, receiver, lots, _ = random.choice(lots_of_trades)
        name, members, accounts = f"G{receiver}", (), (seen["sub-account"].get(receiver, receiver),)
    lots = abs(lots) * random.choice([0, 0, 500, 1000]) // 1000
    measures: list[Measure] = ["net", "gross"]
    return c.SetLimit(Limit(name, contract, random.choice(measures), lots, members, accounts))


def halt(world: "World", seen: Picture) -> c.AnyCommand:
    """Trading stops, or goes on again soon; or what is not halted is resumed."""
    random = world.random
    if seen["halt"] and random.random() < 0.85:
        return c.ResumeContract(random.choice(list(seen["halt"])))
    contract = _traded(world) if random.random() < 0.5 else random.randrange(len(world.contracts) + 1)
    if random.random() < 0.1:
        return c.ResumeContract(contract)
    return c.HaltContract(contract, random.choice(["news", "news", "news", " "]))


def rules(world: "World", seen: Picture) -> c.AnyCommand:
    """Other rules at once, or at a time to come; rules to come are taken back, or such as were never to come.

    Now and then rules know nothing of a margin class or of an asset, and lapse where something is open in it.
    """
    random = world.random
    names = [name for kind, name in seen["scheduled"] if kind == "rulebook"]
    if (names and random.random() < 0.6) or random.random() < 0.05:
        return c.CancelRulebook(random.choice([*names, *names, "nobody's"]))
    form = None if random.random() < 0.2 else world.rulebook.form
    drawn = modelling.with_bounds(world, draw_rulebook(random, world.terms.assets, form))
    drawn = stricter(world.strictness, drawn) if world.strictness.random() < 0.4 else drawn
    rises = world.rising.random() < 0.5
    if random.random() < 0.4:
        return c.AdoptRulebook(with_rising_initial(world.rising, drawn) if rises else drawn)
    time_ns = world.now_ns + random.choice([-1, 0, SECOND, SECOND, HOUR, 5 * HOUR, 5 * HOUR, 30 * HOUR])
    name = random.choice([*names, f"R{world.names}", f"R{world.names}", f"R{world.names}"])
    poorer = random.choice([drawn.margin_classes, drawn.margin_classes, drawn.collateral])
    left_out = random.choice([*poorer]) if random.random() < 0.3 else "USD"
    classes = {one: tiers for one, tiers in drawn.margin_classes.items() if one != left_out}
    bands = {one: band for one, band in drawn.price_bands.items() if one != left_out}
    collateral = {one: haircut for one, haircut in drawn.collateral.items() if one == "USD" or one != left_out}
    caps = {one: cap for one, cap in drawn.collateral_caps.items() if one in collateral}
    overdrafts = {one: rule for one, rule in drawn.overdrafts.items() if one in collateral}
    gates = {one: dust for one, dust in drawn.withdrawal_gates.items() if one in collateral}
    to_come = replace(
        drawn,
        name=name,
        margin_classes=classes,
        price_bands=bands,
        collateral=collateral,
        collateral_caps=caps,
        withdrawal_gates=gates,
        overdrafts=overdrafts,
    )
    return c.AdoptRulebook(with_rising_initial(world.rising, to_come) if rises else to_come, time_ns)


def stricter(random: Random, rules: Rulebook) -> Rulebook:
    """Rules that ask several times as much, or of whose collateral hardly anything counts."""
    rates = ("initial_ppm", "maintenance_ppm", "initial_least_ppm", "maintenance_least_ppm")
    times = random.choice([1, 3, 10])

    def raised(tier: Tier) -> Tier:
        return replace(tier, **{rate: min(PPM, times * getattr(tier, rate)) for rate in rates})

    classes = {name: tuple(map(raised, tiers)) for name, tiers in rules.margin_classes.items()}
    least = random.choice([0, 500_000, 950_000])
    collateral = {one: max(least, haircut) if one != "USD" else 0 for one, haircut in rules.collateral.items()}
    return replace(rules, margin_classes=classes, collateral=collateral)

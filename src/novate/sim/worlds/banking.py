"""Money in steps: announced and taken back, asked for and paid out, moved between accounts of one member."""

from typing import TYPE_CHECKING

from novate.core import commands as c
from novate.sim.book_picture import Picture
from novate.sim.worlds import packing
from novate.sim.worlds.people import Person

if TYPE_CHECKING:
    from novate.sim.worlds.world import World

CashRow = tuple[int, int, int, int]


# ---- in -------------------------------------------------------------------------------------------------------------


def announce(world: "World", seen: Picture) -> c.AnyCommand:
    """Somebody says what is on its way: some, none, or what nobody has."""
    rows: list[CashRow] = []
    for person in world.random.sample(world.people, world.random.choice([1, 1, 2])):
        asset = world.random.randrange(len(world.terms.assets))
        odd = world.random.random() < person.character.odd
        amount, account = world.first_money(person, asset) // world.random.choice([1, 4]), person.purse
        if odd:
            amount, asset = world.random.choice([(0, asset), (2**61, asset), (amount, 9), (amount, asset)])
            account = world.random.choice([account, 0, 999])
        rows.append((world.numbers.next("bank", odd=odd), amount, account, asset))
    return c.AnnounceDeposit("bank", packing.cash(rows))


def arrive(world: "World", seen: Picture) -> c.AnyCommand:
    """What was announced arrives or does not; now and then it did so long ago, or was never announced."""
    known = [number for (_, number), one in seen["deposit"].items() if one[0] == "pending"]
    odd = world.random.random() < 0.08
    deposit = world.random.choice(known) if known and not odd else world.random.choice([1, 3, 10**6])
    number = world.numbers.next("bank", odd=odd)
    kind = c.FinaliseDeposit if world.random.random() < 0.8 else c.CancelDeposit
    return kind("bank", number, deposit)


def take_back(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A deposit is reversed: rather of those who are up to something, now and then one that cannot be."""
    random = world.random
    back = [at for at, one in seen["deposit"].items() if one[0] == "reversible"]
    if random.random() < 0.1:
        back = [*seen["deposit"], ("bank", 1), ("bank", 10**6), ("venue", 1)]
    if not back:
        return None
    holders = {person.purse: person.character for person in world.people}
    source, deposit = random.choice(back)
    _, account, asset, amount, _ = seen["deposit"].get((source, deposit), ("", 0, 0, 0, 0))
    gone = seen["balance"].get((account, asset), 0) < amount
    if account in holders and not gone and random.random() > holders[account].off_market:
        return None
    return c.ReverseDeposit(source, world.numbers.next(source, odd=random.random() < 0.05), deposit)


# ---- out ------------------------------------------------------------------------------------------------------------


def request(world: "World", seen: Picture) -> c.AnyCommand:
    """Somebody asks for money: some of it, all that is free, or more."""
    rows: list[CashRow] = []
    for person in world.random.sample(world.people, min(len(world.people), world.random.choice([1, 2, 3]))):
        asset = world.random.randrange(len(world.terms.assets))
        odd = world.random.random() < person.character.odd
        account = world.random.choice([person.account, len(seen["account"]) - 1, 999]) if odd else person.purse
        amount = wanted(world, seen, person, asset)
        rows.append((world.numbers.next("bank", odd=odd), amount, account, asset))
    return c.RequestWithdrawal("bank", packing.cash(rows))


def wanted(world: "World", seen: Picture, person: Person, asset: int) -> int:
    """What somebody would like to take out: a part, or for the greedy all that is free and a unit more."""
    held = seen["balance"].get((person.purse, asset), 0)
    if world.random.random() >= person.character.greed:
        return max(1, held // world.random.choice([2, 10]))
    equity, settled, initial, _, _ = seen["judged"][person.purse]
    unit = 10 ** (world.terms.assets[0].fine_decimals - world.terms.assets[0].decimals)
    free = max(0, min(equity, settled) - initial) // unit
    return world.random.choice([held, held + 1, max(1, free), free + 1])


def proceed(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A withdrawal goes a step further, mostly the right one; or one that is over, or never was."""
    random, asked = world.random, seen["withdrawal"]
    odd = random.random() < 0.1
    if not asked and not odd:
        return None
    kinds = [c.ReleaseWithdrawal, c.ConfirmWithdrawal, c.ReturnWithdrawal]
    one = random.randrange(seen["house"]["next withdrawal"] + 2)
    if not odd:
        one = random.choice(list(asked))
        kinds = [c.ReleaseWithdrawal] if asked[one][3] == "requested" else [c.ConfirmWithdrawal]
        kinds = [c.ReturnWithdrawal] if random.random() < 0.2 else kinds
    return random.choice(kinds)("bank", world.numbers.next("bank", odd=odd and random.random() < 0.2), one)


# ---- interest -------------------------------------------------------------------------------------------------------


def interest(world: "World", seen: Picture) -> c.AnyCommand:
    """What balances below zero pay; now and then a rate or an asset that cannot be."""
    asset = world.random.randrange(len(world.terms.assets))
    rate = world.random.choice([0, 1, 36_500, 250_000, 10**6, 10**7])
    if world.random.random() < 0.1:
        asset, rate = world.random.choice([(asset, -1), (asset, 10**7 + 1), (99, rate)])
    return c.PublishInterest(asset, rate)


# ---- between --------------------------------------------------------------------------------------------------------


def transfer(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A member pays its client or its fund, clients of one member each other; others try what they may not."""
    random = world.random
    rows = []
    for _ in range(random.choice([1, 1, 2])):
        person = random.choice(world.people)
        odd = random.random() < max(person.character.odd, 0.05)
        asset = random.randrange(len(world.terms.assets))
        related = [at for at, (_, member) in seen["account"].items() if member == person.member]
        payee = random.choice([*seen["account"], 999] if odd or not related else related)
        number = world.numbers.next("bank", odd=odd and random.random() < 0.3)
        rows.append((number, wanted(world, seen, person, asset), person.purse, payee, asset))
    return c.TransferCollateral("bank", packing.transfers(rows))

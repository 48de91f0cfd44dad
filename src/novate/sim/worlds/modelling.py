"""Who is margined by a risk sheet: sheets are adopted, one after the other, and accounts switched to them and back."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from novate.core import commands as c
from novate.core.terms import Cap, MarginMode, Rulebook
from novate.sim.book_picture import Picture
from novate.sim.worlds.models import draw_sheet, nudged, spoilt
from novate.sim.worlds.terms import HOUR, PPM, SECOND

if TYPE_CHECKING:
    from novate.sim.worlds.world import World

CROSS, PORTFOLIO = MarginMode.CROSS, MarginMode.PORTFOLIO


def with_caps(world: "World") -> Rulebook:
    """The world's rules, under which now and then of a coin less counts than people have, and sheets are bounded."""
    caps = dict(world.rulebook.collateral_caps)
    for asset, price in world.terms.coin_prices.items():
        coin = world.terms.assets[asset]
        if world.random.random() < 0.3:
            counted = int(world.wealth * world.random.choice([0, 0.01, 0.3, 2]) / price * 10**coin.decimals)
            caps[coin.symbol] = Cap(None, None, None, counted)
    return with_bounds(world, replace(world.rulebook, collateral_caps=caps))


def with_bounds(world: "World", rules: Rulebook) -> Rulebook:
    """Rules that now and then bound how far a sheet may go from the one before it; only where there are sheets."""
    random = world.random
    if not world.modelled or random.random() < 0.35:
        return rules
    return replace(
        rules,
        recalibration_rise_ppm=random.choice([0, 1, 99_999, 250_000, 2_000_000]),
        recalibration_fall_ppm=random.choice([0, 1, 100_001, 333_333, PPM]),
        recalibration_every_ns=random.choice([0, 0, HOUR, 5 * HOUR]),
    )


def adopt(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A sheet in the place of the one before, at once or later; now and then one that must be refused, or none after
    all."""
    random = world.random
    names = [name for kind, name in seen["scheduled"] if kind == "sheet"]
    if (names and random.random() < 0.1) or random.random() < 0.02:
        return c.CancelRiskSheet(random.choice([*names, *names, "nobody's"]))
    if not any(row[0] == "live" for row in seen["contract"].values()):
        return None
    if world.sheet is None or random.random() < 0.4:
        world.sheet = draw_sheet(world, seen)
        sheet = world.sheet if random.random() < 0.7 else spoilt(random, world.sheet)
    else:
        sheet = world.sheet = nudged(random, world.sheet)
    if random.random() < 0.4:
        return c.AdoptRiskSheet(sheet)
    later_ns = random.choice([-1, 0, SECOND, HOUR, HOUR, 5 * HOUR, 9 * HOUR])
    name = random.choice([*names, *[f"{sheet.name}, {world.sheets}"] * 5])
    world.sheets += 1
    return c.AdoptRiskSheet(replace(sheet, name=name), world.now_ns + later_ns)


def switch(world: "World", seen: Picture) -> c.AnyCommand:
    """Somebody is margined in the other mode from now; or in the one it is in, or somebody who never can be."""
    random = world.random
    person = random.choice(world.people)
    account = person.account
    mode = CROSS if account in seen["mode"] and random.random() < 0.4 else PORTFOLIO
    if random.random() < person.character.odd / 2:
        account = random.choice([0, 999, *seen["isolated"], *seen["account"]])
        mode = random.choice([CROSS, PORTFOLIO])
    return c.SetMarginMode(account, mode)

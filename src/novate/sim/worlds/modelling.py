"""Who is margined by a risk sheet: sheets are adopted, one after the other, and accounts switched to them and back."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from novate.core import commands as c
from novate.core.terms import Cap, MarginMode, Rulebook
from novate.sim.book_picture import Picture
from novate.sim.worlds.models import draw_sheet

if TYPE_CHECKING:
    from novate.sim.worlds.world import World

CROSS, PORTFOLIO = MarginMode.CROSS, MarginMode.PORTFOLIO


def with_caps(world: "World") -> Rulebook:
    """The world's rules, under which now and then of a coin less counts than people have."""
    caps = dict(world.rulebook.collateral_caps)
    for asset, price in world.terms.coin_prices.items():
        coin = world.terms.assets[asset]
        if world.random.random() < 0.3:
            counted = int(world.wealth * world.random.choice([0, 0.01, 0.3, 2]) / price * 10**coin.decimals)
            caps[coin.symbol] = Cap(None, None, None, counted)
    return replace(world.rulebook, collateral_caps=caps)


def adopt(world: "World", seen: Picture) -> c.AnyCommand | None:
    """A sheet in the place of the one before, now and then one that must be refused."""
    live = [at for at, row in seen["contract"].items() if row[0] == "live"]
    return c.AdoptRiskSheet(draw_sheet(world, seen, wrong=0.25)) if live else None


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

"""Portfolio margin on one grid of prices and volatilities: the worst weighted loss, or a charge on deltas, and add-ons.

Deribit's portfolio margin and Paradex's. The requirement of an underlying is the larger of

- its worst result over the grid, the weight of a tail applied to it and the relief of a tail taken off, and
- ``net_delta`` |net delta| + ``hedged_delta`` x hedged delta, times the price, where hedged delta is half of what gross
  delta (of each position's size) has beyond the net,

and on top the roll shock: of the net delta of every expiry, whatever its sign, a part that grows with the time until
then, so that months that offset each other are charged. Initial and maintenance are multiples of that.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from msgspec import Struct

from novate.risk.scenarios.crypto_grid import Grid, row_label
from novate.risk.venues.book import Book, Future, NotCovered, no_futures
from novate.risk.venues.options import options_of, results
from novate.risk.venues.requirement import Factor, Part, Risk, Share, largest, weighed


class Roll(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an expiry's net delta, e^(``yearly`` x years) - 1, and ``least`` at least; of perpetuals ``least``. Deribit
    publishes the two figures; that the first compounds is how public code restates its model."""

    least: Share
    yearly: Share


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters; ``initial`` and ``maintenance`` multiply what an underlying asks for, ``futures``
    says whether dated ones are covered. ``dampener`` is money that a tail's loss is less by, for every range that its
    move has beyond the first."""

    underlyings: tuple[str, ...]
    futures: bool
    grid: Grid
    initial: Factor
    maintenance: Factor
    net_delta: Share = 0.0
    hedged_delta: Share = 0.0
    roll: Roll | None = None
    dampener: Factor = 0.0
    collateral: dict[str, Share] = {}


@dataclass(frozen=True, slots=True)
class Worst:
    """The scenario of an underlying's largest loss, that loss (zero or more), and each position's; the relief of a tail
    is a loss below zero."""

    label: str
    loss: float
    losses: tuple[tuple[str, float], ...]


def requirement(book: Book, rules: Rules) -> Risk:
    """What grid margin asks for: underlyings are added up."""
    parts: list[Part] = []
    deciding: list[str] = []
    losses: list[tuple[str, float]] = []
    value = 0.0
    for name in book.held():
        if name not in rules.underlyings:
            raise NotCovered(f"{name}: the rules cover {', '.join(rules.underlyings)}")
        if not rules.futures:
            no_futures(book, name)
        options = options_of(book, name)
        value += float(options.amounts @ options.now()) if len(options) else 0.0
        found = worst_of(book, name, rules.grid, rules.dampener)
        charges = delta_charges(book, name, rules)
        delta = sum(charge for _, charge in charges)
        what = f"{name}: {found.label}" if found.loss >= delta else f"{name}: charge on deltas"
        parts.append(_part(what, max(found.loss, delta), rules))
        parts.append(_part(f"{name}: roll shock", roll_shock(book, name, rules), rules))
        deciding.append(what)
        losses += found.losses if found.loss >= delta else charges
    return Risk(
        parts=tuple(parts),
        option_value=value,
        measured_from_value=True,
        collateral=weighed(book.collateral, rules.collateral),
        worst="; ".join(deciding),
        contributors=largest(losses),
    )


def worst_of(book: Book, name: str, grid: Grid, dampener: float = 0.0) -> Worst:
    """The scenario of the grid in which the positions of an underlying lose most."""
    rows = grid.rows()
    changes = np.array([change for change, _, _ in rows])
    counted = np.array([part for _, _, part in rows])
    vols = options_of(book, name).shocked(grid.vol, [way for _, way, _ in rows])
    symbols, gains = results(book, name, 1 + changes, vols)
    gains = gains * counted
    losses = np.maximum(0.0, -gains.sum(axis=0))
    beyond = np.maximum(0.0, np.abs(changes) / grid.price_range - 1)
    relief = np.minimum(losses, dampener * beyond)
    at = int(np.argmax(losses - relief))
    by_position = [(symbol, -float(gain)) for symbol, gain in zip(symbols, gains[:, at], strict=True)]
    relieved = [("dampener", -float(relief[at]))] if relief[at] else []
    return Worst(row_label(*rows[at]), float(losses[at] - relief[at]), (*by_position, *relieved))


def delta_charges(book: Book, name: str, rules: Rules) -> list[tuple[str, float]]:
    """The charge on net and hedged delta of an underlying, by what each position adds to it or takes off."""
    straight, options = book.straight(name), options_of(book, name)
    deltas = np.array([each.amount for each in straight] + (options.amounts * options.deltas()).tolist())
    along = deltas * np.sign(deltas.sum())
    charges = (rules.net_delta * along + rules.hedged_delta * (np.abs(deltas) - along) / 2) * book.underlyings[
        name
    ].price
    return [(each.symbol, charge) for each, charge in zip((*straight, *options.held), charges.tolist(), strict=True)]


def roll_shock(book: Book, name: str, rules: Rules) -> float:
    """What the net deltas of an underlying's expiries ask for; perpetuals are an expiry of their own."""
    if rules.roll is None:
        return 0.0
    options = options_of(book, name)
    net: dict[datetime | None, float] = {}
    for each in book.straight(name):
        expiry = each.expiry if isinstance(each, Future) else None
        net[expiry] = net.get(expiry, 0.0) + each.amount
    for each, delta in zip(options.held, (options.amounts * options.deltas()).tolist(), strict=True):
        net[each.expiry] = net.get(each.expiry, 0.0) + delta
    years = np.array([book.years(at) if at else 0.0 for at in net])
    parts = np.maximum(rules.roll.least, np.expm1(rules.roll.yearly * years))
    return float(parts @ np.abs(list(net.values()))) * book.underlyings[name].price


def _part(what: str, asked: float, rules: Rules) -> Part:
    return Part(what, rules.initial * asked, rules.maintenance * asked)

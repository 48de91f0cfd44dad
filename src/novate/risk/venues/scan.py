"""Portfolio margin on one grid of prices and volatilities: the worst weighted loss, or a charge on deltas, and add-ons.

Deribit's portfolio margin and Paradex's. The requirement of an underlying is the larger of

- its worst result over the grid, the weight of a tail applied to it, and
- ``net_delta`` |net delta| + ``hedged_delta`` x hedged delta, times the price, where hedged delta is half of what gross
  delta (of each position's size) has beyond the net,

and on top ``short_option`` x price for every unit net short in a strike, and ``offset_futures`` x price for every unit
of perpetuals and futures that another offsets. Initial and maintenance are multiples of that.
"""

from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from novate.risk.scenarios.crypto_grid import Grid, row_label
from novate.risk.venues.book import Book, NotCovered, no_futures
from novate.risk.venues.options import net_shorts, options_of, results
from novate.risk.venues.requirement import Factor, Part, Risk, Share, largest, weighed


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters; ``initial`` and ``maintenance`` multiply what an underlying asks for, ``futures``
    says whether dated ones are covered."""

    underlyings: tuple[str, ...]
    futures: bool
    grid: Grid
    initial: Factor
    maintenance: Factor
    net_delta: Share = 0.0
    hedged_delta: Share = 0.0
    short_option: Share = 0.0
    offset_futures: Share = 0.0
    collateral: dict[str, Share] = {}


@dataclass(frozen=True, slots=True)
class Worst:
    """The scenario of an underlying's largest loss, that loss (zero or more), and each position's."""

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
        found = worst_of(book, name, rules.grid)
        charges = delta_charges(book, name, rules)
        delta = sum(charge for _, charge in charges)
        price = book.underlyings[name].price
        what = f"{name}: {found.label}" if found.loss >= delta else f"{name}: charge on deltas"
        parts.append(_part(what, max(found.loss, delta), rules))
        parts.append(_part(f"{name}: options net short", rules.short_option * price * net_shorts(options), rules))
        offset = rules.offset_futures * price * _offset([each.amount for each in book.straight(name)])
        parts.append(_part(f"{name}: futures that offset", offset, rules))
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


def worst_of(book: Book, name: str, grid: Grid) -> Worst:
    """The scenario of the grid in which the positions of an underlying lose most."""
    rows = grid.rows()
    moved = np.array([1 + change for change, _, _ in rows])
    counted = np.array([part for _, _, part in rows])
    vols = options_of(book, name).shocked(grid.vol, [way for _, way, _ in rows])
    symbols, gains = results(book, name, moved, vols)
    gains = gains * counted
    at = int(np.argmin(gains.sum(axis=0)))
    losses = tuple((symbol, -float(gain)) for symbol, gain in zip(symbols, gains[:, at], strict=True))
    return Worst(row_label(*rows[at]), max(0.0, -float(gains[:, at].sum())), losses)


def delta_charges(book: Book, name: str, rules: Rules) -> list[tuple[str, float]]:
    """The charge on net and hedged delta of an underlying, by what each position adds to it or takes off."""
    straight, options = book.straight(name), options_of(book, name)
    deltas = np.array([each.amount for each in straight] + (options.amounts * options.deltas()).tolist())
    along = deltas * np.sign(deltas.sum())
    charges = (rules.net_delta * along + rules.hedged_delta * (np.abs(deltas) - along) / 2) * book.underlyings[
        name
    ].price
    return [(each.symbol, charge) for each, charge in zip((*straight, *options.held), charges.tolist(), strict=True)]


def _offset(amounts: list[float]) -> float:
    """Units long that are short elsewhere."""
    longs, shorts = sum(max(0.0, each) for each in amounts), sum(max(0.0, -each) for each in amounts)
    return min(longs, shorts)


def _part(what: str, asked: float, rules: Rules) -> Part:
    return Part(what, rules.initial * asked, rules.maintenance * asked)

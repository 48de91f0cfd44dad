"""SPAN: sixteen scenarios a combined commodity, charges between its months, credits between commodities, a minimum.

Per commodity: scan risk is the largest loss over the scenarios, a day ahead; months that offset each other are charged
per delta spread. Between commodities, pairs in order of priority take deltas off both sides and are credited a part of
their weighted futures price risk: the part of scan risk that is left without time and volatility, per unit of net
delta. What an account must hold is at least the minimum for its short options; maintenance x ``initial`` is initial.

A commodity's deltas are composite: those of seven prices, weighted.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from novate.risk.checks import Floats
from novate.risk.errors import RiskError
from novate.risk.scenarios.span import STEPS
from novate.risk.venues.book import Book, Future, NotCovered
from novate.risk.venues.options import options_of, results
from novate.risk.venues.requirement import Factor, Part, Risk, Share, largest, market, weighed


class Commodity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A combined commodity, per unit of the underlying; ``vol_range`` is None where options have none.

    ``spread`` is charged for every unit of delta that is long in one month and short in another; ``short_option`` is
    the least for every unit of a short option.
    """

    price_range: Factor
    vol_range: Factor | None = None
    spread: Factor = 0.0
    short_option: Factor = 0.0


Deltas = Annotated[float, Meta(gt=0.0)]


class Credit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pair of commodities: deltas of each that make one spread, whether they stand on opposite sides of the market,
    and the part of the futures price risk of those deltas that is let off."""

    legs: tuple[str, str]
    deltas: tuple[Deltas, Deltas]
    rate: Share
    opposite: bool = True


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters: ``pairs`` of commodities in order of priority, ``weights`` of a price unchanged and
    one, two and three thirds of the range away (their sum need not be one)."""

    commodities: dict[str, Commodity]
    extreme_ranges: Factor
    extreme_counted: Share
    initial: Factor
    weights: tuple[Factor, Factor, Factor, Factor]
    horizon_days: Factor = 1.0
    pairs: tuple[Credit, ...] = ()
    collateral: dict[str, Share] = {}

    def __post_init__(self) -> None:
        if not any(self.weights):
            raise RiskError("weights: all of them are 0: give one above it")
        for each in self.pairs:
            for leg in each.legs:
                if leg not in self.commodities:
                    raise RiskError(f"pairs: {leg!r} is unknown: add commodities.{leg}")


@dataclass(frozen=True, slots=True)
class Scan:
    """A commodity's scan: results by position and scenario, and the scenario ``at`` that decides.

    Credits work on net ``deltas`` and on ``price_risk`` per unit of them; ``spreads`` are units of delta long in one
    month and short in another, ``minimum`` is that of its short options.
    """

    name: str
    gains: Floats
    symbols: tuple[str, ...]
    at: int
    scan_risk: float
    price_risk: float
    deltas: float
    spreads: float
    minimum: float


def requirement(book: Book, rules: Rules) -> Risk:
    """What SPAN asks for before the value of options, commodity by commodity."""
    scans = {name: scan(book, name, market(rules.commodities, name), rules) for name in book.held()}
    off = inter_commodity(scans, rules)
    parts: list[Part] = []
    for name, of in scans.items():
        charge = of.spreads * rules.commodities[name].spread
        floor = of.minimum - (of.scan_risk + charge - off.get(name, 0.0))
        for what, asked in (
            (f"{name}: scenario {of.at + 1}, {_label(of.at, rules)}", of.scan_risk),
            (f"{name}: {of.spreads:g} spreads between months", charge),
            (f"{name}: credit between commodities", -off.get(name, 0.0)),
            (f"{name}: up to the minimum for short options", max(0.0, floor)),
        ):
            parts.append(Part(what, rules.initial * asked, asked))
    losses = [
        (symbol, -float(loss))
        for of in scans.values()
        for symbol, loss in zip(of.symbols, of.gains[:, of.at], strict=True)
    ]
    options = [options_of(book, name) for name in book.held()]
    return Risk(
        parts=tuple(parts),
        option_value=sum(float(each.amounts @ each.now()) for each in options if len(each)),
        measured_from_value=True,
        collateral=weighed(book.collateral, rules.collateral),
        worst="; ".join(f"{name}: {_label(of.at, rules)}" for name, of in scans.items()),
        contributors=largest(losses),
    )


def risk_arrays(book: Book, name: str, of: Commodity, rules: Rules) -> tuple[list[str], Floats]:
    """Symbols, and what each position gains in the sixteen scenarios as they count, ``[position, scenario]``."""
    options = options_of(book, name)
    if len(options) and of.vol_range is None:
        raise NotCovered(f"{options.held[0].symbol}: the rules have no volatility range for options of {name}")
    price = book.underlyings[name].price
    steps = [float(step) for step in STEPS for _ in (1, -1)] + [rules.extreme_ranges, -rules.extreme_ranges]
    ways = np.array([1.0, -1.0] * len(STEPS) + [0.0, 0.0])
    vols = np.maximum(0.0, options.vols[:, None] + ways * (of.vol_range or 0.0))
    moved = 1 + np.array(steps) * of.price_range / price
    if len(options) and moved.min() <= 0:
        raise RiskError(f"{name}: {rules.extreme_ranges:g} ranges of {of.price_range:g} take {price:g} below zero")
    symbols, gains = results(book, name, moved, vols, days=rules.horizon_days)
    straight = book.straight(name)
    # A future moves by the range itself, wherever its own price stands beside that of the underlying.
    gains[: len(straight)] = np.array([each.amount for each in straight])[:, None] * np.array(steps) * of.price_range
    return symbols, gains * np.array([1.0] * 14 + [rules.extreme_counted] * 2)


def scan(book: Book, name: str, of: Commodity, rules: Rules) -> Scan:
    """The scan of one commodity."""
    symbols, gains = risk_arrays(book, name, of, rules)
    losses = -gains.sum(axis=0)
    at = int(np.argmax(losses))
    months = month_deltas(book, name, of, rules)
    net = sum(months.values())
    longs = sum(max(0.0, each) for each in months.values())
    shorts = sum(max(0.0, -each) for each in months.values())
    options = options_of(book, name)
    minimum = of.short_option * float(np.maximum(0.0, -options.amounts).sum())
    risk = max(0.0, float(losses[at]))
    per_delta = max(0.0, futures_price_risk(losses, at)) / abs(net) if net else 0.0
    return Scan(name, gains, tuple(symbols), at, risk, per_delta, net, min(longs, shorts), minimum)


def futures_price_risk(losses: Floats, at: int) -> float:
    """The loss of the worst scenario without volatility (mean with its pair) and time (mean of the first two)."""
    pair = losses[at] if at >= 14 else (losses[at - at % 2] + losses[at - at % 2 + 1]) / 2
    return float(pair - (losses[0] + losses[1]) / 2)


def month_deltas(book: Book, name: str, of: Commodity, rules: Rules) -> dict[datetime | None, float]:
    """Composite delta of every month, by its expiry; perpetuals in one of their own."""
    found: dict[datetime | None, float] = {}
    for each in book.straight(name):
        month = each.expiry if isinstance(each, Future) else None
        found[month] = found.get(month, 0.0) + each.amount
    options = options_of(book, name)
    if len(options):
        weights = np.array([rules.weights[abs(step.numerator * (3 // step.denominator))] for step in STEPS])
        moves = [1 + float(step) * of.price_range / book.underlyings[name].price for step in STEPS]
        deltas = np.stack([replace(options, forwards=options.forwards * move).deltas() for move in moves], axis=1)
        composite = options.amounts * (deltas @ weights) / weights.sum()
        for each, delta in zip(options.held, composite, strict=True):
            found[each.expiry] = found.get(each.expiry, 0.0) + float(delta)
    return found


def inter_commodity(scans: dict[str, Scan], rules: Rules) -> dict[str, float]:
    """The credit of each commodity: pairs take deltas in order of priority, each delta once."""
    left = {name: of.deltas for name, of in scans.items()}
    found: dict[str, float] = {}
    for pair in rules.pairs:
        first, second = pair.legs
        if first not in left or second not in left or not left[first] * left[second]:
            continue
        if (left[first] * left[second] < 0) != pair.opposite:
            continue
        spreads = min(abs(left[leg]) / each for leg, each in zip(pair.legs, pair.deltas, strict=True))
        for leg, each in zip(pair.legs, pair.deltas, strict=True):
            used = spreads * each
            left[leg] -= used if left[leg] > 0 else -used
            found[leg] = found.get(leg, 0.0) + scans[leg].price_risk * used * pair.rate
    return found


def _label(at: int, rules: Rules) -> str:
    if at >= 14:
        return f"{'+' if at == 14 else '-'}{rules.extreme_ranges:g} ranges, counted {rules.extreme_counted:g}"
    return f"{STEPS[at // 2]} of the range, vol {'down' if at % 2 else 'up'}"

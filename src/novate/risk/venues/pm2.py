"""Derive's portfolio margin, version 2: scenarios of price, volatility and skew, static discounts, contingencies.

Every result is measured from the value of options now. In a scenario an expiry's value is multiplied by the long static
discount where it is zero or more and by the short one below; in the scenarios of the skew an expiry's result enters as
minus its size, whichever way the skew turns. The worst of all scenarios and of the contingency for the basis is
multiplied by a loss factor; contingencies come on top.
"""

from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from novate.risk.checks import Floats
from novate.risk.errors import RiskError
from novate.risk.scenarios.crypto_grid import Grid, SkewShock, row_label, skew_multiplier
from novate.risk.venues.book import Book, NotCovered, no_futures
from novate.risk.venues.options import Options, naked_shorts, options_of
from novate.risk.venues.requirement import Factor, Part, Penalty, Risk, Share, doubt, largest, taken


class Discount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an expiry's value in a scenario: base, and what the rate is multiplied by and raised by."""

    base: Factor
    rate_times: Factor
    rate_plus: Factor


class Basis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices up and down, and the part of an expiry's worse loss that counts: plus + times x years."""

    up: Factor
    down: Factor
    plus: Factor
    times: Factor


class Shares(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a notional: asked for at maintenance, and at initial besides."""

    maintenance: Share
    initial_more: Share


class Asset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A collateral's haircuts, and the underlying whose price it follows in scenarios, if any: it is taken in an
    account of that underlying alone."""

    maintenance: Share
    initial_more: Share
    follows: str = ""


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters. ``oracle`` is asked for doubt about prices; with the stablecoin below
    ``peg_threshold`` the initial loss factor rises by ``peg_factor`` for what is missing."""

    underlyings: tuple[str, ...]
    grid: Grid
    linear: SkewShock
    absolute: SkewShock
    long_discount: Discount
    short_discount: Discount
    basis: Basis
    perpetual: Shares
    naked_short: Shares
    initial_loss: Factor
    maintenance_loss: Factor
    oracle: Penalty
    peg_threshold: Factor
    peg_factor: Factor
    collateral: dict[str, Asset] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """A scenario's result: of the perpetuals, of each expiry and of collateral that follows the price."""

    label: str
    perpetuals: float
    expiries: tuple[tuple[str, float], ...]
    collateral: float

    @property
    def total(self) -> float:
        return self.perpetuals + sum(result for _, result in self.expiries) + self.collateral


def requirement(book: Book, rules: Rules) -> Risk:
    """What the manager asks for of an account, which holds one underlying."""
    name = _only(book, rules)
    options = options_of(book, name)
    found = scenarios(book, name, options, rules)
    by_basis = basis_contingency(options, rules.basis)
    basis = sum(result for _, result in by_basis)
    at = min(range(len(found)), key=lambda each: found[each].total)
    worst = min(0.0, found[at].total, basis)
    label = found[at].label if found[at].total <= basis else "basis"
    missing = max(0.0, rules.peg_threshold - book.needs_stable_price())
    initial = rules.initial_loss + missing * rules.peg_factor
    parts = (
        Part(f"worst scenario: {label}", -worst * initial, -worst * rules.maintenance_loss),
        *contingencies(book, name, options, rules),
    )
    decisive = found[at]
    losses = [(each, -result) for each, result in (by_basis if label == "basis" else decisive.expiries)]
    if label != "basis":
        losses += [(f"{name}-PERP", -decisive.perpetuals), ("collateral", -decisive.collateral)]
    return Risk(
        parts=parts,
        option_value=float(options.amounts @ options.now()) if len(options) else 0.0,
        measured_from_value=True,
        collateral=sum(collateral_values(book, rules).values()),
        worst=label,
        contributors=largest(losses),
    )


def scenarios(book: Book, name: str, options: Options, rules: Rules) -> tuple[Scenario, ...]:
    """Every scenario's result, in the order of the grid: prices from the top down, tails, skews."""
    rows = rules.grid.rows()
    moved = np.array([1 + change for change, _, _ in rows])
    values = _by_expiry(options, options.shocked(rules.grid.vol, [way for _, way, _ in rows]), moved)
    gains = _discounted(options, values, rules) - _by_expiry(options, options.vols[:, None], np.ones(1))
    straight = sum(each.amount * each.price for each in book.straight(name))
    values = collateral_values(book, rules)
    follows = sum(value for asset, value in values.items() if rules.collateral[asset].follows == name)
    names = _expiry_names(options)
    found = []
    for at, (change, _, part) in enumerate(rows):
        by_expiry = tuple(zip(names, map(float, gains[:, at] * part), strict=True))
        found.append(Scenario(row_label(*rows[at]), straight * change * part, by_expiry, follows * change * part))
    skews = (("linear", rules.grid.linear_skew, rules.linear), ("abs", rules.grid.abs_skew, rules.absolute))
    for way, there, shock in skews:
        if there:
            losses = map(float, -np.abs(_skewed(options, rules, way, shock)))
            found.append(Scenario(f"skew {way}", 0.0, tuple(zip(names, losses, strict=True)), 0.0))
    return tuple(found)


def basis_contingency(options: Options, basis: Basis) -> list[tuple[str, float]]:
    """Of each expiry the worse of a rise and a fall, not above zero, by a factor that grows with time: their sum is the
    contingency."""
    moved = np.array([1.0, basis.up, basis.down])
    values = _by_expiry(options, np.repeat(options.vols[:, None], 3, axis=1), moved)
    worse = np.minimum(0.0, (values[:, 1:] - values[:, :1]).min(axis=1, initial=0.0))
    results = worse * (basis.plus + basis.times * _expiry_column(options, options.years))
    return list(zip(_expiry_names(options), results.tolist(), strict=True))


def contingencies(book: Book, name: str, options: Options, rules: Rules) -> tuple[Part, ...]:
    """What is asked for besides the worst scenario."""
    price = book.underlyings[name].price
    units = sum(abs(each.amount) for each in book.straight(name))
    naked = naked_shorts(options)
    shared = min([book.underlyings[name].confidence, *(each.confidence for each in book.straight(name))])
    doubted = doubt(shared, units * price, rules.oracle)
    for number in range(len(_expiry_names(options))):
        here = options.expiry == number
        notional = float(np.abs(options.amounts[here]).sum()) * price
        doubted += doubt(min(shared, float(options.confidence[here].min())), notional, rules.oracle)
    haircut = np.zeros(2)
    for asset, value in collateral_values(book, rules).items():
        of = rules.collateral[asset]
        haircut += value * np.array([of.maintenance + of.initial_more, of.maintenance])
    for each in book.collateral:
        confidence = min(each.confidence, book.underlyings[name].confidence)
        doubted += doubt(confidence, each.value / book.needs_stable_price(), rules.oracle)
    return (
        _shares("perpetuals", units * price, rules.perpetual),
        _shares("options short and naked", naked * price, rules.naked_short),
        Part("haircuts of collateral", *map(float, haircut)),
        Part("doubt about prices", doubted, 0.0),
    )


def collateral_values(book: Book, rules: Rules) -> dict[str, float]:
    """What each collateral is worth in the stablecoin. Raises ``NotCovered`` for one that is not taken."""
    values: dict[str, float] = {}
    for each in book.collateral:
        taken(rules.collateral, each.asset)
        values[each.asset] = values.get(each.asset, 0.0) + each.value / book.needs_stable_price()
    return values


def discounts(rate: Floats, years: Floats, rules: Rules) -> tuple[Floats, Floats]:
    """The static discounts of long and of short expiries."""
    long, short = rules.long_discount, rules.short_discount
    longs = long.base * np.exp(-years * (rate * long.rate_times + long.rate_plus))
    shorts = short.base * np.exp(years * (rate * short.rate_times + short.rate_plus))
    return longs, np.minimum(np.exp(rate * years), shorts)


def _only(book: Book, rules: Rules) -> str:
    held = book.held()
    for name in held:
        if name not in rules.underlyings:
            raise NotCovered(f"{name}: the rules cover {', '.join(rules.underlyings)}")
    if len(held) > 1:
        raise NotCovered(f"{', '.join(held)}: the rules margin one underlying in an account: give each its own book")
    followed = [taken(rules.collateral, each.asset).follows for each in book.collateral]
    known = [name for name in rules.underlyings if name in book.underlyings]
    there = held or tuple(name for name in (*followed, *book.underlyings) if name in known)
    if not there:
        raise RiskError(f"$.underlyings: the rules look at the price of {' or '.join(rules.underlyings)}: add one")
    name = there[0]
    no_futures(book, name)
    for each, of in zip(book.collateral, followed, strict=True):
        if of and of != name:
            raise NotCovered(f"{each.asset}: its haircut is that of a hedge of {of}, and the account is one of {name}")
    return name


def _by_expiry(options: Options, vols: Floats, moved: Floats) -> Floats:
    """Value of the options of each expiry, ``[expiry, scenario]``."""
    out = np.zeros((len(_expiry_names(options)), len(moved)))
    if len(options):
        values = options.amounts[:, None] * options.values(vols, moved)
        np.add.at(out, options.expiry.astype(int), values)
    return out


def _discounted(options: Options, values: Floats, rules: Rules) -> Floats:
    longs, shorts = discounts(_expiry_column(options, options.rates), _expiry_column(options, options.years), rules)
    return values * np.where(values >= 0, longs[:, None], shorts[:, None])


def _skewed(options: Options, rules: Rules, way: str, shock: SkewShock) -> Floats:
    """Result of each expiry where the skew turns."""
    if not len(options):
        return np.zeros(0)
    money = np.log(options.strikes / options.forwards)
    turned = skew_multiplier(money, options.years, float(way == "linear"), float(way == "abs"), shock)
    values = _by_expiry(options, (options.vols * turned)[:, None], np.ones(1))
    return (_discounted(options, values, rules) - _by_expiry(options, options.vols[:, None], np.ones(1)))[:, 0]


def _expiry_names(options: Options) -> list[str]:
    """Names of the expiries in their order, one for each instant."""
    names = {each.expiry: f"{each.underlying} options of {each.expiry:%Y-%m-%d %H:%M}" for each in options.held}
    return list(names.values())


def _expiry_column(options: Options, column: Floats) -> Floats:
    """The column of the options, expiry by expiry."""
    _, first = np.unique(options.expiry, return_index=True)
    return column[first]


def _shares(what: str, notional: float, shares: Shares) -> Part:
    return Part(what, notional * (shares.maintenance + shares.initial_more), notional * shares.maintenance)

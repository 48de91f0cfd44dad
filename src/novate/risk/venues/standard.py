"""Margin position by position: perpetuals by rates, short options isolated or, where a rule has it, bounded by expiry.

Derive's standard manager and Deribit's standard margin. With S the price of the underlying, V the value of the shorts,
OTM how far out of the money they are as a part of S, and n the amount short:

====  ==============================================================  =====================================
       initial                                                         maintenance
====  ==============================================================  =====================================
call  V + max(spot - OTM, spot_min) S n                               V + maintenance_spot S n
put   the larger of the same, and put_over_maintenance x maintenance  V + max(maintenance_spot S n, put_value V)
====  ==============================================================  =====================================

Longs give nothing. ``bounded``: an expiry instead asks for the most that its payoff can lose over prices of zero and
every strike, and for net short calls ``unpaired`` x forward each, where that is less than the sum of the isolated.

Rates of perpetuals and futures may grow with size, in proportion (``step``) or with its square root (``root``), and
what collateral counts for may fall with the root of its amount: ``risk.collateral.size_weights``.
"""

import numpy as np
from msgspec import Struct

from novate.core.money import PPM
from novate.risk.collateral.size_weights import FULL, asset_weight, liability_weight
from novate.risk.errors import RiskError
from novate.risk.venues.book import Book, NotCovered, no_futures
from novate.risk.venues.options import Options, options_of
from novate.risk.venues.requirement import (
    NO_PENALTY,
    Factor,
    Part,
    Penalty,
    Risk,
    Share,
    doubt,
    largest,
    market,
    weighed,
)


class Straight(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of a perpetual's or future's notional; ``step`` is added per unit of its size, and with ``root`` each is
    at least 0.8 of itself + ``root`` x √size, in ten-thousandths cut off."""

    initial: Share
    maintenance: Share
    step: Share = 0.0
    root: Share = 0.0

    def __post_init__(self) -> None:
        if self.root and not all(_whole(rate, FULL) for rate in (self.initial, self.maintenance)):
            raise RiskError(f"{self}: with a root the rates are whole ten-thousandths: round them")
        if not _whole(self.root, PPM):
            raise RiskError(f"root {self.root}: expected whole millionths: round it")

    def for_size(self, size: float) -> np.ndarray:
        """What is added to (initial, maintenance) for a size, zero or more."""
        rates, factor = np.array([self.initial, self.maintenance]), round(self.root * PPM)
        if not factor:
            return np.full(2, self.step * size)
        grown = [liability_weight(round(size * 10**9), round(rate * FULL), factor) / FULL for rate in rates.tolist()]
        return self.step * size + np.maximum(grown, rates) - rates


class Isolated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of a short option, as the table above has them."""

    spot: Share
    spot_min: Share
    maintenance_spot: Share
    put_value: Share
    put_over_maintenance: Factor


class Unpaired(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of the forward, for every net short call of an expiry."""

    initial: Factor
    maintenance: Factor


class Market(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One underlying's rates."""

    straight: Straight
    option: Isolated | None = None


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters. ``futures``: dated ones are covered as perpetuals are; ``discounted``: option values
    carry the rate of their expiry; ``collateral_roots``: an asset counts for 1.1 / (1 + root x √amount) at most, in
    ten-thousandths cut off."""

    markets: dict[str, Market]
    futures: bool
    discounted: bool
    bounded: Unpaired | None = None
    collateral: dict[str, Share] = {}
    collateral_roots: dict[str, Share] = {}
    oracle: Penalty = NO_PENALTY
    depeg: Penalty | None = None

    def __post_init__(self) -> None:
        for asset, root in self.collateral_roots.items():
            if asset not in self.collateral:
                raise RiskError(f"collateral_roots.{asset}: the rules do not take it: give collateral.{asset}")
            if not (_whole(root, PPM) and _whole(self.collateral[asset], FULL)):
                raise RiskError(
                    f"collateral_roots.{asset}: {root} and {self.collateral[asset]}: expected whole millionths, and a "
                    "weight in whole ten-thousandths: round them"
                )


def requirement(book: Book, rules: Rules) -> Risk:
    """What standard margin asks for, underlying by underlying."""
    straight, sizes, options = np.zeros(2), np.zeros(2), np.zeros(2)
    collateral, notes = _collateral(book, rules)
    doubted = sum(doubt(each.confidence, each.value, rules.oracle) for each in book.collateral)
    exposed, value = 0.0, 0.0
    asked: list[tuple[str, float]] = []
    for name in book.held():
        of, price = market(rules.markets, name), book.underlyings[name].price
        if not rules.futures:
            no_futures(book, name)
        for each in book.straight(name):
            size = abs(each.amount)
            rates, more = np.array([of.straight.initial, of.straight.maintenance]), of.straight.for_size(size)
            straight += size * each.price * rates
            sizes += size * each.price * more
            asked.append((each.symbol, float(size * each.price * (rates + more)[0])))
            doubted += doubt(min(each.confidence, book.underlyings[name].confidence), size * price, rules.oracle)
            exposed += size * price
        held = options_of(book, name)
        value += float(held.amounts @ held.now(rates=rules.discounted)) if len(held) else 0.0
        for expiry in np.unique(held.expiry):
            label, need = _expiry(held, held.expiry == expiry, price, of.option, rules)
            options += need
            asked.append((label, float(need[0])))
            here = held.expiry == expiry
            shorts = float(np.maximum(0.0, -held.amounts[here]).sum())
            doubted += doubt(float(held.confidence[here].min()), shorts * price, rules.oracle)
            exposed += shorts * price
    parts = (
        Part("perpetuals and futures", *map(float, straight)),
        Part("perpetuals and futures, for their size", *map(float, sizes)),
        Part("options", *map(float, options)),
        Part("doubt about prices", doubted, 0.0),
        Part("stablecoin below its peg", _depeg(book, rules) * exposed, 0.0),
    )
    return Risk(
        parts=parts,
        option_value=value,
        measured_from_value=False,
        collateral=collateral,
        contributors=largest(asked),
        notes=notes,
    )


def isolated(options: Options, price: float, rates: Isolated, *, discounted: bool) -> np.ndarray:
    """What each option asks for on its own, ``[option, (initial, maintenance)]``; nothing for longs."""
    size, values = np.maximum(0.0, -options.amounts), options.now(rates=discounted)
    call = options.calls > 0
    away = np.maximum(0.0, np.where(call, options.strikes - price, price - options.strikes)) / price
    initial = size * (values + np.maximum(rates.spot - away, rates.spot_min) * price)
    floor = rates.maintenance_spot * price
    maintenance = size * (values + np.where(call, floor, np.maximum(floor, rates.put_value * values)))
    initial = np.where(call, initial, np.maximum(initial, rates.put_over_maintenance * maintenance))
    return np.stack([initial, maintenance], axis=1)


def bounded(options: Options) -> tuple[float, float]:
    """The most that the payoff of options of one expiry loses at a price of zero or a strike, zero or more, and the
    price where it does. Net short calls lose without bound beyond; they are the caller's to add."""
    prices = np.unique(np.concatenate([[0.0], options.strikes]))
    away = prices[None, :] - options.strikes[:, None]
    payoff = options.amounts @ np.maximum(0.0, np.where(options.calls[:, None] > 0, away, -away))
    at = int(np.argmin(payoff))
    return max(0.0, -float(payoff[at])), float(prices[at])


def _expiry(
    held: Options, here: np.ndarray, price: float, rates: Isolated | None, rules: Rules
) -> tuple[str, np.ndarray]:
    """What the options of one expiry ask for, initial and maintenance, and their name with the rule that decides."""
    options = held.where(here)
    name = f"{options.held[0].underlying} options of {options.held[0].expiry:%Y-%m-%d}"
    if rates is None:
        raise NotCovered(f"{options.held[0].symbol}: the rules cover no options of {options.held[0].underlying}")
    alone = isolated(options, price, rates, discounted=rules.discounted).sum(axis=0)
    if rules.bounded is None:
        return f"{name}, each alone", alone
    loss, at = bounded(options)
    unpaired = max(0.0, -float(options.amounts[options.calls > 0].sum())) * float(options.forwards[0])
    whole = loss + unpaired * np.array([rules.bounded.initial, rules.bounded.maintenance])
    label = f"{name}, together at {at:g}" if whole[0] < alone[0] else f"{name}, each alone"
    return label, np.minimum(alone, whole)


def _collateral(book: Book, rules: Rules) -> tuple[float, tuple[str, ...]]:
    """What collateral counts for, and which counts for less because there is so much of it."""
    weights, notes = dict(rules.collateral), []
    for asset, root in rules.collateral_roots.items():
        size = sum(each.amount for each in book.collateral if each.asset == asset)
        weight, small = (
            asset_weight(round(size * 10**9), round(weights[asset] * FULL), round(root * PPM)),
            weights[asset],
        )
        weights[asset] = min(small, weight / FULL)
        if weights[asset] < small:
            notes.append(
                f"{asset}: {size:g} of it count at {100 * weights[asset]:g} %, and less of it at {100 * small:g} %"
            )
    return weighed(book.collateral, weights), tuple(notes)


def _whole(part: float, of: int) -> bool:
    return abs(part * of - round(part * of)) < 1e-6


def _depeg(book: Book, rules: Rules) -> float:
    """Of the notional of perpetuals and short options."""
    if rules.depeg is None:
        return 0.0
    return max(0.0, rules.depeg.threshold - book.needs_stable_price()) * rules.depeg.factor

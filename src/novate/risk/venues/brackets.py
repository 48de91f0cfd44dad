"""Margin by brackets of notional N: maintenance is continuous, N x rate - deduction; initial is N over a leverage.

Binance's futures and Hyperliquid. The deduction of a bracket is that of the bracket before plus its floor times the
rise of the rate, so that maintenance does not jump.
"""

import itertools
from typing import Annotated

from msgspec import Meta, Struct

from novate.risk.errors import RiskError
from novate.risk.venues.book import Book, only_perpetuals
from novate.risk.venues.requirement import Factor, Part, Risk, Share, largest, market, weighed


class Bracket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From a notional of ``above``: the rate of maintenance, and the largest leverage."""

    above: Factor
    maintenance: Share
    leverage: Annotated[float, Meta(ge=1.0)]


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters: brackets by underlying, from zero upwards, and the most notional that is allowed."""

    markets: dict[str, tuple[Bracket, ...]]
    limits: dict[str, Factor] = {}
    collateral: dict[str, Share] = {}

    def __post_init__(self) -> None:
        for name, brackets in self.markets.items():
            floors = [each.above for each in brackets]
            if not floors or floors[0] != 0 or floors != sorted(set(floors)):
                raise RiskError(f"markets.{name}: brackets begin at {floors}: begin at 0 and rise")


def requirement(book: Book, rules: Rules) -> Risk:
    """What brackets ask for, contract by contract."""
    parts: list[Part] = []
    for name in book.held():
        brackets = market(rules.markets, name)
        positions = only_perpetuals(book, name)
        notional = abs(sum(each.amount * each.price for each in positions))
        if notional > rules.limits.get(name, float("inf")):
            raise RiskError(f"{name}: a notional of {notional:,.2f} is beyond the last bracket, {rules.limits[name]:,}")
        at = bracket_of(brackets, notional)
        what = f"{positions[0].symbol}: bracket above {brackets[at].above:,.0f}, {brackets[at].leverage:g} times"
        parts.append(Part(what, notional / brackets[at].leverage, maintenance(brackets, notional)))
    return Risk(
        parts=tuple(parts),
        option_value=0.0,
        measured_from_value=True,
        collateral=weighed(book.collateral, rules.collateral),
        contributors=largest([(part.what.partition(":")[0], part.initial) for part in parts]),
    )


def bracket_of(brackets: tuple[Bracket, ...], notional: float) -> int:
    """The number of the bracket that a notional lies in; its upper end is its own."""
    return max(0, sum(each.above < notional for each in brackets) - 1)


def deductions(brackets: tuple[Bracket, ...]) -> tuple[float, ...]:
    """What each bracket takes off notional x rate."""
    found = [0.0]
    for before, each in itertools.pairwise(brackets):
        found.append(found[-1] + each.above * (each.maintenance - before.maintenance))
    return tuple(found)


def maintenance(brackets: tuple[Bracket, ...], notional: float) -> float:
    """Maintenance of a notional, continuous in it."""
    at = bracket_of(brackets, notional)
    return notional * brackets[at].maintenance - deductions(brackets)[at]

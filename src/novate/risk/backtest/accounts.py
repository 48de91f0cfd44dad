"""Accounts to be backtested: whose they are, what they hold of each series, and what that is worth day by day.

An *exposure* is what a unit's result is multiplied by: money held in a relative factor, units held of an absolute one,
money in what options are on; long is positive.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from novate.risk.backtest.options import Option, curves_of, require_priced
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory

HOUSE: Final = "the house"
"""All accounts together, in tables and figures."""
SIZE_MAX: Final = 1e100
"""Of a position: larger than any, and its sums and squares are numbers still."""


@dataclass(frozen=True, slots=True)
class Account:
    """A margin account of a member.

    Attributes
    ----------
    name : str
        That of its member, for the member's house account.
    lots : mapping of str to float
        Units of each series, held throughout; long is positive.
    weights : mapping of str to float
        Money in each series instead, in the currency of its price: the position is brought back to that size every day.
    options : tuple of Option
        Beside these, or alone.
    """

    name: str
    member: str
    lots: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        for what, held in (("lots", self.lots), ("weights", self.weights)):
            for series, size in held.items():
                if not abs(size) <= SIZE_MAX:
                    wrong = f"more than {SIZE_MAX:g}" if math.isfinite(size) else "not finite"
                    raise RiskError(f"account {self.name!r}: {what} of {series}: {size} is {wrong}: correct the number")
        if self.lots and self.weights:
            raise RiskError(f"account {self.name!r}: lots and weights: give one of them")
        for each in self.options:
            if not max(abs(each.lots), abs(each.weight)) <= SIZE_MAX:
                raise RiskError(f"account {self.name!r}: {each.name}: more than {SIZE_MAX:g}: correct the number")
        if not any((*self.lots.values(), *self.weights.values(), *self.options)):
            raise RiskError(f"account {self.name!r}: it holds nothing: give lots, weights or options, or leave it out")

    @property
    def held(self) -> Mapping[str, float]:
        """Lots or weights."""
        return self.lots or self.weights


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts of members. RiskError for an account that is there twice, one without a listed member, and a member
    without accounts."""

    members: tuple[str, ...]
    accounts: tuple[Account, ...]

    def __post_init__(self) -> None:
        if not self.accounts:
            raise RiskError("accounts: none: give one at least")
        _once("member", self.members)
        _once("account", [each.name for each in self.accounts])
        for each in self.accounts:
            if each.member not in self.members:
                raise RiskError(
                    f"account {each.name!r}: there is no member {each.member!r}: name it in `members`, or mend it"
                )
            if each.name != each.member and each.name in self.members:
                raise RiskError(
                    f"account {each.name!r}: it bears the name of a member that is not its own: name it otherwise"
                )
        for member in self.members:
            if member == HOUSE:
                raise RiskError(f"member {member!r}: that is what all members together are called: name it otherwise")
            if all(each.member != member for each in self.accounts):
                raise RiskError(f"member {member!r}: it has no account: give one, or leave the member out")

    @property
    def options(self) -> tuple[Option, ...]:
        """The options of all accounts, in their order."""
        return tuple(option for each in self.accounts for option in each.options)

    def series(self, known: Sequence[str]) -> tuple[str, ...]:
        """The series that some account holds, or has options on, and of those that are known what prices options."""
        held = dict.fromkeys(series for each in self.accounts for series in each.held)
        on = dict.fromkeys(option.on for option in self.options)
        return tuple(held | on | dict.fromkeys(name for series in on for name in curves_of(series, known)))


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What accounts hold, day by day.

    Attributes
    ----------
    names, members : tuple of str
        Of each account.
    exposures : ndarray of shape (n_times, n_accounts, n_factors + n_options)
        Row t is held from time t on, and comes from levels up to t alone.
    note : str
        Where the accounts come from, for a report.
    options : tuple of Option
        Of the last columns.
    """

    names: tuple[str, ...]
    members: tuple[str, ...]
    exposures: NDArray[np.float64]
    note: str
    options: tuple[Option, ...] = ()


def held(found: Accounts, history: FactorHistory, note: str) -> Held:
    """Exposures of accounts over a history.

    Raises ``RiskError`` for a series that the history lacks, and for a weight of an absolute factor or an option on
    one: what may be worth nothing cannot be held, or struck, in proportion to its price.
    """
    column = {factor.name: at for at, factor in enumerate(history.factors)}
    lots, weights = (np.zeros((len(found.accounts), len(column) + len(found.options))) for _ in range(2))
    last = len(column)
    for at, each in enumerate(found.accounts):
        for series, size in each.held.items():
            if series not in column:
                raise RiskError(
                    f"account {each.name!r}: there is no series {series!r}: the history has {', '.join(column)}"
                )
            factor = history.factors[column[series]]
            if each.weights and factor.kind == "absolute":
                raise RiskError(
                    f"account {each.name!r}: a weight of {series}, whose price may be zero or below: give lots"
                )
            (lots if each.lots else weights)[at, column[series]] = size
        for option in each.options:
            require_priced(option, history)
            lots[at, last], weights[at, last] = option.lots, option.weight
            last += 1
    relative = [factor.kind == "relative" for factor in history.factors]
    under = [column[option.on] for option in found.options]
    prices = np.concatenate([np.where(relative, history.levels, 1.0), history.levels[:, under]], axis=1)
    names, members = zip(*((each.name, each.member) for each in found.accounts), strict=True)
    return Held(names, members, lots * prices[:, None, :] + weights, note, found.options)


def _once(what: str, names: Sequence[str]) -> None:
    for at, name in enumerate(names):
        if not name:
            raise RiskError(f"{what} '': it has no name: give one")
        if name in names[:at]:
            raise RiskError(f"{what} {name!r}: it is there twice: leave one out, or name it otherwise")

"""Venue rulebooks: one engine, any venue's rules. Parameters are dated, sourced files; mechanisms are ``risk.venues``.

``load`` reads a rulebook by its name (a file of this package) or by the path of another, ``read_book`` a portfolio,
``margin`` puts the two together. ``margin_classes`` makes a rulebook one that a house can adopt.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from novate.files import FileError, converted, table_of
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory
from novate.risk.venues import (
    brackets,
    house_sheet,
    lognormal,
    open_interest,
    pm2,
    scan,
    shortfall,
    span,
    standard,
)
from novate.risk.venues import (
    margin_classes as classes,
)
from novate.risk.venues.book import FIGURE_MAX, Book, NotCovered, checked
from novate.risk.venues.requirement import Answer, Equity, Risk, answer

MECHANISMS: Final[dict[str, tuple[type[Struct], Callable[..., Risk]]]] = {
    "filtered_shortfall": (house_sheet.Rules, shortfall.requirement),
    "standard": (standard.Rules, standard.requirement),
    "scan": (scan.Rules, scan.requirement),
    "pm2": (pm2.Rules, pm2.requirement),
    "brackets": (brackets.Rules, brackets.requirement),
    "open_interest": (open_interest.Rules, open_interest.requirement),
    "lognormal": (lognormal.Rules, lognormal.requirement),
    "span": (span.Rules, span.requirement),
}
"""Name of a mechanism -> its parameters and its rule, from a book, the parameters and, of some, a history."""
FROM_HISTORY: Final = ("filtered_shortfall",)
"""Mechanisms whose scenarios come from a history of prices."""
EXACT: Final = ("filtered_shortfall", "open_interest")
"""Mechanisms that find a requirement in integers here; all others are calculators in floats."""
IN_TIERS: Final[dict[str, Callable[..., classes.Classes]]] = {
    "brackets": classes.of_brackets,
    "open_interest": classes.of_open_interest,
}
"""Mechanisms that ask contract by contract, as the tiers of a house do."""
SEE: Final = "docs/concepts/rulebooks-of-venues.md"


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rulebook's file. ``date`` is that of the parameters, ``sources`` where they are published; ``evaluation`` says
    whether the requirement is found here in exact integers, or by a calculator in floats."""

    venue: str
    date: date
    sources: tuple[str, ...]
    mechanism: str
    evaluation: Literal["exact", "calculator"]
    equity: Equity
    covers: str
    not_covered: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A venue's rules as read: its name, what its file says of them, and its mechanism's parameters."""

    name: str
    header: Header
    rules: Any

    @property
    def from_history(self) -> bool:
        """Whether a history of prices is part of what it margins by."""
        return self.header.mechanism in FROM_HISTORY

    @property
    def adopted_as(self) -> Literal["margin classes", "risk sheet"] | None:
        """What a house adopts to margin by it; None where no house can."""
        if self.header.mechanism in IN_TIERS:
            return "margin classes"
        return "risk sheet" if self.from_history else None


def names() -> tuple[str, ...]:
    """The rulebooks of this package, by name."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load(name: str) -> Rulebook:
    """A rulebook by its name, or by the path of a TOML file. Raises ``FileError``."""
    if not name.endswith(".toml"):
        if name not in names():
            raise FileError(f"{name}: there is no such rulebook: name one of {', '.join(names())}, or a .toml file")
        return _shipped(name)
    path = Path(name)
    return _rulebook(path.stem, table_of(path), name)


def read_book(path: Path) -> Book:
    """The portfolio of a TOML or JSON file (docs/concepts/rulebooks-of-venues.md). Raises ``FileError``."""
    book = converted(table_of(path), Book, str(path), SEE)
    try:
        return checked(book)
    except RiskError as error:
        raise FileError(f"{path}: {error}") from error


def margin(book: Book, rulebook: Rulebook, history: FactorHistory | None = None) -> Answer:
    """What a venue asks for of a book, what equity it would see, and why.

    ``history`` is that of the underlyings, for rules that margin by one; others do not look at it. Raises
    ``NotCovered`` for what the rules say nothing of, and ``RiskError`` for a figure that they need and the book or the
    history lacks.
    """
    return answer(book, rulebook.header.equity, risk_of(book, rulebook, history))


def risk_of(book: Book, rulebook: Rulebook, history: FactorHistory | None = None) -> Risk:
    """What a rulebook's mechanism finds before equity is held against it; as ``margin``."""
    _, requirement = MECHANISMS[rulebook.header.mechanism]
    if not rulebook.from_history:
        return requirement(book, rulebook.rules)
    if history is None:
        raise NotCovered("it margins by a history of prices: give one (--history FILE)")
    return requirement(book, rulebook.rules, history)


def margin_classes(rulebook: Rulebook) -> classes.Classes:
    """A rulebook as the ``margin_classes`` that ``ClearingHouse.adopt_rulebook`` takes: one for every underlying, under
    its name.

    Rates that are no whole parts per million are rounded up to the next, against the account; amounts are of the
    house's numeraire, in which contracts of these classes must settle. A house asks for no less than ``margin`` does,
    and for at most a millionth of the notional more, besides what each rounds. The largest notional of a venue is no
    part of a class: a house limits positions by the ``position_limit`` of a contract. A class whose initial margin
    rises with open interest is for a venue alone.

    Raises ``RiskError`` for rules that no tiers can say.
    """
    if rulebook.header.mechanism in IN_TIERS:
        return IN_TIERS[rulebook.header.mechanism](rulebook.rules)
    if rulebook.from_history:
        cure = "a house adopts its risk sheet, and margins whole portfolios by it"
    else:
        cure = f"tiers are rates of one contract's notional, long or short: choose of {', '.join(in_tiers())}"
    raise RiskError(f"{rulebook.name}: no margin classes can say what {rulebook.header.mechanism} asks for: {cure}")


def in_tiers() -> tuple[str, ...]:
    """The rulebooks of this package that a house can adopt as margin classes, by name."""
    return tuple(name for name in names() if load(name).header.mechanism in IN_TIERS)


@cache
def _shipped(name: str) -> Rulebook:
    file = f"{name}.toml"
    return _rulebook(name, tomllib.loads(resources.files(__name__).joinpath(file).read_text(encoding="utf-8")), file)


def _rulebook(name: str, table: dict[str, Any], file: str) -> Rulebook:
    header = converted(table, Header, file, SEE)
    if header.mechanism not in MECHANISMS:
        raise FileError(f"{file}: $.mechanism: {header.mechanism!r} is unknown: name one of {', '.join(MECHANISMS)}")
    evaluation = "exact" if header.mechanism in EXACT else "calculator"
    if header.evaluation != evaluation:
        raise FileError(f"{file}: $.evaluation: {header.mechanism} is evaluated otherwise: write {evaluation!r}")
    kind, _ = MECHANISMS[header.mechanism]
    if header.mechanism not in FROM_HISTORY:  # a model says itself what it takes: all years of a history are inf
        _check_finite(header.parameters, f"{file}: $.parameters")
    return Rulebook(name, header, converted(header.parameters, kind, f"{file}: $.parameters", SEE))


def _check_finite(value: Any, path: str) -> None:
    """``FileError`` for a figure that is none: TOML writes inf and nan, and bounds let the first of them pass."""
    if isinstance(value, dict):
        for name, each in value.items():
            _check_finite(each, f"{path}.{name}")
    elif isinstance(value, list):
        for at, each in enumerate(value):
            _check_finite(each, f"{path}[{at}]")
    elif isinstance(value, float) and not abs(value) <= FIGURE_MAX:
        raise FileError(f"{path}: got {value}: expected a finite number, {FIGURE_MAX:g} at most")

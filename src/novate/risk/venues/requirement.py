"""A requirement and its reasons, and the equity that it is held against: every amount on one side, once.

A mechanism says what it asks for part by part, and whether its parts already answer for the value of options. A
rulebook declares what its equity carries. ``answer`` moves what is declared otherwise to the other side as a part of
its own, so that equity less requirement is the same under every declaration.
"""

from dataclasses import dataclass
from math import fsum, isfinite
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

from msgspec import Meta, Struct

from novate.risk.errors import RiskError
from novate.risk.venues.book import Book, Collateral, NotCovered


class Part(NamedTuple):
    """Something that is asked for, in money; below zero it is let off."""

    what: str
    initial: float
    maintenance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """What a mechanism found.

    Attributes
    ----------
    parts : tuple of Part
        Their sums are the requirements.
    option_value : float
        Of all options together, as the mechanism values them; shorts are negative.
    measured_from_value : bool
        Whether parts count losses from the value of options now, so that equity carries it. Otherwise parts ask for the
        value of shorts and give nothing for longs, and equity does not carry it.
    collateral : float
        What collateral counts for.
    worst : str
        The scenario or case that decides.
    contributors : tuple of (str, float)
        What asks for most first: positions and their loss there.
    also : tuple of (str, float)
        Other levels that the venue has.
    notes : tuple of str
        What the answer rests on, and what it leaves out of this book.
    """

    parts: tuple[Part, ...]
    option_value: float
    measured_from_value: bool
    collateral: float = 0.0
    worst: str = ""
    contributors: tuple[tuple[str, float], ...] = ()
    also: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()


InOrOut = Literal["in", "out"]


class Equity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a venue's equity carries besides cash."""

    option_value: InOrOut
    unrealised: InOrOut
    collateral: InOrOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a venue would ask for, what it would hold that against, and why; in money."""

    initial: float
    maintenance: float
    equity: float
    parts: tuple[Part, ...]
    equity_parts: tuple[tuple[str, float], ...]
    worst: str
    contributors: tuple[tuple[str, float], ...]
    also: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]


def answer(book: Book, declared: Equity, risk: Risk) -> Answer:
    """Requirements and equity as declared. RiskError where the rules' figures are so large that a part is no number."""
    for part in risk.parts:
        if not (isfinite(part.initial) and isfinite(part.maintenance)):
            raise RiskError(f"{part.what}: {part.initial} and {part.maintenance}: correct the figures of the rules")
    parts, carried = list(risk.parts), [("cash", book.cash)]

    def place(what: str, amount: float, where: InOrOut, counted: bool) -> None:
        """An amount that equity has or not; ``counted``: whether the parts are right where equity has it."""
        if where == "in":
            carried.append((what, amount))
        if (where == "in") != counted and amount:
            asked = amount if where == "in" else -amount
            parts.append(Part(f"{what}, {'which equity carries' if where == 'in' else 'not in equity'}", asked, asked))

    place("unrealised result", book.unrealised, declared.unrealised, True)
    place("value of options", risk.option_value, declared.option_value, risk.measured_from_value)
    place("collateral", risk.collateral, declared.collateral, True)
    return Answer(
        initial=fsum(part.initial for part in parts),
        maintenance=fsum(part.maintenance for part in parts),
        equity=fsum(amount for _, amount in carried),
        parts=tuple(part for part in parts if part.initial or part.maintenance),
        equity_parts=tuple(carried),
        worst=risk.worst,
        contributors=risk.contributors,
        also=risk.also,
        notes=risk.notes,
    )


def largest(losses: list[tuple[str, float]], count: int = 5) -> tuple[tuple[str, float], ...]:
    """The largest losses first; what gains is left out."""
    return tuple(sorted(((name, loss) for name, loss in losses if loss > 0), key=lambda each: -each[1])[:count])


T = TypeVar("T")

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A parameter that is a part of something."""
Factor = Annotated[float, Meta(ge=0.0)]
"""A parameter that multiplies something, or adds to it."""


def market(markets: dict[str, T], underlying: str) -> T:
    """A market's own parameters. Raises ``NotCovered`` where the rules have none."""
    if underlying not in markets:
        raise NotCovered(f"{underlying}: the rules cover {', '.join(markets)}")
    return markets[underlying]


def taken(assets: dict[str, T], asset: str) -> T:
    """A collateral's own parameters. Raises ``NotCovered`` where it is not taken."""
    if asset not in assets:
        raise NotCovered(f"{asset}: the rules take no collateral but cash{''.join(f', {each}' for each in assets)}")
    return assets[asset]


def weighed(collateral: tuple[Collateral, ...], weights: dict[str, float]) -> float:
    """What collateral counts for. Raises ``NotCovered`` for an asset without a weight."""
    return sum(each.value * taken(weights, each.asset) for each in collateral)


class Penalty(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """(1 - confidence) or (threshold - price) x factor x notional, below the threshold; initial alone."""

    threshold: Share
    factor: Factor


NO_PENALTY: Final = Penalty(threshold=0.0, factor=0.0)


def doubt(confidence: float, notional: float, penalty: Penalty) -> float:
    """What is asked for because a price is not wholly believed: of the notional, the part of confidence that is missing
    of 1, times a factor, below a threshold."""
    return (1 - confidence) * penalty.factor * notional if confidence < penalty.threshold else 0.0

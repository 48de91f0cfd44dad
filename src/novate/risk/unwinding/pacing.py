"""Unwinding at a pace: a part of the book at a time, and what the house gains or loses by it."""

from dataclasses import dataclass, replace
from fractions import Fraction

from novate.core.money import ceil_div
from novate.risk.errors import RiskError


@dataclass(frozen=True, slots=True)
class Pace:
    """Every ``step_s`` seconds ``fraction`` of what is held is offered, all of it at ``full_size`` or less; never more
    than ``book_fraction`` of the volume that stands within ``slippage`` of the middle. Defaults of Vega v0.79."""

    step_s: int = 10
    fraction: Fraction = Fraction(1, 10)
    full_size: int = 20
    book_fraction: Fraction = Fraction(1, 20)
    slippage: Fraction = Fraction(1, 10)

    def __post_init__(self) -> None:
        parts = self.fraction, self.book_fraction
        if self.step_s <= 0 or self.full_size < 0 or self.slippage < 0 or not all(0 < part <= 1 for part in parts):
            raise RiskError(f"{self}: expected a positive time, parts up to all of it, and nothing negative")


def slice_size(pace: Pace, held: int, book_volume: int) -> int:
    """What is offered at this step: positive, to sell of a long or buy back of a short, both parts rounded up.

    ``book_volume`` is what stands on the other side within the slippage. Source: Vega v0.79, 0012-POSR.
    """
    if book_volume < 0:
        raise RiskError(f"a volume of {book_volume} in the book: expected nothing negative")
    wanted = abs(held)
    if wanted > pace.full_size:
        wanted = _part(pace.fraction, wanted)
    return min(wanted, _part(pace.book_fraction, book_volume))


def limits(pace: Pace, middle: Fraction) -> tuple[Fraction, Fraction]:
    """The limit of a sell order and that of a buy order around the middle of the book."""
    return max(Fraction(0), middle * (1 - pace.slippage)), middle * (1 + pace.slippage)


def _part(fraction: Fraction, size: int) -> int:
    return ceil_div(fraction.numerator * size, fraction.denominator)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the house has taken over in a market: its size, mean entry price, and what it has gained for good."""

    size: int = 0
    entry: Fraction = Fraction(0)
    realised: Fraction = Fraction(0)

    def taken(self, size: int, price: Fraction) -> "Inventory":
        """After a position is taken over at the mark, or a slice is traded at its price.

        More of the same side averages the entry; the other side realises a gain on what it nets, and where it turns the
        position round, the rest begins at its own price. Source: Vega v0.79, 0012-POSR.
        """
        if size == 0:
            raise RiskError("a take-over of nothing: leave it out")
        held = self.size + size
        if self.size * size >= 0:
            return replace(self, size=held, entry=(self.size * self.entry + size * price) / held)
        netted = min(abs(self.size), abs(size)) * (1 if self.size > 0 else -1)
        realised = self.realised + netted * (price - self.entry)
        entry = Fraction(0) if held == 0 else self.entry if held * self.size > 0 else price
        return Inventory(held, entry, realised)

    def unrealised(self, mark: Fraction) -> Fraction:
        """What closing everything at the mark would gain."""
        return self.size * (mark - self.entry)


def variation(open_volume: int, mark: int, mark_before: int) -> int:
    """What a party receives when a mark changes; the first mark after a trade is set against its price."""
    return open_volume * (mark - mark_before)

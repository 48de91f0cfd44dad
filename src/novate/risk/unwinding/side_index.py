"""Loss sharing and deleveraging of a whole side in one step: two numbers change, and no list is walked.

Everybody on a side holds ``floor(basis x scale / scale at entry)`` lots, and has gained ``basis x (shift - shift at
entry) / scale at entry``. A price moves ``shift``; a deficit that nobody can pay lowers it; deleveraging lowers
``scale``. Nobody is singled out. Longs and shorts are two sides.

Source: percolator (aeyakovenko/percolator), restated from its published design.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from novate.core.money import ceil_div, split_pro_rata
from novate.risk.errors import RiskError

ONE: Final = 10**36
"""The scale of a side that was never deleveraged."""
SCALE_MIN: Final = 10**27
"""Below this the roundings of a scale could come to a lot: the side is settled, and begins anew."""
LOTS_MAX: Final = 10**15


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a market: ``open_lots`` are all its lots, ``sign`` is 1 for longs and -1 for shorts."""

    sign: int
    open_lots: int
    scale: int = ONE
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A position as it was when its holder last traded: lots then (positive), and the side's numbers then."""

    basis: int
    scale: int
    shift: int


def join(side: Side, lots: int) -> tuple[Side, Member]:
    """Open so many lots (positive) on a side."""
    if not 0 < lots <= LOTS_MAX - side.open_lots:
        raise RiskError(f"{lots} lots: expected a positive number, on either side, and {LOTS_MAX} on it at most")
    return replace(side, open_lots=side.open_lots + lots), Member(lots, side.scale, side.shift)


def lots_of(side: Side, member: Member) -> int:
    """Lots that the member has now, rounded down; ``whole_lots`` gives out what the roundings leave."""
    return member.basis * side.scale // member.scale


def gain_of(side: Side, member: Member) -> int:
    """Money gained since the member last traded, rounded down; negative is a loss."""
    return member.basis * (side.shift - member.shift) // member.scale


def mark(side: Side, change_per_lot: int) -> Side:
    """The price of one lot changed by so much money."""
    return replace(side, shift=side.shift + side.sign * change_per_lot * side.scale)


def share_deficit(side: Side, deficit: int) -> Side:
    """Charge a deficit to everybody on the side by lots: ``shift`` falls by ``ceil(deficit x scale / open lots)``.

    Rounded up, and losses are rounded up in ``gain_of``, so that what is charged covers the deficit.
    """
    if deficit < 0 or side.open_lots <= 0:
        raise RiskError(f"a deficit of {deficit} over {side.open_lots} lots: expected somebody to bear it")
    return replace(side, shift=side.shift - ceil_div(deficit * side.scale, side.open_lots))


def deleverage_side(side: Side, lots: int) -> Side:
    """Take so many lots off the side, from everybody alike.

    The scale is rounded up, so that a deficit charged by lots is still covered; by less than would add a lot. RiskError
    for the whole side, and where the scale becomes too small: it is settled then, not scaled.
    """
    left = side.open_lots - lots
    if not 0 < left <= side.open_lots:
        raise RiskError(f"{lots} of {side.open_lots} lots: expected some of them, and not all: settle the whole side")
    scale = ceil_div(side.scale * left, side.open_lots)
    if scale < SCALE_MIN:
        raise RiskError(f"{lots} of {side.open_lots} lots leave a scale of {scale}: settle the side, and begin anew")
    return replace(side, open_lots=left, scale=scale)


def whole_lots(side: Side, members: Sequence[Member]) -> list[int]:
    """Lots of everybody on the side (all of its members), made whole by largest remainder: they sum to the side's lots.

    Before anything else reads a position, and before anybody leaves: lots of both sides go on summing to zero.
    """
    return split_pro_rata(side.open_lots, [member.basis * side.scale * ONE // member.scale for member in members])

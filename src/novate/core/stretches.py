"""Searches for a size or price along stretches on which what a bucket lacks is a convex function of it.

Initial less equity bends down only where a bracket begins or a position changes its sign: requirements are linear in a
bracket, an option's is the larger of two, and equity, whose losses and debts weigh at least as much as gains and
credits, bends the other way. Rounding can move it by a few fine units.
"""

import itertools
from collections.abc import Callable

from novate.core.book import Book


def sizes(book: Book, contract: int, held: int) -> list[int]:
    """Sizes of an order at which the slope of the requirement can change, ascending, up to the position limit.

    ``held`` is positive where the order adds to the position.
    """
    row = book.contracts[contract]
    limit = int(row["position_limit_lots"])
    reference = int(row["reference_fine"])
    marks = {0: None}
    for floor in floors(book, contract):
        if reference > 0:
            marks |= dict.fromkeys((floor // reference, -(floor // reference)))
    ends = dict.fromkeys([limit, *(mark - held + step for mark in marks for step in (-1, 0, 1))])
    return sorted(end for end in ends if 0 < end <= limit)


def floors(book: Book, contract: int) -> list[int]:
    """Where the brackets of a contract's margin class begin, in fine units of its settlement asset."""
    start, count = (int(book.contracts[contract][field]) for field in ("tier_start", "tier_count"))
    return [int(floor) for floor in book.tiers["floor_fine"][start : start + count]]


def last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last of ``low`` to ``high`` for which something holds that holds at ``low`` and ends once."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def lowest(figure: Callable[[int], int], low: int, high: int) -> int:
    """Where a convex figure is lowest between two integers."""
    while low < high:
        middle = (low + high) // 2
        if figure(middle) <= figure(middle + 1):
            high = middle
        else:
            low = middle + 1
    return low


def first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first of ``low`` to ``high`` for which something holds that begins once and holds at ``high``."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def stretches(ends: list[int]) -> list[tuple[int, int]]:
    """``(first, last)`` of the stretches from 1 on that end at the given sizes."""
    return [(before + 1, end) for before, end in itertools.pairwise([0, *ends])]

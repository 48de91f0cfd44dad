"""Searches for a size or price along stretches on which what a bucket lacks is a convex function of it.

Initial less equity bends down only where a bracket begins or a position changes its sign: requirements are linear in a
bracket, an option's is the larger of two, and equity, whose losses and debts weigh at least as much as gains and
credits, bends the other way. Where a requirement is capped by the worst that a position can lose it bends down too.
Rounding can move it by a few fine units.
"""

import itertools
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from novate.core.book import Book
from novate.core.layout import CAPPED, FUTURES_STYLE
from novate.core.margin import position_requirement
from novate.core.orders import open_orders_of
from novate.core.portfolio import is_portfolio

Figure = TypeVar("Figure", int, tuple[int, int])

BOUNDED = (CAPPED, FUTURES_STYLE)
"""Styles that never ask for more than a position can lose (of options, for the long ones)."""


def sizes(book: Book, bucket: int, contract: int, side: int) -> list[int]:
    """Sizes of an order at which the slope of a requirement can fall, ascending, up to the position limit.

    ``side`` is 1 to buy and -1 to sell. What is asked for is that of the position and of it with its resting orders
    filled.
    """
    row = book.contracts[contract]
    limit = int(row["position_limit_lots"])
    marks = dict.fromkeys((0, *(way * lots for lots in bends(book, bucket, contract) for way in (1, -1))))
    held = holdings(book, bucket, contract)
    ends = dict.fromkeys(
        [0, limit, *(mark - side * lots + step for lots in held for mark in marks for step in (-1, 0, 1))]
    )
    found = sorted(end for end in ends if 0 <= end <= limit)
    if int(row["style"]) in BOUNDED and not is_portfolio(book, bucket):
        for lots, which in itertools.product(held, (0, 1)):
            found += turns(lambda size: _worst_asked(book, contract, lots + side * size)[which], found)  # noqa: B023
        found = sorted(dict.fromkeys(found))
    return [end for end in found if end > 0]


def bends(book: Book, bucket: int, contract: int) -> list[int]:
    """Lots from which on more may ask for less each: where brackets begin, or the pieces of a risk sheet's add-on."""
    sheet = book.registers.sheet
    if sheet is not None and is_portfolio(book, bucket):
        symbol = book.registers.contracts[contract].symbol
        return [piece.floor_lots for row in sheet.contracts if row.symbol == symbol for piece in row.add_ons]
    reference = int(book.contracts[contract]["reference_fine"])
    return [floor // reference for floor in floors(book, contract)] if reference > 0 else []


def holdings(book: Book, bucket: int, contract: int) -> list[int]:
    """What a bucket holds of a contract, and what it would with its resting orders to buy, or to sell, filled."""
    held = next((lots for at, lots, _ in book.positions_of(bucket) if at == contract), 0)
    bids, asks = open_orders_of(book, bucket).get(contract, (0, 0))
    return list(dict.fromkeys((held, held + bids, held - asks)))


def _worst_asked(book: Book, contract: int, lots: int) -> tuple[bool, bool]:
    return worst_asked(book.contracts[contract], lots, position_requirement(book, contract, lots))


def worst_asked(row: np.void, lots: int, requirement: tuple[int, int]) -> tuple[bool, bool]:
    """Whether initial and maintenance of a bounded position are the worst it can lose, and no more what tiers ask."""
    worst = lots * (int(row["value_fine"]) - int(row["floor_value_fine" if lots > 0 else "cap_value_fine"]))
    return requirement[0] == worst, requirement[1] == worst


def turns(holds: Callable[[int], bool], ends: list[int]) -> list[int]:
    """Where, between ends in ascending order, something begins or ceases to hold that does so once at most."""
    found: list[int] = []
    for low, high in itertools.pairwise(sorted(ends)):
        begins = holds(low)
        if holds(high) != begins:
            at = last(lambda point: holds(point) == begins, low, high)  # noqa: B023
            found += [at, at + 1]
    return found


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


def lowest(figure: Callable[[int], Figure], low: int, high: int) -> int:
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

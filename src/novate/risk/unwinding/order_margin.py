"""Margin of resting orders and positions that are isolated by a factor of their price, and of bets paid in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from novate.risk.errors import RiskError


@dataclass(frozen=True, slots=True)
class Order:
    """A resting order: its limit, and how much of it is left (positive, on either side)."""

    price: int
    size: int


def order_margin(
    position: int, buys: Sequence[Order], sells: Sequence[Order], margin_factor: Fraction, *, position_factor: int = 1
) -> int:
    """What resting orders set aside: the side that asks more.

    Of the side that would reduce the position its first ``|position|`` units are free, orders in the order in which
    they would execute. Then ``margin factor x sum of limit x size / position factor``, cut to a whole unit. Sizes are
    in units of 1 / ``position_factor``. Source: Vega v0.79, 0019-MCAL.
    """
    bought = _side(buys, -position, margin_factor, position_factor)
    return max(bought, _side(sells, position, margin_factor, position_factor))


def _side(orders: Sequence[Order], reduces: int, margin_factor: Fraction, position_factor: int) -> int:
    _positive(position_factor)
    if margin_factor < 0:
        raise RiskError(f"a margin factor of {margin_factor}: expected nothing negative")
    free, worth = max(0, reduces), 0
    for order in orders:
        if order.size <= 0 or order.price < 0:
            raise RiskError(
                f"an order of {order.size} at {order.price}: expected a positive size and no negative limit"
            )
        covered = min(free, order.size)
        free -= covered
        worth += order.price * (order.size - covered)
    return int(margin_factor * worth / position_factor)


def margin_to_add(fills: Sequence[Order], margin_factor: Fraction, *, position_factor: int = 1) -> int:
    """What goes into the margin of a position that fills have enlarged, cut to a whole unit. Source: Vega v0.79."""
    return _side(fills, 0, margin_factor, position_factor)


def margin_to_release(
    balance: int, position: int, fills: Sequence[Order], mark: int, *, position_factor: int = 1
) -> int:
    """What leaves the margin of a position that fills have reduced: the part closed of what the balance would be if
    all of it had moved from the mark to the fills' mean price (cut to a whole unit), rounded down.

    All of it where nothing is left or the side changes; what is then held anew asks ``margin_to_add`` for itself at
    the last trade's price. Source: Vega v0.79, 0019-MCAL.
    """
    _positive(position_factor)
    traded = sum(fill.size for fill in fills)
    if position == 0 or traded <= 0:
        raise RiskError(f"{traded} traded of a position of {position}: expected a position, and a part of it")
    if traded >= abs(position):
        return balance
    mean = sum(fill.price * fill.size for fill in fills) // traded
    moved = balance + Fraction(position * (mean - mark), position_factor)
    released = moved * traded / abs(position)
    return released.numerator // released.denominator


def position_in_full(position: int, entry: int, price_max: int, *, position_factor: int = 1) -> int:
    """What a position in a fully collateralised product of a highest price holds: all that it can lose.

    A long its size x entry, a short (``position`` negative) its size x (highest price - entry), at its mean entry, cut
    to a whole unit; never called again, and never liquidated. Source: Vega v0.79, 0016-PFUT.
    """
    _positive(position_factor)
    _within(price_max, entry)
    at_risk = entry if position >= 0 else price_max - entry
    return abs(position) * at_risk // position_factor


def orders_in_full(
    buys: Sequence[Order], sells: Sequence[Order], price_max: int, *, position_factor: int = 1
) -> tuple[int, int]:
    """What the resting buys and the resting sells of such a product hold: size x limit, size x (highest price - limit).

    Cut to whole units. Source: Vega v0.79, 0016-PFUT.
    """
    _positive(position_factor)
    _within(price_max, *(order.price for order in (*buys, *sells)))
    bids = sum(order.price * order.size for order in buys)
    asks = sum((price_max - order.price) * order.size for order in sells)
    return bids // position_factor, asks // position_factor


def _within(price_max: int, *prices: int) -> None:
    for price in prices:
        if not 0 <= price <= price_max:
            raise RiskError(f"a price of {price}: expected one between 0 and {price_max}, the product's highest")


def _positive(position_factor: int) -> None:
    if position_factor <= 0:
        raise RiskError(f"position_factor {position_factor}: expected the positive count of parts of a unit")

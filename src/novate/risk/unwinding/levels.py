"""Four levels of margin with room between them, so that an account in trouble is not touched twice for one wobble."""

from dataclasses import dataclass
from fractions import Fraction

from novate.risk.errors import RiskError


@dataclass(frozen=True, slots=True)
class Levels:
    """Below ``maintenance`` an account is closed out; below ``search`` money is looked for, above ``release`` it is
    let go, in both cases to ``initial``."""

    maintenance: int
    search: int
    initial: int
    release: int


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What moves into the margin account (negative: out of it), and whether it is still below maintenance."""

    moved: int
    distressed: bool


def levels(maintenance: int, search: Fraction, initial: Fraction, release: Fraction) -> Levels:
    """The levels as multiples of maintenance, rounded down; from 1 on, increasing. Source: Vega v0.79, 0019-MCAL."""
    if maintenance < 0:
        raise RiskError(f"maintenance {maintenance}: a requirement is never negative")
    if not 1 <= search <= initial <= release:
        raise RiskError(f"multiples {search}, {initial}, {release}: expected them to increase from 1 on")
    return Levels(maintenance, *(int(multiple * maintenance) for multiple in (search, initial, release)))


def adjust(balance: int, available: int, at: Levels) -> Adjustment:
    """What a new price or a trade moves between an account's margin and the rest of its money.

    Between the search and the release level nothing moves. What is found may be less than what is looked for:
    ``available`` is all there is. Source: Vega v0.79, 0010-MARG.
    """
    moved = 0
    if balance < at.search:
        moved = min(max(0, available), at.initial - balance)
    elif balance > at.release:
        moved = at.initial - balance
    return Adjustment(moved, balance + moved < at.maintenance)


def liquidation_price(
    collateral: int,
    volume: int,
    price: Fraction,
    risk_factor: Fraction,
    *,
    linear_slippage: Fraction = Fraction(0),
    quadratic_slippage: Fraction = Fraction(0),
    funding_per_unit: Fraction = Fraction(0),
) -> Fraction | None:
    """The price at which a position's margin meets its maintenance, moved there from ``price``; 0 at the least, and
    None where no price does (nothing held, or a requirement that falls as fast as the position).

    ``(collateral - V P - max(0, V x funding)) / (|V| x linear + V^2 x quadratic + |V| x risk factor - V)``. Exact. With
    collateral equal to maintenance at P the answer is P. Source: Vega v0.79.
    """
    slope = abs(volume) * (linear_slippage + risk_factor) + volume * volume * quadratic_slippage - volume
    if slope == 0:
        return None
    funded = max(Fraction(0), volume * funding_per_unit)
    return max(Fraction(0), (collateral - volume * price - funded) / slope)

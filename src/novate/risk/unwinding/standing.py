"""Where an account stands, and what it holds in one market: the inputs that every rule of unwinding shares."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from novate.risk.errors import RiskError


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account, or one position of it, adds to its risk; all three add up over positions and cash.

    ``net`` is collateral and positions at their prices, negative where the account owes; ``initial`` and
    ``maintenance`` are requirements, never negative. In the smallest unit of money.
    """

    net: int
    initial: int
    maintenance: int

    def __post_init__(self) -> None:
        if self.initial < 0 or self.maintenance < 0:
            raise RiskError(f"initial {self.initial}, maintenance {self.maintenance}: a requirement is never negative")

    def __add__(self, other: "Standing") -> "Standing":
        return Standing(self.net + other.net, self.initial + other.initial, self.maintenance + other.maintenance)

    @property
    def is_liquidatable(self) -> bool:
        """Whether something is asked of the account that it does not have. One without positions never is."""
        return self.maintenance > 0 and self.net < self.maintenance


@dataclass(frozen=True, slots=True)
class Market:
    """A contract's price and what holding it asks.

    ``price`` is money per unit of size, a fraction; ``maintenance`` and ``initial`` turn the notional of a position
    (not negative) into what it asks, with the venue's own rounding.
    """

    price: Fraction
    maintenance: Callable[[int], int]
    initial: Callable[[int], int]

    def notional(self, size: int) -> int:
        """size x price, cut towards zero; negative for a short."""
        worth = abs(size) * self.price
        return (worth.numerator // worth.denominator) * (1 if size >= 0 else -1)

    def standing(self, size: int) -> Standing:
        """What a position of that size adds to its account."""
        notional = self.notional(size)
        return Standing(notional, self.initial(abs(notional)), self.maintenance(abs(notional)))


@dataclass(frozen=True, slots=True)
class Change:
    """What trading a position from one size to another does to its account, before any money is paid for it.

    ``notional`` is the signed notional after less that before: what the account's worth changes by without the money.
    ``relief`` is the fall of its maintenance requirement.
    """

    size: int
    notional: int
    relief: int


def closing(market: Market, held: int, size: int) -> Change:
    """The change that closes a part of a position: ``size`` has the other sign than ``held`` and is no larger.

    Raises ``RiskError`` for any other size: nothing held, zero, more of the same side, beyond flat.
    """
    if size == 0 or held == 0 or (size > 0) == (held > 0) or abs(size) > abs(held):
        raise RiskError(f"closing {size} of {held}: expected the other sign, and no more than is held")
    before, after = market.standing(held), market.standing(held + size)
    return Change(size, after.net - before.net, before.maintenance - after.maintenance)

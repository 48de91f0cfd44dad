"""A bucket: money, positions, orders and what it may do; a pool and its sub-accounts are judged together."""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from novate.core.terms import Role


@dataclass
class Position:
    """Long is positive; the result is lots x value less cost."""

    lots: int = 0
    cost_fine: int = 0


@dataclass(eq=False)
class Bucket:
    """Money per asset, positions per contract, and what it may do.

    ``exact`` is what all payoffs, fees and agreed movements of money come to in each asset without any rounding,
    ``slack`` how far roundings may have carried the real bucket away from it (``exactness`` has the derivation).

    ``orders`` are the lots that resting orders may still buy and sell, per contract; none are in no contract.
    An isolated bucket has an ``owner``, the account that it belongs to, and a ``contract``; it stands ``apart`` while
    the account's trades in that contract go to it. The risk sheet judges a ``portfolio``.

    A sub-account has its pool as ``owner`` and the pool's money as its own: the very same dicts. ``together`` are the
    buckets that are judged as one with it, itself alone or a pool and then its sub-accounts.
    """

    name: str
    role: Role
    member: int
    access: str
    owner: int = -1
    contract: int = -1
    apart: bool = False
    portfolio: bool = False
    balance_minor: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    carry_fine: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    positions: dict[int, Position] = field(default_factory=dict)
    orders: dict[int, tuple[int, int]] = field(default_factory=dict)
    exact: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    slack: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    together: list["Bucket"] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.together = self.together or [self]

    def copy(self) -> "Bucket":
        """A bucket to try something on, without its exact account; ``together`` with it are copies too."""
        money = defaultdict(int, self.balance_minor), defaultdict(int, self.carry_fine)
        twins = [one._alone(*money) for one in self.together]
        for twin in twins:
            twin.together = twins
        return twins[self.together.index(self)]

    def _alone(self, balance_minor: dict[int, int], carry_fine: dict[int, int]) -> "Bucket":
        positions = {contract: Position(held.lots, held.cost_fine) for contract, held in self.positions.items()}
        return Bucket(
            self.name,
            self.role,
            self.member,
            self.access,
            self.owner,
            self.contract,
            self.apart,
            self.portfolio,
            balance_minor,
            carry_fine,
            positions,
            dict(self.orders),
        )

    def let(self, access: str) -> None:
        """What it may do from now, and all that is judged with it."""
        for one in self.together:
            one.access = access

    @property
    def may_be_called(self) -> bool:
        """Whether it acts for itself: open, restricted, or only reducing."""
        return self.access in ("open", "reduce_only", "restricted")

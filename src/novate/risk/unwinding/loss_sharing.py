"""What losers could not pay, shared among winners: nothing is created, and nothing is lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from novate.core.money import split_pro_rata
from novate.risk.errors import RiskError


@dataclass(frozen=True, slots=True)
class Loser:
    """What somebody owes in a round of settlement, and the most that can be taken."""

    owed: int
    balance: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What was taken from each loser, what the insurance pool gave, and what nobody could pay."""

    taken: tuple[int, ...]
    from_pool: int
    lacking: int

    @property
    def total(self) -> int:
        """What there is to pay winners with."""
        return sum(self.taken) + self.from_pool


def collect(losers: Sequence[Loser], pool: int) -> Collected:
    """Take from each loser up to its balance, and what it lacks from the pool until that is empty (Vega, v0.79)."""
    if pool < 0 or any(loser.owed < 0 for loser in losers):
        raise RiskError("losers owe and a pool holds nothing negative: a winner is no loser")
    taken = tuple(min(loser.owed, max(0, loser.balance)) for loser in losers)
    short = sum(loser.owed for loser in losers) - sum(taken)
    from_pool = min(pool, short)
    return Collected(taken, from_pool, short - from_pool)


def pay_as_vega(wins: Sequence[int], collected: int, *, network: int | None = None) -> list[int]:
    """Winner i gets ``floor(win x collected / all wins)``; what the roundings leave goes to the last, however little
    it won, or to the ``network``'s own party where that is one of the winners: its place among them (Vega, v0.79). All
    are paid in full where there is enough."""
    owed = _owed(wins, collected)
    if network is not None and not 0 <= network < len(wins):
        raise RiskError(f"network {network}: expected its place among {len(wins)} winners, from 0")
    if collected == owed:
        return list(wins)
    paid = [win * collected // owed for win in wins]
    paid[-1 if network is None else network] += collected - sum(paid)
    return paid


def pay_by_largest_remainder(wins: Sequence[int], collected: int) -> list[int]:
    """The same shares, what the roundings leave going one each to the largest remainders: nobody gets more than it
    won. The house's own rule (``novate.core.money.split_pro_rata``)."""
    owed = _owed(wins, collected)
    return split_pro_rata(collected, wins) if owed else list(wins)


def _owed(wins: Sequence[int], collected: int) -> int:
    owed = sum(wins)
    if not wins or min(wins) < 0 or not 0 <= collected <= owed:
        raise RiskError(f"{collected} for wins of {owed}: expected winners, and no more than they won altogether")
    return owed

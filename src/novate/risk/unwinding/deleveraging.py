"""A bankrupt position closed against those who hold the other side, at its bankruptcy price."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from novate.risk.errors import RiskError
from novate.risk.unwinding.bankruptcy import after, bankruptcy_proceeds
from novate.risk.unwinding.standing import Market, Standing, closing


@dataclass(frozen=True, slots=True)
class Holder:
    """An account and its position in the market that is deleveraged; ``account`` counts that position in."""

    name: str
    account: Standing
    size: int


@dataclass(frozen=True, slots=True)
class Deleveraged:
    """A part of the bankrupt position that went to a holder of the other side.

    ``size`` is what the bankrupt trades, negative where it sells; ``proceeds`` the money it gets, negative where it
    pays. The holder trades and pays the opposite.
    """

    holder: str
    size: int
    proceeds: int


def deleverage(
    bankrupt: Holder, others: Sequence[Holder], market: Market, *, start: int
) -> tuple[list[Deleveraged], int]:
    """Close a position against others in turn, from ``start`` on and around once; answers the parts and the size left.

    Passed over: accounts of the same side or without the market, and those that the close would leave insolvent at
    that price (their own bankruptcy price does not reach it). What finds nobody stays open. Each part is priced on
    what the parts before it left of the bankrupt account, so the last takes exactly what remains.

    Source: dYdX v4 (dydxprotocol/v4-chain, March 2026), where the start depends on a seed. RiskError where nothing is
    held.
    """
    if bankrupt.size == 0:
        raise RiskError(f"{bankrupt.name}: expected a position to close")
    account, held, parts = bankrupt.account, bankrupt.size, []
    for at in range(len(others)):
        other = others[(start + at) % len(others)]
        if held == 0:
            break
        if other.size == 0 or (other.size > 0) == (held > 0):
            continue
        size = min(abs(held), abs(other.size)) * (-1 if held > 0 else 1)
        change = closing(market, held, size)
        proceeds = bankruptcy_proceeds(account, change)
        if bankruptcy_proceeds(other.account, closing(market, other.size, -size)) > -proceeds:
            continue
        parts.append(Deleveraged(other.name, size, proceeds))
        freed = market.standing(held).initial - market.standing(held + size).initial
        account, held = after(account, change, proceeds, freed), held + size
    return parts, held


def by_relief(holders: Sequence[Holder], requirement_after: Callable[[Holder], int]) -> list[tuple[Holder, int]]:
    """Holders by how much their *portfolio's* requirement falls if the position is taken from them, the most first.

    A book that is hedged by the position would have to hold more without it (a negative relief): it comes last, since
    taking one leg of it leaves it riskier than before. ``requirement_after`` is the maintenance requirement of the
    holder's account without the position. Equals keep their order.
    """
    ranked = [(holder, holder.account.maintenance - requirement_after(holder)) for holder in holders]
    return sorted(ranked, key=lambda each: -each[1])

"""Who is liquidated first: ratios of net collateral to maintenance, compared without a division."""

from collections.abc import Iterable
from functools import cmp_to_key

from novate.risk.unwinding.standing import Standing


def compare(first: Standing, second: Standing) -> int:
    """1 where the first is riskier, -1 where the second is, 0 where they stand alike.

    The ratio net / maintenance is compared by cross-multiplication. Of equal products the account with the larger
    maintenance is riskier, and where nothing is asked of either, the one with less. A total order, transitive also
    across accounts of which nothing is asked: in debt they are the riskiest of all, with money the least.

    Source: dYdX v4 (dydxprotocol/v4-chain, March 2026).
    """
    mine, theirs = first.net * second.maintenance, second.net * first.maintenance
    if mine != theirs:
        return 1 if mine < theirs else -1
    if first.maintenance == second.maintenance == 0:
        return (second.net > first.net) - (second.net < first.net)
    return (first.maintenance > second.maintenance) - (first.maintenance < second.maintenance)


def riskiest_first(accounts: Iterable[Standing]) -> list[Standing]:
    """The accounts from the riskiest on; those that stand alike keep their order."""
    return sorted(accounts, key=cmp_to_key(compare), reverse=True)

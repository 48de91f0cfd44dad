"""The price at which a close leaves its account nothing for what the close frees: below it others pay."""

from novate.risk.errors import RiskError
from novate.risk.unwinding.standing import Change, Standing


def bankruptcy_proceeds(account: Standing, change: Change) -> int:
    """Money that closing must bring at least, so that nobody else pays: positive for a sale, negative the most that a
    buy-back may cost.

    The account gives up the share of its net collateral that the close frees of its maintenance:
    ``-notional change - floor(net x relief / maintenance)``, so the answer is rounded up, against the account. With
    net collateral below zero it lies on the other side of the mark, by the same formula. Slices are sequential: each
    is judged on what the one before left (``after``), and the last takes exactly what remains. A close too small to
    free anything is at the mark. An account that nothing is asked of is one package: its ``change`` is that of
    everything it holds.

    Source: dYdX v4 (dydxprotocol/v4-chain, March 2026).

    Raises
    ------
    RiskError
        For a close that raises the requirement, since it hedges the rest of the account: only a package with that rest
        can be closed. And for one that frees more than there is.
    """
    if account.maintenance == 0 and change.relief == 0:
        return -change.notional - account.net
    if not 0 <= change.relief <= account.maintenance:
        raise RiskError(
            f"a close that takes {change.relief} off a maintenance requirement of {account.maintenance}: expected "
            "nothing negative and no more than all: close it in one package with what it hedges"
        )
    return -change.notional - account.net * change.relief // account.maintenance


def after(account: Standing, change: Change, proceeds: int, initial_relief: int = 0) -> Standing:
    """The account when the change has been traded for these proceeds."""
    return Standing(
        account.net + change.notional + proceeds,
        account.initial - initial_relief,
        account.maintenance - change.relief,
    )

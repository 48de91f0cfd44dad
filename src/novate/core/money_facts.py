"""What can have happened to money on its way in, on its way out and between accounts."""

from typing import Literal

from novate.core.reasons import Reason
from novate.core.record import Fact

ReturnCause = Literal["cancelled", "transfer_failed", "recalled", "refused"]
"""Why the money of a withdrawal came back."""


class DepositsAnnounced(Fact, frozen=True):
    """Deposits are pending: rows of ``CASH``. They count for nothing."""

    source: str
    rows: bytes


class DepositClosed(Fact, frozen=True):
    """A deposit is no longer pending: it came in, or it will not come."""

    source: str
    deposit: int
    cause: Literal["finalised", "cancelled"]


class DepositsReversible(Fact, frozen=True):
    """Deposits that came in may be reversed until ``final_at_ns``: rows of ``CASH``."""

    source: str
    rows: bytes
    final_at_ns: int


class DepositsFinal(Fact, frozen=True):
    """Deposits are too old to be reversed."""

    source: str
    deposits: tuple[int, ...]


class DepositReversed(Fact, frozen=True):
    """Money left for a deposit that was taken back outside; ``owed_minor`` of it is still to be collected."""

    source: str
    deposit: int
    account: int
    asset: int
    amount_minor: int
    owed_minor: int


class WithdrawalsRequested(Fact, frozen=True):
    """Money is held to be paid out: rows of ``POSTED``, positive, numbered from ``first`` on."""

    first: int
    rows: bytes


class WithdrawalWaits(Fact, frozen=True):
    """A withdrawal may go as soon as the gate of its asset opens."""

    withdrawal: int


class WithdrawalReleased(Fact, frozen=True):
    """A withdrawal was checked again and may be paid."""

    withdrawal: int


class WithdrawalConfirmed(Fact, frozen=True):
    """A withdrawal's money has left the house."""

    withdrawal: int
    account: int
    asset: int
    amount_minor: int


class WithdrawalReturned(Fact, frozen=True):
    """A withdrawal's money is back with its account, or with the liquidation account that closes it.

    It was cancelled, its transfer failed, it was recalled for what the account itself owes, or its release was refused
    for a ``reason``.
    """

    withdrawal: int
    account: int
    asset: int
    amount_minor: int
    cause: ReturnCause
    reason: Reason = Reason.ACCEPTED


class CollateralTransferred(Fact, frozen=True):
    """Collateral moved between accounts of a member: rows of ``MOVED``."""

    rows: bytes


class GateClosed(Fact, frozen=True):
    """Withdrawals of an asset wait: its unresolved deficits exceed the fund's money and the dust limit."""

    asset: int
    cause: Literal["losses", "reversals"]
    deficit_minor: int
    available_minor: int


class GateOpened(Fact, frozen=True):
    """Withdrawals of an asset go again."""

    asset: int

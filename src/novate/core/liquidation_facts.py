"""What can have happened on the way from breach to flat."""

from typing import Literal

import msgspec

from novate.core.record import Fact


class Breached(Fact, frozen=True):
    """Liquidation of a bucket begins: a call was missed, or equity fell below maintenance."""

    bucket: int
    cause: Literal["call_missed", "below_maintenance", "settlement_missed", "not_ported"]
    equity_fine: int
    maintenance_fine: int


class MemberDefaulted(Fact, frozen=True):
    """A member failed: its house account missed a call, a settlement flow or what a reversed deposit asked of it.

    Or it could not pay the call that a client of its missed, where the rulebook asks that of it.
    """

    member: int
    cause: Literal["call_missed", "client_call_missed", "settlement_missed", "reversal_missed"]


class LiquidationOrdered(Fact, frozen=True):
    """A slice to be worked in the market: ``lots`` is signed from the bucket's side (positive buys)."""

    order: int
    bucket: int
    contract: int
    lots: int
    limit_price_ticks: int
    expiry_ns: int


class LiquidationExecuted(Fact, frozen=True):
    """Part of an order was filled against a counterparty; ``lots`` is signed from the liquidated bucket's side."""

    order: int
    counterparty: int
    lots: int
    value_fine: int


class OrderClosed(Fact, frozen=True):
    """An order is no longer open: it is filled, it expired, or trading in its contract was halted."""

    order: int
    cause: Literal["filled", "expired", "halted"]


class LiquidationEnded(Fact, frozen=True):
    """A bucket is sound again (or flat) and may trade."""

    bucket: int


class CollateralMoved(msgspec.Struct, frozen=True, array_like=True):
    """A balance and carry that move with a take-over."""

    asset: int
    amount_minor: int
    carry_fine: int


class TakenOver(Fact, frozen=True):
    """The house takes a bucket over as one package at its bankruptcy price.

    A liquidation account with the next account index receives the lots at ``cost_fine`` (rows of ``LEG``): the cost
    that leaves the bucket exactly nothing in that asset. Assets without positions move as balances. What sub-accounts
    of the bucket hold comes from each of them.
    """

    bucket: int
    rows: bytes
    collateral: tuple[CollateralMoved, ...]


class LiquidationClosed(Fact, frozen=True):
    """A liquidation account is flat and empty."""

    account: int

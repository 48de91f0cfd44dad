"""What can have happened to those that fail: breach and default, liquidation, take-over, and who pays."""

from typing import Literal

from novate.core.fact import Fact
from novate.core.isolated import CollateralMoved
from novate.core.terms import Layer


class Breached(Fact, frozen=True):
    """Liquidation of a bucket begins: a call was missed, or equity fell below maintenance."""

    bucket: int
    cause: Literal["call_missed", "below_maintenance", "settlement_missed"]
    equity_fine: int
    maintenance_fine: int


class MemberDefaulted(Fact, frozen=True):
    """A member failed: its house account missed a call, a settlement flow or what a reversed deposit asked of it."""

    member: int
    cause: Literal["call_missed", "settlement_missed", "reversal_missed"]


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


class TakenOver(Fact, frozen=True):
    """The house takes a bucket over as one package at its bankruptcy price.

    A liquidation account with the next account index receives the lots at ``cost_fine`` (rows of ``LEG``): the cost
    that leaves the bucket exactly nothing in that asset. Assets without positions move as balances.
    """

    bucket: int
    rows: bytes
    collateral: tuple[CollateralMoved, ...]


class CollateralConverted(Fact, frozen=True):
    """A bucket's collateral went to the treasury against money of the asset it owed."""

    bucket: int
    paid_asset: int
    paid_minor: int
    received_asset: int
    received_minor: int


class ShortfallAssigned(Fact, frozen=True):
    """A member's house account makes good what its client lacks: in a settlement's flows, or by a transfer."""

    bucket: int
    house_bucket: int
    asset: int
    amount_minor: int


class LossAbsorbed(Fact, frozen=True):
    """A layer of the waterfall paid for a bucket that could not."""

    layer: Layer
    payer: int
    bucket: int
    asset: int
    amount_minor: int


class GainsCut(Fact, frozen=True):
    """The last resort: gains of this settlement were cut pro rata for losses that no layer could pay.

    ``unpaid`` names each bucket that could not pay and the minor units left over; ``rows`` (``POSTED``, negative) the
    winners and their cuts; ``claims`` (``CLAIMED``) who went without how much for whom. All sum to the same amount.
    """

    asset: int
    unpaid: tuple[tuple[int, int], ...]
    rows: bytes
    claims: bytes


class Transferred(Fact, frozen=True):
    """Money moved between two accounts of the house's ledger."""

    cause: Literal["reimbursement", "estate_returned", "surplus_to_insurance", "liquidation_rounding", "shortfall"]
    payer: int
    payee: int
    asset: int
    amount_minor: int
    carry_fine: int = 0


class LiquidationClosed(Fact, frozen=True):
    """A liquidation account is flat and empty."""

    account: int

"""What can have happened to a trade or position after it was made."""

from typing import Literal

import msgspec

from novate.core.record import Fact


class Leg(msgspec.Struct, frozen=True, array_like=True):
    """Lots, cost and unsettled money (fees, finals) that a bucket receives; negative is taken from it."""

    bucket: int
    lots: int
    cost_fine: int
    carry_fine: int


class TradesForgotten(Fact, frozen=True):
    """The oldest trades left the record of the open cycle to make room; they can no longer be busted."""

    count: int


class TradeBusted(Fact, frozen=True):
    """A trade is undone: the legs, and the fees (``fees_fine``) that the fees account gives back in them."""

    trade_source: str
    trade_number: int
    contract: int
    legs: tuple[Leg, ...]
    fees_fine: int


class TradeCorrected(Fact, frozen=True):
    """A busted trade stands again on other terms, between two buckets.

    ``index_fine`` is the funding index that its value was made with.
    """

    trade_source: str
    trade_number: int
    contract: int
    buyer: int
    seller: int
    lots: int
    value_fine: int
    buyer_fee_fine: int
    seller_fee_fine: int
    index_fine: int


class TradeOffset(Fact, frozen=True):
    """A trade of an earlier cycle is undone: ``buyer`` gives ``lots`` back to ``seller`` at ``value_fine`` per lot.

    Both are buckets.
    """

    trade_source: str
    trade_number: int
    contract: int
    buyer: int
    seller: int
    lots: int
    value_fine: int


class GiveUpProposed(Fact, frozen=True):
    """A give-up between two accounts waits for the receiving member until it expires.

    ``lots`` is signed from the giver's side.
    """

    give_up: int
    trade_source: str
    trade_number: int
    contract: int
    giver: int
    receiver: int
    lots: int
    expiry_ns: int


class GiveUpAccepted(Fact, frozen=True):
    """The receiver has the lots at their original cost, and with them the giver's fee for them. Both are buckets.

    ``other_fee_fine`` is the part of the other side's fee that goes with the split of the trade; nobody pays it twice.
    """

    give_up: int
    giver: int
    receiver: int
    cost_fine: int
    fee_fine: int
    other_fee_fine: int


class GiveUpClosed(Fact, frozen=True):
    """A proposed give-up came to nothing."""

    give_up: int
    cause: Literal["declined", "expired", "busted", "settled"]


class PositionTransferred(Fact, frozen=True):
    """Lots (signed from the receiver's side) changed accounts, from bucket to bucket, at ``cost_fine``."""

    giver: int
    receiver: int
    contract: int
    lots: int
    cost_fine: int
    cause: str


class PositionsCompressed(Fact, frozen=True):
    """Longs and shorts were torn up at one value per lot; the lots of ``legs`` sum to zero, and so do the costs."""

    contract: int
    value_fine: int
    legs: tuple[Leg, ...]


class PortingOpened(Fact, frozen=True):
    """Clients of a member in default may be ported until then; after it their positions are closed out."""

    member: int
    due_ns: int


class PortingProposed(Fact, frozen=True):
    """A client waits for a member to take it over."""

    account: int
    member: int


class PortingDeclined(Fact, frozen=True):
    """The member does not take the client over; another may be asked."""

    account: int
    member: int


class AccountPorted(Fact, frozen=True):
    """The client stands behind another member, with its positions, its money and what it owes, and may trade."""

    account: int
    member: int


class PortingEnded(Fact, frozen=True):
    """The time to port a member's clients is over."""

    member: int


LifecycleFact = (
    TradesForgotten
    | TradeBusted
    | TradeCorrected
    | TradeOffset
    | GiveUpProposed
    | GiveUpAccepted
    | GiveUpClosed
    | PositionTransferred
    | PositionsCompressed
    | PortingOpened
    | PortingProposed
    | PortingDeclined
    | AccountPorted
    | PortingEnded
)

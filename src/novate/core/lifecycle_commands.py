"""What can be asked about a trade or position after it was made. Each command is numbered by its source.

A trade is named by the source that submitted it and that source's number.
"""

import msgspec

from novate.core.record import Command
from novate.core.terms import TransferCause


class BustTrade(Command, frozen=True):
    """Undo a trade of the open cycle: both legs go back at the original value, and the fees are refunded."""

    source: str
    number: int
    trade_source: str
    trade_number: int


class CorrectTrade(Command, frozen=True):
    """Undo a trade of the open cycle and book what it should have been, or neither. It keeps its name."""

    source: str
    number: int
    trade_source: str
    trade_number: int
    contract: int
    buyer: int
    seller: int
    lots: int
    price_ticks: int


class OffsetTrade(Command, frozen=True):
    """Undo a trade that is no longer on record by its opposite at the original price; the terms are the original's."""

    source: str
    number: int
    trade_source: str
    trade_number: int
    contract: int
    buyer: int
    seller: int
    lots: int
    price_ticks: int


class GiveUp(Command, frozen=True):
    """Propose that an account's side of a trade of the open cycle becomes ``receiver``'s, at the original price."""

    source: str
    number: int
    trade_source: str
    trade_number: int
    account: int
    receiver: int
    lots: int


class AnswerGiveUp(Command, frozen=True):
    """The receiving member accepts a proposed give-up, or declines it."""

    source: str
    number: int
    give_up: int
    member: int
    accept: bool


class TransferPosition(Command, frozen=True):
    """Move lots of a position to another account at the last mark; ``lots`` is positive for longs and shorts alike."""

    source: str
    number: int
    giver: int
    receiver: int
    contract: int
    lots: int
    cause: TransferCause


class PortAccount(Command, frozen=True):
    """Propose that a client of a member in default becomes the client of another member."""

    source: str
    number: int
    account: int
    member: int


class AnswerPorting(Command, frozen=True):
    """The proposed member takes the client over, with all it has, or declines."""

    source: str
    number: int
    account: int
    member: int
    accept: bool


class Reduction(msgspec.Struct, frozen=True, array_like=True):
    """Lots that an account gives up in a compression: negative closes a long, positive a short."""

    account: int
    lots: int


class CompressPositions(Command, frozen=True):
    """Tear up longs against shorts of accounts that agreed to it, at the last mark; the lots sum to zero."""

    source: str
    number: int
    contract: int
    legs: tuple[Reduction, ...]


LifecycleCommand = (
    BustTrade
    | CorrectTrade
    | OffsetTrade
    | GiveUp
    | AnswerGiveUp
    | TransferPosition
    | PortAccount
    | AnswerPorting
    | CompressPositions
)

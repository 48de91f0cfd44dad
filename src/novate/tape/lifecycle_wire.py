"""The tape's commands about trades and positions after they were made."""

from typing import Any

import msgspec

from novate.core.terms import TransferCause
from novate.tape.base import Number, NumberedWire


class TradeWire(NumberedWire, frozen=True):
    """Base of commands about a trade, named by its source and that source's number."""

    trade_source: str
    trade_number: int


class ReplacementWire(TradeWire, frozen=True):
    """Base of commands that book a trade in the place of another."""

    contract: str
    buyer: str
    seller: str
    price: Number
    lots: int | None = None
    quantity: Number | None = None


class BustTrade(TradeWire, frozen=True, tag="bust_trade"):
    """Undo a trade of the open cycle."""


class CorrectTrade(ReplacementWire, frozen=True, tag="correct_trade"):
    """Undo a trade of the open cycle and book what it should have been."""


class OffsetTrade(ReplacementWire, frozen=True, tag="offset_trade"):
    """Undo a settled trade by its opposite at the original price."""


class GiveUp(TradeWire, frozen=True, tag="give_up"):
    """Propose that an account's side of a trade becomes another's."""

    account: str
    receiver: str
    lots: int


class AnswerGiveUp(NumberedWire, frozen=True, tag="answer_give_up"):
    """The receiving member's answer."""

    give_up: int
    member: str
    accept: bool


class TransferPosition(NumberedWire, frozen=True, tag="transfer_position"):
    """Move lots of a position to another account at the last mark."""

    giver: str
    receiver: str
    contract: str
    cause: TransferCause
    lots: int | None = None
    quantity: Number | None = None


class PortAccount(NumberedWire, frozen=True, tag="port_account"):
    """Propose a client of a member in default to another member."""

    account: str
    member: str


class AnswerPorting(NumberedWire, frozen=True, tag="answer_porting"):
    """The proposed member's answer."""

    account: str
    member: str
    accept: bool


class ReductionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lots that an account gives up: negative closes a long, positive a short."""

    account: str
    lots: int


class CompressPositions(NumberedWire, frozen=True, tag="compress_positions"):
    """Tear up longs against shorts at the last mark: legs of ``ReductionRow``, all or none."""

    contract: str
    legs: list[Any]


LifecycleWire = (
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

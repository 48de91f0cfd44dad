"""The tape's commands about trades and positions after they were made."""

from typing import Any

import msgspec

from novate.core.terms import TransferCause
from novate.tape.base import Number, Wire


class BustTrade(Wire, frozen=True, tag="bust_trade"):
    """Undo a trade of the open cycle."""

    source: str
    number: int
    trade_source: str
    trade_number: int


class CorrectTrade(Wire, frozen=True, tag="correct_trade"):
    """Undo a trade of the open cycle and book what it should have been."""

    source: str
    number: int
    trade_source: str
    trade_number: int
    contract: str
    buyer: str
    seller: str
    price: Number
    lots: int | None = None
    quantity: Number | None = None


class OffsetTrade(Wire, frozen=True, tag="offset_trade"):
    """Undo a settled trade by its opposite at the original price."""

    source: str
    number: int
    trade_source: str
    trade_number: int
    contract: str
    buyer: str
    seller: str
    price: Number
    lots: int | None = None
    quantity: Number | None = None


class GiveUp(Wire, frozen=True, tag="give_up"):
    """Propose that an account's side of a trade becomes another's."""

    source: str
    number: int
    trade_source: str
    trade_number: int
    account: str
    receiver: str
    lots: int


class AnswerGiveUp(Wire, frozen=True, tag="answer_give_up"):
    """The receiving member's answer."""

    source: str
    number: int
    give_up: int
    member: str
    accept: bool


class TransferPosition(Wire, frozen=True, tag="transfer_position"):
    """Move lots of a position to another account at the last mark."""

    source: str
    number: int
    giver: str
    receiver: str
    contract: str
    cause: TransferCause
    lots: int | None = None
    quantity: Number | None = None


class PortAccount(Wire, frozen=True, tag="port_account"):
    """Propose a client of a member in default to another member."""

    source: str
    number: int
    account: str
    member: str


class AnswerPorting(Wire, frozen=True, tag="answer_porting"):
    """The proposed member's answer."""

    source: str
    number: int
    account: str
    member: str
    accept: bool


class ReductionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lots that an account gives up: negative closes a long, positive a short."""

    account: str
    lots: int


class CompressPositions(Wire, frozen=True, tag="compress_positions"):
    """Tear up longs against shorts at the last mark: legs of ``ReductionRow``, all or none."""

    source: str
    number: int
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

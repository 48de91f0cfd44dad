"""The rows of commands as the tape writes them."""

from typing import Literal

import msgspec

from novate.tape.base import Number


class TradeRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One trade, its size given as ``lots`` or as ``quantity``; ``fills`` names whose resting orders it fills."""

    number: int
    contract: str
    buyer: str
    seller: str
    price: Number
    lots: int | None = None
    quantity: Number | None = None
    fills: Literal["buyer", "seller", "both"] | None = None


class OrderRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A change of what rests on one side: more lots (or a quantity), or fewer where it is negative."""

    number: int
    account: str
    contract: str
    side: Literal["buy", "sell"]
    lots: int | None = None
    quantity: Number | None = None


class TransferRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One transfer of a positive amount."""

    number: int
    payer: str
    payee: str
    asset: str
    amount: Number


class CashRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deposit or withdrawal of a positive amount."""

    number: int
    account: str
    asset: str
    amount: Number

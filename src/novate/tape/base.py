"""The bases of tape commands."""

from typing import Any

import msgspec

Number = str | int
"""A decimal string, or an integer where the value is whole."""


class Wire(msgspec.Struct, frozen=True, tag_field="command", forbid_unknown_fields=True, kw_only=True):
    """Base of all tape commands. ``time`` is when the command happens; by default when the one before it did."""

    time: Number | None = None


class NumberedWire(Wire, frozen=True):
    """Base of single commands that their source numbers."""

    source: str
    number: int


class RowsWire(Wire, frozen=True):
    """Base of commands of rows, each of them numbered by the source of all."""

    source: str
    rows: list[Any]

"""The base of every tape command."""

import msgspec

Number = str | int
"""A decimal string, or an integer where the value is whole."""


class Wire(msgspec.Struct, frozen=True, tag_field="command", forbid_unknown_fields=True, kw_only=True):
    """Base of all tape commands. ``time`` is when the command happens; by default when the one before it did."""

    time: Number | None = None

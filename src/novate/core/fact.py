"""The base of everything that can have happened."""

import msgspec


class Fact(msgspec.Struct, frozen=True, tag=True):
    """Base of all facts."""

"""The base of all facts, which are told in ``facts`` and ``supervision``."""

import msgspec


class Fact(msgspec.Struct, frozen=True, tag=True):
    """Base of all facts."""

"""The bases of what a journal record holds: a command, and the facts that followed from it."""

import msgspec


class Command(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of all commands."""


class Fact(msgspec.Struct, frozen=True, tag=True):
    """Base of all facts."""

"""What the tape says of limits, halts and rules to come."""

import msgspec

from novate.core.terms import Measure
from novate.tape.base import Number, Wire


class CancelRulebook(Wire, frozen=True, tag="cancel_rulebook"):
    """Take back a rulebook that was to come into force."""

    name: str


class SetLimit(Wire, frozen=True, tag="set_limit"):
    """Limit what members' and single accounts hold together in a contract, or everyone; in ``lots`` or ``quantity``."""

    name: str
    contract: str
    measure: Measure
    lots: int | None = None
    quantity: Number | None = None
    members: list[str] = msgspec.field(default_factory=list)
    accounts: list[str] = msgspec.field(default_factory=list)


class RemoveLimit(Wire, frozen=True, tag="remove_limit"):
    """Lift a limit."""

    name: str


class Halt(Wire, frozen=True, tag="halt"):
    """Stop trading in a contract."""

    contract: str
    cause: str


class Resume(Wire, frozen=True, tag="resume"):
    """Let a halted contract trade again."""

    contract: str


SupervisionWire = CancelRulebook | SetLimit | RemoveLimit | Halt | Resume

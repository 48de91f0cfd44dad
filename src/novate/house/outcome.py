"""What comes back from a command, and what stands in the record of the house."""

import msgspec

from novate.core.commands import AnyCommand
from novate.core.facts import Fact
from novate.tape.refusal import Refusal, Refused


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one command led to.

    ``seq`` is its record in the journal, None where nothing was decided (it did not convert, or came too late in
    time). ``facts`` is everything that happened, consequences included. ``refusals`` says of each refused row, or of
    the whole command, why, where and how to mend it. ``rows`` counts the rows that were submitted.
    """

    seq: int | None
    time_ns: int
    facts: tuple[Fact, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    rows: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was refused."""
        return not self.refusals

    @property
    def answers(self) -> list[Refusal | None]:
        """One answer per row, in their order as submitted: None where it was accepted."""
        found: list[Refusal | None] = [None] * self.rows
        for refusal in self.refusals:
            if refusal.row is not None:
                found[refusal.row] = refusal
            else:
                return [refusal] * self.rows
        return found

    def expect(self) -> "Outcome":
        """This outcome, where nothing was refused. Raises ``Refused`` with the first refusal otherwise."""
        if self.refusals:
            raise Refused(self.refusals[0])
        return self


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the house: what was asked at which time, and what happened."""

    seq: int
    time_ns: int
    command: AnyCommand
    facts: tuple[Fact, ...]

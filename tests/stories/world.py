"""The house of one story, driven by commands of the tape, which the tape's decoder makes commands of the core.

So a story is read with the same eyes as a user's tape: names, decimals and times as people write them. What the house
answers is kept for the ``Then`` sentences; a refusal that no sentence expects fails the story.
"""

from typing import Any

from novate.core.book import Book
from novate.core.facts import Fact, LiquidationOrdered
from novate.core.step import fold, step
from novate.tape import Names, Refusal, Refused, decode_command, explain_refusals, wire_command
from novate.tape.decimals import duration_ns, time_ns
from tests.stories.parse import StoryError

DAY_ONE = "2025-01-06"
DAY_NS = duration_ns("1d")


class World:
    """A house at a time, driven by the sentences of one story."""

    def __init__(self) -> None:
        self.book = Book()
        self.names = Names(self.book.registers)
        self.time_ns = time_ns(f"{DAY_ONE}T09:00:00Z")
        self.numbers: dict[str, int] = {}
        self.rules: dict[str, Any] = {}
        self.sheet: dict[str, Any] = {}
        self.facts: list[Fact] = []
        self.log: list[tuple[list[Fact], int]] = []
        self.refusals: list[Refusal] = []
        self.orders: dict[int, LiquidationOrdered] = {}
        self.before = b""

    # --- commands -----------------------------------------------------------------------------------------------

    def send(self, command: str, fields: dict[str, Any]) -> None:
        """One tape command at the present time."""
        self.before = self.essence()
        try:
            decoded = decode_command(wire_command({"command": command, **fields}), self.book.registers, self.names)
        except Refused as error:
            self.refusals.append(error.refusal)
            return
        facts: list[Fact] = []
        if decoded.command is not None:
            facts = step(self.book, decoded.command, self.time_ns)
            self.log.append((facts, self.time_ns))
            self.facts += facts
        self.refusals += explain_refusals(decoded, facts, self.book.registers)
        self.orders |= {fact.order: fact for fact in facts if isinstance(fact, LiquidationOrdered)}

    def essence(self) -> bytes:
        """Digest of the house without its clock and its sources' marks, which refused rows move too."""
        copy = Book.loads(self.book.dumps())
        copy.registers.sources, copy.registers.time_ns = {}, 0
        return copy.digest()

    def number(self, source: str, record: dict[str, Any]) -> int:
        """The record's own number, or the source's next."""
        given = record.pop("number", None)
        number = self.numbers.get(source, 0) + 1 if given is None else given
        self.numbers[source] = max(number, self.numbers.get(source, 0))
        return number

    def rows(self, command: str, records: list[dict[str, Any]]) -> None:
        """A command of numbered rows, all from one source."""
        sources = list(dict.fromkeys(record.pop("source", "story") for record in records))
        if len(sources) > 1:
            raise StoryError(f"the rows of one command have one source, not {', '.join(sources)}")
        source = sources[0]
        self.send(command, {"source": source, "rows": [{**r, "number": self.number(source, r)} for r in records]})

    # --- the story ----------------------------------------------------------------------------------------------

    def moment(self, clock: tuple[int | None, str]) -> int:
        """Nanoseconds of a time of day, on the day that is said or on the present one."""
        day, text = clock
        start = time_ns(DAY_ONE)
        days = (self.time_ns - start) // DAY_NS if day is None else day - 1
        hours, minutes, seconds = (int(part) for part in f"{text}:00".split(":")[:3])
        return start + days * DAY_NS + (hours * 3600 + minutes * 60 + seconds) * 10**9

    def settled(self, place: str) -> None:
        """Nothing that was refused has gone unsaid."""
        if self.refusals:
            raise StoryError(f"{place}: before this, the house refused {told(self.refusals)}")

    def close(self) -> None:
        """What holds at the end of every story: nothing was refused unsaid, and folding the facts gives this house."""
        self.settled("at the end")
        again = Book()
        for facts, at_ns in self.log:
            fold(again, facts, at_ns)
        if again.digest() != self.book.digest():
            raise StoryError("folding the story's facts gives another house than deciding them did")
        if Book.loads(self.book.dumps()).digest() != self.book.digest():
            raise StoryError("a snapshot does not come back as the house it was taken of")


def told(refusals: list[Refusal]) -> str:
    """Refusals for a message."""
    return "; ".join(str(each) for each in refusals)

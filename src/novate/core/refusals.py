"""Rows that are refused, and the high-water mark of the source that numbers them."""

import numpy as np

from novate.core.book import Book
from novate.core.facts import Fact, Rejected, RowsRefused, SourceAdvanced
from novate.core.reasons import Reason
from novate.core.rows import NEITHER, REFUSED


class Refused(Exception):
    """Raised inside ``decide`` where a command is refused whole: the reason, the field and the cure."""

    def __init__(self, reason: Reason, path: str, message: str) -> None:
        super().__init__(message)
        self.fact = Rejected(reason, path, message)


class Refusals:
    """Collects refusals of a command's rows and moves its source's mark with every row that is decided."""

    def __init__(self, book: Book, source: str) -> None:
        self.source = source
        self.start = self.mark = book.registers.sources.get(source, -1)
        self.rows: list[tuple[int, int, int, int]] = []

    def out_of_turn(self, row: int, number: int) -> bool:
        """Refuse a duplicate or late number; otherwise move the mark."""
        if number <= self.mark:
            self.add(row, Reason.DUPLICATE_OR_LATE, self.mark)
            return True
        self.mark = number
        return False

    def add(self, row: int, reason: Reason, figure: int) -> None:
        """Refuse a row with the figure that goes with its reason."""
        self.rows.append((figure, row, reason, NEITHER))

    def facts(self) -> list[Fact]:
        """What to put on record."""
        return refusal_facts(np.array(self.rows, REFUSED), self.source, self.mark if self.mark > self.start else None)


def refusal_facts(rows: np.ndarray, source: str | None, mark: int | None) -> list[Fact]:
    """The refused rows and the source's new mark, where there are any."""
    facts: list[Fact] = [RowsRefused(rows.tobytes())] if len(rows) else []
    if source is not None and mark is not None:
        facts.append(SourceAdvanced(source, mark))
    return facts


def late(book: Book, source: str, number: int) -> Rejected | None:
    """The refusal of a single command whose number its source has passed, or None."""
    mark = book.registers.sources.get(source, -1)
    if number > mark:
        return None
    message = f"{source!r} is at number {mark}, got {number}; give a number above it"
    return Rejected(Reason.DUPLICATE_OR_LATE, "$.number", message)

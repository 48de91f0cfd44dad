"""Rows that are refused, and how far a source has come; what a command's rows look like as tuples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from novate.core.facts import Fact, Rejected, RowsRefused, SourceAdvanced
from novate.core.reasons import Reason
from novate.core.rows import NEITHER, REFUSED
from novate.sim.auditor.house import House

Refusal = tuple[Reason, int]
"""Why not, and the figure that goes with it."""

FINE: Refusal = (Reason.ACCEPTED, 0)


def unpacked(data: bytes, layout: np.dtype) -> list[tuple[int, ...]]:
    """Rows as tuples of integers."""
    return np.frombuffer(data, layout).tolist()


def packed(rows: Sequence[tuple[int, ...]], layout: np.dtype) -> bytes:
    """Tuples as rows."""
    return np.array(list(rows), layout).tobytes()


def rejected(reason: Reason, path: str) -> Rejected:
    """A refusal of a whole command; its words are not audited."""
    return Rejected(reason, path, "")


class Refused(Exception):
    """Raised while deciding, where a command is refused: why, and the field at fault."""

    def __init__(self, reason: Reason, path: str) -> None:
        super().__init__(f"{reason.text} at {path}")
        self.reason, self.path = reason, path


def demand(condition: bool, reason: Reason, path: str) -> None:
    """Refuse unless it holds."""
    if not condition:
        raise Refused(reason, path)


def numbered(decide: Callable[[House, Any], list[Fact]]) -> Callable[[House, Any], list[Fact]]:
    """The same rule for a command that its source numbers: refused or not, the number is used."""

    def decide_in_turn(house: House, command: Any) -> list[Fact]:
        if command.number <= house.sources.get(command.source, -1):
            return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
        advanced = SourceAdvanced(command.source, command.number)
        try:
            return [*decide(house, command), advanced]
        except Refused as refused:
            return [rejected(refused.reason, refused.path), advanced]

    return decide_in_turn


@dataclass
class Rows:
    """The refusals of one command, and its source's number as its rows are gone through."""

    house: House
    source: str | None = None
    refused: list[tuple[int, int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.number = self.start = self.house.sources.get(self.source, -1) if self.source is not None else -1

    def in_turn(self, numbered: Sequence[tuple[int, ...]]) -> Iterator[tuple[int, tuple[int, ...]]]:
        """``(place, row)`` of the rows whose number (their first field) is above all before; others are refused."""
        for at, row in enumerate(numbered):
            if row[0] <= self.number:
                self.refuse(at, (Reason.DUPLICATE_OR_LATE, self.number))
            else:
                self.number = row[0]
                yield at, row

    def refuse(self, at: int, refusal: Refusal, side: int = NEITHER) -> None:
        """One row is refused; of a trade, for what one side lacks where it is about a side."""
        self.refused.append((refusal[1], at, refusal[0], side))

    def facts(self) -> list[Fact]:
        """What goes on record of it."""
        found: list[Fact] = [RowsRefused(packed(self.refused, REFUSED))] if self.refused else []
        if self.source is not None and self.number > self.start:
            found.append(SourceAdvanced(self.source, self.number))
        return found

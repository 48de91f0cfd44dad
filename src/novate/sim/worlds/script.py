"""What a world does, step by step: commands at their times, and restarts between them."""

from dataclasses import dataclass
from typing import Literal

from novate.core.commands import AnyCommand


@dataclass(frozen=True)
class Restart:
    """The process dies and the book comes back: from a snapshot, from its facts, or from the journal of an engine."""

    how: Literal["snapshot", "facts", "engine"]


@dataclass(frozen=True)
class Step:
    """One command (or restart) at its time."""

    time_ns: int
    what: AnyCommand | Restart


def ranges(places: list[int]) -> str:
    """Ascending numbers as people write them: ``0-4,9,12-13``."""
    parts: list[list[int]] = []
    for place in places:
        if parts and parts[-1][1] == place - 1:
            parts[-1][1] = place
        else:
            parts.append([place, place])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def places_of(text: str) -> list[int]:
    """The numbers of ``0-4,9,12-13``. Raises ``ValueError``."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            raise ValueError(f"--only {text}: expected places such as 0-4,9,12-13")
        found += range(int(first), int(last or first) + 1)
    return sorted(dict.fromkeys(found))

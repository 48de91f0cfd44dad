"""What every group of a house's methods needs: how a command is built, numbered and submitted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from novate.house.outcome import Outcome
from novate.house.plain import Time

SOURCE = "library"
"""The source of commands that do not name one. Its numbers are given by the house, one after another."""


class Asking(ABC):
    """Submits commands of the tape."""

    @abstractmethod
    def submit(self, command: str | bytes | Mapping[str, Any]) -> Outcome:
        """Submit a command of the tape."""

    @abstractmethod
    def next_number(self, source: str) -> int:
        """The number that follows the last one of a source."""

    def _ask(self, command: str, fields: Mapping[str, Any]) -> Outcome:
        """A command from the arguments of its method; where it is numbered and they give none, its source's next."""
        given = _given(fields)
        if "number" in fields:
            given.setdefault("number", self.next_number(fields["source"]))
        return self.submit({"command": command, **given})

    def _ask_row(self, command: str, fields: Mapping[str, Any]) -> Outcome:
        """A command of one row from the arguments of its method."""
        row = {name: value for name, value in _given(fields).items() if name not in ("source", "time")}
        return self._ask_rows(command, [row], fields["source"], fields["time"])

    def _ask_rows(self, command: str, rows: Sequence[Mapping[str, Any]], source: str, time: Time | None) -> Outcome:
        """A command of rows; those without a number of their own have their source's next ones, in their order."""
        first = self.next_number(source)
        numbered = [{"number": first + index, **row} for index, row in enumerate(rows)]
        return self._ask(command, {"source": source, "rows": numbered, "time": time})


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What of a method's arguments was given."""
    return {name: value for name, value in fields.items() if name != "self" and value is not None}

"""What every group of a house's methods needs: how a command is built, numbered and submitted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from novate.house.outcome import Outcome

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

    def _number(self, source: str, number: int | None) -> int:
        return self.next_number(source) if number is None else number

    def _ask(self, command: str, fields: Mapping[str, Any]) -> Outcome:
        given = {name: value for name, value in fields.items() if name != "self" and value is not None}
        return self.submit({"command": command, **given})

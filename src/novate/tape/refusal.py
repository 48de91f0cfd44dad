"""A refusal: what was not done, why, and how to mend it."""

import msgspec

from novate.core.reasons import Reason


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command, or one row of it, was refused.

    ``path`` names the field as in ``$.rows[3].price``; ``row`` is the row's position in the command as it was
    submitted (None: the whole command). The message states the values and the cure.
    """

    reason: Reason
    path: str
    message: str
    row: int | None = None

    def __str__(self) -> str:
        """``price_off_tick at `$.rows[3].price`: 50000.25 is not a multiple of the tick 0.5 …``."""
        return f"{self.reason.text} at `{self.path}`: {self.message}"


class Refused(ValueError):
    """Raised by decoding where something does not convert; carries the ``Refusal``."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def refuse(reason: Reason, path: str, message: str) -> Refused:
    """A ``Refused`` to raise, of the whole command unless a caller assigns it to a row."""
    return Refused(Refusal(reason=reason, path=path, message=message))

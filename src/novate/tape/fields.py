"""What fields of commands have in common: numbers, names and words."""

from typing import Any, Final

from novate.core.reasons import Reason
from novate.core.rows import FILLS_BUYER, FILLS_SELLER
from novate.tape import decimals
from novate.tape.decimals import INT64_MAX
from novate.tape.refusal import refuse

PLACES_MAX: Final = 18
FILLS: Final = {None: 0, "buyer": FILLS_BUYER, "seller": FILLS_SELLER, "both": FILLS_BUYER + FILLS_SELLER}
NUMBER: Any = str | int
NUMBER_OR_NULL: Any = str | int | None


def number(value: int, path: str) -> int:
    """A source's number."""
    if not -INT64_MAX <= value <= INT64_MAX:
        raise refuse(Reason.MALFORMED, path, f"{decimals.shown(value)} is beyond the range of the house (2^63 - 1)")
    return value


def named(name: str, path: str) -> str:
    """A name: printable, at most 100 characters, without space around it. An empty one is the core's to refuse."""
    if len(name) > NAME_MAX or not name.isprintable() or name != name.strip():
        message = f"{decimals.shown(name)} is not a name: at most {NAME_MAX} printable characters, no space around them"
        raise refuse(Reason.MALFORMED, path, message)
    return name


NAME_MAX: Final = 100

"""Fields that many commands have: sizes, numbers and names, both ways."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, TypeVar

from novate.core.reasons import Reason
from novate.core.terms import Contract
from novate.tape import decimals
from novate.tape.decimals import INT64_MAX
from novate.tape.names import Names
from novate.tape.refusal import refuse

T = TypeVar("T")


def size(lots: int | None, quantity: str | int | None, contract: int, names: Names, place: str) -> int:
    """The size of a trade or fill in lots, from the one of the two fields that is given."""
    if (lots is None) == (quantity is None):
        message = "give the size once: lots (an integer) or quantity (a decimal)"
        raise refuse(Reason.MALFORMED, f"{place}.lots", message)
    if quantity is not None:
        return names.lots(quantity, contract, f"{place}.quantity")
    if lots is None or not -INT64_MAX <= lots <= INT64_MAX:
        message = f"{decimals.shown(lots)} lots are beyond the range of the house (2^63 - 1)"
        raise refuse(Reason.POSITION_LIMIT_EXCEEDED, f"{place}.lots", message)
    return lots


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


def price_text(price_ticks: int, contract: Contract) -> str:
    """A price in ticks as a decimal string."""
    return decimals.text_of(Fraction(contract.tick_size) * price_ticks)


def effective(time_ns: int | None) -> dict[str, str]:
    """When rules are to come into force, as a field; none where they are at once."""
    return {} if time_ns is None else {"effective": decimals.time_text(time_ns)}


def at(register: Sequence[T], index: int, noun: str) -> T:
    """The entry of a register. Raises ``LookupError`` where the command names none, which no tape can write."""
    if not 0 <= index < len(register):
        raise LookupError(f"there is no {noun} {index}: the command names it, so it cannot be written as a tape")
    return register[index]

"""From Python values to those of a tape: exact ones pass, floats never do."""

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from novate.tape.decimals import DIGITS_MAX

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MICROSECOND = datetime.timedelta(microseconds=1)

Number = str | int | Decimal
"""An exact number: a decimal string, an int or a ``Decimal``. Floats are refused with a ``TypeError``."""

Time = str | int | datetime.datetime
"""A time: ISO-8601 in UTC, nanoseconds since 1970, or a ``datetime`` that knows its time zone."""

Duration = str | int | datetime.timedelta
"""A length of time: ``"8h"``, nanoseconds, or a ``timedelta``."""


def plain(value: Any, path: str = "$") -> Any:
    """The value as a tape would hold it. Raises ``TypeError``, with path and cure, for what has no exact form."""
    match value:
        case None | bool() | str():
            return value
        case float() | np.floating():
            raise TypeError(
                f"`{path}`: the float {value!r} is not an exact number: "
                f'give a string, an int or a Decimal, like "{value!r}"'
            )
        case int() | np.integer():
            return int(value)
        case Decimal():
            if not value.is_finite():
                raise TypeError(f"`{path}`: {value} is not a number the house accepts: give a finite Decimal")
            return format(value, "f") if abs(value.adjusted()) < DIGITS_MAX else str(value)
        case datetime.datetime():
            if value.tzinfo is None:
                raise TypeError(f"`{path}`: {value!r} names no time zone: give one, like tzinfo=datetime.UTC")
            return (value - EPOCH) // MICROSECOND * 1000
        case datetime.timedelta():
            return value // MICROSECOND * 1000
        case Mapping():
            return {str(name): plain(content, f"{path}.{name}") for name, content in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [plain(content, f"{path}[{index}]") for index, content in enumerate(value)]
    raise TypeError(f"`{path}`: a {type(value).__name__} has no place in a command: give strings, ints and Decimals")

"""Numbers, times and durations as people write them, exactly: text in, integers out, and back.

Nothing here rounds. What is finer than the unit it is asked for raises ``Unfit`` with the values and the cure, so that
every caller can answer with the reason that fits its field.
"""

import datetime
import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

INT64_MAX: Final = 2**63 - 1
DIGITS_MAX: Final = 60
"""The longest number that is read. Beyond it no field of the house can hold the value."""

SECOND_NS: Final = 10**9
_EPOCH_DAY: Final = datetime.date(1970, 1, 1).toordinal()
_DECIMAL: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|\+00:00))?", re.ASCII
)
_DURATION: Final = re.compile(r"(?:[0-9]{1,19}(?:d|h|ms|us|ns|m|s))+", re.ASCII)
_PART: Final = re.compile(r"([0-9]+)(d|h|ms|us|ns|m|s)", re.ASCII)
_UNITS_NS: Final = {
    "d": 86_400 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "m": 60 * SECOND_NS,
    "s": SECOND_NS,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}


class Unfit(ValueError):
    """A value that cannot be what its field asks for. The message names the value and the cure, not the field."""


class TooFine(Unfit):
    """A value with more digits than its unit has."""


class TooLarge(Unfit):
    """A value that no 64-bit column can hold."""


def fraction(value: str | int) -> Fraction:
    """The exact value of a decimal string or an integer.

    Plain decimals only (``"50000.25"``): an exponent, a thousands separator, a sign ``+`` or a missing digit raise
    ``Unfit``, because each has meant different things to different programs.
    """
    if isinstance(value, int):
        if value.bit_length() > 200:
            raise TooLarge("the number is far beyond the range of the house: check its unit")
        return Fraction(value)
    if len(value) > DIGITS_MAX:
        raise TooLarge(f"a number of {len(value)} characters is beyond the range of the house: check its unit")
    if not _DECIMAL.fullmatch(value):
        raise Unfit(f'{shown(value)} is not a decimal number: write digits with a point, like "50000.25"')
    return Fraction(value)


def whole(value: Fraction, unit: str, written: str | int) -> int:
    """The value as an integer of its unit. Raises ``TooFine`` or ``TooLarge``; ``unit`` is named in the message."""
    if value.denominator != 1:
        raise TooFine(f"{written} is not a whole number of {unit}")
    if not -INT64_MAX <= value.numerator <= INT64_MAX:
        raise TooLarge(f"{written} is beyond the range of the house (2^63 - 1 {unit})")
    return value.numerator


def scaled(value: str | int, decimals: int, unit: str) -> int:
    """A decimal as an integer of ``10^-decimals``: ``scaled("1.25", 2, "cents") == 125``."""
    exact = fraction(value)
    if (exact * 10**decimals).denominator != 1:
        raise TooFine(f"{value} has more than {decimals} decimals of {unit}: give at most {decimals}")
    return whole(exact * 10**decimals, unit, value)


def text(value: int, decimals: int) -> str:
    """The shortest decimal string of ``value`` units of ``10^-decimals``; exact, never an exponent."""
    sign, digits = ("-", str(-value)) if value < 0 else ("", str(value))
    if decimals <= 0:
        return sign + digits + "0" * (-decimals if value else 0)
    digits = digits.rjust(decimals + 1, "0")
    head, tail = digits[:-decimals], digits[-decimals:].rstrip("0")
    return f"{sign}{head}.{tail}" if tail else sign + head


def text_of(value: Fraction) -> str:
    """The decimal string of a fraction that has one (its denominator divides a power of ten)."""
    decimals = 0
    while (value * 10**decimals).denominator != 1:
        decimals += 1
        if decimals > 200:
            raise ValueError(f"{value} has no finite decimal form")
    return text((value * 10**decimals).numerator, decimals)


def plain(written: str) -> str:
    """A decimal string of the core's terms as a tape writes it: as it stands, or without its exponent."""
    return written if _DECIMAL.fullmatch(written) else text_of(Fraction(written))


def decimal(value: int, decimals: int) -> Decimal:
    """``value`` units of ``10^-decimals`` as a ``Decimal`` with exactly that many places, whatever the context."""
    return Decimal(f"{value}E{-decimals}")


def rate(value: str | int, parts: int, unit: str) -> int:
    """A rate, ``"0.0005"`` or ``"0.05%"``, as an integer of ``1/parts``: ppm for 10^6."""
    percent = isinstance(value, str) and value.endswith("%")
    exact = fraction(value[:-1] if percent and isinstance(value, str) else value) / (100 if percent else 1)
    if (exact * parts).denominator != 1:
        raise TooFine(f"{value} is finer than {unit}: round it to a whole number of them")
    return whole(exact * parts, unit, value)


def rate_text(value: int, parts: int) -> str:
    """A rate as a decimal string."""
    return text(value, len(str(parts)) - 1)


def time_ns(value: str | int) -> int:
    """Nanoseconds since 1970 of a time in UTC: ISO-8601 (``"2008-09-15T13:30:00Z"``, a bare date) or an integer."""
    if isinstance(value, int):
        if not 0 <= value <= INT64_MAX:
            raise TooLarge(f"{shown(value)} is not a time in nanoseconds since 1970: give 0 to 2^63 - 1")
        return value
    match = _TIME.fullmatch(value) if len(value) <= DIGITS_MAX else None
    if match is None:
        raise Unfit(f'{shown(value)} is not a time in UTC: write "2008-09-15T13:30:00Z", or nanoseconds as an integer')
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        days = datetime.date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise Unfit(f"{shown(value)} is not a day of the calendar: {error}") from None
    if hour > 23 or minute > 59 or second > 59:
        raise Unfit(f"{shown(value)} is not a time of the day: hours end at 23, minutes and seconds at 59")
    rest_ns = int((match[7] or "").ljust(9, "0"))
    return time_ns((days * 86_400 + hour * 3_600 + minute * 60 + second) * SECOND_NS + rest_ns)


def time_text(value: int) -> str:
    """Nanoseconds since 1970 as ISO-8601 in UTC, without needless digits."""
    seconds, rest_ns = divmod(value, SECOND_NS)
    days, second = divmod(seconds, 86_400)
    day = datetime.date.fromordinal(_EPOCH_DAY + days).isoformat()
    tail = f".{rest_ns:09d}".rstrip("0") if rest_ns else ""
    return f"{day}T{second // 3_600:02d}:{second // 60 % 60:02d}:{second % 60:02d}{tail}Z"


def duration_ns(value: str | int) -> int:
    """A length of time as nanoseconds: ``"8h"``, ``"1h30m"``, ``"500ms"`` (d h m s ms us ns) or an int."""
    if isinstance(value, int):
        if not 0 <= value <= INT64_MAX:
            raise TooLarge(f"{shown(value)} is not a duration in nanoseconds: give 0 to 2^63 - 1")
        return value
    if len(value) > DIGITS_MAX or not _DURATION.fullmatch(value):
        raise Unfit(f'{shown(value)} is not a duration: write "8h", "1h30m" or "500ms" (d h m s ms us ns)')
    return duration_ns(sum(int(number) * _UNITS_NS[unit] for number, unit in _PART.findall(value)))


def duration_text(value: int) -> str:
    """Nanoseconds in the largest unit that divides them: ``"90m"``."""
    for unit, size_ns in _UNITS_NS.items():
        if value and value % size_ns == 0:
            return f"{value // size_ns}{unit}"
    return "0s"


def shown(value: object, length_max: int = 40) -> str:
    """A value for a message: quoted, control characters escaped, cut where it is long."""
    written = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else ascii(value)
    written = written.encode("utf-8", "backslashreplace").decode("utf-8")
    return written if len(written) <= length_max else written[:length_max] + "…"

"""Strict JSON: one object per line, nothing silently repaired, every error with its path and its cure.

A line is UTF-8. Numbers keep the digits they were written with, so that one with a fraction can be refused with the
string to write instead. A field given twice, NaN and half of a character are refused, where most readers let them pass.
"""

import difflib
import json
import re
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from novate.core.reasons import Reason
from novate.tape.decimals import DIGITS_MAX, shown
from novate.tape.refusal import refuse
from novate.tape.wire import AnyWire

T = TypeVar("T")

LINE_BYTES_MAX: Final = 64 * 1024 * 1024
_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?`?(?P<path>\$.*?)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
_EXPECTED: Final = {
    "int | str": "a decimal string",
    "int | null | str": "a decimal string",
    "int | str | null": "a decimal string",
    "int": "an integer",
    "int | null": "an integer",
    "str": "a string",
    "str | null": "a string",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "array | object": "a list or an object",
    "object | array": "a list or an object",
}


class Written:
    """A JSON number that is no exact integer, as it was written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return shown(self.text).strip('"')


def _integer(text: str) -> "int | Written":
    return int(text) if len(text) <= DIGITS_MAX else Written(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in fields if names.count(name) > 1)
        raise refuse(Reason.MALFORMED, "$", f"the field {shown(twice)} is given twice: keep one of them")
    return fields


_DECODER: Final = json.JSONDecoder(
    parse_float=Written, parse_constant=Written, parse_int=_integer, object_pairs_hook=_object
)


def parse_line(line: str | bytes) -> Any:
    """The JSON value of one line. Raises ``Refused`` (malformed) with the column where it is not JSON."""
    if len(line) > LINE_BYTES_MAX:
        raise refuse(
            Reason.MALFORMED, "$", f"{len(line)} bytes in one line, of at most {LINE_BYTES_MAX}: split its rows"
        )
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
        text.encode("utf-8")
        value = _DECODER.decode(text)
        if "\\u" in text:
            _check_text(value)
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        message = f"the text is not UTF-8 ({error.reason} at {error.start}): save the tape as UTF-8"
        raise refuse(Reason.MALFORMED, "$", message) from None
    except json.JSONDecodeError as error:
        message = f"not JSON at column {error.colno}: {error.msg}; write one object per line, in double quotes"
        raise refuse(Reason.MALFORMED, "$", message) from None
    except RecursionError:
        raise refuse(Reason.MALFORMED, "$", "the objects are nested too deep for any command") from None
    return value


def _check_text(value: Any) -> None:
    """Raise ``UnicodeError`` for half of a surrogate pair, which no other program could read back."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        for name, content in value.items():
            name.encode("utf-8")
            _check_text(content)
    elif isinstance(value, list):
        for content in value:
            _check_text(content)


def wire_command(value: Any) -> AnyWire:
    """The tape command of a JSON value. Raises ``Refused`` for an unknown command or a field that does not fit."""
    if not isinstance(value, dict):
        raise refuse(Reason.MALFORMED, "$", f"expected an object, got {_described(value)}: {_COMMAND_CURE}")
    name = value.get("command")
    if not isinstance(name, str) or name not in COMMANDS:
        if name is None:
            raise refuse(Reason.MALFORMED, "$.command", f"is missing: {_COMMAND_CURE}")
        raise refuse(Reason.MALFORMED, "$.command", f"{_described(name)} is not a command{_nearest(name, COMMANDS)}")
    return convert(value, COMMANDS[name], "$")


def convert(value: Any, kind: type[T], path: str) -> T:
    """``msgspec.convert`` with errors as ``Refused``: the path from the command's root, the value and the cure."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        _explain(str(error), value, kind, path)


def _explain(message: str, value: Any, kind: type, path: str) -> NoReturn:
    match = _AT.match(message)
    what, local = (match["what"], match["path"] or "$") if match else (message, "$")
    place = path + local[1:]
    if name := _quoted(what, "Object missing required field"):
        raise refuse(Reason.MALFORMED, f"{place}.{name}", "is missing: the command needs it, see the tape's reference")
    if name := _quoted(what, "Object contains unknown field"):
        fields = getattr(kind, "__struct_fields__", ()) if local == "$" else ()
        raise refuse(Reason.MALFORMED, f"{place}.{name}", f"is not a field of this command{_nearest(name, fields)}")
    found = _value_at(value, local)
    if what.startswith("Expected"):
        expected = _EXPECTED.get(_quoted(what, "Expected") or "", what.split(",")[0].removeprefix("Expected "))
        raise refuse(Reason.MALFORMED, place, f"expected {expected}, got {_described(found)}{_cure(found, expected)}")
    choices = _choices(kind, local)
    raise refuse(Reason.MALFORMED, place, f"{_described(found)} is not one of its values{_nearest(found, choices)}")


def _choices(kind: type, path: str) -> list[str]:
    """What the literal field at the path may be."""
    step = _STEP.search(path)
    hint = typing.get_type_hints(kind).get(step[1] or "") if step else None
    while hint is not None and typing.get_origin(hint) is list:
        (hint,) = typing.get_args(hint)
    return [str(choice) for choice in typing.get_args(hint)]


def _quoted(what: str, start: str) -> str | None:
    return what[len(start) :].split("`")[1] if what.startswith(start) and "`" in what[len(start) :] else None


def _value_at(value: Any, path: str) -> Any:
    """What stands at a path of msgspec; keys of maps are not named there, so the nearest value that is."""
    for step in _STEP.finditer(path.partition("[...]")[0]):
        field, index = step.groups()
        if field is not None and isinstance(value, dict) and field in value:
            value = value[field]
        elif index is not None and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
    return value


def _described(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Written() | int() | float():
            return f"the number {value!r}"
        case list():
            return "a list"
        case dict():
            return "an object"
    return shown(value)


def _cure(value: Any, expected: str) -> str:
    if isinstance(value, float) and expected == "a decimal string":
        return f': a float is not exact, give the decimal as text or Decimal, like "{value!r}"'
    if not isinstance(value, Written):
        return ""
    if value.text in ("NaN", "Infinity", "-Infinity"):
        return ": the house never guesses a number; leave the row out, or give null where a price is missing"
    if expected == "a decimal string" and len(value.text) <= DIGITS_MAX:
        return f': JSON numbers with a fraction are not exact, write "{value.text}" in quotes'
    return ": the number is too long" if expected == "a decimal string" else ": write it without fraction or exponent"


def _nearest(name: Any, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name)[:DIGITS_MAX], list(choices), 1)
    return f': did you mean "{close[0]}"?' if close else f"; known are {', '.join(sorted(choices))}" if choices else ""


COMMANDS: Final[dict[str, type[Any]]] = {
    kind.__struct_config__.tag: kind for kind in AnyWire.__args__ if isinstance(kind.__struct_config__.tag, str)
}
"""Every command of the tape by its name."""

_COMMAND_CURE: Final = 'write {"command": "…", …} with one of ' + ", ".join(sorted(COMMANDS))


def tape_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The commands of a tape as ``(line number from 1, text)``, without blank lines and those that start with ``#``."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        line = line.strip(b" \t\r")
        if line and not line.startswith(b"#"):
            yield number, line

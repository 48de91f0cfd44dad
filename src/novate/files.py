"""Files that people write, TOML or JSON, as the structs that they stand for: what is wrong is said with its place."""

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from novate.risk.errors import RiskError

Kind = TypeVar("Kind")


class FileError(RiskError):
    """A file that cannot be read as what it should be; the message gives the file, the place and the cure."""


def table_of(path: Path) -> dict[str, Any]:
    """The table that a file holds: JSON where it is called so, else TOML. Raises ``FileError``, and ``OSError``."""
    is_json = path.suffix.lower() == ".json"
    try:
        data = path.read_bytes()
        read = _json(data) if is_json else tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also of what is no text at all, and of a nest without end
        raise FileError(f"{path}: it is not {'JSON' if is_json else 'TOML'}: {error}") from error
    if not isinstance(read, dict):
        raise FileError(f"{path}: expected a table, got {type(read).__name__}")
    return read


def _json(data: bytes) -> Any:
    read = json.loads(data, object_pairs_hook=_once)
    json.dumps(read, ensure_ascii=False).encode()  # halves of characters can be escaped, and are no text
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, which would keep the last of a name that is there twice and be silent about it."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice: leave one out")
        found[name] = value
    return found


def converted(table: dict[str, Any], kind: type[Kind], place: str, see: str) -> Kind:
    """A table as a struct or dataclass. Raises ``FileError`` for what is missing, of another type or read by nobody;
    ``see`` is the page that says what there is."""
    try:
        value = msgspec.convert(table, kind)
    except (msgspec.ValidationError, RiskError) as error:
        raise FileError(f"{place}: {error}: see {see}") from error
    if lost := _lost(table, msgspec.to_builtins(value)):
        raise FileError(f"{place}: {lost}: unknown, nothing reads it: leave it out or mend its name")
    return value


def _lost(given: Any, kept: Any, path: str = "$") -> str:
    """The path of the first name that was given and not kept: dataclasses let unknown fields pass."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name not in kept:
                return f"{path}.{name}"
            if lost := _lost(value, kept[name], f"{path}.{name}"):
                return lost
    if isinstance(given, list) and isinstance(kept, list | tuple):
        for at, (value, other) in enumerate(zip(given, kept, strict=True)):
            if lost := _lost(value, other, f"{path}[{at}]"):
                return lost
    return ""

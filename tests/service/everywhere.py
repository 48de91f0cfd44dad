"""One journal that every interpreter must make alike: a tape, and the hashes that it leads to.

``everywhere.jsonl`` is the tape, ``everywhere.json`` what must come of it; ``test_everywhere.py`` compares.

    python -m tests.service.everywhere           writes the hashes anew: after a change of the layout or the facts
    python -m tests.service.everywhere --tape    writes the tape anew, too: after a change of the commands

A hash of the chain that changes means that an older journal would be decided otherwise today: then the decision version
must be raised.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from novate.cli import main
from novate.core.commands import AnyCommand
from novate.house import ClearingHouse
from novate.service.engine import Engine
from tests.core import worlds

TAPE = Path(__file__).with_name("everywhere.jsonl")
EXPECTED = Path(__file__).with_name("everywhere.json")


class Hashes(msgspec.Struct):
    """What a journal comes down to: its records, the last hash of its chain and the hash of the house."""

    records: int
    chain: str
    state: str


def carry_out(folder: Path) -> Hashes:
    """Clear the tape into a new journal."""
    with ClearingHouse(folder) as house:
        for line, outcome in house.run(TAPE):
            if outcome.seq is None:
                raise ValueError(f"{TAPE.name}, line {line}: {outcome.refusals}")
    with Engine(folder) as engine:
        return Hashes(engine.committed.seq, engine.committed.hash.hex(), engine.recovered.book.digest().hex())


@contextmanager
def overheard() -> Iterator[list[tuple[int, AnyCommand]]]:
    """Every command that the worlds of the core's tests carry out, with its time."""
    told: list[tuple[int, AnyCommand]] = []
    step = worlds.step

    def overheard_step(book: Any, command: Any, time_ns: int) -> Any:
        told.append((time_ns, command))
        return step(book, command, time_ns)

    worlds.step = overheard_step
    try:
        yield told
    finally:
        worlds.step = step


def write_tape(folder: Path) -> None:
    """Some days and a crash, in every kind of contract, with refusals of all that can go wrong in them."""
    from tests.core.test_determinism import crisis

    with overheard() as told:
        crisis()
    with Engine(folder) as engine:
        for time_ns, command in told:
            engine.submit(command, time_ns).result()
    if main(["replay", str(folder), "--tape", str(TAPE)]):
        raise SystemExit(1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        if "--tape" in sys.argv:
            write_tape(Path(scratch) / "tape")
        EXPECTED.write_bytes(
            msgspec.json.format(msgspec.json.encode(carry_out(Path(scratch) / "house")), indent=2) + b"\n"
        )

"""What the command line prints: tables, outcomes line by line, JSON, and that it is busy."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from novate.house import Outcome
    from novate.house.questions import WhatIf
    from novate.views import House, Table


NOT_PASSED, UNUSABLE = 1, 2
"""Exit codes: a check that did not pass; a command line, or a file that it names, that cannot be used."""


class Failure(Exception):
    """A failure to tell the user in one line, with the exit code that goes with it."""

    def __init__(self, message: str, code: int = UNUSABLE) -> None:
        super().__init__(message)
        self.code = code


WIDTH_PIPED = 140
"""Columns where the output is no terminal: tables are then read by people later, or by other programs."""


def output() -> Console:
    """Standard output; as wide as the terminal, or as tables need."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH_PIPED)


@contextlib.contextmanager
def busy(what: str) -> Iterator[None]:
    """A sign of life on standard error, where somebody watches."""
    with Console(stderr=True).status(f"{what} …") if sys.stderr.isatty() else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def interrupted() -> Iterator[Callable[[], bool]]:
    """Whether somebody asked for an end (Ctrl-C) since; the first asks, the second ends the process as ever."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def print_house(seen: "House", happened: "Sequence[dict[str, Any]]", facts: int) -> None:
    from novate.views import facts_table, tables

    console = output()
    for table in tables(seen):
        print_table(console, table)
    if happened:
        print_table(console, facts_table(happened, facts))
    console.print(f"record {seen.seq} at {seen.time}, state {seen.digest[:16]}…", highlight=False)


def print_table(console: Console, table: "Table") -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=Text(table.title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD)
    shown.pad_edge, shown.collapse_padding = False, True
    for column in table.columns:
        right = column in table.numbers
        shown.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in table.rows:
        shown.add_row(*map(Text, row))
    console.print(shown)


def print_outcomes(outcomes: "Sequence[tuple[int, Outcome]]") -> None:
    from novate.core.reasons import Reason

    refused = [
        (line, refusal)
        for line, outcome in outcomes
        for refusal in outcome.refusals
        if refusal.reason is not Reason.MALFORMED
    ]
    for line, refusal in refused:
        print(f"line {line}: {refusal}")
    counts = [
        f"{count(len(outcomes), 'command')}: {sum(outcome.seq is not None for _, outcome in outcomes):,} on record",
        count(len(refused), "refusal"),
    ]
    if malformed := sum(len(outcome.refusals) for _, outcome in outcomes) - len(refused):
        counts.append(f"{malformed:,} malformed")
    print(", ".join(counts))


def print_malformed(tape: Path, outcomes: "Sequence[tuple[int, Outcome]]") -> int:
    from novate.core.reasons import Reason

    wrong = [
        (line, refusal)
        for line, outcome in outcomes
        for refusal in outcome.refusals
        if refusal.reason is Reason.MALFORMED
    ]
    for line, refusal in wrong:
        print(f"{tape}:{line}: {refusal}", file=sys.stderr)
    return UNUSABLE if wrong else 0


def print_what_if(answer: "WhatIf") -> None:
    from novate.views import Table, aligned

    pairs = [(answer.account, answer), *((each.account, each) for each in answer.isolated)]
    stood = [
        (name, when, figures) for name, of in pairs for when, figures in (("before", of.before), ("after", of.after))
    ]
    figures = ("equity", "initial", "maintenance", "free")
    columns = [aligned([getattr(each, figure) for _, _, each in stood]) for figure in figures]
    cells = [
        [name, when if each.priced else f"{when}, not priced", *row]
        for (name, when, each), row in zip(stood, zip(*columns, strict=True), strict=True)
    ]
    title = f"What if, in {answer.numeraire}, after record {answer.seq}"
    print_table(output(), Table(title, ("account", "", *figures), cells, figures))
    for refusal in answer.refusals:
        print(refusal)


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def outcome_row(line: int, outcome: "Outcome") -> dict[str, Any]:
    refusals = [
        {"row": refusal.row, "reason": refusal.reason.text, "path": refusal.path, "message": refusal.message}
        for refusal in outcome.refusals
    ]
    return {"line": line, "seq": outcome.seq, "rows": outcome.rows, "refusals": refusals}


def print_json(value: object) -> None:
    from novate.views import to_json

    print(to_json(value))

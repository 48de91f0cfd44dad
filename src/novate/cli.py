"""The command line: ``novate run``, ``replay``, ``audit``, ``rebuild-head`` and ``demo``.

Exit codes: 0 done (a refused row is a result, not an error), 1 it could not be done, or an audit found a difference,
2 lines of a tape, or the command line itself, could not be read. Nothing heavy is imported before a command needs it.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from novate import __version__

if TYPE_CHECKING:
    from novate.house import Outcome
    from novate.views import House, Table

WIDTH_PIPED = 140
"""Columns where the output is no terminal: tables are then read by people later, or by other programs."""

app = App(
    name="novate",
    help="An open clearing house for derivatives: trades and prices in; margin, settlement and proof out.",
    version=__version__,
    version_flags=("--version",),
)


class Failure(Exception):
    """A failure to tell the user in one line, with the exit code that goes with it."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. Failures of the user's world are one line on standard error."""
    try:
        result = app(
            arguments, print_error=False, exit_on_error=False, help_on_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _fail(f"{error}; `novate --help` shows what there is", 2)
    except Failure as failure:
        return _fail(str(failure), failure.code)
    except KeyboardInterrupt:
        return _fail("interrupted; what was acknowledged is in the journal", 130)
    except BrokenPipeError:
        # Whoever read the output has gone; what is still buffered must not complain about it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int) -> int:
    print(f"novate: {message}", file=sys.stderr)
    return code


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the errors of files, journals and the engine into failures with one line."""
    from novate.service.engine import EngineStopped
    from novate.service.journal import JournalError

    try:
        yield
    except (JournalError, EngineStopped) as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{error.filename or 'input/output'}: {error.strerror or error}") from error


@app.command
def run(
    tape: Annotated[Path, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    journal: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    facts: int = 40,
) -> int:
    """Clear a tape: JSON lines, one command each (docs/reference/tape.md has the schema).

    Rows that the rules refuse are listed and do not count as an error. Lines that cannot be read are listed on standard
    error, all others are cleared, and the exit code is 2.

    Parameters
    ----------
    tape
        The file of commands; `-` reads standard input.
    journal
        The folder of a durable journal, begun or continued. Without it nothing is kept.
    json
        Print one JSON object with everything, instead of tables.
    facts
        How many of the last facts the tables show.
    """
    from novate.house import ClearingHouse
    from novate.tape import tape_lines
    from novate.views import house as house_view

    with _told():
        data = sys.stdin.buffer.read() if str(tape) == "-" else tape.read_bytes()
        if next(tape_lines(data), None) is None:
            raise Failure(f"{tape}: the tape is empty; write one JSON object per line, see docs/reference/tape.md", 2)
        with _busy("clearing"), ClearingHouse(journal) as house:
            before = house.seq
            outcomes = list(house.run(data))
            seq = house.seq
            seen = house.read(lambda book: house_view(book, seq))
            happened = list(house.facts(since=before))
    if json:
        _print_json({"outcomes": [_outcome_row(*outcome) for outcome in outcomes], "house": seen, "facts": happened})
    else:
        _print_house(seen, happened, facts)
        _print_outcomes(outcomes)
    return _malformed(tape, outcomes)


@app.command
def replay(
    journal: Path,
    /,
    *,
    until: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    tape: Path | None = None,
) -> None:
    """Fold a journal's facts into the house they made, verifying every hash; nothing is decided again.

    Parameters
    ----------
    journal
        The folder of the journal. It may be in use.
    until
        The last record to fold; all of them by default.
    json
        Print one JSON object instead of tables.
    tape
        Write the commands to this file as a tape.
    """
    from novate.service.replay import replay as fold_journal
    from novate.views import house as house_view

    with _told():
        with _busy("replaying"):
            seq = _last_seq(journal) if until is None else until
            book = fold_journal(journal, seq)
        seen = house_view(book, seq)
        if tape is not None:
            _write_tape(journal, seq, tape, book.registers)
    if json:
        _print_json({"house": seen})
    else:
        _print_house(seen, [], 0)


@app.command
def audit(journal: Path, /) -> int:
    """Decide every command of a journal again and demand identical facts. The exit code is 1 where one differs.

    Parameters
    ----------
    journal
        The folder of the journal. It may be in use.
    """
    from novate.service.replay import audit as audit_journal

    with _told(), _busy("auditing"):
        found = audit_journal(journal)
    for line in found.lines():
        print(line)
    return 0 if found.clean else 1


@app.command
def rebuild_head(journal: Path, /, *, last: int | None = None) -> None:
    """Write a journal's head anew where it is gone or spoilt: the records there are accepted as all there were.

    Every hash is verified first; a sound head is left alone. Only where you know from elsewhere (a copy, the members'
    own records) that nothing acknowledged is missing: docs/operating/journal.md has more.

    Parameters
    ----------
    journal
        The folder of the journal. No engine may run.
    last
        The last record that is left. Must be given where the head or a snapshot says that later ones are missing: they
        are then given up.
    """
    from novate.service.repair import rebuild_head as accept
    from novate.tape.decimals import time_text

    with _told(), _busy("verifying"):
        accepted = accept(journal, last)
    if not accepted.changed:
        print(f"the head is sound and was not changed; the journal ends at record {accepted.head.seq}")
        return
    seq, when, digest = accepted.head.seq, time_text(accepted.time_ns), accepted.head.hash.hex()
    print(f"the journal ends at record {seq} ({when}, hash {digest}); the head names it now")
    for path in accepted.aside:
        print(f"set aside: {path}")


@app.command
def demo(
    *,
    history: Path | None = None,
    seed: int = 2008,
    out: Path = Path("out"),
    members: int = 200,
    accounts: int = 3000,
    form: Literal["clearing_house", "venue"] = "clearing_house",
    journal: Path | None = None,
) -> None:
    """Clear a real market history through a crisis, and write a report of it.

    Parameters
    ----------
    history
        A Parquet or CSV file of prices. By default the crisis of 2008, which comes with the installation.
    seed
        The seed of the population: the same seed gives the same journal, to the last unit.
    out
        The folder of the report.
    members
        How many clearing members.
    accounts
        How many client accounts.
    form
        The rules: those of a clearing house (margin calls, members stand behind clients) or of a venue.
    journal
        A new folder that keeps the run's journal, for `novate replay` and `novate audit`.
    """
    from novate.sim.demo import ProofFailed, run_demo

    population: dict[str, Any] = {"seed": seed, "members": members, "accounts": accounts}
    with _told():
        try:
            run_demo(history=history, out=out, console=Console(), form=form, journal=journal, **population)
        except (ValueError, ProofFailed) as error:
            raise Failure(str(error)) from error


# --- output -----------------------------------------------------------------------------------------------------


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=WIDTH_PIPED)


@contextlib.contextmanager
def _busy(what: str) -> Iterator[None]:
    """A sign of life on standard error, where somebody watches."""
    with Console(stderr=True).status(f"{what} …") if sys.stderr.isatty() else contextlib.nullcontext():
        yield


def _print_house(seen: "House", happened: "Sequence[dict[str, Any]]", facts: int) -> None:
    from novate.views import facts_table, tables

    console = _console()
    for table in tables(seen):
        _print_table(console, table)
    if happened:
        _print_table(console, facts_table(happened, facts))
    console.print(f"record {seen.seq} at {seen.time}, state {seen.digest[:16]}…", highlight=False)


def _print_table(console: Console, table: "Table") -> None:
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


def _print_outcomes(outcomes: "Sequence[tuple[int, Outcome]]") -> None:
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
        f"{_count(len(outcomes), 'command')}: {sum(outcome.seq is not None for _, outcome in outcomes):,} on record",
        _count(len(refused), "refusal"),
    ]
    if malformed := sum(len(outcome.refusals) for _, outcome in outcomes) - len(refused):
        counts.append(f"{malformed:,} malformed")
    print(", ".join(counts))


def _malformed(tape: Path, outcomes: "Sequence[tuple[int, Outcome]]") -> int:
    from novate.core.reasons import Reason

    wrong = [
        (line, refusal)
        for line, outcome in outcomes
        for refusal in outcome.refusals
        if refusal.reason is Reason.MALFORMED
    ]
    for line, refusal in wrong:
        print(f"{tape}:{line}: {refusal}", file=sys.stderr)
    return 2 if wrong else 0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _outcome_row(line: int, outcome: "Outcome") -> dict[str, Any]:
    refusals = [
        {"row": refusal.row, "reason": refusal.reason.text, "path": refusal.path, "message": refusal.message}
        for refusal in outcome.refusals
    ]
    return {"line": line, "seq": outcome.seq, "rows": outcome.rows, "refusals": refusals}


def _print_json(value: object) -> None:
    from novate.views import to_json

    print(to_json(value))


def _last_seq(journal: Path) -> int:
    from novate.service.replay import open_whole

    with open_whole(journal) as reader:
        return reader.last_seq


def _write_tape(journal: Path, until: int, tape: Path, registers: Any) -> None:
    import msgspec

    from novate.core.facts import LiquidationOrdered
    from novate.core.registers import Order
    from novate.house.records import recorded
    from novate.service.journal import JournalReader
    from novate.tape import encode_command, to_line

    orders: dict[int, Order] = {}
    registers = msgspec.structs.replace(registers, orders=orders)
    with JournalReader(journal) as reader, tape.open("w", encoding="utf-8") as file:
        for record in recorded(reader.records(until=until)):
            for fact in record.facts:
                if isinstance(fact, LiquidationOrdered):
                    expiry_ns, limit = fact.expiry_ns, fact.limit_price_ticks
                    orders[fact.order] = Order(fact.bucket, fact.contract, fact.lots, fact.lots, limit, expiry_ns)
            try:
                fields = encode_command(record.command, registers, record.time_ns)
            except LookupError as error:
                raise Failure(f"record {record.seq} cannot be written to {tape}: {error.args[0]}") from error
            file.write(to_line(fields) + "\n")

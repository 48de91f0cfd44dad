"""The command line: ``novate run``, ``replay``, ``what-if``, ``margin``, ``backtest``, ``audit``, ``demo`` and others.

Exit codes: 0 done (a refused row is a result, not an error), 1 a check did not pass, 2 the command line, or a file that
it names, cannot be used: ``novate.cli.failures`` says which is which. Nothing heavy is imported before a command needs
it.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from novate import __version__
from novate.cli.failures import failure_of
from novate.terminal import (
    NOT_PASSED,
    UNUSABLE,
    Failure,
    busy,
    interrupted,
    outcome_row,
    output,
    print_house,
    print_json,
    print_malformed,
    print_outcomes,
    print_what_if,
)

if TYPE_CHECKING:
    from novate.core.book import Book

app = App(
    name="novate",
    help="An open clearing house for derivatives: trades and prices in; margin, settlement and proof out.",
    version=__version__,
    version_flags=("--version",),
)
# Imported when they are asked for; what they say of themselves stands here for the list of commands.
app.command("novate.cli.backtest:backtest", help="Backtest margin models over real prices, out of sample.")
app.command(
    "novate.cli.margin:margin", help="What a venue's rules ask for of a portfolio, and why; or all side by side."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. Failures of the user's world are one line on standard error."""
    try:
        result = app(
            arguments, print_error=False, exit_on_error=False, help_on_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _fail(f"{error}; `novate --help` shows what there is", UNUSABLE)
    except KeyboardInterrupt:
        return _fail("interrupted; what was acknowledged is in the journal", 130)
    except BrokenPipeError:
        # Whoever read the output has gone; what is still buffered must not complain about it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if (failure := failure_of(error)) is None:
            raise
        return _fail(str(failure), failure.code)
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int) -> int:
    print(f"novate: {message}", file=sys.stderr)
    return code


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

    data = sys.stdin.buffer.read() if str(tape) == "-" else tape.read_bytes()
    if next(tape_lines(data), None) is None:
        raise Failure(f"{tape}: the tape is empty; write one JSON object per line, see docs/reference/tape.md")
    with busy("clearing"), ClearingHouse(journal) as house:
        before = house.seq
        outcomes = list(house.run(data))
        seq = house.seq
        seen = house.read(lambda book: house_view(book, seq))
        happened = list(house.facts(since=before))
    if json:
        print_json({"outcomes": [outcome_row(*outcome) for outcome in outcomes], "house": seen, "facts": happened})
    else:
        print_house(seen, happened, facts)
        print_outcomes(outcomes)
    return print_malformed(tape, outcomes)


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
    from novate.views import house as house_view

    book, seq = _folded(journal, until)
    seen = house_view(book, seq)
    if tape is not None:
        _write_tape(journal, seq, tape, book.registers)
    if json:
        print_json({"house": seen})
    else:
        print_house(seen, [], 0)


@app.command
def what_if(
    journal: Path,
    account: str,
    /,
    *,
    trade: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    deposit: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    until: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """What deposits and then trades would do to an account of a journal; nothing is decided or written.

    Parameters
    ----------
    journal
        The folder of the journal. It may be in use.
    account
        The account's name.
    trade
        `"buy 10 OIL at 100.00"`, in lots; as often as needed, each after those before it.
    deposit
        `"500.00 USD"`; as often as needed, all before the trades.
    until
        The last record to fold; all of them by default.
    json
        Print one JSON object instead of a table.
    """
    from novate.house import questions
    from novate.tape import Names, Refused

    book, seq = _folded(journal, until)
    names = Names(book.registers)
    try:
        trades, deposits = map(questions.trade_in_words, trade), map(questions.deposit_in_words, deposit)
        asked = questions.decode([*trades], [*deposits], names)
        answer = questions.what_if(book, names.account(account, "$.account"), asked, seq)
    except Refused as error:
        raise Failure(error.refusal.message) from error
    except LookupError as error:
        raise Failure(str(error.args[0])) from error
    except ValueError as error:
        raise Failure(str(error)) from error
    if json:
        print_json(answer)
    else:
        print_what_if(answer)


@app.command
def audit(journal: Path, /, *, follow: bool = False) -> int:
    """Decide every command of a journal again and demand identical facts. The exit code is 1 where one differs.

    Parameters
    ----------
    journal
        The folder of the journal. It may be in use.
    follow
        Go on with what is written meanwhile, until you interrupt it (Ctrl-C) or a record differs. Snapshots are not
        compared.
    """
    from novate.service import audit as audits

    if follow:
        with interrupted() as ended:
            print(f"following {journal}; Ctrl-C ends it", file=sys.stderr, flush=True)
            found = audits.follow(journal, ended)
    else:
        with busy("auditing"):
            found = audits.audit(journal)
    for line in found.lines():
        print(line)
    return 0 if found.clean else NOT_PASSED


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

    with busy("verifying"):
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
    try:
        run_demo(history=history, out=out, console=Console(), form=form, journal=journal, **population)
    except ProofFailed as error:
        raise Failure(str(error), NOT_PASSED) from error
    except ValueError as error:
        raise Failure(str(error)) from error


@app.command
def sim(
    *,
    seeds: int = 50,
    steps: int = 200,
    first: int = 0,
    jobs: int | None = None,
    seed: int | None = None,
    only: str | None = None,
    history: Path | None = None,
) -> int:
    """Play random worlds with an independent auditor beside the core. The exit code is 1 where one disagrees.

    A world that fails is shrunk to the fewest steps that still fail, and one line is printed that brings it back.

    Parameters
    ----------
    seeds
        How many worlds.
    steps
        How many steps each has after its opening.
    first
        The seed of the first world; the others follow.
    jobs
        How many processes; by default one per core.
    seed
        Play this world alone.
    only
        Of this world, play these places of its script alone: `0-4,9,12-13`.
    history
        A Parquet or CSV file of prices that all worlds move by, instead of random walks.
    """
    from novate.sim.worlds.console import simulate, simulate_one

    if min(seeds, steps) < 1 or (jobs is not None and jobs < 1):
        raise Failure("seeds, steps and jobs must be positive")
    if only is not None and seed is None:
        raise Failure("--only needs the --seed of the world whose places it names")
    try:
        if seed is not None:
            fine = simulate_one(seed, steps, only, history, output())
        else:
            fine = simulate(first, seeds, steps, jobs or os.cpu_count() or 1, history, output())
    except ValueError as error:
        raise Failure(str(error)) from error
    return 0 if fine else NOT_PASSED


# --- output -----------------------------------------------------------------------------------------------------


def _folded(journal: Path, until: int | None) -> "tuple[Book, int]":
    """The house after a record of a journal, the last by default, and that record's number."""
    from novate.service.replay import open_whole, replay

    with busy("replaying"):
        if until is None:
            with open_whole(journal) as reader:
                until = reader.last_seq
        return replay(journal, until), until


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

"""``python -m bench``: measure, print the table, write bench/results.json."""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from bench import (
    journal,
    machine,
    mixed,
    portfolio,
    pricing,
    recalibration,
    recovery,
    remargin,
    table,
    ticks,
    trades,
    whatif,
)
from bench.figures import Figure
from bench.session import Session
from bench.world import FULL, SMALL

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
RESULTS = HERE / "results.json"

FIGURES: dict[str, Callable[[Session], list[Figure]]] = {
    "trades-uniform": trades.uniform,
    "trades-hubs": trades.with_hubs,
    "portfolio": portfolio.trades,
    "mixed-trades": mixed.in_core,
    "mixed-tick": mixed.tick,
    "journal-batches": journal.batches,
    "journal-singles": journal.singles,
    "tick-house": ticks.house,
    "tick-one": ticks.one,
    "what-if": whatif.questions,
    "pricing": pricing.grid,
    "remargin-book": remargin.book,
    "remargin-model": remargin.model,
    "remargin-million": remargin.million,
    "recalibration": recalibration.full,
    "recovery-batches": recovery.batches,
    "recovery-singles": recovery.singles,
    "memory": recovery.memory,
    "peer": lambda session: [session.peer],
}


def main(arguments: list[str]) -> int:
    """Run the bench; the exit status is 0 whatever the figures are."""
    options = parse(arguments)
    chosen = choose(options.only)
    if not chosen:
        print(f"no figure is called {', '.join(options.only)}; there are {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    console = Console()
    work = Path(options.work) if options.work else WORK
    with folder_in(work) as folder:
        facts = machine.description(folder)
        before = machine.load()
        session = Session(SMALL if options.small else FULL, folder, with_peer=not options.no_peer)
        figures = measure(session, chosen, console, options)
    facts["load"] = f"{before} before, {machine.load()} after (the bench itself included)"
    table.show(console, facts, figures)
    if options.out is None:
        console.print(f"{RESULTS.name} is written by a whole run, or where --out FILE says", soft_wrap=True)
    else:
        write_results(Path(options.out), figures)
        console.print(f"written to {options.out}", soft_wrap=True)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the figures of novate.")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a figure, or the start of its name; may be given again: {', '.join(FIGURES)}",
    )
    parser.add_argument("--small", action="store_true", help="a smoke run of seconds; says nothing about speed")
    parser.add_argument("--no-peer", action="store_true", help="do not install or run NautilusTrader")
    parser.add_argument("--work", metavar="FOLDER", help="where journals are written: on the disk to be measured")
    parser.add_argument("--out", metavar="FILE", help=f"the results as JSON; a whole run writes {RESULTS.name}")
    options = parser.parse_args(arguments)
    if options.out is None and not options.only and not options.small:
        options.out = str(RESULTS)
    return options


def choose(only: list[str]) -> list[str]:
    """The figures whose names begin with one that was asked for; all where none was."""
    return [name for name in FIGURES if not only or any(name.startswith(wanted) for wanted in only)]


def measure(session: Session, chosen: list[str], console: Console, options: argparse.Namespace) -> list[Figure]:
    """The chosen figures, with the limits of the machine measured before, between and after them."""
    figures: list[Figure] = []
    session.limits.measure()
    for name in chosen:
        with console.status(name):
            measured = FIGURES[name](session)
            session.limits.measure()
        for figure in measured:
            figure.command = f"python -m bench --only {name}" + (" --small" if options.small else "")
            value = figure.skipped if figure.value is None else f"{table.number(figure.value)} {figure.unit}"
            console.print(f"{figure.figure}: {value}", highlight=False, soft_wrap=True)
        figures += measured
    for figure in figures:
        session.limits.stand_beside(figure)
        if options.small:  # what a toy house does reaches no target
            figure.target = None
    for figure in session.limits.figures.values():
        figure.command = "python -m bench" + (" --small" if options.small else "")
    return figures + list(session.limits.figures.values())


def write_results(path: Path, figures: list[Figure]) -> None:
    """results.json: a list with one object for each figure."""
    path.write_text(json.dumps([figure.result() for figure in figures], indent=2) + "\n")


@contextlib.contextmanager
def folder_in(parent: Path) -> Iterator[Path]:
    """A fresh folder under ``parent``, gone afterwards. Not a system's temporary one: that may lie in memory."""
    parent.mkdir(parents=True, exist_ok=True)
    if parent == WORK:
        (parent / ".gitignore").write_text("*\n")
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``novate margin``: what a venue would ask for of a portfolio, and why; or every venue's answer side by side."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from novate.terminal import Failure, output, print_json, print_table

if TYPE_CHECKING:
    from novate.risk.factors import FactorHistory
    from novate.risk.venues.book import Book
    from novate.risk.venues.requirement import Answer
    from novate.rulebooks import Rulebook


def margin(
    portfolio: Path | None = None,
    /,
    *,
    rulebook: str | None = None,
    compare: Annotated[bool, Parameter(negative="")] = False,
    listed: Annotated[bool, Parameter(name="--list", negative="")] = False,
    history: Path | None = None,
    series: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    absolute: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    vouch: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    gap_days: float | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """What a venue's rules ask for of a portfolio: initial and maintenance margin, equity, and why.

    Parameters
    ----------
    portfolio
        A TOML or JSON file (docs/concepts/rulebooks-of-venues.md).
    rulebook
        The name of a rulebook, or the path of a TOML file of your own.
    compare
        Every rulebook side by side; one that cannot margin something in the portfolio says so in its row.
    listed
        Show the rulebooks with their dates and sources.
    history
        For our own rulebook `ccp`: a Parquet or CSV file with a price a day of every underlying, and of what else is to
        move ("BTC vol 30d", "BTC basis 90d", "BTC premium", "BTC funding", collateral).
    series
        Which series of the history stands for what, where they go by other names (CL=wti_usd_bbl); as often as needed.
    absolute
        Underlyings that move by differences because their price may be zero or below; as often as needed.
    vouch
        Days (2020-04-20) whose moves are true however large; as often as needed.
    gap_days
        Longest time without a price that is no hole. By default one step of a market that trades on weekends, else 7.
    json
        Print one JSON object instead of tables.
    """
    from novate.cli.histories import history_of
    from novate.rulebooks import load, names, read_book
    from novate.rulebooks import margin as ask

    if listed + compare + (rulebook is not None) != 1 or listed == (portfolio is not None):
        raise Failure("give a portfolio with --rulebook NAME or --compare, or --list alone", 2)
    if history is None and (series or absolute or vouch or gap_days is not None):
        raise Failure("--series, --absolute, --vouch and --gap-days are of a history: give one with --history FILE", 2)
    with _told(portfolio, rulebook):
        if portfolio is None:
            _show_list([load(name) for name in names()], json)
            return
        book = read_book(portfolio)
        rules = None if rulebook is None else _fit(load(rulebook), history)
        of = (rules or load("ccp")).rules
        past = None if history is None else history_of(book, of, history, series, absolute, vouch, gap_days)
        if rules is None:
            _show_comparison(book, [load(name) for name in names()], past, json)
        else:
            _show_answer(rules, ask(book, rules, past), json)


@contextlib.contextmanager
def _told(portfolio: Path | None, rulebook: str | None) -> Iterator[None]:
    """Turn errors of files and rules into failures with one line, the cure in the command line's words."""
    from novate.cli.backtest import in_options
    from novate.files import FileError
    from novate.risk.errors import RiskError

    try:
        yield
    except FileError as error:
        raise Failure(str(error), 2) from error
    except RiskError as error:
        raise Failure(f"{portfolio}: {rulebook}: {in_options(error)}") from error
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror or error}") from error


def _fit(rules: "Rulebook", history: Path | None) -> "Rulebook":
    """The rulebook, where it is given a history just if it margins by one."""
    if rules.from_history == (history is not None):
        return rules
    cure = "give one with --history FILE" if history is None else "leave --history out"
    raise Failure(f"{rules.name} margins by {'a' if history is None else 'no'} history of prices: {cure}", 2)


def _show_list(rulebooks: "Sequence[Rulebook]", json: bool) -> None:
    from novate.views import Table

    if json:
        rows = {
            each.name: {
                "venue": each.header.venue,
                "date": each.header.date.isoformat(),
                "mechanism": each.header.mechanism,
                "evaluation": each.header.evaluation,
                "sources": each.header.sources,
                "covers": each.header.covers,
                "not_covered": each.header.not_covered,
            }
            for each in rulebooks
        }
        print_json({"rulebooks": rows})
        return
    cells = [
        [each.name, each.header.venue, f"{each.header.date}", each.header.evaluation, "\n".join(each.header.sources)]
        for each in rulebooks
    ]
    print_table(output(), Table("Rulebooks", ("name", "venue", "date", "evaluation", "sources"), cells, ("date",)))


def _show_answer(rulebook: "Rulebook", found: "Answer", json: bool) -> None:
    from novate.views import Table

    if json:
        print_json({"rulebook": rulebook.name, "date": rulebook.header.date.isoformat(), **_plain(found)})
        return
    console = output()
    rows = [[part.what, _money(part.initial), _money(part.maintenance)] for part in found.parts]
    rows.append(["requirement", _money(found.initial), _money(found.maintenance)])
    rows.append(["equity", *(2 * [_money(found.equity)])])
    rows.append(["left", _money(found.equity - found.initial), _money(found.equity - found.maintenance)])
    title = f"{rulebook.header.venue}, rules of {rulebook.header.date}"
    print_table(console, Table(title, ("part", "initial", "maintenance"), rows, ("initial", "maintenance")))
    equity = [[what, _money(amount)] for what, amount in (*found.equity_parts, *found.also)]
    names = "equity and other levels" if found.also else "equity"
    print_table(console, Table("", (names, "amount"), equity, ("amount",)))
    if found.contributors:
        losses = [[symbol, _money(loss)] for symbol, loss in found.contributors]
        title = f"Worst: {found.worst}" if found.worst else "What asks for most"
        print_table(console, Table(title, ("largest contributors", "loss"), losses, ("loss",)))
    if rulebook.header.evaluation == "calculator":
        console.print("a calculator in floats: no house may margin by it", highlight=False)
    for line in (*found.notes, f"not covered: {rulebook.header.not_covered}"):
        console.print(line, highlight=False)


def _show_comparison(
    book: "Book", rulebooks: "Sequence[Rulebook]", history: "FactorHistory | None", json: bool
) -> None:
    from novate.cli.backtest import in_options
    from novate.risk.errors import RiskError
    from novate.rulebooks import margin as ask
    from novate.views import Table

    answers: dict[str, Answer | str] = {}
    for each in rulebooks:
        try:
            answers[each.name] = ask(book, each, history)
        except RiskError as error:
            answers[each.name] = in_options(error)
    if json:
        print_json({name: {"cannot": of} if isinstance(of, str) else _plain(of) for name, of in answers.items()})
        return
    figures = ("initial", "maintenance", "equity", "left")
    rows = [[name, *_row(of)] for name, of in answers.items()]
    print_table(output(), Table("Every rulebook", ("rulebook", *figures, "why"), rows, figures))


def _row(of: "Answer | str") -> "Sequence[str]":
    """The cells of an answer, with what decides it; of none, the reason."""
    if isinstance(of, str):
        return ["", "", "", "", f"cannot: {of}"]
    largest = of.contributors[0][0] if of.contributors else "nothing is asked for"
    amounts = (of.initial, of.maintenance, of.equity, of.equity - of.initial)
    return [*map(_money, amounts), of.worst or largest]


def _plain(found: "Answer") -> "dict[str, Any]":
    return {**asdict(found), "parts": [part._asdict() for part in found.parts]}


def _money(amount: float) -> str:
    return f"{amount:,.2f}"

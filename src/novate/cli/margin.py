"""``novate margin``: what a venue would ask for of a portfolio, and why; or every venue's answer side by side."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from novate.cli.failures import in_options
from novate.cli.histories import PriceFile, Reading
from novate.terminal import Failure, output, print_json, print_table

if TYPE_CHECKING:
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
        move ("BTC vol 30d", "BTC skew 30d", "BTC basis 90d", "BTC premium", "BTC funding", collateral).
    series
        Which series of the history stands for what, where they go by other names (CL=wti_usd_bbl); as often as needed.
    absolute
        Underlyings that move by differences because their price may be zero or below; as often as needed.
    vouch
        Days (2020-04-20) whose moves are true however large; as often as needed, and no others.
    gap_days
        Longest time without a price that is no hole. By default one step of a market that trades on weekends, else 7.
    json
        Print one JSON object instead of tables.
    """
    from novate.risk.errors import RiskError
    from novate.rulebooks import load, names, read_book

    if listed + compare + (rulebook is not None) != 1 or listed == (portfolio is not None):
        raise Failure("give a portfolio with --rulebook NAME or --compare, or --list alone")
    if history is None and (series or absolute or vouch or gap_days is not None):
        raise Failure("--series, --absolute, --vouch and --gap-days are of a history: give one with --history FILE")
    if portfolio is None:
        _show_list([load(name) for name in names()], json)
        return
    book = read_book(portfolio)
    rules = None if rulebook is None else _fit(load(rulebook), history)
    prices = None if history is None else PriceFile.read(history, series, Reading(absolute, vouch, gap_days))
    if rules is None:
        _show_comparison(book, [load(name) for name in names()], prices, json)
        return
    try:
        _show_answer(rules, _answer(book, rules, prices), json)
    except RiskError as error:
        raise Failure(f"{portfolio}: {rulebook}: {in_options(error)}") from error


def _answer(book: "Book", rules: "Rulebook", prices: PriceFile | None) -> "Answer":
    """What a rulebook asks for, by the prices where it margins by some. RiskError where it cannot answer."""
    from novate.rulebooks import margin as ask

    past = prices.history_of(book, rules.rules) if prices is not None and rules.from_history else None
    return ask(book, rules, past)


def _fit(rules: "Rulebook", history: Path | None) -> "Rulebook":
    """The rulebook, where it is given a history just if it margins by one."""
    if rules.from_history == (history is not None):
        return rules
    cure = "give one with --history FILE" if history is None else "leave --history out"
    raise Failure(f"{rules.name} margins by {'a' if history is None else 'no'} history of prices: {cure}")


def _show_list(rulebooks: "Sequence[Rulebook]", json: bool) -> None:
    from novate.views import Table

    if json:
        rows = {
            each.name: {
                "venue": each.header.venue,
                "date": each.header.date.isoformat(),
                "mechanism": each.header.mechanism,
                "evaluation": each.header.evaluation,
                "adopted_as": each.adopted_as,
                "sources": each.header.sources,
                "covers": each.header.covers,
                "not_covered": each.header.not_covered,
            }
            for each in rulebooks
        }
        print_json({"rulebooks": rows})
        return
    cells = [
        [
            each.name,
            each.header.venue,
            f"{each.header.date}",
            each.header.evaluation,
            each.adopted_as or "no, a calculator",
            "\n".join(each.header.sources),
        ]
        for each in rulebooks
    ]
    columns = ("name", "venue", "date", "evaluation", "a house adopts", "sources")
    print_table(output(), Table("Rulebooks", columns, cells, ("date",)))


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
        house = f"a house adopts it as {rulebook.adopted_as}" if rulebook.adopted_as else "no house may margin by it"
        console.print(f"a calculator in floats: {house}", highlight=False)
    for line in (*found.notes, f"not covered: {rulebook.header.not_covered}"):
        console.print(line, highlight=False)


def _show_comparison(book: "Book", rulebooks: "Sequence[Rulebook]", prices: PriceFile | None, json: bool) -> None:
    from novate.risk.errors import RiskError
    from novate.views import Table

    answers: dict[str, Answer | str] = {}
    for each in rulebooks:
        try:
            answers[each.name] = _answer(book, each, prices)
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

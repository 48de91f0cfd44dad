"""Series of a price history as the factors that a portfolio is margined by, each checked by itself before they meet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from novate.cli.backtest import Reading, told
from novate.terminal import Failure

if TYPE_CHECKING:
    from novate.market.history import PriceHistory
    from novate.risk.factors import FactorHistory
    from novate.risk.venues.book import Book
    from novate.risk.venues.house_sheet import Rules


def history_of(
    book: "Book",
    rules: "Rules",
    path: Path,
    series: Sequence[str],
    absolute: Sequence[str],
    vouched: tuple[str, ...],
    gap_days: float | None,
) -> "FactorHistory":
    """What a book is margined by under rules, of a file of one price a day.

    ``series`` says which series of the file stands for what where they go by other names ("CL=wti_usd_bbl"). Failure
    for one that is not there, a hole, an absurd price, and series without days in common.
    """
    from novate.market.history import read_history
    from novate.risk.histories import in_common
    from novate.risk.venues.house_sheet import ABSOLUTE, beside_held, judge_end, series_read

    with told():
        held = (*book.held(), *(each.asset for each in book.collateral))
        meant = (*held, *beside_held(held, rules))
        known = _named(read_history(path, signed=True), meant, _pairs(series))
        for name in absolute:
            if name not in known.symbols:
                raise Failure(f"{known.name} has no series {name!r}: it has {', '.join(known.symbols)}")
        differences = (*absolute, *(name for name in known.symbols if ABSOLUTE.fullmatch(name)))
        read = series_read(book, rules, known.symbols) or known.symbols[:1]  # of nothing held any history will do
        reading = Reading(differences, vouched, gap_days)
        each = [reading.history(known, name) for name in read]
        for one in each:
            judge_end(one, book)
        return in_common(each)


def _pairs(series: Sequence[str]) -> dict[str, str]:
    """Series of the file, each with the name of what it stands for."""
    pairs = {}
    for each in series:
        name, given, of_file = each.partition("=")
        if not (name and given and of_file):
            raise Failure(
                f"--series {each}: expected what it stands for and its name in the file, such as CL=wti_usd_bbl", 2
            )
        pairs[of_file] = name
    return pairs


def _named(known: "PriceHistory", names: Sequence[str], pairs: Mapping[str, str]) -> "PriceHistory":
    """The history, its series by the names that are meant: those of pairs, else their own, whatever their case."""
    for of_file in pairs:
        if of_file not in known.symbols:
            raise Failure(f"{known.name} has no series {of_file!r}: it has {', '.join(known.symbols)}")

    def meant(symbol: str) -> str:
        for name in names:
            if symbol.casefold() == name.casefold():
                return name
            if symbol.casefold().startswith(f"{name.casefold()} "):
                return name + symbol[len(name) :].casefold()
        return symbol

    own = [symbol for symbol in known.symbols if symbol in pairs or meant(symbol) not in pairs.values()]
    found = [pairs.get(symbol) or meant(symbol) for symbol in own]
    for name in found:
        if found.count(name) > 1:
            twice = " and ".join(symbol for symbol, other in zip(own, found, strict=True) if other == name)
            raise Failure(f"{known.name}: {name} is that of {twice}: say which it is with --series {name}=...")
    close = known.close[:, [known.symbols.index(symbol) for symbol in own]]
    return replace(known, symbols=tuple(found), close=close)

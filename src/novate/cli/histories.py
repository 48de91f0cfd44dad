"""Files of prices as the factors that margin and backtests are of, each series checked by itself before they meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from novate.terminal import Failure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from novate.market.history import PriceHistory
    from novate.risk.factors import FactorHistory
    from novate.risk.venues.book import Book
    from novate.risk.venues.house_sheet import Rules

WEEKEND_PART: Final = 0.1
"""With more of its days than this on weekends a market does not close."""
CLOSED_DAYS: Final = 7
"""The longest that a market which closes has been closed since 1945: after 11 September 2001."""
GAP_DAYS_MAX: Final = 100_000
"""Longer than any recorded history, and what its nanoseconds can count."""


@dataclass(frozen=True)
class Reading:
    """How prices are taken for factors."""

    absolute: tuple[str, ...]
    vouched: tuple[str, ...]
    gap_days: float | None

    def __post_init__(self) -> None:
        if self.gap_days is not None and not 0 < self.gap_days <= GAP_DAYS_MAX:
            raise Failure(f"--gap-days {self.gap_days:g}: expected days above 0, {GAP_DAYS_MAX:,} at most")
        if self.vouched:
            from novate.risk.days import check_days

            check_days(self.vouched)

    def history(self, known: "PriceHistory", name: str) -> "FactorHistory":
        """The days on which a series has a price: without one a market was shut, and not for long."""
        import numpy as np

        from novate.risk.days import DAY_NS
        from novate.risk.factors import Factor, FactorHistory

        column = known.close[:, known.symbols.index(name)]
        there = ~np.isnan(column)
        times = known.times_ns[there]
        _daily(name, times)
        weekdays = (times // DAY_NS + 3) % 7  # the first of January 1970 was a Thursday; Monday is 0
        never_closes = len(times) > 1 and (weekdays >= 5).mean() > WEEKEND_PART
        usual = DAY_NS if never_closes else CLOSED_DAYS * DAY_NS
        gap = usual if self.gap_days is None else round(self.gap_days * DAY_NS)
        factor = Factor(name, "absolute" if name in self.absolute else "relative")
        return FactorHistory((factor,), times, column[there][:, None], gap_max_ns=gap, vouched=self.vouched)


def require_vouched(days: "Sequence[str]", histories: "Sequence[FactorHistory]") -> None:
    """Failure for a day that is vouched for and needs no vouching: most likely another was meant."""
    needed = tuple(dict.fromkeys(day for each in histories for day in each.days_to_vouch_for()))
    names = ", ".join(dict.fromkeys(factor.name for each in histories for factor in each.factors))
    meant = f"the days to vouch for are {', '.join(needed)}" if needed else "no day needs it: leave it out"
    for day in days:
        if day not in needed:
            known = any(day in map(each.day, range(len(each))) for each in histories)
            what = "no move into this day is that large" if known else "there is no price of this day"
            raise Failure(f"--vouch {day}: {names}: {what}; {meant}")


def _daily(name: str, times: "NDArray[np.int64]") -> None:
    """Every row is called a day, and a report of hours would say days: the usual step must be one."""
    import numpy as np

    from novate.risk.days import DAY_NS
    from novate.risk.errors import RiskError

    if len(times) < 2:
        raise RiskError(f"{name}: {len(times)} days with a price: leave it out, or give another history")
    if (step := int(np.median(np.diff(times)))) != DAY_NS:
        hours = 24 * step / DAY_NS
        raise RiskError(f"{name}: a price every {hours:g} h, and days are tested: give one price a day")


@dataclass(frozen=True)
class PriceFile:
    """A file of one price a day, with the names that its series go by here where they are others there, and how it is
    read."""

    known: "PriceHistory"
    pairs: Mapping[str, str]
    reading: Reading

    @classmethod
    def read(cls, path: Path, series: Sequence[str], reading: Reading) -> "PriceFile":
        """``series`` says which series of the file stands for what ("CL=wti_usd_bbl"). Failure for one that is not
        there, and ``HistoryError`` for a file that holds no prices."""
        from novate.market.history import read_history

        pairs = _pairs(series)
        known = read_history(path, signed=True)
        for of_file in pairs:
            require_series(known, of_file)
        return cls(known, pairs, reading)

    def history_of(self, book: "Book", rules: "Rules") -> "FactorHistory":
        """What a book is margined by under rules.

        RiskError for an underlying that has no series, a hole, an absurd price, and series without days in common;
        Failure for an option that names what is not there.
        """
        from novate.risk.factors import moves_by_difference
        from novate.risk.histories import in_common
        from novate.risk.venues.house_sheet import beside_held, now_ns, series_read, until_now

        held = (*book.held(), *(each.asset for each in book.collateral))
        meant = (*held, *beside_held(held, rules))
        known = _named(_until(self.known, now_ns(book)), meant, self.pairs)
        for name in self.reading.absolute:
            require_series(known, name)
        differences = (*self.reading.absolute, *(name for name in known.symbols if moves_by_difference(name)))
        read = series_read(book, rules, known.symbols) or known.symbols[:1]  # of nothing held any history will do
        reading = replace(self.reading, absolute=differences)
        each = [reading.history(known, name) for name in read]
        judged = [until_now(one, book) for one in each]
        joint = in_common(each)
        require_vouched(reading.vouched, [*judged, until_now(joint, book)])
        return joint


def require_series(known: "PriceHistory", name: str) -> None:
    """Failure where a file has no series of a name that was given."""
    if name not in known.symbols:
        raise Failure(f"{known.name} has no series {name!r}: it has {', '.join(known.symbols)}")


def _until(known: "PriceHistory", time_ns: int) -> "PriceHistory":
    """The rows known at a time, which alone are asked for and judged; the first two where it is before them."""
    from novate.risk.days import known_when

    rows = max(2, int(known_when(known.times_ns).searchsorted(time_ns, side="right")))
    return replace(known, times_ns=known.times_ns[:rows], close=known.close[:rows])


def _pairs(series: Sequence[str]) -> dict[str, str]:
    """Series of the file, each with the name of what it stands for."""
    pairs = {}
    for each in series:
        name, given, of_file = each.partition("=")
        if not (name and given and of_file):
            raise Failure(
                f"--series {each}: expected what it stands for and its name in the file, such as CL=wti_usd_bbl"
            )
        pairs[of_file] = name
    return pairs


def _named(known: "PriceHistory", names: Sequence[str], pairs: Mapping[str, str]) -> "PriceHistory":
    """The history, its series by the names that are meant: those of pairs, else their own, whatever their case."""

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

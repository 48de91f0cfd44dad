"""``novate backtest``: margin models over a recorded price history, out of sample."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from novate.terminal import Failure, busy, output, print_json, print_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from novate.market.history import PriceHistory
    from novate.risk.backtest.comparison import Comparison
    from novate.risk.factors import FactorHistory
    from novate.risk.models.blocks import Model

Name = Literal["default", "historical", "ewma", "span"]
NAMES: Final[tuple[Name, ...]] = ("default", "historical", "ewma", "span")
WEEKEND_PART: Final = 0.1
"""With more of its days than this on weekends a market does not close."""
CLOSED_DAYS: Final = 7
"""The longest that a market which closes has been closed since 1945: after 11 September 2001."""


def backtest(
    history: Path | None = None,
    /,
    *,
    model: Annotated[tuple[Name, ...], Parameter(negative="")] = (),
    series: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    level: float = 0.99,
    horizon: int = 1,
    warm_up: int = 500,
    window: int | None = None,
    absolute: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    vouch: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    gap_days: float | None = None,
    out: Path = Path("out/backtest.html"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Backtest margin models over real prices: each day is foreseen from the days before it alone.

    Parameters
    ----------
    history
        A Parquet or CSV file with a price a day. By default S&P 500, Nasdaq and WTI, which are installed with it.
    model
        Models to test: default, historical, ewma, span; as often as needed. All by default.
    series
        Series of the history to test; as often as needed. All by default.
    level
        What a margin is meant to cover.
    horizon
        Days (rows) that a margin is for. Results of more than one day overlap and are tested in samples that do not.
    warm_up
        Prices before the first day that is foreseen.
    window
        Test only so many of the last days.
    absolute
        Series that move by differences because their price may be zero or below; as often as needed.
    vouch
        Days (2020-04-20) whose moves are true however large; as often as needed.
    gap_days
        Longest time without a price that is no hole. By default one step of a market that trades on weekends, else 7.
    out
        The HTML report.
    json
        Print one JSON object instead of tables.
    """
    from novate.report.backtest import figures, sections, write_backtest

    if min(horizon, warm_up, window or 1) < 1:
        raise Failure("horizon, warm-up and window must be positive", 2)
    with told():
        known = _read(history)
        chosen = [factor_history(known, name, absolute, vouch, gap_days) for name in _chosen(known, series, absolute)]
        found = _compared(chosen, _models(model or NAMES, level, horizon), level, warm_up, window)
        path = write_backtest(found, known.source, out)
    if json:
        print_json({"series": figures(found), "report": str(path.resolve())})
        return
    for table in sections(found):
        print_table(output(), table)
    print(path.resolve())


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn errors of files, histories and models into failures with one line, the cure in the command line's words."""
    from novate.market.history import HistoryError
    from novate.risk.errors import RiskError

    try:
        yield
    except (RiskError, HistoryError) as error:
        raise Failure(in_options(error)) from error
    except OSError as error:
        raise Failure(f"{error.filename or 'input/output'}: {error.strerror or error}") from error


def in_options(error: Exception) -> str:
    """What is wrong with a history, the cure in the command line's words."""
    message = str(error).replace("in `vouched`", "with --vouch").replace("rename one", "say which it is with --series")
    return message.replace("make the factor absolute", "give the series as --absolute")


def _read(history: Path | None) -> "PriceHistory":
    from novate.market.history import default_history, read_history

    return default_history() if history is None else read_history(history, signed=True)


def _compared(
    histories: "Sequence[FactorHistory]", models: "Sequence[Model]", level: float, warm_up: int, last: int | None
) -> "list[Comparison]":
    from novate.risk.backtest.comparison import compare

    with busy("backtesting"):
        return [compare(each, models, level=level, warm_up=warm_up, last=last) for each in histories]


def _models(names: Sequence[Name], level: float, horizon: int) -> "list[Model]":
    from novate.risk.models.challengers import EwmaVar, HistoricalVar, SpanScan
    from novate.risk.models.filtered_shortfall import FilteredShortfall

    known: dict[Name, Any] = {
        "default": FilteredShortfall,
        "historical": HistoricalVar,
        "ewma": EwmaVar,
        "span": SpanScan,
    }
    return [known[name](level=level, horizon_steps=horizon) for name in dict.fromkeys(names)]


def _chosen(known: "PriceHistory", series: Sequence[str], absolute: Sequence[str]) -> Sequence[str]:
    for name in (*series, *absolute):
        if name not in known.symbols:
            raise Failure(f"{known.name} has no series {name!r}: it has {', '.join(known.symbols)}")
    return tuple(dict.fromkeys(series)) or known.symbols


def factor_history(
    known: "PriceHistory", name: str, absolute: Sequence[str], vouched: tuple[str, ...], gap_days: float | None
) -> "FactorHistory":
    """One series by itself: a row without a price is a day on which its market was shut, and not a long one."""
    import numpy as np

    from novate.risk.factors import DAY_NS, Factor, FactorHistory

    column = known.close[:, known.symbols.index(name)]
    there = ~np.isnan(column)
    times, prices = known.times_ns[there], column[there]
    _daily(name, times)
    weekdays = (times // DAY_NS + 3) % 7  # the first of January 1970 was a Thursday; Monday is 0
    never_closes = len(times) > 1 and (weekdays >= 5).mean() > WEEKEND_PART
    usual = DAY_NS if never_closes else CLOSED_DAYS * DAY_NS
    gap = usual if gap_days is None else round(gap_days * DAY_NS)
    factor = Factor(name, "absolute" if name in absolute else "relative")
    return FactorHistory((factor,), times, prices[:, None], gap_max_ns=gap, vouched=vouched)


def _daily(name: str, times: "NDArray[np.int64]") -> None:
    """Every row is called a day, and a report of hours would say days: the usual step must be one."""
    import numpy as np

    from novate.risk.factors import DAY_NS

    if len(times) > 1 and (step := int(np.median(np.diff(times)))) != DAY_NS:
        hours = 24 * step / DAY_NS
        raise Failure(f"{name}: a price every {hours:g} h, and days are tested: give one price a day")

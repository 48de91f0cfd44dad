"""``novate backtest``: margin models over a recorded price history, out of sample, of one unit or of whole accounts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from novate.cli.histories import Reading, require_series, require_vouched
from novate.terminal import Failure, busy, output, print_json, print_table

if TYPE_CHECKING:
    from novate.market.history import PriceHistory
    from novate.risk.factors import FactorHistory
    from novate.risk.models.blocks import Model
    from novate.views import Table

Name = Literal["default", "historical", "ewma", "span", "historical-es", "ewma-es"]
UNASKED: Final[tuple[Name, ...]] = ("default", "historical", "ewma", "span")
"""What is tested where no model is named."""


def backtest(
    history: Path | None = None,
    /,
    *,
    accounts: str | None = None,
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
    accounts
        Test these instead of one unit: a TOML or JSON file (docs/concepts/backtest.md), or a set: `hypothetical`.
    model
        Models to test: default, historical, ewma, span, and historical-es and ewma-es, which ask for the expected
        shortfall instead of the value at risk; as often as needed. The first four by default.
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
        Days (2020-04-20) whose moves are true however large; as often as needed, and no others.
    gap_days
        Longest time without a price that is no hole. By default one step of a market that trades on weekends, else 7.
    out
        The HTML report.
    json
        Print one JSON object instead of tables.
    """
    if min(horizon, warm_up, 1 if window is None else window) < 1:
        raise Failure("horizon, warm-up and window must be positive")
    asked = Asked(tuple(dict.fromkeys(model or UNASKED)), level, horizon, warm_up, window)
    reading = Reading(absolute, vouch, gap_days)
    figures, tables, path = _report(history, accounts, series, reading, asked, out)
    if json:
        print_json({**figures, "report": str(path.resolve())})
        return
    for table in tables:
        print_table(output(), table)
    print(path.resolve())


@dataclass(frozen=True)
class Asked:
    """What is to be tested."""

    names: tuple[Name, ...]
    level: float
    horizon: int
    warm_up: int
    window: int | None

    def models(self) -> "list[Model]":
        """The models by these names."""
        from novate.risk.models.challengers import NormalEwma, PlainHistorical, SpanScan
        from novate.risk.models.filtered_shortfall import FilteredShortfall

        known: dict[Name, Any] = {
            "default": FilteredShortfall,
            "historical": PlainHistorical,
            "ewma": NormalEwma,
            "span": SpanScan,
            "historical-es": partial(PlainHistorical, measure="expected_shortfall"),
            "ewma-es": partial(NormalEwma, measure="expected_shortfall"),
        }
        return [known[name](level=self.level, horizon_steps=self.horizon) for name in self.names]


Report = tuple[dict[str, Any], "Sequence[Table]", Path]
"""The figures as numbers, as tables, and the page."""


def _report(
    history: Path | None, accounts: str | None, series: Sequence[str], reading: Reading, asked: Asked, out: Path
) -> Report:
    from novate.report.html import require_writable

    known = _read(history)
    require_writable(out)
    if accounts is not None:
        return _of_accounts(known, accounts, series, reading, asked, out)
    histories = [reading.history(known, name) for name in _chosen(known, series, reading.absolute)]
    require_vouched(reading.vouched, histories)
    return _of_series(known, histories, asked, out)


def _of_series(known: "PriceHistory", histories: "Sequence[FactorHistory]", asked: Asked, out: Path) -> Report:
    from novate.report.backtest import figures, sections, write_backtest
    from novate.risk.backtest.comparison import compare

    models = asked.models()
    with busy("backtesting"):
        found = [
            compare(each, models, level=asked.level, warm_up=asked.warm_up, last=asked.window) for each in histories
        ]
    return {"series": figures(found)}, sections(found), write_backtest(found, known.source, out)


def _of_accounts(
    known: "PriceHistory", accounts: str, series: Sequence[str], reading: Reading, asked: Asked, out: Path
) -> Report:
    from novate.files import converted, table_of
    from novate.report.accounts import figures, sections, write_accounts
    from novate.risk.backtest.accounts import Accounts, held
    from novate.risk.backtest.hypothetical import hypothetical
    from novate.risk.backtest.portfolios import backtest as tested
    from novate.risk.factors import moves_by_difference
    from novate.risk.histories import in_common

    def joint(names: Sequence[str]) -> "FactorHistory":
        each = [reading.history(known, name) for name in names]
        found = in_common(each)
        require_vouched(reading.vouched, [*each, found])
        return found

    if accounts == "hypothetical":
        history = joint(_chosen(known, series, reading.absolute))
        holding = hypothetical(history)
    elif series:
        raise Failure("--series with --accounts FILE: the accounts say which series they hold")
    else:
        listed = converted(table_of(Path(accounts)), Accounts, accounts, "docs/concepts/backtest.md")
        names = set(_chosen(known, listed.series(known.symbols), reading.absolute))
        reading = replace(reading, absolute=(*reading.absolute, *(name for name in names if moves_by_difference(name))))
        history = joint([name for name in known.symbols if name in names])
        holding = held(listed, history, f"accounts of {Path(accounts).name}")
    with busy("backtesting"):
        found = tested(history, holding, asked.models(), level=asked.level, warm_up=asked.warm_up, last=asked.window)
    return {"accounts": figures(found)}, sections(found), write_accounts(found, known.source, out)


def _read(history: Path | None) -> "PriceHistory":
    from novate.market.history import default_history, read_history

    return default_history() if history is None else read_history(history, signed=True)


def _chosen(known: "PriceHistory", series: Sequence[str], absolute: Sequence[str]) -> tuple[str, ...]:
    for name in (*series, *absolute):
        require_series(known, name)
    return tuple(dict.fromkeys(series)) or known.symbols

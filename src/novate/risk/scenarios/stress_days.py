"""Days that are remembered: what the factors did on them, where the history reaches that far."""

from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, islice
from typing import Final

import numpy as np

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves


@dataclass(frozen=True, slots=True)
class StressDay:
    """A day with a name: ISO date (UTC for markets that do not close, the trading day elsewhere), and what happened."""

    date: str
    event: str

    def __post_init__(self) -> None:
        try:
            date.fromisoformat(self.date)
        except ValueError:
            raise RiskError(f"stress day {self.date!r}, {self.event}: expected a day such as 2020-03-12") from None


@dataclass(frozen=True, slots=True)
class StressDays:
    """The scenarios of the days that the history holds, and the days that it does not hold."""

    scenarios: Scenarios
    missing: tuple[StressDay, ...]


NAMED: Final = (
    StressDay("1987-10-19", "Black Monday: the S&P 500 falls by a fifth in a day"),
    StressDay("1998-08-31", "Russia has defaulted, and world equities follow"),
    StressDay("2001-09-17", "New York reopens after 11 September"),
    StressDay("2008-09-15", "Lehman Brothers files for bankruptcy"),
    StressDay("2008-10-15", "the credit crisis: the S&P 500 falls by nine per cent"),
    StressDay("2010-05-06", "the flash crash"),
    StressDay("2011-08-08", "the first trading day after the United States lost their AAA"),
    StressDay("2015-08-24", "fear about China: markets open without prices"),
    StressDay("2016-06-24", "Britain has voted to leave the European Union"),
    StressDay("2018-02-05", "short-volatility funds unwind"),
    StressDay("2020-03-12", "the pandemic: bitcoin loses two fifths, equities a tenth"),
    StressDay("2020-03-16", "the pandemic: the S&P 500 falls by twelve per cent"),
    StressDay("2020-04-20", "crude oil settles below zero"),
    StressDay("2021-05-19", "leveraged long positions in crypto are liquidated after China's ban"),
    StressDay("2022-05-09", "TerraUSD loses its peg"),
    StressDay("2022-06-13", "Celsius halts withdrawals"),
    StressDay("2022-11-08", "FTX halts withdrawals"),
    StressDay("2022-11-09", "the rescue of FTX fails"),
    StressDay("2023-03-11", "USDC loses its peg over a bank that held its reserves"),
    StressDay("2024-08-05", "the yen carry trade unwinds"),
    StressDay("2025-04-04", "tariffs: equities fall by a tenth in two days"),
    StressDay("2025-10-10", "the largest liquidation and deleveraging that crypto derivatives have had"),
)


def stress_days(history: FactorHistory, horizon_steps: int = 1, days: tuple[StressDay, ...] = NAMED) -> StressDays:
    """Every window of ``horizon_steps`` that holds the move into a named day, unscaled, in the order of the days.

    One window for a horizon of one step, up to h of them for h. The moves are labelled "date event", and for longer
    horizons ", to" the day on which the window ends. A day without a row, or with nothing before it, is named in
    ``missing``. RiskError where none of the days is there.
    """
    found = moves(history, horizon_steps)
    windows, missing = _windows(history, horizon_steps, days)
    if not windows:
        raise RiskError(
            f"no stress day lies between {history.day(1)} and {history.day(len(history) - 1)}: give a longer history"
        )
    rows = np.array([window for window, _ in windows])
    labels = tuple(_label(day, found.labels[window], horizon_steps) for window, day in windows)
    scenarios = replace(found, name=f"stress days, {horizon_steps} steps", moves=found.moves[rows], labels=labels)
    return StressDays(scenarios, missing)


def stressed(history: FactorHistory, horizon_steps: int, count: int, days: tuple[StressDay, ...] = NAMED) -> Scenarios:
    """``count`` windows of stress, unscaled: those of the named days, then the worst of the history.

    How bad a window is does not depend on any portfolio: it is the largest move of any factor in it, up or down, over
    that factor's own root mean square of such moves in the whole history. The worse comes first, of equals the earlier.
    A history with fewer windows gives all of them.
    """
    if count < 1:
        raise RiskError(f"{count} windows of stress: expected one at least")
    found = moves(history, horizon_steps)
    scale = np.sqrt((found.moves**2).mean(axis=0))
    severity = np.abs(found.moves[:, scale > 0] / scale[scale > 0]).max(axis=1, initial=0.0)
    named, _ = _windows(history, horizon_steps, days)
    labels = {window: _label(day, found.labels[window], horizon_steps) for window, day in named}
    worst = np.argsort(-severity, kind="stable")[: count + len(labels)].tolist()
    rows = list(islice(chain(labels, (row for row in worst if row not in labels)), count))
    return replace(
        found,
        name=f"stressed, {horizon_steps} steps",
        moves=found.moves[rows],
        labels=tuple(labels.get(row, found.labels[row]) for row in rows),
    )


def _windows(
    history: FactorHistory, horizon_steps: int, days: tuple[StressDay, ...]
) -> tuple[list[tuple[int, StressDay]], tuple[StressDay, ...]]:
    """Windows that hold the move into a named day, and the days that the history lacks.

    Window w covers the moves into rows w + 1 to w + ``horizon_steps``.
    """
    named = np.array([day.date for day in days], "datetime64[D]")
    dates = history.days()
    firsts, ends = (np.searchsorted(dates, named, side).tolist() for side in ("left", "right"))
    windows, missing = [], []
    for day, first, end in zip(days, firsts, ends, strict=True):
        if first == end or first == 0:
            missing.append(day)
            continue
        last = min(len(history) - horizon_steps, end - 1)
        windows += [(window, day) for window in range(max(0, first - horizon_steps), last)]
    return windows, tuple(missing)


def _label(day: StressDay, end: str, horizon_steps: int) -> str:
    return f"{day.date} {day.event}" + ("" if horizon_steps == 1 else f", to {end}")

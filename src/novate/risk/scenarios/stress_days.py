"""Days that are remembered: what the factors did on them, where the history reaches that far."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves


@dataclass(frozen=True, slots=True)
class StressDay:
    """A day with a name: ISO date (UTC for markets that do not close, the trading day elsewhere), and what happened."""

    date: str
    event: str


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
    first_of = {history.day(row): row for row in range(len(history) - 1, -1, -1)}
    last_of = {history.day(row): row for row in range(len(history))}
    rows, labels, missing = [], [], []
    for day in days:
        if first_of.get(day.date, 0) == 0:
            missing.append(day)
            continue
        # A window in `found` at w covers the moves into rows w + 1 to w + horizon_steps.
        first, last = max(0, first_of[day.date] - horizon_steps), min(len(found) - 1, last_of[day.date] - 1)
        for window in range(first, last + 1):
            end = history.day(window + horizon_steps)
            rows.append(window)
            labels.append(f"{day.date} {day.event}" + ("" if horizon_steps == 1 else f", to {end}"))
    if not rows:
        raise RiskError(
            f"no stress day lies between {history.day(1)} and {history.day(len(history) - 1)}: give a longer history"
        )
    scenarios = replace(
        found, name=f"stress days, {horizon_steps} steps", moves=found.moves[np.array(rows)], labels=tuple(labels)
    )
    return StressDays(scenarios, tuple(missing))

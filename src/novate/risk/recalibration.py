"""When a new risk sheet is due, and how far it may go: towards the model in steps that the house's bounds allow.

``due`` says why the model is to be run again now: because it is time, or because the market is wilder than it was.
``within`` holds a draft back to what the house takes after the sheet in force; asked again after each adoption it
reaches the model.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from novate.core.money import PPM, ceil_div
from novate.core.sheet_terms import RiskSheet, ScenarioBlock
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, one_step_moves
from novate.risk.histories import require_up_to, rows_known
from novate.risk.models.draft import Draft, Row
from novate.risk.sheet import quantise
from novate.risk.sheet_asks import asked_alone, results_of
from novate.risk.volatility import CCP_DECAY, ewma

SIDES = ("long", "short")
ROUNDS_MAX = 60


# ---- when -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy:
    """When to recalibrate.

    Attributes
    ----------
    every_ns : int
        As long after the last calibration at the latest.
    ratio : float
        At once where the volatility of a factor is more than so many times what it was at the last calibration.
    decay, seed_count, floor_quantile : float, int, float or None
        Of the volatilities: see ``volatility.ewma``.
    """

    every_ns: int
    ratio: float
    decay: float = CCP_DECAY
    seed_count: int = 60
    floor_quantile: float | None = 0.25

    def __post_init__(self) -> None:
        if not (self.every_ns > 0 and self.ratio > 1):
            raise RiskError(
                f"every_ns {self.every_ns}, ratio {self.ratio}: expected a time above 0 and a ratio above 1"
            )


@dataclass(frozen=True, slots=True)
class Due:
    """Why a recalibration is due: the factor whose volatility rose most and its ratio, or the schedule."""

    because: Literal["volatility", "schedule"]
    factor: str
    ratio: float


def due(policy: Policy, history: FactorHistory, calibrated_ns: int, time_ns: int) -> Due | None:
    """Why a recalibration is due at a time, after one at another; None where it is not.

    Volatilities are those foreseen from the rows that were known at either time, a day's close when the day has ended
    (``factors.known_when``). Volatility is named before the schedule where both are reason enough. RiskError for a
    history that reaches beyond now, has a hole before it or is too short for a volatility at the last calibration.
    """
    require_up_to(history, time_ns)
    known = rows_known(history, calibrated_ns)
    if not policy.seed_count < known or calibrated_ns > time_ns:
        raise RiskError(
            f"calibrated at {calibrated_ns} ns, {known} rows into a history that begins on {history.labels()[0]}: "
            f"expected a time up to now with more than {policy.seed_count} rows before it: give a longer history"
        )
    path = ewma(
        one_step_moves(history),
        decay=policy.decay,
        seed_count=policy.seed_count,
        floor_quantile=policy.floor_quantile,
    )
    was, now = path[known - 1], path[-1]
    ratios = np.divide(now, was, out=np.where(now > 0, np.inf, 1.0), where=was > 0)
    most = int(np.argmax(ratios))
    factor, ratio = history.factors[most].name, float(ratios[most])
    if ratio > policy.ratio:
        return Due("volatility", factor, ratio)
    return Due("schedule", factor, ratio) if time_ns - calibrated_ns >= policy.every_ns else None


# ---- how far --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A side of a contract that bounds keep from the model: what one lot asks for in money, its add-ons left out.

    Attributes
    ----------
    former, wanted, asked : float
        By the sheet in force, by the model and by the sheet that may follow.
    """

    symbol: str
    side: str
    former: float
    wanted: float
    asked: float

    @property
    def uncovered(self) -> float:
        """Risk that nobody pays for yet: what other resources must stand for meanwhile."""
        return max(0.0, self.wanted - self.asked)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A draft that the house takes after the sheet in force, and what it holds back; nothing where it is the model."""

    draft: Draft
    held_back: tuple[HeldBack, ...]


def within(former: RiskSheet, made: Draft, *, rise_ppm: int, fall_ppm: int, unit_fine: int, fine_decimals: int) -> Step:
    """The draft that comes nearest to the model and, quantised in this unit, passes the house's bounds after a sheet.

    Of each contract that both have, results that lose are scaled so that a long lot passes, results that gain so that a
    short lot does: exactly to the bound, and not at all where the model passes. Contracts are scaled by factors of
    their own, so what a hedge saves can be more or less than by the model, until it is reached.

    Parameters
    ----------
    former : RiskSheet
        The sheet that it is to follow.
    rise_ppm, fall_ppm : int
        Those of the rulebook; 0 is no bound.
    unit_fine, fine_decimals : int
        As for ``quantised``.

    Raises
    ------
    RiskError
        Where no scale will do: a sheet unit so large that a lot cannot move by one within the bounds, or a contract
        that by the model asks for nothing. With the contract, the figures and the cure.
    """
    before = {row.symbol: row for row in former.contracts}
    unit, blocks = unit_fine / 10**fine_decimals, tuple(block.terms() for block in made.blocks)
    rows, held_back = [], []
    for row in made.rows:
        if row.collateral is not None or row.symbol not in before:
            rows.append(row)
            continue
        was = [units * former.unit_fine for units in asked_alone(former.blocks, results_of(before[row.symbol]))]
        limits = [_limits(each, rise_ppm, fall_ppm, unit_fine) for each in was]
        wanted = _asked(row, blocks, unit)
        _require_progress(row.symbol, was, wanted, limits, unit_fine)
        scaled = _scaled(row, blocks, unit, limits)
        asked = wanted if scaled is row else _asked(scaled, blocks, unit)
        for side, *figures in zip(SIDES, was, wanted, asked, strict=True):
            if figures[1] != figures[2]:
                money = (figures[0] / 10**fine_decimals, figures[1] * unit, figures[2] * unit)
                held_back.append(HeldBack(row.symbol, side, *money))
        rows.append(scaled)
    return Step(replace(made, rows=tuple(rows)), tuple(held_back))


Limits = tuple[int, int | None]
"""The fewest and the most sheet units that one lot may ask for; None is no most."""


def _limits(was_fine: int, rise_ppm: int, fall_ppm: int, unit_fine: int) -> Limits:
    least = ceil_div(was_fine * (PPM - fall_ppm), PPM * unit_fine) if fall_ppm else 0
    most = was_fine * (PPM + rise_ppm) // (PPM * unit_fine) if rise_ppm and was_fine else None
    return least, most


def _require_progress(
    symbol: str, was: list[int], wanted: tuple[int, int], limits: list[Limits], unit_fine: int
) -> None:
    """RiskError where the bounds are less than a sheet unit, so that the model would never be reached."""
    for side, was_fine, units, limit in zip(SIDES, was, wanted, limits, strict=True):
        allowed, asked = _clipped(units, limit) * unit_fine, units * unit_fine
        if allowed != asked and (asked - was_fine) * (allowed - was_fine) <= 0:
            raise RiskError(
                f"{symbol}: a {side} lot asks for {was_fine / unit_fine:g} sheet units, by the model for {units}, and "
                "bounds do not let it move by one: use a smaller unit, or adopt other bounds first"
            )


def _asked(row: Row, blocks: tuple[ScenarioBlock, ...], unit: float) -> tuple[int, int]:
    """What the house will ask for one lot, long and short, in sheet units."""
    try:
        return asked_alone(blocks, np.frombuffer(quantise(row.in_sheet, unit), "<i8"))
    except ValueError as error:
        raise RiskError(f"{row.symbol}: {error}") from error


def _scaled(row: Row, blocks: tuple[ScenarioBlock, ...], unit: float, limits: list[Limits]) -> Row:
    """The row with its losses and its gains scaled until both sides are within their limits; itself where they are."""
    held, factors = row.in_sheet, [1.0, 1.0]

    def scaled(side: int, factor: float) -> Row:
        tried = [*factors[:side], factor, *factors[side + 1 :]]
        return replace(row, results=held * np.where(held < 0, *tried) - row.short_option / 2)

    asked = _asked(row, blocks, unit)
    for _ in range(ROUNDS_MAX):  # a tail that reaches into the other side's results takes more than one
        side = next((at for at in (0, 1) if asked[at] != _clipped(asked[at], limits[at])), None)
        if side is None:
            return row if factors == [1.0, 1.0] else scaled(0, factors[0])
        if not asked[side]:
            break
        target = _clipped(asked[side], limits[side])
        factors[side] = _reaching(
            target,
            factors[side],
            asked[side],
            lambda factor, side=side: _asked(scaled(side, factor), blocks, unit)[side],
        )
        asked = _asked(scaled(0, factors[0]), blocks, unit)
    figures = ", ".join(f"a {side} lot for {units * unit:g}" for side, units in zip(SIDES, asked, strict=True))
    raise RiskError(
        f"{row.symbol}: it asks {figures}, and no scale of the model's results brings that within the bounds, {limits} "
        f"units of {unit:g}: adopt other bounds first"
    )


def _clipped(asked: int, limits: Limits) -> int:
    least, most = limits
    return max(least, asked if most is None else min(asked, most))


def _reaching(target: int, factor: float, asked: int, asked_at: Callable[[float], int]) -> float:
    """A factor at which a target is asked for, which rises with the factor; the nearest below a target that is less
    than what is asked for now, or above one that is more."""
    below, above = (0.0, factor) if target < asked else (factor, np.inf)
    tried = factor * target / asked
    for _ in range(ROUNDS_MAX):
        found = asked_at(tried)
        if found == target:
            return tried
        below, above = (tried, above) if found < target else (below, tried)
        guess = tried * target / found if found else 2 * tried
        halfway = 2 * below if above == np.inf else (below + above) / 2
        tried = guess if below < guess < above else halfway
    return below if target < asked else above

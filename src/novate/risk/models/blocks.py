"""What every model is: blocks of scenarios, each with a measure of its losses, combined into one requirement.

A model foresees from history alone. It knows no portfolio, so that the same scenarios judge everybody.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from novate.core.money import PPM
from novate.core.sheet_terms import ScenarioBlock
from novate.risk.days import CALENDAR_YEAR_DAYS, DAY_NS, calendar_years_ns
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory, Scenarios
from novate.risk.measures import Measured, as_written, expected_shortfall, value_at_risk, worst

Measure = Literal["worst", "value_at_risk", "expected_shortfall"]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A run of scenarios with the measure of its losses: a block of a risk sheet before anything is rounded.

    Attributes
    ----------
    part : {"current", "stressed", "floor"}
        Current and stressed blocks are added at their weights, which sum to 1; the largest weighted floor block is the
        least of what is asked.
    level : float
        What the measure covers, 0.99; the worst has none.
    cure : str
        What is to be done where the scenarios are too few for the level.
    """

    name: str
    part: Literal["current", "stressed", "floor"]
    scenarios: Scenarios
    measure: Measure
    level: float
    weight: float = 1.0
    cure: str = "give more of them"

    def __post_init__(self) -> None:
        tail = 1 - as_written(self.level)
        if self.measure != "worst" and len(self.scenarios) * tail < 1:
            raise RiskError(
                f"{self.name}: {len(self.scenarios)} scenarios of {_named(self.scenarios.factors)}: "
                f"{math.ceil(1 / tail)} at least are needed for a level of {self.level}: {self.cure} or a lower level"
            )
        if self.scenarios.weights is not None:
            raise RiskError(f"{self.name}: scenarios of a sheet count alike: leave their probabilities out")
        require_ppm(f"{self.name}: weight", self.weight)

    def loss(self, results: NDArray[np.float64], measure: Measure | None = None) -> Measured:
        """The block's measure, or another one, of results by scenario, (n_scenarios,) or (n_scenarios, n_portfolios):
        a loss, not below zero."""
        asked = measure or self.measure
        if asked == "worst" or self.measure == "worst":
            return np.maximum(worst(results), 0.0)
        measured = value_at_risk if asked == "value_at_risk" else expected_shortfall
        return np.maximum(measured(results, self.level), 0.0)

    def terms(self) -> ScenarioBlock:
        """The block as a risk sheet writes it."""
        count, level = len(self.scenarios), as_written(self.level)
        weight_ppm = round(self.weight * PPM)
        if self.measure == "worst":
            return ScenarioBlock(self.name, self.part, count, "worst", weight_ppm)
        if self.measure == "value_at_risk":
            rank = count + 1 - math.ceil(count * level)
            return ScenarioBlock(self.name, self.part, count, "kth_worst", weight_ppm, rank)
        tail = 1 - level
        return ScenarioBlock(
            self.name, self.part, count, "expected_shortfall", weight_ppm, 1, tail.numerator, tail.denominator
        )


class Model(Protocol):
    """A margin model: what it foresees from a history that ends now."""

    @property
    def name(self) -> str:
        """What it is called in tables and sheets."""
        ...

    @property
    def horizon_steps(self) -> int:
        """Rows of the history that its scenarios span."""
        ...

    @property
    def offset_cap(self) -> float:
        """The part of what offsets across netting sets take off that is granted."""
        ...

    def volatilities(self, history: FactorHistory) -> NDArray[np.float64] | None:
        """The volatilities that it scales by, one row for each time; None where it needs none.

        Row t comes from the moves before t alone, so the first t + 1 rows are those of the history up to t.
        """
        ...

    def blocks(self, past: FactorHistory, path: NDArray[np.float64] | None = None) -> tuple[Block, ...]:
        """Its blocks as of the last row of a history, in the order in which a sheet has them.

        ``path`` is what ``volatilities(past)`` gives, for a caller who has it. RiskError where the history is too
        short.
        """
        ...


def combined(blocks: Sequence[Block], losses: Sequence[Measured]) -> Measured:
    """What blocks ask together: the weighted sum of current and stressed losses, the floor at least."""
    added, floor = np.asarray(0.0), np.asarray(0.0)
    for block, loss in zip(blocks, losses, strict=True):
        if block.part == "floor":
            floor = np.maximum(floor, block.weight * loss)
        else:
            added = added + block.weight * loss
    return np.maximum(added, floor)


def longer(past: FactorHistory) -> str:
    """The cure of a history that is too short."""
    return f"the history ends at {past.labels()[-1]}: give a longer history, more of its years"


def windows_within(history: FactorHistory, horizon_steps: int, years: float) -> int:
    """How many windows of a history lie wholly in its last years; at least one."""
    rows = len(history) - int(np.searchsorted(history.times_ns, years_before(history, years)))
    return max(1, rows - horizon_steps)


def years_before(history: FactorHistory, years: float) -> int:
    """The time in nanoseconds so many years before the last row of a history; its first row's where that is later."""
    if not years > 0:
        raise RiskError(f"years {years}: expected a look-back above 0")
    first_ns, last_ns = int(history.times_ns[0]), int(history.times_ns[-1])
    if years * CALENDAR_YEAR_DAYS >= (last_ns - first_ns) / DAY_NS:
        return first_ns
    return last_ns - calendar_years_ns(years)


def require_moves(history: FactorHistory, count: int) -> None:
    """RiskError where a history has fewer moves than a volatility starts from, naming its factors and its last day."""
    if len(history) <= count:
        raise RiskError(
            f"{_named(history.factors)}: {len(history) - 1} moves end at {history.labels()[-1]}, and a volatility "
            f"starts from {count}: give a longer history"
        )


def require_ppm(what: str, part: float) -> None:
    """RiskError for a part that a sheet, which writes millionths, would have to round: the house would ask for less."""
    if not (0 <= part <= 1 and abs(part * PPM - round(part * PPM)) < 1e-6):
        raise RiskError(f"{what} {part}: a sheet holds whole millionths from 0 to 1: round it to six decimals")


def prices_of(factors: Sequence[Factor]) -> Mapping[str, tuple[Factor, ...]]:
    """Factors that are prices, by name, each with the factors of its volatility ("BTC vol 30d").

    A price is a factor whose name does not go on from another's: "BTC basis 90d" belongs to "BTC".
    """
    names = [factor.name for factor in factors]
    own = [name for name in names if not any(name.startswith(f"{other} ") for other in names)]
    return {name: tuple(each for each in factors if each.name.startswith(f"{name} vol ")) for name in own}


def _named(factors: Sequence[Factor]) -> str:
    return ", ".join(factor.name for factor in factors)

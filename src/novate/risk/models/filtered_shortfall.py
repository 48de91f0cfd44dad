"""The default model: filtered-historical expected shortfall, a stressed part, and a floor of ten years.

Requirement = max(3/4 current + 1/4 stressed, floor), each the expected shortfall at 99 % over two days, plus add-ons;
and at least, where there are any, the worst of hypothetical scenarios, of gaps of single names and of failures that
spread, and the expected shortfall of what hedges leave open.

- *Current*: the moves of ten years, scaled half-way to today's volatility (EWMA 0.97, no lower than the 25 % quantile
  of its own past).
- *Stressed*: 250 windows as they were, named days first, then the worst of the whole history; their weight is that of
  article 28(1)(b) of RTS 153/2013.
- *Floor*: the moves of ten years as they were, article 28(1)(c).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, one_step_moves, stacked
from novate.risk.models.basis import Basis
from novate.risk.models.blocks import Block, longer, require_moves, require_ppm, windows_within
from novate.risk.models.contagion import WrongWay, contagion
from novate.risk.models.gap import Gap
from novate.risk.scenarios.filtered import Scaling, filtered
from novate.risk.scenarios.historical import historical
from novate.risk.scenarios.stress_days import NAMED, StressDay, stressed
from novate.risk.volatility import CCP_DECAY, ewma


@dataclass(frozen=True, slots=True, eq=False)
class FilteredShortfall:
    """Parameters of the default model.

    Attributes
    ----------
    horizon_steps : int
        Rows of the history in the margin period: 2 days for what is liquid, 5 for what is not.
    level : float
        What the expected shortfalls cover.
    years : float
        Look-back of the current part and of the floor; a shorter history is taken whole.
    decay, seed_count, vol_floor_quantile : float, int, float
        Of the volatilities that moves are scaled by: see ``volatility.ewma``.
    scaling : {"mid", "full", "floored"}
        See ``scenarios.filtered.scaling_factors``.
    stress_count, stress_weight : int, float
        Windows of the stressed part, and its weight; the current part has the rest.
    named : tuple of StressDay
        Days that the stressed part holds wherever the history reaches them.
    hypothetical : tuple of Scenarios
        Moves that need not have happened and are a block of their own, of which the worst is the
        least that is asked: a lost peg, a basis that widens.
    gap, wrong_way, basis : Gap, tuple of WrongWay, Basis
        Blocks of their own, the least that is asked for each: see ``models.gap``, ``contagion``, ``basis``.
    unscaled : tuple of str
        Factors that move as they were recorded: a peg has no volatility worth scaling by.
    """

    horizon_steps: int = 2
    level: float = 0.99
    years: float = 10.0
    decay: float = CCP_DECAY
    seed_count: int = 60
    vol_floor_quantile: float = 0.25
    scaling: Scaling = "mid"
    stress_count: int = 250
    stress_weight: float = 0.25
    named: tuple[StressDay, ...] = NAMED
    hypothetical: tuple[Scenarios, ...] = ()
    gap: Gap | None = None
    wrong_way: tuple[WrongWay, ...] = ()
    basis: Basis | None = None
    unscaled: tuple[str, ...] = ()
    offset_cap: float = 0.8
    name: str = "filtered shortfall"

    def __post_init__(self) -> None:
        if not (0 < self.stress_weight < 1 and self.stress_count >= 1 and self.years > 0):
            raise RiskError(
                f"stress_weight {self.stress_weight}, stress_count {self.stress_count}, years {self.years}: expected "
                "a weight between 0 and 1, a positive count and positive years"
            )
        require_ppm("stress_weight", self.stress_weight)

    def volatilities(self, history: FactorHistory) -> NDArray[np.float64]:
        """EWMA volatilities of one step, floored by their own past."""
        moves = one_step_moves(history)
        return ewma(moves, decay=self.decay, seed_count=self.seed_count, floor_quantile=self.vol_floor_quantile)

    def blocks(self, past: FactorHistory, path: NDArray[np.float64] | None = None) -> tuple[Block, ...]:
        """Current, stressed, floor, and those of the other parts that there are."""
        steps = self.horizon_steps
        require_moves(past, self.seed_count + steps)
        path = self.volatilities(past) if path is None else path
        scaled = filtered(past, steps, scaling=self.scaling, path=path, unscaled=self.unscaled)
        plain = historical(past, steps)
        count = windows_within(past, steps, self.years)
        worst = stressed(past, steps, self.stress_count, self.named)
        more = f"raise stress_count ({self.stress_count})" if len(worst) == self.stress_count else longer(past)
        return (
            self._block("current", scaled.last(min(count, len(scaled))), 1 - self.stress_weight, longer(past)),
            self._block("stressed", worst, self.stress_weight, more),
            self._block("floor", plain.last(min(count, len(plain))), 1.0, longer(past)),
            *self._least(past, min(count, len(plain)), plain.horizon_days),
        )

    def _least(self, past: FactorHistory, count: int, horizon_days: float) -> Iterator[Block]:
        """What is asked at least, whatever moves were recorded together."""
        if self.hypothetical:
            stated = [replace(each, horizon_days=horizon_days) for each in self.hypothetical]
            yield Block("hypothetical", "floor", stacked("hypothetical", *stated), "worst", self.level)
        if self.gap is not None:
            yield Block("gap", "floor", self.gap.scenarios(past), "worst", self.level)
        if self.wrong_way:
            spread = contagion(self.wrong_way, past, self.horizon_steps)
            yield Block("wrong-way", "floor", spread, "worst", self.level)
        if self.basis is not None:
            left = self.basis.scenarios(past, self.horizon_steps, count)
            yield Block("basis", "floor", left, "expected_shortfall", self.basis.level, cure=longer(past))

    def _block(self, part: str, scenarios: Scenarios, weight: float, cure: str) -> Block:
        return Block(part, part, scenarios, "expected_shortfall", self.level, weight, cure)  # pyright: ignore[reportArgumentType]

"""Simpler models, as functions of the same kind: what the default is compared with, and what checks it from outside."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves, one_step_moves
from novate.risk.measures import as_written, value_at_risk
from novate.risk.models.blocks import Block, longer, prices_of, require_moves, windows_within
from novate.risk.scenarios.historical import historical
from novate.risk.scenarios.span import CLASSIC, Extreme, span
from novate.risk.volatility import ewma, root_of_time

Tail = Literal["value_at_risk", "expected_shortfall"]
SHORT: Final[dict[Tail, str]] = {"value_at_risk": "VaR", "expected_shortfall": "ES"}


@dataclass(frozen=True, slots=True, eq=False)
class PlainHistorical:
    """Plain historical value at risk, or expected shortfall by its ``measure``: the moves of the last ``years``, all
    alike, as they were."""

    horizon_steps: int = 2
    level: float = 0.99
    years: float = 2.0
    offset_cap: float = 0.8
    measure: Tail = "value_at_risk"

    def __post_init__(self) -> None:
        _known(self.measure)

    @property
    def name(self) -> str:
        """By its measure."""
        return f"historical {SHORT[self.measure]}"

    def volatilities(self, history: FactorHistory) -> None:
        """None are needed."""

    def blocks(self, past: FactorHistory, path: NDArray[np.float64] | None = None) -> tuple[Block, ...]:
        """One block."""
        found = historical(past, self.horizon_steps)
        recent = found.last(min(len(found), windows_within(past, self.horizon_steps, self.years)))
        return (Block("current", "current", recent, self.measure, self.level, cure=longer(past)),)


@dataclass(frozen=True, slots=True, eq=False)
class NormalEwma:
    """Parametric value at risk, or expected shortfall by its ``measure``: normal moves with the exponentially weighted
    covariance of now (RiskMetrics, 1996).

    A sheet knows scenarios alone, so the normal law is drawn: ``draws`` points of a Latin hypercube (each factor takes
    every one of as many equally likely values once, in an order of its own), correlated. Of one factor the value at
    risk is therefore off by less than 1 % up to a level of 99.5 %, without chance; at 99.9 % it is 2.2 % too low.
    Over several days volatility is scaled by √days, which takes moves for uncorrelated and equally volatile.
    """

    horizon_steps: int = 2
    level: float = 0.99
    decay: float = 0.94
    seed_count: int = 60
    draws: int = 2_000
    seed: int = 1_996
    offset_cap: float = 0.8
    measure: Tail = "value_at_risk"

    def __post_init__(self) -> None:
        _known(self.measure)
        if self.draws < 1 or self.seed < 0:
            raise RiskError(
                f"draws {self.draws}, seed {self.seed}: expected one draw at least, and a seed of 0 or more"
            )

    @property
    def name(self) -> str:
        """By its measure."""
        return f"EWMA {SHORT[self.measure]}"

    def volatilities(self, history: FactorHistory) -> NDArray[np.float64]:
        """EWMA volatilities of one step, without a floor."""
        return ewma(one_step_moves(history), decay=self.decay, seed_count=self.seed_count, floor_quantile=None)

    def blocks(self, past: FactorHistory, path: NDArray[np.float64] | None = None) -> tuple[Block, ...]:
        """One block."""
        require_moves(past, self.seed_count)
        path = self.volatilities(past) if path is None else path
        sigma = np.asarray(root_of_time(path[-1], self.horizon_steps))
        drawn = _hypercube(self.draws, len(past.factors), self.seed)
        if len(past.factors) > 1:
            drawn = drawn @ self._correlation_root(past).T
        labels = _draw_labels(self.draws)
        days = self.horizon_steps * past.step_ns / DAY_NS
        scenarios = Scenarios("normal, EWMA", past.factors, drawn * sigma, labels, days)
        return (Block("current", "current", scenarios, self.measure, self.level, cure="raise draws"),)

    def _correlation_root(self, past: FactorHistory) -> NDArray[np.float64]:
        """Cholesky factor of the exponentially weighted correlation; factors that never moved are on their own."""
        steps = one_step_moves(past)
        weights = self.decay ** np.arange(len(steps) - 1, -1, -1.0)
        covariance = (steps * weights[:, None]).T @ steps
        sigma = np.sqrt(np.diag(covariance))
        sigma[sigma == 0] = 1.0
        correlation = covariance / np.outer(sigma, sigma) * (1 - 1e-9)
        np.fill_diagonal(correlation, 1.0)
        return np.asarray(np.linalg.cholesky(correlation), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class SpanScan:
    """A scan in the manner of SPAN: sixteen scenarios of each price, over a range that history sets.

    The scan range of a price is the larger of two quantiles (``level``) of its absolute moves over the horizon: of the
    last ``short_years`` and of the last ``long_years``, as the London Metal Exchange sets it. Volatilities are scanned
    by the same rule. Of a relative factor the quantile q is of logarithmic moves, and the range level x (1 - exp(-q)),
    both ways: less than level x (exp(q) - 1), by which it rises in such a move.
    Netting sets do not offset each other unless ``offset_cap`` credits pairs of equal risk; spread charges between
    months are not part of it.
    """

    horizon_steps: int = 2
    level: float = 0.99
    short_years: float = 2.0
    long_years: float = 10.0
    extreme: Extreme = CLASSIC
    offset_cap: float = 0.0
    name: str = "SPAN scan"

    def volatilities(self, history: FactorHistory) -> None:
        """None are needed."""

    def blocks(self, past: FactorHistory, path: NDArray[np.float64] | None = None) -> tuple[Block, ...]:
        """One block of sixteen, in which every price moves by its own range."""
        found = moves(past, self.horizon_steps)
        ranges = self._ranges(past, found)
        column = {factor.name: at for at, factor in enumerate(past.factors)}
        scanned = np.zeros((16, len(past.factors)))
        one = None
        for price, vols in prices_of(past.factors).items():
            at = column[price]
            if not ranges[at] > 0:
                raise RiskError(
                    f"{price}: its scan range is zero: until {past.labels()[-1]} it hardly ever moved: leave it out, "
                    "or give a history in which it moves"
                )
            for vol in vols or (None,):
                own = () if vol is None else ((vol, float(past.levels[-1, column[vol.name]])),)
                wide = 0.0 if vol is None else ranges[column[vol.name]]
                known = past.factors[at], float(past.levels[-1, at])
                one = span(known, ranges[at], own, wide, extreme=self.extreme)
                for place, factor in enumerate(one.factors):
                    scanned[:, column[factor.name]] = one.moves[:, place]
        assert one is not None
        every = Scenarios("SPAN 16", past.factors, scanned, one.labels, found.horizon_days, counted=one.counted)
        return (Block("scan", "current", every, "worst", self.level),)

    def _ranges(self, past: FactorHistory, found: Scenarios) -> list[float]:
        """Scan ranges in units of the levels; a relative factor's from its relative changes, never the whole of it."""
        as_written(self.level)
        ranges = []
        for years in (self.short_years, self.long_years):
            recent = found.moves[-windows_within(past, self.horizon_steps, years) :]
            if len(recent) * (1 - self.level) < 1:
                raise RiskError(
                    f"{self.name}: {len(recent)} moves of {past.factors[0].name} until {past.labels()[-1]}: a level of "
                    f"{self.level} needs {np.ceil(1 / (1 - self.level)):.0f} at least: give a longer history"
                )
            ranges.append(value_at_risk(-np.abs(recent), self.level))
        wide = np.maximum(*ranges)
        levels = past.levels[-1]
        return [
            float(levels[at] * -np.expm1(-wide[at]) if factor.kind == "relative" else wide[at])
            for at, factor in enumerate(past.factors)
        ]


def _known(measure: str) -> None:
    if measure not in SHORT:
        raise RiskError(f"measure {measure!r}: expected {' or '.join(SHORT)}")


@lru_cache(maxsize=8)
def _hypercube(draws: int, factors: int, seed: int) -> NDArray[np.float64]:
    """Standard normal points, (draws, factors): in each column the middles of as many equally likely slices."""
    rng = np.random.Generator(np.random.PCG64(seed))
    points = np.empty((draws, factors))
    slices = ndtri((np.arange(draws) + 0.5) / draws)
    for column in points.T:
        column[:] = rng.permutation(slices)
    points.flags.writeable = False
    return points


@lru_cache(maxsize=8)
def _draw_labels(draws: int) -> tuple[str, ...]:
    return tuple(f"draw {at + 1}" for at in range(draws))

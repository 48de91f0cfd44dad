"""A single name that gaps: its price jumps alone, overnight, further than its volatility foresees.

The rule is that of the National Securities Clearing Corporation until 2023 (SR-NSCC-2022-015, Federal Register 87 FR
78157): the largest position that is no index times a haircut, the larger of the 1st and the 99th percentile of
three-day returns over ten years and a year of stress, rounded up to whole per cent, 10 % at least; and the largest of
this, the model's margin and a floor is asked for.

As scenarios: every name by itself up and down by its haircut, all else as it is, and the worst of them. So a sheet
holds it, options are revalued in full, and a name's contracts net.
"""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from novate.risk.days import DAY_NS, calendar_years_ns
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves
from novate.risk.measures import as_written, value_at_risk
from novate.risk.models.blocks import longer, prices_of, years_before

EPOCH = date(1970, 1, 1)
FALL_MAX = 0.99
"""A price that stays above zero falls by no more, however large the haircut."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Parameters of the haircut.

    Attributes
    ----------
    steps, level, least : int, float, float
        Rows of the history that a return spans, the percentile either side, and the least that a haircut is.
    years, stress_from : float, str or None
        Look-back, and the ISO day on which a year of stress begins: where it lies before the look-back it is added.
    indices : tuple of str
        Prices of many names together, which do not gap.
    """

    steps: int = 3
    level: float = 0.99
    least: float = 0.10
    years: float = 10.0
    stress_from: str | None = None
    indices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        as_written(self.level)
        if not (self.steps >= 1 and 0 < self.least < 1 and self.years > 0):
            raise RiskError(
                f"gap: steps {self.steps}, least {self.least}, years {self.years}: expected one step or more, a "
                "haircut between 0 and 1, positive years"
            )
        if self.stress_from is not None:
            try:
                date.fromisoformat(self.stress_from)
            except ValueError as error:
                raise RiskError(f"gap: stress_from {self.stress_from!r}: expected a day such as 2008-09-01") from error

    def haircuts(self, past: FactorHistory) -> dict[str, float]:
        """Haircut by name: a part of the price; of a price that moves by differences an amount, not rounded."""
        names = prices_of(past.factors)
        if unknown := [name for name in self.indices if name not in names]:
            raise RiskError(f"gap: indices: {unknown[0]} is no price of the history: it has {', '.join(names)}")
        found = moves(past, self.steps)
        kept = found.moves[self._looked_back_to(past)]
        if len(kept) * (1 - self.level) < 1 - 1e-9:
            raise RiskError(
                f"gap: {len(kept)} returns over {self.steps} days of {', '.join(names)}: "
                f"{math.ceil(1 / (1 - self.level))} at least are needed for a level of {self.level}: {longer(past)}"
            )
        return {
            factor.name: self._haircut(column if factor.kind == "absolute" else np.expm1(column), factor.kind, level)
            for factor, column, level in zip(past.factors, kept.T, past.levels[-1].tolist(), strict=True)
            if factor.name in names and factor.name not in self.indices
        }

    def scenarios(self, past: FactorHistory) -> Scenarios:
        """Every name up and down by its haircut, alone."""
        rows, labels, haircuts = [], [], self.haircuts(past)
        for at, factor in enumerate(past.factors):
            haircut = haircuts.get(factor.name)
            if haircut is None:
                continue
            relative = factor.kind == "relative"
            ways = (math.log1p(haircut), math.log1p(-min(haircut, FALL_MAX))) if relative else (haircut, -haircut)
            for way, sign in zip(ways, "+-", strict=True):
                rows.append([way if at == column else 0.0 for column in range(len(past.factors))])
                labels.append(f"{factor.name} gaps by {sign}{f'{100 * haircut:g} %' if relative else f'{haircut:g}'}")
        if not rows:
            raise RiskError("gap: every price is an index, and none can gap: leave the gap out")
        days = moves(past, self.steps).horizon_days
        return Scenarios("gap", past.factors, np.array(rows), tuple(labels), days)

    def _looked_back_to(self, past: FactorHistory) -> NDArray[np.bool_]:
        """Which windows count: those of the last years, and those of the year of stress."""
        begins, ends = past.times_ns[: -self.steps], past.times_ns[self.steps :]
        kept = begins >= years_before(past, self.years)
        if self.stress_from is not None:
            first = (date.fromisoformat(self.stress_from) - EPOCH).days * DAY_NS
            kept |= (begins >= first) & (ends <= first + calendar_years_ns(1))
        return np.asarray(kept)

    def _haircut(self, returns: NDArray[np.float64], kind: str, level: float) -> float:
        worst = max(float(value_at_risk(returns, self.level)), float(value_at_risk(-returns, self.level)))
        if kind == "absolute":
            return max(self.least * abs(level), worst)
        return math.ceil(round(100 * max(self.least, worst), 9)) / 100

"""What is left of hedges when correlations break: the basis between what nets, and nothing else.

Futures net with the spot, tenors with each other, and indices of one netting set too. These scenarios hold prices still
and move what such netting leaves open: the basis of each tenor, the premium of a perpetual, and of an index that nets
with a leading one the residual of its moves on the leader's. Each of them keeps its own history, and their
correlation is broken: each moves as it did at another time, the first as it was, the k-th of n by k / n of the windows
later. Their expected shortfall is then the least that is asked for, which only a hedged book comes near.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios
from novate.risk.models.blocks import prices_of
from novate.risk.scenarios.historical import historical


@dataclass(frozen=True, slots=True)
class Basis:
    """``level`` of the expected shortfall; ``beside`` maps an index to the leading one that it nets with."""

    level: float = 0.99
    beside: Mapping[str, str] = field(default_factory=dict)

    def scenarios(self, past: FactorHistory, steps: int, count: int) -> Scenarios:
        """The last ``count`` windows. RiskError where the history has nothing that nets."""
        found = historical(past, steps, lookback=count)
        residuals = self._residuals(past, found.moves)
        if not residuals:
            raise RiskError(
                f"basis: nothing nets with {', '.join(prices_of(past.factors))}: give a series such as 'BTC basis 90d' "
                "or 'BTC premium', or say in `beside` which index nets with which"
            )
        out = np.zeros(found.moves.shape)
        parts = [[""] * count for _ in residuals]
        for place, (name, column) in enumerate(residuals.items()):
            at = [factor.name for factor in past.factors].index(name)
            rows = (np.arange(count) + place * count // len(residuals)) % count
            out[:, at] = column[rows]
            parts[place] = [f"{name} to {found.labels[row]}" for row in rows.tolist()]
        labels = tuple(", ".join(each) for each in zip(*parts, strict=True))
        return Scenarios("basis", past.factors, out, labels, found.horizon_days)

    def _residuals(self, past: FactorHistory, moves: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Moves of what netting leaves open, by factor."""
        names = [factor.name for factor in past.factors]
        prices = prices_of(past.factors)
        found = {
            name: moves[:, at]
            for at, name in enumerate(names)
            if any(name == f"{price} premium" or name.startswith(f"{price} basis ") for price in prices)
        }
        for name, leader in self.beside.items():
            for each in (name, leader):
                if each not in prices:
                    raise RiskError(f"basis: beside: {each} is no price of the history: it has {', '.join(prices)}")
            if leader in self.beside:
                raise RiskError(f"basis: beside: {name} nets with {leader}, which nets with another: name its leader")
            own, leading = moves[:, names.index(name)], moves[:, names.index(leader)]
            variance = float(leading @ leading)
            found[name] = own - (float(own @ leading) / variance if variance else 0.0) * leading
        return found

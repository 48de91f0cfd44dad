"""Scores that compare models on the same losses: the lower on average, the better.

Both are minimised, on average, by the truth (they are *consistent*), so that a model cannot gain by saying other than
what it believes. Compare models by the means of their scores over the same steps.
"""

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError
from novate.risk.measures import as_written


def pinball(results: NDArray[np.float64], var: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """The loss of a quantile, step by step (Koenker and Bassett, 1978): level x (loss - VaR) where the loss is more,
    (1 - level) x (VaR - loss) where it is not. In the units of the results; never below 0."""
    results, var = np.asarray(results, np.float64), np.asarray(var, np.float64)
    _same(results, var)
    over = -results - var
    covered = float(as_written(level))
    return np.where(over > 0, covered * over, (covered - 1) * over)


def fissler_ziegel(
    results: NDArray[np.float64], var: NDArray[np.float64], es: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """The joint score FZ0 of value at risk and expected shortfall, step by step (Fissler and Ziegel, 2016; Patton,
    Ziegel and Chen, 2019, equation 6).

    With loss L, and VaR and ES positive: max(L - VaR, 0) / ((1 - level) ES) + VaR / ES + ln ES - 1. Differences do not
    depend on the units of the results. RiskError where an ES is not positive.
    """
    loss, var, es = (np.asarray(part, np.float64) for part in (-np.asarray(results), var, es))
    _same(loss, var, es)
    tail = float(1 - as_written(level))
    if not (es > 0).all():
        raise RiskError(f"es, step {int(np.argmax(~(es > 0)))}: expected a positive expected shortfall")
    return np.maximum(loss - var, 0.0) / (tail * es) + var / es + np.log(es) - 1


def _same(*parts: NDArray[np.float64]) -> None:
    """RiskError where they are not of the same steps (a single number is of all), or hold what is no finite number."""
    if len({part.shape for part in parts if part.ndim}) > 1:
        raise RiskError(f"expected parts of the same steps, got shapes {', '.join(str(part.shape) for part in parts)}")
    for part in parts:
        if not np.isfinite(part).all():
            raise RiskError(f"step {int(np.argmax(~np.isfinite(part)))}: expected finite numbers: leave the step out")

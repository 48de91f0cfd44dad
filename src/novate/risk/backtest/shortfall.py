"""Expected shortfall: were the losses beyond the value at risk as large as foreseen?

Acerbi and Szekely (2014), Backtesting expected shortfall, tests 1 and 2. Both statistics are expected to be 0 where
the model is right (test 1: given that there are exceptions) and fall below where it foresaw too little. Their critical
values belong to a level, a count of steps and a tail, and are simulated: at 97.5 %, 250 steps and a normal tail Z2
falls below -0.70 in one correct sample of twenty, and below -1.74 in one of ten thousand (-1.8 in the paper's tables).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from novate.risk.backtest.coverage import exceptions
from novate.risk.errors import RiskError
from novate.risk.measures import as_written, parametric_es

SIMULATIONS: Final = 200_000
SIMULATION_SEED: Final = 20_141_201


@dataclass(frozen=True, slots=True)
class ShortfallTest:
    """One test of one sample, against a tail that is normal or t.

    Attributes
    ----------
    statistic : float
        0 expected; NaN for Z1 of a sample without exceptions, which says nothing and rejects nothing.
    p_value : float
        The share of correct samples with a statistic as low or lower, simulated; 1 where the statistic is NaN.
    critical : float
        A correct sample lies below it with a probability of at most ``significance``.
    """

    name: str
    statistic: float
    p_value: float
    critical: float
    significance: float

    @property
    def rejected(self) -> bool:
        """Whether losses were larger than the model may excuse."""
        return self.statistic < self.critical


def z1(
    results: NDArray[np.float64],
    var: NDArray[np.float64],
    es: NDArray[np.float64],
    level: float,
    *,
    dof: float = math.inf,
    significance: float = 0.05,
) -> ShortfallTest:
    """Test 1: mean of result / ES over the exceptions, plus 1. How large they were, whatever their number.

    Parameters
    ----------
    results, var, es : ndarray of shape (n_steps,)
        Results (gains positive), and the value at risk and expected shortfall foreseen for them (losses positive).
    dof : float
        Degrees of freedom of the t-distribution under which a correct model is simulated; infinity: normal.
    """
    ratios, hits = _ratios(results, var, es)
    found = float(ratios[hits].mean() + 1) if hits.any() else math.nan
    return _test("Z1", 1, found, len(ratios), level, dof, significance)


def z2(
    results: NDArray[np.float64],
    var: NDArray[np.float64],
    es: NDArray[np.float64],
    level: float,
    *,
    dof: float = math.inf,
    significance: float = 0.05,
) -> ShortfallTest:
    """Test 2: sum of result / ES over the exceptions, over the exceptions expected, plus 1. Their number and size.

    Parameters as for ``z1``.
    """
    ratios, hits = _ratios(results, var, es)
    found = float(ratios[hits].sum() / (len(ratios) * float(1 - as_written(level))) + 1)
    return _test("Z2", 2, found, len(ratios), level, dof, significance)


def _ratios(
    results: NDArray[np.float64], var: NDArray[np.float64], es: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    hits, es = exceptions(results, var), np.asarray(es, np.float64)
    if es.shape != hits.shape or not (np.isfinite(es).all() and (es > 0).all()):
        raise RiskError("es: expected a positive expected shortfall for each result")
    return np.asarray(results, np.float64) / es, hits


def _test(
    name: str, number: Literal[1, 2], found: float, steps: int, level: float, dof: float, significance: float
) -> ShortfallTest:
    if not 0 < significance < 1:
        raise RiskError(f"significance {significance}: expected a probability between 0 and 1")
    if not dof > 2:
        raise RiskError(f"dof {dof}: expected more than 2, where the variance is finite; math.inf for a normal tail")
    known = simulated(number, steps, level, dof)
    critical = float(known[int(significance * len(known))])
    below = np.searchsorted(known, found, side="right")
    p_value = 1.0 if math.isnan(found) else float((1 + below) / (1 + len(known)))
    return ShortfallTest(name, found, p_value, critical, significance)


@lru_cache(maxsize=32)
def simulated(number: Literal[1, 2], steps: int, level: float, dof: float = math.inf) -> NDArray[np.float64]:
    """The statistic in samples of a correct model, in ascending order; read-only, the same for the same arguments.

    Only exceptions are drawn: their number is binomial, each a draw from the tail beyond the level. Z1 leaves samples
    without exceptions out.
    """
    rng = np.random.Generator(np.random.PCG64(SIMULATION_SEED))
    rate = float(1 - as_written(level))
    counts = rng.binomial(steps, rate, SIMULATIONS)
    beyond = rate * (1 - rng.random(int(counts.sum())))
    foreseen = parametric_es(1.0, level, dof=dof)
    results = ndtri(beyond) if math.isinf(dof) else math.sqrt((dof - 2) / dof) * stdtrit(dof, beyond)
    ratios = results / foreseen
    sums = np.bincount(np.repeat(np.arange(SIMULATIONS), counts), weights=ratios, minlength=SIMULATIONS)
    found = sums[counts > 0] / counts[counts > 0] + 1 if number == 1 else sums / (steps * rate) + 1
    found.sort()
    found.flags.writeable = False
    return found

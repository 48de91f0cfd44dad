"""Coverage: are exceptions as rare as they should be, and do they come one by one?

An *exception* is a step whose loss is more than the value at risk foreseen for it. Each statistic is a likelihood
ratio, chi-squared in the limit. Samples are small and exceptions few, so that a statistic takes few values and the
limit is far: every test therefore also gives the p-value, critical value and size of its exact law under independent
exceptions, which is worked out outcome by outcome rather than simulated. Go by ``rejected``, which uses that law.

Sources: Kupiec (1995), Techniques for verifying the accuracy of risk measurement models; Christoffersen (1998),
Evaluating interval forecasts. The law of runs: Mood (1940), The distribution theory of runs.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, gammaln, xlog1py, xlogy

from novate.risk.errors import RiskError
from novate.risk.measures import as_written

SAME: Final = 1e-9
"""Statistics nearer than this are one value: they differ by the rounding of logarithms alone."""
NEGLIGIBLE: Final = 1e-15
"""Counts of exceptions less likely than this are left out of the law of conditional coverage."""


@dataclass(frozen=True, slots=True)
class CoverageTest:
    """One test of one sample.

    Attributes
    ----------
    statistic : float
        Likelihood ratio; 0 where the sample is as expected.
    p_value : float
        By the chi-squared law of the limit.
    p_value_exact : float
        The probability of a statistic as large or larger in a correct sample of this length.
    critical : float
        The least value that a correct sample exceeds with a probability of at most ``significance``.
    size : float
        The probability with which one does: less, since a small sample takes few values.
    """

    name: str
    statistic: float
    p_value: float
    p_value_exact: float
    critical: float
    size: float
    significance: float

    @property
    def rejected(self) -> bool:
        """Whether the statistic exceeds the exact critical value."""
        return self.statistic > self.critical + SAME


def exceptions(results: NDArray[np.float64], var: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Steps whose loss, -result, is more than the value at risk (positive) foreseen for them."""
    results, var = np.asarray(results, np.float64), np.asarray(var, np.float64)
    if results.ndim != 1 or results.shape != var.shape:
        raise RiskError(f"expected one value at risk for each result, got shapes {var.shape} and {results.shape}")
    if not (np.isfinite(results).all() and np.isfinite(var).all()):
        step = int(np.argmax(~(np.isfinite(results) & np.isfinite(var))))
        raise RiskError(f"step {step}: result {results[step]}, value at risk {var[step]}: expected finite numbers")
    return -results > var


def pof(hits: NDArray[np.bool_], level: float, *, significance: float = 0.05) -> CoverageTest:
    """Proportion of failures (Kupiec): are exceptions 1 - level of the steps? One degree of freedom."""
    steps, rate = _checked(hits), float(1 - as_written(level))
    every = np.arange(steps + 1, dtype=np.float64)
    law = _pof(every, steps, rate), _binomial(steps, rate)
    return _test("proportion of failures", _pof(hits.sum(), steps, rate), 1, law, significance)


def tuff(hits: NDArray[np.bool_], level: float, *, significance: float = 0.05) -> CoverageTest:
    """Time until first failure (Kupiec): does the first exception come when it should? One degree of freedom.

    Without an exception, the first is taken to come on the step after the last, the earliest that it can: 0 where that
    is no later than expected.
    """
    steps, rate = _checked(hits), float(1 - as_written(level))
    every = np.arange(1, steps + 2, dtype=np.float64)
    probabilities = rate * (1 - rate) ** (every - 1)
    probabilities[-1] = (1 - rate) ** steps
    first = float(np.argmax(hits) + 1 if hits.any() else steps + 1)
    law = _tuff(every, steps, rate), probabilities
    return _test("time until first failure", _tuff(np.array(first), steps, rate), 1, law, significance)


def independence(hits: NDArray[np.bool_], *, significance: float = 0.05) -> CoverageTest:
    """Independence (Christoffersen): is an exception as likely after an exception as after none? One degree of freedom.

    The exact law is that of all orders in which this number of exceptions can come, each as likely, so it needs no
    level, and many exceptions that come one by one are no fault here.
    """
    steps = _checked(hits)
    pairs, probabilities = _orders(steps, int(hits.sum()))
    law = _independence(pairs, steps), probabilities
    return _test("independence", _independence(_pairs(hits), steps), 1, law, significance)


def conditional_coverage(hits: NDArray[np.bool_], level: float, *, significance: float = 0.05) -> CoverageTest:
    """Conditional coverage (Christoffersen): proportion of failures plus independence. Two degrees of freedom."""
    steps, rate = _checked(hits), float(1 - as_written(level))
    found = _pof(hits.sum(), steps, rate) + _independence(_pairs(hits), steps)
    return _test("conditional coverage", found, 2, _conditional_law(steps, rate), significance)


def _pof(count: NDArray[np.float64], steps: int, rate: float) -> NDArray[np.float64]:
    share = count / steps
    told = xlogy(count, rate) + xlog1py(steps - count, -rate)
    return 2 * (xlogy(count, share) + xlogy(steps - count, 1 - share) - told)


def _tuff(first: NDArray[np.float64], steps: int, rate: float) -> NDArray[np.float64]:
    told = np.log(rate) + (first - 1) * np.log1p(-rate)
    ratio = 2 * (xlogy(first - 1, 1 - 1 / first) - np.log(first) - told)
    return np.where((first > steps) & (first * rate <= 1), 0.0, ratio)


_Pairs = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Of neighbouring steps, how many are an exception after an exception, none after one, and one after none."""


def _pairs(hits: NDArray[np.bool_]) -> _Pairs:
    before, after = hits[:-1], hits[1:]
    both = (before & after).sum()
    return both, before.sum() - both, after.sum() - both


def _independence(pairs: _Pairs, steps: int) -> NDArray[np.float64]:
    hit_hit, hit_calm, calm_hit = pairs
    after_hit = hit_hit + hit_calm
    apart = _best(hit_hit, after_hit) + _best(calm_hit, steps - 1 - after_hit)
    return 2 * (apart - _best(hit_hit + calm_hit, np.full(np.shape(hit_hit), steps - 1.0)))


def _best(count: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest log likelihood of so many exceptions in so many steps; 0 of none."""
    share = count / np.maximum(of, 1)
    return xlogy(count, share) + xlogy(of - count, 1 - share)


def _binomial(steps: int, rate: float) -> NDArray[np.float64]:
    """Probabilities of 0 to ``steps`` exceptions."""
    count = np.arange(steps + 1, dtype=np.float64)
    return np.exp(_log_choose(steps, count) + xlogy(count, rate) + xlog1py(steps - count, -rate))


def _orders(steps: int, count: int) -> tuple[_Pairs, NDArray[np.float64]]:
    """Pairs and probabilities of all orders of ``count`` exceptions, by their runs and by what comes first and last.

    Exceptions in r runs, and the calm steps in the r + 1 gaps around them, of which the outer two may be empty.
    """
    calm = steps - count
    if count == 0 or calm == 0:
        both = np.array([max(0.0, count - 1.0)])
        return (both, np.zeros(1), np.zeros(1)), np.ones(1)
    runs, first, last = (
        part.ravel().astype(np.float64)
        for part in np.meshgrid(np.arange(1, min(count, calm + 1) + 1), [0, 1], [0, 1], indexing="ij")
    )
    gaps = runs + 1 - first - last
    ways = _log_choose(count - 1, runs - 1) + _log_choose(calm - 1, gaps - 1)
    return (count - runs, runs - last, runs - first), np.exp(ways - _log_choose(steps, np.array(float(count))))


def _log_choose(of: int, count: NDArray[np.float64]) -> NDArray[np.float64]:
    possible = (count >= 0) & (count <= of)
    kept = np.where(possible, count, 0.0)
    return np.where(possible, gammaln(of + 1.0) - gammaln(kept + 1) - gammaln(of - kept + 1), -np.inf)


@lru_cache(maxsize=32)
def _conditional_law(steps: int, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and probabilities of the statistic of conditional coverage: over counts, and their orders."""
    values, probabilities = [], []
    for count, likely in enumerate(_binomial(steps, rate).tolist()):
        if likely > NEGLIGIBLE:
            pairs, orders = _orders(steps, count)
            values.append(_pof(np.array(float(count)), steps, rate) + _independence(pairs, steps))
            probabilities.append(likely * orders)
    return np.concatenate(values), np.concatenate(probabilities)


def _test(
    name: str,
    found: NDArray[np.float64],
    degrees: int,
    law: tuple[NDArray[np.float64], NDArray[np.float64]],
    significance: float,
) -> CoverageTest:
    if not 0 < significance < 1:
        raise RiskError(f"significance {significance}: expected a probability between 0 and 1")
    statistic = max(0.0, float(found))
    order = np.argsort(law[0])
    values, probabilities = law[0][order], law[1][order]
    from_here = np.append(np.cumsum(probabilities[::-1])[::-1], 0.0)  # the probability of each value and all above it
    above = from_here[np.searchsorted(values, values + SAME, side="right")]
    critical = int(np.argmax(above <= significance))
    return CoverageTest(
        name,
        statistic,
        float(gammaincc(degrees / 2, statistic / 2)),
        float(min(1.0, from_here[np.searchsorted(values, statistic - SAME)])),
        max(0.0, float(values[critical])),
        float(above[critical]),
        significance,
    )


def _checked(hits: NDArray[np.bool_]) -> int:
    if not isinstance(hits, np.ndarray) or hits.dtype != np.bool_ or hits.ndim != 1 or len(hits) < 2:
        raise RiskError("hits: expected an array of two or more booleans, one for each step")
    return len(hits)

"""Measures of loss: value at risk, expected shortfall, the worst; of results by scenario, or of a law.

Results are gains and losses, positive where they gain, by scenario along the first axis; a second axis, of portfolios,
gives one measure for each. Measures are positive where they lose, in the units of the results, and not cut off at
zero. A level is the probability that is covered, 0.99; it is read as the decimal it is written as, so that 0.99 of
1,000 scenarios are 990.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, stdtrit

from novate.risk.errors import RiskError

Measured = NDArray[np.float64]
"""One number for each portfolio: of no dimension where the results are of one portfolio."""
VarConvention = Literal["ceil", "next", "linear", "weibull"]
EsConvention = Literal["acerbi_tasche", "at_or_beyond", "beyond", "whole"]

VAR_CONVENTIONS: Final[dict[str, str]] = {
    "ceil": "loss of rank ⌈n level⌉ from the smallest: the least loss that covers the level (the default)",
    "next": "loss of rank ⌊n level⌋ + 1 from the smallest: one further where n level is whole",
    "linear": "between ranks, at 1 + (n - 1) level: numpy's and spreadsheets' quantile (Hyndman and Fan's 7)",
    "weibull": "between ranks, at (n + 1) level, within the sample (Hyndman and Fan's 6)",
}
ES_CONVENTIONS: Final[dict[str, str]] = {
    "acerbi_tasche": "mean of the worst n (1 - level), the last of them in part (Acerbi and Tasche, 2002; the default)",
    "at_or_beyond": "mean of the losses that are no less than the value at risk (ceil)",
    "beyond": "mean of the losses above the value at risk (ceil); that itself where none is",
    "whole": "mean of the worst ⌈n (1 - level)⌉, each in full",
}


@lru_cache
def as_written(level: float | Fraction) -> Fraction:
    """A level as the decimal that it is written as: 0.99 is 99/100. RiskError where it is not between 0 and 1."""
    if not 0 < level < 1:  # nor what is no number
        raise RiskError(f"level {level}: expected a probability between 0 and 1, such as 0.99")
    return level if isinstance(level, Fraction) else Fraction(str(level))


def value_at_risk(
    results: NDArray[np.float64],
    level: float | Fraction,
    *,
    convention: VarConvention = "ceil",
    weights: NDArray[np.float64] | None = None,
) -> Measured:
    """The loss that is exceeded with probability 1 - level at most.

    Parameters
    ----------
    results : ndarray of shape (n_scenarios,) or (n_scenarios, n_portfolios)
    convention : one of ``VAR_CONVENTIONS``
    weights : ndarray of shape (n_scenarios,) or None
        Probabilities of the scenarios, with ``ceil`` only: the least loss with probability ``level`` or more of losses
        no larger.
    """
    losses, covered = _losses(results), as_written(level)
    count = len(losses)
    if weights is not None:
        _only_default(convention, "ceil")
        ordered, heavy = _worst_first(losses, weights)
        before = np.cumsum(heavy, axis=0) - heavy
        rank = (before <= float(1 - covered) + 1e-12).sum(axis=0) - 1
        return np.take_along_axis(ordered, np.expand_dims(rank, 0), axis=0)[0]
    if convention == "ceil":
        return _ranked(losses, math.ceil(count * covered))
    if convention == "next":
        return _ranked(losses, min(count, math.floor(count * covered) + 1))
    if convention not in VAR_CONVENTIONS:
        raise RiskError(f"convention {convention!r}: expected one of {', '.join(VAR_CONVENTIONS)}")
    place = 1 + (count - 1) * covered if convention == "linear" else min(max((count + 1) * covered, 1), count)
    below = math.floor(place)
    low, high = _ranked(losses, below), _ranked(losses, min(count, below + 1))
    return low + float(place - below) * (high - low)


def expected_shortfall(
    results: NDArray[np.float64],
    level: float | Fraction,
    *,
    convention: EsConvention = "acerbi_tasche",
    weights: NDArray[np.float64] | None = None,
) -> Measured:
    """The mean loss in the worst 1 - level of cases.

    Parameters
    ----------
    results : ndarray of shape (n_scenarios,) or (n_scenarios, n_portfolios)
    convention : one of ``ES_CONVENTIONS``
    weights : ndarray of shape (n_scenarios,) or None
        Probabilities of the scenarios, with ``acerbi_tasche`` only: the worst are taken until 1 - level is filled.
    """
    losses, tail = _losses(results), 1 - as_written(level)
    count = len(losses)
    if weights is not None:
        _only_default(convention, "acerbi_tasche")
        ordered, heavy = _worst_first(losses, weights)
        before = np.cumsum(heavy, axis=0) - heavy
        taken = np.clip(float(tail) - before, 0.0, heavy)
        return (taken * ordered).sum(axis=0) / float(tail)
    if convention == "acerbi_tasche":
        mass = count * tail
        whole = math.floor(mass)
        parted = np.partition(losses, count - whole - 1, axis=0)
        rest = parted[count - whole - 1] * float(mass - whole)
        return (parted[count - whole :].sum(axis=0) + rest) / float(mass)
    if convention == "whole":
        rank = math.ceil(count * tail)
        return np.partition(losses, count - rank, axis=0)[count - rank :].mean(axis=0)
    if convention not in ES_CONVENTIONS:
        raise RiskError(f"convention {convention!r}: expected one of {', '.join(ES_CONVENTIONS)}")
    limit = value_at_risk(results, level)
    kept = losses >= limit if convention == "at_or_beyond" else losses > limit
    many = kept.sum(axis=0)
    return np.where(many > 0, np.where(kept, losses, 0.0).sum(axis=0) / np.maximum(many, 1), limit)


def kth_worst(results: NDArray[np.float64], rank: int) -> Measured:
    """The loss of that rank from the worst, 1 being the worst."""
    losses = _losses(results)
    if not 1 <= rank <= len(losses):
        raise RiskError(f"rank {rank}: expected 1 to {len(losses)}, the count of scenarios")
    return _ranked(losses, len(losses) + 1 - rank)


def worst(results: NDArray[np.float64]) -> Measured:
    """The largest loss of any scenario."""
    return _losses(results).max(axis=0)


def age_weights(count: int, decay: float) -> NDArray[np.float64]:
    """Probabilities that fall by ``decay`` with each step of age, the newest last, summing to 1 (Boudoukh, Richardson
    and Whitelaw, 1998)."""
    if count < 1 or not 0 < decay <= 1:
        raise RiskError(f"count {count}, decay {decay}: expected 1 or more, and a number above 0 and up to 1")
    weights = decay ** np.arange(count - 1, -1, -1, dtype=np.float64)
    return weights / weights.sum()


def parametric_var(
    sigma: NDArray[np.float64] | float,
    level: float | Fraction,
    *,
    dof: float = math.inf,
    mean: NDArray[np.float64] | float = 0.0,
) -> Measured:
    """Value at risk of normal results, or of t-distributed ones with ``dof`` degrees of freedom, above 2.

    ``sigma`` is the standard deviation of the results (also for t, whose scale is sigma √((dof - 2) / dof)) and
    ``mean`` their mean, in the units of the answer.
    """
    covered = float(as_written(level))
    _not_negative(sigma)
    if math.isinf(dof):
        return np.asarray(sigma * ndtri(covered) - mean)
    return np.asarray(sigma * _unit_scale(dof) * stdtrit(dof, covered) - mean)


def parametric_es(
    sigma: NDArray[np.float64] | float,
    level: float | Fraction,
    *,
    dof: float = math.inf,
    mean: NDArray[np.float64] | float = 0.0,
) -> Measured:
    """Expected shortfall of normal or t-distributed results; as ``parametric_var`` (McNeil, Frey and Embrechts, 2015,
    chapter 2)."""
    covered = float(as_written(level))
    _not_negative(sigma)
    if math.isinf(dof):
        at = ndtri(covered)
        return np.asarray(sigma * math.exp(-at * at / 2) / math.sqrt(2 * math.pi) / (1 - covered) - mean)
    at = stdtrit(dof, covered)
    log_density = gammaln((dof + 1) / 2) - gammaln(dof / 2) - math.log(dof * math.pi) / 2
    density = math.exp(log_density - (dof + 1) / 2 * math.log1p(at * at / dof))
    multiple = density / (1 - covered) * (dof + at * at) / (dof - 1)
    return np.asarray(sigma * _unit_scale(dof) * multiple - mean)


def _not_negative(sigma: NDArray[np.float64] | float) -> None:
    if not (np.asarray(sigma) >= 0).all():
        raise RiskError(f"sigma {sigma}: expected standard deviations, none below 0")


def _unit_scale(dof: float) -> float:
    """Scale of a t-distribution whose variance is 1."""
    if not dof > 2:
        raise RiskError(f"dof {dof}: expected more than 2, where the variance is finite; math.inf for normal results")
    return math.sqrt((dof - 2) / dof)


def _losses(results: NDArray[np.float64]) -> NDArray[np.float64]:
    losses = -np.asarray(results, np.float64)
    if losses.ndim not in (1, 2) or not len(losses):
        raise RiskError(f"results: expected scenarios, or scenarios x portfolios, got an array of shape {losses.shape}")
    if not np.isfinite(losses).all():
        row = int(np.argwhere(~np.isfinite(losses))[0][0])
        raise RiskError(f"results, scenario {row}: expected finite numbers: leave the scenario out")
    return losses


def _ranked(losses: NDArray[np.float64], rank: int) -> Measured:
    """The loss of that rank from the smallest, 1 being the smallest."""
    return np.partition(losses, rank - 1, axis=0)[rank - 1]


def _worst_first(
    losses: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Losses from the worst on, and the probability of each."""
    weights = np.asarray(weights, np.float64)
    if weights.shape != losses.shape[:1] or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-9:
        raise RiskError(f"weights: expected {len(losses)} probabilities that sum to 1, got shape {weights.shape}")
    order = np.argsort(-losses, axis=0, kind="stable")
    return np.take_along_axis(losses, order, axis=0), weights[order]


def _only_default(convention: str, default: str) -> None:
    if convention != default:
        raise RiskError(f"convention {convention!r}: weighted scenarios have {default} only")

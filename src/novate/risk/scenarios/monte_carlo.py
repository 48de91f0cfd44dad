"""Moves that are drawn: from a t-copula, or from stochastic volatility with jumps that hit all factors at once.

Every draw comes from numpy's PCG64 with a seed that is an argument, so the same arguments give the same scenarios.
Draws are antithetic: the second half mirrors the first, whose odd moments it cancels; counts are even.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from novate.risk.days import YEAR_DAYS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, Scenarios

Matrix = NDArray[np.float64]
STEPS_PER_DAY: Final = 8
JUMPS_MAX: Final = 1_000_000
"""More than that a year is no jump."""


def t_copula(
    factors: tuple[Factor, ...],
    sigmas: NDArray[np.float64],
    correlation: Matrix,
    count: int,
    *,
    seed: int,
    dof: float = 4.0,
    marginals: Literal["t", "normal"] | Matrix = "t",
    horizon_days: float = 1.0,
) -> Scenarios:
    """Moves that depend on each other as in a multivariate t: extremes of several factors come together.

    Parameters
    ----------
    sigmas : ndarray of shape (n_factors,)
        Standard deviations over the horizon.
    correlation : ndarray of shape (n_factors, n_factors)
        Of the normals under the t; ``copula_correlation`` finds it.
    dof : float
        Degrees of freedom of the copula (and of t marginals), above 2.
    marginals : "t", "normal", or ndarray of shape (n_days, n_factors)
        What each factor's own moves look like: t or normal of standard deviation 1, or standardised residuals (moves
        over the volatility foreseen for them, ``volatility.residuals``) whose quantiles are taken, linear between two;
        times ``sigmas``.

    Source: Demarta and McNeil (2005), the t copula and related copulas.
    """
    sigmas = np.asarray(sigmas, np.float64)
    if sigmas.shape != (len(factors),) or not (np.isfinite(sigmas).all() and (sigmas > 0).all()):
        raise RiskError(f"sigmas: expected {len(factors)} positive numbers, got {sigmas}")
    if not 2 < dof < np.inf:
        raise RiskError(f"dof {dof}: expected more than 2, and a finite number: 1000 is as good as normal")
    half, rng = _half(count), _generator(seed)
    normals = _mirrored(rng.standard_normal((half, len(factors))) @ _root(correlation, len(factors)).T)
    drawn = normals * np.sqrt(dof / np.tile(rng.chisquare(dof, half), 2))[:, None]
    if isinstance(marginals, np.ndarray):
        standard = _quantiles(marginals, stdtr(dof, drawn))
    elif marginals == "t":
        standard = drawn * np.sqrt((dof - 2) / dof)
    elif marginals == "normal":
        standard = np.copysign(ndtri(stdtr(dof, -np.abs(drawn))), drawn)  # by the lower tail, which never rounds to 1
    else:
        raise RiskError(f"marginals {marginals!r}: expected t, normal, or standardised residuals by day and factor")
    return Scenarios(f"t-copula, seed {seed}", factors, standard * sigmas, _labels(count), horizon_days)


def copula_correlation(residuals: Matrix) -> Matrix:
    """The correlation matrix of a t-copula that residuals by day and factor point to: sin(π τ / 2) of Kendall's τ.

    It does not depend on marginals or degrees of freedom (Lindskog, McNeil and Schmock, 2003). Where the pairs do not
    make a correlation matrix together, eigenvalues below zero are set to zero and the diagonal to one.
    """
    from scipy.stats import kendalltau  # a third of a second to import

    if residuals.ndim != 2 or len(residuals) < 30 or not np.isfinite(residuals).all():
        raise RiskError(f"residuals: expected 30 finite rows or more, got shape {residuals.shape}")
    if still := np.flatnonzero((residuals == residuals[0]).all(axis=0)).tolist():
        raise RiskError(f"residuals, column {still[0]}: it never moves, and goes with nothing: leave it out")
    size = residuals.shape[1]
    matrix = np.eye(size)
    for low in range(size):
        for high in range(low):
            tau = np.asarray(kendalltau(residuals[:, low], residuals[:, high]))[0]
            matrix[low, high] = matrix[high, low] = np.sin(np.pi / 2 * tau)
    root = _clipped_root(matrix)
    matrix = root @ root.T
    scale = np.sqrt(np.diag(matrix))
    return matrix / np.outer(scale, scale)


@dataclass(frozen=True, slots=True)
class StochasticVariance:
    """Heston's variance of one factor, in annual terms: dv = reversion (long_run - v) dt + vol_of_vol √v dB.

    ``variance`` is v now (a volatility of 0.6 is 0.36); ``correlation`` that of B with the factor's own price.
    """

    variance: float
    long_run: float
    reversion: float
    vol_of_vol: float
    correlation: float


@dataclass(frozen=True, slots=True, eq=False)
class CommonJumps:
    """Jumps that hit all factors at the same moment: so many a year, log sizes jointly normal (Bates, 1996; Merton)."""

    per_year: float
    mean: NDArray[np.float64]
    covariance: Matrix


def stochastic_volatility(
    symbols: tuple[str, ...],
    laws: tuple[StochasticVariance, ...],
    correlation: Matrix,
    horizon_days: float,
    count: int,
    *,
    seed: int,
    jumps: CommonJumps | None = None,
    tenors_days: tuple[float, ...] = (),
    steps_per_day: int = STEPS_PER_DAY,
) -> Scenarios:
    """Moves under Heston's model or, with ``jumps``, Bates', of several underlyings at once.

    Prices drift so that none is expected to gain: E[exp(move)] = 1. Full-truncation Euler steps of the variance (Lord,
    Koekkoek and van Dijk, 2010), ``steps_per_day`` of them; years have 365 days.

    Parameters
    ----------
    symbols, laws : one for each underlying
    correlation : ndarray of shape (n, n)
        Between the diffusions of the prices. Variances are tied to each other by their own prices alone.
    tenors_days : tuple of float
        For each of them and each underlying, a factor "BTC vol 30d" besides the price: the volatility expected on
        average over the tenor, jumps included, moves with the variance reached.
    """
    size = len(symbols)
    _check_laws(symbols, laws, horizon_days, steps_per_day, tenors_days)
    half, rng = _half(count), _generator(seed)
    root = _root(correlation, size)
    now = np.array([law.variance for law in laws])
    moves, variances = np.zeros((count, size)), np.tile(now, (count, 1))
    steps = max(1, round(horizon_days * steps_per_day))
    dt = horizon_days / YEAR_DAYS / steps
    tied = np.array([law.correlation for law in laws])
    for _ in range(steps):
        price = _mirrored(rng.standard_normal((half, size)) @ root.T)
        own = _mirrored(rng.standard_normal((half, size)))
        kept = np.maximum(variances, 0.0)
        spread = np.sqrt(kept * dt)
        moves += spread * price - kept * (dt / 2)
        variances += _pull(laws, kept) * dt + spread * (tied * price + np.sqrt(1 - tied**2) * own) * _vol_of_vols(laws)
    if jumps is not None:
        moves += _jumped(jumps, size, horizon_days / YEAR_DAYS, half, rng)
    factors = [Factor(symbol) for symbol in symbols]
    columns = [moves]
    extra = 0.0 if jumps is None else jumps.per_year * (np.diag(jumps.covariance) + jumps.mean**2)
    for days in tenors_days:
        factors += [Factor(f"{symbol} vol {days:g}d") for symbol in symbols]
        before = _expected_average(laws, now, days) + extra
        columns.append(np.log((_expected_average(laws, np.maximum(variances, 0.0), days) + extra) / before) / 2)
    name = f"{'Heston' if jumps is None else 'Bates'}, seed {seed}"
    return Scenarios(name, tuple(factors), np.hstack(columns), _labels(count), horizon_days)


def _pull(laws: tuple[StochasticVariance, ...], variances: Matrix) -> Matrix:
    return np.array([law.reversion for law in laws]) * (np.array([law.long_run for law in laws]) - variances)


def _vol_of_vols(laws: tuple[StochasticVariance, ...]) -> NDArray[np.float64]:
    return np.array([law.vol_of_vol for law in laws])


def _expected_average(laws: tuple[StochasticVariance, ...], variances: Matrix, days: float) -> Matrix:
    """Variance expected on average over the days to come: Heston's variance swap."""
    pulled = np.array([law.reversion for law in laws]) * days / YEAR_DAYS
    weight = -np.expm1(-pulled) / pulled
    long_run = np.array([law.long_run for law in laws])
    return long_run + (variances - long_run) * weight


def _jumped(jumps: CommonJumps, size: int, years: float, half: int, rng: np.random.Generator) -> Matrix:
    """What jumps add to log prices over the horizon, with the drift that makes up for it. Sizes of n jumps sum to one
    normal of n times the mean and covariance; mirrored paths jump as often, to the other side of the mean."""
    mean, covariance = np.asarray(jumps.mean, np.float64), np.asarray(jumps.covariance, np.float64)
    if mean.shape != (size,) or covariance.shape != (size, size) or not 0 <= jumps.per_year <= JUMPS_MAX:
        raise RiskError(f"jumps: expected {size} means, a covariance of {size} x {size}, and 0 to {JUMPS_MAX:,} a year")
    if not (np.isfinite(mean).all() and (np.diag(covariance) >= 0).all()):
        raise RiskError(f"jumps: means {mean}, variances {np.diag(covariance)}: expected finite ones, none below 0")
    deviations = np.sqrt(np.diag(covariance))
    scale = np.where(deviations > 0, deviations, 1.0)
    root = _root(covariance / np.outer(scale, scale) + np.diag((deviations == 0).astype(float)), size)
    times = np.tile(rng.poisson(jumps.per_year * years, half), 2)[:, None]
    normals = _mirrored(rng.standard_normal((half, size)) @ root.T) * deviations
    drift = jumps.per_year * years * np.expm1(mean + np.diag(covariance) / 2)
    return times * mean + np.sqrt(times) * normals - drift


def _check_laws(
    symbols: tuple[str, ...],
    laws: tuple[StochasticVariance, ...],
    horizon_days: float,
    steps_per_day: int,
    tenors_days: tuple[float, ...],
) -> None:
    if len(laws) != len(symbols):
        raise RiskError(f"laws: expected one for each of {len(symbols)} underlyings, got {len(laws)}")
    for symbol, law in zip(symbols, laws, strict=True):
        sizes = law.variance, law.long_run, law.reversion
        positive = all(0 < each < np.inf for each in sizes) and 0 <= law.vol_of_vol < np.inf
        if not (positive and -1 <= law.correlation <= 1):
            raise RiskError(f"{symbol}: {law}: expected positive numbers and a correlation within -1 and 1")
    if not (0 < horizon_days < np.inf and steps_per_day >= 1 and all(0 < days < np.inf for days in tenors_days)):
        raise RiskError(
            f"horizon_days {horizon_days}, steps_per_day {steps_per_day}, tenors_days {tenors_days}: expected positive "
            "numbers"
        )


def _root(correlation: Matrix, size: int) -> Matrix:
    """A square root of a correlation matrix; RiskError where it is none."""
    matrix = np.asarray(correlation, np.float64)
    if matrix.shape != (size, size) or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1):
        raise RiskError(f"correlation: expected a symmetric matrix of {size} x {size} with ones on its diagonal")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -1e-10:
        raise RiskError(
            f"correlation: its least eigenvalue is {least:.3g}, so it is no correlation: take all pairs from the same "
            "days, as copula_correlation does"
        )
    return _clipped_root(matrix)


def _clipped_root(matrix: Matrix) -> Matrix:
    """A square root of a symmetric matrix, its negative eigenvalues taken as zero."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise RiskError(f"seed {seed}: expected 0 or more")
    return np.random.Generator(np.random.PCG64(seed))


def _half(count: int) -> int:
    if count < 2 or count % 2:
        raise RiskError(f"count {count}: expected an even number, since draws are antithetic")
    return count // 2


def _mirrored(drawn: Matrix) -> Matrix:
    return np.concatenate([drawn, -drawn])


def _quantiles(residuals: Matrix, probabilities: Matrix) -> Matrix:
    ordered = np.sort(np.asarray(residuals, np.float64), axis=0)
    if ordered.ndim != 2 or ordered.shape[1] != probabilities.shape[1] or not np.isfinite(ordered).all():
        raise RiskError(f"marginals: expected finite residuals by day and factor, got shape {ordered.shape}")
    places = np.linspace(0.0, 1.0, len(ordered))
    pairs = zip(probabilities.T, ordered.T, strict=True)
    return np.stack([np.interp(column, places, values) for column, values in pairs], axis=1)


def _labels(count: int) -> tuple[str, ...]:
    return tuple(f"draw {at + 1}" for at in range(count))

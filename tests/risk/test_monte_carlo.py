"""Drawn scenarios against closed forms: moments, the multiplier of t, prices by Heston's characteristic function."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad

from novate.risk.errors import RiskError
from novate.risk.factors import Factor
from novate.risk.measures import expected_shortfall, parametric_es
from novate.risk.scenarios.monte_carlo import (
    CommonJumps,
    StochasticVariance,
    copula_correlation,
    stochastic_volatility,
    t_copula,
)

BTC, ETH = Factor("BTC"), Factor("ETH")
CORRELATION = np.array([[1.0, 0.8], [0.8, 1.0]])
ALONE = np.eye(1)
HESTON = StochasticVariance(variance=0.36, long_run=0.5, reversion=3.0, vol_of_vol=0.9, correlation=-0.5)
JUMPS = CommonJumps(8.0, np.array([-0.05]), np.array([[0.08**2]]))
DAYS = 30.0


def heston_logs(u: complex, law: StochasticVariance, years: float, jumps: CommonJumps | None = None) -> complex:
    """E[exp(iuX)] of the log return under Heston (1993), as Albrecher et al. (2007) write it, and Merton's jumps."""
    kappa, theta, xi, rho = law.reversion, law.long_run, law.vol_of_vol, law.correlation
    base = kappa - rho * xi * 1j * u
    d = np.sqrt(base**2 + xi**2 * (1j * u + u * u))
    g = (base - d) / (base + d)
    fade = np.exp(-d * years)
    level = kappa * theta / xi**2 * ((base - d) * years - 2 * np.log((1 - g * fade) / (1 - g)))
    slope = (base - d) / xi**2 * (1 - fade) / (1 - g * fade)
    exponent = level + slope * law.variance
    if jumps is not None:
        mean, variance = float(jumps.mean[0]), float(jumps.covariance[0, 0])
        size = np.exp(1j * u * mean - u * u * variance / 2)
        exponent += jumps.per_year * years * (size - 1 - 1j * u * np.expm1(mean + variance / 2))
    return np.exp(exponent)


def call_price(strike: float, law: StochasticVariance, years: float, jumps: CommonJumps | None = None) -> float:
    """A call on a forward of 1, undiscounted, by Lewis (2001): 1 - √K/π ∫ Re[e^(-iuk) φ(u - i/2)] / (u² + 1/4) du."""
    log_strike = np.log(strike)

    def part(u: float) -> float:
        return float((np.exp(-1j * u * log_strike) * heston_logs(u - 0.5j, law, years, jumps)).real / (u * u + 0.25))

    return 1 - np.sqrt(strike) / np.pi * quad(part, 0, 400, limit=400)[0]


@pytest.mark.parametrize("jumps", [None, JUMPS])
def test_prices_are_those_of_the_characteristic_function(jumps: CommonJumps | None) -> None:
    found = stochastic_volatility(("BTC",), (HESTON,), ALONE, DAYS, 40_000, seed=7, jumps=jumps)
    after = np.exp(found.moves[:, 0])
    assert after.mean() == pytest.approx(1, abs=4 * after.std() / 200)
    for strike in (0.75, 0.9, 1.0, 1.1, 1.3):
        pays = np.maximum(after - strike, 0)
        paired = (pays[:20_000] + pays[20_000:]) / 2
        wanted = call_price(strike, HESTON, DAYS / 365, jumps)
        assert pays.mean() == pytest.approx(wanted, abs=4 * paired.std() / np.sqrt(20_000) + 2e-4)


def test_variance_comes_back_to_its_long_run() -> None:
    """E[v(T)] = long run + (v - long run) exp(-reversion T), seen in the volatility of a tenor of no length."""
    found = stochastic_volatility(("BTC",), (HESTON,), ALONE, DAYS, 40_000, seed=3, tenors_days=(1e-6,))
    assert [factor.name for factor in found.factors] == ["BTC", "BTC vol 1e-06d"]
    reached = HESTON.variance * np.exp(2 * found.moves[:, 1])
    wanted = 0.5 + (0.36 - 0.5) * np.exp(-3 * DAYS / 365)
    assert reached.mean() == pytest.approx(wanted, rel=0.01)
    assert np.corrcoef(found.moves.T)[0, 1] == pytest.approx(-0.5, abs=0.05)


def test_longer_tenors_move_less() -> None:
    found = stochastic_volatility(("BTC",), (HESTON,), ALONE, 2.0, 4_000, seed=3, tenors_days=(7, 30, 365), jumps=JUMPS)
    week, month, year = found.moves[:, 1:].std(axis=0)
    assert week > month > year > 0


def test_jumps_hit_all_at_once_and_have_their_moments() -> None:
    calm = StochasticVariance(1e-8, 1e-8, 1.0, 0.0, 0.0)
    mean, covariance = np.array([-0.05, -0.08]), np.array([[0.0064, 0.0090], [0.0090, 0.0144]])
    years = DAYS / 365
    jumps = CommonJumps(12.0, mean, covariance)
    moves = stochastic_volatility(
        ("BTC", "ETH"), (calm, calm), CORRELATION, DAYS, 100_000, seed=5, jumps=jumps, steps_per_day=1
    ).moves
    drift = -12 * years * np.expm1(mean + np.diag(covariance) / 2)
    assert moves.mean(axis=0) == pytest.approx(12 * years * mean + drift, abs=0.002)
    assert np.cov(moves.T) == pytest.approx(12 * years * (covariance + np.outer(mean, mean)), rel=0.04)
    quiet = np.abs(moves - drift) < 1e-3
    assert quiet.mean(axis=0) == pytest.approx(np.exp(-12 * years), abs=0.01)
    assert (quiet[:, 0] == quiet[:, 1]).mean() > 0.98


def test_diffusions_are_correlated_as_stated() -> None:
    moves = stochastic_volatility(("BTC", "ETH"), (HESTON, HESTON), CORRELATION, 2.0, 20_000, seed=1).moves
    assert np.corrcoef(moves.T)[0, 1] == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(("marginals", "dof"), [("t", 4.0), ("normal", np.inf)])
def test_shortfalls_are_the_multiples_of_their_law(marginals: str, dof: float) -> None:
    sigmas = np.array([0.04, 0.06])
    moves = t_copula((BTC, ETH), sigmas, CORRELATION, 400_000, seed=2, marginals=marginals).moves  # pyright: ignore[reportArgumentType]
    for level in (0.95, 0.99):
        found = expected_shortfall(moves, level)
        assert found == pytest.approx(sigmas * parametric_es(1.0, level, dof=dof), rel=0.02)
    assert expected_shortfall(moves, 0.95) == pytest.approx(expected_shortfall(-moves, 0.95), rel=1e-9)  # antithetic


def test_a_t_copula_has_the_tail_dependence_that_a_normal_has_not() -> None:
    """In the limit 2 t₅(-√(5 (1 - ρ) / (1 + ρ))) for four degrees of freedom (Demarta and McNeil, 2005): 0.31 at 0.6;
    for a normal copula nothing."""
    matrix = np.array([[1.0, 0.6], [0.6, 1.0]])
    moves = t_copula((BTC, ETH), np.ones(2), matrix, 400_000, seed=4, marginals="normal").moves
    limit = np.quantile(moves, 0.001, axis=0)
    together = (moves < limit).all(axis=1).mean() / 0.001
    assert together == pytest.approx(0.33, abs=0.05)
    normals = np.random.default_rng(1).standard_normal((400_000, 2)) @ np.linalg.cholesky(matrix).T
    assert (normals < np.quantile(normals, 0.001, axis=0)).all(axis=1).mean() / 0.001 < 0.2


def test_the_correlation_is_found_again_whatever_the_marginals() -> None:
    names = (BTC, ETH, Factor("SOL"))
    matrix = np.array([[1, 0.8, 0.5], [0.8, 1, 0.3], [0.5, 0.3, 1.0]])
    for marginals in ("t", "normal"):
        drawn = t_copula(names, np.array([1.0, 0.1, 5.0]), matrix, 10_000, seed=3, marginals=marginals).moves  # pyright: ignore[reportArgumentType]
        assert copula_correlation(drawn[:5000]) == pytest.approx(matrix, abs=0.04)
    with pytest.raises(RiskError, match="30 finite rows or more"):
        copula_correlation(np.ones((5, 2)))


def test_a_correlation_from_ranks_can_always_be_drawn_from() -> None:
    """More factors than days, all but: pairs taken one by one are no correlation matrix, what is given back is."""
    found = copula_correlation(np.random.default_rng(1).standard_normal((30, 28)))
    names = tuple(Factor(f"F{at}") for at in range(28))
    assert np.diag(found) == pytest.approx(np.ones(28))
    assert len(t_copula(names, np.ones(28), found, 10, seed=1)) == 10


def test_marginals_may_be_residuals_that_were_seen() -> None:
    residuals = np.random.default_rng(6).exponential(1.0, (1000, 2)) - 1
    moves = t_copula((BTC, ETH), np.array([0.1, 0.2]), CORRELATION, 100_000, seed=2, marginals=residuals).moves
    assert moves.min(axis=0) == pytest.approx([-0.1, -0.2], rel=0.01)
    for level in (0.1, 0.5, 0.99):
        wanted = np.quantile(residuals, level, axis=0) * [0.1, 0.2]
        assert np.quantile(moves, level, axis=0) == pytest.approx(wanted, abs=0.01)


def test_the_same_seed_gives_the_same_scenarios() -> None:
    first, same, other = (
        stochastic_volatility(("BTC",), (HESTON,), ALONE, 2.0, 100, seed=seed, jumps=JUMPS).moves for seed in (1, 1, 2)
    )
    assert (first == same).all()
    assert (first != other).any()
    first, same, other = (t_copula((BTC, ETH), np.ones(2), CORRELATION, 100, seed=seed).moves for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: t_copula((BTC,), np.ones(1), ALONE, 3, seed=1), "count 3: expected an even number"),
        (lambda: t_copula((BTC,), np.zeros(1), ALONE, 2, seed=1), "sigmas: expected 1 positive"),
        (lambda: t_copula((BTC,), np.ones(1), ALONE, 2, seed=1, dof=2.0), "dof 2.0: expected more than 2"),
        (lambda: t_copula((BTC, ETH), np.ones(2), ALONE, 2, seed=1), "symmetric matrix of 2 x 2"),
        (lambda: t_copula((BTC, ETH), np.ones(2), np.array([[1, 2], [2, 1.0]]), 2, seed=1), "least eigenvalue is -1"),
        (lambda: t_copula((BTC,), np.ones(1), ALONE, 2, seed=1, marginals=np.ones(4)), "residuals by day and factor"),
        (lambda: stochastic_volatility(("BTC",), (), ALONE, 2.0, 2, seed=1), "one for each of 1 underlyings"),
        (lambda: stochastic_volatility(("BTC",), (HESTON,), ALONE, 0.0, 2, seed=1), "horizon_days 0.0"),
        (
            lambda: stochastic_volatility(("BTC",), (StochasticVariance(0.0, 1, 1, 1, 0),), ALONE, 2.0, 2, seed=1),
            "BTC: .* expected positive numbers",
        ),
        (
            lambda: stochastic_volatility(
                ("BTC",), (HESTON,), ALONE, 2.0, 2, seed=1, jumps=CommonJumps(1.0, np.ones(2), np.eye(2))
            ),
            "jumps: expected 1 means",
        ),
    ],
)
def test_laws_that_cannot_be_are_refused(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

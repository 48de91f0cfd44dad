"""Arguments that cannot be: each was a traceback, or worse an answer, before it was a line that says what is wrong."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from novate.risk.backtest.scores import fissler_ziegel, pinball
from novate.risk.backtest.shortfall import z2
from novate.risk.backtest.windows import block_bootstrap
from novate.risk.collateral.haircuts import HaircutRules, Peg
from novate.risk.collateral.stable_price import begun, initial_price
from novate.risk.collateral.wrong_way import counted_ppm, loss_in_tail
from novate.risk.errors import RiskError
from novate.risk.factors import Factor
from novate.risk.measures import parametric_es, parametric_var
from novate.risk.scenarios.crypto_grid import SkewShock, VolShock, skew_multiplier
from novate.risk.scenarios.filtered import filtered
from novate.risk.scenarios.hypothetical import basis_shocks, depegs
from novate.risk.scenarios.monte_carlo import (
    CommonJumps,
    StochasticVariance,
    copula_correlation,
    stochastic_volatility,
    t_copula,
)
from novate.risk.scenarios.stress_days import StressDay, stressed
from novate.risk.unwinding.levels import levels
from tests.risk.walks import daily, walk

BTC, NAN, ALONE, THREE = Factor("BTC"), math.nan, np.ones((1, 1)), np.ones(3)
HISTORY = daily(walk(100, seed=1))
SKEW = SkewShock(0.15, -0.05, 4.0, 0.01, 0.6, -0.1)


def bates(variance: float = 0.3, horizon_days: float = 1.0, *, seed: int = 1, tenors: tuple[float, ...] = ()) -> object:
    laws = (StochasticVariance(variance, 0.3, 1.0, 1.0, 0.0),)
    return stochastic_volatility(("BTC",), laws, ALONE, horizon_days, 2, seed=seed, tenors_days=tenors)


def jumping(per_year: float = 5.0, mean: float = 0.0, variance: float = 0.01) -> object:
    jumps = CommonJumps(per_year, np.array([mean]), np.array([[variance]]))
    laws = (StochasticVariance(0.3, 0.3, 1.0, 1.0, 0.0),)
    return stochastic_volatility(("BTC",), laws, ALONE, 1.0, 2, seed=1, jumps=jumps)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: depegs("USDC", 0.0, [0.9]), "USDC: price 0.0: expected one above zero that it falls from"),
        (lambda: basis_shocks("BTC", [-90], [0.1]), r"BTC basis: tenors of \(-90,\) days: expected them above zero"),
        (lambda: StressDay("junk", "a crash"), "stress day 'junk', a crash: expected a day such as 2020-03-12"),
        (lambda: stressed(HISTORY, 1, -5), "-5 windows of stress: expected one at least"),
        (lambda: filtered(HISTORY, path=-np.ones((100, 1))), r"path, 2015-01-01: BTC has a volatility of -1: mend it"),
        (lambda: VolShock(0.5, -0.2), "expected finite sizes, none below 0, and days_min above it"),
        (lambda: VolShock(0.5, 0.2, days_min=0.0), "expected finite sizes"),
        (lambda: VolShock(NAN, 0.2), r"VolShock\(up=nan.*expected finite sizes"),
        (lambda: skew_multiplier(np.zeros(1), 0.0, 1.0, 0.0, SKEW), "a skew needs times to expiry above zero"),
        (lambda: skew_multiplier(np.array([NAN]), 1.0, 1.0, 0.0, SKEW), "and strikes and forwards above it"),
        (lambda: t_copula((BTC,), np.ones(1), ALONE, 2, seed=-1), "seed -1: expected 0 or more"),
        (lambda: t_copula((BTC,), np.ones(1), ALONE, 2, seed=1, dof=math.inf), "dof inf: expected more than 2, and a"),
        (lambda: copula_correlation(np.ones(40)), r"residuals: expected 30 finite rows or more, got shape \(40,\)"),
        (lambda: copula_correlation(np.ones((40, 2))), "residuals, column 0: it never moves, and goes with nothing"),
        (lambda: bates(math.inf), r"BTC: StochasticVariance\(variance=inf.*expected positive numbers"),
        (lambda: bates(horizon_days=math.inf), "horizon_days inf, .*expected positive"),
        (lambda: bates(tenors=(30.0, 0.0)), r"tenors_days \(30.0, 0.0\): expected positive"),
        (lambda: bates(seed=-2), "seed -2: expected 0 or more"),
        (lambda: jumping(per_year=1e30), "0 to 1,000,000 a year"),
        (lambda: jumping(mean=NAN), "expected finite ones, none below 0"),
        (lambda: jumping(variance=-0.01), r"variances \[-0.01\]: expected finite ones"),
        (lambda: z2(THREE, THREE, THREE, 0.99, dof=1.0), "dof 1.0: expected more than 2, where the variance is finite"),
        (lambda: pinball(THREE, np.ones(2), 0.9), r"parts of the same steps, got shapes \(3,\), \(2,\)"),
        (lambda: pinball(np.array([0.0, NAN]), np.ones(2), 0.9), "step 1: expected finite numbers: leave the step out"),
        (lambda: fissler_ziegel(THREE, np.ones(2), THREE, 0.9), "parts of the same steps"),
        (lambda: block_bootstrap(np.ones(100), 0.0, block=2, seed=1, draws=0), "draws 0: expected one at least"),
        (lambda: parametric_var(-1.0, 0.99), "sigma -1.0: expected standard deviations, none below 0"),
        (lambda: parametric_es(np.array([1.0, NAN]), 0.99), "expected standard deviations"),
        (lambda: HaircutRules(least=NAN), "least nan: expected a part of the price, 0 to 1"),
        (lambda: HaircutRules(measure="worst"), "measure 'worst': expected value_at_risk"),  # pyright: ignore[reportArgumentType]
        (lambda: Peg(par=0.0), r"Peg\(par=0.0.*expected a par above 0"),
        (lambda: Peg(factor=-1.0), "and a factor of 0 or more"),
        (lambda: begun(1.0, 0).updated(100, NAN), "price nan at 100 s, after 0 s: expected a finite price, 0 or more"),
        (lambda: begun(1.0, 0, interval_s=0), "price 1.0, interval_s 0: expected positive ones"),
        (lambda: initial_price(NAN, 1.0, owned=True), "price nan, stable price 1.0: expected finite ones"),
        (lambda: loss_in_tail(np.array([0.0, NAN]), np.zeros(2)), "scenario 1: nan and 0.0: expected finite gains"),
        (lambda: counted_ppm(1, issuer=None, owner_group=(), tail_loss=NAN), "tail_loss nan: expected a fraction"),
        (lambda: levels(-10, *(3 * [Fraction(1)])), "maintenance -10: a requirement is never negative"),
    ],
)
def test_what_cannot_be_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

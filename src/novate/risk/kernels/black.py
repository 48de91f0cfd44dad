"""Black-76 over a grid of contracts and scenarios."""

import numpy as np
from numba import njit, prange

from novate.risk.kernels.normal import (
    DENSITY_AT_ZERO,
    exp,
    log,
    mills_above,
    mills_below,
    nearer,
    vectorised,
)

LEAST_DEVIATION = 1e-280
"""Stands for no deviation at all, so that ln(F / K) over it is an infinity of the right sign and 0 / 0 is not met."""


@vectorised
def undiscounted(forward, strike, log_strike, deviation, is_put):
    """Undiscounted value of an option, forward and strike above zero; ``is_put`` is 1.0 or 0.0.

    F N(d1) - K N(d2), with N(d) = [d > 0] - sign(d) n(d) R(|d|), R Mills' ratio, and F n(d1) = K n(d2): one
    exponential serves both tails, and one division both ratios.
    """
    spread = LEAST_DEVIATION if deviation < LEAST_DEVIATION else deviation  # noqa: FURB136  NaN stays
    middle = (log(forward) - log_strike) / spread
    d1, d2 = middle + 0.5 * spread, middle - 0.5 * spread
    t1, t2 = nearer(d1), nearer(d2)
    above1, above2 = mills_above(t1), mills_above(t2)
    below1, below2 = mills_below(t1), mills_below(t2)
    in1, in2 = 1.0 if d1 > 0.0 else 0.0, 1.0 if d2 > 0.0 else 0.0
    one, other = (above1 if d1 > 0.0 else -above1) * below2, (above2 if d2 > 0.0 else -above2) * below1
    tails = DENSITY_AT_ZERO * exp(-0.5 * t1 * t1) * (one - other) / (below1 * below2)
    value = forward * (in1 - is_put) - strike * (in2 - is_put) - forward * tails
    return 0.0 if value < 0.0 else value  # noqa: FURB136  NaN stays


@njit(fastmath={"contract"}, error_model="numpy", no_cfunc_wrapper=True)
def row(forwards, strike, log_strike, deviations, is_put, out):
    """One contract through its scenarios."""
    for at in range(len(out)):
        out[at] = undiscounted(forwards[at], strike, log_strike, deviations[at], is_put)


@njit(parallel=True, cache=True, error_model="numpy")
def grid(forwards, strikes, deviations, is_put, out):
    """Undiscounted values ``out[contract, scenario]`` from forwards and deviations (vol x sqrt(years)) of that shape.

    ``strikes[contract]`` and ``is_put[contract]`` (1.0 or 0.0) are one for each contract. Forwards and strikes are
    above zero, deviations not below; NaN in either gives NaN.
    """
    for contract in prange(len(strikes)):
        strike = strikes[contract]
        row(forwards[contract], strike, np.log(strike), deviations[contract], is_put[contract], out[contract])

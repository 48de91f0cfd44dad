"""The compiled exp, log and normal tails against the C library's."""

import math

import numpy as np
from numba import njit

from novate.risk.kernels import normal


@njit
def through(xs, out):
    for at in range(len(xs)):
        out[at, 0] = normal.exp(xs[at])
        out[at, 1] = normal.log(math.exp(xs[at]))
        t = normal.nearer(xs[at])
        out[at, 3] = normal.DENSITY_AT_ZERO * normal.exp(-0.5 * t * t)
        tail = out[at, 3] * normal.mills_above(t) / normal.mills_below(t)
        out[at, 2] = 1.0 - tail if xs[at] > 0.0 else tail


def test_they_are_good_to_the_last_places() -> None:
    xs = np.concatenate([np.linspace(-36, 36, 20_001), np.linspace(-1, 1, 2_001), [0.0, 1e-300, -1e-9]])
    out = np.empty((len(xs), 4))
    through(xs, out)
    for x, (exp, log, cdf, pdf) in zip(xs.tolist(), out.tolist(), strict=True):
        assert math.isclose(exp, math.exp(x), rel_tol=5e-16)
        assert abs(log - math.log(math.exp(x))) <= 4e-16 * max(1.0, abs(x))
        # What e^(-x^2 / 2) keeps of its argument's rounding is all that is lost.
        lost = 4e-15 + 2.3e-16 * x * x
        assert math.isclose(cdf, math.erfc(-x / math.sqrt(2)) / 2, rel_tol=lost)
        assert math.isclose(pdf, math.exp(-x * x / 2) / math.sqrt(2 * math.pi), rel_tol=lost)


def test_the_largest_and_smallest_numbers() -> None:
    xs = np.array([-700.0, 700.0, -1e5, 1e5])
    out = np.empty((4, 4))
    through(xs[:2], out)
    assert np.allclose(out[:2, 0], np.exp(xs[:2]), rtol=5e-16, atol=0)
    assert np.allclose(out[:2, 1], xs[:2], rtol=5e-16)
    through(xs[2:], out)
    assert out[0, 2] < 1e-290
    assert out[1, 2] == 1.0

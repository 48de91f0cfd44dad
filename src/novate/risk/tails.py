"""Tails of the normal distribution without cancellation: what is left of an option's value far out of the money.

With N the distribution and n the density, Mills' ratio is Y(z) = N(z) / n(z); its slope is Y'(z) = 1 + z Y(z). The time
value of an option is a difference of two ratios (Black-76) or one slope (Bachelier) times a density. Source: P. Jäckel,
"Let's be rational", Wilmott 2015, and "Implied normal volatility", Wilmott 2017.
"""

from typing import Final

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import erfcx

from novate.risk.checks import Floats

SQRT_2PI: Final = float(np.sqrt(2 * np.pi))
FAR: Final = -50.0
"""Below it the asymptotic series of Y' is exact to the last place, and 1 + z Y(z) is not."""
CLOSE: Final = 0.5
"""Half-widths below which a difference of ratios is integrated instead of subtracted."""
NODES, WEIGHTS = leggauss(12)


def density(z: Floats) -> Floats:
    """n(z)."""
    return np.exp(-0.5 * z * z) / SQRT_2PI


def mills(z: Floats) -> Floats:
    """Y(z) = N(z) / n(z), for z below about 37: beyond it is an infinity."""
    return np.sqrt(np.pi / 2) * erfcx(-z / np.sqrt(2))


def mills_slope(z: Floats) -> Floats:
    """Y'(z) = 1 + z Y(z), above zero for every z."""
    far = np.minimum(z, FAR)
    square = 1 / (far * far)
    series = square * (1 - square * (3 - square * (15 - square * (105 - square * (945 - square * 10395)))))
    return np.where(z < FAR, series, 1 + z * mills(np.maximum(z, FAR)))


def mills_rise(middle: Floats, half: Floats) -> Floats:
    """Y(middle + half) - Y(middle - half), half not negative, arrays of one shape.

    A narrow difference is the integral of Y' between the two (Gauss and Legendre, 12 nodes), which cancels nothing.
    """
    out = mills(middle + half) - mills(middle - half)
    close = half < CLOSE
    if close.any():
        centre, width = middle[close], half[close]
        slopes = mills_slope(centre[:, None] + width[:, None] * NODES)
        out[close] = width * (slopes @ WEIGHTS)
    return out

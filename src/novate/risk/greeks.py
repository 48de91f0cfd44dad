"""What the derivatives of an option's value are called, and their units."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Greeks(NamedTuple):
    """Value and derivatives of one long option on one unit, arrays of one shape.

    ``delta`` and ``gamma`` are by the price it is on (forward or spot, as the function says), ``vega`` by volatility
    (for 1.00 of it, not for a point), ``theta`` by calendar time (a year; negative where the option loses value as time
    passes), ``rho`` by the rate (for 1.00 of it).
    """

    price: NDArray[np.float64]
    delta: NDArray[np.float64]
    gamma: NDArray[np.float64]
    vega: NDArray[np.float64]
    theta: NDArray[np.float64]
    rho: NDArray[np.float64]

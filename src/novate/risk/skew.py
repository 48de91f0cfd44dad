"""A smile that rotates: volatilities of high strikes rise where those of low strikes fall.

The skew of an expiry is its risk reversal at 25 delta: the volatility of the call of delta 0.25 less that of the put of
delta -0.25, above zero where high strikes are dearer. It has the unit of the volatilities: an annual fraction, or with
normal volatilities the currency of the price.

Where the skew moves by ds, the volatility at a strike moves by ds (1 - 2 delta), delta being that of the call there: by
nothing at delta 0.5, a hair from the forward, which the smile rotates about; by ds / 2 at the call of 25 delta and
-ds / 2 at the put; and far out it levels off, at ds and -ds. Level and curvature stay. It is the term of the risk
reversal in volatility by delta, sigma = atm - 2 rr (delta - 1/2) + 16 strangle (delta - 1/2)^2, of A. Malz, "Estimating
the probability distribution of the future exchange rate from option prices", Journal of Derivatives 5 (1997).
"""

import numpy as np
from scipy.special import ndtr

from novate.risk import bachelier, black
from novate.risk.checks import Floats


def call_delta(forwards: Floats, strike: Floats | float, vols: Floats, years: float, *, normal: bool = False) -> Floats:
    """Undiscounted delta by the forward of the call at a strike: N(d1) of Black-76, where ``normal`` that of Bachelier.

    Arguments broadcast. Forwards and strikes are above zero unless ``normal``; without volatility delta is 0, 1/2 or 1.
    """
    deviations, strikes = vols * np.sqrt(years), np.asarray(strike, np.float64)
    if normal:
        return ndtr(bachelier.deviations_from(forwards - strikes, deviations))
    return ndtr(black.deviations_from(black.log_moneyness(forwards, strikes), deviations)[0])


def rotated(vols: Floats, deltas: Floats, move: Floats | float) -> Floats:
    """Volatilities after the skew has moved: ``vols`` + ``move`` (1 - 2 ``deltas``), by the deltas of calls before it.

    Arguments broadcast. A large move can take a volatility to zero or below, or leave butterflies that are arbitrages:
    who moves it says what is then to be done.
    """
    return vols + move * (1 - 2 * deltas)

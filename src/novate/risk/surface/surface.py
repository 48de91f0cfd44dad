"""A volatility surface: smiles of several expiries without arbitrage, and total variance between them.

Between two expiries total variance is linear in time at the same log moneyness, so it never falls with time. Before
the first expiry volatility is that of the first: total variance shrinks in proportion, which keeps butterflies free of
arbitrage (Durrleman's g is concave in the proportion, and not below zero at none and at all of it). Beyond the last
expiry there is no volatility, and asking for one is an error. Beyond the quoted strikes the wings go on as straight
lines of total variance.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from novate.risk.checks import Floats
from novate.risk.errors import RiskError
from novate.risk.surface.smile import Smile

DEVIATIONS_FAR = 8.0
MONEYNESS_FAR = 20.0
"""ln(strike / forward) where a smile lies on its wings' straight lines, and their slopes say all that comes beyond."""
POINTS = 401
POINTS_FAR = 60


@dataclass(frozen=True, slots=True)
class Surface:
    """Smiles by ascending time to expiry.

    Raises ``RiskError`` where they hold an arbitrage: the expiry, the strike, and the cure. A butterfly is
    one where Durrleman's g is below zero, a calendar spread where total variance falls from one expiry to the next.
    Both are looked for at 401 places, eight deviations either side of every smile's money, at 120 further out until
    the wings are straight, and in their slopes.
    """

    smiles: tuple[Smile, ...]

    def __post_init__(self) -> None:
        years = [smile.years for smile in self.smiles]
        if not years or not all(0 < each < np.inf for each in years) or sorted(set(years)) != years:
            raise RiskError(f"smiles: expected times to expiry above zero that increase, got {years}: sort them")
        for smile in self.smiles:
            if not (smile.sigma > 0 and smile.b >= 0 and abs(smile.rho) < 1 and np.isfinite([smile.a, smile.m]).all()):
                raise RiskError(f"{smile}: expected b of 0 or more, sigma above it, rho between -1 and 1: fit anew")
        for found in arbitrages(self.smiles):
            raise RiskError(found)

    def vols(self, log_moneyness: ArrayLike, years: float) -> Floats:
        """Implied volatility (annual fraction) at ln(strike / forward) for a time to expiry.

        Raises ``RiskError`` for a time that is not above zero, and for one beyond the last expiry.
        """
        k, last = np.asarray(log_moneyness, np.float64), self.smiles[-1]
        if not np.isfinite(k).all():
            raise RiskError("log_moneyness: expected finite numbers: strikes and forwards above zero")
        if not 0 < years <= last.years:
            raise RiskError(
                f"years: got {years}: the surface reaches from 0 to {last.years} ({last.expiry}): fit a longer expiry"
            )
        times = [smile.years for smile in self.smiles]
        right = int(np.searchsorted(times, years))
        if right == 0:
            return self.smiles[0].vols(k)
        near, far = self.smiles[right - 1], self.smiles[right]
        share = (years - near.years) / (far.years - near.years)
        return np.sqrt((near.variances(k) * (1 - share) + far.variances(k) * share) / years)


def arbitrages(smiles: tuple[Smile, ...]) -> Iterator[str]:
    """Every arbitrage in smiles of ascending expiries: where, and the cure."""
    before: Smile | None = None
    for smile in smiles:
        yield from butterflies(smile)
        if before is not None:
            yield from calendars(before, smile)
        before = smile


def butterflies(smile: Smile) -> Iterator[str]:
    """Arbitrages within one expiry."""
    ks = places(smile)
    cure = "leave out the quotes around it, or fit anew"
    if not (smile.variances(ks) > 0).all():
        at = ks[np.argmin(smile.variances(ks))]
        yield f"{smile.expiry}: total variance is not above zero at {smile.strike(at)}: {cure}"
    elif not smile.durrleman(ks).min() >= 0:  # what is no number is no smile either
        g = smile.durrleman(ks)
        at = ks[np.argmin(g)]
        yield f"{smile.expiry}: a butterfly is an arbitrage at {smile.strike(at)} (g {g.min():.3g}): {cure}"
    if max(smile.wings) > 2:
        yield f"{smile.expiry}: total variance rises by {max(smile.wings):.4g} in a wing, 2 is the most: {cure}"


def calendars(near: Smile, far: Smile) -> Iterator[str]:
    """Arbitrages between two expiries."""
    ks = np.concatenate([places(near), places(far)])
    fall = near.variances(ks) - far.variances(ks)
    cure = "leave out the quotes around it in one of them, or fit anew"
    if not fall.max() <= 0:
        at = ks[np.argmax(fall)]
        yield f"{far.expiry}: total variance falls from {near.expiry} at {far.strike(at)}: {cure}"
    elif (np.array(near.wings) > np.array(far.wings)).any():
        yield f"{far.expiry}: total variance falls from {near.expiry} far out in a wing: {cure}"


def places(smile: Smile) -> Floats:
    """Where arbitrages are looked for: eight deviations either side of the money, closer together near it, and from
    there on ever further apart until the wings are straight lines."""
    deviation = float(np.sqrt(max(smile.variances(np.zeros(1))[0], 1e-12)))
    near = DEVIATIONS_FAR * deviation * np.sinh(np.linspace(-3, 3, POINTS)) / np.sinh(3)
    out = far_out(near[-1], POINTS_FAR)
    return np.concatenate([-out[::-1], near, out])


def far_out(reach: float, count: int) -> Floats:
    """So many log moneynesses beyond a reach, by equal ratios, to where wings are straight."""
    return np.geomspace(reach, max(MONEYNESS_FAR, 2 * reach), count + 1)[1:]

"""Fitting a surface to chains: for each expiry the SVI smile nearest to its quotes among those without arbitrage.

Every expiry is fitted alone first, then from the shortest on, each above the one before and, where its own quotes leave
it free, below those after it: a wing that no quote holds down would lift all later expiries. What a fit minimises is
the sum of squares of the volatility errors, each in its quote's own tolerance, large ones counting as themselves only
(a stale quote does not bend the smile), plus what is left of any arbitrage, dear enough that none is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from novate.risk.checks import Floats, require
from novate.risk.errors import RiskError
from novate.risk.surface.smile import Smile
from novate.risk.surface.surface import DEVIATIONS_FAR, Surface, butterflies, calendars, far_out, places

QUOTES_LEAST: Final = 5
PRICES_OF_ARBITRAGE: Final = (30.0, 300.0, 3_000.0, 30_000.0)
"""What a unit of arbitrage costs, tried in turn until none is left."""
MARGIN: Final = 1e-3
"""How far from an arbitrage the fit stays, so that none appears between the places it looks at."""
WEIGHT_OF_LATER: Final = 3.0
"""What total variance above that of a later expiry costs, in tolerances for each time that it is as large."""
WING_MOST: Final = 1.98
LOWEST: Final = np.array([1e-4, 1e-4, -0.999, -3.0, 1e-2])
HIGHEST: Final = np.array([4.0, 20.0, 0.999, 3.0, 10.0])
STOP: Final = {"xtol": 1e-6, "ftol": 1e-6, "gtol": 1e-8, "max_nfev": 100}
STARTS: Final = (np.array([0.8, 0.3, -0.2, 0.0, 1.0]), np.array([0.9, 0.1, 0.0, 0.0, 0.3]))
"""Least total variance, b, rho, m, sigma, of total variance in units of that at the money, k in deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The quotes of one expiry.

    Attributes
    ----------
    expiry : str
        Its name in messages.
    years : float
        Time to expiry.
    forward : float
        Of this expiry, in the currency of the strikes.
    strikes, vols : ndarray of shape (n_quotes,)
        Strikes, and the implied volatility quoted there: an annual fraction.
    tolerances : ndarray of shape (n_quotes,)
        How far a fitted volatility may lie from the quoted one and be as good: half of bid to ask, in volatility.
    """

    expiry: str
    years: float
    forward: float
    strikes: Floats
    vols: Floats
    tolerances: Floats

    def __post_init__(self) -> None:
        if not (0 < self.years < np.inf and 0 < self.forward < np.inf):
            raise RiskError(
                f"{self.expiry}: years {self.years}, forward {self.forward}: both must be above zero, finite"
            )
        if not self.strikes.shape == self.vols.shape == self.tolerances.shape or self.strikes.ndim != 1:
            raise RiskError(f"{self.expiry}: strikes, vols and tolerances: one number for each quote is needed")
        if len(np.unique(self.strikes)) < QUOTES_LEAST:
            strikes = len(np.unique(self.strikes))
            raise RiskError(f"{self.expiry}: {strikes} strikes, at least {QUOTES_LEAST} are needed: leave it out")
        names = [f"{self.expiry}, strike {strike:g}" for strike in self.strikes]
        require((self.strikes > 0) & np.isfinite(self.strikes), "strike", self.strikes, "leave the quote out", names)
        require((self.vols > 0) & np.isfinite(self.vols), "vol", self.vols, "leave the quote out", names)
        told = (self.tolerances > 0) & np.isfinite(self.tolerances)
        require(told, "tolerance", self.tolerances, "give half of its bid to ask", names)

    @property
    def log_moneyness(self) -> Floats:
        """ln(strike / forward) of each quote."""
        return np.log(self.strikes / self.forward)


def fit(chains: Sequence[Chain], *, error_max: float) -> Surface:
    """The surface of some expiries, without arbitrage.

    Parameters
    ----------
    chains : sequence of Chain
        In any order; no two of the same time to expiry.
    error_max : float
        Of no expiry may half of the quotes be further from the fit than their tolerance and that (an annual fraction:
        0.01 is a vol point): quotes that hold an arbitrage cannot be fitted closely.

    Raises
    ------
    RiskError
        For an expiry whose quotes no smile without arbitrage comes near, with the strike that is furthest off; and
        where an arbitrage remains.
    """
    if not error_max >= 0:
        raise RiskError(f"error_max {error_max}: expected a volatility of 0 or more, such as 0.01")
    chains = sorted(chains, key=lambda chain: chain.years)
    alone = [fit_smile(chain) for chain in chains]
    smiles: list[Smile] = []
    for at, chain in enumerate(chains):
        smile = fit_smile(chain, smiles[-1] if smiles else None, alone[at], alone[at + 1 :])
        errors = np.abs(smile.vols(chain.log_moneyness) - chain.vols) - chain.tolerances
        if np.median(errors) > error_max:
            worst = int(np.argmax(errors))
            after = f" above {smiles[-1].expiry}" if smiles else ""
            raise RiskError(
                f"{chain.expiry}: half of its quotes are {np.median(errors):.4f} or more beyond tolerance from any "
                f"smile{after} without arbitrage, strike {chain.strikes[worst]:g} (quoted {chain.vols[worst]:.4f}) by "
                f"{errors[worst]:.4f}: mend the quotes, or leave the expiry out"
            )
        smiles.append(smile)
    return Surface(tuple(smiles))


def fit_smile(
    chain: Chain, before: Smile | None = None, alone: Smile | None = None, later: Sequence[Smile] = ()
) -> Smile:
    """The smile nearest to a chain that holds no butterfly, and no calendar spread with the expiry before it.

    ``alone`` is what it would be without other expiries, ``later`` what those after it would be.

    Raises ``RiskError`` where an arbitrage remains however dear it is made.
    """
    fitting = _Fitting(chain, before, later)
    starts = STARTS if alone is None else (fitting.scaled(alone),)
    found = min((fitting.solved(start, PRICES_OF_ARBITRAGE[0]) for start in starts), key=lambda each: each.cost)
    left = ""
    for price in PRICES_OF_ARBITRAGE:
        found = fitting.solved(found.x, price)
        smile = fitting.smile(found.x)
        left = next(butterflies(smile), "") or next(iter(calendars(before, smile) if before else ()), "")
        if not left:
            return smile
        fitting.look_at(smile)
    raise RiskError(left)


class _Fitting:
    """One expiry being fitted: parameters in units of its own total variance and deviation at the money."""

    def __init__(self, chain: Chain, before: Smile | None, later: Sequence[Smile]) -> None:
        self.chain, self.before = chain, before
        self.ks = chain.log_moneyness
        order = np.argsort(self.ks)
        self.at_money = float(np.interp(0.0, self.ks[order], chain.vols[order])) ** 2 * chain.years
        far = max(DEVIATIONS_FAR * np.sqrt(self.at_money), np.abs(self.ks).max())
        out = far_out(far, 12)
        self.grid = np.concatenate([-out, far * np.sinh(np.linspace(-3, 3, 81)) / np.sinh(3), out])
        if before is not None:
            self.floor_ks = np.concatenate([self.grid, places(before)[::8]])
            self.floor = before.variances(self.floor_ks)
        self.ceiling_ks = self.grid
        self.ceiling = np.min([smile.variances(self.grid) for smile in later], axis=0) if later else None
        self.ceiling_wings = np.min([smile.wings for smile in later], axis=0) if later else None

    def look_at(self, smile: Smile) -> None:
        """From now on the fit looks for arbitrages wherever one was found in a smile, too."""
        ks = places(smile)
        self.grid = np.concatenate([self.grid, ks[smile.durrleman(ks) < MARGIN]])
        if self.before is not None:
            fallen = np.concatenate([ks, places(self.before)])
            fallen = fallen[smile.variances(fallen) < self.before.variances(fallen)]
            self.floor_ks = np.concatenate([self.floor_ks, fallen])
            self.floor = self.before.variances(self.floor_ks)

    def smile(self, x: Floats) -> Smile:
        """The smile of scaled parameters: least total variance, b, rho, m, sigma."""
        least, b, rho, m, sigma = x.tolist()
        unit, deviation = self.at_money, float(np.sqrt(self.at_money))
        a = least - b * sigma * float(np.sqrt(1 - rho * rho))
        chain = self.chain
        scaled = (a * unit, b * deviation, rho, m * deviation, sigma * deviation)
        return Smile(chain.expiry, chain.years, chain.forward, *scaled)

    def scaled(self, smile: Smile) -> Floats:
        """The scaled parameters of a smile: the other way round."""
        unit, deviation = self.at_money, float(np.sqrt(self.at_money))
        least = smile.a + smile.b * smile.sigma * float(np.sqrt(1 - smile.rho**2))
        return np.array([least / unit, smile.b / deviation, smile.rho, smile.m / deviation, smile.sigma / deviation])

    def solved(self, start: Floats, price: float):
        """The best parameters from a start, where a unit of arbitrage costs ``price``."""
        inside = np.clip(start, LOWEST + 1e-9, HIGHEST - 1e-9)
        return least_squares(self.residuals, inside, bounds=(LOWEST, HIGHEST), args=(price,), **STOP)

    def residuals(self, x: Floats, price: float) -> Floats:
        """Errors in tolerances, large ones taken down to their root (as Huber's loss does), then arbitrages."""
        smile = self.smile(x)
        errors = (smile.vols(self.ks) - self.chain.vols) / self.chain.tolerances
        size = np.abs(errors)
        errors = np.where(size > 3, np.sign(errors) * np.sqrt(6 * np.maximum(size, 3) - 9), errors)
        parts = [errors / np.sqrt(len(errors)), price * np.minimum(smile.durrleman(self.grid) - MARGIN, 0.0)]
        wings = np.array(smile.wings)
        parts.append(price * np.maximum(wings - WING_MOST, 0.0))
        if self.before is not None:
            unit = np.maximum(self.floor, self.at_money)
            rise = (smile.variances(self.floor_ks) - self.floor) / unit
            parts.append(price * np.minimum(rise - MARGIN, 0.0))
            steeper = wings / np.array(self.before.wings) - 1
            parts.append(price * np.minimum(steeper - MARGIN, 0.0))
        if self.ceiling is not None and self.ceiling_wings is not None:
            above = np.append(smile.variances(self.ceiling_ks) / self.ceiling, wings / self.ceiling_wings) - 1
            parts.append(WEIGHT_OF_LATER * np.maximum(above, 0.0) / np.sqrt(len(above)))
        return np.concatenate(parts)

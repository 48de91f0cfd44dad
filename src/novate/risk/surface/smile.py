"""The smile of one expiry: total variance by log moneyness in the raw SVI form.

w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), k = ln(strike / forward), w = volatility^2 x years. Its wings
are straight lines in k, which is what any distribution allows at most (R. Lee, Mathematical Finance 14, 2004).

Source: J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14 (2014).
"""

from dataclasses import dataclass

import numpy as np

from novate.risk.checks import Floats


@dataclass(frozen=True, slots=True)
class Smile:
    """One expiry's smile; ``expiry`` is its name in messages, ``years`` the time to it, the rest as above."""

    expiry: str
    years: float
    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def variances(self, log_moneyness: Floats) -> Floats:
        """Total variance w at ln(strike / forward)."""
        from_centre = log_moneyness - self.m
        return self.a + self.b * (self.rho * from_centre + np.sqrt(from_centre**2 + self.sigma**2))

    def vols(self, log_moneyness: Floats) -> Floats:
        """Implied volatility, an annual fraction, at ln(strike / forward)."""
        return np.sqrt(self.variances(log_moneyness) / self.years)

    def durrleman(self, log_moneyness: Floats) -> Floats:
        """Durrleman's g: the risk-neutral density times something positive. Below zero, a butterfly is an arbitrage.

        g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2.
        """
        from_centre = log_moneyness - self.m
        root = np.sqrt(from_centre**2 + self.sigma**2)
        w = self.a + self.b * (self.rho * from_centre + root)
        slope = self.b * (self.rho + from_centre / root)
        bend = self.b * self.sigma**2 / root**3
        return (1 - log_moneyness * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + bend / 2

    @property
    def wings(self) -> tuple[float, float]:
        """How steeply total variance rises far out: towards low strikes and towards high ones; 2 at most."""
        return self.b * (1 - self.rho), self.b * (1 + self.rho)

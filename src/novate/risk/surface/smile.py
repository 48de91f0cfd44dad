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
    """One expiry's smile: ``expiry`` is its name in messages, ``years`` the time to it, ``forward`` its forward when it
    was fitted (for messages: the smile moves with the forward), the rest as above."""

    expiry: str
    years: float
    forward: float
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
        """Durrleman's g of this smile, see ``durrleman``."""
        return durrleman(log_moneyness, *self.slopes(log_moneyness))

    def slopes(self, log_moneyness: Floats) -> tuple[Floats, Floats, Floats]:
        """Total variance, its slope and its bend: w, w' and w''."""
        from_centre = log_moneyness - self.m
        root = np.sqrt(from_centre**2 + self.sigma**2)
        w = self.a + self.b * (self.rho * from_centre + root)
        return w, self.b * (self.rho + from_centre / root), self.b * self.sigma**2 / root**3

    def strike(self, log_moneyness: float) -> str:
        """The strike at ln(strike / forward), in words."""
        with np.errstate(over="ignore"):
            return f"strike {self.forward * np.exp(log_moneyness):.6g}"

    @property
    def wings(self) -> tuple[float, float]:
        """How steeply total variance rises far out: towards low strikes and towards high ones; 2 at most."""
        return self.b * (1 - self.rho), self.b * (1 + self.rho)


def durrleman(log_moneyness: Floats, w: Floats, slope: Floats, bend: Floats) -> Floats:
    """Durrleman's g: the risk-neutral density times something positive. Below zero, a butterfly is an arbitrage.

    g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2.
    """
    return (1 - log_moneyness * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + bend / 2

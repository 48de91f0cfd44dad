"""Volatility surfaces: a smile for every expiry, fitted to its chain without arbitrage, and what lies between them."""

from novate.risk.surface.fit import Chain, fit
from novate.risk.surface.smile import Smile
from novate.risk.surface.surface import Surface

__all__ = ["Chain", "Smile", "Surface", "fit"]

"""Histories made up for tests: daily levels of factors that walk."""

import numpy as np

from novate.risk.days import DAY_NS
from novate.risk.factors import Factor, FactorHistory


def daily(
    levels: np.ndarray, *factors: Factor, first: str = "2015-01-01", vouched: tuple[str, ...] = ()
) -> FactorHistory:
    """A history with a row each day; one relative factor "BTC" where none is given."""
    table = np.asarray(levels, np.float64)
    table = table.reshape(len(table), -1)
    start = int(np.datetime64(first, "ns").astype(np.int64))
    times = start + DAY_NS * np.arange(len(table))
    return FactorHistory(factors or (Factor("BTC"),), times, table, gap_max_ns=DAY_NS, vouched=vouched)


def walk(count: int, *, seed: int, sigma: float = 0.02, factors: int = 1) -> np.ndarray:
    """Levels whose logarithms take normal steps, of shape (count, factors)."""
    steps = sigma * np.random.default_rng(seed).standard_normal((count, factors))
    return 100 * np.exp(np.cumsum(steps, axis=0))

"""Grids of crypto portfolio margin: steps of price with volatility up, as it is and down; damped tails; rotated skew.

The mechanism that Deribit's and Derive's portfolio margin share; parameters belong to a venue's rulebook and its date.
A volatility moves by its time to expiry: short ones more. As factors those are "BTC vol 7d", "BTC vol 30d" and so on,
relative; a rotation of the skew is the absolute factor "BTC skew linear" or "BTC skew abs", 0 now and 1 in its
scenario, which multiplies volatilities by strike (``skew_multiplier``).
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError
from novate.risk.factors import Factor, Scenarios, move_to

UP, SAME, DOWN = "up", "same", "down"


@dataclass(frozen=True, slots=True)
class VolShock:
    """How volatilities move with their days to expiry: by (30 / days)^power of what they move by at 30 days.

    ``up`` and ``down`` are fractions at 30 days; days below ``days_min`` count as ``days_min``; after an up-shock a
    volatility is ``vol_min`` at least (an annual fraction).
    """

    up: float
    down: float
    power_below_30: float = 0.30
    power_above_30: float = 0.13
    vol_min: float = 0.0
    days_min: float = 1.0

    def __post_init__(self) -> None:
        sizes = self.up, self.down, self.power_below_30, self.power_above_30, self.vol_min
        if not (all(size >= 0 and isfinite(size) for size in sizes) and self.days_min > 0):
            raise RiskError(f"{self}: expected finite sizes, none below 0, and days_min above it")

    def multiplier(self, days: NDArray[np.float64] | float, way: str) -> NDArray[np.float64]:
        """What volatilities of so many days to expiry are multiplied by; never below 0."""
        tenor = np.maximum(np.asarray(days, np.float64), self.days_min)
        power = np.where(np.asarray(days) <= 30, self.power_below_30, self.power_above_30)
        size = (30 / tenor) ** power
        if way == UP:
            return 1 + self.up * size
        return np.maximum(0.0, 1 - self.down * size) if way == DOWN else np.ones_like(size)

    def shocked(
        self, vols: NDArray[np.float64] | float, days: NDArray[np.float64] | float, way: str
    ) -> NDArray[np.float64]:
        """Volatilities after the shock, of options or of tenors: the minimum applies to each on its own, and only
        after a shock upwards."""
        moved = np.asarray(vols, np.float64) * self.multiplier(days, way)
        return np.maximum(moved, self.vol_min) if way == UP else moved


@dataclass(frozen=True, slots=True)
class Grid:
    """Where prices go: ``price_range`` either side in ``buckets`` equal steps (an odd count, the middle stays).

    ``outer_up_only``: the two outermost prices come with volatility up alone; ``same``: the others come with volatility
    as it is too, beside up and down. ``tails`` are price changes further out, with volatility up, each with the part of
    its result that counts.
    """

    price_range: float
    buckets: int
    vol: VolShock
    tails: tuple[tuple[float, float], ...] = ()
    outer_up_only: bool = False
    same: bool = True
    linear_skew: bool = False
    abs_skew: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.price_range < 1 or self.buckets < 3 or self.buckets % 2 == 0:
            raise RiskError(
                f"price_range {self.price_range} in {self.buckets} buckets: expected a range between 0 and 1 and an "
                "odd count of 3 or more"
            )
        for change, part in self.tails:
            if change <= -1 or not 0 < part <= 1:
                raise RiskError(
                    f"tail {change}, counted {part}: expected a change above -1, and a part above 0 and at most 1"
                )

    def rows(self) -> list[tuple[float, str, float]]:
        """(price change, way of volatility, part of the result that counts): from the top down, tails last."""
        found = []
        for change in np.linspace(self.price_range, -self.price_range, self.buckets).tolist():
            outermost = abs(change) > self.price_range * (1 - 1e-9)
            inner = (UP, SAME, DOWN) if self.same else (UP, DOWN)
            ways = (UP,) if outermost and self.outer_up_only else inner
            found += [(round(change, 12), way, 1.0) for way in ways]
        return found + [(change, UP, part) for change, part in self.tails]


def crypto_grid(
    underlying: str, spot: float, vols: dict[float, float], grid: Grid, *, horizon_days: float = 1.0
) -> Scenarios:
    """The scenarios of one underlying.

    Parameters
    ----------
    underlying : str
        Name of the price factor, such as "BTC".
    spot : float
        Its level now; above zero.
    vols : dict of float to float
        Days to expiry of each volatility factor and its level now, an annual fraction. The minimum volatility of the
        grid is applied to these levels; a rulebook that applies it option by option calls ``VolShock.shocked``.
    """
    spot_factor = Factor(underlying)
    vol_factors = {days: Factor(f"{underlying} vol {days:g}d") for days in vols}
    skews = [name for name, there in (("linear", grid.linear_skew), ("abs", grid.abs_skew)) if there]
    skew_factors = tuple(Factor(f"{underlying} skew {name}", "absolute") for name in skews)
    moves, labels, counted = [], [], []
    for change, way, part in grid.rows():
        shifts = [
            move_to(vol_factors[days], vol, float(grid.vol.shocked(vol, days, way))) for days, vol in vols.items()
        ]
        moves.append([move_to(spot_factor, spot, spot * (1 + change)), *shifts, *(0.0 for _ in skews)])
        labels.append(row_label(change, way, part))
        counted.append(part)
    for at, name in enumerate(skews):
        moves.append([0.0] * (1 + len(vols)) + [float(at == other) for other in range(len(skews))])
        labels.append(f"skew {name}")
        counted.append(1.0)
    factors = (spot_factor, *vol_factors.values(), *skew_factors)
    name = f"grid, {underlying}"
    return Scenarios(name, factors, np.array(moves), tuple(labels), horizon_days, counted=np.array(counted))


def row_label(change: float, way: str, part: float) -> str:
    """A row of a grid in words."""
    return f"price {change:+.4g}, vol {way}" + (f", counted {part:.4g}" if part < 1 else "")


@dataclass(frozen=True, slots=True)
class SkewShock:
    """A rotation of the skew as Derive's portfolio margin has it: how far wings move, and where they stop moving.

    ``cap`` + ``cap_slope`` √T is the largest part by which a volatility moves; it is reached k* from the forward,
    k* = max(``width_min``, √T ``width`` (``vol`` + ``vol_slope`` √T)), in log moneyness.
    """

    cap: float
    cap_slope: float
    width: float
    width_min: float
    vol: float
    vol_slope: float


def skew_multiplier(
    log_moneyness: NDArray[np.float64],
    years: NDArray[np.float64] | float,
    linear: NDArray[np.float64] | float,
    absolute: NDArray[np.float64] | float,
    shock: SkewShock,
) -> NDArray[np.float64]:
    """What volatilities are multiplied by: 1 + linear clip(k cap/k*, ±cap) + absolute clip(|k| cap/k*, ±cap), never
    below 0.

    ``log_moneyness`` is k = ln(strike / forward). ``linear`` and ``absolute`` are the levels of the skew factors: 0
    leaves volatilities as they are, 1 is the scenario (high strikes up and low ones down; both wings up), -1 the
    opposite. Arguments broadcast.
    """
    if not (np.all(np.asarray(years) > 0) and np.isfinite(log_moneyness).all()):
        raise RiskError("a skew needs times to expiry above zero, and strikes and forwards above it")
    root = np.sqrt(np.asarray(years, np.float64))
    cap = shock.cap + shock.cap_slope * root
    reach = np.maximum(shock.width_min, root * shock.width * (shock.vol + shock.vol_slope * root))
    k = np.asarray(log_moneyness, np.float64)

    def clipped(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(value * cap / reach, -np.abs(cap), np.abs(cap))

    return np.maximum(0.0, 1 + linear * clipped(k) + absolute * clipped(np.abs(k)))

"""Anti-procyclicality: tools that keep a requirement from rising most when money is dearest, and what they cost.

Each tool takes paths of requirements, one number for each day of the same position, and gives the path that is
charged. The first three are those of article 28(1) of RTS 153/2013; the metrics are those of Murphy, Vasios and Vause
(Bank of England, Financial Stability Paper 29 of 2014 and Working Paper 597 of 2016). Everything looks back only: what
is charged on a day follows from requirements up to that day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from novate.risk.errors import RiskError

Path = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Article 28(1)(a): a buffer on top of the margin, which may be used up while margins rise.

    Charged are 1 + ``share`` times the margin. A margin more than ``rising`` times its mean of the ``window`` days
    before is rising significantly: the charge then stays where it was, and the buffer shrinks, until the margin has
    reached it; from there the margin itself is charged. When margins rise no longer the buffer is refilled over
    ``refill`` days, by that part of a full one each day at most.
    """

    share: float = 0.25
    rising: float = 1.1
    window: int = 20
    refill: int = 20

    def __post_init__(self) -> None:
        if not (self.share >= 0 and self.rising >= 1 and self.window >= 1 and self.refill >= 1):
            raise RiskError(
                f"share {self.share}, rising {self.rising}, window {self.window}, refill {self.refill}: expected a "
                "share of 0 or more, rising of 1 or more, and a window and refill of a day or more"
            )

    def charged(self, margin: ArrayLike) -> Path:
        """What is charged by day, never below the margin. The first day has its buffer in full."""
        core = _path(margin)
        out = np.empty(len(core))
        out[0] = (1 + self.share) * core[0]
        for day in range(1, len(core)):
            full, before = (1 + self.share) * core[day], out[day - 1]
            if core[day] > self.rising * core[max(0, day - self.window) : day].mean():
                target = min(full, before)
            else:
                held = max(before / core[day - 1] - 1, 0.0) if core[day - 1] > 0 else self.share
                target = (1 + min(self.share, held + self.share / self.refill)) * core[day]
            out[day] = max(core[day], target)
        return out


def with_stress(current: ArrayLike, stressed: ArrayLike, weight: float = 0.25) -> Path:
    """Article 28(1)(b): ``weight`` of the stressed requirement and the rest of the current one."""
    if not 0 <= weight <= 1:
        raise RiskError(f"weight {weight}: expected a part of 0 to 1, such as 0.25")
    one, other = _same(current, stressed)
    return (1 - weight) * one + weight * other


def with_floor(margin: ArrayLike, long_run: ArrayLike) -> Path:
    """Article 28(1)(c): no less than what the volatility of ten years asks."""
    return np.maximum(*_same(margin, long_run))


@dataclass(frozen=True, slots=True, eq=False)
class Capped:
    """What is charged under a cap, and by how much it lags behind the margin: risk that nobody has paid for yet."""

    charged: Path
    uncovered: Path


def capped_rise(margin: ArrayLike, daily: float = 0.2) -> Capped:
    """What is charged rises by at most the part ``daily`` of itself from one day to the next; it falls at once.

    A cap defers, and does not excuse: ``uncovered`` is what other resources must stand for meanwhile.
    """
    if not daily > 0:
        raise RiskError(f"daily {daily}: expected a positive part, such as 0.2")
    core = _path(margin)
    out = np.empty(len(core))
    out[0] = core[0]
    for day in range(1, len(core)):
        out[day] = min(core[day], (1 + daily) * out[day - 1]) if out[day - 1] > 0 else core[day]
    return Capped(out, core - out)


@dataclass(frozen=True, slots=True)
class Procyclicality:
    """How a requirement moved: ratios, 1 being no movement.

    Attributes
    ----------
    peak_to_trough : float
        Its highest over its lowest.
    rise_1, rise_5, rise_30 : float
        The largest ratio of what is charged to what was charged at any time in the so many days before.
    cost : float
        Its mean over that of the path that it is compared with: 1.1 is a tenth more on average.
    """

    peak_to_trough: float
    rise_1: float
    rise_5: float
    rise_30: float
    cost: float


def procyclicality(charged: ArrayLike, unmitigated: ArrayLike | None = None) -> Procyclicality:
    """The metrics of a path; without another path to compare with its cost is 1."""
    path, other = _same(charged, charged if unmitigated is None else unmitigated)
    if not (path > 0).all():
        raise RiskError(f"day {int(np.argmax(~(path > 0)))}: {path.min()}: ratios need a requirement above zero")
    one, five, thirty = (largest_rise(path, days) for days in (1, 5, 30))
    return Procyclicality(float(path.max() / path.min()), one, five, thirty, float(path.mean() / other.mean()))


def largest_rise(charged: ArrayLike, days: int) -> float:
    """The largest ratio of a requirement to any that was asked in the ``days`` before it; at least 1."""
    path = _path(charged)
    if days < 1:
        raise RiskError(f"days {days}: expected one or more")
    found = (float((path[ahead:] / path[:-ahead]).max()) for ahead in range(1, min(days, len(path) - 1) + 1))
    return max(1.0, *found, 1.0)


def _path(values: ArrayLike) -> Path:
    path = np.asarray(values, np.float64)
    if path.ndim != 1 or not len(path) or not (np.isfinite(path).all() and (path >= 0).all()):
        raise RiskError(f"expected a path of one or more finite requirements, none below 0, got shape {path.shape}")
    return path


def _same(one: ArrayLike, other: ArrayLike) -> tuple[Path, Path]:
    first, second = _path(one), _path(other)
    if first.shape != second.shape:
        raise RiskError(f"expected paths of the same days, got {len(first)} and {len(second)}")
    return first, second

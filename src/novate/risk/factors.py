"""What moves: risk factors, their recorded levels, and sets of moves that are applied to levels.

A *relative* factor moves by a factor of exp(move) and stays above zero: spot prices, implied volatilities, the price
of a settlement asset. An *absolute* factor moves by a difference and may be zero or below: rates, basis, funding,
crude oil. Names, by convention: "BTC" (spot), "BTC vol 30d" (annual fraction at 30 days), "BTC skew 30d" (the 25-delta
risk reversal, an annual fraction too), "BTC basis 90d" (annual fraction), "BTC funding" (fraction per settlement),
"USDC" (price of an asset in the numeraire).

An instrument is valued at levels, so nothing in a scenario needs a case of its own: a shocked volatility surface is
the factor "BTC vol 30d" at another level.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from novate.risk.days import DAY_NS, are_dates, check_days, known_when
from novate.risk.errors import RiskError

MOVES_MIN: Final = 30
"""A series with fewer moves has no scale of its own that a move could be absurd against."""
TENOR: Final = r"\d+(?:\.\d+)?d"
"""What the name of a tenor ends in, as a pattern: "30d", "0.5d"."""


def moves_by_difference(name: str) -> bool:
    """Whether a series of this name is absolute whatever its price is: a basis, premium, funding rate or skew."""
    return re.fullmatch(rf".+ ((basis|skew) {TENOR}|premium|funding)", name) is not None


@dataclass(frozen=True, slots=True)
class Factor:
    """Something that moves: its name, and whether it moves by a factor or by a difference."""

    name: str
    kind: Literal["relative", "absolute"] = "relative"


@dataclass(frozen=True, slots=True, eq=False)
class Scenarios:
    """Moves of several factors in several scenarios; immutable.

    Attributes
    ----------
    moves : ndarray of shape (n_scenarios, n_factors)
        Over the whole horizon: ln(level after / level before) of a relative factor, the difference of an absolute one.
    labels : tuple of str
        One for each scenario: the day on which the move ended, or what happens in it.
    horizon_days : float
        Over which the moves take place, in days of the history they come from.
    weights : ndarray of shape (n_scenarios,), or None
        Probabilities, summing to 1. None: all alike.
    counted : ndarray of shape (n_scenarios,), or None
        The part of the *result* that counts, where a scenario is so extreme that only a fraction of it is asked for
        (SPAN's scenarios 15 and 16, damped tails of crypto grids). Results are multiplied by it. None: all in full.
    """

    name: str
    factors: tuple[Factor, ...]
    moves: NDArray[np.float64]
    labels: tuple[str, ...]
    horizon_days: float
    weights: NDArray[np.float64] | None = None
    counted: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        _check_names(self.factors)
        moves = _frozen(self.moves, np.float64)
        if moves.ndim != 2 or moves.shape != (len(self.labels), len(self.factors)) or not len(moves):
            raise RiskError(
                f"{self.name}: {len(self.labels)} labels and {len(self.factors)} factors need moves of that shape, "
                f"at least one row; got {moves.shape}"
            )
        if not np.isfinite(moves).all():
            row, column = np.argwhere(~np.isfinite(moves))[0]
            raise RiskError(
                f"{self.name}, {self.labels[row]}: {self.factors[column].name} moves by {moves[row, column]}: "
                "expected a finite number; leave the scenario out"
            )
        if not (np.isfinite(self.horizon_days) and self.horizon_days > 0):
            raise RiskError(f"{self.name}: horizon_days: expected a positive number, got {self.horizon_days}")
        object.__setattr__(self, "moves", moves)
        for part in ("weights", "counted"):
            if (values := getattr(self, part)) is not None:
                object.__setattr__(self, part, self._per_scenario(part, values))
        if self.weights is not None and abs(self.weights.sum() - 1) > 1e-9:
            raise RiskError(f"{self.name}: weights sum to {self.weights.sum()}: divide them by their sum")

    def __len__(self) -> int:
        return len(self.labels)

    def _per_scenario(self, part: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        values = _frozen(values, np.float64)
        if values.shape != (len(self.labels),) or not (np.isfinite(values).all() and (values >= 0).all()):
            raise RiskError(f"{self.name}: {part}: expected {len(self.labels)} numbers, none below 0")
        return values

    def last(self, count: int) -> "Scenarios":
        """The last ``count`` scenarios, equally weighted; RiskError where there are fewer."""
        if not 0 < count <= len(self):
            raise RiskError(
                f"{self.name}: the last {count} of {len(self)} scenarios: give a longer history or ask less"
            )
        counted = None if self.counted is None else self.counted[-count:]
        return replace(self, moves=self.moves[-count:], labels=self.labels[-count:], weights=None, counted=counted)


def levels_after(levels: NDArray[np.float64], scenarios: Scenarios) -> NDArray[np.float64]:
    """Levels of each factor in each scenario.

    ``levels``, of shape (n_factors,) in the order of ``scenarios.factors``, are those of now; the answer has the shape
    (n_scenarios, n_factors). RiskError names a level that is missing, and a relative one that is not positive.
    """
    now = np.asarray(levels, np.float64)
    if now.shape != (len(scenarios.factors),):
        raise RiskError(
            f"{scenarios.name}: expected {len(scenarios.factors)} levels, got an array of shape {now.shape}"
        )
    relative = _relative(scenarios.factors)
    for factor, level in zip(scenarios.factors, now, strict=True):
        _check_level(factor, level, "now")
    with np.errstate(over="ignore"):  # a level that is no number is refused where it is used
        return np.where(relative, now * np.exp(np.where(relative, scenarios.moves, 0.0)), now + scenarios.moves)


def stacked(name: str, *sets: Scenarios) -> Scenarios:
    """All scenarios of several sets, in order, over all their factors; a factor that a set lacks stays where it is.

    RiskError where horizons differ, where a set has probabilities (which are of that set alone), and where one name is
    a relative factor here and an absolute one there.
    """
    factors = tuple(dict.fromkeys(factor for part in sets for factor in part.factors))
    if not sets or len({part.horizon_days for part in sets}) > 1 or any(part.weights is not None for part in sets):
        raise RiskError(f"{name}: expected one or more sets of the same horizon, without weights")
    column = {factor: at for at, factor in enumerate(factors)}
    blocks = []
    for part in sets:
        block = np.zeros((len(part), len(factors)))
        block[:, [column[factor] for factor in part.factors]] = part.moves
        blocks.append(block)
    full = all(part.counted is None for part in sets)
    counted = [np.ones(len(part)) if part.counted is None else part.counted for part in sets]
    labels = tuple(label for part in sets for label in part.labels)
    return Scenarios(
        name,
        factors,
        np.concatenate(blocks),
        labels,
        sets[0].horizon_days,
        counted=None if full else np.concatenate(counted),
    )


def move_to(factor: Factor, level: float, after: float) -> float:
    """The move that takes a factor from one level to another. RiskError where a relative factor is not positive."""
    _check_level(factor, level, "before the move")
    _check_level(factor, after, "after the move")
    return float(np.log(after / level)) if factor.kind == "relative" else after - level


@dataclass(frozen=True, slots=True, eq=False)
class FactorHistory:
    """Recorded levels of factors at common times: checked, never filled, never carried forward.

    Attributes
    ----------
    times_ns : ndarray of int64, of shape (n_times,)
        UTC nanoseconds since 1970, strictly increasing. Where all of them are midnights they are dates, and the rows
        closes that are known when the day has ended; other times are those at which a row is known.
    levels : ndarray of float64, of shape (n_times, n_factors)
    gap_max_ns : int
        The longest time between two rows that is no hole: weekends and the longest holiday of a market that closes.
    move_limit : float
        A move of more than so many times its series' own scale is absurd. The scale is the root mean square of the
        series' one-step moves without the largest tenth of them; series of less than 30 moves are not judged.
    vouched : tuple of str
        ISO days whose moves, into them, are true however large: a peg that broke, the day crude oil was negative.

    Raises
    ------
    RiskError
        For times that do not increase, a gap, a hole (NaN), a relative factor at or below zero, an absurd move, what
        is vouched for and no day: with the factor, the day and the cure.
    """

    factors: tuple[Factor, ...]
    times_ns: NDArray[np.int64]
    levels: NDArray[np.float64]
    gap_max_ns: int = field(kw_only=True)
    move_limit: float = field(default=30.0, kw_only=True)
    vouched: tuple[str, ...] = field(default=(), kw_only=True)
    _labels: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_names(self.factors)
        times, levels = _frozen(self.times_ns, np.int64), _frozen(self.levels, np.float64)
        if times.ndim != 1 or levels.shape != (len(times), len(self.factors)) or len(times) < 2:
            raise RiskError(
                f"{len(self.factors)} factors at {times.shape} times need levels of that shape, two rows at least; "
                f"got {levels.shape}"
            )
        object.__setattr__(self, "times_ns", times)
        object.__setattr__(self, "levels", levels)
        check_days(self.vouched)
        self._check_times()
        self._check_levels()
        self._check_moves()
        unit = "D" if self.whole_days else "m"
        written = np.datetime_as_string(times.astype("datetime64[ns]"), unit=unit)
        object.__setattr__(self, "_labels", tuple(written.tolist()))

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def step_ns(self) -> int:
        """The usual time between two rows: the median."""
        return int(np.median(np.diff(self.times_ns)))

    @property
    def whole_days(self) -> bool:
        """Whether its rows are days: closes, labelled by their day and known when it has ended."""
        return are_dates(self.times_ns)

    @property
    def known_ns(self) -> NDArray[np.int64]:
        """When each row is known: see ``known_when``."""
        return known_when(self.times_ns)

    def labels(self) -> tuple[str, ...]:
        """ISO dates of the rows; with minutes where rows are not whole days."""
        return self._labels

    def days(self) -> NDArray[np.datetime64]:
        """The UTC day of each row."""
        return self.times_ns.astype("datetime64[ns]").astype("datetime64[D]")

    def day(self, row: int) -> str:
        """The UTC day of a row, ISO."""
        return str(self.times_ns[row].astype("datetime64[ns]").astype("datetime64[D]"))

    def rows(self, first: int, last: int) -> "FactorHistory":
        """A copy of the rows ``first`` to ``last`` (exclusive), two at least: the others cannot be reached from it.

        It was judged with the whole, and is not judged again by its own, shorter scale.
        """
        if not (first >= 0 and first + 2 <= last <= len(self)):
            raise RiskError(f"rows {first} to {last}: expected two or more of {len(self)}")
        part = object.__new__(FactorHistory)
        for name in ("factors", "gap_max_ns", "move_limit", "vouched"):
            object.__setattr__(part, name, getattr(self, name))
        object.__setattr__(part, "times_ns", _frozen(self.times_ns[first:last], np.int64))
        object.__setattr__(part, "levels", _frozen(self.levels[first:last], np.float64))
        object.__setattr__(part, "_labels", self._labels[first:last])
        return part

    def column(self, name: str) -> NDArray[np.float64]:
        """The levels of a factor. RiskError where there is none of that name."""
        for at, factor in enumerate(self.factors):
            if factor.name == name:
                return self.levels[:, at]
        raise RiskError(f"there is no factor {name!r}: the history has {', '.join(each.name for each in self.factors)}")

    def of(self, names: Sequence[str]) -> "FactorHistory":
        """The same rows of some of its factors, in the order in which it has them; one at least, each of them known."""
        for name in names:
            self.column(name)
        kept = [at for at, factor in enumerate(self.factors) if factor.name in names]
        return replace(self, factors=tuple(self.factors[at] for at in kept), levels=self.levels[:, kept])

    def _check_times(self) -> None:
        steps = np.diff(self.times_ns)
        if (steps <= 0).any():
            row = int(np.argmax(steps <= 0)) + 1
            raise RiskError(
                f"row {row}, {self.day(row)}: times must increase strictly: sort the rows, drop repetitions"
            )
        if (steps > self.gap_max_ns).any():
            row = int(np.argmax(steps > self.gap_max_ns)) + 1
            raise RiskError(
                f"{', '.join(factor.name for factor in self.factors)}: nothing between {self.day(row - 1)} and "
                f"{self.day(row)}, {steps[row - 1] / DAY_NS:g} days where at most {self.gap_max_ns / DAY_NS:g} are no "
                "hole: add the missing rows, or begin after the hole"
            )

    def _check_levels(self) -> None:
        bad = ~np.isfinite(self.levels)
        low = (self.levels <= 0) & _relative(self.factors)
        if (bad | low).any():
            row, column = np.argwhere(bad | low)[0]
            _check_level(self.factors[column], float(self.levels[row, column]), self.day(int(row)))

    def _check_moves(self) -> None:
        steps = one_step_moves(self)
        usual = _usual(steps)
        for row, column in np.argwhere(np.abs(steps) > self.move_limit * usual):
            day = self.day(int(row) + 1)
            if day not in self.vouched:
                raise RiskError(
                    f"{self.factors[column].name}, {day}: from {self.levels[row, column]:g} to "
                    f"{self.levels[row + 1, column]:g} is a move of {steps[row, column]:g}, where this series moves by "
                    f"{usual[column]:g} and {self.move_limit:g} times that is the limit: correct the level or, where "
                    "it is true, name the day in `vouched`"
                )

    def days_to_vouch_for(self) -> tuple[str, ...]:
        """The days whose moves are absurd by the scale of these rows, and stand because they are vouched for."""
        steps = one_step_moves(self)
        absurd = (np.abs(steps) > self.move_limit * _usual(steps)).any(axis=1)
        return tuple(self.day(int(row) + 1) for row in np.flatnonzero(absurd))


def _usual(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scale of each series; of those too short for one it is infinite, and nothing is absurd."""
    if len(steps) < MOVES_MIN:
        return np.full(steps.shape[1], np.inf)
    kept = len(steps) - -(-len(steps) // 10)
    return np.sqrt((np.sort(np.abs(steps), axis=0)[:kept] ** 2).mean(axis=0))


def one_step_moves(history: FactorHistory) -> NDArray[np.float64]:
    """Moves from each row to the next, of shape (n_times - 1, n_factors): logarithmic or differences, by factor."""
    return _moves(history, 1)


def moves(history: FactorHistory, horizon_steps: int) -> Scenarios:
    """Overlapping moves over ``horizon_steps`` rows, each labelled by the day on which it ended.

    Neighbouring windows share all but one step: the scenarios are what could happen over the horizon, not so many
    independent draws of it.
    """
    if not 1 <= horizon_steps < len(history):
        raise RiskError(
            f"horizon_steps {horizon_steps}: {len(history)} rows hold horizons of 1 to {len(history) - 1} steps: "
            "give a longer history"
        )
    return Scenarios(
        f"{horizon_steps}-step moves",
        history.factors,
        _moves(history, horizon_steps),
        history.labels()[horizon_steps:],
        horizon_steps * history.step_ns / DAY_NS,
    )


def _moves(history: FactorHistory, steps: int) -> NDArray[np.float64]:
    relative = _relative(history.factors)
    known = np.where(relative, np.log(np.where(relative, history.levels, 1.0)), history.levels)
    return known[steps:] - known[:-steps]


def _relative(factors: tuple[Factor, ...]) -> NDArray[np.bool_]:
    return np.array([factor.kind == "relative" for factor in factors], np.bool_)


def _check_names(factors: tuple[Factor, ...]) -> None:
    names = [factor.name for factor in factors]
    if not names or len(set(names)) < len(names) or not all(names):
        raise RiskError(f"factors: expected different names, at least one; got {', '.join(names) or 'none'}")
    for factor in factors:
        if factor.kind not in ("relative", "absolute"):
            raise RiskError(f"{factor.name}: kind {factor.kind!r}: expected relative or absolute")


def _check_level(factor: Factor, level: float, when: str) -> None:
    if not np.isfinite(level):
        raise RiskError(
            f"{factor.name}, {when}: a hole ({level}): find the level, or begin the history after it; "
            "nothing is filled or carried forward"
        )
    if factor.kind == "relative" and level <= 0:
        raise RiskError(
            f"{factor.name}, {when}: {level:g} is not above zero: correct it, or make the factor absolute if it may be"
        )


def _frozen(values: NDArray[np.float64] | NDArray[np.int64], kind: type) -> NDArray[np.float64]:
    """A copy that nobody writes to."""
    own = np.array(values, dtype=kind)
    own.flags.writeable = False
    return own

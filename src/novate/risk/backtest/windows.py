"""Out of sample: a model is handed the past of each step and nothing else; and what to do about windows that overlap.

Overlapping horizons break the tests: neighbouring results share most of their days, so exceptions come in runs even
where the model is right. Test one-step results against one-step margin, take ``interleaved`` samples that do not
overlap, or compare a mean by ``block_bootstrap``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory

Model = Callable[[FactorHistory], Sequence[float] | NDArray[np.float64]]
"""From the history up to now to what it foresees, such as (value at risk, expected shortfall) over the horizon."""

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfSample:
    """What was foreseen at each step, and what then happened.

    Attributes
    ----------
    labels : tuple of str
        The day on which each horizon ended.
    foreseen : ndarray of shape (n_steps, n_outputs)
    before, after : ndarray of shape (n_steps, n_factors)
        Levels when it was foreseen and at the end of the horizon: what a portfolio gained is the caller's to value.
    """

    labels: tuple[str, ...]
    foreseen: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]


def out_of_sample(
    history: FactorHistory, model: Model, *, first: int, horizon_steps: int = 1, every: int = 1
) -> OutOfSample:
    """What a model foresees at each row from ``first`` on, ``every`` so many rows, and what came of it.

    At row t the model gets a copy of rows 0 to t; the horizon ends at row t + ``horizon_steps``. It cannot look ahead:
    the rest of the history is not reachable from what it is handed. Everything that depends on data, volatilities,
    floors, stress days and parameters alike, must therefore be computed inside it.
    """
    last = len(history) - horizon_steps
    if not (1 <= first < last and horizon_steps >= 1 and every >= 1):
        raise RiskError(
            f"first {first}, horizon {horizon_steps}, every {every}: {len(history)} rows leave no step to test; "
            f"expected a first row of 1 to {last - 1}"
        )
    rows = np.arange(first, last, every)
    foreseen = []
    for row in rows.tolist():
        answer = np.asarray(model(history.rows(0, row + 1)), np.float64)
        if answer.ndim != 1 or not np.isfinite(answer).all():
            raise RiskError(f"{history.day(row)}: the model foresees {answer}: expected one or more finite numbers")
        foreseen.append(answer)
    labels = history.labels()
    return OutOfSample(
        tuple(labels[row + horizon_steps] for row in rows.tolist()),
        np.stack(foreseen),
        history.levels[rows],
        history.levels[rows + horizon_steps],
    )


def interleaved(values: NDArray[Kind], horizon_steps: int) -> tuple[NDArray[Kind], ...]:
    """Values of overlapping horizons as ``horizon_steps`` samples, none of which overlaps itself: every h-th, from the
    first, from the second, and so on. Together they use every value, but they are not independent of each other."""
    if not 1 <= horizon_steps <= len(values):
        raise RiskError(f"horizon_steps {horizon_steps}: expected 1 to {len(values)}")
    return tuple(values[start::horizon_steps] for start in range(horizon_steps))


def bonferroni(p_values: Sequence[float]) -> float:
    """One p-value of several samples that may depend on each other: the least, times their number, 1 at most."""
    if not len(p_values):
        raise RiskError("p_values: expected one at least")
    return min(1.0, min(p_values) * len(p_values))


def block_bootstrap(
    values: NDArray[np.float64], expected: float, *, block: int, seed: int, draws: int = 10_000
) -> float:
    """Two-sided p-value of a mean that is expected, of values that depend on their neighbours.

    Circular blocks (Politis and Romano, 1992) of the values are put together anew, ``draws`` times; the p-value is the
    share of them whose mean lies as far from the sample's own as that lies from what is expected. Give exceptions (as
    0 and 1) with 1 - level, or the terms of Z2 with 0.

    ``block`` should be several horizons long: a block keeps the dependence inside it alone. RiskError where fewer than
    ten blocks fit, which is too few to say anything.
    """
    known = np.asarray(values, np.float64)
    count = len(known)
    if draws < 1:
        raise RiskError(f"draws {draws}: expected one at least")
    if known.ndim != 1 or block < 1 or count < 10 * block or not np.isfinite(known).all():
        raise RiskError(f"block {block}: {count} finite values hold blocks of 1 to {count // 10}: use a longer sample")
    rng = np.random.Generator(np.random.PCG64(seed))
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([known, known[:block]]))])
    blocks, rest = divmod(count, block)
    starts = rng.integers(0, count, (draws, blocks + 1))
    totals = (sums[starts[:, :blocks] + block] - sums[starts[:, :blocks]]).sum(axis=1)
    totals += sums[starts[:, blocks] + rest] - sums[starts[:, blocks]]
    mean = known.mean()
    far = np.abs(totals / count - mean) >= abs(mean - expected) - 1e-12
    return float((1 + far.sum()) / (1 + draws))

"""How volatile each factor was, day by day, from what was known before that day.

A path of volatilities has one row more than the moves: row t is the standard deviation foreseen for move t from moves
0 to t-1, the last row that of the move still to come. Rows before the seed are NaN: nothing is foreseen from nothing.
Volatilities are per step (a day), in the units of the moves: log returns or differences.
"""

from bisect import insort
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError

CCP_DECAY = 0.97
"""Weight of yesterday's variance as clearing houses set it; 0.94 (RiskMetrics, 1996) is the quicker challenger."""


def ewma(
    moves: NDArray[np.float64],
    *,
    decay: float = CCP_DECAY,
    seed_count: int = 60,
    floor_quantile: float | None = 0.25,
) -> NDArray[np.float64]:
    """Exponentially weighted volatilities: s²(t+1) = decay s²(t) + (1 - decay) r²(t) (RiskMetrics, 1996).

    Parameters
    ----------
    moves : ndarray of shape (n_moves,) or (n_moves, n_factors)
    decay : float
        Weight of the variance before; between 0 and 1.
    seed_count : int
        The sample variance of the first so many moves is where the recursion starts.
    floor_quantile : float or None
        Each volatility is at least this quantile of all that were foreseen up to then, itself included (the lower of
        two neighbours): calm alone does not take a margin down for ever. None: no floor.

    Returns
    -------
    ndarray of shape (n_moves + 1,) or (n_moves + 1, n_factors); the first ``seed_count`` rows are NaN.
    """
    if not 0 < decay < 1:
        raise RiskError(f"decay {decay}: expected a number between 0 and 1, such as 0.97")
    path = recursion(moves, 0.0, 1 - decay, decay, seed_count)
    return path if floor_quantile is None else floored(path, floor_quantile)


def recursion(
    moves: NDArray[np.float64], constant: float, reaction: float, persistence: float, seed_count: int
) -> NDArray[np.float64]:
    """Volatilities by s²(t+1) = constant + reaction r²(t) + persistence s²(t), from the sample variance of the first
    ``seed_count`` moves on: the mean is taken as zero afterwards."""
    moves = np.asarray(moves, np.float64)
    if not 2 <= seed_count <= len(moves):
        raise RiskError(f"seed_count {seed_count}: {len(moves)} moves hold 2 to {len(moves)}: give a longer history")
    if not np.isfinite(moves).all():
        raise RiskError(f"moves, row {int(np.argwhere(~np.isfinite(moves))[0][0])}: expected a finite number")
    columns = moves.reshape(len(moves), -1)
    path = np.full((len(moves) + 1, columns.shape[1]), np.nan)

    def step(variance: float, squared: float) -> float:
        return constant + reaction * squared + persistence * variance

    for column, into in zip(columns.T, path.T, strict=True):
        seed = float(column[:seed_count].var(ddof=1))
        into[seed_count:] = list(accumulate((column[seed_count:] ** 2).tolist(), step, initial=seed))
    return np.sqrt(path).reshape(len(path), *moves.shape[1:])


def floored(path: NDArray[np.float64], quantile: float) -> NDArray[np.float64]:
    """Each volatility, or the given quantile of the path up to and with it where that is more; see ``ewma``."""
    if not 0 <= quantile < 1:
        raise RiskError(f"floor_quantile {quantile}: expected 0 or more, below 1")
    columns = path.reshape(len(path), -1)
    lifted = columns.copy()
    for column, into in zip(columns.T, lifted.T, strict=True):
        known: list[float] = []
        for row, sigma in enumerate(column.tolist()):
            if sigma == sigma:
                insort(known, sigma)
                into[row] = max(sigma, known[int(quantile * (len(known) - 1))])
    return lifted.reshape(path.shape)


def residuals(moves: NDArray[np.float64], path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moves over the volatility foreseen for them: what filtering takes volatility's changes out of.

    ``moves`` of shape (n_moves, n_factors) and their ``path`` of one row more; rows before the path begins are left
    out. RiskError where a volatility is zero.
    """
    foreseen = path[:-1]
    if foreseen.shape != np.shape(moves):
        raise RiskError(f"path: expected one row more than the moves, {np.shape(moves)}, got {path.shape}")
    kept = np.asarray(~np.isnan(foreseen).any(axis=1))
    if not (foreseen[kept] > 0).all():
        row, column = np.argwhere(~(foreseen[kept] > 0))[0]
        raise RiskError(f"path, column {column}, {row} rows after its begin: no volatility: leave the factor out")
    return moves[kept] / foreseen[kept]


@dataclass(frozen=True, slots=True)
class Garch:
    """GARCH(1,1) (Bollerslev, 1986): s²(t+1) = constant + reaction r²(t) + persistence s²(t), mean zero.

    ``dof`` are the degrees of freedom of t-distributed innovations, None where they are normal.
    """

    constant: float
    reaction: float
    persistence: float
    dof: float | None

    def path(self, moves: NDArray[np.float64], *, seed_count: int = 60) -> NDArray[np.float64]:
        """Volatilities of one factor by these parameters, each from the moves before it; as ``ewma`` gives them.

        The recursion looks only back, the parameters know every move that they were fitted to: for a backtest, fit
        them to the past of each day (``novate.risk.backtest.windows``).
        """
        return recursion(moves, self.constant, self.reaction, self.persistence, seed_count)


def fit_garch(moves: NDArray[np.float64], innovations: Literal["normal", "t"] = "t") -> Garch:
    """GARCH(1,1) by maximum likelihood (the package arch) on the moves of one factor, of shape (n_moves,).

    RiskError where the moves are too few or do not move, and where the search does not converge.
    """
    from arch.univariate import GARCH, Normal, StudentsT, ZeroMean  # takes most of a second to import

    moves = np.asarray(moves, np.float64)
    if moves.ndim != 1 or len(moves) < 100 or not np.isfinite(moves).all():
        raise RiskError(f"moves: GARCH needs 100 finite moves of one factor at least, got {moves.shape}: use ewma")
    scale = float(moves.std())
    if scale == 0:
        raise RiskError("moves: all alike, which has no volatility to fit: leave the factor unscaled")
    if innovations not in ("normal", "t"):
        raise RiskError(f"innovations {innovations!r}: expected normal or t")
    law = StudentsT() if innovations == "t" else Normal()
    model = ZeroMean(moves / scale, volatility=GARCH(1, 0, 1), distribution=law, rescale=False)
    fitted = model.fit(disp="off", show_warning=False)
    if fitted.convergence_flag != 0:
        raise RiskError(f"GARCH did not converge on {len(moves)} moves: use ewma, or a longer history")
    constant, reaction, persistence, *dof = np.asarray(fitted.params, np.float64).tolist()
    return Garch(constant * scale**2, reaction, persistence, dof[0] if dof else None)


def root_of_time(sigma: NDArray[np.float64] | float, steps: float) -> NDArray[np.float64] | float:
    """Volatility over ``steps`` steps as sigma x √steps.

    True only of moves that are uncorrelated and equally volatile from step to step. Volatility that clusters, trends
    and mean reversion all break it, so nothing here scales by it unasked: overlapping moves over the whole horizon
    (``factors.moves``) need no such assumption.
    """
    return sigma * np.sqrt(steps)

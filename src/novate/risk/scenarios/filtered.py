"""Filtered historical simulation: what happened, as large as it would be at today's volatility.

Hull and White (1998), Barone-Adesi, Giannopoulos and Vosper (1999). The mid scaling is that of clearing houses, which
takes half of the adjustment so that a requirement neither collapses in a calm nor leaps in a storm.
"""

from dataclasses import replace
from itertools import compress
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves, one_step_moves
from novate.risk.volatility import ewma

Scaling = Literal["full", "mid", "floored"]


def scaling_factors(path: NDArray[np.float64], horizon_steps: int, scaling: Scaling) -> NDArray[np.float64]:
    """By what each window's moves are multiplied, of shape (n_moves - horizon_steps + 1, n_factors); NaN before the
    path begins.

    With s(T) the volatility of the next step and s(i) that foreseen for the first step of window i, before it began:
    *full* s(T)/s(i), *mid* (s(T) + s(i)) / 2 s(i), *floored* max(1, s(T)/s(i)). A window over several steps is scaled
    by the volatilities of one step: their ratio is all that counts, and no law of √time enters.
    """
    before = path[: len(path) - horizon_steps]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = path[-1] / before
    if scaling == "full":
        return ratio
    if scaling == "mid":
        return (ratio + 1) / 2
    if scaling == "floored":
        return np.maximum(1.0, ratio)
    raise RiskError(f"scaling {scaling!r}: expected full, mid or floored")


def filtered(
    history: FactorHistory,
    horizon_steps: int = 1,
    *,
    scaling: Scaling = "mid",
    path: NDArray[np.float64] | None = None,
    unscaled: tuple[str, ...] = (),
) -> Scenarios:
    """Recorded moves over overlapping horizons, each scaled to the volatility of now, the newest last.

    Parameters
    ----------
    scaling : {"mid", "full", "floored"}
        See ``scaling_factors``.
    path : ndarray of shape (n_times, n_factors), or None
        Volatilities of ``one_step_moves(history)``, as ``volatility.ewma`` and ``Garch.path`` give them. None: EWMA
        with 0.97 and its floor. Windows that began before the path does are left out.
    unscaled : tuple of str
        Names of factors that move as they were recorded: a peg has no volatility worth scaling by.

    Raises
    ------
    RiskError
        Where a volatility to divide by is zero, and for names that are not in the history.
    """
    names = [factor.name for factor in history.factors]
    if unknown := sorted(set(unscaled) - set(names)):
        raise RiskError(f"unscaled: no factor {unknown[0]}: the history has {', '.join(names)}")
    found = moves(history, horizon_steps)
    if path is None:
        path = ewma(one_step_moves(history))
    if path.shape != history.levels.shape:
        raise RiskError(f"path: expected volatilities of shape {history.levels.shape}, got {path.shape}")
    if (path < 0).any():
        row, column = np.argwhere(path < 0)[0]
        raise RiskError(
            f"path, {history.day(int(row))}: {names[column]} has a volatility of {path[row, column]:g}: mend it"
        )
    scaled = np.array([name not in unscaled for name in names])
    factors = np.where(scaled, scaling_factors(path, horizon_steps, scaling), 1.0)
    kept = np.asarray(~(np.isnan(path[: len(factors)]) & scaled).any(axis=1))
    bad = ~np.isfinite(factors) & kept[:, None]
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise RiskError(
            f"{names[column]}, {found.labels[row]}: no volatility before it to scale by: name the factor in `unscaled`"
        )
    if not kept.any():
        raise RiskError(f"path: it begins after the last of {len(found)} windows: give a longer history")
    return replace(
        found,
        name=f"filtered ({scaling}), {horizon_steps} steps",
        moves=found.moves[kept] * factors[kept],
        labels=tuple(compress(found.labels, kept.tolist())),
    )

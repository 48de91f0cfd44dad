"""From floats to the risk sheet: results by scenario rounded to whole sheet units, and what that rounding can hide."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from novate.core.money import SHEET_BOUND

ADD_ON_RATE_MAX: Final = 2**40
"""The most of a sheet unit per lot, in ppm, that the house takes for a piece of an add-on."""


def quantise(results: NDArray[np.float64], unit: float) -> bytes:
    """Results of one lot by scenario, in money, as a row of a risk sheet.

    Parameters
    ----------
    results : ndarray of shape (n_scenarios,)
        What one lot held long gains in each scenario, converted at the scenario's own price of the settlement asset;
        negative is a loss. NaN and infinities are refused: a scenario without a result is a scenario less.
    unit : float
        The same money in one sheet unit.

    Returns
    -------
    bytes
        int64, little-endian, each result rounded to the nearest unit (ties to even): off by half a unit at most, which
        is what the evaluation of the sheet adds back for every lot.

    Raises
    ------
    ValueError
        Where a result is not finite, or 2^52 units or more.
    """
    values = np.asarray(results, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"results: one number for each scenario is needed, got an array of shape {values.shape}")
    if not (math.isfinite(unit) and unit > 0):
        raise ValueError(f"unit: a positive amount of money is needed, got {unit}")
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"results[{at}]: expected a finite number, got {values[at]}: leave the scenario out")
    rounded = np.rint(values / unit)
    if (np.abs(rounded) >= SHEET_BOUND).any():
        at = int(np.argmax(np.abs(rounded)))
        raise ValueError(f"results[{at}]: {values[at]} is {SHEET_BOUND} units or more: use a larger unit than {unit}")
    return rounded.astype("<i8").tobytes()


def hidden(results: NDArray[np.float64], unit: float, row: bytes) -> float:
    """The most by which a row is off its results, in sheet units; at most one half, save for what floats themselves
    cannot tell apart."""
    return float(np.abs(np.asarray(results, np.float64) / unit - np.frombuffer(row, "<i8")).max())

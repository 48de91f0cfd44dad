"""Historical simulation: what happened happens again, as it was."""

from dataclasses import replace

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves
from novate.risk.measures import age_weights


def historical(
    history: FactorHistory,
    horizon_steps: int = 1,
    *,
    lookback: int | None = None,
    decay: float | None = None,
) -> Scenarios:
    """The recorded moves over overlapping horizons, the newest last.

    Parameters
    ----------
    horizon_steps : int
        Rows that a move spans: 1, 2 or 5 days of a daily history.
    lookback : int or None
        So many of the newest windows; None: all of them.
    decay : float or None
        Probabilities falling by this factor with each step of age (Boudoukh, Richardson and Whitelaw, 1998);
        None: all alike.
    """
    found = moves(history, horizon_steps)
    if lookback is not None:
        found = found.last(lookback)
    if decay is not None and not 0 < decay < 1:
        raise RiskError(f"decay {decay}: expected a number between 0 and 1, such as 0.99, or None")
    weights = None if decay is None else age_weights(len(found), decay)
    return replace(found, name=f"historical, {horizon_steps} steps", weights=weights)

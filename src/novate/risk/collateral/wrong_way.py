"""Collateral that fails with whoever brought it counts for nothing."""

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from novate.core.money import PPM
from novate.risk.errors import RiskError
from novate.risk.measures import as_written


def loss_in_tail(
    results: NDArray[np.float64], collateral_results: NDArray[np.float64], *, level: float = 0.99
) -> float:
    """What collateral loses on average where its owner's portfolio loses most, as a fraction of its price.

    ``results`` (money) and ``collateral_results`` (fractions) are gains by scenario, of the same scenarios; the tail is
    the worst ceil(n (1 - level)) of the portfolio's, equals in order of scenario. Negative where the collateral gains.
    """
    results, collateral = np.asarray(results, np.float64), np.asarray(collateral_results, np.float64)
    if results.ndim != 1 or results.shape != collateral.shape or not len(results):
        raise RiskError(f"expected the same scenarios of both, got shapes {results.shape} and {collateral.shape}")
    if not (np.isfinite(results).all() and np.isfinite(collateral).all()):
        at = int(np.argmax(~(np.isfinite(results) & np.isfinite(collateral))))
        raise RiskError(f"scenario {at}: {results[at]} and {collateral[at]}: expected finite gains: leave it out")
    count = math.ceil(len(results) * (1 - as_written(level)))
    worst = np.argsort(results, kind="stable")[:count]
    return float(-collateral[worst].mean())


def counted_ppm(
    haircut_ppm: int, *, issuer: str | None, owner_group: Collection[str], tail_loss: float | None = None
) -> int:
    """What counts of an asset's price for an owner: all less the haircut, or nothing.

    Nothing of what the owner or anybody of its group has issued, and nothing of what is *wrong-way*: what loses more in
    the tail of the owner's own portfolio (``loss_in_tail``) than its haircut provides for. ``issuer`` is None where an
    asset has none, ``tail_loss`` where the owner has no portfolio to fail by.
    """
    if not 0 <= haircut_ppm <= PPM:
        raise RiskError(f"haircut {haircut_ppm} ppm: expected 0 to {PPM}")
    if tail_loss is not None and not math.isfinite(tail_loss):
        raise RiskError(f"tail_loss {tail_loss}: expected a fraction of the price, or None without a portfolio")
    own_issue = issuer is not None and issuer in owner_group
    wrong_way = tail_loss is not None and tail_loss * PPM > haircut_ppm
    return 0 if own_issue or wrong_way else PPM - haircut_ppm

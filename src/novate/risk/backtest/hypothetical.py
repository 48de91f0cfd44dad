"""Hypothetical accounts: what a margin model should cover, whoever its members happen to be.

A named set with a date, so that figures of it can be repeated. All legs of an account are of one size together: one of
money, or one unit of absolute factors. Accounts of one member do not offset each other, so that each member is short of
margin wherever its theme goes wrong.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from novate.risk.backtest.accounts import Held
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, one_step_moves

DATE: Final = "2026-11-22"
"""Of this set."""
MOSTLY: Final = 0.9
"""The part of a concentrated account that is in one series."""
RANDOM_ACCOUNTS: Final = 3
SEED: Final = 20_261_122
HEDGE_MOVES: Final = 250
"""Moves before a day from which its hedges are worked out."""
SIDES: Final = (("long", 1.0), ("short", -1.0))


def hypothetical(history: FactorHistory) -> Held:
    """The set over the series of a history, in their order.

    ============  =====================================================================================================
    member        accounts
    ============  =====================================================================================================
    directional   long and short of each series
    baskets       long and short of all of them alike
    concentrated  nine tenths in one series, the rest in the others alike, for each; long
    spreads       each series against the next, of the same size, and the other way round
    neutral       long and short of each series, hedged with the next: the least-squares hedge of 250 moves
    random        three accounts, the direction of each series drawn anew each day; the seed is fixed
    ============  =====================================================================================================

    A single series has the first and the last. RiskError where relative and absolute factors are mixed: money and units
    are of no common size.
    """
    if len({factor.kind for factor in history.factors}) > 1:
        raise RiskError(
            "hypothetical accounts: money of relative series and units of absolute ones are of no common size: make "
            "all series absolute, or none"
        )
    accounts = _directional(history)
    if len(history.factors) > 1:
        accounts += _baskets(history) + _spreads(history)
    accounts += _random(history)
    members, names, exposures = zip(*accounts, strict=True)
    return Held(names, members, np.stack(exposures, axis=1), f"hypothetical accounts, the set of {DATE}")


_Made = list[tuple[str, str, NDArray[np.float64]]]
"""Member, account, and exposures ``[time, factor]``."""


def _directional(history: FactorHistory) -> _Made:
    own = np.eye(len(history.factors))
    made = []
    for at, factor in enumerate(history.factors):
        made += [("directional", f"{word} {factor.name}", _always(sign * own[at], history)) for word, sign in SIDES]
    return made


def _baskets(history: FactorHistory) -> _Made:
    count = len(history.factors)
    alike = np.full(count, 1 / count)
    made = [("baskets", f"all {word}", _always(sign * alike, history)) for word, sign in SIDES]
    for at, factor in enumerate(history.factors):
        mostly = np.full(count, (1 - MOSTLY) / (count - 1))
        mostly[at] = MOSTLY
        made.append(("concentrated", f"mostly {factor.name}", _always(mostly, history)))
    return made


def _spreads(history: FactorHistory) -> _Made:
    names, own = [factor.name for factor in history.factors], np.eye(len(history.factors))
    spreads, neutral = [], []
    for left, right in pairwise(range(len(names))):
        for one, other in ((left, right), (right, left)):
            against = _always((own[one] - own[other]) / 2, history)
            spreads.append(("spreads", f"{names[one]} against {names[other]}", against))
        ratio = hedge_ratios(history, left, right)
        hedged = own[left] - ratio[:, None] * own[right]
        size = 1 + np.abs(ratio)[:, None]
        for word, sign in SIDES:
            neutral.append(("neutral", f"{word} {names[left]} hedged with {names[right]}", sign * hedged / size))
    return spreads + neutral


def _random(history: FactorHistory) -> _Made:
    shape = (len(history), RANDOM_ACCOUNTS, len(history.factors))
    drawn = np.random.Generator(np.random.PCG64(SEED)).integers(0, 2, shape) * 2.0 - 1
    return [("random", f"random {at + 1}", drawn[:, at] / shape[2]) for at in range(RANDOM_ACCOUNTS)]


def _always(exposure: NDArray[np.float64], history: FactorHistory) -> NDArray[np.float64]:
    return np.tile(exposure, (len(history), 1))


def hedge_ratios(history: FactorHistory, of: int, by: int) -> NDArray[np.float64]:
    """How much of one factor hedges one of another, at each time: by least squares through zero over the last 250 moves
    up to then; zero where there are none, or none of the hedge."""
    steps = one_step_moves(history)
    together, own = (
        _of_last(np.concatenate([[0.0], np.cumsum(product)]))
        for product in (steps[:, of] * steps[:, by], steps[:, by] ** 2)
    )
    return np.divide(together, own, out=np.zeros_like(own), where=own > 0)


def _of_last(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    before = np.zeros_like(sums)
    before[HEDGE_MOVES:] = sums[:-HEDGE_MOVES]
    return sums - before

"""Wrong-way risk: the failure of a name strikes the price of that name, of what is pledged for it, and of its like.

A scenario in which a name falls by a stated part and every other factor moves as it did on average when that name lost
most: its conditional mean in the tail, the marginal expected shortfall of Acharya and others (2017). What an account
holds of the name, what it has pledged of it and what moves with it are then lost at once, and a hedge of another name
gains no more than it did on those days. So a sheet holds it.

A sheet judges everybody alike: that an account is itself close to a name it cannot know. What a member has issued is
kept out by limits of zero lots, and as collateral counts for nothing (``collateral.wrong_way``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, Scenarios, moves


@dataclass(frozen=True, slots=True)
class WrongWay:
    """A name whose failure is foreseen: its price falls by the part ``fall``; ``tail`` is the part of the days, those
    on which it lost most, that say what others do."""

    name: str
    fall: float
    tail: float = 0.01

    def __post_init__(self) -> None:
        if not (0 < self.fall < 1 and 0 < self.tail <= 1):
            raise RiskError(
                f"wrong_way: {self.name}: fall {self.fall}, tail {self.tail}: expected parts between 0 and 1; a price "
                "that is lost nearly whole falls by 0.99"
            )


def contagion(cases: Sequence[WrongWay], past: FactorHistory, steps: int) -> Scenarios:
    """A scenario for each case. RiskError for a name that the history lacks, or that moves by differences."""
    found = moves(past, steps)
    names = [factor.name for factor in past.factors]
    rows = []
    for case in cases:
        if case.name not in names:
            raise RiskError(f"wrong_way: there is no factor {case.name!r}: the history has {', '.join(names)}")
        at = names.index(case.name)
        if past.factors[at].kind != "relative":
            raise RiskError(
                f"wrong_way: {case.name} moves by differences, and a fall is a part of the price: leave it out"
            )
        count = max(1, int(np.ceil(round(len(found) * case.tail, 9))))
        worst = np.argsort(found.moves[:, at], kind="stable")[:count]
        row = found.moves[worst].mean(axis=0)
        row[at] = np.log1p(-case.fall)
        rows.append(row)
    labels = tuple(f"{case.name} falls by {100 * case.fall:g} %, others as on its worst days" for case in cases)
    return Scenarios("wrong-way", past.factors, np.array(rows), labels, found.horizon_days)

"""What a portfolio will be asked for, in floats, and why: the estimate beside the house's exact evaluation.

The same steps as ``novate.core.plain.sheet``, before rounding: losses by netting set, their measures, offsets up to the
cap, blocks at their weights, the floor, add-ons. ``rounding_bound`` is by how much the house may ask for more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from novate.risk.models.blocks import Block
from novate.risk.models.draft import Draft


@dataclass(frozen=True, slots=True)
class Asked:
    """What one block asks, before its weight, and why.

    Attributes
    ----------
    loss : float
        Its measure after offsets between netting sets.
    without_offsets : float
        The sum of the measures of the netting sets, each alone.
    scenario, scenario_loss : str, float
        Where the whole portfolio loses most.
    contributors : tuple of (str, float)
        Losses in that scenario by contract, the largest first; a hedge is negative.
    """

    block: str
    part: str
    weight: float
    loss: float
    without_offsets: float
    scenario: str
    scenario_loss: float
    contributors: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """An estimate in whole units of the numeraire: initial is what blocks ask together, the add-ons, and what short
    lots of options add. Where these are charged, what blocks ask is not cut off at zero (``quantised``)."""

    initial: float
    maintenance: float
    of_blocks: float
    blocks: tuple[Asked, ...]
    add_ons: tuple[tuple[str, float], ...]
    short_options: tuple[tuple[str, float], ...] = ()

    @property
    def binds(self) -> str:
        """What is asked: the weighted "sum", or the floor block of this name ("floor", "hypothetical")."""
        for each in self.blocks:
            if each.part == "floor" and each.weight * each.loss >= self.of_blocks > 0:
                return each.block
        return "sum"


def requirement(made: Draft, lots: Mapping[str, int]) -> Requirement:
    """What a portfolio is asked for, with the reasons.

    ``lots`` by symbol, long positive; of collateral the whole lots that run the scenarios. RiskError names a symbol
    without a row.
    """
    held = [(made.row(symbol), size) for symbol, size in lots.items() if size]
    count = sum(len(block.scenarios) for block in made.blocks)
    results = {row.symbol: size * row.results for row, size in held}
    by_set: dict[str, tuple[NDArray[np.float64], float]] = {}
    for row, size in held:
        gains, shift = by_set.get(row.netting_set, (np.zeros(count), 0.0))
        by_set[row.netting_set] = gains + results[row.symbol], shift + size * row.short_option / 2
    asked = tuple(_asked(made, block, list(by_set.values()), results) for block in made.blocks)
    weighted = [(each.part, each.weight * each.loss) for each in asked]
    added = sum(loss for part, loss in weighted if part != "floor")
    of_blocks = max([added, *(loss for part, loss in weighted if part == "floor")])
    add_ons = tuple((row.symbol, more) for row, size in held if (more := row.add_on(size)) > 0)
    shorts = tuple((row.symbol, -size * row.short_option) for row, size in held if size < 0 < row.short_option)
    initial = of_blocks + sum(more for _, more in (*add_ons, *shorts))
    return Requirement(initial, made.maintenance * initial, of_blocks, asked, add_ons, shorts)


def _asked(
    made: Draft,
    block: Block,
    by_set: Sequence[tuple[NDArray[np.float64], float]],
    results: Mapping[str, NDArray[np.float64]],
) -> Asked:
    """``by_set`` are results of each netting set, and what every scenario gains for its options (``quantised``): losses
    are measured and cut off at zero with it, and told without it."""
    gains = [(made.in_block(each, block), shift) for each, shift in by_set]
    whole = sum((each for each, _ in gains), np.zeros(len(block.scenarios)))
    shifts = sum(shift for _, shift in by_set)
    joint = float(block.loss(whole + shifts))
    alone = sum(float(block.loss(each + shift)) for each, shift in gains)
    loss = joint if alone <= joint else alone - made.offset_cap * (alone - joint)
    worst = int(np.argmin(whole))
    parts = [(symbol, -float(made.in_block(each, block)[worst])) for symbol, each in results.items()]
    return Asked(
        block.name,
        block.part,
        block.weight,
        loss + shifts,
        alone + shifts,
        block.scenarios.labels[worst],
        -float(whole[worst]),
        tuple(sorted(parts, key=lambda part: -part[1])),
    )


def rounding_bound(made: Draft, lots: Mapping[str, int], unit: Fraction) -> float:
    """The most by which the house, on the quantised sheet, asks for more than the estimate; it never asks for less.

    A lot's results are off by half a unit at most, and half a unit a lot is added: one unit a lot. Measures of a block
    and of its netting sets are rounded up one by one, as are blocks together, add-ons piece by piece and half units:
    one unit each, and a millionth of a unit a lot for the rates of add-ons.
    """
    held = [(made.row(symbol), abs(size)) for symbol, size in lots.items() if size]
    sizes = sum(size for _, size in held)
    sets = len({row.netting_set for row, _ in held})
    pieces = sum(len(row.add_ons) or row.short_option > 0 for row, _ in held)
    return float(unit * (sizes + sets + 4 + pieces + Fraction(sizes, 10**6)))

"""The trades that free most margin of a portfolio under a risk sheet.

Expected shortfall is the least over t of t + (mean excess of losses over t) / tail (Rockafellar and Uryasev, 2000), so
a sheet of worst and shortfall blocks is a linear program in the lots, sets, caps, floors and add-ons included.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from novate.core.money import PPM
from novate.core.sheet_terms import ContractRow, RiskSheet, ScenarioBlock
from novate.risk.errors import RiskError
from novate.risk.optimise.program import Program
from novate.risk.sheet_asks import Row, blocks_of, results_of, rows_of, units_asked


@dataclass(frozen=True, slots=True)
class Tradable:
    """How far a position may change, in lots, and what a lot costs to trade, in sheet units (not negative)."""

    sell_max: int
    buy_max: int
    cost_units: float = 0.0


@dataclass(frozen=True, slots=True)
class Freed:
    """The trades (positive: bought), the requirement before and after them in sheet units, and what they cost."""

    trades: dict[str, int]
    before_units: int
    after_units: int
    cost_units: float

    @property
    def freed_units(self) -> int:
        """By how much the requirement falls."""
        return self.before_units - self.after_units


def freeing_trades(
    sheet: RiskSheet,
    lots: Mapping[str, int],
    tradable: Mapping[str, Tradable],
    *,
    lots_traded_max: int | None = None,
    gap: float = 1e-4,
    nodes_max: int = 100_000,
) -> Freed:
    """The whole lots to trade, within bounds, that take most off the requirement, less what trading them costs.

    ``lots`` are held of contracts, and of collateral that the sheet carries. The requirement before and after is the
    sheet's own exact evaluation. The search ends where no other trades could take a ``gap`` more off what is left, as a
    part of it. Where nothing within the bounds frees more than it costs there are no trades.

    RiskError for a block that takes the k-th worst and for add-ons whose rates fall with size: neither is convex, and
    no linear program bounds it. And where the search does not end within ``nodes_max``.
    """
    _check(sheet, tradable)
    rows = {row.symbol: row for row in sheet.contracts}
    fixed = [(row, size) for row, size in rows_of(sheet, lots) if row.symbol not in tradable]
    moving = [(rows[symbol], lots.get(symbol, 0), bounds) for symbol, bounds in tradable.items()]
    program = _Freeing(sheet, fixed, moving)
    changes = program.changes(lots_traded_max, gap, nodes_max)
    before = units_asked(sheet, lots)
    trades = {row.symbol: change for (row, _, _), change in zip(moving, changes, strict=True) if change}
    after = units_asked(sheet, dict(lots) | {symbol: lots.get(symbol, 0) + size for symbol, size in trades.items()})
    cost = sum(abs(size) * tradable[symbol].cost_units for symbol, size in trades.items())
    if before - after <= cost:
        return Freed({}, before, before, 0.0)
    return Freed(trades, before, after, cost)


def _check(sheet: RiskSheet, tradable: Mapping[str, Tradable]) -> None:
    rows = {row.symbol: row for row in sheet.contracts}
    for symbol, bounds in tradable.items():
        if symbol not in rows:
            raise RiskError(f"{symbol}: no contract of the sheet {sheet.name}: it has {', '.join(rows)}")
        if bounds.sell_max < 0 or bounds.buy_max < 0 or not bounds.cost_units >= 0:
            raise RiskError(f"{symbol}: {bounds}: expected nothing negative")
        rates = [0, *(piece.rate_ppm for piece in rows[symbol].add_ons)]
        if rates != sorted(rates):
            raise RiskError(f"{symbol}: the rates of its add-on fall with size, which is not convex: leave it untraded")
    for block in sheet.blocks:
        if block.measure == "kth_worst":
            raise RiskError(f"{block.name}: the k-th worst loss is not convex: use an expected shortfall, or the worst")


class _Freeing:
    """The program of one portfolio: what is fixed loses what it loses, what moves loses by its lots."""

    def __init__(
        self, sheet: RiskSheet, fixed: list[tuple[Row, int]], moving: list[tuple[ContractRow, int, Tradable]]
    ) -> None:
        self.sheet, self.fixed, self.moving, self.program = sheet, fixed, moving, Program()
        add = self.program.variables
        self.bought = [add(1, cost=each.cost_units, most=each.buy_max, whole=True)[0] for _, _, each in moving]
        self.sold = [add(1, cost=each.cost_units, most=each.sell_max, whole=True)[0] for _, _, each in moving]
        self.pairs = np.array([*self.bought, *self.sold], np.int32)
        self._combine_blocks()
        for (row, held, _), bought, sold in zip(moving, self.bought, self.sold, strict=True):
            self._charge_size(row, held, bought, sold)

    def changes(self, lots_traded_max: int | None, gap: float, nodes_max: int) -> list[int]:
        """Lots bought less lots sold of each contract that moves."""
        if lots_traded_max is not None:
            self.program.row(self.pairs, np.ones(len(self.pairs)), most=lots_traded_max)
        found = self.program.solved(gap=gap, nodes_max=nodes_max)
        if found is None:
            raise RiskError(f"lots_traded_max {lots_traded_max}: expected none below 0")
        return [round(found[b]) - round(found[s]) for b, s in zip(self.bought, self.sold, strict=True)]

    def _combine_blocks(self) -> None:
        """The requirement: current and stressed blocks at their weights, each floor block the least of it."""
        (asked,) = self.program.variables(1, cost=1.0)
        columns, factors = [], []
        for block, part in blocks_of(self.sheet.blocks):
            measured = self._block(block, part)
            if block.part == "floor":
                self.program.row([asked, measured], [1.0, -block.weight_ppm / PPM], least=0.0)
            else:
                columns.append(measured)
                factors.append(-block.weight_ppm / PPM)
        self.program.row([asked, *columns], [1.0, *factors], least=0.0)

    def _block(self, block: ScenarioBlock, part: slice) -> int:
        """What a block asks: the larger of all sets together, and that with no more offset than is granted."""
        losses = [self._losses(block, part, name) for name in self.sheet.netting_sets]
        together = self._measure(block, losses)
        alone = [self._measure(block, [of_set]) for of_set in losses]
        (asked,) = self.program.variables(1)
        self.program.row([asked, together], [1.0, -1.0], least=0.0)
        granted = self.sheet.offset_cap_ppm / PPM
        self.program.row([asked, together, *alone], [1.0, -granted, *([granted - 1] * len(alone))], least=0.0)
        return asked

    def _losses(self, block: ScenarioBlock, part: slice, netting_set: str) -> NDArray[np.int32]:
        """Variables that are no less than what a set loses in each scenario."""
        held = [*self.fixed, *((row, size) for row, size, _ in self.moving)]
        base = np.zeros(block.scenarios)
        for row, size in held:
            if row.netting_set == netting_set:
                base -= size * results_of(row)[part]
        at = [place for place, (row, _, _) in enumerate(self.moving) if row.netting_set == netting_set]
        gains = np.array([results_of(self.moving[place][0])[part] for place in at], np.float64)
        gains = gains.reshape(len(at), block.scenarios)
        moved = [*(self.bought[place] for place in at), *(self.sold[place] for place in at)]
        losses = self.program.variables(block.scenarios, least=-np.inf)
        for loss, least, gained in zip(losses, base.tolist(), gains.T, strict=True):
            self.program.row([loss, *moved], np.concatenate([[1.0], gained, -gained]), least=least)
        return losses

    def _measure(self, block: ScenarioBlock, losses: list[NDArray[np.int32]]) -> int:
        """The worst or the expected shortfall of the sum of these losses; not below zero."""
        (measure,) = self.program.variables(1)
        scenarios = np.array(losses, np.int32).T.tolist()
        signs = [-1.0] * len(losses)
        if block.measure == "worst":
            for each in scenarios:
                self.program.row([measure, *each], [1.0, *signs], least=0.0)
            return measure
        mass = block.scenarios * block.tail_numerator / block.tail_denominator
        (beyond,) = self.program.variables(1, least=-np.inf)
        excess = self.program.variables(block.scenarios).tolist()
        for above, each in zip(excess, scenarios, strict=True):
            self.program.row([above, beyond, *each], [1.0, 1.0, *signs], least=0.0)
        self.program.row([measure, beyond, *excess], [1.0, -1.0, *([-1.0 / mass] * len(excess))], least=0.0)
        return measure

    def _charge_size(self, row: ContractRow, held: int, bought: int, sold: int) -> None:
        """Half a unit for every lot, and each piece of the add-on on the lots above its floor."""
        (size,) = self.program.variables(1, cost=0.5)
        self.program.row([size, bought, sold], [1.0, -1.0, 1.0], least=held)
        self.program.row([size, bought, sold], [1.0, 1.0, -1.0], least=-held)
        before = 0
        for piece in row.add_ons:
            (above,) = self.program.variables(1, cost=(piece.rate_ppm - before) / PPM)
            self.program.row([above, size], [1.0, -1.0], least=-piece.floor_lots)
            before = piece.rate_ppm

"""Works the house's liquidation orders in a market of limited depth, against accounts that are willing and able."""

import numpy as np

from novate.core.commands import ExecuteLiquidation
from novate.sim.depth import Depth
from novate.sim.market import Market
from novate.sim.population import HEDGER, MAKER, Population
from novate.sim.sight import Order, Sight

ROUNDS = 4
FILLS_MAX = 6
VOLUME_MEMORY = 0.9
NEW_CONTRACT_PART = 0.1
NEED_SCALE = 1.5
"""Counterparties set aside so much of the plain margin rate, for brackets and the next move."""


class Working:
    """The depth of the market, the volume it is measured by, and the numbers of the executions."""

    def __init__(self, rng: np.random.Generator, people: Population, market: Market) -> None:
        self.rng, self.people, self.market = rng, people, market
        self.depth = Depth()
        self.volume: dict[int, float] = {}
        self.number = 0

    def next_step(self, traded: dict[int, int]) -> None:
        """A new price: impact is gone, and what ``traded`` per contract in the step before enters the usual volume."""
        self.depth.next_step()
        for contract in sorted(self.volume.keys() | traded.keys()):
            fresh = float(traded.get(contract, 0))
            known = self.volume.get(contract, fresh)
            self.volume[contract] = VOLUME_MEMORY * known + (1 - VOLUME_MEMORY) * fresh

    def executions(self, seen: Sight) -> list[ExecuteLiquidation]:
        """One round: what the market takes of every open order now."""
        self.depth.next_round()
        spare = np.where(seen.open & np.isin(self.people.style, (MAKER, HEDGER)), 0.5 * (seen.equity - seen.initial), 0)
        done: list[ExecuteLiquidation] = []
        for order in seen.orders:
            done += self._fill(order, spare)
        return done

    def _fill(self, order: Order, spare: np.ndarray) -> list[ExecuteLiquidation]:
        entry = self.market.listed[order.contract]
        if not self.market.live[order.contract] or not order.lots:
            return []
        mark = int(self.market.price_ticks[order.contract])
        sigma = self.market.sigma[entry.series.code]
        volume = self._usual_volume(order.contract)
        fill = self.depth.offer(order.contract, order.lots, order.limit_ticks, mark, sigma, volume)
        if fill is None:
            return []
        need = NEED_SCALE * entry.series.margin_rate * self.market.lot_value[order.contract]
        left, done = fill.lots, []
        for place in self.rng.permutation(np.flatnonzero(spare >= need))[:FILLS_MAX].tolist():
            lots = int(min(left, spare[place] / need))
            spare[place] -= lots * need
            self.number += 1
            other = int(self.people.index[place])
            done.append(ExecuteLiquidation("depth", self.number, order.number, lots, fill.price_ticks, other))
            left -= lots
            if not left:
                break
        self.depth.take(order.contract, 1 if order.lots > 0 else -1, fill.lots - left)
        return done

    def _usual_volume(self, contract: int) -> float:
        """Lots that trade in a step; while a contract is new, a part of the busiest one's on its series."""
        series = self.market.listed[contract].series
        busiest = max(self.volume.get(entry.index, 0.0) for entry in self.market.listed if entry.series is series)
        return max(self.volume.get(contract, 0.0), NEW_CONTRACT_PART * busiest)

"""What the population trades: goals from its behaviour, orders from its goals, and trades from matching orders.

Trades come matched, as they would from an exchange. Whatever buyers and sellers leave over goes to the market makers
in proportion to the margin they have to spare, and what is too much for them stays undone.
"""

import numpy as np

from novate.core.rows import TRADE
from novate.core.terms import Kind
from novate.sim.market import MOMENTUM_STEPS, ROLL_STEPS, Market
from novate.sim.plan import Listed
from novate.sim.population import MAKER, RECKLESS, TREND, WRITER, Population
from novate.sim.sight import Sight

SPREAD = 0.0002
MAKER_USAGE, MAKER_PARTS = 0.6, 4
"""A market maker uses at most so much of its equity as margin, and a quarter of what is left for one contract."""
ROLL_CHANCE = 0.3
OPTION_CHANCE = 0.08
CUT_TO = 0.4
PREMIUM_PART = 0.01
FLOW_PART = 0.25

Standing = tuple[np.ndarray, np.ndarray]
"""Equity and initial requirement per account, in units of the numeraire."""


class Trading:
    """Goals in lots per account and series, and the orders that lead there."""

    def __init__(self, rng: np.random.Generator, people: Population, market: Market, flow_trades: int) -> None:
        self.rng = rng
        self.people = people
        self.market = market
        self.flow_trades = flow_trades
        self.goal = np.zeros((people.count, len(market.plan.series)))
        self.usage = people.of("usage")
        self.lean = people.of("lean")
        self.turnover = people.of("turnover")

    def batch(self, seen: Sight, lots: np.ndarray, cutting: np.ndarray, *, opening: bool) -> np.ndarray:
        """Rows of ``TRADE`` (without numbers) for one step.

        ``lots[account, contract]`` is what each holds; ``cutting`` accounts reduce; when ``opening`` all set goals.
        """
        standing, able = (seen.equity, seen.initial), seen.open & seen.priced
        anew = able & ((self.rng.random(self.people.count) < self.turnover) | opening)
        self._set_goals(anew, standing)
        self.goal[cutting & able] *= CUT_TO
        orders = self._orders(anew | (cutting & able), lots, able)
        wanted = np.flatnonzero(orders.any(axis=0)).tolist()
        parts = [self._cross(contract, orders[:, contract], lots, standing, able) for contract in wanted]
        parts.append(self._flow(able, lots))
        parts.append(self._options(standing, lots, able))
        rows = np.concatenate(parts)
        self.rng.shuffle(rows)
        return rows

    def _set_goals(self, anew: np.ndarray, standing: Standing) -> None:
        deposit = self.people.money + self.people.coin
        base = np.where(self.people.of("fixed"), np.minimum(deposit, 2 * np.maximum(standing[0], 0.0)), standing[0])
        equity = np.maximum(base, 0.0)
        series = self.market.plan.series
        lean = np.repeat(self.lean[:, None], len(series), axis=1)
        for place, one in enumerate(series):
            sigma = self.market.sigma.get(one.code, 0.01) * np.sqrt(MOMENTUM_STEPS)
            lean[self.people.style == TREND, place] = np.tanh(2 * self.market.momentum.get(one.code, 0.0) / sigma)
        usage = np.where(self.people.style == WRITER, 0.5 * self.usage, self.usage)
        for place, one in enumerate(series):
            best = self.market.goes_by(one, perpetual=False) or self.market.goes_by(one, perpetual=True)
            if best is None:
                continue
            value = self.market.lot_value[best.index]
            wish = lean[:, place] * usage * self.people.weights[:, place] * equity / (one.margin_rate * value)
            self.goal[anew, place] = np.trunc(wish[anew])

    def _orders(self, active: np.ndarray, lots: np.ndarray, able: np.ndarray) -> np.ndarray:
        """Lots to trade per account and contract: towards the goal in the contract of choice, out of the others."""
        orders = np.zeros_like(lots)
        maker = self.people.style == MAKER
        for place, series in enumerate(self.market.plan.series):
            entries = [e for e in self.market.of(series, Kind.FUTURE, Kind.PERPETUAL) if not e.terms.inverse]
            dated, always = (self.market.goes_by(series, perpetual=kind) for kind in (False, True))
            for entry in entries:
                if not self.market.live[entry.index]:
                    continue
                mine = np.zeros(self.people.count, bool)
                for choice, chosen in ((dated, ~self.people.perpetual), (always, self.people.perpetual)):
                    if choice is not None and choice.index == entry.index:
                        mine |= chosen
                held = lots[:, entry.index]
                goal = np.where(mine, self.goal[:, place], 0.0).astype(np.int64)
                ending = entry.ends_at >= 0 and entry.ends_at - self.market.step <= ROLL_STEPS
                rolls = active | (ending & able & (held != 0) & (self.rng.random(len(held)) < ROLL_CHANCE))
                orders[:, entry.index] += np.where(rolls & ~maker, goal - held, 0)
                if ending and dated is not None and dated.index != entry.index:
                    orders[:, dated.index] += np.where(rolls & ~active & ~maker, held, 0)  # the same in the next one
        return np.where(able[:, None], orders, 0)

    def _cross(
        self, contract: int, orders: np.ndarray, lots: np.ndarray, standing: Standing, able: np.ndarray
    ) -> np.ndarray:
        """Match one contract's orders; makers take what is left over.

        They do so out of what they hold, then by moving along what they hold in a contract that ends, then anew.
        """
        orders = orders.copy()
        entry = self.market.listed[contract]
        maker = able & (self.people.style == MAKER)
        side = np.sign(int(orders.sum()))
        held = np.where(maker, np.maximum(side * lots[:, contract], 0), 0).astype(np.float64)
        moved = np.where(maker, np.maximum(-side * self._ending(entry, lots), 0), 0) * ROLL_CHANCE
        spare = np.where(maker, np.maximum(MAKER_USAGE * standing[0] - standing[1], 0.0), 0.0)
        room = spare / (entry.series.margin_rate * max(self.market.lot_value[contract], 1e-9)) / MAKER_PARTS
        for part in (held, moved, room):
            excess, total = abs(int(orders.sum())), float(part.sum())
            if excess and total >= 1:
                orders -= side * np.trunc(part * min(1.0, excess / total)).astype(np.int64)
        return self._matched(contract, orders)

    def _ending(self, entry: Listed, lots: np.ndarray) -> np.ndarray:
        """What each account holds in another dated contract on the series that is about to end."""
        ending = [
            other.index
            for other in self.market.of(entry.series, Kind.FUTURE)
            if other.index != entry.index and other.ends_at - self.market.step <= ROLL_STEPS
        ]
        return lots[:, ending].sum(axis=1)

    def _matched(self, contract: int, orders: np.ndarray) -> np.ndarray:
        """Trades between buyers and sellers in random order; what has no other side is left out."""
        buyers, sellers = (self.rng.permutation(np.flatnonzero(sign * orders > 0)) for sign in (1, -1))
        bought, sold = np.cumsum(orders[buyers]), np.cumsum(-orders[sellers])
        if not len(bought) or not len(sold):
            return np.zeros(0, TRADE)
        total = min(int(bought[-1]), int(sold[-1]))
        ends = np.unique(np.concatenate([bought, sold]))
        ends = np.append(ends[ends < total], total)
        rows = np.zeros(len(ends), TRADE)
        rows["lots"] = np.diff(ends, prepend=0)
        rows["buyer"] = self.people.index[buyers[np.searchsorted(bought, ends)]]
        rows["seller"] = self.people.index[sellers[np.searchsorted(sold, ends)]]
        return self._priced(rows, np.full(len(rows), contract))

    def _flow(self, able: np.ndarray, lots: np.ndarray) -> np.ndarray:
        """Trades within the step, closed again at another price: a part of what the smaller of two accounts holds."""
        choice = [e.index for e in self.market.listed if e.terms.kind in (Kind.FUTURE, Kind.PERPETUAL)]
        choice = [index for index in choice if self.market.live[index]]
        ready = np.flatnonzero(able & (self.people.style != RECKLESS))
        if not choice or len(ready) < 2 or not self.flow_trades:
            return np.zeros(0, TRADE)
        interest = np.abs(lots[:, choice]).sum(axis=0) + 1.0
        contract = self.rng.choice(choice, self.flow_trades, p=interest / interest.sum())
        first, second = (self.rng.choice(ready, self.flow_trades) for _ in range(2))
        size = np.maximum(1, FLOW_PART * np.minimum(*(np.abs(lots[who, contract]) for who in (first, second))))
        apart = first != second
        rows = np.zeros(int(apart.sum()), TRADE)
        rows["lots"] = size[apart].astype(np.int64)
        rows["buyer"], rows["seller"] = (self.people.index[who[apart]] for who in (first, second))
        back = rows.copy()
        back["buyer"], back["seller"] = rows["seller"], rows["buyer"]
        return self._priced(np.concatenate([rows, back]), np.tile(contract[apart], 2))

    def _options(self, standing: Standing, lots: np.ndarray, able: np.ndarray) -> np.ndarray:
        """Writers sell to hedgers and investors, who pay the premium out of what they have."""
        plan = self.market.plan
        entries = [e for e in self.market.of(plan.primary, Kind.PUT, Kind.CALL) if self.market.live[e.index]]
        writers = np.flatnonzero(able & (self.people.style == WRITER) & (self.rng.random(len(able)) < OPTION_CHANCE))
        buyers = np.flatnonzero(able & ~np.isin(self.people.style, (WRITER, RECKLESS)))
        parts = []
        for writer in writers if entries and len(buyers) else ():
            entry = entries[int(self.rng.integers(len(entries)))]
            buyer = int(self.rng.choice(buyers))
            value = self.market.lot_value[entry.index]
            short = -lots[writer, [e.index for e in entries]].sum()
            room = 0.5 * self.usage[writer] * standing[0][writer] / (1.5 * plan.primary.margin_rate * value) - short
            premium = self.market.price_ticks[entry.index] * float(entry.series.tick) * entry.lot_units
            size = int(min(room / 3, PREMIUM_PART * max(standing[0][buyer], 0.0) / max(premium, 1e-9)))
            if size > 0:
                row = np.zeros(1, TRADE)
                row["lots"], row["buyer"], row["seller"] = size, self.people.index[buyer], self.people.index[writer]
                parts.append(self._priced(row, np.array([entry.index])))
        return np.concatenate(parts) if parts else np.zeros(0, TRADE)

    def _priced(self, rows: np.ndarray, contract: np.ndarray) -> np.ndarray:
        """Prices near the mark, in ticks inside the limits."""
        marks = self.market.price_ticks[contract]
        noise = np.rint(self.rng.normal(0.0, SPREAD, len(rows)) * marks).astype(np.int64)
        low, high = (
            np.array([getattr(self.market.listed[index].terms, name) for index in contract.tolist()], np.int64)
            for name in ("price_min_ticks", "price_max_ticks")
        )
        rows["contract"] = contract
        rows["price_ticks"] = np.clip(marks + noise, low, high)
        return rows

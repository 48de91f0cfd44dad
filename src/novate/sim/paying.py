"""Money in and out: who pays when called, who is late, who lets it be, who takes out what is free."""

import numpy as np

from novate.core.commands import Deposit, Withdraw
from novate.core.rows import CASH
from novate.sim.market import Market
from novate.sim.population import RECKLESS, Population
from novate.sim.sight import COIN, MINOR, NUMERAIRE, Sight

PAY_MARGIN = 1.25
"""Who pays brings so much of the call, for the next day's move."""
TURMOIL_REACH = 0.5
CASH_LOW, CASH_PART = 0.6, 1.0
"""Who would have less cash than the first part of its requirement brings enough for the second."""
WITHDRAW_CHANCE = 0.02
LEAST = 1000.0

Rows = list[tuple[int, int, int]]
"""Account index, asset, minor units."""


class Paying:
    """Calls that wait for an answer, payments that come too late, and what each account still has outside."""

    def __init__(self, rng: np.random.Generator, people: Population, market: Market) -> None:
        self.rng, self.people, self.market = rng, people, market
        self.called: dict[int, float] = {}
        self.late: Rows = []
        self.numbers = {"deposits": 0, "withdrawals": 0}

    def first_deposits(self, coin_price: float, coin_minor: int) -> list[Deposit]:
        """The margin of the first day, part of it in the second asset by some."""
        people = self.people
        coins = people.coin / coin_price * coin_minor
        rows = [(int(i), NUMERAIRE, round(float(m) * MINOR)) for i, m in zip(people.index, people.money, strict=True)]
        rows += [(int(i), COIN, round(float(c))) for i, c in zip(people.index, coins, strict=True) if c >= 1]
        return self._deposit(rows)

    def answer_calls(self, seen: Sight) -> tuple[list[Deposit], np.ndarray]:
        """Deposits of those who pay, and who reduces its book instead (a mask).

        Who cannot or will not pay misses the call; some pay a step too late. Who would be short of cash after the
        coming settlement brings some before it is asked.
        """
        people = self.people
        rows, self.late = self.late, []
        cutting = np.zeros(people.count, bool)
        pays, cuts = people.of("pays"), people.of("cuts")
        reach = people.reserve * np.where(people.of("credit") | (not self.market.in_turmoil), 1.0, TURMOIL_REACH)
        for place in sorted(self.called):
            amount = min(self.called[place] * PAY_MARGIN, float(reach[place]))
            cut, in_time = self.rng.random(2)
            if amount < self.called[place] or cut < cuts[place]:
                cutting[place] = people.style[place] != RECKLESS
                continue
            people.reserve[place] -= amount
            row = int(people.index[place]), NUMERAIRE, max(1, round(amount * MINOR))
            (rows if in_time < pays[place] else self.late).append(row)
        rows += self._top_ups(seen, reach)
        self.called.clear()
        return self._deposit(rows), cutting

    def _top_ups(self, seen: Sight, reach: np.ndarray) -> Rows:
        people = self.people
        willing = seen.open & people.of("credit") & (self.rng.random(people.count) < people.of("pays"))
        willing[sorted(self.called)] = False
        after = seen.cash + seen.equity - seen.settled
        amount = np.minimum(CASH_PART * seen.initial - after, np.minimum(reach, people.reserve))
        places = np.flatnonzero(willing & (after < CASH_LOW * seen.initial) & (amount >= LEAST))
        people.reserve[places] -= amount[places]
        return [(int(people.index[p]), NUMERAIRE, round(float(amount[p]) * MINOR)) for p in places]

    def withdrawals(self, seen: Sight) -> list[Withdraw]:
        """Some take out a part of what lies idle; the reckless take all that is free."""
        people = self.people
        free = np.maximum(np.minimum(seen.settled, seen.equity) - seen.initial, 0.0)
        idle = free > 2 * np.maximum(seen.initial, 0.1 * people.money)
        want = np.where(people.style == RECKLESS, 0.9 * free, np.where(idle, 0.25 * free, 0.0))
        amount = np.minimum(want, seen.cash)
        chosen = seen.open & seen.priced & (amount >= LEAST) & (self.rng.random(people.count) < WITHDRAW_CHANCE)
        places = np.flatnonzero(chosen)
        people.reserve[places] += amount[places]
        rows = [(int(people.index[p]), NUMERAIRE, int(amount[p] * MINOR)) for p in places]
        return [Withdraw("withdrawals", self._cash("withdrawals", rows))] if rows else []

    def _deposit(self, rows: Rows) -> list[Deposit]:
        rows = [row for row in rows if row[2] > 0]
        return [Deposit("deposits", self._cash("deposits", rows))] if rows else []

    def _cash(self, source: str, rows: Rows) -> bytes:
        cash = np.zeros(len(rows), CASH)
        first = self.numbers[source] + 1
        self.numbers[source] += len(rows)
        cash["number"] = np.arange(first, first + len(rows))
        cash["account"], cash["asset"], cash["amount_minor"] = np.array(rows, np.int64).T
        return cash.tobytes()

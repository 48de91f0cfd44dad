"""A house, its population and a history, played step by step.

Within a step: prices become marks, and calls that are due are judged; liquidation orders are worked in a few rounds of
limited depth; those who were called pay or cut; the population trades; funding is published; cash is settled.
"""

from collections.abc import Sequence

import numpy as np

from novate.core.commands import (
    AddAsset,
    AddMember,
    AdoptRulebook,
    AnyCommand,
    Clock,
    Contribute,
    OpenAccount,
    PublishInterest,
    SubmitTrades,
)
from novate.core.facts import Fact, MarginCalled, TradesNovated
from novate.core.rows import NOVATED
from novate.sim import plan as plans
from novate.sim import population as sizes
from novate.sim.desk import Desk, Watcher
from novate.sim.market import Market
from novate.sim.paying import Paying
from novate.sim.plan import Plan
from novate.sim.population import Population
from novate.sim.sight import COIN, FINE, MINOR, NUMERAIRE, Sight, held_lots, see
from novate.sim.trading import Trading
from novate.sim.working import ROUNDS, Working

FIRST_ACCOUNT = 5
"""Index of the first account after the house's own; each member opens two, then come the clients."""


class World:
    """Plays a plan with a population at a desk. ``watch`` is told every command with its facts.

    ``marked`` is what was seen right after the marks of the step, ``expired_lots`` the lots that ended in it.
    """

    def __init__(
        self, plan: Plan, people: Population, rng: np.random.Generator, desk: Desk, watch: Watcher, flow_trades: int
    ) -> None:
        self.plan, self.people, self.desk, self.watch = plan, people, desk, watch
        self.market = Market(plan)
        self.trading = Trading(rng, people, self.market, flow_trades)
        self.paying = Paying(rng, people, self.market)
        self.working = Working(rng, people, self.market)
        self.traded: dict[int, int] = {}
        self.trade_number = 0
        self.place: dict[int, int] = {}
        self.marked: Sight
        self.expired_lots = 0

    def open_house(self) -> None:
        """Assets, rules, contracts, members, accounts and the money of the first day."""
        plan, people = self.plan, self.people
        start = plan.time_ns(0) - 60 * plan.unit_ns
        clients = range(people.members, people.count)
        opening: list[AnyCommand] = [AddAsset(asset) for asset in plans.assets(plan)]
        opening += [AdoptRulebook(plans.rulebook(plan)), PublishInterest(NUMERAIRE, plans.INTEREST_PPM)]
        opening += [*self.market.first_listings(), *self.market.new_listings(0)]
        opening += [AddMember(people.account_name(member)) for member in range(people.members)]
        opening += [OpenAccount(int(people.member[place]), people.account_name(place)) for place in clients]
        houses = FIRST_ACCOUNT + 2 * np.arange(people.members)
        people.index[:] = np.concatenate([houses, FIRST_ACCOUNT + 2 * people.members + np.arange(people.clients)])
        self.place = {int(index): place for place, index in enumerate(people.index)}
        opening += [self.market.publish(0), *self._contributions()]
        opening += self.paying.first_deposits(plan.primary.first_price, 10**plans.COIN_DECIMALS)
        self.send([(start, command) for command in opening])

    def _contributions(self) -> list[Contribute]:
        people = self.people
        scale = float(people.money.sum() + people.coin.sum()) / sizes.USUAL_MONEY
        skin, insurance, treasury = (
            round(amount * scale * MINOR) for amount in (sizes.SKIN, sizes.INSURANCE, sizes.TREASURY)
        )
        funds = [
            Contribute("funding", 1, "skin_in_the_game", NUMERAIRE, skin),
            Contribute("funding", 2, "insurance_fund", NUMERAIRE, insurance),
            Contribute("funding", 3, "treasury", NUMERAIRE, treasury),
        ]
        if self.plan.inverse:  # who settles in the coin without having it buys it from the treasury
            coins = sizes.TREASURY * scale / self.plan.primary.first_price
            funds.append(Contribute("funding", 4, "treasury", COIN, round(coins * 10**plans.COIN_DECIMALS)))
        funds += [
            Contribute(
                "funding", 10 + member, "default_fund", NUMERAIRE, round(float(people.fund[member]) * MINOR), member
            )
            for member in range(people.members)
        ]
        return funds

    # --- a step ---------------------------------------------------------------------------------------------------

    def play(self, step: int) -> Sight:
        """One step of the history; what is seen at its end."""
        start, unit = self.plan.time_ns(step), self.plan.unit_ns
        self.working.next_step(self.traded)
        self.traded.clear()
        if step:
            news = [*self.market.new_listings(step), *self._recalibration(step), self.market.publish(step)]
            self.send([(start, command) for command in news])
        self.marked = self.look()
        ending = self.market.expiring(step)
        self.expired_lots = int(self.marked.open_lots[[command.contract for command in ending]].sum())
        self.send([(start, command) for command in [*ending, Clock()]])
        seen = self._work_orders(start, unit)
        self.send(self._day(step, seen, start, unit))
        return self.look()

    def _recalibration(self, step: int) -> list[AdoptRulebook]:
        """When a dated contract has expired, margins are set anew from all moves known by then."""
        if step - 1 not in self.plan.expiries:
            return []
        for series in self.plan.series:
            past = plans.past_of(self.plan, series.name, step)
            series.margin_rate = plans.margin_rate(past, self.plan.margin_steps)
        return [AdoptRulebook(plans.rulebook(self.plan))]

    def _work_orders(self, start: int, unit: int) -> Sight:
        """A few rounds in the market while there is something to work; what is seen after them."""
        seen = self.look()
        for turn in range(1, ROUNDS + 1):
            executions = self.working.executions(seen)
            if not executions:
                break
            self.send([(start + turn * unit, execution) for execution in executions])
            seen = self.look()
        return seen

    def _day(self, step: int, seen: Sight, start: int, unit: int) -> list[tuple[int, AnyCommand]]:
        """Everything between the liquidations and the settlement, decided from what was seen before it."""
        deposits, cutting = self.paying.answer_calls(seen)
        commands: list[tuple[int, AnyCommand]] = [(start + 6 * unit, deposit) for deposit in deposits]
        lots = self.desk.look(lambda book: held_lots(book, self._places(book.account_count)))
        rows = self.trading.batch(seen, lots, cutting, opening=step == 0)
        if len(rows):
            rows["number"] = np.arange(self.trade_number + 1, self.trade_number + 1 + len(rows))
            self.trade_number += len(rows)
            commands.append((start + 8 * unit, SubmitTrades("exchange", rows.tobytes())))
        commands += [(start + 9 * unit, funding) for funding in self.market.funding()]
        commands += [(start + 10 * unit, withdrawal) for withdrawal in self.paying.withdrawals(seen)]
        commands.append((start + 18 * unit, Clock()))
        return commands

    # --- the desk -------------------------------------------------------------------------------------------------

    def look(self) -> Sight:
        """The book as the population sees it."""
        return self.desk.look(lambda book: see(book, self.people.index))

    def _places(self, count: int) -> np.ndarray:
        """Account index -> place in the population, -1 for the house's own."""
        places = np.full(count, -1)
        places[self.people.index] = np.arange(self.people.count)
        return places

    def send(self, commands: Sequence[tuple[int, AnyCommand]]) -> None:
        """Hand commands in and take note of what they led to."""
        for (time_ns, command), facts in zip(commands, self.desk.send(commands), strict=True):
            self._note(facts)
            self.watch(command, facts, time_ns)

    def _note(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, MarginCalled) and fact.bucket in self.place:
                self.paying.called[self.place[fact.bucket]] = fact.amount_fine / FINE
            elif isinstance(fact, TradesNovated):
                rows = np.frombuffer(fact.rows, NOVATED)
                lots = np.bincount(rows["contract"], rows["lots"])
                for contract in np.flatnonzero(lots).tolist():
                    self.traded[contract] = self.traded.get(contract, 0) + int(lots[contract])

"""A seed is a world: terms, prices and people, and what they do next when they look at the house."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from novate.core import commands as c
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import AccountKind, Contract, Kind
from novate.sim.book_picture import Picture
from novate.sim.worlds import (
    afterwards,
    banking,
    ending,
    isolating,
    modelling,
    overseeing,
    packing,
    pooling,
    resting,
    selling,
)
from novate.sim.worlds.afterwards import SENT_MAX
from novate.sim.worlds.people import CHARACTERS, HONEST, Numbers, Person
from novate.sim.worlds.prices import Market
from novate.sim.worlds.script import Restart, Step
from novate.sim.worlds.terms import HOUR, MINUTE, SECOND, START_NS, Listing, draw_terms, with_rising_initial
from novate.sim.worlds.trading import draw_trade

FIRST_ACCOUNT = 5
"""Index of the first account after the house's own."""

KINDS: Final[tuple[AccountKind, ...]] = ("client", "gross_omnibus", "net_omnibus")
"""Of three accounts of clients two are of several clients together."""

MODELLED: Final = 0.2
"""The part of worlds with risk sheets: judging by one takes time, and so does compiling what does."""


def is_modelled(seed: int) -> bool:
    """Whether a seed's world adopts risk sheets."""
    return Random(f"risk sheets of {seed}").random() < MODELLED


class World:
    """Draws everything from one seed; ``opening`` are its first steps, ``next`` the one after what is seen.

    The house's registers are seen as pictures, and nothing else of the core: the same seed and the same house give the
    same steps.
    """

    def __init__(self, seed: int, history: Path | None = None) -> None:
        self.random = Random(seed)
        self.terms = draw_terms(self.random)
        self.rulebook = self.terms.rulebook
        self.market = Market(self.random, len(self.terms.spots), list(self.terms.coin_prices), history)
        self.contracts: list[Contract] = [listing.terms for listing in self.terms.listings]
        self.listings = list(self.terms.listings)
        self.numbers = Numbers(self.random)
        self.people: list[Person] = []
        self.pools: list[int] = []
        self.names = 0
        self.now_ns = START_NS
        self.closed_orders: list[int] = []
        self.sent: list[tuple[int, ...]] = []
        self.fresh: list[tuple[int, ...]] = []
        self.on_record = 0
        self.restart_every = self.random.choice([0, 40, 90])
        self.engine_restarts = self.random.random() < 0.04
        self.wealth = self.random.choice([10**3, 10**5, 10**6])
        self.calm = self.random.uniform(0.5, 2.0)
        self.short_of_cash = self.random.random() < 0.3
        self.modelled = is_modelled(seed)
        self.sheet: RiskSheet | None = None
        self.sheets = 0
        self.strictness = Random(f"stricter rules of {seed}")
        self.rising = Random(f"initial rates of {seed}")
        self.rulebook = modelling.with_caps(self) if self.modelled else self.rulebook
        if self.rising.random() < 0.5:
            self.rulebook = with_rising_initial(self.rising, self.rulebook)

    # ---- the first day ----------------------------------------------------------------------------------------------

    def opening(self) -> list[Step]:
        """Assets, contracts, rules, members, accounts, first prices, first money."""
        random = self.random
        asked: list[c.AnyCommand] = [c.AddAsset(asset) for asset in self.terms.assets]
        asked += [c.ListContract(contract) for contract in self.contracts]
        asked.append(c.AdoptRulebook(self.rulebook))
        members = random.randint(2, 4)
        asked += [c.AddMember(f"m{member}") for member in range(members)]
        for member in range(members):
            self.people.append(Person(FIRST_ACCOUNT + 2 * member, member, random.choice(CHARACTERS)))
        self.people[0].character = HONEST
        clients, subs = random.choice([0, 2, 3, 4]), []
        for client in range(clients):
            member, account = random.randrange(members), FIRST_ACCOUNT + 2 * members + client
            asked.append(c.OpenAccount(member, f"c{client}", KINDS[client % 3]))
            if KINDS[client % 3] == "gross_omnibus":
                first = FIRST_ACCOUNT + 2 * members + clients + len(subs)
                subs += pooling.begin(self, account, member, first)
            else:
                self.people.append(Person(account, member, random.choice(CHARACTERS), True))
        asked += subs
        self.names = 10
        asked.append(self.marks(dict.fromkeys(range(len(self.contracts)), "unmarked")))
        rows = [
            (self.numbers.next("bank"), self.first_money(person, asset), person.purse, asset)
            for person in self.people
            for asset in range(len(self.terms.assets))
            if person is self.people[0] or random.random() < (0.7 if asset or len(self.terms.assets) > 1 else 1)
        ]
        asked.append(c.Deposit("bank", packing.cash(rows)))
        asked += self._funds(members)
        asked += [c.PublishInterest(asset, 50_000) for asset in range(len(self.terms.assets)) if random.random() < 0.7]
        return [Step(self.now_ns, command) for command in asked]

    def first_money(self, person: Person, asset: int) -> int:
        """Wealth times a draw; the first member is rich enough to take the other side.

        In some worlds the others have next to no cash, and owe it soon.
        """
        scarce = asset == 0 and self.short_of_cash and person is not self.people[0]
        size = (
            (0.05 if scarce else 1)
            * self.wealth
            * self.random.choice([0.05, 1, 1, 10])
            * (50 if person is self.people[0] else 1)
        )
        price = self.terms.coin_prices.get(asset, Fraction(1))
        return max(1, int(size / float(price) * 10 ** self.terms.assets[asset].decimals))

    def _funds(self, members: int) -> list[c.AnyCommand]:
        depth = self.random.choice([0.0, 0.001, 0.05, 1.0])
        found: list[c.AnyCommand] = []
        funds = ["skin_in_the_game", "insurance_fund", *["treasury"] * len(self.terms.assets)]
        for at, fund in enumerate([*funds, *["default_fund"] * members]):
            asset = self.random.randrange(len(self.terms.assets)) if self.random.random() < 0.3 else 0
            asset = at - 2 if fund == "treasury" else asset
            price = float(self.terms.coin_prices.get(asset, Fraction(1)))
            scale = 20 if fund == "treasury" else 1
            unit = 10 ** self.terms.assets[asset].decimals
            deep = max(depth, 0.02) if fund == "treasury" else depth
            amount = int(self.wealth * deep * scale * self.random.uniform(0.2, 2) / price * unit)
            member = at - len(funds) if fund == "default_fund" else None
            number = self.numbers.next("funds")
            found.append(c.Contribute("funds", number, fund, asset, max(1, amount), member))  # type: ignore[arg-type]
        return found

    # ---- prices -----------------------------------------------------------------------------------------------------

    def price_of(self, contract: int) -> int:
        """Where a contract stands in the market, in its own ticks."""
        listing = self.listings[contract]
        spot = self.terms.spots[listing.spot]
        level = spot.first_ticks * self.market.level["spot", listing.spot]
        if listing.along == "spread":
            level -= spot.first_ticks
        elif listing.along == "event":
            level = 50 * self.market.level["spot", listing.spot] ** 3
        terms = listing.terms
        if terms.kind in (Kind.CALL, Kind.PUT):
            tick = float(Fraction(spot.tick))
            strike = float(Fraction(terms.strike or 0)) / tick
            inner = max(0.0, level - strike if terms.kind is Kind.CALL else strike - level)
            premium = (inner + abs(level) * listing.basis_ppm / 10**6) * tick
            premium = premium / (level * tick) if terms.inverse else premium
            ticks = premium / float(Fraction(terms.tick_size))
        else:
            ticks = level * (1 + listing.basis_ppm / 10**6)
        return max(terms.price_min_ticks, min(terms.price_max_ticks, round(ticks)))

    def asset_price(self, asset: int) -> int:
        """A coin follows its spot, any other asset its own path; numeraire fine units per whole unit."""
        tied = [at for at, spot in enumerate(self.terms.spots) if spot.coin == asset]
        key = ("spot", tied[0]) if tied else ("asset", asset)
        price = self.terms.coin_prices[asset] * Fraction(self.market.level[key])
        return max(1, int(price * 10 ** self.terms.assets[0].fine_decimals))

    def marks(self, states: dict[int, str]) -> c.PublishMarks:
        """Marks of everything, or of a few; now and then one is missing, absurd, late, given twice or of nothing."""
        random = self.random
        known = [at for at, state in states.items() if state != "expired"]
        if states and random.random() < 0.25:
            known = random.sample(known, min(len(known), random.randint(1, 3)))
        rows: list[tuple[int, int | None]] = [(at, self.price_of(at)) for at in known]
        if random.random() < 0.08 and rows:
            odd = random.choice([None, 0, -5, 2**60])
            rows.append(random.choice([(random.randrange(len(self.contracts)), odd), (99, 7), (-1, None)]))
        if random.random() < 0.1:
            random.shuffle(rows)
        prices: tuple[c.AssetPrice, ...] = ()
        if self.terms.coin_prices and (random.random() < 0.7 or "unmarked" in states.values()):
            prices = tuple(c.AssetPrice(asset, self.asset_price(asset)) for asset in self.terms.coin_prices)
            if random.random() < 0.06:
                asset = random.randrange(len(self.terms.assets) + 1)
                prices = (*prices, c.AssetPrice(asset, random.choice([None, 0, 2**62, 10**6])))
        return c.PublishMarks(packing.marks(rows), prices)

    # ---- the next step ----------------------------------------------------------------------------------------------

    def next(self, seen: Picture) -> Step:
        """What somebody does next in the house that is seen."""
        self.now_ns += self.random.choice([0, 1, SECOND, MINUTE])
        if seen["house"]["trades on record"] > self.on_record or self.random.random() < 0.1:
            self.sent = [*self.sent, *self.fresh][-SENT_MAX:]
        self.fresh = []
        if self.restart_every and self.random.random() < 1 / self.restart_every:
            snapshot, facts, engine = Restart("snapshot"), Restart("facts"), Restart("engine")
            return Step(self.now_ns, engine if self.engine_restarts else self.random.choice([snapshot, facts]))
        acts: list[tuple[float, Callable[[Picture], c.AnyCommand | None]]] = [
            (22 * self.calm, self.tick),
            (45, self.trade),
            (12, self.wait),
            (4, self.deposit),
            (4, self.withdraw),
            (4, self.fund),
            (1.2, partial(banking.interest, self)),
            (30 if seen["order"] else 1, self.execute),
            (30 if seen["conversion order"] else 0.2, partial(selling.act, self)),
            (30 if seen["call"] else 0, self.answer_call),
            (8 if ending.due(self, seen) else 0.3, partial(ending.expire, self)),
            (0.6, partial(ending.resolve, self)),
            (30 if seen["porting"] or seen["give-up"] else 1.5, partial(overseeing.limit, self)),
            (3 if seen["halt"] else 1.2, partial(overseeing.halt, self)),
            (12 if seen["gate"] else 1.0, self.contribute),
            (0.8, partial(pooling.register, self)),
            (3.2, self.administer),
            (2.5, partial(banking.announce, self)),
            (4 if seen["deposit"] else 0.2, partial(banking.arrive, self)),
            (2, partial(banking.take_back, self)),
            (3, partial(banking.request, self)),
            (9 if seen["withdrawal"] else 0.2, partial(banking.proceed, self)),
            (2, partial(banking.transfer, self)),
            (30 if seen["give-up"] else 11, partial(afterwards.act, self)),
            (afterwards.urge(seen), partial(afterwards.find_a_member, self)),
            (7, partial(resting.change, self)),
            (4, partial(isolating.isolate, self)),
            (1.0 if seen["isolated"] else 0.1, partial(isolating.rejoin, self)),
            (2.5, partial(isolating.move, self)),
            ((4 if seen["sheet"] else 40) * self.modelled, partial(modelling.adopt, self)),
            ((7 if seen["sheet"] else 0.2) * self.modelled, partial(modelling.switch, self)),
        ]
        while True:
            (act,) = self.random.choices([act for _, act in acts], [weight for weight, _ in acts])
            command = act(seen)
            if command is not None:
                return Step(self.now_ns, command)

    def tick(self, seen: Picture) -> c.AnyCommand:
        """Prices move and are published."""
        self.market.tick()
        return self.marks({at: row[0] for at, row in seen["contract"].items()})

    def wait(self, seen: Picture) -> c.AnyCommand:
        """Time passes: a little, or until something is due."""
        house = seen["house"]
        moments = [house["settlement due"], *(due for _, due in seen["call"].values())]
        moments += [order[5] for order in seen["order"].values()]
        moments += [contract.expiry_ns for contract in self.contracts]
        moments += [order[6] for order in seen["conversion order"].values()]
        moments += seen["scheduled"].values()
        later = [moment for moment in moments if moment is not None and moment > self.now_ns]
        if later and self.random.random() < 0.6:
            self.now_ns = min(later)
        else:
            self.now_ns += self.random.choice([SECOND, MINUTE, 20 * MINUTE, HOUR, 1 + 4 * HOUR])
        return c.Clock()

    def trade(self, seen: Picture) -> c.AnyCommand | None:
        """A batch of one to four trades."""
        rows = [draw_trade(self, seen) for _ in range(self.random.choice([1, 1, 2, 4]))]
        kept = [resting.filling(self, seen, row) for row in rows if row is not None]
        self.fresh, self.on_record = kept, seen["house"]["trades on record"]
        return c.SubmitTrades("venue", packing.trades(kept)) if kept else None

    # ---- money ------------------------------------------------------------------------------------------------------

    def deposit(self, seen: Picture) -> c.AnyCommand:
        """Somebody brings more; now and then nonsense."""
        person = self.random.choice(self.people)
        asset = self.random.randrange(len(self.terms.assets))
        odd = self.random.random() < person.character.odd
        amount = self.first_money(person, asset) // self.random.choice([1, 3, 10])
        account = person.purse
        if odd:
            amount = self.random.choice([amount, 0, -1, 2**61])
            account = self.random.choice([account, 0, FIRST_ACCOUNT + 1, len(seen["account"]) - 1, 999])
            asset = self.random.choice([asset, 9])
        return c.Deposit("bank", packing.cash([(self.numbers.next("bank", odd=odd), amount, account, asset)]))

    def withdraw(self, seen: Picture) -> c.AnyCommand | None:
        """Somebody takes money out: some of it, or all that is free and a unit more."""
        rows = []
        for person in self.random.sample(self.people, min(len(self.people), self.random.choice([1, 1, 2]))):
            asset = self.random.randrange(len(self.terms.assets))
            amount = banking.wanted(self, seen, person, asset)
            odd = self.random.random() < person.character.odd
            rows.append((self.numbers.next("bank", odd=odd), amount, person.purse, asset))
        return c.Withdraw("bank", packing.cash(rows))

    def answer_call(self, seen: Picture) -> c.AnyCommand | None:
        """Somebody who was called pays what was asked, a little more or too little; or does not."""
        owners = {at: owner for at, (owner, _, _) in seen["isolated"].items()}
        called = [
            (bucket, person)
            for bucket in seen["call"]
            for person in self.people
            if person.purse == owners.get(bucket, bucket)
        ]
        if not called:
            return None
        bucket, person = self.random.choice(called)
        if self.random.random() > person.character.pays:
            return None
        amount_fine, _ = seen["call"][bucket]
        unit = 10 ** (self.terms.assets[0].fine_decimals - self.terms.assets[0].decimals)
        amount = -(-amount_fine // unit)
        amount += self.random.choice([0, 0, -1, 1_000, -amount // 2, -amount // 3])
        if bucket in owners:
            return isolating.answer(self, seen, bucket, person, max(1, amount))
        return c.Deposit("bank", packing.cash([(self.numbers.next("bank"), max(1, amount), person.purse, 0)]))

    def contribute(self, seen: Picture) -> c.AnyCommand:
        """More for a fund, or to somebody who cannot have it."""
        funds = ("default_fund", "skin_in_the_game", "insurance_fund", "treasury")
        member = self.random.randrange(len(seen["member in default"]) + 1)
        asset = self.random.randrange(len(self.terms.assets))
        amount = self.random.choice([0, 1, self.wealth, self.wealth * 10])
        number = self.numbers.next("funds", odd=self.random.random() < 0.1)
        return c.Contribute("funds", number, self.random.choice(funds), asset, amount, member)

    def fund(self, seen: Picture) -> c.AnyCommand | None:
        """Funding of perpetuals, either way; now and then of something else, or absurd."""
        perpetuals = [at for at, contract in enumerate(self.contracts) if contract.kind is Kind.PERPETUAL]
        if not perpetuals:
            return None
        rows = [(at, self.random.randint(-(10**9), 10**9)) for at in perpetuals]
        if self.random.random() < 0.15:
            rows.append((self.random.randrange(len(self.contracts) + 1), self.random.choice([10**11, 2 * 10**12, -1])))
        return c.PublishFunding(packing.funding(rows))

    # ---- what is rare -----------------------------------------------------------------------------------------------

    def execute(self, seen: Picture) -> c.AnyCommand | None:
        """A fill of an open order: whole, partial, too much, too dear, twice, too late, or against the wrong one."""
        random, orders = self.random, seen["order"]
        self.closed_orders += [number for number in range(seen["house"]["next order"]) if number not in orders][-2:]
        odd = random.random() < 0.12
        if not orders or (odd and random.random() < 0.3):
            order = random.choice([*self.closed_orders, 0, 10**6])
            return c.ExecuteLiquidation("desk", self.numbers.next("desk"), order, 1, 1, self.people[0].account)
        number = random.choice(list(orders))
        bucket, _, lots, open_lots, limit, _ = orders[number]
        side = 1 if lots > 0 else -1
        size = max(1, abs(open_lots) * random.choice([1000, 1000, 500, 100]) // 1000)
        price = limit - side * random.choice([0, 0, 1, 3]) if random.random() < 0.8 else limit
        other = random.choice([self.people[0], *self.people]).account
        if odd:
            size, price = random.choice([(size + 10**6, price), (0, price), (size, limit + side), (size, 0)])
            other = random.choice([other, bucket, 0, 999])
        return c.ExecuteLiquidation("desk", self.numbers.next("desk", odd=odd), number, size, price, other)

    def administer(self, seen: Picture) -> c.AnyCommand:
        """A new account or member, other rules, a new contract in place of one that is over."""
        choice = self.random.randrange(6)
        self.names += 1
        if choice == 0:
            return c.AddMember(self.random.choice([f"n{self.names}", "m0"]))
        if choice == 1:
            member = self.random.randrange(len(seen["member in default"]) + 1)
            kind, index = KINDS[self.names % 3], len(seen["account"])
            opens = not seen["member in default"].get(member, True)
            if opens and kind == "gross_omnibus":
                self.pools.append(index)
            elif opens and len(self.people) < 10:
                self.people.append(Person(index, member, self.random.choice(CHARACTERS), True))
            return c.OpenAccount(member, f"c{self.names}", kind)
        if choice == 2 and len(self.contracts) < 14:
            listing = self.random.choice(self.terms.listings)
            terms: dict[str, object] = {"symbol": f"{listing.terms.symbol}-{self.names}"}
            if listing.terms.expiry_ns is not None:
                terms["expiry_ns"] = self.now_ns + self.random.randint(1, 40) * HOUR
            return self._list(listing, terms)
        return overseeing.rules(self, seen)

    def _list(self, listing: Listing, terms: dict[str, object]) -> c.AnyCommand:
        contract = msgspec.structs.replace(listing.terms, **terms)
        self.contracts.append(contract)
        self.listings.append(Listing(contract, listing.spot, listing.basis_ppm, listing.along))
        return c.ListContract(contract)

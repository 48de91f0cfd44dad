"""The house that is measured: its terms, its accounts with their favourite contracts, and trades without end.

Every account trades the same few contracts of its own, so that the house keeps its size however long it is measured:
``positions`` rows an account, each position a random walk around nothing. Hubs are accounts that trade far more
contracts than the others and stand on one side of half of the trades.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from novate.core import commands as c
from novate.core import rows as layouts
from novate.core import terms as t

HOUR_NS: Final = 3600 * 10**9
FIRST_ACCOUNT: Final = 7
"""The five accounts of the house and the two of its only member come first."""
CASH_MINOR: Final = 10**10
LOTS_MAX: Final = 5
TICKS_AROUND_MARK: Final = 5


class Size(msgspec.Struct, frozen=True):
    """How large the measured house is, and how much of everything a figure takes."""

    accounts: int = 100_000
    contracts: int = 2_000
    positions: int = 10
    hubs: int = 20
    hub_positions: int = 1_500
    batch_rows: int = 10_000
    batches: int = 30
    submitters: int = 256
    singles_each: int = 200
    ticks: int = 20
    one_ticks: int = 200
    popular_holders: int = 8_000
    portfolio_accounts: int = 10_000
    scenarios: int = 1_000
    recovery_batches: int = 1_000
    recovery_singles: int = 10_000_000
    recovery_singles_measured: int = 1_000_000
    snapshot_every: int = 250_000
    limit_seconds: float = 1.0
    peer_fills: int = 20_000
    repeats: int = 7


FULL: Final = Size()
SMALL: Final = Size(
    accounts=2_000,
    contracts=100,
    positions=5,
    hubs=4,
    hub_positions=60,
    batch_rows=1_000,
    batches=3,
    submitters=16,
    singles_each=10,
    ticks=5,
    one_ticks=10,
    popular_holders=200,
    portfolio_accounts=200,
    scenarios=100,
    recovery_batches=5,
    recovery_singles=2_000,
    recovery_singles_measured=2_000,
    snapshot_every=500,
    limit_seconds=0.05,
    peer_fills=1_000,
    repeats=3,
)
"""A smoke run of seconds: its figures say nothing about speed."""

RULEBOOK: Final = t.Rulebook(
    name="bench",
    numeraire="USD",
    form="clearing_house",
    collateral={"USD": 0},
    margin_classes={"m": (t.Tier(0, 100_000, 50_000), t.Tier(10**15, 200_000, 100_000))},
    settlement_interval_ns=24 * HOUR_NS,
    call_due_ns=HOUR_NS,
    waterfall=(t.Layer.INSURANCE, t.Layer.GAINS_HAIRCUT),
)


def contract(index: int) -> t.Contract:
    """Terms of one perpetual: a cent a tick, a fee of a basis point a side."""
    return t.Contract(
        symbol=f"C{index}",
        kind=t.Kind.PERPETUAL,
        settlement="USD",
        tick_size="0.01",
        lot_size="1",
        price_min_ticks=1,
        price_max_ticks=10_000_000,
        position_limit_lots=100_000,
        margin_class="m",
        stale_after_ns=30 * 24 * HOUR_NS,
        fee_ppm=100,
    )


class World:
    """The commands that open the house, and trades between its accounts. Everything follows from the seed."""

    def __init__(self, size: Size, seed: int = 0) -> None:
        self.size = size
        self.random = np.random.default_rng(seed)
        self.prices = self.random.integers(5_000, 50_000, size.contracts)  # ticks by contract
        first = self.random.integers(0, size.contracts, (size.accounts, 1))
        stride = self.random.integers(1, size.contracts // size.positions + 1, (size.accounts, 1))
        # Distinct by construction: the strides of one account never come round.
        favourites = (first + stride * np.arange(size.positions)) % size.contracts
        self.favourites = favourites  # contracts by account, counted from the first
        order = np.argsort(favourites, axis=None, kind="stable")
        self.holder_count = np.bincount(favourites.ravel(), minlength=size.contracts)
        self.holder_start = np.cumsum(self.holder_count) - self.holder_count
        self.holders = FIRST_ACCOUNT + order // size.positions  # accounts by contract
        self.hubs = FIRST_ACCOUNT + self.random.choice(size.accounts, size.hubs, replace=False)
        self.number = 0

    def opening(self) -> Iterator[c.AnyCommand]:
        """Everything before the first trade."""
        size = self.size
        yield c.AddAsset(t.Asset("USD", 2, 8))
        yield c.AdoptRulebook(RULEBOOK)
        for index in range(size.contracts):
            yield c.ListContract(contract(index))
        yield c.AddMember("member")
        for index in range(size.accounts):
            yield c.OpenAccount(0, f"a{index}")
        cash = np.zeros(size.accounts, layouts.CASH)
        cash["number"] = 1 + np.arange(size.accounts)
        cash["account"] = FIRST_ACCOUNT + np.arange(size.accounts)
        cash["amount_minor"] = CASH_MINOR
        yield c.Deposit("bank", cash.tobytes())
        yield self.marks(self.prices)

    def filling(self) -> Iterator[c.AnyCommand]:
        """Batches that give every account each of its positions: neighbours among a contract's holders trade."""
        buyers, sellers, contracts = [], [], []
        for index in range(self.size.contracts):
            held = self.holders_of(index)
            if len(held) < 2:
                continue
            pairs = (len(held) + 1) // 2
            buyers.append(held[:pairs])
            sellers.append(np.concatenate((held[pairs:], held[:1]))[:pairs])  # an odd one out meets the first
            contracts.append(np.full(pairs, index))
        order = self.random.permutation(sum(map(len, contracts)))
        rows = self.rows(
            np.concatenate(contracts)[order], np.concatenate(buyers)[order], np.concatenate(sellers)[order]
        )
        for start in range(0, len(rows), self.size.batch_rows):
            yield c.SubmitTrades("venue", rows[start : start + self.size.batch_rows].tobytes())

    def hub_filling(self) -> Iterator[c.SubmitTrades]:
        """Batches that give every hub each of its positions, against holders of the contract."""
        contracts = np.tile(np.arange(self.size.hub_positions), self.size.hubs)
        hubs = np.repeat(self.hubs, self.size.hub_positions)
        _, others = self.two_holders(contracts)
        others = np.where(others == hubs, FIRST_ACCOUNT + (others - FIRST_ACCOUNT + 1) % self.size.accounts, others)
        rows = self.rows(contracts, hubs, others)
        for start in range(0, len(rows), self.size.batch_rows):
            yield c.SubmitTrades("venue", rows[start : start + self.size.batch_rows].tobytes())

    def marks(self, prices: np.ndarray) -> c.PublishMarks:
        """Marks of all contracts, in ticks."""
        rows = np.zeros(self.size.contracts, layouts.MARK)
        rows["contract"] = np.arange(self.size.contracts)
        rows["price_ticks"] = prices
        return c.PublishMarks(rows.tobytes())

    def mark(self, index: int, price_ticks: int) -> c.PublishMarks:
        """The mark of one contract."""
        rows = np.zeros(1, layouts.MARK)
        rows["contract"], rows["price_ticks"] = index, price_ticks
        return c.PublishMarks(rows.tobytes())

    def holders_of(self, index: int) -> np.ndarray:
        """The accounts that trade a contract."""
        start = self.holder_start[index]
        return self.holders[start : start + self.holder_count[index]]

    def two_holders(self, contracts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two different accounts of each contract that trade it."""
        count, start = self.holder_count[contracts], self.holder_start[contracts]
        one = (self.random.random(len(contracts)) * count).astype(np.int64)
        other = (one + 1 + (self.random.random(len(contracts)) * (count - 1)).astype(np.int64)) % count
        return self.holders[start + one], self.holders[start + other]

    def batch(self, *, hubs: bool = False) -> c.SubmitTrades:
        """One batch between accounts at random, or with a hub on one side of half of the trades."""
        size = self.size
        contracts = self.random.integers(0, size.hub_positions if hubs else size.contracts, size.batch_rows)
        buyers, sellers = self.two_holders(contracts)
        if hubs:
            hub = self.hubs[self.random.integers(0, size.hubs, size.batch_rows)]
            chosen = self.random.random(size.batch_rows)
            buyers = np.where((chosen < 0.25) & (sellers != hub), hub, buyers)
            sellers = np.where((chosen >= 0.75) & (buyers != hub), hub, sellers)
        return c.SubmitTrades("venue", self.rows(contracts, buyers, sellers).tobytes())

    def singles(self, count: int, source: str) -> list[c.SubmitTrades]:
        """Commands of one trade each, numbered from 1 by their own source."""
        contracts = self.random.integers(0, self.size.contracts, count)
        rows = self.rows(contracts, *self.two_holders(contracts))
        rows["number"] = 1 + np.arange(count)
        return [c.SubmitTrades(source, rows[at : at + 1].tobytes()) for at in range(count)]

    def rows(self, contracts: np.ndarray, buyers: np.ndarray, sellers: np.ndarray) -> np.ndarray:
        """Trades of a few lots near the mark, numbered on."""
        rows = np.zeros(len(contracts), layouts.TRADE)
        rows["number"] = self.number + 1 + np.arange(len(rows))
        self.number += len(rows)
        rows["contract"], rows["buyer"], rows["seller"] = contracts, buyers, sellers
        rows["lots"] = self.random.integers(1, LOTS_MAX, len(rows))
        around = self.random.integers(-TICKS_AROUND_MARK, TICKS_AROUND_MARK + 1, len(rows))
        rows["price_ticks"] = self.prices[contracts] + around
        return rows

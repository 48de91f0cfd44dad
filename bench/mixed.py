"""A mixed book: three settlement assets, a tenth of the accounts with an isolated contract, resting orders everywhere.

What costs more than in the plain house: conversion of three assets, positions with orders take the long way through
margin, and an isolated bucket is a second bucket of its account.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from bench import ticks, trades
from bench.figures import Figure
from bench.session import Session
from bench.world import CASH_MINOR, FIRST_ACCOUNT, RULEBOOK, World, contract
from novate.core import commands as c
from novate.core import rows as layouts
from novate.core import terms as t

WITHIN: Final = 1.3
"""The plain house's figures are to hold within 30 %."""
ASSETS: Final = ("USD", "EUR", "GBP")
HAIRCUTS: Final = {"USD": 0, "EUR": 50_000, "GBP": 80_000}
PRICES_FINE: Final = {1: 110_000_000, 2: 125_000_000}
ISOLATING: Final = 10
RESTING: Final = 3
ORDER_LOTS: Final = 5


class MixedWorld(World):
    """The same trades between the same accounts, in a book of more kinds."""

    def opening(self) -> Iterator[c.AnyCommand]:
        """Everything before the first trade."""
        size = self.size
        for symbol in ASSETS:
            yield c.AddAsset(t.Asset(symbol, 2, 8, 10**10))
        yield c.AdoptRulebook(msgspec.structs.replace(RULEBOOK, collateral=HAIRCUTS))
        for index in range(size.contracts):
            terms = contract(index)
            yield c.ListContract(msgspec.structs.replace(terms, settlement=ASSETS[index % len(ASSETS)]))
        yield c.AddMember("member")
        for index in range(size.accounts):
            yield c.OpenAccount(0, f"a{index}")
        prices = tuple(c.AssetPrice(asset, price) for asset, price in PRICES_FINE.items())
        yield c.PublishMarks(self.marks(self.prices).rows, prices)
        for asset in range(len(ASSETS)):
            cash = np.zeros(size.accounts, layouts.CASH)
            cash["number"] = 1 + np.arange(size.accounts) + asset * size.accounts
            cash["account"] = FIRST_ACCOUNT + np.arange(size.accounts)
            cash["asset"], cash["amount_minor"] = asset, CASH_MINOR
            yield c.Deposit("bank", cash.tobytes())

    def filling(self) -> Iterator[c.AnyCommand]:
        """Isolated buckets, positions, and orders that rest on both sides of an account's first contracts."""
        size = self.size
        for account in range(0, size.accounts, ISOLATING):
            contract_index = int(self.favourites[account, 0])
            money = c.Money(contract_index % len(ASSETS), CASH_MINOR // 4)
            yield c.IsolatePosition(FIRST_ACCOUNT + account, contract_index, (money,))
        yield from super().filling()
        contracts = self.favourites[:, 1 : 1 + RESTING, None]
        rows = np.zeros((*contracts.shape[:2], 2), layouts.ORDER)
        rows["account"] = (FIRST_ACCOUNT + np.arange(size.accounts))[:, None, None]
        rows["contract"] = contracts
        rows["side"] = np.arange(2)
        rows["lots"] = ORDER_LOTS
        flat = rows.reshape(-1)
        flat["number"] = 1 + np.arange(len(flat))
        for start in range(0, len(flat), size.batch_rows):
            yield c.ChangeOrders("orders", flat[start : start + size.batch_rows].tobytes())


def in_core(session: Session) -> list[Figure]:
    """Trades between accounts at random."""
    name = "trades in-core, mixed book"
    return trades.measure(session.other(MixedWorld), "trades-mixed", name, hubs=False, target=trades.TARGET / WITHIN)


def tick(session: Session) -> list[Figure]:
    """A tick that moves every mark."""
    return ticks.house(session.other(MixedWorld), "mixed book, ", ticks.HOUSE_TARGET_MS * WITHIN)

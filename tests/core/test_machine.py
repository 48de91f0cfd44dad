"""Every command in any order, in both forms, on a rich house and on one at the bounds of 64 bits.

After every step: all laws hold; a second book that folds the encoded facts has the same digest; a snapshot loads to
the same digest; every bucket is worth to Python's integers what it is worth to the kernels; a refused command has left
nothing but its source's mark and the time; and whoever is short is called (clearing house) or in liquidation (venue).
"""

import functools
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import initialize, run_state_machine_as_test

from novate.core import commands as c
from novate.core.book import Book
from novate.core.terms import OWNED, MarginMode
from tests.core.machine.failing import Failing
from tests.core.machine.money import Money
from tests.core.machine.prices import Prices
from tests.core.machine.ruling import LENT, LENT_FREELY, Ruling
from tests.core.machine.trading import Trading
from tests.core.worlds import DAY, HOUR, House, cash, extreme_house, rich_house, trades


@functools.cache
def snapshot(kind: str, form: str, slice_ppm: int) -> bytes:
    rules: dict[str, Any] = {"deposit_final_after_ns": DAY, "withdrawal_gates": {"USD": 1_000, "BTC": 0}}
    rules["overdrafts"] = LENT if kind == "rich" else LENT_FREELY
    rules |= {"conversion": "orders" if slice_ppm < 10**6 else "treasury", "conversion_due_ns": 9 * HOUR}
    house = (rich_house if kind == "rich" else extreme_house)(form, slice_ppm=slice_ppm, **rules)
    house.ok(c.OpenAccount(0, "pool", "gross_omnibus"))
    house.ok(c.OpenAccount(1, "net", "net_omnibus"))
    for reference in ("1", "2"):
        house.ok(c.OpenSubAccount(house.account("pool"), reference))
    return house.book.dumps()


class Clearing(Trading, Money, Prices, Failing, Ruling):
    """Every rule there is, on a house that is drawn too."""

    @initialize(
        kind=st.sampled_from(["rich", "rich", "extreme"]),
        form=st.sampled_from(["clearing_house", "venue"]),
        slice_ppm=st.sampled_from([400_000, 1_000_000]),
        funds=st.sampled_from([0, 1, 1_000]),
        seed=st.integers(0, 10**6),
    )
    def open(self, kind: str, form: str, slice_ppm: int, funds: int, seed: int) -> None:
        """Some have money, some trade all they can bear, and the house's own funds are empty, thin or deep."""
        data, random = snapshot(kind, form, slice_ppm), Random(seed)
        self.kind, self.house, self.shadow = kind, House(Book.loads(data)), Book.loads(data)
        units = (10**6, 10**7, 10**6) if kind == "rich" else (2**50, 2**48, 2**45)
        rows = [
            (self.house.next(), random.choice([0, 1, 3, 10, 100]) * units[asset] or 1, account, asset)
            for asset in range(3)
            for account, of in enumerate(self.book.registers.accounts)
            if of.role in OWNED
        ]
        self.do(c.Deposit("bank", cash(rows)))
        kinds: tuple[Any, ...] = ("skin_in_the_game", "insurance_fund", "treasury", "default_fund")
        for fund in kinds if funds else ():
            for asset in range(3):
                amount = random.choice([1, 10, 100]) * funds * units[asset] // 1_000
                self.do(c.Contribute("bank", self.house.next(), fund, asset, amount, asset))
        if random.random() < 0.6:
            self.do(c.AdoptRiskSheet(self.sheet(random.randint(0, 10**6))))
            for account in random.sample(self.traders(), 3):
                self.do(c.SetMarginMode(account, MarginMode.PORTFOLIO))
        for asset in range(3):
            self.do(c.PublishInterest(asset, random.choice([0, 50_000, 10**7])))
        batch = []
        for _ in range(60):
            contract, (buyer, seller) = random.randrange(1, self.listed()), random.sample(self.traders(), 2)
            most = 400 if kind == "rich" else int(self.book.contracts[contract]["position_limit_lots"]) // 4
            price = int(self.book.contracts[contract]["price_ticks"])
            batch.append((self.house.next(), random.randint(1, most), price, contract, buyer, seller))
        self.do(c.SubmitTrades("venue", trades(batch)))


@pytest.mark.parametrize(("count", "steps"), [(50, 30), pytest.param(100, 50, marks=pytest.mark.long)])
def test_every_command_in_any_order(count: int, steps: int) -> None:
    run_state_machine_as_test(Clearing, settings=settings(max_examples=count, stateful_step_count=steps, deadline=None))

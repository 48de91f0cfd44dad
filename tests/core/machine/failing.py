"""Liquidation orders and sales of collateral, filled or not."""

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from novate.core import commands as c
from novate.core import layout
from novate.core.facts import LiquidationExecuted
from novate.core.margin import judge
from tests.core.machine.stage import Stage
from tests.core.worlds import HOUR


class Failing(Stage):
    """Fills of the orders that are open."""

    @rule(data=st.data(), share=st.sampled_from([1, 500, 1_000, 1_000, 1_001]), better=st.integers(-1, 3))
    def execute(self, data: st.DataObject, share: int, better: int) -> None:
        orders = self.book.registers.orders
        order = data.draw(st.sampled_from([*orders, *orders, self.book.registers.next_order - 1, 10**6]))
        terms = orders.get(order)
        lots = max(1, abs(terms.open_lots) * share // 1_000) if terms else 1
        price = terms.limit_price_ticks - better * (1 if terms.lots > 0 else -1) if terms else 1
        counterparty = data.draw(self.account())
        self.do(c.ExecuteLiquidation("venue-liq", self.house.next(), order, lots, price, counterparty))

    @rule(share=st.sampled_from([1, 300, 1_000, 1_001]), better=st.sampled_from([-1, 0, 0, 10**4]))
    def sell(self, share: int, better: int) -> None:
        """A sale by every conversion order, at its worst rate, a unit below it or better, and one by none."""
        orders = self.book.registers.conversions
        for number in [*orders, self.book.registers.next_conversion]:
            order = orders.get(number)
            sold = max(1, order.open_minor * share // 1_000) if order else 1
            worst = -(-sold * order.least_minor // order.sell_minor) if order else 1
            self.do(c.ExecuteConversion("desk", self.house.next(), number, sold, worst + better))

    def fill_all(self, share: int) -> None:
        """Fills that most likely stand: every order at its limit, against those who have most to spare."""
        for order, terms in list(self.book.registers.orders.items()):
            lots = max(1, abs(terms.open_lots) * share // 1_000)
            able = sorted(self.traders(), key=lambda at: -self.to_spare(at, terms.bucket))
            for account in able[:4]:
                limit, number = terms.limit_price_ticks, self.house.next()
                facts = self.do(c.ExecuteLiquidation("venue-liq", number, order, lots, limit, account))
                if any(isinstance(fact, LiquidationExecuted) for fact in facts):
                    break

    def to_spare(self, account: int, bucket: int) -> int:
        """What an account could put up for the other side of a bucket's order; -1 where it may not."""
        estate = self.book.registers.origins.get(bucket, bucket)
        own = self.book.purse_of(account) in (self.book.purse_of(bucket), estate)
        may = self.book.buckets[account]["access"] == layout.OPEN and not own
        return judge(self.book, account).free_fine if may else -1

    @precondition(lambda self: self.book.registers.orders)
    @rule(share=st.sampled_from([300, 1_000]))
    def fill(self, share: int) -> None:
        self.fill_all(share)

    @precondition(lambda self: self.book.registers.liquidations)
    @rule(rounds=st.integers(1, 12))
    def work_out(self, rounds: int) -> None:
        """Slice after slice until nothing is open, and a cycle that closes what is flat."""
        for _ in range(rounds):
            if self.book.registers.orders:
                self.fill_all(1_000)
        self.do(c.Clock(), 8 * HOUR)

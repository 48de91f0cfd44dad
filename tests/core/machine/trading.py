"""Trades, resting orders, positions apart, and what is done to trades afterwards."""

import hypothesis.strategies as st
from hypothesis.stateful import rule

from novate.core import commands as c
from novate.core.novation import make_room
from tests.core import afterwards
from tests.core.machine.stage import Stage
from tests.core.twins import compare_orders, compare_trades
from tests.core.worlds import orders, trades


class Trading(Stage):
    """Drawn from the accounts and contracts that are there."""

    def trade(self, data: st.DataObject) -> None:
        """A batch of which most could be accepted; on the house at the bounds lots are parts of the limit."""
        rows = []
        for _ in range(data.draw(st.integers(1, 4))):
            contract = data.draw(st.integers(1, self.listed() - 1))
            limit = int(self.book.contracts[contract]["position_limit_lots"])
            size = data.draw(st.one_of(st.integers(1, 20), st.sampled_from([1, 2, 3, 10, 100, 1_000])))
            if self.kind == "extreme" or data.draw(st.integers(0, 19)) == 0:
                size = max(1, limit // size)
            price = self.price_of(contract, data.draw(self.moves()))
            buyer, seller = data.draw(self.account()), data.draw(self.account())
            filled = data.draw(st.sampled_from([0, 0, 0, 0, 1, 2, 3]))
            rows.append((self.house.next(), size, price, contract, buyer, seller, filled))
        compare_trades(self.book, rows)
        self.do(c.SubmitTrades("venue", trades(rows)))

    trade_once = rule(data=st.data())(trade)
    trade_twice = rule(data=st.data())(trade)
    trade_thrice = rule(data=st.data())(trade)

    @rule(data=st.data(), move=st.sampled_from([1_000, 990, 1_010]))
    def unwind(self, data: st.DataObject, move: int) -> None:
        """A long and a short close against each other, as far as both go."""
        contract = data.draw(st.integers(1, self.listed() - 1))
        held = {
            account: lots
            for account in self.traders()
            for of, lots, _ in self.book.positions_of(account)
            if of == contract and lots
        }
        longs, shorts = [at for at in held if held[at] > 0], [at for at in held if held[at] < 0]
        if longs and shorts:
            buyer, seller = data.draw(st.sampled_from(shorts)), data.draw(st.sampled_from(longs))
            size = min(-held[buyer], held[seller])
            rows = [(self.house.next(), size, self.price_of(contract, move), contract, buyer, seller)]
            compare_trades(self.book, rows)
            self.do(c.SubmitTrades("venue", trades(rows)))

    @rule(data=st.data())
    def change_orders(self, data: st.DataObject) -> None:
        """Orders that rest, and some that are cancelled again."""
        rows = []
        for _ in range(data.draw(st.integers(1, 4))):
            contract = data.draw(st.integers(1, 9))
            limit = int(self.book.contracts[contract]["position_limit_lots"])
            lots = data.draw(st.sampled_from([1, 2, 5, 20, -1, -2, -5]))
            lots = lots if self.kind == "rich" else limit // (4 * lots)
            account, side = data.draw(self.account()), data.draw(st.integers(0, 1))
            rows.append((self.house.next(), lots, contract, account, side))
        compare_orders(self.book, rows)
        self.do(c.ChangeOrders("venue", orders(rows)))

    @rule(data=st.data(), share=st.sampled_from([0, 1, 100, 300, 900, 1_001]))
    def isolate(self, data: st.DataObject, share: int) -> None:
        """A contract of an account apart, with part of its money."""
        account, contract = data.draw(self.account()), data.draw(st.integers(-1, 9))
        asset = data.draw(st.integers(0, 2))
        amount = self.house.balance(account, asset) * share // 1_000 if account < self.book.account_count else 1
        self.do(c.IsolatePosition(account, contract, (c.Money(asset, amount),) if share else ()))

    @rule(data=st.data(), share=st.sampled_from([-1_000, -300, 1, 300, 1_001]), rejoin=st.booleans())
    def move_between_buckets(self, data: st.DataObject, share: int, rejoin: bool) -> None:
        """Collateral to or from an isolated bucket, or all of it back."""
        accounts = self.book.registers.accounts
        chosen = data.draw(st.sampled_from([(0, 1), *((of.owner, of.contract) for of in accounts if of.owner >= 0)]))
        account, contract = chosen
        if rejoin:
            self.do(c.RejoinPosition(account, contract))
            return
        asset = data.draw(st.integers(0, 2))
        giver = account if share > 0 else self.book.bucket_of(account, contract)
        amount = self.house.balance(giver, asset) * share // 1_000
        self.do(c.MoveCollateral("bank", self.house.next(), account, contract, asset, amount))

    @rule(data=st.data(), count=st.integers(1, 4))
    def rework(self, data: st.DataObject, count: int) -> None:
        """Busts, corrections, give-ups, transfers, compression, porting."""
        for _ in range(count):
            self.do(afterwards.any_of(self.house, [*self.traders(), self.house.account("pool")], data))

    @rule(pack=st.booleans())
    def move_rows(self, pack: bool) -> None:
        """Where rows lie in memory is nobody's business."""
        if pack:
            self.book.lay_out(*self.book.packed_positions())
        else:
            make_room(self.book)
        self.check()

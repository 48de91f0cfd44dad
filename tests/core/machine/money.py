"""Money in, out and between accounts."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis.stateful import precondition, rule

from novate.core import commands as c
from novate.core.facts import Withdrawn
from novate.core.margin import judge
from novate.core.money_facts import DepositReversed
from novate.core.rows import TRANSFER
from tests.core.machine.stage import Stage
from tests.core.worlds import cash


class Money(Stage):
    """Most amounts are parts of what is there."""

    @rule(data=st.data(), scale=st.sampled_from([1, 100, 10_000, 10**6, 10**8, 2**40, 2**61 - 1, -1]))
    def deposit(self, data: st.DataObject, scale: int) -> None:
        row = (self.house.next(), scale, data.draw(self.account()), data.draw(st.integers(0, 2)))
        self.do(c.Deposit("bank", cash([row])))

    @rule(data=st.data(), share=st.sampled_from([0, 1, 10, 500, 900, 1_000, 1_001]))
    def withdraw(self, data: st.DataObject, share: int) -> None:
        account, asset = data.draw(self.account()), data.draw(st.integers(0, 2))
        held = self.house.balance(account, asset) if account < self.book.account_count else 1
        amount = held * share // 1_000
        facts = self.do(c.Withdraw("bank", cash([(self.house.next(), amount, account, asset)])))
        if any(isinstance(fact, Withdrawn) for fact in facts):
            after = judge(self.book, account)
            assert after.priced
            assert min(after.payable_fine, after.settled_fine, after.equity_fine) >= after.initial_fine

    @rule(data=st.data(), scale=st.sampled_from([1, 10_000, 10**6, 2**40]))
    def announce(self, data: st.DataObject, scale: int) -> None:
        row = (self.house.next(), scale, data.draw(self.account()), data.draw(st.integers(0, 2)))
        self.do(c.AnnounceDeposit("bank", cash([row])))

    @rule(data=st.data(), kind=st.sampled_from([c.FinaliseDeposit, c.FinaliseDeposit, c.CancelDeposit]))
    def settle_deposit(self, data: st.DataObject, kind: Any) -> None:
        pending = self.book.registers.deposits_pending.get("bank", {})
        self.do(kind("bank", self.house.next(), data.draw(st.sampled_from([*pending, *pending, 1]))))

    @precondition(lambda self: self.book.registers.deposits_reversible or self.book.registers.deposits_pending)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        registers = self.book.registers
        known = [*registers.deposits_reversible.get("bank", {}), *registers.deposits_pending.get("bank", {})]
        facts = self.do(c.ReverseDeposit("bank", self.house.next(), data.draw(st.sampled_from([*known, 1]))))
        for fact in facts:
            if isinstance(fact, DepositReversed):
                paid, owed = fact.amount_minor, fact.owed_minor
                left = registers.reversals_owed.get("bank", {}).get(fact.deposit)
                assert paid >= 0
                assert (left.amount_minor if left else 0) == owed

    @rule(data=st.data(), share=st.sampled_from([1, 10, 300, 500, 900, 1_000]))
    def request(self, data: st.DataObject, share: int) -> None:
        account, asset = data.draw(self.account()), data.draw(st.integers(0, 2))
        held = self.house.balance(account, asset) if account < self.book.account_count else 1
        self.do(c.RequestWithdrawal("bank", cash([(self.house.next(), held * share // 1_000, account, asset)])))

    @precondition(lambda self: self.book.registers.withdrawals)
    @rule()
    def release_all(self) -> None:
        for number in list(self.book.registers.withdrawals):
            self.do(c.ReleaseWithdrawal("bank", self.house.next(), number))

    @rule(data=st.data(), kind=st.sampled_from([c.ReleaseWithdrawal, c.ConfirmWithdrawal, c.ReturnWithdrawal]))
    def step_withdrawal(self, data: st.DataObject, kind: Any) -> None:
        held = self.book.registers.withdrawals
        number = data.draw(st.sampled_from([*held, *held, self.book.registers.next_withdrawal, -1]))
        self.do(kind("bank", self.house.next(), number))

    @rule(data=st.data(), share=st.sampled_from([1, 100, 500, 1_001]))
    def transfer(self, data: st.DataObject, share: int) -> None:
        payer, asset = data.draw(self.account()), data.draw(st.integers(0, 2))
        kin = [at for at, of in enumerate(self.book.registers.accounts) if of.member >= 0] + [4]
        payee = data.draw(st.sampled_from(kin))
        held = self.house.balance(payer, asset) if payer < self.book.account_count else 1
        row = (self.house.next(), held * share // 1_000, payer, payee, asset, 0)
        self.do(c.TransferCollateral("bank", np.array([row], TRANSFER).tobytes()))

"""The stage of the machine: a house and its shadow, held to every law after every command."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from novate.core import commands as c
from novate.core import laws
from novate.core.book import Book
from novate.core.facts import Fact, Rejected, RowsRefused, SourceAdvanced
from novate.core.terms import Role
from tests.core.machine.invariants import check_money, check_nobody_is_short_unnoticed, check_registers, check_transit
from tests.core.seniority import fold_watching
from tests.core.twins import compare_judgements
from tests.core.worlds import House, decoded

REFUSALS = (Rejected, RowsRefused, SourceAdvanced)
PRICES = (1_000, 1_000, 1_000, 999, 1_001, 950, 1_050, 900, 1_100, 700, 1_400)
"""Per mille of a mark."""
LIMITS = (0, 10**9, -(10**9))
"""Per mille that give the lowest and the highest price allowed, or zero."""


class Stage(RuleBasedStateMachine):
    """A house, its shadow that folds the encoded facts, and what can be drawn of it."""

    house: House
    shadow: Book
    kind: str

    @property
    def book(self) -> Book:
        return self.house.book

    def traders(self) -> list[int]:
        """Accounts that trades may name: of a pool its sub-accounts."""
        named = (Role.HOUSE, Role.CLIENT, Role.NET_OMNIBUS, Role.SUB_ACCOUNT)
        return [at for at, of in enumerate(self.book.registers.accounts) if of.role in named]

    def listed(self) -> int:
        """Contracts that the house opened with."""
        return 19 if self.kind == "rich" else 14

    def account(self) -> st.SearchStrategy[int]:
        """Nearly always one of those that may trade."""
        usual = st.sampled_from(self.traders())
        return st.integers(0, 29).flatmap(lambda odd: usual if odd else st.integers(0, 20))

    def moves(self) -> st.SearchStrategy[int]:
        """Per mille of a mark; where everything is at the bounds, the limits too."""
        return st.sampled_from(PRICES + LIMITS * 2 if self.kind == "extreme" else PRICES)

    def price_of(self, contract: int, per_mille: int) -> int:
        row = self.book.contracts[contract]
        price = int(row["price_ticks"]) * per_mille // 1_000
        return max(int(row["price_min_ticks"]), min(int(row["price_max_ticks"]), price))

    def do(self, command: c.AnyCommand, wait_ns: int = 0) -> list[Fact]:
        before = self.book.dumps()
        facts = self.house.do(command, self.house.time_ns + wait_ns)
        fold_watching(self.shadow, decoded(facts), self.house.time_ns)
        self.check()
        if all(isinstance(fact, REFUSALS) for fact in facts):
            untouched = Book.loads(before)
            untouched.registers.sources = self.book.registers.sources
            untouched.registers.time_ns = self.book.registers.time_ns
            assert untouched.digest() == self.book.digest(), "a refused command changed the book"
        return facts

    def check(self) -> None:
        digest = self.book.digest()
        laws.check_whole(self.book)
        assert self.shadow.digest() == digest, "folding the facts gives another book"
        assert Book.loads(self.book.dumps()).digest() == digest, "a snapshot gives another book"
        compare_judgements(self.book)
        check_money(self.house)
        check_registers(self.house)
        check_nobody_is_short_unnoticed(self.house, self.kind)
        check_transit(self.house)

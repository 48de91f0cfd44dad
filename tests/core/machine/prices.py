"""Prices, rates, time, and what ends with them."""

from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import rule

from novate.core import commands as c
from novate.core.facts import CycleClosed, GainsCut, TakenOver
from tests.core.machine.invariants import check_limits, check_settled
from tests.core.machine.stage import LIMITS, Stage
from tests.core.worlds import DAY, HOUR, SECOND, funding, marks


class Prices(Stage):
    """Most are moves of the last mark."""

    def mark(self, data: st.DataObject) -> None:
        """One market move of everything, or of a few; now and then a price is missing or out of limits."""
        chosen = data.draw(
            st.one_of(
                st.just(range(self.listed())), st.lists(st.integers(0, self.listed() - 1), min_size=1, max_size=3)
            )
        )
        move = data.draw(self.moves())
        rows: list[tuple[int, int | None]] = [(contract, self.price_of(contract, move)) for contract in chosen]
        odd = data.draw(st.integers(0, 99))
        if odd < 10:
            rows.append((odd, data.draw(st.sampled_from([None, None, 0, 2**62]))))
        self.do(c.PublishMarks(marks(rows)))

    mark_once = rule(data=st.data())(mark)
    mark_twice = rule(data=st.data())(mark)

    @rule(asset=st.integers(0, 2), move=st.sampled_from([1_000, 900, 1_100, 500, 2_000, 0, None]))
    def price_asset(self, asset: int, move: int | None) -> None:
        price = None if move is None else int(self.book.assets[asset]["price_fine"]) * move // 1_000
        self.do(c.PublishMarks(b"", (c.AssetPrice(asset, price),)))

    @rule(
        rates=st.lists(
            st.tuples(
                st.sampled_from([2, 3, 9, 1, 17]), st.sampled_from([10**8, -(10**8), 10**11, -(10**11), 10**12, 1])
            ),
            max_size=3,
        )
    )
    def fund_perpetuals(self, rates: list[tuple[int, int]]) -> None:
        self.do(c.PublishFunding(funding(rates)))

    @rule(asset=st.sampled_from([0, 0, 1, 2, 7]), rate_ppm=st.sampled_from([0, 1, 365_000, 10**7, 10**7 + 1, -1]))
    def publish_interest(self, asset: int, rate_ppm: int) -> None:
        self.do(c.PublishInterest(asset, rate_ppm))

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        now, contracts = self.house.time_ns, self.book.registers.contracts
        due = [at for at, terms in enumerate(contracts) if terms.expiry_ns is not None and terms.expiry_ns <= now]
        contract = data.draw(st.sampled_from([*due, *due, -1, 1, 2]))
        option = contract >= 0 and contracts[contract].is_option
        price_of = int(self.book.contracts[contract]["underlying"]) if option else contract
        price = self.price_of(price_of, data.draw(self.moves())) if contract >= 0 else 1
        self.do(c.ExpireContract(contract, price))

    @rule(data=st.data(), outcome=st.sampled_from(["resolved", "voided"]))
    def resolve(self, data: st.DataObject, outcome: Any) -> None:
        """Now and then an event is decided, and now and then somebody says so of what has none."""
        capped = [at for at, terms in enumerate(self.book.registers.contracts) if terms.resolvable]
        if data.draw(st.integers(0, 4)) == 0:
            contract = data.draw(st.sampled_from([*capped, *capped, 1, -1]))
            price = self.price_of(contract, data.draw(st.sampled_from(LIMITS))) if contract >= 0 else 1
            self.do(c.ResolveContract(contract, price, outcome))

    @rule(wait=st.sampled_from([0, SECOND, HOUR, HOUR, 8 * HOUR, 8 * HOUR, DAY, DAY]))
    def clock(self, wait: int) -> None:
        facts = self.do(c.Clock(), wait)
        if any(isinstance(fact, CycleClosed) for fact in facts) and not any(
            isinstance(fact, TakenOver) for fact in facts
        ):
            check_settled(self.house)
            if not any(isinstance(fact, GainsCut) for fact in facts):
                check_limits(self.house)

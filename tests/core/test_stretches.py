"""The slice that is just enough, against every size there is."""

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from novate.core import layout
from novate.core.book import Book
from novate.core.kernels.arithmetic import value_at
from novate.core.liquidation import STEPS, enough_lots, held_in, judge_fill
from tests.core.planted import examples
from tests.core.test_whatif import small_books


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_enough_lots_are_the_fewest_that_cure_and_else_the_whole_position(count: int) -> None:
    """Slippage of 0 to 40 % against brackets that require as little as 2 %: closing more can undo the cure."""

    @settings(max_examples=count)
    @given(small_books(), st.integers(600, 1_400))
    def run(world: tuple[Book, int], per_mille: int) -> None:
        book, account = world
        held = [row for row in held_in(book, account) if row.lots]
        assume(held)
        book.buckets[account]["access"] = layout.LIQUIDATING
        row = held[0]
        limit = int(book.contracts[row.contract]["price_ticks"]) * per_mille // 1_000
        side, value = (-1 if row.lots > 0 else 1), int(value_at(limit, book.contracts[row.contract]))
        lacks = {}
        for lots in range(1, abs(row.lots) + 1):
            _, _, equity, initial = judge_fill(book, account, row.contract, side * lots, value)
            lacks[lots] = initial - equity
        none = abs(row.lots)
        if book.buckets[account][
            "portfolio"
        ]:  # a sheet is looked at in a few places: all there are of a small position
            assume(abs(row.lots) <= STEPS)
            none = min(lacks, key=lambda lots: (lacks[lots], lots))
        assert enough_lots(book, row, limit) == min((lots for lots in lacks if lacks[lots] <= 0), default=none)

    run()

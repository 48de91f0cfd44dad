"""What the compiled loops decide, held against their plain twin."""

from collections.abc import Iterable

import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.commands import ChangeOrders, SubmitTrades
from novate.core.facts import Fact, OrdersChanged, OrdersFilled, RowsRefused, SourceAdvanced, TradesNovated
from novate.core.kernels import sweep
from novate.core.kernels.remargin import presume
from novate.core.kernels.standing import forget
from novate.core.margin import asked_together, judge, judge_house, judge_many
from novate.core.novation import decide_trades
from novate.core.orders import decide_orders
from novate.core.plain import margin as plain_margin
from novate.core.plain import orders as plain_orders
from novate.core.plain import trades as plain_trades
from novate.core.reasons import Reason
from novate.core.rows import NOVATED, REFUSED, RESERVED
from tests.core.planted import Row
from tests.core.worlds import orders, refusals, trades


def compare_judgements(book: Book) -> None:
    """All three ways of judging agree with the twin for every bucket."""
    every = judge_house(book)
    some = judge_many(book, np.arange(book.account_count))
    for bucket in range(book.account_count):
        expected = plain_margin.judge(book, plain_margin.read(book, bucket))
        assert judge(book, bucket) == expected, book.registers.accounts[bucket].name
        by_itself = book.purse_of(bucket) == bucket
        for rows in (every, some):
            stands = (*expected[:4], int(expected.priced)) if by_itself else (0, 0, 0, 0, 1)
            assert tuple(rows[bucket].tolist()) == stands
    compare_together(book, every)


def compare_together(book: Book, judged: np.ndarray) -> None:
    """Portfolio buckets worked out together ask for what each asks by itself, whatever is guessed of them.

    First as they are found: what was asked of them at an earlier step may stand. Then as if nothing had been.
    """
    buckets = np.arange(book.account_count)
    by_sheet = book.buckets["portfolio"][buckets] != 0
    for guess in (None, np.inf, 0.0, -1_000.0, np.nan):
        if guess is not None and book.sheet is not None:
            presume(guess, book.sheet)
            forget(book.sheet)
        asked = asked_together(book, buckets, 1, 0)
        for row, (initial, maintenance) in zip(judged[by_sheet], asked[by_sheet[: len(asked)]].tolist(), strict=True):
            assert (initial, maintenance) == (row["initial_fine"], row["maintenance_fine"])
    backwards = buckets[::-1].copy()
    again = np.zeros(len(buckets), layout.JUDGED)
    asked = asked_together(book, backwards, 1)
    sweep.judge_range(0, len(buckets), backwards, book.tables(), book.sheet, asked, again)
    assert np.array_equal(again[::-1], judged)


def compare_trades(book: Book, rows: list[Row]) -> list[Reason]:
    """A batch decided by the kernel is what the twin decides; returns the reasons of refused rows."""
    facts = decide_trades(book, SubmitTrades("venue", trades(rows)))
    mark = book.registers.sources.get("venue", -1)
    novated, fills, refused, new_mark = plain_trades.decide_trades(book, mark, [(*row, 0)[:7] for row in rows])
    kernel = [row.tolist() for fact in facts if isinstance(fact, TradesNovated) for row in _rows(fact)]
    assert kernel == novated
    assert [row for fact in facts if isinstance(fact, OrdersFilled) for row in unpacked(fact.rows, RESERVED)] == fills
    assert refused_rows(facts) == [(figure, row, reason, side) for figure, row, reason, side in refused]
    assert next((fact.number for fact in facts if isinstance(fact, SourceAdvanced)), mark) == new_mark
    return [reason for _, _, reason, _ in refused]


def refused_rows(facts: Iterable[Fact]) -> list[tuple[int, int, Reason, int]]:
    """Refused rows as they are on record: ``(figure, row, reason, side)``."""
    rows = [row for fact in facts if isinstance(fact, RowsRefused) for row in np.frombuffer(fact.rows, REFUSED)]
    return [(int(figure), int(row), Reason(int(reason)), int(side)) for figure, row, reason, side in rows]


def compare_orders(book: Book, rows: list[tuple[int, int, int, int, int]]) -> None:
    """Changes of orders decided by the kernel are what the twin decides."""
    facts = decide_orders(book, ChangeOrders("venue", orders(rows)))
    mark = book.registers.sources.get("venue", -1)
    reserved, refused, new_mark = plain_orders.decide_orders(book, mark, rows)
    kernel = [row for fact in facts if isinstance(fact, OrdersChanged) for row in unpacked(fact.rows, RESERVED)]
    assert kernel == reserved
    assert refusals(facts) == [(row, reason, figure) for figure, row, reason in refused]
    assert next((fact.number for fact in facts if isinstance(fact, SourceAdvanced)), mark) == new_mark


def unpacked(rows: bytes, layout: np.dtype) -> list[tuple]:
    """Rows of a fact as tuples."""
    return np.frombuffer(rows, layout).tolist()


def _rows(fact: TradesNovated) -> np.ndarray:
    return np.frombuffer(fact.rows, NOVATED)

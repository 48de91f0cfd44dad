"""One trade becomes two legs facing the house, netted into the positions of its buyer and seller."""

import numpy as np

from novate.core.book import Book
from novate.core.commands import SubmitTrades
from novate.core.facts import Fact, OrdersFilled, TradesNovated
from novate.core.kernels.legs import novate_rows, place_and_move
from novate.core.kernels.trades import judge_trades
from novate.core.refusals import refusal_facts
from novate.core.rows import NOVATED, TRADE
from novate.core.terms import FEES


def decide_trades(book: Book, command: SubmitTrades) -> list[Fact]:
    """Accept or refuse each row on its own, each seeing the rows before it; both sides are margin-checked."""
    mark = book.registers.sources.get(command.source, -1)
    rows, guaranteed = np.frombuffer(command.rows, TRADE), book.rulebook.reserved_trades == "guaranteed"
    novated, filled, refused, new_mark = judge_trades(
        rows, mark, book.contract_count, book.account_count, FEES, guaranteed, book.tables()
    )
    facts: list[Fact] = [OrdersFilled(filled.tobytes())] if len(filled) else []
    if len(novated):
        facts.append(TradesNovated(novated.tobytes()))
    return facts + refusal_facts(refused, command.source, new_mark if new_mark > mark else None)


def fold_trades_novated(book: Book, fact: TradesNovated) -> None:
    """Apply both legs of every trade, and its fees."""
    rows = np.frombuffer(fact.rows, NOVATED)
    reached = novate_rows(rows, 0, FEES, book.tables())
    while reached < len(rows):
        make_room(book)
        reached = novate_rows(rows, reached, FEES, book.tables())


def move_leg(book: Book, bucket: int, contract: int, lots: int, cost_fine: int) -> None:
    """Apply one leg to the book: lots and cost are added to the bucket's position."""
    while not place_and_move(bucket, contract, lots, cost_fine, book.tables()):
        make_room(book)


def make_room(book: Book) -> None:
    """Room for more rows: pack the tables where half of them is dead, then let them grow by half."""
    used = int(book.buckets["count"][: book.account_count].sum())
    if used * 2 < int(book.ends[0]):
        book.lay_out(*book.packed_positions())
    # The largest bucket and the largest contract must be able to move to the end with room to double.
    widest = 3 * int(book.buckets["count"].max(initial=0)) + 1024
    longest = 3 * int(book.contracts["holders_count"].max(initial=0)) + 1024
    book.orders = with_length(book.orders, 2 * int(book.ends[2]) + 16)
    book.positions = with_length(book.positions, int(book.ends[0]) + max(widest, len(book.positions) // 2))
    book.holders = with_length(book.holders, int(book.ends[1]) + max(longest, len(book.holders) // 2))


def with_length(rows: np.ndarray, length: int) -> np.ndarray:
    """The same rows in an array of at least the given length."""
    if length <= len(rows):
        return rows
    more = np.zeros(length, rows.dtype)
    more[: len(rows)] = rows
    return more


def holders_of(book: Book, contract: int) -> np.ndarray:
    """Buckets that have a row in the contract, ascending (int64)."""
    row = book.contracts[contract]
    start, count = int(row["holders_start"]), int(row["holders_count"])
    return np.sort(book.holders[start : start + count]).astype(np.int64)

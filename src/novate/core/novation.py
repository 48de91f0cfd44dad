"""One trade becomes two legs facing the house, netted into the positions of its buyer and seller."""

import numpy as np

from novate.core.book import Book
from novate.core.commands import SubmitTrades
from novate.core.facts import Fact, OrdersFilled, TradesNovated
from novate.core.kernels.legs import novate_rows, place_and_move
from novate.core.kernels.trades import judge_trades
from novate.core.lifecycle_facts import TradesForgotten
from novate.core.refusals import refusal_facts
from novate.core.rows import NOVATED, TRADE
from novate.core.terms import FEES


def decide_trades(book: Book, command: SubmitTrades) -> list[Fact]:
    """Accept or refuse each row on its own, each seeing the rows before it; both sides are margin-checked."""
    mark = book.registers.sources.get(command.source, -1)
    rows, guaranteed = np.frombuffer(command.rows, TRADE), book.rulebook.reserved_trades == "guaranteed"
    novated, filled, refused, new_mark = judge_trades(
        rows, mark, book.contract_count, book.account_count, FEES, guaranteed, book.tables(), book.sheet
    )
    facts: list[Fact] = [OrdersFilled(filled.tobytes())] if len(filled) else []
    if len(novated):
        facts.append(TradesNovated(novated.tobytes(), command.source, *numbers_of(rows, novated)))
        kept, most = book.blotter.count + (len(novated) if command.source else 0), book.rulebook.kept_trades_max
        if kept > most:  # more than must go, so that it is seldom
            facts.append(TradesForgotten(min(kept, kept - most + most // 8)))
    return facts + refusal_facts(refused, command.source, new_mark if new_mark > mark else None)


def numbers_of(rows: np.ndarray, novated: np.ndarray) -> tuple[int, bytes]:
    """``(first number, b"")`` where every novated row's number is the first + its row; else ``(0, int64 numbers)``."""
    given = rows["number"]
    first = given.item(0)
    if len(novated) == len(rows) and given.item(-1) - first == len(rows) - 1:  # accepted numbers strictly increase
        return first, b""
    numbers = given[novated["row"]]
    first = int(numbers[0]) - int(novated[0]["row"])
    return (first, b"") if (numbers - novated["row"] == first).all() else (0, numbers.tobytes())


def fold_trades_novated(book: Book, fact: TradesNovated) -> None:
    """Apply both legs of every trade, and its fees; the trades stay on record until their cycle is settled."""
    novate(book, fact)
    if fact.source:  # recovery gathers many facts into one without a source, and keeps each of them itself
        keep(book, fact)


def keep(book: Book, fact: TradesNovated) -> None:
    """Put novated trades on record."""
    if book.blotter.keep(fact.source, fact.first_number, fact.numbers, fact.rows):
        book.blotter.settle_in(book.contracts["index_fine"])


def fold_trades_forgotten(book: Book, fact: TradesForgotten) -> None:
    """The oldest trades leave the record."""
    book.blotter.forget(fact.count)


def novate(book: Book, fact: TradesNovated) -> None:
    """Apply the legs and fees of trades, and leave the record of them as it is."""
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
    """Buckets that have a row in the contract (int64)."""
    row = book.contracts[contract]
    start, count = int(row["holders_start"]), int(row["holders_count"])
    return book.holders[start : start + count].astype(np.int64)

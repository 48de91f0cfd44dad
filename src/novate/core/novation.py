"""One trade becomes two legs facing the house, netted into the positions of its buyer and seller."""

import numpy as np

from novate.core import kernels
from novate.core.book import Book
from novate.core.commands import TRADE, Reason, SubmitTrades
from novate.core.facts import NOVATED, Fact, Rejected, TradesNovated
from novate.core.margin import rates
from novate.core.refusals import refusal_facts
from novate.core.terms import FEES


def decide_trades(book: Book, command: SubmitTrades) -> list[Fact]:
    """Accept or refuse each row on its own, each seeing the rows before it; both sides are margin-checked."""
    if book.registers.rulebook is None:
        return [Rejected(Reason.RULEBOOK_MISSING, "$", "no rulebook is in force; adopt one first")]
    mark = book.registers.sources.get(command.source, -1)
    novated, refused, new_mark = kernels.judge_trades(
        np.frombuffer(command.rows, TRADE),
        mark,
        book.contract_count,
        book.account_count,
        FEES,
        book.contracts,
        book.tiers,
        book.assets[: book.asset_count],
        book.buckets,
        book.balances,
        book.positions,
        rates(book),
    )
    facts: list[Fact] = [TradesNovated(novated.tobytes())] if len(novated) else []
    return facts + refusal_facts(refused, command.source, new_mark if new_mark > mark else None)


def fold_trades_novated(book: Book, fact: TradesNovated) -> None:
    """Apply both legs of every trade, and its fees."""
    rows = np.frombuffer(fact.rows, NOVATED)
    ends = np.array([book.positions_end, book.holders_end])
    reached = 0
    while True:
        reached = kernels.novate_rows(
            rows,
            reached,
            FEES,
            ends,
            book.buckets,
            book.balances,
            book.positions,
            book.contracts,
            book.holders,
        )
        book.positions_end, book.holders_end = ends.tolist()
        if reached == len(rows):
            return
        make_room(book)
        ends[:] = book.positions_end, book.holders_end


def move_leg(book: Book, bucket: int, contract: int, lots: int, cost_fine: int) -> None:
    """Apply one leg to the book: lots and cost are added to the bucket's position."""
    ends = np.array([book.positions_end, book.holders_end])
    while True:
        where = kernels.place(bucket, contract, ends, book.buckets, book.positions, book.contracts, book.holders)
        book.positions_end, book.holders_end = ends.tolist()
        if where >= 0:
            break
        make_room(book)
        ends[:] = book.positions_end, book.holders_end
    kernels.move(bucket, contract, lots, cost_fine, where, book.balances, book.positions, book.contracts)


def make_room(book: Book) -> None:
    """Room for more rows: pack the tables where much of them is dead, then let them grow by half."""
    used = int(book.buckets["count"][: book.account_count].sum())
    if used * 4 < book.positions_end * 3:
        book.lay_out(*book.packed_positions())
    room = max(1024, len(book.positions) // 2)
    book.positions = grown_to(book.positions, book.positions_end + room)
    book.holders = grown_to(book.holders, book.holders_end + max(1024, len(book.holders) // 2))


def grown_to(rows: np.ndarray, length: int) -> np.ndarray:
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



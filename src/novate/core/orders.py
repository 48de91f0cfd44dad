"""Resting orders at a venue: what they may come to is reserved in margin, and a fill consumes its reservation."""

import numpy as np

from novate.core.book import Book
from novate.core.commands import ChangeOrders
from novate.core.facts import Fact, OrdersChanged, OrdersFilled
from novate.core.kernels.legs import cancel_orders
from novate.core.kernels.orders import judge_orders, reserve_rows
from novate.core.novation import make_room
from novate.core.refusals import refusal_facts
from novate.core.rows import ORDER, RESERVED


def decide_orders(book: Book, command: ChangeOrders) -> list[Fact]:
    """Accept or refuse each change on its own, each seeing the rows before it; more orders must be margined."""
    mark = book.registers.sources.get(command.source, -1)
    rows = np.frombuffer(command.rows, ORDER)
    reserved, refused, new_mark = judge_orders(
        rows, mark, book.contract_count, book.account_count, book.tables(), book.sheet
    )
    facts: list[Fact] = [OrdersChanged(reserved.tobytes())] if len(reserved) else []
    return facts + refusal_facts(refused, command.source, new_mark if new_mark > mark else None)


def fold_orders(book: Book, fact: OrdersChanged | OrdersFilled) -> None:
    """Add what was reserved, take off what was filled or cancelled."""
    rows = np.frombuffer(fact.rows, RESERVED)
    reached = reserve_rows(rows, 0, book.tables())
    while reached < len(rows):
        make_room(book)
        reached = reserve_rows(rows, reached, book.tables())


def drop_orders(book: Book, bucket: int) -> None:
    """What is in liquidation or default has no resting orders any more, sub-accounts included. For ``evolve`` only."""
    for each in book.in_purse(bucket):
        cancel_orders(each, book.tables())


def open_orders_of(book: Book, bucket: int) -> dict[int, tuple[int, int]]:
    """A bucket's resting orders by contract: ``(lots to buy, lots to sell)``."""
    found = {}
    for row in book.segment(bucket):
        resting = book.orders[int(row["orders"])]
        if resting["bids"] or resting["asks"]:
            found[int(row["contract"])] = int(resting["bids"]), int(resting["asks"])
    return found

"""What the simulated people see of the house: a picture of the book, in floats and by their own places."""

from dataclasses import dataclass

import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.margin import judge_many
from novate.sim.plan import NUMERAIRE_DECIMALS, NUMERAIRE_FINE

FINE = 10**NUMERAIRE_FINE
MINOR = 10**NUMERAIRE_DECIMALS
NUMERAIRE, COIN = 0, 1
"""Indices of the two assets."""


@dataclass(slots=True)
class Order:
    """An open liquidation order; ``lots`` is what is open of it, signed (positive buys)."""

    number: int
    contract: int
    lots: int
    limit_ticks: int


@dataclass(slots=True)
class Sight:
    """The book at one moment. Arrays have a row per account of the population, amounts in units of the numeraire.

    ``settled`` is collateral after haircuts, ``cash`` the settled balance of the numeraire, ``open`` who may trade,
    ``open_lots`` the open interest per contract.
    """

    equity: np.ndarray
    settled: np.ndarray
    initial: np.ndarray
    cash: np.ndarray
    priced: np.ndarray
    open: np.ndarray
    open_lots: np.ndarray
    orders: list[Order]


def see(book: Book, accounts: np.ndarray) -> Sight:
    """The book for the accounts of a population (int64 indices)."""
    judged = judge_many(book, accounts)
    orders = book.registers.orders.items()
    return Sight(
        equity=judged["equity_fine"] / FINE,
        settled=judged["settled_fine"] / FINE,
        initial=judged["initial_fine"] / FINE,
        cash=book.balances[accounts, NUMERAIRE]["balance_minor"] / MINOR,
        priced=judged["priced"] == 1,
        open=book.buckets[accounts]["access"] == layout.OPEN,
        open_lots=book.contracts["open_lots"][: book.contract_count].copy(),
        orders=[Order(number, one.contract, one.open_lots, one.limit_price_ticks) for number, one in orders],
    )


def held_lots(book: Book, places: np.ndarray) -> np.ndarray:
    """Lots of every account per contract, int64[place, contract]. ``places`` gives an account's place, -1 for none."""
    counts, rows = book.packed_positions()
    owner = places[np.repeat(np.arange(len(counts)), counts)]
    known = owner >= 0
    lots = np.zeros((int(places.max()) + 1, book.contract_count), np.int64)
    lots[owner[known], rows["contract"][known]] = rows["lots"][known]
    return lots

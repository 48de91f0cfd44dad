"""A bucket, and what a lot of a contract is worth."""

import math
from dataclasses import dataclass
from fractions import Fraction

from novate.core.book import Book
from novate.core.orders import open_orders_of
from novate.core.terms import Kind


@dataclass
class Bucket:
    """One bucket: money per asset, and ``(lots, cost_fine)`` per contract; a result is lots x value - cost.

    ``orders`` has the lots that resting orders may still buy and sell, per contract.
    """

    access: int
    balance_minor: list[int]
    carry_fine: list[int]
    positions: dict[int, tuple[int, int]]
    orders: dict[int, tuple[int, int]]

    def copy(self) -> "Bucket":
        money = list(self.balance_minor), list(self.carry_fine)
        return Bucket(self.access, *money, dict(self.positions), dict(self.orders))

    def contracts(self) -> list[int]:
        """All contracts in which something is held or may be filled."""
        return sorted({**self.positions, **self.orders})


def read(book: Book, bucket: int) -> Bucket:
    """A bucket of the book as it stands."""
    rows = [book.balances[bucket, asset] for asset in range(book.asset_count)]
    return Bucket(
        int(book.buckets[bucket]["access"]),
        [int(row["balance_minor"]) for row in rows],
        [int(row["carry_fine"]) for row in rows],
        {contract: (lots, cost) for contract, lots, cost in book.positions_of(bucket)},
        open_orders_of(book, bucket),
    )


def whole_unit(book: Book, contract: int) -> int:
    """Fine units in one whole unit of a contract's settlement asset."""
    return 10 ** book.registers.assets[int(book.contracts[contract]["asset"])].fine_decimals


def worth_of_lot(book: Book, contract: int, price_ticks: int) -> Fraction:
    """What one lot is worth at a price, exactly: price x lot size, or -lot size / price for an inverse one."""
    terms, unit = book.registers.contracts[contract], whole_unit(book, contract)
    price, lot = price_ticks * terms.tick, Fraction(terms.lot_size)
    return -Fraction(lot, price) * unit if terms.inverse and not terms.is_option else price * lot * unit


def value_per_lot(book: Book, contract: int, price_ticks: int) -> int:
    """Value of one lot: rounded to the nearest fine unit, ties to even, less the cumulative funding of a perpetual."""
    return round(worth_of_lot(book, contract, price_ticks)) - int(book.contracts[contract]["index_fine"])


def reference_per_lot(book: Book, contract: int, price_ticks: int) -> int:
    """The size of one lot for fees and margin: its value without funding or sign, rounded up."""
    return math.ceil(abs(worth_of_lot(book, contract, price_ticks)))


def option_terms(book: Book, contract: int, spot_ticks: int) -> tuple[int, int]:
    """``(reference, out-of-the-money amount)`` of one lot of an option at its underlying's price, rounded down."""
    terms = book.registers.contracts[contract]
    of = book.registers.contracts[int(book.contracts[contract]["underlying"])]
    spot, strike = spot_ticks * of.tick, Fraction(terms.strike or 0)
    lot = Fraction(terms.lot_size) * whole_unit(book, contract)
    otm = max(Fraction(0), strike - spot if terms.kind is Kind.CALL else spot - strike)
    if terms.inverse:
        return math.ceil(lot), math.floor(Fraction(lot * otm, spot))
    return math.ceil(lot * spot), math.floor(lot * otm)

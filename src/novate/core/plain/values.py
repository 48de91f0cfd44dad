"""What a price makes of one lot, and what a position counts for, in plain Python: part of ``plain``."""

import math
from fractions import Fraction

from novate.core.book import Book
from novate.core.money import EXPOSURE_MAX
from novate.core.terms import Kind


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


def size_per_lot(book: Book, contract: int, price_ticks: int) -> int:
    """The size of one lot for fees: its value without funding or sign, rounded up."""
    return math.ceil(abs(worth_of_lot(book, contract, price_ticks)))


def reference_per_lot(book: Book, contract: int, price_ticks: int) -> int:
    """The size of one lot for margin: that at its price, or at the margin floor where that is larger."""
    floor = book.registers.contracts[contract].margin_floor_ticks
    return max(size_per_lot(book, contract, ticks) for ticks in (price_ticks, floor or price_ticks))


def option_terms(book: Book, contract: int, spot_ticks: int) -> tuple[int, int]:
    """``(reference, out-of-the-money amount)`` of one lot of an option at its underlying's price, rounded down."""
    terms = book.registers.contracts[contract]
    of = book.registers.contracts[int(book.contracts[contract]["underlying"])]
    spot, strike = spot_ticks * of.tick, Fraction(terms.strike or 0)
    lot = Fraction(terms.lot_size) * whole_unit(book, contract)
    otm = max(Fraction(0), strike - spot if terms.kind is Kind.CALL else spot - strike)
    if terms.inverse:
        return math.ceil(lot), math.floor(Fraction(lot * otm, spot))
    size = max(abs(spot), of.margin_floor_ticks * of.tick)
    return math.ceil(lot * size), math.floor(lot * otm)


def worst_end(book: Book, contract: int, lots: int) -> int:
    """The value per lot that is worst for a position in a capped contract: its floor if long, its cap if short."""
    terms = book.registers.contracts[contract]
    return value_per_lot(book, contract, terms.price_min_ticks if lots > 0 else terms.price_max_ticks)


def result_of(book: Book, contract: int, lots: int, cost: int) -> int:
    """What a position paid by variation counts for: its result, or a collateralised one's worst and no gain."""
    if book.registers.contracts[contract].collateralised:
        return min(0, lots * worst_end(book, contract, lots) - cost)
    return lots * int(book.contracts[contract]["value_fine"]) - cost


def clamp(amount: int) -> int:
    """Kept within 2^62 - 1 either way."""
    return max(-EXPOSURE_MAX, min(EXPOSURE_MAX, amount))


def convert(book: Book, asset: int, amount: int) -> int:
    """An amount in numeraire fine units: a credit rounded down at the credit rate, a debt up at the debit rate."""
    row = book.assets[asset]
    if amount >= 0:
        return clamp(math.floor(Fraction(amount * int(row["credit_mantissa"]), int(row["credit_scale"]))))
    return clamp(-math.ceil(Fraction(-amount * int(row["debit_mantissa"]), int(row["debit_scale"]))))


def most_counted(book: Book, asset: int) -> int:
    """Fine units of an asset that count for a bucket at most; 2^62 - 1 where no cap is."""
    cap = book.rulebook.collateral_caps.get(book.registers.assets[asset].symbol)
    if cap is None or cap.counted_minor is None:
        return EXPOSURE_MAX
    return min(EXPOSURE_MAX, cap.counted_minor * book.registers.assets[asset].unit_fine)

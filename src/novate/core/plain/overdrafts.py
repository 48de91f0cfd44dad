"""What balances below zero may be, and what they pay."""

import math
from fractions import Fraction

from novate.core.book import Book
from novate.core.plain.margin import Bucket

YEAR_NS = 365 * 24 * 3600 * 10**9


def interest_fine(amount_minor: int, unit_fine: int, rate_ppm: int, elapsed_ns: int) -> int:
    """Simple interest for a time, in a year of 365 days, rounded up to a fine unit."""
    return math.ceil(Fraction(amount_minor * unit_fine * rate_ppm * elapsed_ns, 10**6 * YEAR_NS))


def raisable_minor(book: Book, bucket: Bucket, asset: int) -> int:
    """What a bucket's other assets would raise of one, less haircut, each rounded down, less what it owes in others.

    The treasury values what it pays at the price, what it takes at price x (1 - haircut). A debt weighs at
    price x (1 + haircut), rounded up.
    """
    assets, registers = book.assets, book.registers
    unit = Fraction(int(assets[asset]["unit_fine"]))
    if registers.assets[asset].symbol != book.rulebook.numeraire:
        unit *= Fraction(int(assets[asset]["price_fine"]), 10 ** registers.assets[asset].fine_decimals)
    total = 0
    for other, held in enumerate(bucket.balance_minor):
        if other == asset or held == 0:
            continue
        row = assets[other]
        live = bool(row["live"]) and bool(assets[asset]["live"])
        if held < 0 and not live:
            return 0
        way = "credit" if held > 0 else "debit"
        rate = Fraction(int(row[f"{way}_mantissa"]), int(row[f"{way}_scale"]))
        total += math.floor(Fraction(held * int(row["unit_fine"]) * rate, unit)) if live else 0
    return max(0, total)

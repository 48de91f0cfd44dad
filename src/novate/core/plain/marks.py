"""Prices into values per lot and margin terms."""

from collections.abc import Iterable

from novate.core.book import Book
from novate.core.layout import EXPIRED, HALTED, LIVE
from novate.core.plain.values import option_terms, reference_per_lot, value_per_lot
from novate.core.reasons import Reason
from novate.core.terms import Contract


def decide_marks(
    book: Book, rows: Iterable[tuple[int, int, int]]
) -> tuple[dict[int, tuple[int, int, int, int, int]], dict[int, int], list[tuple[int, Reason]]]:
    """Marks ``(price, contract, missing)``, options after the rest, the last word on a contract counting.

    Returns per contract ``(price, value, reference, out of the money, fresh)``, halted contracts with their cause (0
    missing, 1 out of limits) and refused rows ``(row, reason)``. A live option whose underlying moved is marked again.
    """
    prices = {at: int(book.contracts[at]["price_ticks"]) for at in range(book.contract_count)}
    states = {at: int(book.contracts[at]["state"]) for at in range(book.contract_count)}
    fresh: dict[int, int] = {}
    halted: dict[int, int] = {}
    refused: list[tuple[int, Reason]] = []
    known = [(at, row) for at, row in enumerate(rows)]
    refused += [(at, Reason.CONTRACT_UNKNOWN) for at, (_, contract, _) in known if not 0 <= contract < len(prices)]
    known = [(at, row) for at, row in known if 0 <= row[1] < len(prices)]
    for at, (price, contract, missing) in sorted(known, key=lambda row: book.registers.contracts[row[1][1]].is_option):
        terms = book.registers.contracts[contract]
        if int(book.contracts[contract]["state"]) == EXPIRED:
            refused.append((at, Reason.CONTRACT_EXPIRED))
        elif missing or not terms.price_min_ticks <= price <= terms.price_max_ticks:
            states[contract], halted[contract] = HALTED, 0 if missing else 1
            fresh.pop(contract, None)
        elif terms.is_option and states[int(book.contracts[contract]["underlying"])] != LIVE:
            refused.append((at, Reason.PRICE_MISSING))
        else:
            states[contract], prices[contract], fresh[contract] = LIVE, price, 1
    for contract, terms in enumerate(book.registers.contracts):
        moved = fresh.get(int(book.contracts[contract]["underlying"])) == 1
        if terms.is_option and states[contract] == LIVE and moved:
            fresh.setdefault(contract, 0)
    marked = {contract: _marked(book, contract, prices, is_fresh) for contract, is_fresh in fresh.items()}
    return marked, halted, refused


def _marked(book: Book, contract: int, prices: dict[int, int], fresh: int) -> tuple[int, int, int, int, int]:
    terms: Contract = book.registers.contracts[contract]
    price = prices[contract]
    if terms.is_option:
        reference, otm = option_terms(book, contract, prices[int(book.contracts[contract]["underlying"])])
    else:
        reference, otm = reference_per_lot(book, contract, price), 0
    return price, value_per_lot(book, contract, price), reference, otm, fresh

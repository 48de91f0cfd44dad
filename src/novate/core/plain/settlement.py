"""What a cycle moves."""

from novate.core.book import Book
from novate.core.layout import LIVE
from novate.core.plain.margin import read
from novate.core.terms import ROUNDING


def flows(book: Book, asset: int) -> dict[int, tuple[int, int]]:
    """Per bucket ``(flow_minor, carry_fine)`` of a cycle before anyone is found short: floor for payer and receiver.

    Contracts with a live price count: variation by its result, premium by its cost alone. The rounding account stands
    aside; it takes the opposite of all others.
    """
    unit = book.registers.assets[asset].unit_fine
    out: dict[int, tuple[int, int]] = {}
    for at in range(book.account_count):
        if book.purse_of(at) != at:
            out[at] = 0, 0
            continue
        purse = read(book, at)
        owed = 0 if at == ROUNDING else purse.carry_fine[asset]
        for (_, contract), (lots, cost) in purse.positions.items():
            row = book.contracts[contract]
            if int(row["asset"]) == asset and int(row["state"]) == LIVE:
                owed -= cost
                owed += 0 if book.registers.contracts[contract].pays_premium else lots * int(row["value_fine"])
        out[at] = divmod(owed, unit)
    return out

"""The trades on record and what waits for an answer, as people read it."""

from decimal import Decimal

import msgspec

from novate.core.book import Book
from novate.core.terms import CLIENTS
from novate.tape.decimals import decimal


class Trade(msgspec.Struct, frozen=True):
    """A trade of the open cycle, or the part of one that an account gave up. ``busted`` says that it is undone."""

    source: str
    number: int
    contract: str
    buyer: str
    seller: str
    lots: int
    value_per_lot: Decimal
    asset: str
    busted: bool


class GiveUp(msgspec.Struct, frozen=True):
    """A give-up that waits for the receiving member; ``lots`` is positive where the giver is long of them."""

    give_up: int
    source: str
    number: int
    contract: str
    giver: str
    receiver: str
    lots: int
    expiry_ns: int


class Porting(msgspec.Struct, frozen=True):
    """A client of a member in default: who is asked to take it over (None: nobody) and until when (None: no end)."""

    account: str
    member: str
    proposed_to: str | None
    due_ns: int | None


def trades_on_record(book: Book) -> list[Trade]:
    """Every trade on record, in the order in which it came there."""
    registers, record = book.registers, book.trades
    found = []
    for row in record.columns():
        terms = registers.contracts[int(row["contract"])]
        asset = registers.assets[int(book.contracts[int(row["contract"])]["asset"])]
        found.append(
            Trade(
                record.sources[int(row["source"])],
                int(row["number"]),
                terms.symbol,
                registers.accounts[book.owner_of(int(row["buyer"]))].name,
                registers.accounts[book.owner_of(int(row["seller"]))].name,
                int(row["lots"]),
                decimal(int(row["value_fine"]), asset.fine_decimals),
                asset.symbol,
                bool(row["busted"]),
            )
        )
    return found


def give_ups(book: Book) -> list[GiveUp]:
    """The give-ups that nobody has answered."""
    registers = book.registers
    return [
        GiveUp(
            number,
            waiting.trade_source,
            waiting.trade_number,
            registers.contracts[waiting.contract].symbol,
            registers.accounts[waiting.giver].name,
            registers.accounts[waiting.receiver].name,
            waiting.lots,
            waiting.expiry_ns,
        )
        for number, waiting in registers.give_ups.items()
    ]


def portings(book: Book) -> list[Porting]:
    """The clients whose member is in default."""
    registers, found = book.registers, []
    for index, account in enumerate(registers.accounts):
        if account.role not in CLIENTS or not registers.members[account.member].defaulted:
            continue
        asked = registers.portings.get(index)
        name = None if asked is None else registers.members[asked].name
        due_ns = registers.porting_due_ns.get(account.member)
        found.append(Porting(account.name, registers.members[account.member].name, name, due_ns))
    return found

"""Money on its way in and out, and the gates that it waits for."""

from decimal import Decimal

import msgspec

from novate.core.book import Book
from novate.core.gate import deficit_of
from novate.core.registers import Receipt as Kept
from novate.core.terms import INSURANCE
from novate.tape.decimals import decimal


class Receipt(msgspec.Struct, frozen=True):
    """A deposit by its source and number.

    ``state`` is ``pending`` (it counts for nothing yet), ``reversible`` (it counts, and may be taken back until
    ``final_at_ns``) or ``owed`` (it was taken back, and this much of it is still to be collected).
    """

    source: str
    number: int
    state: str
    account: str
    asset: str
    amount: Decimal
    final_at_ns: int | None


class Withdrawal(msgspec.Struct, frozen=True):
    """A withdrawal by its number: ``requested``, ``waiting`` for its gate, or ``released``."""

    number: int
    account: str
    asset: str
    amount: Decimal
    state: str


class Gate(msgspec.Struct, frozen=True):
    """A closed gate.

    ``cause`` is ``losses`` or ``reversals``. It opens when ``deficit``, what others paid for open estates and what
    reversed deposits still owe, exceeds ``available``, the insurance fund's money, by no more than ``dust``.
    """

    asset: str
    cause: str
    since_ns: int
    age_ns: int
    deficit: Decimal
    available: Decimal
    dust: Decimal
    waiting: Decimal


def receipts(book: Book) -> list[Receipt]:
    """Deposits that are not yet final for good, by state, source and number."""
    registers = book.registers
    kept = (
        ("pending", registers.deposits_pending),
        ("reversible", registers.deposits_reversible),
        ("owed", registers.reversals_owed),
    )
    return [
        _receipt(book, state, source, number, receipt)
        for state, register in kept
        for source, numbered in sorted(register.items())
        for number, receipt in sorted(numbered.items())
    ]


def _receipt(book: Book, state: str, source: str, number: int, kept: Kept) -> Receipt:
    asset = book.registers.assets[kept.asset]
    name = book.registers.accounts[kept.account].name
    amount = decimal(kept.amount_minor, asset.decimals)
    return Receipt(source, number, state, name, asset.symbol, amount, kept.final_at_ns or None)


def withdrawals(book: Book) -> list[Withdrawal]:
    """Withdrawals on their way out, in the order of their requests."""
    registers = book.registers
    found = []
    for number, kept in sorted(registers.withdrawals.items()):
        asset = registers.assets[kept.asset]
        name, amount = registers.accounts[kept.account].name, decimal(kept.amount_minor, asset.decimals)
        found.append(Withdrawal(number, name, asset.symbol, amount, kept.state))
    return found


def gates(book: Book) -> list[Gate]:
    """The gates that are closed."""
    registers = book.registers
    found = []
    for index, gate in sorted(registers.gates.items()):
        asset = registers.assets[index]
        waiting = [
            kept.amount_minor
            for kept in registers.withdrawals.values()
            if kept.asset == index and kept.state == "waiting"
        ]
        amounts = (
            sum(deficit_of(book, index)),
            int(book.balances[INSURANCE, index]["balance_minor"]),
            book.rulebook.withdrawal_gates.get(asset.symbol, 0),
            sum(waiting),
        )
        deficit, available, dust, waits = (decimal(amount, asset.decimals) for amount in amounts)
        age_ns = registers.time_ns - gate.since_ns
        found.append(Gate(asset.symbol, gate.cause, gate.since_ns, age_ns, deficit, available, dust, waits))
    return found

"""Money on its way in and out, and the gates that it waits for."""

from decimal import Decimal

import msgspec

from novate.core.book import Book
from novate.core.gate import deficit_of
from novate.core.overdrafts import accrued_fine
from novate.core.registers import Receipt as Kept
from novate.core.terms import INSURANCE
from novate.core.terms import Overdraft as Rule
from novate.tape.decimals import decimal

NO_OVERDRAFT = Rule(0, 0)


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


class Overdraft(msgspec.Struct, frozen=True):
    """A balance that stands below zero: by how much, since when, until when it may, and what it pays in a year.

    ``limit`` is how far it may by the rulebook in force, and ``rate`` a part of the amount. ``accrued`` is the interest
    since it was last charged, which the next cycle charges and collects at the latest.
    """

    account: str
    asset: str
    amount: Decimal
    limit: Decimal
    since_ns: int
    until_ns: int
    rate: Decimal
    accrued: Decimal


def overdrafts(book: Book) -> list[Overdraft]:
    """Balances below zero, by account and asset."""
    registers = book.registers
    found = []
    for account, owed in sorted(registers.overdrafts.items()):
        for index, stands in sorted(owed.items()):
            asset = registers.assets[index]
            rule = book.rulebook.overdrafts.get(asset.symbol, NO_OVERDRAFT)
            amount, limit = (decimal(units, asset.decimals) for units in (stands.amount_minor, rule.amount_minor))
            rate = decimal(registers.interest_ppm.get(index, 0), 6)
            until_ns = stands.since_ns + rule.time_ns
            name = registers.accounts[account].name
            accrued = decimal(accrued_fine(book, account, index), asset.fine_decimals)
            found.append(Overdraft(name, asset.symbol, amount, limit, stands.since_ns, until_ns, rate, accrued))
    return found


class Conversion(msgspec.Struct, frozen=True):
    """An open order that sells collateral of an account for what it owes.

    ``open`` of ``sell`` is still to be sold; all of it brings ``least`` of ``bought`` at its worst rate.
    """

    number: int
    account: str
    sold: str
    sell: Decimal
    open: Decimal
    bought: str
    least: Decimal
    due_ns: int


def conversions(book: Book) -> list[Conversion]:
    """The orders that sell collateral for balances below zero."""
    registers, found = book.registers, list[Conversion]()
    for number, order in sorted(registers.conversions.items()):
        sold, bought = registers.assets[order.sold_asset], registers.assets[order.bought_asset]
        sell, still = (decimal(amount, sold.decimals) for amount in (order.sell_minor, order.open_minor))
        least, name = decimal(order.least_minor, bought.decimals), registers.accounts[order.account].name
        found.append(Conversion(number, name, sold.symbol, sell, still, bought.symbol, least, order.due_ns))
    return found


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

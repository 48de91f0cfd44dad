"""Deposits on their way in: announced, then final or cancelled; and how long a final one may still be reversed.

A deposit's reference is its source and the number under which that source announced or made it. Only what is pending,
may still be reversed or is owed to the outside is kept.
"""

from itertools import takewhile

import numpy as np

from novate.core.book import Book
from novate.core.commands import AnnounceDeposit, CancelDeposit, FinaliseDeposit
from novate.core.facts import Deposited, Fact, Rejected, SourceAdvanced
from novate.core.ledger import check_cash, check_deposit, reversible
from novate.core.money_facts import DepositClosed, DepositsAnnounced, DepositsFinal, DepositsReversible
from novate.core.reasons import Reason
from novate.core.refusals import Refusals, late
from novate.core.registers import Receipt
from novate.core.rows import CASH, POSTED


def decide_announce(book: Book, command: AnnounceDeposit) -> list[Fact]:
    """Deposits to be expected. What they may add to the house is judged when they are final."""
    refusals = Refusals(book, command.source)
    kept = []
    for at, row in enumerate(np.frombuffer(command.rows, CASH)):
        number, amount, account, asset = (int(row[field]) for field in CASH.names or ())
        if refusals.out_of_turn(at, number):
            continue
        reason = check_cash(book, account, asset, amount, coming_in=True)
        if reason is not Reason.ACCEPTED:
            refusals.add(at, reason, amount)
            continue
        kept.append((number, amount, account, asset))
    facts: list[Fact] = [DepositsAnnounced(command.source, np.array(kept, CASH).tobytes())] if kept else []
    return facts + refusals.facts()


def decide_finalise(book: Book, command: FinaliseDeposit) -> list[Fact]:
    """An announced deposit comes in, if it may now; otherwise it stays pending."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    receipt = book.registers.deposits_pending.get(command.source, {}).get(command.deposit)
    if receipt is None:
        return [not_there(book, command.source, command.deposit), advanced]
    account, asset, amount = receipt.account, receipt.asset, receipt.amount_minor
    reason, figure = check_deposit(book, account, asset, amount, {})
    if reason is not Reason.ACCEPTED:
        return [Rejected(reason, "$.deposit", _cannot(book, receipt, reason, figure)), advanced]
    return [
        Deposited(np.array([(amount, account, asset)], POSTED).tobytes()),
        DepositClosed(command.source, command.deposit, "finalised"),
        *reversible(book, command.source, [(command.deposit, amount, account, asset)]),
        advanced,
    ]


def _cannot(book: Book, receipt: Receipt, reason: Reason, figure: int) -> str:
    """Why an announced deposit cannot come in now, and what would let it."""
    asset = book.registers.assets[receipt.asset].symbol
    return {
        Reason.ASSET_NOT_ELIGIBLE: f"{asset} is no collateral of the rulebook any more: cancel the deposit",
        Reason.PRICE_MISSING: f"{asset} has no live price: publish one, then finalise again",
        Reason.COLLATERAL_CAP_EXCEEDED: f"the caps of {asset} leave room for {figure} minor units: cancel the deposit",
    }.get(reason, f"{receipt.amount_minor} minor units of {asset} more would pass what 64 bits can hold: cancel it")


def decide_cancel(book: Book, command: CancelDeposit) -> list[Fact]:
    """An announced deposit will not come."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    if command.deposit not in book.registers.deposits_pending.get(command.source, {}):
        return [not_there(book, command.source, command.deposit), advanced]
    return [DepositClosed(command.source, command.deposit, "cancelled"), advanced]


def not_there(book: Book, source: str, deposit: int) -> Rejected:
    """Why a deposit is not in the state that a command needs."""
    registers = book.registers
    if deposit in registers.deposits_pending.get(source, {}):
        message = f"deposit {deposit} of {source!r} is still pending: finalise or cancel it"
        return Rejected(Reason.DEPOSIT_PENDING, "$.deposit", message)
    if deposit <= registers.sources.get(source, -1):
        message = f"deposit {deposit} of {source!r} is closed: it came in for good, was cancelled, reversed or refused"
        return Rejected(Reason.DEPOSIT_CLOSED, "$.deposit", message)
    message = f"{source!r} has announced and made no deposit {deposit}: give the number and the source that it had"
    return Rejected(Reason.DEPOSIT_UNKNOWN, "$.deposit", message)


def matured(book: Book) -> list[Fact]:
    """Deposits whose time to be reversed is over. They stand in the order in which they came in."""
    now = book.registers.time_ns
    facts: list[Fact] = []
    for source, receipts in book.registers.deposits_reversible.items():
        old = tuple(number for number, _ in takewhile(lambda item: item[1].final_at_ns <= now, receipts.items()))
        if old:
            facts.append(DepositsFinal(source, old))
    return facts


# ---- folding --------------------------------------------------------------------------------------------------------


def strike(register: dict[str, dict[int, Receipt]], source: str, number: int) -> Receipt:
    """Take a deposit off a register. For ``evolve`` only."""
    receipt = register[source].pop(number)
    if not register[source]:
        del register[source]
    return receipt


def fold_announced(book: Book, fact: DepositsAnnounced) -> None:
    """Remember what is expected."""
    pending = book.registers.deposits_pending.setdefault(fact.source, {})
    for number, amount, account, asset in np.frombuffer(fact.rows, CASH).tolist():
        pending[number] = Receipt(account, asset, amount)


def fold_closed(book: Book, fact: DepositClosed) -> None:
    """It is expected no longer; money that came in is a fact of its own."""
    strike(book.registers.deposits_pending, fact.source, fact.deposit)


def fold_reversible(book: Book, fact: DepositsReversible) -> None:
    """Remember what may be taken back."""
    reversible = book.registers.deposits_reversible.setdefault(fact.source, {})
    for number, amount, account, asset in np.frombuffer(fact.rows, CASH).tolist():
        reversible[number] = Receipt(account, asset, amount, fact.final_at_ns)


def fold_final(book: Book, fact: DepositsFinal) -> None:
    """Forget what can no longer be reversed."""
    for number in fact.deposits:
        strike(book.registers.deposits_reversible, fact.source, number)

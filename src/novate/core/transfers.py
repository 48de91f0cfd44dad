"""Collateral between accounts of one member, never from a client to its member's house account."""

import numpy as np

from novate.core.book import Book
from novate.core.caps import room_under_caps
from novate.core.commands import TransferCollateral
from novate.core.facts import Fact
from novate.core.ledger import check_cash, check_withdrawal, fits, post
from novate.core.money_facts import CollateralTransferred
from novate.core.reasons import Reason
from novate.core.refusals import Refusals
from novate.core.rows import MOVED, TRANSFER
from novate.core.terms import CLIENTS, Role


def decide_transfer(book: Book, command: TransferCollateral) -> list[Fact]:
    """Free collateral moves, row by row, each seeing the rows before it; what came in by one can leave by none."""
    refusals = Refusals(book, command.source)
    taken: dict[tuple[int, int], int] = {}
    added: dict[tuple[int, int], int] = {}
    kept = []
    for at, row in enumerate(np.frombuffer(command.rows, TRANSFER)):
        number, amount, payer, payee, asset, _ = (int(row[field]) for field in TRANSFER.names or ())
        if refusals.out_of_turn(at, number):
            continue
        reason, figure = check_cash(book, payer, asset, amount, coming_in=False), amount
        if reason is Reason.ACCEPTED:
            reason, figure = _check_payee(book, payer, payee, asset, amount, added)
        if reason is Reason.ACCEPTED:
            reason, figure = check_withdrawal(book, payer, asset, amount, taken)
        if reason is Reason.ACCEPTED and asset in book.registers.gates:
            reason, figure = Reason.GATE_CLOSED, amount
        if reason is not Reason.ACCEPTED:
            refusals.add(at, reason, figure)
            continue
        taken[payer, asset] = taken.get((payer, asset), 0) + amount
        added[payee, asset] = added.get((payee, asset), 0) + amount
        kept.append((amount, payer, payee, asset, 0))
    facts: list[Fact] = [CollateralTransferred(np.array(kept, MOVED).tobytes())] if kept else []
    return facts + refusals.facts()


def _check_payee(
    book: Book, payer: int, payee: int, asset: int, amount: int, added: dict[tuple[int, int], int]
) -> tuple[Reason, int]:
    """Whether money may go from one account to the other at all, and whether there is room for it."""
    if not 0 <= payee < book.account_count:
        return Reason.ACCOUNT_UNKNOWN, payee
    if payer == payee:
        return Reason.ACCOUNTS_MUST_DIFFER, payer
    if not may_pay(book, payer, payee):
        return Reason.TRANSFER_NOT_ALLOWED, payee
    before = added.get((payee, asset), 0)
    if not fits(book, payee, asset, before + amount):
        return Reason.MONEY_LIMIT_EXCEEDED, amount
    if book.registers.accounts[payee].role in CLIENTS:
        room = room_under_caps(book, payee, asset, added, account_only=True)
        if room is not None and amount > room:
            return Reason.COLLATERAL_CAP_EXCEEDED, max(0, room)
    return Reason.ACCEPTED, 0


def may_pay(book: Book, payer: int, payee: int) -> bool:
    """A member may add to its own clients' money and to its own fund; clients pay each other only where the rules say.

    Client money never goes to the member's house account or to its fund: those answer for the member's losses.
    """
    ours, theirs = book.registers.accounts[payer], book.registers.accounts[payee]
    if ours.member < 0 or ours.member != theirs.member:
        return False
    if ours.role is Role.HOUSE:
        return theirs.role in (*CLIENTS, Role.DEFAULT_FUND)
    return theirs.role in CLIENTS and book.rulebook.client_transfers


def fold_transferred(book: Book, fact: CollateralTransferred) -> None:
    """Post each transfer."""
    for amount, payer, payee, asset, _ in np.frombuffer(fact.rows, MOVED).tolist():
        post(book, payer, payee, asset, amount)

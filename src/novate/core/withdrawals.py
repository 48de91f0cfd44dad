"""Withdrawals in steps: requested and held, checked again and released, then confirmed or returned.

Money leaves its account when it is requested and counts for no margin. It stands in the house's withdrawals account
until it has left or comes back; what was not released comes back as soon as its own account needs it.
"""

import numpy as np

from novate.core.admission import open_account
from novate.core.book import Book
from novate.core.commands import ConfirmWithdrawal, ReleaseWithdrawal, RequestWithdrawal, ReturnWithdrawal
from novate.core.facts import Fact, Rejected, SourceAdvanced
from novate.core.ledger import check_cash, check_withdrawal, fits, post, post_external
from novate.core.money import EXPOSURE_MAX
from novate.core.money_facts import (
    ReturnCause,
    WithdrawalConfirmed,
    WithdrawalReleased,
    WithdrawalReturned,
    WithdrawalsRequested,
    WithdrawalWaits,
)
from novate.core.reasons import Reason
from novate.core.refusals import Refusals, late
from novate.core.registers import Withdrawal
from novate.core.rows import CASH, POSTED
from novate.core.settlement import flows_of
from novate.core.terms import Role

TRANSIT = "house:withdrawals"

# ---- the steps ------------------------------------------------------------------------------------------------------


def decide_request(book: Book, command: RequestWithdrawal) -> list[Fact]:
    """Free collateral to be held, row by row, each seeing the rows before it. A closed gate does not refuse it."""
    refusals = Refusals(book, command.source)
    taken: dict[tuple[int, int], int] = {}
    held: dict[int, int] = {}
    kept = []
    for at, row in enumerate(np.frombuffer(command.rows, CASH)):
        number, amount, account, asset = (int(row[field]) for field in CASH.names or ())
        if refusals.out_of_turn(at, number):
            continue
        reason, figure = check_cash(book, account, asset, amount, coming_in=False), amount
        if reason is Reason.ACCEPTED:
            reason, figure = check_withdrawal(book, account, asset, amount, taken)
        if reason is Reason.ACCEPTED and not _can_hold(book, asset, held.get(asset, 0) + amount):
            reason, figure = Reason.MONEY_LIMIT_EXCEEDED, amount
        if reason is not Reason.ACCEPTED:
            refusals.add(at, reason, figure)
            continue
        taken[account, asset] = taken.get((account, asset), 0) + amount
        held[asset] = held.get(asset, 0) + amount
        kept.append((amount, account, asset))
    first = book.registers.next_withdrawal
    facts: list[Fact] = [WithdrawalsRequested(first, np.array(kept, POSTED).tobytes())] if kept else []
    return facts + refusals.facts()


def _can_hold(book: Book, asset: int, amount_minor: int) -> bool:
    """Whether the withdrawals account can hold this much more within 64 bits, even before it is opened."""
    transit = book.registers.names.get(TRANSIT)
    if transit is None:
        return amount_minor * book.registers.assets[asset].unit_fine <= EXPOSURE_MAX
    return fits(book, transit, asset, amount_minor)


def decide_release(book: Book, command: ReleaseWithdrawal) -> list[Fact]:
    """Check a held withdrawal again: it goes, waits for its gate, or comes back."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    number = command.withdrawal
    withdrawal = book.registers.withdrawals.get(number)
    if withdrawal is None:
        return [_not_there(book, number), advanced]
    if withdrawal.state == "released":
        message = f"withdrawal {number} was released before: confirm or return it"
        return [Rejected(Reason.WITHDRAWAL_RELEASED, "$.withdrawal", message), advanced]
    if withdrawal.state == "waiting":
        symbol = book.registers.assets[withdrawal.asset].symbol
        message = f"withdrawal {number} waits for the gate of {symbol} and goes by itself when it opens"
        return [Rejected(Reason.GATE_CLOSED, "$.withdrawal", message), advanced]
    return [*(release(book, number, withdrawal) or [_no_room(number)]), advanced]


def release(book: Book, number: int, withdrawal: Withdrawal) -> list[Fact]:
    """What becomes of a held withdrawal whose time has come: the account is judged as it stands without the money."""
    reason, _ = check_withdrawal(book, withdrawal.account, withdrawal.asset, 0, {})
    if reason is not Reason.ACCEPTED:
        return give_back(book, number, withdrawal, "refused", reason)
    if withdrawal.asset in book.registers.gates:
        return [WithdrawalWaits(number)]
    return [WithdrawalReleased(number)]


def decide_confirm(book: Book, command: ConfirmWithdrawal) -> list[Fact]:
    """The money of a released withdrawal has left: once."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    number = command.withdrawal
    withdrawal = book.registers.withdrawals.get(number)
    if withdrawal is None:
        return [_not_there(book, number), advanced]
    if withdrawal.state != "released":
        message = f"withdrawal {number} is {withdrawal.state}: release it before it is paid"
        return [Rejected(Reason.WITHDRAWAL_NOT_RELEASED, "$.withdrawal", message), advanced]
    confirmed = WithdrawalConfirmed(number, withdrawal.account, withdrawal.asset, withdrawal.amount_minor)
    return [confirmed, advanced]


def decide_return(book: Book, command: ReturnWithdrawal) -> list[Fact]:
    """A withdrawal that is cancelled, or whose transfer failed, comes back to its account."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    number = command.withdrawal
    withdrawal = book.registers.withdrawals.get(number)
    if withdrawal is None:
        return [_not_there(book, number), advanced]
    cause = "transfer_failed" if withdrawal.state == "released" else "cancelled"
    return [*(give_back(book, number, withdrawal, cause) or [_no_room(number)]), advanced]


def _not_there(book: Book, number: int) -> Rejected:
    """A withdrawal that is closed, or that never was."""
    if 0 <= number < book.registers.next_withdrawal:
        message = f"withdrawal {number} is closed: it was confirmed or returned before"
        return Rejected(Reason.WITHDRAWAL_CLOSED, "$.withdrawal", message)
    message = f"no withdrawal has the number {number}: use that of its request"
    return Rejected(Reason.WITHDRAWAL_UNKNOWN, "$.withdrawal", message)


def _no_room(number: int) -> Rejected:
    message = f"with withdrawal {number} the account would pass what 64 bits can hold: let it reduce first"
    return Rejected(Reason.MONEY_LIMIT_EXCEEDED, "$.withdrawal", message)


def give_back(
    book: Book, number: int, withdrawal: Withdrawal, cause: ReturnCause, reason: Reason = Reason.ACCEPTED
) -> list[Fact]:
    """The return of a withdrawal to its account, or to who liquidates it; nothing where it no longer fits there."""
    liquidation = book.registers.liquidations.get(withdrawal.account)
    account = liquidation.account if liquidation and liquidation.account >= 0 else withdrawal.account
    asset, amount = withdrawal.asset, withdrawal.amount_minor
    if not fits(book, account, asset, amount):
        return []
    return [WithdrawalReturned(number, account, asset, amount, cause, reason)]


# ---- what follows ---------------------------------------------------------------------------------------------------


def holders(book: Book) -> dict[int, None]:
    """Accounts with money that was asked for and not released."""
    return dict.fromkeys(held.account for held in book.registers.withdrawals.values() if held.state != "released")


def recall(book: Book, account: int) -> list[Fact]:
    """All that an account has asked for and that was not released comes back: its own money answers first."""
    facts: list[Fact] = []
    pending: dict[int, int] = {}
    for number, withdrawal in book.registers.withdrawals.items():
        if withdrawal.account != account or withdrawal.state == "released":
            continue
        total = pending.get(withdrawal.asset, 0) + withdrawal.amount_minor
        if fits(book, account, withdrawal.asset, total):
            pending[withdrawal.asset] = total
            facts += give_back(book, number, withdrawal, "recalled")
    return facts


def recall_for_settlement(book: Book) -> list[Fact]:
    """Before a cycle: accounts that lack cash in it, and the members behind them, have their held money back."""
    registers = book.registers
    due = registers.settlement_due_ns
    if due is None or due > registers.time_ns:
        return []
    members = dict.fromkeys(registers.accounts[account].member for account in holders(book))
    needy: dict[int, None] = {}
    for asset in range(book.asset_count) if members else ():
        flow = flows_of(book, asset).flow_minor
        balances = book.balances[: book.account_count, asset]["balance_minor"]
        for account in np.flatnonzero(balances + flow < 0).tolist():
            member = registers.accounts[registers.origins.get(account, account)].member
            if member in members:
                needy |= dict.fromkeys((account, registers.members[member].house_account))
    return [fact for account in sorted(needy) for fact in recall(book, account)]


def let_go(book: Book, asset: int) -> list[Fact]:
    """A gate is open: what waited for it is checked again and goes, in the order in which it was asked for."""
    return [
        fact
        for number, withdrawal in book.registers.withdrawals.items()
        if withdrawal.asset == asset and withdrawal.state == "waiting"
        for fact in release(book, number, withdrawal)
    ]


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_requested(book: Book, fact: WithdrawalsRequested) -> None:
    """Move the money aside. The account it stands in is opened with the first withdrawal."""
    registers = book.registers
    if TRANSIT not in registers.names:
        open_account(book, TRANSIT, Role.WITHDRAWALS, -1)
    for number, (amount, account, asset) in enumerate(np.frombuffer(fact.rows, POSTED).tolist(), fact.first):
        post(book, account, registers.names[TRANSIT], asset, amount)
        registers.withdrawals[number] = Withdrawal(account, asset, amount)
        registers.next_withdrawal = number + 1


def fold_waits(book: Book, fact: WithdrawalWaits) -> None:
    """It waits for its gate."""
    book.registers.withdrawals[fact.withdrawal].state = "waiting"


def fold_released(book: Book, fact: WithdrawalReleased) -> None:
    """It may be paid."""
    book.registers.withdrawals[fact.withdrawal].state = "released"


def fold_confirmed(book: Book, fact: WithdrawalConfirmed) -> None:
    """It has left the house."""
    del book.registers.withdrawals[fact.withdrawal]
    post_external(book, book.registers.names[TRANSIT], fact.asset, -fact.amount_minor)


def fold_returned(book: Book, fact: WithdrawalReturned) -> None:
    """It is back."""
    del book.registers.withdrawals[fact.withdrawal]
    post(book, book.registers.names[TRANSIT], fact.account, fact.asset, fact.amount_minor)

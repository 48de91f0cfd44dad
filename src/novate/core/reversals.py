"""A final deposit that is taken back outside: the house owes at once, and collects as it does for a loss.

The account's own money first, then what it holds for withdrawal, its other collateral, the member behind a client, and
the waterfall. What none of them has is still owed: nothing is paid that is not there, and every clock tries again.
"""

from novate.core.book import Book
from novate.core.collateral import Purse
from novate.core.commands import ReverseDeposit
from novate.core.deposits import not_there, strike
from novate.core.facts import Fact, MemberDefaulted, Rejected, ShortfallAssigned, SourceAdvanced, Transferred
from novate.core.ledger import post_external
from novate.core.money_facts import DepositReversed, WithdrawalReturned
from novate.core.reasons import Reason
from novate.core.refusals import late
from novate.core.registers import Receipt
from novate.core.terms import Role
from novate.core.waterfall import absorb, is_client_with_standing_member
from novate.core.withdrawals import recall


class Collection:
    """One round of collecting: a purse, who has been asked for what is held, and members that fail in it."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.purse = Purse(book)
        self.recalled: dict[int, None] = {}
        self.failing: dict[int, str] = {}

    def reverse(self, source: str, deposit: int, receipt: Receipt) -> list[Fact]:
        """Collect what a reversed deposit asks for and pay it out, as far as it goes."""
        account, asset, owed = receipt.account, receipt.asset, receipt.amount_minor
        facts = self._raise(account, asset, owed)
        lack = owed - self.purse.balance(account, asset)
        if lack > 0 and is_client_with_standing_member(self.book, account, self.failing):
            facts += self._from_member(account, asset, lack)
        elif lack > 0:
            facts += self._from_layers(account, asset, lack)
        paid = max(0, min(owed, self.purse.balance(account, asset)))
        self.purse.add(account, asset, -paid)
        return [*facts, DepositReversed(source, deposit, account, asset, paid, owed - paid)]

    def _raise(self, account: int, asset: int, needed: int) -> list[Fact]:
        """An account's own means: cash, what it holds for withdrawal, other collateral against the treasury."""
        facts: list[Fact] = []
        if self.purse.balance(account, asset) < needed and account not in self.recalled:
            self.recalled[account] = None
            for fact in recall(self.book, account):
                if isinstance(fact, WithdrawalReturned):
                    self.purse.add(fact.account, fact.asset, fact.amount_minor)
                    facts.append(fact)
        facts += self.purse.raise_cash(account, asset, needed - self.purse.balance(account, asset))
        return facts

    def _from_member(self, client: int, asset: int, lack: int) -> list[Fact]:
        """The member behind a client makes good what the client lacks; what it lacks itself is its default."""
        house = self.book.registers.members[self.book.registers.accounts[client].member].house_account
        facts = self._raise(house, asset, lack)
        short = lack - self.purse.balance(house, asset)
        if short > 0:
            facts += self._from_layers(house, asset, short)
        paid = min(lack, self.purse.balance(house, asset))
        if paid > 0:
            facts.append(ShortfallAssigned(client, house, asset, paid))
            facts.append(Transferred("shortfall", house, client, asset, paid))
            self.purse.add(house, asset, -paid)
            self.purse.add(client, asset, paid)
        return facts

    def _from_layers(self, account: int, asset: int, lack: int) -> list[Fact]:
        """The waterfall pays; a member whose own account needs it is in default (the clearing-house form)."""
        owner = self.book.registers.accounts[account]
        own_default = owner.role is Role.HOUSE and self.book.rulebook.form == "clearing_house"
        if own_default and not self.book.registers.members[owner.member].defaulted:
            self.failing[owner.member] = "reversal_missed"
        return absorb(self.book, self.purse, account, asset, lack, self.failing)

    def defaults(self) -> list[Fact]:
        """Members that failed in this round."""
        return [MemberDefaulted(member, "reversal_missed") for member in self.failing]


def decide_reverse(book: Book, command: ReverseDeposit) -> list[Fact]:
    """Take a deposit back while it can be reversed."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    receipt = book.registers.deposits_reversible.get(command.source, {}).get(command.deposit)
    if receipt is None:
        return [not_there(book, command.source, command.deposit), advanced]
    if receipt.final_at_ns <= book.registers.time_ns:
        message = f"deposit {command.deposit} of {command.source!r} could be reversed until {receipt.final_at_ns} ns"
        return [Rejected(Reason.DEPOSIT_CLOSED, "$.deposit", message), advanced]
    collection = Collection(book)
    facts = collection.reverse(command.source, command.deposit, receipt)
    return [*facts, *collection.defaults(), advanced]


def collect_owed(book: Book) -> list[Fact]:
    """Try again to collect what reversed deposits still ask for."""
    collection = Collection(book)
    facts: list[Fact] = []
    for source, receipts in book.registers.reversals_owed.items():
        for deposit, receipt in receipts.items():
            tried = collection.reverse(source, deposit, receipt)
            paid = tried[-1]
            facts += tried if isinstance(paid, DepositReversed) and paid.amount_minor else tried[:-1]
    return facts + collection.defaults()


def fold_reversed(book: Book, fact: DepositReversed) -> None:
    """What was collected leaves the house; what was not is still owed."""
    registers = book.registers
    post_external(book, fact.account, fact.asset, -fact.amount_minor)
    owed = registers.reversals_owed
    strike(
        owed if fact.deposit in owed.get(fact.source, {}) else registers.deposits_reversible, fact.source, fact.deposit
    )
    if fact.owed_minor:
        receipt = Receipt(fact.account, fact.asset, fact.owed_minor)
        owed.setdefault(fact.source, {})[fact.deposit] = receipt

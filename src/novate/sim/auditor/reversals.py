"""Deposits that are taken back outside: what can be collected now leaves, the rest is owed and tried again."""

from novate.core.commands import ReverseDeposit
from novate.core.facts import Fact, MemberDefaulted, ShortfallAssigned, SourceAdvanced, Transferred
from novate.core.money_facts import DepositReversed, WithdrawalReturned
from novate.core.reasons import Reason
from novate.sim.auditor.cash import come_in
from novate.sim.auditor.deposits import not_there
from novate.sim.auditor.house import House, Receipt, Reference
from novate.sim.auditor.numbering import rejected
from novate.sim.auditor.waterfall import Collector
from novate.sim.auditor.withdrawals import recall


def decide_reverse(house: House, command: ReverseDeposit) -> list[Fact]:
    """Within its time, what its account brought in is collected like a loss."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced = SourceAdvanced(command.source, command.number)
    reference = command.source, command.deposit
    receipt = house.reversible.get(reference)
    if receipt is None or receipt.final_at_ns <= house.now_ns:
        over = Reason.DEPOSIT_CLOSED if receipt else not_there(house, *reference)
        return [rejected(over, "$.deposit"), advanced]
    reversal = Reversal(house)
    reversal.facts.append(reversal.collect(reference, receipt))
    return [*reversal.facts, *reversal.defaults(), advanced]


def collect_owed(house: House) -> list[Fact]:
    """Everything that is still owed is tried again, in the order in which it came to be owed by each source."""
    reversal = Reversal(house)
    sources = dict.fromkeys(source for source, _ in house.owed)
    for reference in sorted(house.owed, key=lambda reference: list(sources).index(reference[0])):
        reversed_now = reversal.collect(reference, house.owed[reference])
        if reversed_now.amount_minor:
            reversal.facts.append(reversed_now)
    return [*reversal.facts, *reversal.defaults()]


class Reversal(Collector):
    """One round of collecting for reversed deposits; what an account holds back for withdrawal is recalled once."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.recalled: list[int] = []

    def collect(self, reference: Reference, receipt: Receipt) -> DepositReversed:
        """The account's own means, then the member behind a client, or the layers; and what leaves of it."""
        account, owed = receipt.account, receipt.amount_minor
        self.asset = receipt.asset
        self.raise_own(account, owed)
        lack = owed - self.purse.held[account, self.asset]
        if lack > 0 and self.stands_behind(account):
            self.collect_from_member(account, lack)
        elif lack > 0:
            self.note_failure(account)
            self.absorb(account, lack)
        paid = max(0, min(owed, self.purse.held[account, self.asset]))
        self.purse.held[account, self.asset] -= paid
        return DepositReversed(*reference, account, self.asset, paid, owed - paid)

    def raise_own(self, account: int, needed: int) -> None:
        """Cash, what was asked for and is not gone, other assets."""
        if self.purse.held[account, self.asset] < needed and account not in self.recalled:
            self.recalled.append(account)
            for fact in recall(self.house, account):
                if isinstance(fact, WithdrawalReturned):
                    self.purse.held[fact.account, fact.asset] += fact.amount_minor
                    self.facts.append(fact)
        self.facts += self.purse.convert(account, self.asset, needed - self.purse.held[account, self.asset])

    def collect_from_member(self, client: int, lack: int) -> None:
        """The member behind a client pays, with the layers behind it where it cannot."""
        house = self.house.members[self.house.member_of(client)].house
        self.raise_own(house, lack)
        short = lack - self.purse.held[house, self.asset]
        if short > 0:
            self.note_failure(house)
            self.absorb(house, short)
        paid = min(lack, self.purse.held[house, self.asset])
        if paid > 0:
            self.facts.append(ShortfallAssigned(client, house, self.asset, paid))
            self.facts.append(Transferred("shortfall", house, client, self.asset, paid))
            self.purse.move(house, client, self.asset, paid)

    def defaults(self) -> list[Fact]:
        """Members that others had to pay for."""
        return [MemberDefaulted(member, "reversal_missed") for member in self.failing]


def apply_reversed(house: House, fact: DepositReversed) -> None:
    """What was collected leaves; the rest is owed."""
    come_in(house, fact.account, fact.asset, -fact.amount_minor)
    reference = fact.source, fact.deposit
    house.owed.pop(reference, None)
    house.reversible.pop(reference, None)
    if fact.owed_minor:
        house.owed[reference] = Receipt(fact.account, fact.asset, fact.owed_minor)

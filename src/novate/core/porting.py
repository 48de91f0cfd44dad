"""Clients of a member in default find another member, or are closed out.

A client moves whole, with all its buckets: positions at their costs, collateral, open calls, deposits and withdrawals
on their way, and what it owes to those who paid for it; its resting orders are cancelled. It is judged behind its new
member at once, and called there where it falls short.
"""

from novate.core import layout
from novate.core.book import Book
from novate.core.facts import Breached, Fact
from novate.core.lifecycle_commands import AnswerPorting, PortAccount
from novate.core.lifecycle_facts import AccountPorted, PortingDeclined, PortingEnded, PortingOpened, PortingProposed
from novate.core.limits import check_joining
from novate.core.margin import judge
from novate.core.omnibus import is_pool
from novate.core.orders import drop_orders
from novate.core.reasons import Reason
from novate.core.refusals import Refused
from novate.core.sides import check_free, check_named, name_of
from novate.core.terms import CLIENTS


def decide_port(book: Book, command: PortAccount) -> list[Fact]:
    """Propose a client of a member in default to another member; a later proposal takes the place of this one."""
    _check_portable(book, command)
    return [PortingProposed(command.account, command.member)]


def decide_answer(book: Book, command: AnswerPorting) -> list[Fact]:
    """The proposed member's answer."""
    _check_portable(book, command)
    proposed = book.registers.portings.get(command.account)
    name = name_of(book, command.account)
    if proposed is None:
        message = f"nobody has proposed to port {name}: propose it first"
        raise Refused(Reason.NOT_PORTABLE, "$.account", message)
    if proposed != command.member:
        message = f"{name} is proposed to {book.registers.members[proposed].name}: only that member can answer"
        raise Refused(Reason.NOT_A_PARTY, "$.member", message)
    if not command.accept:
        return [PortingDeclined(command.account, command.member)]
    return [AccountPorted(command.account, command.member)]


def _check_portable(book: Book, command: PortAccount | AnswerPorting) -> None:
    """A client whose member is in default, and a member that is not."""
    if not (0 <= command.account < book.account_count and is_pool(book, command.account)):
        check_named(book, command.account, "$.account")
    for bucket in book.buckets_of(command.account):
        check_free(book, bucket, "$.account")
    members = book.registers.members
    if not 0 <= command.member < len(members):
        raise Refused(Reason.MEMBER_UNKNOWN, "$.member", f"there is no member {command.member}")
    account = book.registers.accounts[command.account]
    if account.role not in CLIENTS or not members[account.member].defaulted:
        message = f"{account.name} is no client of a member in default: only those are ported"
        raise Refused(Reason.NOT_PORTABLE, "$.account", message)
    if members[command.member].defaulted:
        message = f"{members[command.member].name} is in default itself: propose a member in good standing"
        raise Refused(Reason.MEMBER_IN_DEFAULT, "$.member", message)
    if (limit := check_joining(book, command.account, command.member)) is not None:
        message = f"with {account.name}, {members[command.member].name} would pass the limit {limit!r}: raise it first"
        raise Refused(Reason.GROUP_LIMIT_EXCEEDED, "$.member", message)


def open_buckets(book: Book, member: int) -> list[int]:
    """The buckets of a member's clients that are not in liquidation, account by account; a pool's is one."""
    return [
        bucket
        for index, account in enumerate(book.registers.accounts)
        if account.role in CLIENTS and account.member == member
        for bucket in (index, *book.isolated_of(index))
        if book.buckets[bucket]["access"] != layout.LIQUIDATING
    ]


def porting_opened(book: Book, member: int) -> list[Fact]:
    """The time that the rulebook gives a defaulter's clients, where it gives one."""
    due_ns = book.rulebook.porting_due_ns
    return [PortingOpened(member, book.registers.time_ns + due_ns)] if due_ns and open_buckets(book, member) else []


def ended_portings(book: Book) -> list[Fact]:
    """Where the time is over, what clients hold that were not ported is closed out, bucket by bucket."""
    facts: list[Fact] = []
    for member, due_ns in book.registers.porting_due_ns.items():
        if due_ns > book.registers.time_ns:
            continue
        facts.append(PortingEnded(member))
        for bucket in open_buckets(book, member):
            if (book.rows_of(bucket)["lots"] != 0).any():
                verdict = judge(book, bucket)
                facts.append(Breached(bucket, "not_ported", verdict.equity_fine, verdict.maintenance_fine))
    return facts


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_porting_opened(book: Book, fact: PortingOpened) -> None:
    """The time runs."""
    book.registers.porting_due_ns[fact.member] = fact.due_ns


def fold_porting_proposed(book: Book, fact: PortingProposed) -> None:
    """The client waits for the member."""
    book.registers.portings[fact.account] = fact.member


def fold_porting_declined(book: Book, fact: PortingDeclined) -> None:
    """The client waits for nobody."""
    del book.registers.portings[fact.account]


def fold_account_ported(book: Book, fact: AccountPorted) -> None:
    """The client stands behind its new member with all its buckets and may trade; its orders rest no more."""
    del book.registers.portings[fact.account]
    for bucket in book.buckets_of(fact.account):
        drop_orders(book, bucket)
        book.registers.accounts[bucket].member = fact.member
        book.buckets[bucket]["member"] = fact.member
        book.buckets[bucket]["access"] = layout.OPEN
    book.index_limits()  # its new member's limits are its own


def fold_porting_ended(book: Book, fact: PortingEnded) -> None:
    """The time is over."""
    del book.registers.porting_due_ns[fact.member]

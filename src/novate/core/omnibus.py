"""Gross omnibus accounts: clients of a member in one pool of money, each with positions of its own behind it.

The member registers sub-accounts under references of its own; the house needs to know nobody's name. Trades, resting
orders, give-ups and position transfers name a sub-account. Everything else is the omnibus account's: one balance, one
call, one liquidation, one place in the waterfall, one porting.

*The requirement is gross*: that of each sub-account's positions on their own, added up. A long of one does not offset
a short of another, as in the rules for customer accounts of 17 CFR 39.13(g)(8)(i) (a clearing organisation collects
initial margin for what would be asked of each individual customer) and for gross omnibus accounts of indirect clients
in Article 4 of Commission Delegated Regulation (EU) 149/2013 as amended by (EU) 2017/2154. It is added up in each
settlement asset, then converted and rounded up once. Brackets of a margin class count each sub-account's positions for
themselves, as they would each client's own: what a member may hold altogether is a matter of limits.

*The money is pooled*, by law of the account: all of it stands for all that its clients together owe, results of one
count against results of another, and a loss of one that is larger than what it brought is borne by the pool before it
is the member's. So it is for futures customers under section 4d(a) of the Commodity Exchange Act. Models that
keep the value of each customer's collateral apart (17 CFR part 22, "LSOC", for cleared swaps) are not this: there a
client account for each is what protects them.
"""

from novate.core import layout
from novate.core.admission import check_name, open_account
from novate.core.book import Book
from novate.core.commands import OpenSubAccount
from novate.core.facts import Fact, Rejected, SubAccountOpened
from novate.core.reasons import Reason
from novate.core.terms import Role

SEPARATOR = "/"


def decide_open_sub_account(book: Book, command: OpenSubAccount) -> list[Fact]:
    """Register a sub-account of a gross omnibus account whose member is in good standing."""
    registers = book.registers
    if not 0 <= command.account < book.account_count:
        return [Rejected(Reason.ACCOUNT_UNKNOWN, "$.account", f"there is no account {command.account}")]
    account = registers.accounts[command.account]
    if account.role is not Role.GROSS_OMNIBUS:
        message = f"{account.name} is no gross omnibus account: only those have sub-accounts"
        return [Rejected(Reason.NOT_GROSS_OMNIBUS, "$.account", message)]
    name = name_of_sub(account.name, command.reference)
    refused = check_name(command.reference, False, "$.reference") or check_name(
        name, name in registers.names, "$.reference"
    )
    if refused:
        return [refused]
    member = registers.members[account.member]
    if member.defaulted:
        return [Rejected(Reason.MEMBER_IN_DEFAULT, "$.account", f"{member.name} is in default")]
    return [SubAccountOpened(command.account, command.reference)]


def name_of_sub(omnibus: str, reference: str) -> str:
    """What trades call a sub-account: ``Pool/7731``."""
    return f"{omnibus}{SEPARATOR}{reference}"


def fold_sub_account_opened(book: Book, fact: SubAccountOpened) -> None:
    """Give the sub-account the next index, and put it at the head of its pool's chain."""
    owner = book.registers.accounts[fact.account]
    sub = open_account(book, name_of_sub(owner.name, fact.reference), Role.SUB_ACCOUNT, owner.member)
    book.registers.accounts[sub].owner = fact.account
    pool, row = book.buckets[fact.account], book.buckets[sub]
    row["contract"], row["access"], row["next"] = layout.SUB - fact.account, pool["access"], pool["next"]
    pool["next"] = sub
    book.limit_spans[sub] = book.limit_spans[fact.account]


def is_pool(book: Book, account: int) -> bool:
    """Whether an account is a gross omnibus one, which trades do not name."""
    return int(book.buckets[account]["contract"]) == layout.POOLED

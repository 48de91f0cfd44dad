"""Omnibus accounts as they stand: what each asks for, and which of its sub-accounts asks for how much of it.

The money of an omnibus account is pooled. Who looks at it asks whether it covers what its clients need together, and
whose positions it is that need it, since what one of them loses beyond its own money the others' money pays.
"""

from decimal import Decimal

import msgspec

from novate import views
from novate.core.book import Book
from novate.core.terms import Role


class SubAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A sub-account's positions: what they ask for alone, and what they gained or lost since the last settlement.

    ``share`` is its part of what all sub-accounts of its omnibus account ask for, 0 where none asks for anything.
    ``unsettled`` has a settlement asset and an amount in it for each that it has a result in.
    """

    name: str
    positions: int
    initial: Decimal
    maintenance: Decimal
    share: Decimal
    unsettled: tuple[tuple[str, Decimal], ...]


class Omnibus(msgspec.Struct, frozen=True):
    """An omnibus account, judged in the numeraire, and its sub-accounts by what they ask for, the most first.

    A net one has none: the house does not know its clients apart.
    """

    account: views.Account
    subs: tuple[SubAccount, ...]

    @property
    def coverage(self) -> Decimal | None:
        """Equity as a part of the initial requirement; None where nothing is required."""
        if self.account.equity is None or not self.account.initial:
            return None
        return self.account.equity / self.account.initial


def omnibus_accounts(book: Book) -> list[Omnibus]:
    """Every omnibus account, in the order in which they were opened. A rulebook is in force."""
    return [
        Omnibus(views.account(book, index), _subs(book, index))
        for index, terms in enumerate(book.registers.accounts)
        if terms.role in (Role.NET_OMNIBUS, Role.GROSS_OMNIBUS)
    ]


def _subs(book: Book, pool: int) -> tuple[SubAccount, ...]:
    accounts = [views.account(book, sub) for sub in book.subs_of(pool)]
    whole = sum((account.initial or Decimal(0) for account in accounts), Decimal(0))
    found = [
        SubAccount(
            name=account.name,
            positions=sum(position.lots != 0 for position in account.positions),
            initial=account.initial or Decimal(0),
            maintenance=account.maintenance or Decimal(0),
            share=(account.initial or Decimal(0)) / whole if whole else Decimal(0),
            unsettled=_unsettled(account),
        )
        for account in accounts
    ]
    return tuple(sorted(found, key=lambda sub: -sub.initial))


def _unsettled(account: views.Account) -> tuple[tuple[str, Decimal], ...]:
    found: dict[str, Decimal] = {}
    for position in account.positions:
        if position.unsettled:
            found[position.asset] = found.get(position.asset, Decimal(0)) + position.unsettled
    return tuple(found.items())

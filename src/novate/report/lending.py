"""Balances below zero: a report over the journal of what the treasury lent, to whom, for how long and for what.

The house knows the balances that stand below zero now. A risk officer asks for all of them: how far each went and how
far it might, how long it stood, what it paid, and what the treasury did not get back. This report folds the facts of a
journal's records; the final book gives the names.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

import msgspec

from novate.core.book import Book
from novate.core.facts import AssetAdded, Fact, LossAbsorbed, RulebookAdopted
from novate.core.overdraft_facts import InterestCharged, OverdraftChanged
from novate.core.terms import TREASURY, Layer, Overdraft
from novate.tape.decimals import decimal

NO_OVERDRAFT = Overdraft(0, 0)


class Recorded(Protocol):
    """One record of the house, as ``ClearingHouse.records`` gives them."""

    @property
    def time_ns(self) -> int: ...
    @property
    def facts(self) -> tuple[Fact, ...]: ...


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a balance stood below zero; amounts in its asset, positive where they are owed.

    ``limit`` and ``due_ns`` are how far and until when it might, by the last rulebook in its time: beyond them other
    collateral is converted. ``until_ns`` is None where it stands below zero still, by ``owed``.
    ``lost`` is what the treasury paid for it in the first place, before recoveries.
    """

    account: str
    asset: str
    since_ns: int
    until_ns: int | None
    due_ns: int
    deepest: Decimal
    limit: Decimal
    owed: Decimal
    interest: Decimal
    lost: Decimal

    @property
    def beyond(self) -> bool:
        """Whether it stands further below zero than the rulebook allows: what it has could not be converted yet."""
        return self.owed > self.limit


class Lent(msgspec.Struct, frozen=True, kw_only=True):
    """All that the treasury lent of one asset.

    ``rate`` is what is paid in a year now, as a part. ``held`` is the treasury's balance, of which ``owed`` is lent now
    and ``most`` was at a time.
    """

    asset: str
    rate: Decimal
    loans: int
    most: Decimal
    owed: Decimal
    held: Decimal
    interest: Decimal
    lost: Decimal


class _Standing(msgspec.Struct):
    """A loan as it is folded, in minor units, its interest in fine ones."""

    account: int
    asset: int
    since_ns: int
    rule: Overdraft
    until_ns: int | None = None
    deepest_minor: int = 0
    owed_minor: int = 0
    interest_fine: int = 0
    lost_minor: int = 0


class Lending:
    """Folds facts record by record, from the first on; ``loans`` and ``lent`` report what was folded so far."""

    def __init__(self) -> None:
        self._made: list[_Standing] = []
        self._open: dict[tuple[int, int], _Standing] = {}
        self._most_minor: list[int] = []
        self._symbols: list[str] = []
        self._rules: dict[str, Overdraft] = {}

    def fold(self, facts: Iterable[Fact], time_ns: int) -> None:
        """Take the facts of one record in."""
        changed = False
        for fact in facts:
            match fact:
                case AssetAdded():
                    self._symbols.append(fact.asset.symbol)
                    self._most_minor.append(0)
                case RulebookAdopted():
                    self._rules = fact.rulebook.overdrafts
                    for loan in self._open.values():
                        loan.rule = self._rule(loan.asset)
                case OverdraftChanged():
                    self._change(fact, time_ns)
                    changed = True
                case InterestCharged():
                    self._open[fact.account, fact.asset].interest_fine += fact.amount_fine
                case LossAbsorbed(layer=Layer.TREASURY):
                    self._open[fact.bucket, fact.asset].lost_minor += fact.amount_minor
        if changed:  # within a record a debt may be in two places, as where it moves to a liquidation account
            self._most_minor = [max(most, self._owed_minor(asset)) for asset, most in enumerate(self._most_minor)]

    def loans(self, book: Book) -> list[Loan]:
        """Every loan: those that stand first, then by how much of its limit each used, the most first."""
        made = [self._loan(loan, book) for loan in self._made]
        return sorted(made, key=lambda loan: (loan.until_ns is not None, -_used(loan), loan.since_ns))

    def lent(self, book: Book) -> list[Lent]:
        """A line for each asset that was ever lent; ``book`` is the house after the last record folded."""
        found = []
        for index in sorted({loan.asset for loan in self._made}):
            asset = book.registers.assets[index]
            made = [loan for loan in self._made if loan.asset == index]
            found.append(
                Lent(
                    asset=asset.symbol,
                    rate=decimal(book.registers.interest_ppm.get(index, 0), 6),
                    loans=len(made),
                    most=decimal(self._most_minor[index], asset.decimals),
                    owed=decimal(self._owed_minor(index), asset.decimals),
                    held=decimal(int(book.balances[TREASURY, index]["balance_minor"]), asset.decimals),
                    interest=decimal(sum(loan.interest_fine for loan in made), asset.fine_decimals),
                    lost=decimal(sum(loan.lost_minor for loan in made), asset.decimals),
                )
            )
        return found

    def _change(self, fact: OverdraftChanged, time_ns: int) -> None:
        key = fact.account, fact.asset
        if key not in self._open:
            self._open[key] = _Standing(fact.account, fact.asset, time_ns, self._rule(fact.asset))
            self._made.append(self._open[key])
        loan = self._open[key]
        loan.owed_minor = fact.amount_minor
        loan.deepest_minor = max(loan.deepest_minor, fact.amount_minor)
        if not fact.amount_minor:
            loan.until_ns = time_ns
            del self._open[key]

    def _rule(self, asset: int) -> Overdraft:
        return self._rules.get(self._symbols[asset], NO_OVERDRAFT)

    def _owed_minor(self, asset: int) -> int:
        return sum(loan.owed_minor for (_, of), loan in self._open.items() if of == asset)

    def _loan(self, loan: _Standing, book: Book) -> Loan:
        asset = book.registers.assets[loan.asset]
        return Loan(
            account=book.registers.accounts[loan.account].name,
            asset=asset.symbol,
            since_ns=loan.since_ns,
            until_ns=loan.until_ns,
            due_ns=loan.since_ns + loan.rule.time_ns,
            deepest=decimal(loan.deepest_minor, asset.decimals),
            limit=decimal(loan.rule.amount_minor, asset.decimals),
            owed=decimal(loan.owed_minor, asset.decimals),
            interest=decimal(loan.interest_fine, asset.fine_decimals),
            lost=decimal(loan.lost_minor, asset.decimals),
        )


def lending(records: Iterable[Recorded], book: Book) -> tuple[list[Lent], list[Loan]]:
    """The report over the records of a house, from the first on, and its book after the last of them."""
    folded = Lending()
    for record in records:
        folded.fold(record.facts, record.time_ns)
    return folded.lent(book), folded.loans(book)


def _used(loan: Loan) -> Decimal:
    """How much of its limit a loan used at its deepest; without a limit, more than any."""
    return loan.deepest / loan.limit if loan.limit else Decimal("Infinity")

"""Whose money pays: folds facts one by one and asks of every client balance that falls why it fell.

A client's money pays for its own losses, withdrawals and debts and, where its member moves it, for another client of
that member; beyond that only a cut of its gains may take from it. It never pays for its member.
"""

from collections.abc import Iterable

import numpy as np

from novate.core import facts as f
from novate.core import money_facts as m
from novate.core.book import Book
from novate.core.evolve import evolve
from novate.core.facts import Fact
from novate.core.rows import MOVED, POSTED, SETTLED
from novate.core.settlement import flows_of
from novate.core.terms import CLIENTS, Role


def fold_watching(book: Book, facts: Iterable[Fact], time_ns: int) -> None:
    """Fold facts, asserting of each that no client paid for anybody else."""
    book.registers.time_ns = time_ns
    cuts: dict[tuple[int, int], int] = {}
    for fact in facts:
        if isinstance(fact, f.LossAbsorbed):
            role = book.registers.accounts[fact.payer].role
            assert role in (Role.DEFAULT_FUND, Role.SKIN, Role.INSURANCE, Role.TREASURY), (
                f"{role.name} money absorbed a loss"
            )
        if isinstance(fact, f.ShortfallAssigned):
            owner = book.registers.accounts[fact.bucket]
            origin = book.registers.accounts[book.registers.origins.get(fact.bucket, fact.bucket)]
            assert owner.role in (*CLIENTS, Role.ISOLATED, Role.LIQUIDATION), owner.role.name
            assert fact.house_bucket == book.registers.members[origin.member].house_account
        if isinstance(fact, f.GainsCut):
            rows = np.frombuffer(fact.rows, POSTED).tolist()
            cuts |= {(bucket, fact.asset): cut for cut, bucket, _ in rows}
        expected = flows_of(book, fact.asset).flow_minor if isinstance(fact, f.Settled) else None
        owed = {
            payer: {(claim.payee, claim.asset) for claim in claims if claim.amount_minor}
            for payer, claims in book.registers.claims.items()
        }
        before = book.balances[: book.account_count]["balance_minor"].copy()
        evolve(book, fact)
        after = book.balances[: len(before), : before.shape[1]]["balance_minor"]
        for account, asset in np.argwhere(after < before).tolist():
            if book.registers.accounts[account].role in CLIENTS:
                lost = int(before[account, asset] - after[account, asset])
                why = _reason(book, fact, account, asset, lost, owed)
                if expected is not None:
                    assert isinstance(fact, f.Settled)
                    why = -lost >= int(expected[account]) + cuts.get((account, asset), 0)
                name = book.registers.accounts[account].name
                assert why, f"{type(fact).__name__} took {lost} of asset {asset} from client {name}"


def _reason(book: Book, fact: Fact, account: int, asset: int, lost: int, owed: dict[int, set[tuple[int, int]]]) -> bool:
    """Whether a fact may take an amount from a client's balance. Flows of a settlement are judged by the caller."""
    match fact:
        case f.Withdrawn() | m.WithdrawalsRequested():
            rows = np.frombuffer(fact.rows, POSTED).tolist()
            return lost == sum(abs(amount) for amount, of, what in rows if (of, what) == (account, asset))
        case m.DepositReversed():
            return (fact.account, fact.asset, fact.amount_minor) == (account, asset, lost)
        case f.CollateralConverted():
            return (fact.bucket, fact.paid_asset, fact.paid_minor) == (account, asset, lost)
        case f.ConversionExecuted():
            return (fact.account, fact.sold_asset, fact.sold_minor) == (account, asset, lost)
        case f.TakenOver():
            return fact.bucket == account
        case f.Transferred(cause="own_money"):
            return book.registers.origins.get(fact.payee) == account == fact.payer
        case f.Transferred():
            return fact.cause == "reimbursement" and (fact.payee, fact.asset) in owed.get(account, set())
        case m.CollateralTransferred():
            accounts = book.registers.accounts
            return all(
                accounts[payee].role in CLIENTS and accounts[payee].member == accounts[account].member
                for _, payer, payee, what, _ in np.frombuffer(fact.rows, MOVED).tolist()
                if (payer, what) == (account, asset)
            )
        case f.PositionIsolated() | f.CollateralAssigned():
            return account == fact.account  # into a bucket of its own
        case f.Settled():
            return bool((np.frombuffer(fact.rows, SETTLED)["bucket"] == account).any())
    return False

"""What follows from facts without anyone asking: calls, breaches, slices, take-overs, closings."""

import msgspec
import numpy as np

from novate.core import margin
from novate.core.book import Book
from novate.core.estate import after_cycle
from novate.core.facts import (
    AccountReleased,
    AccountRestricted,
    Breached,
    CallMet,
    CallPaid,
    CollateralAssigned,
    ContractExpired,
    CycleClosed,
    Deposited,
    Fact,
    FundingPublished,
    GainsCut,
    LiquidationOrdered,
    LossAbsorbed,
    MarginCalled,
    MarksPublished,
    MemberDefaulted,
    OrderClosed,
    PositionIsolated,
    PositionRejoined,
    Rejected,
    RowsRefused,
    RulebookAdopted,
    SourceAdvanced,
    TakenOver,
    TradesNovated,
    TradingResumed,
    Transferred,
    Withdrawn,
)
from novate.core.levels import check, eased, paid
from novate.core.liquidation import next_step, take_over
from novate.core.margin import judge
from novate.core.novation import holders_of
from novate.core.rows import FUNDED, MARKED, POSTED

WHOLE_HOUSE_SHARE = 8  # beyond 1/8 of all buckets, judging every bucket on all cores is cheaper than choosing


WITHOUT = frozenset(
    (
        TradesNovated,
        RowsRefused,
        Rejected,
        SourceAdvanced,
        Withdrawn,
        CallMet,
        CallPaid,
        MarginCalled,
        AccountRestricted,
        AccountReleased,
    )
)
"""Facts of every day from which nothing follows: what they do was judged before they were."""


def consequences(book: Book, facts: list[Fact]) -> list[Fact]:
    """The facts that follow from facts already folded; called again with its own answer until nothing follows."""
    if all(type(fact) in WITHOUT for fact in facts):
        return []
    follow: list[Fact] = []
    steps: dict[int, None] = {}
    for fact in facts:
        match fact:
            case Breached():
                steps[fact.bucket] = None
            case TakenOver():
                steps[fact.bucket] = None
            case MemberDefaulted():
                follow.append(take_over(book, book.registers.members[fact.member].house_account))
            case OrderClosed():
                steps |= dict.fromkeys(_without_order(book))
            case MarksPublished() | ContractExpired() | TradingResumed():
                steps |= dict.fromkeys(_without_order(book))
            case CycleClosed():
                closed, going_on = after_cycle(book, _without_order(book), _leaving(book, facts))
                follow += closed
                steps |= dict.fromkeys(going_on)
            case Transferred() if fact.payer in book.registers.liquidations:
                steps[fact.payer] = None
            case PositionIsolated() | PositionRejoined():
                follow += eased(book, (fact.account, fact.bucket))
            case CollateralAssigned():
                giver, taker = fact.account, fact.bucket
                if fact.amount_minor < 0:
                    giver, taker = taker, giver
                follow += paid(book, [(abs(fact.amount_minor), taker, fact.asset)]) + eased(book, (giver,))
            case Deposited():
                follow += paid(book, np.frombuffer(fact.rows, POSTED).tolist())
            case _:
                pass
    follow += _missed_settlement(book, facts)
    moved = _moved(book, facts)
    if moved is not None:
        follow += check(book, moved)
    started = dict.fromkeys(fact.bucket for fact in follow if isinstance(fact, TakenOver | Breached))
    for estate in steps:
        if estate in book.registers.liquidations and estate not in started:
            follow += next_step(book, estate)
    return _numbered(book, follow)


def _numbered(book: Book, facts: list[Fact]) -> list[Fact]:
    """The same facts, with orders decided in one go numbered one after the other."""
    number = book.registers.next_order
    numbered: list[Fact] = []
    for fact in facts:
        if isinstance(fact, LiquidationOrdered):
            fact = msgspec.structs.replace(fact, order=number)
            number += 1
        numbered.append(fact)
    return numbered


def _leaving(book: Book, facts: list[Fact]) -> list[int]:
    """Accounts of members whose default is among the facts."""
    return [book.registers.members[fact.member].house_account for fact in facts if isinstance(fact, MemberDefaulted)]


def _without_order(book: Book) -> list[int]:
    """Estates in liquidation that have nothing in the market."""
    return [estate for estate, state in book.registers.liquidations.items() if state.order < 0]


def _missed_settlement(book: Book, facts: list[Fact]) -> list[Fact]:
    """A member's or client's own bucket that others had to pay for is in breach, whatever else it holds."""
    missed: dict[int, None] = {}
    for fact in facts:
        if isinstance(fact, LossAbsorbed):
            missed[fact.bucket] = None
        elif isinstance(fact, GainsCut):
            missed |= dict.fromkeys(bucket for bucket, _ in fact.unpaid)
    breaches: list[Fact] = []
    for bucket in missed:
        if not margin.is_client_of_house(book, bucket) or bucket in book.registers.liquidations:
            continue
        verdict = judge(book, bucket)
        breaches.append(Breached(bucket, "settlement_missed", verdict.equity_fine, verdict.maintenance_fine))
    return breaches


def _moved(book: Book, facts: list[Fact]) -> np.ndarray | None:
    """Buckets whose worth or requirement moved (int64, ascending); empty for the whole house, None for none."""
    contracts: dict[int, None] = {}
    for fact in facts:
        if isinstance(fact, CycleClosed | RulebookAdopted | Transferred):
            return np.zeros(0, np.int64)
        if isinstance(fact, MarksPublished) and fact.assets:
            return np.zeros(0, np.int64)
        if isinstance(fact, MarksPublished):
            contracts |= dict.fromkeys(np.frombuffer(fact.rows, MARKED)["contract"].tolist())
        elif isinstance(fact, FundingPublished):
            contracts |= dict.fromkeys(np.frombuffer(fact.rows, FUNDED)["contract"].tolist())
        elif isinstance(fact, ContractExpired):
            # The holders' rows are gone with the contract; a final price can move any of them.
            return np.zeros(0, np.int64)
    if not contracts:
        return None
    held = int(book.contracts["holders_count"][list(contracts)].sum())
    if held * WHOLE_HOUSE_SHARE > book.account_count:
        return np.zeros(0, np.int64)
    if held == 0:
        return None
    return np.unique(np.concatenate([holders_of(book, contract) for contract in contracts]))


def expired_orders(book: Book) -> list[Fact]:
    """Orders whose time is over, or whose contract is."""
    now = book.registers.time_ns
    return [
        OrderClosed(order, "expired")
        for order, terms in book.registers.orders.items()
        if terms.expiry_ns <= now or terms.open_lots == 0
    ]

"""What follows from facts without anyone asking: calls, breaches, slices, take-overs, closings."""

from functools import partial

import msgspec
import numpy as np

from novate.core import conversions, layout, lifecycle, margin, overdrafts
from novate.core.book import Book
from novate.core.estate import after_cycle
from novate.core.facts import (
    Breached,
    CallMet,
    CollateralAssigned,
    CollateralConverted,
    ContractExpired,
    Contributed,
    ConversionClosed,
    ConversionExecuted,
    ConversionOrdered,
    ConversionReduced,
    CycleClosed,
    Deposited,
    Fact,
    FundingPublished,
    GainsCut,
    InterestCharged,
    InterestPublished,
    LiquidationClosed,
    LiquidationOrdered,
    LossAbsorbed,
    MarginCalled,
    MarginModeSet,
    MarksPublished,
    MemberDefaulted,
    OrderClosed,
    OrdersChanged,
    OrdersFilled,
    OverdraftChanged,
    PositionIsolated,
    PositionRejoined,
    Rejected,
    RiskSheetAdopted,
    RowsRefused,
    RulebookAdopted,
    SourceAdvanced,
    TakenOver,
    TradesNovated,
    Transferred,
    Withdrawn,
)
from novate.core.gate import gate_facts
from novate.core.give_ups import settled_give_ups
from novate.core.levels import WHOLE_HOUSE_SHARE, below_level, eased, fallen, paid, recovered, spared
from novate.core.liquidation import next_step, take_over
from novate.core.margin import judge
from novate.core.money_facts import (
    CollateralTransferred,
    DepositClosed,
    DepositReversed,
    DepositsAnnounced,
    DepositsFinal,
    DepositsReversible,
    GateOpened,
    WithdrawalConfirmed,
    WithdrawalReleased,
    WithdrawalReturned,
    WithdrawalsRequested,
    WithdrawalWaits,
)
from novate.core.novation import holders_of
from novate.core.portfolio import is_portfolio
from novate.core.porting import porting_opened
from novate.core.relief import reliefs_over
from novate.core.rows import FUNDED, MARKED, MOVED, POSTED, RESERVED
from novate.core.supervision import (
    AccountReleased,
    AccountRestricted,
    CallPaid,
    InitialScaled,
    MaintenanceRelieved,
    ReliefEnded,
    RiskSheetTookForce,
    TradingResumed,
)
from novate.core.withdrawals import holders, let_go, recall

WITHOUT = frozenset(
    (
        TradesNovated,
        OrdersChanged,
        RowsRefused,
        Rejected,
        SourceAdvanced,
        Withdrawn,
        WithdrawalsRequested,
        WithdrawalWaits,
        WithdrawalReleased,
        WithdrawalConfirmed,
        DepositsAnnounced,
        DepositClosed,
        DepositsReversible,
        DepositsFinal,
        CallMet,
        CallPaid,
        MarginCalled,
        InterestPublished,
        OverdraftChanged,
        ConversionOrdered,
        ConversionReduced,
        ConversionClosed,
        AccountRestricted,
        AccountReleased,
        InitialScaled,
        MaintenanceRelieved,
        ReliefEnded,
        *lifecycle.WITHOUT,
    )
)
"""Facts of every day from which nothing follows: what they do was judged before they were."""

MARKS = (MarksPublished, FundingPublished)
"""With these whoever was called or restricted is looked at, whatever it holds."""

MOVES_GATES = frozenset(
    (
        LossAbsorbed,
        GainsCut,
        Transferred,
        CollateralConverted,
        LiquidationClosed,
        Contributed,
        DepositReversed,
        RulebookAdopted,
    )
)
"""Facts that change an asset's unresolved deficits, the fund that stands for them or the rules of its gate."""


def consequences(book: Book, facts: list[Fact]) -> list[Fact]:
    """The facts that follow from facts already folded; called again with its own answer until nothing follows."""
    over = reliefs_over(book, facts) if book.registers.relieved else []
    facts = [fact for fact in facts if type(fact) not in WITHOUT]
    follow = _following(book, facts) if facts else []
    if not over:
        return follow
    begun = dict.fromkeys(fact.bucket for fact in follow if isinstance(fact, Breached))
    return [*follow, *(ended for ended in over if ended.bucket not in begun)]


def _following(book: Book, facts: list[Fact]) -> list[Fact]:
    """What follows from facts that are not of every day."""
    follow: list[Fact] = []
    steps: dict[int, None] = {}
    for fact in facts:
        match fact:
            case Breached() | TakenOver():
                steps[fact.bucket] = None
            case OrderClosed():
                steps |= dict.fromkeys(_without_order(book))
            case MarksPublished() | ContractExpired() | TradingResumed():
                steps |= dict.fromkeys(_without_order(book))
            case CycleClosed():
                follow += settled_give_ups(book)
                closed, going_on = after_cycle(book, _without_order(book), _leaving(book, facts))
                follow += closed
                steps |= dict.fromkeys(going_on)
            case Transferred() if fact.payer in book.registers.liquidations:
                steps[fact.payer] = None
            case OrdersFilled() if book.rulebook.reserved_trades == "guaranteed":
                follow += check(book, np.unique(np.frombuffer(fact.rows, RESERVED)["bucket"]).astype(np.int64))
            case WithdrawalReturned():
                steps[fact.account] = None
            case GateOpened():
                follow += let_go(book, fact.asset)
            case _:
                pass
    follow += _taken_over(book, facts)
    follow += [
        opened for fact in facts if isinstance(fact, MemberDefaulted) for opened in porting_opened(book, fact.member)
    ]
    settled = _money_moved(book, facts)
    follow += settled
    missed = _missed_settlement(book, facts)
    follow += missed
    moved = _moved(book, facts)
    looked_at = recovered(book) if moved is not None or any(isinstance(fact, MARKS) for fact in facts) else []
    looked_at += check(book, moved, _marked(facts)) if moved is not None else []
    follow += [fact for fact in looked_at if not _is_said(fact, missed, settled)]
    started = dict.fromkeys(fact.bucket for fact in follow if isinstance(fact, TakenOver | Breached))
    for estate in steps:
        if estate in book.registers.liquidations and estate not in started:
            # Its own money comes first, even what it asked to have back.
            follow += recall(book, estate) or next_step(book, estate)
    follow += overdrafts.changed(book, facts)
    follow += conversions.still_needed(book)
    if any(type(fact) in MOVES_GATES for fact in facts):
        follow += gate_facts(book)
    return _numbered(book, _once(follow))


def _taken_over(book: Book, facts: list[Fact]) -> list[Fact]:
    """Accounts of members that default are taken over as soon as the money that they hold for withdrawal is back."""
    houses = dict.fromkeys(_leaving(book, facts))
    for fact in facts:
        if isinstance(fact, WithdrawalReturned) and _is_to_be_taken_over(book, fact.account):
            houses[fact.account] = None
    return [follows for house in houses for follows in recall(book, house) or [take_over(book, house)]]


def _is_to_be_taken_over(book: Book, account: int) -> bool:
    """Whether the account is that of a member in default, and not taken over yet."""
    liquidation = book.registers.liquidations.get(account)
    access = book.buckets[account]["access"]
    return liquidation is not None and liquidation.account < 0 and access == layout.HOUSE_ONLY


def _money_moved(book: Book, facts: list[Fact]) -> list[Fact]:
    """What money that came in, or moved between buckets of an account, does to their calls and restrictions."""
    brought, eased_too = _brought(facts)
    return paid(book, brought) + eased(book, eased_too)


def _brought(facts: list[Fact]) -> tuple[list[tuple[int, int, int]], list[int]]:
    """Money ``(amount_minor, bucket, asset)`` that came in, and buckets whose worth or requirement eased otherwise."""
    brought: list[tuple[int, int, int]] = []
    eased_too: list[int] = []
    for fact in facts:
        match fact:
            case Deposited():
                brought += np.frombuffer(fact.rows, POSTED).tolist()
            case CollateralTransferred():
                brought += [
                    (amount, payee, asset) for amount, _, payee, asset, _ in np.frombuffer(fact.rows, MOVED).tolist()
                ]
            case WithdrawalReturned():
                brought.append((fact.amount_minor, fact.account, fact.asset))
            case CollateralAssigned():
                giver, taker = fact.account, fact.bucket
                if fact.amount_minor < 0:
                    giver, taker = taker, giver
                brought.append((abs(fact.amount_minor), taker, fact.asset))
                eased_too.append(giver)
            case PositionIsolated() | PositionRejoined():
                eased_too += (fact.account, fact.bucket)
            case MarginModeSet():
                eased_too.append(fact.bucket)
            case _:
                pass
    return brought, eased_too


def _is_said(fact: Fact, missed: list[Breached], settled: list[Fact]) -> bool:
    """Whether a fact about a bucket's level is said already: what is in breach has none, and money that came in tells
    of the call and the restriction that it moved."""
    bucket = getattr(fact, "bucket", None)
    if bucket is None:
        return False
    told = isinstance(fact, CallMet | MarginCalled | AccountReleased)
    return any(each.bucket == bucket for each in missed) or (
        told and any(getattr(each, "bucket", None) == bucket for each in settled)
    )


def _once(facts: list[Fact]) -> list[Fact]:
    """The same facts, of each withdrawal only the first that is said."""
    said: dict[int, None] = {}
    kept: list[Fact] = []
    for fact in facts:
        if isinstance(fact, WithdrawalReturned | WithdrawalReleased | WithdrawalWaits):
            if fact.withdrawal in said:
                continue
            said[fact.withdrawal] = None
        kept.append(fact)
    return kept


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


def _missed_settlement(book: Book, facts: list[Fact]) -> list[Breached]:
    """A member's or client's own bucket that others had to pay for is in breach, whatever else it holds."""
    missed: dict[int, None] = {}
    for fact in facts:
        if isinstance(fact, LossAbsorbed):
            missed[fact.bucket] = None
        elif isinstance(fact, GainsCut):
            missed |= dict.fromkeys(bucket for bucket, _ in fact.unpaid)
    breaches: list[Breached] = []
    for bucket in missed:
        if not margin.is_client_of_house(book, bucket) or bucket in book.registers.liquidations:
            continue
        verdict = judge(book, bucket)
        breaches.append(Breached(bucket, "settlement_missed", verdict.equity_fine, verdict.maintenance_fine))
    return breaches


def _moved(book: Book, facts: list[Fact]) -> np.ndarray | None:
    """Buckets whose worth or requirement moved (int64, ascending); empty for the whole house, None for none.

    Who is among them decides who is called and restricted, so that it never depends on how many there are.
    Of those that money came in to only portfolio buckets: a sheet may ask more for new collateral than it is worth.
    """
    contracts = _marked(facts)
    brought, moved_between = _brought(facts)
    paid_to = (*(account for _, account, _ in brought), *moved_between)
    touched: dict[int, None] = dict.fromkeys(bucket for bucket in paid_to if is_portfolio(book, bucket))
    for fact in facts:
        touched |= dict.fromkeys(lifecycle.judged_anew(book, fact))
        if isinstance(fact, CycleClosed | RulebookAdopted | RiskSheetAdopted | RiskSheetTookForce | Transferred):
            return np.zeros(0, np.int64)
        if isinstance(fact, MarksPublished) and fact.assets:
            return np.zeros(0, np.int64)
        if isinstance(fact, ContractExpired):
            # The holders' rows are gone with the contract; a final price can move any of them.
            return np.zeros(0, np.int64)
        elif isinstance(fact, WithdrawalReturned | DepositReversed):
            touched[fact.account] = None
        elif isinstance(fact, InterestCharged | CollateralConverted):
            touched[fact.bucket] = None
        elif isinstance(fact, ConversionExecuted):
            touched[fact.account] = None
    if not contracts:
        return np.array(sorted(touched), np.int64) if touched else None
    held = int(book.contracts["holders_count"][list(contracts)].sum())
    if (held + len(touched)) * WHOLE_HOUSE_SHARE > book.account_count:
        # Judging all is cheaper than finding so many; of those in trouble ``check`` looks at what they hold.
        return np.arange(book.account_count)
    concerned = np.concatenate([*map(partial(holders_of, book), contracts), np.array([*touched], np.int64)])
    return np.unique(concerned) if len(concerned) else None


def _marked(facts: list[Fact]) -> dict[int, None]:
    """The contracts that facts mark or fund."""
    contracts: dict[int, None] = {}
    for fact in facts:
        if isinstance(fact, MARKS):
            rows = np.frombuffer(fact.rows, MARKED if isinstance(fact, MarksPublished) else FUNDED)
            contracts |= dict.fromkeys(rows["contract"].tolist())
    return contracts


def _holds(book: Book, purse: int, contracts: dict[int, None]) -> bool:
    """Whether a purse has lots, a cost or orders in one of these contracts; a row of nothing is none of that."""
    rows = book.rows_of(purse)
    resting = book.orders[rows["orders"]]
    some = (rows["lots"] != 0) | (rows["cost_fine"] != 0) | (resting["bids"] != 0) | (resting["asks"] != 0)
    return any(contract in contracts for contract in rows["contract"][some].tolist())


def check(book: Book, buckets: np.ndarray, marked: dict[int, None] | None = None) -> list[Fact]:
    """Judge buckets (int64; all where empty) with what pays for them: what becomes of those below a level.

    Of some buckets that were found by what they hold, those count that have something in a ``marked`` contract.
    Money that an account asked to have back answers first: it comes back, and only then is the account judged again.
    """
    facts: list[Fact] = []
    short = below_level(book, buckets)
    holding = holders(book) if short else {}
    if book.registers.relieved:
        let_be = spared(book, (bucket for bucket in short if bucket not in holding))
        short = [bucket for bucket in short if bucket not in let_be]
    if marked and len(buckets):
        short = [bucket for bucket in short if _holds(book, bucket, marked)]
    for bucket in short:
        back = recall(book, bucket) if bucket in holding else []
        facts += back or fallen(book, bucket)
    return facts


def expired_orders(book: Book) -> list[Fact]:
    """Orders whose time is over, or whose contract is."""
    now = book.registers.time_ns
    return [
        OrderClosed(order, "expired")
        for order, terms in book.registers.orders.items()
        if terms.expiry_ns <= now or terms.open_lots == 0
    ]

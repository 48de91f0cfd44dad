"""What follows from facts without anyone asking, in rounds: each round is decided on the house the last one left."""

from collections.abc import Sequence

from novate.core.facts import (
    Breached,
    CallMet,
    CollateralAssigned,
    CollateralConverted,
    ContractExpired,
    ConversionExecuted,
    CycleClosed,
    Deposited,
    Fact,
    FundingPublished,
    GainsCut,
    LossAbsorbed,
    MarginCalled,
    MarginModeSet,
    MarksPublished,
    MemberDefaulted,
    OrderClosed,
    OrdersFilled,
    PositionIsolated,
    PositionRejoined,
    RiskSheetAdopted,
    RulebookAdopted,
    TakenOver,
    Transferred,
)
from novate.core.lifecycle_facts import AccountPorted, TradeBusted, TradeCorrected, TradeOffset
from novate.core.money_facts import (
    CollateralTransferred,
    DepositReversed,
    GateOpened,
    WithdrawalReleased,
    WithdrawalReturned,
    WithdrawalWaits,
)
from novate.core.overdraft_facts import InterestCharged
from novate.core.rows import FUNDED, MARKED, POSTED, RESERVED
from novate.core.rows import MOVED as MOVED_ROW
from novate.core.supervision import AccountReleased, RiskSheetTookForce, TradingResumed
from novate.core.terms import TRADING
from novate.sim.auditor import (
    calls,
    conversions,
    estates,
    give_ups,
    moves,
    overdrafts,
    reliefs,
    trouble,
    withdrawals,
)
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import unpacked
from novate.sim.auditor.trouble import Choices
from novate.sim.auditor.worth import judge

MOVED = (
    CycleClosed,
    RulebookAdopted,
    RiskSheetAdopted,
    RiskSheetTookForce,
    Transferred,
    MarksPublished,
    FundingPublished,
    ContractExpired,
    WithdrawalReturned,
    DepositReversed,
    TradeBusted,
    TradeCorrected,
    TradeOffset,
    AccountPorted,
    InterestCharged,
    CollateralConverted,
    ConversionExecuted,
)
"""After these somebody's worth or requirement may be another one, and who was called or restricted is looked at."""

WAKES = (OrderClosed, MarksPublished, ContractExpired, TradingResumed)
"""After these every liquidation without an order in the market goes on."""


def follow(house: House, facts: Sequence[Fact], choices: Choices) -> list[Fact]:
    """The facts that follow from facts already applied."""
    found: list[Fact] = []
    going_on: list[int] = []
    for fact in facts:
        match fact:
            case Breached() | TakenOver():
                going_on.append(fact.bucket)
            case CycleClosed():
                found += give_ups.settled(house)
                closed, others = estates.after_cycle(house, idle(house), leaving(house, facts))
                found += closed
                going_on += others
            case Transferred() if fact.payer in house.cases:
                going_on.append(fact.payer)
            case WithdrawalReturned():
                going_on.append(fact.account)
            case GateOpened():
                found += withdrawals.let_go(house, fact.asset)
            case OrdersFilled() if house.rules.reserved_trades == "guaranteed":
                found += calls.short(house, {row[3] for row in unpacked(fact.rows, RESERVED)})
            case _ if isinstance(fact, WAKES):
                going_on += idle(house)
            case _:
                pass
    for account in to_be_taken_over(house, facts):
        found += withdrawals.recall(house, account) or [trouble.take_over(house, account)]
    for fact in facts:
        found += moves.porting_opened(house, fact.member) if isinstance(fact, MemberDefaulted) else []
    brought, eased = money_moved(facts)
    settled = [*calls.paid(house, brought), *calls.eased(house, eased)]
    found += settled
    missed = paid_for_by_others(house, facts)
    found += missed
    portfolios = {at for at in (*eased, *(row[1] for row in brought)) if house.buckets[at].portfolio}
    if portfolios or any(isinstance(fact, MOVED) for fact in facts):
        told = {_bucket_of(fact) for fact in settled}
        breached = {breach.bucket for breach in missed}
        for fact in [*calls.recovered(house), *calls.short(house, portfolios | concerned(house, facts))]:
            said = told if isinstance(fact, CallMet | MarginCalled | AccountReleased) else breached
            found += [fact] if _bucket_of(fact) not in said | breached else []
    begun = [fact.bucket for fact in found if isinstance(fact, Breached | TakenOver)]
    found += [ended for ended in reliefs.over(house) if ended.bucket not in begun]
    for estate in dict.fromkeys(going_on):
        if estate in house.cases and estate not in begun:
            found += withdrawals.recall(house, estate) or choices.next_step(house, estate)
    return once([*found, *overdrafts.noted(house, facts), *conversions.still_needed(house), *withdrawals.gates(house)])


def concerned(house: House, facts: Sequence[Fact]) -> set[int]:
    """Whose worth or requirement may be another one: the holders of a contract, the sides of a trade, or everybody."""
    found: set[int] = set()
    for fact in facts:
        match fact:
            case MarksPublished() | FundingPublished():
                layout = MARKED if isinstance(fact, MarksPublished) else FUNDED
                moved = {row[4] for row in unpacked(fact.rows, layout)}
                found |= {at for at, one in house.buckets.items() if moved & {*one.positions, *one.orders}}
                found |= {*house.buckets} if isinstance(fact, MarksPublished) and fact.assets else set()
            case WithdrawalReturned() | DepositReversed() | ConversionExecuted():
                found.add(fact.account)
            case InterestCharged() | CollateralConverted():
                found.add(fact.bucket)
            case TradeBusted():
                found |= {leg.bucket for leg in fact.legs}
            case TradeCorrected() | TradeOffset():
                found |= {fact.buyer, fact.seller}
            case AccountPorted():
                found |= {*house.buckets_of(fact.account)}
            case _:
                found |= {*house.buckets} if isinstance(fact, MOVED) else set()
    return found


def _bucket_of(fact: Fact) -> int | None:
    """Whom a fact about a level tells of."""
    return getattr(fact, "bucket", None)


def once(facts: Sequence[Fact]) -> list[Fact]:
    """Of each withdrawal only what was said first."""
    kept: list[Fact] = []
    said: list[int] = []
    for fact in facts:
        if isinstance(fact, WithdrawalReturned | WithdrawalReleased | WithdrawalWaits):
            if fact.withdrawal in said:
                continue
            said.append(fact.withdrawal)
        kept.append(fact)
    return kept


def money_moved(facts: Sequence[Fact]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Money from outside, from another account or from another bucket, and whom that or a move of positions may ease.

    Of these a portfolio may also fall short: its sheet may ask more for new collateral than that is worth.
    """
    brought: list[tuple[int, ...]] = []
    eased: list[int] = []
    for fact in facts:
        match fact:
            case Deposited():
                brought += unpacked(fact.rows, POSTED)
            case CollateralTransferred():
                brought += [(amount, payee, asset) for amount, _, payee, asset, _ in unpacked(fact.rows, MOVED_ROW)]
            case WithdrawalReturned():
                brought.append((fact.amount_minor, fact.account, fact.asset))
            case CollateralAssigned():
                giver, taker = (fact.account, fact.bucket) if fact.amount_minor > 0 else (fact.bucket, fact.account)
                brought.append((abs(fact.amount_minor), taker, fact.asset))
                eased.append(giver)
            case PositionIsolated() | PositionRejoined():
                eased += [fact.account, fact.bucket]
            case MarginModeSet():
                eased.append(fact.bucket)
            case _:
                pass
    return brought, eased


def to_be_taken_over(house: House, facts: Sequence[Fact]) -> list[int]:
    """House accounts of members in default that nobody took over yet, at once or after their money came back."""
    candidates = leaving(house, facts) + [fact.account for fact in facts if isinstance(fact, WithdrawalReturned)]
    failed = [member.house for member in house.members if member.defaulted]
    return [
        account
        for account in dict.fromkeys(candidates)
        if account in failed and account in house.cases and house.cases[account].account < 0
    ]


def idle(house: House) -> list[int]:
    """Estates in liquidation with nothing in the market."""
    return [estate for estate, case in house.cases.items() if case.order < 0]


def leaving(house: House, facts: Sequence[Fact]) -> list[int]:
    """House accounts of members that are in default since this round."""
    return [house.members[fact.member].house for fact in facts if isinstance(fact, MemberDefaulted)]


def paid_for_by_others(house: House, facts: Sequence[Fact]) -> list[Breached]:
    """A member's or client's bucket that could not pay its settlement is in breach, whatever else it holds."""
    missed: list[int] = []
    for fact in facts:
        if isinstance(fact, LossAbsorbed):
            missed.append(fact.bucket)
        elif isinstance(fact, GainsCut):
            missed += [bucket for bucket, _ in fact.unpaid]
    found: list[Breached] = []
    for index in dict.fromkeys(missed):
        bucket = house.buckets[index]
        if bucket.role in TRADING and index not in house.cases:
            verdict = judge(house, bucket)
            found.append(Breached(index, "settlement_missed", verdict.equity, verdict.maintenance))
    return found

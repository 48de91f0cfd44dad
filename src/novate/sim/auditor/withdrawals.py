"""Money on its way out, held by the house from the request on; the gate that it waits for; and what calls it back."""

from novate.core.commands import ConfirmWithdrawal, ReleaseWithdrawal, RequestWithdrawal, ReturnWithdrawal
from novate.core.facts import Fact, SourceAdvanced
from novate.core.money_facts import (
    GateClosed,
    GateOpened,
    ReturnCause,
    WithdrawalConfirmed,
    WithdrawalReleased,
    WithdrawalReturned,
    WithdrawalsRequested,
    WithdrawalWaits,
)
from novate.core.reasons import Reason
from novate.core.rows import CASH, POSTED
from novate.core.terms import INSURANCE, Layer, Role
from novate.sim.auditor.cash import come_in, form_of, hand_over, may_leave
from novate.sim.auditor.cycle import Cycle
from novate.sim.auditor.house import Departure, House
from novate.sim.auditor.numbering import FINE, Refusal, Rows, packed, rejected, unpacked
from novate.sim.auditor.rounding import LARGEST
from novate.sim.auditor.worth import weight

OF_OTHERS = (Layer.SKIN, Layer.INSURANCE, Layer.SURVIVORS_FUND, Layer.TREASURY, Layer.GAINS_HAIRCUT)
"""Layers whose payments are deficits: not a defaulter's own fund, nor the member that stands behind a client."""


# ---- the steps ------------------------------------------------------------------------------------------------------


def decide_request(house: House, command: RequestWithdrawal) -> list[Fact]:
    """Each row on its own, after those before it; a closed gate does not matter yet."""
    rows = Rows(house, command.source)
    drafts = house.drafts()
    asked: dict[int, int] = {}
    kept: list[tuple[int, ...]] = []
    for at, (_, amount, account, asset) in rows.in_turn(unpacked(command.rows, CASH)):
        refusal: Refusal = (form_of(house, account, asset, amount, incoming=False), amount)
        if refusal[0] is Reason.ACCEPTED:
            refusal = may_leave(house, drafts[account], account, asset, amount)
        if refusal == FINE:
            held = 0 if house.transit is None else weight(house, house.buckets[house.transit], asset)
            if held + (asked.get(asset, 0) + amount) * house.monies[asset].unit > LARGEST:
                refusal = Reason.MONEY_LIMIT_EXCEEDED, amount
        if refusal != FINE:
            rows.refuse(at, refusal)
            continue
        drafts[account].balance_minor[asset] -= amount
        asked[asset] = asked.get(asset, 0) + amount
        kept.append((amount, account, asset))
    return ([WithdrawalsRequested(house.next_departure, packed(kept, POSTED))] if kept else []) + rows.facts()


def decide_step(house: House, command: ReleaseWithdrawal | ConfirmWithdrawal | ReturnWithdrawal) -> list[Fact]:
    """Released, confirmed or returned, each from the state before it alone."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced, number = SourceAdvanced(command.source, command.number), command.withdrawal
    one = house.departures.get(number)
    if one is None:
        past = 0 <= number < house.next_departure
        unknown = Reason.WITHDRAWAL_CLOSED if past else Reason.WITHDRAWAL_UNKNOWN
        return [rejected(unknown, "$.withdrawal"), advanced]
    reason, found = Reason.MONEY_LIMIT_EXCEEDED, []  # an account that it no longer fits into leaves nothing found
    match command:
        case ReleaseWithdrawal() if one.state == "requested":
            found = _release(house, number, one)
        case ReleaseWithdrawal():
            reason = Reason.WITHDRAWAL_RELEASED if one.state == "released" else Reason.GATE_CLOSED
        case ConfirmWithdrawal() if one.state == "released":
            found = [WithdrawalConfirmed(number, one.account, one.asset, one.amount_minor)]
        case ConfirmWithdrawal():
            reason = Reason.WITHDRAWAL_NOT_RELEASED
        case ReturnWithdrawal():
            cause: ReturnCause = "transfer_failed" if one.state == "released" else "cancelled"
            found = _back(house, number, one, cause)
    return [*(found or [rejected(reason, "$.withdrawal")]), advanced]


def _release(house: House, number: int, one: Departure) -> list[Fact]:
    """It goes if its account could let it go now, without it; then the gate decides."""
    reason, _ = may_leave(house, house.buckets[one.account], one.account, one.asset, 0)
    if reason is not Reason.ACCEPTED:
        return _back(house, number, one, "refused", reason)
    return [WithdrawalWaits(number) if one.asset in house.gates else WithdrawalReleased(number)]


def _back(
    house: House, number: int, one: Departure, cause: ReturnCause, reason: Reason = Reason.ACCEPTED
) -> list[Fact]:
    """It comes back to its account, or to the one that closes it; it stays where it would not fit."""
    case = house.cases.get(one.account)
    account = case.account if case and case.account >= 0 else one.account
    if weight(house, house.buckets[account], one.asset) + one.amount_minor * house.monies[one.asset].unit > LARGEST:
        return []
    return [WithdrawalReturned(number, account, one.asset, one.amount_minor, cause, reason)]


# ---- what follows ---------------------------------------------------------------------------------------------------


def recall(house: House, account: int) -> list[Fact]:
    """All that an account asked for and that was not released comes back, as far as it fits."""
    found: list[Fact] = []
    coming: dict[int, int] = {}
    for number, one in house.departures.items():
        if one.account == account and one.state != "released":
            total = coming.get(one.asset, 0) + one.amount_minor
            if weight(house, house.buckets[account], one.asset) + total * house.monies[one.asset].unit <= LARGEST:
                coming[one.asset] = total
                found += _back(house, number, one, "recalled")
    return found


def recall_for_cycle(house: House) -> list[Fact]:
    """Before a cycle in which an account lacks cash, what it and the member behind it asked for comes back."""
    if house.settlement_due_ns is None or house.settlement_due_ns > house.now_ns:
        return []
    members = {house.buckets[one.account].member for one in house.departures.values() if one.state != "released"}
    cycle = Cycle(house)
    needy: dict[int, None] = {}
    for cycle.asset, money in enumerate(house.monies):
        for index, bucket in house.purses.items():
            flow = cycle.due(index) // money.unit
            if bucket.balance_minor[cycle.asset] + flow < 0 and house.member_of(index) in members:
                needy |= dict.fromkeys([index, house.members[house.member_of(index)].house])
    return [fact for index in sorted(needy) for fact in recall(house, index)]


def let_go(house: House, asset: int) -> list[Fact]:
    """What waited for a gate is released now, or comes back."""
    return [
        fact
        for number, one in house.departures.items()
        if one.asset == asset and one.state == "waiting"
        for fact in _release(house, number, one)
    ]


def gates(house: House) -> list[Fact]:
    """A gate is shut while losses and reversals that are not made good exceed the fund by more than the dust."""
    if house.rules_in_force is None:
        return []
    facts: list[Fact] = []
    for asset, money in enumerate(house.monies):
        dust = house.rules.withdrawal_gates.get(money.terms.symbol)
        claims = [claim for claims in house.claims.values() for claim in claims if claim.asset == asset]
        losses = sum(claim.amount_minor for claim in claims if claim.layer in OF_OTHERS)
        owed = sum(receipt.amount_minor for receipt in house.owed.values() if receipt.asset == asset)
        fund = house.buckets[INSURANCE].balance_minor[asset]
        shut = dust is not None and losses + owed > fund + dust
        if shut and asset not in house.gates:
            facts.append(GateClosed(asset, "reversals" if owed else "losses", losses + owed, fund))
        if not shut and asset in house.gates:
            facts.append(GateOpened(asset))
    return facts


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_requested(house: House, fact: WithdrawalsRequested) -> None:
    """The money stands with the house from now on, in an account that the first request opens."""
    if house.transit is None:
        house.transit = house.open_bucket("house:withdrawals", Role.WITHDRAWALS, -1)
    for number, (amount, account, asset) in enumerate(unpacked(fact.rows, POSTED), fact.first):
        hand_over(house, account, house.transit, asset, amount)
        house.departures[number] = Departure(account, asset, amount)
        house.next_departure = number + 1


def apply_waits(house: House, fact: WithdrawalWaits) -> None:
    """It waits."""
    house.departures[fact.withdrawal].state = "waiting"


def apply_released(house: House, fact: WithdrawalReleased) -> None:
    """It may go."""
    house.departures[fact.withdrawal].state = "released"


def apply_confirmed(house: House, fact: WithdrawalConfirmed) -> None:
    """It is gone."""
    del house.departures[fact.withdrawal]
    come_in(house, _transit(house), fact.asset, -fact.amount_minor)


def apply_returned(house: House, fact: WithdrawalReturned) -> None:
    """It is back."""
    del house.departures[fact.withdrawal]
    hand_over(house, _transit(house), fact.account, fact.asset, fact.amount_minor)


def _transit(house: House) -> int:
    if house.transit is None:
        raise LookupError("nothing was ever asked for")
    return house.transit


def apply_gate_closed(house: House, fact: GateClosed) -> None:
    """It is shut from now on."""
    house.gates[fact.asset] = fact.cause, house.now_ns


def apply_gate_opened(house: House, fact: GateOpened) -> None:
    """It is open."""
    del house.gates[fact.asset]

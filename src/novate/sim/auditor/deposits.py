"""Money on its way in: announced, then final or cancelled, and for a time to be reversed."""

from novate.core.commands import AnnounceDeposit, CancelDeposit, FinaliseDeposit
from novate.core.facts import Deposited, Fact, SourceAdvanced
from novate.core.money_facts import DepositClosed, DepositsAnnounced, DepositsFinal, DepositsReversible
from novate.core.reasons import Reason
from novate.core.rows import CASH, POSTED
from novate.sim.auditor.cash import form_of, may_come, reversible
from novate.sim.auditor.house import House, Receipt
from novate.sim.auditor.numbering import Rows, packed, rejected, unpacked


def decide_announce(house: House, command: AnnounceDeposit) -> list[Fact]:
    """Only the form is looked at: what is announced counts for nothing."""
    rows = Rows(house, command.source)
    kept: list[tuple[int, ...]] = []
    for at, (number, amount, account, asset) in rows.in_turn(unpacked(command.rows, CASH)):
        reason = form_of(house, account, asset, amount, incoming=True)
        if reason is not Reason.ACCEPTED:
            rows.refuse(at, (reason, amount))
        else:
            kept.append((number, amount, account, asset))
    return ([DepositsAnnounced(command.source, packed(kept, CASH))] if kept else []) + rows.facts()


def decide_finalise(house: House, command: FinaliseDeposit) -> list[Fact]:
    """It comes in like any deposit, or stays pending."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced = SourceAdvanced(command.source, command.number)
    receipt = house.pending.get((command.source, command.deposit))
    if receipt is None:
        return [rejected(not_there(house, command.source, command.deposit), "$.deposit"), advanced]
    row = receipt.amount_minor, receipt.account, receipt.asset
    reason, _ = may_come(house, house.buckets, receipt.account, receipt.asset, receipt.amount_minor)
    if reason is not Reason.ACCEPTED:
        return [rejected(reason, "$.deposit"), advanced]
    closed = DepositClosed(command.source, command.deposit, "finalised")
    backwards = reversible(house, command.source, [(command.deposit, *row)])
    return [Deposited(packed([row], POSTED)), closed, *backwards, advanced]


def decide_cancel(house: House, command: CancelDeposit) -> list[Fact]:
    """It will not come."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced = SourceAdvanced(command.source, command.number)
    if (command.source, command.deposit) not in house.pending:
        return [rejected(not_there(house, command.source, command.deposit), "$.deposit"), advanced]
    return [DepositClosed(command.source, command.deposit, "cancelled"), advanced]


def not_there(house: House, source: str, deposit: int) -> Reason:
    """Why a deposit cannot be what is asked of it."""
    if (source, deposit) in house.pending:
        return Reason.DEPOSIT_PENDING
    return Reason.DEPOSIT_CLOSED if deposit <= house.sources.get(source, -1) else Reason.DEPOSIT_UNKNOWN


def matured(house: House) -> list[Fact]:
    """Each source's deposits in the order in which they came in, up to the first that may still be reversed."""
    over: dict[str, list[int]] = {}
    held_up: list[str] = []
    for (source, number), receipt in house.reversible.items():
        if receipt.final_at_ns > house.now_ns:
            held_up.append(source)
        elif source not in held_up:
            over.setdefault(source, []).append(number)
    return [DepositsFinal(source, tuple(numbers)) for source, numbers in over.items()]


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_announced(house: House, fact: DepositsAnnounced) -> None:
    """It is expected."""
    for number, amount, account, asset in unpacked(fact.rows, CASH):
        house.pending[fact.source, number] = Receipt(account, asset, amount)


def apply_closed(house: House, fact: DepositClosed) -> None:
    """It is expected no longer."""
    del house.pending[fact.source, fact.deposit]


def apply_reversible(house: House, fact: DepositsReversible) -> None:
    """It may be taken back until then."""
    for number, amount, account, asset in unpacked(fact.rows, CASH):
        house.reversible[fact.source, number] = Receipt(account, asset, amount, fact.final_at_ns)


def apply_final(house: House, fact: DepositsFinal) -> None:
    """It is in for good."""
    for number in fact.deposits:
        del house.reversible[fact.source, number]

"""Free collateral between accounts of one member: never from a client to its member."""

from novate.core.commands import TransferCollateral
from novate.core.facts import Fact
from novate.core.money_facts import CollateralTransferred
from novate.core.reasons import Reason
from novate.core.rows import MOVED, TRANSFER
from novate.core.terms import CLIENTS, Role
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.cash import form_of, hand_over, may_leave, room_under_caps
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import FINE, Refusal, Rows, packed, unpacked
from novate.sim.auditor.rounding import LARGEST
from novate.sim.auditor.worth import weight


def decide_transfer(house: House, command: TransferCollateral) -> list[Fact]:
    """Each row on its own. What the rows before it took is gone; what they brought counts for room, and for no more."""
    rows = Rows(house, command.source)
    poorer, richer = house.drafts(), house.drafts()
    kept: list[tuple[int, ...]] = []
    for at, (_, amount, payer, payee, asset, _) in rows.in_turn(unpacked(command.rows, TRANSFER)):
        refusal: Refusal = (form_of(house, payer, asset, amount, incoming=False), amount)
        if refusal[0] is Reason.ACCEPTED:
            refusal = _may_receive(house, richer, payer, payee, asset, amount)
        if refusal == FINE:
            refusal = may_leave(house, poorer[payer], payer, asset, amount)
        if refusal == FINE and asset in house.gates:
            refusal = Reason.GATE_CLOSED, amount
        if refusal != FINE:
            rows.refuse(at, refusal)
            continue
        poorer[payer].balance_minor[asset] -= amount
        richer[payee].balance_minor[asset] += amount
        kept.append((amount, payer, payee, asset, 0))
    return ([CollateralTransferred(packed(kept, MOVED))] if kept else []) + rows.facts()


def _may_receive(house: House, richer: dict[int, Bucket], payer: int, payee: int, asset: int, amount: int) -> Refusal:
    """Whether the payer may pay this payee at all, and whether there is room."""
    if payee not in house.buckets:
        return Reason.ACCOUNT_UNKNOWN, payee
    if payer == payee:
        return Reason.ACCOUNTS_MUST_DIFFER, payer
    ours, theirs = house.buckets[payer], house.buckets[payee]
    to_client = theirs.role in CLIENTS
    if ours.role is Role.HOUSE:
        allowed = to_client or theirs.role is Role.DEFAULT_FUND
    else:
        allowed = to_client and house.rules.client_transfers
    if ours.member != theirs.member or not allowed:
        return Reason.TRANSFER_NOT_ALLOWED, payee
    if weight(house, richer[payee], asset) + amount * house.monies[asset].unit > LARGEST:
        return Reason.MONEY_LIMIT_EXCEEDED, amount
    room = room_under_caps(house, richer, payee, asset, account_only=True) if to_client else None
    return (Reason.COLLATERAL_CAP_EXCEEDED, max(0, room)) if room is not None and amount > room else FINE


def apply_transferred(house: House, fact: CollateralTransferred) -> None:
    """Money changes hands."""
    for amount, payer, payee, asset, _ in unpacked(fact.rows, MOVED):
        hand_over(house, payer, payee, asset, amount)

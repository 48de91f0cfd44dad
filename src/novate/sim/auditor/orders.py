"""Resting orders: what they may come to must be margined before they are filled."""

from novate.core.commands import ChangeOrders
from novate.core.facts import Fact, OrdersChanged, OrdersFilled
from novate.core.reasons import Reason
from novate.core.rows import BUY, ORDER, RESERVED, SELL
from novate.core.terms import Kind
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import FINE, Refusal, Rows, packed, unpacked
from novate.sim.auditor.rounding import LARGEST
from novate.sim.auditor.scenarios import may_have, requirement_by_sheet
from novate.sim.auditor.trades import add_orders, lots_of, may_be_named, untraded
from novate.sim.auditor.worth import (
    bid_for,
    has_margin_class,
    judge,
    owed_for_certain,
    premium_asked,
    required,
    weight,
)


def decide_orders(house: House, command: ChangeOrders) -> list[Fact]:
    """Each change on its own, after those before it."""
    rows = Rows(house, command.source)
    drafts = house.drafts()
    kept: list[tuple[int, ...]] = []
    for at, (_, lots, contract, account, side, _) in rows.in_turn(unpacked(command.rows, ORDER)):
        refusal = _form_of(house, lots, contract, account, side)
        if refusal == FINE:
            bucket = house.bucket_of(account, contract)
            more = (lots, 0) if side == BUY else (0, lots)
            refusal = _may_rest(house, drafts[bucket], contract, *more)
            if refusal == FINE:
                add_orders(drafts[bucket], contract, *more)
                kept.append((*more, contract, bucket))
        if refusal != FINE:
            rows.refuse(at, refusal)
    return ([OrdersChanged(packed(kept, RESERVED))] if kept else []) + rows.facts()


def _form_of(house: House, lots: int, contract: int, account: int, side: int) -> Refusal:
    """Everything that needs no margin, in order of precedence. Fewer orders are welcome in any state of a contract."""
    if not 0 <= contract < len(house.instruments):
        return Reason.CONTRACT_UNKNOWN, contract
    if account not in house.buckets:
        return Reason.ACCOUNT_UNKNOWN, account
    if side not in (BUY, SELL) or lots == 0:
        return Reason.MALFORMED, lots
    of = house.instruments[contract]
    if not has_margin_class(house, of):
        return Reason.MARGIN_CLASS_UNKNOWN, contract
    if not may_be_named(house, account):
        return Reason.ACCOUNT_NOT_TRADABLE, account
    if of.terms.kind is Kind.INDEX:
        return Reason.CONTRACT_NOT_TRADABLE, contract
    if lots > 0 and (of.state != "live" or contract in house.halts):
        return untraded(house, contract), contract
    if lots > 0 and house.buckets[house.bucket_of(account, contract)].access == "liquidating":
        return Reason.ACCOUNT_IN_LIQUIDATION, account
    limit = of.terms.position_limit_lots
    return (Reason.POSITION_LIMIT_EXCEEDED, limit) if lots > limit else FINE


def _may_rest(house: House, before: Bucket, contract: int, more_bids: int, more_asks: int) -> Refusal:
    """Whether a bucket may have these orders: limits, its member's default, its sheet, the premium of its bids, the
    worst of its bets, margin where more is asked."""
    of, held = house.instruments[contract], lots_of(before, contract)
    was = before.orders.get(contract, (0, 0))
    bids, asks = was[0] + more_bids, was[1] + more_asks
    if bids < 0 or asks < 0:
        return Reason.ORDERS_EXCEEDED, was[0 if more_bids else 1]
    after = before.copy()
    add_orders(after, contract, more_bids, more_asks)
    if more_bids + more_asks > 0:
        limit = of.terms.position_limit_lots
        if held + bids > limit or asks - held > limit:
            return Reason.POSITION_LIMIT_EXCEEDED, limit
        if weight(house, after, of.asset) > LARGEST:
            return Reason.EXPOSURE_LIMIT_EXCEEDED, LARGEST
        opens = bids > max(0, -held) if more_bids else asks > max(0, held)
        if before.access == "reduce_only" and opens:
            return Reason.MEMBER_IN_DEFAULT, 0
        if before.access == "restricted" and opens:
            return Reason.ACCOUNT_RESTRICTED, 0
    refusal = may_have(house, before, after, contract)
    if refusal != FINE:
        return refusal
    cash = before.balance_minor[of.asset] * house.monies[of.asset].unit
    lacks = premium_asked(house, after, of.asset) - cash
    if lacks > 0 and bid_for(house, after, of.asset) > bid_for(house, before, of.asset):
        return Reason.PREMIUM_NOT_COVERED, lacks
    owes = owed_for_certain(house, after, of.asset)
    if of.terms.collateralised and cash < owes > owed_for_certain(house, before, of.asset):
        return Reason.COLLATERAL_NOT_COVERED, owes - cash
    if _asked(house, after, contract) <= _asked(house, before, contract):
        return FINE
    verdict = judge(house, after)
    if not verdict.priced:
        return Reason.PRICE_MISSING, contract
    lacks = verdict.initial - verdict.equity
    return (Reason.MARGIN_INSUFFICIENT, lacks) if lacks > 0 else FINE


def _asked(house: House, bucket: Bucket, contract: int) -> int:
    """What orders in a contract can change of an initial requirement: its own, or all of a portfolio's."""
    return requirement_by_sheet(house, bucket)[0] if bucket.portfolio else required(house, bucket, contract)[0]


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_orders(house: House, fact: OrdersChanged | OrdersFilled) -> None:
    """More orders rest, or fewer."""
    for bids, asks, contract, bucket in unpacked(fact.rows, RESERVED):
        add_orders(house.buckets[bucket], contract, bids, asks)

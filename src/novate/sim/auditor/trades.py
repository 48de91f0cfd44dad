"""A trade becomes two legs facing the house; each side must bear its own."""

import numpy as np

from novate.core.commands import SubmitTrades
from novate.core.facts import Fact, TradesNovated
from novate.core.reasons import Reason
from novate.core.rows import BUYER, NEITHER, NOVATED, SELLER, TRADE
from novate.core.terms import FEES, Kind
from novate.sim.auditor import exactness
from novate.sim.auditor.house import Bucket, House, Position
from novate.sim.auditor.numbering import FINE, Refusal, Rows, packed, unpacked
from novate.sim.auditor.rounding import LARGEST
from novate.sim.auditor.worth import Verdict, exposure, fee_of, judge, lot_value, premium, results


def decide_trades(house: House, command: SubmitTrades) -> list[Fact]:
    """Each row on its own, after those before it: its form, then what the buyer can bear, then the seller."""
    rows = Rows(house, command.source)
    drafts = house.drafts()
    kept: list[tuple[int, ...]] = []
    numbers: list[int] = []
    for at, (number, lots, price, contract, buyer, seller, _) in rows.in_turn(unpacked(command.rows, TRADE)):
        refusal, failed = _form_of(house, lots, price, contract, buyer, seller)
        if refusal == FINE:
            of = house.instruments[contract]
            value, fee = lot_value(house, of, price), fee_of(house, of, lots, price)
            if drafts[FEES].carry_fine[of.asset] + 2 * fee > LARGEST:
                refusal = Reason.EXPOSURE_LIMIT_EXCEEDED, LARGEST
            for side, signed, role in ((buyer, lots, BUYER), (seller, -lots, SELLER)):
                if refusal == FINE:
                    refusal, failed = bears(house, drafts[side], contract, signed, value, fee), role
            if refusal == FINE:
                for side, signed in ((buyer, lots), (seller, -lots)):
                    add_leg(drafts[side], contract, signed, signed * value)
                    drafts[side].carry_fine[of.asset] -= fee
                    drafts[FEES].carry_fine[of.asset] += fee
                kept.append((lots, value, fee, fee, contract, buyer, seller, at))
                numbers.append(number)
        if refusal != FINE:
            rows.refuse(at, refusal, failed)
    if not kept:
        return rows.facts()
    return [TradesNovated(packed(kept, NOVATED), command.source, *_names_of(kept, numbers)), *rows.facts()]


def _names_of(kept: list[tuple[int, ...]], numbers: list[int]) -> tuple[int, bytes]:
    """How trades are named: by the number that a row 0 has or would have where they run with the rows, else each."""
    firsts = dict.fromkeys(number - row[-1] for number, row in zip(numbers, kept, strict=True))
    return (next(iter(firsts)), b"") if len(firsts) == 1 else (0, np.array(numbers, "<i8").tobytes())


def _form_of(house: House, lots: int, price: int, contract: int, buyer: int, seller: int) -> tuple[Refusal, int]:
    """Everything that needs no margin, in order of precedence; with the side that fails where it is one's fault."""
    if not 0 <= contract < len(house.instruments):
        return (Reason.CONTRACT_UNKNOWN, contract), NEITHER
    for side, role in ((buyer, BUYER), (seller, SELLER)):
        if side not in house.buckets:
            return (Reason.ACCOUNT_UNKNOWN, side), role
    of = house.instruments[contract]
    terms = of.terms
    if terms.kind is not Kind.INDEX and terms.margin_class not in house.rules.margin_classes:
        return (Reason.MARGIN_CLASS_UNKNOWN, contract), NEITHER
    if buyer == seller:
        return (Reason.ACCOUNTS_MUST_DIFFER, buyer), NEITHER
    for side, role in ((buyer, BUYER), (seller, SELLER)):
        if house.buckets[side].access == "house_only":
            return (Reason.ACCOUNT_NOT_TRADABLE, side), role
    if terms.kind is Kind.INDEX:
        return (Reason.CONTRACT_NOT_TRADABLE, contract), NEITHER
    if lots <= 0:
        return (Reason.QUANTITY_MUST_BE_POSITIVE, lots), NEITHER
    if not terms.price_min_ticks <= price <= terms.price_max_ticks:
        return (Reason.PRICE_OUT_OF_LIMITS, price), NEITHER
    if of.state != "live":
        return ((Reason.CONTRACT_EXPIRED if of.state == "expired" else Reason.PRICE_MISSING), contract), NEITHER
    for side, role in ((buyer, BUYER), (seller, SELLER)):
        if house.buckets[side].access == "liquidating":
            return (Reason.ACCOUNT_IN_LIQUIDATION, side), role
    if lots > terms.position_limit_lots:
        return (Reason.POSITION_LIMIT_EXCEEDED, terms.position_limit_lots), NEITHER
    return FINE, NEITHER


def bears(house: House, before: Bucket, contract: int, lots: int, value_fine: int, fee_fine: int) -> Refusal:
    """Whether a bucket may take a leg: limits, what a default allows, the premium in cash, then margin.

    A leg that only brings a position nearer to zero always may, where it deepens neither what the bucket lacks of its
    two requirements nor a negative equity.
    """
    of = house.instruments[contract]
    asset, limit = of.asset, of.terms.position_limit_lots
    after = with_leg(before, contract, lots, lots * value_fine)
    after.carry_fine[asset] -= fee_fine
    old, new = lots_of(before, contract), lots_of(after, contract)
    if abs(new) > limit:
        return Reason.POSITION_LIMIT_EXCEEDED, limit
    was, exposed = exposure(house, before, asset), exposure(house, after, asset)
    cash = before.balance_minor[asset] * house.monies[asset].unit
    if exposed > was and exposed + cash + abs(before.carry_fine[asset]) + fee_fine > LARGEST:
        return Reason.EXPOSURE_LIMIT_EXCEEDED, LARGEST
    reduces = old != 0 and old * new >= 0 and abs(new) < abs(old)
    if before.access == "reduce_only" and not reduces:
        return Reason.MEMBER_IN_DEFAULT, 0
    owed = premium(house, after, asset) - min(0, after.carry_fine[asset] + results(house, after, asset))
    if of.is_option and lots * value_fine > 0 and owed > cash:
        return Reason.PREMIUM_NOT_COVERED, owed - cash
    then, now = judge(house, before), judge(house, after)
    if reduces and not _riskier(then, now):
        return FINE
    if not now.priced:
        return Reason.PRICE_MISSING, 0
    return (Reason.MARGIN_INSUFFICIENT, now.initial - now.equity) if now.equity < now.initial else FINE


def _riskier(then: Verdict, now: Verdict) -> bool:
    """Whether a bucket lacks more than before: of a requirement, or of nothing at all."""
    return (
        now.initial - now.equity > then.initial - then.equity
        or now.maintenance - now.equity > max(0, then.maintenance - then.equity)
        or -now.equity > max(0, -then.equity)
    )


def lots_of(bucket: Bucket, contract: int) -> int:
    """Lots held of a contract."""
    return bucket.positions[contract].lots if contract in bucket.positions else 0


def add_leg(bucket: Bucket, contract: int, lots: int, cost_fine: int) -> None:
    """Lots and cost come to a position; one of nothing is none."""
    held = bucket.positions.setdefault(contract, Position())
    held.lots += lots
    held.cost_fine += cost_fine
    if not held.lots and not held.cost_fine:
        del bucket.positions[contract]


def with_leg(bucket: Bucket, contract: int, lots: int, cost_fine: int) -> Bucket:
    """A copy of a bucket with one leg more."""
    after = bucket.copy()
    add_leg(after, contract, lots, cost_fine)
    return after


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_trades_novated(house: House, fact: TradesNovated) -> None:
    """Both legs of every trade and its fees. The prices of the command are for the exact account."""
    prices = [row[2] for row in unpacked(house.command.rows, TRADE)]
    for lots, value, buyer_fee, seller_fee, contract, buyer, seller, row in unpacked(fact.rows, NOVATED):
        of = house.instruments[contract]
        for side, signed, fee in ((buyer, lots, buyer_fee), (seller, -lots, seller_fee)):
            add_leg(house.buckets[side], contract, signed, signed * value)
            exactness.traded(house, side, contract, signed, prices[row])
            house.buckets[side].carry_fine[of.asset] -= fee
            house.buckets[FEES].carry_fine[of.asset] += fee
            exactness.fee_paid(house, side, FEES, contract, lots, prices[row])

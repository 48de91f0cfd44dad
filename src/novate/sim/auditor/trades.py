"""A trade becomes two legs facing the house; each side must bear its own."""

from typing import NamedTuple

import numpy as np

from novate.core.commands import SubmitTrades
from novate.core.facts import Fact, OrdersFilled, TradesNovated
from novate.core.reasons import Reason
from novate.core.rows import BUYER, FILLS_BUYER, FILLS_SELLER, NEITHER, NOVATED, RESERVED, SELLER, TRADE
from novate.core.terms import FEES, Kind, Role
from novate.sim.auditor import exactness
from novate.sim.auditor.bucket import Bucket, Position
from novate.sim.auditor.house import House, Instrument
from novate.sim.auditor.limits import passed
from novate.sim.auditor.numbering import FINE, Refusal, Rows, packed, unpacked
from novate.sim.auditor.record import forgotten, keep
from novate.sim.auditor.rounding import LARGEST, part_down
from novate.sim.auditor.scenarios import may_have
from novate.sim.auditor.worth import (
    Verdict,
    exposure,
    fee_of,
    has_margin_class,
    judge,
    lot_value,
    owed_for_certain,
    premium_asked,
    without_orders,
)


class Side(NamedTuple):
    """One side of a trade: its bucket, its lots (a buyer's are positive), its role, whether its orders are filled."""

    bucket: int
    lots: int
    role: int
    filled: bool


def decide_trades(house: House, command: SubmitTrades) -> list[Fact]:
    """Each row on its own, after those before it: its form, then what the buyer can bear, then the seller."""
    rows = Rows(house, command.source)
    drafts = house.drafts()
    kept: list[tuple[int, ...]] = []
    fills: list[tuple[int, ...]] = []
    numbers: list[int] = []
    for at, (number, lots, price, contract, buyer, seller, filled) in rows.in_turn(unpacked(command.rows, TRADE)):
        refusal, failed = _form_of(house, lots, price, contract, buyer, seller, filled)
        if refusal == FINE and filled not in (0, FILLS_BUYER, FILLS_SELLER, FILLS_BUYER | FILLS_SELLER):
            refusal = Reason.MALFORMED, filled
        if refusal != FINE:
            rows.refuse(at, refusal, failed)
            continue
        of = house.instruments[contract]
        value, fee = lot_value(house, of, price), fee_of(house, of, lots, price)
        buys = Side(house.bucket_of(buyer, contract), lots, BUYER, bool(filled & FILLS_BUYER))
        sells = Side(house.bucket_of(seller, contract), -lots, SELLER, bool(filled & FILLS_SELLER))
        refusal, failed = _borne(house, drafts, contract, value, fee, (buys, sells))
        if refusal != FINE:
            rows.refuse(at, refusal, failed)
            continue
        for side in (buys, sells):
            add_leg(drafts[side.bucket], contract, side.lots, side.lots * value)
            drafts[side.bucket].carry_fine[of.asset] -= fee
            drafts[FEES].carry_fine[of.asset] += fee
            if side.filled:
                fills.append((*taken_off(side.lots), contract, side.bucket))
                add_orders(drafts[side.bucket], contract, *taken_off(side.lots))
        kept.append((lots, value, fee, fee, contract, buys.bucket, sells.bucket, at))
        numbers.append(number)
    if not kept:
        return rows.facts()
    novated = TradesNovated(packed(kept, NOVATED), command.source, *_names_of(kept, numbers))
    from_orders: list[Fact] = [OrdersFilled(packed(fills, RESERVED))] if fills else []
    return [*from_orders, novated, *forgotten(house, len(kept)), *rows.facts()]


def _borne(
    house: House, drafts: dict[int, Bucket], contract: int, value: int, fee: int, sides: tuple[Side, Side]
) -> tuple[Refusal, int]:
    """Whether fees have room, orders enough lots, limits are kept and both sides have the margin, in this order."""
    if drafts[FEES].carry_fine[house.instruments[contract].asset] + 2 * fee > LARGEST:
        return (Reason.EXPOSURE_LIMIT_EXCEEDED, LARGEST), NEITHER
    for side in sides:
        resting = drafts[side.bucket].orders.get(contract, (0, 0))[0 if side.lots > 0 else 1]
        if side.filled and abs(side.lots) > resting:
            return (Reason.ORDERS_EXCEEDED, resting), side.role
    reason, number = passed(house, drafts, contract, {side.bucket: side.lots for side in sides})
    if reason is not Reason.ACCEPTED:
        return (reason, number), NEITHER
    if house.purse_of(sides[0].bucket) == house.purse_of(sides[1].bucket):
        buys, sells = (Pooled(drafts[side.bucket], side.lots, side.filled) for side in sides)
        refusal, which = borne_in_pool(house, contract, value, fee, (buys, sells))
        return refusal, NEITHER if refusal == FINE else sides[which].role
    for side in sides:
        refusal = bears(house, drafts[side.bucket], contract, side.lots, value, fee, filled=side.filled)
        if refusal != FINE:
            return refusal, side.role
    return FINE, NEITHER


class Pooled(NamedTuple):
    """A leg of one sub-account of a pool: its bucket, its lots (signed), whether its orders are filled."""

    bucket: Bucket
    lots: int
    filled: bool = False


def borne_in_pool(
    house: House, contract: int, value: int, fee: int, legs: tuple[Pooled, Pooled]
) -> tuple[Refusal, int]:
    """Whether a pool may take both legs of what two of its sub-accounts do: ``(why not, which leg's fault)``.

    The second is judged on what the first leaves. Margin, a premium or cover that the first lacks must be there after
    both.
    """
    asset = house.instruments[contract].asset
    later = (Reason.MARGIN_INSUFFICIENT, Reason.PREMIUM_NOT_COVERED, Reason.COLLATERAL_NOT_COVERED)
    (first, lots, filled), (second, other_lots, other_filled) = legs
    lacks = bears(house, first, contract, lots, value, fee, filled=filled)
    if lacks[0] not in (Reason.ACCEPTED, *later):
        return lacks, 0
    between = taken_on(house, first, contract, lots, value, fee, filled=filled)
    second = between.together[first.together.index(second)]
    refusal = bears(house, second, contract, other_lots, value, fee, filled=other_filled)
    if refusal != FINE:
        return refusal, 1
    done = taken_on(house, second, contract, other_lots, value, fee, filled=other_filled)
    if lacks[0] is Reason.COLLATERAL_NOT_COVERED and (bare := _bare(house, first, done, asset)) > 0:
        return (lacks[0], bare), 0
    then = judge(house, done)
    return (lacks if then.equity < then.initial else FINE), 0


def taken_off(lots: int) -> tuple[int, int]:
    """What a fill of so many lots (signed) takes off resting bids and asks."""
    return -max(lots, 0), min(lots, 0)


def _names_of(kept: list[tuple[int, ...]], numbers: list[int]) -> tuple[int, bytes]:
    """How trades are named: by the number that a row 0 has or would have where they run with the rows, else each."""
    firsts = dict.fromkeys(number - row[-1] for number, row in zip(numbers, kept, strict=True))
    return (next(iter(firsts)), b"") if len(firsts) == 1 else (0, np.array(numbers, "<i8").tobytes())


def _form_of(
    house: House, lots: int, price: int, contract: int, buyer: int, seller: int, filled: int
) -> tuple[Refusal, int]:
    """Everything that needs no margin, in order of precedence; with the side that fails where it is one's fault."""
    if not 0 <= contract < len(house.instruments):
        return (Reason.CONTRACT_UNKNOWN, contract), NEITHER
    for side, role in ((buyer, BUYER), (seller, SELLER)):
        if side not in house.buckets:
            return (Reason.ACCOUNT_UNKNOWN, side), role
    of = house.instruments[contract]
    terms = of.terms
    if not has_margin_class(house, of):
        return (Reason.MARGIN_CLASS_UNKNOWN, contract), NEITHER
    if buyer == seller:
        return (Reason.ACCOUNTS_MUST_DIFFER, buyer), NEITHER
    for side, role in ((buyer, BUYER), (seller, SELLER)):
        if not may_be_named(house, side):
            return (Reason.ACCOUNT_NOT_TRADABLE, side), role
    if terms.kind is Kind.INDEX:
        return (Reason.CONTRACT_NOT_TRADABLE, contract), NEITHER
    if lots <= 0:
        return (Reason.QUANTITY_MUST_BE_POSITIVE, lots), NEITHER
    if not terms.price_min_ticks <= price <= terms.price_max_ticks:
        return (Reason.PRICE_OUT_OF_LIMITS, price), NEITHER
    if of.state != "live" or contract in house.halts:
        return (untraded(house, contract), contract), NEITHER
    nearest = nearest_in_band(house, of, price)
    if price != nearest and not (filled and promised(house, of)):
        return (Reason.PRICE_OUTSIDE_BAND, nearest), NEITHER
    for side, role in ((buyer, BUYER), (seller, SELLER)):
        if house.buckets[house.bucket_of(side, contract)].access == "liquidating":
            return (Reason.ACCOUNT_IN_LIQUIDATION, side), role
    if lots > terms.position_limit_lots:
        return (Reason.POSITION_LIMIT_EXCEEDED, terms.position_limit_lots), NEITHER
    return FINE, NEITHER


def promised(house: House, of: Instrument) -> bool:
    """Whether fills of resting orders in a contract were promised when the orders were margined."""
    return house.rules.reserved_trades == "guaranteed" and not (of.has_premium or of.terms.collateralised)


def nearest_in_band(house: House, of: Instrument, price: int) -> int:
    """The price itself, or the end of the band that it is beyond: a part of the mark, a tick at least."""
    band = house.rules.price_bands.get(of.terms.margin_class)
    if band is None:
        return price
    reach = max(1, part_down(abs(of.price_ticks), band))
    return max(of.price_ticks - reach, min(of.price_ticks + reach, price))


def untraded(house: House, contract: int) -> Reason:
    """Why a contract takes no trades: it is over, it is halted, it has no price."""
    if house.instruments[contract].state == "expired":
        return Reason.CONTRACT_EXPIRED
    return Reason.CONTRACT_HALTED if contract in house.halts else Reason.PRICE_MISSING


def may_be_named(house: House, account: int) -> bool:
    """Whether a trade may name an account: a member's or client's or a sub-account, no isolated bucket and no pool."""
    bucket = house.buckets[account]
    return bucket.access != "house_only" and bucket.role not in (Role.ISOLATED, Role.GROSS_OMNIBUS)


def bears(
    house: House, before: Bucket, contract: int, lots: int, value_fine: int, fee_fine: int, *, filled: bool = False
) -> Refusal:
    """Whether a bucket may take a leg: limits, its risk sheet, what a default allows, the premium in cash, then margin.

    A leg that fills its resting orders is not asked for margin where the rulebook guarantees that, nor whether its
    bucket is restricted. One that only brings
    a position nearer to zero always may, where it deepens neither what the bucket lacks of its two requirements nor a
    negative equity.
    """
    of = house.instruments[contract]
    asset, limit = of.asset, of.terms.position_limit_lots
    after = taken_on(house, before, contract, lots, value_fine, fee_fine, filled=filled)
    old, new = lots_of(before, contract), lots_of(after, contract)
    if abs(new) > limit:
        return Reason.POSITION_LIMIT_EXCEEDED, limit
    was, exposed = exposure(house, before, asset), exposure(house, after, asset)
    cash = before.balance_minor[asset] * house.monies[asset].unit
    if exposed > was and exposed + cash + abs(before.carry_fine[asset]) + fee_fine > LARGEST:
        return Reason.EXPOSURE_LIMIT_EXCEEDED, LARGEST
    refusal = may_have(house, before, after, contract)
    if refusal != FINE:
        return refusal
    reduces = old != 0 and old * new >= 0 and abs(new) < abs(old)
    if before.access == "reduce_only" and not reduces:
        return Reason.MEMBER_IN_DEFAULT, 0
    guaranteed = filled and promised(house, of)
    if before.access == "restricted" and not (reduces or guaranteed):
        return Reason.ACCOUNT_RESTRICTED, 0
    asked = premium_asked(house, after, asset)
    if of.has_premium and lots * value_fine > 0 and asked > cash and asked > premium_asked(house, before, asset):
        return Reason.PREMIUM_NOT_COVERED, asked - cash
    if of.terms.collateralised and (bare := _bare(house, before, after, asset)) > 0:
        return Reason.COLLATERAL_NOT_COVERED, bare
    then, now = judge(house, before), judge(house, after)
    if guaranteed or (reduces and not _riskier(then, now)):
        return FINE
    if not now.priced:
        return Reason.PRICE_MISSING, 0
    return (Reason.MARGIN_INSUFFICIENT, now.initial - now.equity) if now.equity < now.initial else FINE


def _bare(house: House, before: Bucket, after: Bucket, asset: int) -> int:
    """What settled cash does not cover of what is owed for certain, orders counted or not, where that has grown."""
    owes = max(_grown(house, before, after, asset), _grown(house, without_orders(before), without_orders(after), asset))
    return owes - before.balance_minor[asset] * house.monies[asset].unit if owes else 0


def _grown(house: House, before: Bucket, after: Bucket, asset: int) -> int:
    """What is owed for certain after, where that is more than before."""
    owes = owed_for_certain(house, after, asset)
    return owes if owes > owed_for_certain(house, before, asset) else 0


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


def add_orders(bucket: Bucket, contract: int, bids: int, asks: int) -> None:
    """Lots that rest to be bought and to be sold, more or fewer; none are none."""
    was = bucket.orders.pop(contract, (0, 0))
    if was != (-bids, -asks):
        bucket.orders[contract] = was[0] + bids, was[1] + asks


def with_leg(bucket: Bucket, contract: int, lots: int, cost_fine: int) -> Bucket:
    """A copy of a bucket with one leg more."""
    after = bucket.copy()
    add_leg(after, contract, lots, cost_fine)
    return after


def taken_on(
    house: House, before: Bucket, contract: int, lots: int, value_fine: int, fee_fine: int, *, filled: bool
) -> Bucket:
    """A copy of a bucket after its side of a trade: the leg, the fee, the orders that it fills."""
    after = with_leg(before, contract, lots, lots * value_fine)
    after.carry_fine[house.instruments[contract].asset] -= fee_fine
    if filled:
        add_orders(after, contract, *taken_off(lots))
    return after


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_trades_novated(house: House, fact: TradesNovated) -> None:
    """Both legs of every trade and its fees. The prices of the command are for the exact account."""
    keep(house, fact)
    prices = [row[2] for row in unpacked(house.command.rows, TRADE)]
    for lots, value, buyer_fee, seller_fee, contract, buyer, seller, row in unpacked(fact.rows, NOVATED):
        of = house.instruments[contract]
        for side, signed, fee in ((buyer, lots, buyer_fee), (seller, -lots, seller_fee)):
            add_leg(house.buckets[side], contract, signed, signed * value)
            exactness.traded(house, side, contract, signed, prices[row])
            house.buckets[side].carry_fine[of.asset] -= fee
            house.buckets[FEES].carry_fine[of.asset] += fee
            exactness.fee_paid(house, side, FEES, contract, lots, prices[row])

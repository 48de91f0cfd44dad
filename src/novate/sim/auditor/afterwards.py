"""Trades undone: bust and correction while their cycle is open, offset after it."""

from fractions import Fraction

from novate.core.facts import Fact
from novate.core.lifecycle_commands import BustTrade, CorrectTrade, OffsetTrade
from novate.core.lifecycle_facts import (
    GiveUpClosed,
    Leg,
    TradeBusted,
    TradeCorrected,
    TradeOffset,
)
from novate.core.reasons import Reason
from novate.core.terms import FEES
from novate.sim.auditor import exactness
from novate.sim.auditor.house import House, Made, Reference
from novate.sim.auditor.numbering import demand
from novate.sim.auditor.record import TRADE, is_past, parts_of
from novate.sim.auditor.rounding import E12, nearest
from novate.sim.auditor.sides import book_leg, bucket_for, margined, pay_carry, room, shared, tradable, two
from novate.sim.auditor.trades import add_leg
from novate.sim.auditor.worth import fee_of, has_margin_class, lot_value

SIGN = {"buyer": 1, "seller": -1}

# ---- while the cycle is open ----------------------------------------------------------------------------------------


def decide_bust(house: House, command: BustTrade) -> list[Fact]:
    """Everything of the trade goes back, and what waits on it ends."""
    trade = command.trade_source, command.trade_number
    return [_bust(house, trade), *_ended_with(house, trade)]


def _bust(house: House, trade: Reference) -> TradeBusted:
    """Lots and cost go back to where each account holds the contract now, the fees too.

    Of a contract that is over the final result goes back instead.
    """
    parts = parts_of(house, trade)
    contract = parts[0].contract
    of = house.instruments[contract]
    demand(of.state == "expired" or has_margin_class(house, of), Reason.MARGIN_CLASS_UNKNOWN, TRADE)
    legs: dict[int, Leg] = {}
    for made in parts:
        for side, sign in SIGN.items():
            lots, fee = sign * made.lots, made.fees[side]
            bucket = bucket_for(house, house.owner_of(made.sides[side]), contract, TRADE)
            leg = Leg(bucket, -lots, -lots * made.value_fine, fee)
            if of.state == "expired":
                leg = Leg(bucket, 0, 0, fee - lots * (of.value_fine - made.value_fine))
            legs[bucket] = _sum(legs.get(bucket, Leg(bucket, 0, 0, 0)), leg)
    for leg in legs.values():
        room(house, contract, leg, TRADE)
    return TradeBusted(*trade, contract, tuple(legs.values()), sum(sum(made.fees.values()) for made in parts))


def _sum(one: Leg, other: Leg) -> Leg:
    lots, cost = one.lots + other.lots, one.cost_fine + other.cost_fine
    return Leg(one.bucket, lots, cost, one.carry_fine + other.carry_fine)


def _ended_with(house: House, trade: Reference) -> list[Fact]:
    return [GiveUpClosed(number, "busted") for number, one in house.give_ups.items() if one.trade == trade]


def decide_correct(house: House, command: CorrectTrade) -> list[Fact]:
    """Bust and book anew, or neither; for lots that it had not, an account needs the margin."""
    trade = command.trade_source, command.trade_number
    busted = _bust(house, trade)
    buckets = _terms(house, command)
    of, was = house.instruments[command.contract], parts_of(house, trade)[0]
    value, index = lot_value(house, of, command.price_ticks), nearest(Fraction(of.index_e12, E12))
    back: dict[int, Leg] = {}
    if was.contract == command.contract:
        value, index = value + index - was.index_fine, was.index_fine
        back = {leg.bucket: leg for leg in busted.legs}
    fee = fee_of(house, of, command.lots, command.price_ticks)
    more: dict[int, int] = {}
    for (side, sign), bucket in zip(SIGN.items(), buckets, strict=True):
        lots = sign * command.lots
        own = back.get(bucket, Leg(bucket, 0, 0, 0))
        if (lots + own.lots) * sign > 0:
            more[bucket] = lots + own.lots
            demand(command.contract not in house.halts, Reason.CONTRACT_HALTED, "$.contract")
            margined(house, bucket, command.contract, lots + own.lots, value, f"$.{side}", fee)
        room(house, command.contract, _sum(own, Leg(bucket, lots, lots * value, -fee)), f"$.{side}")
    shared(house, command.contract, more, "$.lots")
    booked = TradeCorrected(*trade, command.contract, *buckets, command.lots, value, fee, fee, index)
    return [busted, booked, *_ended_with(house, trade)]


def _terms(house: House, command: CorrectTrade | OffsetTrade) -> tuple[int, int]:
    """Terms that a trade could have had; the buckets of its sides."""
    tradable(house, command.contract, "$.contract")
    buckets = two(house, command.buyer, command.seller, command.contract, ("$.buyer", "$.seller"))
    terms = house.instruments[command.contract].terms
    demand(command.lots > 0, Reason.QUANTITY_MUST_BE_POSITIVE, "$.lots")
    demand(command.lots <= terms.position_limit_lots, Reason.POSITION_LIMIT_EXCEEDED, "$.lots")
    inside = terms.price_min_ticks <= command.price_ticks <= terms.price_max_ticks
    demand(inside, Reason.PRICE_OUT_OF_LIMITS, "$.price")
    return buckets


# ---- after it -------------------------------------------------------------------------------------------------------


def decide_offset(house: House, command: OffsetTrade) -> list[Fact]:
    """The opposite at the original price; what settlements paid since comes back with the next."""
    trade = command.trade_source, command.trade_number
    demand(trade not in house.undone, Reason.TRADE_ALREADY_BUSTED, TRADE)
    standing = any(made.trade == trade and not made.busted for made in house.trades)
    demand(not standing, Reason.TRADE_ON_RECORD, TRADE)
    demand(is_past(house, trade), Reason.TRADE_UNKNOWN, TRADE)
    demand(house.rules.late_bust == "offset", Reason.OUTSIDE_BUST_WINDOW, TRADE)
    buckets = _terms(house, command)
    value = lot_value(house, house.instruments[command.contract], command.price_ticks)
    for (side, sign), bucket in zip(SIGN.items(), buckets, strict=True):
        lots = -sign * command.lots
        room(house, command.contract, Leg(bucket, lots, lots * value, 0), f"$.{side}")
    return [TradeOffset(*trade, command.contract, *buckets, command.lots, value)]


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_busted(house: House, fact: TradeBusted) -> None:
    """Both sides have back what they gave; the trade is not undone twice."""
    trade = fact.trade_source, fact.trade_number
    for leg in fact.legs:
        book_leg(house, fact.contract, leg)
    pay_carry(house, FEES, house.instruments[fact.contract].asset, -fact.fees_fine)
    for made in house.trades:
        made.busted = made.busted or made.trade == trade
    house.undone.append(trade)


def apply_corrected(house: House, fact: TradeCorrected) -> None:
    """The trade stands again on other terms."""
    trade, price = (fact.trade_source, fact.trade_number), house.command.price_ticks
    of = house.instruments[fact.contract]
    was = [made for made in house.trades if made.trade == trade][-1]  # the others were corrected before
    index = was.index if was.contract == fact.contract else of.index
    sides = {"buyer": fact.buyer, "seller": fact.seller}
    fees = {"buyer": fact.buyer_fee_fine, "seller": fact.seller_fee_fine}
    for side, bucket in sides.items():
        lots = SIGN[side] * fact.lots
        add_leg(house.buckets[bucket], fact.contract, lots, lots * fact.value_fine)
        exactness.traded(house, bucket, fact.contract, lots, price, index)
        house.buckets[bucket].carry_fine[of.asset] -= fees[side]
        house.buckets[FEES].carry_fine[of.asset] += fees[side]
        exactness.fee_paid(house, bucket, FEES, fact.contract, fact.lots, price)
    house.undone.remove(trade)
    house.trades.append(Made(trade, fact.contract, fact.lots, fact.value_fine, fact.index_fine, index, sides, fees))


def apply_offset(house: House, fact: TradeOffset) -> None:
    """The buyer gives the lots back at the original price."""
    for bucket, lots in ((fact.buyer, -fact.lots), (fact.seller, fact.lots)):
        add_leg(house.buckets[bucket], fact.contract, lots, lots * fact.value_fine)
        exactness.traded(house, bucket, fact.contract, lots, house.command.price_ticks)
    house.undone.append((fact.trade_source, fact.trade_number))

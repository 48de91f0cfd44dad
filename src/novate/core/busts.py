"""Trades undone: busted or corrected while their cycle is open, offset at the original price after it.

They are acts of authority over what should never have been: the parties' margin is not asked, and what they fall
short of is called or liquidated afterwards, and neither a halt nor a limit is in their way. Only lots that a correction
adds are checked like a trade.
"""

import numpy as np

from novate.core.book import Book
from novate.core.facts import Fact
from novate.core.kernels.arithmetic import size_at, value_at
from novate.core.layout import EXPIRED
from novate.core.lifecycle_commands import BustTrade, CorrectTrade, OffsetTrade
from novate.core.lifecycle_facts import GiveUpClosed, Leg, TradeBusted, TradeCorrected, TradeOffset
from novate.core.money import charge
from novate.core.novation import move_leg
from novate.core.reasons import Reason
from novate.core.refusals import Refused
from novate.core.sides import (
    check_account,
    check_contract,
    check_lots,
    check_margin,
    check_margin_class,
    check_room,
    check_shared,
    check_trading,
    check_two,
)
from novate.core.terms import FEES

TRADE = "$.trade_number"
SIDES = (("buyer", 1), ("seller", -1))


# ---- which trade ----------------------------------------------------------------------------------------------------


def standing(book: Book, source: str, number: int) -> list[np.void]:
    """The rows of a trade of the open cycle that stands. Raises ``Refused``."""
    if rows := book.trades.standing(source, number):
        return rows
    check_not_undone(book, source, number)
    if is_past(book, source, number):
        message = (
            f"trade {number} of {source!r} is not of the open cycle, or no longer on record: what was settled stays"
        )
        raise Refused(Reason.OUTSIDE_BUST_WINDOW, TRADE, message)
    message = f"{source!r} has no accepted trade {number}: use the number that it was submitted with"
    raise Refused(Reason.TRADE_UNKNOWN, TRADE, message)


def check_not_undone(book: Book, source: str, number: int) -> None:
    """A trade is undone once."""
    if number in book.registers.undone_trades.get(source, ()):
        raise Refused(Reason.TRADE_ALREADY_BUSTED, TRADE, f"trade {number} of {source!r} is undone already")


def is_past(book: Book, source: str, number: int) -> bool:
    """Whether the source used the number before the trades that are on record."""
    first = book.trades.first_number(source)
    return number <= book.registers.sources.get(source, -1) and (first is None or number < first)


# ---- bust -----------------------------------------------------------------------------------------------------------


def decide_bust(book: Book, command: BustTrade) -> list[Fact]:
    """Reverse a trade of the open cycle, with every part that was given up."""
    return [bust(book, command.trade_source, command.trade_number), *_give_ups_of(book, command)]


def bust(book: Book, source: str, number: int) -> TradeBusted:
    """The reversal of a trade at its original value, fees refunded.

    It goes back where each account holds the contract now, also where that was isolated or rejoined since the trade. In
    a contract that expired since, each side's final result is taken back instead of its lots. Raises ``Refused``.
    """
    rows = standing(book, source, number)
    contract = int(rows[0]["contract"])
    terms = book.contracts[contract]
    expired, final = terms["state"] == EXPIRED, int(terms["value_fine"])
    if not expired:
        check_margin_class(book, contract, TRADE)
    legs: dict[int, Leg] = {}
    for row in rows:
        for side, sign in SIDES:
            lots, value = sign * int(row["lots"]), int(row["value_fine"])
            bucket = check_account(book, book.owner_of(int(row[side])), contract, TRADE)
            fee = int(row[f"{side}_fee_fine"])
            leg = Leg(bucket, 0, 0, fee - lots * (final - value)) if expired else Leg(bucket, -lots, -lots * value, fee)
            legs[bucket] = plus(legs.get(bucket), leg)
    check_room(book, contract, legs.values(), TRADE)
    fees = sum(int(row["buyer_fee_fine"]) + int(row["seller_fee_fine"]) for row in rows)
    return TradeBusted(source, number, contract, tuple(legs.values()), fees)


def plus(one: Leg | None, other: Leg) -> Leg:
    """Two legs of one bucket as one."""
    if one is None:
        return other
    lots, cost, carry = one.lots + other.lots, one.cost_fine + other.cost_fine, one.carry_fine + other.carry_fine
    return Leg(other.bucket, lots, cost, carry)


def _give_ups_of(book: Book, command: BustTrade | CorrectTrade) -> list[Fact]:
    """Give-ups that wait on a trade end with it."""
    return [
        GiveUpClosed(number, "busted")
        for number, waiting in book.registers.give_ups.items()
        if (waiting.trade_source, waiting.trade_number) == (command.trade_source, command.trade_number)
    ]


# ---- correction -----------------------------------------------------------------------------------------------------


def decide_correct(book: Book, command: CorrectTrade) -> list[Fact]:
    """Bust a trade and book it on other terms, or neither.

    The value per lot is made with the funding index of the trade, so that a correction of the price alone changes the
    price alone. Whoever takes on lots that it had not passes the margin check for those.
    """
    busted = bust(book, command.trade_source, command.trade_number)
    value, buckets = _check_terms(book, command)
    row, terms = standing(book, command.trade_source, command.trade_number)[0], book.contracts[command.contract]
    index = int(terms["index_fine"])
    same = busted.contract == command.contract
    if same:
        value, index = value + index - int(row["index_fine"]), int(row["index_fine"])
    fee = charge(command.lots * int(size_at(command.price_ticks, terms)), int(terms["fee_ppm"]))
    undone = {leg.bucket: leg for leg in busted.legs} if same else {}
    more: dict[int, int] = {}
    for (side, sign), bucket in zip(SIDES, buckets, strict=True):
        lots = sign * command.lots
        own = undone.get(bucket, Leg(bucket, 0, 0, 0))
        added = lots + own.lots
        if added * sign > 0:
            more[bucket] = added
            check_trading(book, command.contract, "$.contract")
            check_margin(book, bucket, command.contract, added, value, f"$.{side}", fee)
        check_room(book, command.contract, [plus(own, Leg(bucket, lots, lots * value, -fee))], f"$.{side}")
    check_shared(book, command.contract, more, "$.lots")
    corrected = TradeCorrected(
        command.trade_source,
        command.trade_number,
        command.contract,
        *buckets,
        command.lots,
        value,
        fee,
        fee,
        index,
    )
    return [busted, corrected, *_give_ups_of(book, command)]


def _check_terms(book: Book, command: CorrectTrade | OffsetTrade) -> tuple[int, tuple[int, int]]:
    """The value per lot of terms that a trade could have, and the buckets of its sides. Raises ``Refused``."""
    check_contract(book, command.contract, "$.contract")
    buckets = check_two(book, command.buyer, command.seller, command.contract, ("$.buyer", "$.seller"))
    check_lots(command.lots, "$.lots")
    row = book.contracts[command.contract]
    if command.lots > int(row["position_limit_lots"]):
        message = f"the position limit is {row['position_limit_lots']} lots, got {command.lots}: give fewer"
        raise Refused(Reason.POSITION_LIMIT_EXCEEDED, "$.lots", message)
    low, high = int(row["price_min_ticks"]), int(row["price_max_ticks"])
    if not low <= command.price_ticks <= high:
        message = f"the price must be {low} to {high} ticks, got {command.price_ticks}"
        raise Refused(Reason.PRICE_OUT_OF_LIMITS, "$.price", message)
    return int(value_at(command.price_ticks, row)), buckets


# ---- after the cycle ------------------------------------------------------------------------------------------------


def decide_offset(book: Book, command: OffsetTrade) -> list[Fact]:
    """The opposite of a settled trade, at its original price.

    What the settlements paid since comes back with the next one: bought at 100, settled at 103 and sold at 100 again
    is a result of -3 that undoes the +3. That is the compensation; fees stay paid, and so does funding.
    """
    source, number = command.trade_source, command.trade_number
    check_not_undone(book, source, number)
    if book.trades.standing(source, number):
        message = f"trade {number} of {source!r} is of the open cycle: bust or correct it"
        raise Refused(Reason.TRADE_ON_RECORD, TRADE, message)
    if not is_past(book, source, number):
        message = f"{source!r} has no accepted trade {number}: use the number that it was submitted with"
        raise Refused(Reason.TRADE_UNKNOWN, TRADE, message)
    if book.rulebook.late_bust != "offset":
        message = f"trade {number} of {source!r} is settled, and the rulebook's late_bust does not allow an offset"
        raise Refused(Reason.OUTSIDE_BUST_WINDOW, TRADE, message)
    value, buckets = _check_terms(book, command)
    for (side, sign), bucket in zip(SIDES, buckets, strict=True):
        leg = Leg(bucket, -sign * command.lots, -sign * command.lots * value, 0)
        check_room(book, command.contract, [leg], f"$.{side}")
    return [TradeOffset(source, number, command.contract, *buckets, command.lots, value)]


# ---- folding --------------------------------------------------------------------------------------------------------


def apply(book: Book, contract: int, legs: tuple[Leg, ...]) -> None:
    """Legs to the book: lots and cost, and unsettled money in the contract's asset."""
    asset = int(book.contracts[contract]["asset"])
    for leg in legs:
        if leg.lots or leg.cost_fine:
            move_leg(book, leg.bucket, contract, leg.lots, leg.cost_fine)
        book.balances[book.purse_of(leg.bucket), asset]["carry_fine"] += leg.carry_fine


def fold_trade_busted(book: Book, fact: TradeBusted) -> None:
    """Both legs go back and the fees account refunds; the trade is marked so that it is not undone twice."""
    apply(book, fact.contract, fact.legs)
    book.balances[FEES, book.contracts[fact.contract]["asset"]]["carry_fine"] -= fact.fees_fine
    for row in book.trades.standing(fact.trade_source, fact.trade_number):
        row["busted"] = 1
        book.contracts[fact.contract]["traded_lots"] -= int(row["lots"])
    book.registers.undone_trades.setdefault(fact.trade_source, []).append(fact.trade_number)


def fold_trade_corrected(book: Book, fact: TradeCorrected) -> None:
    """Two legs and their fees; the trade stands again under its name."""
    cost = fact.lots * fact.value_fine
    buyer = Leg(fact.buyer, fact.lots, cost, -fact.buyer_fee_fine)
    seller = Leg(fact.seller, -fact.lots, -cost, -fact.seller_fee_fine)
    apply(book, fact.contract, (buyer, seller))
    fees = fact.buyer_fee_fine + fact.seller_fee_fine
    book.balances[FEES, book.contracts[fact.contract]["asset"]]["carry_fine"] += fees
    book.contracts[fact.contract]["traded_lots"] += fact.lots
    book.registers.undone_trades[fact.trade_source].remove(fact.trade_number)
    book.trades.add(
        fact.trade_source,
        (
            fact.trade_number,
            fact.lots,
            fact.value_fine,
            fact.buyer_fee_fine,
            fact.seller_fee_fine,
            fact.index_fine,
            fact.contract,
            fact.buyer,
            fact.seller,
        ),
    )


def fold_trade_offset(book: Book, fact: TradeOffset) -> None:
    """The opposite legs; the trade is remembered so that it is not undone twice."""
    cost = fact.lots * fact.value_fine
    apply(book, fact.contract, (Leg(fact.buyer, -fact.lots, -cost, 0), Leg(fact.seller, fact.lots, cost, 0)))
    book.registers.undone_trades.setdefault(fact.trade_source, []).append(fact.trade_number)

"""Trades, each side judged afresh."""

import math
from collections.abc import Iterable
from fractions import Fraction

from novate.core.book import Book
from novate.core.layout import EXPIRED, LIQUIDATING, LIVE, REDUCE_ONLY, RESTRICTED
from novate.core.money import EXPOSURE_MAX, PPM
from novate.core.plain import sheet
from novate.core.plain.limits import check_limits, may_be_named, nearest_in_band
from novate.core.plain.margin import Place, Purse, exposure, judge, owed_in, owed_without_orders, premium_due, read
from novate.core.plain.values import size_per_lot, value_per_lot
from novate.core.reasons import Reason
from novate.core.rows import BUYER, NEITHER, SELLER
from novate.core.terms import FEES, Kind

Refusal = tuple[Reason, int]
Novated = tuple[int, int, int, int, int, int, int, int]
Sided = tuple[Reason, int, int]
Reserved = tuple[int, int, int, int]
ACCEPTED: Refusal = (Reason.ACCEPTED, 0)
TAKEN: Sided = (Reason.ACCEPTED, 0, NEITHER)
BETWEEN = (Reason.MARGIN_INSUFFICIENT, Reason.PREMIUM_NOT_COVERED, Reason.COLLATERAL_NOT_COVERED)
"""What the buyer may lack until the seller has come, where one purse pays for both."""


def decide_trades(
    book: Book, mark: int, rows: Iterable[tuple[int, int, int, int, int, int, int]]
) -> tuple[list[Novated], list[Reserved], list[tuple[int, int, Reason, int]], int]:
    """Trades ``(number, lots, price, contract, buyer, seller, filled)``, a source's after its mark.

    Returns novated rows, fills of resting orders, refused rows and the source's new mark. Each row sees the rows before
    it. Its own checks come first, then the buyer's, then the seller's; it stands if both sides can bear it. Rows come
    back as ``rows.NOVATED``, ``rows.RESERVED`` and ``rows.REFUSED`` have them.
    """
    purses: dict[int, Purse] = {}
    fees = list(read(book, FEES).carry_fine)
    novated: list[Novated] = []
    fills: list[Reserved] = []
    refused: list[tuple[int, int, Reason, int]] = []
    for at, (number, lots, price, contract, buyer, seller, filled) in enumerate(rows):
        reason, figure, failed = _check_row(book, mark, number, lots, price, contract, buyer, seller, filled)
        if reason is Reason.ACCEPTED and not 0 <= filled <= 3:
            reason, figure = Reason.MALFORMED, filled
        mark = max(mark, number)
        if reason is Reason.ACCEPTED:
            buyer, seller = book.bucket_of(buyer, contract), book.bucket_of(seller, contract)
            for side in (buyer, seller):
                purses.setdefault(book.purse_of(side), read(book, side))
            value = value_per_lot(book, contract, price)
            fee = fee_of(book, contract, lots, price)
            reason, figure, failed = _judge_row(book, purses, fees, contract, lots, value, fee, buyer, seller, filled)
            if reason is Reason.ACCEPTED:
                fills += [(-lots, 0, contract, buyer)] if filled & 1 else []
                fills += [(0, -lots, contract, seller)] if filled & 2 else []
                novated.append((lots, value, fee, fee, contract, buyer, seller, at))
        if reason is not Reason.ACCEPTED:
            refused.append((figure, at, reason, failed))
    return novated, fills, refused, mark


def fee_of(book: Book, contract: int, lots: int, price_ticks: int) -> int:
    """What each side of a trade pays: rate x |lots| x size of a lot at the trade price, rounded up."""
    size = lots * size_per_lot(book, contract, price_ticks)
    return math.ceil(Fraction(size * book.registers.contracts[contract].fee_ppm, PPM))


def _judge_row(
    book: Book,
    purses: dict[int, Purse],
    fees: list[int],
    contract: int,
    lots: int,
    value: int,
    fee: int,
    buyer: int,
    seller: int,
    filled: int,
) -> Sided:
    """The buyer, then the seller; where both can bear it the leg is in their purses and the fee in ``fees``.

    Where both are of one purse the seller comes on top of what the buyer leaves, and the buyer may lack margin, a
    premium or cover as long as the purse covers its bets and meets its initial requirement after both.
    """
    asset = int(book.contracts[contract]["asset"])
    if fees[asset] + 2 * fee > EXPOSURE_MAX:
        return Reason.EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX, NEITHER
    for side, at, bit in ((buyer, 0, 1), (seller, 1, 2)):
        resting = purses[book.purse_of(side)].orders.get((side, contract), (0, 0))[at]
        if filled & bit and lots > resting:
            return Reason.ORDERS_EXCEEDED, resting, BUYER if side == buyer else SELLER
    held = {place[0]: position[0] for purse in purses.values() for place, position in purse.positions.items()
            if place[1] == contract}  # fmt: skip
    refusal = check_limits(book, contract, {buyer: 0, seller: 0, **held}, buyer, seller, lots)
    if refusal != ACCEPTED:
        return *refusal, NEITHER
    after: dict[int, Purse] = {}
    pooled, waived = book.purse_of(buyer) == book.purse_of(seller), ACCEPTED
    for side, signed, bit in ((buyer, lots, 1), (seller, -lots, 2)):
        purse, place = book.purse_of(side), (side, contract)
        before = after.get(purse, purses[purse])
        now = after[purse] = with_leg(book, before, place, signed, value, fee)
        if filled & bit:
            bids, asks = now.orders[place]
            now.orders[place] = bids - max(0, signed), asks - max(0, -signed)
        refusal = judge_leg(book, before, now, place, fee, filled=bool(filled & bit))
        if pooled and side == buyer and refusal[0] in BETWEEN:
            waived = refusal
        elif refusal != ACCEPTED:
            return *refusal, BUYER if side == buyer else SELLER
    if waived != ACCEPTED:
        before, now = purses[book.purse_of(buyer)], after[book.purse_of(buyer)]
        if waived[0] is Reason.COLLATERAL_NOT_COVERED and (lack := uncovered(book, before, now, asset)) > 0:
            return Reason.COLLATERAL_NOT_COVERED, lack, BUYER
        left = judge(book, now)
        if left.equity_fine < left.initial_fine:
            return *waived, BUYER
    purses |= after
    fees[asset] += 2 * fee
    return TAKEN


def is_promised(book: Book, contract: int) -> bool:
    """Whether a fill of resting orders in a contract was promised when they were margined: no option's premium is, nor
    the worst loss of what is fully collateralised."""
    terms = book.registers.contracts[contract]
    return book.rulebook.reserved_trades == "guaranteed" and not (terms.pays_premium or terms.collateralised)


def _check_row(
    book: Book, mark: int, number: int, lots: int, price: int, contract: int, buyer: int, seller: int, filled: int
) -> Sided:
    """Everything that does not need margin, in the order of precedence: the first that fails, with its figure."""
    if number <= mark:
        return Reason.DUPLICATE_OR_LATE, mark, NEITHER
    if not 0 <= contract < book.contract_count:
        return Reason.CONTRACT_UNKNOWN, contract, NEITHER
    for side in (buyer, seller):
        if not 0 <= side < book.account_count:
            return Reason.ACCOUNT_UNKNOWN, side, BUYER if side == buyer else SELLER
    terms, state = book.registers.contracts[contract], int(book.contracts[contract]["state"])
    tradable = terms.kind is not Kind.INDEX
    known = terms.collateralised or terms.margin_class in book.rulebook.margin_classes
    access = {side: int(book.buckets[book.bucket_of(side, contract)]["access"]) for side in (buyer, seller)}
    house = [side for side in (buyer, seller) if not may_be_named(book, side)]
    busy = [side for side in (buyer, seller) if access[side] == LIQUIDATING]
    limit = terms.position_limit_lots
    bound = price if filled and is_promised(book, contract) else nearest_in_band(book, contract, price)
    tests: list[tuple[bool, Reason, int, int]] = [
        (tradable and not known, Reason.MARGIN_CLASS_UNKNOWN, contract, NEITHER),
        (buyer == seller, Reason.ACCOUNTS_MUST_DIFFER, buyer, NEITHER),
        (bool(house), Reason.ACCOUNT_NOT_TRADABLE, house[0] if house else 0, BUYER if buyer in house else SELLER),
        (not tradable, Reason.CONTRACT_NOT_TRADABLE, contract, NEITHER),
        (lots <= 0, Reason.QUANTITY_MUST_BE_POSITIVE, lots, NEITHER),
        (not terms.price_min_ticks <= price <= terms.price_max_ticks, Reason.PRICE_OUT_OF_LIMITS, price, NEITHER),
        (state == EXPIRED, Reason.CONTRACT_EXPIRED, contract, NEITHER),
        (contract in book.registers.halts, Reason.CONTRACT_HALTED, contract, NEITHER),
        (state != LIVE, Reason.PRICE_MISSING, contract, NEITHER),
        (bound != price, Reason.PRICE_OUTSIDE_BAND, bound, NEITHER),
        (bool(busy), Reason.ACCOUNT_IN_LIQUIDATION, busy[0] if busy else 0, BUYER if buyer in busy else SELLER),
        (lots > limit, Reason.POSITION_LIMIT_EXCEEDED, limit, NEITHER),
    ]
    return next(((reason, figure, side) for failed, reason, figure, side in tests if failed), TAKEN)


def with_leg(book: Book, purse: Purse, place: Place, lots: int, value_fine: int, fee_fine: int) -> Purse:
    """The purse after one leg: lots and cost are added to the position, the fee leaves the carry."""
    after = purse.copy()
    held, cost = purse.positions.get(place, (0, 0))
    after.positions[place] = held + lots, cost + lots * value_fine
    after.carry_fine[int(book.contracts[place[1]]["asset"])] -= fee_fine
    return after


def judge_leg(book: Book, before: Purse, after: Purse, place: Place, fee_fine: int, *, filled: bool = False) -> Refusal:
    """Whether a purse may take a leg: limits, then what its member's default allows, then cover, then margin.

    A leg that fills resting orders which the rulebook guarantees is not asked for margin and no restriction refuses
    it, where no premium must be covered. A leg that only brings the position nearer to zero always may, where it does
    not grow what the bucket lacks of either requirement nor takes its equity below zero.
    """
    bucket, contract = place
    access = int(book.buckets[bucket]["access"])
    terms, asset = book.registers.contracts[contract], int(book.contracts[contract]["asset"])
    old, new = before.positions.get(place, (0, 0))[0], after.positions[place][0]
    paid = after.positions[place][1] - before.positions.get(place, (0, 0))[1]
    if abs(new) > terms.position_limit_lots:
        return Reason.POSITION_LIMIT_EXCEEDED, terms.position_limit_lots
    cash = after.balance_minor[asset] * book.registers.assets[asset].unit_fine
    was_exposed, exposed = exposure(book, before, asset), exposure(book, after, asset)
    if exposed > was_exposed and exposed + cash + abs(before.carry_fine[asset]) + fee_fine > EXPOSURE_MAX:
        return Reason.EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX
    if before.portfolio and (no := sheet.refusal(book, after.reaches(), contract, before.reach(place))) != ACCEPTED:
        return no
    reduces = old != 0 and abs(new) < abs(old) and new * old >= 0
    if access == REDUCE_ONLY and not reduces:
        return Reason.MEMBER_IN_DEFAULT, 0
    guaranteed = filled and is_promised(book, contract)
    if access == RESTRICTED and not (reduces or guaranteed):
        return Reason.ACCOUNT_RESTRICTED, 0
    due = premium_due(book, after, asset)
    if terms.pays_premium and paid > 0 and due > cash and due > premium_due(book, before, asset):
        return Reason.PREMIUM_NOT_COVERED, due - cash
    lack = uncovered(book, before, after, asset)
    if terms.collateralised and lack > 0:
        return Reason.COLLATERAL_NOT_COVERED, lack
    was, now = judge(book, before), judge(book, after)
    lacked, lacks = was.initial_fine - was.equity_fine, now.initial_fine - now.equity_fine
    sinks = now.equity_fine < 0 and now.equity_fine < was.equity_fine
    below, was_below = now.maintenance_fine - now.equity_fine, was.maintenance_fine - was.equity_fine
    if guaranteed or (reduces and lacks <= lacked and not sinks and not below > max(0, was_below)):
        return ACCEPTED
    if not now.priced:
        return Reason.PRICE_MISSING, 0
    return (Reason.MARGIN_INSUFFICIENT, lacks) if lacks > 0 else ACCEPTED


def uncovered(book: Book, before: Purse, after: Purse, asset: int) -> int:
    """What settled cash lacks of what is owed after, with orders or without them, where that is more than before."""
    cash = after.balance_minor[asset] * book.registers.assets[asset].unit_fine
    return max(
        owes(book, after, asset) - cash if owes(book, after, asset) > owes(book, before, asset) else 0
        for owes in (owed_in, owed_without_orders)
    )

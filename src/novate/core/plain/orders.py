"""Changes of resting orders."""

from collections.abc import Iterable

from novate.core.book import Book
from novate.core.layout import EXPIRED, LIQUIDATING, LIVE, REDUCE_ONLY, RESTRICTED
from novate.core.money import EXPOSURE_MAX
from novate.core.plain import sheet
from novate.core.plain.limits import may_be_named
from novate.core.plain.margin import (
    Place,
    Purse,
    exposure,
    judge,
    owed_in,
    premium_due,
    read,
    required,
    resting_premium,
)
from novate.core.plain.trades import ACCEPTED, Refusal, Reserved
from novate.core.reasons import Reason
from novate.core.terms import Kind


def decide_orders(
    book: Book, mark: int, rows: Iterable[tuple[int, int, int, int, int]]
) -> tuple[list[Reserved], list[tuple[int, int, Reason]], int]:
    """Changes of orders ``(number, lots, contract, account, side)``: reserved rows, refused rows, the new mark."""
    purses: dict[int, Purse] = {}
    reserved: list[Reserved] = []
    refused: list[tuple[int, int, Reason]] = []
    for at, (number, lots, contract, account, side) in enumerate(rows):
        reason, figure = _check_order(book, mark, number, lots, contract, account, side)
        mark = max(mark, number)
        if reason is Reason.ACCEPTED:
            bucket = book.bucket_of(account, contract)
            purse, place = book.purse_of(bucket), (bucket, contract)
            before = purses.setdefault(purse, read(book, purse))
            after = before.copy()
            bids, asks = before.orders.get(place, (0, 0))
            after.orders[place] = (bids + lots, asks) if side == 0 else (bids, asks + lots)
            reason, figure = _judge_order(book, before, after, place, side)
            if reason is Reason.ACCEPTED:
                purses[purse] = after
                reserved.append((lots, 0, contract, bucket) if side == 0 else (0, lots, contract, bucket))
        if reason is not Reason.ACCEPTED:
            refused.append((figure, at, reason))
    return reserved, refused, mark


def _check_order(book: Book, mark: int, number: int, lots: int, contract: int, account: int, side: int) -> Refusal:
    """Everything that does not need margin, in the order of precedence."""
    if number <= mark:
        return Reason.DUPLICATE_OR_LATE, mark
    if not 0 <= contract < book.contract_count:
        return Reason.CONTRACT_UNKNOWN, contract
    if not 0 <= account < book.account_count:
        return Reason.ACCOUNT_UNKNOWN, account
    terms, state = book.registers.contracts[contract], int(book.contracts[contract]["state"])
    tradable = terms.kind is not Kind.INDEX
    known = terms.collateralised or terms.margin_class in book.rulebook.margin_classes
    liquidating = int(book.buckets[book.bucket_of(account, contract)]["access"]) == LIQUIDATING
    tests: list[tuple[bool, Reason, int]] = [
        (side not in (0, 1) or lots == 0, Reason.MALFORMED, lots),
        (tradable and not known, Reason.MARGIN_CLASS_UNKNOWN, contract),
        (not may_be_named(book, account), Reason.ACCOUNT_NOT_TRADABLE, account),
        (not tradable, Reason.CONTRACT_NOT_TRADABLE, contract),
        (lots > 0 and state == EXPIRED, Reason.CONTRACT_EXPIRED, contract),
        (lots > 0 and contract in book.registers.halts, Reason.CONTRACT_HALTED, contract),
        (lots > 0 and state != LIVE, Reason.PRICE_MISSING, contract),
        (lots > 0 and liquidating, Reason.ACCOUNT_IN_LIQUIDATION, account),
        (lots > terms.position_limit_lots, Reason.POSITION_LIMIT_EXCEEDED, terms.position_limit_lots),
    ]
    return next(((reason, figure) for failed, reason, figure in tests if failed), ACCEPTED)


def _judge_order(book: Book, before: Purse, after: Purse, place: Place, side: int) -> Refusal:
    """Whether a purse may have these orders: limits, its member's default, then in cash the premium of its bids and the
    cover of its bets, then margin if more is asked."""
    bucket, contract = place
    terms, asset = book.registers.contracts[contract], int(book.contracts[contract]["asset"])
    lots, (bids, asks) = before.positions.get(place, (0, 0))[0], after.orders[place]
    was = before.orders.get(place, (0, 0))
    if bids < 0 or asks < 0:
        return Reason.ORDERS_EXCEEDED, was[side]
    if (bids, asks)[side] > was[side]:
        if lots + bids > terms.position_limit_lots or asks - lots > terms.position_limit_lots:
            return Reason.POSITION_LIMIT_EXCEEDED, terms.position_limit_lots
        cash = after.balance_minor[asset] * book.registers.assets[asset].unit_fine
        if exposure(book, after, asset) + cash + abs(after.carry_fine[asset]) > EXPOSURE_MAX:
            return Reason.EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX
        opens = lots + bids > max(0, lots) if side == 0 else lots - asks < min(0, lots)
        access = int(book.buckets[bucket]["access"])
        if access in (REDUCE_ONLY, RESTRICTED) and opens:
            return Reason.MEMBER_IN_DEFAULT if access == REDUCE_ONLY else Reason.ACCOUNT_RESTRICTED, 0
    if before.portfolio and (no := sheet.refusal(book, after.reaches(), contract, before.reach(place))) != ACCEPTED:
        return no
    due, cash = premium_due(book, after, asset), after.balance_minor[asset] * book.registers.assets[asset].unit_fine
    if due > cash and resting_premium(book, after, asset) > resting_premium(book, before, asset):
        return Reason.PREMIUM_NOT_COVERED, due - cash
    owes, grows = owed_in(book, after, asset), owed_in(book, after, asset) > owed_in(book, before, asset)
    if terms.collateralised and grows and owes > cash:
        return Reason.COLLATERAL_NOT_COVERED, owes - cash
    now = judge(book, after)
    if before.portfolio and now.initial_fine <= judge(book, before).initial_fine:
        return ACCEPTED
    if not before.portfolio and required(book, after, place)[0] <= required(book, before, place)[0]:
        return ACCEPTED
    if not now.priced:
        return Reason.PRICE_MISSING, contract
    return (
        (Reason.MARGIN_INSUFFICIENT, now.initial_fine - now.equity_fine)
        if now.equity_fine < now.initial_fine
        else ACCEPTED
    )

"""Whether an account may take lots on after the trade: who it is, its room in 64 bits, its margin.

Every check raises ``Refused`` with the path it is given.
"""

from collections.abc import Iterable, Mapping

from novate.core import layout
from novate.core.book import Book
from novate.core.lifecycle_facts import Leg
from novate.core.limits import check_legs
from novate.core.liquidation import judge_both, judge_fill
from novate.core.margin import locked_by, uncovered_fine
from novate.core.money import EXPOSURE_MAX, ceil_div
from novate.core.orders import open_orders_of
from novate.core.portfolio import is_portfolio, not_covered
from novate.core.reasons import Reason
from novate.core.refusals import Refused


def name_of(book: Book, account: int) -> str:
    """An account's name."""
    return book.registers.accounts[account].name


def check_contract(book: Book, contract: int, path: str) -> None:
    """A contract that is traded, is not over, and has a price and a margin class to judge by."""
    if not 0 <= contract < book.contract_count:
        raise Refused(Reason.CONTRACT_UNKNOWN, path, f"there is no contract {contract}")
    symbol, row = book.registers.contracts[contract].symbol, book.contracts[contract]
    if not row["tradable"]:
        raise Refused(Reason.CONTRACT_NOT_TRADABLE, path, f"{symbol} is an index: it has marks and no trades")
    if row["state"] == layout.EXPIRED:
        raise Refused(Reason.CONTRACT_EXPIRED, path, f"{symbol} has expired: its positions are money already")
    if row["state"] != layout.LIVE:
        raise Refused(Reason.PRICE_MISSING, path, f"{symbol} has no live price: publish a mark first")
    check_margin_class(book, contract, path)


def check_margin_class(book: Book, contract: int, path: str) -> None:
    """A contract that the rulebook in force can margin: one that nobody held may have lost its class since."""
    row = book.contracts[contract]
    if not row["tier_count"] and row["style"] != layout.COLLATERALISED:
        symbol = book.registers.contracts[contract].symbol
        message = f"the rulebook has no tiers for the margin class of {symbol}: adopt one that has"
        raise Refused(Reason.MARGIN_CLASS_UNKNOWN, path, message)


def check_trading(book: Book, contract: int, path: str) -> None:
    """A contract that the operator has not halted: lots that come on are a new trade."""
    if contract in book.registers.halts:
        symbol, cause = book.registers.contracts[contract].symbol, book.registers.halts[contract].cause
        raise Refused(Reason.CONTRACT_HALTED, path, f"trading in {symbol} is halted ({cause}): no lots may be added")


def check_account(book: Book, account: int, contract: int, path: str) -> int:
    """The bucket in which a member's or client's account holds a contract, if it is not in liquidation."""
    check_named(book, account, path)
    bucket = book.bucket_of(account, contract)
    check_free(book, bucket, path)
    return bucket


def check_named(book: Book, account: int, path: str) -> None:
    """A member's or client's account, and not an isolated bucket of one."""
    if not 0 <= account < book.account_count:
        raise Refused(Reason.ACCOUNT_UNKNOWN, path, f"there is no account {account}")
    own = book.buckets[account]
    if not book.is_named(account):
        message = f"{name_of(book, account)} is the house's to run: name a member's or client's account"
        if own["contract"] == layout.POOLED:
            message = f"{name_of(book, account)} is a gross omnibus account: name one of its sub-accounts"
        elif own["access"] != layout.HOUSE_ONLY:
            message = f"{name_of(book, account)} is a bucket: name the account that it belongs to"
        raise Refused(Reason.ACCOUNT_NOT_TRADABLE, path, message)


def check_free(book: Book, bucket: int, path: str) -> None:
    """A bucket that is its own master."""
    if book.buckets[bucket]["access"] == layout.LIQUIDATING:
        message = f"{name_of(book, bucket)} is in liquidation: until that is over, what it has traded stands"
        raise Refused(Reason.ACCOUNT_IN_LIQUIDATION, path, message)


def check_two(book: Book, one: int, other: int, contract: int, paths: tuple[str, str]) -> tuple[int, int]:
    """The buckets of two such accounts that differ."""
    buckets = check_account(book, one, contract, paths[0]), check_account(book, other, contract, paths[1])
    if one == other:
        message = f"{name_of(book, one)} is on both sides: name two accounts"
        raise Refused(Reason.ACCOUNTS_MUST_DIFFER, paths[1], message)
    return buckets


def check_lots(lots: int, path: str) -> None:
    """A size."""
    if lots <= 0:
        raise Refused(Reason.QUANTITY_MUST_BE_POSITIVE, path, f"{lots} is not a size: give a positive number of lots")


def check_margin(
    book: Book, bucket: int, contract: int, lots: int, value_fine: int, path: str, fee_fine: int = 0
) -> None:
    """The bucket passes the check of a trade of ``lots`` (signed) at a value per lot, and then bears a fee."""
    reason, figure, equity, initial = judge_fill(book, bucket, contract, lots, value_fine)
    asset = book.assets[book.contracts[contract]["asset"]]
    fee = ceil_div(max(0, fee_fine) * int(asset["debit_mantissa"]), int(asset["debit_scale"]))
    if reason == Reason.ACCEPTED and equity - fee < initial <= equity:
        reason, figure = Reason.MARGIN_INSUFFICIENT, initial - equity + fee
    if reason != Reason.ACCEPTED:
        raise Refused(Reason(reason), path, _why(book, bucket, contract, Reason(reason), figure))


def check_both(
    book: Book,
    giver: int,
    receiver: int,
    contract: int,
    lots: int,
    value_fine: int,
    paths: tuple[str, str],
    fee_fine: int = 0,
) -> None:
    """Both buckets pass the check of a trade in which the receiver gets ``lots`` (signed), and it then bears a fee.

    Sub-accounts of one purse are judged as one: what leaves the one is in the other, and the fee stays in the purse.
    """
    if book.purse_of(giver) != book.purse_of(receiver):
        check_margin(book, receiver, contract, lots, value_fine, paths[1], fee_fine)
        check_margin(book, giver, contract, -lots, value_fine, paths[0])
        return
    reason, figure, which = judge_both(book, giver, receiver, contract, lots, value_fine)
    if reason != Reason.ACCEPTED:
        failed = (giver, receiver)[which]
        raise Refused(Reason(reason), paths[which], _why(book, failed, contract, Reason(reason), figure))


def check_shared(book: Book, contract: int, legs: Mapping[int, int], path: str) -> None:
    """Legs, lots by bucket, keep every limit that their accounts share with others."""
    reason, limit = check_legs(book, contract, legs)
    if reason is not Reason.ACCEPTED:
        raise Refused(reason, path, f"the limit {limit!r} would be passed: take fewer lots, or name other accounts")


def _why(book: Book, bucket: int, contract: int, reason: Reason, figure: int) -> str:
    name, terms = name_of(book, bucket), book.registers.contracts[contract]
    match reason:
        case Reason.MARGIN_INSUFFICIENT:
            lacking = money(book, book.rulebook.numeraire, figure)
            return f"{name} would be {lacking} short of its initial requirement: deposit it or take fewer lots"
        case Reason.PREMIUM_NOT_COVERED:
            return f"{name}'s settled cash is {money(book, terms.settlement, figure)} short of the premium: deposit it"
        case Reason.COLLATERAL_NOT_COVERED:
            return _uncovered(book, bucket, contract, figure)
        case Reason.POSITION_LIMIT_EXCEEDED:
            return f"{name} would pass the position limit of {terms.symbol}, {figure} lots: take fewer"
        case Reason.ACCOUNT_RESTRICTED:
            return f"{name} fell through the reduce-only level: it may only reduce until its equity is back"
        case Reason.MEMBER_IN_DEFAULT:
            return f"the member behind {name} is in default: it may only reduce its positions"
        case Reason.SHEET_ROW_MISSING:
            return f"{name} is in portfolio mode, and the risk sheet has no row for {terms.symbol}: adopt one that has"
        case Reason.SHEET_BOUND_EXCEEDED:
            return f"{name} would pass what its risk sheet can sum exactly: take fewer lots"
        case Reason.PRICE_MISSING:
            return f"{name} holds something without a live price: publish its mark first"
        case _:
            return f"{name}'s positions would pass what 64 bits can hold: take fewer lots"


def _uncovered(book: Book, bucket: int, contract: int, lack_fine: int) -> str:
    lacking = money(book, book.registers.contracts[contract].settlement, lack_fine)
    return f"{name_of(book, bucket)}'s settled cash would be {lacking} short of what it could lose: deposit it first"


def money(book: Book, symbol: str, amount_fine: int) -> str:
    """An amount of fine units as people write it: ``1.5 USD``."""
    places = next(asset.fine_decimals for asset in book.registers.assets if asset.symbol == symbol)
    whole, rest = divmod(abs(amount_fine), 10**places)
    tail = str(rest).zfill(places).rstrip("0") if rest else ""
    return f"{'-' if amount_fine < 0 else ''}{whole}{'.' if tail else ''}{tail} {symbol}"


def check_room(book: Book, contract: int, legs: Iterable[Leg], path: str) -> None:
    """Legs fit into 64 bits and into the position limit, or bring it nearer; what is fully collateralised stays so."""
    row = book.contracts[contract]
    largest, limit, unit = int(row["largest_value_fine"]), int(row["position_limit_lots"]), int(row["asset"])
    for leg in legs:
        lots, cost = book.position_of(leg.bucket, contract)
        if abs(lots + leg.lots) > max(limit, abs(lots)):
            message = f"{name_of(book, leg.bucket)} would pass the position limit, {limit} lots: it must reduce first"
            raise Refused(Reason.POSITION_LIMIT_EXCEEDED, path, message)
        balance = book.balances[book.purse_of(leg.bucket), unit]
        cash = int(balance["balance_minor"]) * int(book.assets[unit]["unit_fine"])
        used = int(balance["exposure_fine"]) + cash + abs(int(balance["carry_fine"]))
        grown = (abs(lots + leg.lots) - abs(lots)) * largest + abs(cost + leg.cost_fine) - abs(cost)
        more = grown + abs(leg.carry_fine)
        if more > 0 and used + more > EXPOSURE_MAX:
            message = f"{name_of(book, leg.bucket)}'s positions would pass what 64 bits can hold: it must reduce first"
            raise Refused(Reason.EXPOSURE_LIMIT_EXCEEDED, path, message)
        if book.registers.contracts[contract].collateralised and leg.lots:
            _check_cover(book, contract, leg, path)
        if leg.lots and is_portfolio(book, leg.bucket):
            after = {at: size for at, size, _ in book.positions_of(leg.bucket)}
            after[contract] = lots + leg.lots
            if no := not_covered(book, leg.bucket, after):
                raise Refused(no[0], path, no[1])


def _check_cover(book: Book, contract: int, leg: Leg, path: str) -> None:
    """Settled cash covers what the leg leaves to be lost, or lacks no more than before: a bet never fails.

    So it is with what resting orders set aside and without: what is set aside beyond the cash covers no bet.
    """
    asset, (lots, cost) = int(book.contracts[contract]["asset"]), book.position_of(leg.bucket, contract)
    purse = book.purse_of(leg.bucket)
    rows, was = book.rows_of(purse), book.balances[purse, asset]
    balance = was.copy()
    balance["carry_fine"] += leg.carry_fine
    for resting in (True, False):
        orders = open_orders_of(book, leg.bucket).get(contract, (0, 0)) if resting else (0, 0)
        deeper = locked_by(book, contract, lots + leg.lots, cost + leg.cost_fine, *orders)
        deeper -= locked_by(book, contract, lots, cost, *orders)
        after = uncovered_fine(book, rows, balance, asset, resting=resting) + deeper
        if after > max(0, uncovered_fine(book, rows, was, asset, resting=resting)):
            message = _uncovered(book, leg.bucket, contract, after)
            raise Refused(Reason.COLLATERAL_NOT_COVERED, path, message)

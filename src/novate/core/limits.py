"""What the operator sets: limits on what accounts hold together, and whether a contract trades."""

from collections.abc import Mapping

import msgspec
import numpy as np

from novate.core import layout
from novate.core.admission import check_name
from novate.core.book import Book
from novate.core.commands import HaltContract, RemoveLimit, ResumeContract, SetLimit
from novate.core.facts import OrderClosed, Rejected
from novate.core.kernels.limits import gained, passes
from novate.core.money import VALUE_MAX
from novate.core.reasons import Reason
from novate.core.record import Fact
from novate.core.registers import Halt
from novate.core.supervision import LimitRemoved, LimitSet, TradingHalted, TradingResumed
from novate.core.terms import OWNED, Limit

CAUSE_LENGTH_MAX = 200


# ---- limits ---------------------------------------------------------------------------------------------------------


def decide_set_limit(book: Book, command: SetLimit) -> list[Fact]:
    """Set a limit for a group that exists. Who is over it already keeps what it holds, and may only bring it down."""
    limit = msgspec.structs.replace(
        command.limit,
        members=tuple(sorted(dict.fromkeys(command.limit.members))),
        accounts=tuple(sorted(dict.fromkeys(command.limit.accounts))),
    )
    if refused := check_name(limit.name, False, "$.limit.name") or _check_limit(book, limit):
        return [refused]
    number = number_of(book, limit.name)
    return [LimitSet(book.registers.next_limit if number is None else number, limit)]


def number_of(book: Book, name: str) -> int | None:
    """The number of a limit by its name, or None."""
    return next((number for number, limit in book.registers.limits.items() if limit.name == name), None)


def _check_limit(book: Book, limit: Limit) -> Rejected | None:
    registers = book.registers
    if not 0 <= limit.contract < book.contract_count:
        return Rejected(Reason.CONTRACT_UNKNOWN, "$.limit.contract", f"there is no contract {limit.contract}")
    symbol = registers.contracts[limit.contract].symbol
    if not book.contracts[limit.contract]["tradable"]:
        return Rejected(Reason.CONTRACT_NOT_TRADABLE, "$.limit.contract", f"{symbol} is an index and has no positions")
    if not 0 <= limit.lots <= VALUE_MAX:
        return Rejected(Reason.LIMIT_INVALID, "$.limit.lots", f"a limit of 0 to 2^61 lots is needed, got {limit.lots}")
    for at, member in enumerate(limit.members):
        if not 0 <= member < len(registers.members):
            return Rejected(Reason.MEMBER_UNKNOWN, f"$.limit.members[{at}]", f"there is no member {member}")
    for at, account in enumerate(limit.accounts):
        path = f"$.limit.accounts[{at}]"
        if not 0 <= account < book.account_count:
            return Rejected(Reason.ACCOUNT_UNKNOWN, path, f"there is no account {account}")
        if registers.accounts[account].role not in OWNED:
            message = f"{registers.accounts[account].name} is no trading account: name a member's or a client's"
            return Rejected(Reason.ACCOUNT_NOT_TRADABLE, path, message)
    if not limit.everyone:
        return None
    if limit.measure == "net":
        message = "the lots of everyone sum to zero: an open interest limit is gross, or name members or accounts"
        return Rejected(Reason.LIMIT_INVALID, "$.limit.measure", message)
    for other in registers.limits.values():
        if other.everyone and other.contract == limit.contract and other.name != limit.name:
            message = f"{symbol} has an open interest limit, {other.name!r}: set that one, or remove it first"
            return Rejected(Reason.LIMIT_INVALID, "$.limit.name", message)
    return None


def decide_remove_limit(book: Book, command: RemoveLimit) -> list[Fact]:
    """Lift a limit by its name."""
    number = number_of(book, command.name)
    if number is None:
        known = ", ".join(limit.name for limit in book.registers.limits.values()) or "none"
        message = f"there is no limit {command.name!r}; set are: {known}"
        return [Rejected(Reason.LIMIT_UNKNOWN, "$.name", message)]
    return [LimitRemoved(number, command.name)]


def check_legs(book: Book, contract: int, legs: Mapping[int, int]) -> tuple[Reason, str]:
    """Whether legs, lots by bucket, keep every limit together: ``(reason, name of the limit)``.

    What brings a group nearer to its limit passes none. Open interest is asked first, then limits in their order.
    """
    if not book.contracts[contract]["limited"]:
        return Reason.ACCEPTED, ""
    rows = np.flatnonzero(book.limits["contract"] == contract).tolist()
    rows.sort(key=lambda row: not book.limits[row]["everyone"])
    for row in rows:
        limit = book.registers.limits[int(book.limits[row]["number"])]
        own = {bucket: lots for bucket, lots in legs.items() if limit.everyone or row in _limits_of(book, bucket)}
        if _passes(book, row, [(book.position_of(bucket, contract)[0], lots) for bucket, lots in own.items()]):
            return Reason.OPEN_INTEREST_LIMIT_EXCEEDED if limit.everyone else Reason.GROUP_LIMIT_EXCEEDED, limit.name
    return Reason.ACCEPTED, ""


def check_joining(book: Book, account: int, member: int) -> str | None:
    """The limit of a member that an account would pass with all that it holds, if it came to stand behind it."""
    for row in range(len(book.limits)):
        limit = book.registers.limits[int(book.limits[row]["number"])]
        if member not in limit.members or row in _limits_of(book, account):
            continue
        held = [book.position_of(bucket, limit.contract)[0] for bucket in book.buckets_of(account)]
        if _passes(book, row, [(0, lots) for lots in held]):
            return limit.name
    return None


def _limits_of(book: Book, bucket: int) -> list[int]:
    """The rows of a bucket's limits."""
    start, count = book.limit_spans[bucket].tolist()
    return book.limit_lists[start : start + count].tolist()


def _passes(book: Book, row: int, legs: list[tuple[int, int]]) -> bool:
    """Whether legs of a group, ``(lots before, lots added)``, take it past its limit."""
    limit = book.limits[row].copy()
    if limit["everyone"]:
        limit["long_lots"] = limit["short_lots"] = book.contracts[limit["contract"]]["open_lots"]
    gains = [gained(before, lots) for before, lots in legs]
    net = sum(lots for _, lots in legs)
    return bool(passes(limit, net, sum(long for long, _ in gains), sum(short for _, short in gains)))


def fold_limit_set(book: Book, fact: LimitSet) -> None:
    """Put the limit on record, and count what its group holds."""
    book.registers.limits[fact.number] = fact.limit
    book.registers.next_limit = max(book.registers.next_limit, fact.number + 1)
    book.index_limits()


def fold_limit_removed(book: Book, fact: LimitRemoved) -> None:
    """Take the limit off the record."""
    del book.registers.limits[fact.number]
    book.index_limits()


# ---- halts ----------------------------------------------------------------------------------------------------------


def decide_halt(book: Book, command: HaltContract) -> list[Fact]:
    """Stop trading in a contract and take its liquidation orders out of the market."""
    if refused := _check_tradable(book, command.contract):
        return [refused]
    symbol = book.registers.contracts[command.contract].symbol
    if command.contract in book.registers.halts:
        return [Rejected(Reason.CONTRACT_HALTED, "$.contract", f"{symbol} is halted already")]
    if not command.cause.strip() or len(command.cause) > CAUSE_LENGTH_MAX:
        message = f"say why {symbol} is halted, in 1 to {CAUSE_LENGTH_MAX} characters"
        return [Rejected(Reason.NAME_EMPTY, "$.cause", message)]
    orders = book.registers.orders
    closed = [OrderClosed(number, "halted") for number in orders if orders[number].contract == command.contract]
    return [TradingHalted(command.contract, command.cause), *closed]


def decide_resume(book: Book, command: ResumeContract) -> list[Fact]:
    """Let a halted contract trade again; whether it has a price is another matter."""
    if refused := _check_tradable(book, command.contract):
        return [refused]
    if command.contract not in book.registers.halts:
        symbol = book.registers.contracts[command.contract].symbol
        return [Rejected(Reason.CONTRACT_NOT_HALTED, "$.contract", f"{symbol} is not halted by the operator")]
    return [TradingResumed(command.contract)]


def _check_tradable(book: Book, contract: int) -> Rejected | None:
    if not 0 <= contract < book.contract_count:
        return Rejected(Reason.CONTRACT_UNKNOWN, "$.contract", f"there is no contract {contract}")
    symbol = book.registers.contracts[contract].symbol
    if not book.contracts[contract]["tradable"]:
        return Rejected(Reason.CONTRACT_NOT_TRADABLE, "$.contract", f"{symbol} is an index: it has no trading to stop")
    if book.contracts[contract]["state"] == layout.EXPIRED:
        return Rejected(Reason.CONTRACT_EXPIRED, "$.contract", f"{symbol} has expired")
    return None


def fold_trading_halted(book: Book, fact: TradingHalted) -> None:
    """Trades in the contract are refused from now."""
    book.registers.halts[fact.contract] = Halt(fact.cause, book.registers.time_ns)
    book.contracts[fact.contract]["halted"] = 1


def fold_trading_resumed(book: Book, fact: TradingResumed) -> None:
    """Trades in the contract are judged again."""
    del book.registers.halts[fact.contract]
    book.contracts[fact.contract]["halted"] = 0

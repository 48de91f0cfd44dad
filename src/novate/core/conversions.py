"""Balances below zero beyond their limits: other collateral is converted against the treasury, or sold by order.

An order sells collateral of an account in the market for what the account owes. While it stands the treasury goes on
lending, and what is for sale stays where it is: it is withdrawn by nobody and ordered once. Executions are reported,
never invented. What is still beyond the limits when an order is due, the treasury takes.
"""

from collections.abc import Iterable

from novate.core.book import Book
from novate.core.collateral import Purse
from novate.core.commands import ExecuteConversion
from novate.core.facts import (
    ConversionClosed,
    ConversionExecuted,
    ConversionOrdered,
    ConversionReduced,
    Fact,
    Rejected,
    SourceAdvanced,
)
from novate.core.ledger import balance_of, fits, has_room, post_external
from novate.core.money import ceil_div, written
from novate.core.overdrafts import allowed_minor, sells_by_order
from novate.core.reasons import Reason
from novate.core.refusals import late
from novate.core.registers import Conversion

# ---- what is beyond the limits --------------------------------------------------------------------------------------


def beyond_limits(book: Book) -> list[Fact]:
    """What stands below zero beyond its limit in amount or time is paid with other collateral, as far as that goes.

    What that cannot pay is collected in the next cycle. Estates settle theirs in cycles alone.
    """
    facts: list[Fact] = []
    standing, number = book.registers.conversions.values(), book.registers.next_conversion
    purse, covered = without_orders(book, standing), covered_minor(standing)
    for account, owed in book.registers.overdrafts.items():
        if account in book.registers.liquidations or account in book.registers.origins:
            continue
        for asset in owed:
            lack = excess_minor(book, account, asset) - covered.get((account, asset), 0)
            if sells_by_order(book, account, asset):
                orders = order_sales(book, purse, account, asset, lack, number)
                number += len(orders)
                facts += orders
            else:
                facts += purse.raise_cash(account, asset, lack)
    return facts


def excess_minor(book: Book, account: int, asset: int) -> int:
    """Minor units by which a balance is below what the rulebook allows now; not above zero where it is not."""
    return -balance_of(book, account, asset) - allowed_minor(book, account, asset)


def covered_minor(orders: Iterable[Conversion]) -> dict[tuple[int, int], int]:
    """Minor units that orders bring at least, by the account and the asset that it owes."""
    covered: dict[tuple[int, int], int] = {}
    for order in orders:
        owes = order.account, order.bought_asset
        covered[owes] = covered.get(owes, 0) + order.open_minor * order.least_minor // order.sell_minor
    return covered


def without_orders(book: Book, orders: Iterable[Conversion]) -> Purse:
    """Balances less what orders sell."""
    purse = Purse(book)
    for order in orders:
        purse.add(order.account, order.sold_asset, -order.open_minor)
    return purse


def order_sales(
    book: Book, purse: Purse, account: int, asset: int, lack_minor: int, number: int
) -> list[ConversionOrdered]:
    """Orders, numbered from ``number``, for as much of the account's other collateral as brings the lack.

    It is sold asset by asset, like to the treasury, and for no less than the treasury would pay: its journaled price
    less haircut, of the whole amount rounded down.
    """
    facts: list[ConversionOrdered] = []
    due = book.registers.time_ns + book.rulebook.conversion_due_ns
    for other in range(book.asset_count):
        sold, brought = purse.sale(account, other, asset, lack_minor)
        rate = purse.exchange_rate(other, asset)
        if brought <= 0 or rate is None:
            continue
        least = sold * rate.numerator // rate.denominator
        facts.append(ConversionOrdered(number + len(facts), account, other, sold, asset, least, due))
        purse.add(account, other, -sold)
        lack_minor -= brought
    return facts


# ---- executions -----------------------------------------------------------------------------------------------------


def decide_execution(book: Book, command: ExecuteConversion) -> list[Fact]:
    """Part or all of what an order sells is sold, at its worst rate or better: it leaves, and what was got comes in."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    number, sold, received = command.order, command.sold_minor, command.received_minor
    order = book.registers.conversions.get(number)
    if order is None:
        past = 0 <= number < book.registers.next_conversion
        reason = Reason.ORDER_NOT_OPEN if past else Reason.ORDER_UNKNOWN
        message = f"conversion order {number} is {'closed' if past else 'unknown'}"
        return [Rejected(reason, "$.order", message), advanced]
    if refused := _check_amounts(book, number, order, sold, received):
        return [refused, advanced]
    executed = ConversionExecuted(number, order.account, order.sold_asset, sold, order.bought_asset, received)
    filled: list[Fact] = [ConversionClosed(number, order.account, "filled")] if sold == order.open_minor else []
    return [executed, advanced, *filled]


def _check_amounts(book: Book, number: int, order: Conversion, sold: int, received: int) -> Rejected | None:
    """Whether an order can have sold this much for that much."""
    out, into = (book.registers.assets[asset] for asset in (order.sold_asset, order.bought_asset))
    for field, amount in (("sold", sold), ("received", received)):
        if amount <= 0:
            message = f"a positive amount is needed, got {amount}"
            return Rejected(Reason.AMOUNT_MUST_BE_POSITIVE, f"$.{field}", message)
    if sold > order.open_minor:
        still, got = (f"{written(amount, out.decimals)} {out.symbol}" for amount in (order.open_minor, sold))
        message = f"{still} of order {number} are still for sale, got {got}"
        return Rejected(Reason.EXECUTION_EXCEEDS_ORDER, "$.sold", message)
    if received * order.sell_minor < sold * order.least_minor:
        least = ceil_div(sold * order.least_minor, order.sell_minor)
        asked, got = (f"{written(amount, into.decimals)} {into.symbol}" for amount in (least, received))
        message = f"{written(sold, out.decimals)} {out.symbol} bring at least {asked} by order {number}, got {got}"
        return Rejected(Reason.PRICE_WORSE_THAN_LIMIT, "$.received", message)
    if not (has_room(book, order.bought_asset, received) and fits(book, order.account, order.bought_asset, received)):
        message = f"with it the account or the house would hold more {into.symbol} than 64 bits can count"
        return Rejected(Reason.MONEY_LIMIT_EXCEEDED, "$.received", message)
    return None


# ---- what becomes of orders -----------------------------------------------------------------------------------------


def due(book: Book) -> list[Fact]:
    """Orders whose time is over are closed; what is then beyond the limits goes to the treasury, as far as it goes.

    Collateral that other orders sell stays theirs.
    """
    registers = book.registers
    over = {number: order for number, order in registers.conversions.items() if order.due_ns <= registers.time_ns}
    standing = [order for number, order in registers.conversions.items() if number not in over]
    purse, covered = without_orders(book, standing), covered_minor(standing)
    facts: list[Fact] = [ConversionClosed(number, order.account, "due") for number, order in over.items()]
    for account, asset in dict.fromkeys((order.account, order.bought_asset) for order in over.values()):
        lack = excess_minor(book, account, asset) - covered.get((account, asset), 0)
        facts += purse.raise_cash(account, asset, lack)
    return facts


def still_needed(book: Book) -> list[Fact]:
    """Orders that sell more than is needed or there, in the order in which they were made: less of them, or nothing."""
    facts: list[Fact] = []
    lacks: dict[tuple[int, int], int] = {}
    there: dict[tuple[int, int], int] = {}
    for number, order in book.registers.conversions.items():
        account, sold = order.account, order.sold_asset
        owes, holds = (account, order.bought_asset), (account, sold)
        if not sells_by_order(book, *owes):
            facts.append(ConversionClosed(number, account, "withdrawn"))
            continue
        lack = lacks.setdefault(owes, excess_minor(book, *owes))
        held = there.setdefault(holds, balance_of(book, *holds))
        needed = ceil_div(max(0, lack) * order.sell_minor, order.least_minor)
        amount = min(order.open_minor, held, needed)
        if amount <= 0:
            facts.append(ConversionClosed(number, account, "withdrawn" if needed else "cured"))
            continue
        if amount < order.open_minor:
            facts.append(ConversionReduced(number, account, sold, amount))
        lacks[owes] -= amount * order.least_minor // order.sell_minor
        there[holds] -= amount
    return facts


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_conversion_ordered(book: Book, fact: ConversionOrdered) -> None:
    """Open an order."""
    book.registers.conversions[fact.order] = Conversion(
        account=fact.account,
        sold_asset=fact.sold_asset,
        sell_minor=fact.sell_minor,
        open_minor=fact.sell_minor,
        bought_asset=fact.bought_asset,
        least_minor=fact.least_minor,
        due_ns=fact.due_ns,
    )
    book.registers.next_conversion = fact.order + 1


def fold_conversion_reduced(book: Book, fact: ConversionReduced) -> None:
    """Less is for sale."""
    book.registers.conversions[fact.order].open_minor = fact.open_minor


def fold_conversion_executed(book: Book, fact: ConversionExecuted) -> None:
    """What was sold leaves the house, what was got comes in."""
    book.registers.conversions[fact.order].open_minor -= fact.sold_minor
    post_external(book, fact.account, fact.sold_asset, -fact.sold_minor)
    post_external(book, fact.account, fact.bought_asset, fact.received_minor)


def fold_conversion_closed(book: Book, fact: ConversionClosed) -> None:
    """An order that is over leaves the register."""
    del book.registers.conversions[fact.order]

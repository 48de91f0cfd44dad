"""What is owed beyond its limits: other collateral goes to the treasury, or is sold by order."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count

from novate.core.commands import ExecuteConversion
from novate.core.facts import (
    ConversionClosed,
    ConversionExecuted,
    ConversionOrdered,
    ConversionReduced,
    Fact,
    SourceAdvanced,
)
from novate.core.reasons import Reason
from novate.sim.auditor.cash import come_in, fits
from novate.sim.auditor.house import House, Sale
from novate.sim.auditor.numbering import rejected
from novate.sim.auditor.overdrafts import allowed, may_owe, rather_ordered
from novate.sim.auditor.purse import Purse
from novate.sim.auditor.rounding import down, up

# ---- what is owed beyond the limits ---------------------------------------------------------------------------------


def beyond_limits(house: House) -> list[Fact]:
    """What is below zero further or longer than it may is paid with other collateral; estates pay in cycles alone.

    It is sold by order where the rules say so, else to the treasury. What standing orders sell is theirs, and what they
    will bring is not asked for again.
    """
    purse, numbers, facts = _unsold(house, house.sales.values()), count(house.next_sale), []
    for account, owed in house.overdrafts.items():
        if account not in house.cases and account not in house.origins:
            for asset in owed:
                lack = _beyond(house, account, asset) - _brought(house.sales.values(), account, asset)
                if _by_order(house, account, asset):
                    facts += _orders(house, purse, account, asset, lack, numbers)
                else:
                    facts += purse.convert(account, asset, lack)
    return facts


def due(house: House) -> list[Fact]:
    """Orders whose time is over; what is still beyond the limits where they stood is paid at the treasury."""
    over = {number: sale for number, sale in house.sales.items() if sale.due_ns <= house.now_ns}
    others = [sale for number, sale in house.sales.items() if number not in over]
    purse = _unsold(house, others)
    facts: list[Fact] = [ConversionClosed(number, sale.account, "due") for number, sale in over.items()]
    for account, asset in dict.fromkeys((sale.account, sale.bought_asset) for sale in over.values()):
        lack = _beyond(house, account, asset) - _brought(others, account, asset)
        facts += purse.convert(account, asset, lack)
    return facts


def _by_order(house: House, account: int, asset: int) -> bool:
    """Whether an account that owes an asset sells for it in the market: the rules say so, and it may owe."""
    return rather_ordered(house, asset) and may_owe(house, account, asset)


def _beyond(house: House, account: int, asset: int) -> int:
    """How far a balance is below what it may be now; not above zero where it is not."""
    return -house.buckets[account].balance_minor[asset] - allowed(house, account, asset)


def _brought(sales: Iterable[Sale], account: int, asset: int) -> int:
    """What orders bring an account of an asset at the worst, of each in whole units."""
    own = [sale for sale in sales if (sale.account, sale.bought_asset) == (account, asset)]
    return sum(down(sale.open_minor * sale.worst) for sale in own)


def _unsold(house: House, sales: Iterable[Sale]) -> Purse:
    """What everybody holds and does not sell."""
    purse = Purse(house)
    for sale in sales:
        purse.held[sale.account, sale.sold_asset] -= sale.open_minor
    return purse


def _orders(
    house: House, purse: Purse, account: int, asset: int, lack: int, numbers: Iterator[int]
) -> list[ConversionOrdered]:
    """Orders for what is lacking: one asset after the other, at what the treasury would give for the whole, or better.

    As many units as bring it, rounded up; what they bring together is rounded down.
    """
    facts: list[ConversionOrdered] = []
    for other in range(len(house.monies)):
        rate, held = purse.rate(other, asset), purse.held[account, other]
        brought = min(lack, down(held * rate)) if rate and other != asset else 0
        if rate and brought > 0:
            sold = up(brought / rate)
            until = house.now_ns + house.rules.conversion_due_ns
            facts.append(ConversionOrdered(next(numbers), account, other, sold, asset, down(sold * rate), until))
            purse.held[account, other] -= sold
            lack -= brought
    return facts


# ---- sales ----------------------------------------------------------------------------------------------------------


def decide_sale(house: House, command: ExecuteConversion) -> list[Fact]:
    """Some of what an order sells was sold at its worst rate or better, for money that has room."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced = SourceAdvanced(command.source, command.number)
    wrong = _wrong_with(house, command)
    if wrong:
        return [rejected(*wrong), advanced]
    sale, sold, got = house.sales[command.order], command.sold_minor, command.received_minor
    executed = ConversionExecuted(command.order, sale.account, sale.sold_asset, sold, sale.bought_asset, got)
    filled = sold == sale.open_minor
    return [executed, advanced, *([ConversionClosed(command.order, sale.account, "filled")] if filled else [])]


def _wrong_with(house: House, command: ExecuteConversion) -> tuple[Reason, str] | None:
    """Everything about a sale, in order of precedence."""
    sale = house.sales.get(command.order)
    if sale is None:
        past = 0 <= command.order < house.next_sale
        return (Reason.ORDER_NOT_OPEN if past else Reason.ORDER_UNKNOWN), "$.order"
    if command.sold_minor <= 0:
        return Reason.AMOUNT_MUST_BE_POSITIVE, "$.sold"
    if command.received_minor <= 0:
        return Reason.AMOUNT_MUST_BE_POSITIVE, "$.received"
    if command.sold_minor > sale.open_minor:
        return Reason.EXECUTION_EXCEEDS_ORDER, "$.sold"
    if Fraction(command.received_minor, command.sold_minor) < sale.worst:
        return Reason.PRICE_WORSE_THAN_LIMIT, "$.received"
    got = command.received_minor
    room = fits(house, house.buckets[sale.account], sale.bought_asset, got, got)
    return None if room else (Reason.MONEY_LIMIT_EXCEEDED, "$.received")


# ---- what becomes of orders -----------------------------------------------------------------------------------------


def still_needed(house: House) -> list[Fact]:
    """Orders, oldest first, that sell more than is needed or held: less of them, or an end of them.

    Those of an account that may owe no more are taken back, and those that have nothing to sell.
    """
    facts: list[Fact] = []
    lacks: dict[tuple[int, int], int] = {}
    unsold: dict[tuple[int, int], int] = {}
    for number, sale in house.sales.items():
        owes, holds = (sale.account, sale.bought_asset), (sale.account, sale.sold_asset)
        lack = max(0, lacks.get(owes, _beyond(house, *owes)))
        held = unsold.get(holds, house.buckets[sale.account].balance_minor[sale.sold_asset])
        left = min(sale.open_minor, held, up(lack / sale.worst))
        if not _by_order(house, *owes) or (left <= 0 < lack):
            facts.append(ConversionClosed(number, sale.account, "withdrawn"))
        elif left <= 0:
            facts.append(ConversionClosed(number, sale.account, "cured"))
        else:
            facts += [ConversionReduced(number, *holds, left)] if left < sale.open_minor else []
            lacks[owes], unsold[holds] = lack - down(left * sale.worst), held - left
    return facts


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_ordered(house: House, fact: ConversionOrdered) -> None:
    """An order stands."""
    house.next_sale = fact.order + 1
    house.sales[fact.order] = Sale(
        *(fact.account, fact.sold_asset, fact.sell_minor, fact.sell_minor),
        *(fact.bought_asset, fact.least_minor, fact.due_ns),
    )


def apply_reduced(house: House, fact: ConversionReduced) -> None:
    """Less is for sale."""
    house.sales[fact.order].open_minor = fact.open_minor


def apply_executed(house: House, fact: ConversionExecuted) -> None:
    """What was sold is out of the house, what was got is in."""
    house.sales[fact.order].open_minor -= fact.sold_minor
    come_in(house, fact.account, fact.sold_asset, -fact.sold_minor)
    come_in(house, fact.account, fact.bought_asset, fact.received_minor)


def apply_closed(house: House, fact: ConversionClosed) -> None:
    """It sells no more."""
    del house.sales[fact.order]

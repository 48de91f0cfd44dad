"""Facts of balances below zero and of the collateral sold for them, as plain rows."""

from decimal import Decimal
from typing import Any, Protocol

from novate.core import facts as core
from novate.core.facts import Fact
from novate.tape.decimals import decimal, time_text

Row = dict[str, Any]


class Names(Protocol):
    """What turns indices and units into names and decimals."""

    def account(self, index: int) -> str: ...
    def asset(self, index: int) -> Any: ...
    def minor(self, amount: int, asset: int) -> Row: ...


def overdraft_rows(fact: Fact, named: Names) -> list[Row]:
    """The rows of one fact, without its name; none for a fact of another kind."""
    match fact:
        case core.InterestPublished():
            return [{"asset": named.asset(fact.asset).symbol, "rate": f"{Decimal(fact.rate_ppm) / 10_000:f} %"}]
        case core.InterestCharged():
            asset = named.asset(fact.asset)
            amount = decimal(fact.amount_fine, asset.fine_decimals)
            return [{"account": named.account(fact.bucket), "amount": amount, "asset": asset.symbol}]
        case core.OverdraftChanged():
            return [{"account": named.account(fact.account), **named.minor(fact.amount_minor, fact.asset)}]
        case core.CollateralConverted():
            paid = _pair("paid", named.minor(fact.paid_minor, fact.paid_asset))
            received = _pair("received", named.minor(fact.received_minor, fact.received_asset))
            return [{"account": named.account(fact.bucket), **paid, **received}]
        case core.ConversionOrdered():
            sell = _pair("sell", named.minor(fact.sell_minor, fact.sold_asset))
            least = _pair("least", named.minor(fact.least_minor, fact.bought_asset))
            return [{**_order(fact, named), **sell, **least, "due": time_text(fact.due_ns)}]
        case core.ConversionReduced():
            return [{**_order(fact, named), **_pair("open", named.minor(fact.open_minor, fact.asset))}]
        case core.ConversionExecuted():
            sold = _pair("sold", named.minor(fact.sold_minor, fact.sold_asset))
            received = _pair("received", named.minor(fact.received_minor, fact.bought_asset))
            return [{**_order(fact, named), **sold, **received}]
        case core.ConversionClosed():
            return [{**_order(fact, named), "cause": fact.cause}]
    return []


def _order(
    fact: core.ConversionOrdered | core.ConversionReduced | core.ConversionExecuted | core.ConversionClosed,
    named: Names,
) -> Row:
    return {"order": fact.order, "account": named.account(fact.account)}


def _pair(name: str, amount: Row) -> Row:
    return {name: amount["amount"], f"{name}_asset": amount["asset"]}

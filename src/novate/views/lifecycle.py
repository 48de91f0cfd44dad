"""Facts about trades and positions after they were made, as plain rows."""

from typing import Any, Protocol

from novate.core import lifecycle_facts as core
from novate.core.facts import Fact
from novate.tape.decimals import time_text

Row = dict[str, Any]


class Names(Protocol):
    """What turns indices and units into names and decimals."""

    def account(self, index: int) -> str: ...
    def member(self, index: int) -> str: ...
    def contract(self, index: int) -> Any: ...
    def settled_in(self, contract: int) -> Any: ...
    def fine(self, amount: int, contract: int) -> Any: ...


def lifecycle_rows(fact: Fact, named: Names) -> list[Row]:
    """The rows of one fact, without its name; none for a fact of another kind."""
    match fact:
        case core.TradesForgotten():
            return [{"trades": fact.count}]
        case core.TradeBusted():
            return [{**_trade(fact), **_leg(leg, fact.contract, named)} for leg in fact.legs]
        case core.TradeCorrected() | core.TradeOffset():
            return [
                {
                    **_trade(fact),
                    "contract": named.contract(fact.contract).symbol,
                    "buyer": named.account(fact.buyer),
                    "seller": named.account(fact.seller),
                    "lots": fact.lots,
                    "value_per_lot": named.fine(fact.value_fine, fact.contract),
                    "asset": named.settled_in(fact.contract).symbol,
                }
            ]
        case core.GiveUpProposed():
            return [
                {
                    "give_up": fact.give_up,
                    **_trade(fact),
                    **_moved(fact, named),
                    "expiry": time_text(fact.expiry_ns),
                }
            ]
        case core.GiveUpAccepted():
            return [{"give_up": fact.give_up}]
        case core.GiveUpClosed():
            return [{"give_up": fact.give_up, "cause": fact.cause}]
        case core.PositionTransferred():
            cost = named.fine(fact.cost_fine, fact.contract)
            asset = named.settled_in(fact.contract).symbol
            return [{"cause": fact.cause, **_moved(fact, named), "cost": cost, "asset": asset}]
        case core.PositionsCompressed():
            return [_leg(leg, fact.contract, named) for leg in fact.legs]
        case core.PortingOpened():
            return [{"member": named.member(fact.member), "due": time_text(fact.due_ns)}]
        case core.PortingProposed() | core.PortingDeclined() | core.AccountPorted():
            return [{"account": named.account(fact.account), "member": named.member(fact.member)}]
        case core.PortingEnded():
            return [{"member": named.member(fact.member)}]
    return []


def _trade(fact: core.TradeBusted | core.TradeCorrected | core.TradeOffset | core.GiveUpProposed) -> Row:
    return {"trade_source": fact.trade_source, "trade_number": fact.trade_number}


def _leg(leg: core.Leg, contract: int, named: Names) -> Row:
    return {
        "account": named.account(leg.bucket),
        "contract": named.contract(contract).symbol,
        "lots": leg.lots,
        "cost": named.fine(leg.cost_fine, contract),
        "carry": named.fine(leg.carry_fine, contract),
        "asset": named.settled_in(contract).symbol,
    }


def _moved(fact: core.GiveUpProposed | core.PositionTransferred, named: Names) -> Row:
    return {
        "giver": named.account(fact.giver),
        "receiver": named.account(fact.receiver),
        "contract": named.contract(fact.contract).symbol,
        "lots": fact.lots,
    }

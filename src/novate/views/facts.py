"""Facts as plain rows: one per thing that happened, names instead of indices, decimals instead of units.

A row is a dict that begins with ``fact``, the fact's name in words (``margin_called``). Facts that carry many rows give
as many. Registers only grow, so those of a later book read earlier facts just as well.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from novate.core import facts as core
from novate.core.facts import Fact
from novate.core.omnibus import name_of_sub
from novate.core.reasons import Reason
from novate.core.registers import Registers
from novate.core.rows import FUNDED, LEG, MARKED, NOVATED, POSTED, REFUSED, RESERVED, SETTLED
from novate.core.terms import Asset, Contract
from novate.tape.decimals import decimal, time_text
from novate.tape.encode import price_decimal
from novate.tape.explain import SIDES
from novate.views.lifecycle import lifecycle_rows
from novate.views.overdrafts import overdraft_rows
from novate.views.rules import block_name
from novate.views.supervision import supervision_rows
from novate.views.transit_facts import transit_rows

_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Row = dict[str, Any]


def fact_name(kind: type) -> str:
    """The name of a fact's type in words: ``MarginCalled`` is ``margin_called``."""
    return _WORD.sub("_", kind.__name__).lower()


def fact_rows(facts: Iterable[Fact], named: "Named") -> Iterator[Row]:
    """Every fact as rows, in order."""
    for fact in facts:
        name = fact_name(type(fact))
        for row in rows_of(fact, named):
            yield {"fact": name, **row}


def detail(row: Row) -> str:
    """A row as one line of text, without its name: ``account alice, amount 60 USD``."""
    shown = ((name, _text(value)) for name, value in row.items() if name not in ("seq", "time_ns", "fact"))
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown if value)


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else ""
    if isinstance(value, Decimal):
        return f"{value:,f}"
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value))
    return str(value)


class Named:
    """Turns indices and units into names and decimals."""

    def __init__(self, registers: Registers) -> None:
        self.registers = registers
        self.orders = {number: (order.bucket, order.contract) for number, order in registers.orders.items()}

    def account(self, index: int) -> str:
        """An account's name."""
        return self.registers.accounts[index].name

    def member(self, index: int) -> str:
        """A member's name."""
        return self.registers.members[index].name

    def contract(self, index: int) -> Contract:
        """A contract's terms."""
        return self.registers.contracts[index]

    def asset(self, index: int) -> Asset:
        """An asset's terms."""
        return self.registers.assets[index]

    def minor(self, amount: int, asset: int) -> Row:
        """An amount of minor units and its asset."""
        return {"amount": decimal(int(amount), self.asset(asset).decimals), "asset": self.asset(asset).symbol}

    def settled_in(self, contract: int) -> Asset:
        """The asset that a contract settles in."""
        symbol = self.contract(contract).settlement
        return next(asset for asset in self.registers.assets if asset.symbol == symbol)

    def fine(self, amount: int, contract: int) -> Decimal:
        """Fine units of a contract's settlement asset."""
        return decimal(int(amount), self.settled_in(contract).fine_decimals)

    def numeraire(self, amount: int) -> Decimal:
        """Fine units of the numeraire."""
        rulebook = self.registers.rulebook
        symbol = None if rulebook is None else rulebook.numeraire
        asset = next(asset for asset in self.registers.assets if asset.symbol == symbol)
        return decimal(int(amount), asset.fine_decimals)

    def price(self, price_ticks: int, contract: int) -> Decimal:
        """A price of a contract."""
        return price_decimal(int(price_ticks), self.contract(contract))

    def order(self, number: int) -> Row:
        """An order's account and contract, as far as they were told: closed orders leave the registers."""
        if number not in self.orders:
            return {"order": number}
        bucket, contract = self.orders[number]
        return {"order": number, "account": self.account(bucket), "contract": self.contract(contract).symbol}


def rows_of(fact: Fact, named: Named) -> list[Row]:
    """The rows of one fact, without its name."""
    match fact:
        case core.Rejected():
            return [{"reason": fact.reason.text, "path": fact.path, "message": fact.message}]
        case core.RowsRefused():
            return [
                {"journaled_row": int(row["row"]), "reason": Reason(int(row["reason"])).text}
                | ({"side": SIDES[row["side"]]} if row["side"] else {})
                for row in np.frombuffer(fact.rows, REFUSED)
            ]
        case core.SourceAdvanced():
            return [{"source": fact.source, "number": fact.number}]
        case core.AssetAdded():
            return [{"symbol": fact.asset.symbol, "decimals": fact.asset.decimals}]
        case core.ContractListed():
            terms = fact.contract
            return [{"contract": terms.symbol, "kind": terms.kind.value, "settlement": terms.settlement}]
        case core.RulebookAdopted():
            due = time_text(fact.settlement_due_ns)
            return [{"rulebook": fact.rulebook.name, "form": fact.rulebook.form, "settlement_due": due}]
        case core.MemberAdded():
            return [{"member": fact.name}]
        case core.RiskSheetAdopted():
            return [{"sheet": fact.sheet.name, "scenarios": fact.sheet.scenario_count, "digest": fact.digest}]
        case core.MarginModeSet():
            return [{"account": named.account(fact.bucket), "mode": fact.mode.value}]
        case core.AccountOpened():
            return [{"account": fact.name, "kind": fact.kind, "member": named.member(fact.member)}]
        case core.CycleClosed():
            return [{"next_settlement": time_text(fact.settlement_due_ns)}]
        case core.MemberDefaulted():
            return [{"member": named.member(fact.member), "cause": fact.cause}]
    return (
        _money_rows(fact, named)
        or _bucket_rows(fact, named)
        or transit_rows(fact, named)
        or overdraft_rows(fact, named)
        or _trade_rows(fact, named)
        or lifecycle_rows(fact, named)
        or supervision_rows(fact, named)
        or _trouble_rows(fact, named)
    )


def _money_rows(fact: Fact, named: Named) -> list[Row]:
    match fact:
        case core.Contributed():
            return [{"account": named.account(fact.account), **named.minor(fact.amount_minor, fact.asset)}]
        case core.Deposited() | core.Withdrawn():
            return [
                {"account": named.account(row["account"]), **named.minor(row["amount_minor"], row["asset"])}
                for row in np.frombuffer(fact.rows, POSTED)
            ]
        case core.Settled():
            return [
                {"account": named.account(row["bucket"]), **named.minor(row["flow_minor"], fact.asset)}
                for row in np.frombuffer(fact.rows, SETTLED)
                if row["flow_minor"]
            ] or [{"asset": named.asset(fact.asset).symbol, "flows": "none"}]
        case core.ShortfallAssigned():
            amount = named.minor(fact.amount_minor, fact.asset)
            return [{"account": named.account(fact.bucket), "payer": named.account(fact.house_bucket), **amount}]
        case core.LossAbsorbed():
            return [
                {
                    "layer": fact.layer.value,
                    "payer": named.account(fact.payer),
                    "account": named.account(fact.bucket),
                    **named.minor(fact.amount_minor, fact.asset),
                }
            ]
        case core.GainsCut():
            return [
                {"account": named.account(row["account"]), **named.minor(row["amount_minor"], row["asset"])}
                for row in np.frombuffer(fact.rows, POSTED)
            ]
        case core.Transferred():
            amount = named.minor(fact.amount_minor, fact.asset)
            payer, payee = named.account(fact.payer), named.account(fact.payee)
            return [{"cause": fact.cause, "payer": payer, "payee": payee, **amount}]
    return []


def _bucket_rows(fact: Fact, named: Named) -> list[Row]:
    match fact:
        case core.PositionIsolated() | core.PositionRejoined():
            terms, asset = named.contract(fact.contract), named.settled_in(fact.contract)
            return [
                {
                    "account": named.account(fact.account),
                    "contract": terms.symbol,
                    "lots": fact.lots,
                    "cost": named.fine(fact.cost_fine, fact.contract),
                    "cost_asset": asset.symbol,
                    "collateral": [
                        f"{decimal(moved.amount_minor, named.asset(moved.asset).decimals):f}"
                        f" {named.asset(moved.asset).symbol}"
                        for moved in fact.collateral
                        if moved.amount_minor
                    ],
                }
            ]
        case core.SubAccountOpened():
            name = name_of_sub(named.account(fact.account), fact.reference)
            return [{"account": name, "omnibus": named.account(fact.account)}]
        case core.BucketOpened():
            return [{"account": named.account(fact.account), "contract": named.contract(fact.contract).symbol}]
        case core.CollateralAssigned():
            amount = named.minor(fact.amount_minor, fact.asset)
            return [{"account": named.account(fact.account), "bucket": named.account(fact.bucket), **amount}]
    return []


def _trade_rows(fact: Fact, named: Named) -> list[Row]:
    match fact:
        case core.OrdersChanged() | core.OrdersFilled():
            return [
                {
                    "account": named.account(row["bucket"]),
                    "contract": named.contract(row["contract"]).symbol,
                    "side": "buy" if row["bids"] else "sell",
                    "lots": int(row["bids"] + row["asks"]),
                }
                for row in np.frombuffer(fact.rows, RESERVED)
            ]
        case core.TradesNovated():
            return [
                {
                    "contract": named.contract(row["contract"]).symbol,
                    "buyer": named.account(row["buyer"]),
                    "seller": named.account(row["seller"]),
                    "lots": int(row["lots"]),
                    "value_per_lot": named.fine(row["value_fine"], row["contract"]),
                    "buyer_fee": named.fine(row["buyer_fee_fine"], row["contract"]),
                    "seller_fee": named.fine(row["seller_fee_fine"], row["contract"]),
                    "asset": named.settled_in(row["contract"]).symbol,
                }
                for row in np.frombuffer(fact.rows, NOVATED)
            ]
        case core.MarksPublished():
            rows: list[Row] = [
                {
                    "contract": named.contract(row["contract"]).symbol,
                    "price": named.price(row["price_ticks"], row["contract"]),
                    "value_per_lot": named.fine(row["value_fine"], row["contract"]),
                }
                for row in np.frombuffer(fact.rows, MARKED)
            ]
            return rows + [
                {"asset": named.asset(rate.asset).symbol, "price": named.numeraire(rate.price_fine)}
                for rate in fact.assets
            ]
        case core.FundingPublished():
            return [
                {
                    "contract": named.contract(row["contract"]).symbol,
                    "index": named.fine(row["index_whole_fine"], row["contract"]),
                    "value_per_lot": named.fine(row["value_fine"], row["contract"]),
                }
                for row in np.frombuffer(fact.rows, FUNDED)
            ]
        case core.ContractHalted():
            return [{"contract": named.contract(fact.contract).symbol, "cause": fact.cause}]
        case core.AssetHalted():
            return [{"asset": named.asset(fact.asset).symbol, "cause": fact.cause}]
        case core.ContractExpired():
            value = named.fine(fact.value_fine, fact.contract)
            return [{"contract": named.contract(fact.contract).symbol, "value_per_lot": value, "cause": fact.cause}]
    return []


def _trouble_rows(fact: Fact, named: Named) -> list[Row]:
    match fact:
        case core.MarginCalled():
            return [
                {
                    "account": named.account(fact.bucket),
                    "amount": named.numeraire(fact.amount_fine),
                    "due": time_text(fact.due_ns),
                    "equity": named.numeraire(fact.equity_fine),
                    "initial": named.numeraire(fact.initial_fine),
                    "largest": [named.contract(part.contract).symbol for part in fact.largest],
                    "worst": [
                        f"{block_name(named.registers.sheet, part.block)} {part.scenario + 1}" for part in fact.worst
                    ],
                }
            ]
        case core.CallMet():
            return [{"account": named.account(fact.bucket), "by": fact.by}]
        case core.Breached():
            equity, maintenance = named.numeraire(fact.equity_fine), named.numeraire(fact.maintenance_fine)
            return [
                {
                    "account": named.account(fact.bucket),
                    "cause": fact.cause,
                    "equity": equity,
                    "maintenance": maintenance,
                }
            ]
        case core.LiquidationOrdered():
            named.orders[fact.order] = (fact.bucket, fact.contract)
            return [
                {
                    "order": fact.order,
                    "account": named.account(fact.bucket),
                    "contract": named.contract(fact.contract).symbol,
                    "lots": fact.lots,
                    "limit_price": named.price(fact.limit_price_ticks, fact.contract),
                    "expiry": time_text(fact.expiry_ns),
                }
            ]
        case core.LiquidationExecuted():
            return [{**named.order(fact.order), "lots": fact.lots, "counterparty": named.account(fact.counterparty)}]
        case core.OrderClosed():
            return [{**named.order(fact.order), "cause": fact.cause}]
        case core.LiquidationEnded():
            return [{"account": named.account(fact.bucket)}]
        case core.LiquidationClosed():
            return [{"account": named.account(fact.account)}]
        case core.TakenOver():
            return _taken_over(fact, named)
    return [msgspec.to_builtins(fact)]


def _taken_over(fact: core.TakenOver, named: Named) -> list[Row]:
    account = named.account(fact.bucket)
    legs = [
        {
            "account": account,
            "contract": named.contract(row["contract"]).symbol,
            "lots": int(row["lots"]),
            "cost": named.fine(row["cost_fine"], row["contract"]),
            "asset": named.settled_in(row["contract"]).symbol,
        }
        for row in np.frombuffer(fact.rows, LEG)
    ]
    moved = [{"account": account, **named.minor(part.amount_minor, part.asset)} for part in fact.collateral]
    return legs + moved or [{"account": account}]

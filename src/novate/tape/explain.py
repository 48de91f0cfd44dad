"""What the core refused, in sentences: the path as submitted, the values and the cure.

The core answers with a reason, a row and a figure; the names and decimals that people wrote are still at hand here.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from novate.core import commands as core
from novate.core.facts import Fact, Rejected, RowsRefused
from novate.core.lifecycle_commands import CorrectTrade, OffsetTrade
from novate.core.reasons import Reason
from novate.core.rows import CASH, ORDER, REFUSED, TRADE, TRANSFER
from novate.core.terms import Contract, Role
from novate.tape import decimals
from novate.tape.decode import Decoded
from novate.tape.encode import price_text, quoted_in
from novate.tape.refusal import Refusal
from novate.tape.single import Registers

_UNITS: Final = re.compile(r"(?<=[a-z])_(?:fine|ticks|lots|ns|ppm|minor|e12)\b")
_UNTIL: Final = re.compile(r"(?<=until )\d+ ns$")
_NESTED: Final = re.compile(r"^\$\.(?:asset|contract|rulebook|sheet|limit)\.(?=.)")
_COLLATERAL: Final = re.compile(r"^\$\.collateral\[(\d+)\]")
SIDES: Final = ("", "buyer", "seller")
"""The fields of a trade by the side of a refused row: neither, buyer, seller."""

_ASSET_ROW: Final = re.compile(r"^\$\.assets\[(\d+)\]$")


def explain_refusals(decoded: Decoded, facts: Iterable[Fact], registers: Registers) -> tuple[Refusal, ...]:
    """Every refusal of a command, in the order of its rows: those of decoding and those that the core put on record."""
    found = list(decoded.refusals)
    for fact in facts:
        if isinstance(fact, Rejected):
            found.append(_rejected(decoded, fact, registers))
        elif isinstance(fact, RowsRefused):
            rows = np.frombuffer(fact.rows, REFUSED)
            found += [
                _refused(
                    decoded, int(row["row"]), Reason(int(row["reason"])), int(row["figure"]), row["side"], registers
                )
                for row in rows
            ]
    return tuple(sorted(found, key=lambda refusal: -1 if refusal.row is None else refusal.row))


def _rejected(decoded: Decoded, fact: Rejected, registers: Registers) -> Refusal:
    if (match := _ASSET_ROW.match(fact.path)) and int(match[1]) < len(decoded.asset_kept):
        at = int(match[1])
        return Refusal(
            reason=fact.reason, path=decoded.asset_places[at], message=fact.message, row=decoded.asset_kept[at]
        )
    path, message = _UNITS.sub("", fact.path), fact.message
    if fact.reason is Reason.TIME_RUNS_BACKWARDS and decoded.time_ns is not None:
        times = (decimals.time_text(time_ns) for time_ns in (decoded.time_ns, registers.time_ns))
        message = "{} is before the house's time, {}: put the tape in order of time".format(*times)
    if fact.reason is Reason.EFFECTIVE_TIME_PAST and isinstance(
        decoded.command, core.AdoptRulebook | core.AdoptRiskSheet
    ):
        times = (decimals.time_text(time_ns) for time_ns in (decoded.command.effective_ns or 0, registers.time_ns))
        message = "{} is past, it is {}: give a time to come, or none for at once".format(*times)
    if isinstance(decoded.command, core.ReverseDeposit | core.AdoptRiskSheet):
        message = _UNTIL.sub(lambda found: decimals.time_text(int(found[0].removesuffix(" ns"))), message)
    if isinstance(decoded.command, core.ExecuteLiquidation | core.ExpireContract | core.ResolveContract):
        message = _price_message(fact.reason, decoded.command, registers) or message
    if isinstance(decoded.command, CorrectTrade | OffsetTrade) and fact.reason is Reason.PRICE_OUT_OF_LIMITS:
        message = _outside(decoded.command.price_ticks, registers.contracts[decoded.command.contract])
    if isinstance(decoded.command, core.IsolatePosition) and (match := _COLLATERAL.match(path)):
        asset = decoded.command.collateral[int(match[1])].asset
        path = f"$.collateral.{registers.assets[asset].symbol}"
    if isinstance(
        decoded.command, core.AddAsset | core.ListContract | core.AdoptRulebook | core.AdoptRiskSheet | core.SetLimit
    ):
        path = _NESTED.sub("$.", path)
    return Refusal(reason=fact.reason, path=path, message=message)


def _price_message(
    reason: Reason,
    command: core.ExecuteLiquidation | core.ExpireContract | core.ResolveContract,
    registers: Registers,
) -> str | None:
    """What the core says in ticks, said in prices."""
    if isinstance(command, core.ExpireContract | core.ResolveContract):
        if reason is Reason.PRICE_OUT_OF_LIMITS:
            return _outside(command.price_ticks, quoted_in(registers.contracts[command.contract], registers))
        return None
    order = registers.orders.get(command.order)
    if order is None:
        return None
    contract = registers.contracts[order.contract]
    if reason is Reason.PRICE_OUT_OF_LIMITS:
        return _outside(command.price_ticks, contract)
    if reason is Reason.PRICE_WORSE_THAN_LIMIT:
        price, limit = (price_text(ticks, contract) for ticks in (command.price_ticks, order.limit_price_ticks))
        side = "buys at most" if order.lots > 0 else "sells at least"
        return f"{price} is worse than the order's limit: order {command.order} {side} at {limit}"
    return None


def _outside(price_ticks: int, contract: Contract) -> str:
    low, high = (price_text(limit, contract) for limit in (contract.price_min_ticks, contract.price_max_ticks))
    return f"{price_text(price_ticks, contract)} is outside the limits of {contract.symbol}, {low} to {high}"


def _refused(decoded: Decoded, at: int, reason: Reason, figure: int, side: int, registers: Registers) -> Refusal:
    row, place = decoded.kept[at], decoded.places[at]
    if isinstance(decoded.command, core.SubmitTrades):
        values = np.frombuffer(decoded.command.rows, TRADE)[at]
        field, message = trade_sentence(reason, figure, side, values, registers)
    elif isinstance(decoded.command, core.ChangeOrders):
        values = np.frombuffer(decoded.command.rows, ORDER)[at]
        field, message = _order_sentence(reason, figure, values, registers)
    elif isinstance(decoded.command, CASH_COMMANDS):
        values = np.frombuffer(decoded.command.rows, CASH)[at]
        field, message = cash_sentence(reason, figure, values, registers)
    elif isinstance(decoded.command, core.TransferCollateral):
        values = np.frombuffer(decoded.command.rows, TRANSFER)[at]
        field, message = _transfer_sentence(reason, figure, values, registers)
    else:
        field, message = "", _price_sentence(reason, figure, registers)
    return Refusal(reason=reason, path=f"{place}.{field}" if field else place, message=message, row=row)


def trade_sentence(reason: Reason, figure: int, side: int, row: Any, registers: Registers) -> tuple[str, str]:
    """``(field, message)`` of a refused trade; the field is the side that failed where one did."""
    field = SIDES[side]
    who = _account(row[field], registers) if field else " or ".join(_account(row[at], registers) for at in SIDES[1:])
    contract = registers.contracts[row["contract"]] if 0 <= row["contract"] < len(registers.contracts) else None
    symbol = contract.symbol if contract else str(row["contract"])
    match reason:
        case Reason.DUPLICATE_OR_LATE:
            return "number", _late(int(row["number"]), figure)
        case Reason.ACCOUNTS_MUST_DIFFER:
            return "seller", f"{_account(figure, registers)} is on both sides: a trade needs two accounts"
        case Reason.ACCOUNT_NOT_TRADABLE | Reason.ACCOUNT_IN_LIQUIDATION:
            field = field or ("buyer" if figure == row["buyer"] else "seller")
            return field, _cannot_trade(reason, figure, registers)
        case Reason.PRICE_OUT_OF_LIMITS if contract is not None:
            return "price", _outside(figure, contract)
        case Reason.QUANTITY_MUST_BE_POSITIVE:
            return "lots", f"{figure} is not a size: give a positive number; the buyer is who is long of it"
        case Reason.POSITION_LIMIT_EXCEEDED:
            whose = f" for {who}" if field else ""
            lots = f"{row['lots']} lots would pass the position limit of {symbol}{whose}"
            return "lots", f"{lots}, {figure} lots: trade fewer"
        case Reason.MARGIN_INSUFFICIENT:
            lacking = _numeraire(figure, registers)
            return field, f"{who} would be {lacking} short of its initial requirement: deposit it or trade fewer lots"
        case Reason.ORDERS_EXCEEDED:
            rest = f"{figure} lots rest on the side that it fills, {row['lots']} are filled"
            return field, f"{rest}: name only what rests"
        case Reason.PREMIUM_NOT_COVERED if contract is not None:
            lacking = _fine(figure, contract.settlement, registers)
            whose = f"{who}'s" if field else "the"
            message = f"{whose} settled balance is {lacking} short of the premium due: deposit that much first"
            return field or "buyer", message
        case Reason.COLLATERAL_NOT_COVERED if contract is not None:
            lacking = _fine(figure, contract.settlement, registers)
            whose = who if field else "one side"
            return (
                field,
                f"{symbol} is fully collateralised, and {whose} is {lacking} short of what it could lose: deposit it",
            )
        case Reason.MEMBER_IN_DEFAULT:
            whose = who if field else "one side"
            return field, f"the member behind {whose} is in default: its accounts may only reduce their positions"
        case Reason.SHEET_ROW_MISSING if field:
            return field, f"{who} is in portfolio mode, and the risk sheet has no row for {symbol}: adopt one that has"
        case Reason.SHEET_BOUND_EXCEEDED if field:
            return "lots", f"{who} would pass what its risk sheet can sum exactly: trade fewer lots"
        case Reason.ACCOUNT_RESTRICTED:
            whose = who if field else "one side"
            return field, f"{whose} fell through the reduce-only level: it may only reduce until its equity is back"
        case Reason.PRICE_OUTSIDE_BAND if contract is not None:
            bound = "at most" if figure < row["price_ticks"] else "at least"
            price = price_text(int(row["price_ticks"]), contract)
            return "price", f"{price} is outside the price band of {symbol}: {bound} {price_text(figure, contract)}"
        case Reason.OPEN_INTEREST_LIMIT_EXCEEDED | Reason.GROUP_LIMIT_EXCEEDED:
            limit = registers.limits.get(figure)
            name, most = (f"{limit.name!r}", f"{limit.lots} lots") if limit else (f"number {figure}", "since lifted")
            return "lots", f"{row['lots']} lots of {symbol} would pass the limit {name}, {most}: trade fewer"
    return _FIELD.get(reason, ""), _contract_sentence(reason, symbol)


def _cannot_trade(reason: Reason, account: int, registers: Registers) -> str:
    """Why an account that is on record cannot trade, and which can."""
    name = _account(account, registers)
    if reason is Reason.ACCOUNT_IN_LIQUIDATION:
        return f"{name} is in liquidation: use a member's or client's account in good standing"
    if registers.accounts[account].role is Role.GROSS_OMNIBUS:
        return f"{name} is a gross omnibus account: name one of its sub-accounts, {name}/REFERENCE"
    return f"{name} is no trading account: use a member's or client's account in good standing"


def _order_sentence(reason: Reason, figure: int, row: Any, registers: Registers) -> tuple[str, str]:
    known = 0 <= row["contract"] < len(registers.contracts)
    symbol = registers.contracts[row["contract"]].symbol if known else str(row["contract"])
    account = _account(row["account"], registers)
    match reason:
        case Reason.DUPLICATE_OR_LATE:
            return "number", _late(int(row["number"]), figure)
        case Reason.MALFORMED:
            return "lots", f"{figure} is no change: give a positive number of lots to add or a negative one to cancel"
        case Reason.ORDERS_EXCEEDED:
            return (
                "lots",
                f"{account} has {figure} lots resting there: others may be filled by now; cancel at most those",
            )
        case Reason.POSITION_LIMIT_EXCEEDED:
            return "lots", f"filled, they would pass the position limit of {symbol}, {figure} lots: rest fewer"
        case Reason.ACCOUNT_NOT_TRADABLE | Reason.ACCOUNT_IN_LIQUIDATION:
            return "account", _cannot_trade(reason, int(row["account"]), registers)
        case Reason.MEMBER_IN_DEFAULT:
            return "account", f"the member behind {account} is in default: orders may only reduce its position"
        case Reason.PREMIUM_NOT_COVERED:
            lacking = _fine(figure, registers.contracts[row["contract"]].settlement, registers)
            return "", f"{account}'s settled balance is {lacking} short of the premium of its bids: deposit it first"
        case Reason.COLLATERAL_NOT_COVERED:
            lacking = _fine(figure, registers.contracts[row["contract"]].settlement, registers)
            lost = f"{lacking} short of what it could lose with its orders filled"
            return "", f"{symbol} is fully collateralised, and {account} is {lost}: deposit it or rest fewer lots"
        case Reason.MARGIN_INSUFFICIENT:
            lacking = _numeraire(figure, registers)
            return "", f"{account} would be {lacking} short of its initial requirement: deposit it or rest fewer lots"
    return _FIELD.get(reason, ""), _contract_sentence(reason, symbol)


CASH_COMMANDS: Final = (core.Deposit, core.Withdraw, core.AnnounceDeposit, core.RequestWithdrawal)


def _transfer_sentence(reason: Reason, figure: int, row: Any, registers: Registers) -> tuple[str, str]:
    payer, payee = _account(row["payer"], registers), _account(row["payee"], registers)
    match reason:
        case Reason.ACCOUNTS_MUST_DIFFER:
            return "payee", f"{payer} is on both sides: a transfer needs two accounts"
        case Reason.ACCOUNT_UNKNOWN:
            return "payee", f"there is no {payee}"
        case Reason.TRANSFER_NOT_ALLOWED:
            return "payee", (
                f"nothing goes from {payer} to {payee}: a member pays its own clients and its own fund, clients of one"
                " member each other where the rulebook allows client transfers, and no client its member"
            )
    field, message = cash_sentence(reason, figure, row, registers, "payer")
    return "payer" if field == "account" else field, message


def cash_sentence(
    reason: Reason, figure: int, row: Any, registers: Registers, whose: str = "account"
) -> tuple[str, str]:
    """``(field, message)`` of a refused amount; ``whose`` is the field that names the account."""
    asset = registers.assets[row["asset"]] if 0 <= row["asset"] < len(registers.assets) else None
    symbol = asset.symbol if asset else str(row["asset"])
    account = _account(row[whose], registers)
    amount = f"{decimals.text(figure, asset.decimals)} {symbol}" if asset else str(figure)
    match reason:
        case Reason.DUPLICATE_OR_LATE:
            return "number", _late(int(row["number"]), figure)
        case Reason.ASSET_NOT_ELIGIBLE:
            return "asset", f"{symbol} is no collateral of the rulebook: adopt one that gives it a haircut"
        case Reason.ACCOUNT_NOT_TRADABLE:
            if registers.accounts[row[whose]].role is Role.SUB_ACCOUNT:
                return "account", f"{account} has no money of its own: name its omnibus account"
            return "account", f"{account} is the house's own account: use contribute for the house's funds"
        case Reason.AMOUNT_MUST_BE_POSITIVE:
            return "amount", f"{amount} is not positive: deposits and withdrawals are separate commands"
        case Reason.MONEY_LIMIT_EXCEEDED:
            return "amount", f"with {amount} more the house would hold more {symbol} than 64 bits can count"
        case Reason.PRICE_MISSING:
            return "", f"{account} holds, or brings, something without a live price: publish its mark first"
        case Reason.BALANCE_INSUFFICIENT:
            return "amount", f"the settled balance of {account} is {amount}: withdraw at most that"
        case Reason.COLLATERAL_ON_ORDER:
            return (
                "amount",
                f"the house sells the rest of {account}'s {symbol} for what it owes: at most {amount} is free",
            )
        case Reason.MARGIN_INSUFFICIENT:
            lacking = _numeraire(figure, registers)
            return "amount", f"without it {account} would be {lacking} short of its initial requirement: withdraw less"
        case Reason.COLLATERAL_NOT_COVERED:
            lacking = _fine(figure, symbol, registers)
            return (
                "amount",
                f"what {account} owes, bids for options and could lose in bets would lack {lacking}: withdraw less",
            )
        case Reason.MEMBER_IN_DEFAULT | Reason.ACCOUNT_IN_LIQUIDATION | Reason.ACCOUNT_RESTRICTED:
            cause = {
                Reason.MEMBER_IN_DEFAULT: "its member is in default",
                Reason.ACCOUNT_IN_LIQUIDATION: "it is in liquidation",
            }.get(reason, "it may only reduce until its equity is back at the release level")
            return "account", f"nothing leaves {account}: {cause}"
        case Reason.GATE_CLOSED:
            return "asset", f"the gate of {symbol} is closed until its losses are made good: request it, and it waits"
        case Reason.COLLATERAL_CAP_EXCEEDED:
            return "amount", f"the caps of {symbol} leave room for {amount}: bring at most that, or another asset"
    return _FIELD.get(reason, ""), _contract_sentence(reason, symbol)


def _price_sentence(reason: Reason, figure: int, registers: Registers) -> str:
    symbol = registers.contracts[figure].symbol if 0 <= figure < len(registers.contracts) else str(figure)
    if reason is Reason.NOT_A_PERPETUAL:
        return f"{symbol} is not a perpetual: only perpetuals have funding"
    if reason is Reason.FUNDING_OUT_OF_RANGE:
        return "the cumulative funding would pass the contract's largest value per lot: give a smaller rate"
    return _contract_sentence(reason, symbol)


def _contract_sentence(reason: Reason, symbol: str) -> str:
    return {
        Reason.CONTRACT_NOT_TRADABLE: f"{symbol} is an index: it has marks and no trades",
        Reason.CONTRACT_EXPIRED: f"{symbol} has expired",
        Reason.CONTRACT_HALTED: f"trading in {symbol} is halted: wait until it is resumed",
        Reason.PRICE_MISSING: f"{symbol} has no live price (or the contract it is written on): publish a mark first",
        Reason.MARGIN_CLASS_UNKNOWN: f"the rulebook has no margin class for {symbol}: adopt one that has",
        Reason.SHEET_ROW_MISSING: f"the risk sheet has no row for {symbol}, and one side is in portfolio mode",
        Reason.SHEET_BOUND_EXCEEDED: "the account would pass what its risk sheet can sum exactly: trade fewer lots",
        Reason.EXPOSURE_LIMIT_EXCEEDED: "the account's positions would pass what 64 bits can hold: trade fewer lots",
    }.get(reason, f"refused, {symbol}: {reason.text.replace('_', ' ')}")


_FIELD: Final = {
    Reason.CONTRACT_UNKNOWN: "contract",
    Reason.CONTRACT_NOT_TRADABLE: "contract",
    Reason.CONTRACT_EXPIRED: "contract",
    Reason.CONTRACT_HALTED: "contract",
    Reason.PRICE_MISSING: "contract",
    Reason.MARGIN_CLASS_UNKNOWN: "contract",
    Reason.SHEET_ROW_MISSING: "contract",
    Reason.SHEET_BOUND_EXCEEDED: "lots",
    Reason.EXPOSURE_LIMIT_EXCEEDED: "lots",
    Reason.ASSET_UNKNOWN: "asset",
}


def _late(number: int, mark: int) -> str:
    return f"the source is already at number {mark}, so {number} is a duplicate or late: number it above {mark}"


def _account(index: int, registers: Registers) -> str:
    return registers.accounts[index].name if 0 <= index < len(registers.accounts) else f"account {index}"


def _fine(amount_fine: int, symbol: str, registers: Registers) -> str:
    asset = next(asset for asset in registers.assets if asset.symbol == symbol)
    return f"{decimals.text(amount_fine, asset.fine_decimals)} {symbol}"


def _numeraire(amount_fine: int, registers: Registers) -> str:
    return (
        str(amount_fine) if registers.rulebook is None else _fine(amount_fine, registers.rulebook.numeraire, registers)
    )

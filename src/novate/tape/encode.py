"""From commands of the core to tape lines: what a journal holds, written so that a tape reads it back exactly.

Encoding looks up the same committed terms as decoding. Decoding an encoded command against the same registers gives
the command again, bit by bit.
"""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeVar

import numpy as np

from novate.core import commands as core
from novate.core.commands import AnyCommand
from novate.core.money import E12, PPM
from novate.core.rows import CASH, FUNDING, MARK, ORDER, TRADE, TRANSFER
from novate.core.terms import Asset, Contract
from novate.tape import decimals
from novate.tape.decode import FILLS, Registers
from novate.tape.fields import at, effective, price_text
from novate.tape.lifecycle import encode_lifecycle
from novate.tape.rules_text import rulebook_fields
from novate.tape.sheet import encode_sheet
from novate.tape.supervision import supervision_fields

V = TypeVar("V")


MONEY_NAMES: Final[dict[type, str]] = {
    core.Deposit: "deposit",
    core.Withdraw: "withdraw",
    core.AnnounceDeposit: "announce_deposit",
    core.FinaliseDeposit: "finalise_deposit",
    core.CancelDeposit: "cancel_deposit",
    core.ReverseDeposit: "reverse_deposit",
    core.RequestWithdrawal: "request_withdrawal",
    core.ReleaseWithdrawal: "release_withdrawal",
    core.ConfirmWithdrawal: "confirm_withdrawal",
    core.ReturnWithdrawal: "return_withdrawal",
}
"""What the tape calls the commands that share their fields."""


def encode_command(command: AnyCommand, registers: Registers, time_ns: int | None = None) -> dict[str, Any]:
    """The command as a tape object; ``registers`` are those of a book that has decided it or can decide it.

    Closed orders leave the registers: to write the fills of a journal, give registers whose ``orders`` has them still.
    Raises ``LookupError`` for what a tape cannot say.
    """
    fields = _fields(command, registers)
    return fields if time_ns is None else {"command": fields["command"], "time": decimals.time_text(time_ns), **fields}


def to_line(fields: dict[str, Any]) -> str:
    """A tape object as one line of JSON, without the newline."""
    return json.dumps(fields, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)


def _fields(command: AnyCommand, registers: Registers) -> dict[str, Any]:
    match command:
        case core.SubmitTrades():
            rows = _trade_rows(command.rows, registers)
            return {"command": "trades", "source": command.source, "rows": rows}
        case core.ChangeOrders():
            return {"command": "orders", "source": command.source, "rows": _order_rows(command.rows, registers)}
        case core.Deposit() | core.Withdraw() | core.AnnounceDeposit() | core.RequestWithdrawal():
            rows = _cash_rows(command.rows, registers)
            return {"command": MONEY_NAMES[type(command)], "source": command.source, "rows": rows}
        case core.TransferCollateral():
            rows = _transfer_rows(command.rows, registers)
            return {"command": "transfer", "source": command.source, "rows": rows}
        case core.PublishMarks():
            return _marks(command, registers)
        case core.PublishFunding():
            rates: dict[str, str] = {}
            for rate_e12, contract, _ in np.frombuffer(command.rows, FUNDING).tolist():
                put_once(rates, at(registers.contracts, contract, "contract").symbol, decimals.rate_text(rate_e12, E12))
            return {"command": "funding", "rates": rates}
        case core.AddAsset():
            return _asset(command.asset, registers)
        case core.ListContract():
            return {"command": "list_contract", **_contract(command.contract)}
        case core.AdoptRulebook():
            rules = rulebook_fields(command.rulebook, registers)
            return {"command": "adopt_rulebook", **rules, **effective(command.effective_ns)}
        case core.AdoptRiskSheet() | core.CancelRiskSheet() | core.SetMarginMode():
            return encode_sheet(command, registers)
    return _single(command, registers)


def _single(command: AnyCommand, registers: Registers) -> dict[str, Any]:
    match command:
        case core.AddMember():
            return {"command": "add_member", "name": command.name}
        case core.OpenAccount():
            member = at(registers.members, command.member, "member").name
            kind = {} if command.kind == "client" else {"kind": command.kind}
            return {"command": "open_account", "member": member, "name": command.name, **kind}
        case core.OpenSubAccount():
            account = at(registers.accounts, command.account, "account").name
            return {"command": "open_sub_account", "account": account, "reference": command.reference}
        case core.IsolatePosition() | core.RejoinPosition() | core.MoveCollateral():
            return _isolation(command, registers)
        case core.Contribute():
            return _contribution(command, registers)
        case core.FinaliseDeposit() | core.CancelDeposit() | core.ReverseDeposit():
            given = {"source": command.source, "number": command.number, "deposit": command.deposit}
            return {"command": MONEY_NAMES[type(command)], **given}
        case core.ReleaseWithdrawal() | core.ConfirmWithdrawal() | core.ReturnWithdrawal():
            given = {"source": command.source, "number": command.number, "withdrawal": command.withdrawal}
            return {"command": MONEY_NAMES[type(command)], **given}
        case core.PublishInterest():
            symbol = at(registers.assets, command.asset, "asset").symbol
            return {"command": "interest", "asset": symbol, "rate": decimals.rate_text(command.rate_ppm, PPM)}
        case core.ExecuteLiquidation():
            if command.order not in registers.orders:
                raise LookupError(f"there is no order {command.order}: its price has no tick to be written in")
            contract = registers.contracts[registers.orders[command.order].contract]
            return {
                "command": "execute",
                "source": command.source,
                "number": command.number,
                "order": command.order,
                "lots": command.lots,
                "price": price_text(command.price_ticks, contract),
                "counterparty": at(registers.accounts, command.counterparty, "account").name,
            }
        case core.ExecuteConversion():
            return _conversion(command, registers)
        case core.ExpireContract():
            contract = at(registers.contracts, command.contract, "contract")
            quoted = quoted_in(contract, registers)
            return {
                "command": "expire",
                "contract": contract.symbol,
                "price": price_text(command.price_ticks, quoted),
            }
        case core.ResolveContract():
            contract = at(registers.contracts, command.contract, "contract")
            price = price_text(command.price_ticks, contract)
            return {"command": "resolve", "contract": contract.symbol, "price": price, "outcome": command.outcome}
        case core.Clock():
            return {"command": "clock"}
        case core.CancelRulebook() | core.SetLimit() | core.RemoveLimit() | core.HaltContract() | core.ResumeContract():
            return supervision_fields(command, registers)
    return encode_lifecycle(command, registers)


def _conversion(command: core.ExecuteConversion, registers: Registers) -> dict[str, Any]:
    order = registers.conversions.get(command.order)
    if order is None:
        raise LookupError(f"there is no conversion order {command.order}: its amounts have no asset to be written in")
    sold, bought = registers.assets[order.sold_asset], registers.assets[order.bought_asset]
    return {
        "command": "execute_conversion",
        "source": command.source,
        "number": command.number,
        "order": command.order,
        "sold": decimals.text(command.sold_minor, sold.decimals),
        "received": decimals.text(command.received_minor, bought.decimals),
    }


def _contribution(command: core.Contribute, registers: Registers) -> dict[str, Any]:
    asset = at(registers.assets, command.asset, "asset")
    fields = {
        "command": "contribute",
        "source": command.source,
        "number": command.number,
        "fund": command.fund,
        "asset": asset.symbol,
        "amount": decimals.text(command.amount_minor, asset.decimals),
    }
    return (
        fields if command.member is None else {**fields, "member": at(registers.members, command.member, "member").name}
    )


def _isolation(
    command: core.IsolatePosition | core.RejoinPosition | core.MoveCollateral, registers: Registers
) -> dict[str, Any]:
    where = {
        "account": at(registers.accounts, command.account, "account").name,
        "contract": at(registers.contracts, command.contract, "contract").symbol,
    }
    if isinstance(command, core.RejoinPosition):
        return {"command": "rejoin", **where}
    if isinstance(command, core.MoveCollateral):
        asset = at(registers.assets, command.asset, "asset")
        amount = {"asset": asset.symbol, "amount": decimals.text(command.amount_minor, asset.decimals)}
        return {"command": "move_collateral", "source": command.source, "number": command.number, **where, **amount}
    collateral: dict[str, str] = {}
    for money in command.collateral:
        asset = at(registers.assets, money.asset, "asset")
        put_once(collateral, asset.symbol, decimals.text(money.amount_minor, asset.decimals))
    return {"command": "isolate", **where, "collateral": collateral}


def price_decimal(price_ticks: int, contract: Contract) -> Decimal:
    """A price in ticks, exactly."""
    return Decimal(price_text(price_ticks, contract))


def quantity_decimal(lots: int, contract: Contract) -> Decimal:
    """Lots as a quantity of the underlying (of the quote currency for an inverse contract), exactly."""
    return Decimal(decimals.text_of(Fraction(contract.lot_size) * lots))


def quoted_in(contract: Contract, registers: Registers) -> Contract:
    """The contract whose ticks a final price is in: an option's underlying, else the contract itself."""
    if not contract.is_option:
        return contract
    return next(other for other in registers.contracts if other.symbol == contract.underlying)


def put_once(prices: dict[str, V], symbol: str, value: V) -> None:
    """Set an entry that must not be there yet: a tape's map has each symbol once."""
    if symbol in prices:
        raise LookupError(f"{symbol} occurs twice in one command, so it cannot be written as a tape")
    prices[symbol] = value


def _trade_rows(rows: bytes, registers: Registers) -> list[dict[str, Any]]:
    found = []
    names = {value: name for name, value in FILLS.items()}
    for number, lots, price_ticks, contract, buyer, seller, filled in np.frombuffer(rows, TRADE).tolist():
        terms = at(registers.contracts, contract, "contract")
        if filled not in names:
            raise LookupError(f"{filled} says of nobody that its orders are filled, so it cannot be written as a tape")
        found.append(
            {
                "number": number,
                "contract": terms.symbol,
                "buyer": at(registers.accounts, buyer, "account").name,
                "seller": at(registers.accounts, seller, "account").name,
                "lots": lots,
                "price": price_text(price_ticks, terms),
                **({"fills": names[filled]} if filled else {}),
            }
        )
    return found


def _order_rows(rows: bytes, registers: Registers) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "account": at(registers.accounts, account, "account").name,
            "contract": at(registers.contracts, contract, "contract").symbol,
            "side": at(("buy", "sell"), side, "side"),
            "lots": lots,
        }
        for number, lots, contract, account, side, _ in np.frombuffer(rows, ORDER).tolist()
    ]


def _cash_rows(rows: bytes, registers: Registers) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "account": at(registers.accounts, account, "account").name,
            "asset": at(registers.assets, asset, "asset").symbol,
            "amount": decimals.text(amount_minor, registers.assets[asset].decimals),
        }
        for number, amount_minor, account, asset in np.frombuffer(rows, CASH).tolist()
    ]


def _transfer_rows(rows: bytes, registers: Registers) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "payer": at(registers.accounts, payer, "account").name,
            "payee": at(registers.accounts, payee, "account").name,
            "asset": at(registers.assets, asset, "asset").symbol,
            "amount": decimals.text(amount_minor, registers.assets[asset].decimals),
        }
        for number, amount_minor, payer, payee, asset, _ in np.frombuffer(rows, TRANSFER).tolist()
    ]


def _marks(command: core.PublishMarks, registers: Registers) -> dict[str, Any]:
    prices: dict[str, str | None] = {}
    for price_ticks, contract, missing in np.frombuffer(command.rows, MARK).tolist():
        terms = at(registers.contracts, contract, "contract")
        put_once(prices, terms.symbol, None if missing else price_text(price_ticks, terms))
    fields: dict[str, Any] = {"command": "marks", "prices": prices}
    if command.assets:
        places = _numeraire(registers).fine_decimals
        of_assets: dict[str, str | None] = {}
        for row in command.assets:
            price = None if row.price_fine is None else decimals.text(row.price_fine, places)
            put_once(of_assets, at(registers.assets, row.asset, "asset").symbol, price)
        fields["asset_prices"] = of_assets
    return fields


def _numeraire(registers: Registers) -> Asset:
    if registers.rulebook is None:
        raise LookupError("prices of assets are in the numeraire, and no rulebook names one: adopt a rulebook first")
    symbol = registers.rulebook.numeraire
    return next(asset for asset in registers.assets if asset.symbol == symbol)


def _asset(asset: Asset, registers: Registers) -> dict[str, Any]:
    # `price_max_fine` does not say in which asset it is: any that was on record before writes it exactly, and so does
    # the asset itself.
    known = [other.symbol for other in registers.assets]
    before = registers.assets[: known.index(asset.symbol)] if asset.symbol in known else registers.assets
    numeraire = None if registers.rulebook is None else registers.rulebook.numeraire
    quote = next((other for other in before if other.symbol == numeraire), before[0] if before else asset)
    return {
        "command": "add_asset",
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "fine_decimals": asset.fine_decimals,
        "price_max": decimals.text(asset.price_max_fine, quote.fine_decimals),
        "price_in": quote.symbol,
        "stale_after": decimals.duration_text(asset.stale_after_ns),
    }


def _contract(contract: Contract) -> dict[str, Any]:
    tick, lot = Fraction(contract.tick_size), Fraction(contract.lot_size)
    fields: dict[str, Any] = {
        "symbol": contract.symbol,
        "kind": contract.kind.value,
        "settlement": contract.settlement,
        "tick_size": decimals.plain(contract.tick_size),
        "lot_size": decimals.plain(contract.lot_size),
        "price_min": decimals.text_of(tick * contract.price_min_ticks),
        "price_max": decimals.text_of(tick * contract.price_max_ticks),
        "position_limit": decimals.text_of(lot * contract.position_limit_lots),
        "margin_class": contract.margin_class,
        "stale_after": decimals.duration_text(contract.stale_after_ns),
        "inverse": contract.inverse,
        "fee": decimals.rate_text(contract.fee_ppm, PPM),
    }
    if contract.margin_floor_ticks:
        fields["margin_floor"] = decimals.text_of(tick * contract.margin_floor_ticks)
    for flag in ("futures_style", "capped", "collateralised", "resolvable"):
        if getattr(contract, flag):
            fields[flag] = True
    if contract.underlying is not None:
        fields["underlying"] = contract.underlying
    if contract.strike is not None:
        fields["strike"] = decimals.plain(contract.strike)
    if contract.expiry_ns is not None:
        fields["expiry"] = decimals.time_text(contract.expiry_ns)
    return fields

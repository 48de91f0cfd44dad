"""From tape commands to commands of the core: decimals become ticks, lots and units, names become indices.

Decoding happens outside the core against committed terms. A command that does not convert raises ``Refused``. Of a
command with rows, each row that does not convert is refused on its own: it is not journaled and does not advance its
source's mark; the others proceed, and ``Decoded`` remembers where they stood.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np

from novate.core import commands as core
from novate.core.commands import AnyCommand
from novate.core.reasons import Reason
from novate.core.rows import BUY, CASH, FILLS_BUYER, FILLS_SELLER, FUNDING, MARK, ORDER, SELL, TRADE, TRANSFER
from novate.tape import decimals, wire
from novate.tape.fields import named, number, size
from novate.tape.names import Names
from novate.tape.read import convert
from novate.tape.refusal import Refusal, Refused, refuse
from novate.tape.rows import CashRow, OrderRow, TradeRow, TransferRow
from novate.tape.single import Registers, single
from novate.tape.terms import guarded


class Decoded(msgspec.Struct, frozen=True):
    """A decoded command. ``command`` is None when none of its rows converted.

    ``kept`` holds, for each row that the core sees, its position in the command as submitted, and ``places`` its path;
    ``asset_kept`` and ``asset_places`` do so for the asset prices of marks. ``wire`` is what was decoded and
    ``rows`` counts what was submitted.
    """

    wire: wire.AnyWire | None
    time_ns: int | None
    command: AnyCommand | None
    refusals: tuple[Refusal, ...] = ()
    rows: int = 0
    kept: tuple[int, ...] = ()
    places: tuple[str, ...] = ()
    asset_kept: tuple[int, ...] = ()
    asset_places: tuple[str, ...] = ()


class Rows:
    """Collects the rows that convert and the refusals of those that do not."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.places: list[str] = []
        self.values: list[tuple[int, ...]] = []
        self.refusals: list[Refusal] = []

    def take(self, row: int, place: str, read: Callable[[], tuple[int, ...]]) -> None:
        """Convert one row, or keep its refusal."""
        try:
            self.values.append(read())
        except Refused as error:
            self.refusals.append(msgspec.structs.replace(error.refusal, row=row))
            return
        self.kept.append(row)
        self.places.append(place)

    def packed(self, layout: np.dtype[Any]) -> bytes:
        """The rows in a layout of the core."""
        return np.array(self.values, dtype=layout).tobytes() if self.values else b""


def decode_command(command: wire.AnyWire, registers: Registers, names: Names) -> Decoded:
    """Convert a tape command against the committed terms. Raises ``Refused`` where the whole of it does not convert."""
    time_ns = None
    if command.time is not None:
        time_ns = guarded(decimals.time_ns, command.time, "$.time")
    match command:
        case wire.Trades():
            decoded = _trades(command, names)
        case wire.Orders():
            decoded = _orders(command, names)
        case wire.Deposit() | wire.Withdraw() | wire.AnnounceDeposit() | wire.RequestWithdrawal():
            decoded = _cash(command, names)
        case wire.Transfer():
            decoded = _transfers(command, names)
        case wire.Marks():
            decoded = _marks(command, names)
        case wire.Funding():
            decoded = _funding(command, names)
        case _:
            return Decoded(command, time_ns, single(command, registers, names))
    return msgspec.structs.replace(decoded, time_ns=time_ns)


# --- columns ----------------------------------------------------------------------------------------------------


CashWire = wire.Deposit | wire.Withdraw | wire.AnnounceDeposit | wire.RequestWithdrawal
OfRows = wire.Trades | wire.Orders | wire.Transfer | CashWire


def _of_rows(
    command: OfRows, read: Callable[[Any, str], tuple[int, ...]], layout: np.dtype, make: Callable[..., AnyCommand]
) -> Decoded:
    """A command of the rows that can be read; without any there is none."""
    rows = _collect(_listed(command.rows), read)
    source = named(command.source, "$.source")
    made = make(source, rows.packed(layout)) if rows.values else None
    return _decoded(command, made, rows, len(command.rows))


def _trades(command: wire.Trades, names: Names) -> Decoded:
    def read(row: Any, place: str) -> tuple[int, ...]:
        trade = convert(row, TradeRow, place)
        contract = names.contract(trade.contract, f"{place}.contract")
        return (
            number(trade.number, f"{place}.number"),
            size(trade.lots, trade.quantity, contract, names, place),
            names.ticks(trade.price, contract, f"{place}.price"),
            contract,
            names.account(trade.buyer, f"{place}.buyer"),
            names.account(trade.seller, f"{place}.seller"),
            FILLS[trade.fills],
        )

    return _of_rows(command, read, TRADE, core.SubmitTrades)


def _orders(command: wire.Orders, names: Names) -> Decoded:
    def read(row: Any, place: str) -> tuple[int, ...]:
        order = convert(row, OrderRow, place)
        contract = names.contract(order.contract, f"{place}.contract")
        return (
            number(order.number, f"{place}.number"),
            size(order.lots, order.quantity, contract, names, place),
            contract,
            names.account(order.account, f"{place}.account"),
            SELL if order.side == "sell" else BUY,
            0,
        )

    return _of_rows(command, read, ORDER, core.ChangeOrders)


CASH_COMMANDS: Final = {
    wire.Deposit: core.Deposit,
    wire.Withdraw: core.Withdraw,
    wire.AnnounceDeposit: core.AnnounceDeposit,
    wire.RequestWithdrawal: core.RequestWithdrawal,
}
"""Commands whose rows are of ``CashRow``, and those of the core."""


def _cash(command: CashWire, names: Names) -> Decoded:
    def read(row: Any, place: str) -> tuple[int, ...]:
        cash = convert(row, CashRow, place)
        asset = names.asset(cash.asset, f"{place}.asset")
        return (
            number(cash.number, f"{place}.number"),
            names.amount(cash.amount, asset, f"{place}.amount"),
            names.account(cash.account, f"{place}.account"),
            asset,
        )

    return _of_rows(command, read, CASH, CASH_COMMANDS[type(command)])


def _transfers(command: wire.Transfer, names: Names) -> Decoded:
    def read(row: Any, place: str) -> tuple[int, ...]:
        transfer = convert(row, TransferRow, place)
        asset = names.asset(transfer.asset, f"{place}.asset")
        return (
            number(transfer.number, f"{place}.number"),
            names.amount(transfer.amount, asset, f"{place}.amount"),
            names.account(transfer.payer, f"{place}.payer"),
            names.account(transfer.payee, f"{place}.payee"),
            asset,
            0,
        )

    return _of_rows(command, read, TRANSFER, core.TransferCollateral)


def _marks(command: wire.Marks, names: Names) -> Decoded:
    count = len(command.prices)
    if not count and not command.asset_prices:
        raise refuse(Reason.MALFORMED, "$.prices", "has no price: give at least one")
    marks, assets = Rows(), Rows()
    # A symbol in `prices` is a contract's; an asset's where no contract has it.
    prices = [(i, f"$.prices.{symbol}", symbol, price) for i, (symbol, price) in enumerate(command.prices.items())]
    of_assets = [
        (count + i, f"$.asset_prices.{symbol}", symbol, price)
        for i, (symbol, price) in enumerate(command.asset_prices.items())
    ]
    for row, place, symbol, price in prices:
        if names.find_contract(symbol) is None and any(asset.symbol == symbol for asset in names.terms.assets):
            of_assets.append((row, place, symbol, price))
        else:
            marks.take(row, place, partial(_mark, symbol, price, place, names))
    found: list[core.AssetPrice] = []
    for row, place, symbol, price in of_assets:
        assets.take(row, place, partial(_asset_price, symbol, price, place, names, found))
    refusals = tuple(sorted([*marks.refusals, *assets.refusals], key=lambda refusal: refusal.row or 0))
    made = core.PublishMarks(marks.packed(MARK), tuple(found)) if marks.values or found else None
    return Decoded(
        command,
        None,
        made,
        refusals,
        count + len(command.asset_prices),
        tuple(marks.kept),
        tuple(marks.places),
        tuple(assets.kept),
        tuple(assets.places),
    )


def _mark(symbol: str, price: Any, place: str, names: Names) -> tuple[int, ...]:
    contract = names.contract(symbol, place)
    value = convert(price, NUMBER_OR_NULL, place)
    return (0, contract, 1) if value is None else (names.ticks(value, contract, place), contract, 0)


def _asset_price(symbol: str, price: Any, place: str, names: Names, found: list[core.AssetPrice]) -> tuple[int, ...]:
    asset = names.asset(symbol, place)
    value = convert(price, NUMBER_OR_NULL, place)
    if names.terms.rulebook is None:
        message = "asset prices are in the numeraire, which no rulebook names yet: adopt a rulebook first"
        raise refuse(Reason.RULEBOOK_MISSING, place, message)
    numeraire = names.terms.assets[names.asset(names.terms.rulebook.numeraire, place)]
    found.append(core.AssetPrice(asset, None if value is None else names.fine(value, numeraire, place)))
    return ()


def _funding(command: wire.Funding, names: Names) -> Decoded:
    def read(item: Any, place: str) -> tuple[int, ...]:
        symbol, rate = item
        contract = names.contract(symbol, place)
        value = convert(rate, NUMBER, place)
        return (guarded(lambda written: decimals.rate(written, 10**12, "10^-12"), value, place), contract, 0)

    if not command.rates:
        raise refuse(Reason.MALFORMED, "$.rates", "has no rate: give at least one")
    places = (f"$.rates.{symbol}" for symbol in command.rates)
    rows = _collect(zip(places, command.rates.items(), strict=True), read)
    made = core.PublishFunding(rows.packed(FUNDING)) if rows.values else None
    return _decoded(command, made, rows, len(command.rates))


def _listed(rows: list[Any]) -> Iterable[tuple[str, Any]]:
    if not rows:
        raise refuse(Reason.MALFORMED, "$.rows", "is empty: give at least one row")
    return ((f"$.rows[{index}]", row) for index, row in enumerate(rows))


def _collect(items: Iterable[tuple[str, Any]], read: Callable[[Any, str], tuple[int, ...]]) -> Rows:
    rows = Rows()
    for index, (place, item) in enumerate(items):
        rows.take(index, place, partial(read, item, place))
    return rows


def _decoded(command: wire.AnyWire, made: AnyCommand | None, rows: Rows, count: int) -> Decoded:
    return Decoded(command, None, made, tuple(rows.refusals), count, tuple(rows.kept), tuple(rows.places))


# --- fields -----------------------------------------------------------------------------------------------------

FILLS: Final = {None: 0, "buyer": FILLS_BUYER, "seller": FILLS_SELLER, "both": FILLS_BUYER + FILLS_SELLER}
NUMBER: Any = str | int
NUMBER_OR_NULL: Any = str | int | None

"""From tape commands to commands of the core: decimals become ticks, lots and units, names become indices.

Decoding happens outside the core against committed terms. A command that does not convert raises ``Refused``. Of a
command with rows, each row that does not convert is refused on its own: it is not journaled and does not advance its
source's mark; the others proceed, and ``Decoded`` remembers where they stood.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from novate.core import commands as core
from novate.core.commands import AnyCommand
from novate.core.reasons import Reason
from novate.core.rows import CASH, FUNDING, MARK, TRADE
from novate.core.terms import Limit
from novate.tape import decimals, wire
from novate.tape.decimals import INT64_MAX
from novate.tape.names import Names, Terms
from novate.tape.read import convert
from novate.tape.refusal import Refusal, Refused, refuse
from novate.tape.supervision import supervision_of
from novate.tape.terms import contract_of, guarded, rulebook_of, size


class Registers(Terms, Protocol):
    """The registers that decoding reads; those of a book are."""

    @property
    def orders(self) -> dict[int, Any]: ...
    @property
    def next_order(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def limits(self) -> dict[int, Limit]: ...


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
        case wire.Deposit() | wire.Withdraw():
            decoded = _cash(command, names)
        case wire.Marks():
            decoded = _marks(command, names)
        case wire.Funding():
            decoded = _funding(command, names)
        case _:
            return Decoded(command, time_ns, _single(command, registers, names))
    return msgspec.structs.replace(decoded, time_ns=time_ns)


# --- columns ----------------------------------------------------------------------------------------------------


def _trades(command: wire.Trades, names: Names) -> Decoded:
    def read(row: Any, place: str) -> tuple[int, ...]:
        trade = convert(row, wire.TradeRow, place)
        contract = names.contract(trade.contract, f"{place}.contract")
        return (
            number(trade.number, f"{place}.number"),
            size(trade.lots, trade.quantity, contract, names, place),
            names.ticks(trade.price, contract, f"{place}.price"),
            contract,
            names.account(trade.buyer, f"{place}.buyer"),
            names.account(trade.seller, f"{place}.seller"),
            0,
        )

    rows = _collect(_listed(command.rows), read)
    source = named(command.source, "$.source")
    made = core.SubmitTrades(source, rows.packed(TRADE)) if rows.values else None
    return _decoded(command, made, rows, len(command.rows))


def _cash(command: wire.Deposit | wire.Withdraw, names: Names) -> Decoded:
    def read(row: Any, place: str) -> tuple[int, ...]:
        cash = convert(row, wire.CashRow, place)
        asset = names.asset(cash.asset, f"{place}.asset")
        return (
            number(cash.number, f"{place}.number"),
            names.amount(cash.amount, asset, f"{place}.amount"),
            names.account(cash.account, f"{place}.account"),
            asset,
        )

    rows = _collect(_listed(command.rows), read)
    source = named(command.source, "$.source")
    kind = core.Deposit if isinstance(command, wire.Deposit) else core.Withdraw
    made = kind(source, rows.packed(CASH)) if rows.values else None
    return _decoded(command, made, rows, len(command.rows))


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


# --- single commands --------------------------------------------------------------------------------------------


def _single(command: wire.AnyWire, registers: Registers, names: Names) -> AnyCommand:
    match command:
        case wire.AddAsset() | wire.ListContract():
            return _listing(command, names)
        case wire.AdoptRulebook():
            later = command.effective
            at_ns = None if later is None else guarded(decimals.time_ns, later, "$.effective")
            return core.AdoptRulebook(rulebook_of(command, names), at_ns)
        case wire.AddMember():
            return core.AddMember(named(command.name, "$.name"))
        case wire.OpenAccount():
            return core.OpenAccount(names.member(command.member, "$.member"), named(command.name, "$.name"))
        case wire.Isolate() | wire.Rejoin() | wire.MoveCollateral():
            return _isolation(command, names)
        case wire.Contribute():
            asset = names.asset(command.asset, "$.asset")
            return core.Contribute(
                source=named(command.source, "$.source"),
                number=number(command.number, "$.number"),
                fund=command.fund,
                asset=asset,
                amount_minor=names.amount(command.amount, asset, "$.amount"),
                member=None if command.member is None else names.member(command.member, "$.member"),
            )
        case wire.Execute():
            return _execute(command, registers, names)
        case wire.Expire():
            contract = names.contract(command.contract, "$.contract")
            underlying = names.terms.contracts[contract].underlying
            option = names.terms.contracts[contract].is_option
            quoted = names.contract(underlying, "$.contract") if option and underlying is not None else contract
            return core.ExpireContract(contract, names.ticks(command.price, quoted, "$.price"))
        case wire.Clock():
            return core.Clock()
        case _:
            return supervision_of(command, names)


def _isolation(command: wire.Isolate | wire.Rejoin | wire.MoveCollateral, names: Names) -> AnyCommand:
    account = names.account(command.account, "$.account")
    contract = names.contract(command.contract, "$.contract")
    if isinstance(command, wire.Rejoin):
        return core.RejoinPosition(account, contract)
    if isinstance(command, wire.MoveCollateral):
        asset = names.asset(command.asset, "$.asset")
        return core.MoveCollateral(
            source=named(command.source, "$.source"),
            number=number(command.number, "$.number"),
            account=account,
            contract=contract,
            asset=asset,
            amount_minor=names.amount(command.amount, asset, "$.amount"),
        )
    collateral = []
    for symbol, amount in command.collateral.items():
        path = f"$.collateral.{symbol}"
        asset = names.asset(symbol, path)
        collateral.append(core.Money(asset, names.amount(convert(amount, NUMBER, path), asset, path)))
    return core.IsolatePosition(account, contract, tuple(collateral))


def _listing(command: wire.AddAsset | wire.ListContract, names: Names) -> AnyCommand:
    if isinstance(command, wire.ListContract):
        named(command.symbol, "$.symbol")
        return core.ListContract(contract_of(command))
    named(command.symbol, "$.symbol")
    small = {"decimals": command.decimals, "fine_decimals": command.fine_decimals}
    for field, value in small.items():
        if not 0 <= value <= PLACES_MAX:
            message = f"{decimals.shown(value)} is not a number of decimals: give 0 to {PLACES_MAX}"
            raise refuse(Reason.TERMS_INVALID, f"$.{field}", message)
    own = core.Asset(command.symbol, command.decimals, command.fine_decimals)
    quote = own
    if command.price_in is not None and command.price_in != command.symbol:
        quote = names.terms.assets[names.asset(command.price_in, "$.price_in")]
    elif command.price_in is None and names.terms.rulebook is not None:
        quote = names.terms.assets[names.asset(names.terms.rulebook.numeraire, "$.price_in")]
    elif command.price_in is None and names.terms.assets:
        quote = names.terms.assets[0]
    return core.AddAsset(
        msgspec.structs.replace(
            own,
            price_max_fine=names.fine(command.price_max, quote, "$.price_max"),
            stale_after_ns=guarded(decimals.duration_ns, command.stale_after, "$.stale_after"),
        )
    )


def _execute(command: wire.Execute, registers: Registers, names: Names) -> AnyCommand:
    order = registers.orders.get(command.order)
    if order is None and 0 <= command.order < registers.next_order:
        message = f"order {command.order} is closed: it was filled, or it expired before this fill came"
        raise refuse(Reason.ORDER_NOT_OPEN, "$.order", message)
    if order is None:
        message = f"no liquidation order has the number {decimals.shown(command.order)}: use that of its fact"
        raise refuse(Reason.ORDER_UNKNOWN, "$.order", message)
    return core.ExecuteLiquidation(
        source=named(command.source, "$.source"),
        number=number(command.number, "$.number"),
        order=command.order,
        lots=size(command.lots, command.quantity, order.contract, names, "$"),
        price_ticks=names.ticks(command.price, order.contract, "$.price"),
        counterparty=names.account(command.counterparty, "$.counterparty"),
    )


# --- fields -----------------------------------------------------------------------------------------------------

PLACES_MAX: Final = 18
NUMBER: Any = str | int
NUMBER_OR_NULL: Any = str | int | None


def number(value: int, path: str) -> int:
    """A source's number."""
    if not -INT64_MAX <= value <= INT64_MAX:
        raise refuse(Reason.MALFORMED, path, f"{decimals.shown(value)} is beyond the range of the house (2^63 - 1)")
    return value


def named(name: str, path: str) -> str:
    """A name: printable, at most 100 characters, without space around it. An empty one is the core's to refuse."""
    if len(name) > NAME_MAX or not name.isprintable() or name != name.strip():
        message = f"{decimals.shown(name)} is not a name: at most {NAME_MAX} printable characters, no space around them"
        raise refuse(Reason.MALFORMED, path, message)
    return name


NAME_MAX: Final = 100

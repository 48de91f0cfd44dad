"""Questions that change nothing: in people's units to the core, and its answers back."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from novate.core import whatif as core
from novate.core.book import Book
from novate.core.margin import Judgement
from novate.core.reasons import Reason
from novate.core.rows import BUYER, SELLER
from novate.house.plain import plain
from novate.tape import Names, Refusal, Refused
from novate.tape.decimals import decimal
from novate.tape.decode import Registers, size
from novate.tape.encode import price_decimal, quantity_decimal
from novate.tape.explain import cash_sentence, trade_sentence
from novate.tape.read import convert

Side = Literal["buy", "sell"]


class TradeAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A trade of ``what_if``: its size in ``lots`` or as a ``quantity``, always positive."""

    contract: str
    side: Side
    price: str | int
    lots: int | None = None
    quantity: str | int | None = None


class DepositAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A deposit of ``what_if``."""

    asset: str
    amount: str | int


class Figures(msgspec.Struct, frozen=True):
    """An account judged in the numeraire; ``priced`` is False where something held has no live price."""

    equity: Decimal
    initial: Decimal
    maintenance: Decimal
    free: Decimal
    priced: bool


class Isolated(msgspec.Struct, frozen=True):
    """An isolated bucket before and after trades that might be; ``account`` is its own name."""

    account: str
    contract: str
    before: Figures
    after: Figures


class WhatIf(msgspec.Struct, frozen=True):
    """An account before and after trades that might be.

    ``refusals`` answers what would be refused, by path (``$.deposits[0].amount``, ``$.trades[1]``); the rest is in
    ``after``, and for contracts that the account holds isolated in ``isolated``. ``seq`` is the record whose house was
    seen.
    """

    seq: int
    account: str
    numeraire: str
    before: Figures
    after: Figures
    refusals: tuple[Refusal, ...] = ()
    isolated: tuple[Isolated, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether nothing would be refused."""
        return not self.refusals


class LargestOrder(msgspec.Struct, frozen=True):
    """The most that an account could trade at a price, and why a lot more would be refused."""

    seq: int
    account: str
    contract: str
    side: str
    lots: int
    quantity: Decimal
    refusal: Refusal


class LiquidationPrice(msgspec.Struct, frozen=True):
    """The marks of one contract, all else equal, at which an account falls below its requirements.

    ``call_below`` is the highest mark at or below the present one at which equity is less than the initial requirement
    (a clearing house calls), ``call_above`` the lowest at or above it; ``liquidation_below`` and ``liquidation_above``
    say the same of maintenance, less what the account is relieved of (a venue liquidates). None where no price inside
    the contract's limits does it; ``reason`` says why where all four are None.
    """

    seq: int
    account: str
    contract: str
    mark: Decimal | None
    call_below: Decimal | None
    call_above: Decimal | None
    liquidation_below: Decimal | None
    liquidation_above: Decimal | None
    reason: str = ""


class Asked(NamedTuple):
    """Trades and deposits in the core's terms, each with its place, and what did not convert."""

    trades: list[core.Trade]
    trade_places: list[str]
    deposits: list[tuple[int, int]]
    deposit_places: list[str]
    refusals: list[Refusal]


_TRADE = re.compile(r"(?P<side>buy|sell) (?P<lots>[0-9]+) (?P<contract>.+) at (?P<price>\S+)")
_DEPOSIT = re.compile(r"(?P<amount>\S+) (?P<asset>\S+)")


def trade_in_words(text: str) -> dict[str, str | int]:
    """A trade of ``what_if`` from ``buy 10 OIL at 100.00``. Raises ``ValueError`` for other words."""
    if not (match := _TRADE.fullmatch(text)):
        raise ValueError(f'{text!r} is no trade: write "buy 10 OIL at 100.00"')
    return {**match.groupdict(), "lots": int(match["lots"])}


def deposit_in_words(text: str) -> dict[str, str]:
    """A deposit of ``what_if`` from ``500.00 USD``. Raises ``ValueError`` for other words."""
    if not (match := _DEPOSIT.fullmatch(text)):
        raise ValueError(f'{text!r} is no deposit: write "500.00 USD"')
    return match.groupdict()


def decode(trades: Sequence[Mapping[str, Any]], deposits: Sequence[Mapping[str, Any]], names: Names) -> Asked:
    """What ``what_if`` was asked, in indices, ticks, lots and minor units."""
    asked = Asked([], [], [], [], [])
    for at, row in enumerate(deposits):
        place = f"$.deposits[{at}]"
        try:
            deposit = convert(plain(row, place), DepositAsked, place)
            asset = names.asset(deposit.asset, f"{place}.asset")
            asked.deposits.append((asset, names.amount(deposit.amount, asset, f"{place}.amount")))
            asked.deposit_places.append(place)
        except Refused as error:
            asked.refusals.append(error.refusal)
    for at, row in enumerate(trades):
        place = f"$.trades[{at}]"
        try:
            asked.trades.append(_trade(convert(plain(row, place), TradeAsked, place), place, names))
            asked.trade_places.append(place)
        except Refused as error:
            asked.refusals.append(error.refusal)
    return asked


def _trade(trade: TradeAsked, place: str, names: Names) -> core.Trade:
    contract = names.contract(trade.contract, f"{place}.contract")
    lots = size(trade.lots, trade.quantity, contract, names, place)
    if lots <= 0:
        message = f"{lots} is not a size: give a positive number and say buy or sell"
        raise Refused(Refusal(reason=Reason.QUANTITY_MUST_BE_POSITIVE, path=f"{place}.lots", message=message))
    price = names.ticks(trade.price, contract, f"{place}.price")
    return core.Trade(contract, lots if trade.side == "buy" else -lots, price)


def what_if(book: Book, account: int, asked: Asked, seq: int) -> WhatIf:
    """Ask the core. Raises ``LookupError`` before a rulebook is in force."""
    registers = book.registers
    numeraire = next(asset for asset in registers.assets if asset.symbol == book.rulebook.numeraire)
    found = core.what_if(book, account, asked.trades, asked.deposits)
    refusals = list(asked.refusals)
    for (asset, amount), place, answer in zip(asked.deposits, asked.deposit_places, found.deposits, strict=True):
        if answer.reason is not Reason.ACCEPTED:
            row = {"asset": asset, "account": account, "amount_minor": amount, "number": 0}
            field, message = cash_sentence(answer.reason, answer.figure, row, registers)
            path = f"{place}.{field}" if field in ("asset", "amount") else place
            refusals.append(Refusal(reason=answer.reason, path=path, message=message))
    for trade, place, answer in zip(asked.trades, asked.trade_places, found.trades, strict=True):
        if answer.reason is not Reason.ACCEPTED:
            refusals.append(_refusal(account, trade, answer, place, registers))
    before, after = (_figures(judged, numeraire.fine_decimals) for judged in (found.before, found.after))
    isolated = tuple(
        _isolated(book, bucket, change, numeraire.fine_decimals) for bucket, change in found.isolated.items()
    )
    name = registers.accounts[account].name
    return WhatIf(seq, name, numeraire.symbol, before, after, tuple(refusals), isolated)


def _isolated(book: Book, bucket: int, change: core.Change, decimals: int) -> Isolated:
    terms = book.registers.accounts[bucket]
    before, after = (_figures(judged, decimals) for judged in change)
    return Isolated(terms.name, book.registers.contracts[terms.contract].symbol, before, after)


def _refusal(account: int, trade: core.Trade, answer: core.Answer, place: str, registers: Registers) -> Refusal:
    buys = trade.lots > 0
    row = {"number": 0, "contract": trade.contract, "lots": abs(trade.lots)}
    row |= {"buyer": account, "seller": -1} if buys else {"buyer": -1, "seller": account}
    side = BUYER if buys else SELLER
    field, message = trade_sentence(answer.reason, answer.figure, side, row, registers)
    path = f"{place}.{field}" if field in ("contract", "price", "lots") else place
    return Refusal(reason=answer.reason, path=path, message=message)


def _figures(judged: Judgement, decimals: int) -> Figures:
    amounts = (judged.equity_fine, judged.initial_fine, judged.maintenance_fine, judged.free_fine)
    equity, initial, maintenance, free = (decimal(int(amount), decimals) for amount in amounts)
    return Figures(equity, initial, maintenance, free, judged.priced)


def largest_order(book: Book, account: int, contract: int, side: Side, price_ticks: int, seq: int) -> LargestOrder:
    """Ask the core. Raises ``LookupError`` before a rulebook is in force."""
    _ = book.rulebook
    sign = 1 if side == "buy" else -1
    found = core.largest_order(book, account, contract, sign, price_ticks)
    terms = book.registers.contracts[contract]
    more = core.Trade(contract, sign * (found.lots + 1), price_ticks)
    return LargestOrder(
        seq,
        book.registers.accounts[account].name,
        terms.symbol,
        side,
        found.lots,
        quantity_decimal(found.lots, terms),
        _refusal(account, more, found.refused, "$", book.registers),
    )


def liquidation_price(book: Book, account: int, contract: int, seq: int) -> LiquidationPrice:
    """Ask the core. Raises ``LookupError`` before a rulebook is in force."""
    found = core.thresholds(book, account, contract)
    terms, row = book.registers.contracts[contract], book.contracts[contract]
    marks = (*found.initial, *found.maintenance)
    reason = ""
    if found.reason is not Reason.ACCEPTED:
        reason = f"{found.reason.text}: {terms.symbol}, or something that the account holds, has no live price"
    elif all(ticks is None for ticks in marks):
        low, high = (price_decimal(int(row[field]), terms) for field in ("price_min_ticks", "price_max_ticks"))
        reason = f"no price of {terms.symbol} from {low:f} to {high:f} brings the account below its requirements"
    mark = price_decimal(int(row["price_ticks"]), terms) if found.reason is Reason.ACCEPTED else None
    prices = [None if ticks is None else price_decimal(ticks, terms) for ticks in marks]
    return LiquidationPrice(
        seq=seq,
        account=book.registers.accounts[account].name,
        contract=terms.symbol,
        mark=mark,
        call_below=prices[0],
        call_above=prices[1],
        liquidation_below=prices[2],
        liquidation_above=prices[3],
        reason=reason,
    )

"""The book as people read it: names instead of indices, exact decimals instead of units.

Amounts are ``Decimal`` with the places of their unit. Nothing here is state; every value is computed from the book when
it is asked for.
"""

from decimal import Decimal
from typing import Final

import msgspec

from novate.core.book import Book
from novate.core.layout import (
    CAPPED,
    COLLATERALISED,
    EXPIRED,
    FUTURES_STYLE,
    HALTED,
    LIQUIDATING,
    LIVE,
    OPEN,
    PREMIUM,
    REDUCE_ONLY,
    RESTRICTED,
    TIERED,
    UNMARKED,
)
from novate.core.margin import Judgement, judge, judge_alone, locked_by
from novate.core.money import charge
from novate.core.orders import open_orders_of
from novate.core.relief import relief_at
from novate.core.terms import CLIENTS, TRADING, Asset, Role
from novate.tape.decimals import decimal
from novate.tape.encode import price_decimal, quantity_decimal
from novate.views.rules import block_name

ACCESS: Final = {OPEN: "open", REDUCE_ONLY: "reduce_only", LIQUIDATING: "in_liquidation", RESTRICTED: "restricted"}
CONTRACT_STATE: Final = {UNMARKED: "unmarked", LIVE: "live", HALTED: "halted", EXPIRED: "expired"}
CONTRACT_STYLE: Final = {
    TIERED: "tiered",
    PREMIUM: "premium",
    FUTURES_STYLE: "futures_style",
    CAPPED: "capped",
    COLLATERALISED: "collateralised",
}


class Balance(msgspec.Struct, frozen=True):
    """Money of one asset in one account.

    ``settled`` is cash in the house's ledger. ``carry`` collects fees and final payments until the next settlement
    takes their whole units. ``unsettled`` is the variation result since the last settlement, less premium owed.
    """

    asset: str
    settled: Decimal
    carry: Decimal
    unsettled: Decimal


class Position(msgspec.Struct, frozen=True):
    """A position; long is positive.

    ``price`` is the last mark. ``unsettled`` is the result that the next settlement pays: for an option paid up front
    the premium still owed (negative) or due. ``value`` is what such an option is worth at the mark; None for other
    contracts, whose value is paid as variation. ``locked`` is the settled cash that a fully collateralised position
    keeps for its worst end.
    """

    contract: str
    lots: int
    quantity: Decimal
    price: Decimal
    unsettled: Decimal
    value: Decimal | None
    asset: str
    locked: Decimal = Decimal(0)


class Resting(msgspec.Struct, frozen=True):
    """Lots that an account's resting orders in a contract may still buy and sell."""

    contract: str
    bids: int
    asks: int


class MarginCall(msgspec.Struct, frozen=True):
    """An open margin call: how much of the numeraire is still to be paid, by when, and the contracts that require most.

    ``since_ns`` is when it was first made: a later call takes its place and ages from there. In portfolio mode
    ``worst`` has the worst scenario of each block of the risk sheet, as ``stressed 17: 1200``, the loss in the
    numeraire, and ``largest`` the contracts that lose most in the first of them.
    """

    account: str
    amount: Decimal
    asset: str
    due_ns: int
    largest: tuple[str, ...]
    since_ns: int = 0
    worst: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True):
    """One account, judged in the numeraire at the last marks.

    ``equity``, ``initial``, ``maintenance`` and ``free`` are None before a rulebook is in force. ``priced`` is False
    where the account holds something without a live price. ``status`` is ``open``, ``reduce_only``
    (its member is in default), ``restricted`` (only reduce: equity fell through the rulebook's level),
    ``in_liquidation`` or ``house``, ``mode`` ``cross`` (tiers) or ``portfolio`` (the risk sheet). ``warned`` is True
    where equity is below the rulebook's warning level. ``relief`` is how far below maintenance a venue lets it be, for
    what a change of rules took (0 as a rule). An isolated bucket stands as an account of its own that names its
    ``owner``, and so does a sub-account: it has its own requirements, and the money is its owner's (``equity``,
    ``free`` and ``relief`` are None).
    """

    name: str
    role: str
    member: str | None
    owner: str | None
    status: str
    balances: tuple[Balance, ...]
    positions: tuple[Position, ...]
    orders: tuple[Resting, ...]
    numeraire: str | None
    equity: Decimal | None
    initial: Decimal | None
    maintenance: Decimal | None
    free: Decimal | None
    priced: bool
    call: MarginCall | None
    mode: str = "cross"
    warned: bool = False
    relief: Decimal | None = None

    def balance(self, asset: str) -> Decimal:
        """Settled cash in an asset; zero where there is none."""
        return next((balance.settled for balance in self.balances if balance.asset == asset), Decimal(0))

    def lots(self, contract: str) -> int:
        """Lots held of a contract; zero where there are none."""
        return next((position.lots for position in self.positions if position.contract == contract), 0)


class Contract(msgspec.Struct, frozen=True):
    """One contract: its state, how it is margined (``style``), last mark, value of one lot, how much of it is open.

    ``state`` is about its price; ``halted`` says why the operator stopped trading, and is None while it trades. Where
    initial rates rise with open interest, ``scaled_at`` is the value of it by which they stand.
    """

    symbol: str
    kind: str
    state: str
    settlement: str
    price: Decimal | None
    value_per_lot: Decimal | None
    open_lots: int
    traded_lots: int
    holders: int
    expiry_ns: int | None
    style: str
    halted: str | None = None
    scaled_at: Decimal | None = None


class Member(msgspec.Struct, frozen=True):
    """One clearing member: whether it is in default, its accounts and its fund contributions."""

    name: str
    defaulted: bool
    clients: tuple[str, ...]
    default_fund: tuple[tuple[str, Decimal], ...]


class Fund(msgspec.Struct, frozen=True):
    """Money of one asset in one of the house's own accounts or in a member's default fund account."""

    account: str
    role: str
    asset: str
    settled: Decimal
    carry: Decimal


class Order(msgspec.Struct, frozen=True):
    """An open liquidation order; ``lots`` is signed from the liquidated account's side (positive buys)."""

    number: int
    account: str
    contract: str
    lots: int
    open_lots: int
    limit_price: Decimal
    expiry_ns: int


class Compression(msgspec.Struct, frozen=True):
    """What novation and netting made of the trades in one contract: lots traded against lots still open."""

    contract: str
    gross_lots: int
    net_lots: int

    @property
    def netted(self) -> Decimal:
        """The part of the traded lots that netting closed, 0 to 1, to four places."""
        if not self.gross_lots:
            return Decimal(0)
        return Decimal((self.gross_lots - self.net_lots) * 10_000 // self.gross_lots).scaleb(-4)


def account(book: Book, index: int) -> Account:
    """One account by its index."""
    registers = book.registers
    terms = registers.accounts[index]
    asset = numeraire(book)
    figures: tuple[Decimal | None, ...] = (None,) * 5
    priced, warned = True, False
    if asset is not None:
        judged = judge(book, index) if terms.role is not Role.SUB_ACCOUNT else judge_alone(book, index)
        relief = relief_at(book, index, judged)
        amounts = (judged.equity_fine, judged.initial_fine, judged.maintenance_fine, judged.free_fine, relief)
        figures = tuple(decimal(int(amount), asset.fine_decimals) for amount in amounts)
        alone = terms.role is Role.SUB_ACCOUNT
        figures = (None, *figures[1:3], None, None) if alone else figures
        priced, warned = judged.priced, not alone and is_warned(book, judged)
    equity, initial, maintenance, free, relief = figures
    return Account(
        name=terms.name,
        role=terms.role.name.lower(),
        member=registers.members[terms.member].name if terms.member >= 0 else None,
        owner=registers.accounts[terms.owner].name if terms.owner >= 0 else None,
        status=ACCESS.get(int(book.buckets[index]["access"]), "house"),
        balances=balances(book, index),
        positions=positions(book, index),
        orders=tuple(
            Resting(registers.contracts[of].symbol, *resting) for of, resting in open_orders_of(book, index).items()
        ),
        numeraire=None if asset is None else asset.symbol,
        equity=equity,
        initial=initial,
        maintenance=maintenance,
        free=free,
        priced=priced,
        call=call(book, index),
        mode="portfolio" if book.buckets[index]["portfolio"] else "cross",
        warned=warned,
        relief=relief,
    )


def is_warned(book: Book, judged: Judgement) -> bool:
    """Whether equity is below the rulebook's warning level."""
    return judged.equity_fine < charge(judged.initial_fine, book.rulebook.warning_ppm)


def numeraire(book: Book) -> Asset | None:
    """The asset that accounts are judged in, or None before a rulebook is in force."""
    rulebook = book.registers.rulebook
    index = None if rulebook is None else book.asset_index(rulebook.numeraire)
    return None if index is None else book.registers.assets[index]


def balances(book: Book, index: int) -> tuple[Balance, ...]:
    """The account's money, asset by asset, assets that it has nothing in left out; a sub-account's is its omnibus'."""
    unsettled_fine = [0] * book.asset_count
    for bucket in book.in_purse(index) if book.purse_of(index) == index else ():
        for contract, lots, cost_fine in book.positions_of(bucket):
            unsettled_fine[int(book.contracts[contract]["asset"])] += _unsettled_fine(book, contract, lots, cost_fine)
    found = []
    for at, asset in enumerate(book.registers.assets):
        row = book.balances[index, at]
        settled_minor, carry_fine = int(row["balance_minor"]), int(row["carry_fine"])
        if settled_minor or carry_fine or unsettled_fine[at]:
            settled = decimal(settled_minor, asset.decimals)
            carry = decimal(carry_fine, asset.fine_decimals)
            found.append(Balance(asset.symbol, settled, carry, decimal(unsettled_fine[at], asset.fine_decimals)))
    return tuple(found)


def positions(book: Book, index: int) -> tuple[Position, ...]:
    """The account's positions by contract; closed ones until their result is settled."""
    found = []
    for contract, lots, cost_fine in book.positions_of(index):
        terms = book.registers.contracts[contract]
        row = book.contracts[contract]
        asset = book.registers.assets[int(row["asset"])]
        value_fine = lots * int(row["value_fine"]) if terms.pays_premium else None
        found.append(
            Position(
                contract=terms.symbol,
                lots=lots,
                quantity=quantity_decimal(lots, terms),
                price=price_decimal(int(row["price_ticks"]), terms),
                unsettled=decimal(_unsettled_fine(book, contract, lots, cost_fine), asset.fine_decimals),
                value=None if value_fine is None else decimal(value_fine, asset.fine_decimals),
                asset=asset.symbol,
                locked=decimal(locked_by(book, contract, lots, cost_fine), asset.fine_decimals),
            )
        )
    return tuple(found)


def _unsettled_fine(book: Book, contract: int, lots: int, cost_fine: int) -> int:
    """What the next settlement pays: the variation result, or of an option the premium alone."""
    if book.registers.contracts[contract].pays_premium:
        return -cost_fine
    return lots * int(book.contracts[contract]["value_fine"]) - cost_fine


def call(book: Book, index: int) -> MarginCall | None:
    """The account's open margin call, or None."""
    registers = book.registers
    found, asset = registers.calls.get(index), numeraire(book)
    if found is None or asset is None:
        return None
    largest = tuple(registers.contracts[part.contract].symbol for part in found.largest)
    amount = decimal(found.amount_fine, asset.fine_decimals)
    worst = tuple(
        f"{block_name(registers.sheet, part.block)} {part.scenario + 1}: "
        f"{decimal(part.loss_fine, asset.fine_decimals).normalize():f}"
        for part in found.worst
    )
    name = registers.accounts[index].name
    return MarginCall(name, amount, asset.symbol, found.due_ns, largest, found.since_ns, worst)


def contract(book: Book, index: int) -> Contract:
    """One contract by its index."""
    terms, row = book.registers.contracts[index], book.contracts[index]
    marked = int(row["state"]) != UNMARKED
    places = book.registers.assets[int(row["asset"])].fine_decimals
    rules, scaled_fine = book.registers.rulebook, book.registers.open_interest.get(index, 0)
    scaled = rules is not None and terms.margin_class in rules.open_interest
    return Contract(
        symbol=terms.symbol,
        kind=terms.kind.value,
        state=CONTRACT_STATE[int(row["state"])],
        settlement=terms.settlement,
        price=price_decimal(int(row["price_ticks"]), terms) if marked else None,
        value_per_lot=decimal(int(row["value_fine"]), places) if marked else None,
        open_lots=int(row["open_lots"]),
        traded_lots=int(row["traded_lots"]),
        holders=int(row["holders_count"]),
        expiry_ns=terms.expiry_ns,
        style=CONTRACT_STYLE[int(row["style"])],
        halted=halt.cause if (halt := book.registers.halts.get(index)) else None,
        scaled_at=decimal(scaled_fine, places) if scaled else None,
    )


def member(book: Book, index: int) -> Member:
    """One member by its index."""
    registers = book.registers
    terms = registers.members[index]
    clients = [account.name for account in registers.accounts if account.member == index and account.role in CLIENTS]
    contributed = [(fund.asset, fund.settled) for fund in _money(book, terms.fund_account)]
    return Member(terms.name, terms.defaulted, tuple(clients), tuple(contributed))


def funds(book: Book) -> list[Fund]:
    """The house's own accounts and the members' contributions, those with money in them."""
    return [
        fund
        for index, account in enumerate(book.registers.accounts)
        if account.role not in TRADING
        for fund in _money(book, index)
    ]


def _money(book: Book, index: int) -> list[Fund]:
    terms = book.registers.accounts[index]
    return [
        Fund(terms.name, terms.role.name.lower(), balance.asset, balance.settled, balance.carry)
        for balance in balances(book, index)
    ]


def open_orders(book: Book) -> list[Order]:
    """The liquidation orders that still wait for fills."""
    registers = book.registers
    found = []
    for number, order in sorted(registers.orders.items()):
        if order.open_lots:
            terms = registers.contracts[order.contract]
            limit = price_decimal(order.limit_price_ticks, terms)
            name = registers.accounts[order.bucket].name
            found.append(Order(number, name, terms.symbol, order.lots, order.open_lots, limit, order.expiry_ns))
    return found


def compression(book: Book) -> list[Compression]:
    """Gross against net, contract by contract, those that traded."""
    return [
        Compression(terms.symbol, int(row["traded_lots"]), int(row["open_lots"]))
        for terms, row in zip(book.registers.contracts, book.contracts, strict=False)
        if row["traded_lots"]
    ]

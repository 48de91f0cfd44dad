"""Tables as plain rows, for the terminal and for JSON: a whole house at a moment, and what happened.

Decimals in a column get as many places as the finest of them needs, so that right-aligned numbers stand point under
point. What accounts are judged by is shown in the numeraire's own decimals, rounded against the account; JSON has every
digit.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

import msgspec

from novate.core.book import Book
from novate.core.terms import TRADING
from novate.tape.decimals import duration_text, time_text
from novate.views import rules, state, transit
from novate.views.facts import detail


class House(msgspec.Struct, frozen=True, kw_only=True):
    """A whole house at a moment: after record ``seq``, its state's hash and everything that a reader may ask."""

    seq: int
    time: str
    digest: str
    numeraire: str | None
    decimals: int
    accounts: list[state.Account]
    members: list[state.Member]
    contracts: list[state.Contract]
    funds: list[state.Fund]
    calls: list[state.MarginCall]
    orders: list[state.Order]
    deposits: list[transit.Receipt]
    withdrawals: list[transit.Withdrawal]
    gates: list[transit.Gate]
    overdrafts: list[transit.Overdraft]
    conversions: list[transit.Conversion]
    compression: list[state.Compression]
    limits: list[rules.Limit] = []
    scheduled: list[rules.Rules] = []


class Table(msgspec.Struct, frozen=True):
    """Rows under columns; ``numbers`` names the columns that are right-aligned."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    numbers: tuple[str, ...] = ()


def house(book: Book, seq: int) -> House:
    """Everything about a book; ``seq`` is the record it stands after."""
    registers = book.registers
    numeraire = state.numeraire(book)
    traders = [at for at, account in enumerate(registers.accounts) if account.role in TRADING]
    return House(
        seq=seq,
        time=time_text(registers.time_ns),
        digest=book.digest().hex(),
        numeraire=None if numeraire is None else numeraire.symbol,
        decimals=2 if numeraire is None else numeraire.decimals,
        accounts=[state.account(book, at) for at in traders],
        members=[state.member(book, at) for at in range(len(registers.members))],
        contracts=[state.contract(book, at) for at in range(book.contract_count)],
        funds=state.funds(book),
        calls=[call for at in sorted(registers.calls) if (call := state.call(book, at))],
        orders=state.open_orders(book),
        deposits=transit.receipts(book),
        withdrawals=transit.withdrawals(book),
        gates=transit.gates(book),
        overdrafts=transit.overdrafts(book),
        conversions=transit.conversions(book),
        compression=state.compression(book),
        limits=rules.limits(book),
        scheduled=rules.scheduled(book),
    )


def to_json(value: Any) -> str:
    """Structs and rows as JSON text; decimals as strings without an exponent."""
    plain = msgspec.to_builtins(value, builtin_types=(Decimal,))
    return json.dumps(plain, ensure_ascii=False, indent=2, default=lambda number: format(number, "f"))


def tables(seen: House, account_limit: int = 40) -> list[Table]:
    """The tables of a house, empty ones left out."""
    found = [
        _accounts(seen, account_limit),
        _positions(seen, account_limit),
        _contracts(seen),
        _funds(seen),
        _calls(seen),
        _orders(seen),
        _limits(seen),
        _scheduled(seen),
        _deposits(seen),
        _withdrawals(seen),
        _gates(seen),
        _overdrafts(seen),
        _conversions(seen),
    ]
    return [table for table in found if table.rows]


def facts_table(rows: Sequence[dict[str, Any]], limit: int) -> Table:
    """The last ``limit`` facts; advanced sources, which say nothing of the house, are left out."""
    told = [row for row in rows if row["fact"] != "source_advanced"]
    shown = told[len(told) - min(limit, len(told)) :]
    title = "Facts" if len(shown) == len(told) else f"Facts (the last {len(shown)} of {len(told)})"
    columns = ("seq", "time", "fact", "what")
    cells = [[str(row["seq"]), time_text(row["time_ns"]), row["fact"], detail(row)] for row in shown]
    return Table(title, columns, cells, ("seq",))


def _accounts(seen: House, limit: int) -> Table:
    shown = seen.accounts[:limit]
    title = f"Accounts, in {seen.numeraire}" if seen.numeraire else "Accounts"
    if len(shown) < len(seen.accounts):
        title += f" (the first {limit} of {len(seen.accounts)}, --json has all)"
    columns = ("account", "kind", "member", "status", "equity", "initial", "maintenance", "free", "call")
    numbers = columns[4:]
    floors = [rounded([getattr(account, name) for account in shown], seen.decimals, ROUND_FLOOR) for name in WORTH]
    ceilings = [rounded([getattr(account, name) for account in shown], seen.decimals, ROUND_CEILING) for name in NEED]
    figures = [floors[0], *ceilings, floors[1]]
    called = rounded([account.call.amount if account.call else None for account in shown], seen.decimals, ROUND_CEILING)
    names = (
        [account.name, account.role.replace("_", " "), account.member or "", _status(account)] for account in shown
    )
    cells = [[*name, *row] for name, row in zip(names, zip(*figures, called, strict=True), strict=True)]
    return Table(title, columns, cells, numbers)


WORTH = ("equity", "free")
NEED = ("initial", "maintenance")


def rounded(numbers: Iterable[Decimal | None], places: int, rounding: str) -> list[str]:
    """Decimals of one column at the same number of places, rounded in the named direction; empty where none."""
    with localcontext(prec=60):
        unit = Decimal(1).scaleb(-places)
        return ["" if number is None else f"{number.quantize(unit, rounding):,f}" for number in numbers]


def _status(account: state.Account) -> str:
    words = account.status.replace("_", " ") + (", portfolio" if account.mode == "portfolio" else "")
    words += ", relieved" if account.relief else ""
    return words if account.priced else f"{words}, not priced"


def _positions(seen: House, limit: int) -> Table:
    held = [(account.name, position) for account in seen.accounts[:limit] for position in account.positions]
    columns = ("account", "contract", "lots", "price", "unsettled", "value", "asset")
    assets = [position.asset for _, position in held]
    figures = [
        aligned([position.price for _, position in held]),
        aligned_by_asset([position.unsettled for _, position in held], assets),
        aligned_by_asset([position.value for _, position in held], assets),
    ]
    cells = [
        [name, position.contract, f"{position.lots:,}", *row, position.asset]
        for (name, position), row in zip(held, zip(*figures, strict=True), strict=True)
    ]
    return Table("Positions", columns, cells, ("lots", "price", "unsettled", "value"))


def _contracts(seen: House) -> Table:
    columns = ("contract", "kind", "state", "price", "settles in", "open lots", "traded", "netted")
    prices = aligned([contract.price for contract in seen.contracts])
    netted = {row.contract: f"{row.netted * 100:.2f} %" for row in seen.compression}
    cells = [
        [
            contract.symbol,
            contract.kind,
            contract.state,
            price,
            contract.settlement,
            f"{contract.open_lots:,}",
            f"{contract.traded_lots:,}",
            netted.get(contract.symbol, ""),
        ]
        for contract, price in zip(seen.contracts, prices, strict=True)
    ]
    return Table("Contracts", columns, cells, ("price", "open lots", "traded", "netted"))


def _funds(seen: House) -> Table:
    assets = [fund.asset for fund in seen.funds]
    settled = aligned_by_asset([fund.settled for fund in seen.funds], assets)
    carry = aligned_by_asset([fund.carry for fund in seen.funds], assets)
    cells = [
        [fund.account, amount, rest, fund.asset] for fund, amount, rest in zip(seen.funds, settled, carry, strict=True)
    ]
    return Table("Funds", ("account", "settled", "carry", "asset"), cells, ("settled", "carry"))


def _calls(seen: House) -> Table:
    amounts = aligned([call.amount for call in seen.calls])
    cells = [
        [call.account, amount, call.asset, time_text(call.due_ns), ", ".join(call.largest)]
        for call, amount in zip(seen.calls, amounts, strict=True)
    ]
    return Table("Margin calls", ("account", "amount", "asset", "due", "because of"), cells, ("amount",))


def _orders(seen: House) -> Table:
    limits = aligned([order.limit_price for order in seen.orders])
    columns = ("order", "account", "contract", "lots", "open", "limit", "expiry")
    cells = [
        [
            str(order.number),
            order.account,
            order.contract,
            f"{order.lots:,}",
            f"{order.open_lots:,}",
            limit,
            time_text(order.expiry_ns),
        ]
        for order, limit in zip(seen.orders, limits, strict=True)
    ]
    return Table("Liquidation orders", columns, cells, ("order", "lots", "open", "limit"))


def _limits(seen: House) -> Table:
    columns = ("limit", "contract", "of", "measure", "lots", "used")
    cells = [
        [
            limit.name,
            limit.contract,
            ", ".join((*limit.members, *limit.accounts)) or "everyone",
            limit.measure,
            f"{limit.lots:,}",
            f"{limit.used_lots:,}",
        ]
        for limit in seen.limits
    ]
    return Table("Limits", columns, cells, ("lots", "used"))


def _scheduled(seen: House) -> Table:
    cells = [[each.kind.replace("_", " "), each.name, time_text(each.effective_ns or 0)] for each in seen.scheduled]
    return Table("Rules to come", ("rules", "name", "effective"), cells)


def _deposits(seen: House) -> Table:
    amounts = aligned_by_asset([row.amount for row in seen.deposits], [row.asset for row in seen.deposits])
    cells = [
        [row.source, str(row.number), row.state, row.account, amount, row.asset, _until(row.final_at_ns)]
        for row, amount in zip(seen.deposits, amounts, strict=True)
    ]
    columns = ("source", "number", "state", "account", "amount", "asset", "final at")
    return Table("Deposits that are not final", columns, cells, ("number", "amount"))


def _until(at_ns: int | None) -> str:
    return "" if at_ns is None else time_text(at_ns)


def _withdrawals(seen: House) -> Table:
    amounts = aligned_by_asset([row.amount for row in seen.withdrawals], [row.asset for row in seen.withdrawals])
    cells = [
        [str(row.number), row.account, row.state, amount, row.asset]
        for row, amount in zip(seen.withdrawals, amounts, strict=True)
    ]
    columns = ("withdrawal", "account", "state", "amount", "asset")
    return Table("Withdrawals on their way", columns, cells, ("withdrawal", "amount"))


def _gates(seen: House) -> Table:
    columns = ("asset", "cause", "since", "age", "deficit", "available", "dust", "waiting")
    assets = [gate.asset for gate in seen.gates]
    figures = [aligned_by_asset([getattr(gate, name) for gate in seen.gates], assets) for name in columns[4:]]
    cells = [
        [gate.asset, gate.cause, time_text(gate.since_ns), duration_text(gate.age_ns), *row]
        for gate, row in zip(seen.gates, zip(*figures, strict=True), strict=True)
    ]
    return Table("Closed gates", columns, cells, columns[4:])


def _overdrafts(seen: House) -> Table:
    assets = [row.asset for row in seen.overdrafts]
    figures = [
        aligned_by_asset([getattr(row, name) for row in seen.overdrafts], assets)
        for name in ("amount", "limit", "accrued")
    ]
    cells = [
        [row.account, amount, limit, row.asset, time_text(row.since_ns), time_text(row.until_ns), _rate(row.rate), due]
        for row, (amount, limit, due) in zip(seen.overdrafts, zip(*figures, strict=True), strict=True)
    ]
    columns = ("account", "below zero", "limit", "asset", "since", "until", "rate", "interest due")
    return Table("Balances below zero", columns, cells, ("below zero", "limit", "rate", "interest due"))


def _rate(part: Decimal) -> str:
    return f"{(part * 100).normalize():f} %"


def _conversions(seen: House) -> Table:
    sold, bought = ([getattr(row, name) for row in seen.conversions] for name in ("sold", "bought"))
    of = {"sell": sold, "open": sold, "least": bought}
    figures = [aligned_by_asset([getattr(row, name) for row in seen.conversions], of[name]) for name in of]
    cells = [
        [str(row.number), row.account, sell, still, row.sold, least, row.bought, time_text(row.due_ns)]
        for row, (sell, still, least) in zip(seen.conversions, zip(*figures, strict=True), strict=True)
    ]
    columns = ("order", "account", "sell", "open", "of", "for at least", "in", "due")
    return Table("Conversion orders", columns, cells, ("order", "sell", "open", "for at least"))


def aligned(numbers: Iterable[Decimal | None], places_min: int = 2) -> list[str]:
    """Decimals of one column with the same number of places, exact; empty where there is none."""
    column = list(numbers)
    places = max((_places(number) for number in column if number is not None), default=0)
    places = max(places, places_min)
    return ["" if number is None else f"{number:,.{places}f}" for number in column]


def aligned_by_asset(numbers: Sequence[Decimal | None], assets: Sequence[str]) -> list[str]:
    """Like ``aligned``, the places counted among amounts of the same asset."""
    found = [""] * len(numbers)
    for asset in dict.fromkeys(assets):
        at = [index for index, other in enumerate(assets) if other == asset]
        for index, text in zip(at, aligned([numbers[index] for index in at]), strict=True):
            found[index] = text
    return found


def _places(number: Decimal) -> int:
    """Places after the point that are needed to write the number exactly."""
    _, digits, exponent = number.as_tuple()
    places = -int(exponent)
    for digit in reversed(digits):
        if digit or places <= 0:
            break
        places -= 1
    return max(places, 0) if number else 0

"""The book as plain dicts, noun by noun: what an auditor is shown of it, and what simulated people look at."""

from fractions import Fraction
from typing import Any

import msgspec
import numpy as np

from novate.core.book import Book, Registers
from novate.core.margin import judge_house
from novate.core.registers import ScheduledRulebook
from novate.core.terms import Role

ACCESS = ("open", "reduce_only", "liquidating", "house_only", "restricted")
STATES = ("unmarked", "live", "halted", "expired")

Picture = dict[str, dict[Any, Any]]


def picture_of(book: Book) -> Picture:
    """Everything in the book that people could quarrel about. Zero money and empty positions are left out."""
    registers = book.registers
    positions, resting = _positions(book)
    balances = book.balances[: book.account_count, : book.asset_count]
    minor, carry = balances["balance_minor"].tolist(), balances["carry_fine"].tolist()
    judged = {}
    if registers.rulebook is not None:
        judged = {at: (*row[:4], bool(row[4])) for at, row in enumerate(judge_house(book).tolist())}
    return {
        "balance": _nonzero(minor),
        "carry": _nonzero(carry),
        "position": positions,
        "resting": resting,
        "judged": judged,
        "access": dict(enumerate(ACCESS[at] for at in book.buckets["access"][: book.account_count].tolist())),
        "account": {at: (account.name, account.member) for at, account in enumerate(registers.accounts)},
        **_margined(book),
        "contract": _contracts(book),
        "asset": _assets(book),
        "member in default": {at: member.defaulted for at, member in enumerate(registers.members)},
        "call": {bucket: (call.amount_fine, call.due_ns) for bucket, call in registers.calls.items()},
        "relief": {
            bucket: (relief.credit_fine, relief.uncounted_fine, Fraction(relief.kept_fine, relief.asked_fine))
            for bucket, relief in registers.relieved.items()
        },
        "order": {
            number: (one.bucket, one.contract, one.lots, one.open_lots, one.limit_price_ticks, one.expiry_ns)
            for number, one in registers.orders.items()
        },
        "liquidation": {
            estate: (state.slices, state.order, state.account) for estate, state in registers.liquidations.items()
        },
        "claim": {
            estate: sorted((str(claim.layer), claim.payee, claim.asset, claim.amount_minor) for claim in claims)
            for estate, claims in registers.claims.items()
        },
        "receivable": {estate: dict(owed) for estate, owed in registers.receivables.items()},
        **_on_their_way(registers),
        **_afterwards(registers),
        "limit": {number: msgspec.structs.astuple(limit) for number, limit in registers.limits.items()},
        "halt": {contract: (halt.cause, halt.since_ns) for contract, halt in registers.halts.items()},
        **_debts(registers),
        "scheduled": {
            ("rulebook" if isinstance(one, ScheduledRulebook) else "sheet", one.name): one.effective_ns
            for one in registers.scheduled
        },
        "source": dict(registers.sources),
        "house": {
            "time": registers.time_ns,
            "settlement due": registers.settlement_due_ns,
            "next order": registers.next_order,
            "next conversion order": registers.next_conversion,
            "next withdrawal": registers.next_withdrawal,
            "next give-up": registers.next_give_up,
            "next limit": registers.next_limit,
            "trades on record": book.blotter.count,
        },
    }


def _debts(registers: Registers) -> Picture:
    """What is owed, for what interest, and what is sold for it."""
    return {
        "interest": dict(registers.interest_ppm),
        "overdraft": {
            (account, asset): (one.amount_minor, one.since_ns, one.charged_ns)
            for account, owed in registers.overdrafts.items()
            for asset, one in owed.items()
        },
        "conversion order": {
            number: (
                *(one.account, one.sold_asset, one.sell_minor, one.open_minor),
                *(one.bought_asset, one.least_minor, one.due_ns),
            )
            for number, one in registers.conversions.items()
        },
    }


def _margined(book: Book) -> Picture:
    """Who is margined by a risk sheet, and by which; and what stands apart from its account."""
    sheet, by_sheet = book.registers.sheet, book.buckets["portfolio"][: book.account_count]
    return {
        "isolated": {
            at: (account.owner, account.contract, int(book.buckets[at]["contract"]) == account.contract)
            for at, account in enumerate(book.registers.accounts)
            if account.role is Role.ISOLATED
        },
        "sub-account": {
            at: account.owner for at, account in enumerate(book.registers.accounts) if account.role is Role.SUB_ACCOUNT
        },
        "mode": dict.fromkeys(np.flatnonzero(by_sheet).tolist(), "portfolio"),
        "sheet": {sheet.name: (sheet.scenario_count, book.registers.sheet_since_ns)} if sheet else {},
    }


def _on_their_way(registers: Registers) -> Picture:
    """Money that is not in for good, or not out."""
    return {
        "deposit": {
            (source, number): (state, one.account, one.asset, one.amount_minor, one.final_at_ns)
            for state, register in (
                ("pending", registers.deposits_pending),
                ("reversible", registers.deposits_reversible),
                ("owed", registers.reversals_owed),
            )
            for source, receipts in register.items()
            for number, one in receipts.items()
        },
        "withdrawal": {
            number: (one.account, one.asset, one.amount_minor, one.state)
            for number, one in registers.withdrawals.items()
        },
        "gate": {asset: (gate.cause, gate.since_ns) for asset, gate in registers.gates.items()},
    }


def _afterwards(registers: Registers) -> Picture:
    """What became of trades, and what waits for an answer."""
    return {
        "undone trade": {
            (source, number): True for source, numbers in registers.undone_trades.items() for number in numbers
        },
        "give-up": {
            number: (
                *(one.trade_source, one.trade_number, one.contract),
                *(one.giver, one.receiver, one.lots, one.expiry_ns),
            )
            for number, one in registers.give_ups.items()
        },
        "porting due": dict(registers.porting_due_ns),
        "porting": dict(registers.portings),
    }


def _nonzero(table: list[list[int]]) -> dict[tuple[int, int], int]:
    return {(row, at): amount for row, amounts in enumerate(table) for at, amount in enumerate(amounts) if amount}


Pairs = dict[tuple[int, int], tuple[int, int]]
"""``(bucket, contract)`` -> two figures."""


def _positions(book: Book) -> tuple[Pairs, Pairs]:
    """``(lots, cost)`` of every position, and ``(bids, asks)`` of all resting orders."""
    counts, rows = book.packed_positions()
    owners = [bucket for bucket, count in enumerate(counts.tolist()) for _ in range(count)]
    resting = book.orders[rows["orders"]].tolist()
    held: Pairs = {}
    orders: Pairs = {}
    for owner, (lots, cost, contract, _), of in zip(owners, rows.tolist(), resting, strict=True):
        if lots or cost:
            held[owner, contract] = lots, cost
        if any(of):
            orders[owner, contract] = of
    return held, orders


def _contracts(book: Book) -> dict[int, tuple[Any, ...]]:
    rows = book.contracts[: book.contract_count]
    columns = rows[["state", "price_ticks", "value_fine", "reference_fine", "otm_fine"]].tolist()
    return {at: (STATES[state], *figures) for at, (state, *figures) in enumerate(columns)}


def _assets(book: Book) -> dict[int, tuple[Any, ...]]:
    found = {}
    for at, external in enumerate(book.registers.external_minor):
        row = book.assets[at]
        credit = int(row["credit_mantissa"]), int(row["credit_scale"])
        debit = int(row["debit_mantissa"]), int(row["debit_scale"])
        found[at] = int(row["price_fine"]), credit, debit, bool(row["eligible"]), bool(row["live"]), external
    return found

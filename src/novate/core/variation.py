"""Marks, funding and expiry: how prices become values per lot, and values become money."""

from typing import Any

import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.collateral import rates_at, set_rate
from novate.core.commands import ExpireContract, PublishFunding, PublishMarks, ResolveContract
from novate.core.facts import (
    AssetHalted,
    AssetRate,
    ContractExpired,
    ContractHalted,
    Fact,
    FundingPublished,
    MarksPublished,
    Rejected,
)
from novate.core.kernels.arithmetic import value_at
from novate.core.kernels.legs import expire_rows
from novate.core.kernels.lots import set_lots
from novate.core.kernels.marks import mark_rows, set_marks
from novate.core.money import E12, round_half_even
from novate.core.open_interest import scaled_with
from novate.core.reasons import Reason
from novate.core.refusals import refusal_facts
from novate.core.rows import FUNDED, FUNDING, MARK, MARKED, NEITHER, REFUSED
from novate.core.terms import Kind

CAUSES = ("missing", "out_of_limits", "stale")


# ---- marks ----------------------------------------------------------------------------------------------------------


def decide_marks(book: Book, command: PublishMarks) -> list[Fact]:
    """Value every mark; a null row or a price outside its limits halts the contract, and options written on it."""
    marks = np.frombuffer(command.rows, MARK)
    marked, halted, refused = mark_rows(marks, book.contract_count, book.tables())
    facts: list[Fact] = [
        ContractHalted(contract, CAUSES[cause])
        for contract, cause in dict(halted.tolist()).items()
        if contract not in marked["contract"]
    ]
    stopped = dict.fromkeys(fact.contract for fact in facts if isinstance(fact, ContractHalted))
    facts += _options_halted_with(book, stopped, marked["contract"].tolist())
    asset_facts, assets = _decide_asset_prices(book, command)
    if len(marked) or assets:
        facts.insert(0, MarksPublished(marked.tobytes(), tuple(assets)))
    facts += scaled_with(book, marked)
    return facts + asset_facts + refusal_facts(refused, None, None)


def _options_halted_with(book: Book, stopped: dict[int, None], marked: list[int]) -> list[Fact]:
    """An option without its underlying's price has no margin: it halts too."""
    if not stopped:
        return []
    return [
        ContractHalted(index, "missing")
        for index in range(book.contract_count)
        if int(book.contracts[index]["underlying"]) in stopped
        and index not in stopped
        and (book.contracts[index]["state"] == layout.LIVE or index in marked)
    ]


def _decide_asset_prices(book: Book, command: PublishMarks) -> tuple[list[Fact], list[AssetRate]]:
    """Conversion rates of collateral; a missing or absurd price halts the asset."""
    facts: list[Fact] = []
    rates: list[AssetRate] = []
    for at, price in enumerate(command.assets):
        path = f"$.assets[{at}]"
        if not 0 <= price.asset < book.asset_count:
            facts.append(Rejected(Reason.ASSET_UNKNOWN, path, f"there is no asset {price.asset}"))
            continue
        asset = book.registers.assets[price.asset]
        rulebook = book.registers.rulebook
        if rulebook is None or asset.symbol == rulebook.numeraire or not book.assets[price.asset]["eligible"]:
            facts.append(Rejected(Reason.ASSET_NOT_ELIGIBLE, path, f"{asset.symbol} is not priced as collateral"))
        elif price.price_fine is None:
            facts.append(AssetHalted(price.asset, "missing"))
        elif not 0 < price.price_fine <= asset.price_max_fine:
            facts.append(AssetHalted(price.asset, "out_of_limits"))
        else:
            rates.append(rates_at(rulebook, asset, price.asset, price.price_fine))
    return facts, rates


def fold_marks_published(book: Book, fact: MarksPublished) -> None:
    """Set marks, values and rates."""
    set_marks(np.frombuffer(fact.rows, MARKED), book.registers.time_ns, book.tables())
    for rate in fact.assets:
        set_rate(book, rate)
        book.assets[rate.asset]["marked_at_ns"], book.assets[rate.asset]["live"] = book.registers.time_ns, 1


def fold_contract_halted(book: Book, fact: ContractHalted) -> None:
    """A contract that was never marked stays so; any other waits for a price."""
    if book.contracts[fact.contract]["state"] == layout.LIVE:
        book.contracts[fact.contract]["state"] = layout.HALTED
        set_lots(book.contract_count, book.tables())


def fold_asset_halted(book: Book, fact: AssetHalted) -> None:
    """The asset's last rate stays on record, and is not live."""
    book.assets[fact.asset]["live"] = 0


def stale_facts(book: Book) -> list[Fact]:
    """Contracts and collateral assets whose last mark is older than they allow."""
    now = book.registers.time_ns
    contracts = book.contracts[: book.contract_count]
    old = (contracts["state"] == layout.LIVE) & (now - contracts["marked_at_ns"] > contracts["stale_after_ns"])
    stopped = dict.fromkeys(np.flatnonzero(old).tolist())
    facts: list[Fact] = [ContractHalted(contract, "stale") for contract in stopped]
    facts += _options_halted_with(book, stopped, [])
    rulebook = book.registers.rulebook
    for index, asset in enumerate(book.registers.assets):
        row = book.assets[index]
        priced = rulebook is not None and asset.symbol != rulebook.numeraire and row["live"]
        if priced and asset.stale_after_ns and now - int(row["marked_at_ns"]) > asset.stale_after_ns:
            facts.append(AssetHalted(index, "stale"))
    return facts


# ---- funding --------------------------------------------------------------------------------------------------------


def decide_funding(book: Book, command: PublishFunding) -> list[Fact]:
    """Move each perpetual's cumulative index by rate x value of its mark.

    Positive means that longs pay shorts, as long as the mark is above zero; below zero both signs turn round.

    The step is rounded half to even at 10^-12 fine units; the index itself is rounded half to even when it enters the
    value per lot.
    """
    funded: list[tuple[int, int, int, int, int, int]] = []
    refused: list[tuple[int, int, int, int]] = []
    seen: dict[int, tuple[int, int]] = {}
    for at, (rate_e12, contract, _) in enumerate(np.frombuffer(command.rows, FUNDING).tolist()):
        reason = _check_funding(book, contract)
        if reason is Reason.ACCEPTED:
            row = book.contracts[contract]
            whole, rest = seen.get(contract, (int(row["index_whole_fine"]), int(row["index_rest_e12"])))
            if row["inverse"]:
                step = round_half_even(int(row["factor_fine"]) * rate_e12, int(row["price_ticks"]))
            else:
                step = int(row["price_ticks"]) * int(row["factor_fine"]) * rate_e12
            index_e12 = whole * E12 + rest + step
            whole, rest = divmod(index_e12, E12)
            bound = int(row["largest_value_fine"]) // 2
            if abs(rate_e12) > E12 or abs(whole) >= bound:
                reason = Reason.FUNDING_OUT_OF_RANGE
            else:
                seen[contract] = whole, rest
                index_fine = round_half_even(index_e12, E12)
                value = int(row["value_fine"]) + int(row["index_fine"]) - index_fine
                funded.append((whole, rest, index_fine, value, contract, 0))
        if reason is not Reason.ACCEPTED:
            refused.append((contract, at, reason, NEITHER))
    latest = {row[4]: row for row in funded}
    facts: list[Fact] = []
    if latest:
        facts.append(FundingPublished(np.array(list(latest.values()), FUNDED).tobytes()))
    return facts + refusal_facts(np.array(refused, REFUSED), None, None)


def _check_funding(book: Book, contract: int) -> Reason:
    if not 0 <= contract < book.contract_count:
        return Reason.CONTRACT_UNKNOWN
    if book.registers.contracts[contract].kind is not Kind.PERPETUAL:
        return Reason.NOT_A_PERPETUAL
    if book.contracts[contract]["state"] != layout.LIVE:
        return Reason.PRICE_MISSING
    return Reason.ACCEPTED


def fold_funding_published(book: Book, fact: FundingPublished) -> None:
    """Set the indices and the values per lot that follow from them."""
    book.blotter.settle_in(book.contracts["index_fine"])  # trades so far were made with the index of before
    for row in np.frombuffer(fact.rows, FUNDED):
        contract = book.contracts[row["contract"]]
        for field in ("index_whole_fine", "index_rest_e12", "index_fine", "value_fine"):
            contract[field] = row[field]
    set_lots(book.contract_count, book.tables())


# ---- expiry ---------------------------------------------------------------------------------------------------------


def decide_expire(book: Book, command: ExpireContract) -> list[Fact]:
    """Settle a future at its final price, or an option at its payoff for its underlying's final price."""
    index = command.contract
    if refused := _check_open(book, index):
        return [refused]
    terms = book.registers.contracts[index]
    row = book.contracts[index]
    if terms.expiry_ns is None or book.registers.time_ns < terms.expiry_ns:
        message = f"{terms.symbol} expires at {terms.expiry_ns} ns, it is {book.registers.time_ns} ns"
        return [Rejected(Reason.NOT_YET_EXPIRED, "$.contract", message)]
    limits = book.contracts[row["underlying"]] if terms.is_option else row
    if refused := _check_final_price(limits, command.price_ticks):
        return [refused]
    if terms.is_option:
        return [ContractExpired(index, command.price_ticks, payoff_fine(row, command.price_ticks))]
    expired = ContractExpired(index, command.price_ticks, int(value_at(command.price_ticks, row)))
    return [expired, *_options_halted_with(book, {index: None}, [])]


def decide_resolve(book: Book, command: ResolveContract) -> list[Fact]:
    """End a resolvable contract at its outcome, or at a refund where it has none; neither waits for its expiry."""
    index = command.contract
    if refused := _check_open(book, index):
        return [refused]
    terms, row = book.registers.contracts[index], book.contracts[index]
    if not terms.resolvable:
        message = f"{terms.symbol} ends at its expiry: only a contract listed as resolvable ends with an event"
        return [Rejected(Reason.NOT_RESOLVABLE, "$.contract", message)]
    if refused := _check_final_price(row, command.price_ticks):
        return [refused]
    value = int(value_at(command.price_ticks, row))
    ended = ContractExpired(index, command.price_ticks, value, command.outcome)
    return [ended, *_options_halted_with(book, {index: None}, [])]


def _check_open(book: Book, index: int) -> Rejected | None:
    """Why a contract cannot come to an end now, or None."""
    if not 0 <= index < book.contract_count:
        return Rejected(Reason.CONTRACT_UNKNOWN, "$.contract", f"there is no contract {index}")
    if book.contracts[index]["state"] == layout.EXPIRED:
        return Rejected(Reason.CONTRACT_EXPIRED, "$.contract", f"{book.registers.contracts[index].symbol} has expired")
    return None


def _check_final_price(limits: Any, price_ticks: int) -> Rejected | None:
    """Why a price cannot be final, or None; ``limits`` is the contract's row that has them."""
    low, high = int(limits["price_min_ticks"]), int(limits["price_max_ticks"])
    if low <= price_ticks <= high:
        return None
    message = f"the final price must be {low} to {high} ticks, got {price_ticks}"
    return Rejected(Reason.PRICE_OUT_OF_LIMITS, "$.price", message)


def payoff_fine(option: np.void, spot_ticks: int) -> int:
    """Payoff of one lot: max(S - K, 0) or max(K - S, 0) per unit; inverse payoffs are rounded half to even, once."""
    distance = spot_ticks - int(option["strike_ticks"])
    distance = max(0, distance if option["option"] == 1 else -distance)
    unit = int(option["underlying_factor_fine"])
    return round_half_even(unit * distance, spot_ticks) if option["inverse"] else unit * distance


def fold_contract_expired(book: Book, fact: ContractExpired) -> None:
    """Every position becomes money: lots x final value - cost into the holder's carry."""
    contract = book.contracts[fact.contract]
    expire_rows(fact.contract, fact.value_fine, book.tables())
    contract["state"] = layout.EXPIRED
    contract["halted"] = 0
    book.registers.halts.pop(fact.contract, None)
    contract["price_ticks"] = fact.price_ticks
    contract["value_fine"] = fact.value_fine
    set_lots(book.contract_count, book.tables())
    for order in book.registers.orders.values():
        if order.contract == fact.contract:
            order.open_lots = 0

"""Isolated buckets: one contract of an account, with collateral of its own, called, liquidated and bankrupt alone.

An isolated bucket is opened once for an account and a contract and is used again whenever the contract is isolated
anew. Positions move at their cost, so no result is realised by moving; money moves only where it is free.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from novate.core import layout
from novate.core.admission import open_account
from novate.core.book import Book
from novate.core.commands import IsolatePosition, Money, MoveCollateral, RejoinPosition
from novate.core.facts import (
    BucketOpened,
    CallMet,
    CollateralAssigned,
    Fact,
    PositionIsolated,
    PositionRejoined,
    Rejected,
    SourceAdvanced,
)
from novate.core.ledger import move_carry, not_its_own, on_order_minor, post
from novate.core.liquidation_facts import CollateralMoved
from novate.core.margin import Judgement, in_numeraire, judge_apart, locked_fine, mode_of, uncovered_fine
from novate.core.money import EXPOSURE_MAX, written
from novate.core.novation import move_leg
from novate.core.orders import open_orders_of
from novate.core.portfolio import is_portfolio, not_covered
from novate.core.reasons import Reason
from novate.core.terms import OWNED, Kind, MarginMode, Role


class Side(NamedTuple):
    """A bucket as it would stand after a move: its position rows, its row of balances and how it is margined."""

    rows: np.ndarray
    balances: np.ndarray
    mode: MarginMode = MarginMode.CROSS

    def judge(self, book: Book) -> Judgement:
        """The bucket in the numeraire."""
        return judge_apart(book, self.rows, self.balances, self.mode)


# ---- isolating ------------------------------------------------------------------------------------------------------


def decide_isolate(book: Book, command: IsolatePosition) -> list[Fact]:
    """Move a contract's position, and free collateral with it, to a bucket of its own; both must stay margined."""
    account, contract = command.account, command.contract
    refused = _check_account(book, account, contract) or _check_isolation(book, account, contract)
    if refused := refused or _check_orders(book, account, contract):
        return [refused]
    for at, money in enumerate(command.collateral):
        if refused := _check_money(book, account, money, f"$.collateral[{at}]"):
            return [refused]
    if len(dict.fromkeys(money.asset for money in command.collateral)) != len(command.collateral):
        return [Rejected(Reason.MALFORMED, "$.collateral", "an asset occurs twice: give each once")]
    segment = book.segment(account)
    moving = segment["contract"] == contract
    bucket = next((b for b in book.isolated_of(account) if book.registers.accounts[b].contract == contract), None)
    amounts = {money.asset: money.amount_minor for money in command.collateral}
    left, taken = _balances(book, account), _balances(book, bucket)
    for asset, amount in amounts.items():
        left[0, asset]["balance_minor"] -= amount
        taken[0, asset]["balance_minor"] += amount
    lots, cost = int(segment["lots"][moving].sum()), int(segment["cost_fine"][moving].sum())
    if book.registers.contracts[contract].pays_premium:
        asset = int(book.contracts[contract]["asset"])
        left[0, asset]["premium_fine"] -= cost
        taken[0, asset]["premium_fine"] += cost
    refused = _check_leaving(book, account, Side(segment[~moving].copy(), left, mode_of(book, account)), amounts)
    refused = refused or _check_margin(book, Side(segment[moving].copy(), taken))
    if refused:
        return [refused]
    opened: list[Fact] = [BucketOpened(account, contract)] if bucket is None else []
    bucket = book.account_count if bucket is None else bucket
    moved = tuple(CollateralMoved(asset, amount, 0) for asset, amount in amounts.items())
    return [*opened, PositionIsolated(account, bucket, contract, lots, cost, moved)]


def _check_account(book: Book, account: int, contract: int) -> Rejected | None:
    """What all moves have in common: an account in good standing and a contract that is on record."""
    if not 0 <= account < book.account_count:
        return Rejected(Reason.ACCOUNT_UNKNOWN, "$.account", f"there is no account {account}")
    terms = book.registers.accounts[account]
    if terms.role not in OWNED:
        message = f"{terms.name} is no account of a member or client: name the account, not a bucket of it"
        return Rejected(Reason.ACCOUNT_NOT_TRADABLE, "$.account", message)
    if not 0 <= contract < book.contract_count:
        return Rejected(Reason.CONTRACT_UNKNOWN, "$.contract", f"there is no contract {contract}")
    if book.registers.members[terms.member].defaulted:
        return Rejected(Reason.MEMBER_IN_DEFAULT, "$.account", f"the member behind {terms.name} is in default")
    for bucket in (account, book.bucket_of(account, contract)):
        if bucket in book.registers.liquidations:
            name = book.registers.accounts[bucket].name
            return Rejected(Reason.ACCOUNT_IN_LIQUIDATION, "$.account", f"{name} is in liquidation: nothing moves")
    return None


def _check_orders(book: Book, account: int, contract: int) -> Rejected | None:
    """Resting orders do not move between buckets."""
    if contract not in open_orders_of(book, book.bucket_of(account, contract)):
        return None
    name, symbol = book.registers.accounts[account].name, book.registers.contracts[contract].symbol
    return Rejected(Reason.ORDERS_OPEN, "$.contract", f"{name} has resting orders in {symbol}: cancel them first")


def _check_isolation(book: Book, account: int, contract: int) -> Rejected | None:
    """Whether a contract of the account can be isolated now."""
    terms, of = book.registers.accounts[account], book.registers.contracts[contract]
    if of.kind is Kind.INDEX:
        return Rejected(Reason.CONTRACT_NOT_TRADABLE, "$.contract", f"{of.symbol} is an index: nobody holds it")
    if book.contracts[contract]["state"] == layout.EXPIRED:
        return Rejected(Reason.CONTRACT_EXPIRED, "$.contract", f"{of.symbol} has expired")
    if terms.role is Role.HOUSE and book.rulebook.form == "clearing_house":
        message = f"a member answers for {terms.name} with all it has: only clients' positions can be isolated"
        return Rejected(Reason.ISOLATION_NOT_ALLOWED, "$.account", message)
    if terms.role not in (Role.HOUSE, Role.CLIENT):
        message = f"all that {terms.name} holds stands for all its clients: nothing in a pooled account is isolated"
        return Rejected(Reason.ISOLATION_NOT_ALLOWED, "$.account", message)
    if book.bucket_of(account, contract) != account:
        return Rejected(Reason.ALREADY_ISOLATED, "$.contract", f"{of.symbol} of {terms.name} is isolated already")
    return None


def _check_money(book: Book, bucket: int, money: Money, path: str) -> Rejected | None:
    """Whether a bucket has an amount that is its own: what others paid for it, or it owes for a reversal, is not."""
    if not 0 <= money.asset < book.asset_count:
        return Rejected(Reason.ASSET_UNKNOWN, f"{path}.asset", f"there is no asset {money.asset}")
    if money.amount_minor <= 0:
        message = f"a positive amount is needed, got {money.amount_minor}"
        return Rejected(Reason.AMOUNT_MUST_BE_POSITIVE, f"{path}.amount", message)
    held = int(_own_balances(book, bucket)[0, money.asset]["balance_minor"])
    if money.amount_minor > held:
        name, asset = book.registers.accounts[bucket].name, book.registers.assets[money.asset]
        own, wanted = written(held, asset.decimals), written(money.amount_minor, asset.decimals)
        message = f"{name} has {own} {asset.symbol} of its own, {wanted} is asked for"
        return Rejected(Reason.BALANCE_INSUFFICIENT, f"{path}.amount", message)
    not_for_sale = max(0, held - on_order_minor(book, bucket, money.asset))
    if money.amount_minor > not_for_sale:
        name, asset = book.registers.accounts[bucket].name, book.registers.assets[money.asset]
        most = written(not_for_sale, asset.decimals)
        message = f"the rest of {name}'s {asset.symbol} is for sale: move at most {most}"
        return Rejected(Reason.COLLATERAL_ON_ORDER, f"{path}.amount", message)
    return None


def _balances(book: Book, bucket: int | None) -> np.ndarray:
    """A copy of a bucket's row of balances; of nothing for a bucket that is not open yet."""
    if bucket is None:
        return np.zeros((1, book.balances.shape[1]), layout.BALANCE)
    return book.balances[bucket : bucket + 1].copy()


def _own_balances(book: Book, bucket: int) -> np.ndarray:
    """The same less what is not its own."""
    balances = _balances(book, bucket)
    for asset, amount in not_its_own(book, bucket).items():
        balances[0, asset]["balance_minor"] -= amount
    return balances


def _check_leaving(book: Book, bucket: int, after: Side, leaving: Iterable[int]) -> Rejected | None:
    """Whether what leaves a bucket is free: what stays covers losses and requirement in cash, as for a withdrawal.

    ``leaving`` are the assets of which money leaves.
    """
    if bucket in book.registers.restricted:
        message = (
            f"{book.registers.accounts[bucket].name} may only reduce until its equity is back at the release level"
        )
        return Rejected(Reason.ACCOUNT_RESTRICTED, "$", message)
    for asset, amount in not_its_own(book, bucket).items():
        after.balances[0, asset]["balance_minor"] -= amount
    verdict = after.judge(book)
    name = book.registers.accounts[bucket].name
    if not verdict.priced:
        return Rejected(Reason.PRICE_MISSING, "$", f"{name} holds something without a live price: publish its mark")
    if verdict.spare_fine < 0:
        message = f"it would leave {name} {in_numeraire(book, -verdict.spare_fine)} short: move less"
        return Rejected(Reason.MARGIN_INSUFFICIENT, "$", message)
    return _check_cover(book, after, leaving)


def _check_margin(book: Book, after: Side) -> Rejected | None:
    """Whether a bucket that receives would stand at or above its initial requirement."""
    verdict = after.judge(book)
    if not verdict.priced:
        return Rejected(Reason.PRICE_MISSING, "$.contract", "something in it has no live price: publish its mark")
    if verdict.equity_fine < verdict.initial_fine:
        lack = verdict.initial_fine - verdict.equity_fine
        message = f"it would stand {in_numeraire(book, lack)} below its initial requirement: bring collateral"
        return Rejected(Reason.MARGIN_INSUFFICIENT, "$", message)
    return _check_cover(book, after, ())


def _check_cover(book: Book, after: Side, leaving: Iterable[int]) -> Rejected | None:
    """Whether settled cash would cover collateralised positions and, where money leaves, what is owed in its asset.

    What a mark has made resting orders set aside holds money back that would leave, and nothing that comes in.
    """
    for index, asset in enumerate(book.registers.assets):
        lack = uncovered_fine(book, after.rows, after.balances[0, index], index, resting=index in leaving)
        if lack > 0 and (index in leaving or locked_fine(book, after.rows, index)):
            lacking = f"{written(lack, asset.fine_decimals)} {asset.symbol}"
            message = f"what is owed and what collateralised positions could lose would lack {lacking}: leave that much"
            return Rejected(Reason.COLLATERAL_NOT_COVERED, "$", message)
    return None


# ---- rejoining and collateral ---------------------------------------------------------------------------------------


def decide_rejoin(book: Book, command: RejoinPosition) -> list[Fact]:
    """Move an isolated position and all its money back to the account's cross bucket, which must bear it."""
    account, contract = command.account, command.contract
    refused = _check_account(book, account, contract) or _check_isolated(book, account, contract)
    if refused := refused or _check_orders(book, account, contract):
        return [refused]
    bucket = book.bucket_of(account, contract)
    if bucket in book.registers.claims:
        message = f"others paid for {book.registers.accounts[bucket].name} and are not repaid yet: bring collateral in"
        return [Rejected(Reason.CLAIMS_OPEN, "$.contract", message)]
    held = book.positions_of(bucket)
    merged = _balances(book, account)
    for field in ("balance_minor", "carry_fine", "premium_fine"):
        merged[0][field] += book.balances[bucket][field]
    for asset in range(book.asset_count):
        if not _has_room(book, account, bucket, asset):
            return [Rejected(Reason.MONEY_LIMIT_EXCEEDED, "$.account", "together they pass what 64 bits can hold")]
    rows = np.concatenate([book.segment(account), book.segment(bucket)])
    if is_portfolio(book, account) and (no := not_covered(book, account, _lots(rows))):
        return [Rejected(no[0], "$.contract", no[1])]
    if refused := _check_margin(book, Side(rows, merged, mode_of(book, account))):
        return [refused]
    facts: list[Fact] = [CallMet(bucket, "payment")] if bucket in book.registers.calls else []
    lots, cost = next(((lots, cost) for _, lots, cost in held), (0, 0))
    moved = [
        CollateralMoved(asset, int(row["balance_minor"]), int(row["carry_fine"]))
        for asset, row in enumerate(book.balances[bucket, : book.asset_count])
        if row["balance_minor"] or row["carry_fine"]
    ]
    return [*facts, PositionRejoined(account, bucket, contract, lots, cost, tuple(moved))]


def _lots(rows: np.ndarray) -> dict[int, int]:
    """Lots by contract."""
    lots: dict[int, int] = {}
    for row in rows:
        lots[int(row["contract"])] = lots.get(int(row["contract"]), 0) + int(row["lots"])
    return lots


def _check_isolated(book: Book, account: int, contract: int) -> Rejected | None:
    if book.bucket_of(account, contract) != account:
        return None
    name, symbol = book.registers.accounts[account].name, book.registers.contracts[contract].symbol
    return Rejected(Reason.NOT_ISOLATED, "$.contract", f"{symbol} of {name} is not isolated")


def _has_room(book: Book, account: int, bucket: int, asset: int) -> bool:
    """Whether two buckets in one keep within the bound of the 64-bit argument."""
    unit = book.registers.assets[asset].unit_fine
    rows = [book.balances[each, asset] for each in (account, bucket)]
    parts = [(int(r["balance_minor"]) * unit, abs(int(r["carry_fine"])), int(r["exposure_fine"])) for r in rows]
    return sum(map(sum, parts)) <= EXPOSURE_MAX


def decide_move_collateral(book: Book, command: MoveCollateral) -> list[Fact]:
    """Move free collateral from the cross bucket into an isolated one (positive) or back (negative)."""
    mark = book.registers.sources.get(command.source, -1)
    if command.number <= mark:
        message = f"{command.source!r} is already at number {mark}, got {command.number}; give a number above it"
        return [Rejected(Reason.DUPLICATE_OR_LATE, "$.number", message)]
    advanced = SourceAdvanced(command.source, command.number)
    account, contract = command.account, command.contract
    if refused := _check_account(book, account, contract) or _check_isolated(book, account, contract):
        return [refused, advanced]
    bucket = book.bucket_of(account, contract)
    giver, taker = (account, bucket) if command.amount_minor > 0 else (bucket, account)
    amount = abs(command.amount_minor)
    if refused := _check_money(book, giver, Money(command.asset, amount), "$"):
        return [refused, advanced]
    left = _balances(book, giver)
    left[0, command.asset]["balance_minor"] -= amount
    after = Side(book.segment(giver).copy(), left, mode_of(book, giver))
    if refused := _check_leaving(book, giver, after, (command.asset,)):
        return [refused, advanced]
    room = book.balances[taker, command.asset]
    worth = (int(room["balance_minor"]) + amount) * book.registers.assets[command.asset].unit_fine
    if worth + abs(int(room["carry_fine"])) + int(room["exposure_fine"]) > EXPOSURE_MAX:
        return [Rejected(Reason.MONEY_LIMIT_EXCEEDED, "$.amount", "more than 64 bits can hold"), advanced]
    return [CollateralAssigned(account, bucket, command.asset, command.amount_minor), advanced]


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_bucket_opened(book: Book, fact: BucketOpened) -> None:
    """Give the bucket the next index and put it at the end of its account's chain."""
    registers = book.registers
    owner, symbol = registers.accounts[fact.account], registers.contracts[fact.contract].symbol
    chain = [fact.account, *book.isolated_of(fact.account)]
    bucket = open_account(book, f"isolated:{owner.name}:{symbol}", Role.ISOLATED, owner.member)
    registers.accounts[bucket].owner, registers.accounts[bucket].contract = fact.account, fact.contract
    book.buckets[chain[-1]]["next"] = bucket
    book.buckets[bucket]["contract"] = layout.REJOINED
    book.limit_spans[bucket] = book.limit_spans[fact.account]  # what it holds is the account's


def fold_position_isolated(book: Book, fact: PositionIsolated) -> None:
    """The contract's trades go to the isolated bucket from now on, and what was held of it is there."""
    book.buckets[fact.bucket]["contract"] = fact.contract
    _move(book, fact.account, fact.bucket, fact)


def fold_position_rejoined(book: Book, fact: PositionRejoined) -> None:
    """The contract's trades go to the cross bucket again; whoever owes the isolated one now owes the account."""
    book.buckets[fact.bucket]["contract"] = layout.REJOINED
    _move(book, fact.bucket, fact.account, fact)
    for claims in book.registers.claims.values():
        for claim in claims:
            if claim.payee == fact.bucket:
                claim.payee = fact.account


def _move(book: Book, giver: int, taker: int, fact: PositionIsolated | PositionRejoined) -> None:
    if fact.lots or fact.cost_fine:
        move_leg(book, giver, fact.contract, -fact.lots, -fact.cost_fine)
        move_leg(book, taker, fact.contract, fact.lots, fact.cost_fine)
    for moved in fact.collateral:
        post(book, giver, taker, moved.asset, moved.amount_minor)
        move_carry(book, giver, taker, moved.asset, moved.carry_fine)


def fold_collateral_assigned(book: Book, fact: CollateralAssigned) -> None:
    """Post what moved; a negative amount came back."""
    post(book, fact.account, fact.bucket, fact.asset, fact.amount_minor)

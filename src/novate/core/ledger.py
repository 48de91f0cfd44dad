"""Balances: money in, money out, and postings between accounts. Whole minor units, never below zero."""

import numpy as np

from novate.core.book import Book
from novate.core.caps import HOUSE_WIDE, member_key, room_under_caps
from novate.core.commands import Contribute, Deposit, Withdraw
from novate.core.facts import Contributed, Deposited, Fact, Rejected, SourceAdvanced, Withdrawn
from novate.core.margin import judge, uncovered_fine
from novate.core.money import EXPOSURE_MAX, MONEY_MAX
from novate.core.money_facts import DepositsReversible
from novate.core.reasons import Reason
from novate.core.refusals import Refusals, late
from novate.core.rows import CASH, POSTED
from novate.core.terms import INSURANCE, OWNED, SKIN, TREASURY

FUNDS = {"skin_in_the_game": SKIN, "insurance_fund": INSURANCE, "treasury": TREASURY}


# ---- postings (for evolve) ------------------------------------------------------------------------------------------


def post_external(book: Book, account: int, asset: int, amount_minor: int) -> None:
    """Money enters (positive) or leaves (negative) the house through an account."""
    book.balances[account, asset]["balance_minor"] += amount_minor
    book.assets[asset]["balance_total_minor"] += amount_minor
    book.registers.external_minor[asset] += amount_minor


def post(book: Book, payer: int, payee: int, asset: int, amount_minor: int) -> None:
    """Money moves from one account to another: two entries of the same size."""
    book.balances[payer, asset]["balance_minor"] -= amount_minor
    book.balances[payee, asset]["balance_minor"] += amount_minor


def move_carry(book: Book, payer: int, payee: int, asset: int, amount_fine: int) -> None:
    """Unsettled money moves from one account to another."""
    book.balances[payer, asset]["carry_fine"] -= amount_fine
    book.balances[payee, asset]["carry_fine"] += amount_fine


def balance_of(book: Book, account: int, asset: int) -> int:
    """Settled balance in minor units."""
    return int(book.balances[account, asset]["balance_minor"])


# ---- money in and out -----------------------------------------------------------------------------------------------


def decide_contribute(book: Book, command: Contribute) -> list[Fact]:
    """Money for one of the house's named accounts or a member's default fund account."""
    if refused := late(book, command.source, command.number):
        return [refused]
    advanced = SourceAdvanced(command.source, command.number)
    if not 0 <= command.asset < book.asset_count:
        return [Rejected(Reason.ASSET_UNKNOWN, "$.asset", f"there is no asset {command.asset}"), advanced]
    account = FUNDS.get(command.fund)
    if account is None:
        members = book.registers.members
        if command.member is None or not 0 <= command.member < len(members):
            return [Rejected(Reason.MEMBER_UNKNOWN, "$.member", f"there is no member {command.member}"), advanced]
        account = members[command.member].fund_account
        if members[command.member].defaulted:
            message = f"{members[command.member].name} is in default"
            return [Rejected(Reason.MEMBER_IN_DEFAULT, "$.member", message), advanced]
    if command.amount_minor <= 0:
        message = f"a positive amount is needed, got {command.amount_minor}"
        return [Rejected(Reason.AMOUNT_MUST_BE_POSITIVE, "$.amount", message), advanced]
    amount = command.amount_minor
    if not (has_room(book, command.asset, amount) and fits(book, account, command.asset, amount)):
        message = f"all money of one asset is at most {MONEY_MAX} minor units, an account's {EXPOSURE_MAX} fine units"
        return [Rejected(Reason.MONEY_LIMIT_EXCEEDED, "$.amount", message), advanced]
    return [Contributed(account, command.asset, command.amount_minor), advanced]


def has_room(book: Book, asset: int, amount_minor: int) -> bool:
    """Whether all money of the asset, this amount included, stays within its bound."""
    return book.registers.external_minor[asset] + amount_minor <= MONEY_MAX


def fits(book: Book, account: int, asset: int, amount_minor: int) -> bool:
    """Whether an account's worth, this amount included, stays within the bound of the 64-bit argument."""
    row = book.balances[account, asset]
    money = (int(row["balance_minor"]) + amount_minor) * book.registers.assets[asset].unit_fine
    return money + abs(int(row["carry_fine"])) + int(row["exposure_fine"]) <= EXPOSURE_MAX


def fold_contributed(book: Book, fact: Contributed) -> None:
    """Post a contribution."""
    post_external(book, fact.account, fact.asset, fact.amount_minor)


def decide_deposit(book: Book, command: Deposit) -> list[Fact]:
    """Collateral into members' and clients' accounts, row by row."""
    rows = np.frombuffer(command.rows, CASH)
    refusals = Refusals(book, command.source)
    added: dict[tuple[int, int], int] = {}
    kept, numbered = [], []
    for at, row in enumerate(rows):
        number, amount, account, asset = (int(row[field]) for field in CASH.names or ())
        if refusals.out_of_turn(at, number):
            continue
        reason, figure = check_deposit(book, account, asset, amount, added)
        if reason is not Reason.ACCEPTED:
            refusals.add(at, reason, figure)
            continue
        count_in(book, account, asset, amount, added)
        kept.append((amount, account, asset))
        numbered.append((number, amount, account, asset))
    return [*_with_rows(Deposited, kept, refusals), *reversible(book, command.source, numbered)]


def check_deposit(
    book: Book, account: int, asset: int, amount: int, added: dict[tuple[int, int], int]
) -> tuple[Reason, int]:
    """Whether a deposit may come in beside what is ``added`` before it: ``(reason, the figure that goes with it)``."""
    reason = check_cash(book, account, asset, amount, coming_in=True)
    if reason is not Reason.ACCEPTED:
        return reason, amount
    of_account, of_house = (added.get(key, 0) + amount for key in ((account, asset), (HOUSE_WIDE, asset)))
    if not (has_room(book, asset, of_house) and fits(book, account, asset, of_account)):
        return Reason.MONEY_LIMIT_EXCEEDED, amount
    if not book.assets[asset]["live"]:
        return Reason.PRICE_MISSING, amount
    room = room_under_caps(book, account, asset, added)
    if room is not None and amount > room:
        return Reason.COLLATERAL_CAP_EXCEEDED, max(0, room)
    return Reason.ACCEPTED, 0


def count_in(book: Book, account: int, asset: int, amount: int, added: dict[tuple[int, int], int]) -> None:
    """Remember an amount that comes in, for the rows after it."""
    for key in ((HOUSE_WIDE, asset), (account, asset), (member_key(book, account), asset)):
        added[key] = added.get(key, 0) + amount


def reversible(book: Book, source: str, rows: list[tuple[int, int, int, int]]) -> list[Fact]:
    """Deposits that came in (rows of ``CASH``) can be reversed for as long as the rulebook says."""
    horizon = book.rulebook.deposit_final_after_ns
    if not (rows and horizon):
        return []
    return [DepositsReversible(source, np.array(rows, CASH).tobytes(), book.registers.time_ns + horizon)]


def decide_withdraw(book: Book, command: Withdraw) -> list[Fact]:
    """Free collateral out of members' and clients' accounts, row by row, each seeing the rows before it."""
    rows = np.frombuffer(command.rows, CASH)
    refusals = Refusals(book, command.source)
    taken: dict[tuple[int, int], int] = {}
    kept = []
    for at, row in enumerate(rows):
        number, amount, account, asset = (int(row[field]) for field in CASH.names or ())
        if refusals.out_of_turn(at, number):
            continue
        reason, figure = check_cash(book, account, asset, amount, coming_in=False), amount
        if reason is Reason.ACCEPTED:
            reason, figure = check_withdrawal(book, account, asset, amount, taken)
        if reason is Reason.ACCEPTED and asset in book.registers.gates:
            reason = Reason.GATE_CLOSED
        if reason is not Reason.ACCEPTED:
            refusals.add(at, reason, figure)
            continue
        taken[account, asset] = taken.get((account, asset), 0) + amount
        kept.append((-amount, account, asset))
    return _with_rows(Withdrawn, kept, refusals)


def check_cash(book: Book, account: int, asset: int, amount: int, *, coming_in: bool) -> Reason:
    """What deposits and withdrawals have in common. What is no longer eligible may still leave."""
    if not 0 <= asset < book.asset_count:
        return Reason.ASSET_UNKNOWN
    if not 0 <= account < book.account_count:
        return Reason.ACCOUNT_UNKNOWN
    if coming_in and not book.assets[asset]["eligible"]:
        return Reason.ASSET_NOT_ELIGIBLE
    if book.registers.accounts[account].role not in OWNED:
        return Reason.ACCOUNT_NOT_TRADABLE
    if amount <= 0:
        return Reason.AMOUNT_MUST_BE_POSITIVE
    return Reason.ACCEPTED


def check_withdrawal(
    book: Book, account: int, asset: int, amount: int, taken: dict[tuple[int, int], int]
) -> tuple[Reason, int]:
    """Whether an amount is free: ``(reason, what could be withdrawn in numeraire fine units or minor units)``."""
    member = book.registers.members[book.registers.accounts[account].member]
    if member.defaulted:
        return Reason.MEMBER_IN_DEFAULT, 0
    if account in book.registers.liquidations:
        return Reason.ACCOUNT_IN_LIQUIDATION, 0
    if account in book.registers.restricted:
        return Reason.ACCOUNT_RESTRICTED, 0
    before = not_its_own(book, account)
    for (of, held), sooner in taken.items():
        if of == account:
            before[held] = before.get(held, 0) + sooner
    balance = balance_of(book, account, asset) - before.get(asset, 0)
    if amount > balance:
        return Reason.BALANCE_INSUFFICIENT, balance
    not_for_sale = max(0, balance - on_order_minor(book, account, asset))
    if amount > not_for_sale:
        return Reason.COLLATERAL_ON_ORDER, not_for_sale
    after = judge(book, account, {**before, asset: before.get(asset, 0) + amount})
    if not after.priced:
        return Reason.PRICE_MISSING, 0
    if after.spare_fine < 0:
        return Reason.MARGIN_INSUFFICIENT, -after.spare_fine
    left = book.balances[account, asset].copy()
    left["balance_minor"] = balance - amount
    if (lack := uncovered_fine(book, book.rows_of(account), left, asset)) > 0:
        return Reason.COLLATERAL_NOT_COVERED, lack
    return Reason.ACCEPTED, 0


def not_its_own(book: Book, bucket: int) -> dict[int, int]:
    """Minor units per asset that a bucket may not take: what others paid for it, what it owes for reversed deposits."""
    owed: dict[int, int] = {}
    for claim in book.registers.claims.get(bucket, []):
        owed[claim.asset] = owed.get(claim.asset, 0) + claim.amount_minor
    for receipts in book.registers.reversals_owed.values():
        for receipt in receipts.values():
            if receipt.account == bucket:
                owed[receipt.asset] = owed.get(receipt.asset, 0) + receipt.amount_minor
    return owed


def on_order_minor(book: Book, account: int, asset: int) -> int:
    """Minor units of an account's collateral that open conversion orders sell: they stay until they are sold."""
    return sum(
        order.open_minor
        for order in book.registers.conversions.values()
        if (order.account, order.sold_asset) == (account, asset)
    )


def _with_rows(
    kind: type[Deposited] | type[Withdrawn], kept: list[tuple[int, int, int]], refusals: Refusals
) -> list[Fact]:
    facts: list[Fact] = [kind(np.array(kept, POSTED).tobytes())] if kept else []
    return facts + refusals.facts()


def fold_posted(book: Book, fact: Deposited | Withdrawn) -> None:
    """Post money from or to the outside."""
    for amount, account, asset in np.frombuffer(fact.rows, POSTED).tolist():
        post_external(book, account, asset, amount)

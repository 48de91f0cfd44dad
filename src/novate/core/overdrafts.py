"""Balances below zero: how far, how long and for what interest the treasury lends to an account in an asset.

A balance goes below zero only in a settlement, against other collateral of the account that would raise as much less
haircut. It weighs as a liability in equity. The treasury never lends what it does not hold, and what it lends it cannot
pay: so all that everyone else may claim of an asset is there.
"""

import numpy as np

from novate.core.book import Book
from novate.core.collateral import Purse
from novate.core.commands import PublishInterest
from novate.core.facts import (
    Breached,
    Fact,
    FundingPublished,
    LiquidationEnded,
    LiquidationExecuted,
    LiquidationOrdered,
    MarksPublished,
    OrderClosed,
    Rejected,
    Settled,
    TakenOver,
)
from novate.core.ledger import move_carry
from novate.core.money import EXPOSURE_MAX, PPM, ceil_div
from novate.core.overdraft_facts import InterestCharged, InterestPublished, OverdraftChanged
from novate.core.reasons import Reason
from novate.core.registers import Overdrawn
from novate.core.terms import OWNED, TREASURY, Asset, Layer, Rulebook

YEAR_NS = 365 * 24 * 3600 * 10**9
RATE_MAX_PPM = 10 * PPM
OVERDRAFT_MAX = 2**58
"""Fine units that a balance may stand below zero at most: a small part of what a bucket's worth is bounded by."""

LEAVES_BALANCES = frozenset(
    (Breached, FundingPublished, LiquidationEnded, LiquidationExecuted, LiquidationOrdered, MarksPublished, OrderClosed)
)
"""Facts of a crisis that move no balance: after them every balance below zero is still on record as it stands."""


# ---- interest -------------------------------------------------------------------------------------------------------


def decide_interest(book: Book, command: PublishInterest) -> list[Fact]:
    """Interest until now is charged at the rate of before."""
    asset, rate = command.asset, command.rate_ppm
    if not 0 <= asset < book.asset_count:
        return [Rejected(Reason.ASSET_UNKNOWN, "$.asset", f"there is no asset {asset}")]
    if not book.assets[asset]["eligible"]:
        message = f"{book.registers.assets[asset].symbol} is no collateral of the rulebook: nobody can owe it"
        return [Rejected(Reason.ASSET_NOT_ELIGIBLE, "$.asset", message)]
    if not 0 <= rate <= RATE_MAX_PPM:
        message = f"a rate of 0 to {RATE_MAX_PPM // PPM} of the balance in a year is needed, got {rate} millionths"
        return [Rejected(Reason.INTEREST_OUT_OF_RANGE, "$.rate", message)]
    return [*_charge_all(book, asset), InterestPublished(asset, rate)]


def interest_due(book: Book) -> list[Fact]:
    """Before a cycle: all interest until now, so that it is paid in the cycle."""
    due = book.registers.settlement_due_ns
    if due is None or due > book.registers.time_ns:
        return []
    return [fact for asset in range(book.asset_count) for fact in _charge_all(book, asset)]


def _charge_all(book: Book, asset: int) -> list[Fact]:
    return [fact for account in book.registers.overdrafts for fact in _charge(book, account, asset)]


def accrued_fine(book: Book, account: int, asset: int) -> int:
    """Interest on a balance below zero since it was last charged, in fine units of its asset, rounded up."""
    stands = book.registers.overdrafts[account][asset]
    owed_fine = stands.amount_minor * book.registers.assets[asset].unit_fine
    elapsed_ns = book.registers.time_ns - stands.charged_ns
    return ceil_div(owed_fine * book.registers.interest_ppm.get(asset, 0) * elapsed_ns, PPM * YEAR_NS)


def _charge(book: Book, account: int, asset: int) -> list[Fact]:
    """Interest on an account's balance until now; an estate's is its liquidation account's.

    What 64 bits cannot hold beside the rest of the bucket is not charged.
    """
    if asset not in book.registers.overdrafts[account]:
        return []
    interest = accrued_fine(book, account, asset)
    liquidation = book.registers.liquidations.get(account)
    bucket = liquidation.account if liquidation and liquidation.account >= 0 else account
    interest = min(interest, _room_fine(book, bucket, asset), _room_fine(book, TREASURY, asset))
    return [InterestCharged(account, bucket, asset, interest)] if interest > 0 else []


def _room_fine(book: Book, bucket: int, asset: int) -> int:
    row = book.balances[bucket, asset]
    money = abs(int(row["balance_minor"])) * book.registers.assets[asset].unit_fine
    return EXPOSURE_MAX - money - abs(int(row["carry_fine"])) - int(row["exposure_fine"])


# ---- limits ---------------------------------------------------------------------------------------------------------


def room_below_zero(book: Book, purse: Purse, bucket: int, asset: int, lack_minor: int, failing: dict[int, str]) -> int:
    """Minor units that a bucket's balance may stand below zero after a cycle, if the treasury has them to lend.

    Nothing without a rule or a published rate, nor after its time; nothing for a bucket that may owe nothing, nor for
    one whose other collateral would not raise all it lacks: others will pay for it. Else the rule's amount or, where
    collateral is sold by order, all that it lacks.
    """
    if not may_owe(book, bucket, asset, failing):
        return 0
    allowed = lack_minor if by_order(book, asset) else allowed_minor(book, bucket, asset)
    return allowed if allowed and lack_minor <= purse.raisable(bucket, asset) else 0


def may_owe(book: Book, bucket: int, asset: int, failing: dict[int, str]) -> bool:
    """Whether a bucket may owe an asset at all.

    Not without a published rate, nor where it is isolated, is liquidated or owes others, or where its member fails.
    """
    account = book.registers.accounts[bucket]
    if account.role not in OWNED or asset not in book.registers.interest_ppm:
        return False
    if bucket in book.registers.liquidations or bucket in book.registers.claims:
        return False
    return not book.registers.members[account.member].defaulted and account.member not in failing


def by_order(book: Book, asset: int) -> bool:
    """Whether the rulebook has collateral sold by order for what stands below zero in an asset beyond its limits."""
    rules = book.rulebook
    return rules.conversion == "orders" and book.registers.assets[asset].symbol in rules.overdrafts


def sells_by_order(book: Book, account: int, asset: int) -> bool:
    """Whether an account's collateral is sold by order, and not to the treasury, for what it owes in an asset."""
    return by_order(book, asset) and may_owe(book, account, asset, {})


def allowed_minor(book: Book, account: int, asset: int) -> int:
    """Minor units below zero that the rulebook allows an account now: its amount within its time, then nothing."""
    rule = book.rulebook.overdrafts.get(book.registers.assets[asset].symbol)
    if rule is None:
        return 0
    now = book.registers.time_ns
    stands = book.registers.overdrafts.get(account, {}).get(asset)
    since = now if stands is None else stands.since_ns
    return rule.amount_minor if now - since < rule.time_ns else 0


def changed(book: Book, facts: list[Fact]) -> list[Fact]:
    """Balances below zero that are not on record as they stand, with the interest until now on what was before."""
    registers, count = book.registers, book.account_count
    if not (registers.overdrafts or (registers.rulebook and registers.rulebook.overdrafts)):
        return []
    if LEAVES_BALANCES.issuperset(map(type, facts)):
        return []
    found = [(account, asset) for account, owed in registers.overdrafts.items() for asset in owed]
    if any(isinstance(fact, (Settled, TakenOver)) for fact in facts):
        negative = np.argwhere(book.balances[:count, : book.asset_count]["balance_minor"] < 0)
        found += [
            (account, asset)
            for account, asset in negative.tolist()
            if asset not in registers.overdrafts.get(account, {})
        ]
    changes: list[Fact] = []
    for account, asset in found:
        stands = registers.overdrafts.get(account, {}).get(asset)
        amount = max(0, -int(book.balances[account, asset]["balance_minor"]))
        if stands is None or stands.amount_minor != amount:
            changes += _charge(book, account, asset) if stands else []
            changes.append(OverdraftChanged(account, asset, amount))
    return changes


def check_overdrafts(rulebook: Rulebook, assets: dict[str, Asset]) -> list[tuple[str, str]]:
    """What is wrong with a rulebook's overdrafts, as ``(path, message)``."""
    wrong: list[tuple[str, str]] = []
    if Layer.TREASURY in rulebook.waterfall:
        wrong.append(("waterfall", "the treasury bears itself what it lent: it is no layer to be listed"))
    for symbol, rule in rulebook.overdrafts.items():
        path = f"overdrafts.{symbol}"
        if symbol not in assets:
            wrong.append((path, f"{symbol!r} is not an asset on record"))
        elif not (symbol == rulebook.numeraire or symbol in rulebook.collateral):
            wrong.append((path, f"{symbol} is no collateral of the rulebook: give it a haircut"))
        elif not 0 <= rule.amount_minor * assets[symbol].unit_fine <= OVERDRAFT_MAX:
            most = OVERDRAFT_MAX // assets[symbol].unit_fine
            wrong.append((f"{path}.amount", f"must be between 0 and {most} minor units, got {rule.amount_minor}"))
        elif not 0 <= rule.time_ns <= EXPOSURE_MAX:
            wrong.append((f"{path}.time", f"must be between 0 and {EXPOSURE_MAX} ns, got {rule.time_ns}"))
    return wrong


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_interest_published(book: Book, fact: InterestPublished) -> None:
    """The new rate counts from now."""
    book.registers.interest_ppm[fact.asset] = fact.rate_ppm
    for owed in book.registers.overdrafts.values():
        if fact.asset in owed:
            owed[fact.asset].charged_ns = book.registers.time_ns


def fold_interest_charged(book: Book, fact: InterestCharged) -> None:
    """Carry moves to the treasury; the next cycle makes it money."""
    move_carry(book, fact.bucket, TREASURY, fact.asset, fact.amount_fine)
    book.registers.overdrafts[fact.account][fact.asset].charged_ns = book.registers.time_ns


def fold_overdraft_changed(book: Book, fact: OverdraftChanged) -> None:
    """Open, change or close the record of a balance below zero."""
    overdrafts, now = book.registers.overdrafts, book.registers.time_ns
    owed = overdrafts.setdefault(fact.account, {})
    if fact.amount_minor:
        stands = owed.get(fact.asset)
        owed[fact.asset] = Overdrawn(fact.amount_minor, stands.since_ns if stands else now, now)
    else:
        owed.pop(fact.asset, None)
    if not owed:
        del overdrafts[fact.account]

"""Who paid for an estate, who is repaid, and the closing of its liquidation account."""

from novate.core import layout
from novate.core.book import Book
from novate.core.collateral import Purse
from novate.core.facts import Fact, LiquidationClosed, Transferred
from novate.core.ledger import move_carry, post
from novate.core.liquidation import reopen
from novate.core.money import split_pro_rata
from novate.core.registers import Claim
from novate.core.terms import INSURANCE, ROUNDING, Layer
from novate.core.waterfall import estate_of

SENIORITY: tuple[Layer | None, ...] = (
    Layer.GAINS_HAIRCUT,
    Layer.TREASURY,
    Layer.SURVIVORS_FUND,
    Layer.INSURANCE,
    Layer.SKIN,
    Layer.DEFAULTER_FUND,
    None,
)
"""Who is repaid first: the last to have paid. ``None`` is the member that made its client's lack good."""


def owed_by(book: Book, estate: int, asset: int) -> int:
    """Minor units that an estate still owes to those who paid for it."""
    return sum(claim.amount_minor for claim in book.registers.claims.get(estate, []) if claim.asset == asset)


def repay(book: Book, estate: int, holder: int, purse: Purse) -> list[Fact]:
    """Repay claims on an estate out of what its holder has, converting other collateral where cash lacks.

    Layers are repaid in reverse order; within one, payers share in proportion to what they are owed (largest
    remainder).
    """
    facts: list[Fact] = []
    for asset in range(book.asset_count):
        owed = owed_by(book, estate, asset)
        if not owed:
            continue
        facts += purse.raise_cash(holder, asset, owed - purse.balance(holder, asset))
        left = min(owed, purse.balance(holder, asset))
        for layer in SENIORITY:
            claims = _by_payee(book.registers.claims[estate], layer, asset)
            paid = min(left, sum(claims.values()))
            if paid <= 0:
                continue
            for payee, share in zip(claims, split_pro_rata(paid, list(claims.values())), strict=True):
                if share:
                    facts.append(Transferred("reimbursement", holder, payee, asset, share))
                    purse.add(holder, asset, -share)
                    purse.add(payee, asset, share)
            left -= paid
    return facts


def _by_payee(claims: list[Claim], layer: Layer | None, asset: int) -> dict[int, int]:
    """What a layer is owed in an asset, by account, in the order in which they first paid."""
    owed: dict[int, int] = {}
    for claim in claims:
        if claim.layer is layer and claim.asset == asset:
            owed[claim.payee] = owed.get(claim.payee, 0) + claim.amount_minor
    return owed


def after_cycle(book: Book, waiting: list[int], leaving: list[int]) -> tuple[list[Fact], list[int]]:
    """After a settlement: repay what can be repaid and close what is flat; ``(facts, estates that go on)``.

    All share a purse, since the treasury and each estate pay only once. What is ``leaving`` is taken over in this very
    moment with all it has; and what repays now goes on only once that is folded.
    """
    purse = Purse(book)
    facts: list[Fact] = []
    going_on: list[int] = []
    for estate in waiting:
        closing = close_out(book, estate, purse) if book.registers.liquidations[estate].account >= 0 else []
        facts += closing
        if not closing:
            going_on.append(estate)
    for estate in book.registers.claims:
        state = book.registers.liquidations.get(estate)
        if estate in leaving or (state is not None and state.account >= 0):
            continue
        repaid = repay(book, estate, estate, purse)
        facts += repaid
        if repaid and estate in going_on:
            going_on.remove(estate)
    return facts, going_on


def close_out(book: Book, estate: int, purse: Purse) -> list[Fact]:
    """Close a liquidation account that is flat: repay, then what is left goes where the rulebook's form says.

    That is back to the estate (clearing house) or to the insurance fund (venue). As long as something is owed and
    collateral is there that cannot be converted now, the account stays open.
    """
    account = book.registers.liquidations[estate].account
    if book.positions_of(account):
        return []
    facts = repay(book, estate, account, purse)
    repaid = [0] * book.asset_count
    for fact in facts:
        if isinstance(fact, Transferred):
            repaid[fact.asset] += fact.amount_minor
    for asset in range(book.asset_count):
        if owed_by(book, estate, asset) > repaid[asset] and purse.has_other(account, asset):
            return facts
        if purse.balance(account, asset) < 0:  # the next cycle collects it
            return facts
    venue = book.rulebook.form == "venue"
    for asset in range(book.asset_count):
        left, carry = purse.balance(account, asset), int(book.balances[account, asset]["carry_fine"])
        if left:
            cause, payee = ("surplus_to_insurance", INSURANCE) if venue else ("estate_returned", estate)
            facts.append(Transferred(cause, account, payee, asset, left))
            purse.add(account, asset, -left)
            purse.add(payee, asset, left)
        if carry:
            facts.append(Transferred("liquidation_rounding", account, ROUNDING, asset, 0, carry))
    return [*facts, LiquidationClosed(account)]


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_transferred(book: Book, fact: Transferred) -> None:
    """Post a transfer; a reimbursement takes what it pays off the claims."""
    post(book, fact.payer, fact.payee, fact.asset, fact.amount_minor)
    move_carry(book, fact.payer, fact.payee, fact.asset, fact.carry_fine)
    if fact.cause != "reimbursement":
        return
    estate, left = estate_of(book, fact.payer), fact.amount_minor
    claims = book.registers.claims[estate]
    for claim in reversed(claims):
        if claim.payee == fact.payee and claim.asset == fact.asset:
            paid = min(left, claim.amount_minor)
            claim.amount_minor -= paid
            left -= paid
    book.registers.claims[estate] = [claim for claim in claims if claim.amount_minor]
    if not book.registers.claims[estate]:
        del book.registers.claims[estate]


def fold_liquidation_closed(book: Book, fact: LiquidationClosed) -> None:
    """The liquidation account is empty; what its estate still owes stays on record as a receivable."""
    estate = estate_of(book, fact.account)
    del book.registers.liquidations[estate]
    for claim in book.registers.claims.pop(estate, []):
        owed = book.registers.receivables.setdefault(estate, {})
        owed[claim.asset] = owed.get(claim.asset, 0) + claim.amount_minor
    if book.buckets[estate]["access"] == layout.LIQUIDATING:
        reopen(book, estate)

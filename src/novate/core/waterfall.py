"""Loss in, layers out, in the rulebook's order, to the last minor unit."""

import numpy as np

from novate.core.book import Book
from novate.core.collateral import Purse
from novate.core.facts import Fact, GainsCut, LossAbsorbed, ShortfallAssigned
from novate.core.ledger import post
from novate.core.money import split_pro_rata
from novate.core.registers import Claim
from novate.core.rows import CLAIMED
from novate.core.terms import CLIENTS, INSURANCE, ROUNDING, SKIN, Layer


def payers_of(book: Book, layer: Layer, bucket: int, failing: dict[int, str]) -> list[int]:
    """The accounts that stand in a layer for a bucket's loss. ``failing`` members default in this very cycle."""
    members = book.registers.members
    own = book.registers.accounts[estate_of(book, bucket)].member
    if layer is Layer.DEFAULTER_FUND:
        return [members[own].fund_account] if own >= 0 and (members[own].defaulted or own in failing) else []
    if layer is Layer.SKIN:
        return [SKIN]
    if layer is Layer.INSURANCE:
        return [INSURANCE]
    if layer is Layer.SURVIVORS_FUND:
        return [
            member.fund_account
            for index, member in enumerate(members)
            if not member.defaulted and index not in failing and index != own
        ]
    return []


def absorb(book: Book, purse: Purse, bucket: int, asset: int, loss_minor: int, failing: dict[int, str]) -> list[Fact]:
    """Pay a bucket's loss out of the layers before the gains haircut; the purse holds what each could still pay.

    Within a layer the payers share in proportion to what they hold of the asset (largest remainder); what is then
    lacking is raised from their other assets against the treasury, one payer after the other.
    """
    facts: list[Fact] = []
    for layer in book.rulebook.waterfall:
        if layer is Layer.GAINS_HAIRCUT or loss_minor == 0:
            break
        payers = payers_of(book, layer, bucket, failing)
        held = [purse.balance(payer, asset) for payer in payers]
        for payer in payers if sum(held) < loss_minor else []:
            lack = loss_minor - sum(purse.balance(each, asset) for each in payers)
            facts += purse.raise_cash(payer, asset, lack)
        held = [purse.balance(payer, asset) for payer in payers]
        paid = min(loss_minor, sum(held))
        if paid <= 0:
            continue
        for payer, share in zip(payers, split_pro_rata(paid, held), strict=True):
            if share:
                facts.append(LossAbsorbed(layer, payer, bucket, asset, share))
                purse.add(payer, asset, -share)
                purse.add(bucket, asset, share)
        loss_minor -= paid
    return facts


def fold_loss_absorbed(book: Book, fact: LossAbsorbed) -> None:
    """Post the payment and remember the draw on the estate it was paid for."""
    post(book, fact.payer, fact.bucket, fact.asset, fact.amount_minor)
    add_claim(book, fact.bucket, Claim(fact.layer, fact.payer, fact.asset, fact.amount_minor))


def fold_gains_cut(book: Book, fact: GainsCut) -> None:
    """Remember what the losers still owe; the cuts themselves are in the settlement's flows."""
    for amount, loser, winner in np.frombuffer(fact.claims, CLAIMED).tolist():
        if book.registers.accounts[winner].member >= 0:  # what the house itself goes without, it bears
            add_claim(book, loser, Claim(Layer.GAINS_HAIRCUT, winner, fact.asset, amount))


def fold_shortfall_assigned(book: Book, fact: ShortfallAssigned) -> None:
    """Remember that the member made its client's lack good; the money is in the settlement's flows."""
    add_claim(book, fact.bucket, Claim(None, fact.house_bucket, fact.asset, fact.amount_minor))


def add_claim(book: Book, bucket: int, claim: Claim) -> None:
    """Somebody paid for a bucket, or for the estate that it liquidates. The rounding account is nobody's estate."""
    if bucket != ROUNDING:
        book.registers.claims.setdefault(estate_of(book, bucket), []).append(claim)


def estate_of(book: Book, bucket: int) -> int:
    """The bucket in whose name a liquidation account works, or that pays for the bucket."""
    return book.registers.origins.get(bucket, book.purse_of(bucket))


def is_client_with_standing_member(book: Book, bucket: int, failing: dict[int, str]) -> bool:
    """Whether a member in good standing must make this bucket's lack good (the clearing-house form)."""
    account = book.registers.accounts[book.owner_of(estate_of(book, bucket))]
    if account.role not in CLIENTS or book.rulebook.form != "clearing_house":
        return False
    return not book.registers.members[account.member].defaulted and account.member not in failing

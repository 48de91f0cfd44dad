"""Positions that change accounts, or cancel each other, at the last mark: results stay with whoever made them."""

from novate.core.book import Book
from novate.core.busts import apply
from novate.core.facts import Fact
from novate.core.lifecycle_commands import CompressPositions, TransferPosition
from novate.core.lifecycle_facts import Leg, PositionsCompressed, PositionTransferred
from novate.core.reasons import Reason
from novate.core.refusals import Refused
from novate.core.sides import (
    check_account,
    check_both,
    check_contract,
    check_lots,
    check_margin,
    check_shared,
    check_two,
    name_of,
)


def decide_transfer(book: Book, command: TransferPosition) -> list[Fact]:
    """Move lots at the value of the last mark; both accounts pass the margin check of a trade.

    The giver keeps the result so far. An option is paid for at its mark, in the next cycle, like a premium.
    """
    if command.cause not in book.rulebook.transfer_causes:
        allowed = ", ".join(book.rulebook.transfer_causes) or "none"
        message = f"the rulebook's transfer_causes are {allowed}, got {command.cause}"
        raise Refused(Reason.RULEBOOK_FORBIDS, "$.cause", message)
    check_contract(book, command.contract, "$.contract")
    giver, receiver = check_two(book, command.giver, command.receiver, command.contract, ("$.giver", "$.receiver"))
    check_lots(command.lots, "$.lots")
    held, _ = book.position_of(giver, command.contract)
    if command.lots > abs(held):
        message = f"{name_of(book, command.giver)} holds {held} lots, so {command.lots} cannot move: give fewer"
        raise Refused(Reason.LOTS_EXCEEDED, "$.lots", message)
    lots = command.lots if held > 0 else -command.lots
    value = int(book.contracts[command.contract]["value_fine"])
    check_both(book, giver, receiver, command.contract, lots, value, ("$.giver", "$.receiver"))
    check_shared(book, command.contract, {receiver: lots, giver: -lots}, "$.receiver")
    return [PositionTransferred(giver, receiver, command.contract, lots, lots * value, command.cause)]


def decide_compress(book: Book, command: CompressPositions) -> list[Fact]:
    """Tear up longs against shorts at the value of the last mark: nobody gains, nobody's position turns."""
    check_contract(book, command.contract, "$.contract")
    total = sum(leg.lots for leg in command.legs)
    if total or not command.legs:
        message = f"the lots sum to {total} over {len(command.legs)} legs: longs and shorts must cancel to zero"
        raise Refused(Reason.COMPRESSION_UNBALANCED, "$.legs", message)
    value = int(book.contracts[command.contract]["value_fine"])
    seen: dict[int, None] = {}
    legs: list[Leg] = []
    for at, leg in enumerate(command.legs):
        path = f"$.legs[{at}]"
        bucket = check_account(book, leg.account, command.contract, f"{path}.account")
        if leg.account in seen:
            message = f"{name_of(book, leg.account)} is given twice: add its lots up"
            raise Refused(Reason.ACCOUNTS_MUST_DIFFER, f"{path}.account", message)
        seen[leg.account] = None
        held, _ = book.position_of(bucket, command.contract)
        if leg.lots * held >= 0 or abs(leg.lots) > abs(held):
            message = f"{name_of(book, leg.account)} holds {held} lots, so {leg.lots} does not reduce it"
            raise Refused(Reason.LOTS_EXCEEDED, f"{path}.lots", message)
        check_margin(book, bucket, command.contract, leg.lots, value, path)
        legs.append(Leg(bucket, leg.lots, leg.lots * value, 0))
    check_shared(book, command.contract, {leg.bucket: leg.lots for leg in legs}, "$.legs")
    return [PositionsCompressed(command.contract, value, tuple(legs))]


def fold_position_transferred(book: Book, fact: PositionTransferred) -> None:
    """Two legs that cancel."""
    giver = Leg(fact.giver, -fact.lots, -fact.cost_fine, 0)
    apply(book, fact.contract, (giver, Leg(fact.receiver, fact.lots, fact.cost_fine, 0)))


def fold_positions_compressed(book: Book, fact: PositionsCompressed) -> None:
    """Legs that cancel."""
    apply(book, fact.contract, fact.legs)

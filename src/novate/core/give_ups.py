"""Give-ups: a side of a trade goes from the account that traded it to another member's, at the original price.

The receiving member must accept before the give-up expires and before the trade's cycle is settled; until then nothing
moves. Both accounts pass the margin check of a trade when it does.
"""

import numpy as np

from novate.core.book import Book
from novate.core.busts import TRADE, standing
from novate.core.facts import Fact
from novate.core.ledger import move_carry
from novate.core.lifecycle_commands import AnswerGiveUp, GiveUp
from novate.core.lifecycle_facts import GiveUpAccepted, GiveUpClosed, GiveUpProposed, Leg
from novate.core.novation import move_leg
from novate.core.reasons import Reason
from novate.core.refusals import Refused
from novate.core.registers import PendingGiveUp
from novate.core.sides import check_both, check_contract, check_lots, check_room, check_shared, check_two, name_of


def decide_give_up(book: Book, command: GiveUp) -> list[Fact]:
    """Propose a give-up of lots that an account has in a trade."""
    rows = standing(book, command.trade_source, command.trade_number)
    contract = int(rows[0]["contract"])
    check_two(book, command.account, command.receiver, contract, ("$.account", "$.receiver"))
    check_lots(command.lots, "$.lots")
    parts = [(int(row["lots"]), book.owner_of(int(row["buyer"])), book.owner_of(int(row["seller"]))) for row in rows]
    own = [part for part in parts if command.account in part[1:]]
    if not own:
        message = f"{name_of(book, command.account)} is not a side of trade {command.trade_number}"
        raise Refused(Reason.NOT_A_PARTY, "$.account", message)
    buys = own[0][1] == command.account
    if any(command.receiver in part[1:] for part in own):
        message = f"{name_of(book, command.receiver)} is the other side of the trade: name another account"
        raise Refused(Reason.ACCOUNTS_MUST_DIFFER, "$.receiver", message)
    check_contract(book, contract, TRADE)
    most = max(lots for lots, _, _ in own)
    if command.lots > most:
        message = f"{name_of(book, command.account)} has {most} lots to give in that trade, got {command.lots}"
        raise Refused(Reason.LOTS_EXCEEDED, "$.lots", message)
    return [
        GiveUpProposed(
            book.registers.next_give_up,
            command.trade_source,
            command.trade_number,
            contract,
            command.account,
            command.receiver,
            command.lots if buys else -command.lots,
            book.registers.time_ns + book.rulebook.give_up_due_ns,
        )
    ]


def decide_answer(book: Book, command: AnswerGiveUp) -> list[Fact]:
    """The receiving member's answer. Nobody else can accept for it."""
    waiting = book.registers.give_ups.get(command.give_up)
    if waiting is None or waiting.expiry_ns <= book.registers.time_ns:
        message = f"no give-up {command.give_up} waits for an answer: it was never proposed, or is closed"
        raise Refused(Reason.GIVE_UP_UNKNOWN, "$.give_up", message)
    if book.registers.accounts[waiting.receiver].member != command.member:
        name = name_of(book, waiting.receiver)
        message = f"give-up {command.give_up} is for {name}: only the member behind it can answer"
        raise Refused(Reason.NOT_A_PARTY, "$.member", message)
    if not command.accept:
        return [GiveUpClosed(command.give_up, "declined")]
    paths = ("$.give_up", "$.give_up")
    giver, receiver = check_two(book, waiting.giver, waiting.receiver, waiting.contract, paths)
    check_contract(book, waiting.contract, "$.give_up")
    row = part_of(book, waiting)
    if row is None:
        standing(book, waiting.trade_source, waiting.trade_number)
        message = f"{name_of(book, waiting.giver)} has no longer {abs(waiting.lots)} lots in that trade"
        raise Refused(Reason.LOTS_EXCEEDED, "$.give_up", message)
    lots, whole = abs(waiting.lots), int(row["lots"])
    own, other = sides_of(waiting)
    # What does not divide stays with the giver.
    fee, other_fee = (int(row[f"{side}_fee_fine"]) * lots // whole for side in (own, other))
    value = int(row["value_fine"])
    check_both(book, giver, receiver, waiting.contract, waiting.lots, value, paths, fee)
    check_room(book, waiting.contract, [Leg(receiver, waiting.lots, waiting.lots * value, -fee)], "$.give_up")
    check_shared(book, waiting.contract, {receiver: waiting.lots, giver: -waiting.lots}, "$.give_up")
    return [GiveUpAccepted(command.give_up, giver, receiver, waiting.lots * value, fee, other_fee)]


def sides_of(waiting: PendingGiveUp) -> tuple[str, str]:
    """The giver's side of the trade, and the other."""
    return ("buyer", "seller") if waiting.lots > 0 else ("seller", "buyer")


def part_of(book: Book, waiting: PendingGiveUp) -> np.void | None:
    """The first part of the trade in which the giver has all the lots, against another than the receiver, or None."""
    side, other = sides_of(waiting)
    for row in book.trades.standing(waiting.trade_source, waiting.trade_number):
        owners = book.owner_of(int(row[side])), book.owner_of(int(row[other]))
        if owners[0] == waiting.giver and row["lots"] >= abs(waiting.lots) and owners[1] != waiting.receiver:
            return row
    return None


def expired_give_ups(book: Book) -> list[Fact]:
    """Give-ups whose time is over."""
    now = book.registers.time_ns
    return [
        GiveUpClosed(number, "expired")
        for number, waiting in book.registers.give_ups.items()
        if waiting.expiry_ns <= now
    ]


def settled_give_ups(book: Book) -> list[Fact]:
    """All of them, once their cycle is settled: the original price is paid and gone."""
    return [GiveUpClosed(number, "settled") for number in book.registers.give_ups]


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_give_up_proposed(book: Book, fact: GiveUpProposed) -> None:
    """It waits; nothing moves."""
    book.registers.next_give_up = fact.give_up + 1
    book.registers.give_ups[fact.give_up] = PendingGiveUp(
        fact.trade_source,
        fact.trade_number,
        fact.contract,
        fact.giver,
        fact.receiver,
        fact.lots,
        fact.expiry_ns,
    )


def fold_give_up_closed(book: Book, fact: GiveUpClosed) -> None:
    """It came to nothing."""
    del book.registers.give_ups[fact.give_up]


def fold_give_up_accepted(book: Book, fact: GiveUpAccepted) -> None:
    """Lots, cost and fee change accounts, and the record of the trade says whose they are; a part becomes a row."""
    waiting = book.registers.give_ups[fact.give_up]
    row = part_of(book, waiting)
    if row is None:
        raise AssertionError(f"give-up {fact.give_up} was accepted without a trade to give")
    del book.registers.give_ups[fact.give_up]
    (own, other), lots = sides_of(waiting), abs(waiting.lots)
    if row["lots"] == lots:
        row[own] = fact.receiver
    else:
        row["lots"] -= lots
        row[f"{own}_fee_fine"] -= fact.fee_fine
        row[f"{other}_fee_fine"] -= fact.other_fee_fine
        fees = {own: fact.fee_fine, other: fact.other_fee_fine}
        buckets = {own: fact.receiver, other: int(row[other])}
        value, index = int(row["value_fine"]), int(row["index_fine"])
        terms = (waiting.trade_number, lots, value, fees["buyer"], fees["seller"], index, waiting.contract)
        book.trades.add(waiting.trade_source, (*terms, buckets["buyer"], buckets["seller"]))
    move_leg(book, fact.giver, waiting.contract, -waiting.lots, -fact.cost_fine)
    move_leg(book, fact.receiver, waiting.contract, waiting.lots, fact.cost_fine)
    asset = int(book.contracts[waiting.contract]["asset"])
    move_carry(book, book.purse_of(fact.receiver), book.purse_of(fact.giver), asset, fact.fee_fine)

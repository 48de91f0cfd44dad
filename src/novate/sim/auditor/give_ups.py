"""A side of a trade changes accounts at its original price, once the receiving member accepts."""

from novate.core.facts import Fact
from novate.core.lifecycle_commands import AnswerGiveUp, GiveUp
from novate.core.lifecycle_facts import GiveUpAccepted, GiveUpClosed, GiveUpProposed, Leg
from novate.core.reasons import Reason
from novate.sim.auditor.house import GiveUpWaiting, House, Made
from novate.sim.auditor.numbering import demand
from novate.sim.auditor.record import TRADE, parts_of
from novate.sim.auditor.sides import book_leg, both, room, shared, tradable, two


def decide_give_up(house: House, command: GiveUp) -> list[Fact]:
    """The account must have the lots in the trade, the receiver must not be its other side."""
    trade = command.trade_source, command.trade_number
    parts = parts_of(house, trade)
    contract = parts[0].contract
    two(house, command.account, command.receiver, contract, ("$.account", "$.receiver"))
    demand(command.lots > 0, Reason.QUANTITY_MUST_BE_POSITIVE, "$.lots")
    own = [made for made in parts if command.account in _owners(house, made).values()]
    demand(bool(own), Reason.NOT_A_PARTY, "$.account")
    theirs = any(command.receiver in _owners(house, made).values() for made in own)
    demand(not theirs, Reason.ACCOUNTS_MUST_DIFFER, "$.receiver")
    tradable(house, contract, TRADE)
    demand(command.lots <= max(made.lots for made in own), Reason.LOTS_EXCEEDED, "$.lots")
    lots = command.lots if _owners(house, own[0])["buyer"] == command.account else -command.lots
    due = house.now_ns + house.rules.give_up_due_ns
    number = house.next_give_up
    return [GiveUpProposed(number, *trade, contract, command.account, command.receiver, lots, due)]


def decide_answer(house: House, command: AnswerGiveUp) -> list[Fact]:
    """The receiving member's word; both accounts must bear the move, the receiver with its part of the fee."""
    path, waiting = "$.give_up", house.give_ups.get(command.give_up)
    if waiting is None or waiting.expiry_ns <= house.now_ns:
        demand(False, Reason.GIVE_UP_UNKNOWN, path)
        return []
    demand(house.buckets[waiting.receiver].member == command.member, Reason.NOT_A_PARTY, "$.member")
    if not command.accept:
        return [GiveUpClosed(command.give_up, "declined")]
    giver, receiver = two(house, waiting.giver, waiting.receiver, waiting.contract, (path, path))
    tradable(house, waiting.contract, path)
    made = _part(house, waiting)
    if made is None:
        parts_of(house, waiting.trade)
        demand(False, Reason.LOTS_EXCEEDED, path)
        return []
    lots, cost = waiting.lots, waiting.lots * made.value_fine
    fee, other_fee = (made.fees[side] * abs(lots) // made.lots for side in _sides(waiting))
    both(house, giver, receiver, waiting.contract, lots, made.value_fine, (path, path), fee)
    room(house, waiting.contract, Leg(receiver, lots, cost, -fee), path)
    shared(house, waiting.contract, {receiver: lots, giver: -lots}, path)
    return [GiveUpAccepted(command.give_up, giver, receiver, cost, fee, other_fee)]


def _owners(house: House, made: Made) -> dict[str, int]:
    """The accounts on both sides."""
    return {side: house.owner_of(bucket) for side, bucket in made.sides.items()}


def _sides(waiting: GiveUpWaiting) -> tuple[str, str]:
    """The giver's side and the other one."""
    return ("buyer", "seller") if waiting.lots > 0 else ("seller", "buyer")


def _part(house: House, waiting: GiveUpWaiting) -> Made | None:
    """The first part that has all the lots on the giver's side, against somebody else than the receiver."""
    own, other = _sides(waiting)
    for made in house.trades:
        owners = _owners(house, made)
        fits = made.trade == waiting.trade and not made.busted and made.lots >= abs(waiting.lots)
        if fits and owners[own] == waiting.giver and owners[other] != waiting.receiver:
            return made
    return None


def expired(house: House) -> list[Fact]:
    """Nobody answered in time."""
    return [GiveUpClosed(number, "expired") for number, one in house.give_ups.items() if one.expiry_ns <= house.now_ns]


def settled(house: House) -> list[Fact]:
    """The cycle is over, and the original price with it."""
    return [GiveUpClosed(number, "settled") for number in house.give_ups]


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_proposed(house: House, fact: GiveUpProposed) -> None:
    """It waits."""
    house.next_give_up = fact.give_up + 1
    trade = fact.trade_source, fact.trade_number
    house.give_ups[fact.give_up] = GiveUpWaiting(
        trade, fact.contract, fact.giver, fact.receiver, fact.lots, fact.expiry_ns
    )


def apply_closed(house: House, fact: GiveUpClosed) -> None:
    """It came to nothing."""
    del house.give_ups[fact.give_up]


def apply_accepted(house: House, fact: GiveUpAccepted) -> None:
    """Lots, cost and fee move; the trade has a new side, or a part with one."""
    waiting = house.give_ups.pop(fact.give_up)
    made, (own, other), lots = _part(house, waiting), _sides(waiting), abs(waiting.lots)
    if made is None:
        raise AssertionError(f"give-up {fact.give_up} has nothing to give")
    if made.lots == lots:
        made.sides[own] = fact.receiver
    else:
        fees = {own: fact.fee_fine, other: fact.other_fee_fine}
        sides = {own: fact.receiver, other: made.sides[other]}
        made.lots -= lots
        made.fees = {side: fee - fees[side] for side, fee in made.fees.items()}
        part = Made(made.trade, made.contract, lots, made.value_fine, made.index_fine, made.index, sides, fees)
        house.trades.append(part)
    book_leg(house, waiting.contract, Leg(fact.giver, -waiting.lots, -fact.cost_fine, fact.fee_fine))
    book_leg(house, waiting.contract, Leg(fact.receiver, waiting.lots, fact.cost_fine, -fact.fee_fine))

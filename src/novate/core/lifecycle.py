"""What is asked about trades and positions after they were made: the door to busts, give-ups, transfers and porting."""

from collections.abc import Callable
from typing import Any, Final

from novate.core import busts, give_ups, porting, position_transfers
from novate.core import lifecycle_commands as commands
from novate.core import lifecycle_facts as facts
from novate.core.book import Book
from novate.core.facts import Fact, Rejected, SourceAdvanced
from novate.core.novation import fold_trades_forgotten
from novate.core.reasons import Reason
from novate.core.refusals import Refused

DECIDES: Final[dict[type[Any], Callable[[Book, Any], list[Fact]]]] = {
    commands.BustTrade: busts.decide_bust,
    commands.CorrectTrade: busts.decide_correct,
    commands.OffsetTrade: busts.decide_offset,
    commands.GiveUp: give_ups.decide_give_up,
    commands.AnswerGiveUp: give_ups.decide_answer,
    commands.TransferPosition: position_transfers.decide_transfer,
    commands.CompressPositions: position_transfers.decide_compress,
    commands.PortAccount: porting.decide_port,
    commands.AnswerPorting: porting.decide_answer,
}
FOLDS: Final[dict[type[Fact], Callable[[Book, Any], None]]] = {
    facts.TradesForgotten: fold_trades_forgotten,
    facts.TradeBusted: busts.fold_trade_busted,
    facts.TradeCorrected: busts.fold_trade_corrected,
    facts.TradeOffset: busts.fold_trade_offset,
    facts.GiveUpProposed: give_ups.fold_give_up_proposed,
    facts.GiveUpAccepted: give_ups.fold_give_up_accepted,
    facts.GiveUpClosed: give_ups.fold_give_up_closed,
    facts.PositionTransferred: position_transfers.fold_position_transferred,
    facts.PositionsCompressed: position_transfers.fold_positions_compressed,
    facts.PortingOpened: porting.fold_porting_opened,
    facts.PortingProposed: porting.fold_porting_proposed,
    facts.PortingDeclined: porting.fold_porting_declined,
    facts.AccountPorted: porting.fold_account_ported,
    facts.PortingEnded: porting.fold_porting_ended,
}
COMMANDS: Final[tuple[type[commands.LifecycleCommand], ...]] = tuple(DECIDES)
WITHOUT: Final = (
    facts.TradesForgotten,
    facts.GiveUpProposed,
    facts.GiveUpAccepted,
    facts.GiveUpClosed,
    facts.PositionTransferred,
    facts.PositionsCompressed,
    facts.PortingProposed,
    facts.PortingDeclined,
)
"""Facts from which nothing follows: what moves in them passed its margin check."""


def decide_lifecycle(book: Book, command: commands.LifecycleCommand) -> list[Fact]:
    """One numbered command: what it leads to, or why not; either way its number is used."""
    mark = book.registers.sources.get(command.source, -1)
    if command.number <= mark:
        message = f"{command.source!r} is at number {mark}, got {command.number}; give a number above it"
        return [Rejected(Reason.DUPLICATE_OR_LATE, "$.number", message)]
    advanced = SourceAdvanced(command.source, command.number)
    try:
        return [*DECIDES[type(command)](book, command), advanced]
    except Refused as refused:
        return [refused.fact, advanced]


def deadlines(book: Book) -> list[Fact]:
    """What the clock ends: give-ups that nobody accepted, and the time to port clients."""
    return [*give_ups.expired_give_ups(book), *porting.ended_portings(book)]


def judged_anew(book: Book, fact: Fact) -> list[int]:
    """Buckets that a fact moved without a margin check, or put behind another member."""
    match fact:
        case facts.TradeBusted():
            return [leg.bucket for leg in fact.legs]
        case facts.TradeCorrected() | facts.TradeOffset():
            return [fact.buyer, fact.seller]
        case facts.AccountPorted():
            return book.buckets_of(fact.account)
    return []

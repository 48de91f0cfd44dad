"""Every `if` lives behind this door: a command becomes facts. It may say no; it never writes."""

from collections.abc import Callable, Iterator

from novate.core import (
    admission,
    conversions,
    deposits,
    governance,
    isolation,
    ledger,
    limits,
    liquidation,
    listing,
    novation,
    omnibus,
    orders,
    overdrafts,
    reversals,
    risk_sheet,
    transfers,
    variation,
    withdrawals,
)
from novate.core.book import Book
from novate.core.commands import (
    AddAsset,
    AddMember,
    AdoptRiskSheet,
    AdoptRulebook,
    AnnounceDeposit,
    AnyCommand,
    CancelDeposit,
    CancelRulebook,
    ChangeOrders,
    Clock,
    ConfirmWithdrawal,
    Contribute,
    Deposit,
    ExecuteConversion,
    ExecuteLiquidation,
    ExpireContract,
    FinaliseDeposit,
    HaltContract,
    IsolatePosition,
    ListContract,
    MoveCollateral,
    OpenAccount,
    OpenSubAccount,
    PublishFunding,
    PublishInterest,
    PublishMarks,
    RejoinPosition,
    ReleaseWithdrawal,
    RemoveLimit,
    RequestWithdrawal,
    ResolveContract,
    ResumeContract,
    ReturnWithdrawal,
    ReverseDeposit,
    SetLimit,
    SetMarginMode,
    SubmitTrades,
    TransferCollateral,
    Withdraw,
)
from novate.core.consequences import expired_orders
from novate.core.facts import Fact, Rejected
from novate.core.levels import missed_calls
from novate.core.lifecycle import COMMANDS as LIFECYCLE
from novate.core.lifecycle import deadlines, decide_lifecycle
from novate.core.reasons import Reason
from novate.core.rows import CASH, FUNDING, MARK, ORDER, TRADE, TRANSFER
from novate.core.settlement import decide_settlement

ROWS = {
    Deposit: CASH,
    Withdraw: CASH,
    ChangeOrders: ORDER,
    AnnounceDeposit: CASH,
    RequestWithdrawal: CASH,
    TransferCollateral: TRANSFER,
    SubmitTrades: TRADE,
    PublishMarks: MARK,
    PublishFunding: FUNDING,
}
NUMBER_MAX = 2**63 - 1
MOVES_MONEY = (
    AnnounceDeposit,
    FinaliseDeposit,
    CancelDeposit,
    ReverseDeposit,
    RequestWithdrawal,
    ReleaseWithdrawal,
    ConfirmWithdrawal,
    ReturnWithdrawal,
    TransferCollateral,
)
NEEDS_RULEBOOK = (
    PublishMarks,
    PublishFunding,
    PublishInterest,
    Deposit,
    Withdraw,
    ChangeOrders,
    SubmitTrades,
    ExecuteLiquidation,
    ExecuteConversion,
    ExpireContract,
    ResolveContract,
    IsolatePosition,
    RejoinPosition,
    MoveCollateral,
    AdoptRiskSheet,
    SetMarginMode,
    *MOVES_MONEY,
    *LIFECYCLE,
)


def decide(book: Book, command: AnyCommand) -> list[Fact]:
    """The facts of a command, at the book's time. The passing of time itself is ``phases``."""
    if refused := _malformed(command):
        return [refused]
    if book.registers.rulebook is None and isinstance(command, NEEDS_RULEBOOK):
        return [Rejected(Reason.RULEBOOK_MISSING, "$", "no rulebook is in force; adopt one first")]
    if isinstance(command, LIFECYCLE):
        return decide_lifecycle(book, command)
    match command:
        case SubmitTrades():
            return novation.decide_trades(book, command)
        case ChangeOrders():
            return orders.decide_orders(book, command)
        case PublishMarks():
            return variation.decide_marks(book, command)
        case Deposit():
            return ledger.decide_deposit(book, command)
        case Withdraw():
            return ledger.decide_withdraw(book, command)
        case ExecuteLiquidation():
            return liquidation.decide_execution(book, command)
        case ExecuteConversion():
            return conversions.decide_execution(book, command)
        case PublishFunding():
            return variation.decide_funding(book, command)
        case PublishInterest():
            return overdrafts.decide_interest(book, command)
        case ExpireContract():
            return variation.decide_expire(book, command)
        case ResolveContract():
            return variation.decide_resolve(book, command)
        case Contribute():
            return ledger.decide_contribute(book, command)
        case IsolatePosition():
            return isolation.decide_isolate(book, command)
        case RejoinPosition():
            return isolation.decide_rejoin(book, command)
        case MoveCollateral():
            return isolation.decide_move_collateral(book, command)
        case _ if isinstance(command, MOVES_MONEY):
            return _decide_money(book, command)
        case _:
            return _decide_admission(book, command)


def _malformed(command: AnyCommand) -> Rejected | None:
    """Rows that are not whole records, or a number that is not a signed 64-bit integer."""
    row, size = ROWS.get(type(command)), len(getattr(command, "rows", b""))
    if row is not None and size % row.itemsize:
        message = f"rows are records of {row.itemsize} bytes, got {size} bytes"
        return Rejected(Reason.MALFORMED, "$.rows", message)
    for field in ("number", "deposit", "withdrawal", "order", "sold_minor", "received_minor"):
        value = getattr(command, field, 0)
        if not -NUMBER_MAX <= value <= NUMBER_MAX:
            return Rejected(Reason.MALFORMED, f"$.{field}", f"expected a 64-bit integer, got {value}")
    return None


def _decide_money(book: Book, command: AnyCommand) -> list[Fact]:
    match command:
        case AnnounceDeposit():
            return deposits.decide_announce(book, command)
        case FinaliseDeposit():
            return deposits.decide_finalise(book, command)
        case CancelDeposit():
            return deposits.decide_cancel(book, command)
        case ReverseDeposit():
            return reversals.decide_reverse(book, command)
        case RequestWithdrawal():
            return withdrawals.decide_request(book, command)
        case ReleaseWithdrawal():
            return withdrawals.decide_release(book, command)
        case ConfirmWithdrawal():
            return withdrawals.decide_confirm(book, command)
        case ReturnWithdrawal():
            return withdrawals.decide_return(book, command)
        case TransferCollateral():
            return transfers.decide_transfer(book, command)
        case _:
            raise AssertionError(f"no rule decides {type(command).__name__}")


def _decide_admission(book: Book, command: AnyCommand) -> list[Fact]:
    match command:
        case AddAsset():
            return admission.decide_add_asset(book, command)
        case ListContract():
            return listing.decide_list_contract(book, command)
        case AddMember():
            return admission.decide_add_member(book, command)
        case OpenAccount():
            return admission.decide_open_account(book, command)
        case OpenSubAccount():
            return omnibus.decide_open_sub_account(book, command)
        case AdoptRulebook():
            return governance.decide_adopt_rulebook(book, command)
        case AdoptRiskSheet():
            return risk_sheet.decide_adopt_risk_sheet(book, command)
        case SetMarginMode():
            return risk_sheet.decide_set_margin_mode(book, command)
        case _:
            return _decide_order(book, command)


def _decide_order(book: Book, command: AnyCommand) -> list[Fact]:
    """What the operator says of trading and of rules to come."""
    match command:
        case CancelRulebook():
            return governance.decide_cancel_rulebook(book, command)
        case SetLimit():
            return limits.decide_set_limit(book, command)
        case RemoveLimit():
            return limits.decide_remove_limit(book, command)
        case HaltContract():
            return limits.decide_halt(book, command)
        case ResumeContract():
            return limits.decide_resume(book, command)
        case _:
            raise AssertionError(f"no rule decides {type(command).__name__}")


def phases(book: Book, command: AnyCommand) -> Iterator[Callable[[Book], list[Fact]]]:
    """A command is decided in one go; the clock acts in phases, each on the book that the one before left.

    Before either, every rulebook whose time has come takes force.
    """
    while governance.is_due(book):
        yield governance.take_force
    if not isinstance(command, Clock):
        yield lambda book: decide(book, command)
        return
    yield variation.stale_facts
    yield expired_orders
    yield conversions.due
    yield deadlines
    yield deposits.matured
    yield withdrawals.recall_for_settlement
    yield overdrafts.interest_due
    yield settlement_if_due
    yield conversions.beyond_limits
    yield reversals.collect_owed
    yield missed_calls


def settlement_if_due(book: Book) -> list[Fact]:
    """One cycle where one is due; cycles that were slept through are not made up for."""
    due = book.registers.settlement_due_ns
    return decide_settlement(book) if due is not None and due <= book.registers.time_ns else []

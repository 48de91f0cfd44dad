"""Every `if` lives behind this door: a command becomes facts. It may say no; it never writes."""

from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

from novate.core import (
    admission,
    commands,
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
    rows,
    transfers,
    variation,
    withdrawals,
)
from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.consequences import expired_orders
from novate.core.facts import Fact, Rejected
from novate.core.levels import missed_calls
from novate.core.lifecycle import COMMANDS as LIFECYCLE
from novate.core.lifecycle import deadlines, decide_lifecycle
from novate.core.reasons import Reason
from novate.core.settlement import decide_settlement

DECIDES: Final[dict[type[AnyCommand], Callable[[Book, Any], list[Fact]]]] = {
    commands.AddAsset: admission.decide_add_asset,
    commands.ListContract: listing.decide_list_contract,
    commands.AddMember: admission.decide_add_member,
    commands.OpenAccount: admission.decide_open_account,
    commands.OpenSubAccount: omnibus.decide_open_sub_account,
    commands.AdoptRulebook: governance.decide_adopt_rulebook,
    commands.CancelRulebook: governance.decide_cancel_rulebook,
    commands.AdoptRiskSheet: governance.decide_adopt_risk_sheet,
    commands.CancelRiskSheet: governance.decide_cancel_risk_sheet,
    commands.SetMarginMode: risk_sheet.decide_set_margin_mode,
    commands.IsolatePosition: isolation.decide_isolate,
    commands.RejoinPosition: isolation.decide_rejoin,
    commands.MoveCollateral: isolation.decide_move_collateral,
    commands.SetLimit: limits.decide_set_limit,
    commands.RemoveLimit: limits.decide_remove_limit,
    commands.HaltContract: limits.decide_halt,
    commands.ResumeContract: limits.decide_resume,
    commands.Contribute: ledger.decide_contribute,
    commands.Deposit: ledger.decide_deposit,
    commands.Withdraw: ledger.decide_withdraw,
    commands.AnnounceDeposit: deposits.decide_announce,
    commands.FinaliseDeposit: deposits.decide_finalise,
    commands.CancelDeposit: deposits.decide_cancel,
    commands.ReverseDeposit: reversals.decide_reverse,
    commands.RequestWithdrawal: withdrawals.decide_request,
    commands.ReleaseWithdrawal: withdrawals.decide_release,
    commands.ConfirmWithdrawal: withdrawals.decide_confirm,
    commands.ReturnWithdrawal: withdrawals.decide_return,
    commands.TransferCollateral: transfers.decide_transfer,
    commands.SubmitTrades: novation.decide_trades,
    commands.ChangeOrders: orders.decide_orders,
    commands.PublishMarks: variation.decide_marks,
    commands.PublishFunding: variation.decide_funding,
    commands.PublishInterest: overdrafts.decide_interest,
    commands.ExpireContract: variation.decide_expire,
    commands.ResolveContract: variation.decide_resolve,
    commands.ExecuteLiquidation: liquidation.decide_execution,
    commands.ExecuteConversion: conversions.decide_execution,
    **dict.fromkeys(LIFECYCLE, decide_lifecycle),
}
"""Who decides each command. The clock alone is not here: it acts in ``phases``."""

BEFORE_RULES: Final = frozenset(
    (
        commands.AddAsset,
        commands.ListContract,
        commands.AddMember,
        commands.OpenAccount,
        commands.OpenSubAccount,
        commands.AdoptRulebook,
        commands.CancelRulebook,
        commands.SetLimit,
        commands.RemoveLimit,
        commands.HaltContract,
        commands.ResumeContract,
        commands.Contribute,
    )
)
"""Commands that are decided before the first rulebook is in force."""

ROWS: Final = {
    commands.Deposit: rows.CASH,
    commands.Withdraw: rows.CASH,
    commands.ChangeOrders: rows.ORDER,
    commands.AnnounceDeposit: rows.CASH,
    commands.RequestWithdrawal: rows.CASH,
    commands.TransferCollateral: rows.TRANSFER,
    commands.SubmitTrades: rows.TRADE,
    commands.PublishMarks: rows.MARK,
    commands.PublishFunding: rows.FUNDING,
}
"""What the rows of a command are."""

NUMBER_MAX: Final = 2**63 - 1
NUMBERS: Final = ("number", "deposit", "withdrawal", "order", "sold_minor", "received_minor")
NUMBERED: Final = {
    kind: [field for field in NUMBERS if field in kind.__struct_fields__] for kind in get_args(AnyCommand)
}
"""The fields of a command that are 64-bit integers of somebody else."""


def decide(book: Book, command: AnyCommand) -> list[Fact]:
    """The facts of a command, at the book's time. The passing of time itself is ``phases``."""
    kind = type(command)
    if refused := _malformed(kind, command):
        return [refused]
    if book.registers.rulebook is None and kind not in BEFORE_RULES:
        return [Rejected(Reason.RULEBOOK_MISSING, "$", "no rulebook is in force; adopt one first")]
    return DECIDES[kind](book, command)


def _malformed(kind: type[AnyCommand], command: Any) -> Rejected | None:
    """Rows that are not whole records, or a number that is not a signed 64-bit integer."""
    row = ROWS.get(kind)
    if row is not None and len(command.rows) % row.itemsize:
        message = f"rows are records of {row.itemsize} bytes, got {len(command.rows)} bytes"
        return Rejected(Reason.MALFORMED, "$.rows", message)
    for field in NUMBERED[kind]:
        value = getattr(command, field)
        if not -NUMBER_MAX <= value <= NUMBER_MAX:
            return Rejected(Reason.MALFORMED, f"$.{field}", f"expected a 64-bit integer, got {value}")
    return None


def phases(book: Book, command: AnyCommand) -> Iterator[Callable[[Book], list[Fact]]]:
    """A command is decided in one go; the clock acts in phases, each on the book that the one before left.

    Before either, all rules whose time has come take force.
    """
    while governance.is_due(book):
        yield governance.take_force
    if not isinstance(command, commands.Clock):
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

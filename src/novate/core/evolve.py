"""Every assignment lives behind this door: a fact is folded into the book. It never says no."""

from collections.abc import Callable
from typing import Any

from novate.core import (
    admission,
    collateral,
    conversions,
    deposits,
    estate,
    facts,
    gate,
    governance,
    isolation,
    ledger,
    levels,
    lifecycle,
    limits,
    liquidation,
    listing,
    money_facts,
    novation,
    omnibus,
    orders,
    overdrafts,
    relief,
    reversals,
    risk_sheet,
    settlement,
    supervision,
    transfers,
    variation,
    waterfall,
    withdrawals,
)
from novate.core.book import Book


def fold_source_advanced(book: Book, fact: facts.SourceAdvanced) -> None:
    """Move a source's high-water mark."""
    book.registers.sources[fact.source] = fact.number


def fold_nothing(book: Book, fact: facts.Fact) -> None:
    """A refusal is on record and changes nothing."""


FOLDS: dict[type[facts.Fact], Callable[[Book, Any], None]] = {
    facts.Rejected: fold_nothing,
    facts.RowsRefused: fold_nothing,
    facts.SourceAdvanced: fold_source_advanced,
    facts.AssetAdded: admission.fold_asset_added,
    facts.ContractListed: listing.fold_contract_listed,
    facts.RulebookAdopted: governance.fold_rulebook_adopted,
    supervision.RulebookScheduled: governance.fold_rulebook_scheduled,
    supervision.RulebookCancelled: governance.fold_rulebook_over,
    supervision.RulebookLapsed: governance.fold_rulebook_over,
    supervision.LimitSet: limits.fold_limit_set,
    supervision.LimitRemoved: limits.fold_limit_removed,
    supervision.TradingHalted: limits.fold_trading_halted,
    supervision.TradingResumed: limits.fold_trading_resumed,
    facts.MemberAdded: admission.fold_member_added,
    facts.AccountOpened: admission.fold_account_opened,
    facts.SubAccountOpened: omnibus.fold_sub_account_opened,
    facts.BucketOpened: isolation.fold_bucket_opened,
    facts.PositionIsolated: isolation.fold_position_isolated,
    facts.PositionRejoined: isolation.fold_position_rejoined,
    facts.CollateralAssigned: isolation.fold_collateral_assigned,
    facts.Contributed: ledger.fold_contributed,
    facts.Deposited: ledger.fold_posted,
    facts.Withdrawn: ledger.fold_posted,
    facts.OrdersChanged: orders.fold_orders,
    facts.OrdersFilled: orders.fold_orders,
    money_facts.DepositsAnnounced: deposits.fold_announced,
    money_facts.DepositClosed: deposits.fold_closed,
    money_facts.DepositsReversible: deposits.fold_reversible,
    money_facts.DepositsFinal: deposits.fold_final,
    money_facts.DepositReversed: reversals.fold_reversed,
    money_facts.WithdrawalsRequested: withdrawals.fold_requested,
    money_facts.WithdrawalWaits: withdrawals.fold_waits,
    money_facts.WithdrawalReleased: withdrawals.fold_released,
    money_facts.WithdrawalConfirmed: withdrawals.fold_confirmed,
    money_facts.WithdrawalReturned: withdrawals.fold_returned,
    money_facts.CollateralTransferred: transfers.fold_transferred,
    money_facts.GateClosed: gate.fold_gate_closed,
    money_facts.GateOpened: gate.fold_gate_opened,
    facts.TradesNovated: novation.fold_trades_novated,
    facts.MarksPublished: variation.fold_marks_published,
    facts.ContractHalted: variation.fold_contract_halted,
    facts.AssetHalted: variation.fold_asset_halted,
    facts.FundingPublished: variation.fold_funding_published,
    facts.ContractExpired: variation.fold_contract_expired,
    facts.InterestPublished: overdrafts.fold_interest_published,
    facts.InterestCharged: overdrafts.fold_interest_charged,
    facts.OverdraftChanged: overdrafts.fold_overdraft_changed,
    facts.ConversionOrdered: conversions.fold_conversion_ordered,
    facts.ConversionReduced: conversions.fold_conversion_reduced,
    facts.ConversionExecuted: conversions.fold_conversion_executed,
    facts.ConversionClosed: conversions.fold_conversion_closed,
    facts.MarginCalled: levels.fold_margin_called,
    supervision.CallPaid: levels.fold_call_paid,
    facts.CallMet: levels.fold_call_met,
    supervision.AccountRestricted: levels.fold_account_restricted,
    supervision.AccountReleased: levels.fold_account_released,
    supervision.MaintenanceRelieved: relief.fold_maintenance_relieved,
    supervision.ReliefEnded: relief.fold_relief_ended,
    facts.Breached: liquidation.fold_breached,
    facts.MemberDefaulted: liquidation.fold_member_defaulted,
    facts.LiquidationOrdered: liquidation.fold_liquidation_ordered,
    facts.LiquidationExecuted: liquidation.fold_liquidation_executed,
    facts.OrderClosed: liquidation.fold_order_closed,
    facts.LiquidationEnded: liquidation.fold_liquidation_ended,
    facts.TakenOver: liquidation.fold_taken_over,
    facts.Transferred: estate.fold_transferred,
    facts.LiquidationClosed: estate.fold_liquidation_closed,
    facts.CollateralConverted: collateral.fold_collateral_converted,
    facts.ShortfallAssigned: waterfall.fold_shortfall_assigned,
    facts.LossAbsorbed: waterfall.fold_loss_absorbed,
    facts.GainsCut: waterfall.fold_gains_cut,
    facts.Settled: settlement.fold_settled,
    facts.CycleClosed: settlement.fold_cycle_closed,
    facts.RiskSheetAdopted: risk_sheet.fold_risk_sheet_adopted,
    facts.MarginModeSet: risk_sheet.fold_margin_mode_set,
    **lifecycle.FOLDS,
}


def evolve(book: Book, fact: facts.Fact) -> None:
    """Fold one fact into the book."""
    FOLDS[type(fact)](book, fact)

"""The auditor: takes each command with the core's answer, works everything out on its own, and demands agreement.

It is told nothing of the core but what the core answered. From the answer it takes only what it cannot know (whether
the form of an admission was sound) and what the core may choose (the size of a slice), and checks the choice.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from novate.core import commands as asked
from novate.core import facts as f
from novate.core import lifecycle_commands as after
from novate.core import lifecycle_facts as became
from novate.core import money_facts as paid
from novate.core import overdraft_facts as lent
from novate.core import rows as layouts
from novate.core import supervision as seen_to
from novate.core.commands import AnyCommand
from novate.core.facts import Fact
from novate.core.reasons import Reason
from novate.core.terms import ROUNDING, TREASURY
from novate.sim.auditor import (
    admission,
    afterwards,
    calls,
    cash,
    conversions,
    cycle,
    deposits,
    estates,
    exactness,
    give_ups,
    governance,
    isolation,
    levels,
    limits,
    moves,
    omnibus,
    orders,
    overdrafts,
    prices,
    purse,
    record,
    reliefs,
    reversals,
    scaling,
    sheets,
    trades,
    transfers,
    trouble,
    waterfall,
    withdrawals,
)
from novate.sim.auditor.following import follow
from novate.sim.auditor.house import Disagreement, House, Relief
from novate.sim.auditor.numbering import numbered, rejected, unpacked
from novate.sim.auditor.picture import Picture, differences, picture
from novate.sim.auditor.rounding import part_up
from novate.sim.auditor.trouble import Choices

DECIDES: dict[type, Callable[[House, Any], list[Fact]]] = {
    asked.Contribute: cash.decide_contribute,
    asked.Deposit: cash.decide_deposit,
    asked.Withdraw: cash.decide_withdraw,
    asked.AnnounceDeposit: deposits.decide_announce,
    asked.FinaliseDeposit: deposits.decide_finalise,
    asked.CancelDeposit: deposits.decide_cancel,
    asked.ReverseDeposit: reversals.decide_reverse,
    asked.RequestWithdrawal: withdrawals.decide_request,
    asked.ReleaseWithdrawal: withdrawals.decide_step,
    asked.ConfirmWithdrawal: withdrawals.decide_step,
    asked.ReturnWithdrawal: withdrawals.decide_step,
    asked.TransferCollateral: transfers.decide_transfer,
    after.BustTrade: numbered(afterwards.decide_bust),
    after.CorrectTrade: numbered(afterwards.decide_correct),
    after.OffsetTrade: numbered(afterwards.decide_offset),
    after.GiveUp: numbered(give_ups.decide_give_up),
    after.AnswerGiveUp: numbered(give_ups.decide_answer),
    after.TransferPosition: numbered(moves.decide_transfer),
    after.CompressPositions: numbered(moves.decide_compress),
    after.PortAccount: numbered(moves.decide_port),
    after.AnswerPorting: numbered(moves.decide_porting_answer),
    asked.OpenSubAccount: omnibus.decide_open,
    asked.CancelRulebook: governance.decide_cancel,
    asked.CancelRiskSheet: governance.decide_cancel,
    asked.SetLimit: limits.decide_set,
    asked.RemoveLimit: limits.decide_remove,
    asked.HaltContract: limits.decide_halt,
    asked.ResumeContract: limits.decide_resume,
    asked.ChangeOrders: orders.decide_orders,
    asked.SubmitTrades: trades.decide_trades,
    asked.PublishMarks: prices.decide_marks,
    asked.PublishFunding: prices.decide_funding,
    asked.PublishInterest: overdrafts.decide_interest,
    asked.ExpireContract: prices.decide_expire,
    asked.ResolveContract: prices.decide_resolve,
    asked.ExecuteLiquidation: trouble.decide_execution,
    asked.ExecuteConversion: conversions.decide_sale,
    asked.IsolatePosition: isolation.decide_isolate,
    asked.RejoinPosition: isolation.decide_rejoin,
    asked.MoveCollateral: isolation.decide_move,
    asked.AdoptRiskSheet: sheets.decide_adopt,
    asked.SetMarginMode: sheets.decide_mode,
}
"""What each command comes to. A new command is given its line here, its facts theirs below."""

ADMITS: dict[type, Callable[[House, Any, Sequence[Fact]], list[Fact]]] = {
    **dict.fromkeys((asked.AddAsset, asked.ListContract, asked.AddMember, asked.OpenAccount), admission.decide),
    asked.AdoptRulebook: governance.decide_adopt,
}
"""Commands whose form the core alone judges."""

PASSES_TIME = (asked.Clock,)
"""Commands of which everything follows from the time."""

OVERSEES = (asked.CancelRulebook, asked.SetLimit, asked.RemoveLimit, asked.HaltContract, asked.ResumeContract)
"""Commands of the operator."""

WITHOUT_RULES = (*ADMITS, *PASSES_TIME, *OVERSEES, asked.Contribute, asked.OpenSubAccount)
"""Commands that need no rulebook."""

APPLIES: dict[type, Callable[[House, Any], None]] = {
    f.AssetAdded: admission.apply_asset_added,
    f.ContractListed: admission.apply_contract_listed,
    f.MemberAdded: admission.apply_member_added,
    f.AccountOpened: admission.apply_account_opened,
    f.SubAccountOpened: omnibus.apply_opened,
    f.RulebookAdopted: admission.apply_rulebook_adopted,
    seen_to.RulebookScheduled: governance.apply_scheduled,
    seen_to.RulebookCancelled: governance.apply_over,
    seen_to.RulebookLapsed: governance.apply_over,
    seen_to.RiskSheetScheduled: sheets.apply_scheduled,
    seen_to.RiskSheetTookForce: sheets.apply_took_force,
    seen_to.RiskSheetCancelled: sheets.apply_over,
    seen_to.RiskSheetLapsed: sheets.apply_over,
    f.Contributed: cash.apply_contributed,
    f.Deposited: cash.apply_posted,
    f.Withdrawn: cash.apply_posted,
    paid.DepositsAnnounced: deposits.apply_announced,
    paid.DepositClosed: deposits.apply_closed,
    paid.DepositsReversible: deposits.apply_reversible,
    paid.DepositsFinal: deposits.apply_final,
    paid.DepositReversed: reversals.apply_reversed,
    paid.WithdrawalsRequested: withdrawals.apply_requested,
    paid.WithdrawalWaits: withdrawals.apply_waits,
    paid.WithdrawalReleased: withdrawals.apply_released,
    paid.WithdrawalConfirmed: withdrawals.apply_confirmed,
    paid.WithdrawalReturned: withdrawals.apply_returned,
    paid.GateClosed: withdrawals.apply_gate_closed,
    paid.GateOpened: withdrawals.apply_gate_opened,
    paid.CollateralTransferred: transfers.apply_transferred,
    became.TradesForgotten: record.apply_forgotten,
    became.TradeBusted: afterwards.apply_busted,
    became.TradeCorrected: afterwards.apply_corrected,
    became.TradeOffset: afterwards.apply_offset,
    became.GiveUpProposed: give_ups.apply_proposed,
    became.GiveUpAccepted: give_ups.apply_accepted,
    became.GiveUpClosed: give_ups.apply_closed,
    became.PositionTransferred: moves.apply_transferred,
    became.PositionsCompressed: moves.apply_compressed,
    became.PortingOpened: moves.apply_porting_opened,
    became.PortingProposed: moves.apply_porting_proposed,
    became.PortingDeclined: moves.apply_porting_declined,
    became.AccountPorted: moves.apply_ported,
    became.PortingEnded: moves.apply_porting_ended,
    f.BucketOpened: isolation.apply_bucket_opened,
    f.PositionIsolated: isolation.apply_position_isolated,
    f.PositionRejoined: isolation.apply_position_rejoined,
    f.CollateralAssigned: isolation.apply_collateral_assigned,
    f.RiskSheetAdopted: sheets.apply_adopted,
    f.MarginModeSet: sheets.apply_mode_set,
    f.OrdersChanged: orders.apply_orders,
    f.OrdersFilled: orders.apply_orders,
    f.TradesNovated: trades.apply_trades_novated,
    f.MarksPublished: prices.apply_marks_published,
    f.ContractHalted: prices.apply_contract_halted,
    f.AssetHalted: prices.apply_asset_halted,
    f.FundingPublished: prices.apply_funding_published,
    f.ContractExpired: prices.apply_contract_expired,
    lent.InterestPublished: overdrafts.apply_published,
    lent.InterestCharged: overdrafts.apply_charged,
    lent.OverdraftChanged: overdrafts.apply_changed,
    lent.ConversionOrdered: conversions.apply_ordered,
    lent.ConversionReduced: conversions.apply_reduced,
    lent.ConversionExecuted: conversions.apply_executed,
    lent.ConversionClosed: conversions.apply_closed,
    f.MarginCalled: calls.apply_margin_called,
    f.CallMet: calls.apply_call_met,
    seen_to.CallPaid: calls.apply_call_paid,
    seen_to.AccountRestricted: levels.apply_restricted,
    seen_to.AccountReleased: levels.apply_released,
    seen_to.MaintenanceRelieved: reliefs.apply_relieved,
    seen_to.ReliefEnded: reliefs.apply_ended,
    seen_to.InitialScaled: scaling.apply_scaled,
    seen_to.LimitSet: limits.apply_limit_set,
    seen_to.LimitRemoved: limits.apply_limit_removed,
    seen_to.TradingHalted: limits.apply_halted,
    seen_to.TradingResumed: limits.apply_resumed,
    f.Breached: trouble.apply_breached,
    f.MemberDefaulted: trouble.apply_member_defaulted,
    f.LiquidationOrdered: trouble.apply_liquidation_ordered,
    f.LiquidationExecuted: trouble.apply_liquidation_executed,
    f.OrderClosed: trouble.apply_order_closed,
    f.LiquidationEnded: trouble.apply_liquidation_ended,
    f.TakenOver: trouble.apply_taken_over,
    f.CollateralConverted: purse.apply_collateral_converted,
    f.ShortfallAssigned: waterfall.apply_shortfall_assigned,
    f.LossAbsorbed: waterfall.apply_loss_absorbed,
    f.GainsCut: cycle.apply_gains_cut,
    f.Settled: cycle.apply_settled,
    f.CycleClosed: cycle.apply_cycle_closed,
    f.Transferred: estates.apply_transferred,
    f.LiquidationClosed: estates.apply_liquidation_closed,
    f.Rejected: lambda house, fact: None,
    f.RowsRefused: lambda house, fact: setattr(house, "refused", unpacked(fact.rows, layouts.REFUSED)),
    f.SourceAdvanced: lambda house, fact: house.sources.__setitem__(fact.source, fact.number),
}

ROWS_OF = {
    f.RowsRefused: {"rows": layouts.REFUSED},
    f.Deposited: {"rows": layouts.POSTED},
    f.Withdrawn: {"rows": layouts.POSTED},
    paid.DepositsAnnounced: {"rows": layouts.CASH},
    paid.DepositsReversible: {"rows": layouts.CASH},
    paid.WithdrawalsRequested: {"rows": layouts.POSTED},
    paid.CollateralTransferred: {"rows": layouts.MOVED},
    f.OrdersChanged: {"rows": layouts.RESERVED},
    f.OrdersFilled: {"rows": layouts.RESERVED},
    f.TradesNovated: {"rows": layouts.NOVATED},
    f.MarksPublished: {"rows": layouts.MARKED},
    f.FundingPublished: {"rows": layouts.FUNDED},
    f.TakenOver: {"rows": layouts.LEG},
    f.Settled: {"rows": layouts.SETTLED},
    f.GainsCut: {"rows": layouts.POSTED, "claims": layouts.CLAIMED},
}
"""How the rows of facts are packed."""

ROWS_OF_COMMANDS = {
    asked.Deposit: layouts.CASH,
    asked.Withdraw: layouts.CASH,
    asked.AnnounceDeposit: layouts.CASH,
    asked.RequestWithdrawal: layouts.CASH,
    asked.TransferCollateral: layouts.TRANSFER,
    asked.ChangeOrders: layouts.ORDER,
    asked.SubmitTrades: layouts.TRADE,
    asked.PublishMarks: layouts.MARK,
    asked.PublishFunding: layouts.FUNDING,
}
NOT_AUDITED = {
    f.LiquidationOrdered: ("order",),
    **dict.fromkeys((f.Rejected, seen_to.RulebookLapsed, seen_to.RiskSheetLapsed), ("message",)),
}
"""Fields that are words, or that the house itself shows (an order's number)."""


class Auditor:
    """A naive clearing house beside the real one."""

    def __init__(self) -> None:
        self.house = House()

    def step(self, command: AnyCommand, time_ns: int, answer: Sequence[Fact], seen: Picture) -> None:
        """Carry out a command and demand the core's facts and house. ``seen`` is the core's own house as plain dicts.

        Raises ``Disagreement``.
        """
        expected = self.carry_out(command, time_ns, answer)
        compare_facts(expected, answer)
        own = picture(self.house)
        for difference in differences(own, seen):
            raise Disagreement(*difference)
        exactness.check(self.house)
        self._nothing_unnoticed(own)
        self._money_is_conserved()

    def carry_out(self, command: AnyCommand, time_ns: int, answer: Sequence[Fact]) -> list[Fact]:
        """Everything that the command must lead to, applied to the auditor's own house."""
        house = self.house
        house.now_ns, house.command, house.refused = time_ns, command, []
        choices = Choices(answer)
        expected: list[Fact] = []
        for latest in self._phases(command, answer):
            while latest:
                # What is refused is noted first: the exact account of a batch leaves those rows out.
                for fact in sorted(latest, key=lambda fact: not isinstance(fact, f.RowsRefused)):
                    APPLIES[type(fact)](house, fact)
                expected += latest
                if isinstance(latest[-1], f.CycleClosed):
                    exactness.check_settled(house)
                latest = follow(house, latest, choices)
        choices.check_all_taken()
        return expected

    def _phases(self, command: AnyCommand, answer: Sequence[Fact]) -> Iterator[list[Fact]]:
        house = self.house
        while coming := governance.first_due(house):
            yield coming
        if isinstance(command, PASSES_TIME):
            yield prices.grown_old(house)
            yield trouble.orders_over(house)
            yield conversions.due(house)
            yield [*give_ups.expired(house), *moves.portings_over(house)]
            yield deposits.matured(house)
            yield withdrawals.recall_for_cycle(house)
            yield overdrafts.before_cycle(house)
            due = house.settlement_due_ns
            yield cycle.decide_cycle(house) if due is not None and due <= house.now_ns else []
            yield conversions.beyond_limits(house)
            yield reversals.collect_owed(house)
            yield calls.calls_due(house)
            return
        layout = ROWS_OF_COMMANDS.get(type(command))
        if layout is not None and len(getattr(command, "rows", b"")) % layout.itemsize:
            yield [rejected(Reason.MALFORMED, "$.rows")]
        elif house.rules_in_force is None and not isinstance(command, WITHOUT_RULES):
            yield [rejected(Reason.RULEBOOK_MISSING, "$")]
        elif type(command) in ADMITS:
            yield ADMITS[type(command)](house, command, answer)
        elif type(command) in DECIDES:
            yield DECIDES[type(command)](house, command)
        else:
            raise Disagreement("commands", f"the auditor has no rule for {type(command).__name__}; give it one")

    def _nothing_unnoticed(self, own: Picture) -> None:
        """Whoever falls short is called or in liquidation, after whatever command it was."""
        house = self.house
        for index, (equity, _, initial, maintenance, _) in own["judged"].items():
            if not house.buckets[index].may_be_called:
                continue
            relief = house.reliefs.get(index, Relief())
            lack, rules = part_up(initial, house.rules.call_target_ppm) - equity, house.rules
            sound = equity >= part_up(initial, rules.call_trigger_ppm)
            called = index in house.calls or sound or lack < rules.call_minimum_fine
            # What collateral alone is asked for by a sheet, nobody can be sold down for.
            holds = any(held.lots for held in house.buckets[index].positions.values())
            short = equity + reliefs.credited(house, index, equity) < maintenance * relief.part
            if holds and short if house.is_venue else not called:
                raise Disagreement("unnoticed", f"bucket {index} has {equity} of {initial}, {maintenance} at least")

    def _money_is_conserved(self) -> None:
        """All worth in an asset is what came in; nobody owes a settled amount; the house holds no position."""
        house, purses = self.house, self.house.purses
        for asset, money in enumerate(house.monies):
            held = sum(bucket.balance_minor[asset] for bucket in purses.values())
            carried = sum(bucket.carry_fine[asset] for bucket in purses.values())
            if held != money.external_minor or carried:
                raise Disagreement("conservation", f"{held} of asset {asset} is held, {money.external_minor} came in")
            below = -sum(min(0, bucket.balance_minor[asset]) for bucket in purses.values())
            if below > house.buckets[TREASURY].balance_minor[asset]:
                raise Disagreement("conservation", f"{below} of asset {asset} is lent, more than the treasury has")
            asked_for = sum(one.amount_minor for one in house.departures.values() if one.asset == asset)
            if asked_for != (house.buckets[house.transit].balance_minor[asset] if house.transit is not None else 0):
                raise Disagreement("conservation", f"{asked_for} of asset {asset} is asked for, and not what is held")
        for index, bucket in purses.items():
            below = {asset: -held for asset, held in bucket.balance_minor.items() if held < 0}
            own = bucket.member < 0 and index not in house.origins
            on_record = {asset: one.amount_minor for asset, one in house.overdrafts.get(index, {}).items()}
            if below != on_record or (below and own):
                raise Disagreement("conservation", f"{bucket.name} is below zero in {below}")
            if bucket.positions and bucket.member < 0 and index not in house.origins:
                raise Disagreement("conservation", f"{bucket.name} holds positions")
        if house.buckets[ROUNDING].positions:
            raise Disagreement("conservation", "the rounding account holds positions")


def compare_facts(expected: Sequence[Fact], answer: Sequence[Fact]) -> None:
    """The same facts, in whatever order: what happened is audited, not how it was gone about."""
    own, theirs = Counter(map(plain, expected)), Counter(map(plain, answer))
    if own == theirs:
        return
    missing, extra = sorted((own - theirs).elements(), key=repr), sorted((theirs - own).elements(), key=repr)
    noun = (missing or extra)[0][0]
    raise Disagreement(f"fact {noun}", f"the auditor has {_few(missing)}, the core {_few(extra)}")


def _few(facts: Sequence[Any]) -> str:
    return " and ".join(str(fact)[:600] for fact in facts[:2]) or "nothing more"


def plain(fact: Fact) -> tuple[Any, ...]:
    """A fact as nested tuples, its rows unpacked and in order."""
    layouts_of: Mapping[str, Any] = ROWS_OF.get(type(fact), {})
    fields = []
    for name in fact.__struct_fields__:
        if name in NOT_AUDITED.get(type(fact), ()):
            continue
        value = getattr(fact, name)
        if name in layouts_of:
            value = tuple(sorted(unpacked(value, layouts_of[name])))
        elif isinstance(value, msgspec.Struct):
            value = msgspec.json.encode(value)
        fields.append((name, value))
    return type(fact).__name__, *fields

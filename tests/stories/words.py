"""Facts in words: what stands in a story's ``Then`` tables."""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from novate.core import facts as f
from novate.core import lifecycle_facts as lf
from novate.core import money_facts as m
from novate.core import supervision as sv
from novate.core.book import Book
from novate.core.facts import Fact
from novate.core.money import PPM
from novate.core.rows import CASH, FUNDED, LEG, MARKED, MOVED, NOVATED, POSTED, RESERVED, SETTLED
from novate.tape.decimals import rate_text
from tests.stories.figures import Figures, listed, moment, spaced

Line = tuple[str, str, str]
"""A fact as a row: what happened, to whom, and the figures."""

UNSPOKEN = (f.SourceAdvanced, f.RowsRefused, f.Rejected)
"""Facts that a facts table leaves out: refusals have a table of their own."""


class Words(Figures):
    """Facts of one book in words."""

    def __init__(self, book: Book, orders: Mapping[int, f.LiquidationOrdered] | None = None) -> None:
        super().__init__(book)
        self.orders = orders or {}

    def line(self, fact: Fact) -> Line:
        """The row of a fact. Raises ``LookupError`` for a kind that no words are written for."""
        told_by = (
            self.of_supervision,
            self.of_terms,
            self.of_trading,
            self.of_transit,
            self.of_calls,
            self.of_defaults,
            self.of_lifecycle,
            self.of_porting,
        )
        for told in (tell(fact) for tell in told_by):
            if told is not None:
                kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(fact).__name__).lower()
                return kind, *told
        raise LookupError(f"no words for {type(fact).__name__}")

    def of_terms(self, fact: Fact) -> tuple[str, str] | None:
        """Admissions and states."""
        match fact:
            case f.AssetAdded():
                return fact.asset.symbol, ""
            case f.ContractListed():
                return fact.contract.symbol, ""
            case f.RulebookAdopted():
                return fact.rulebook.name, f"settlement at {moment(fact.settlement_due_ns)}"
            case f.MemberAdded():
                return fact.name, ""
            case f.RiskSheetAdopted():
                return fact.sheet.name, f"{fact.sheet.scenario_count} scenarios"
            case f.MarginModeSet():
                return self.account(fact.bucket), fact.mode
            case f.AccountOpened():
                member = self.registers.members[fact.member]
                return fact.name, f"{spaced(fact.kind)} of {member.name}"
            case f.SubAccountOpened():
                return f"{self.account(fact.account)}/{fact.reference}", ""
            case f.ContractHalted():
                return self.contract(fact.contract), spaced(fact.cause)
            case f.AssetHalted():
                return self.registers.assets[fact.asset].symbol, spaced(fact.cause)
            case f.CycleClosed():
                return "", f"next at {moment(fact.settlement_due_ns)}"
        return None

    def of_supervision(self, fact: Fact) -> tuple[str, str] | None:
        """Rules to come, limits, halts and levels."""
        match fact:
            case sv.RulebookScheduled():
                return fact.rulebook.name, f"for {moment(fact.effective_ns)}"
            case sv.RulebookCancelled():
                return fact.name, ""
            case sv.RulebookLapsed():
                return fact.name, f"{spaced(fact.reason.text)} at {fact.path}"
            case sv.RiskSheetScheduled():
                return fact.sheet.name, f"for {moment(fact.effective_ns)}"
            case sv.RiskSheetTookForce() | sv.RiskSheetCancelled():
                return fact.name, ""
            case sv.RiskSheetLapsed():
                return fact.name, f"{spaced(fact.reason.text)} at {fact.path}"
            case sv.LimitSet(limit=limit):
                members = [self.registers.members[member].name for member in limit.members]
                group = [*members, *(self.account(account) for account in limit.accounts)] or ["everyone"]
                return limit.name, f"{limit.lots} {self.contract(limit.contract)} {limit.measure} of {listed(group)}"
            case sv.LimitRemoved():
                return fact.name, ""
            case sv.TradingHalted():
                return self.contract(fact.contract), fact.cause
            case sv.TradingResumed():
                return self.contract(fact.contract), ""
            case sv.InitialScaled():
                value = self.fine_money(fact.open_interest_fine, self.asset_of(fact.contract))
                return self.contract(fact.contract), f"at {value}"
            case sv.CallPaid():
                return self.account(fact.bucket), f"{self.judged(fact.paid_fine)}, {self.judged(fact.open_fine)} open"
            case sv.AccountRestricted() | sv.AccountReleased() | sv.ReliefEnded():
                return self.account(fact.bucket), ""
            case sv.MaintenanceRelieved():
                return self.account(fact.bucket), self.judged(fact.relief_fine)
        return None

    def of_trading(self, fact: Fact) -> tuple[str, str] | None:
        """Trades, prices and money."""
        match fact:
            case f.TradesNovated():
                rows = np.frombuffer(fact.rows, NOVATED)
                return "", listed(
                    f"{self.account(row['buyer'])} {row['lots']} {self.contract(row['contract'])} from "
                    f"{self.account(row['seller'])}"
                    for row in rows
                )
            case f.OrdersChanged() | f.OrdersFilled():
                return "", listed(
                    f"{self.account(bucket)} {self.contract(contract)} bids {bids} asks {asks}"
                    for bids, asks, contract, bucket in np.frombuffer(fact.rows, RESERVED).tolist()
                )
            case f.MarksPublished():
                names = [self.contract(row["contract"]) for row in np.frombuffer(fact.rows, MARKED) if row["fresh"]]
                return "", listed([*names, *(self.registers.assets[rate.asset].symbol for rate in fact.assets)])
            case f.FundingPublished():
                rows = np.frombuffer(fact.rows, FUNDED)
                return "", listed(self.contract(row["contract"]) for row in rows)
            case f.ContractExpired():
                value = self.fine_money(fact.value_fine, self.asset_of(fact.contract))
                cause = "" if fact.cause == "expired" else f", {fact.cause}"
                return self.contract(fact.contract), f"{value} a lot{cause}"
            case f.Deposited() | f.Withdrawn():
                rows = np.frombuffer(fact.rows, POSTED)
                sign = 1 if isinstance(fact, f.Deposited) else -1
                return "", listed(
                    f"{self.account(row['account'])} {self.money(sign * int(row['amount_minor']), int(row['asset']))}"
                    for row in rows
                )
            case f.BucketOpened():
                return self.account(fact.account), self.contract(fact.contract)
            case f.PositionIsolated() | f.PositionRejoined():
                cost = self.fine_money(fact.cost_fine, self.asset_of(fact.contract))
                held = [f"{fact.lots} {self.contract(fact.contract)} at a cost of {cost}"] if fact.lots else []
                return self.account(fact.account), listed(
                    held + [self.money(each.amount_minor, each.asset) for each in fact.collateral]
                )
            case f.CollateralAssigned():
                return self.account(fact.bucket), self.money(fact.amount_minor, fact.asset)
            case f.Contributed():
                return self.account(fact.account), self.money(fact.amount_minor, fact.asset)
            case f.InterestPublished():
                rate = rate_text(fact.rate_ppm, PPM)
                return self.registers.assets[fact.asset].symbol, f"{rate} a year"
            case f.InterestCharged():
                return self.account(fact.bucket), self.fine_money(fact.amount_fine, fact.asset)
            case f.OverdraftChanged():
                return self.account(fact.account), self.money(fact.amount_minor, fact.asset)
            case f.ConversionOrdered():
                sell, least = (
                    self.money(fact.sell_minor, fact.sold_asset),
                    self.money(fact.least_minor, fact.bought_asset),
                )
                what = f"order {fact.order}: sell {sell} for at least {least} until {moment(fact.due_ns)}"
                return self.account(fact.account), what
            case f.ConversionReduced():
                return self.account(fact.account), f"order {fact.order} to {self.money(fact.open_minor, fact.asset)}"
            case f.ConversionExecuted():
                sold = self.money(fact.sold_minor, fact.sold_asset)
                got = self.money(fact.received_minor, fact.bought_asset)
                return self.account(fact.account), f"order {fact.order}: {sold} for {got}"
            case f.ConversionClosed():
                return self.account(fact.account), f"order {fact.order} {fact.cause}"
            case f.Settled():
                rows = [row for row in np.frombuffer(fact.rows, SETTLED) if row["flow_minor"]]
                flows = ((int(row["bucket"]), int(row["flow_minor"])) for row in rows)
                moved = listed(f"{self.account(bucket)} {self.money(flow, fact.asset)}" for bucket, flow in flows)
                return "", moved or "nobody"
        return None

    def of_transit(self, fact: Fact) -> tuple[str, str] | None:
        """Money on its way in, on its way out and between accounts."""
        match fact:
            case m.DepositsAnnounced() | m.DepositsReversible():
                until = f" until {moment(fact.final_at_ns)}" if isinstance(fact, m.DepositsReversible) else ""
                rows = np.frombuffer(fact.rows, CASH).tolist()
                told = (f"{at}: {self.account(of)} {self.money(amount, asset)}" for at, amount, of, asset in rows)
                return fact.source, f"{listed(told)}{until}"
            case m.DepositClosed():
                return fact.source, f"{fact.deposit} {fact.cause}"
            case m.DepositsFinal():
                return fact.source, listed(map(str, fact.deposits))
            case m.DepositReversed():
                owed = f", {self.money(fact.owed_minor, fact.asset)} owed" if fact.owed_minor else ""
                return self.account(fact.account), f"{self.money(fact.amount_minor, fact.asset)}{owed}"
            case m.WithdrawalsRequested():
                rows = enumerate(np.frombuffer(fact.rows, POSTED).tolist(), fact.first)
                told = (f"{at}: {self.account(of)} {self.money(amount, asset)}" for at, (amount, of, asset) in rows)
                return "", listed(told)
            case m.WithdrawalWaits() | m.WithdrawalReleased():
                return "", str(fact.withdrawal)
            case m.WithdrawalConfirmed():
                money = self.money(fact.amount_minor, fact.asset)
                return self.account(fact.account), f"{fact.withdrawal}: {money}"
            case m.WithdrawalReturned():
                money = self.money(fact.amount_minor, fact.asset)
                why = spaced(fact.reason.text) if fact.reason else spaced(fact.cause)
                return self.account(fact.account), f"{fact.withdrawal}: {money}, {why}"
            case m.CollateralTransferred():
                rows = np.frombuffer(fact.rows, MOVED).tolist()
                moved = (
                    f"{self.money(amount, asset)} from {self.account(payer)} to {self.account(payee)}"
                    for amount, payer, payee, asset, _ in rows
                )
                return "", listed(moved)
            case m.GateClosed():
                deficit, there = (
                    self.money(amount, fact.asset) for amount in (fact.deficit_minor, fact.available_minor)
                )
                return self.registers.assets[fact.asset].symbol, f"{fact.cause}: {deficit} against {there}"
            case m.GateOpened():
                return self.registers.assets[fact.asset].symbol, ""
        return None

    def of_calls(self, fact: Fact) -> tuple[str, str] | None:
        """From the call to the market."""
        match fact:
            case f.MarginCalled():
                return self.account(fact.bucket), f"{self.judged(fact.amount_fine)} by {moment(fact.due_ns)}"
            case f.CallMet():
                return self.account(fact.bucket), f"by {fact.by}"
            case f.Breached():
                return self.account(fact.bucket), spaced(fact.cause)
            case f.LiquidationOrdered():
                side = f"{'buy' if fact.lots > 0 else 'sell'} {abs(fact.lots)} {self.contract(fact.contract)}"
                limit = self.price(fact.limit_price_ticks, fact.contract)
                return (
                    self.account(fact.bucket),
                    f"order {fact.order}: {side} at {limit} or better until {moment(fact.expiry_ns)}",
                )
            case f.LiquidationExecuted():
                order = self.orders[fact.order]
                side = f"{'bought' if fact.lots > 0 else 'sold'} {abs(fact.lots)} {self.contract(order.contract)}"
                value = self.fine_money(fact.value_fine, self.asset_of(order.contract))
                what = f"{side}, counterparty {self.account(fact.counterparty)}, {value} a lot"
                return self.account(order.bucket), what
            case f.OrderClosed():
                return self.account(self.orders[fact.order].bucket), f"order {fact.order} {fact.cause}"
            case f.LiquidationEnded():
                return self.account(fact.bucket), ""
        return None

    def of_defaults(self, fact: Fact) -> tuple[str, str] | None:
        """From default to the last layer."""
        match fact:
            case f.MemberDefaulted():
                member = self.registers.members[fact.member]
                return member.name, spaced(fact.cause)
            case f.TakenOver():
                legs = np.frombuffer(fact.rows, LEG)
                moved = [
                    f"{row['lots']} {self.contract(row['contract'])} at a cost of "
                    f"{self.fine_money(int(row['cost_fine']), self.asset_of(row['contract']))}"
                    for row in legs
                ]
                moved += [self.money(each.amount_minor, each.asset) for each in fact.collateral]
                return self.account(fact.bucket), listed(moved)
            case f.CollateralConverted():
                paid, received = (
                    self.money(fact.paid_minor, fact.paid_asset),
                    self.money(fact.received_minor, fact.received_asset),
                )
                return self.account(fact.bucket), f"{paid} for {received}"
            case f.ShortfallAssigned():
                money = self.money(fact.amount_minor, fact.asset)
                return self.account(fact.bucket), f"{money} to {self.account(fact.house_bucket)}"
            case f.LossAbsorbed():
                money = self.money(fact.amount_minor, fact.asset)
                return self.account(fact.bucket), f"{money} by {spaced(fact.layer)}: {self.account(fact.payer)}"
            case f.GainsCut():
                rows = [(int(row["account"]), int(row["amount_minor"])) for row in np.frombuffer(fact.rows, POSTED)]
                who = listed(self.account(bucket) for bucket, _ in fact.unpaid)
                return who, listed(f"{self.account(account)} {self.money(cut, fact.asset)}" for account, cut in rows)
            case f.Transferred():
                money = self.money(fact.amount_minor, fact.asset)
                return self.account(fact.payer), f"{spaced(fact.cause)}: {money} to {self.account(fact.payee)}"
            case f.LiquidationClosed():
                return self.account(fact.account), ""
        return None

    def of_lifecycle(self, fact: Fact) -> tuple[str, str] | None:
        """Trades and positions after they were made."""
        match fact:
            case lf.TradesForgotten():
                return "", f"{fact.count} trades"
            case lf.TradeBusted():
                return f"trade {fact.trade_number}", self.legs(fact.contract, fact.legs)
            case lf.TradeCorrected() | lf.TradeOffset():
                sign = 1 if isinstance(fact, lf.TradeCorrected) else -1
                value = self.fine_money(fact.value_fine, self.asset_of(fact.contract))
                buyer = f"{self.account(fact.buyer)} {sign * fact.lots} {self.contract(fact.contract)}"
                return f"trade {fact.trade_number}", f"{buyer} from {self.account(fact.seller)}, {value} a lot"
            case lf.GiveUpProposed():
                what = f"{fact.lots} {self.contract(fact.contract)} of trade {fact.trade_number}"
                who = f"to {self.account(fact.receiver)} until {moment(fact.expiry_ns)}"
                return self.account(fact.giver), f"give-up {fact.give_up}: {what} {who}"
            case lf.GiveUpAccepted():
                return "", f"give-up {fact.give_up}"
            case lf.GiveUpClosed():
                return "", f"give-up {fact.give_up} {fact.cause}"
            case lf.PositionTransferred():
                cost = self.fine_money(fact.cost_fine, self.asset_of(fact.contract))
                moved = f"{fact.lots} {self.contract(fact.contract)} to {self.account(fact.receiver)}"
                return self.account(fact.giver), f"{moved} at a cost of {cost}, {spaced(fact.cause)}"
            case lf.PositionsCompressed():
                value = self.fine_money(fact.value_fine, self.asset_of(fact.contract))
                return "", f"at {value} a lot: {self.legs(fact.contract, fact.legs)}"
        return None

    def legs(self, contract: int, legs: Iterable[lf.Leg]) -> str:
        """Lots, cost and, where there is any, money by account."""
        asset = self.asset_of(contract)
        parts = []
        for leg in legs:
            part = f"{self.account(leg.bucket)} {leg.lots} {self.contract(contract)}"
            part += f" at a cost of {self.fine_money(leg.cost_fine, asset)}"
            parts.append(part + (f" and {self.fine_money(leg.carry_fine, asset)}" if leg.carry_fine else ""))
        return listed(parts)

    def of_porting(self, fact: Fact) -> tuple[str, str] | None:
        """Clients between members."""
        members = self.registers.members
        match fact:
            case lf.PortingOpened():
                return members[fact.member].name, f"until {moment(fact.due_ns)}"
            case lf.PortingEnded():
                return members[fact.member].name, ""
            case lf.PortingProposed() | lf.PortingDeclined() | lf.AccountPorted():
                return self.account(fact.account), f"to {members[fact.member].name}"
        return None

"""Watches a run from outside and keeps what its report shows.

It has its own ledger, written only from facts: at the end its balances must be those of the book.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import (
    AccountOpened,
    AssetAdded,
    Breached,
    CallMet,
    CollateralConverted,
    Contributed,
    Deposited,
    Fact,
    GainsCut,
    LiquidationExecuted,
    LiquidationOrdered,
    LossAbsorbed,
    MarginCalled,
    MemberAdded,
    MemberDefaulted,
    Rejected,
    RowsRefused,
    Settled,
    TakenOver,
    TradesNovated,
    Transferred,
    Withdrawn,
)
from novate.core.reasons import Reason
from novate.core.rows import LEG, NOVATED, POSTED, REFUSED, SETTLED
from novate.core.supervision import CallPaid
from novate.core.terms import HOUSE_ACCOUNTS, INSURANCE, SKIN, TREASURY, Kind, Role
from novate.report.series import StepFigures
from novate.sim.failures import Failures
from novate.sim.market import Market
from novate.sim.plan import COIN_DECIMALS, NUMERAIRE_DECIMALS
from novate.sim.population import Population
from novate.sim.sight import NUMERAIRE, Sight
from novate.sim.world import World

ASSETS = 2
ROLE_WORDS = {
    Role.HOUSE: "members' house accounts",
    Role.CLIENT: "client accounts",
    Role.NET_OMNIBUS: "omnibus accounts",
    Role.DEFAULT_FUND: "the default fund",
    Role.LIQUIDATION: "liquidation accounts",
    Role.FEES: "the fees account",
    Role.ROUNDING: "the rounding account",
    Role.TREASURY: "the treasury",
    Role.SKIN: "the house's capital at risk",
    Role.INSURANCE: "the insurance fund",
}


@dataclass(slots=True)
class Recorder:
    """Gathers figures step by step; ``figures`` is the step at hand."""

    people: Population
    form: str
    market: Market = field(init=False)
    figures: StepFigures = field(default_factory=lambda: StepFigures(0, {}))
    facts: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    ledger: np.ndarray = field(default_factory=lambda: np.zeros((ASSETS, 64), np.int64))
    paid_in: Counter[int] = field(default_factory=Counter)
    paid_out: Counter[int] = field(default_factory=Counter)
    assets: list[str] = field(default_factory=list)
    roles: list[Role] = field(default_factory=lambda: [role for _, role in HOUSE_ACCOUNTS])
    members: list[int] = field(default_factory=lambda: [-1] * len(HOUSE_ACCOUNTS))
    member_count: int = 0
    origins: dict[int, int] = field(default_factory=dict)
    trades: int = 0
    gross_lots: int = 0
    notional: float = 0.0
    orders: dict[int, int] = field(default_factory=dict)
    taken_over: int = 0
    commands: int = 0
    held_to_expiry: int = 0
    called_since: dict[int, int] = field(default_factory=dict)
    called: Counter[int] = field(default_factory=Counter)
    failures: Failures = field(init=False)

    def __post_init__(self) -> None:
        venue = self.form == "venue"
        self.failures = Failures(self.people, venue, self.roles, self.members, self.origins, self.in_numeraire)

    def watch(self, _command: AnyCommand, facts: Sequence[Fact], _time_ns: int) -> None:
        """One command and its facts."""
        self.commands += 1
        serious = any(isinstance(fact, MemberDefaulted | TakenOver | LossAbsorbed | GainsCut) for fact in facts)
        self.failures.begin(self.figures.time_s, self.ledger[NUMERAIRE] if serious else None)
        for fact in facts:
            self.facts[type(fact).__name__] += 1
            self._admission(fact)
            self._money(fact)
            self._margin(fact)
            self._liquidation(fact)
            self.failures.note(fact, self._value(fact) if isinstance(fact, TakenOver) else 0.0)

    # --- who is who -----------------------------------------------------------------------------------------------

    def _admission(self, fact: Fact) -> None:
        match fact:
            case AssetAdded():
                self.assets.append(fact.asset.symbol)
            case MemberAdded():
                self._open(Role.HOUSE, self.member_count)
                self._open(Role.DEFAULT_FUND, self.member_count)
                self.member_count += 1
            case AccountOpened():
                self._open(Role[fact.kind.upper()], fact.member)
            case TakenOver():
                self.origins[len(self.roles)] = fact.bucket
                self._open(Role.LIQUIDATION, -1)
            case Rejected():
                self.rejections[fact.reason.text] += 1
            case RowsRefused():
                for reason in np.frombuffer(fact.rows, REFUSED)["reason"].tolist():
                    self.rejections[Reason(reason).text] += 1
            case TradesNovated():
                rows = np.frombuffer(fact.rows, NOVATED)
                self.trades += len(rows)
                self.gross_lots += int(rows["lots"].sum())
                self.notional += float(rows["lots"] @ self.market.lot_value[rows["contract"]])
            case _:
                pass

    def _open(self, role: Role, member: int) -> None:
        if len(self.roles) == self.ledger.shape[1]:
            self.ledger = np.concatenate([self.ledger, np.zeros_like(self.ledger)], axis=1)
        self.roles.append(role)
        self.members.append(member)

    # --- the ledger -----------------------------------------------------------------------------------------------

    def _money(self, fact: Fact) -> None:
        match fact:
            case Deposited() | Withdrawn():
                rows = np.frombuffer(fact.rows, POSTED)
                np.add.at(self.ledger, (rows["asset"], rows["account"]), rows["amount_minor"])
                for asset in range(len(self.assets)):
                    moved = int(rows["amount_minor"][rows["asset"] == asset].sum())
                    (self.paid_in if moved > 0 else self.paid_out)[asset] += abs(moved)
            case Contributed():
                self.paid_in[fact.asset] += fact.amount_minor
                self.ledger[fact.asset, fact.account] += fact.amount_minor
            case Settled():
                rows = np.frombuffer(fact.rows, SETTLED)
                self.ledger[fact.asset, rows["bucket"]] += rows["flow_minor"]
            case CollateralConverted():
                self._move(fact.bucket, TREASURY, fact.paid_asset, fact.paid_minor)
                self._move(TREASURY, fact.bucket, fact.received_asset, fact.received_minor)
            case LossAbsorbed():
                self._move(fact.payer, fact.bucket, fact.asset, fact.amount_minor)
            case Transferred():
                self._move(fact.payer, fact.payee, fact.asset, fact.amount_minor)
            case TakenOver():
                for moved in fact.collateral:
                    self._move(fact.bucket, len(self.roles) - 1, moved.asset, moved.amount_minor)
            case _:
                pass

    def _move(self, payer: int, payee: int, asset: int, amount: int) -> None:
        self.ledger[asset, payer] -= amount
        self.ledger[asset, payee] += amount

    # --- calls and liquidations -----------------------------------------------------------------------------------

    def _margin(self, fact: Fact) -> None:
        match fact:
            case MarginCalled():  # one that takes the place of another asks for the difference
                raised = self.called_since.get(fact.bucket) == fact.since_ns
                self.figures.calls_made += not raised
                self.figures.called += (fact.amount_fine - raised * self.called[fact.bucket]) / 10**8
                self.called_since[fact.bucket], self.called[fact.bucket] = fact.since_ns, fact.amount_fine
            case CallPaid():
                self.called[fact.bucket] = fact.open_fine
            case CallMet():
                del self.called_since[fact.bucket]
                self.figures.calls_met_by_payment += fact.by == "payment"
                self.figures.calls_met_by_price += fact.by == "price"
            case Breached(cause="call_missed"):
                self.figures.calls_missed += 1
            case MemberDefaulted():
                self.figures.members_defaulted += 1
                self.figures.calls_missed += fact.cause == "call_missed"
            case _:
                pass

    def _liquidation(self, fact: Fact) -> None:
        value = self.market.lot_value
        match fact:
            case LiquidationOrdered():
                self.orders[fact.order] = fact.contract
                self.figures.ordered += abs(fact.lots) * float(value[fact.contract])
            case LiquidationExecuted():
                self.figures.filled += abs(fact.lots) * float(value[self.orders[fact.order]])
            case TakenOver():
                self.taken_over += 1
                self.figures.taken_over += self._value(fact)
            case _:
                pass

    def _value(self, fact: TakenOver) -> float:
        rows = np.frombuffer(fact.rows, LEG)
        return float(np.abs(rows["lots"]) @ self.market.lot_value[rows["contract"]])

    def in_numeraire(self, asset: int, amount: int) -> int:
        """Minor units of the numeraire for an amount of an asset, at the last price, rounded towards zero."""
        if asset == NUMERAIRE:
            return amount
        return int(amount * self.market.coin_price / 10 ** (COIN_DECIMALS - NUMERAIRE_DECIMALS))

    # --- at the end of a step and of the run ----------------------------------------------------------------------

    def close_step(self, world: World, before: Sight, after: Sight) -> StepFigures:
        """Fill in what is known once a step is over; ``before`` is how the step before left the accounts."""
        figures, value = self.figures, self.market.lot_value
        figures.collateral = float(after.settled.sum())
        figures.required = float(after.initial.sum())
        figures.losses = float(np.maximum(before.equity - world.marked.equity, 0.0).sum())
        for entry in self.market.listed:
            if entry.terms.kind is not Kind.INDEX and after.open_lots[entry.index]:
                name = f"{entry.series.name} options" if entry.terms.is_option else entry.series.name
                worth = float(after.open_lots[entry.index] * value[entry.index])
                figures.exposure[name] = figures.exposure.get(name, 0.0) + worth
        self.held_to_expiry += world.expired_lots
        funds = [account for account, role in enumerate(self.roles) if role is Role.DEFAULT_FUND]
        whole = 10**NUMERAIRE_DECIMALS
        figures.default_fund = float(self.ledger[NUMERAIRE, funds].sum() / whole)
        figures.skin = float(self.ledger[NUMERAIRE, SKIN] / whole)
        figures.insurance = float(self.ledger[NUMERAIRE, INSURANCE] / whole)
        return figures

    def net_lots(self, book: Book) -> int:
        """Lots that were held to a contract's end, or are still open."""
        return self.held_to_expiry + int(book.contracts["open_lots"][: book.contract_count].sum())

    def held_by_role(self, asset: int) -> dict[str, int]:
        """Balances of the ledger by what the accounts are for."""
        held: dict[str, int] = {}
        for account, role in enumerate(self.roles):
            words = ROLE_WORDS[role]
            held[words] = held.get(words, 0) + int(self.ledger[asset, account])
        return held

    def differences(self, book: Book) -> int:
        """How many balances of the book are not those of the ledger."""
        balances = book.balances[: book.account_count, : book.asset_count]["balance_minor"]
        if len(balances) != len(self.roles):
            return abs(len(balances) - len(self.roles)) * book.asset_count
        mine = self.ledger[: book.asset_count, : book.account_count].T
        return int((mine != balances).sum())

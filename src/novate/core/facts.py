"""Everything that can have happened.

A fact carries every number that needed a rule, a rate, a rounding or a choice; folding it only sets and adds. Rows
of many are packed in fixed layouts, as in the commands.
"""

from typing import Literal

import msgspec

from novate.core.isolation_facts import BucketOpened, CollateralAssigned, PositionIsolated, PositionRejoined
from novate.core.lifecycle_facts import LifecycleFact
from novate.core.liquidation_facts import (
    Breached,
    LiquidationClosed,
    LiquidationEnded,
    LiquidationExecuted,
    LiquidationOrdered,
    MemberDefaulted,
    OrderClosed,
    TakenOver,
)
from novate.core.money_facts import (
    CollateralTransferred,
    DepositClosed,
    DepositReversed,
    DepositsAnnounced,
    DepositsFinal,
    DepositsReversible,
    GateClosed,
    GateOpened,
    WithdrawalConfirmed,
    WithdrawalReleased,
    WithdrawalReturned,
    WithdrawalsRequested,
    WithdrawalWaits,
)
from novate.core.overdraft_facts import (
    CollateralConverted,
    ConversionClosed,
    ConversionExecuted,
    ConversionOrdered,
    ConversionReduced,
    InterestCharged,
    InterestPublished,
    OverdraftChanged,
)
from novate.core.reasons import Reason
from novate.core.record import Fact
from novate.core.sheet_facts import MarginModeSet, RiskSheetAdopted, WorstScenario
from novate.core.supervision import SupervisionFact
from novate.core.terms import AccountKind, Asset, Contract, Layer, Rulebook


class Rejected(Fact, frozen=True):
    """A command was refused whole. The path names the field, the message the values and the cure."""

    reason: Reason
    path: str
    message: str


class RowsRefused(Fact, frozen=True):
    """Rows of a command were refused: rows of ``REFUSED``. The other rows stand."""

    rows: bytes


class SourceAdvanced(Fact, frozen=True):
    """A source's high-water mark moved."""

    source: str
    number: int


class AssetAdded(Fact, frozen=True):
    """An asset has the next index."""

    asset: Asset


class ContractListed(Fact, frozen=True):
    """A contract has the next index.

    ``factor_fine`` is fine units per tick per lot, or the numerator of an inverse value per lot (``value = -factor_fine
    / price_ticks``). ``largest_value_fine`` bounds |value per lot|, funding included. For options the underlying's
    index, the strike in its ticks and ``underlying_factor_fine`` (fine units per underlying tick per lot; one lot in
    the base asset for an inverse option). ``reference_least_fine`` is what margin is asked for at least, per lot; the
    values of one lot at floor and cap are those of a capped contract.
    """

    contract: Contract
    asset: int
    factor_fine: int
    largest_value_fine: int
    underlying: int
    strike_ticks: int
    underlying_factor_fine: int
    reference_least_fine: int = 0
    floor_value_fine: int = 0
    cap_value_fine: int = 0


class AssetRate(msgspec.Struct, frozen=True, array_like=True):
    """Conversion of an asset into the numeraire: credits at price x (1 - haircut), debts at price x (1 + haircut).

    The last two are the price without haircut, rounded down, for collateral whose price risk a risk sheet carries.
    """

    asset: int
    price_fine: int
    credit_mantissa: int
    credit_scale: int
    debit_mantissa: int
    debit_scale: int
    price_mantissa: int = 0
    price_scale: int = 1


class RulebookAdopted(Fact, frozen=True):
    """A rulebook is in force; ``settlement_due_ns`` is the next cycle.

    ``rates`` are those of the assets that have a price, at the new haircuts; an asset that is no longer eligible counts
    for nothing, and what is owed in it at the rate of before. ``scheduled`` says that its time had come.
    """

    rulebook: Rulebook
    settlement_due_ns: int
    rates: tuple[AssetRate, ...] = ()
    scheduled: bool = False


class MemberAdded(Fact, frozen=True):
    """A member has the next index; its house and fund accounts have the next two account indices."""

    name: str


class AccountOpened(Fact, frozen=True):
    """A client account has the next account index."""

    member: int
    name: str
    kind: AccountKind = "client"


class SubAccountOpened(Fact, frozen=True):
    """A sub-account of a gross omnibus account has the next account index."""

    account: int
    reference: str


class Contributed(Fact, frozen=True):
    """Money came in for a named account."""

    account: int
    asset: int
    amount_minor: int


class Deposited(Fact, frozen=True):
    """Collateral came in: rows of ``POSTED``, positive."""

    rows: bytes


class Withdrawn(Fact, frozen=True):
    """Collateral went out: rows of ``POSTED``, negative."""

    rows: bytes


class OrdersChanged(Fact, frozen=True):
    """Resting orders were registered, amended or cancelled: rows of ``RESERVED``."""

    rows: bytes


class OrdersFilled(Fact, frozen=True):
    """The trades that follow took these lots off resting orders: rows of ``RESERVED``, negative."""

    rows: bytes


class TradesNovated(Fact, frozen=True, omit_defaults=True):
    """Trades became two legs each, facing the house: rows of ``NOVATED``.

    A trade is known by its source and number: ``first_number`` + its row, or, where numbers were left out between the
    rows, the int64 of ``numbers`` in the order of the novated rows.
    """

    rows: bytes
    source: str = ""
    first_number: int = 0
    numbers: bytes = b""


class MarksPublished(Fact, frozen=True):
    """Marks (rows of ``MARKED``) and collateral rates hold from now; a halted contract that is marked is live."""

    rows: bytes
    assets: tuple[AssetRate, ...] = ()


class ContractHalted(Fact, frozen=True):
    """A contract has no price that can be trusted: none was given, it was outside its limits, or it grew old."""

    contract: int
    cause: Literal["missing", "out_of_limits", "stale"]


class AssetHalted(Fact, frozen=True):
    """A collateral asset has no price that can be trusted."""

    asset: int
    cause: Literal["missing", "out_of_limits", "stale"]


class FundingPublished(Fact, frozen=True):
    """Funding indices moved: rows of ``FUNDED``."""

    rows: bytes


class Contributor(msgspec.Struct, frozen=True, array_like=True):
    """A position and its part of a requirement, in its settlement asset; or its loss in the worst scenario."""

    contract: int
    lots: int
    initial_fine: int


class MarginCalled(Fact, frozen=True):
    """A bucket must bring ``amount_fine`` of the numeraire by ``due_ns``. ``largest`` says why.

    Where a call is open, this one takes its place: the amount is the new total and the due time stays. ``since_ns`` is
    when the first of them was made. For a portfolio bucket ``worst`` has each block's worst scenario, the block that
    asks most first.
    """

    bucket: int
    amount_fine: int
    due_ns: int
    equity_fine: int
    initial_fine: int
    largest: tuple[Contributor, ...]
    since_ns: int = 0
    worst: tuple[WorstScenario, ...] = ()


class CallMet(Fact, frozen=True):
    """A call is closed: it was paid, or equity is back at what it asked for, by payment or by price."""

    bucket: int
    by: Literal["payment", "price"]


class ContractExpired(Fact, frozen=True):
    """Every position in the contract became money at ``value_fine`` per lot: at its expiry or, a capped one, before.

    ``resolved`` says that the event was decided, ``voided`` that it never will be and the price is a refund.
    """

    contract: int
    price_ticks: int
    value_fine: int
    cause: Literal["expired", "resolved", "voided"] = "expired"


class ShortfallAssigned(Fact, frozen=True):
    """A member's house account makes good what its client lacks: in a settlement's flows, or by a transfer."""

    bucket: int
    house_bucket: int
    asset: int
    amount_minor: int


class LossAbsorbed(Fact, frozen=True):
    """A layer of the waterfall paid for a bucket that could not."""

    layer: Layer
    payer: int
    bucket: int
    asset: int
    amount_minor: int


class GainsCut(Fact, frozen=True):
    """The last resort: gains of this settlement were cut pro rata for losses that no layer could pay.

    ``unpaid`` names each bucket that could not pay and the minor units left over; ``rows`` (``POSTED``, negative) the
    winners and their cuts; ``claims`` (``CLAIMED``) who went without how much for whom. All sum to the same amount.
    """

    asset: int
    unpaid: tuple[tuple[int, int], ...]
    rows: bytes
    claims: bytes


class Settled(Fact, frozen=True):
    """One settlement cycle in one asset: rows of ``SETTLED`` after all cuts, and the rounding account's own flow.

    Folding it sets every live variation cost to lots x value per lot and every premium cost to zero.
    """

    asset: int
    rows: bytes


class CycleClosed(Fact, frozen=True):
    """All assets are settled; the next cycle is due then."""

    settlement_due_ns: int


class Transferred(Fact, frozen=True):
    """Money moved between two accounts of the house's ledger."""

    cause: Literal[
        "reimbursement", "own_money", "estate_returned", "surplus_to_insurance", "liquidation_rounding", "shortfall"
    ]
    payer: int
    payee: int
    asset: int
    amount_minor: int
    carry_fine: int = 0


AnyFact = (
    Rejected
    | RowsRefused
    | SourceAdvanced
    | AssetAdded
    | ContractListed
    | RulebookAdopted
    | MemberAdded
    | AccountOpened
    | SubAccountOpened
    | Contributed
    | Deposited
    | Withdrawn
    | OrdersChanged
    | OrdersFilled
    | DepositsAnnounced
    | DepositClosed
    | DepositsReversible
    | DepositsFinal
    | DepositReversed
    | WithdrawalsRequested
    | WithdrawalWaits
    | WithdrawalReleased
    | WithdrawalConfirmed
    | WithdrawalReturned
    | CollateralTransferred
    | GateClosed
    | GateOpened
    | TradesNovated
    | MarksPublished
    | ContractHalted
    | AssetHalted
    | FundingPublished
    | InterestPublished
    | InterestCharged
    | OverdraftChanged
    | CollateralConverted
    | ConversionOrdered
    | ConversionReduced
    | ConversionExecuted
    | ConversionClosed
    | MarginCalled
    | CallMet
    | Breached
    | MemberDefaulted
    | LiquidationOrdered
    | LiquidationExecuted
    | OrderClosed
    | LiquidationEnded
    | BucketOpened
    | PositionIsolated
    | PositionRejoined
    | CollateralAssigned
    | TakenOver
    | ContractExpired
    | ShortfallAssigned
    | LossAbsorbed
    | GainsCut
    | Settled
    | CycleClosed
    | Transferred
    | LiquidationClosed
    | RiskSheetAdopted
    | MarginModeSet
    | LifecycleFact
    | SupervisionFact
)

"""Everything that can be asked of the house.

Accounts, contracts, assets and members are named by their index in the book's registers. Trades are rows of a
fixed layout, carried as bytes so that a batch costs one copy. Commands from outside are numbered by their source,
strictly increasing: a number at or below the source's high-water mark is a duplicate or late.
"""

from typing import Literal

import msgspec

from novate.core.lifecycle_commands import LifecycleCommand
from novate.core.record import Command
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import AccountKind, Asset, Contract, Limit, MarginMode, Rulebook

Fund = Literal["default_fund", "skin_in_the_game", "insurance_fund", "treasury"]
"""An account of the house that money is paid into: a member's contribution, or the house's own."""


class AddAsset(Command, frozen=True):
    """Put an asset on record."""

    asset: Asset


class ListContract(Command, frozen=True):
    """Put a contract or index on record. It trades once it has a mark and a rulebook knows its margin class."""

    contract: Contract


class AdoptRulebook(Command, frozen=True):
    """Put the rules in force, at once or at a later time. Replaces the whole rulebook."""

    rulebook: Rulebook
    effective_ns: int | None = None


class CancelRulebook(Command, frozen=True):
    """Take back a rulebook that was to come into force."""

    name: str


class AdoptRiskSheet(Command, frozen=True):
    """Put a risk sheet in force for all portfolio buckets, at once or at a later time. Replaces the whole sheet."""

    sheet: RiskSheet
    effective_ns: int | None = None


class CancelRiskSheet(Command, frozen=True):
    """Take back a risk sheet that was to come into force."""

    name: str


class AddMember(Command, frozen=True):
    """Admit a clearing member; opens its house account and its default fund account."""

    name: str


class OpenAccount(Command, frozen=True):
    """Open an account for a client of a member, or for several of them together."""

    member: int
    name: str
    kind: AccountKind = "client"


class OpenSubAccount(Command, frozen=True):
    """Register a sub-account of a gross omnibus account under its member's own reference."""

    account: int
    reference: str


class Money(msgspec.Struct, frozen=True, array_like=True):
    """An amount of an asset in its minor units."""

    asset: int
    amount_minor: int


class IsolatePosition(Command, frozen=True):
    """Give one contract of an account a bucket of its own, with what is held of it and free collateral."""

    account: int
    contract: int
    collateral: tuple[Money, ...] = ()


class RejoinPosition(Command, frozen=True):
    """Move an isolated contract and all money beside it back to the account's cross bucket."""

    account: int
    contract: int


class MoveCollateral(Command, frozen=True):
    """Move free collateral into an isolated bucket (a positive amount) or back to the cross bucket (a negative one)."""

    source: str
    number: int
    account: int
    contract: int
    asset: int
    amount_minor: int


class Contribute(Command, frozen=True):
    """Pay money into a named account of the house: its own capital at risk or a member's fund contribution."""

    source: str
    number: int
    fund: Fund
    asset: int
    amount_minor: int
    member: int | None = None


class Deposit(Command, frozen=True):
    """Bring collateral in: rows of ``CASH``."""

    source: str
    rows: bytes


class Withdraw(Command, frozen=True):
    """Take free collateral out: rows of ``CASH``."""

    source: str
    rows: bytes


class ChangeOrders(Command, frozen=True):
    """Register, amend and cancel resting orders: rows of ``ORDER``, each a change of lots that rest on one side."""

    source: str
    rows: bytes


class AnnounceDeposit(Command, frozen=True):
    """Money is on its way in: rows of ``CASH``. It counts for nothing until it is final.

    Whoever announces a deposit finalises, cancels or reverses it, by the number under which it was announced.
    """

    source: str
    rows: bytes


class FinaliseDeposit(Command, frozen=True):
    """An announced deposit has arrived."""

    source: str
    number: int
    deposit: int


class CancelDeposit(Command, frozen=True):
    """An announced deposit will not arrive."""

    source: str
    number: int
    deposit: int


class ReverseDeposit(Command, frozen=True):
    """A final deposit was taken back outside: a chargeback, a reorganised chain. Its money leaves the house."""

    source: str
    number: int
    deposit: int


class RequestWithdrawal(Command, frozen=True):
    """Ask for free collateral: rows of ``CASH``. It is held until it is released and has left."""

    source: str
    rows: bytes


class ReleaseWithdrawal(Command, frozen=True):
    """Check a requested withdrawal again and let it go; it waits where its gate is closed."""

    source: str
    number: int
    withdrawal: int


class ConfirmWithdrawal(Command, frozen=True):
    """The money of a released withdrawal has left."""

    source: str
    number: int
    withdrawal: int


class ReturnWithdrawal(Command, frozen=True):
    """A withdrawal comes back to its account: it was cancelled, or its transfer failed."""

    source: str
    number: int
    withdrawal: int


class TransferCollateral(Command, frozen=True):
    """Move free collateral between two accounts of one member: rows of ``TRANSFER``."""

    source: str
    rows: bytes


class SubmitTrades(Command, frozen=True):
    """Submit matched trades for novation: rows of ``TRADE``. Each row is accepted or rejected on its own."""

    source: str
    rows: bytes


class AssetPrice(msgspec.Struct, frozen=True, array_like=True):
    """The price of one whole unit of an asset in numeraire fine units; ``None`` is a missing price."""

    asset: int
    price_fine: int | None


class PublishMarks(Command, frozen=True):
    """Publish marks of contracts and indices (rows of ``MARK``) and prices of collateral assets.

    What is omitted is unchanged; a null row or a price outside its limits halts.
    """

    rows: bytes
    assets: tuple[AssetPrice, ...] = ()


class PublishFunding(Command, frozen=True):
    """Publish funding rates of perpetuals: rows of ``FUNDING``."""

    rows: bytes


class PublishInterest(Command, frozen=True):
    """Publish what balances of an asset below zero pay from now: ppm of them in a year of 365 days."""

    asset: int
    rate_ppm: int


class ExecuteLiquidation(Command, frozen=True):
    """Report a fill, whole or partial, of a liquidation order against a counterparty's account."""

    source: str
    number: int
    order: int
    lots: int
    price_ticks: int
    counterparty: int


class ExecuteConversion(Command, frozen=True):
    """Report that collateral of a conversion order was sold, whole or in part, and what was got for it."""

    source: str
    number: int
    order: int
    sold_minor: int
    received_minor: int


class ExpireContract(Command, frozen=True):
    """Settle a future or option finally. The price is ticks of the contract, or of its underlying for an option."""

    contract: int
    price_ticks: int


class SetLimit(Command, frozen=True):
    """Limit what a group of accounts holds together in a contract; replaces the limit of the same name."""

    limit: Limit


class RemoveLimit(Command, frozen=True):
    """Lift a limit."""

    name: str


class HaltContract(Command, frozen=True):
    """Stop trading in a contract. Its marks go on moving margin."""

    contract: int
    cause: str


class ResumeContract(Command, frozen=True):
    """Let a contract that was halted trade again."""

    contract: int


class ResolveContract(Command, frozen=True):
    """End a resolvable contract, before its expiry or after, at the price of its event's outcome, in its ticks.

    ``voided`` says that there is no outcome: the price is then what everyone is refunded at.
    """

    contract: int
    price_ticks: int
    outcome: Literal["resolved", "voided"]


class SetMarginMode(Command, frozen=True):
    """Margin an account in tiers or by the risk sheet; only where it is above initial in the new mode."""

    account: int
    mode: MarginMode


class Clock(Command, frozen=True):
    """Let time act: staleness, order expiries, settlement cycles and missed calls."""


AnyCommand = (
    AddAsset
    | ListContract
    | AdoptRulebook
    | AddMember
    | OpenAccount
    | OpenSubAccount
    | IsolatePosition
    | RejoinPosition
    | MoveCollateral
    | Contribute
    | Deposit
    | Withdraw
    | ChangeOrders
    | AnnounceDeposit
    | FinaliseDeposit
    | CancelDeposit
    | ReverseDeposit
    | RequestWithdrawal
    | ReleaseWithdrawal
    | ConfirmWithdrawal
    | ReturnWithdrawal
    | TransferCollateral
    | SubmitTrades
    | PublishMarks
    | PublishFunding
    | PublishInterest
    | ExecuteLiquidation
    | ExecuteConversion
    | ExpireContract
    | ResolveContract
    | AdoptRiskSheet
    | SetMarginMode
    | Clock
    | CancelRulebook
    | CancelRiskSheet
    | SetLimit
    | RemoveLimit
    | HaltContract
    | ResumeContract
    | LifecycleCommand
)

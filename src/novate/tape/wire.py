"""The tape's schema: one struct per command, names instead of indices, decimals as strings.

``docs/reference/tape.md`` describes the same fields for people. Rows stay plain objects here, because each of them is
converted, and answered, on its own.
"""

from typing import Any, Literal

import msgspec

from novate.core.commands import Fund
from novate.core.terms import AccountKind, TransferCause
from novate.tape.base import Number, NumberedWire, RowsWire, Wire
from novate.tape.lifecycle_wire import LifecycleWire
from novate.tape.sheet_wire import SheetWire
from novate.tape.supervision_wire import SupervisionWire


class AddAsset(Wire, frozen=True, tag="add_asset"):
    """Put an asset on record. ``price_max`` is in the asset ``price_in``, by default the numeraire."""

    symbol: str
    decimals: int
    fine_decimals: int
    price_max: Number = 0
    price_in: str | None = None
    stale_after: Number = 0


class ListContract(Wire, frozen=True, tag="list_contract"):
    """Put a contract or index on record. Prices are prices, ``position_limit`` is a quantity."""

    symbol: str
    kind: Literal["index", "future", "perpetual", "call", "put"]
    settlement: str
    tick_size: Number
    lot_size: Number
    price_min: Number
    price_max: Number
    position_limit: Number
    stale_after: Number
    margin_class: str = ""
    inverse: bool = False
    underlying: str | None = None
    strike: Number | None = None
    expiry: Number | None = None
    fee: Number = 0
    margin_floor: Number = 0
    futures_style: bool = False
    capped: bool = False
    collateralised: bool = False
    resolvable: bool = False


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One bracket: rates for the part of the reference value above ``above``."""

    above: Number
    initial: Number
    maintenance: Number
    initial_least: Number = 0
    maintenance_least: Number = 0


class OpenInterest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The values of open positions between which initial rates rise to 100 %."""

    lower: Number
    upper: Number


class MarginClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The tiers of a class, and what else is said of it; amounts are of ``asset``, or of the numeraire."""

    tiers: list[Any]
    asset: str | None = None
    whole_initial: bool = False
    open_interest: OpenInterest | None = None


class AdoptRulebook(Wire, frozen=True, tag="adopt_rulebook"):
    """Put the rules in force. A margin class is a list of ``Tier``, or a ``MarginClass``."""

    name: str
    numeraire: str
    form: Literal["clearing_house", "venue"]
    collateral: dict[str, Any]
    margin_classes: dict[str, Any]
    settlement_interval: Number
    call_due: Number
    waterfall: list[Literal["defaulter_fund", "skin_in_the_game", "insurance_fund", "survivors_fund", "gains_haircut"]]
    gains: Number = 1
    long_option: Number = 1
    call_minimum: Number = 0
    slice: Number = 1
    slippage: Number = "0.02"
    slice_expiry: Number = "1m"
    slices_max: int = 3
    price_bands: dict[str, Any] = msgspec.field(default_factory=dict)
    warning: Number = 0
    call_trigger: Number = 1
    call_target: Number = 1
    call_recovery: Literal["must_pay", "at_due", "at_once"] = "at_due"
    missed_client_calls: Literal["liquidate", "member_pays"] = "liquidate"
    reduce_only: Number = 0
    release: Number = 1
    reserved_trades: Literal["checked", "guaranteed"] = "checked"
    deposit_final_after: Number = 0
    collateral_caps: dict[str, Any] = msgspec.field(default_factory=dict)
    withdrawal_gates: dict[str, Any] = msgspec.field(default_factory=dict)
    client_transfers: bool = False
    kept_trades_max: int = 1_000_000
    late_bust: Literal["refuse", "offset"] = "refuse"
    give_up_due: Number = "1h"
    transfer_causes: list[TransferCause] = msgspec.field(default_factory=lambda: ["same_owner"])
    porting_due: Number = 0
    overdrafts: dict[str, Any] = msgspec.field(default_factory=dict)
    conversion: Literal["treasury", "orders"] = "treasury"
    conversion_due: Number = "1h"
    recalibration_rise: Number = 0
    recalibration_fall: Number = 0
    recalibration_every: Number = 0
    effective: Number | None = None


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The most of an asset that may be brought in, and that counts, as amounts of it; without one there is no cap."""

    account: Number | None = None
    member: Number | None = None
    house: Number | None = None
    counted: Number | None = None


class Overdraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far (an amount of the asset) and how long balances of an asset may stay below zero."""

    amount: Number
    time: Number


class AddMember(Wire, frozen=True, tag="add_member"):
    """Admit a clearing member."""

    name: str


class OpenAccount(Wire, frozen=True, tag="open_account"):
    """Open an account behind a member for one client, or for several together."""

    member: str
    name: str
    kind: AccountKind = "client"


class OpenSubAccount(Wire, frozen=True, tag="open_sub_account"):
    """Register a sub-account of a gross omnibus account; trades call it ``ACCOUNT/REFERENCE``."""

    account: str
    reference: str


class Isolate(Wire, frozen=True, tag="isolate"):
    """Give one contract of an account a bucket of its own; ``collateral`` maps assets to amounts that go with it."""

    account: str
    contract: str
    collateral: dict[str, Any] = msgspec.field(default_factory=dict)


class Rejoin(Wire, frozen=True, tag="rejoin"):
    """Move an isolated contract and all its money back to the account's cross bucket."""

    account: str
    contract: str


class MoveCollateral(NumberedWire, frozen=True, tag="move_collateral"):
    """Move free collateral into an isolated bucket, or back out of it where the amount is negative."""

    account: str
    contract: str
    asset: str
    amount: Number


class Contribute(NumberedWire, frozen=True, tag="contribute"):
    """Pay money into one of the house's funds."""

    fund: Fund
    asset: str
    amount: Number
    member: str | None = None


class Deposit(RowsWire, frozen=True, tag="deposit"):
    """Bring collateral in: rows of ``CashRow``."""


class Withdraw(RowsWire, frozen=True, tag="withdraw"):
    """Take free collateral out: rows of ``CashRow``."""


class Orders(RowsWire, frozen=True, tag="orders"):
    """Register, amend and cancel resting orders: rows of ``OrderRow``."""


class AnnounceDeposit(RowsWire, frozen=True, tag="announce_deposit"):
    """Money is on its way in: rows of ``CashRow``. The source and each row's number name the deposit."""


class FinaliseDeposit(NumberedWire, frozen=True, tag="finalise_deposit"):
    """An announced deposit has arrived; ``deposit`` is the number under which the same source announced it."""

    deposit: int


class CancelDeposit(NumberedWire, frozen=True, tag="cancel_deposit"):
    """An announced deposit will not arrive."""

    deposit: int


class ReverseDeposit(NumberedWire, frozen=True, tag="reverse_deposit"):
    """A deposit that came in was taken back outside."""

    deposit: int


class RequestWithdrawal(RowsWire, frozen=True, tag="request_withdrawal"):
    """Ask for free collateral, which is held: rows of ``CashRow``."""


class ReleaseWithdrawal(NumberedWire, frozen=True, tag="release_withdrawal"):
    """Check a withdrawal again and let it go; ``withdrawal`` is the number in its fact."""

    withdrawal: int


class ConfirmWithdrawal(NumberedWire, frozen=True, tag="confirm_withdrawal"):
    """A released withdrawal has left."""

    withdrawal: int


class ReturnWithdrawal(NumberedWire, frozen=True, tag="return_withdrawal"):
    """A withdrawal is cancelled, or its transfer failed."""

    withdrawal: int


class Transfer(RowsWire, frozen=True, tag="transfer"):
    """Move free collateral between accounts of one member: rows of ``TransferRow``."""


class Trades(RowsWire, frozen=True, tag="trades"):
    """Matched trades for novation: rows of ``TradeRow``."""


class Marks(Wire, frozen=True, tag="marks"):
    """Prices by symbol: of contracts and indices, and of assets in the numeraire. Null says that there is none."""

    prices: dict[str, Any] = msgspec.field(default_factory=dict)
    asset_prices: dict[str, Any] = msgspec.field(default_factory=dict)


class Funding(Wire, frozen=True, tag="funding"):
    """Funding rates of perpetuals, as a part of the mark's value; positive means that longs pay shorts."""

    rates: dict[str, Any]


class Interest(Wire, frozen=True, tag="interest"):
    """What balances of an asset below zero pay from now, as a part of them in a year of 365 days."""

    asset: str
    rate: Number


class Execute(NumberedWire, frozen=True, tag="execute"):
    """A fill, whole or partial, of a liquidation order."""

    order: int
    price: Number
    counterparty: str
    lots: int | None = None
    quantity: Number | None = None


class ExecuteConversion(NumberedWire, frozen=True, tag="execute_conversion"):
    """Collateral that a conversion order has sold, whole or in part, and what was got for it."""

    order: int
    sold: Number
    received: Number


class Expire(Wire, frozen=True, tag="expire"):
    """The final price of a contract, or of an option's underlying."""

    contract: str
    price: Number


class Resolve(Wire, frozen=True, tag="resolve"):
    """The outcome of a resolvable contract as a price, or, where it is voided, the price of its refund."""

    contract: str
    price: Number
    outcome: Literal["resolved", "voided"] = "resolved"


class Clock(Wire, frozen=True, tag="clock"):
    """Let time act."""


AnyWire = (
    AddAsset
    | ListContract
    | AdoptRulebook
    | AddMember
    | OpenAccount
    | OpenSubAccount
    | Isolate
    | Rejoin
    | MoveCollateral
    | Contribute
    | Deposit
    | Withdraw
    | Orders
    | AnnounceDeposit
    | FinaliseDeposit
    | CancelDeposit
    | ReverseDeposit
    | RequestWithdrawal
    | ReleaseWithdrawal
    | ConfirmWithdrawal
    | ReturnWithdrawal
    | Transfer
    | Trades
    | Marks
    | Funding
    | Interest
    | Execute
    | ExecuteConversion
    | Expire
    | Resolve
    | SheetWire
    | Clock
    | LifecycleWire
    | SupervisionWire
)

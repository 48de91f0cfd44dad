"""What is cleared, by whom and under which rules: the terms that commands put on record.

Decimal quantities of people (tick sizes, lot sizes, strikes) are exact decimal strings; everything the house
computes with is derived from them once, at listing, in integers.
"""

import enum
from fractions import Fraction
from typing import Final, Literal

import msgspec


class Asset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money: something that balances are held in.

    ``decimals`` is the precision people see (minor units), ``fine_decimals`` the precision the house computes in.
    ``price_max_fine`` bounds its price: numeraire fine units per whole unit of the asset (ignored for the numeraire).
    """

    symbol: str
    decimals: int
    fine_decimals: int
    price_max_fine: int = 0
    stale_after_ns: int = 0

    @property
    def unit_fine(self) -> int:
        """Fine units in one minor unit."""
        return 10 ** (self.fine_decimals - self.decimals)


class Kind(enum.StrEnum):
    """What an instrument is. An index has marks and is not traded."""

    INDEX = "index"
    FUTURE = "future"
    PERPETUAL = "perpetual"
    CALL = "call"
    PUT = "put"


OPTIONS: Final = (Kind.CALL, Kind.PUT)


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The terms of one instrument.

    A *linear* lot is ``lot_size`` units of the underlying, priced and settled in the quote asset. An *inverse* lot of a
    future or perpetual is ``lot_size`` of the quote currency, settled in the base asset: one lot is worth
    ``-lot_size / price``. An option's premium is quoted per unit of the underlying in the settlement asset and paid
    up front, or by variation until its end (``futures_style``); an inverse call pays ``max(S - K, 0) / S`` of the base.

    Prices are ticks of ``tick_size``. ``strike`` is in the price of the ``underlying``. Both price limits and the
    position limit (lots, per bucket) are mandatory: together they prove that nothing can overflow. Prices of linear
    contracts may be zero or negative; margin is then asked for ``margin_floor_ticks`` at least, whatever the mark.

    The limits of a ``capped`` future are also the least and the most that it can end at (0 and 1 of a binary one). It
    is margined by tiers, never for more than the worst loss, or ``collateralised``: both sides put up their worst loss.
    A ``resolvable`` one may end before its expiry, when the event that it asks for is decided.
    """

    symbol: str
    kind: Kind
    settlement: str
    tick_size: str
    lot_size: str
    price_min_ticks: int
    price_max_ticks: int
    position_limit_lots: int
    margin_class: str
    stale_after_ns: int
    inverse: bool = False
    underlying: str | None = None
    strike: str | None = None
    expiry_ns: int | None = None
    fee_ppm: int = 0
    margin_floor_ticks: int = 0
    futures_style: bool = False
    capped: bool = False
    collateralised: bool = False
    resolvable: bool = False

    @property
    def is_option(self) -> bool:
        """Whether it ends at a payoff of its underlying's price."""
        return self.kind in OPTIONS

    @property
    def pays_premium(self) -> bool:
        """Whether its price is paid up front: an option's that is not futures-style."""
        return self.is_option and not self.futures_style

    @property
    def tick(self) -> Fraction:
        """The tick size as an exact fraction."""
        return Fraction(self.tick_size)


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bracket of a margin class, applied to the part of ``|lots| x reference value`` above ``floor_fine``.

    Rates are ppm of that part, in the contract's settlement asset. For a short option ``initial_ppm`` and
    ``maintenance_ppm`` are the rate *a* before the out-of-the-money amount is taken off, and the two ``_least`` rates
    are the rate *b* below which the requirement never falls.
    """

    floor_fine: int
    initial_ppm: int
    maintenance_ppm: int
    initial_least_ppm: int = 0
    maintenance_least_ppm: int = 0


class Layer(enum.StrEnum):
    """A layer of the default waterfall. The defaulter's own margin always comes first and is not listed."""

    DEFAULTER_FUND = "defaulter_fund"
    SKIN = "skin_in_the_game"
    INSURANCE = "insurance_fund"
    SURVIVORS_FUND = "survivors_fund"
    TREASURY = "treasury"  # what it lent to balances below zero; never listed in a rulebook
    GAINS_HAIRCUT = "gains_haircut"


LISTED_LAYERS: Final = tuple(layer for layer in Layer if layer is not Layer.TREASURY)
"""What a rulebook's waterfall may list."""


TransferCause = Literal["same_owner", "estate", "merger", "allocation"]
"""Why a position changes accounts; which of them the house accepts is a rule."""


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most of an asset that may be brought in as collateral, and that counts, in minor units; None is no cap.

    ``account_minor`` holds for each account, ``member_minor`` for a member and its clients together and ``house_minor``
    for all of them. What a bucket has of the asset counts towards its margin up to ``counted_minor``.
    """

    account_minor: int | None = None
    member_minor: int | None = None
    house_minor: int | None = None
    counted_minor: int | None = None


class Overdraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far (minor units) and for how long (ns) an account's settled balance of an asset may stay below zero."""

    amount_minor: int
    time_ns: int


class OpenInterest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Between what values of everyone's open positions initial rates rise, up to all of the value at ``upper_fine``."""

    lower_fine: int
    upper_fine: int


class Rulebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules the house runs by. Adopted by command; a change never alters how an old fact folds.

    ``form`` is ``clearing_house`` (a call first, liquidation when it is missed, members stand behind clients) or
    ``venue`` (liquidation at once below maintenance, losses go to the house's funds).
    ``collateral`` maps an eligible asset to its haircut in ppm. Unsettled gains count towards margin at ``gains_ppm``
    and the value of long options at ``long_option_ppm``. Margin calls are made for at least ``call_minimum_fine`` of
    the numeraire and are due after ``call_due_ns``. A liquidation slice is at most ``slice_ppm`` of the position, at a
    limit of ``slippage_ppm`` from the mark, open for ``slice_expiry_ns``; after ``slices_max`` of them the house takes
    the bucket over. A trade that fills resting orders is asked for margin like any other (``checked``) or is always
    novated, at worst into breach (``guaranteed``). The waterfall must end with the gains haircut. ``price_bands`` maps
    a margin class to how far from the mark its contracts may trade, in ppm of the mark; others trade at any price.

    In the classes of ``whole_initial`` the initial rate of the tier that a position reaches is asked on all of it, in
    others each rate on the part in its tier; maintenance is always asked part by part. ``open_interest`` maps a class
    of a venue to the values of its contracts' open positions between which their initial rates rise to 100 %.

    Levels of equity, from the top: below ``warning_ppm`` of the initial requirement an account is shown as warned (0 is
    off); below ``call_trigger_ppm`` of it a call is made, for what brings equity to ``call_target_ppm`` of it; below
    ``reduce_only_ppm`` of the maintenance requirement (0 is off) an account may only reduce. It is free of that, and of
    a liquidation, at ``release_ppm`` of the initial requirement. ``call_recovery`` says what a rise of equity without
    payment does to a call: nothing, meets it at its due time, or meets it at once. A client that misses its call is put
    into liquidation, or its member pays out of its own free collateral or is in default (``missed_client_calls``).

    The newest ``kept_trades_max`` trades of the open cycle stay on record. What is busted later is refused, or
    ``offset`` at its price (``late_bust``). A give-up waits ``give_up_due_ns`` for the receiving member. Positions
    change accounts for the ``transfer_causes``. Clients of a defaulter may be ported for ``porting_due_ns``, then are
    closed out; 0 closes nothing out. A risk sheet may raise what a lot asks for by ``recalibration_rise_ppm`` of it,
    lower it by ``recalibration_fall_ppm`` and come ``recalibration_every_ns`` after the last or later; 0 is no bound.

    A final deposit may be reversed for ``deposit_final_after_ns``; ``collateral_caps`` bound what may be brought in of
    an asset. ``withdrawal_gates`` maps each gated asset to its dust limit in minor units: withdrawals of it wait while
    its unresolved deficits exceed the insurance fund's money by more. ``client_transfers`` lets money move between
    client accounts of one member. ``overdrafts`` says of an asset how far and how long its balances may be below zero,
    lent by the treasury; those of others may not. Beyond that other collateral is sold to the treasury or by ``orders``
    (``conversion``), and to the treasury what they have not sold after ``conversion_due_ns``.
    """

    name: str
    numeraire: str
    form: Literal["clearing_house", "venue"]
    collateral: dict[str, int]
    margin_classes: dict[str, tuple[Tier, ...]]
    settlement_interval_ns: int
    call_due_ns: int
    waterfall: tuple[Layer, ...]
    gains_ppm: int = 1_000_000
    long_option_ppm: int = 1_000_000
    call_minimum_fine: int = 0
    slice_ppm: int = 1_000_000
    slippage_ppm: int = 20_000
    slice_expiry_ns: int = 60_000_000_000
    slices_max: int = 3
    price_bands: dict[str, int] = {}
    whole_initial: tuple[str, ...] = ()
    open_interest: dict[str, OpenInterest] = {}
    warning_ppm: int = 0
    call_trigger_ppm: int = 1_000_000
    call_target_ppm: int = 1_000_000
    call_recovery: Literal["must_pay", "at_due", "at_once"] = "at_due"
    missed_client_calls: Literal["liquidate", "member_pays"] = "liquidate"
    reduce_only_ppm: int = 0
    release_ppm: int = 1_000_000
    reserved_trades: Literal["checked", "guaranteed"] = "checked"
    deposit_final_after_ns: int = 0
    collateral_caps: dict[str, Cap] = {}
    withdrawal_gates: dict[str, int] = {}
    client_transfers: bool = False
    kept_trades_max: int = 1_000_000
    late_bust: Literal["refuse", "offset"] = "refuse"
    give_up_due_ns: int = 3_600_000_000_000
    transfer_causes: tuple[TransferCause, ...] = ("same_owner",)
    porting_due_ns: int = 0
    overdrafts: dict[str, Overdraft] = {}
    conversion: Literal["treasury", "orders"] = "treasury"
    conversion_due_ns: int = 3_600_000_000_000
    recalibration_rise_ppm: int = 0
    recalibration_fall_ppm: int = 0
    recalibration_every_ns: int = 0


AccountKind = Literal["client", "net_omnibus", "gross_omnibus"]
"""What a client account is: one client's alone, or several clients' together with their positions netted, or not."""


Measure = Literal["net", "gross"]
"""What a limit measures: the size of the sum of all lots, or the long lots and the short lots, each on their own."""


class Limit(msgspec.Struct, frozen=True):
    """A limit on what a group holds together in one contract: whole members, single accounts, or everyone.

    A group without members and accounts is everyone: an open interest limit, which is gross.
    """

    name: str
    contract: int
    measure: Measure
    lots: int
    members: tuple[int, ...] = ()
    accounts: tuple[int, ...] = ()

    @property
    def everyone(self) -> bool:
        """Whether it is an open interest limit."""
        return not self.members and not self.accounts


class Role(enum.IntEnum):
    """What an account is for. House accounts (liquidation and below) belong to no member."""

    HOUSE = 0  # a member's own account
    CLIENT = 1  # an individually segregated client of a member
    DEFAULT_FUND = 2  # a member's contribution to the default fund
    LIQUIDATION = 3  # one per take-over
    FEES = 4
    ROUNDING = 5  # what settlement's rounding leaves over
    TREASURY = 6  # converts collateral
    SKIN = 7  # the house's own money in the waterfall
    INSURANCE = 8
    ISOLATED = 9  # one contract of an account with collateral of its own
    WITHDRAWALS = 10  # money on its way out: requested or released, not yet confirmed
    NET_OMNIBUS = 11  # several clients of a member in one account, whose positions net
    GROSS_OMNIBUS = 12  # several clients of a member in one pool of money, each with positions of its own
    SUB_ACCOUNT = 13  # the positions of one of them


CLIENTS: Final = (Role.CLIENT, Role.NET_OMNIBUS, Role.GROSS_OMNIBUS)

OWNED: Final = (Role.HOUSE, *CLIENTS)
"""Accounts of members and clients that hold collateral of their own and are named by whoever moves it."""

TRADING: Final = (*OWNED, Role.ISOLATED, Role.SUB_ACCOUNT)
"""Buckets of members and clients: those that trade, are called and are liquidated."""


class Member(msgspec.Struct):
    """A clearing member: its name, its accounts (indices) and whether it is in default."""

    name: str
    house_account: int
    fund_account: int
    defaulted: bool = False


class Account(msgspec.Struct):
    """A named margin bucket: an account's cross bucket, whose index is the account's own, or an isolated one.

    ``member`` is -1 for the house's own accounts; ``owner`` is the account of an isolated bucket or a sub-account.
    """

    name: str
    role: Role
    member: int
    owner: int = -1
    contract: int = -1


class MarginMode(enum.StrEnum):
    """How an account's bucket is margined: contract by contract in tiers, or as a whole by the risk sheet."""

    CROSS = "cross"
    PORTFOLIO = "portfolio"


HOUSE_ACCOUNTS: Final = (
    ("house:fees", Role.FEES),
    ("house:rounding", Role.ROUNDING),
    ("house:treasury", Role.TREASURY),
    ("house:skin", Role.SKIN),
    ("house:insurance", Role.INSURANCE),
)
"""The house's own accounts, opened with the book in this order: indices 0 to 4."""

FEES, ROUNDING, TREASURY, SKIN, INSURANCE = range(5)

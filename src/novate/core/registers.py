"""Names, terms and open matters: what the book holds beside its columns. No logic."""

from typing import Literal

import msgspec

from novate.core.facts import Contributor, WorstScenario
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import Account, Asset, Contract, Layer, Limit, Member, Rulebook


class Call(msgspec.Struct):
    """An open margin call: what of the numeraire is still to be paid, when it is due and the largest contributors.

    ``since_ns`` is when it was first made; a later call takes its place and ages from there. ``worst`` has the worst
    scenario of each block where the bucket is a portfolio.
    """

    amount_fine: int
    due_ns: int
    largest: tuple[Contributor, ...] = ()
    since_ns: int = 0
    worst: tuple[WorstScenario, ...] = ()


class Relief(msgspec.Struct, frozen=True):
    """What changes of rules took of a bucket's distance to liquidation, in numeraire fine units, none negative.

    Where a venue looks whether to liquidate it, and nowhere else, of every ``uncounted_fine`` that its worth is above
    its equity ``credit_fine`` are added to that (all of them where these are more), and of every
    ``asked_fine`` of its maintenance requirement only ``kept_fine`` count.
    """

    credit_fine: int
    uncounted_fine: int
    kept_fine: int
    asked_fine: int


class Halt(msgspec.Struct, frozen=True):
    """Why and since when the operator has stopped trading in a contract."""

    cause: str
    since_ns: int


class ScheduledRulebook(msgspec.Struct, frozen=True, tag="rulebook"):
    """A rulebook that is to come into force."""

    rulebook: Rulebook
    effective_ns: int

    @property
    def name(self) -> str:
        return self.rulebook.name


class ScheduledSheet(msgspec.Struct, frozen=True, tag="risk_sheet"):
    """A risk sheet that is to come into force."""

    sheet: RiskSheet
    effective_ns: int

    @property
    def name(self) -> str:
        return self.sheet.name


Scheduled = ScheduledRulebook | ScheduledSheet
"""Rules to come: each waits for its time on one schedule."""


class Order(msgspec.Struct):
    """A liquidation order; ``open_lots`` is signed like ``lots`` and is 0 once it is closed."""

    bucket: int
    contract: int
    lots: int
    open_lots: int
    limit_price_ticks: int
    expiry_ns: int


class Claim(msgspec.Struct):
    """What somebody paid or went without for an estate: a layer of the waterfall or (None) the client's own member."""

    layer: Layer | None
    payee: int
    asset: int
    amount_minor: int


class Liquidation(msgspec.Struct):
    """A bucket on its way from breach to flat, after a take-over in ``account``; ``close_out`` ends flat, not sound."""

    slices: int = 0
    order: int = -1
    account: int = -1
    close_out: bool = False


class PendingGiveUp(msgspec.Struct):
    """A side of a trade that waits for the receiving member; ``lots`` is signed from the giver's side."""

    trade_source: str
    trade_number: int
    contract: int
    giver: int
    receiver: int
    lots: int
    expiry_ns: int


class Receipt(msgspec.Struct):
    """Money brought in: announced, final but still reversible until ``final_at_ns``, or reversed and still owed."""

    account: int
    asset: int
    amount_minor: int
    final_at_ns: int = 0


class Withdrawal(msgspec.Struct):
    """Money on its way out. It left the account when it was requested and stands in the withdrawals account."""

    account: int
    asset: int
    amount_minor: int
    state: Literal["requested", "waiting", "released"] = "requested"


class Overdrawn(msgspec.Struct):
    """A balance below zero: by how much, since when, and up to when its interest is charged."""

    amount_minor: int
    since_ns: int
    charged_ns: int


class Conversion(msgspec.Struct):
    """An order that sells collateral: ``open_minor`` is still to sell, at no less than ``least`` for ``sell_minor``."""

    account: int
    sold_asset: int
    sell_minor: int
    open_minor: int
    bought_asset: int
    least_minor: int
    due_ns: int


class Gate(msgspec.Struct):
    """Why withdrawals of an asset wait, and since when."""

    cause: Literal["losses", "reversals"]
    since_ns: int


class Registers(msgspec.Struct):
    """Names, terms and open matters. Registers are indexed by position; indices never change.

    ``scheduled`` are the rules to come in the order in which they were scheduled.
    """

    assets: list[Asset] = []
    contracts: list[Contract] = []
    members: list[Member] = []
    accounts: list[Account] = []
    names: dict[str, int] = {}
    symbols: dict[str, int] = {}
    rulebook: Rulebook | None = None
    sources: dict[str, int] = {}
    calls: dict[int, Call] = {}
    orders: dict[int, Order] = {}
    next_order: int = 0
    liquidations: dict[int, Liquidation] = {}
    origins: dict[int, int] = {}
    claims: dict[int, list[Claim]] = {}
    receivables: dict[int, dict[int, int]] = {}
    external_minor: list[int] = []
    time_ns: int = 0
    settlement_due_ns: int | None = None
    sheet: RiskSheet | None = None
    sheet_since_ns: int = 0
    scheduled: list[Scheduled] = []
    limits: dict[int, Limit] = {}
    next_limit: int = 0
    halts: dict[int, Halt] = {}
    restricted: dict[int, int] = {}
    relieved: dict[int, Relief] = {}
    open_interest: dict[int, int] = {}
    give_ups: dict[int, PendingGiveUp] = {}
    next_give_up: int = 0
    undone_trades: dict[str, list[int]] = {}
    porting_due_ns: dict[int, int] = {}
    portings: dict[int, int] = {}
    deposits_pending: dict[str, dict[int, Receipt]] = {}
    deposits_reversible: dict[str, dict[int, Receipt]] = {}
    reversals_owed: dict[str, dict[int, Receipt]] = {}
    withdrawals: dict[int, Withdrawal] = {}
    next_withdrawal: int = 0
    gates: dict[int, Gate] = {}
    interest_ppm: dict[int, int] = {}
    overdrafts: dict[int, dict[int, Overdrawn]] = {}
    conversions: dict[int, Conversion] = {}
    next_conversion: int = 0

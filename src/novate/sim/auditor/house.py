"""The auditor's own house: one dict per noun, one small class per thing, nothing derived that could be worked out."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from novate.core.facts import Contributor
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import HOUSE_ACCOUNTS, TRADING, Asset, Contract, Kind, Layer, Limit, Role, Rulebook
from novate.sim.auditor.bucket import Bucket


class Disagreement(AssertionError):
    """The core and the auditor do not have the same house. ``noun`` says in what."""

    def __init__(self, noun: str, message: str) -> None:
        super().__init__(f"{noun}: {message}")
        self.noun = noun


@dataclass
class Money:
    """An asset: its terms, its last price and what one fine unit counts for in the numeraire, as mantissa and scale.

    ``price`` is without a haircut, for what a risk sheet carries.
    """

    terms: Asset
    price_fine: int = 0
    credit: tuple[int, int] = (0, 1)
    debit: tuple[int, int] = (0, 1)
    price: tuple[int, int] = (0, 1)
    eligible: bool = False
    live: bool = False
    marked_at_ns: int = 0
    external_minor: int = 0

    @property
    def unit(self) -> int:
        """Fine units of one minor unit."""
        return 10 ** (self.terms.fine_decimals - self.terms.decimals)

    @property
    def whole(self) -> int:
        """Fine units of one whole unit."""
        return 10**self.terms.fine_decimals


@dataclass
class Instrument:
    """A contract: its terms and its price now.

    ``largest_fine`` bounds the size of one lot's value inside the price limits. ``index_e12`` is funding per lot, kept
    to 10^-12 fine units, ``index`` the same without any rounding, and ``fundings`` how often it moved. An option ends
    at a payoff of its underlying's price; the cost of one that ``has_premium`` is paid by the next settlement.
    """

    terms: Contract
    asset: int
    underlying: int
    largest_fine: int = 0
    state: str = "unmarked"
    price_ticks: int = 0
    value_fine: int = 0
    reference_fine: int = 0
    otm_fine: int = 0
    index_e12: int = 0
    index: Fraction = Fraction(0)
    fundings: int = 0
    marked_at_ns: int = 0

    def __post_init__(self) -> None:
        self.tick, self.size = Fraction(self.terms.tick_size), Fraction(self.terms.lot_size)
        self.strike = Fraction(self.terms.strike or 0)
        self.is_option = self.terms.kind in (Kind.CALL, Kind.PUT)
        self.has_premium = self.is_option and not self.terms.futures_style


@dataclass
class Membership:
    """A member: its house account, its fund account, whether it is in default."""

    name: str
    house: int
    fund: int
    defaulted: bool = False


@dataclass
class Call:
    """An open margin call."""

    amount_fine: int
    due_ns: int
    largest: tuple[Contributor, ...] = ()
    since_ns: int = 0


@dataclass
class Relief:
    """What a bucket is spared of changes of rules: of what its equity leaves out ``credit`` in ``of`` count, the credit
    itself where it is more, and of maintenance only a part."""

    credit: int = 0
    of: int = 0
    part: Fraction = Fraction(1)


@dataclass
class Slice:
    """A liquidation order; lots are signed."""

    bucket: int
    contract: int
    lots: int
    open_lots: int
    limit_ticks: int
    expiry_ns: int


@dataclass
class Case:
    """A bucket in liquidation: slices ordered, the open order, the liquidation account after a take-over (or -1).

    ``to_the_end`` says that it ends flat and not as soon as it is sound.
    """

    slices: int = 0
    order: int = -1
    account: int = -1
    to_the_end: bool = False


@dataclass
class Sale:
    """A conversion order: ``open_minor`` is still for sale of ``sell_minor``, which bring ``least_minor`` at least."""

    account: int
    sold_asset: int
    sell_minor: int
    open_minor: int
    bought_asset: int
    least_minor: int
    due_ns: int

    @property
    def worst(self) -> Fraction:
        """Minor units got for one sold, at least."""
        return Fraction(self.least_minor, self.sell_minor)


@dataclass
class Overdrawn:
    """A balance below zero by an amount, since when, and until when its interest is charged."""

    amount_minor: int
    since_ns: int
    charged_ns: int


@dataclass
class Scheduled:
    """A rulebook or a risk sheet that is to take force with the first command at or after a time."""

    rules: Rulebook | RiskSheet
    effective_ns: int


@dataclass
class Claim:
    """Who paid for an estate, in which layer (None: the client's own member), and how much it is still owed."""

    layer: Layer | None
    payee: int
    asset: int
    amount_minor: int


@dataclass
class Receipt:
    """Money brought in: announced, final but still to be reversed until then, or reversed and still owed."""

    account: int
    asset: int
    amount_minor: int
    final_at_ns: int = 0


@dataclass
class Departure:
    """Money on its way out: ``requested``, ``waiting`` for its gate or ``released``."""

    account: int
    asset: int
    amount_minor: int
    state: str = "requested"


Reference = tuple[str, int]
"""A source and its number: the name of a deposit, and of a trade."""


@dataclass
class Made:
    """A trade of the open cycle, or a part of one that was given up: as it was made, between two buckets.

    ``index_fine`` is the funding index of its value, ``index`` the same without any rounding.
    """

    trade: Reference
    contract: int
    lots: int
    value_fine: int
    index_fine: int
    index: Fraction
    sides: dict[str, int]
    fees: dict[str, int]
    busted: bool = False


@dataclass
class GiveUpWaiting:
    """Lots of a trade (signed from the giver's side) that wait for the receiving member's answer."""

    trade: Reference
    contract: int
    giver: int
    receiver: int
    lots: int
    expiry_ns: int


@dataclass
class House:
    """Everything the auditor knows. Indices are those of the commands; ``command`` is the one
    being carried out and ``refused`` its refused rows."""

    now_ns: int = 0
    command: Any = None
    refused: list[tuple[int, ...]] = field(default_factory=list)
    monies: list[Money] = field(default_factory=list)
    instruments: list[Instrument] = field(default_factory=list)
    members: list[Membership] = field(default_factory=list)
    buckets: dict[int, Bucket] = field(default_factory=dict)
    rules_in_force: Rulebook | None = None
    sheet_in_force: RiskSheet | None = None
    sheet_since_ns: int = 0
    scheduled: dict[tuple[str, str], Scheduled] = field(default_factory=dict)
    interest_ppm: dict[int, int] = field(default_factory=dict)
    overdrafts: dict[int, dict[int, Overdrawn]] = field(default_factory=dict)
    sales: dict[int, Sale] = field(default_factory=dict)
    next_sale: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)
    reliefs: dict[int, Relief] = field(default_factory=dict)
    open_fine: dict[int, int] = field(default_factory=dict)
    orders: dict[int, Slice] = field(default_factory=dict)
    next_order: int = 0
    cases: dict[int, Case] = field(default_factory=dict)
    origins: dict[int, int] = field(default_factory=dict)
    claims: dict[int, list[Claim]] = field(default_factory=dict)
    receivables: dict[int, dict[int, int]] = field(default_factory=dict)
    settlement_due_ns: int | None = None
    pending: dict[Reference, Receipt] = field(default_factory=dict)
    reversible: dict[Reference, Receipt] = field(default_factory=dict)
    owed: dict[Reference, Receipt] = field(default_factory=dict)
    departures: dict[int, Departure] = field(default_factory=dict)
    next_departure: int = 0
    gates: dict[int, tuple[str, int]] = field(default_factory=dict)
    transit: int | None = None
    limits: dict[int, Limit] = field(default_factory=dict)
    next_limit: int = 0
    halts: dict[int, tuple[str, int]] = field(default_factory=dict)
    trades: list[Made] = field(default_factory=list)
    undone: list[Reference] = field(default_factory=list)
    give_ups: dict[int, GiveUpWaiting] = field(default_factory=dict)
    next_give_up: int = 0
    porting_due_ns: dict[int, int] = field(default_factory=dict)
    portings: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, role in HOUSE_ACCOUNTS:
            self.open_bucket(name, role, -1)

    @property
    def rules(self) -> Rulebook:
        """The rules in force."""
        if self.rules_in_force is None:
            raise LookupError("no rulebook is in force")
        return self.rules_in_force

    @property
    def sheet(self) -> RiskSheet:
        """The risk sheet in force."""
        if self.sheet_in_force is None:
            raise LookupError("no risk sheet is in force")
        return self.sheet_in_force

    @property
    def is_venue(self) -> bool:
        """Whether losses go to the house's funds at once, and nobody is called."""
        return self.rules.form == "venue"

    def open_bucket(self, name: str, role: Role, member: int) -> int:
        """A new account, and its index."""
        index = len(self.buckets)
        access = "open" if role in TRADING else "house_only"
        self.buckets[index] = Bucket(name, role, member, access)
        return index

    def open_sub(self, pool: int, name: str) -> None:
        """A new sub-account of a pool, whose money it has and whose fate it shares."""
        owner = self.buckets[pool]
        sub = self.buckets[self.open_bucket(name, Role.SUB_ACCOUNT, owner.member)]
        sub.owner, sub.access, sub.together = pool, owner.access, owner.together
        sub.balance_minor, sub.carry_fine = owner.balance_minor, owner.carry_fine
        sub.exact, sub.slack = owner.exact, owner.slack
        owner.together.append(sub)

    @property
    def purses(self) -> dict[int, Bucket]:
        """The buckets that have money: all but sub-accounts."""
        return {index: bucket for index, bucket in self.buckets.items() if bucket.role is not Role.SUB_ACCOUNT}

    def purse_of(self, bucket: int) -> int:
        """The bucket whose money pays for a bucket: its pool's for a sub-account, else its own."""
        one = self.buckets[bucket]
        return one.owner if one.role is Role.SUB_ACCOUNT else bucket

    def in_purse(self, purse: int) -> list[int]:
        """The buckets that a purse pays for: itself, and its sub-accounts."""
        pooled = self.buckets[purse].role is Role.GROSS_OMNIBUS
        return [index for index in self.buckets if self.purse_of(index) == purse] if pooled else [purse]

    def numeraire(self, asset: int) -> bool:
        """Whether an asset is what everything is judged in."""
        return self.monies[asset].terms.symbol == self.rules.numeraire

    def bucket_of(self, account: int, contract: int) -> int:
        """Where an account's trades in a contract go: to an isolated bucket that stands apart, or to its own."""
        for index, bucket in self.buckets.items():
            if bucket.apart and (bucket.owner, bucket.contract) == (account, contract):
                return index
        return account

    def buckets_of(self, account: int) -> list[int]:
        """An account's own bucket, those that it ever isolated, and its sub-accounts."""
        return [account, *(index for index, bucket in self.buckets.items() if bucket.owner == account)]

    def owner_of(self, bucket: int) -> int:
        """The account that trades of a bucket name: its owner for an isolated one, else itself."""
        one = self.buckets[bucket]
        return one.owner if one.role is Role.ISOLATED else bucket

    def estate_of(self, bucket: int) -> int:
        """In whose name a liquidation account works; any other bucket works in that of its purse."""
        return self.origins.get(bucket, self.purse_of(bucket))

    def member_of(self, bucket: int) -> int:
        """The member behind a bucket or behind the estate that it liquidates; -1 for the house's own."""
        return self.buckets[self.estate_of(bucket)].member

    def drafts(self) -> dict[int, Bucket]:
        """Copies of all buckets, to try something on."""
        copies = {index: bucket.copy() for index, bucket in self.purses.items()}
        found: dict[int, Bucket] = {}
        for purse, copy in copies.items():
            found |= zip(self.in_purse(purse), copy.together, strict=True)
        return found

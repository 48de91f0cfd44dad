"""The whole state of the house: integer columns and small registers. No logic.

The columns are structured arrays with spare rows at the end; ``Registers`` holds the names, terms and open matters.
Snapshots and the state hash are taken over a canonical form that does not depend on where rows lie in memory.
"""

import hashlib
from typing import Any

import msgspec
import numpy as np

from novate.core import layout
from novate.core.facts import Contributor
from novate.core.kernels.limits import recount_limits
from novate.core.kernels.margin import set_lots
from novate.core.kernels.tables import Tables, refer
from novate.core.terms import HOUSE_ACCOUNTS, Account, Asset, Contract, Layer, Limit, Member, Rulebook


class Call(msgspec.Struct):
    """An open margin call: what of the numeraire is still to be paid, when it is due and the largest contributors.

    ``since_ns`` is when it was first made; a later call takes its place and ages from there.
    """

    amount_fine: int
    due_ns: int
    largest: tuple[Contributor, ...] = ()
    since_ns: int = 0


class Halt(msgspec.Struct, frozen=True):
    """Why and since when the operator has stopped trading in a contract."""

    cause: str
    since_ns: int


class Scheduled(msgspec.Struct, frozen=True):
    """A rulebook that is to come into force."""

    rulebook: Rulebook
    effective_ns: int


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
    """A bucket on its way from breach to flat. After a take-over ``account`` is the house's liquidation account."""

    slices: int = 0
    order: int = -1
    account: int = -1


class Registers(msgspec.Struct):
    """Names, terms and open matters. Registers are indexed by position; indices never change."""

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
    scheduled: dict[str, Scheduled] = {}
    limits: dict[int, Limit] = {}
    next_limit: int = 0
    halts: dict[int, Halt] = {}
    restricted: dict[int, int] = {}


def grown(rows: np.ndarray, needed: int) -> np.ndarray:
    """The same rows with room for at least ``needed`` along the first axis, at least doubled."""
    if needed <= len(rows):
        return rows
    more = np.zeros((max(needed, 2 * len(rows), 8), *rows.shape[1:]), rows.dtype)
    more[: len(rows)] = rows
    return more


class Book:
    """All state. Only ``evolve`` assigns to it."""

    __slots__ = (
        "assets",
        "balances",
        "buckets",
        "contracts",
        "ends",
        "holders",
        "limit_lists",
        "limit_spans",
        "limits",
        "lot_terms",
        "positions",
        "reference",
        "registers",
        "tiers",
    )

    def __init__(self) -> None:
        self.registers = Registers()
        self.assets = np.zeros(4, layout.ASSET)
        self.contracts = np.zeros(16, layout.CONTRACT)
        self.lot_terms = np.zeros(16, layout.LOT)
        self.buckets = np.zeros(64, layout.BUCKET)
        self.balances = np.zeros((64, 1), layout.BALANCE)
        self.positions = np.zeros(256, layout.POSITION)
        self.ends = np.zeros(2, np.int64)
        self.holders = np.zeros(256, np.int32)
        self.tiers = np.zeros(0, layout.TIER)
        self.limits = np.zeros(0, layout.LIMIT)
        self.limit_spans = np.zeros((64, 2), np.int32)
        self.limit_lists = np.zeros(0, np.int32)
        for name, role in HOUSE_ACCOUNTS:
            self.registers.names[name] = len(self.registers.accounts)
            self.buckets[len(self.registers.accounts)] = (0, 0, 0, -1, layout.HOUSE_ONLY, -1, layout.CROSS)
            self.registers.accounts.append(Account(name, role, -1))

    @property
    def account_count(self) -> int:
        """How many margin buckets there are; an account's cross bucket has the account's index."""
        return len(self.registers.accounts)

    @property
    def asset_count(self) -> int:
        """How many assets are on record."""
        return len(self.registers.assets)

    @property
    def contract_count(self) -> int:
        """How many contracts and indices are on record."""
        return len(self.registers.contracts)

    @property
    def rulebook(self) -> Rulebook:
        """The rules in force. Commands that need them are refused before this is asked without any."""
        if self.registers.rulebook is None:
            raise LookupError("no rulebook is in force; adopt one first")
        return self.registers.rulebook

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name != "reference":  # a table gave way to its successor, and with it what refers to them all
            object.__setattr__(self, "reference", None)

    def tables(self) -> Tables:
        """The columns as the kernels take them, with the rates of the rulebook in force (0 before the first)."""
        if self.reference is None:
            rulebook = self.registers.rulebook
            self.reference = refer(
                self.assets[: self.asset_count],
                self.contracts,
                self.lot_terms,
                self.tiers,
                self.buckets,
                self.balances,
                self.positions,
                self.holders,
                self.ends,
                self.limits,
                self.limit_spans,
                self.limit_lists,
                rulebook.gains_ppm if rulebook else 0,
                rulebook.long_option_ppm if rulebook else 0,
            )
        return self.reference

    def asset_index(self, symbol: str) -> int | None:
        """Index of an asset by symbol, or None."""
        return next((i for i, asset in enumerate(self.registers.assets) if asset.symbol == symbol), None)

    def contract_index(self, symbol: str) -> int | None:
        """Index of a contract by symbol, or None."""
        return self.registers.symbols.get(symbol)

    def bucket_of(self, account: int, contract: int) -> int:
        """The bucket that an account's trades in a contract go to: its isolated one where there is one."""
        for bucket in self.isolated_of(account):
            if int(self.buckets[bucket]["contract"]) == contract:
                return bucket
        return account

    def isolated_of(self, account: int) -> list[int]:
        """The isolated buckets that an account ever had, in the order in which they were opened."""
        found = []
        at = int(self.buckets[account]["next"])
        while at >= 0:
            found.append(at)
            at = int(self.buckets[at]["next"])
        return found

    def owner_of(self, bucket: int) -> int:
        """The account that a bucket belongs to: itself for a cross bucket."""
        owner = self.registers.accounts[bucket].owner
        return bucket if owner < 0 else owner

    def segment(self, bucket: int) -> np.ndarray:
        """The position rows of a bucket, sorted by contract (a view)."""
        row = self.buckets[bucket]
        return self.positions[int(row["start"]) : int(row["start"]) + int(row["count"])]

    def positions_of(self, bucket: int) -> list[tuple[int, int, int]]:
        """The bucket's ``(contract, lots, cost_fine)``, by contract; rows of nothing are left out."""
        return [
            (int(row["contract"]), int(row["lots"]), int(row["cost_fine"]))
            for row in self.segment(bucket)
            if row["lots"] or row["cost_fine"]
        ]

    def digest(self) -> bytes:
        """SHA-256 of the canonical state: equal for equal houses wherever their rows lie in memory."""
        hasher = hashlib.sha256()
        for part in self._canonical():
            hasher.update(len(part).to_bytes(8, "little"))
            hasher.update(part)
        return hasher.digest()

    def dumps(self) -> bytes:
        """A snapshot: the canonical state and its digest."""
        return msgspec.msgpack.encode([self.digest(), *self._canonical()])

    @classmethod
    def loads(cls, data: bytes) -> "Book":
        """The book of a snapshot. Raises ``ValueError`` where the digest does not match."""
        digest, registers, assets, contracts, buckets, balances, counts, positions, tiers = msgspec.msgpack.decode(data)
        book = cls()
        book.registers = msgspec.msgpack.decode(registers, type=Registers)
        book.assets = np.frombuffer(assets, layout.ASSET).copy()
        book.contracts = np.frombuffer(contracts, layout.CONTRACT).copy()
        book.buckets = np.frombuffer(buckets, layout.BUCKET).copy()
        width = max(len(book.assets), 1)
        book.balances = np.frombuffer(balances, layout.BALANCE).reshape(-1, width).copy()
        book.tiers = np.frombuffer(tiers, layout.TIER).copy()
        book.lot_terms = np.zeros(len(book.contracts), layout.LOT)
        book.lay_out(np.frombuffer(counts, np.int32), np.frombuffer(positions, layout.POSITION))
        set_lots(book.contract_count, book.tables())
        book.index_limits()
        if book.digest() != digest:
            raise ValueError("the snapshot's digest does not match its content; use an older snapshot or the journal")
        return book

    def lay_out(self, counts: np.ndarray, positions: np.ndarray) -> None:
        """Place position rows (bucket by bucket) afresh, with slack, and rebuild the index of holders."""
        capacity = counts + counts // 4 + (counts > 0)
        starts = np.cumsum(capacity) - capacity
        self.buckets["start"][: len(counts)] = starts
        self.buckets["count"][: len(counts)] = counts
        self.buckets["capacity"][: len(counts)] = capacity
        self.ends[0] = int(capacity.sum())
        self.positions = np.zeros(max(256, int(self.ends[0]) * 9 // 8), layout.POSITION)
        if len(positions):
            owner = np.repeat(np.arange(len(counts)), counts)
            rank = np.arange(len(positions)) - np.repeat(np.cumsum(counts) - counts, counts)
            self.positions[starts[owner] + rank] = positions
            self._index_holders(owner, positions["contract"])
        else:
            self._index_holders(np.zeros(0, np.int64), np.zeros(0, np.int32))

    def _index_holders(self, owner: np.ndarray, contract: np.ndarray) -> None:
        """For each contract the buckets with a row in it, ascending, with slack."""
        counts = np.bincount(contract, minlength=self.contract_count)[: self.contract_count]
        capacity = counts + counts // 4 + (counts > 0)
        starts = np.cumsum(capacity) - capacity
        table = self.contracts[: self.contract_count]
        table["holders_start"], table["holders_count"], table["holders_capacity"] = starts, counts, capacity
        self.ends[1] = int(capacity.sum())
        self.holders = np.zeros(max(256, int(self.ends[1]) * 9 // 8), np.int32)
        if len(owner):
            order = np.argsort(contract, kind="stable")
            rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
            self.holders[starts[contract[order]] + rank] = owner[order]

    def index_limits(self) -> None:
        """Lay out the limits, whose they are and what is counted on each, afresh from registers and positions.

        Every account of a member has the span of its member's fund account, unless a limit names the account itself.
        """
        registers, contracts = self.registers, self.contracts
        contracts["limited"] = contracts["open_limit"] = 0
        self.limits = np.zeros(len(registers.limits), layout.LIMIT)
        of_member: dict[int, list[int]] = {}
        of_account: dict[int, list[int]] = {}
        for at, (number, limit) in enumerate(registers.limits.items()):
            measure = layout.NET if limit.measure == "net" else layout.GROSS
            self.limits[at] = (limit.lots, 0, 0, 0, limit.contract, measure, number, int(limit.everyone))
            contracts[limit.contract]["limited"] = 1
            if limit.everyone:
                contracts[limit.contract]["open_limit"] = at + 1
            for member in limit.members:
                of_member.setdefault(member, []).append(at)
            for account in limit.accounts:
                of_account.setdefault(account, []).append(at)
        lists: list[int] = []
        spans = np.zeros((len(registers.members) + 1, 2), np.int32)  # the last row is of those without a member
        for member, rows in of_member.items():
            spans[member] = (len(lists), len(rows))
            lists += rows
        self.limit_spans = np.zeros((len(self.buckets), 2), np.int32)
        self.limit_spans[: self.account_count] = spans[self.buckets["member"][: self.account_count]]
        for account, own in of_account.items():
            rows = sorted({*own, *of_member.get(registers.accounts[account].member, [])})
            self.limit_spans[[account, *self.isolated_of(account)]] = (len(lists), len(rows))
            lists += rows
        self.limit_lists = np.array(lists, np.int32)
        recount_limits(self.contract_count, self.tables(), self.limits)

    def packed_positions(self) -> tuple[np.ndarray, np.ndarray]:
        """``(counts per bucket, rows)`` of all positions, bucket by bucket by contract, rows of nothing left out."""
        buckets = self.buckets[: self.account_count]
        counts = buckets["count"].astype(np.int64)
        owner = np.repeat(np.arange(len(counts)), counts)
        rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = self.positions[buckets["start"][owner] + rank]
        kept = (rows["lots"] != 0) | (rows["cost_fine"] != 0)
        rows, owner = rows[kept], owner[kept]
        return np.bincount(owner, minlength=len(counts)).astype(np.int32), rows

    def _canonical(self) -> list[bytes]:
        accounts, assets = self.account_count, self.asset_count
        contracts = self.contracts[: self.contract_count].copy()
        buckets = self.buckets[:accounts].copy()
        for table, fields in (
            (contracts, ("holders_start", "holders_count", "holders_capacity")),
            (buckets, ("start", "count", "capacity")),
        ):
            for field in fields:
                table[field] = 0
        counts, rows = self.packed_positions()
        return [
            msgspec.msgpack.encode(self.registers),
            self.assets[:assets].tobytes(),
            contracts.tobytes(),
            buckets.tobytes(),
            np.ascontiguousarray(self.balances[:accounts, :assets]).tobytes(),
            counts.tobytes(),
            rows.tobytes(),
            self.tiers.tobytes(),
        ]

    def memory_bytes(self) -> dict[str, int]:
        """Bytes held by each table, for the figures."""
        return {name: getattr(self, name).nbytes for name in self.__slots__ if _is_table(getattr(self, name))}


def _is_table(thing: Any) -> bool:
    return isinstance(thing, np.ndarray)

"""The whole state of the house: integer columns and small registers. No logic.

The columns are structured arrays with spare rows at the end; ``Registers`` holds the names, terms and open matters.
Snapshots and the state hash are taken over a canonical form that does not depend on where rows lie in memory.
"""

import hashlib
from typing import Any

import msgspec
import numpy as np

from novate.core import layout
from novate.core.blotter import Blotter
from novate.core.kernels.limits import recount_limits
from novate.core.kernels.lots import set_lots
from novate.core.kernels.sheet import SheetTables
from novate.core.kernels.tables import Tables, refer
from novate.core.registers import Registers
from novate.core.sheet_columns import columns_of
from novate.core.terms import HOUSE_ACCOUNTS, Account, Role, Rulebook


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
        "blotter",
        "buckets",
        "contracts",
        "ends",
        "holders",
        "limit_lists",
        "limit_spans",
        "limits",
        "lot_terms",
        "orders",
        "positions",
        "reference",
        "registers",
        "sheet",
        "tiers",
    )

    def __init__(self) -> None:
        self.registers = Registers()
        self.blotter = Blotter()
        self.assets = np.zeros(4, layout.ASSET)
        self.contracts = np.zeros(16, layout.CONTRACT)
        self.lot_terms = np.zeros(16, layout.LOT)
        self.buckets = np.zeros(64, layout.BUCKET)
        self.balances = np.zeros((64, 1), layout.BALANCE)
        self.positions = np.zeros(256, layout.POSITION)
        self.orders = np.zeros(16, layout.OPEN_ORDERS)
        self.ends = np.array([0, 0, 1])
        self.holders = np.zeros(256, np.int32)
        self.tiers = np.zeros(0, layout.TIER)
        self.sheet: SheetTables | None = None
        self.limits = np.zeros(0, layout.LIMIT)
        self.limit_spans = np.zeros((64, 2), np.int32)
        self.limit_lists = np.zeros(0, np.int32)
        for name, role in HOUSE_ACCOUNTS:
            self.registers.names[name] = len(self.registers.accounts)
            self.buckets[len(self.registers.accounts)] = (0, 0, 0, -1, layout.HOUSE_ONLY, 0, -1, layout.CROSS)
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

    @property
    def trades(self) -> Blotter:
        """The trades of the open cycle, ready to be looked up."""
        self.blotter.settle_in(self.contracts["index_fine"])
        return self.blotter

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
                self.orders,
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
        return self._behind(account) if int(self.buckets[account]["contract"]) == layout.CROSS else []

    def subs_of(self, account: int) -> list[int]:
        """The sub-accounts of a gross omnibus account, in the order in which they were opened; none of any other."""
        return sorted(self._behind(account)) if int(self.buckets[account]["contract"]) == layout.POOLED else []

    def _behind(self, bucket: int) -> list[int]:
        """The chain that begins at a bucket's row, its own row left out."""
        found = []
        at = int(self.buckets[bucket]["next"])
        while at >= 0:
            found.append(at)
            at = int(self.buckets[at]["next"])
        return found

    def position_of(self, bucket: int, contract: int) -> tuple[int, int]:
        """``(lots, cost_fine)`` of a position; zeros where there is none."""
        found = (row[1:] for row in self.positions_of(bucket) if row[0] == contract)
        return next(found, (0, 0))

    def buckets_of(self, account: int) -> list[int]:
        """All buckets of an account: its cross bucket, the isolated ones that it ever had and its sub-accounts."""
        return [account, *self.isolated_of(account), *self.subs_of(account)]

    def is_named(self, account: int) -> bool:
        """Whether trades name an account: one of a member or client or a sub-account; no isolated bucket, no pool."""
        row = self.buckets[account]
        return row["access"] != layout.HOUSE_ONLY and (row["contract"] == layout.CROSS or row["contract"] <= layout.SUB)

    def purse_of(self, bucket: int) -> int:
        """The bucket whose money pays for a bucket, and with which it is judged: itself but for a sub-account."""
        tag = int(self.buckets[bucket]["contract"])
        return bucket if tag > layout.SUB else layout.SUB - tag

    def purses(self, buckets: np.ndarray) -> np.ndarray:
        """The purses of buckets (int64, ascending), ascending, each once."""
        tags = self.buckets["contract"][buckets].astype(np.int64)
        if (tags > layout.SUB).all():
            return buckets
        return np.unique(np.where(tags > layout.SUB, buckets, layout.SUB - tags)).astype(np.int64)

    def in_purse(self, bucket: int) -> list[int]:
        """The buckets that are judged with a purse: itself and its sub-accounts."""
        return [bucket, *self.subs_of(bucket)]

    def set_access(self, purse: int, access: int) -> None:
        """What a purse and its sub-accounts may do from now. For ``evolve`` only."""
        self.buckets["access"][self.in_purse(purse)] = access

    def owner_of(self, bucket: int) -> int:
        """The account that trades of a bucket name: itself but for an isolated bucket."""
        account = self.registers.accounts[bucket]
        return account.owner if account.role is Role.ISOLATED else bucket

    def segment(self, bucket: int) -> np.ndarray:
        """The position rows of a bucket, sorted by contract (a view)."""
        row = self.buckets[bucket]
        return self.positions[int(row["start"]) : int(row["start"]) + int(row["count"])]

    def rows_of(self, purse: int) -> np.ndarray:
        """The position rows that are judged with a purse: its own, or those of all its sub-accounts (a copy)."""
        subs = self.subs_of(purse)
        return np.concatenate([self.segment(bucket) for bucket in (purse, *subs)]) if subs else self.segment(purse)

    def positions_of(self, bucket: int) -> list[tuple[int, int, int]]:
        """The bucket's ``(contract, lots, cost_fine)``, by contract; rows of nothing are left out."""
        return [
            (contract, lots, cost_fine)
            for lots, cost_fine, contract, _ in self.segment(bucket).tolist()
            if lots or cost_fine
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
        digest, registers, *tables = msgspec.msgpack.decode(data)
        assets, contracts, buckets, balances, counts, positions, orders, tiers, trades = tables
        book = cls()
        book.registers = msgspec.msgpack.decode(registers, type=Registers)
        book.assets = np.frombuffer(assets, layout.ASSET).copy()
        book.contracts = np.frombuffer(contracts, layout.CONTRACT).copy()
        book.buckets = np.frombuffer(buckets, layout.BUCKET).copy()
        width = max(len(book.assets), 1)
        book.balances = np.frombuffer(balances, layout.BALANCE).reshape(-1, width).copy()
        book.tiers = np.frombuffer(tiers, layout.TIER).copy()
        book.blotter = Blotter.loads(trades)
        book.lot_terms = np.zeros(len(book.contracts), layout.LOT)
        book.sheet = columns_of(book.registers)
        rows = np.frombuffer(positions, layout.POSITION).copy()
        book.orders = np.concatenate([np.zeros(1, layout.OPEN_ORDERS), np.frombuffer(orders, layout.OPEN_ORDERS)])
        rows["orders"] = np.cumsum(rows["orders"]) * rows["orders"]
        book.lay_out(np.frombuffer(counts, np.int32), rows)
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
        positions = self._pack_orders(positions)
        if len(positions):
            owner = np.repeat(np.arange(len(counts)), counts)
            rank = np.arange(len(positions)) - np.repeat(np.cumsum(counts) - counts, counts)
            self.positions[starts[owner] + rank] = positions
            self._index_holders(owner, positions["contract"])
        else:
            self._index_holders(np.zeros(0, np.int64), np.zeros(0, np.int32))

    def _pack_orders(self, positions: np.ndarray) -> np.ndarray:
        """The position rows with their open orders numbered one after the other, and the table of orders so packed."""
        positions = positions.copy()
        has = positions["orders"] > 0
        packed = self.orders[positions["orders"][has]]
        self.orders = np.zeros(max(16, 2 * len(packed)), layout.OPEN_ORDERS)
        self.orders[1 : 1 + len(packed)] = packed
        positions["orders"][has] = 1 + np.arange(len(packed))
        self.ends[2] = 1 + len(packed)
        return positions

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
            self.limit_spans[self.buckets_of(account)] = (len(lists), len(rows))
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
        resting = self.orders[rows["orders"]]
        rows["orders"][(resting["bids"] == 0) & (resting["asks"] == 0)] = 0
        kept = (rows["lots"] != 0) | (rows["cost_fine"] != 0) | (rows["orders"] != 0)
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
        orders = self.orders[rows["orders"][rows["orders"] > 0]]
        rows["orders"] = rows["orders"] > 0
        return [
            msgspec.msgpack.encode(self.registers),
            self.assets[:assets].tobytes(),
            contracts.tobytes(),
            buckets.tobytes(),
            np.ascontiguousarray(self.balances[:accounts, :assets]).tobytes(),
            counts.tobytes(),
            rows.tobytes(),
            orders.tobytes(),
            self.tiers.tobytes(),
            self.trades.dumps(),
        ]

    def memory_bytes(self) -> dict[str, int]:
        """Bytes held by each table, for the figures."""
        return {name: getattr(self, name).nbytes for name in self.__slots__ if _is_table(getattr(self, name))}


def _is_table(thing: Any) -> bool:
    return isinstance(thing, np.ndarray | Blotter)

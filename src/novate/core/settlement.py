"""A settlement cycle: every account nets to one cash flow per asset; the house collects before it pays."""

from typing import NamedTuple

import numpy as np

from novate.core.book import Book
from novate.core.collateral import Purse
from novate.core.facts import (
    CycleClosed,
    Fact,
    GainsCut,
    LossAbsorbed,
    MemberDefaulted,
    Settled,
    ShortfallAssigned,
    Transferred,
)
from novate.core.kernels.settle import settle_costs, settle_results
from novate.core.money import split_pro_rata
from novate.core.overdrafts import room_below_zero
from novate.core.rows import CLAIMED, POSTED, SETTLED
from novate.core.terms import ROUNDING, TREASURY, Layer, Role
from novate.core.waterfall import absorb, estate_of, is_client_with_standing_member


class Flows(NamedTuple):
    """What every bucket owes (negative) or is owed in one asset, and what it carries over."""

    flow_minor: np.ndarray
    carry_fine: np.ndarray


def decide_settlement(book: Book) -> list[Fact]:
    """One cycle in every asset that has an unsettled result, and the time of the next."""
    facts: list[Fact] = []
    failing: dict[int, str] = {}
    purse = Purse(book)
    for asset in range(book.asset_count):
        facts += settle_asset(book, asset, purse, failing)
    facts += [MemberDefaulted(member, "settlement_missed") for member in failing]
    interval = book.rulebook.settlement_interval_ns
    facts.append(CycleClosed((book.registers.time_ns // interval + 1) * interval))
    return facts


def flows_of(book: Book, asset: int) -> Flows:
    """Flow = floor((results + carry) / unit) for payer and receiver alike; 0 <= carry < unit stays."""
    count = book.account_count
    unit = int(book.assets[asset]["unit_fine"])
    results = np.zeros(count, np.int64)
    settle_results(asset, count, book.tables(), results)
    owed = results + book.balances[:count, asset]["carry_fine"]
    owed[ROUNDING] = 0
    flow = owed // unit
    return Flows(flow, owed - flow * unit)


def settle_asset(book: Book, asset: int, purse: Purse, failing: dict[int, str]) -> list[Fact]:
    """Collect from every payer, by conversion, member or waterfall where it lacks cash; then pay, cut if need be."""
    flow, carry = flows_of(book, asset)
    unchanged = (flow == 0).all() and (carry == book.balances[: book.account_count, asset]["carry_fine"]).all()
    if unchanged and not _anything_held(book, asset) and (purse.column(asset) >= 0).all():
        return []
    facts = Collection(book, asset, purse, flow, failing).collect()
    facts.append(_settled(book, asset, flow, carry))
    purse.column(asset)[:] += flow
    purse.add(ROUNDING, asset, -int(flow.sum()))
    return facts


def _anything_held(book: Book, asset: int) -> bool:
    """Whether there is a position in the asset. Neither a row of nothing nor one of resting orders is one."""
    own = book.contracts["asset"][: book.contract_count] == asset
    if not own.any():
        return False
    _, rows = book.packed_positions()
    rows = rows[(rows["lots"] != 0) | (rows["cost_fine"] != 0)]
    return bool(own[rows["contract"]].any())


class Collection:
    """One asset of a cycle: who owes, what is raised for it, and what nobody could pay.

    ``flow`` is changed in place: by what members take on for their clients and by cuts.
    """

    def __init__(self, book: Book, asset: int, purse: Purse, flow: np.ndarray, failing: dict[int, str]) -> None:
        self.book, self.asset, self.purse, self.flow, self.failing = book, asset, purse, flow, failing
        self.granted: dict[int, int] = {}
        self.unpaid: dict[int, int] = {}

    def collect(self) -> list[Fact]:
        """Collect until every balance will stand at zero, or below it as far as that is granted."""
        book, facts = self.book, []
        self.purse.lent[self.asset] = self.purse.lent_minor(self.asset)
        lacking = np.flatnonzero(self.purse.column(self.asset) + self.flow < 0).tolist()
        clients = [bucket for bucket in lacking if is_client_with_standing_member(book, bucket, self.failing)]
        for bucket in clients:
            facts += self._collect_from_client(bucket)
        houses = [book.registers.members[m].house_account for m in dict.fromkeys(_member(book, b) for b in clients)]
        for bucket in sorted(dict.fromkeys([b for b in lacking if b not in clients] + houses)):
            facts += self._collect(bucket)
        facts += self._collect_for_rounding()
        if self.unpaid:
            facts.append(_cut_gains(book, self.asset, self.flow, self.purse.column(self.asset), self.unpaid))
        del self.purse.lent[self.asset]
        return facts

    def lack_of(self, bucket: int) -> int:
        """What a bucket still lacks in minor units; not above zero where it lacks nothing."""
        due = -int(self.flow[bucket]) - self.purse.balance(bucket, self.asset)
        return due - self.granted.get(bucket, 0)

    def _grant(self, bucket: int) -> None:
        """Let the bucket's balance stand below zero as far as the rules and the treasury allow.

        What it owed is asked anew, but for what a gain of this cycle repays: the gain may be cut yet.
        """
        lent, owed = self.purse.lent, max(0, -self.purse.balance(bucket, self.asset))
        lent[self.asset] -= owed - min(owed, max(0, int(self.flow[bucket])))
        lack = self.lack_of(bucket)
        room = room_below_zero(self.book, self.purse, bucket, self.asset, lack, self.failing)
        self.granted[bucket] = max(0, min(lack, room, self.purse.payable(self.asset)))
        lent[self.asset] += self.granted[bucket]

    def _raise_own(self, bucket: int) -> list[Fact]:
        """What the payer itself can bring: its other collateral, then what came to its estate after the take-over."""
        book, asset, purse = self.book, self.asset, self.purse
        facts: list[Fact] = list(purse.raise_cash(bucket, asset, self.lack_of(bucket)))
        estate, lack = estate_of(book, bucket), self.lack_of(bucket)
        if estate == bucket or lack <= 0:
            return facts
        owed = max(0, -int(self.flow[estate]))  # what the estate must itself pay in this cycle stays with it
        facts += purse.raise_cash(estate, asset, lack + owed - purse.balance(estate, asset))
        paid = min(lack, purse.balance(estate, asset) - owed)
        if paid > 0:
            facts.append(Transferred("own_money", estate, bucket, asset, paid))
            purse.add(estate, asset, -paid)
            purse.add(bucket, asset, paid)
        return facts

    def _collect_from_client(self, bucket: int) -> list[Fact]:
        """What a client lacks after converting its own collateral is owed by its member's house account."""
        self._grant(bucket)
        facts = self._raise_own(bucket)
        lack = self.lack_of(bucket)
        if lack > 0:
            house = self.book.registers.members[_member(self.book, bucket)].house_account
            self.flow[bucket] += lack
            self.flow[house] -= lack
            facts.append(ShortfallAssigned(bucket, house, self.asset, lack))
        return facts

    def _collect(self, bucket: int) -> list[Fact]:
        """Convert other collateral, then ask the waterfall; a member's own account that still lacks is its default.

        What is lacking then and was lent before is the treasury's loss; the rest is this cycle's, and cuts its gains.
        """
        if self.lack_of(bucket) <= 0:
            return []
        book, asset, purse = self.book, self.asset, self.purse
        lent = max(0, -purse.balance(bucket, asset))
        self._grant(bucket)
        facts = self._raise_own(bucket)
        lack = self.lack_of(bucket)
        if lack <= 0:
            return facts
        account = book.registers.accounts[bucket]
        own_default = account.role is Role.HOUSE and book.rulebook.form == "clearing_house"
        if own_default and not book.registers.members[account.member].defaulted:
            self.failing[account.member] = "settlement_missed"
        facts += absorb(book, purse, bucket, asset, lack, self.failing)
        lost = min(self.lack_of(bucket), lent, purse.payable(asset))
        if lost > 0:
            facts.append(LossAbsorbed(Layer.TREASURY, TREASURY, bucket, asset, lost))
            purse.add(TREASURY, asset, -lost)
            purse.add(bucket, asset, lost)
        lack = self.lack_of(bucket)
        if lack > 0:
            self.unpaid[bucket] = lack
            self.flow[bucket] += lack
        return facts

    def _collect_for_rounding(self) -> list[Fact]:
        """Carries that turn into cash are paid by the rounding account; what an earlier cut took from it is a loss."""
        book, asset, purse = self.book, self.asset, self.purse
        owed = int(self.flow.sum()) - sum(self.unpaid.values())
        lack = owed - purse.balance(ROUNDING, asset)
        if lack <= 0:
            return []
        facts = absorb(book, purse, ROUNDING, asset, lack, self.failing)
        lack = owed - purse.balance(ROUNDING, asset)
        if lack > 0:
            self.unpaid[ROUNDING] = lack
        return facts


def _member(book: Book, bucket: int) -> int:
    """The member behind a bucket or behind the estate that it liquidates."""
    return book.registers.accounts[book.registers.origins.get(bucket, bucket)].member


def _cut_gains(book: Book, asset: int, flow: np.ndarray, balances: np.ndarray, unpaid: dict[int, int]) -> GainsCut:
    """Cut what members and clients receive in this cycle, pro rata; only beyond that what the house itself receives.

    Flows are rounded down for payers and receivers alike, so the losers can owe a few units more than anyone gains:
    those the rounding account would have received, and it goes without them. A gain that repays a balance below zero is
    cut last: without it its owner goes on owing.
    """
    loss = sum(unpaid.values())
    own = np.array([book.registers.accounts[bucket].member >= 0 for bucket in range(book.account_count)])
    cut_of: dict[int, int] = {}
    paid_out = np.clip(balances + flow, 0, np.maximum(flow, 0))
    repaid = np.maximum(flow, 0) - paid_out
    for gain in (paid_out * own, paid_out * ~own, repaid * own, repaid * ~own):
        winners = np.flatnonzero(gain).tolist()
        gains = [int(gain[bucket]) for bucket in winners]
        part = min(loss, sum(gains))
        for bucket, share in zip(winners, split_pro_rata(part, gains) if part > 0 else (), strict=part > 0):
            if share:
                cut_of[bucket] = cut_of.get(bucket, 0) + share
        loss -= part
    for bucket, cut in cut_of.items():
        flow[bucket] -= cut
    cuts = [(-cut, bucket, asset) for bucket, cut in cut_of.items()]
    if loss:
        cuts.append((-loss, ROUNDING, asset))
    claims = np.array(_who_went_without(unpaid, cuts), CLAIMED)
    return GainsCut(asset, tuple(unpaid.items()), np.array(cuts, POSTED).tobytes(), claims.tobytes())


def _who_went_without(unpaid: dict[int, int], cuts: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """``(amount, loser, winner)``: each loser's part of the cuts, pro rata to what is left of every winner's."""
    left = [-cut for cut, _, _ in cuts]
    claims: list[tuple[int, int, int]] = []
    for loser, amount in unpaid.items():
        part = min(amount, sum(left))
        shares = split_pro_rata(part, left) if part else [0] * len(left)
        claims += [(share, loser, cut[1]) for cut, share in zip(cuts, shares, strict=True) if share]
        left = [rest - share for rest, share in zip(left, shares, strict=True)]
    return claims


def _settled(book: Book, asset: int, flow: np.ndarray, carry: np.ndarray) -> Settled:
    """The rows of a cycle; the rounding account takes the opposite cash and carry."""
    before = book.balances[: book.account_count, asset]["carry_fine"]
    flow, carry = flow.copy(), carry.copy()
    flow[ROUNDING] = -int(flow.sum())
    carry[ROUNDING] = int(before.sum()) - (int(carry.sum()) - int(carry[ROUNDING]))
    changed = np.flatnonzero((flow != 0) | (carry != before))
    rows = np.zeros(len(changed), SETTLED)
    rows["bucket"], rows["flow_minor"], rows["carry_fine"] = changed, flow[changed], carry[changed]
    return Settled(asset, rows.tobytes())


def fold_settled(book: Book, fact: Settled) -> None:
    """Post the flows, set the carries and mark every live position to the value it was settled at."""
    rows = np.frombuffer(fact.rows, SETTLED)
    column = book.balances[:, fact.asset]
    column["balance_minor"][rows["bucket"]] += rows["flow_minor"]
    column["carry_fine"][rows["bucket"]] = rows["carry_fine"]
    settle_costs(fact.asset, book.account_count, book.tables())


def fold_cycle_closed(book: Book, fact: CycleClosed) -> None:
    """The next cycle is due; rows that hold nothing are packed away, and trades are settled and off the record."""
    book.registers.settlement_due_ns = fact.settlement_due_ns
    book.blotter.clear()
    book.lay_out(*book.packed_positions())

"""A settlement cycle: every account nets to one cash flow per asset; the house collects before it pays."""

from typing import NamedTuple

import numpy as np

from novate.core.book import Book
from novate.core.collateral import Purse
from novate.core.facts import CycleClosed, Fact, GainsCut, MemberDefaulted, Settled, ShortfallAssigned, Transferred
from novate.core.kernels.settle import settle_costs, settle_results
from novate.core.money import split_pro_rata
from novate.core.rows import CLAIMED, POSTED, SETTLED
from novate.core.terms import ROUNDING, Role
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
    if unchanged and not _anything_held(book, asset):
        return []
    facts: list[Fact] = []
    unpaid: dict[int, int] = {}
    lacking = np.flatnonzero((flow < 0) & (purse.column(asset) + flow < 0)).tolist()
    roles = [book.registers.accounts[bucket].role for bucket in lacking]
    clients = [b for b, role in zip(lacking, roles, strict=True) if is_client_with_standing_member(book, b, failing)]
    for bucket in clients:
        facts += _collect_from_client(book, purse, bucket, asset, flow)
    houses = [book.registers.members[m].house_account for m in dict.fromkeys(_member(book, b) for b in clients)]
    for bucket in sorted(dict.fromkeys([b for b in lacking if b not in clients] + houses)):
        facts += _collect(book, purse, bucket, asset, flow, failing, unpaid)
    facts += _collect_for_rounding(book, purse, asset, flow, failing, unpaid)
    if unpaid:
        facts.append(_cut_gains(book, asset, flow, unpaid))
    facts.append(_settled(book, asset, flow, carry))
    purse.column(asset)[:] += flow
    purse.add(ROUNDING, asset, -int(flow.sum()))
    return facts


def _anything_held(book: Book, asset: int) -> bool:
    """Whether there is a position in the asset. Neither a row of nothing nor one of resting orders is one."""
    _, rows = book.packed_positions()
    rows = rows[(rows["lots"] != 0) | (rows["cost_fine"] != 0)]
    return bool((book.contracts["asset"][rows["contract"]] == asset).any())


def _member(book: Book, bucket: int) -> int:
    """The member behind a bucket or behind the estate that it liquidates."""
    return book.registers.accounts[book.registers.origins.get(bucket, bucket)].member


def _raise_own(book: Book, purse: Purse, bucket: int, asset: int, flow: np.ndarray) -> list[Fact]:
    """What the payer itself can bring: its other collateral, then what came to its estate after the take-over."""
    lack = -int(flow[bucket]) - purse.balance(bucket, asset)
    facts: list[Fact] = list(purse.raise_cash(bucket, asset, lack))
    estate = estate_of(book, bucket)
    lack = -int(flow[bucket]) - purse.balance(bucket, asset)
    if estate == bucket or lack <= 0:
        return facts
    owed = max(0, -int(flow[estate]))  # what the estate must itself pay in this cycle stays with it
    facts += purse.raise_cash(estate, asset, lack + owed - purse.balance(estate, asset))
    paid = min(lack, purse.balance(estate, asset) - owed)
    if paid > 0:
        facts.append(Transferred("own_money", estate, bucket, asset, paid))
        purse.add(estate, asset, -paid)
        purse.add(bucket, asset, paid)
    return facts


def _collect_from_client(book: Book, purse: Purse, bucket: int, asset: int, flow: np.ndarray) -> list[Fact]:
    """What a client lacks after converting its own collateral is owed by its member's house account."""
    facts = _raise_own(book, purse, bucket, asset, flow)
    lack = -int(flow[bucket]) - purse.balance(bucket, asset)
    if lack > 0:
        house = book.registers.members[_member(book, bucket)].house_account
        flow[bucket] += lack
        flow[house] -= lack
        facts.append(ShortfallAssigned(bucket, house, asset, lack))
    return facts


def _collect(
    book: Book, purse: Purse, bucket: int, asset: int, flow: np.ndarray, failing: dict[int, str], unpaid: dict[int, int]
) -> list[Fact]:
    """Convert other collateral, then ask the waterfall; a member's own account that still lacks is its default."""
    lack = -int(flow[bucket]) - purse.balance(bucket, asset)
    if flow[bucket] >= 0 or lack <= 0:
        return []
    facts = _raise_own(book, purse, bucket, asset, flow)
    lack = -int(flow[bucket]) - purse.balance(bucket, asset)
    if lack <= 0:
        return facts
    account = book.registers.accounts[bucket]
    own_default = account.role is Role.HOUSE and book.rulebook.form == "clearing_house"
    if own_default and not book.registers.members[account.member].defaulted:
        failing[account.member] = "settlement_missed"
    facts += absorb(book, purse, bucket, asset, lack, failing)
    lack = -int(flow[bucket]) - purse.balance(bucket, asset)
    if lack > 0:
        unpaid[bucket] = lack
        flow[bucket] += lack
    return facts


def _collect_for_rounding(
    book: Book, purse: Purse, asset: int, flow: np.ndarray, failing: dict[int, str], unpaid: dict[int, int]
) -> list[Fact]:
    """Carries that turn into cash are paid by the rounding account; what an earlier cut took from it is a loss too."""
    lack = int(flow.sum()) - sum(unpaid.values()) - purse.balance(ROUNDING, asset)
    if lack <= 0:
        return []
    facts = absorb(book, purse, ROUNDING, asset, lack, failing)
    lack = int(flow.sum()) - sum(unpaid.values()) - purse.balance(ROUNDING, asset)
    if lack > 0:
        unpaid[ROUNDING] = lack
    return facts


def _cut_gains(book: Book, asset: int, flow: np.ndarray, unpaid: dict[int, int]) -> GainsCut:
    """Cut what members and clients receive in this cycle, pro rata; only beyond that what the house itself receives.

    Flows are rounded down for payers and receivers alike, so the losers can owe a few units more than anyone gains:
    those the rounding account would have received, and it goes without them.
    """
    loss = sum(unpaid.values())
    own = np.array([book.registers.accounts[bucket].member >= 0 for bucket in range(book.account_count)])
    cuts: list[tuple[int, int, int]] = []
    for group in (own, ~own):
        winners = np.flatnonzero((flow > 0) & group).tolist()
        gains = [int(flow[bucket]) for bucket in winners]
        part = min(loss, sum(gains))
        if part > 0:
            shares = split_pro_rata(part, gains)
            cuts += [(-share, bucket, asset) for bucket, share in zip(winners, shares, strict=True) if share]
            loss -= part
    for cut, bucket, _ in cuts:
        flow[bucket] += cut
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

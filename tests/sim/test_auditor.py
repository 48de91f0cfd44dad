"""Worlds with the auditor beside the core; and bugs planted in the core, each of which the auditor must find."""

import builtins
import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import Any, get_args

import numpy as np
import pytest
from msgspec.structs import replace
from numba import njit

from novate.core import (
    admission,
    busts,
    collateral,
    consequences,
    conversions,
    decide,
    estate,
    give_ups,
    isolation,
    ledger,
    levels,
    limits,
    liquidation,
    margin,
    novation,
    orders,
    overdrafts,
    position_transfers,
    reversals,
    settlement,
    variation,
    waterfall,
    withdrawals,
)
from novate.core.blotter import Blotter
from novate.core.book import Book
from novate.core.commands import AnyCommand, PublishFunding
from novate.core.facts import AnyFact
from novate.core.kernels import marks as mark_kernels
from novate.core.layout import COLLATERALISED, PREMIUM
from novate.core.lifecycle_facts import Leg
from novate.core.money import EXPOSURE_MAX, ceil_div, rate_of
from novate.core.reasons import Reason
from novate.core.rows import FUNDING
from novate.core.settlement import Flows
from novate.sim.auditor import auditor
from novate.sim.worlds.many import Report, play_many, report_of
from tests.rubbish import RUBBISH
from tests.sim import pool_bugs, relief_bugs, scaling_bugs
from tests.sim.finding import Bug, first_failure

JOBS = min(4, os.cpu_count() or 1)


def all_agree(reports: list[Report]) -> Counter[str]:
    """What was seen in worlds of which none may fail."""
    failed = [f"world {report.seed}: {report.message}\n    {report.line}" for report in reports if report.line]
    assert not failed, "\n".join(failed)
    return sum((report.seen for report in reports), Counter())


def test_fifty_worlds_agree_and_reach_every_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in RUBBISH.items():
        monkeypatch.setenv(name, value)
    seen = all_agree(list(play_many(0, 50, 200, JOBS)))
    assert [kind.__name__ for kind in get_args(AnyFact) if kind in auditor.APPLIES and not seen[kind.__name__]] == []
    assert all(seen[f"restart {how}"] for how in ("snapshot", "facts", "engine"))


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 2_000, 100))
def test_a_thousand_worlds_agree(monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    """A hundred in a process of their own, which has the rubbish from its start; the others run beside it."""
    for name, value in RUBBISH.items():
        monkeypatch.setenv(name, value)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        all_agree(list(pool.map(report_of, range(first, first + 100), repeat(200))))


def test_the_auditor_has_a_rule_for_every_command_of_the_worlds() -> None:
    assert {*auditor.DECIDES, *auditor.ADMITS, *auditor.PASSES_TIME} == set(get_args(AnyCommand))


# ---- planted bugs ---------------------------------------------------------------------------------------------------


honest_flows = settlement.flows_of
honest_trades = novation.judge_trades
honest_estate = settlement.estate_of
honest_apply = busts.apply
honest_settle_in, honest_forget = Blotter.settle_in, Blotter.forget
honest_value = variation.value_at
honest_reserve, honest_orders = orders.reserve_rows, orders.judge_orders
honest_funding = variation.decide_funding
honest_marks = mark_kernels.set_marks
honest_index = Book.index_limits
honest_eligibility = admission._set_eligibility
honest_gained = limits.gained


def last_gets_the_rest(total: int, weights: list[int]) -> list[int]:
    """Pro rata with what is left over for the last one."""
    shares = [total * weight // sum(weights) for weight in weights]
    shares[-1] += total - sum(shares)
    return shares


def rounded_up(book: Any, asset: int) -> Flows:
    """A payer pays less, a receiver receives more."""
    flow, carry = honest_flows(book, asset)
    up = (carry > 0).astype(np.int64)
    return Flows(flow + up, carry - up * int(book.assets[asset]["unit_fine"]))


def paid_and_kept(book: Any, asset: int) -> Flows:
    """A part of what is paid out stays in the carry too."""
    flow, carry = honest_flows(book, asset)
    return Flows(flow, carry + (carry > 0))


def cheaper(*arguments: Any) -> Any:
    """Fees a unit too low."""
    novated, *rest = honest_trades(*arguments)
    for side in ("buyer_fee_fine", "seller_fee_fine"):
        novated[side] -= novated[side] > 0
    return novated, *rest


def turned_round(book: Any, command: Any) -> Any:
    """Shorts pay longs where longs should pay shorts."""
    rows = np.frombuffer(command.rows, FUNDING).copy()
    rows["rate_e12"] = -rows["rate_e12"]
    return honest_funding(book, type(command)(rows.tobytes()))


@njit
def lot_terms_of(tables: Any) -> Any:
    """The tables are opaque to Python."""
    return tables.lot_terms


def one_ppm_off(rows: Any, time_ns: int, tables: Any) -> None:
    """What a lot asks for is not quite what its mark and its tier say: a cache that is not current."""
    honest_marks(rows, time_ns, tables)
    for contract in rows["contract"]:
        lot_terms_of(tables)[contract]["initial_whole_fine"] -= 1


@njit
def contracts_of(tables: Any) -> Any:
    """The contracts, too."""
    return tables.contracts


def trades_with(column: str, value: int) -> Any:
    """Trades are judged as if one thing about every contract were otherwise."""

    def judge(*arguments: Any) -> Any:
        contracts = contracts_of(arguments[-2])
        kept = contracts[column].copy()
        contracts[column] = value
        try:
            return honest_trades(*arguments)
        finally:
            contracts[column] = kept

    return judge


def free_of_charge(*arguments: Any) -> Any:
    """Orders are judged as if an option whose premium is paid up front were worth nothing."""
    contracts = contracts_of(arguments[-2])
    kept = contracts["value_fine"].copy()
    contracts["value_fine"][contracts["style"] == PREMIUM] = 0
    try:
        return honest_orders(*arguments)
    finally:
        contracts["value_fine"] = kept


def without_stakes(*arguments: Any) -> Any:
    """Orders are judged as if a bet could end at its mark alone."""
    contracts = contracts_of(arguments[-2])
    ends = ["floor_value_fine", "cap_value_fine"]
    kept, bets = contracts[ends].copy(), contracts["style"] == COLLATERALISED
    for end in ends:
        contracts[end][bets] = contracts["value_fine"][bets]
    try:
        return honest_orders(*arguments)
    finally:
        contracts[ends] = kept


def one_member_fewer(book: Any) -> None:
    """Of the members of a group the first does not count."""
    kept = book.registers.limits
    forgetful = {number: replace(one, members=one.members[1:] or one.members) for number, one in kept.items()}
    book.registers.limits = forgetful
    honest_index(book)
    book.registers.limits = kept


def all_counts(book: Any) -> None:
    """Caps on what counts are forgotten."""
    honest_eligibility(book)
    book.assets["count_max_fine"] = EXPOSURE_MAX


def never_back(before: int, lots: int) -> tuple[int, int]:
    """Lots that are closed count on."""
    net, gross = honest_gained(before, lots)
    return max(0, net), max(0, gross)


def floor_div(numerator: int, denominator: int) -> int:
    return numerator // denominator


def the_owner(book: Any, bucket: int) -> int:
    """An isolated bucket is liable with all that its account has."""
    return book.owner_of(honest_estate(book, bucket))


def never_fewer(rows: Any, first: int, tables: Any) -> int:
    """What was reserved stays reserved."""
    return len(rows) if (rows["bids"] + rows["asks"]).sum() < 0 else honest_reserve(rows, first, tables)


def without_fees(book: Any, contract: int, legs: Any) -> None:
    """Lots go back and money does not."""
    honest_apply(book, contract, tuple(Leg(leg.bucket, leg.lots, leg.cost_fine, 0) for leg in legs))


def from_nothing(blotter: Any, index_fine: Any) -> None:
    """Trades are kept with a funding index of zero."""
    honest_settle_in(blotter, index_fine * 0)


def one_fewer(blotter: Any, count: int) -> None:
    """One of those that should go stays."""
    honest_forget(blotter, count - 1)


def a_unit_more(price_ticks: int, row: Any) -> int:
    """The final value of one lot is not that of its price."""
    return int(honest_value(price_ticks, row)) + 1


def without_floor(book: Any, contract: int, side: int) -> int:
    """A limit price as if every mark were far from zero."""
    row = book.contracts[contract]
    price = int(row["price_ticks"]) + side * (abs(int(row["price_ticks"])) * book.rulebook.slippage_ppm // 10**6)
    return max(int(row["price_min_ticks"]), min(int(row["price_max_ticks"]), price))


def one_more(numerator: int, denominator: int) -> int:
    """A slice a lot too large where it comes out even."""
    return ceil_div(numerator, denominator) if denominator != 10**6 else numerator // denominator + 1


BUGS: dict[str, Bug] = {
    "shares of a loss": (waterfall, "split_pro_rata", last_gets_the_rest),
    "shares of a cut": (settlement, "split_pro_rata", last_gets_the_rest),
    "shares of a take-over": (liquidation, "split_pro_rata", last_gets_the_rest),
    "shares of a repayment": (estate, "split_pro_rata", last_gets_the_rest),
    "a settlement rounded up": (settlement, "flows_of", rounded_up),
    "a remainder paid again and again": (settlement, "flows_of", paid_and_kept),
    "fees rounded down": (novation, "judge_trades", cheaper),
    "funding with the wrong sign": (decide, "DECIDES", {**decide.DECIDES, PublishFunding: turned_round}),
    "a value cut off instead of rounded": (variation, "round_half_even", floor_div),
    "haircuts the wrong way round": (collateral, "rate_of", lambda price, up: rate_of(price, up=not up)),
    "a conversion in favour of the payer": (collateral, "ceil_div", floor_div),
    "withdrawals without margin": (ledger, "check_withdrawal", lambda *_: (Reason.ACCEPTED, 0)),
    "nobody is called": (consequences, "check", lambda *_: []),
    "slices too small": (liquidation, "enough_lots", lambda *_: 1),
    "slices too large": (liquidation, "ceil_div", one_more),
    "repaid in the order of payment": (estate, "SENIORITY", estate.SENIORITY[::-1]),
    "a transfer that is not paid": (estate, "post", lambda *_: None),
    "isolated with money that is not free": (isolation, "_check_leaving", lambda *_: None),
    "isolated without margin": (isolation, "_check_margin", lambda *_: None),
    "an isolated loss that the account pays": (settlement, "estate_of", the_owner),
    "a fill that leaves its order resting": (orders, "reserve_rows", never_fewer),
    "bids for options that set nothing aside": (orders, "judge_orders", free_of_charge),
    "cash that leaves though bids have set it aside": (margin, "resting_premium_fine", lambda *_: 0),
    "orders in bets that set nothing aside": (orders, "judge_orders", without_stakes),
    "cash that leaves though bets have set it aside": (margin, "resting_cover_fine", lambda *_: 0),
    "orders that outlive a breach": (liquidation, "drop_orders", lambda *_: None),
    "orders left behind by an isolation": (isolation, "_check_orders", lambda *_: None),
    "withdrawals requested without margin": (withdrawals, "check_withdrawal", lambda *_: (Reason.ACCEPTED, 0)),
    "money that is not called back": (consequences, "recall", lambda *_: []),
    "caps that nobody minds": (ledger, "room_under_caps", lambda *_: None),
    "a gate that stays open": (consequences, "gate_facts", lambda *_: []),
    "a reversal that the member does not pay": (reversals, "is_client_with_standing_member", lambda *_: False),
    "a bust that keeps the fees": (busts, "apply", without_fees),
    "a correction with the funding of another time": (Blotter, "settle_in", from_nothing),
    "a trade that should be forgotten": (Blotter, "forget", one_fewer),
    "a give-up without margin": (give_ups, "check_both", lambda *_: None),
    "a position moved without margin": (position_transfers, "check_both", lambda *_: None),
    "an end that is a unit off": (variation, "value_at", a_unit_more),
    "a bet without its cover": (ledger, "uncovered_fine", lambda *_: 0),
    "a slice at the slippage of its mark alone": (liquidation, "limit_price", without_floor),
    "a position limit that nobody minds": (novation, "judge_trades", trades_with("position_limit_lots", 2**61)),
    "limits that trades pass": (novation, "judge_trades", trades_with("limited", 0)),
    "open interest that is not counted back": (limits, "gained", never_back),
    "a group that forgets a member": (Book, "index_limits", one_member_fewer),
    "a give-up past a limit": (give_ups, "check_shared", lambda *_: None),
    "a halted contract that still trades": (novation, "judge_trades", trades_with("halted", 0)),
    "a correction in a halt": (busts, "check_trading", lambda *_: None),
    "a price band that nobody minds": (novation, "judge_trades", trades_with("band_ppm", 0)),
    "a level that restricts nobody": (levels, "reduces_below", lambda *_: 0),
    "a call that asks for too little": (levels, "asked_for", lambda _, verdict: verdict.initial_fine),
    "interest rounded down": (overdrafts, "ceil_div", floor_div),
    "interest that comes a cycle late": (overdrafts, "interest_due", lambda _: []),
    "a loan without collateral": (collateral.Purse, "raisable", lambda *_: 10**30),
    "a loan of money that is lent": (collateral.Purse, "lent_minor", lambda *_: 0),
    "a loan that outlives its time": (conversions, "beyond_limits", lambda _: []),
    "a sale below its worst rate": (conversions, "_check_amounts", lambda *_: None),
    "an order for more than is needed": (conversions, "still_needed", lambda _: []),
    "an order cut by a unit too many": (conversions, "ceil_div", floor_div),
    "an order that is never due": (conversions, "due", lambda _: []),
    "an order beside one that brings it": (conversions, "covered_minor", lambda _: {}),
    "collateral sold and taken out": (ledger, "on_order_minor", lambda *_: 0),
    "collateral sold and isolated": (isolation, "on_order_minor", lambda *_: 0),
    "a loan no longer than its limit": (overdrafts, "by_order", lambda *_: False),
    "a cap on what counts that is not kept": (admission, "_set_eligibility", all_counts),
    "a member that pays too little for its client": (levels, "ceil_div", floor_div),
    "a liquidation that ends too soon": (liquidation, "sound_from", lambda _, verdict: verdict.initial_fine),
    "a requirement out of date": (variation, "set_marks", one_ppm_off),
    **pool_bugs.BUGS,
    **relief_bugs.BUGS,
    **scaling_bugs.BUGS,
}
LATE = {
    "cash that leaves though bids have set it aside": 242,
    "cash that leaves though bets have set it aside": 297,
    "a relief that trades do not end": 246,
}
"""The first world that comes to what few come to. Where the worlds have changed, the next one that does is found."""
QUICK = (
    *("a settlement rounded up", "fees rounded down", "withdrawals without margin", "a requirement out of date"),
    *("rules that liquidate", "a haircut that is not given back", "initial rates that stay as they were"),
)


@pytest.mark.parametrize("bug", [bug if bug in QUICK else pytest.param(bug, marks=pytest.mark.long) for bug in BUGS])
def test_the_auditor_finds_a_planted_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = LATE.get(bug, 0)
    _, failure = first_failure(BUGS[bug], range(first, first + 300), monkeypatch)
    crashed = hasattr(builtins, failure.noun)
    assert not crashed, f"the auditor must object, or a law of the house, and not {failure}"

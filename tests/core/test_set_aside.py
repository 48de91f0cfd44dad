"""What bids for options and orders in bets set aside of settled cash: as the twin says, and enough for the fills."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from novate.core import laws
from novate.core.book import Book
from novate.core.commands import ChangeOrders, PublishMarks, SubmitTrades
from novate.core.evolve import evolve
from novate.core.ledger import check_withdrawal
from novate.core.margin import judge, resting_cover_fine, resting_premium_fine
from novate.core.novation import decide_trades
from novate.core.orders import decide_orders, open_orders_of
from novate.core.plain import margin as plain
from novate.core.reasons import Reason
from novate.core.rows import BUYER
from novate.core.variation import decide_marks
from tests.core.planted import SUBS, Row, examples, planted
from tests.core.test_sheets import planted_portfolios
from tests.core.twins import compare_judgements, compare_orders, compare_trades, refused_rows
from tests.core.worlds import (
    BINARY,
    BTC,
    CALL,
    CRUDE_CALL,
    EUR,
    EURO_BINARY,
    FEED,
    INVERSE_CALL,
    INVERSE_PUT,
    PUT,
    USD,
    marks,
    orders,
    rich_house,
    trades,
)  # fmt: skip

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
OPTIONS = [CALL, PUT, INVERSE_CALL, INVERSE_PUT, CRUDE_CALL]
BETS = [BINARY, EURO_BINARY]
PAID_IN_CASH = [*OPTIONS, *BETS]
BIDDERS = [5, 7, *SUBS]
Change = tuple[int, int, int, int, int]


def bidding() -> st.SearchStrategy[list[Change]]:
    """Changes of orders in options and bets, bids for the most part, by few accounts."""
    sizes = st.one_of(st.integers(1, 40), st.integers(-40, 40).filter(bool))
    row = st.tuples(
        sizes, st.sampled_from([*PAID_IN_CASH, *BETS]), st.sampled_from(BIDDERS), st.sampled_from([0, 0, 0, 1])
    )
    return st.lists(row, min_size=1, max_size=10).map(lambda rows: [(at + 1, *each) for at, each in enumerate(rows)])


def taking() -> st.SearchStrategy[list[Row]]:
    """Trades that fill bids or not, most near the mark, at prices that are per mille of it."""
    row = st.tuples(
        st.integers(1, 40),
        st.one_of(st.just(1_000), st.integers(800, 1_200)),
        st.sampled_from([*PAID_IN_CASH, *BETS]),
        st.sampled_from(BIDDERS),
        st.sampled_from([8, 9]),
        st.sampled_from([0, 1, 1]),
    )
    return st.lists(row, min_size=1, max_size=6).map(lambda rows: [(at + 1, *each) for at, each in enumerate(rows)])


def give_money(book: Book, data: st.DataObject) -> None:
    """About as much as a few bids cost; the sellers have plenty, and all may trade."""
    for account in (5, 7, 17):
        book.balances[account, USD]["balance_minor"] = data.draw(st.integers(0, 20_000))
        book.balances[account, BTC]["balance_minor"] = data.draw(st.integers(0, 2 * 10**6))
        book.balances[account, EUR]["balance_minor"] = data.draw(st.integers(0, 6_000))
    for account in (8, 9):
        book.balances[account, [USD, BTC, EUR]]["balance_minor"] = 10**10
    for account in (*BIDDERS, 8, 9):
        book.buckets[account]["access"] = 0


def fold_orders_of(book: Book, rows: list[Change]) -> None:
    for fact in decide_orders(book, ChangeOrders("venue", orders(rows))):
        evolve(book, fact)


def taken(book: Book, rows: list[Row], *, first: int) -> list[Row]:
    """The rows at prices of the book, numbered from ``first``."""
    of = book.contracts
    low = {at: 1 if at in OPTIONS else int(of[at]["price_min_ticks"]) for at in PAID_IN_CASH}
    price = {at: int(of[at]["price_ticks"]) for at in low}
    return [
        (first + number, size, min(int(of[at]["price_max_ticks"]), max(low[at], price[at] * mille // 1_000)), at, *rest)
        for number, size, mille, at, *rest in rows
    ]


def whole_fills(book: Book, mille: int) -> list[Row]:
    """A trade for all bids that each bidder has in each option and bet, then for all asks that it has in a bet."""
    resting = [
        (account, of, *open_orders_of(book, account).get(of, (0, 0))) for account in BIDDERS for of in PAID_IN_CASH
    ]
    bids = [(lots, mille, of, account, 8, 1) for account, of, lots, _ in resting if lots]
    asks = [(lots, mille, of, 8, account, 2) for account, of, _, lots in resting if lots and of in BETS]
    return [(at + 1, *row) for at, row in enumerate(bids + asks)]


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_bids_are_decided_and_filled_as_the_twin_decides(count: int) -> None:
    """Orders, then a mark, then fills and trades: each decided by the kernel as by its twin."""
    seen: dict[Reason, None] = {}

    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted() | planted_portfolios(large=False), bidding(), bidding(), taking(), st.data())
    def run(book: Book, first: list[Change], second: list[Change], fills: list[Row], data: st.DataObject) -> None:
        give_money(book, data)
        compare_orders(book, first)
        facts = decide_orders(book, ChangeOrders("venue", orders(first)))
        seen.update(dict.fromkeys(reason for _, _, reason, _ in refused_rows(facts)))
        fold_orders_of(book, first)
        moved = data.draw(st.sampled_from([500, 1_000, 2_000]))
        for fact in decide_marks(book, PublishMarks(marks([(of, FEED[of] * moved // 1_000) for of in PAID_IN_CASH]))):
            evolve(book, fact)
        compare_judgements(book)
        compare_orders(book, [(100 + number, *rest) for number, *rest in second])
        seen.update(dict.fromkeys(compare_trades(book, taken(book, fills, first=200))))
        for fact in decide_trades(book, SubmitTrades("venue", trades(taken(book, fills, first=200)))):
            evolve(book, fact)
        compare_judgements(book)
        cheap = data.draw(st.sampled_from([400, 500, 1_000]))
        compare_trades(book, taken(book, whole_fills(book, cheap), first=300))

    run()
    assert {Reason.PREMIUM_NOT_COVERED, Reason.COLLATERAL_NOT_COVERED} <= {*seen}


def is_covered(book: Book, account: int, asset: int) -> bool:
    """Whether settled cash covers all that is owed and set aside in an asset."""
    purse = plain.read(book, account)
    return plain.owed_in(book, purse, asset) <= purse.balance_minor[asset] * book.registers.assets[asset].unit_fine


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_what_is_set_aside_pays_for_the_fills(count: int) -> None:
    """After everything that is free has left, all orders are filled at their marks: no fill lacks a premium, nor a bet
    its cover where cash covered all that was set aside."""

    @settings(max_examples=count, suppress_health_check=QUIET)
    @given(planted(), bidding(), st.data())
    def run(book: Book, rows: list[Change], data: st.DataObject) -> None:
        give_money(book, data)
        book.contracts["fee_ppm"] = 0
        fold_orders_of(book, rows)
        for account, asset in itertools.product((5, 7), (USD, BTC, EUR)):
            held = int(book.balances[account, asset]["balance_minor"])
            for amount in (held, held // 2, held // 8, 1):
                if amount and check_withdrawal(book, account, asset, amount, {})[0] is Reason.ACCEPTED:
                    book.balances[account, asset]["balance_minor"] -= amount
        at_marks = [row for row in whole_fills(book, 1_000) if book.contracts[row[3]]["price_ticks"] > 0]  # or no trade
        rows = taken(book, at_marks, first=200)
        facts = decide_trades(book, SubmitTrades("venue", trades(rows)))
        for _, at, reason, side in refused_rows(facts):
            assert reason is not Reason.PREMIUM_NOT_COVERED
            bidder = rows[at][4 if rows[at][6] == 1 else 5]
            if reason is Reason.COLLATERAL_NOT_COVERED and bidder == rows[at][4 if side == BUYER else 5]:
                assert not is_covered(book, bidder, int(book.contracts[rows[at][3]]["asset"]))

    run()


@settings(max_examples=40, suppress_health_check=QUIET)
@given(planted(), bidding(), st.data())
def test_a_withdrawal_leaves_what_is_set_aside(book: Book, rows: list[Change], data: st.DataObject) -> None:
    """What may leave is no more than cash less what bids would pay or lock; a bid raises no requirement of its own."""
    give_money(book, data)
    before = judge(book, 5)
    bids = [(number, abs(lots), of, account, 0) for number, lots, of, account, _ in rows]
    flat = not open_orders_of(book, 5) and not any(lots < 0 for _, lots, _ in book.positions_of(5))
    fold_orders_of(book, bids)
    after = judge(book, 5)
    premium, cover = (of(book, book.rows_of(5), USD) for of in (resting_premium_fine, resting_cover_fine))
    assert premium == plain.resting_premium(book, plain.read(book, 5), USD)
    assert cover == plain.resting_cover(book, plain.read(book, 5), USD)
    aside = premium + cover
    assert after.equity_fine == before.equity_fine
    assert after.payable_fine <= before.payable_fine
    if flat:
        assert after.initial_fine == before.initial_fine
    cash = int(book.balances[5, USD]["balance_minor"])
    reason, _ = check_withdrawal(book, 5, USD, max(1, cash - aside // 10**6 + 1), {})
    if aside and int(book.balances[5, USD]["premium_fine"]) >= 0:
        assert reason is not Reason.ACCEPTED
    laws.limits_recount(book)


def test_a_mark_changes_what_is_set_aside_and_no_row_of_the_book() -> None:
    """Ten bids at 2.50, then at 5.00, and ten in a bet at 0.40, then at 0.70: only the contracts' own rows change."""
    house = rich_house()
    account = house.account("m0")
    house.deposit(account, USD, 10_000)
    fold_orders_of(house.book, [(1, 10, CALL, account, 0), (2, 10, BINARY, account, 0)])
    positions, balances = house.book.positions.copy(), house.book.balances.copy()
    rows = house.book.rows_of(account)
    assert resting_premium_fine(house.book, rows, USD) == 25 * 10**8
    assert resting_cover_fine(house.book, rows, USD) == 4 * 10**8
    house.mark((CALL, 10_000), (BINARY, 70))
    assert resting_premium_fine(house.book, rows, USD) == 50 * 10**8
    assert resting_cover_fine(house.book, rows, USD) == 7 * 10**8
    assert np.array_equal(house.book.positions, positions)
    assert np.array_equal(house.book.balances, balances)

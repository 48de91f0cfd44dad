"""What is compiled ahead is what the house then asks for: otherwise it would be compiled twice."""

import io

from rich.console import Console

from novate.core import commands as c
from novate.core.kernels import fills, legs, margin, marks, orders, sweep, trades
from novate.core.terms import MarginMode
from novate.sim.demo import plan_of, progress_on
from novate.sim.rehearsal import compile_others, compile_trades, rehearse
from tests.ahead import with_sheet, without_sheet
from tests.core.sheets import small_sheet
from tests.core.worlds import MILLION, USD, House, small_house
from tests.core.worlds import orders as changes

AHEAD = (trades.judge_trades, sweep.judge_range, margin.judge_one, fills.judge_side, marks.mark_rows, legs.novate_rows)


def signatures() -> list[set[object]]:
    return [set(kernel.signatures) for kernel in (*AHEAD, orders.judge_orders)]


def test_what_is_compiled_ahead_is_what_a_house_asks_for() -> None:
    with progress_on(Console(file=io.StringIO())) as progress:
        rehearse(plan_of(None, "clearing_house", None), progress)
    asked = signatures()
    compile_trades()
    compile_others()
    assert signatures() == asked


def test_what_is_compiled_before_tests_is_what_their_houses_ask_for() -> None:
    without_sheet()
    with_sheet()
    compiled = signatures()
    for house in (small_house(), sheet_house()):
        m0, m1 = house.account("m0"), house.account("m1")
        for account in (m0, m1):
            house.deposit(account, USD, MILLION)
        house.mark((0, 200))
        house.trade(0, m0, m1, 10, 200)
        house.ok(c.ChangeOrders("venue", changes([(house.next(), 1, 0, m0, 0)])))
        house.withdraw(m0, USD, 1)
    assert signatures() == compiled


def sheet_house() -> House:
    house = small_house()
    house.ok(c.AdoptRiskSheet(small_sheet()))
    house.ok(c.SetMarginMode(house.account("m0"), MarginMode.PORTFOLIO))
    return house

"""The same commands give the same book: in another process, from facts, from a snapshot, wherever its rows lie."""

import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from novate.core import commands as c
from novate.core.book import Book
from novate.core.novation import make_room
from novate.core.terms import Limit
from tests.core.sheets import contract_row, small_sheet
from tests.core.worlds import (
    BTC,
    CALL,
    DAY,
    EURO,
    FEED,
    HOUR,
    INVERSE,
    PERP,
    USD,
    House,
    accounts_of,
    folded,
    funding,
    names_of,
    rich_house,
    rich_rulebook,
    traded,
    trades,
)

ROOT = Path(__file__).resolve().parents[2]


def crisis(*, disturb: bool = False) -> House:
    """Some days and a crash: trades, funding, calls, slices, a default, cycles. ``disturb`` moves rows about."""
    house = rich_house(members=4)
    accounts = accounts_of(house)
    for at, account in enumerate(accounts):
        house.deposit(account, (USD, BTC)[at % 2], (3_000_000, 5 * 10**7)[at % 2])
    house.fund("treasury", USD, 10**8)
    house.fund("insurance_fund", USD, 10**5)
    house.ok(c.SetLimit(Limit("m0 and m1", PERP, "net", 60, members=(0, 1))))
    house.ok(c.SetLimit(Limit("all calls", CALL, "gross", 100)))
    house.ok(c.SetLimit(Limit("no more", EURO, "gross", 15)))
    levels = {"price_bands": {"major": 100_000}, "reduce_only_ppm": 1_200_000, "release_ppm": 1_100_000}
    house.ok(c.AdoptRulebook(rich_rulebook(name="stricter", **levels), 2 * DAY))
    house.ok(c.AdoptRulebook(rich_rulebook(name="never"), 3 * DAY))
    house.ok(c.CancelRulebook("never"))
    sheet = small_sheet(contract_row(house.book.registers.contracts[PERP].symbol, [-500, 200, 800]))
    house.ok(c.AdoptRiskSheet(sheet, 2 * DAY))
    house.ok(c.AdoptRiskSheet(replace(sheet, name="never"), 3 * DAY))
    house.ok(c.CancelRiskSheet("never"))
    for day in range(1, 6):
        if day == 2:
            house.ok(c.RemoveLimit("no more"))
            house.ok(c.HaltContract(INVERSE, "a fork"))
        if day == 3:
            house.ok(c.ResumeContract(INVERSE))
        for at, account in enumerate(accounts):
            other = accounts[(at + day) % len(accounts)]
            for contract, size in ((PERP, 40), (INVERSE, 30), (CALL, 10), (EURO, 3)):
                house.trade(contract, account, other, size * day, int(house.book.contracts[contract]["price_ticks"]))
            if disturb:
                house.book.lay_out(*house.book.packed_positions())
                make_room(house.book)
        house.do(c.PublishFunding(funding([(PERP, 10**8), (INVERSE, -(10**8))])), day * DAY)
        fall = 1000 - 60 * day
        house.mark(*((contract, price * fall // 1000) for contract, price in FEED.items()),
                   assets={BTC: 50_000 * 10**5 * fall})  # fmt: skip
        house.clock(day * DAY + HOUR)
        for order, terms in list(house.book.registers.orders.items()):
            house.do(
                c.ExecuteLiquidation(
                    "market", house.next(), order, abs(terms.open_lots), terms.limit_price_ticks, accounts[-1]
                )
            )
        if disturb:
            house.book.lay_out(*house.book.packed_positions())
        house.clock(day * DAY + 9 * HOUR)
    return house


def test_a_fresh_process_reaches_the_same_digest() -> None:
    code = "from tests.core.test_determinism import crisis; print(crisis().book.digest().hex())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == crisis().book.digest().hex()


def test_where_rows_lie_does_not_matter() -> None:
    assert crisis(disturb=True).book.digest() == crisis().book.digest()


def test_facts_alone_give_the_same_book_and_the_same_snapshot() -> None:
    house = crisis()
    assert any(account.name.startswith("liquidation:") for account in house.book.registers.accounts)
    second = folded(house.records)
    assert second.digest() == house.book.digest()
    assert second.dumps() == house.book.dumps()


def test_a_snapshot_in_the_middle_goes_on_as_the_book_would() -> None:
    house = crisis()
    loaded = House(Book.loads(house.book.dumps()), house.time_ns, house.number)
    for each in (house, loaded):
        each.mark(*((contract, price) for contract, price in FEED.items()))
        each.trade(PERP, 5, 8, 3, FEED[PERP])
        each.clock(house.time_ns + DAY if each is house else house.time_ns)
    assert loaded.book.digest() == house.book.digest()


def test_rows_of_nothing_are_not_settled() -> None:
    """Bought and sold again at one price leaves a row of nothing, which a snapshot does not have: the facts are one."""
    house = traded(lots=10)
    house.ok(c.SubmitTrades("venue", trades([(house.next(), 10, 200, 0, house.account("m1"), house.account("m0"))])))
    loaded = House(Book.loads(house.book.dumps()), house.time_ns, house.number)
    assert names_of(house.clock(DAY)) == names_of(loaded.clock(DAY)) == ["CycleClosed"]


def test_two_books_that_differ_in_one_unit_differ_in_their_digest() -> None:
    one, two = rich_house(), rich_house()
    assert one.book.digest() == two.book.digest()
    two.book.balances[5, USD]["carry_fine"] += 1
    assert one.book.digest() != two.book.digest()

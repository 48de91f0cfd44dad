"""Numbers as large as the house admits: nothing wraps, and what would is refused before it is added."""

import numpy as np
import pytest

from novate.core import commands as c
from novate.core.margin import judge
from novate.core.money import EXPOSURE_MAX, MONEY_MAX
from novate.core.reasons import Reason
from tests.core.twins import compare_judgements, compare_trades
from tests.core.worlds import BTC, EUR, HOUR, USD, House, accounts_of, extreme_house, reasons, trades

FUT, PERP, FUT2 = 1, 2, 7
UNIT = 100
"""Fine units in a minor unit of a dollar."""
MOST, TOP = 2**30, 2**20


def swing() -> House:
    """One account long nearly 2^62 of exposure, bought at the lowest price and marked, and settled, at the highest.

    Four others are short a quarter each, with the money to pay for it.
    """
    house = extreme_house()
    buyer, *sellers = accounts_of(house)[:5]
    house.deposit(buyer, USD, 2**44 // UNIT)
    for seller in sellers:
        house.deposit(seller, USD, (2**61 + 2**60 - 2**50) // UNIT)
    house.mark((FUT, 1), (FUT2, 1))
    for contract, lots in ((FUT, MOST), (FUT2, MOST - 2**14)):
        for seller in sellers:
            assert reasons(house.trade(contract, buyer, seller, lots // 4, 1)) == []
    house.mark((FUT, TOP), (FUT2, TOP))
    return house


def test_a_swing_over_the_whole_range_is_paid_and_judged_exactly() -> None:
    house = swing()
    buyer = accounts_of(house)[0]
    compare_judgements(house.book)
    worth = house.worth_fine(buyer, USD)
    assert worth > 2**62 - 2**46
    house.clock(8 * HOUR)
    assert house.balance(buyer) == worth // UNIT
    assert house.worth_fine(buyer, USD) == worth
    compare_judgements(house.book)
    house.mark((FUT, 1), (FUT2, 1))
    assert house.worth_fine(buyer, USD) == 2**44 // UNIT * UNIT
    compare_judgements(house.book)


def test_beyond_the_bounds_every_trade_is_refused_and_none_wraps_into_room() -> None:
    house = swing()
    buyer, seller = accounts_of(house)[:2]
    other = accounts_of(house)[5]
    house.deposit(other, USD, 2**55 // UNIT)
    house.clock(8 * HOUR)
    rows = [(house.next(), lots, TOP, PERP, buyer, other) for lots in (1, 100, 2**20, 2**28, 2**29)]
    rows += [(house.next(), lots, TOP // 2, FUT2, buyer, other) for lots in (1, 2**12)]
    assert set(compare_trades(house.book, rows)) == {Reason.EXPOSURE_LIMIT_EXCEEDED}
    assert compare_trades(house.book, [(house.next(), 2**20, TOP, FUT, seller, buyer)]) == []


def test_exposure_ends_exactly_at_its_bound() -> None:
    """FUT weighs 2^31 a lot and costs 2^11 a tick: what still fits is accepted, one lot more is not."""
    house = extreme_house()
    buyer, seller, other = accounts_of(house)[:3]
    for account in (seller, other):
        house.deposit(account, USD, 2**60 // UNIT)
    house.mark((FUT, 1), (FUT2, 1))
    house.deposit(buyer, USD, 2**50 // UNIT)
    for contract, half in ((FUT, MOST // 2), (FUT2, MOST // 4)):
        assert reasons(house.trade(contract, buyer, seller, half, 1)) == []
        assert reasons(house.trade(contract, buyer, other, half, 1)) == []
    room = EXPOSURE_MAX - int(house.book.balances[buyer, USD]["exposure_fine"]) - 2**50 // UNIT * UNIT
    fits = room // (2**31 + 2**11)
    facts = house.do(c.SubmitTrades("venue", trades_of(house, fits + 1, buyer, other)))
    assert reasons(facts) == [Reason.EXPOSURE_LIMIT_EXCEEDED]
    facts = house.do(c.SubmitTrades("venue", trades_of(house, fits, buyer, other)))
    assert reasons(facts) == []
    left = EXPOSURE_MAX - int(house.book.balances[buyer, USD]["exposure_fine"]) - 2**50 // UNIT * UNIT
    assert 0 <= left < 2**31 + 2**11
    assert reasons(house.deposit(buyer, USD, left // UNIT + 1)) == [Reason.MONEY_LIMIT_EXCEEDED]
    assert reasons(house.deposit(buyer, USD, left // UNIT)) == []


def trades_of(house: House, lots: int, buyer: int, seller: int) -> bytes:
    return trades([(house.next(), lots, 1, FUT2, buyer, seller)])


@pytest.mark.parametrize("asset", [USD, BTC, EUR])
def test_an_account_that_owns_all_money_is_judged_exactly(asset: int) -> None:
    house = extreme_house()
    account = accounts_of(house)[0]
    unit = house.book.registers.assets[asset].unit_fine
    most = min(EXPOSURE_MAX // unit, MONEY_MAX)
    assert reasons(house.deposit(account, asset, most + 1)) == [Reason.MONEY_LIMIT_EXCEEDED]
    assert reasons(house.deposit(account, asset, most)) == []
    for other in {USD, BTC, EUR} - {asset}:
        house.deposit(account, other, 2**61 // house.book.registers.assets[other].unit_fine)
    assert judge(house.book, account).equity_fine == EXPOSURE_MAX, "kept within its bound"
    compare_judgements(house.book)


def test_open_interest_of_many_accounts_at_the_limit_does_not_wrap() -> None:
    house = extreme_house(members=2)
    for account in accounts_of(house):
        house.deposit(account, USD, 2**59 // UNIT)
    house.mark((FUT, 1))
    a, b, d, e = accounts_of(house)
    for _ in range(4):
        for buyer, seller in ((a, b), (d, e), (b, a), (e, d)):
            assert reasons(house.trade(FUT, buyer, seller, MOST, 1)) == []
    row = house.book.contracts[FUT]
    assert int(row["traded_lots"]) == 16 * MOST
    assert np.int64(row["open_lots"]) == 0

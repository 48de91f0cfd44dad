"""The order in which a trade's reasons are tested: each row has two faults, and the first of them is the answer."""

import pytest

from novate.core import commands as c
from novate.core import layout
from novate.core.margin import judge
from novate.core.reasons import Reason
from novate.core.rows import BUYER, NEITHER, SELLER
from novate.core.terms import Kind
from tests.core.twins import refused_rows
from tests.core.worlds import USD, House, future, reasons, small_house, trades

LATE, NO_CONTRACT, NO_BUYER, NO_SELLER, NO_CLASS, SAME, HOUSE_BUYER, HOUSE_SELLER, INDEX = range(9)
NO_LOTS, OFF_LIMITS, EXPIRED, UNMARKED, BUYER_OUT, SELLER_OUT, TOO_LARGE = range(9, 16)
ORDER = (
    (LATE, Reason.DUPLICATE_OR_LATE, NEITHER),
    (NO_CONTRACT, Reason.CONTRACT_UNKNOWN, NEITHER),
    (NO_BUYER, Reason.ACCOUNT_UNKNOWN, BUYER),
    (NO_SELLER, Reason.ACCOUNT_UNKNOWN, SELLER),
    (NO_CLASS, Reason.MARGIN_CLASS_UNKNOWN, NEITHER),
    (SAME, Reason.ACCOUNTS_MUST_DIFFER, NEITHER),
    (HOUSE_BUYER, Reason.ACCOUNT_NOT_TRADABLE, BUYER),
    (HOUSE_SELLER, Reason.ACCOUNT_NOT_TRADABLE, SELLER),
    (INDEX, Reason.CONTRACT_NOT_TRADABLE, NEITHER),
    (NO_LOTS, Reason.QUANTITY_MUST_BE_POSITIVE, NEITHER),
    (OFF_LIMITS, Reason.PRICE_OUT_OF_LIMITS, NEITHER),
    (EXPIRED, Reason.CONTRACT_EXPIRED, NEITHER),
    (UNMARKED, Reason.PRICE_MISSING, NEITHER),
    (BUYER_OUT, Reason.ACCOUNT_IN_LIQUIDATION, BUYER),
    (SELLER_OUT, Reason.ACCOUNT_IN_LIQUIDATION, SELLER),
    (TOO_LARGE, Reason.POSITION_LIMIT_EXCEEDED, NEITHER),
)
"""Faults of a row that need no margin, in the order of their tests, with their reasons and sides."""

FIELDS = {LATE: 0, NO_CONTRACT: 3, NO_BUYER: 4, NO_SELLER: 5, NO_CLASS: 3, SAME: 5, HOUSE_BUYER: 4, HOUSE_SELLER: 5}
FIELDS |= {INDEX: 3, NO_LOTS: 1, OFF_LIMITS: 2, EXPIRED: 3, UNMARKED: 3, BUYER_OUT: 4, SELLER_OUT: 5, TOO_LARGE: 1}
PAIRS = [(a, b) for at, (a, *_) in enumerate(ORDER) for b, *_ in ORDER[at + 1 :] if FIELDS[a] != FIELDS[b]]


def house_of_faults() -> House:
    """Contracts 1 to 4 are an index, one without a margin class, one without a mark and one that is over."""
    house = small_house(members=4)
    for terms in (
        future("IDX", kind=Kind.INDEX, expiry_ns=None),
        future("BARE", margin_class="none"),
        future("NEW"),
        future("OLD", expiry_ns=1),
    ):
        house.ok(c.ListContract(terms))
    house.mark((1, 200), (4, 200))
    house.do(c.ExpireContract(4, 200), 1)
    for name in ("m2", "m3"):
        house.book.buckets[house.account(name)]["access"] = layout.LIQUIDATING
    return house


def faulty(house: House, *faults: int) -> tuple[int, int, int, int, int, int]:
    """A row ``(number, lots, price, contract, buyer, seller)`` with the given faults."""
    row = [house.next(), 1, 200, 0, house.account("m0"), house.account("m1")]
    wrong = {LATE: -5, NO_CONTRACT: 99, NO_BUYER: 99, NO_SELLER: 98, NO_CLASS: 2, HOUSE_BUYER: 0, HOUSE_SELLER: 1}
    wrong |= {INDEX: 1, NO_LOTS: 0, OFF_LIMITS: 2_000_000, EXPIRED: 4, UNMARKED: 3, TOO_LARGE: 10_001}
    wrong |= {BUYER_OUT: house.account("m2"), SELLER_OUT: house.account("m3")}
    for fault in faults:
        if fault != SAME:
            row[FIELDS[fault]] = wrong[fault]
    if SAME in faults:
        row[5] = row[4]
    number, lots, price, contract, buyer, seller = row
    return number, lots, price, contract, buyer, seller


def test_each_fault_has_its_reason_and_side_and_of_two_the_first_is_told() -> None:
    house = house_of_faults()
    told = {fault: (reason, side) for fault, reason, side in ORDER}
    for faults in [(fault,) for fault in told] + PAIRS:
        if faults == (SAME, HOUSE_BUYER) or (SAME in faults and {NO_BUYER, BUYER_OUT} & {*faults}):
            continue  # what is wrong with the buyer is then wrong with both
        facts = house.do(c.SubmitTrades("venue", trades([faulty(house, *faults)])))
        assert [(reason, side) for _, _, reason, side in refused_rows(facts)] == [told[faults[0]]], faults


@pytest.mark.parametrize(
    ("lots", "price", "reason"),
    [
        (10_000, 900_000, Reason.POSITION_LIMIT_EXCEEDED),  # held 1 already; nor can it be margined
        (5, 200, Reason.MEMBER_IN_DEFAULT),  # it could not be margined either
    ],
)
def test_the_buyer_is_judged_before_the_seller_limits_first(lots: int, price: int, reason: Reason) -> None:
    """Both sides fail: the buyer's answer is told, whatever the seller's would be."""
    house = small_house(members=3)
    m0, m1, m2 = (house.account(name) for name in ("m0", "m1", "m2"))
    house.deposit(m0, USD, 1_000)
    house.deposit(m2, USD, 10**9)
    assert not reasons(house.trade(0, m0, m2, 1, 200))
    if reason is Reason.MEMBER_IN_DEFAULT:
        house.book.buckets[m0]["access"] = layout.REDUCE_ONLY
    assert judge(house.book, m1).equity_fine == 0
    ((_, _, told, side),) = refused_rows(house.trade(0, m0, m1, lots, price))
    assert (told, side) == (reason, BUYER)
    ((_, _, told, side),) = refused_rows(house.trade(0, m2, m1, 1, 200))
    assert (told, side) == (Reason.MARGIN_INSUFFICIENT, SELLER)

"""Auctions as Derive publishes them: its test vectors.

Facts from derivexyz/v2-core (test/auction/unit-tests, January 2026).
"""

from collections.abc import Callable
from fractions import Fraction

import pytest

from novate.risk.errors import RiskError
from novate.risk.unwinding.auctions import (
    AuctionedBook,
    AuctionTerms,
    bid,
    bid_price,
    buffer_margin,
    cash_rate,
    discount,
    payout,
    portion_max,
)

F = Fraction


@pytest.mark.parametrize(
    ("elapsed_s", "expected"), [(0, 1), (300, F(9, 10)), (600, F(4, 5)), (960, F(76, 100)), (8_160, 0)]
)
def test_derive_discount(elapsed_s: int, expected: Fraction) -> None:
    assert discount(AuctionTerms(), elapsed_s) == expected


def test_derive_discount_of_other_terms() -> None:
    terms = AuctionTerms(start=F("0.96"), fast_s=300)
    assert [discount(terms, at) for at in (0, 150, 300, 6_780)] == [F("0.96"), F("0.88"), F("0.8"), F("0.08")]


def test_derive_solvent_auction() -> None:
    """Maintenance -100, mark-to-market 300: 31.8 % may be bought at once, 34.1 % at nine tenths, for 92 dollars."""
    terms, book = AuctionTerms(), AuctionedBook(F(-100), F(300))
    assert buffer_margin(terms, book) == -140
    assert (bid_price(book, F(1)), bid_price(book, F(9, 10))) == (300, 270)
    assert int(portion_max(terms, book, F(1)) * 1_000) == 318
    got, cash = bid(terms, book, 300, F(1))
    assert (int(got * 1_000), int(cash)) == (341, 92)
    assert bid(terms, book, 300, F(1, 10)) == (F(1, 10), 27)
    assert bid(terms, AuctionedBook(F(-100), F(1_000)), 300, F(1, 10)) == (F(1, 10), 90)
    for maintenance, worth, reserved, words in (
        (100, 300, 0, "over"),
        (-100, -1, 0, "insolvent"),
        (-9, 26, 27, "insol"),
    ):
        with pytest.raises(RiskError, match=words):
            portion_max(terms, AuctionedBook(F(maintenance), F(worth), F(reserved)), F(1))
    with pytest.raises(RiskError, match="between 0 and 1"):
        bid(terms, book, 0, F("1.01"))


def test_derive_bidders_who_race_pay_the_same() -> None:
    """The second tenth costs what the first did: its cash is in mark-to-market, and is reserved."""
    after_one = AuctionedBook(F(-100), F(270 + 27), F(27), F(9, 10))
    assert bid(AuctionTerms(), after_one, 300, F(1, 10)) == (F(1, 10), 27)


def test_what_is_bought_restores_the_buffer() -> None:
    """Sold at the most, the rest and the cash leave a buffer margin of exactly nothing."""
    terms, book = AuctionTerms(), AuctionedBook(F(-100), F(300))
    got, cash = bid(terms, book, 300, F(1))
    left = AuctionedBook(F(-100) * (1 - got) + cash, F(300) * (1 - got) + cash, cash, 1 - got)
    assert buffer_margin(terms, left) == 0


def test_derive_insolvent_auction() -> None:
    """From -100 to -300 over ten minutes: 104 after 2 % of it, 200 after half; nothing where nothing is lacking."""
    book = AuctionedBook(F(-300), F(-100))
    assert [payout(AuctionTerms(), book, at) for at in (0, 12, 300, 600, 900)] == [100, 104, 200, 300, 300]
    assert payout(AuctionTerms(), AuctionedBook(F(-300), F(50)), 300) == 150
    assert payout(AuctionTerms(), AuctionedBook(F(1), F(50)), 300) == 0
    assert cash_rate(F(90), F(100)) == F(9, 10)
    assert cash_rate(F(110), F(100)) == 1
    with pytest.raises(RiskError, match="somebody"):
        cash_rate(F(1), F(0))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: AuctionTerms(slow_s=0), "expected positive times"),
        (lambda: AuctionTerms(cutoff=F(2)), "a discount that falls to 0"),
        (lambda: AuctionedBook(F(-1), F(1), left=F(0)), "a part of the book that is left"),
        (lambda: AuctionedBook(F(-1), F(1), reserved=F(-1)), "expected no negative cash reserved"),
        (lambda: discount(AuctionTerms(), -1), "-1 s after the start: the auction has not begun"),
        (lambda: payout(AuctionTerms(), AuctionedBook(F(-1), F(-2)), -1), "the auction has not begun"),
    ],
)
def test_an_auction_that_cannot_be_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call()

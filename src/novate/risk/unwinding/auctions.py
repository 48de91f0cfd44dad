"""Dutch auctions of a whole book: its price falls with time until somebody takes the part that restores a buffer.

Signs as on the venue: margins are negative where cash is required. Amounts are exact; the venue itself computes with
18 decimals. Source: Derive v2 (derivexyz/v2-core, January 2026).
"""

from dataclasses import dataclass
from fractions import Fraction

from novate.risk.errors import RiskError


@dataclass(frozen=True, slots=True)
class AuctionTerms:
    """How the discount runs: from ``start`` to ``cutoff`` in the fast phase, then to 0 in the slow one.

    ``buffer`` is the part of the gap between mark-to-market and maintenance that is restored beyond maintenance.
    """

    start: Fraction = Fraction(1)
    cutoff: Fraction = Fraction(4, 5)
    fast_s: int = 600
    slow_s: int = 7_200
    insolvent_s: int = 600
    buffer: Fraction = Fraction(1, 10)

    def __post_init__(self) -> None:
        if (
            min(self.fast_s, self.slow_s, self.insolvent_s) <= 0
            or not 0 <= self.cutoff <= self.start
            or self.buffer < 0
        ):
            raise RiskError(f"{self}: expected positive times, a discount that falls to 0, and no negative buffer")


@dataclass(frozen=True, slots=True)
class AuctionedBook:
    """The book as it is now: maintenance margin (negative: cash is lacking), mark-to-market with the cash of earlier
    bids in it, that ``reserved`` cash, which nobody bids for, and the part of the original book that is ``left``."""

    maintenance: Fraction
    mark_to_market: Fraction
    reserved: Fraction = Fraction(0)
    left: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if self.reserved < 0 or not 0 < self.left <= 1:
            raise RiskError(f"{self}: expected no negative cash reserved, and a part of the book that is left")


def discount(terms: AuctionTerms, elapsed_s: int) -> Fraction:
    """The part of mark-to-market that is asked so many seconds after the start."""
    _started(elapsed_s)
    if elapsed_s < terms.fast_s:
        return terms.start - (terms.start - terms.cutoff) * Fraction(elapsed_s, terms.fast_s)
    slow = min(1, Fraction(elapsed_s - terms.fast_s, terms.slow_s))
    return terms.cutoff * (1 - slow)


def buffer_margin(terms: AuctionTerms, book: AuctionedBook) -> Fraction:
    """Maintenance with its buffer: an auction ends when it is no longer negative."""
    return book.maintenance + terms.buffer * (book.maintenance - book.mark_to_market)


def bid_price(book: AuctionedBook, discounted: Fraction) -> Fraction:
    """What all that is left costs a bidder, without the reserved cash."""
    return (book.mark_to_market - book.reserved) * discounted


def portion_max(terms: AuctionTerms, book: AuctionedBook, discounted: Fraction) -> Fraction:
    """The part of what is left that restores the buffer when it is sold at this price; no more may be bought.

    1 where all of it does not. RiskError where the book is insolvent (mark-to-market is not above the reserved cash),
    or needs no auction any more.
    """
    if book.mark_to_market <= book.reserved:
        raise RiskError(f"mark-to-market {book.mark_to_market}: the book is insolvent, and is auctioned by `payout`")
    buffered = buffer_margin(terms, book)
    if buffered >= 0:
        raise RiskError(f"a buffer margin of {buffered} is not negative: the auction is over")
    asked = book.mark_to_market * discounted + book.reserved * (1 - discounted)
    return min(Fraction(1), buffered / (buffered - asked))


def bid(terms: AuctionTerms, book: AuctionedBook, elapsed_s: int, wanted: Fraction) -> tuple[Fraction, Fraction]:
    """The part of the original book that a bidder gets who wants ``wanted`` of it, and the cash it pays.

    Two who bid for the same part at the same time pay the same: the first one's cash is reserved.
    """
    if not 0 < wanted <= 1:
        raise RiskError(f"{wanted} of the book: expected a part between 0 and 1")
    discounted = discount(terms, elapsed_s)
    got = min(wanted, portion_max(terms, book, discounted) * book.left)
    return got, bid_price(book, discounted) * got / book.left


def payout(terms: AuctionTerms, book: AuctionedBook, elapsed_s: int) -> Fraction:
    """What the security fund pays whoever takes all of an insolvent book: from -mark-to-market (nothing, where that is
    positive) to -maintenance, linearly over ``insolvent_s``; nothing where nothing is lacking."""
    _started(elapsed_s)
    if book.maintenance >= 0:
        return Fraction(0)
    first = max(Fraction(0), -book.mark_to_market)
    return first + (-book.maintenance - first) * min(1, Fraction(elapsed_s, terms.insolvent_s))


def cash_rate(held: Fraction, owed: Fraction) -> Fraction:
    """What a unit of the venue's cash is worth when a fund that lacks money has its debts paid by printing: cash that
    is there over cash that is owed, 1 at most."""
    if held < 0 or owed <= 0:
        raise RiskError(f"{held} held for {owed} owed: expected nothing negative, and somebody to owe it to")
    return min(Fraction(1), Fraction(held, owed))


def _started(elapsed_s: int) -> None:
    if elapsed_s < 0:
        raise RiskError(f"{elapsed_s} s after the start: the auction has not begun")

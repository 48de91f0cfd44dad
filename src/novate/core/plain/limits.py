"""The limits and bands that the compiled loops keep, in plain Python integers: slow, and meant to be read.

Nothing is counted here as it goes along: what a group holds is summed afresh from every account in it.
"""

from collections.abc import Mapping
from fractions import Fraction

from novate.core.book import Book
from novate.core.layout import HOUSE_ONLY
from novate.core.money import PPM
from novate.core.reasons import Reason
from novate.core.terms import Limit, Role


def nearest_in_band(book: Book, contract: int, price_ticks: int) -> int:
    """The price itself where it may be traded at, otherwise the nearest that may.

    The band reaches from the mark by its part of the mark, rounded down to a tick, and by a tick at least.
    """
    band_ppm = book.rulebook.price_bands.get(book.registers.contracts[contract].margin_class, 0)
    if band_ppm == 0:
        return price_ticks
    mark = int(book.contracts[contract]["price_ticks"])
    reach = max(1, int(Fraction(abs(mark) * band_ppm, PPM)))
    return min(max(price_ticks, mark - reach), mark + reach)


def may_be_named(book: Book, account: int) -> bool:
    """Whether a trade may name an account: not the house's own, no isolated bucket and no pool of sub-accounts."""
    unnamed = book.registers.accounts[account].role in (Role.ISOLATED, Role.GROSS_OMNIBUS)
    return int(book.buckets[account]["access"]) != HOUSE_ONLY and not unnamed


def is_in(book: Book, limit: Limit, account: int) -> bool:
    """Whether a bucket belongs to a limit's group: its account is named, its member is, or everyone does."""
    member, account = book.registers.accounts[account].member, book.purse_of(book.owner_of(account))
    return limit.everyone or account in limit.accounts or (member >= 0 and member in limit.members)


def held(book: Book, limit: Limit, changed: Mapping[int, int]) -> tuple[int, int, int]:
    """``(net, long, short)`` lots of a limit's group, with the lots of the accounts in ``changed`` as they say."""
    lots_of = []
    for account in range(book.account_count):
        if is_in(book, limit, account):
            own = {contract: lots for contract, lots, _ in book.positions_of(account)}
            lots_of.append(changed.get(account, own.get(limit.contract, 0)))
    return sum(lots_of), sum(lots for lots in lots_of if lots > 0), -sum(lots for lots in lots_of if lots < 0)


def check_limits(
    book: Book, contract: int, now: Mapping[int, int], buyer: int, seller: int, lots: int
) -> tuple[Reason, int]:
    """The first limit that a trade would pass and not bring nearer: open interest first, then by number.

    ``now`` has the lots in the contract of accounts that earlier rows of the batch changed, and of both sides.
    """
    after = {**now, buyer: now[buyer] + lots, seller: now[seller] - lots}
    own = {number: limit for number, limit in book.registers.limits.items() if limit.contract == contract}
    for number, limit in sorted(own.items(), key=lambda pair: (not pair[1].everyone, pair[0])):
        before, then = held(book, limit, now), held(book, limit, after)
        if limit.measure == "net":  # a net long over the limit may not become a net short over it either
            before, then = (before[0], -before[0]), (then[0], -then[0])
        else:
            before, then = before[1:], then[1:]
        if any(new > max(limit.lots, old) for old, new in zip(before, then, strict=True)):
            passed = Reason.OPEN_INTEREST_LIMIT_EXCEEDED if limit.everyone else Reason.GROUP_LIMIT_EXCEEDED
            return passed, number
    return Reason.ACCEPTED, 0

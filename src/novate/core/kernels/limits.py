"""Limits on prices, and on what several accounts hold together: asked before a trade, counted after it.

A bucket's limits are rows of ``limits`` named in its span of ``lists``. Only contracts that have a limit come here.
"""

import numpy as np
from numba import njit

from novate.core.kernels.arithmetic import credit
from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.kernels.search import find
from novate.core.layout import NET
from novate.core.reasons import Reason

ACCEPTED = int(Reason.ACCEPTED)
OPEN_INTEREST_LIMIT_EXCEEDED = int(Reason.OPEN_INTEREST_LIMIT_EXCEEDED)
GROUP_LIMIT_EXCEEDED = int(Reason.GROUP_LIMIT_EXCEEDED)
NOBODY = -1


@inlined
def nearest_in_band(price_ticks, contract):
    """The price itself where it is inside the band around the mark, which is at least a tick wide; else its bound."""
    mark = contract.price_ticks
    reach = max(1, credit(abs(mark), contract.band_ppm))
    return min(max(price_ticks, mark - reach), mark + reach)


@njit(cache=True)
def gained(before, lots):
    """``(long, short)`` lots that a position gains by a leg; negative where it loses them."""
    after = before + lots
    return max(0, after) - max(0, before), max(0, -after) - max(0, -before)


@borrowing
def holds(bucket, limit, spans, lists):
    """1 where a limit is among a bucket's; nobody has any."""
    if bucket == NOBODY:
        return 0
    for at in range(spans[bucket, 0], spans[bucket, 0] + spans[bucket, 1]):
        if lists[at] == limit:
            return 1
    return 0


@borrowing
def passes(limit, net, long, short):
    """Whether what its accounts would gain takes them past the limit; what brings them nearer to it never does."""
    if limit.measure == NET:
        after = limit.net_lots + net
        return (net > 0 and after > limit.limit_lots) or (net < 0 and after < -limit.limit_lots)
    over_long = long > 0 and limit.long_lots + long > limit.limit_lots
    return over_long or (short > 0 and limit.short_lots + short > limit.limit_lots)


@borrowing
def limit_passed(trade, held, positions, open_limit, counts, spans, lists):
    """The row of the limit that a trade would pass, or -1: open interest first, then in the order of their rows.

    ``held`` names the rows of ``positions`` that its buyer and its seller hold before it. A side may be ``NOBODY``.
    """
    buyer_long, buyer_short = gained(positions[held[0]].lots, trade.lots)
    seller_long, seller_short = gained(positions[held[1]].lots, -trade.lots)
    if open_limit != 0 and passes(counts[open_limit - 1], 0, buyer_long + seller_long, buyer_short + seller_short):
        return np.int64(open_limit - 1)
    found = np.int64(len(counts))
    for side in range(2):
        own = trade.buyer if side == 0 else trade.seller
        if own == NOBODY:
            continue
        for at in range(spans[own, 0], spans[own, 0] + spans[own, 1]):
            limit = np.int64(lists[at])
            if counts[limit].contract != trade.contract or limit >= found:
                continue
            buys, sells = holds(trade.buyer, limit, spans, lists), holds(trade.seller, limit, spans, lists)
            long, short = buys * buyer_long + sells * seller_long, buys * buyer_short + sells * seller_short
            if passes(counts[limit], (buys - sells) * trade.lots, long, short):
                found = limit
    return found if found < len(counts) else np.int64(-1)


@borrowing
def count_leg(bucket, contract, before, lots, counts, spans, lists):
    """Add a leg to every limit of its bucket on the contract; ``before`` is what the position held."""
    long, short = gained(before, lots)
    if bucket == NOBODY:
        return
    for at in range(spans[bucket, 0], spans[bucket, 0] + spans[bucket, 1]):
        limit = lists[at]
        if counts[limit].contract == contract:
            counts[limit].net_lots += lots
            counts[limit].long_lots += long
            counts[limit].short_lots += short


@njit(cache=True)
def counted(limits, contracts):
    """A copy of the limits to count a batch on, open interest included."""
    counts = limits.copy()
    for at in range(len(counts)):
        if counts[at].everyone != 0:
            counts[at].long_lots = contracts[counts[at].contract].open_lots
            counts[at].short_lots = contracts[counts[at].contract].open_lots
    return counts


@borrowing
def count_trade(trade, held, positions, open_limit, counts, spans, lists):
    """Add both legs of a trade to the limits of a batch."""
    buyer_lots, seller_lots = positions[held[0]].lots, positions[held[1]].lots
    count_leg(trade.buyer, trade.contract, buyer_lots, trade.lots, counts, spans, lists)
    count_leg(trade.seller, trade.contract, seller_lots, -trade.lots, counts, spans, lists)
    if open_limit != 0:
        buyer_long, buyer_short = gained(buyer_lots, trade.lots)
        seller_long, seller_short = gained(seller_lots, -trade.lots)
        counts[open_limit - 1].long_lots += buyer_long + seller_long
        counts[open_limit - 1].short_lots += buyer_short + seller_short


@njit(cache=True)
def count_ahead(rows, reasons, tables):
    """The limits to count a batch on; none where no row that is judged is in a contract that has one."""
    for at in range(len(rows)):
        if reasons[at] == ACCEPTED and tables.contracts[rows[at].contract].limited != 0:
            return counted(tables.limits, tables.contracts)
    return tables.limits[:0].copy()


@borrowing
def check_limits(row, held, positions, contract, counts, spans, lists):
    """Whether a trade stays inside every limit that its sides share: its reason and the number of the limit."""
    limit = limit_passed(row, held, positions, contract.open_limit, counts, spans, lists)
    if limit < 0:
        return ACCEPTED, np.int64(0)
    open_interest = counts[limit].everyone != 0
    return OPEN_INTEREST_LIMIT_EXCEEDED if open_interest else GROUP_LIMIT_EXCEEDED, np.int64(counts[limit].number)


@njit(cache=True)
def recount_limits(count, tables, limits):
    """Count into ``limits`` afresh what the holders of every limited contract hold."""
    for at in range(len(limits)):
        limits[at].net_lots = limits[at].long_lots = limits[at].short_lots = 0
    for contract in range(count):
        of = tables.contracts[contract]
        if of.limited == 0:
            continue
        for at in range(of.holders_start, of.holders_start + of.holders_count):
            bucket = tables.holders[at]
            where, found = find(bucket, contract, tables.buckets, tables.positions)
            if found:
                lots = tables.positions[where].lots
                count_leg(bucket, contract, np.int64(0), lots, limits, tables.limit_spans, tables.limit_lists)

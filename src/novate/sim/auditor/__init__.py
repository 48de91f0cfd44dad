"""An independent, naive clearing house that must agree with the real one.

It shares the vocabulary (terms, commands, facts, their row layouts and the reasons for a no) and not one line of
arithmetic. Money is in dicts, divisions are fractions, and every rounding that the house names is written down a second
time in ``rounding``; whatever has no named rounding is exact. Slow, and meant to be read.

    auditor      takes a command and the answer; compares facts and houses
    house        one dict per noun
    bucket       what has money and positions, alone or in a pool
    rounding     the named roundings
    worth        one lot, one bucket: equity and requirements
    exactness    how far roundings may carry a bucket from the unrounded payoff, proved after every step
    admission, governance, cash, trades, prices      commands
    deposits, withdrawals, transfers     and money that moves in steps
    orders, isolation                    and of orders that rest, and one contract of an account alone
    omnibus                              accounts that share one purse
    scenarios, sheets                    what a risk sheet asks; who is margined by which
    record, afterwards, give_ups         the trades of the cycle, and what becomes of them
    levels, reliefs                      the levels of equity, and what changes of rules may not do at them
    limits                               what the operator allows
    moves, sides                         positions and clients that change accounts
    purse, overdrafts                    who pays, and what is lent
    conversions                          what is sold for what is owed
    waterfall, reversals                 who pays for whom
    trouble, slices, cycle, estates, following   what follows
    picture      a house as plain dicts
"""

from novate.sim.auditor.auditor import Auditor
from novate.sim.auditor.house import Disagreement
from novate.sim.auditor.picture import Picture

__all__ = ["Auditor", "Disagreement", "Picture"]

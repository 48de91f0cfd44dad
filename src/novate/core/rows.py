"""Fixed row layouts: how the rows of commands and facts are packed.

A command or fact carries its rows as bytes of one of these: a batch costs one copy, and kernels read it in place.
"""

from typing import Final

import numpy as np

# ---- rows of commands -----------------------------------------------------------------------------------------------


TRADE: Final = np.dtype(
    [
        ("number", "<i8"),
        ("lots", "<i8"),
        ("price_ticks", "<i8"),
        ("contract", "<i4"),
        ("buyer", "<i4"),
        ("seller", "<i4"),
        ("filled", "<i4"),
    ],
    align=True,
)
"""One trade: the buyer's lots are positive. ``number`` is the source's own, strictly increasing.

``filled`` says whose resting orders it fills: 1 the buyer's, 2 the seller's, 3 both, 0 nobody's.
"""

FILLS_BUYER, FILLS_SELLER = 1, 2

ORDER: Final = np.dtype(
    [
        ("number", "<i8"),
        ("lots", "<i8"),
        ("contract", "<i4"),
        ("account", "<i4"),
        ("side", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""One change of an account's resting orders in a contract: ``lots`` more (positive) or fewer (negative) on a side."""

BUY, SELL = 0, 1

MARK: Final = np.dtype([("price_ticks", "<i8"), ("contract", "<i4"), ("missing", "<i4")], align=True)
"""One mark of a contract or index; ``missing`` = 1 says that the source has no price (which halts the contract)."""

FUNDING: Final = np.dtype([("rate_e12", "<i8"), ("contract", "<i4"), ("pad", "<i4")], align=True)
"""One funding rate of a perpetual, 10^-12 of the mark's value: positive means that longs pay shorts."""

CASH: Final = np.dtype(
    [("number", "<i8"), ("amount_minor", "<i8"), ("account", "<i4"), ("asset", "<i4")],
    align=True,
)
"""One deposit or withdrawal of a positive amount."""

TRANSFER: Final = np.dtype(
    [
        ("number", "<i8"),
        ("amount_minor", "<i8"),
        ("payer", "<i4"),
        ("payee", "<i4"),
        ("asset", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""One transfer of a positive amount of collateral between two accounts."""

# ---- rows of facts --------------------------------------------------------------------------------------------------


NOVATED: Final = np.dtype(
    [
        ("lots", "<i8"),
        ("value_fine", "<i8"),
        ("buyer_fee_fine", "<i8"),
        ("seller_fee_fine", "<i8"),
        ("contract", "<i4"),
        ("buyer", "<i4"),
        ("seller", "<i4"),
        ("row", "<i4"),
    ],
    align=True,
)
"""One novated trade between two buckets: the buyer's cost rises by ``lots x value_fine``, the seller's falls by it."""

RESERVED: Final = np.dtype([("bids", "<i8"), ("asks", "<i8"), ("contract", "<i4"), ("bucket", "<i4")], align=True)
"""One change of a bucket's open orders in a contract: lots that it may buy, lots that it may sell."""

NEITHER, BUYER, SELLER = range(3)
"""Which side of a trade a refusal is about; neither is also what all rows but trades have."""

REFUSED: Final = np.dtype([("figure", "<i8"), ("row", "<i4"), ("reason", "<i2"), ("side", "<i2")], align=True)
"""One refused row: its ``Reason``, the figure that goes with it (a shortfall in numeraire fine units, a limit) and the
side of a trade that failed."""

MARKED: Final = np.dtype(
    [
        ("price_ticks", "<i8"),
        ("value_fine", "<i8"),
        ("reference_fine", "<i8"),
        ("otm_fine", "<i8"),
        ("contract", "<i4"),
        ("fresh", "<i4"),
    ],
    align=True,
)
"""One mark: value per lot, reference value per lot for margin, out-of-the-money amount per lot of an option.

``fresh`` is 0 for an option that is marked again at its own last price because its underlying moved."""

FUNDED: Final = np.dtype(
    [
        ("index_whole_fine", "<i8"),
        ("index_rest_e12", "<i8"),
        ("index_fine", "<i8"),
        ("value_fine", "<i8"),
        ("contract", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""One funding step: the contract's new index per lot (whole, 10^-12 rest, rounded) and value."""

POSTED: Final = np.dtype([("amount_minor", "<i8"), ("account", "<i4"), ("asset", "<i4")], align=True)
"""One change of a balance by an amount from or to the outside; positive is paid in."""

SETTLED: Final = np.dtype([("flow_minor", "<i8"), ("carry_fine", "<i8"), ("bucket", "<i4"), ("pad", "<i4")], align=True)
"""One bucket's cash flow in a settlement (positive is received) and the carry that it keeps."""

CLAIMED: Final = np.dtype([("amount_minor", "<i8"), ("loser", "<i4"), ("winner", "<i4")], align=True)
"""What one winner went without for one loser."""

LEG: Final = np.dtype(
    [("lots", "<i8"), ("cost_fine", "<i8"), ("contract", "<i4"), ("giver", "<i4")],
    align=True,
)
"""Lots and cost that leave a bucket."""

MOVED: Final = np.dtype(
    [("amount_minor", "<i8"), ("payer", "<i4"), ("payee", "<i4"), ("asset", "<i4"), ("pad", "<i4")],
    align=True,
)
"""One positive amount that moved from one account to another."""

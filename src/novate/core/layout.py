"""The columns of the book: one fixed row layout per noun.

Each array is a table with one row per asset, contract, bucket, balance, position or tier. Kernels and their slow
twins read the same rows; no column is unsigned.
"""

from typing import Final

import numpy as np

ASSET: Final = np.dtype(
    [
        ("unit_fine", "<i8"),
        ("price_fine", "<i8"),
        ("marked_at_ns", "<i8"),
        ("stale_after_ns", "<i8"),
        ("credit_mantissa", "<i8"),
        ("credit_scale", "<i8"),
        ("debit_mantissa", "<i8"),
        ("debit_scale", "<i8"),
        ("price_mantissa", "<i8"),
        ("price_scale", "<i8"),
        ("balance_total_minor", "<i8"),
        ("carry_total_fine", "<i8"),
        ("count_max_fine", "<i8"),
        ("eligible", "<i4"),
        ("live", "<i4"),
        ("numeraire", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""Conversion into the numeraire, and running totals of all balances and carries for the laws.

A bucket's worth in the asset counts towards margin up to ``count_max_fine``, which is beyond any worth where no cap is.
"""

CONTRACT: Final = np.dtype(
    [
        ("value_fine", "<i8"),  # the first cache line holds what judging a position reads
        ("reference_fine", "<i8"),
        ("otm_fine", "<i8"),
        ("largest_value_fine", "<i8"),
        ("asset", "<i4"),
        ("option", "<i4"),
        ("state", "<i4"),
        ("tier_start", "<i4"),
        ("tier_count", "<i4"),
        ("inverse", "<i4"),
        ("price_ticks", "<i8"),
        ("factor_fine", "<i8"),
        ("index_fine", "<i8"),
        ("price_min_ticks", "<i8"),
        ("price_max_ticks", "<i8"),
        ("position_limit_lots", "<i8"),
        ("fee_ppm", "<i8"),
        ("net_lots", "<i8"),
        ("net_cost_fine", "<i8"),
        ("open_lots", "<i8"),
        ("traded_lots", "<i8"),
        ("index_whole_fine", "<i8"),
        ("index_rest_e12", "<i8"),
        ("strike_ticks", "<i8"),
        ("underlying_factor_fine", "<i8"),
        ("marked_at_ns", "<i8"),
        ("stale_after_ns", "<i8"),
        ("holders_start", "<i8"),
        ("holders_count", "<i4"),
        ("holders_capacity", "<i4"),
        ("underlying", "<i4"),
        ("tradable", "<i4"),
        ("reference_least_fine", "<i8"),
        ("floor_value_fine", "<i8"),
        ("cap_value_fine", "<i8"),
        ("style", "<i4"),
        ("band_ppm", "<i4"),
        ("halted", "<i4"),
        ("limited", "<i4"),
        ("open_limit", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""Prices and values of one lot now, limits, and running totals. ``option`` is 1 for a call, 2 for a put.

``state`` is about the price, ``halted`` is 1 while the operator has stopped trading. ``limited`` is 1 where a row of
``LIMIT`` is about the contract, ``open_limit`` the row of its open interest limit plus 1, or 0. ``band_ppm`` is 0 where
trades may have any price. ``reference_least_fine`` bounds the reference value from below where prices may be zero or
negative; the values of one lot at the floor and at the cap are those of a capped contract (and 0 of an option).
"""

TIERED, PREMIUM, FUTURES_STYLE, CAPPED, COLLATERALISED = range(5)
"""How a contract is margined: by variation and tiers; an option paid up front; an option paid by variation; by tiers
up to the worst loss; by putting the worst loss up."""

UNMARKED, LIVE, HALTED, EXPIRED = range(4)
"""States of a contract: never marked, usable, without a price that can be trusted, over."""

BUCKET: Final = np.dtype(
    [
        ("start", "<i8"),
        ("count", "<i4"),
        ("capacity", "<i4"),
        ("member", "<i4"),
        ("access", "<i2"),
        ("portfolio", "<i2"),
        ("next", "<i4"),
        ("contract", "<i4"),
    ],
    align=True,
)
"""Where a bucket's positions stand (sorted by contract), what it may do, what is behind it, and whose money it has.

An account's isolated buckets form a chain that begins at its own row: ``next`` is -1 at its end. ``contract`` is the
contract whose trades go to this bucket: ``CROSS`` (all that are not isolated), ``REJOINED`` (none, for now) or
``POOLED`` (none, ever: they go to sub-accounts) where it is negative. ``portfolio`` is 1 where the risk sheet margins
it.

A sub-account of a gross omnibus account has positions and orders of its own and no money: its *purse*, which pays for
it and with which it is judged, is the omnibus account, and it is in that one's chain. Its ``contract`` says whose:
``SUB`` less the index of its purse. Any other bucket is its own purse.
"""

CROSS, REJOINED, POOLED, SUB = -1, -2, -3, -4

OPEN, REDUCE_ONLY, LIQUIDATING, HOUSE_ONLY, RESTRICTED = range(5)
"""What a bucket may do: trade; only reduce (its member is in default); nothing; only what the house does itself; only
reduce (its equity fell through the reduce-only level)."""

BALANCE: Final = np.dtype(
    [
        ("balance_minor", "<i8"),
        ("carry_fine", "<i8"),
        ("premium_fine", "<i8"),
        ("exposure_fine", "<i8"),
    ],
    align=True,
)
"""A bucket's money in one asset: settled, unsettled fees and finals, cost of premium contracts, overflow bound."""

POSITION: Final = np.dtype([("lots", "<i8"), ("cost_fine", "<i8"), ("contract", "<i4"), ("orders", "<i4")], align=True)
"""A position: long is positive; result = lots x value - cost. Zero lots with a cost is a result not yet settled.

``orders`` is the row of its open orders in the table of them, 0 where it never had any.
"""

OPEN_ORDERS: Final = np.dtype([("bids", "<i8"), ("asks", "<i8")], align=True)
"""Lots that a bucket's resting orders in a contract may still buy and sell. Row 0 belongs to nobody."""

KEPT: Final = np.dtype(
    [
        ("number", "<i8"),
        ("lots", "<i8"),
        ("value_fine", "<i8"),
        ("buyer_fee_fine", "<i8"),
        ("seller_fee_fine", "<i8"),
        ("index_fine", "<i8"),
        ("contract", "<i4"),
        ("buyer", "<i4"),
        ("seller", "<i4"),
        ("source", "<i4"),
        ("busted", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""One trade of the open cycle, or a part of one that was given up: as novated, with the funding index of its value."""

LOT: Final = np.dtype(
    [
        ("value_fine", "<i8"),
        ("initial_whole_fine", "<i8"),
        ("maintenance_whole_fine", "<i8"),
        ("bracket_lots", "<i8"),
        ("initial_rest_ppm", "<i4"),
        ("maintenance_rest_ppm", "<i4"),
        ("asset", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""What one lot of a contract is worth and asks for, as long as a position stays inside the first bracket.

A cache of what contracts and tiers say, never state: requirement = lots x whole + ceil(lots x rest / 10^6), exactly the
charge of the first bracket. ``bracket_lots`` is -1 where the long way must be taken whatever the size: options,
capped contracts, contracts without a live price.
"""

LIMIT: Final = np.dtype(
    [
        ("limit_lots", "<i8"),
        ("net_lots", "<i8"),
        ("long_lots", "<i8"),
        ("short_lots", "<i8"),
        ("contract", "<i4"),
        ("measure", "<i4"),
        ("number", "<i4"),
        ("everyone", "<i4"),
    ],
    align=True,
)
"""A limit on what a group of accounts holds together in one contract, and what it holds now.

A cache of what registers and positions say, never state. ``measure`` is ``NET`` (the size of the sum of all lots) or
``GROSS`` (the long lots and the short lots, each). ``everyone`` is 1 for an open interest limit, whose lots are the
contract's ``open_lots`` and are not counted here.
"""

NET, GROSS = range(2)
"""What a limit measures."""

TIER: Final = np.dtype(
    [
        ("floor_fine", "<i8"),
        ("initial_base_fine", "<i8"),
        ("initial_ppm", "<i8"),
        ("maintenance_base_fine", "<i8"),
        ("maintenance_ppm", "<i8"),
        ("initial_least_base_fine", "<i8"),
        ("initial_least_ppm", "<i8"),
        ("maintenance_least_base_fine", "<i8"),
        ("maintenance_least_ppm", "<i8"),
    ],
    align=True,
)
"""A bracket with the requirement accumulated below its floor, so that requirements are continuous."""

SUBTOTAL: Final = np.dtype(
    [
        ("variation_fine", "<i8"),
        ("option_fine", "<i8"),
        ("initial_fine", "<i8"),
        ("maintenance_fine", "<i8"),
        ("resting_premium_fine", "<i8"),
        ("resting_cover_fine", "<i8"),
    ],
    align=True,
)
"""A bucket's positions in one asset, summed: unsettled variation, option values as credited, requirements, and what its
resting orders set aside at the marks: the premium of bids for options, the cover of bets."""

JUDGED: Final = np.dtype(
    [
        ("equity_fine", "<i8"),
        ("settled_fine", "<i8"),
        ("initial_fine", "<i8"),
        ("maintenance_fine", "<i8"),
        ("priced", "<i8"),
    ],
    align=True,
)
"""A bucket judged in the numeraire. ``priced`` is 0 where something it holds has no live price."""

# ---- the risk sheet -------------------------------------------------------------------------------------------------

SHEET_ROW: Final = np.dtype(
    [
        ("largest_units", "<i8"),
        ("lot_minor", "<i8"),
        ("lots_max", "<i8"),
        ("netting_set", "<i4"),
        ("add_on_start", "<i4"),
        ("add_on_count", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""A row of the sheet: the largest size of its results (at least 1), and for collateral its lot and most lots."""

SHEET_BLOCK: Final = np.dtype(
    [
        ("weight_ppm", "<i8"),
        ("tail_numerator", "<i8"),
        ("tail_denominator", "<i8"),
        ("first", "<i4"),
        ("count", "<i4"),
        ("rank", "<i4"),
        ("measure", "<i4"),
        ("floor", "<i4"),
        ("pad", "<i4"),
    ],
    align=True,
)
"""A block of scenarios; ``floor`` is 1 where it is a floor and not added."""

WORST, KTH_WORST, EXPECTED_SHORTFALL = range(3)
"""Measures of a block."""

ADD_ON: Final = np.dtype([("floor_lots", "<i8"), ("base_units", "<i8"), ("rate_ppm", "<i8")], align=True)
"""A piece of an add-on with what is accumulated below its floor."""

SHEET: Final = np.dtype(
    [
        ("unit_fine", "<i8"),
        ("collateral_bound", "<i8"),
        ("offset_ppm", "<i8"),
        ("maintenance_ppm", "<i8"),
        ("netting_sets", "<i8"),
    ],
    align=True,
)
"""The sheet's scalars. ``collateral_bound`` is the most that collateral can take of the bound below."""

SHEET_HELD: Final = np.dtype(
    [("lots", "<i8"), ("bids", "<i8"), ("asks", "<i8"), ("contract", "<i4"), ("pad", "<i4")], align=True
)
"""What a bucket holds of a contract and has resting in it, as a sheet looks at it."""

CASE: Final = np.dtype([("start", "<i4"), ("ranges", "<i4"), ("end", "<i4")], align=True)
"""Where a case has its entries: those of so many lots, and from ``ranges`` on those of what orders may make of them."""

ANSWER: Final = np.dtype(
    [("start", "<i8"), ("count", "<i8"), ("initial_fine", "<i8"), ("maintenance_fine", "<i8")], align=True
)
"""What a portfolio bucket was asked for when its rows of positions stood there."""

ASKED_FOR: Final = np.dtype(
    [("lots", "<i8"), ("bids", "<i8"), ("asks", "<i8"), ("contract", "<i4"), ("bucket", "<i4")], align=True
)
"""The position and the orders that a bucket was asked for, in the same place as the position itself."""

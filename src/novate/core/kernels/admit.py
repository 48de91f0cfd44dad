"""What a trade must pass before anybody's margin is looked at."""

import numpy as np
from numba import njit

from novate.core.kernels.limits import nearest_in_band
from novate.core.kernels.search import bucket_of
from novate.core.layout import CROSS, EXPIRED, HOUSE_ONLY, LIQUIDATING, LIVE
from novate.core.reasons import Reason
from novate.core.rows import FILLS_BUYER, FILLS_SELLER

ACCEPTED = int(Reason.ACCEPTED)
DUPLICATE_OR_LATE = int(Reason.DUPLICATE_OR_LATE)
CONTRACT_UNKNOWN = int(Reason.CONTRACT_UNKNOWN)
ACCOUNT_UNKNOWN = int(Reason.ACCOUNT_UNKNOWN)
MARGIN_CLASS_UNKNOWN = int(Reason.MARGIN_CLASS_UNKNOWN)
ACCOUNTS_MUST_DIFFER = int(Reason.ACCOUNTS_MUST_DIFFER)
ACCOUNT_NOT_TRADABLE = int(Reason.ACCOUNT_NOT_TRADABLE)
CONTRACT_NOT_TRADABLE = int(Reason.CONTRACT_NOT_TRADABLE)
QUANTITY_MUST_BE_POSITIVE = int(Reason.QUANTITY_MUST_BE_POSITIVE)
PRICE_OUT_OF_LIMITS = int(Reason.PRICE_OUT_OF_LIMITS)
PRICE_MISSING = int(Reason.PRICE_MISSING)
CONTRACT_EXPIRED = int(Reason.CONTRACT_EXPIRED)
ACCOUNT_IN_LIQUIDATION = int(Reason.ACCOUNT_IN_LIQUIDATION)
POSITION_LIMIT_EXCEEDED = int(Reason.POSITION_LIMIT_EXCEEDED)
PRICE_OUTSIDE_BAND = int(Reason.PRICE_OUTSIDE_BAND)
CONTRACT_HALTED = int(Reason.CONTRACT_HALTED)
MALFORMED = int(Reason.MALFORMED)


@njit(cache=True, inline="always")
def may_name(account, buckets):
    """Whether a trade may name an account: one of a member or client, and not an isolated bucket of it."""
    own = buckets[account]
    return own.access != HOUSE_ONLY and own.contract == CROSS


@njit(cache=True, inline="always")
def is_promised(filled, guaranteed, contract):
    """Whether what is filled was promised when it was margined; a premium, which must be covered, never is."""
    return guaranteed and filled != 0 and contract.option == 0


@njit(cache=True)
def check_row(row, mark, n_contracts, n_accounts, guaranteed, contracts, buckets):
    """Everything about a trade that does not need margin: its reason by precedence and the figure that goes with it.

    A trade that fills guaranteed orders keeps to no price band: its price was agreed when the order was margined.
    """
    if row.number <= mark:
        return DUPLICATE_OR_LATE, mark
    if row.contract < 0 or row.contract >= n_contracts:
        return CONTRACT_UNKNOWN, np.int64(row.contract)
    if row.buyer < 0 or row.buyer >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.buyer)
    if row.seller < 0 or row.seller >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.seller)
    contract = contracts[row.contract]
    if contract.tier_count == 0 and contract.tradable != 0:
        return MARGIN_CLASS_UNKNOWN, np.int64(row.contract)
    if row.buyer == row.seller:
        return ACCOUNTS_MUST_DIFFER, np.int64(row.buyer)
    if not may_name(row.buyer, buckets):
        return ACCOUNT_NOT_TRADABLE, np.int64(row.buyer)
    if not may_name(row.seller, buckets):
        return ACCOUNT_NOT_TRADABLE, np.int64(row.seller)
    if contract.tradable == 0:
        return CONTRACT_NOT_TRADABLE, np.int64(row.contract)
    if row.lots <= 0:
        return QUANTITY_MUST_BE_POSITIVE, row.lots
    if row.price_ticks < contract.price_min_ticks or row.price_ticks > contract.price_max_ticks:
        return PRICE_OUT_OF_LIMITS, row.price_ticks
    if contract.state == EXPIRED:
        return CONTRACT_EXPIRED, np.int64(row.contract)
    if contract.halted != 0:
        return CONTRACT_HALTED, np.int64(row.contract)
    if contract.state != LIVE:
        return PRICE_MISSING, np.int64(row.contract)
    if contract.band_ppm != 0 and not is_promised(row.filled, guaranteed, contract):
        nearest = nearest_in_band(row.price_ticks, contract)
        if nearest != row.price_ticks:
            return PRICE_OUTSIDE_BAND, nearest
    if buckets[bucket_of(row.buyer, row.contract, buckets)].access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.buyer)
    if buckets[bucket_of(row.seller, row.contract, buckets)].access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.seller)
    if row.lots > contract.position_limit_lots:
        return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots
    if row.filled < 0 or row.filled > FILLS_BUYER + FILLS_SELLER:
        return MALFORMED, np.int64(row.filled)
    return ACCEPTED, np.int64(0)

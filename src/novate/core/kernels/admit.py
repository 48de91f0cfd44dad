"""What a trade must pass before anybody's margin is looked at."""

import numpy as np

from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.kernels.limits import nearest_in_band
from novate.core.kernels.search import bucket_of
from novate.core.layout import COLLATERALISED, CROSS, EXPIRED, HOUSE_ONLY, LIQUIDATING, LIVE, PREMIUM, SUB
from novate.core.reasons import Reason
from novate.core.rows import BUYER, FILLS_BUYER, FILLS_SELLER, NEITHER, SELLER

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


@inlined
def may_name(account, buckets):
    """Whether a trade may name an account: one of a member or client, or a sub-account; no isolated bucket, no pool."""
    own = buckets[account]
    return own.access != HOUSE_ONLY and (own.contract == CROSS or own.contract <= SUB)


@inlined
def access_of(account, contract, buckets):
    """What the bucket that an account's trades in a contract go to may do; nothing where a trade may not name it."""
    if not may_name(account, buckets):
        return np.int32(HOUSE_ONLY)
    return buckets[bucket_of(account, contract, buckets)].access


@inlined
def is_promised(filled, guaranteed, contract):
    """Whether what is filled was promised when it was margined; a premium or a worst loss, which must be covered, never
    is."""
    return guaranteed and filled != 0 and contract.style != PREMIUM and contract.style != COLLATERALISED


@borrowing
def untraded(contract):
    """Why a contract takes no new trades and orders: it is over, the operator has halted it, or it has no price."""
    if contract.state == EXPIRED:
        return CONTRACT_EXPIRED
    return CONTRACT_HALTED if contract.halted != 0 else PRICE_MISSING


@borrowing
def check_row(row, mark, n_contracts, n_accounts, guaranteed, contracts, buckets):
    """Everything about a trade that does not need margin: ``(reason, figure, side)``, the first that fails."""
    if row.number <= mark:
        return DUPLICATE_OR_LATE, mark, NEITHER
    if row.contract < 0 or row.contract >= n_contracts:
        return CONTRACT_UNKNOWN, np.int64(row.contract), NEITHER
    if row.buyer < 0 or row.buyer >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.buyer), BUYER
    if row.seller < 0 or row.seller >= n_accounts:
        return ACCOUNT_UNKNOWN, np.int64(row.seller), SELLER
    buyer_access = access_of(row.buyer, row.contract, buckets)
    seller_access = access_of(row.seller, row.contract, buckets)
    return check_terms(row, contracts[row.contract], guaranteed, buyer_access, seller_access)


@borrowing
def check_terms(row, contract, guaranteed, buyer_access, seller_access):
    """What the contract's terms and the accesses of two known accounts say of a trade: ``(reason, figure, side)``.

    A trade that fills guaranteed orders keeps to no price band: its price was agreed when the order was margined.
    """
    if contract.tier_count == 0 and contract.tradable != 0 and contract.style != COLLATERALISED:
        return MARGIN_CLASS_UNKNOWN, np.int64(row.contract), NEITHER
    if row.buyer == row.seller:
        return ACCOUNTS_MUST_DIFFER, np.int64(row.buyer), NEITHER
    if buyer_access == HOUSE_ONLY:
        return ACCOUNT_NOT_TRADABLE, np.int64(row.buyer), BUYER
    if seller_access == HOUSE_ONLY:
        return ACCOUNT_NOT_TRADABLE, np.int64(row.seller), SELLER
    if contract.tradable == 0:
        return CONTRACT_NOT_TRADABLE, np.int64(row.contract), NEITHER
    if row.lots <= 0:
        return QUANTITY_MUST_BE_POSITIVE, row.lots, NEITHER
    if row.price_ticks < contract.price_min_ticks or row.price_ticks > contract.price_max_ticks:
        return PRICE_OUT_OF_LIMITS, row.price_ticks, NEITHER
    if contract.state != LIVE or contract.halted != 0:
        return untraded(contract), np.int64(row.contract), NEITHER
    if contract.band_ppm != 0 and not is_promised(row.filled, guaranteed, contract):
        nearest = nearest_in_band(row.price_ticks, contract)
        if nearest != row.price_ticks:
            return PRICE_OUTSIDE_BAND, nearest, NEITHER
    if buyer_access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.buyer), BUYER
    if seller_access == LIQUIDATING:
        return ACCOUNT_IN_LIQUIDATION, np.int64(row.seller), SELLER
    if row.lots > contract.position_limit_lots:
        return POSITION_LIMIT_EXCEEDED, contract.position_limit_lots, NEITHER
    if row.filled < 0 or row.filled > FILLS_BUYER + FILLS_SELLER:
        return MALFORMED, np.int64(row.filled), NEITHER
    return ACCEPTED, np.int64(0), NEITHER

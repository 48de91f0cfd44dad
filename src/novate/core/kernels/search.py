"""Which bucket of an account a contract is in, and where it stands among the sorted rows of a bucket."""

import numpy as np
from numba import njit

from novate.core.kernels.borrowing import borrowing


@njit(cache=True, inline="always")
def bucket_of(account, contract, buckets):
    """The bucket that an account's trades in a contract go to: its isolated one where there is one."""
    at = np.int64(account)
    if buckets[at].next >= 0 and buckets[at].purse != at:
        return at  # a sub-account: what is behind it in the chain are others of its pool
    while buckets[at].next >= 0:
        at = np.int64(buckets[at].next)
        if buckets[at].contract == contract:
            return at
    return np.int64(account)


@borrowing
def find(bucket, contract, buckets, positions):
    """``(row, found)``: where the contract stands or belongs in the bucket's sorted rows."""
    own = buckets[np.uint64(bucket)]
    low, end = np.uint64(own.start), np.uint64(own.start + own.count)
    high = end
    while low < high:
        middle = (low + high) >> np.uint64(1)
        if positions[middle].contract < contract:
            low = middle + np.uint64(1)
        else:
            high = middle
    return np.int64(low), low < end and positions[low].contract == contract

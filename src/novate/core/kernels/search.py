"""Which bucket of an account a contract is in, whose money pays for it, and where it stands among a bucket's rows."""

import numpy as np

from novate.core.kernels.borrowing import borrowing, inlined
from novate.core.layout import CROSS, SUB


@inlined
def purse_of(bucket, buckets):
    """The bucket whose money pays for a bucket, and with which it is judged: itself but for a sub-account."""
    tag = buckets[np.uint64(bucket)].contract
    return np.int64(bucket) if tag > SUB else np.int64(SUB - tag)


@inlined
def bucket_of(account, contract, buckets):
    """The bucket that an account's trades in a contract go to: its isolated one where there is one."""
    at = np.int64(account)
    if buckets[at].next >= 0 and buckets[at].contract != CROSS:
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

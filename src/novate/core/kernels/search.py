"""Where a contract stands among the sorted rows of a bucket."""

import numpy as np
from numba import njit


@njit(cache=True)
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

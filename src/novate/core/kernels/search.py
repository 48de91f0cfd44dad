"""Where a contract stands among the sorted rows of a bucket."""

from numba import njit


@njit(cache=True)
def find(bucket, contract, buckets, positions):
    """``(row, found)``: where the contract stands or belongs in the bucket's sorted rows."""
    low = buckets[bucket].start
    high = low + buckets[bucket].count
    end = high
    while low < high:
        middle = (low + high) // 2
        if positions[middle].contract < contract:
            low = middle + 1
        else:
            high = middle
    return low, low < end and positions[low].contract == contract

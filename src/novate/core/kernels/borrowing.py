"""How kernels are compiled that only kernels call: loops that own nothing, what is copied into them, what makes arrays.

What Python calls is plain ``njit(cache=True)``.
"""

import numpy as np
from numba import njit

borrowing = njit(cache=True, _nrt=False, forceinline=False, no_cfunc_wrapper=True)
"""``njit`` without counting references to arrays, which the caller holds for as long as the call lasts.

Counting is an atomic write wherever a name comes to stand for an array, and the compiler does not remove it where
branches return early: it cost a third of the time of deciding trades. What makes an array does not compile in such a
function; handing one back, or a part of one, must not be written.
"""

inlined = njit(_nrt=False, forceinline=True, no_cfunc_wrapper=True)
"""The same for a small function that becomes part of its callers: compiled once and copied by the machine's compiler.

numba's own ``inline="always"`` copies it before types are known, so that every caller pays for it again: three times
the compilation for the same loops. It is compiled with them, so it needs no place in the cache.
"""

owning = njit(cache=True, _nrt=True, forceinline=False, no_cfunc_wrapper=True)
"""``njit`` with its references counted, said aloud: a function compiled for a call from a loop that owns nothing would
otherwise be compiled as the loop is, and what makes arrays, or reads a reference to tables, could not be."""

FIRST, SECOND = np.int64(0), np.int64(1)
ADDED, TAKEN_OFF = np.int64(1), np.int64(-1)
NOTHING, NO = np.int64(0), np.bool_(False)
"""Arguments that do not change, as plain numbers: a function is compiled anew for every literal that it is given."""

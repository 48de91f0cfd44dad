"""How loops are compiled that own nothing: no array is made in them and none handed back."""

from numba import njit

borrowing = njit(cache=True, _nrt=False)
"""``njit`` without counting references to arrays, which the caller holds for as long as the call lasts.

Counting is an atomic write wherever a name comes to stand for an array, and the compiler does not remove it where
branches return early: it cost a third of the time of deciding trades. What makes an array does not compile in such a
function; handing one back, or a part of one, must not be written.
"""

owning = njit(cache=True, _nrt=True)
"""``njit`` with its references counted, said aloud: a function compiled for a call from a loop that owns nothing would
otherwise be compiled as the loop is, and what makes arrays, or reads a reference to tables, could not be."""

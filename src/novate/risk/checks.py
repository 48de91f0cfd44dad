"""Input of pricers that cannot be priced: an error that names the contract, the value and the cure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from novate.risk.errors import RiskError

Floats = NDArray[np.float64]


def require(good: ArrayLike, what: str, values: ArrayLike, cure: str, names: Sequence[str] | None = None) -> None:
    """Raise ``RiskError`` for the first place at which something does not hold.

    Parameters
    ----------
    good : array_like of bool
        Whether it holds; its first axis is that of the contracts, a second one that of scenarios.
    what : str
        What the values are: "forward".
    values : array_like
        The values, of a shape that broadcasts to that of ``good``.
    cure : str
        What was expected, and what to do.
    names : sequence of str, optional
        The names of the contracts; without them the place is given by its number.
    """
    flags = np.asarray(good)
    if flags.all():
        return
    at = tuple(int(index) for index in np.argwhere(~flags)[0])
    value = np.broadcast_to(np.asarray(values), flags.shape)[at]
    raise RiskError(f"{place(at, names)}{what}: got {value}: {cure}")


def place(at: tuple[int, ...], names: Sequence[str] | None) -> str:
    """Where something is, in words: by the contract's name where it has one."""
    if not at:
        return f"{names[0]}: " if names else ""
    first = names[at[0]] if names else f"[{', '.join(map(str, at))}]"
    return f"{first}, scenario {at[1]}: " if names and len(at) > 1 else f"{first}: "

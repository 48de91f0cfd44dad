"""novate: an open clearing house for derivatives.

    from novate import ClearingHouse

    with ClearingHouse() as house:
        house.add_asset("USD", 2, 8)
        …

Importing this package loads nothing heavy: the compiled core comes with the first use of ``ClearingHouse``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from novate import kernel_cache

if TYPE_CHECKING:
    from novate.core.reasons import Reason
    from novate.house import ClearingHouse, Outcome, Recorded
    from novate.tape.refusal import Refusal, Refused

__version__: Final = "0.1.0"

kernel_cache.use()

__all__ = ["ClearingHouse", "Outcome", "Reason", "Recorded", "Refusal", "Refused", "__version__"]

_HOMES: Final = {
    "ClearingHouse": "novate.house",
    "Outcome": "novate.house",
    "Reason": "novate.core.reasons",
    "Recorded": "novate.house",
    "Refusal": "novate.tape.refusal",
    "Refused": "novate.tape.refusal",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'novate' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""Bugs planted in the core that only changes of rules show."""

from typing import Any

from novate.core import admission, consequences, governance, relief
from novate.core.facts import Fact
from novate.core.supervision import MaintenanceRelieved
from tests.sim.finding import Bug

honest_given, honest_force = relief.given_back, governance.take_force


def without_haircuts(*of: Any) -> Any:
    """What a haircut took stays taken; only what maintenance rose by comes back."""
    given = honest_given(*of)
    return given and MaintenanceRelieved(given.bucket, 0, given.uncounted_fine, given.kept_fine, given.asked_fine)


def all_of_maintenance(*of: Any) -> Any:
    """Of maintenance nothing counts any more: who is relieved is liquidated when it has nothing."""
    given = honest_given(*of)
    return given and MaintenanceRelieved(given.bucket, given.credit_fine, given.uncounted_fine, 0, given.asked_fine)


def afresh(book: Any, bucket: int, *of: Any) -> Any:
    """A second change forgets what the first one took."""
    kept, book.registers.relieved = book.registers.relieved, {}
    try:
        return honest_given(book, bucket, *of)
    finally:
        book.registers.relieved = kept


def of_the_rules_alone(book: Any) -> list[Fact]:
    """Rules that were to come relieve nobody."""
    return honest_force(book)[:1]


def an_amount(relief: Any, *_: int) -> int:
    """A relief stays as large as it was, whatever is left of the position."""
    return relief.credit_fine + relief.asked_fine - relief.kept_fine if relief else 0


def a_credit_for_good(relief: Any, _: int) -> int:
    """What a haircut took is added whole, whatever became of the collateral."""
    return relief.credit_fine


BUGS: dict[str, Bug] = {
    "rules that liquidate": (admission, "reliefs", lambda *_: []),
    "rules to come that liquidate": (governance, "take_force", of_the_rules_alone),
    "a haircut that is not given back": (relief, "given_back", without_haircuts),
    "a relief of all maintenance": (relief, "given_back", all_of_maintenance),
    "a change of rules that forgets the one before": (relief, "given_back", afresh),
    "a relief that never ends": (consequences, "reliefs_over", lambda *_: []),
    "a relief that is not looked at": (relief, "relief_of", lambda *_: 0),
    "a relief that does not shrink": (relief, "relief_of", an_amount),
    "a relief that collateral does not shrink": (relief, "credit_of", a_credit_for_good),
    "a relief that trades do not end": (relief, "SIDES", {kind: (row, ()) for kind, (row, _) in relief.SIDES.items()}),
}

"""Gross omnibus accounts: sub-accounts that have positions of their own and share one purse."""

from novate.core.commands import OpenSubAccount
from novate.core.facts import Fact, SubAccountOpened
from novate.core.reasons import Reason
from novate.core.terms import Role
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import rejected

LONGEST = 128
KEPT = ("house:", "liquidation:", "isolated:")
"""Names that begin so are the house's own."""


def decide_open(house: House, command: OpenSubAccount) -> list[Fact]:
    """Under a reference that its pool has not given yet, behind a member in good standing."""
    if command.account not in house.buckets:
        return [rejected(Reason.ACCOUNT_UNKNOWN, "$.account")]
    pool = house.buckets[command.account]
    if pool.role is not Role.GROSS_OMNIBUS:
        return [rejected(Reason.NOT_GROSS_OMNIBUS, "$.account")]
    name = name_of(house, command.account, command.reference)
    for given in (command.reference, name):
        if not given or given != given.strip() or len(given) > LONGEST:
            return [rejected(Reason.NAME_EMPTY, "$.reference")]
        if given.startswith(KEPT):
            return [rejected(Reason.NAME_TAKEN, "$.reference")]
    if any(bucket.name == name for bucket in house.buckets.values()):
        return [rejected(Reason.NAME_TAKEN, "$.reference")]
    if house.members[pool.member].defaulted:
        return [rejected(Reason.MEMBER_IN_DEFAULT, "$.account")]
    return [SubAccountOpened(command.account, command.reference)]


def name_of(house: House, pool: int, reference: str) -> str:
    """What trades call a sub-account."""
    return f"{house.buckets[pool].name}/{reference}"


def apply_opened(house: House, fact: SubAccountOpened) -> None:
    """The next bucket is its."""
    house.open_sub(fact.account, name_of(house, fact.account, fact.reference))

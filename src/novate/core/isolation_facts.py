"""What can have happened to isolated buckets."""

from novate.core.liquidation_facts import CollateralMoved
from novate.core.record import Fact


class BucketOpened(Fact, frozen=True):
    """An isolated bucket for a contract of an account has the next account index."""

    account: int
    contract: int


class PositionIsolated(Fact, frozen=True):
    """What an account held of a contract, and collateral with it, stands in an isolated bucket of its own."""

    account: int
    bucket: int
    contract: int
    lots: int
    cost_fine: int
    collateral: tuple[CollateralMoved, ...]


class PositionRejoined(Fact, frozen=True):
    """An isolated position and all its money are back in the account's cross bucket."""

    account: int
    bucket: int
    contract: int
    lots: int
    cost_fine: int
    collateral: tuple[CollateralMoved, ...]


class CollateralAssigned(Fact, frozen=True):
    """Collateral moved from the cross bucket into an isolated one; a negative amount came back."""

    account: int
    bucket: int
    asset: int
    amount_minor: int

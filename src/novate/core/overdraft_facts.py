"""What can have happened to balances below zero."""

from novate.core.record import Fact


class InterestPublished(Fact, frozen=True):
    """Balances of an asset below zero pay this from now: ppm of them in a year of 365 days."""

    asset: int
    rate_ppm: int


class InterestCharged(Fact, frozen=True):
    """Interest until now on an account's balance below zero goes into carries: out of the bucket's, the treasury's."""

    account: int
    bucket: int
    asset: int
    amount_fine: int


class OverdraftChanged(Fact, frozen=True):
    """An account's balance of an asset stands below zero by this much; 0 says that it is paid back."""

    account: int
    asset: int
    amount_minor: int

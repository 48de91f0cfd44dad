"""What can have happened to balances below zero, and to the collateral that is sold for them."""

from typing import Literal

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


class CollateralConverted(Fact, frozen=True):
    """A bucket's collateral went to the treasury against money of the asset it owed."""

    bucket: int
    paid_asset: int
    paid_minor: int
    received_asset: int
    received_minor: int


class ConversionOrdered(Fact, frozen=True):
    """Collateral of an account is for sale: ``sell_minor`` of an asset for at least ``least_minor`` of what it owes.

    A part may be sold for no less in proportion. At ``due_ns`` the order is over.
    """

    order: int
    account: int
    sold_asset: int
    sell_minor: int
    bought_asset: int
    least_minor: int
    due_ns: int


class ConversionReduced(Fact, frozen=True):
    """Less than before of an account's collateral is for sale by an order: ``open_minor`` of the asset sold."""

    order: int
    account: int
    asset: int
    open_minor: int


class ConversionExecuted(Fact, frozen=True):
    """Collateral sold by an order has left the house, and what was got for it has come in."""

    order: int
    account: int
    sold_asset: int
    sold_minor: int
    bought_asset: int
    received_minor: int


class ConversionClosed(Fact, frozen=True):
    """An order sells no more.

    It is filled, the balance is back within its limits (``cured``), its time is over (``due``), or the house takes it
    back (``withdrawn``): the account may owe nothing any more, holds nothing more to sell, or the rules sell by no
    order.
    """

    order: int
    account: int
    cause: Literal["filled", "cured", "due", "withdrawn"]

"""Books for tests of rulebooks, in few words."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

import numpy as np

from novate.risk.factors import Factor, FactorHistory
from novate.risk.venues import book as b
from tests.risk.walks import daily, walk

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def days(count: float) -> datetime:
    return NOW + timedelta(days=count)


def perpetual(
    amount: float, price: float, entry: float | None = None, *, on: str = "BTC", funding: float = 0.0
) -> b.Perpetual:
    return b.Perpetual(
        underlying=on, amount=amount, price=price, entry=price if entry is None else entry, funding=funding
    )


def future(amount: float, price: float, at: float, entry: float | None = None, *, on: str = "BTC") -> b.Future:
    return b.Future(underlying=on, expiry=days(at), amount=amount, price=price, entry=price if entry is None else entry)


def option(
    amount: float, strike: float, right: Literal["call", "put"], at: float, vol: float = 0.5, *, on: str = "BTC"
) -> b.Option:
    return b.Option(underlying=on, expiry=days(at), strike=strike, right=right, amount=amount, vol=vol)


def book(
    *positions: b.Position,
    prices: dict[str, float] | None = None,
    forwards: dict[float, float] | None = None,
    cash: float = 0.0,
    collateral: tuple[b.Collateral, ...] = (),
    open_interest: float | None = None,
) -> b.Book:
    """A book at ``NOW``; ``forwards`` are those of every underlying, by days."""
    expiries = tuple(b.Expiry(at=days(at), forward=forward) for at, forward in (forwards or {}).items())
    return b.checked(
        b.Book(
            time=NOW,
            cash=cash,
            underlyings={
                name: b.Underlying(price=price, expiries=expiries, open_interest=open_interest)
                for name, price in (prices or {"BTC": 100_000.0}).items()
            },
            positions=positions,
            collateral=collateral,
            stable_price=1.0,
        )
    )


@cache
def past(*names: str, days: int = 1_500, seed: int = 7, sigma: float = 0.03) -> FactorHistory:
    """Closes of so many days before ``NOW``, of relative series that end at 100,000 (BTC), 3,000 (ETH) or 0.5."""
    table = walk(days, seed=seed, sigma=sigma, factors=len(names))
    last = np.array([{"BTC": 1e5, "ETH": 3e3}.get(name, 0.5) for name in names])
    first = np.datetime64(NOW.date()) - days
    return daily(table / table[-1] * last, *map(Factor, names), first=str(first))

"""Derive's published portfolios come out as Derive's manager finds them, scenario by scenario."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from novate.risk.scenarios.crypto_grid import SkewShock
from novate.risk.venues import book as b
from novate.risk.venues import pm2
from novate.risk.venues.options import options_of
from novate.rulebooks import load, margin
from tests.rulebooks.books import book, option
from tests.rulebooks.derive_pm2_cases import CASES, Case

# Theirs come down, as they are, up within a price; ours up, as they are, down.
THEIR_ORDER = [0, *(3 * step + down for step in range(7) for down in (3, 2, 1)), *range(22, 31)]
NOW = datetime(2025, 2, 19, 3, 12, 28, tzinfo=UTC)


def book_of(case: Case) -> b.Book:
    expiries = tuple(
        b.Expiry(at=NOW + timedelta(seconds=left), forward=forward, rate=rate)
        for left, (forward, rate) in case.expiries.items()
    )
    positions: list[b.Position] = [
        b.Option(
            underlying="BTC",
            expiry=NOW + timedelta(seconds=left),
            strike=strike,
            right="call" if right == "call" else "put",
            vol=vol,
            amount=amount,
            confidence=0.95,
        )
        for left, strike, right, vol, amount in case.options
    ]
    if case.perpetual:
        amount, price, entry, confidence = case.perpetual
        positions.append(b.Perpetual(underlying="BTC", amount=amount, price=price, entry=entry, confidence=confidence))
    collateral = ()
    if case.collateral:
        amount, price, confidence = case.collateral
        collateral = (b.Collateral(asset="BTC", amount=amount, price=price, confidence=confidence),)
    underlying = b.Underlying(price=case.price, confidence=case.confidence, expiries=expiries)
    return b.checked(
        b.Book(
            time=NOW,
            cash=case.cash,
            underlyings={"BTC": underlying},
            positions=tuple(positions),
            collateral=collateral,
            stable_price=case.stable,
        )
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_portfolio(case: Case) -> None:
    book, rulebook = book_of(case), load("derive-pm2")
    found = margin(book, rulebook)
    assert found.equity - found.initial == pytest.approx(case.initial, rel=1e-9, abs=1e-7)
    assert found.equity - found.maintenance == pytest.approx(case.maintenance, rel=1e-9, abs=1e-7)
    assert dict(found.equity_parts)["value of options"] == pytest.approx(case.option_value, rel=1e-9, abs=1e-9)
    options = options_of(book, "BTC")
    if case.basis is not None:
        basis = sum(result for _, result in pm2.basis_contingency(options, rulebook.rules.basis))
        assert basis == pytest.approx(case.basis, rel=1e-7, abs=1e-7)
    results = [each.total for each in pm2.scenarios(book, "BTC", options, rulebook.rules)]
    assert len(results) == 31
    assert min(results) == pytest.approx(case.worst, rel=1e-9, abs=1e-7)
    if case.results:
        assert [results[at] for at in THEIR_ORDER] == pytest.approx(list(case.results), rel=1e-7, abs=1e-6)


def test_where_the_basis_decides_it_names_the_expiries() -> None:
    """Two synthetic forwards against each other: no price moves them together, the basis moves each on its own."""
    held = book(
        *(option(-10, 60_000, "put", 20), option(10, 60_000, "call", 20)),
        *(option(-10, 60_000, "call", 300), option(10, 60_000, "put", 300)),
        forwards={20: 100_000.0, 300: 100_000.0},
    )
    found = margin(held, load("derive-pm2"))
    each = 10 * 100_000 * 0.045
    lost = [each * (0.5 + 2 * days / 365) for days in (300, 20)]
    assert found.worst == "basis"
    assert [loss for _, loss in found.contributors] == pytest.approx(lost)
    assert found.initial == pytest.approx(sum(lost))


def test_a_skew_that_gains_counts_as_a_loss() -> None:
    """Their portfolio 42: long calls under other skews, the second counted twice; it gains as it stands, and would lose
    as much turned round."""
    case = Case(
        "42",
        2681.6029850999994,
        *(0.0, 0.0, 0.0, None),
        options=((18_938_852, 6000.0, "call", 0.7390799803804741, 10.0),),
        expiries={18_938_852: (2801.18485249767, 0.29)},
    )
    book = book_of(case)
    rules: Any = load("derive-pm2").rules
    skew = {"cap_slope": -0.05, "width": 4.9, "width_min": 0.01, "vol": 3.5, "vol_slope": -0.3}
    rules = msgspec.structs.replace(rules, linear=SkewShock(cap=0.15, **skew), absolute=SkewShock(cap=9.5, **skew))
    found = {each.label: each.total for each in pm2.scenarios(book, "BTC", options_of(book, "BTC"), rules)}
    assert found["skew linear"] == pytest.approx(-179.626736868093530575, rel=1e-9)
    assert 2 * found["skew abs"] == pytest.approx(-3348.116369322508489859, rel=1e-9)

"""Derive's published portfolios come out as Derive's manager finds them, scenario by scenario."""

from datetime import UTC, datetime, timedelta

import pytest

from novate.risk.venues import book as b
from novate.risk.venues import pm2
from novate.risk.venues.options import options_of
from novate.rulebooks import load, margin
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
        assert pm2.basis_contingency(options, rulebook.rules.basis) == pytest.approx(case.basis, rel=1e-7, abs=1e-7)
    results = [each.total for each in pm2.scenarios(book, "BTC", options, rulebook.rules)]
    assert len(results) == 31
    assert min(results) == pytest.approx(case.worst, rel=1e-9, abs=1e-7)
    if case.results:
        assert [results[at] for at in THEIR_ORDER] == pytest.approx(list(case.results), rel=1e-7, abs=1e-6)

"""Derive's published portfolios of its standard manager: derivexyz/v2-core, January 2026, test-cases-portfolio.json of
test/risk-managers/unit-tests/StandardManager. Figures are theirs, cut off to whole dollars; markets stand as its tests
set them: ETH 2,000 and BTC 28,000, volatility 50 % everywhere, base collateral at 80 % of its value. Their last
portfolio is left out: what its file holds does not come to the figures that stand beside it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pytest

from novate.risk.venues import book as b
from novate.rulebooks import Rulebook, load, margin

NOW = datetime(2023, 1, 1, tzinfo=UTC)
DAYS = {"0104": 3, "0111": 10, "0118": 17, "0227": 57}
ETH_FORWARD = {"0104": 2000.91345, "0111": 2002.83305, "0118": 2004.7545, "0227": 2015.7696}
BTC_FORWARD = {"0104": 28012.7883, "0111": 28039.66276, "0118": 28066.56301, "0227": 28220.77451}
SPOT, PERPETUAL = {"ETH": 2000.0, "BTC": 28000.0}, {"ETH": 2001.0, "BTC": 28020.0}


def at(day: str) -> datetime:
    return NOW + timedelta(days=DAYS[day], hours=8)


class Case(NamedTuple):
    """Options as (amount, day, strike, right, underlying), perpetuals as (amount, entry, underlying), and what differs
    from the usual confidences: of ETH's spot, perpetual, forward and volatility on 18 January."""

    name: str
    initial: int
    maintenance: int
    options: tuple[tuple[float, str, float, str, str], ...] = ()
    perpetuals: tuple[tuple[float, float, str], ...] = ()
    base: tuple[tuple[float, str], ...] = ()
    cash: float = 0.0
    stable: float = 1.0
    spot: float = 1.0
    perpetual: float = 1.0
    forward: float = 1.0
    vol: float = 1.0


CASES = (
    Case("a long call", 0, 0, ((1, "0111", 2000, "call", "ETH"),)),
    Case("a long put", 0, 0, ((1, "0111", 2000, "put", "ETH"),)),
    Case("a short call in the money", -802, -652, ((-1, "0111", 1500, "call", "ETH"),)),
    Case("two short puts in the money", -2594, -2294, ((-2, "0111", 3000, "put", "ETH"),)),
    Case("a short call out of the money", -201, -151, ((-1, "0118", 2500, "call", "ETH"),)),
    Case("a short put out of the money", -200, -150, ((-1, "0111", 1100, "put", "ETH"),)),
    Case("a call spread, bounded", -200, -200, ((-1, "0111", 1800, "call", "ETH"), (1, "0111", 2000, "call", "ETH"))),
    Case("a put spread, bounded", -500, -500, ((1, "0111", 2500, "put", "ETH"), (-1, "0111", 3000, "put", "ETH"))),
    Case("a call spread, isolated", -203, -153, ((-1, "0111", 2300, "call", "ETH"), (1, "0111", 4000, "call", "ETH"))),
    Case("a put spread, isolated", -365, -215, ((1, "0111", 1200, "put", "ETH"), (-1, "0111", 2000, "put", "ETH"))),
    Case(
        "spreads of two expiries, bounded",
        -400,
        -400,
        (
            *((-1, "0111", 1800, "call", "ETH"), (1, "0111", 2000, "call", "ETH")),
            *((-1, "0118", 1800, "call", "ETH"), (1, "0118", 2000, "call", "ETH")),
        ),
    ),
    Case(
        "spreads of two expiries, one of each",
        -400,
        -331,
        (
            *((1, "0111", 1200, "put", "ETH"), (-1, "0111", 1500, "put", "ETH")),
            *((-1, "0227", 2500, "call", "ETH"), (1, "0227", 2700, "call", "ETH")),
        ),
    ),
    Case(
        "spreads of two underlyings",
        -2200,
        -2150,
        (
            *((-1, "0111", 3200, "call", "ETH"), (1, "0111", 3500, "call", "ETH")),
            *((-1, "0227", 33000, "call", "BTC"), (1, "0227", 35000, "call", "BTC")),
        ),
    ),
    Case(
        "two underlyings, two expiries each",
        -6601,
        -5855,
        (
            *((1, "0118", 2900, "put", "ETH"), (-1, "0118", 3500, "put", "ETH")),
            *((-1, "0227", 3000, "call", "ETH"), (1, "0227", 3200, "call", "ETH")),
            *((1, "0118", 35000, "put", "BTC"), (-1, "0118", 38000, "put", "BTC")),
            *((-1, "0111", 36000, "call", "BTC"), (1, "0111", 40000, "call", "BTC")),
        ),
    ),
    Case("a long call spread", 0, 0, ((1, "0111", 2900, "call", "ETH"), (-1, "0111", 3500, "call", "ETH"))),
    Case("a long put spread", 0, 0, ((-1, "0111", 2900, "put", "ETH"), (1, "0111", 3500, "put", "ETH"))),
    Case(
        "a long box",
        0,
        0,
        (
            *((1, "0111", 1000, "call", "ETH"), (-1, "0111", 1000, "put", "ETH")),
            *((-1, "0111", 2000, "call", "ETH"), (1, "0111", 2000, "put", "ETH")),
        ),
    ),
    Case(
        "a short box",
        -1000,
        -1000,
        (
            *((-1, "0111", 1000, "call", "ETH"), (1, "0111", 1000, "put", "ETH")),
            *((1, "0111", 2000, "call", "ETH"), (-1, "0111", 2000, "put", "ETH")),
        ),
    ),
    Case("a short put that cannot lose more", -100, -100, ((-1, "0118", 100, "put", "ETH"),)),
    Case("a stablecoin at a tenth", -2496, -234, ((-1, "0118", 2000, "put", "ETH"),), stable=0.1),
    Case("calls net short", -125, -123, ((-1.01, "0111", 1100, "call", "ETH"), (1, "0111", 1200, "call", "ETH"))),
    Case("a short call, BTC as base", 22010, 22160, ((-1, "0118", 2000, "call", "ETH"),), base=((1, "BTC"),)),
    Case(
        "a spread in BTC, ETH as base",
        -400,
        -400,
        ((-1, "0111", 20000, "call", "BTC"), (1, "0111", 22000, "call", "BTC")),
        base=((1, "ETH"),),
    ),
    Case("ETH alone", 1600, 1600, base=((1, "ETH"),)),
    Case("a short call, BTC and cash", 32010, 32160, ((-1, "0118", 2000, "call", "ETH"),), (), ((1, "BTC"),), 10_000),
    Case("a long perpetual", -134, -104, perpetuals=((1, 2005, "ETH"),)),
    Case("a long perpetual that lost", -329, -299, perpetuals=((1, 2200, "ETH"),)),
    Case("a long perpetual that gained", 470, 500, perpetuals=((1, 1400, "ETH"),)),
    Case("a short perpetual", -131, -101, perpetuals=((-1, 2000, "ETH"),)),
    Case("a short perpetual that lost", -631, -601, perpetuals=((-1, 1500, "ETH"),)),
    Case("a short perpetual that gained", 68, 98, perpetuals=((-1, 2200, "ETH"),)),
    Case("a long perpetual, BTC as base", 22265, 22295, perpetuals=((1, 2005, "ETH"),), base=((1, "BTC"),)),
    Case("a doubted volatility", -1109, -239, ((-1, "0118", 2000, "call", "ETH"),), vol=0.1),
    Case("a doubted forward", -869, -239, ((-1, "0118", 2000, "call", "ETH"),), vol=0.5, forward=0.4 - 1e-12),
    Case("a doubted spot", -1029, -239, ((-1, "0118", 2000, "call", "ETH"),), vol=0.5, forward=0.4, spot=0.2),
    Case("a doubted spot, long", 0, 0, ((1, "0118", 2000, "call", "ETH"),), vol=0.5, forward=0.4, spot=0.2),
    Case(
        "one of two expiries doubted",
        -2246,
        -1236,
        ((-1, "0118", 2000, "call", "ETH"), (-2, "0227", 2300, "put", "ETH")),
        spot=0.9,
        forward=0.4,
        vol=0.3,
    ),
    Case("a doubted perpetual", -854, -104, perpetuals=((1, 2005, "ETH"),), perpetual=0.1),
    Case("a doubted base", 880, 1600, base=((1, "ETH"),), spot=0.1),
    Case("a put so deep that maintenance decides", -6094, -5804, ((-1, "0104", 7400, "put", "ETH"),)),
    Case("a perpetual, a stablecoin at a tenth", -2246, -104, perpetuals=((1, 2005, "ETH"),), stable=0.1),
)


def book_of(case: Case) -> b.Book:
    def expiries(forwards: dict[str, float], doubted: float) -> tuple[b.Expiry, ...]:
        return tuple(
            b.Expiry(at=at(day), forward=forward, confidence=doubted if day == "0118" else 1.0)
            for day, forward in forwards.items()
        )

    options = [
        b.Option(
            underlying=name,
            expiry=at(day),
            strike=strike,
            right="call" if right == "call" else "put",
            amount=amount,
            vol=0.5,
            confidence=case.vol if (name, day, strike) == ("ETH", "0118", 2000) else 1.0,
        )
        for amount, day, strike, right, name in case.options
    ]
    perpetuals = [
        b.Perpetual(
            underlying=name,
            amount=amount,
            price=PERPETUAL[name],
            entry=entry,
            confidence=case.perpetual if name == "ETH" else 1.0,
        )
        for amount, entry, name in case.perpetuals
    ]
    return b.checked(
        b.Book(
            time=NOW,
            cash=case.cash,
            underlyings={
                "ETH": b.Underlying(
                    price=SPOT["ETH"], confidence=case.spot, expiries=expiries(ETH_FORWARD, case.forward)
                ),
                "BTC": b.Underlying(price=SPOT["BTC"], expiries=expiries(BTC_FORWARD, 1.0)),
            },
            positions=(*perpetuals, *options),
            collateral=tuple(
                b.Collateral(
                    asset=name, amount=amount, price=SPOT[name], confidence=case.spot if name == "ETH" else 1.0
                )
                for amount, name in case.base
            ),
            stable_price=case.stable,
        )
    )


def as_tested() -> Rulebook:
    """The rulebook with base collateral at the 80 % of the tests."""
    rulebook = load("derive-srm")
    rules: Any = msgspec.structs.replace(rulebook.rules, collateral={"BTC": 0.8, "ETH": 0.8})
    return Rulebook(rulebook.name, rulebook.header, rules)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_portfolio(case: Case) -> None:
    found = margin(book_of(case), as_tested())
    assert int(round(found.equity - found.initial, 9)) == case.initial
    assert int(round(found.equity - found.maintenance, 9)) == case.maintenance

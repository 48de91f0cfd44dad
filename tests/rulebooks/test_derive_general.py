"""Derive's general portfolio 61: options of five expiries, nine collaterals, doubted prices, a stablecoin at 0.56.

Its tails and skews are damped otherwise than the rulebook's, so what is compared are the 23 regular scenarios, the
contingencies and the values; figures as in ``derive_pm2_cases``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from novate.risk.venues import book as b
from novate.risk.venues import pm2
from novate.risk.venues.options import options_of
from novate.rulebooks import load
from tests.rulebooks.test_derive_pm2 import THEIR_ORDER

NOW = datetime(2025, 2, 19, 3, 12, 28, tzinfo=UTC)
EXPIRIES = {  # seconds left -> forward, rate, confidence of the forward, the rate and the volatility
    794_852: (1734.0, 0.53, 0.6, 0.51, 0.4),
    1_399_652: (2134.0, 2.12, 0.69, 0.2, 0.95),
    3_214_052: (1111.0, 0.21000000000000002, 0.31, 1.0, 0.95),
    11_076_452: (611.0, 0.27, 0.11, 1.0, 0.95),
    18_938_852: (2234.0, 0.29, 0.51, 1.0, 0.9),
}
OPTIONS = (  # seconds left, strike, right, volatility, amount
    (794_852, 100.0, "call", 1886.2946496130742, -1.0),
    (794_852, 5600.0, "call", 1861.087694981364, -12.0),
    (1_399_652, 2300.0, "put", 0.6547716024217306, 52.0),
    (1_399_652, 3000.0, "put", 0.7835591639303785, -23.0),
    (1_399_652, 3100.0, "call", 0.8006130306474406, -23.0),
    (3_214_052, 5000.0, "call", 0.9247166607631531, 3.0),
    (3_214_052, 20000.0, "put", 0.9247166607631531, -23.0),
    (11_076_452, 10000.0, "call", 0.9622808571129519, -200.0),
    (11_076_452, 2000.0, "put", 0.8795820739028171, 1000.0),
    (18_938_852, 3000.0, "call", 347.26350790300535, -1.0),
    (18_938_852, 4000.0, "call", 339.8353974095024, -200.0),
)
COLLATERAL = (  # asset, amount, price, confidence, haircut at maintenance, more at initial, whether it follows ETH
    ("RSWETH", 25.0, 3124.0, 0.1456, 0.03, 0.010000000000000002, "ETH"),
    ("ETH", 100.0, 1234.0, 0.1269, 0.015, 0.005000000000000001, "ETH"),
    ("BTC", 23.0, 112468.0, 0.25478, 0.25, 0.04999999999999999, ""),
    ("CBBTC", 4.0, 122106.0, 0.5395, 0.35, 0.10000000000000003, ""),
    ("SDAI", 11111.0, 1.42, 0.999, 0.12, 0.03, ""),
    ("USDE", 45654.0, 1.1, 0.26, 0.2, 0.04999999999999999, ""),
    ("WEETH", 49.0, 4329.0, 0.38953, 0.05, 0.009999999999999995, "ETH"),
    ("DAI", 99853.0, 1.01, 0.8423, 0.08, 0.020000000000000004, ""),
    ("SUSDE", 45654.0, 2.4, 0.9, 0.25, 0.09999999999999998, ""),
)
REGULAR = (
    *(-382576.114860956149641424, -378356.232821662037167698, -373968.226487810432445258, -355126.37320249411277473),
    *(-348904.075702228583395481, -344669.73968952929135412, -327287.495156124816276133, -318597.549047104897908866),
    *(-314802.015815710066817701, -299018.788656932068988681, -287408.284834196325391531, -284312.21312676154775545),
    *(-270286.833326584252063185, -255490.272179826162755489, -253212.259879655728582293, -241069.93147853430127725),
    *(-223099.529062668210826814, -221577.156041323964018375, -211361.931732326163910329, -190473.108759001595899463),
    *(-189524.755076212459243834, -181174.549439894210081547, -150717.369954681489616632),
)


def general() -> b.Book:
    expiries = tuple(
        b.Expiry(at=NOW + timedelta(seconds=left), forward=forward, rate=rate, confidence=min(of_forward, of_rate))
        for left, (forward, rate, of_forward, of_rate, _) in EXPIRIES.items()
    )
    options = tuple(
        b.Option(
            underlying="ETH",
            expiry=NOW + timedelta(seconds=left),
            strike=strike,
            right="call" if right == "call" else "put",
            vol=vol,
            amount=amount,
            confidence=EXPIRIES[left][4],
        )
        for left, strike, right, vol, amount in OPTIONS
    )
    perpetual = b.Perpetual(
        underlying="ETH", amount=-123.0, price=4000.0, entry=3000.0, funding=20049.0, confidence=0.2123
    )
    return b.checked(
        b.Book(
            time=NOW,
            cash=-12_312_324.0,
            underlyings={"ETH": b.Underlying(price=1234.0, confidence=0.1269, expiries=expiries)},
            positions=(perpetual, *options),
            collateral=tuple(
                b.Collateral(asset=asset, amount=amount, price=price, confidence=confidence)
                for asset, amount, price, confidence, *_ in COLLATERAL
            ),
            stable_price=0.56,
        )
    )


def rules() -> pm2.Rules:
    taken = {
        asset: pm2.Asset(maintenance=maintenance, initial_more=more, follows=follows)
        for asset, _, _, _, maintenance, more, follows in COLLATERAL
    }
    of: Any = load("derive-pm2").rules
    return msgspec.structs.replace(of, collateral=taken)


def test_the_regular_scenarios() -> None:
    held = general()
    found = [each.total for each in pm2.scenarios(held, "ETH", options_of(held, "ETH"), rules())]
    assert [found[at] for at in THEIR_ORDER[:23]] == pytest.approx(list(REGULAR), rel=1e-9)


def test_the_contingencies() -> None:
    held = general()
    parts = {part.what: part for part in pm2.contingencies(held, "ETH", options_of(held, "ETH"), rules())}
    assert parts["perpetuals"].maintenance == pytest.approx(2276.73)
    assert parts["perpetuals"].initial == pytest.approx(3035.64)
    assert parts["options short and naked"].maintenance == pytest.approx(1788.066)
    assert parts["options short and naked"].initial == pytest.approx(2980.11)
    assert parts["haircuts of collateral"].maintenance == pytest.approx(1571137.797857143)
    assert parts["haircuts of collateral"].initial == pytest.approx(1924098.6892857142)
    assert parts["doubt about prices"].initial == pytest.approx(7684988.433444644)
    assert parts["doubt about prices"].maintenance == 0


def test_the_values() -> None:
    held = general()
    risk = pm2.requirement(held, rules())
    assert risk.option_value == pytest.approx(432880.1132978054)
    assert risk.collateral == pytest.approx(6723619.910714285)
    assert held.cash + held.unrealised + risk.option_value + risk.collateral == pytest.approx(-5258774.975987909)
    # The stablecoin is 0.42 below its peg: the loss factor of 1 rises by twice that.
    worst = risk.parts[0]
    assert worst.initial / worst.maintenance == pytest.approx(1.84 / 0.8)

"""A house that adopts a venue's rules asks for what the venue's calculator says, in every bracket."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from novate import ClearingHouse
from novate.risk.venues import brackets, open_interest
from novate.risk.venues.margin_classes import of_brackets, of_open_interest
from novate.rulebooks import load, margin, margin_classes
from tests.house.opened import RULES
from tests.rulebooks.books import book, perpetual

LOT = Fraction(1, 1_000)
ROUNDED = 2e-5
"""What floats of two thousand millions, and a dozen brackets of micro-dollars, may round away."""


class Venue:
    """A venue with margin classes of its own and a perpetual on each, in which Beta deals with Alpha and Gamma."""

    def __init__(self, house: ClearingHouse, classes: dict[str, Any]) -> None:
        self.house, self.price = house, "0"
        house.add_asset("USD", 2, 6).expect()
        house.adopt_rulebook("venue's", **{**RULES, "form": "venue", "margin_classes": classes}).expect()
        for name in classes:
            house.list_contract(
                name, "perpetual", settlement="USD", tick_size="0.01", lot_size="0.001", price_min="0.01",
                price_max=200_000, position_limit=5_000_000, margin_class=name, stale_after="9h",
            ).expect()  # fmt: skip
        for name in ("Alpha", "Beta", "Gamma"):
            house.add_member(name).expect()
            house.deposit(name, "USD", 5_000_000_000).expect()

    def hold(self, contract: str, cents: int, **lots: int) -> None:
        """Close what is held at the last mark, and come to so many lots at a new one."""
        for name in lots:
            self._trade(contract, name, -sum(each.lots for each in self.house.account(name).positions))
        self.price = f"{cents / 100:.2f}"
        self.house.marks({contract: self.price}).expect()
        for name, wanted in lots.items():
            self._trade(contract, name, wanted)

    def _trade(self, contract: str, name: str, lots: int) -> None:
        if lots:
            buyer, seller = (name, "Beta") if lots > 0 else ("Beta", name)
            quantity = f"{Decimal(abs(lots)).scaleb(-3):f}"
            self.house.trade(contract, buyer=buyer, seller=seller, quantity=quantity, price=self.price).expect()


@contextmanager
def venue(classes: dict[str, Any]) -> Iterator[Venue]:
    with ClearingHouse() as house:
        yield Venue(house, classes)


MARKETS = [
    *(("binance", underlying) for underlying in ("BTC", "ETH", "SOL", "XRP", "BNB")),
    *(("hyperliquid", underlying) for underlying in ("BTC", "ETH", "DOGE")),
]


@pytest.mark.parametrize(("name", "underlying"), MARKETS)
def test_a_house_asks_for_what_brackets_do(name: str, underlying: str) -> None:
    rulebook = load(name)
    own = rulebook.rules.markets[underlying]
    ends = [int(each.above) for each in own[1:]] + [rulebook.rules.limits.get(underlying, 400_000_000)]

    @settings(max_examples=40)
    @given(st.integers(0, len(own) - 1), st.integers(-3, 3), st.integers(1, 1_000), st.booleans())
    def run(at: int, off: int, per_mille: int, short: bool) -> None:
        """Positions anywhere in a bracket, and a few lots to either side of its end."""
        price = 12_500 + 100 * per_mille
        above, end = int(own[at].above), ends[at]
        notional = end if off else above + (end - above) * per_mille // 1_000
        lots = max(1, int(notional / (price * LOT)) + off) * (-1 if short else 1)
        house.hold(underlying, 100 * price, Alpha=lots)
        asked = house.house.account("Alpha")
        found = margin(book(perpetual(float(lots * LOT), price, on=underlying), prices={underlying: price}), rulebook)
        most = float(abs(lots) * LOT * price) / 1_000_000 + ROUNDED
        assert -ROUNDED <= float(asked.initial) - found.initial <= most
        assert -ROUNDED <= float(asked.maintenance) - found.maintenance <= most

    with venue({underlying: margin_classes(rulebook)[underlying]}) as house:
        run()


@pytest.mark.parametrize(("leverage", "initial"), [(3, "33.3334%"), (75, "1.3334%"), (40, "2.5%"), (12.5, "8%")])
def test_a_leverage_that_is_no_whole_rate_is_rounded_against_the_account(leverage: float, initial: str) -> None:
    rules = brackets.Rules(markets={"X": (brackets.Bracket(above=0, maintenance=0.005, leverage=leverage),)})
    assert of_brackets(rules)["X"]["tiers"] == [{"above": "0", "initial": initial, "maintenance": "0.5%"}]


def test_a_house_asks_for_what_dydx_does_to_the_micro_dollar() -> None:
    """Initial margin to the unit; maintenance, which dYdX rounds up twice and a house once, for one at most less."""
    rulebook = load("dydx-v4")
    tier = rulebook.rules.tiers[rulebook.rules.markets["SOL"]]

    @settings(max_examples=60)
    @given(st.integers(-400_000_000, 400_000_000), st.integers(0, 400_000_000), st.integers(1, 60_000))
    def run(lots: int, others: int, cents: int) -> None:
        house.hold("SOL", cents, Alpha=lots, Gamma=others)
        house.house.marks({"SOL": f"{cents / 100:.2f}"}).expect()
        micro = 10 * cents  # of one lot
        interest = sum(held for held in (lots, others, -lots - others) if held > 0) * micro
        asked, notional = house.house.account("Alpha"), abs(lots) * micro
        assert asked.initial == Decimal(open_interest.initial_micro(tier, notional, interest)).scaleb(-6)
        twice = Decimal(open_interest.maintenance_micro(tier, notional)).scaleb(-6)
        assert 0 <= twice - asked.maintenance <= Decimal("0.000001")

    with venue({"SOL": margin_classes(rulebook)["SOL"]}) as house:
        run()


# dydxprotocol/v4-chain, protocol/x/perpetuals/types/liquidity_tier_test.go, March 2026: 20 % with caps, as open
# positions worth whole dollars; there of a notional of half a dollar.
@pytest.mark.parametrize(
    ("interest", "lower", "upper", "initial"),
    [
        (0, 0, 0, "0.1"),
        (1_500_000, 1_000_000, 2_000_000, "0.3"),
        (80_000_000, 25_000_000, 50_000_000, "0.5"),
        (25_000_000, 25_000_000, 50_000_000, "0.1"),
    ],
)
def test_a_house_comes_to_what_dydx_publishes(interest: int, lower: int, upper: int, initial: str) -> None:
    micro = {"lower_cap_micro": lower * 10**6, "upper_cap_micro": upper * 10**6}
    tier = open_interest.Tier(initial_ppm=200_000, maintenance_fraction_ppm=500_000, **micro)
    rules = open_interest.Rules(tiers={"published": tier}, markets={"X": "published"})
    with venue(of_open_interest(rules)) as house:
        house.hold("X", 50_000, Alpha=1, Gamma=max(0, 2 * interest - 1))
        assert house.house.account("Alpha").initial == Decimal("0.1")
        house.house.marks({"X": 500}).expect()
        asked = house.house.account("Alpha")
        assert (asked.initial, asked.maintenance) == (Decimal(initial), Decimal("0.05"))

"""A house that lends, with two members and an omnibus account of two clients, whose prices move by hand."""

from typing import Any

from novate import ClearingHouse

HOUR = 3600 * 10**9
RULES: dict[str, Any] = {
    "numeraire": "USD",
    "form": "clearing_house",
    "collateral": {"USD": 0, "EUR": "1%"},
    "margin_classes": {"major": [{"above": 0, "initial": "10%", "maintenance": "5%"}]},
    "settlement_interval": "8h",
    "call_due": "1h",
    "waterfall": ["gains_haircut"],
}


def lending_rules(limit: int) -> dict[str, Any]:
    """Dollars may be owed up to a limit for two days."""
    return {**RULES, "overdrafts": {"USD": {"amount": limit, "time": "2d"}}}


def pooled_house(treasury: int = 1000) -> ClearingHouse:
    """Alpha has euros alone and buys 20 of OIL at 100; its pool's clients buy 50 and sell 30. Beta is the other side.

    Dollars may be owed up to 500, for a thousandth a day.
    """
    house = ClearingHouse()
    house.add_asset("USD", 2, 8, time=1).expect()
    house.add_asset("EUR", 2, 8, price_max=10).expect()
    house.adopt_rulebook("rules", **lending_rules(500)).expect()
    oil: dict[str, Any] = {"tick_size": "0.01", "lot_size": 1, "price_min": "0.01", "price_max": 1000}
    oil |= {"position_limit": 100_000, "margin_class": "major", "stale_after": "90h"}
    house.list_contract("OIL", "perpetual", settlement="USD", **oil).expect()
    for name in ("Alpha", "Beta"):
        house.add_member(name).expect()
    house.open_account("Pool", member="Alpha", kind="gross_omnibus").expect()
    for reference in ("1", "2"):
        house.open_sub_account("Pool", reference).expect()
    house.open_account("Net", member="Alpha", kind="net_omnibus").expect()
    house.contribute("treasury", "USD", treasury).expect()
    house.interest("USD", "36.5%").expect()
    house.marks({"OIL": 100, "EUR": 1}).expect()
    house.deposit("Alpha", "EUR", 1000).expect()
    house.deposit("Pool", "USD", 10_000).expect()
    house.deposit("Beta", "USD", 20_000).expect()
    for buyer, seller, lots in (("Pool/1", "Beta", 50), ("Beta", "Pool/2", 30), ("Alpha", "Beta", 20)):
        house.trade("OIL", buyer=buyer, seller=seller, lots=lots, price=100).expect()
    return house


def moved(house: ClearingHouse, price: int | str, hour: int) -> None:
    """OIL at a price, and the clock at an hour, which settles where a cycle is due."""
    house.marks({"OIL": price}).expect()
    house.clock(hour * HOUR).expect()

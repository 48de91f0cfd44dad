"""A small house to ask: dollars, one perpetual, two members with a client each."""

from pathlib import Path
from typing import Any

from novate import ClearingHouse

MORNING = "2024-03-04T08:00:00Z"
RULES: dict[str, Any] = {
    "numeraire": "USD",
    "form": "clearing_house",
    "collateral": {"USD": 0},
    "margin_classes": {"major": [{"above": 0, "initial": "10%", "maintenance": "5%"}]},
    "settlement_interval": "8h",
    "call_due": "1h",
    "waterfall": ["defaulter_fund", "skin_in_the_game", "survivors_fund", "gains_haircut"],
}


def opened(path: Path | None = None, **options: Any) -> ClearingHouse:
    """A house in dollars with one perpetual at 50,000 and two members' clients, alice and bob, of 1,000 each."""
    house = ClearingHouse(path, **options)
    house.add_asset("USD", 2, 8, time=MORNING).expect()
    house.adopt_rulebook("rules", **RULES).expect()
    house.list_contract(
        "BTC-PERP",
        "perpetual",
        settlement="USD",
        tick_size="0.5",
        lot_size="0.001",
        price_min=1,
        price_max=1_000_000,
        position_limit=1000,
        margin_class="major",
        stale_after="9h",
    ).expect()
    for member, client in (("Alpha", "alice"), ("Beta", "bob")):
        house.add_member(member).expect()
        house.open_account(client, member=member).expect()
        house.deposit(client, "USD", 1000).expect()
    house.marks({"BTC-PERP": 50_000}).expect()
    return house

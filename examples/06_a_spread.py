"""A spread: long one expiry, short the next. Tiers ask for both legs, a risk sheet for what they can lose together."""

from novate import ClearingHouse

SHEET = {
    "name": "six moves",
    "numeraire": "USD",
    "unit": "1",
    "blocks": [{"name": "moves", "part": "current", "scenarios": 6, "measure": "worst", "weight": "1"}],
    # What one lot held long gains in dollars: four moves of both, none, and the two moving apart.
    "contracts": {
        "MAR": {"netting_set": "index", "results": [-400, -200, 0, 200, 400, 0]},
        "JUN": {"netting_set": "index", "results": [-390, -195, 0, 195, 390, 60]},
    },
}

with ClearingHouse() as house:
    house.add_asset("USD", decimals=2, fine_decimals=8, time="2024-01-08T08:00:00Z").expect()
    house.adopt_rulebook(
        "futures",
        numeraire="USD",
        form="clearing_house",
        collateral={"USD": 0},
        margin_classes={"index": [{"above": 0, "initial": "0.1", "maintenance": "0.08"}]},
        settlement_interval="24h",
        call_due="1h",
        waterfall=["defaulter_fund", "gains_haircut"],
    ).expect()
    for symbol, expiry in (("MAR", "2024-03-15"), ("JUN", "2024-06-21")):
        house.list_contract(
            symbol,
            "future",
            settlement="USD",
            tick_size="0.5",
            lot_size=1,
            price_min="0.5",
            price_max=100_000,
            position_limit=100_000,
            margin_class="index",
            stale_after="2d",
            expiry=expiry,
        ).expect()
    house.add_member("Broker").expect()
    for name in ("spread", "market"):
        house.open_account(name, member="Broker").expect()
        house.deposit(name, "USD", 20_000).expect()
    house.marks({"MAR": 5000, "JUN": 5050}).expect()
    house.trade("MAR", buyer="spread", seller="market", lots=10, price=5000).expect()
    house.trade("JUN", buyer="market", seller="spread", lots=10, price=5050).expect()
    print(f"in tiers      initial {house.account('spread').initial:>9.2f}")

    house.submit({"command": "adopt_risk_sheet", **SHEET}).expect()
    house.submit({"command": "set_margin_mode", "account": "spread", "mode": "portfolio"}).expect()
    print(f"by the sheet  initial {house.account('spread').initial:>9.2f}")

    # One leg closed leaves the other alone.
    for lots in (5, 10):
        sale = {"contract": "MAR", "side": "sell", "lots": lots, "price": 5000}
        after = house.what_if("spread", [sale]).after
        print(f"what if {lots:>2} lots of MAR are sold: initial {after.initial:>9.2f}")

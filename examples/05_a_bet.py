"""A bet: a contract on an event. Both sides put up what they could lose, so nobody can fail; the outcome pays one."""

from novate import ClearingHouse

with ClearingHouse() as house:
    house.add_asset("USD", decimals=2, fine_decimals=8, time="2024-03-04T08:00:00Z").expect()
    house.adopt_rulebook(
        "bets",
        numeraire="USD",
        form="venue",
        collateral={"USD": 0},
        margin_classes={},
        settlement_interval="8h",
        call_due="1h",
        waterfall=["insurance_fund", "gains_haircut"],
    ).expect()
    # The price limits are what it can end at: 0 and 1. No margin class: the worst loss is all there is to margin.
    house.list_contract(
        "RAIN",
        "future",
        settlement="USD",
        tick_size="0.01",
        lot_size=1,
        price_min=0,
        price_max=1,
        position_limit=1_000_000,
        stale_after="2d",
        expiry="2024-03-31",
        capped=True,
        collateralised=True,
        resolvable=True,
    ).expect()
    house.add_member("Venue").expect()
    for name in ("ann", "bob"):
        house.open_account(name, member="Venue").expect()
        house.deposit(name, "USD", 100).expect()

    house.marks({"RAIN": "0.40"}).expect()
    for refusal in house.trade("RAIN", buyer="ann", seller="bob", lots=167, price="0.40").refusals:
        print(refusal)
    house.trade("RAIN", buyer="ann", seller="bob", lots=150, price="0.40").expect()

    # A mark moves nobody's free money; settlement moves cash, and still nothing that is free.
    for at, price in (("2024-03-04T09:00:00Z", "0.40"), ("2024-03-04T16:00:00Z", "0.95")):
        house.marks({"RAIN": price}, time=at).expect()
        house.clock(at).expect()
        told = "  ".join(f"{name} free {house.account(name).free:>6.2f}" for name in ("ann", "bob"))
        print(f"at {price}  {told}")

    house.resolve("RAIN", 1, time="2024-03-05T07:30:00Z").expect()
    house.clock("2024-03-05T08:00:00Z").expect()
    print(", ".join(f"{name} {house.account(name).balance('USD'):.2f}" for name in ("ann", "bob")))

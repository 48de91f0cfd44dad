"""An inverse perpetual: quoted in dollars, margined and paid in bitcoin, with funding between longs and shorts."""

from novate import ClearingHouse

with ClearingHouse() as house:
    house.add_asset("BTC", decimals=8, fine_decimals=12, time="2024-03-04T08:00:00Z").expect()
    house.adopt_rulebook(
        "coin margined",
        numeraire="BTC",
        form="venue",
        collateral={"BTC": 0},
        margin_classes={"coin": [{"above": 0, "initial": "5%", "maintenance": "2.5%"}]},
        settlement_interval="8h",
        call_due="1h",
        waterfall=["insurance_fund", "gains_haircut"],
    ).expect()
    house.list_contract(
        "XBTUSD",
        "perpetual",
        settlement="BTC",
        inverse=True,
        tick_size="0.5",
        lot_size=100,  # one lot is worth 100 dollars, whatever the price
        price_min=1000,
        price_max="1000000",
        position_limit=10_000_000,
        margin_class="coin",
        stale_after="4h",
    ).expect()
    house.add_member("Exchange").expect()
    for name in ("long", "short"):
        house.open_account(name, member="Exchange").expect()
        house.deposit(name, "BTC", "0.02").expect()

    # 10,000 dollars at 50,000 are 0.2 BTC. At 55,000 they are 0.1818… BTC: the long owes less bitcoin than it bought.
    house.marks({"XBTUSD": 50_000}).expect()
    house.trade("XBTUSD", buyer="long", seller="short", quantity=10_000, price=50_000).expect()
    house.marks({"XBTUSD": 55_000}, time="2024-03-04T12:00:00Z").expect()
    house.funding({"XBTUSD": "0.01%"}, time="2024-03-04T15:59:00Z").expect()

    for name in ("long", "short"):
        account = house.account(name)
        (position,) = account.positions
        print(f"{name:5} {position.lots:>5} lots  unsettled {position.unsettled:>16} BTC  equity {account.equity} BTC")

    house.clock("2024-03-04T16:00:00Z").expect()
    for name in ("long", "short"):
        print(f"{name:5} settled {house.account(name).balance('BTC')} BTC")
    carried = sum(fund.settled for fund in house.funds() if fund.account == "house:rounding")
    print(f"what rounding to satoshi left over: {carried:f} BTC, in house:rounding")

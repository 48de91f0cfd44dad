"""A default: a member misses its call, the house closes its book out, and the waterfall absorbs the loss in order."""

from novate import ClearingHouse

with ClearingHouse() as house:
    house.add_asset("USD", decimals=2, fine_decimals=8, time="2024-03-04T08:00:00Z").expect()
    house.adopt_rulebook(
        "clearing house",
        numeraire="USD",
        form="clearing_house",
        collateral={"USD": 0},
        margin_classes={"major": [{"above": 0, "initial": "10%", "maintenance": "5%"}]},
        settlement_interval="8h",
        call_due="1h",
        waterfall=["defaulter_fund", "skin_in_the_game", "survivors_fund", "gains_haircut"],
        slippage="5%",
    ).expect()
    house.list_contract(
        "INDEX-JUN",
        "future",
        settlement="USD",
        tick_size=1,
        lot_size=1,
        price_min=1,
        price_max=100_000,
        position_limit=10_000,
        margin_class="major",
        stale_after="4h",
        expiry="2024-06-21",
    ).expect()
    for name, money in [("Alpha", 60_000), ("Beta", 200_000), ("Gamma", 200_000)]:
        house.add_member(name).expect()
        house.deposit(name, "USD", money).expect()
        house.contribute("default_fund", "USD", 10_000, member=name).expect()
    house.contribute("skin_in_the_game", "USD", 5_000).expect()

    house.marks({"INDEX-JUN": 5_000}).expect()
    house.trade("INDEX-JUN", buyer="Alpha", seller="Beta", lots=100, price=5_000).expect()

    # A crash through everything Alpha has. The call is made, nobody pays, and an hour later it is a default.
    house.marks({"INDEX-JUN": 4_200}, time="2024-03-04T09:00:00Z").expect()
    for call in house.calls():
        print(f"called: {call.account} for {call.amount:,.2f} {call.asset}")
    house.clock("2024-03-04T10:00:00Z").expect()

    # The house only says what it wants closed and at which limit. Gamma's bid fills it; nothing is ever invented.
    while orders := house.open_orders():
        for order in orders:
            print(f"order {order.number}: {order.lots} lots for {order.account}, limit {order.limit_price}")
            house.execute(order.number, counterparty="Gamma", lots=abs(order.open_lots), price=4_150).expect()
    house.marks({"INDEX-JUN": 4_200}, time="2024-03-04T12:30:00Z").expect()
    house.clock("2024-03-04T16:00:00Z").expect()

    for fact in house.facts():
        if fact["fact"] in ("member_defaulted", "taken_over", "loss_absorbed", "gains_cut"):
            told = ", ".join(
                f"{name} {value}" for name, value in fact.items() if name not in ("seq", "time_ns", "fact")
            )
            print(f"{fact['fact']:16} {told}")
    for account in house.accounts():
        print(f"{account.name:6} {account.lots('INDEX-JUN'):>5} lots  settled {account.balance('USD'):>12,.2f} USD")

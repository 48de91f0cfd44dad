"""One trade: two clients of two members meet, and from then on each of them faces the house alone."""

from novate import ClearingHouse

with ClearingHouse() as house:
    house.add_asset("USD", decimals=2, fine_decimals=8).expect()
    house.adopt_rulebook(
        "first day",
        numeraire="USD",
        form="clearing_house",
        collateral={"USD": 0},
        margin_classes={"major": [{"above": 0, "initial": "10%", "maintenance": "5%"}]},
        settlement_interval="8h",
        call_due="1h",
        waterfall=["defaulter_fund", "skin_in_the_game", "survivors_fund", "gains_haircut"],
    ).expect()
    house.list_contract(
        "BTC-PERP",
        "perpetual",
        settlement="USD",
        tick_size="0.5",
        lot_size="0.001",
        price_min="1",
        price_max="1000000",
        position_limit="1000",
        margin_class="major",
        stale_after="1h",
        fee="0.05%",
    ).expect()
    for member, client in [("Alpha", "alice"), ("Beta", "bob")]:
        house.add_member(member).expect()
        house.open_account(client, member=member).expect()
        house.deposit(client, "USD", "1000").expect()
    house.marks({"BTC-PERP": "50000"}).expect()

    house.trade("BTC-PERP", buyer="alice", seller="bob", quantity="0.1", price="50000.5").expect()

    for name in ("alice", "bob"):
        account = house.account(name)
        print(
            f"{name:6} {account.lots('BTC-PERP'):>5} lots  equity {account.equity:>12}  initial {account.initial:>12}"
        )

    # A trade that an account cannot carry is refused, with the reason and the cure; nothing else changes.
    refused = house.trade("BTC-PERP", buyer="alice", seller="bob", quantity="0.1", price="50000")
    print(refused.refusals[0])

"""A day of variation: prices move, results add up, and a settlement cycle turns them into one cash flow per account."""

from decimal import Decimal

from novate import ClearingHouse

MORNING, NOON, EVENING = "2024-03-04T08:00:00Z", "2024-03-04T12:00:00Z", "2024-03-04T17:30:00Z"

with ClearingHouse() as house:
    house.add_asset("EUR", decimals=2, fine_decimals=8, time=MORNING).expect()
    house.adopt_rulebook(
        "daily settlement",
        numeraire="EUR",
        form="clearing_house",
        collateral={"EUR": 0},
        margin_classes={"power": [{"above": 0, "initial": "20%", "maintenance": "15%"}]},
        settlement_interval="1d",
        call_due="1h",
        waterfall=["defaulter_fund", "skin_in_the_game", "survivors_fund", "gains_haircut"],
    ).expect()
    house.list_contract(
        "POWER-APR",
        "future",
        settlement="EUR",
        tick_size="0.01",
        lot_size=720,  # one megawatt through all hours of April
        price_min="0.01",
        price_max=4000,
        position_limit=72_000,
        margin_class="power",
        stale_after="12h",
        expiry="2024-03-28T16:00:00Z",
    ).expect()
    for name in ("Utility", "Smelter", "Trader"):
        house.add_member(name).expect()
        house.deposit(name, "EUR", 60_000).expect()
    house.marks({"POWER-APR": "60.00"}).expect()

    # The trader buys from the utility and sells on: what is left of two trades is one position and a result.
    house.trade("POWER-APR", buyer="Trader", seller="Utility", lots=5, price="60.00").expect()
    house.trade("POWER-APR", buyer="Smelter", seller="Trader", lots=4, price="61.25", time=NOON).expect()
    house.marks({"POWER-APR": "58.40"}, time=EVENING).expect()

    print("before settlement")
    for account in house.accounts():
        (money,) = account.balances
        lots = account.lots("POWER-APR")
        print(f"  {account.name:8} {lots:>3} lots  settled {money.settled:>10}  unsettled {money.unsettled:>10.2f}")

    # Midnight: losers pay first, winners are paid in full, and every account starts again from the mark.
    house.clock("2024-03-05T00:00:00Z").expect()
    print("after settlement")
    for account in house.accounts():
        print(f"  {account.name:8} settled {account.balance('EUR'):>10}")
    assert sum(account.balance("EUR") for account in house.accounts()) == Decimal(180_000), "money is conserved"

    (netting,) = house.compression()
    print(f"{netting.gross_lots} lots traded, {netting.net_lots} open: {netting.netted * 100:.1f} % netted away")

"""A calm market turns wild: sheets come every week and when volatility jumps, and a rise of margin takes steps."""

import numpy as np

from novate import ClearingHouse
from novate.core.commands import AdoptRiskSheet
from novate.risk.days import DAY_NS
from novate.risk.factors import Factor, FactorHistory
from novate.risk.instruments import Instrument
from novate.risk.models.draft import draft, quantised
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.recalibration import Policy, due, within

MODEL = FilteredShortfall(named=())
POLICY = Policy(every_ns=7 * DAY_NS, ratio=1.25)
CENT = {"unit_fine": 10**6, "fine_decimals": 8}

# Daily closes, made up: 500 days with moves of 2 %, then a week with moves of 7 %.
wild = np.arange(508) >= 500
moves = np.where(wild, 0.07, 0.02) * np.random.default_rng(11).standard_normal(508)
closes = np.round(50_000 * np.exp(np.cumsum(moves - moves.mean())))
days = np.arange("2024-01-01", "2025-06-01", dtype="datetime64[D]")[:508]
times = days.astype("datetime64[ns]").astype(np.int64)

with ClearingHouse() as house:
    house.add_asset("USD", decimals=2, fine_decimals=8, time=f"{days[0]}").expect()
    house.adopt_rulebook(
        "bounded",
        numeraire="USD",
        form="clearing_house",
        collateral={"USD": 0},
        margin_classes={"major": [{"above": 0, "initial": "50%", "maintenance": "25%"}]},
        settlement_interval="24h",
        call_due="1h",
        waterfall=["defaulter_fund", "gains_haircut"],
        recalibration_rise="20%",
        recalibration_every="24h",
    ).expect()
    house.list_contract(
        "BTC-PERP",
        "perpetual",
        settlement="USD",
        tick_size=1,
        lot_size="0.01",
        price_min=1_000,
        price_max=1_000_000,
        position_limit=10_000,
        margin_class="major",
        stale_after="2d",
    ).expect()
    for name in ("long", "short"):
        house.add_member(name).expect()
        house.deposit(name, "USD", 1_000_000).expect()
    terms = house.read(lambda book: book.registers.contracts[0])

    sheet, calibrated_ns, behind = None, 0, False
    for today in range(489, 508):
        now, price = int(times[today]) + DAY_NS, int(closes[today])  # a day's close is known when the day has ended
        house.marks({"BTC-PERP": price}, time=now).expect()
        known = FactorHistory((Factor("BTC"),), times[: today + 1], closes[: today + 1, None], gap_max_ns=DAY_NS)
        why = due(POLICY, known, calibrated_ns, now) if sheet else None
        if sheet and not why and not behind:
            continue
        made = draft(MODEL, [Instrument(terms, "BTC", None, price)], known, {"BTC": price}, now)
        note = "the first sheet"
        if sheet:
            step = within(sheet, made, rise_ppm=200_000, fall_ppm=0, **CENT)
            made, behind = step.draft, bool(step.held_back)
            note = f"{why.because}, {why.ratio:.2f} times as volatile" if why else "a step more"
            note += "".join(f"; {one.side} {one.wanted:.2f}, {one.uncovered:.2f} uncovered" for one in step.held_back)
        calibrated_ns = now if why or not sheet else calibrated_ns
        sheet = quantised(made, name=f"{days[today]}", numeraire="USD", **CENT)
        house.apply(AdoptRiskSheet(sheet)).expect()
        if not house.account("long").positions:
            house.set_margin_mode("long", "portfolio").expect()
            house.trade("BTC-PERP", buyer="long", seller="short", lots=100, price=price).expect()
        print(f"{days[today]} {price:>6}: {house.account('long').initial / 100:>7.2f} a lot  {note}")

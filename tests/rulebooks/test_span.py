"""SPAN by hand, and the risk array that L. McMillan prints (Options as a Strategic Investment, part V)."""

import numpy as np
import pytest

from novate.risk.black import black76
from novate.risk.venues import span
from novate.risk.venues.book import NotCovered
from novate.risk.venues.requirement import Equity, answer
from novate.rulebooks import load, margin
from tests.rulebooks.books import book, days, future, option

WEIGHTS = (0.270, 0.217, 0.110, 0.037)


def rules(*pairs: span.Credit, **commodities: span.Commodity) -> span.Rules:
    return span.Rules(
        commodities=commodities, extreme_ranges=2.0, extreme_counted=0.35, initial=1.0, weights=WEIGHTS, pairs=pairs
    )


def parts(found: span.Risk) -> dict[str, float]:
    return {part.what: part.maintenance for part in found.parts if part.maintenance}


def test_the_array_of_one_future() -> None:
    """A range of 20 points at 500 dollars: 10,000 in steps of a third; the extreme counts for 14 points."""
    of = span.Commodity(price_range=20.0)
    held = book(future(500, 1000.0, 60, on="SP"), prices={"SP": 1000.0})
    _, gains = span.risk_arrays(held, "SP", of, rules(SP=of))
    thirds = [0, 0, 3333, 3333, -3333, -3333, 6667, 6667, -6667, -6667, 10_000, 10_000, -10_000, -10_000, 7000, -7000]
    assert gains[0] == pytest.approx(thirds, abs=0.5)


def test_a_straddle_a_day_ahead() -> None:
    of = span.Commodity(price_range=10.0, vol_range=0.05)
    held = book(option(-1, 100, "call", 30, 0.3, on="X"), prices={"X": 100.0}, forwards={30: 100.0})
    _, gains = span.risk_arrays(held, "X", of, rules(X=of))
    now = float(black76(100, 100, 0.3, 30 / 365, True))
    up = float(black76(110, 100, 0.35, 29 / 365, True))
    extreme = float(black76(120, 100, 0.30, 29 / 365, True))
    assert gains[0, 10] == pytest.approx(now - up)
    assert gains[0, 14] == pytest.approx(0.35 * (now - extreme))


def test_months_that_offset_are_charged() -> None:
    of = span.Commodity(price_range=6.0, spread=1.5)
    held = book(future(1000, 70.0, 30, on="CL"), future(-400, 69.0, 60, on="CL"), prices={"CL": 70.0})
    found = parts(span.requirement(held, rules(CL=of)))
    assert sorted(found.values()) == pytest.approx([400 * 1.5, 600 * 6.0])


def test_a_month_is_its_expiry_whatever_the_name() -> None:
    of = span.Commodity(price_range=9.0, vol_range=0.05)
    held = book(
        option(-2, 100, "call", 30, 0.3, on="A-B"),
        future(5, 100, 30, on="A-B"),
        prices={"A-B": 100.0},
        forwards={30: 100.0},
    )
    assert list(span.month_deltas(held, "A-B", of, rules(**{"A-B": of}))) == [days(30)]


def test_commodities_are_credited_by_their_futures_price_risk() -> None:
    """10 HO against 8 CL in spreads of 1 and 1: 8 deltas of each are used. Price risks per delta are 5 and 6, so HO is
    let off 8 x 5 x 60 %, CL 8 x 6 x 60 %; a second pair finds the 2 HO that are left."""
    pair = span.Credit(legs=("HO", "CL"), deltas=(1.0, 1.0), rate=0.6)
    rest = span.Credit(legs=("HO", "RB"), deltas=(1.0, 2.0), rate=0.5)
    of = rules(pair, rest, **{n: span.Commodity(price_range=r) for n, r in (("HO", 5.0), ("CL", 6.0), ("RB", 4.0))})
    held = book(
        future(10, 90.0, 30, on="HO"),
        future(-8, 70.0, 30, on="CL"),
        future(-10, 80.0, 30, on="RB"),
        prices={"HO": 90.0, "CL": 70.0, "RB": 80.0},
    )
    found = parts(span.requirement(held, of))
    let_off = {name[:2]: asked for name, asked in found.items() if "credit" in name}
    assert let_off == pytest.approx({"HO": -(8 * 5 * 0.6 + 2 * 5 * 0.5), "CL": -(8 * 6 * 0.6), "RB": -(4 * 4 * 0.5)})
    same_way = book(future(10, 90.0, 30, on="HO"), future(8, 70.0, 30, on="CL"), prices={"HO": 90.0, "CL": 70.0})
    assert not [name for name in parts(span.requirement(same_way, of)) if "credit" in name]


def test_an_options_delta_is_weighted_over_seven_prices() -> None:
    of = span.Commodity(price_range=9.0, vol_range=0.05)
    held = book(
        option(-2, 100, "call", 30, 0.3, on="X"), future(5, 100, 60, on="X"), prices={"X": 100.0}, forwards={30: 100.0}
    )
    weights = {0: 0.270, 3: 0.217, 6: 0.110, 9: 0.037}
    deltas = {
        move: (
            float(black76(100 + move + 1e-4, 100, 0.3, 30 / 365, True))
            - float(black76(100 + move - 1e-4, 100, 0.3, 30 / 365, True))
        )
        / 2e-4
        for move in (0, 3, -3, 6, -6, 9, -9)
    }
    total = weights[0] + 2 * (weights[3] + weights[6] + weights[9])
    composite = sum(weights[abs(move)] * delta for move, delta in deltas.items()) / total
    months = span.month_deltas(held, "X", of, rules(X=of))
    assert sorted(months.values()) == pytest.approx(sorted([-2 * composite, 5]))


def test_price_risk_is_scan_risk_without_volatility_and_time() -> None:
    losses = np.zeros(16)
    losses[0], losses[1], losses[12], losses[13] = 30, 10, 120, 80
    # Scenario 13: half of itself and its pair is 100, time the mean of the first two, 20.
    assert span.futures_price_risk(losses, 12) == 80


def test_short_options_have_a_minimum() -> None:
    of = span.Commodity(price_range=1.0, vol_range=0.01, short_option=3.0)
    held = book(option(-10, 200, "call", 30, 0.2, on="X"), prices={"X": 100.0}, forwards={30: 100.0})
    assert sum(parts(span.requirement(held, rules(X=of))).values()) == pytest.approx(30.0)


def test_available_net_option_value_is_taken_off() -> None:
    of = span.Commodity(price_range=10.0, vol_range=0.05)
    held = book(option(2, 100, "call", 30, 0.3, on="X"), prices={"X": 100.0}, forwards={30: 100.0}, cash=50.0)
    found = span.requirement(held, rules(X=of))
    value = 2 * float(black76(100, 100, 0.3, 30 / 365, True))
    out = answer(held, Equity(option_value="out", unrealised="in", collateral="in"), found)
    inside = answer(held, Equity(option_value="in", unrealised="in", collateral="in"), found)
    assert out.maintenance == pytest.approx(inside.maintenance - value)
    assert (out.equity, inside.equity) == (50, pytest.approx(50 + value))


def test_the_shipped_file_margins_futures_as_the_exchange_did() -> None:
    # 7 February 2022: one CL of 1,000 barrels asks for 6,800, and for 7,480 initially.
    found = margin(book(future(1000, 91.0, 30, on="CL"), prices={"CL": 91.0}, cash=8000.0), load("cme-span"))
    assert (found.initial, found.maintenance) == (pytest.approx(7480), pytest.approx(6800))
    with pytest.raises(NotCovered, match="no volatility range for options of CL"):
        margin(book(option(1, 90, "put", 30, on="CL"), prices={"CL": 91.0}, forwards={30: 91.0}), load("cme-span"))


def test_open_trade_equity_is_equity() -> None:
    """A gain of 400 points since entry stands beside the requirement and takes nothing off it."""
    found = margin(book(future(1, 4400.0, 30, 4000.0, on="ES"), prices={"ES": 4400.0}), load("cme-span"))
    assert (found.initial, found.maintenance, found.equity) == (pytest.approx(237.6), pytest.approx(216), 400)

"""Factors move, instruments follow: bases, premiums, term structures, smiles, funding, settlement in a coin, and the
twentieth of April 2020."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from novate.core.terms import Contract, Kind
from novate.risk.bachelier import bachelier
from novate.risk.black import black76
from novate.risk.days import YEAR_NS
from novate.risk.errors import RiskError
from novate.risk.instruments import Instrument
from novate.risk.revaluation import Levels, between, projected, results_of_one_lot
from novate.risk.surface import Smile

NOW = 1_000 * 86_400 * 10**9
DAY_NS = 86_400 * 10**9


def contract(symbol: str, kind: Kind, days: float | None = None, **changes: object) -> Contract:
    """A contract of one unit, settled in dollars."""
    terms: dict[str, object] = {
        "symbol": symbol,
        "kind": kind,
        "settlement": "USD",
        "tick_size": "0.01",
        "lot_size": "1",
        "price_min_ticks": 1,
        "price_max_ticks": 10**9,
        "position_limit_lots": 10**6,
        "margin_class": "major",
        "stale_after_ns": DAY_NS,
        "expiry_ns": None if days is None else NOW + round(days * DAY_NS),
        **changes,
    }
    return Contract(**terms)  # type: ignore[arg-type]


def levels(now: dict[str, float], after: list[dict[str, float]], horizon_days: float = 0.0) -> Levels:
    """Scenarios as what changes in each of them."""
    rows = np.array([[(now | row)[name] for name in now] for row in after])
    return Levels(tuple(now), np.array(list(now.values())), rows, horizon_days)


def result(one: Instrument, at: Levels) -> list[float]:
    return results_of_one_lot([one], at, NOW)[0].tolist()


def test_a_linear_future_gains_what_its_price_does() -> None:
    future = Instrument(contract("FUT", Kind.FUTURE, 365), "BTC", None, 110.0)
    at = levels({"BTC": 100.0}, [{}, {"BTC": 120.0}, {"BTC": 50.0}])
    assert result(future, at) == pytest.approx([0.0, 22.0, -55.0], abs=1e-12)


def test_a_basis_is_a_rate_until_the_expiry_and_rolls_down_as_time_passes() -> None:
    future = Instrument(contract("FUT", Kind.FUTURE, 182.5), "BTC", None, 110.0)
    bases = {"BTC": 100.0, "BTC basis 90d": 0.1, "BTC basis 365d": 0.1}
    up = {"BTC basis 90d": 0.2, "BTC basis 365d": 0.2}
    assert result(future, levels(bases, [up])) == pytest.approx([115.0 - 110.0])
    steeper = {"BTC basis 365d": 0.2}
    share = (182.5 - 90) / 275
    assert result(future, levels(bases, [steeper])) == pytest.approx([100 * (1.1 + 0.05 * share) - 110])
    half_way = levels(bases, [{}], horizon_days=91.25)
    assert result(future, half_way) == pytest.approx([105.0 - 110.0])
    beyond = levels(bases, [{"BTC": 130.0}], horizon_days=500)
    assert result(future, beyond) == pytest.approx([130.0 - 110.0])


def test_an_inverse_future_gains_coins_that_are_worth_what_they_are_in_the_scenario() -> None:
    terms = contract("INV", Kind.FUTURE, 90, inverse=True, settlement="BTC", lot_size="100")
    inverse = Instrument(terms, "BTC", "BTC", 50_000.0)
    prices = [25_000.0, 50_000.0, 100_000.0]
    at = levels({"BTC": 50_000.0}, [{"BTC": price} for price in prices])
    # 100 dollars a lot: in dollars it gains as a hundred dollars' worth of coin does.
    assert result(inverse, at) == pytest.approx([-50.0, 0.0, 100.0])


def test_a_perpetual_follows_its_premium_and_pays_funding() -> None:
    perpetual = Instrument(contract("PERP", Kind.PERPETUAL), "BTC", None, 101.0, fundings_a_day=3)
    now = {"BTC": 100.0, "BTC premium": 0.01, "BTC funding": 0.0001}
    at = levels(now, [{}, {"BTC premium": -0.02}, {"BTC": 110.0, "BTC funding": 0.001}], horizon_days=2)
    prices = [101.0, 98.0, 111.1]
    expected = [price - 101 - rate * 6 * price for price, rate in zip(prices, (1e-4, 1e-4, 1e-3), strict=True)]
    assert result(perpetual, at) == pytest.approx(expected, abs=1e-12)
    terms = contract("INV", Kind.PERPETUAL, inverse=True, settlement="BTC", lot_size="100")
    inverse = Instrument(terms, "BTC", "BTC", 100.0, fundings_a_day=3)
    coins = levels({"BTC": 100.0, "BTC funding": 0.001}, [{"BTC funding": 0.001}], horizon_days=1)
    assert result(inverse, coins) == pytest.approx([-0.003 * 100])  # longs pay, inverse or not
    with pytest.raises(RiskError, match=r"PERP: fundings_a_day: got 0.0: say how often"):
        result(Instrument(perpetual.contract, "BTC", None, 101.0), at)


def test_a_peg_that_breaks_takes_part_of_every_result() -> None:
    future = Instrument(contract("FUT", Kind.FUTURE, 90, settlement="USDC"), "BTC", "USDC", 100.0)
    at = levels({"BTC": 100.0, "USDC": 1.0}, [{"BTC": 110.0, "USDC": 0.88}, {"BTC": 90.0, "USDC": 0.88}])
    assert result(future, at) == pytest.approx([8.8, -8.8])


def option(**changes: object) -> Instrument:
    terms = contract("CALL", Kind.CALL, 73, underlying="IDX", strike="100", margin_class="option")
    return Instrument(terms, "BTC", None, 105.0, 0.6, **changes)  # type: ignore[arg-type]


def test_an_option_is_revalued_in_full() -> None:
    now = {"BTC": 100.0, "BTC vol 30d": 0.5, "BTC vol 90d": 0.6}
    moved = {"BTC": 80.0, "BTC vol 30d": 0.75, "BTC vol 90d": 0.6}
    at = levels(now, [{}, moved], horizon_days=7.3)
    share = (73 - 30) / 60
    variance = 0.5**2 * 30 * (1 - share) + 0.6**2 * 90 * share
    after = 0.75**2 * 30 * (1 - share) + 0.6**2 * 90 * share
    vols = [0.6, 0.6 * np.sqrt(after / variance)]
    forwards = [100 * (1 + 0.05 * 0.9), 80 * (1 + 0.05 * 0.9)]
    expected = black76(forwards, 100, vols, 0.18, True) - black76(105, 100, 0.6, 0.2, True)
    assert result(option(), at) == pytest.approx(expected.tolist(), rel=1e-12)


def test_a_volatility_moves_along_its_smile_where_it_has_one() -> None:
    smile = Smile("73 days", 0.2, 100.0, 0.04, 0.1, -0.4, 0.0, 0.2)
    at = levels({"BTC": 100.0}, [{}, {"BTC": 70.0}])
    _, vols, _ = projected([option(smile=smile)], at, NOW)
    ks = np.log(100 / np.array([105.0, 73.5]))
    assert vols[0].tolist() == pytest.approx((0.6 * smile.vols(ks) / smile.vols(ks[:1])).tolist())
    _, vols, _ = projected([option()], at, NOW)
    assert vols[0].tolist() == [0.6, 0.6]


def test_an_inverse_option_is_worth_its_payoff_in_dollars_at_the_scenarios_own_price() -> None:
    terms = contract("COIN-CALL", Kind.CALL, 73, underlying="IDX", strike="100", inverse=True, settlement="BTC")
    one = Instrument(terms, "BTC", "BTC", 100.0, 0.6)
    at = levels({"BTC": 100.0}, [{"BTC": 150.0}])
    now, then = black76(100, 100, 0.6, 0.2, True) / 100, black76(150, 100, 0.6, 0.2, True) / 150
    assert result(one, at) == pytest.approx([150 * float(then - now)], rel=1e-12)


def test_tenors_are_flat_outside_and_straight_between() -> None:
    tenors, rows = np.array([7.0, 30.0]), np.array([[1.0, 3.0], [5.0, 5.0]])
    assert between(tenors, rows, 1.0).tolist() == [1.0, 5.0]
    assert between(tenors, rows, 18.5).tolist() == [2.0, 5.0]
    assert between(tenors, rows, 90.0).tolist() == [3.0, 5.0]
    assert between(tenors[:1], rows[:, :1], 90.0).tolist() == [1.0, 5.0]


# ---- 20 April 2020 ------------------------------------------------------------------------------------------------


def crude(symbol: str, kind: Kind, **changes: object) -> Contract:
    limits = {"price_min_ticks": 0 if kind is not Kind.FUTURE else -100_000, "lot_size": "1000"}
    return contract(symbol, kind, 30, **limits, **changes)


def wti(path: Path) -> dict[str, float]:
    table = pq.read_table(path, columns=["date", "wti_usd_bbl"]).drop_null()
    days = [str(day)[:10] for day in table["date"].to_pylist()]
    return dict(zip(days, table["wti_usd_bbl"].to_pylist(), strict=True))


def test_crude_oil_is_revalued_across_the_twentieth_of_april_2020(market_file: Callable[[str], Path]) -> None:
    """WTI closed at 18.31 on the Friday and at -36.98 on the Monday; the day after it was 8.91."""
    prices = wti(market_file("crude_oil_spot_daily.parquet"))
    friday, monday, tuesday = (prices[f"2020-04-{day}"] for day in ("17", "20", "21"))
    assert (friday, monday, tuesday) == (18.31, -36.98, 8.91)
    future = Instrument(crude("CL", Kind.FUTURE), "WTI", None, friday, normal=True)
    put_terms = crude("CL-15-P", Kind.PUT, underlying="CL", strike="15", futures_style=True)
    put = Instrument(put_terms, "WTI", None, friday, 20.0, normal=True)
    call_terms = crude("CL-15-C", Kind.CALL, underlying="CL", strike="15", futures_style=True)
    call = Instrument(call_terms, "WTI", None, friday, 20.0, normal=True)
    at = levels({"WTI": friday}, [{"WTI": monday}, {"WTI": tuesday}], horizon_days=1)
    rows = results_of_one_lot([future, call, put], at, NOW)
    assert rows[0].tolist() == pytest.approx([1000 * (monday - friday), 1000 * (tuesday - friday)])
    assert rows[1] - rows[2] == pytest.approx(rows[0])  # parity, whatever the sign of the price
    years = 29 / 365
    worth = 1000 * (bachelier(monday, 15, 20, years, False) - bachelier(friday, 15, 20, 30 / 365, False))
    assert rows[2][0] == pytest.approx(float(worth))
    assert rows[2][0] > 50_000

    # From below zero back above it: a move that no ratio of prices describes.
    held = Instrument(future.contract, "WTI", None, monday, normal=True)
    back = levels({"WTI": monday}, [{"WTI": tuesday}])
    assert result(held, back) == pytest.approx([1000 * (tuesday - monday)])


def test_a_contract_that_excludes_such_a_day_says_so() -> None:
    down = levels({"WTI": 18.31}, [{}, {"WTI": -36.98}])
    strict = Instrument(contract("CL", Kind.FUTURE, 30), "WTI", None, 18.31, normal=True)
    with pytest.raises(RiskError, match=r"CL, scenario 1: price: got -36.98: neither its terms nor its model allow"):
        result(strict, down)
    put = contract("CL-15-P", Kind.PUT, 30, underlying="CL", strike="15")
    with pytest.raises(RiskError, match=r"CL-15-P, scenario 1: price: got -36.98: .* make it normal"):
        result(Instrument(put, "WTI", None, 18.31, 0.9), down)
    smile = Smile("30 days", 30 / 365, 100.0, 0.04, 0.1, -0.4, 0.0, 0.2)
    with pytest.raises(RiskError, match=r"CL-15-P, scenario 1: forward: got -36.98"):
        result(Instrument(put, "WTI", None, 18.31, 0.9, smile), down)
    with pytest.raises(RiskError, match=r"CL-15-P: index -36.98, price 18.31: one of them is not above zero"):
        result(Instrument(put, "WTI", None, 18.31, 0.9), levels({"WTI": -36.98}, [{}]))


@pytest.mark.parametrize(
    ("one", "now", "says"),
    [
        (option(), {"ETH": 1.0}, "CALL: there is no factor 'BTC'"),
        (option(), {"BTC": np.nan}, "BTC: level now: got nan: a hole is not filled"),
        (option(), {"BTC": 1.0, "BTC vol 30d": 0.0}, r"BTC vol 30d: vol level now: got 0.0"),
        (Instrument(contract("OLD", Kind.FUTURE, -1), "BTC", None, 1.0), {"BTC": 1.0}, "OLD: it has expired"),
    ],
)
def test_what_is_missing_is_named(one: Instrument, now: dict[str, float], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        result(one, levels(now, [{}]))


def test_levels_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(RiskError, match="levels: 1 factors need"):
        Levels(("BTC",), np.ones(2), np.ones((3, 1)), 1.0)
    with pytest.raises(RiskError, match="horizon_days: got -1"):
        Levels(("BTC",), np.ones(1), np.ones((3, 1)), -1)
    with pytest.raises(RiskError, match="BTC, scenario 2: level: got inf: leave the scenario out"):
        Levels(("BTC",), np.ones(1), np.array([[1.0], [1.0], [np.inf]]), 1.0)


def test_a_year_has_365_days() -> None:
    assert YEAR_NS == 365 * DAY_NS
    assert option().years(NOW) == pytest.approx(0.2)


@pytest.mark.parametrize("names", [("BTC vol 0d",), ("BTC vol 30d", "BTC vol 30.0d")])
def test_tenors_are_of_some_days_and_there_once(names: tuple[str, ...]) -> None:
    levels = Levels(names, np.full(len(names), 0.5), np.full((1, len(names)), 0.6), 2.0)
    with pytest.raises(RiskError, match=f"{names[-1]}: of no days, or there twice: tenors are above zero, one series"):
        levels.tenors("BTC", "vol")

"""The skew: what a move of it does to each strike, prices by another library, results in a sheet, and real smiles."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from novate.core.terms import Kind
from novate.risk.errors import RiskError
from novate.risk.factors import Factor
from novate.risk.instruments import Instrument
from novate.risk.models.draft import draft
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.requirement import requirement
from novate.risk.revaluation import Levels, projected, results_of_one_lot
from novate.risk.scenarios.hypothetical import hypothetical
from novate.risk.skew import call_delta, rotated
from novate.risk.surface import Smile
from novate.risk.surface.fit import fit_smile
from tests.risk.test_revaluation import NOW, contract, levels, option, result
from tests.risk.test_surface import real_chains
from tests.risk.walks import daily, walk

YEARS = 0.2
"""73 days."""


def strike_of(delta: float, vol: float, forward: float = 100.0) -> float:
    """The strike at which the call has a delta."""
    return forward * np.exp(vol * np.sqrt(YEARS) * float(norm.ppf(1 - delta)) + vol * vol * YEARS / 2)


def one_at(strike: float, vol: float, kind: Kind = Kind.CALL, days: float = 73.0) -> Instrument:
    terms = contract(f"{kind.value} {strike:.4g}", kind, days, underlying="IDX", strike=f"{strike:.8f}")
    return Instrument(terms, "BTC", None, 100.0, vol)


# ---- what it does to each strike ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "part"), [(1 - 1e-9, -1.0), (0.75, -0.5), (0.5, 0.0), (0.25, 0.5), (0.1, 0.8), (1e-9, 1.0)]
)
@pytest.mark.parametrize("kind", [Kind.CALL, Kind.PUT])
def test_it_rotates_about_delta_50_and_levels_off(delta: float, part: float, kind: Kind) -> None:
    one = one_at(strike_of(delta, 0.45), 0.45, kind)
    at = levels({"BTC": 100.0, "BTC skew 30d": -0.03}, [{"BTC skew 30d": skew} for skew in (-0.03, 0.01, -0.05)])
    _, vols, _ = projected([one], at, NOW)
    assert vols[0] - 0.45 == pytest.approx([0.0, 0.04 * part, -0.02 * part], abs=1e-8)


def test_the_risk_reversal_that_is_quoted_moves_by_what_the_skew_does() -> None:
    """The figures of ``docs/concepts/pricing.md``: 45 % and 41 % become 46 % and 40 %."""
    low, high = one_at(strike_of(0.75, 0.45), 0.45, Kind.PUT), one_at(strike_of(0.25, 0.41), 0.41)
    at = levels({"BTC": 100.0, "BTC skew 30d": -0.04}, [{"BTC skew 30d": -0.06}])
    _, vols, _ = projected([low, high], at, NOW)
    assert vols[:, 0] == pytest.approx([0.46, 0.40])


@given(
    vols=st.lists(st.floats(0.05, 3.0), min_size=1, max_size=5),
    move=st.floats(-0.5, 0.5),
    strikes=st.floats(1.0, 10_000.0),
)
def test_no_strike_moves_by_more_than_the_skew_and_back_is_where_it_was(
    vols: list[float], move: float, strikes: float
) -> None:
    there = np.array(vols)
    deltas = call_delta(np.full(len(vols), 100.0), strikes, there, YEARS)
    moved = rotated(there, deltas, move)
    assert (np.abs(moved - there) <= abs(move) + 1e-15).all()
    assert rotated(moved, deltas, -move) == pytest.approx(there)
    # High strikes rise where the skew does, low ones fall.
    assert (np.sign(moved - there) * np.sign(move) * np.sign(0.5 - deltas) >= 0).all()


def test_normal_volatilities_rotate_about_the_forward_in_the_currency_of_the_price() -> None:
    terms = contract("CL-25-C", Kind.CALL, 73, underlying="CL", strike="25", price_min_ticks=0, futures_style=True)
    one = Instrument(terms, "CL", None, -5.0, 20.0, normal=True)
    now = {"CL": -5.0, "CL skew 30d": 1.0}
    _, vols, _ = projected([one], levels(now, [{"CL skew 30d": 3.0}, {"CL": 25.0, "CL skew 30d": 3.0}]), NOW)
    delta = float(norm.cdf(-30 / (20 * np.sqrt(YEARS))))
    assert vols[0] == pytest.approx([20 + 2 * (1 - 2 * delta), 20.0])


# ---- what an option is then worth -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.CALL, Kind.PUT])
def test_options_are_revalued_as_another_library_does_at_the_rotated_volatility(kind: Kind) -> None:
    """Price, volatility, skew and time move at once; tenors of the skew are straight in days between."""
    now = {"BTC": 100.0, "BTC vol 30d": 0.5, "BTC skew 30d": -0.02, "BTC skew 90d": -0.01}
    moved = {"BTC": 80.0, "BTC vol 30d": 0.75, "BTC skew 30d": -0.12, "BTC skew 90d": -0.05}
    one = one_at(120.0, 0.6, kind)
    share = (73 - 30) / 60
    skew = -0.10 * (1 - share) + -0.04 * share
    years, forward, vol = 0.18, 80.0, 0.6 * 0.75 / 0.5
    deviation = vol * np.sqrt(years)
    delta = norm.cdf(np.log(forward / 120) / deviation + deviation / 2)
    vol += skew * (1 - 2 * float(delta))
    side = ql.Option.Call if kind is Kind.CALL else ql.Option.Put
    then = ql.blackFormula(side, 120.0, forward, vol * np.sqrt(years))
    before = ql.blackFormula(side, 120.0, 100.0, 0.6 * np.sqrt(YEARS))
    assert result(one, levels(now, [moved], horizon_days=7.3)) == pytest.approx([then - before], rel=1e-9)


def test_it_rotates_what_lies_along_the_smile_and_what_expires_is_its_payoff() -> None:
    smile = Smile("73 days", 0.2, 100.0, 0.04, 0.1, -0.4, 0.0, 0.2)
    at = levels({"BTC": 100.0, "BTC skew 30d": 0.0}, [{"BTC": 70.0}, {"BTC": 70.0, "BTC skew 30d": 0.05}])
    _, vols, _ = projected([option(smile=smile)], at, NOW)
    plain = vols[0, 0]
    deviation = plain * np.sqrt(YEARS)
    delta = float(norm.cdf(np.log(73.5 / 100) / deviation + deviation / 2))
    assert vols[0, 1] == pytest.approx(plain + 0.05 * (1 - 2 * delta))
    gone = levels({"BTC": 100.0, "BTC skew 30d": 0.0}, [{"BTC skew 30d": -9.0}], horizon_days=80)
    assert results_of_one_lot([option()], gone, NOW)[0, 0] == pytest.approx(0.0 - result_at_entry())


def result_at_entry() -> float:
    return float(ql.blackFormula(ql.Option.Call, 100.0, 105.0, 0.6 * np.sqrt(YEARS)))


def test_a_skew_that_leaves_no_volatility_is_named() -> None:
    far = one_at(300.0, 0.4)
    now = {"BTC": 100.0, "BTC skew 30d": 0.0}
    words = r"call 300, scenario 1: volatility: got -0\.09\d+: 'BTC skew' takes it there: move the skew by less"
    with pytest.raises(RiskError, match=words):
        result(far, levels(now, [{"BTC skew 30d": -0.3}, {"BTC skew 30d": -0.5}]))
    exact = Instrument(far.contract, "BTC", None, 100.0, 0.0)
    assert result(exact, levels(now, [{}])) == [0.0]  # of a volatility of none nothing is taken
    with pytest.raises(RiskError, match=r"call 300, scenario 0: volatility: got -0\.01: 'BTC skew' takes it there"):
        result(exact, levels(now, [{"BTC skew 30d": -0.01}]))
    down = levels({"BTC": 100.0, "BTC skew 30d": 0.0}, [{"BTC": -1.0, "BTC skew 30d": 0.1}])
    with pytest.raises(RiskError, match=r"call 300, scenario 0: forward: got -1\.0: Black-76 needs a price above zero"):
        result(far, down)


# ---- in a sheet -----------------------------------------------------------------------------------------------------


def test_a_sheet_asks_for_a_skew_that_was_recorded_and_for_one_that_is_stated() -> None:
    """A risk reversal loses as the skew falls: by its vega of either leg, half of the move each."""
    skew = -0.03 + np.cumsum(0.004 * np.random.default_rng(1).standard_normal(800))
    still = np.stack([100.0 + 1e-9 * walk(800, seed=1)[:, 0], skew], axis=1)
    factors = Factor("BTC"), Factor("BTC skew 30d", "absolute")
    history = daily(still, *factors)
    stated = hypothetical("stated", factors[1:], {"rotated": {"BTC skew 30d": -0.10}})
    model = FilteredShortfall(hypothetical=(stated,))
    now = {"BTC": 100.0, "BTC skew 30d": float(skew[-1])}
    time_ns = int(history.known_ns[-1])
    days = 73 + (time_ns - NOW) / (24 * 3600 * 10**9)
    call = one_at(strike_of(0.25, 0.5), 0.5, days=days)
    put = one_at(strike_of(0.75, 0.5), 0.5, Kind.PUT, days=days)
    made = draft(model, [call, put], history, now, time_ns)
    lots = {call.contract.symbol: 1_000, put.contract.symbol: -1_000}
    asked = requirement(made, lots)
    assert (asked.binds, asked.blocks[3].scenario) == ("hypothetical", "rotated")
    root = np.sqrt(YEARS - 2 / 365)

    def worth(one: Instrument, vol: float, root: float) -> float:
        side = ql.Option.Call if one.contract.kind is Kind.CALL else ql.Option.Put
        return float(ql.blackFormula(side, one.strike, 100.0, vol * root))

    def gain(move: float) -> float:
        parts = []
        for one, sign in ((call, 1), (put, -1)):
            deviation = 0.5 * root
            delta = float(norm.cdf(np.log(100 / one.strike) / deviation + deviation / 2))
            then = worth(one, 0.5 + move * (1 - 2 * delta), root)
            parts.append(sign * (then - worth(one, 0.5, np.sqrt(YEARS))))
        return 1_000 * sum(parts)

    assert asked.blocks[3].loss == pytest.approx(-gain(-0.10), rel=1e-6)
    worst = min(history.column("BTC skew 30d")[2:] - history.column("BTC skew 30d")[:-2])
    floor = asked.blocks[2]
    assert floor.scenario_loss == pytest.approx(-gain(float(worst)), rel=1e-5)
    assert sum(loss for _, loss in floor.contributors) == pytest.approx(floor.scenario_loss)
    assert all(loss > 0 for _, loss in floor.contributors)  # both legs lose
    # Without the series the same pair stands still, but for two days of time.
    calm = draft(FilteredShortfall(), [call, put], history.of(["BTC"]), {"BTC": 100.0}, time_ns)
    assert requirement(calm, lots).initial < 0.1 * floor.loss


# ---- the smiles of January 2026 -------------------------------------------------------------------------------------


def vol_at(smile: Smile, delta: float) -> float:
    """The volatility of a fitted smile where the call has a delta."""

    def off(k: float) -> float:
        at = np.array([k])
        return float(call_delta(np.ones(1), float(np.exp(k)), smile.vols(at), smile.years)[0]) - delta

    return float(smile.vols(np.array([brentq(off, -2, 2)]))[0])


def errors_of_a_day(path: Path, currency: str, first: int) -> list[tuple[float, float]]:
    """By how much quotes of the next snapshot are off the volatilities revalued from this one, in the mean of each
    expiry whose skew moved by a point or more: with the level and way along the smile alone, and rotated too."""
    (old, _), (new, _) = (real_chains(path, currency, snapshot) for snapshot in (first, first + 1))
    found = []
    for before, after in itertools.product(old, new):
        if before.expiry != after.expiry or not 7 < 365 * after.years < 100:
            continue
        smiles = fit_smile(before), fit_smile(after)
        vol, skew = ([f(smile) for smile in smiles] for f in (lambda s: vol_at(s, 0.5), reversal))
        if abs(skew[1] - skew[0]) < 0.01:
            continue
        names = ("BTC", "BTC vol 30d", "BTC skew 30d")
        rows = np.array([[after.forward, vol[1], skew[0]], [after.forward, vol[1], skew[1]]])
        at = Levels(names, np.array([before.forward, vol[0], skew[0]]), rows, 365 * (before.years - after.years))
        instruments = [
            replace(one_at(strike, float(quoted), days=365 * before.years), price=before.forward, smile=smiles[0])
            for strike, quoted in zip(
                after.strikes, smiles[0].vols(np.log(after.strikes / before.forward)), strict=True
            )
        ]
        _, vols, _ = projected(instruments, at, NOW)
        deltas = call_delta(np.full(len(after.strikes), after.forward), after.strikes, after.vols, after.years)
        near = (deltas > 0.05) & (deltas < 0.95)
        mean = np.abs(vols - after.vols[:, None])[near].mean(axis=0)
        found.append((float(mean[0]), float(mean[1])))
    return found


def reversal(smile: Smile) -> float:
    return vol_at(smile, 0.25) - vol_at(smile, 0.75)


def test_real_smiles_turn_as_their_skew_says(market_file: Callable[[str], Path]) -> None:
    """Four pairs of snapshots."""
    path = market_file("deribit_option_chains_2026jan.parquet")
    found = [each for currency in ("BTC", "ETH") for day in (8, 51) for each in errors_of_a_day(path, currency, day)]
    still, turned = 100 * np.mean(found, axis=0)
    assert len(found) >= 12
    assert still > 0.7
    assert turned < 0.55 * still


@pytest.mark.long
def test_the_page_of_pricing_says_what_all_real_smiles_did(market_file: Callable[[str], Path]) -> None:
    """All 60 snapshots of either currency."""
    path = market_file("deribit_option_chains_2026jan.parquet")
    page = Path(__file__).resolve().parents[2] / "docs/concepts/pricing.md"
    found = [each for currency in ("BTC", "ETH") for day in range(59) for each in errors_of_a_day(path, currency, day)]
    still, turned = 100 * np.mean(found, axis=0)
    nearer = f"{sum(after < before for before, after in found)} of the {len(found)}"
    words = f"off by {still:.2f} vol points in the mean; rotated as well, by {turned:.2f}, and {nearer}"
    assert words in page.read_text(encoding="utf-8")

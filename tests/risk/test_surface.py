"""Surfaces: what an arbitrage is, that fits hold none, and how near they come to the real chains of January 2026."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novate.risk.black import black76
from novate.risk.days import YEAR_NS
from novate.risk.errors import RiskError
from novate.risk.implied import implied_vol, within_bounds
from novate.risk.surface import Chain, Smile, Surface, fit
from novate.risk.surface.surface import arbitrages

NEAR = Smile("27MAR26", 0.25, 100.0, 0.01, 0.12, -0.3, 0.02, 0.2)
FAR = Smile("26JUN26", 0.5, 100.0, 0.03, 0.17, -0.25, 0.03, 0.3)


def chain(smile: Smile, *, forward: float = 90_000.0, bent: float = 0.0) -> Chain:
    """Quotes on a smile, every other one off it by as much as said."""
    ks = np.linspace(-0.8, 0.8, 25)
    vols = smile.vols(ks) + bent * (-1.0) ** np.arange(25)
    return Chain(smile.expiry, smile.years, forward, forward * np.exp(ks), vols, np.full(25, 0.005))


def test_durrlemans_function_is_the_density() -> None:
    """g n(d2) / sqrt(w) is the density of ln(S / F): the second derivative of the price by the strike."""
    strikes = np.exp(np.linspace(-0.6, 0.6, 13))
    step = 1e-4 * strikes

    def price(at: np.ndarray) -> np.ndarray:
        return black76(1.0, at, NEAR.vols(np.log(at)), NEAR.years, True)

    density = (price(strikes + step) - 2 * price(strikes) + price(strikes - step)) / step**2 * strikes
    ks = np.log(strikes)
    w = NEAR.variances(ks)
    d2 = -ks / np.sqrt(w) - np.sqrt(w) / 2
    normal = np.exp(-d2 * d2 / 2) / np.sqrt(2 * np.pi)
    assert NEAR.durrleman(ks) * normal / np.sqrt(w) == pytest.approx(density, rel=1e-5)


def test_a_published_butterfly_is_found() -> None:
    """A. Vogt's parameters, Gatheral and Jacquier (2014), example 3.1: total variance above zero, density below it."""
    vogt = Smile("1Y", 1.0, 100.0, -0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    ks = np.linspace(-1.5, 1.5, 301)
    assert vogt.variances(ks).min() > 0
    assert vogt.durrleman(ks).min() < 0
    with pytest.raises(RiskError, match=r"1Y: a butterfly is an arbitrage at strike 241[.]368 .*fit anew"):
        Surface((vogt,))


@pytest.mark.parametrize(
    ("smiles", "says"),
    [
        (
            (NEAR, Smile("LATER", 0.5, 100.0, -0.01, 0.12, -0.3, 0.02, 0.2)),
            "LATER: total variance falls from 27MAR26 at strike ",
        ),
        ((NEAR, Smile("LATER", 0.5, 100.0, 0.2, 0.05, -0.3, 0.02, 0.2)), "LATER: total variance falls from 27MAR26"),
        ((Smile("FLAT", 0.5, 100.0, -0.03, 0.12, 0.0, 0.0, 0.2),), "FLAT: total variance is not above zero at strike "),
        ((Smile("STEEP", 5.0, 100.0, 1.0, 1.5, 0.6, 0.0, 1.0),), "STEEP: a butterfly is an arbitrage"),
        (
            (Smile("POINT", 0.5, 100.0, 0.01, 0.1, 0.0, 0.0, 0.0),),
            "expected b of 0 or more, sigma above it, rho between",
        ),
        ((Smile("STRANGE", 0.5, 100.0, 0.5, 0.1, 1.5, 0.0, 0.1),), "rho between -1 and 1: fit anew"),
        ((Smile("NEVER", np.nan, 100.0, 0.5, 0.1, 0.5, 0.0, 0.1),), "smiles: expected times to expiry above zero"),
        ((FAR, NEAR), r"smiles: expected times to expiry above zero that increase, got \[0.5, 0.25\]"),
        ((), "smiles: expected times"),
    ],
)
def test_a_surface_with_arbitrage_names_expiry_and_place(smiles: tuple[Smile, ...], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        Surface(smiles)


def test_every_arbitrage_is_listed() -> None:
    steep = Smile("STEEP", 5.0, 100.0, 1.0, 1.5, 0.6, 0.0, 1.0)
    found = list(arbitrages((steep, Smile("LATER", 6.0, 100.0, 1.2, 1.4, 0.6, 0.0, 1.0))))
    assert "STEEP: total variance rises by 2.4 in a wing, 2 is the most: leave out the quotes around it" in found[1]
    assert [each.split(":")[0] for each in found] == ["STEEP", "STEEP", "LATER", "LATER", "LATER"]
    gentle = Smile("GENTLE", 5.0, 100.0, 1.0, 0.2, 0.0, 0.0, 1.0)
    lower = Smile("LOWER", 6.0, 100.0, 1.5, 0.15, 0.0, 0.0, 1.0)
    assert "LOWER: total variance falls from GENTLE" in next(arbitrages((gentle, lower)))


def test_an_arbitrage_further_out_than_eight_deviations_is_found() -> None:
    """A day's option after a crash stands dozens of deviations from the money: the smile is read there too."""
    near = Smile("NEAR", 0.25, 100.0, 0.02, 0.1, 0.0, 0.0, 0.05)
    later = Smile("LATER", 0.5, 100.0, 0.017, 0.1001, 0.0, 0.0, 0.5)  # steeper, and below from 2.9 to 29
    with pytest.raises(RiskError, match="LATER: total variance falls from NEAR at strike "):
        Surface((near, later))
    wide = Smile("WIDE", 0.05, 100.0, -0.347210288, 0.35722835, -0.0451968, 0.2358987, 0.9772697)
    inside = 8 * np.sqrt(wide.variances(np.zeros(1))[0])
    assert wide.durrleman(np.linspace(-inside, inside, 801)).min() > 0
    with pytest.raises(RiskError, match="WIDE: a butterfly is an arbitrage at strike "):
        Surface((wide,))


@given(st.floats(-1.0, 1.0), st.floats(0.01, 0.49))
def test_total_variance_rises_between_expiries(k: float, years: float) -> None:
    surface = Surface((NEAR, FAR))
    sooner, later = surface.vols(k, years) ** 2 * years, surface.vols(k, years + 0.01) ** 2 * (years + 0.01)
    assert sooner <= later
    if years <= NEAR.years:
        assert surface.vols(k, years) == pytest.approx(float(NEAR.vols(np.array(k))))


def test_a_surface_is_its_smiles_at_their_expiries_and_ends_with_the_last() -> None:
    surface, ks = Surface((NEAR, FAR)), np.linspace(-1, 1, 9)
    assert surface.vols(ks, 0.25).tolist() == NEAR.vols(ks).tolist()
    assert surface.vols(ks, 0.5) == pytest.approx(FAR.vols(ks))
    half_way = (NEAR.variances(ks) + FAR.variances(ks)) / 2
    assert surface.vols(ks, 0.375) ** 2 * 0.375 == pytest.approx(half_way)
    for years in (0.51, 0.0, float("nan")):
        with pytest.raises(RiskError, match=r"reaches from 0 to 0.5 \(26JUN26\): fit a longer expiry"):
            surface.vols(ks, years)


def test_a_bound_that_is_no_number_lets_nothing_through() -> None:
    """Every comparison with it is false: quotes that hold an arbitrage were fitted as if they held none."""
    with pytest.raises(RiskError, match="error_max nan: expected a volatility of 0 or more"):
        fit([chain(NEAR, bent=0.1)], error_max=np.nan)
    with pytest.raises(RiskError, match="log_moneyness: expected finite numbers"):
        Surface((NEAR,)).vols([0.0, np.nan], 0.1)


def test_quotes_without_arbitrage_are_fitted_to_the_last_hundredth_of_a_point() -> None:
    surface = fit([chain(FAR), chain(NEAR)], error_max=0.001)
    assert [smile.expiry for smile in surface.smiles] == ["27MAR26", "26JUN26"]
    ks = np.linspace(-0.8, 0.8, 25)
    for found, true in zip(surface.smiles, (NEAR, FAR), strict=True):
        assert np.abs(found.vols(ks) - true.vols(ks)).max() < 1e-4


def test_a_stale_quote_does_not_bend_the_smile() -> None:
    quotes = chain(NEAR)
    quotes.vols[3] += 0.25
    found = fit([quotes], error_max=0.01).smiles[0]
    ks = np.delete(np.linspace(-0.8, 0.8, 25), 3)
    assert np.abs(found.vols(ks) - NEAR.vols(ks)).max() < 0.01


@settings(max_examples=12)
@given(st.floats(0.0, 0.05), st.floats(0.85, 1.6))
def test_a_fit_never_holds_an_arbitrage(bent: float, ratio: float) -> None:
    later = Smile("LATER", 0.3, 100.0, NEAR.a * ratio, NEAR.b * ratio, NEAR.rho, NEAR.m, NEAR.sigma)
    surface = fit([chain(NEAR, bent=bent), chain(later, bent=-bent)], error_max=0.2)
    assert not list(arbitrages(surface.smiles))


def test_quotes_that_hold_an_arbitrage_are_refused_with_the_expiry_and_the_strike() -> None:
    lower = Smile("LATER", 0.3, 100.0, NEAR.a / 2, NEAR.b / 2, NEAR.rho, NEAR.m, NEAR.sigma)
    with pytest.raises(RiskError, match=r"LATER: half of its quotes are .* above 27MAR26 .* strike [\d.]+ .* mend the"):
        fit([chain(NEAR), chain(lower)], error_max=0.02)
    with pytest.raises(RiskError, match=r"27MAR26: half of its quotes .* without arbitrage"):
        fit([chain(NEAR, bent=0.1)], error_max=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"vols": np.array([0.5, 0.5, np.nan, 0.5, 0.5])}, "27MAR26, strike 100: vol: got nan: leave the quote out"),
        ({"vols": np.full(4, 0.5)}, "27MAR26: strikes, vols and tolerances: one number"),
        ({"strikes": np.array([90.0, 95.0, 100.0, 100.0, 110.0])}, "27MAR26: 4 strikes, at least 5 are needed"),
        ({"tolerances": np.zeros(5)}, "27MAR26, strike 90: tolerance: got 0.0: give half"),
        ({"years": 0.0}, "27MAR26: years 0.0, forward 100.0: both must be above zero"),
        ({"forward": np.inf}, "27MAR26: years 0.25, forward inf: both must be above zero, finite"),
        ({"strikes": np.array([90.0, 95.0, 100.0, 105.0, np.inf])}, "27MAR26, strike inf: strike: got inf: leave the"),
        ({"tolerances": np.full(5, np.inf)}, "27MAR26, strike 90: tolerance: got inf: give half"),
    ],
)
def test_quotes_that_cannot_be_fitted_are_named(change: dict[str, object], says: str) -> None:
    good = {
        "expiry": "27MAR26",
        "years": 0.25,
        "forward": 100.0,
        "strikes": np.array([90.0, 95.0, 100.0, 105.0, 110.0]),
    }
    good |= {"vols": np.full(5, 0.5), "tolerances": np.full(5, 0.01)}
    with pytest.raises(RiskError, match=says):
        Chain(**good | change)  # type: ignore[arg-type]


# ---- the chains of January 2026 -------------------------------------------------------------------------------------


def real_chains(path: Path, currency: str, snapshot: int) -> tuple[list[Chain], list[tuple[np.ndarray, np.ndarray]]]:
    """Chains of one snapshot out of the money, with the volatilities that are bid and asked for each quote.

    Prices are in the coin: times the forward they are in dollars. A quote without a bid or an ask is left out.
    """
    table = pq.read_table(path, filters=[("currency", "==", currency)])
    times = sorted(set(table["ts"].to_pylist()))
    table = table.filter(pc.equal(table["ts"], times[snapshot]))  # pyright: ignore[reportAttributeAccessIssue]
    rows = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    chains, quotes = [], []
    for expiry in sorted(set(rows["expiry"])):
        years = (expiry - times[snapshot]).total_seconds() * 1e9 / YEAR_NS
        forward, strike = rows["underlying_price"].astype(float), rows["strike"].astype(float)
        call, mark = rows["option_type"] == "call", rows["mark_iv"].astype(float)
        bid, ask = (rows[name].astype(float) * forward for name in ("bid_price", "ask_price"))
        good = (rows["expiry"] == expiry) & (call == (strike >= forward)) & (mark > 0)
        good &= within_bounds(bid, forward, strike, years, call) & within_bounds(ask, forward, strike, years, call)
        if len(set(strike[good])) < 5:
            continue
        low, high = (implied_vol(price[good], forward[good], strike[good], years, call[good]) for price in (bid, ask))
        tolerance = np.maximum((high - low) / 2, 0.0025)
        name = f"{currency} {expiry:%d%b%y}"
        chains.append(Chain(name, years, float(np.median(forward[good])), strike[good], mark[good], tolerance))
        quotes.append((low, high))
    return chains, quotes


@pytest.mark.parametrize("currency", ["BTC", "ETH"])
def test_real_chains_are_fitted_without_arbitrage(currency: str, market_file: Callable[[str], Path]) -> None:
    """Four snapshots of 30 December to 28 January; ``docs/concepts/pricing.md`` has the figures of all 60. Of
    number 48 total variance once fell from 30 January to 6 February below 31 % of ether's forward."""
    path = market_file("deribit_option_chains_2026jan.parquet")
    errors, outside = [], []
    for snapshot in (0, 30, 48, 59):
        chains, quotes = real_chains(path, currency, snapshot)
        assert len(chains) >= 8
        surface = fit(chains, error_max=0.01)
        ks = np.concatenate([np.linspace(-20, 20, 8_001), np.linspace(-2, 2, 8_001)])
        assert min(smile.durrleman(ks).min() for smile in surface.smiles) > 0
        assert min((b.variances(ks) - a.variances(ks)).min() for a, b in itertools.pairwise(surface.smiles)) > 0
        for each, smile, (low, high) in zip(chains, surface.smiles, quotes, strict=True):
            found = smile.vols(each.log_moneyness)
            errors.append(np.abs(found - each.vols))
            outside.append(np.maximum(np.maximum(low - found, found - high), 0.0))
    error, beyond = 100 * np.concatenate(errors), 100 * np.concatenate(outside)
    assert len(error) > 800
    assert np.median(error) < 0.2
    assert np.quantile(error, 0.9) < 1.0
    assert error.max() < 12.0
    assert np.mean(beyond == 0) > 0.86  # inside the bid and the ask
    assert np.quantile(beyond, 0.99) < 2.5
    assert beyond.max() < 9.0


def test_marks_of_a_real_chain_give_the_volatilities_that_the_venue_gives(market_file: Callable[[str], Path]) -> None:
    """Marks are rounded to 10^-6 coin or more coarsely, so only volatilities that such a price tells are compared."""
    table = pq.read_table(market_file("deribit_option_chains_2026jan.parquet"))
    rows = {name: table[name].to_numpy() for name in ("strike", "mark_price", "mark_iv", "underlying_price")}
    years, call = table["time_to_maturity"].to_numpy(), table["option_type"].to_numpy() == "call"
    forward, strike = rows["underlying_price"], rows["strike"]
    price = rows["mark_price"] * forward
    told = (
        within_bounds(price, forward, strike, years, call) & (call == (strike >= forward)) & (rows["mark_price"] > 0.01)
    )
    names = table["instrument_name"].to_numpy()[told].tolist()
    found = implied_vol(price[told], forward[told], strike[told], years[told], call[told], names=names)
    assert told.sum() > 10_000
    error = np.abs(found - rows["mark_iv"][told])
    assert np.median(error) < 1e-3
    assert np.quantile(error, 0.99) < 0.02

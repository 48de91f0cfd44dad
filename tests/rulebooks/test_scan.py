"""Portfolio margin by a grid, and standard margin, of Deribit and Paradex: published figures and figures by hand."""

from datetime import UTC, datetime, timedelta
from math import exp, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.special import ndtri

from novate.files import FileError
from novate.risk.black import black76
from novate.risk.venues import scan, standard
from novate.risk.venues.book import Collateral
from novate.rulebooks import load, margin
from tests.rulebooks.books import book, future, option, perpetual


def rules(name: str) -> Any:
    return load(name).rules


def test_paradex_publishes_a_charge_on_deltas() -> None:
    """docs.paradex.trade/risk/portfolio-margin: one long perpetual and five short calls of delta 0.3 at 70,000 have a
    net delta of -0.5 and a hedged delta of 1, so (2 % x 0.5 + 1 % x 1) x 70,000."""
    vol, days = 0.6, 30
    deviation = vol * sqrt(days / 365)
    strike = 70_000 * exp(deviation**2 / 2 - deviation * float(ndtri(0.3)))
    held = book(
        perpetual(1, 70_000),
        option(-5, strike, "call", days, vol),
        prices={"BTC": 70_000.0},
        forwards={days: 70_000.0},
    )
    assert sum(charge for _, charge in scan.delta_charges(held, "BTC", rules("paradex-pm"))) == pytest.approx(1400)


def test_where_the_charge_on_deltas_decides_it_names_what_is_charged() -> None:
    """A perpetual against a call deep in the money: no scenario loses as much as 1 % of the hedged delta."""
    held = book(
        perpetual(1, 100_000), option(-1, 10_000, "call", 1), prices={"BTC": 100_000.0}, forwards={1: 100_000.0}
    )
    found = margin(held, load("paradex-pm"))
    assert found.worst == "BTC: charge on deltas"
    assert sum(charge for _, charge in found.contributors) == pytest.approx(found.initial)


def test_paradex_publishes_24_scenarios() -> None:
    rows = rules("paradex-pm").grid.rows()
    assert len(rows) == 24
    assert rows[16:] == [
        (change, "up", part)
        for change, part in zip(
            (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0),
            (0.18, 0.36, 0.24, 0.12, 0.06, 0.04, 0.03, 0.024),
            strict=True,
        )
    ]
    assert sorted({change for change, way, _ in rows[:16] if way == "down"}) == [
        *(-0.12, -0.08, -0.04, 0, 0.04, 0.08, 0.12)
    ]


def test_paradex_publishes_how_volatilities_move() -> None:
    """Days below 1 are 1, powers 0.30 and 0.13 below and from 30 days, 40 % at least after a shock upwards."""
    shock = rules("paradex-pm").grid.vol
    for days, size in ((0.2, 30**0.3), (10, 3**0.3), (30, 1), (90, (1 / 3) ** 0.13)):
        assert float(shock.shocked(0.7, days, "up")) == pytest.approx(0.7 * (1 + 0.4 * size))
        assert float(shock.shocked(0.7, days, "down")) == pytest.approx(0.7 * (1 - 0.22 * size))
    assert float(shock.shocked(0.05, 90, "up")) == 0.4


def test_deribit_publishes_an_answer_of_its_model() -> None:
    """docs.deribit.com, private/pme/simulate, 17 June 2024: losses in coins at the price of the scenario, 16 % down."""
    mark, later, index = 65_910.57, 67_371.75, 65_666.19
    days = (datetime(2024, 6, 28, 8, tzinfo=UTC) - datetime(2024, 6, 17, 10, 22, tzinfo=UTC)) / timedelta(days=1)
    held = book(perpetual(0.314538364, mark), future(-0.001187534, later, days), prices={"BTC": index})
    found = scan.worst_of(held, "BTC", rules("deribit-pm").grid, rules("deribit-pm").dampener)
    coins = [loss / price / 0.84 for (_, loss), price in zip(found.losses, (mark, later), strict=True)]
    assert coins == pytest.approx([0.05991206933333334, -0.0002261969523809524])
    assert sum(coins) == pytest.approx(0.05968587238095239)
    assert scan.roll_shock(held, "BTC", rules("deribit-pm")) / index == pytest.approx(0.00315725898)
    asked = margin(held, load("deribit-pm"))
    assert asked.maintenance / asked.initial == pytest.approx(0.050274504784 / 0.06284313098)
    # Each of its eight tails is damped to nothing: its loss would be that of the range, some 3,300 dollars.
    grid, dampener = rules("deribit-pm").grid, rules("deribit-pm").dampener
    assert [dampener * (abs(change) / 0.16 - 1) > 3_400 for change, _ in grid.tails] == [True] * 8


def test_a_perpetual_loses_the_range() -> None:
    found = margin(book(perpetual(-2, 100_000)), load("deribit-pm"))
    assert (found.initial, found.maintenance) == (pytest.approx(0.17 * 200_000), pytest.approx(0.136 * 200_000))
    assert found.contributors == (("BTC-PERP", pytest.approx(32_000)),)
    found = margin(book(perpetual(-2, 100_000)), load("paradex-pm"))
    assert (found.initial, found.maintenance) == (pytest.approx(32_000), pytest.approx(16_000))


def test_months_that_offset_are_charged_by_the_roll_shock() -> None:
    """1 % of perpetuals and of what ends soon; beyond 49 days 7.5 % a year, compounded."""
    held = book(perpetual(-2, 100_000), future(3, 101_000, 30), future(-1, 104_000, 365))
    assert {part.what: part.initial for part in margin(held, load("deribit-pm")).parts} == {
        "BTC: price +0.16, vol up": pytest.approx(0.16 * (200_000 + 104_000 - 3 * 101_000)),
        "BTC: roll shock": pytest.approx(100_000 * (0.02 + 0.03 + exp(0.075) - 1)),
    }


def test_the_roll_shock_nets_within_an_expiry() -> None:
    """A future against a call and a put sold at one strike: their deltas add up to the discounted one of a forward."""
    legs = (option(-3, 95_000, "call", 20), option(3, 95_000, "put", 20), future(3, 100_000, 20))
    assert scan.roll_shock(book(*legs, forwards={20: 100_000.0}), "BTC", rules("deribit-pm")) == pytest.approx(0, abs=1)


def test_a_tail_counts_beyond_its_dampener() -> None:
    """Calls at three times the price: at +500 % 3.2 % of the loss counts, less 100,000 for each of 30.25 ranges."""
    of = rules("deribit-pm")
    sold = book(option(-2_000, 300_000, "call", 10, 0.5), forwards={10: 100_000.0})
    found = scan.worst_of(sold, "BTC", of.grid, of.dampener)
    vol = 0.5 * (1 + 0.5 * 3**0.3)
    rose = float(black76(600_000, 300_000, vol, 10 / 365, True)) - float(black76(1e5, 3e5, 0.5, 10 / 365, True))
    assert found.label == "price +5, vol up, counted 0.032"
    assert found.loss == pytest.approx(0.032 * 2_000 * rose - 30.25 * 100_000)
    assert found.losses[-1] == ("dampener", pytest.approx(-30.25 * 100_000))
    assert sum(loss for _, loss in found.losses) == pytest.approx(found.loss)
    few = book(option(-10, 300_000, "call", 10, 0.5), forwards={10: 100_000.0})
    assert scan.worst_of(few, "BTC", of.grid, of.dampener).loss < 0.01
    assert scan.worst_of(few, "BTC", of.grid).loss > 10_000


@pytest.mark.parametrize("name", ["deribit-pm", "paradex-pm"])
def test_the_worst_scenario_is_that_of_a_loop(name: str) -> None:
    grid = rules(name).grid
    held = book(
        perpetual(-0.7, 100_300),
        option(-3, 120_000, "call", 12, 0.55),
        option(2, 80_000, "put", 95, 0.6),
        forwards={12: 100_500.0, 95: 103_000.0},
    )
    losses = []
    for change, way, part in grid.rows():
        loss = 0.7 * 100_300 * change
        for amount, strike, call, days, vol, forward in (
            (-3, 120_000, True, 12, 0.55, 100_500.0),
            (2, 80_000, False, 95, 0.6, 103_000.0),
        ):
            size = (30 / days) ** (0.3 if days <= 30 else 0.13)
            moved = {
                "up": vol * (1 + grid.vol.up * size),
                "same": vol,
                "down": max(0, vol * (1 - grid.vol.down * size)),
            }[way]
            moved = max(moved, grid.vol.vol_min) if way == "up" else moved
            now, then = (
                float(black76(price, strike, each, days / 365, call))
                for price, each in ((forward, vol), (forward * (1 + change), moved))
            )
            loss -= amount * (then - now)
        losses.append(loss * part)
    found = scan.worst_of(held, "BTC", grid)
    assert found.loss == pytest.approx(max(losses))
    assert sum(loss for _, loss in found.losses) == pytest.approx(found.loss)
    assert int(np.argmax(losses)) == [scan.row_label(*row) for row in grid.rows()].index(found.label)


def test_deribit_publishes_rates_of_futures() -> None:
    # 11 January 2022: initial 2 % + 0.005 % per BTC, maintenance 1 % + the same; ETH 0.0004 % per ETH.
    found = margin(book(perpetual(100, 40_000), prices={"BTC": 40_000.0}), load("deribit-standard"))
    assert (found.initial, found.maintenance) == (pytest.approx(0.025 * 4e6), pytest.approx(0.015 * 4e6))
    found = margin(book(perpetual(-1000, 3000, on="ETH"), prices={"ETH": 3000.0}), load("deribit-standard"))
    assert (found.initial, found.maintenance) == (pytest.approx(0.024 * 3e6), pytest.approx(0.014 * 3e6))


def test_rates_grow_with_the_root_of_a_size() -> None:
    """Drift's law: of 10,000 units a factor of 1,000 ppm adds 10 % to four fifths of each rate; of 1 unit nothing."""
    own = standard.Straight(initial=0.1, maintenance=0.05, root=0.001)
    of = standard.Rules(
        markets={"XRP": standard.Market(straight=own)},
        futures=False,
        discounted=False,
        collateral={"XRP": 0.9},
        collateral_roots={"XRP": 0.001},
    )
    pledged = (Collateral(asset="XRP", amount=250_000.0, price=2.0),)
    held = book(perpetual(-10_000, 2.0, on="XRP"), prices={"XRP": 2.0}, collateral=pledged)
    found = standard.requirement(held, of)
    parts = {part.what: (part.initial, part.maintenance) for part in found.parts if part.initial}
    assert parts["perpetuals and futures"] == pytest.approx((2_000, 1_000))
    assert parts["perpetuals and futures, for their size"] == pytest.approx((20_000 * 0.08, 20_000 * 0.09))
    assert found.contributors == (("XRP-PERP", pytest.approx(3_600)),)
    # 1.1 / (1 + 0.001 x 500) = 0.7333, and less of it would count at 0.9.
    assert found.collateral == pytest.approx(500_000 * 0.7333)
    assert found.notes == ("XRP: 250000 of it count at 73.33 %, and less of it at 90 %",)
    small = book(perpetual(1, 2.0, on="XRP"), prices={"XRP": 2.0}, collateral=(replace(pledged[0], amount=1.0),))
    found = standard.requirement(small, of)
    assert [part.initial for part in found.parts if part.initial] == [pytest.approx(0.2)]
    assert (found.collateral, found.notes) == (1.8, ())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("initial = 0.065", "initial = 0.06501, root = 0.001"), "with a root the rates are whole ten-thousandths"),
        (("initial = 0.065", "initial = 0.065, root = 0.0000001"), "root 1e-07: expected whole millionths"),
        (("futures = false", "futures = false\ncollateral_roots = { XRP = 0.001 }"), "give collateral.XRP"),
        (("futures = false", "futures = false\ncollateral_roots = { BTC = 0.0000001 }"), "in whole ten-thousandths"),
    ],
)
def test_roots_are_exact_or_refused(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = tmp_path / "mine.toml"
    shipped = Path(__file__).resolve().parents[2] / "src/novate/rulebooks/derive-srm.toml"
    path.write_text(shipped.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(FileError, match=says):
        load(str(path))


def test_deribit_publishes_rates_of_short_options() -> None:
    held = book(
        option(-1, 108_000, "call", 30),
        option(-1, 40_000, "put", 30),
        option(5, 100_000, "call", 30),
        forwards={30: 100_000.0},
    )
    call, put = (
        float(black76(100_000, strike, 0.5, 30 / 365, is_call))
        for strike, is_call in ((108_000, True), (40_000, False))
    )
    found = margin(held, load("deribit-standard"))
    # The call is 8 % out of the money: 15 - 8 is less than 10. Longs neither ask nor give.
    assert found.initial == pytest.approx(call + 10_000 + put + 10_000)
    assert found.maintenance == pytest.approx(call + 7500 + put + 7500)

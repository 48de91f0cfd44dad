"""What collateral counts for: haircuts by hand and from real histories, weights by size, wrong way, phases."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from novate import ClearingHouse
from novate.risk.collateral.haircuts import HaircutRules, Peg, haircut, results_of
from novate.risk.collateral.phasing import HaircutStep, PhaseRules, phased
from novate.risk.collateral.size_weights import asset_weight, liability_weight
from novate.risk.collateral.stable_price import StablePrice, begun, initial_price
from novate.risk.collateral.wrong_way import counted_ppm, loss_in_tail
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory, Scenarios, moves
from novate.risk.scenarios.stress_days import stress_days
from tests.risk.test_real_series import read
from tests.risk.walks import daily, walk

MarketFile = Callable[[str], Path]


def rising_days(count: int = 400) -> FactorHistory:
    """Days that gain 1 % but for each tenth, which loses 2 % or, in the first tenth of them, 5 %."""
    steps = np.where(np.arange(count) % 10 == 9, np.where(np.arange(count) < count // 10, -0.05, -0.02), 0.01)
    return daily(100 * np.cumprod(np.append(1, 1 + steps)))


def test_a_haircut_by_hand() -> None:
    """Over one day 10 of 400 moves lose, 4 of them 5 %: the loss of rank 396 is 2 %, the next ones 5 %."""
    rules = HaircutRules(horizon_steps=1, least=0.005)
    found = haircut(rising_days(), "BTC", rules, peg=Peg(par=rising_days().levels[-1, 0]))
    assert found.market == found.stressed == pytest.approx(0.02)
    assert (found.currency, found.depeg, found.binding, found.ppm) == (0.0, 0.0, "market", 20_000)
    tail = haircut(rising_days(), "BTC", HaircutRules(1, measure="expected_shortfall"), peg=Peg(par=1e9))
    assert tail.market == pytest.approx(0.05)
    assert tail.depeg == pytest.approx(2 * 0.98, rel=1e-4)
    assert tail.ppm == 1_000_000, "never more than all"
    floor = haircut(rising_days(), "BTC", HaircutRules(1, least=0.123456, step_ppm=1), peg=Peg(par=1.0))
    assert (floor.binding, floor.ppm) == ("least", 123_456)


def test_the_parts_of_a_haircut_are_added() -> None:
    """A bond in euros: its own loss, that of the euro, and neither offsets the other."""
    levels = np.column_stack([walk(500, seed=1), walk(500, seed=2, sigma=0.005)])
    both = daily(levels, Factor("BUND"), Factor("EUR"))
    plain = haircut(both, "BUND", HaircutRules())
    euro = haircut(both, "BUND", HaircutRules(), currency="EUR")
    own = haircut(daily(levels[:, 1], Factor("EUR")), "EUR", HaircutRules())
    assert euro.currency == pytest.approx(max(own.market, own.stressed))
    assert euro.market == plain.market
    assert euro.ppm == pytest.approx(1e6 * (max(euro.market, euro.stressed) + euro.currency), abs=10_000)


def test_what_is_counted_in_part_or_has_a_probability_is_heeded() -> None:
    """Three moves of a bad market: the worst counts by half, and is too improbable for the level, or is not."""
    history = rising_days()
    bad = Scenarios("bad", history.factors, np.log([[0.5], [0.9], [0.8]]), ("a", "b", "c"), 1.0)

    def stressed(**given: list[float]) -> float:
        arrays = {name: np.array(values) for name, values in given.items()}
        return haircut(history, "BTC", HaircutRules(1), stressed=replace(bad, **arrays)).stressed

    assert stressed() == pytest.approx(0.5)
    assert stressed(counted=[0.5, 1.0, 1.0]) == pytest.approx(0.25)
    assert stressed(weights=[0.005, 0.895, 0.1]) == pytest.approx(0.2)
    assert stressed(weights=[0.02, 0.88, 0.1], counted=[0.5, 1.0, 1.0]) == pytest.approx(0.25)


def test_stress_is_a_floor_that_calm_does_not_take_away() -> None:
    """Volatility falls to a quarter: the scaled market part falls with it, the stressed part does not."""
    steps = np.random.default_rng(3).standard_normal(800) * np.where(np.arange(800) < 500, 0.04, 0.01)
    found = haircut(daily(100 * np.exp(np.cumsum(steps))), "BTC", HaircutRules())
    assert found.market < 0.8 * found.stressed
    assert found.binding == "stressed"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda history: haircut(history, "GOLD", HaircutRules()), "no factor GOLD"),
        (lambda history: haircut(history, "BTC", HaircutRules(step_ppm=0)), "step_ppm 0"),
        (
            lambda history: haircut(history, "BTC", HaircutRules(), stressed=moves(history, 1)),
            "windows of the same length",
        ),
        (
            lambda history: haircut(daily(walk(99, seed=1), Factor("r", "absolute")), "r", HaircutRules()),
            "relative factor",
        ),
    ],
)
def test_what_no_haircut_follows_from_is_said(call: Callable[[FactorHistory], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        call(rising_days())


def test_bitcoins_haircut(market_file: MarketFile) -> None:
    """99 % of two days since 2011: no calm takes it below what the whole history asks, and stress days ask for more."""
    history = read(market_file("btcusd_daily_2011_2025.parquet"), "close", Factor("BTC"), gap_days=1)
    found = haircut(history, "BTC", HaircutRules())
    assert (found.binding, found.ppm) == ("stressed", 160_000)
    assert (found.market, found.stressed) == (pytest.approx(0.118, abs=0.001), pytest.approx(0.160, abs=0.001))
    losses = -results_of(moves(history, 2), "BTC")
    assert (losses > found.ppm / 1e6).mean() <= 0.01
    worst = haircut(history, "BTC", HaircutRules(), stressed=stress_days(history, 2).scenarios)
    assert (worst.ppm, worst.stressed) == (390_000, pytest.approx(0.385, abs=0.001)), "11 and 12 March 2020"


def test_ethers_haircut_is_above_bitcoins(market_file: MarketFile) -> None:
    """The same days of both, since 2020."""
    table = pq.read_table(market_file("coinbase_daily_2020_2025.parquet"))
    found = {}
    for symbol in ("BTC", "ETH"):
        of_one = pc.equal(table["symbol"], f"{symbol}/USD")  # pyright: ignore[reportAttributeAccessIssue]
        rows = table.filter(of_one).sort_by("date")
        times = rows["date"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        history = FactorHistory((Factor(symbol),), times, rows["close"].to_numpy()[:, None], gap_max_ns=2 * DAY_NS)
        found[symbol] = haircut(history, symbol, HaircutRules())
    assert (found["BTC"].ppm, found["ETH"].ppm) == (110_000, 160_000)
    assert found["ETH"].market == pytest.approx(0.142, abs=1e-3)
    assert found["ETH"].stressed == pytest.approx(0.157, abs=1e-3)


def test_a_peg_that_broke(market_file: MarketFile) -> None:
    """USDe on Binance, October 2025: worth a dollar until the 10th, 0.67 that evening, a dollar again afterwards.

    Hours of a calm history ask for next to nothing, before and, at 99 %, also after: one evening in 20 days is beyond
    the quantile. What holds is the peg's own part while it is broken, and the evening itself as stress.
    """
    path = market_file("usde_usdt_binance_1m_2025oct.parquet")
    whole = read(path, "close", Factor("USDe"), gap_days=1, vouched=("2025-10-10", "2025-10-11"))
    rules, low = HaircutRules(horizon_steps=60), int(np.argmin(whole.levels[:, 0]))
    assert (whole.labels()[low], whole.levels[low, 0]) == ("2025-10-10T21:43", 0.6651)
    before = haircut(whole.rows(0, low - 240), "USDe", rules, peg=Peg())
    assert (before.depeg, before.ppm) == (0.0, 10_000)
    amid = haircut(whole.rows(0, low + 1), "USDe", rules, peg=Peg())
    assert amid.depeg == pytest.approx(2 * (0.98 - 0.6651))
    assert amid.ppm == 640_000
    after = haircut(whole, "USDe", rules, peg=Peg())
    assert (after.depeg, after.ppm) == (0.0, 10_000)
    evening = moves(whole.rows(low - 240, low + 240), 60)
    remembered = haircut(whole, "USDe", rules, peg=Peg(), stressed=evening)
    assert remembered.binding == "stressed"
    assert remembered.ppm > 250_000


@pytest.mark.parametrize(
    ("size_usdc", "factor_ppm", "asset", "liability"),
    [
        (1_000, 0, 9_000, 11_000),
        (1_000, 10, 9_000, 11_000),
        (1_000 * 10**6, 10, 8_357, None),
        (1_000, 10_000, 8_357, 11_962),
        (1_000, 100_000, 2_642, 40_422),
    ],
)
def test_drifts_weights(size_usdc: int, factor_ppm: int, asset: int, liability: int | None) -> None:
    """drift-labs/protocol-v2, programs/drift/src/math/margin/tests.rs, 2025: spot_market_asset_weight."""
    assert asset_weight(size_usdc * 10**9, 9_000, factor_ppm) == asset
    if liability is not None:
        assert liability_weight(size_usdc * 10**9, 11_000, factor_ppm) == liability


def test_more_of_drifts_weights() -> None:
    """The same file: of 100,000 in all three margins 337; of unrealised results of 22,699 dollars 9,559."""
    assert asset_weight(100_000 * 10**9, 1_500, 100_000) == asset_weight(100_000 * 10**9, 7_500, 100_000) == 337
    assert liability_weight(1_000 * 10**9, 0, 100_000) == 31_622
    assert liability_weight(10**9, 0, 10**6) == 10_000, "a factor of one, one whole unit, its root one: in full"
    results = 22_699_050_905 * 1_000
    assert asset_weight(results, 10_000, 1_000) == 9_559
    larger = [asset_weight(24_282_786_896_000 * 10**at, 10_000, 1_000) for at in range(5)]
    assert larger == [9_516, 7_368, 4_299, 1_855, 663]
    with pytest.raises(RiskError, match="nothing negative"):
        asset_weight(-1, 1, 1)


@given(
    size=st.integers(0, 10**20),
    more=st.integers(0, 10**20),
    weight=st.integers(0, 10_000),
    factor=st.integers(0, 10**6),
)
def test_a_larger_size_never_weighs_better(size: int, more: int, weight: int, factor: int) -> None:
    assert asset_weight(size + more, weight, factor) <= asset_weight(size, weight, factor) <= weight
    assert liability_weight(size + more, 10_000 + weight, factor) >= liability_weight(size, 10_000 + weight, factor)
    assert liability_weight(size, 10_000 + weight, factor) >= 10_000 + weight


def fed(stable: StablePrice, price: float, step_s: int, count: int) -> StablePrice:
    for _ in range(count):
        stable = stable.updated(stable.time_s + step_s, price)
    return stable


def test_mangos_stable_price_after_a_tenfold_rise() -> None:
    """blockworks-foundation/mango-v4, programs/mango-v4/src/state/stable_price.rs, 2024: test_stable_price_10x."""
    stable = fed(begun(1.0, 0), 10.0, 60, 60)
    assert stable.price == pytest.approx(1.8, abs=0.1)
    assert stable.delayed[1:] == (1.0,) * 23
    assert stable.delayed[0] == pytest.approx(1.06, abs=0.01)
    assert (stable.slot, stable.gathered, stable.gathered_s) == (1, 0.0, 0)
    stable = fed(stable, 10.0, 10, 360)
    assert stable.price == pytest.approx(2.3, abs=0.1)
    assert stable.delayed[2:] == (1.0,) * 22
    assert stable.delayed[1] == pytest.approx(1.06**2, abs=0.01)
    stable = fed(stable, 10.0, 300, 12 * 23)
    assert stable.price == pytest.approx(7.4, abs=0.1)
    assert stable.delayed[0] > stable.delayed[23] > stable.delayed[22]
    assert stable.delayed[1] < min(stable.delayed[0], stable.delayed[2])
    assert stable.slot == 1


def test_mangos_delayed_price_is_a_mean() -> None:
    """The same file: test_stable_price_average."""
    stable = StablePrice(1.0, 0, (1.0,) * 24, 0, delay_limit=10.0)
    stable = fed(fed(stable, 1.0, 60, 30), 2.0, 60, 30)
    assert stable.delayed[0] == pytest.approx(1.5, abs=0.01)


def test_a_spike_buys_nothing_at_once() -> None:
    stable = begun(1.0, 0).updated(9, 100.0)
    assert stable.price == 1.0, "less than ten seconds change nothing"
    stable = begun(1.0, 0).updated(10, 100.0)
    assert stable.price == pytest.approx(1.003)
    assert initial_price(100.0, stable.price, owned=True) == stable.price
    assert initial_price(100.0, stable.price, owned=False) == 100.0
    assert begun(1.0, 0).updated(10**6, 100.0).delayed == (0.94,) * 24, "ten minutes at 100 over days"
    assert 0 < fed(begun(1.0, 0), 0.0, 60, 10).price < 1
    for time_s, price in ((-1, 1.0), (10, -1.0)):
        with pytest.raises(RiskError, match="time forward"):
            begun(1.0, 0).updated(time_s, price)
    with pytest.raises(RiskError, match="positive"):
        begun(0.0, 0)


def test_collateral_that_falls_with_its_owner_counts_for_nothing() -> None:
    """Long 10 of what is also the collateral: in the tail it loses all that it can; against a short it gains."""
    prices = np.linspace(-0.5, 0.5, 201)
    assert loss_in_tail(10 * prices, prices) == pytest.approx(0.4950)
    assert loss_in_tail(-10 * prices, prices) < 0
    assert counted_ppm(200_000, issuer=None, owner_group=(), tail_loss=loss_in_tail(10 * prices, prices)) == 0
    assert counted_ppm(200_000, issuer=None, owner_group=(), tail_loss=loss_in_tail(-10 * prices, prices)) == 800_000
    assert counted_ppm(200_000, issuer="Acme", owner_group={"Acme", "Acme Trading"}) == 0
    assert counted_ppm(200_000, issuer="Acme", owner_group={"Other"}) == 800_000
    with pytest.raises(RiskError, match="the same scenarios"):
        loss_in_tail(prices, prices[1:])
    with pytest.raises(RiskError, match="ppm"):
        counted_ppm(-1, issuer=None, owner_group=())


def test_a_rise_comes_in_equal_steps_and_reaches_initial_first() -> None:
    rules = PhaseRules(step_ppm=20_000, every_ns=DAY_NS, notice_ns=3 * DAY_NS)
    assert phased(100_000, 150_000, 0, rules) == (
        HaircutStep(3 * DAY_NS, 116_667, 100_000),
        HaircutStep(4 * DAY_NS, 133_334, 116_667),
        HaircutStep(5 * DAY_NS, 150_000, 133_334),
        HaircutStep(6 * DAY_NS, 150_000, 150_000),
    )
    assert phased(150_000, 100_000, 7, rules) == (HaircutStep(7 + 3 * DAY_NS, 100_000, 100_000),)
    assert phased(100_000, 100_000, 0, rules) == ()
    with pytest.raises(RiskError, match="positive steps"):
        phased(0, 1, 0, PhaseRules(0, 1))
    with pytest.raises(RiskError, match="expected 0 to"):
        phased(0, 1_000_001, 0, rules)


@given(
    now=st.integers(0, 10**6), target=st.integers(0, 10**6), step=st.integers(1_000, 10**6), lag=st.integers(0, 3)
)  # fmt: skip
def test_phases_keep_their_rules(now: int, target: int, step: int, lag: int) -> None:
    steps = phased(now, target, 5, PhaseRules(step, 10, 2, lag))
    before = HaircutStep(0, now, now)
    for each in steps:
        assert each.initial_ppm - before.initial_ppm <= step
        assert each.maintenance_ppm - before.maintenance_ppm <= step
        assert each.maintenance_ppm <= each.initial_ppm
        assert each.effective_ns >= max(7, before.effective_ns + 10 * (before.effective_ns > 0))
        before = each
    assert (before.initial_ppm, before.maintenance_ppm) == (target, target)


def test_the_steps_are_rulebooks_that_a_house_schedules() -> None:
    """A rulebook has one haircut, in force for both requirements: it takes the later."""
    now = 1_700_000_000 * 10**9
    steps = phased(100_000, 150_000, now, PhaseRules(20_000, DAY_NS, DAY_NS))
    with ClearingHouse() as house:
        house.add_asset("USD", decimals=2, fine_decimals=8)
        house.add_asset("BTC", decimals=8, fine_decimals=12, price_max=1_000_000, time=now)
        for at, (haircut_ppm, effective) in enumerate(
            [(100_000, None), *((step.maintenance_ppm, step.effective_ns) for step in steps)]
        ):
            house.adopt_rulebook(
                f"step {at}", numeraire="USD", form="venue", settlement_interval="8h", call_due="1h",
                collateral={"USD": 0, "BTC": f"{haircut_ppm / 10**6:.6f}"}, waterfall=["gains_haircut"],
                margin_classes={"major": [{"above": 0, "initial": "10%", "maintenance": "5%"}]}, effective=effective,
            ).expect()  # fmt: skip
        for at, step in enumerate(steps):
            house.clock(step.effective_ns).expect()
            rules = house.rulebook()
            assert rules is not None
            assert rules.name == f"step {at + 1}"


def test_scenarios_of_other_factors_are_named() -> None:
    other = Scenarios("mine", (Factor("GOLD"),), np.zeros((1, 1)), ("x",), 1.0)
    with pytest.raises(RiskError, match="mine: no factor BTC: it has GOLD"):
        results_of(other, "BTC")

"""What a margin asks for beyond recorded moves: gaps of single names, failures that spread, hedges that come apart,
short options. Each by hand, each never less than without it, each said where its input is wrong."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.core.terms import Kind
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.instruments import Instrument
from novate.risk.measures import expected_shortfall
from novate.risk.models.basis import Basis
from novate.risk.models.blocks import Model
from novate.risk.models.challengers import SpanScan
from novate.risk.models.contagion import WrongWay, contagion
from novate.risk.models.draft import Draft, Markets, draft, quantised
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.gap import Gap
from novate.risk.models.requirement import requirement, rounding_bound
from novate.risk.sheet_asks import units_asked
from tests.risk.drafts import at_end, drawn_up, two_coins
from tests.risk.test_revaluation import contract
from tests.risk.walks import daily, walk

Lots = Mapping[str, int]


def covered(losses: np.ndarray, level: float = 0.99) -> float:
    """The loss of rank ⌈n level⌉ from the smallest."""
    return float(np.sort(losses)[math.ceil(len(losses) * level) - 1])


# ---- gap ------------------------------------------------------------------------------------------------------------


def test_a_gap_is_the_largest_position_times_the_percentile_of_three_days_rounded_up() -> None:
    history = two_coins()
    haircuts = {}
    for at, name in enumerate(("BTC", "ETH")):
        prices = history.levels[:, at]
        returns = prices[3:] / prices[:-3] - 1
        worst = max(covered(-returns), covered(returns))
        haircuts[name] = math.ceil(100 * max(0.10, worst)) / 100
    assert Gap().haircuts(history) == pytest.approx(haircuts)
    assert min(haircuts.values()) > 0.1
    made = drawn_up(FilteredShortfall(gap=Gap(), offset_cap=1.0), history)
    now = at_end(history)
    sizes = {name: haircuts[name] * now[name] for name in haircuts}
    asked = requirement(made, {"BTC-PERP": 5, "ETH-PERP": -2})
    gap = asked.blocks[-1]
    assert gap.block == "gap"
    assert gap.loss == pytest.approx(max(5 * sizes["BTC"], 2 * sizes["ETH"]))
    # An offset cap of four fifths leaves a fifth of what the others would lose.
    capped = requirement(drawn_up(FilteredShortfall(gap=Gap()), history), {"BTC-PERP": 5, "ETH-PERP": -2}).blocks[-1]
    both = 5 * sizes["BTC"], 2 * sizes["ETH"]
    assert capped.loss == pytest.approx(0.8 * max(both) + 0.2 * sum(both))
    assert gap.scenario == f"BTC gaps by -{100 * haircuts['BTC']:g} %"


def test_a_gap_is_ten_per_cent_at_least_and_an_index_has_none() -> None:
    calm = daily(walk(500, seed=1, sigma=0.002, factors=2), Factor("ACME"), Factor("INDEX"))
    gap = Gap(indices=("INDEX",))
    assert gap.haircuts(calm) == {"ACME": 0.10}
    made = drawn_up(FilteredShortfall(gap=gap), calm)
    asked = requirement(made, {"ACME-PERP": 7})
    assert (asked.binds, asked.initial) == ("gap", pytest.approx(0.7 * at_end(calm)["ACME"]))
    assert requirement(made, {"INDEX-PERP": 7}).binds != "gap"


def test_a_gap_reads_ten_years_and_the_year_of_stress() -> None:
    table = walk(6_000, seed=2)
    table[160:480:4] *= 0.7  # a year in which the price falls and comes back every four days, sixteen years ago
    first = np.datetime64("2005-01-01")
    history = daily(table, first=str(first), vouched=tuple(str(first + at) for at in range(160, 482)))
    ten = Gap().haircuts(history)["BTC"]
    assert ten == Gap(stress_from="2018-01-01").haircuts(history)["BTC"] == 0.1
    assert Gap(stress_from="2005-06-01").haircuts(history)["BTC"] > 0.4
    assert Gap(years=30).haircuts(history)["BTC"] > 0.35


def test_a_price_that_moves_by_differences_gaps_by_an_amount() -> None:
    table = 20 + np.cumsum(np.random.default_rng(1).standard_normal(600))
    history = daily(table, Factor("OIL", "absolute"))
    moves = table[3:] - table[:-3]
    worst = max(covered(moves), covered(-moves))
    assert Gap(least=0.01).haircuts(history)["OIL"] == pytest.approx(max(0.01 * abs(table[-1]), worst))
    assert Gap(least=0.01).scenarios(history).moves[:, 0].tolist() == pytest.approx([worst, -worst])


# ---- wrong-way ------------------------------------------------------------------------------------------------------


def test_a_failure_takes_others_to_where_they_went_on_its_worst_days() -> None:
    history = two_coins()
    found = contagion((WrongWay("ETH", 0.9, tail=0.02),), history, 2)
    moves = np.log(history.levels[2:] / history.levels[:-2])
    worst = np.argsort(moves[:, 1])[: math.ceil(len(moves) * 0.02)]
    assert found.moves[0].tolist() == pytest.approx([moves[worst, 0].mean(), math.log(0.1)])
    assert found.labels == ("ETH falls by 90 %, others as on its worst days",)
    made = drawn_up(FilteredShortfall(wrong_way=(WrongWay("ETH", 0.9, tail=0.02),), offset_cap=1.0), history)
    now = at_end(history)
    long = requirement(made, {"ETH-PERP": 3, "BTC-PERP": 1})
    by_hand = 3 * 0.9 * now["ETH"] - now["BTC"] * math.expm1(moves[worst, 0].mean())
    assert (long.binds, long.initial) == ("wrong-way", pytest.approx(by_hand))
    assert requirement(made, {"BTC-PERP": 1}).binds != "wrong-way"


# ---- basis ----------------------------------------------------------------------------------------------------------


def tenors(count: int = 900) -> FactorHistory:
    """A coin, and its basis at 30 and 90 days, which move together."""
    rng = np.random.default_rng(4)
    steps = 0.01 * rng.standard_normal((count, 1)) + 0.001 * rng.standard_normal((count, 2))
    table = np.concatenate([walk(count, seed=5, sigma=0.03), np.cumsum(steps, axis=0) / 10], axis=1)
    near, far = Factor("BTC basis 30d", "absolute"), Factor("BTC basis 90d", "absolute")
    return daily(table, Factor("BTC"), near, far)


def dated(symbol: str, days: int, history: FactorHistory) -> Instrument:
    """A future that so many days are left of, at the price of the index."""
    expiry = int(history.known_ns[-1]) + days * DAY_NS
    return Instrument(contract(symbol, Kind.FUTURE, expiry_ns=expiry), "BTC", None, at_end(history)["BTC"])


def test_a_spread_of_tenors_is_asked_for_its_residual_where_correlations_break() -> None:
    history = tenors()
    now, last = at_end(history), int(history.known_ns[-1])
    both = [dated("NEAR", 30, history), dated("FAR", 90, history)]
    plain = draft(FilteredShortfall(), both, history, now, last)
    made = draft(FilteredShortfall(basis=Basis()), both, history, now, last)
    near, far = (history.levels[2:, at] - history.levels[:-2, at] for at in (1, 2))
    count = len(near)
    # The far tenor moves as it did half of the windows later.
    broken = np.roll(far, -(count // 2))
    results = now["BTC"] * (broken * 88 / 365 - near * 28 / 365)
    spread = {"FAR": 1, "NEAR": -1}
    asked = requirement(made, spread)
    assert (asked.binds, asked.initial) == ("basis", pytest.approx(float(expected_shortfall(results, 0.99))))
    assert asked.initial > 1.1 * requirement(plain, spread).initial
    first, second = asked.blocks[-1].scenario.split(", ")
    assert first.startswith("BTC basis 30d to ")
    assert second.startswith("BTC basis 90d to ")
    # An outright position is asked for its price, many times its basis.
    assert requirement(made, {"FAR": 1}).initial == requirement(plain, {"FAR": 1}).initial


def test_indices_of_one_set_keep_their_residual() -> None:
    rng = np.random.default_rng(8)
    lead = 0.03 * rng.standard_normal(900)
    follow = 0.8 * lead + 0.002 * rng.standard_normal(900)
    history = daily(100 * np.exp(np.cumsum(np.stack([lead, follow], axis=1), axis=0)), Factor("BTC"), Factor("ETH"))
    moves = np.log(history.levels[2:] / history.levels[:-2])
    beta = (moves[:, 1] @ moves[:, 0]) / (moves[:, 0] @ moves[:, 0])
    residual = moves[:, 1] - beta * moves[:, 0]
    found = Basis(beside={"ETH": "BTC"}).scenarios(history, 2, len(moves))
    assert found.moves[:, 1] == pytest.approx(residual)
    assert not found.moves[:, 0].any()


# ---- short options --------------------------------------------------------------------------------------------------


def with_options(model: Model, charge: float = 0.0) -> Draft:
    """A perpetual, a call at the money and a put far below, of two months, on a coin whose price alone moves."""
    history = two_coins()
    now, last = at_end(history), int(history.known_ns[-1])
    made = [Instrument(contract("PERP", Kind.PERPETUAL), "BTC", None, now["BTC"])]
    for symbol, kind, moneyness in (("CALL", Kind.CALL, 1.0), ("PUT", Kind.PUT, 0.3)):
        strike = f"{moneyness * now['BTC']:.6f}"
        terms = contract(symbol, kind, strike=strike, expiry_ns=last + 60 * DAY_NS)
        made.append(Instrument(terms, "BTC", None, now["BTC"], 0.5))
    return draft(model, made, history, now, last, markets=Markets(short_options={"BTC": charge}))


CHARGE = 2.0


def test_a_short_option_adds_its_charge_and_a_long_one_nothing() -> None:
    bare, made = with_options(FilteredShortfall()), with_options(FilteredShortfall(), CHARGE)
    for lots, shorts in (({"PERP": 3, "CALL": -4}, 4), ({"PERP": -2, "CALL": 5}, 0), ({"CALL": -1, "PUT": -6}, 7)):
        before, after = requirement(bare, lots), requirement(made, lots)
        assert after.initial == pytest.approx(before.initial + CHARGE * shorts)
        assert sum(more for _, more in after.short_options) == CHARGE * shorts
        assert after.of_blocks == pytest.approx(before.of_blocks)
        for one, other in zip(before.blocks, after.blocks, strict=True):
            assert other.loss == pytest.approx(one.loss)
            assert [part[1] for part in other.contributors] == pytest.approx([part[1] for part in one.contributors])


def test_a_put_far_below_that_no_recorded_move_reaches_is_not_free() -> None:
    assert requirement(with_options(FilteredShortfall()), {"PUT": -10}).initial < 0.01
    assert requirement(with_options(FilteredShortfall(), CHARGE), {"PUT": -10}).initial == pytest.approx(20, rel=0.001)


def test_a_long_that_can_lose_less_than_half_a_charge_is_asked_for_half_a_charge() -> None:
    """The one thing that |lots| cannot say."""
    bare, made = with_options(FilteredShortfall()), with_options(FilteredShortfall(), CHARGE)
    assert requirement(bare, {"PUT": 10}).initial < 0.01
    assert requirement(made, {"PUT": 10}).initial == pytest.approx(10.0)
    assert requirement(made, {"PUT": 10, "PERP": 1}).initial == pytest.approx(
        requirement(bare, {"PUT": 10, "PERP": 1}).initial
    )


def test_the_sheet_holds_it_exactly() -> None:
    made = with_options(FilteredShortfall(), CHARGE)
    sheet = quantised(made, name="shorts", numeraire="USD", unit_fine=100, fine_decimals=8)
    for lots in ({"CALL": -4}, {"PUT": -3, "CALL": 2}, {"PUT": 10}, {"PERP": 1, "PUT": -1}):
        asked = units_asked(sheet, lots) / 1e6
        assert 0 <= asked - requirement(made, lots).initial <= rounding_bound(made, lots, Fraction(1, 10**6))


# ---- all of them ----------------------------------------------------------------------------------------------------

MORE: dict[str, Callable[[], Draft]] = {
    "gap": lambda: with_options(FilteredShortfall(gap=Gap())),
    "wrong-way": lambda: with_options(FilteredShortfall(wrong_way=(WrongWay("BTC", 0.8), WrongWay("ETH", 0.9)))),
    "basis": lambda: with_options(FilteredShortfall(basis=Basis(beside={"BTC": "ETH"}))),
    "short options": lambda: with_options(FilteredShortfall(), CHARGE),
}


@lru_cache
def added(name: str) -> tuple[Draft, Draft]:
    return with_options(FilteredShortfall()), MORE[name]()


@pytest.mark.parametrize("name", MORE)
@given(lots=st.dictionaries(st.sampled_from(["PERP", "CALL", "PUT"]), st.integers(-40, 40)))
def test_none_of_them_lowers_a_requirement(name: str, lots: Lots) -> None:
    bare, made = added(name)
    before = requirement(bare, lots).initial
    assert requirement(made, lots).initial >= before * (1 - 1e-12)


def test_what_an_add_on_cannot_be_given_is_said() -> None:
    history = two_coins()
    short = history.rows(0, 80)
    oil = daily(100 + walk(300, seed=1), Factor("OIL", "absolute"))
    for made, words in (
        (lambda: Gap(stress_from="2008"), "gap: stress_from '2008': expected a day such as 2008-09-01"),
        (lambda: Gap(level=1.0), r"level 1\.0: expected a probability between 0 and 1"),
        (lambda: Gap(least=1.5), r"gap: steps 3, least 1\.5, .*a haircut between 0 and 1"),
        (
            lambda: Gap(indices=("S&P",)).haircuts(history),
            "gap: indices: S&P is no price of the history: it has BTC, ETH",
        ),
        (lambda: Gap(indices=("BTC", "ETH")).scenarios(history), "every price is an index, and none can gap"),
        (
            lambda: Gap().haircuts(short),
            r"gap: 77 returns over 3 days of BTC, ETH: 100 at least .* give a longer history",
        ),
        (lambda: WrongWay("FTT", 1.0), r"wrong_way: FTT: fall 1\.0, .* falls by 0\.99"),
        (lambda: contagion((WrongWay("FTT", 0.9),), history, 2), "no factor 'FTT': the history has BTC, ETH"),
        (lambda: contagion((WrongWay("OIL", 0.9),), oil, 2), "OIL moves by differences, and a fall is a part"),
        (lambda: Basis().scenarios(history, 2, 700), "basis: nothing nets with BTC, ETH: give a series such as"),
        (
            lambda: Basis(beside={"SOL": "BTC"}).scenarios(history, 2, 700),
            "basis: beside: SOL is no price of the history",
        ),
        (
            lambda: Basis(beside={"ETH": "BTC", "BTC": "ETH"}).scenarios(history, 2, 700),
            "ETH nets with BTC, which nets with another: name its leader",
        ),
        (lambda: Markets(short_options={"BTC": -1.0}), "short_options: BTC: got -1.0: expected an amount of money"),
    ):
        with pytest.raises(RiskError, match=words):
            made()
    blocks = with_options(FilteredShortfall(), CHARGE)
    light = tuple(replace(block, weight=0.5) if block.part == "floor" else block for block in blocks.blocks)
    with pytest.raises(RiskError, match="short_options: a sheet holds them where floor blocks weigh 1"):
        replace(blocks, blocks=light)


# ---- the scan -------------------------------------------------------------------------------------------------------


def test_the_offset_cap_of_a_scan_is_a_credit_between_commodities() -> None:
    """SPAN's credit where a pair's deltas are of equal risk: a rate of both legs' price risk, up to the smaller."""
    history = two_coins()
    plain, credited = drawn_up(SpanScan(), history), drawn_up(SpanScan(offset_cap=0.6), history)
    risks = {name: requirement(plain, {f"{name}-PERP": 1}).initial for name in ("BTC", "ETH")}
    for btc, eth in ((3, -2), (-1, 9), (4, 4)):
        lots = {"BTC-PERP": btc, "ETH-PERP": eth}
        legs = abs(btc) * risks["BTC"], abs(eth) * risks["ETH"]
        credit = 0.6 * 2 * min(legs) if btc * eth < 0 else 0.0
        assert requirement(plain, lots).initial == pytest.approx(sum(legs))
        assert requirement(credited, lots).initial == pytest.approx(sum(legs) - credit)


def test_a_scan_may_charge_short_options_too() -> None:
    bare, made = with_options(SpanScan()), with_options(SpanScan(), CHARGE)
    lots = {"CALL": -3, "PERP": 1}
    assert requirement(made, lots).initial == pytest.approx(requirement(bare, lots).initial + 3 * CHARGE)

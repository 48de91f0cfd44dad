"""Options in accounts: asked for as the model's sheet asks, gaining by hand what they gain, covered on real days."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from novate.core.terms import Kind
from novate.risk.backtest.accounts import Account, Accounts, held
from novate.risk.backtest.options import Option
from novate.risk.backtest.portfolios import Portfolios, backtest
from novate.risk.black import black76
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.histories import in_common
from novate.risk.instruments import Instrument
from novate.risk.models.blocks import Model
from novate.risk.models.challengers import PlainHistorical
from novate.risk.models.draft import draft
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.requirement import requirement
from novate.risk.skew import call_delta, rotated
from tests.risk.test_comparison import models
from tests.risk.test_revaluation import contract
from tests.risk.walks import daily, walk

SKEW = Factor("BTC skew 30d", "absolute")
FACTORS = (Factor("BTC"), Factor("BTC vol 7d"), Factor("BTC vol 30d"), SKEW, Factor("ETH"))
COINS = walk(800, seed=1, factors=2)
VOLS = 0.006 * walk(800, seed=5, sigma=0.04, factors=2)
SKEWS = 0.003 * np.log(walk(800, seed=6, sigma=1.0) / 100) - 0.03
HISTORY = daily(np.concatenate([COINS[:, :1], VOLS, SKEWS, COINS[:, 1:]], axis=1), *FACTORS)
PUT = Option("BTC", "put", 0.9, 20, lots=-10)
CALL = Option("BTC", "call", 1.1, 3, weight=400)
ACCOUNTS = Accounts(
    ("Alder", "Birch"),
    (
        Account("Alder", "Alder", options=(PUT,)),
        Account("Ann", "Alder", weights={"BTC": -300.0, "ETH": 200.0}, options=(CALL, replace(CALL, strike=0.8))),
        Account("Birch", "Birch", lots={"BTC": 2.0}),
    ),
)


def run_over(model: Model, accounts: Accounts = ACCOUNTS, history: FactorHistory = HISTORY) -> Portfolios:
    return backtest(history, held(accounts, history, "by hand"), [model], level=0.99, last=100)


def smile_vol(row: int, strike: float, days: float) -> float:
    """By hand: total variance straight between 7 and 30 days and flat outside, on the smile of the skew."""
    near, far, skew = HISTORY.levels[row, 1:4]
    at = min(max(days, 7), 30)
    variance = near**2 * 7 + (far**2 * 30 - near**2 * 7) * (at - 7) / 23
    vol = np.array([np.sqrt(variance / at)])
    return float(rotated(vol, call_delta(np.ones(1), strike, vol, days / 365), skew)[0])


def struck(option: Option, row: int, price: float, time_ns: int) -> Instrument:
    terms = contract(option.name, Kind(option.right), underlying="IDX", strike=f"{option.strike * price!r}")
    terms = msgspec.structs.replace(terms, expiry_ns=time_ns + round(option.days * DAY_NS))
    return Instrument(terms, option.on, None, price, smile_vol(row, option.strike, option.days))


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_an_account_is_asked_for_what_the_models_sheet_asks_of_it(model: Model) -> None:
    """Options on a series net with it; the last day is what a draft says of as many contracts."""
    past = HISTORY.rows(0, len(HISTORY) - 1)
    now = {factor.name: float(level) for factor, level in zip(FACTORS, past.levels[-1], strict=True)}
    time_ns, row = int(past.known_ns[-1]), len(HISTORY) - 2
    contracts = [Instrument(contract(name, Kind.PERPETUAL), name, None, now[name]) for name in ("BTC", "ETH")] + [
        struck(option, row, now["BTC"], time_ns) for option in ACCOUNTS.options
    ]
    made = draft(model, contracts, past, now, time_ns)
    asked = run_over(model).requirements[model.name][-1]
    put, call, low = (option.name for option in ACCOUNTS.options)
    # In lots of a BTC: 300 of money in it, and 400 in what options are on.
    size = 100 / now["BTC"]
    ethers = 2 * now["BTC"] / now["ETH"]
    rows = {row.symbol: row for row in made.rows}
    rows["ETH"] = replace(rows["ETH"], results=rows["ETH"].results * ethers)
    made = replace(made, rows=tuple(rows.values()))
    assert requirement(made, {put: -10}).initial == pytest.approx(asked[0], rel=1e-9)
    lots = {"BTC": -3, "ETH": 1, call: 4, low: 4}
    assert size * requirement(made, lots).initial == pytest.approx(asked[1], rel=1e-9)
    assert requirement(made, {"BTC": 2}).initial == pytest.approx(asked[2], rel=1e-9)


def test_results_are_those_of_the_day_after_by_hand() -> None:
    found = run_over(PlainHistorical(horizon_steps=1))
    before, after = (HISTORY.levels[row] for row in (-2, -1))
    row = len(HISTORY) - 2

    def gain(option: Option) -> float:
        price, then = before[0], after[0]
        strike, days = option.strike * price, option.days
        at = min(max(days, 7), 30)
        level = [near**2 * 7 + (far**2 * 30 - near**2 * 7) * (at - 7) / 23 for near, far in (before[1:3], after[1:3])]
        vol = smile_vol(row, option.strike, days)
        moved = np.array([vol * np.sqrt(level[1] / level[0])])
        moved = rotated(moved, call_delta(np.array([then]), strike, moved, (days - 1) / 365), after[3] - before[3])
        worth = black76(
            [price, then], strike, [vol, float(moved[0])], np.array([days, days - 1]) / 365, option.right == "call"
        )
        return float(worth[1] - worth[0])

    put, call, low = (gain(option) for option in ACCOUNTS.options)
    assert found.results[-1, 0] == pytest.approx(-10 * put)
    linear = -300 * (after[0] / before[0] - 1) + 200 * (after[4] / before[4] - 1)
    assert found.results[-1, 1] == pytest.approx(linear + 400 / before[0] * (call + low))
    assert found.results[-1, 2] == pytest.approx(2 * (after[0] - before[0]))


def test_a_weekend_passes_for_an_option_as_it_did() -> None:
    """Prices stand still from Friday to Monday: an option bought loses three days of its time."""
    days = np.arange(700) + 2 * (np.arange(700) // 5)
    still = np.tile([100.0, 0.5], (700, 1)) * np.exp(1e-6 * np.random.default_rng(1).standard_normal((700, 2)))
    still[-2:] = [100.0, 0.5]
    factors = Factor("BTC"), Factor("BTC vol 30d")
    history = FactorHistory(factors, DAY_NS * days, still, gap_max_ns=3 * DAY_NS)
    monday = history.rows(0, 1 + int(np.flatnonzero(np.diff(days) == 3)[-1] + 1))
    long = Accounts(("A",), (Account("A", "A", options=(Option("BTC", "call", 1.0, 30, lots=1),)),))
    found = backtest(monday, held(long, monday, ""), [PlainHistorical(horizon_steps=1)], level=0.99, last=100)
    value = [float(black76(100.0, 100.0, 0.5, left / 365, True)) for left in (30, 29, 27)]
    assert found.results[-1, 0] == pytest.approx(value[2] - value[0], abs=1e-3)
    # What a sheet foresees is the day that most steps are.
    assert found.requirements["historical VaR"][-1, 0] == pytest.approx(value[0] - value[1], abs=1e-3)


def test_nothing_is_known_of_the_day_after() -> None:
    changed = HISTORY.levels.copy()
    changed[751:, :3] *= np.linspace(1.01, 1.2, 49)[:, None]
    other = replace(HISTORY, levels=changed)
    model = PlainHistorical(horizon_steps=1)
    one, two = (run_over(model, history=history) for history in (HISTORY, other))
    asked, again = (each.requirements["historical VaR"] for each in (one, two))
    known = 751 - (800 - 1 - 100)
    assert np.array_equal(asked[:known], again[:known])
    assert (asked[known + 1 :] != again[known + 1 :]).any()


def test_a_spread_is_asked_for_no_more_than_it_can_lose() -> None:
    """Short a put, long one below it: a netting set of their own, and the strikes bound the loss."""
    legs = replace(PUT, lots=0.0, weight=-100.0), replace(PUT, lots=0.0, weight=100.0, strike=0.89)
    spread = Accounts(("A",), (Account("A", "A", options=legs), Account("B", "A", options=legs[:1])))
    asked = run_over(FilteredShortfall(horizon_steps=1), spread).requirements["filtered shortfall"]
    assert (asked[:, 0] < 1.0).all()  # a hundredth of 100
    assert (asked[:, 1] > 4 * asked[:, 0]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"on": "XRP"}, r"put on XRP at 0\.9 of its price, 20 days: there is no series 'XRP': the history has BTC"),
        ({"on": "ETH"}, "no series says its volatility: give one such as 'ETH vol 30d', an annual fraction"),
        ({"on": "BTC skew 30d"}, "the price may be zero or below, and a strike is a part of it: leave it out"),
        ({"right": "cap"}, "right 'cap': expected call or put"),
        ({"strike": 0.0}, r"expected a strike as a part of the price, such as 0\.9"),
        ({"strike": np.nan}, r"expected a strike as a part of the price, such as 0\.9"),
        ({"days": 0.0}, "days: expected a strike .* and days above 0, at most 36,500"),
        ({"days": np.inf}, "days: expected a strike .* and days above 0, at most 36,500"),
        ({"weight": 1.0}, r"lots -10, weight 1\.0: give one of them"),
        ({"lots": 0.0}, r"lots 0\.0, weight 0\.0: give one of them"),
        ({"lots": np.nan}, "lots nan, weight 0.0: give one of them, a finite number"),
        ({"lots": 1e200}, r"account 'A': put on BTC .*: more than 1e\+100: correct the number"),
    ],
)
def test_options_that_cannot_be_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RiskError, match=message):
        held(Accounts(("A",), (Account("A", "A", options=(replace(PUT, **changes),)),)), HISTORY, "")  # pyright: ignore[reportArgumentType]


def test_a_skew_that_leaves_no_volatility_is_named() -> None:
    steep = HISTORY.levels.copy()
    steep[:, 3] -= 9.0
    far = Accounts(("A",), (Account("A", "A", options=(Option("BTC", "call", 2.0, 20, lots=1),)),))
    with pytest.raises(
        RiskError, match=r"call on BTC at 2 of its price.*volatility: got -.*correct the series, or hold"
    ):
        run_over(PlainHistorical(horizon_steps=1), far, replace(HISTORY, levels=steep))


# ---- real days ------------------------------------------------------------------------------------------------------


def recorded(path: Path, name: str, first: str, last: str, unit: float = 1.0) -> FactorHistory:
    table = pq.read_table(path, columns=["date", "close"]).drop_null()
    days = table["date"].to_numpy().astype("datetime64[D]")
    kept = (days >= np.datetime64(first)) & (days <= np.datetime64(last))
    times = days[kept].astype("datetime64[ns]").astype(np.int64)
    closes = unit * table["close"].to_numpy()[kept][:, None]
    return FactorHistory((Factor(name),), times, closes, gap_max_ns=7 * DAY_NS)


@pytest.mark.long
def test_sold_options_on_shares_through_2008(market_file: Callable[[str], Path]) -> None:
    """S&P 500 with the VIX as the volatility at 30 days, 2008 foreseen from 2003 on: the exceptions that
    ``docs/concepts/backtest.md`` tells, where 99 % allows 2.5."""
    shares = recorded(market_file("sp500_index_daily.parquet"), "S&P", "2003-01-01", "2008-12-31")
    vix = recorded(market_file("vix_daily.parquet"), "S&P vol 30d", "2003-01-01", "2008-12-31", 0.01)
    history = in_common([shares, vix])
    put, call = (Option("S&P", right, 1.0, 30, weight=-100.0) for right in ("put", "call"))
    sold = Accounts(
        ("A",),
        (
            Account("puts", "A", options=(replace(put, strike=0.95),)),
            Account("straddles", "A", options=(put, call)),
            Account("covered calls", "A", weights={"S&P": 100.0}, options=(replace(call, strike=1.03),)),
            Account("A", "A", weights={"S&P": 100.0}),
        ),
    )
    found = backtest(
        history,
        held(sold, history, "sold"),
        [FilteredShortfall(horizon_steps=1), PlainHistorical(horizon_steps=1)],
        level=0.99,
        last=253,
    )
    assert (found.labels[0], found.labels[-1]) == ("2008-01-02", "2008-12-31")
    counts: dict[str, list[int]] = {}
    for each in found.covered:
        if each.whose == "account":
            counts.setdefault(each.model, []).append(each.exceptions)
    assert counts == {"filtered shortfall": [5, 1, 5, 8], "historical VaR": [11, 7, 14, 21]}

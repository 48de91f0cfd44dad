"""The plan of a house over a history: dates, limits, margins and names, and models that end as ticks."""

import math

import numpy as np
import pytest

from novate.core.book import Book
from novate.core.commands import AddAsset, AdoptRulebook, ListContract
from novate.core.facts import ContractListed, RulebookAdopted
from novate.core.step import step
from novate.core.terms import Kind
from novate.market.history import PriceHistory, default_history
from novate.sim import plan as plans
from novate.sim.demo import rows_between, steepest
from novate.sim.market import Market
from novate.sim.pricing import black76, forward, funding_rate, realised_volatility

HOUR_NS = 3_600 * 10**9


def hourly(symbols: tuple[str, ...], prices: list[list[float]]) -> PriceHistory:
    times = np.arange(len(prices), dtype=np.int64) * HOUR_NS + 1_584_000_000 * 10**9
    return PriceHistory("test", "made up", symbols, times, np.array(prices))


def default_plan() -> plans.Plan:
    history = default_history()
    return plans.make_plan(history, rows_between(history, "2007-07-02", "2009-06-30"), "clearing_house")


def test_dated_contracts_end_on_the_third_friday_of_a_quarter() -> None:
    plan = default_plan()
    inside = [step for step in plan.expiries if step < len(plan.history)]
    days = [str(np.datetime64(int(plan.history.times_ns[step]), "ns").astype("datetime64[D]")) for step in inside]
    assert days[:4] == ["2007-09-21", "2007-12-21", "2008-03-20", "2008-06-20"]  # Good Friday 2008: the day before
    assert len(plan.expiries) > len(inside)  # the next ones are listed too


def test_margins_come_from_what_was_known() -> None:
    plan = default_plan()
    past = plans.past_of(plan, "S&P 500", 0)
    moves = np.abs(past[2:] / past[:-2] - 1)
    assert plan.primary.margin_rate == math.ceil(1000 * np.quantile(moves, 0.99)) / 1000
    assert plans.past_of(plan, "S&P 500", 10)[-1] == plan.history.close[9, 0]
    assert plans.margin_rate(np.full(500, 7.0), 2) == plans.MARGIN_FLOOR
    assert plans.margin_rate(np.arange(1.0, 50.0), 2) == plans.MARGIN_WITHOUT_HISTORY


@pytest.mark.parametrize("symbols", [("ETHUSDT", "BTCUSDT"), ("BTC@one", "BTC@two"), ("1000PEPEUSDT", "ETHUSDT")])
@pytest.mark.parametrize("price", [0.0000123, 0.97, 71.11, 112_345.6])
def test_the_core_lists_every_contract_of_a_plan_and_adopts_its_rules(symbols: tuple[str, ...], price: float) -> None:
    history = hourly(symbols, [[price * (1 + 0.01 * (at % 3)), 50.0] for at in range(40)])
    plan = plans.make_plan(history, (0, 40), "venue")
    book, market = Book(), Market(plan)
    for asset in plans.assets(plan):
        step(book, AddAsset(asset), 1)
    listings: list[ListContract] = [*market.first_listings(), *market.new_listings(0)]
    kinds = {command.contract.kind for command in listings}
    assert {Kind.INDEX, Kind.FUTURE, Kind.PERPETUAL, Kind.CALL, Kind.PUT} <= kinds
    first = history.close[0, history.symbols.index(plan.primary.name)]
    assert any(command.contract.inverse for command in listings) == (first >= plans.INVERSE_LEAST)
    assert plans.assets(plan)[1].price_max_fine > first * 10**plans.NUMERAIRE_FINE
    for command in listings:
        facts = step(book, command, 1)
        assert isinstance(facts[0], ContractListed), facts
    assert isinstance(step(book, AdoptRulebook(plans.rulebook(plan)), 1)[0], RulebookAdopted)


def test_bitcoin_comes_first_and_stocks_have_no_inverse() -> None:
    plan = plans.make_plan(hourly(("ETHUSDT", "BTCUSDT"), [[200.0, 8000.0]] * 40), (0, 40), "venue")
    assert (plan.primary.name, plan.coin, plan.numeraire, plan.inverse) == ("BTCUSDT", "BTC", "USDT", True)
    stocks = default_plan()
    assert (stocks.coin, stocks.numeraire, stocks.inverse) == ("SPX.U", "USD", False)


def test_the_steepest_fall_is_in_the_window() -> None:
    prices = [[100.0 + at % 5] for at in range(2000)]
    for at in range(1300, 2000):
        prices[at] = [60.0 + at % 5]
    history = hourly(("XUSDT",), prices)
    first, last = steepest(history)
    assert last - first == 480
    assert first < 1300 < last


def test_models() -> None:
    assert forward(100.0, 0.0) == 100.0
    assert forward(100.0, 1.0) == pytest.approx(100 * math.exp(0.02))
    call, put = (black76(100.0, 95.0, 0.25, 0.3, call=side) for side in (True, False))
    assert call - put == pytest.approx(forward(100.0, 0.25) - 95.0)
    assert black76(100.0, 95.0, 0.0, 0.3, call=True) == pytest.approx(5.0)
    assert black76(100.0, 95.0, 0.0, 0.3, call=False) == 0.0
    assert funding_rate(0.0, 1.0) > 0
    assert funding_rate(-1.0, 1.0) == -funding_rate(1.0, 1.0) == -0.001
    assert realised_volatility(np.array([1.0, np.nan, 1.0, 1.0, 1.0]), 252) == 0.12

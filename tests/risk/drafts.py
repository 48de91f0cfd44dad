"""Drafts of sheets that tests of models share: a perpetual of one unit on each factor, at the index."""

from typing import Any

from novate.core.terms import Kind
from novate.risk.factors import Factor, FactorHistory
from novate.risk.instruments import Instrument
from novate.risk.models.blocks import Model
from novate.risk.models.draft import Draft, draft
from tests.risk.test_revaluation import contract
from tests.risk.walks import daily, walk


def at_end(history: FactorHistory) -> dict[str, float]:
    """The last level of every factor."""
    return {factor.name: float(level) for factor, level in zip(history.factors, history.levels[-1], strict=True)}


def perpetual(symbol: str, index: str, price: float) -> Instrument:
    return Instrument(contract(symbol, Kind.PERPETUAL), index, None, price)


def two_coins(count: int = 800) -> FactorHistory:
    table = walk(count, seed=3, sigma=0.03, factors=2)
    return daily(table, Factor("BTC"), Factor("ETH"))


def drawn_up(model: Model, history: FactorHistory, **options: Any) -> Draft:
    """A perpetual of one unit on each factor, at the index."""
    now = at_end(history)
    futures = [perpetual(f"{name}-PERP", name, price) for name, price in now.items()]
    return draft(model, futures, history, now, int(history.known_ns[-1]), **options)

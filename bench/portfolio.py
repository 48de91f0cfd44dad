"""Trades between accounts in portfolio mode: each side judged afresh by a sheet of a thousand scenarios."""

from typing import Final

import msgspec
import numpy as np

from bench.figures import Figure, seconds
from bench.session import Session
from bench.trades import Recorder
from bench.world import FIRST_ACCOUNT, World
from novate.core import commands as c
from novate.core import terms as t
from novate.core.book import Book
from novate.core.margin import judge_many
from novate.core.sheet_terms import AddOn, ContractRow, RiskSheet, ScenarioBlock

TARGET: Final = 100_000
CONTRACTS: Final = 100
SETS: Final = 4
FACTORS: Final = 6
CONCENTRATION: Final = (AddOn(0, 0), AddOn(50, 10**6))


def blocks(scenarios: int) -> tuple[ScenarioBlock, ...]:
    """Half current (expected shortfall 2.5 %), a quarter stressed (worst), a quarter floor (a high quantile)."""
    half, quarter = scenarios // 2, scenarios // 4
    return (
        ScenarioBlock("current", "current", half, "expected_shortfall", 750_000, 1, 1, 40),
        ScenarioBlock("stressed", "stressed", quarter, "worst", 250_000),
        ScenarioBlock("floor", "floor", scenarios - half - quarter, "kth_worst", 1_000_000, 3),
    )


def sheet(world: World, scenarios: int) -> RiskSheet:
    """Results of one lot in cents: a few common factors and noise of each contract's own, with heavy tails."""
    random = np.random.default_rng(1)
    factors = random.standard_t(4, (scenarios, FACTORS))
    rows = []
    for index, price in enumerate(world.prices.tolist()):
        returns = factors @ random.normal(0.4, 0.4, FACTORS) + random.standard_t(4, scenarios)
        cents = np.rint(returns * price / 50).astype("<i8")
        rows.append(ContractRow(f"C{index}", f"set {index % SETS}", cents.tobytes(), CONCENTRATION))
    return RiskSheet("bench", "USD", 10**6, blocks(scenarios), tuple(rows))


def trades(session: Session) -> list[Figure]:
    """The rate at which one thread decides, folds, encodes and hashes portfolio trades, and of judging alone."""
    size = msgspec.structs.replace(
        session.size,
        accounts=session.size.portfolio_accounts,
        contracts=min(CONTRACTS, session.size.contracts),
        batch_rows=min(session.size.batch_rows, 5_000),
    )
    world, recorder = World(size), Recorder(Book())
    for commands in (world.opening(), world.filling()):
        recorder.record_all(commands)
    recorder.record_all([c.AdoptRiskSheet(sheet(world, size.scenarios))])
    accounts = FIRST_ACCOUNT + np.arange(size.accounts)
    recorder.record_all(c.SetMarginMode(int(account), t.MarginMode.PORTFOLIO) for account in accounts)
    rates, judged = [], []
    for _ in range(size.repeats + 1):
        batches = [world.batch() for _ in range(max(1, size.batches // 3))]
        rates.append(len(batches) * size.batch_rows / seconds(lambda batches=batches: recorder.record_all(batches)))
        judged.append(size.accounts / seconds(lambda: judge_many(recorder.book, accounts)))
    what = f"{size.scenarios:,} scenarios, {size.positions} positions an account"
    return [
        Figure(
            key="portfolio",
            figure=f"portfolio trades in-core, {what}",
            unit="trades/s",
            samples=rates[1:],
            target=TARGET,
        ),
        Figure(key="portfolio-judge", figure=f"portfolio accounts judged, {what}", unit="1/s", samples=judged[1:]),
    ]

"""The whole book by a new sheet: every account's exact requirement, beside what else Python would work it out with."""

import resource
from typing import Final

import msgspec
import numpy as np
from scipy import sparse

from bench.figures import Figure, seconds
from bench.session import Session
from bench.trades import Recorder
from bench.world import FIRST_ACCOUNT, World
from novate.core import terms as t
from novate.core.book import Book
from novate.core.facts import MarginModeSet, RiskSheetAdopted
from novate.core.kernels.remargin import presume
from novate.core.kernels.standing import forget
from novate.core.margin import asked_together, judge, judge_house
from novate.core.risk_sheet import digest_of, fold_margin_mode_set, fold_risk_sheet_adopted
from novate.core.sheet_terms import AddOn, ContractRow, RiskSheet, ScenarioBlock

WARM_MS: Final = 150.0
COLD_MS: Final = 300.0
MILLION_WARM_S: Final = 2.0
MILLION_COLD_S: Final = 3.0
MILLION_GIB: Final = 4.0
ONE_US: Final = 20.0
ONES: Final = 200
FACTORS: Final = 6
MOVED: Final = 0.05
"""By so much, up or down, every result of the next sheet differs from this one's."""
PEER_CHUNK: Final = 5_000
UNIT_FINE: Final = 10**6
RESULT_BYTES: Final = 4
"""Of a result as the product reads it, where every one fits 32 bits."""

SHORTFALL: Final = (ScenarioBlock("all", "current", 1_000, "expected_shortfall", 10**6, 1, 1, 100),)
MODEL: Final = (
    ScenarioBlock("current", "current", 2_500, "expected_shortfall", 750_000, 1, 1, 100),
    ScenarioBlock("stressed", "stressed", 250, "expected_shortfall", 250_000, 1, 1, 100),
    ScenarioBlock("floor", "floor", 1_150, "expected_shortfall", 10**6, 1, 1, 100),
)
"""The shape of the default model's sheet: ten years of filtered days, stressed days, a floor; add-ons on every row."""
CONCENTRATION: Final = (AddOn(0, 0), AddOn(20, 10**6), AddOn(100, 5 * 10**6))


def book(session: Session) -> list[Figure]:
    """One expected shortfall for each account: cold, from last tick's thresholds, the same by scipy, and at a mark."""
    size = session.size
    blocks = scaled(SHORTFALL, size.scenarios)
    house = PortfolioHouse(session.book(), session.world.prices, blocks, ())
    name = f"re-margin of {house.accounts:,} accounts x {size.scenarios:,} scenarios"
    chunked, matrix = house.by_scipy(size.repeats, PEER_CHUNK), house.by_scipy(size.repeats, house.accounts)
    beside = {"scipy.sparse in chunks": chunked, "scipy.sparse, one matrix": matrix}
    return [
        *house.figures("remargin", name, size.repeats, (WARM_MS, COLD_MS), beside),
        Figure(
            key="remargin-tick",
            figure=f"a tick that moves every mark, {house.accounts:,} accounts judged by their sheet, none has traded",
            unit="ms",
            samples=house.ticks(size.repeats),
            target=None,
            at_most=True,
        ),
        Figure(
            key="remargin-one",
            figure=f"one account judged by itself, {size.scenarios:,} scenarios",
            unit="us",
            samples=house.ones(size.repeats),
            target=ONE_US,
            at_most=True,
        ),
    ]


def model(session: Session) -> list[Figure]:
    """A sheet of the default model's shape: three blocks, add-ons."""
    sized = [scaled((block,), block.scenarios * session.size.scenarios // 1_000) for block in MODEL]
    blocks = tuple(block for own in sized for block in own)
    house = PortfolioHouse(session.book(), session.world.prices, blocks, CONCENTRATION)
    name = f"re-margin of {house.accounts:,} accounts x {house.scenarios:,} scenarios in three blocks, with add-ons"
    return house.figures("remargin-model", name, session.size.repeats, (None, None), {})


def million(session: Session) -> list[Figure]:
    """Ten times the accounts in one process."""
    size = msgspec.structs.replace(session.size, accounts=10 * session.size.accounts)
    world = World(size)
    recorder = Recorder(Book())
    for commands in (world.opening(), world.filling()):
        recorder.record_all(commands)
    house = PortfolioHouse(recorder.book, world.prices, scaled(SHORTFALL, size.scenarios), ())
    name = f"re-margin of {house.accounts:,} accounts x {size.scenarios:,} scenarios"
    cold, warm = house.samples(max(2, size.repeats // 2))
    common = {"unit": "s", "at_most": True}
    return [
        Figure(key="remargin-million-warm", figure=f"{name}, warm", samples=warm, target=MILLION_WARM_S, **common),
        Figure(key="remargin-million-cold", figure=f"{name}, cold", samples=cold, target=MILLION_COLD_S, **common),
        Figure(
            key="remargin-million-memory",
            figure=f"{name}: most memory that the process has had",
            unit="GiB",
            samples=[resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20],
            target=MILLION_GIB,
            at_most=True,
        ),
    ]


def scaled(blocks: tuple[ScenarioBlock, ...], scenarios: int) -> tuple[ScenarioBlock, ...]:
    """Blocks of so many scenarios each, with the mean of the worst hundredth, of one at least."""
    return tuple(
        msgspec.structs.replace(
            block, scenarios=scenarios, tail_numerator=max(1, scenarios // 100), tail_denominator=scenarios
        )
        for block in blocks
    )


class PortfolioHouse:
    """A book whose accounts are all margined by a sheet, and the next sheet, which differs a little."""

    def __init__(
        self, book: Book, prices: np.ndarray, blocks: tuple[ScenarioBlock, ...], add_ons: tuple[AddOn, ...]
    ) -> None:
        self.book = book
        self.accounts = book.account_count - FIRST_ACCOUNT
        self.buckets = FIRST_ACCOUNT + np.arange(self.accounts)
        self.scenarios = sum(block.scenarios for block in blocks)
        self.blocks = blocks
        random = np.random.default_rng(4)
        factors = random.standard_t(4, (FACTORS, self.scenarios))
        returns = random.normal(0.4, 0.4, (len(prices), FACTORS)) @ factors
        returns += random.standard_t(4, (len(prices), self.scenarios))
        self.results = np.rint(returns * prices[:, None] / 50)
        moved = 1 + random.uniform(-MOVED, MOVED, self.results.shape)
        self.sheets = [
            RiskSheet(
                f"sheet {at}",
                "USD",
                UNIT_FINE,
                blocks,
                tuple(
                    ContractRow(f"C{row}", "all", results.astype("<i8").tobytes(), add_ons)
                    for row, results in enumerate(values)
                ),
            )
            for at, values in enumerate((np.rint(self.results * moved), self.results))
        ]
        self.digests = [digest_of(sheet) for sheet in self.sheets]
        for account in self.buckets.tolist():
            fold_margin_mode_set(book, MarginModeSet(account, t.MarginMode.PORTFOLIO))

    def adopt(self, at: int) -> None:
        """Put one of the two sheets in force."""
        fold_risk_sheet_adopted(self.book, RiskSheetAdopted(self.sheets[at], self.digests[at]))

    def samples(self, repeats: int) -> tuple[list[float], list[float]]:
        """Seconds that all accounts take ``(without a guess, with the worst results under the sheet before)``."""
        cold, warm = [], []
        for _ in range(repeats + 1):
            self.adopt(0)
            asked_together(self.book, self.buckets, 1)
            self.adopt(1)
            warm.append(seconds(lambda: asked_together(self.book, self.buckets, 1)))
            presume(np.inf, self.book.sheet)
            forget(self.book.sheet)
            cold.append(seconds(lambda: asked_together(self.book, self.buckets, 1)))
        return cold[1:], warm[1:]

    def ticks(self, repeats: int) -> list[float]:
        """Milliseconds to judge every account, with its equity, once all have been asked by the sheet in force."""
        self.adopt(1)
        return [1e3 * seconds(lambda: judge_house(self.book)) for _ in range(repeats + 1)][1:]

    def figures(
        self, key: str, name: str, repeats: int, targets: tuple[float | None, float | None], beside: dict[str, float]
    ) -> list[Figure]:
        """The two figures of this house, each beside what the caches would give if nothing but reading took time."""
        cold, warm = self.samples(repeats)
        read = RESULT_BYTES * self.scenarios * self.entries() / 1e9
        bounds = {f"near memory, {read:.1f} GB of results read": ("limit-near", 1 / read / 1e3)}
        common = {"unit": "ms", "at_most": True, "beside": beside, "bounds": bounds}
        return [
            Figure(
                key=f"{key}-warm",
                figure=f"{name}, from last tick's thresholds",
                samples=[1e3 * sample for sample in warm],
                target=targets[0],
                **common,
            ),
            Figure(
                key=f"{key}-cold",
                figure=f"{name}, cold",
                samples=[1e3 * sample for sample in cold],
                target=targets[1],
                **common,
            ),
        ]

    def entries(self) -> int:
        """Positions that are not flat: rows of results that the product reads."""
        return self.matrix().count_nonzero()

    def matrix(self) -> sparse.csr_array:
        """Lots by account and contract."""
        rows = [self.book.segment(account) for account in self.buckets.tolist()]
        starts = np.concatenate(([0], np.cumsum([len(held) for held in rows])))
        held = np.concatenate(rows)
        shape = (self.accounts, len(self.results))
        return sparse.csr_array((held["lots"].astype(float), held["contract"].copy(), starts), shape=shape)

    def by_scipy(self, repeats: int, chunk: int) -> float:
        """Median milliseconds of the same by a sparse product and a partition, ``chunk`` accounts at a time.

        Raises ``AssertionError`` where the figures differ from ours: it is the same requirement or no peer.
        """
        lots, columns = self.matrix(), np.ascontiguousarray(self.results.T).T
        worst = self.blocks[0].tail_numerator

        def whole() -> np.ndarray:
            parts = []
            for first in range(0, self.accounts, chunk):
                results = lots[first : first + chunk] @ columns
                results.partition(worst - 1, axis=1)
                parts.append(results[:, :worst].sum(axis=1))
            return np.concatenate(parts)

        taken = [1e3 * seconds(whole) for _ in range(max(1, repeats // 3))]
        sizes = abs(lots).sum(axis=1)
        units = np.maximum(0, np.ceil(-whole() / worst)) + np.ceil(sizes / 2)
        self.adopt(1)
        if not np.array_equal(units * UNIT_FINE, asked_together(self.book, self.buckets, 1)[:, 0]):
            raise AssertionError("scipy's expected shortfall is not ours")
        return float(np.median(taken))

    def ones(self, repeats: int) -> list[float]:
        """Microseconds to judge an account with its equity and all its scenarios."""
        chosen = np.random.default_rng(5).choice(self.buckets, ONES).tolist()

        def some() -> None:
            for account in chosen:
                judge(self.book, account)

        return [1e6 * seconds(some) / ONES for _ in range(repeats + 1)][1:]

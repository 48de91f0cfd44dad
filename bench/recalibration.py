"""A full recalibration: ten years of fifty factors, surfaces from real chains, and the default model's sheet of it all.

What a risk desk runs overnight, and again when markets move: the history checked, every expiry of the chains fitted
without arbitrage, 2,000 contracts revalued in every scenario of the default model, and the sheet in integers.
"""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.special import ndtr

from bench.figures import Figure, seconds
from bench.session import Session
from bench.world import FULL
from novate.core.terms import Contract, Kind
from novate.risk.black import black76_grid
from novate.risk.days import DAY_NS, YEAR_NS
from novate.risk.factors import Factor, FactorHistory
from novate.risk.implied import implied_vol, within_bounds
from novate.risk.instruments import Instrument
from novate.risk.models.blocks import Block
from novate.risk.models.draft import Draft, draft, quantised
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.surface import Chain, Surface, fit

TARGET_S: Final = 10.0
CHAINS: Final = "deribit_option_chains_2026jan.parquet"
CURRENCIES: Final = ("BTC", "ETH")
TENORS: Final = (7, 30, 90, 180)
DAYS: Final = 3_653
DAYS_LEAST: Final = 400
FACTORS: Final = 50
ERROR_MAX: Final = 0.01
TOLERANCE_LEAST: Final = 0.0025
REPEATS: Final = 3
UNIT_FINE: Final = 10**6


class Quotes(msgspec.Struct, frozen=True):
    """One snapshot of one coin's chains, out of the money and in: a row for each option."""

    time_ns: int
    index: float
    rows: dict[str, np.ndarray]


def full(session: Session) -> list[Figure]:
    """The whole of it, and its parts in the order in which they run."""
    size = session.size
    folder = os.environ.get("NOVATE_DATA", "")
    path = Path(folder) / CHAINS
    contracts, days = size.contracts, max(DAYS_LEAST, DAYS * size.contracts // FULL.contracts)
    name = f"recalibration: {days:,} days x {FACTORS} factors, surfaces, sheet of {contracts:,} contracts"
    common: dict[str, Any] = {"unit": "s", "at_most": True}
    if not folder or not path.is_file():
        why = f"the chains are not there: set NOVATE_DATA to a folder with {CHAINS}"
        return [Figure(key="recalibration", figure=name, skipped=why, **common)]
    coins = CURRENCIES if contracts == FULL.contracts else CURRENCIES[:1]
    quotes = {currency: last_snapshot(path, currency) for currency in coins}
    desk = Desk(quotes, contracts, days)
    parts: dict[str, list[float]] = {}
    repeats = min(REPEATS, size.repeats)
    for _ in range(repeats + 1):  # the first one warms up
        for part, taken in desk.recalibrated().items():
            parts.setdefault(part, []).append(taken)
    samples = {part: taken[1:] for part, taken in parts.items()}
    total = [sum(each) for each in zip(*samples.values(), strict=True)]
    written = desk.made.rows[0].results.nbytes * len(desk.made.rows) / 1e9
    whole = Figure(
        key="recalibration",
        figure=name,
        samples=total,
        target=TARGET_S,
        bounds={f"memory bandwidth, its {written:.2f} GB of results written once": ("limit-memory", 1 / written)},
        **common,
    )
    of = f", {len(desk.made.rows[0].results):,} scenarios"
    split = [
        Figure(key=f"recalibration-{part.split()[0]}", figure=f"of which {part}{of if 'sheet' in part else ''}",
               samples=taken, **common)
        for part, taken in samples.items()
    ]  # fmt: skip
    return [whole, *split, desk.by_numpy(repeats)]


def last_snapshot(path: Path, currency: str) -> Quotes:
    """The newest chains of a coin. Prices are in the coin: times the forward they are in dollars."""
    table = pq.read_table(path, filters=[("currency", "==", currency)])
    time = max(table["ts"].to_pylist())
    table = table.filter(pc.equal(table["ts"], time))  # pyright: ignore[reportAttributeAccessIssue]
    rows = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    return Quotes(nanoseconds(time), float(np.median(rows["index_price"].astype(float))), rows)


def nanoseconds(time: datetime) -> int:
    """Since 1970."""
    return round(time.timestamp() * 1e6) * 1_000


def fitted(quotes: Quotes) -> Surface:
    """Volatilities of bids and asks, and the surface through the venue's marks, each within half of its bid to ask."""
    rows, chains = quotes.rows, []
    strike, forward = rows["strike"].astype(float), rows["underlying_price"].astype(float)
    call, mark = rows["option_type"] == "call", rows["mark_iv"].astype(float)
    bid, ask = (rows[name].astype(float) * forward for name in ("bid_price", "ask_price"))
    for expiry in sorted(set(rows["expiry"])):
        years = (nanoseconds(expiry) - quotes.time_ns) / YEAR_NS
        good = (rows["expiry"] == expiry) & (call == (strike >= forward)) & (mark > 0)
        good &= within_bounds(bid, forward, strike, years, call) & within_bounds(ask, forward, strike, years, call)
        if len(set(strike[good])) < 5:
            continue
        low, high = (implied_vol(each[good], forward[good], strike[good], years, call[good]) for each in (bid, ask))
        tolerance = np.maximum((high - low) / 2, TOLERANCE_LEAST)
        chains.append(
            Chain(f"{expiry:%d%b%y}", years, float(np.median(forward[good])), strike[good], mark[good], tolerance)
        )
    return fit(chains, error_max=ERROR_MAX)


class Foreseen(FilteredShortfall):
    """The default model with its blocks at hand, so that foreseeing and revaluing are timed apart."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        super().__init__()
        object.__setattr__(self, "at_hand", blocks)

    def blocks(self, past: FactorHistory, path: np.ndarray | None = None) -> tuple[Block, ...]:
        """What was foreseen."""
        return self.at_hand  # pyright: ignore[reportAttributeAccessIssue]


class Desk:
    """What is recalibrated: made-up histories that end at the real prices of the chains, and the contracts on them."""

    def __init__(self, quotes: dict[str, Quotes], contracts: int, days: int) -> None:
        self.quotes = quotes
        self.contracts = contracts
        self.time_ns = max(each.time_ns for each in quotes.values())
        self.factors = factors()
        self.levels = levels(self.factors, quotes, days)
        self.times_ns = self.time_ns - DAY_NS * np.arange(days - 1, -1, -1)
        self.made: Draft
        self.instruments: list[Instrument] = []

    def recalibrated(self) -> dict[str, float]:
        """One recalibration from the beginning: what each part takes, in seconds."""
        now = dict(zip((factor.name for factor in self.factors), self.levels[-1].tolist(), strict=True))
        taken: dict[str, float] = {}
        history = timed(taken, "history checked", lambda: FactorHistory(
            self.factors, self.times_ns, self.levels, gap_max_ns=DAY_NS))  # fmt: skip
        surfaces = timed(taken, "surfaces fitted", lambda: {name: fitted(each) for name, each in self.quotes.items()})
        self.instruments = timed(taken, "contracts marked", lambda: listed(self, surfaces))
        blocks = timed(taken, "scenarios foreseen", lambda: FilteredShortfall().blocks(history))
        self.made = timed(
            taken,
            "revalued, the sheet in floats",
            lambda: draft(Foreseen(blocks), self.instruments, history, now, self.time_ns),
        )
        timed(
            taken,
            "quantised, the sheet in integers",
            lambda: quantised(self.made, name="bench", numeraire="USD", unit_fine=UNIT_FINE, fine_decimals=8),
        )
        return taken

    def by_numpy(self, repeats: int) -> Figure:
        """The options' prices alone, in as many scenarios: ours, beside what one writes with numpy and scipy."""
        options = [each for each in self.instruments if each.contract.is_option]
        shape = (len(options), len(self.made.rows[0].results))
        strikes = np.array([each.strike for each in options])
        call = np.array([each.contract.kind is Kind.CALL for each in options])
        spread = np.random.default_rng(5).normal(0, 0.05, shape[1])
        forwards = np.array([each.price for each in options])[:, None] * np.exp(spread)
        deviations = np.array([each.vol * each.years(self.time_ns) ** 0.5 for each in options])[:, None] * np.ones(
            shape
        )

        def peer() -> None:
            sign = np.where(call, 1.0, -1.0)[:, None]
            for rows in np.array_split(np.arange(shape[0]), 20):  # in pieces that stay near
                d1 = np.log(forwards[rows] / strikes[rows, None]) / deviations[rows] + deviations[rows] / 2
                d2 = d1 - deviations[rows]
                _ = sign[rows] * (forwards[rows] * ndtr(sign[rows] * d1) - strikes[rows, None] * ndtr(sign[rows] * d2))

        theirs = [seconds(peer) for _ in range(repeats)]
        return Figure(
            key="recalibration-options",
            figure=f"of which the prices of {shape[0]:,} options in {shape[1]:,} scenarios",
            unit="s",
            at_most=True,
            samples=[seconds(lambda: black76_grid(forwards, strikes, deviations, call)) for _ in range(repeats + 1)][
                1:
            ],
            beside={"numpy and scipy's ndtr, one thread, in pieces": float(np.median(theirs))},
        )


def timed(taken: dict[str, float], part: str, work: Callable[[], Any]) -> Any:
    """What some work gives; how long it takes is noted."""
    found: list[Any] = []
    taken[part] = seconds(lambda: found.append(work()))
    return found[0]


def factors() -> tuple[Factor, ...]:
    """Two coins with their volatilities and bases by tenor, and other prices up to fifty."""
    own = [
        each
        for coin in CURRENCIES
        for each in (
            Factor(coin),
            *(Factor(f"{coin} vol {days}d") for days in TENORS),
            *(Factor(f"{coin} basis {days}d", "absolute") for days in TENORS),
        )
    ]
    return (*own, *(Factor(f"X{at:02}") for at in range(FACTORS - len(own))))


def levels(all_of: tuple[Factor, ...], quotes: dict[str, Quotes], days: int) -> np.ndarray:
    """Walks with fat tails that share a part, ending at today's prices: coins at the chains', others at 100."""
    random = np.random.default_rng(50)
    steps = random.standard_t(6, (days, len(all_of))) + random.standard_t(6, days)[:, None]
    out = np.empty(steps.shape)
    for at, factor in enumerate(all_of):
        if factor.kind == "absolute":
            out[:, at] = np.cumsum(0.0005 * steps[:, at])
            continue
        end = quotes[factor.name].index if factor.name in quotes else 0.5 if " vol " in factor.name else 100.0
        walk = np.cumsum(0.008 * steps[:, at])
        out[:, at] = end * np.exp(walk - walk[-1])
    return out


def listed(desk: Desk, surfaces: dict[str, Surface]) -> list[Instrument]:
    """Every option of the chains whose expiry was fitted, on its smile, settled in the coin; then dated futures and
    perpetuals on all prices, up to the number of contracts, of which options are three quarters at most."""
    options = []
    for coin, quotes in desk.quotes.items():
        smiles = {smile.expiry: smile for smile in surfaces[coin].smiles}
        rows = quotes.rows
        for strike, expiry, kind, forward in zip(
            rows["strike"], rows["expiry"], rows["option_type"], rows["underlying_price"], strict=True
        ):
            smile = smiles.get(f"{expiry:%d%b%y}")
            if smile is None or nanoseconds(expiry) <= desk.time_ns:
                continue
            symbol = f"{coin}-{expiry:%d%b%y}-{strike:g}-{kind}"
            terms = contract(symbol, Kind(kind), coin, nanoseconds(expiry), f"{strike:g}")
            vol = float(smile.vols(np.log(np.array([float(strike) / float(forward)])))[0])
            options.append(Instrument(terms, coin, coin, float(forward), vol, smile))
    most = min(len(options), 3 * desk.contracts // 4)
    options = [options[at] for at in np.linspace(0, len(options) - 1, most).astype(int).tolist()]
    prices = [factor.name for factor in desk.factors if " " not in factor.name]
    now = dict(zip((factor.name for factor in desk.factors), desk.levels[-1].tolist(), strict=True))
    futures = []
    for at in range(desk.contracts - len(options)):
        index, months = prices[at % len(prices)], at // len(prices)
        expiry_ns = None if not months else desk.time_ns + 30 * months * DAY_NS
        kind = Kind.PERPETUAL if expiry_ns is None else Kind.FUTURE
        futures.append(
            Instrument(contract(f"{index}-{months}", kind, "USD", expiry_ns), index, None, 1.001 * now[index])
        )
    return [*options, *futures]


def contract(symbol: str, kind: Kind, settlement: str, expiry_ns: int | None, strike: str | None = None) -> Contract:
    """Terms of the bench: what revaluation looks at, and limits wide enough."""
    return Contract(
        symbol=symbol,
        kind=kind,
        settlement=settlement,
        tick_size="0.01",
        lot_size="1",
        price_min_ticks=1,
        price_max_ticks=10**9,
        position_limit_lots=10**6,
        margin_class="m",
        stale_after_ns=DAY_NS,
        inverse=strike is not None,
        underlying=None if strike is None else settlement,
        strike=strike,
        expiry_ns=expiry_ns,
    )

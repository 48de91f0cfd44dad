"""Ticks: what it takes to mark the house to a new market, all of it or the holders of one contract."""

from collections.abc import Callable

import numpy as np

from bench.figures import Figure, seconds
from bench.session import Session
from bench.trades import Recorder
from bench.world import FIRST_ACCOUNT
from novate.core.commands import PublishMarks, SubmitTrades
from novate.core.layout import BALANCE, BUCKET, JUDGED, POSITION
from novate.core.margin import judge_house

HOUSE_TARGET_MS = 5.0


def house(session: Session, prefix: str = "", target_ms: float = HOUSE_TARGET_MS) -> list[Figure]:
    """A tick that moves every mark; the equity and margin of every account are known after it."""
    size, world = session.size, session.world
    recorder = Recorder(session.book())
    held = open_positions(recorder)
    ticks = [world.marks(moved(session)) for _ in range(size.ticks + 1)]
    whole = milliseconds(ticks, lambda tick: recorder.record_all([tick]))
    judged = milliseconds(ticks, lambda _: judge_house(recorder.book))
    least_bytes = held * POSITION.itemsize + size.accounts * (BUCKET.itemsize + BALANCE.itemsize + JUDGED.itemsize)
    bounds = {f"memory bandwidth, at least {least_bytes / 1e6:.0f} MB": ("limit-memory", 1e6 / least_bytes)}
    name = f"equity and margin of {size.accounts:,} accounts, {held:,} positions"
    key = "mixed-tick" if prefix else "tick"
    common = {"unit": "ms", "target": target_ms, "at_most": True, "bounds": bounds}
    return [
        Figure(key=f"{key}-house", figure=f"{prefix}tick of every mark, whole: {name}", samples=whole, **common),
        Figure(key=f"{key}-judge", figure=f"{prefix}of it judging alone: {name}", samples=judged, **common),
    ]


def one(session: Session) -> list[Figure]:
    """A tick of one contract, at the number of holders that most contracts have and at a popular one's."""
    size, world = session.size, session.world
    recorder = Recorder(session.book())
    contracts = (0, 1)
    counts = [int(recorder.book.contracts[contracts[0]]["holders_count"])]
    recorder.record_all([popular_trades(session, contracts[1])])
    counts.append(int(recorder.book.contracts[contracts[1]]["holders_count"]))
    figures: list[Figure] = []
    medians: list[float] = []
    for key, contract, count in zip(("usual", "popular"), contracts, counts, strict=True):
        price = int(world.prices[contract])
        ticks = [world.mark(contract, price + at % 3 - 1) for at in range(size.one_ticks + 1)]
        samples = [1e3 * sample for sample in milliseconds(ticks, lambda tick: recorder.record_all([tick]))]
        name = f"tick of one contract with {count:,} holders"
        figure = Figure(key=f"tick-one-{key}", figure=name, unit="us", samples=samples)
        figures.append(figure)
        medians.append(float(np.median(samples)))
    slope = (medians[1] - medians[0]) / (counts[1] - counts[0])
    fixed = medians[0] - slope * counts[0]
    name = "tick of one contract"
    return [
        *figures,
        Figure(key="tick-one-holder", figure=f"{name}, of it for each further holder", unit="us", samples=[slope]),
        Figure(key="tick-one-fixed", figure=f"{name}, of it whatever their number", unit="us", samples=[fixed]),
    ]


def open_positions(recorder: Recorder) -> int:
    """Positions of the house that are not flat."""
    _, rows = recorder.book.packed_positions()
    return int((rows["lots"] != 0).sum())


def moved(session: Session) -> np.ndarray:
    """Every price a few ticks from where it was: nobody is called for that."""
    world = session.world
    return world.prices + world.random.integers(-3, 4, len(world.prices))


def popular_trades(session: Session, contract: int) -> SubmitTrades:
    """Trades after which about ``popular_holders`` accounts have a position in a contract."""
    world, size = session.world, session.size
    held = world.holders_of(contract)
    others = np.setdiff1d(np.arange(FIRST_ACCOUNT, FIRST_ACCOUNT + size.accounts), held)
    half = (size.popular_holders - len(held)) // 2
    rows = world.rows(np.full(half, contract), others[:half], others[half : 2 * half])
    return SubmitTrades("venue", rows.tobytes())


def milliseconds(ticks: list[PublishMarks], work: Callable[[PublishMarks], object]) -> list[float]:
    """What each takes; the first one warms up."""
    samples = [1e3 * seconds(lambda tick=tick: work(tick)) for tick in ticks]
    return samples[1:]

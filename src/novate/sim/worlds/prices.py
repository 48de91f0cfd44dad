"""Where prices go: a random walk with jumps, or the moves of a recorded history. Floats end here as ticks."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np

from novate.market.history import PriceHistory, default_history, read_history


@functools.cache
def history_of(path: Path | None) -> PriceHistory:
    """A recorded history: of a file, or the one that comes with the installation."""
    return default_history() if path is None else read_history(path)


def walk(random: Random) -> Iterator[float]:
    """Factors of one price from tick to tick: calm or wild, with jumps either way."""
    width, jumps = random.choice([0.001, 0.005, 0.02]), random.choice([0.0, 0.02, 0.08])
    while True:
        move = random.gauss(0.0, width)
        if random.random() < jumps:
            move += random.choice([-1, 1]) * random.uniform(0.05, 0.4)
        yield math.exp(move)


def recorded(random: Random, history: PriceHistory) -> Iterator[float]:
    """Factors of one series of a history from a random place on, round and round; missing prices are left out."""
    column = history.close[:, random.randrange(len(history.symbols))]
    known = column[~np.isnan(column)]
    factors = known[1:] / known[:-1]
    at = random.randrange(len(factors))
    while True:
        yield float(factors[at])
        at = (at + 1) % len(factors)


class Market:
    """The prices of a world now: one factor per spot and per asset, relative to its first price."""

    def __init__(self, random: Random, spots: int, assets: list[int], history: Path | None) -> None:
        self.real = history is not None or random.random() < 0.2
        source = history_of(history) if self.real else None
        self.moves = {
            key: recorded(random, source) if source is not None else walk(random)
            for key in [*(("spot", at) for at in range(spots)), *(("asset", at) for at in assets)]
        }
        self.level = dict.fromkeys(self.moves, 1.0)

    def tick(self) -> None:
        """Every price moves once; none goes further than a factor of thirty from its first."""
        for key, moves in self.moves.items():
            self.level[key] = min(30.0, max(1 / 30, self.level[key] * next(moves)))

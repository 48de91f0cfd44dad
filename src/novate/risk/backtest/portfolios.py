"""Margin models over whole accounts, out of sample: what each asked of every account, member and the house, and who
was short.

All accounts stand under one sheet a day, as in a house: scenarios of all series together, each series with the options
on it a netting set of its own, offsets between them up to the model's cap; no add-ons, since a history says nothing of
who trades how much.
What an account lost beyond its requirement is its *shortfall*. Accounts do not offset each other: a member's shortfall
is the sum of its accounts' own, its house account's among them, and so is the house's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from novate.risk.backtest.accounts import HOUSE, Held
from novate.risk.backtest.comparison import first_row, unit_gains, unit_results
from novate.risk.backtest.laws import laws, worst_light
from novate.risk.backtest.options import option_gains
from novate.risk.backtest.traffic_light import TrafficLight
from novate.risk.backtest.windows import out_of_sample
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import FactorHistory, levels_after
from novate.risk.measures import as_written
from novate.risk.models.blocks import Block, Model, combined
from novate.risk.revaluation import Levels

AT_ONCE: Final = 16
"""Accounts measured together: their results in a few thousand scenarios stay near the processor."""

Whose = Literal["account", "member", "house"]
Group = tuple[Whose, str, list[int]]
"""An account, a member or the house by its name, and the places of its accounts."""


@dataclass(frozen=True, slots=True, eq=False)
class Covered:
    """How a model's requirements of an account, of a member's accounts or of all of them did.

    An *exception* is a step on which an account of theirs was short. Amounts are in units of the results.

    Attributes
    ----------
    accounts : int
        How many they are.
    expected : float
        Exceptions of a model that is right: of n accounts n times as many *at most*, since they may come together.
    pof, conditional : float or None
        None of several accounts, whose exceptions have no rate that is right.
    independence : float
        Whether exceptions come in runs.
    light : TrafficLight or None
        Of n accounts at 1 - n (1 - level), what n that are covered can bring at most, however they move together;
        None where that is not above zero.
    largest, largest_on : float, str or None
        The largest shortfall and the day on which it was known.
    of_margin : float or None
        The same as a part of what was asked for that day; None without one, and where nothing was asked for.
    mean_shortfall : float
        Over the steps with one; 0 without.
    mean : float
        The mean requirement.
    """

    model: str
    whose: Whose
    name: str
    accounts: int
    steps: int
    exceptions: int
    expected: float
    pof: float | None
    independence: float
    conditional: float | None
    light: TrafficLight | None
    largest: float
    largest_on: str | None
    of_margin: float | None
    mean_shortfall: float
    mean: float


@dataclass(frozen=True, slots=True, eq=False)
class Portfolios:
    """Accounts under several models.

    Attributes
    ----------
    labels : tuple of str
        The days on which results were known.
    results : ndarray of shape (n_steps, n_accounts)
        Over the horizon; positive is a gain.
    requirements : dict of str to ndarray of shape (n_steps, n_accounts)
        By model.
    covered : tuple of Covered
        By account, then by member, then the house; of each all models.
    """

    held: Held
    series: tuple[str, ...]
    horizon_steps: int
    level: float
    labels: tuple[str, ...]
    times_ns: NDArray[np.int64]
    results: NDArray[np.float64]
    requirements: dict[str, NDArray[np.float64]]
    covered: tuple[Covered, ...]

    def shortfalls(self, model: str) -> NDArray[np.float64]:
        """Of every account at each step, ``[step, account]``; zero where it was covered."""
        return np.maximum(-self.results - self.requirements[model], 0.0)

    def groups(self) -> list[Group]:
        """Every account, every member and the house, each with the places of its accounts."""
        return groups(self.held)


def groups(held: Held) -> list[Group]:
    """Every account, every member and the house, each with the places of its accounts."""
    every = range(len(held.names))
    alone: list[Group] = [("account", held.names[at], [at]) for at in every]
    members: list[Group] = [
        ("member", member, [at for at in every if held.members[at] == member]) for member in dict.fromkeys(held.members)
    ]
    return [*alone, *members, ("house", HOUSE, list(every))]


def backtest(
    history: FactorHistory,
    held: Held,
    models: Sequence[Model],
    *,
    level: float,
    warm_up: int = 500,
    last: int | None = None,
) -> Portfolios:
    """Backtest models over accounts.

    Parameters
    ----------
    history : FactorHistory
        Of all the series that are held.
    models : sequence of Model
        All of the same horizon.
    level : float
        The coverage that requirements are tested at.
    warm_up, last : int, int or None
        As for ``comparison.compare``.

    Raises
    ------
    RiskError
        For a history with fewer than 100 steps to test, and for models of several horizons.
    """
    if len({model.horizon_steps for model in models}) != 1:
        raise RiskError("expected models of one horizon")
    steps = models[0].horizon_steps
    first = first_row(history, steps, warm_up, last)
    runs = {
        model.name: out_of_sample(history, _foresee(model, history, held), first=first, horizon_steps=steps)
        for model in models
    }
    run = next(iter(runs.values()))
    units = np.concatenate(
        [unit_results(history.factors, run.before, run.after), _option_results(history, held, first, steps)], axis=1
    )
    results = np.einsum("taf,tf->ta", held.exposures[first : len(history) - steps], units)
    requirements = {name: each.foreseen for name, each in runs.items()}
    covered = tuple(
        _covered((model, whose, name), results[:, places], asked[:, places], run.labels, level, steps)
        for whose, name, places in groups(held)
        for model, asked in requirements.items()
    )
    series = tuple(factor.name for factor in history.factors)
    times_ns = history.times_ns[first + steps :]
    return Portfolios(held, series, steps, level, run.labels, times_ns, results, requirements, covered)


def requirements(
    blocks: Sequence[Block],
    offset_cap: float,
    exposures: NDArray[np.float64],
    gains: Sequence[NDArray[np.float64]],
    sets: Sequence[str],
) -> NDArray[np.float64]:
    """What a model asks of every account, of shape (n_accounts,).

    ``exposures``, of shape (n_accounts, n_columns), are held now; ``gains`` are those of a unit of each column in every
    scenario of each block, ``[scenario, column]``, and ``sets`` names the netting set of each column. A measure of k
    units is k times that of one, so what sets of one column ask for follows from a long and a short unit of each; only
    sets of several, and accounts of several sets, are measured themselves.
    """
    longs, shorts = np.maximum(exposures, 0.0), np.maximum(-exposures, 0.0)
    columns = {name: np.array([each == name for each in sets]) for name in sets}
    single = np.array([columns[name].sum() == 1 for name in sets])
    held = np.stack([exposures[:, there].any(axis=1) for there in columns.values()])
    mixed = np.flatnonzero(held.sum(axis=0) > 1)
    losses = []
    for block, each in zip(blocks, gains, strict=True):
        alone = longs[:, single] @ block.loss(each[:, single]) + shorts[:, single] @ block.loss(-each[:, single])
        for there in columns.values():
            if there.sum() > 1:
                alone += _joint(block, exposures[:, there], each[:, there])
        joint = _joint(block, exposures[mixed], each)
        granted = offset_cap * np.maximum(alone[mixed] - joint, 0.0)
        alone[mixed] = np.maximum(alone[mixed], joint) - granted
        losses.append(alone)
    return combined(blocks, losses)


def _joint(block: Block, exposures: NDArray[np.float64], gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a block asks of accounts for all that they hold together: by account in memory, each partitioned by
    itself."""
    out = np.zeros(len(exposures))
    for first in range(0, len(exposures), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        out[some] = block.loss((exposures[some] @ gains.T).T)
    return out


def _gains(block: Block, held: Held, past: FactorHistory) -> NDArray[np.float64]:
    """What a unit of every column gains in each scenario of a block."""
    linear = unit_gains(block.scenarios)
    if not held.options:
        return linear
    names, now = tuple(factor.name for factor in past.factors), past.levels[-1]
    after = levels_after(now, block.scenarios)
    options = option_gains(held.options, Levels(names, now, after, block.scenarios.horizon_days))
    counted = block.scenarios.counted
    return np.concatenate([linear, options if counted is None else options * counted[:, None]], axis=1)


def _option_results(history: FactorHistory, held: Held, first: int, steps: int) -> NDArray[np.float64]:
    """What a unit of every option gained over the horizon from each row on, ``[step, option]``: with as much time
    passed as did."""
    count = len(history) - steps - first
    out = np.empty((count, len(held.options)))
    names = tuple(factor.name for factor in history.factors)
    days = (history.times_ns[steps:] - history.times_ns[:-steps]) / DAY_NS
    for at in range(count) if held.options else ():
        row = first + at
        levels = Levels(names, history.levels[row], history.levels[row + steps][None], float(days[row]))
        out[at] = option_gains(held.options, levels)[0]
    return out


def _foresee(model: Model, history: FactorHistory, held: Held) -> Callable[[FactorHistory], NDArray[np.float64]]:
    """From the past to what every account is asked for. Volatilities are worked out once, as in ``comparison``."""
    path = model.volatilities(history)
    sets = (*(factor.name for factor in history.factors), *(option.on for option in held.options))

    def foresee(past: FactorHistory) -> NDArray[np.float64]:
        blocks = model.blocks(past, None if path is None else path[: len(past)])
        gains = [_gains(block, held, past) for block in blocks]
        return requirements(blocks, model.offset_cap, held.exposures[len(past) - 1], gains, sets)

    return foresee


def _covered(
    whose: tuple[str, Whose, str],
    results: NDArray[np.float64],
    asked: NDArray[np.float64],
    labels: tuple[str, ...],
    level: float,
    steps: int,
) -> Covered:
    """The verdict on some accounts together, ``[step, account]``."""
    short = -results > asked
    hits = np.asarray(short.any(axis=1))
    shortfall = np.where(short, -results - asked, 0.0).sum(axis=1)
    worst, count = int(np.argmax(shortfall)), results.shape[1]
    found = laws(hits, level, steps)
    rate = count * (1 - as_written(level))
    one, light = count == 1, worst_light(hits, float(1 - rate), steps) if rate < 1 else None
    margin = asked.sum(axis=1)
    return Covered(
        *whose,
        count,
        len(hits),
        int(hits.sum()),
        len(hits) * float(min(rate, 1)),
        found.pof if one else None,
        found.independence,
        found.conditional if one else None,
        light,
        float(shortfall[worst]),
        labels[worst] if hits.any() else None,
        float(shortfall[worst] / margin[worst]) if hits.any() and margin[worst] > 0 else None,
        float(shortfall[hits].mean()) if hits.any() else 0.0,
        float(margin.mean()),
    )

"""Several margin models over one recorded series, out of sample: what each asked of a long and a short, and how it did.

Every model is handed the past of each day and foresees what one unit, long or short, is asked for. Of a relative factor
the unit is worth 1 when it is foreseen, so that results and requirements are parts of the price; of an absolute one it
is one unit of the underlying, in the price's own currency. Coverage is that of the requirement itself: a margin at 99 %
is meant to have an exception on one day in a hundred at most, and one that has fewer is prudent, not wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from novate.risk.apc import Buffer, Procyclicality, capped_rise, procyclicality, with_floor, with_stress
from novate.risk.backtest.coverage import exceptions
from novate.risk.backtest.laws import laws
from novate.risk.backtest.scores import pinball
from novate.risk.backtest.shortfall import z2
from novate.risk.backtest.traffic_light import TrafficLight
from novate.risk.backtest.windows import OutOfSample, bonferroni, interleaved, out_of_sample
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory, Scenarios
from novate.risk.models.blocks import Model, combined

Side = Literal["long", "short"]
SIDES: Final[tuple[Side, ...]] = ("long", "short")
STEPS_MIN: Final = 100
"""Fewer days say nothing about one exception in a hundred."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """What one model foresaw for each side, ``[step, side]``, in units of the results.

    ``var`` and ``es`` are those of the model's own scenarios, combined as its requirement is; a scan has no
    distribution, and neither. ``parts`` are the losses of its blocks by their names, before weights.
    """

    model: str
    requirement: NDArray[np.float64]
    var: NDArray[np.float64] | None
    es: NDArray[np.float64] | None
    parts: dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """How a model's requirement of one side did.

    P-values are exact; over more than one day they are Bonferroni's of samples that do not overlap, and ``light`` and
    ``z2`` are the worst of those samples. ``z2`` is None where a model has no expected shortfall. ``pinball`` and
    ``mean`` are in units of the results.
    """

    model: str
    side: Side
    steps: int
    exceptions: int
    expected: float
    pof: float
    independence: float
    conditional: float
    light: TrafficLight
    z2: tuple[float, float] | None
    pinball: float
    mean: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One series under several models.

    Attributes
    ----------
    labels : tuple of str
        The days on which results were known.
    results : ndarray of shape (n_steps, 2)
        Of one unit, long and short, over the horizon; positive is a gain.
    procyclicality : dict of str to Procyclicality
        Of each model's requirement of a long.
    tools : dict of str to Procyclicality
        Of the default model's current part with each tool, for a long; costs are against it bare.
    """

    factor: Factor
    horizon_steps: int
    level: float
    labels: tuple[str, ...]
    times_ns: NDArray[np.int64]
    results: NDArray[np.float64]
    paths: tuple[Path, ...]
    verdicts: tuple[Verdict, ...]
    procyclicality: dict[str, Procyclicality]
    tools: dict[str, Procyclicality]


def compare(
    history: FactorHistory, models: Sequence[Model], *, level: float, warm_up: int = 500, last: int | None = None
) -> Comparison:
    """Backtest models over the history of one factor.

    Parameters
    ----------
    models : sequence of Model
        All of the same horizon.
    level : float
        The coverage that requirements are tested at.
    warm_up : int
        Rows before the first day that is foreseen.
    last : int or None
        Test only so many of the last steps; None: all after the warm-up.

    Raises
    ------
    RiskError
        For a history with fewer than 100 steps to test, naming the factor, its days and the cure.
    """
    horizons = {model.horizon_steps for model in models}
    if len(history.factors) != 1 or len(horizons) != 1:
        raise RiskError("expected a history of one factor, and models of one horizon")
    (steps,), factor = horizons, history.factors[0]
    first = first_row(history, steps, warm_up, last)
    runs = [
        (model, out_of_sample(history, _foresee(model, history), first=first, horizon_steps=steps)) for model in models
    ]
    paths = tuple(_path(model, run, [block.name for block in model.blocks(history)]) for model, run in runs)
    run = runs[0][1]
    gains = unit_results(history.factors, run.before, run.after)[:, 0]
    results = np.stack([gains, -gains], axis=1)
    default = next((path for path in paths if {"current", "stressed", "floor"} <= path.parts.keys()), None)
    return Comparison(
        factor,
        steps,
        level,
        run.labels,
        history.times_ns[first + steps :],
        results,
        paths,
        tuple(_verdict(path, results, at, level, steps) for path in paths for at in range(len(SIDES))),
        {path.model: procyclicality(path.requirement[:, 0]) for path in paths},
        {} if default is None else _tools(default),
    )


def first_row(history: FactorHistory, horizon_steps: int, warm_up: int, last: int | None) -> int:
    """The first row that something is foreseen at: after the warm-up, or so many from the end. RiskError where fewer
    than 100 steps are left to test, naming the factors, their days and the cure."""
    first = max(warm_up, len(history) - horizon_steps - last) if last is not None else warm_up
    if len(history) - horizon_steps - first < STEPS_MIN:
        names = ", ".join(factor.name for factor in history.factors)
        raise RiskError(
            f"{names}: {len(history)} prices from {history.day(0)} to {history.day(len(history) - 1)} leave "
            f"{max(0, len(history) - horizon_steps - first)} days to test after a warm-up of {first}, and {STEPS_MIN} "
            "at least are needed: give a longer history, a shorter warm-up or a wider window"
        )
    return first


def unit_results(
    factors: Sequence[Factor], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What a long unit of each factor gains, ``[step, factor]``: the part by which the price changes, or the difference
    of an absolute factor."""
    by_part = np.array([factor.kind == "relative" for factor in factors])
    return (after - before) / np.where(by_part, before, 1.0)


def unit_gains(scenarios: Scenarios) -> NDArray[np.float64]:
    """What a long unit of each factor gains in each scenario, ``[scenario, factor]``."""
    by_part = [factor.kind == "relative" for factor in scenarios.factors]
    gains = scenarios.moves.copy()
    gains[:, by_part] = np.expm1(gains[:, by_part])
    return gains if scenarios.counted is None else gains * scenarios.counted[:, None]


def _foresee(model: Model, history: FactorHistory) -> Callable[[FactorHistory], NDArray[np.float64]]:
    """From the past to the requirement, value at risk, expected shortfall and block losses of both sides, in a row.

    Volatilities are worked out once: row t of their path comes from moves before t alone, as ``Model`` demands and a
    test holds every model to, so that its first rows are the path of the past.
    """
    path = model.volatilities(history)

    def foresee(past: FactorHistory) -> NDArray[np.float64]:
        blocks = model.blocks(past, None if path is None else path[: len(past)])
        gains = [unit_gains(block.scenarios)[:, 0] for block in blocks]
        both = [np.stack([each, -each], axis=1) for each in gains]
        losses = [block.loss(each) for block, each in zip(blocks, both, strict=True)]
        rows = [combined(blocks, losses)]
        for measure in ("value_at_risk", "expected_shortfall"):
            if any(block.measure == "worst" for block in blocks):
                rows.append(np.zeros(len(SIDES)))
            else:
                own = [
                    loss if block.measure == measure else block.loss(each, measure)
                    for block, each, loss in zip(blocks, both, losses, strict=True)
                ]
                rows.append(combined(blocks, own))
        return np.concatenate([*rows, *losses])

    return foresee


def _path(model: Model, run: OutOfSample, names: Sequence[str]) -> Path:
    asked, var, es, *parts = np.split(run.foreseen, run.foreseen.shape[1] // len(SIDES), axis=1)
    known = bool(es.any())
    return Path(model.name, asked, var if known else None, es if known else None, dict(zip(names, parts, strict=True)))


def _verdict(path: Path, results: NDArray[np.float64], side: int, level: float, steps: int) -> Verdict:
    gains, asked = results[:, side], path.requirement[:, side]
    hits = exceptions(gains, asked)
    shortfall = None
    if path.var is not None and path.es is not None:
        gained, var, es = (interleaved(each, steps) for each in (gains, path.var[:, side], path.es[:, side]))
        tests = [z2(*sample, level) for sample in zip(gained, var, es, strict=True)]
        shortfall = min(test.statistic for test in tests), bonferroni([test.p_value for test in tests])
    return Verdict(
        path.model,
        SIDES[side],
        len(hits),
        int(hits.sum()),
        len(hits) * (1 - level),
        *laws(hits, level, steps),
        shortfall,
        float(pinball(gains, asked, level).mean()),
        float(asked.mean()),
    )


def _tools(path: Path) -> dict[str, Procyclicality]:
    """The default model's current part of a long, bare and with each tool."""
    bare, stress, floor = (path.parts[name][:, 0] for name in ("current", "stressed", "floor"))
    charged = {
        "current part alone": bare,
        "with a buffer of 25 %": Buffer().charged(bare),
        "with 25 % stressed": with_stress(bare, stress),
        "with the ten-year floor": with_floor(bare, floor),
        "with rises of 20 % a day at most": capped_rise(bare).charged,
        "the default: stressed and floor": path.requirement[:, 0],
    }
    return {name: procyclicality(each, bare) for name, each in charged.items()}

"""The laws of exceptions together, over horizons that may overlap: exact p-values, and Basel's light."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novate.risk.backtest.coverage import CoverageTest, conditional_coverage, independence, pof
from novate.risk.backtest.traffic_light import TrafficLight, traffic_light
from novate.risk.backtest.windows import bonferroni, interleaved


class Laws(NamedTuple):
    """P-values are exact; over more than one step they are Bonferroni's of samples that do not overlap, and the light
    is the worst of those samples."""

    pof: float
    independence: float
    conditional: float
    light: TrafficLight


def laws(hits: NDArray[np.bool_], level: float, horizon_steps: int) -> Laws:
    """The laws that exceptions of one requirement are held to."""

    def p_value(test: Callable[[NDArray[np.bool_]], CoverageTest]) -> float:
        return bonferroni([test(sample).p_value_exact for sample in interleaved(hits, horizon_steps)])

    return Laws(
        p_value(lambda sample: pof(sample, level)),
        p_value(independence),
        p_value(lambda sample: conditional_coverage(sample, level)),
        worst_light(hits, level, horizon_steps),
    )


def worst_light(hits: NDArray[np.bool_], level: float, horizon_steps: int) -> TrafficLight:
    """Of the samples that do not overlap, the light of the one least likely under a correct model."""
    samples = interleaved(hits, horizon_steps)
    lights = [traffic_light(int(sample.sum()), len(sample), level) for sample in samples]
    return max(lights, key=lambda light: light.probability)

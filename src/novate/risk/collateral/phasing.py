"""A rise of a haircut in dated steps, known beforehand, which initial requirements feel first.

Each step is a change of rules for a time to come, to be scheduled when the rise is announced.
"""

from dataclasses import dataclass

from novate.core.money import PPM
from novate.risk.errors import RiskError


@dataclass(frozen=True, slots=True)
class PhaseRules:
    """How a haircut may rise: by at most ``step_ppm`` at a time, first ``notice_ns`` after it is announced and then
    every ``every_ns``; what is asked to keep positions follows what is asked for new ones by ``lag_steps``."""

    step_ppm: int
    every_ns: int
    notice_ns: int = 0
    lag_steps: int = 1


@dataclass(frozen=True, slots=True)
class HaircutStep:
    """From a time on: the haircut that initial requirements are met at, and that which maintenance is."""

    effective_ns: int
    initial_ppm: int
    maintenance_ppm: int


def phased(now_ppm: int, target_ppm: int, announced_ns: int, rules: PhaseRules) -> tuple[HaircutStep, ...]:
    """The steps from one haircut to another, in order of time; none where they are equal.

    A rise is split into equal steps, none above the rule's, the last taking what remains; a fall comes in one step, at
    the end of the notice. RiskError for haircuts that are no part of a price and for rules that never get there.
    """
    if not (0 <= now_ppm <= PPM and 0 <= target_ppm <= PPM):
        raise RiskError(f"haircuts of {now_ppm} and {target_ppm} ppm: expected 0 to {PPM}")
    if rules.step_ppm <= 0 or rules.every_ns <= 0 or rules.notice_ns < 0 or rules.lag_steps < 0:
        raise RiskError(f"{rules}: expected positive steps and times, and no negative notice or lag")
    first = announced_ns + rules.notice_ns
    if target_ppm <= now_ppm:
        return (HaircutStep(first, target_ppm, target_ppm),) if target_ppm < now_ppm else ()
    count = -(-(target_ppm - now_ppm) // rules.step_ppm)
    rise = -(-(target_ppm - now_ppm) // count)
    levels = [min(target_ppm, now_ppm + rise * at) for at in range(count + 1)]
    return tuple(
        HaircutStep(first + at * rules.every_ns, levels[min(at + 1, count)], levels[max(0, at + 1 - rules.lag_steps)])
        for at in range(count + rules.lag_steps)
    )

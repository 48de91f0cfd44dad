"""The cheapest eligible collateral for a requirement: haircuts, caps, lots and what each costs to bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from novate.core.money import PPM, credit
from novate.risk.errors import RiskError
from novate.risk.optimise.program import INFINITY, Program

TRIES_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Eligible:
    """An asset that may be brought, in whole lots.

    Attributes
    ----------
    lot_fine : int
        What one lot is worth in the numeraire, before its haircut.
    haircut_ppm : int
    lots_max : int
        As many as there are.
    cost_fine : int
        What bringing one lot costs: what it would have earned elsewhere. Negative where it costs less than nothing.
    cap_fine : int or None
        The most that counts of it, after the haircut.
    group : str or None
        Assets whose caps in ``group_caps_fine`` are one: those of one issuer.
    """

    asset: str
    lot_fine: int
    haircut_ppm: int
    lots_max: int
    cost_fine: int
    cap_fine: int | None = None
    group: str | None = None

    @property
    def counted_lot_fine(self) -> int:
        """What one lot counts for, rounded down."""
        return credit(self.lot_fine, PPM - self.haircut_ppm)


@dataclass(frozen=True, slots=True)
class Posted:
    """The lots of each asset, in the order given; what they count for together and cost."""

    lots: tuple[int, ...]
    counted_fine: int
    cost_fine: int


def cheapest_collateral(
    requirement_fine: int, eligible: Sequence[Eligible], *, group_caps_fine: Mapping[str, int] | None = None
) -> Posted:
    """The lots that cover a requirement at the least cost.

    The answer is counted in whole numbers: it covers the requirement exactly, and where the solver's floats would leave
    a unit uncovered they are asked for that unit more.

    RiskError where all that is eligible does not cover it, with how much is lacking.
    """
    caps = dict(group_caps_fine or {})
    _check(requirement_fine, eligible, caps)
    asked = requirement_fine
    for _ in range(TRIES_MAX):
        lots = _solved(asked, eligible, caps)
        if lots is None:
            most = counted(eligible, [each.lots_max for each in eligible], caps)
            raise RiskError(
                f"all that is eligible counts for {most} of a requirement of {requirement_fine}: bring more assets, or "
                "raise a cap"
            )
        found = counted(eligible, lots, caps)
        if found >= requirement_fine:
            cost = sum(each.cost_fine * held for each, held in zip(eligible, lots, strict=True))
            return Posted(tuple(lots), found, cost)
        asked += requirement_fine - found
    raise RiskError(f"a requirement of {requirement_fine} is beyond what floats tell apart: use larger lots or units")


def counted(eligible: Sequence[Eligible], lots: Sequence[int], group_caps_fine: Mapping[str, int]) -> int:
    """What so many lots of each count for together: each after its haircut up to its cap, each group up to its own."""
    alone, grouped = 0, dict.fromkeys(group_caps_fine, 0)
    for each, held in zip(eligible, lots, strict=True):
        worth = held * each.counted_lot_fine
        worth = worth if each.cap_fine is None else min(worth, each.cap_fine)
        if each.group in grouped:
            grouped[each.group] += worth
        else:
            alone += worth
    return alone + sum(min(worth, group_caps_fine[group]) for group, worth in grouped.items())


def _solved(asked: int, eligible: Sequence[Eligible], caps: Mapping[str, int]) -> list[int] | None:
    """Lots at the least cost as floats have them; amounts are measured in parts of what is asked."""
    unit = max(1, asked)
    dearest = max(1, *(abs(each.cost_fine) for each in eligible))
    program = Program()
    held, used = [], []
    for each in eligible:
        (lots,) = program.variables(1, cost=each.cost_fine / dearest, most=each.lots_max, whole=True)
        (part,) = program.variables(1, most=INFINITY if each.cap_fine is None else each.cap_fine / unit)
        program.row([lots, part], [each.counted_lot_fine / unit, -1.0], least=0.0)
        held.append(lots)
        used.append(part)
    for group, cap in caps.items():
        members = [part for each, part in zip(eligible, used, strict=True) if each.group == group]
        if members:
            program.row(members, [1.0] * len(members), most=cap / unit)
    program.row(used, [1.0] * len(used), least=asked / unit)
    found = program.solved()
    return None if found is None else [round(found[lots]) for lots in held]


def _check(requirement_fine: int, eligible: Sequence[Eligible], caps: Mapping[str, int]) -> None:
    if requirement_fine < 0 or not eligible:
        raise RiskError(
            f"a requirement of {requirement_fine} from {len(eligible)} assets: expected 0 or more, from some"
        )
    for each in eligible:
        if each.lot_fine <= 0 or not 0 <= each.haircut_ppm <= PPM or each.lots_max < 0 or (each.cap_fine or 0) < 0:
            raise RiskError(f"{each.asset}: {each}: expected a worth, a haircut up to {PPM} ppm, nothing negative")
    if any(cap < 0 for cap in caps.values()):
        raise RiskError(f"group caps {dict(caps)}: expected none below 0")

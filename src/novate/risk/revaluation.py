"""From levels of factors to what one lot gains: futures, perpetuals and options revalued in full in every scenario.

Every instrument stands at its own mark now; factors move it from there. With S the index, F the price or forward, T the
time to expiry, now and then (') at the horizon:

==================  =================================================  ==============================================
what                index moves by a factor                            index moves by a difference (``normal``)
==================  =================================================  ==============================================
future, forward     F' = S' (1 + (F / S - 1) T' / T + db T')           F' = S' + (F - S) T' / T + db
perpetual           F' = S' (F / S + dp)                               F' = S' + (F - S) + dp
volatility          v' = v x (level' / level) x smile(k') / smile(k)   v' = v x (level' / level)
skew                v'' = v' + ds (1 - 2 delta)                        the same
==================  =================================================  ==============================================

``db`` is what "BTC basis 90d" ((forward / spot - 1) per year; an amount where ``normal``) moves by at the expiry,
linear in days between the tenors that there are; ``dp`` what "BTC premium" (price / spot - 1) moves by; ``level`` that
of "BTC vol 30d" at the expiry, linear in total variance between tenors; ``ds`` what "BTC skew 30d" moves by, as ``db``,
and delta that of the call at the strike in the scenario (``skew``). All are flat beyond the first and last tenor. Where
there is no such factor the basis, volatility or skew stays. k is ln(strike / forward).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from novate.core.terms import Kind
from novate.risk.checks import Floats, require
from novate.risk.days import YEAR_DAYS
from novate.risk.errors import RiskError
from novate.risk.factors import TENOR
from novate.risk.instruments import Instrument, values_per_lot
from novate.risk.skew import call_delta, rotated


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Levels of factors now, ``now[factor]``, and in every scenario, ``after[scenario, factor]``.

    ``horizon_days`` have passed by then: options decay, futures roll towards the index, perpetuals pay funding.
    """

    factors: tuple[str, ...]
    now: Floats
    after: Floats
    horizon_days: float

    def __post_init__(self) -> None:
        if self.now.shape != (len(self.factors),) or self.after.shape[1:] != self.now.shape:
            raise RiskError(
                f"levels: {len(self.factors)} factors need now[factor] and after[scenario, factor], got arrays of "
                f"shape {self.now.shape} and {self.after.shape}"
            )
        if not self.horizon_days >= 0:
            raise RiskError(f"horizon_days: got {self.horizon_days}: give zero or more")
        require(np.isfinite(self.now), "level now", self.now, "a hole is not filled: mend the series", self.factors)
        require(np.isfinite(self.after.T), "level", self.after.T, "leave the scenario out", self.factors)

    def of(self, factor: str, needed_by: str) -> tuple[float, Floats]:
        """A factor's level now and in every scenario. Raises ``RiskError`` where there is no such factor."""
        if factor not in self.factors:
            raise RiskError(f"{needed_by}: there is no factor {factor!r}: add its history, or name another index")
        at = self.factors.index(factor)
        return float(self.now[at]), self.after[:, at]

    def tenors(self, index: str, what: str) -> tuple[Floats, Floats, Floats]:
        """Days of the factors "<index> <what> <days>d", ascending, and their levels now and after[scenario, tenor]."""
        start = f"{index} {what} "
        found = [
            (float(name[len(start) : -1]), at)
            for at, name in enumerate(self.factors)
            if name.startswith(start) and re.fullmatch(TENOR, name[len(start) :])
        ]
        found.sort()
        for (days, at), (before, _) in zip(found, [(0.0, -1), *found], strict=False):
            if not days > before:
                raise RiskError(
                    f"{self.factors[at]}: of no days, or there twice: tenors are above zero, one series each"
                )
        columns = [at for _, at in found]
        return np.array([days for days, _ in found]), self.now[columns], self.after[:, columns]


def results_of_one_lot(instruments: Sequence[Instrument], levels: Levels, time_ns: int) -> Floats:
    """What one lot, held long, gains in each scenario, in whole units of the numeraire; negative is a loss.

    The value in the scenario less the value now, less the funding of the horizon, converted at the scenario's own
    price of the settlement asset.

    Parameters
    ----------
    instruments : sequence of Instrument, n_contracts of them
    levels : Levels
    time_ns : int
        Now, in nanoseconds since 1970.

    Returns
    -------
    ndarray of shape (n_contracts, n_scenarios)

    Raises
    ------
    RiskError
        For a factor that is missing, a contract that has expired, and a price that a contract or its model excludes.
    """
    prices, vols, years = projected(instruments, levels, time_ns)
    return results_at(instruments, levels, time_ns, prices, vols, years)


def results_at(
    instruments: Sequence[Instrument], levels: Levels, time_ns: int, prices: Floats, vols: Floats, years: Floats
) -> Floats:
    """``results_of_one_lot`` at prices and volatilities that ``projected`` gave, or a rule that bends them since."""
    then = values_per_lot(instruments, prices, vols, years)
    now = values_per_lot(
        instruments,
        np.array([[each.price] for each in instruments]),
        np.array([[each.vol] for each in instruments]),
        np.array([each.years(time_ns) for each in instruments]),
    )
    out = then - now
    for at, each in enumerate(instruments):
        if each.contract.kind is Kind.PERPETUAL:
            out[at] -= _funding(each, levels, np.abs(then[at]) if each.contract.inverse else then[at])
        if each.settlement is not None:
            out[at] *= levels.of(each.settlement, each.contract.symbol)[1]
    return out


def projected(instruments: Sequence[Instrument], levels: Levels, time_ns: int) -> tuple[Floats, Floats, Floats]:
    """Prices (forwards, for options) and volatilities at the horizon, ``[contract, scenario]``, and years left then."""
    shape = (len(instruments), len(levels.after))
    prices, vols, years = np.empty(shape), np.full(shape, np.nan), np.empty(shape[0])
    moved: dict[tuple[str, str, float], Floats] = {}
    for at, each in enumerate(instruments):
        left = each.years(time_ns)
        if left == 0:
            raise RiskError(f"{each.contract.symbol}: it has expired: leave it out")
        years[at] = max(0.0, left - levels.horizon_days / YEAR_DAYS)
        index = levels.of(each.index, each.contract.symbol)
        if not each.normal and not (index[0] > 0 and each.price > 0):
            values = f"index {index[0]}, price {each.price}"
            raise RiskError(f"{each.contract.symbol}: {values}: one of them is not above zero: make it normal")
        if each.contract.kind is Kind.PERPETUAL:
            prices[at] = _perpetual(each, index, levels)
            continue
        key = (each.index, "basis", left)
        if key not in moved:
            moved[key] = _move_at(levels, each.index, "basis", left * YEAR_DAYS)
        prices[at] = _forward(each, index, left, years[at], moved[key])
        if each.contract.is_option:
            key = (each.index, "vol", left)
            if key not in moved:
                moved[key] = _vol_ratio(levels, each.index, left * YEAR_DAYS)
            vols[at] = each.vol * moved[key] * _along_smile(each, prices[at])
            key = (each.index, "skew", left)
            if key not in moved:
                moved[key] = _move_at(levels, each.index, "skew", left * YEAR_DAYS)
            vols[at] = _with_skew(each, prices[at], vols[at], years[at], moved[key])
    return prices, vols, years


def _perpetual(each: Instrument, index: tuple[float, Floats], levels: Levels) -> Floats:
    now, after = index
    factor = f"{each.index} premium"
    move = 0.0
    if factor in levels.factors:
        premium, premium_after = levels.of(factor, each.contract.symbol)
        move = premium_after - premium
    return after + (each.price - now) + move if each.normal else after * (each.price / now + move)


def _forward(each: Instrument, index: tuple[float, Floats], years: float, left: float, basis_move: Floats) -> Floats:
    now, after = index
    if each.normal:
        return after + (each.price - now) * (left / years) + (basis_move if left else 0.0)
    return after * (1 + (each.price / now - 1) * (left / years) + basis_move * left)


def _move_at(levels: Levels, index: str, what: str, days: float) -> Floats:
    """By how much a basis or skew at an expiry moves, in each scenario."""
    tenors, now, after = levels.tenors(index, what)
    if not len(tenors):
        return np.zeros(len(levels.after))
    return between(tenors, after - now, days)


def _vol_ratio(levels: Levels, index: str, days: float) -> Floats:
    """By what factor the level of volatility at an expiry moves, in each scenario."""
    if not len(levels.tenors(index, "vol")[0]):
        return np.ones(len(levels.after))
    now, after = vol_levels(levels, index, days)
    return after / now


def vol_levels(levels: Levels, index: str, days: float) -> tuple[float, Floats]:
    """The level of volatility at so many days, now and in each scenario, of an index that has tenors of it."""
    tenors, now, after = levels.tenors(index, "vol")
    day = float(np.clip(days, tenors[0], tenors[-1]))
    require(
        now > 0, "vol level now", now, "give an annual fraction above zero", [f"{index} vol {t:g}d" for t in tenors]
    )
    variance_now, variance = between(tenors, now**2 * tenors, day), between(tenors, after**2 * tenors, day)
    return float(np.sqrt(variance_now / day)), np.sqrt(variance / day)


def between(tenors: Floats, levels: Floats, days: float) -> Floats:
    """Levels ``[..., tenor]`` at so many days: a straight line between tenors, flat outside them."""
    right = int(np.clip(np.searchsorted(tenors, days), 1, max(1, len(tenors) - 1)))
    if len(tenors) == 1:
        return levels[..., 0]
    share = float(np.clip((days - tenors[right - 1]) / (tenors[right] - tenors[right - 1]), 0.0, 1.0))
    return levels[..., right - 1] * (1 - share) + levels[..., right] * share


def _along_smile(each: Instrument, forwards: Floats) -> Floats:
    """By what factor a volatility moves as the forward does: along its smile, or not at all."""
    if each.smile is None:
        return np.ones(forwards.shape)
    _require_positive(each, forwards)
    now = each.smile.vols(np.log(np.array([each.strike / each.price])))
    return each.smile.vols(np.log(each.strike / forwards)) / now


def _with_skew(each: Instrument, forwards: Floats, vols: Floats, years: float, move: Floats) -> Floats:
    """Volatilities as the skew of the expiry moves; without time left there is none to move."""
    if years == 0 or not move.any():
        return vols
    if not each.normal:
        _require_positive(each, forwards)
    turned = rotated(vols, call_delta(forwards, each.strike, vols, years, normal=each.normal), move)
    cure = f"'{each.index} skew' takes it there: move the skew by less, or leave the scenario out"
    require(((turned > 0) | (move == 0))[None], "volatility", turned[None], cure, [each.contract.symbol])
    return turned


def _require_positive(each: Instrument, forwards: Floats) -> None:
    cure = "Black-76 needs a price above zero: make it normal, or leave the scenario out"
    require(forwards[None] > 0, "forward", forwards[None], cure, [each.contract.symbol])


def _funding(each: Instrument, levels: Levels, sizes: Floats) -> Floats:
    """What a long lot pays over the horizon: the scenario's rate of its size, as often as it is paid."""
    factor = f"{each.index} funding"
    if factor not in levels.factors or levels.horizon_days == 0:
        return np.zeros(sizes.shape)
    if not each.fundings_a_day > 0:
        raise RiskError(f"{each.contract.symbol}: fundings_a_day: got {each.fundings_a_day}: say how often it is paid")
    return levels.of(factor, each.contract.symbol)[1] * each.fundings_a_day * levels.horizon_days * sizes

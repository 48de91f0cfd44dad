"""Funding of perpetuals: what longs pay shorts for a period, by the rules of dYdX and of Vega."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from novate.core.money import PPM
from novate.risk.errors import RiskError

EIGHT_HOURS_S: Final = 28_800


def towards_zero(value: Fraction) -> int:
    """The whole number next to a fraction on the side of zero."""
    return int(value)


def clamped_rate(premium_ppm: int, initial_ppm: int, maintenance_ppm: int, *, clamp_factor_ppm: int) -> int:
    """An hour's mean premium (ppm for 8 hours) held between plus and minus ``clamp factor x (initial - maintenance)``,
    the bound cut to whole ppm. Source: dYdX v4 (March 2026)."""
    if maintenance_ppm > initial_ppm:
        raise RiskError(f"maintenance {maintenance_ppm} ppm is above initial {initial_ppm} ppm: exchange them")
    bound = clamp_factor_ppm * (initial_ppm - maintenance_ppm) // PPM
    return max(-bound, min(bound, premium_ppm))


def index_delta(rate_ppm_8h: int, seconds: int, price: Fraction) -> int:
    """What the funding index grows by: ppm of the smallest unit of money per unit of size, cut towards zero.

    ``price`` is that money per unit of size. Positive: longs pay. Source: dYdX v4 (March 2026).
    """
    return towards_zero(Fraction(rate_ppm_8h * seconds, EIGHT_HOURS_S) * price)


def index_payment_ppm(size: int, index_now: int, index_settled: int) -> int:
    """What an account receives since its last settlement, in ppm of the smallest unit: ``-size x`` the index's growth.

    Negative where it pays. Source: dYdX v4 (March 2026).
    """
    return -size * (index_now - index_settled)


Observation = tuple[int, Fraction]
"""A time and the price from then on, until the next."""
Span = tuple[int, int]
"""From when, until when (exclusive)."""


def time_weighted_average(
    observations: Sequence[Observation], start: int, end: int, auctions: Sequence[Span] = ()
) -> Fraction:
    """The mean price from ``start`` to ``end``, outside auctions.

    An observation holds until the next; the last one at or before the start holds from the start; where there is none
    the mean begins with the first. Zero where no time is left to average over. Times are whole and increasing; auctions
    do not overlap. Source: Vega specification 0053-PERP.
    """
    times = [time for time, _ in observations]
    if any(later <= earlier for earlier, later in pairwise(times)) or end < start:
        raise RiskError("observations: expected times that increase, and a period that ends after it starts")
    if any(until < since for since, until in auctions) or any(
        later[0] < earlier[1] for earlier, later in pairwise(sorted(auctions))
    ):
        raise RiskError(f"auctions {list(auctions)}: expected spans that end after they begin, and do not overlap")
    weighted, duration = Fraction(0), 0
    for (time, price), until in zip(observations, [*times[1:], end], strict=True):
        held = _outside(max(time, start), min(until, end), auctions)
        weighted, duration = weighted + held * price, duration + held
    return weighted / duration if duration else Fraction(0)


def _outside(start: int, end: int, spans: Sequence[Span]) -> int:
    """How much of a stretch of time lies outside the spans."""
    inside = sum(max(0, min(end, until) - max(start, since)) for since, until in spans)
    return max(0, end - start - inside)


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """Parameters of a Vega perpetual, as fractions; without bounds on the rate there are none."""

    interest: Fraction = Fraction(0)
    clamp_lower: Fraction = Fraction(0)
    clamp_upper: Fraction = Fraction(0)
    scaling: Fraction = Fraction(1)
    rate_lower: Fraction | None = None
    rate_upper: Fraction | None = None


def funding_per_unit(
    terms: FundingTerms, perpetual: Fraction, spot: Fraction, *, years: Fraction, traded: Fraction = Fraction(1)
) -> Fraction:
    """What a long of one unit pays for the period; negative where it receives.

    ``perpetual`` and ``spot`` are the time-weighted prices of the contract and of its underlying, ``years`` the length
    of the period, ``traded`` the fraction of it outside auctions. First the clamped interest, then the fraction, then
    the scaling, then the bounds, so that a rate is within its bounds whatever the scaling. Source: Vega 0053-PERP.
    """
    interest = (1 + years * terms.interest) * spot - perpetual
    clamped = min(terms.clamp_upper * spot, max(terms.clamp_lower * spot, interest))
    payment = (perpetual - spot + clamped) * traded * terms.scaling
    if terms.rate_lower is not None:
        payment = max(terms.rate_lower * spot, payment)
    if terms.rate_upper is not None:
        payment = min(terms.rate_upper * spot, payment)
    return payment


def funding_margin(open_volume: int, per_unit: Fraction, margin_factor: Fraction) -> Fraction:
    """What is added to maintenance for funding that has built up: nothing for who will receive it. Source: Vega."""
    return margin_factor * max(Fraction(0), open_volume * per_unit)

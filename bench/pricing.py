"""Pricing: every option in every scenario by Black-76, beside what else Python would price them with."""

import importlib
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from scipy.special import erfc, ndtr

from bench.figures import Figure, seconds
from bench.session import Session
from novate.risk.black import black76_grid

TARGET_MS: Final = 7.0
ERROR_TARGET: Final = 1e-12
QUANTLIB: Final = "QuantLib==1.44"
VOLLIB: Final = "vollib==1.0.11"
SAMPLE: Final = 20_000
"""Prices of which a peer that prices one at a time is timed; what it takes for all is scaled from them."""


class Options(msgspec.Struct, frozen=True):
    """Options and scenarios: forwards and deviations ``[contract, scenario]``, the rest by contract."""

    forwards: np.ndarray
    deviations: np.ndarray
    strikes: np.ndarray
    call: np.ndarray


def grid(session: Session) -> list[Figure]:
    """The whole grid, its error, and its peers in the same run."""
    size = session.size
    options = drawn(size.contracts, size.scenarios)
    count = options.forwards.size
    peers = [
        by_numpy(options, size.repeats),
        one_at_a_time("quantlib", QUANTLIB, quantlib, options, size.repeats),
        one_at_a_time("vollib", VOLLIB, vollib, options, size.repeats),
    ]
    moved = 3 * options.forwards.nbytes / 1e6
    name = f"Black-76, {size.contracts:,} options x {size.scenarios:,} scenarios"
    ours = Figure(
        key="pricing-grid",
        figure=name,
        unit="ms",
        samples=milliseconds(lambda: priced(options), 5 * size.repeats),
        target=TARGET_MS,
        at_most=True,
        beside={peer.figure.partition(": ")[2]: peer.value for peer in peers if peer.value is not None},
        bounds={f"memory bandwidth, {moved:.0f} MB read and written": ("limit-memory", 1 / moved)},
    )
    error = Figure(
        key="pricing-error",
        figure=f"largest error of those {count:,} prices against erfc in each tail",
        unit="of the forward",
        samples=[float(np.abs((priced(options) - careful(options)) / options.forwards).max())],
        target=ERROR_TARGET,
        at_most=True,
    )
    return [ours, error, *peers]


def drawn(contracts: int, scenarios: int) -> Options:
    """Options from a week to two years, volatilities from 20 % to 120 %, forwards spread by 30 % around 100."""
    random = np.random.default_rng(76)
    forwards = 100 * np.exp(random.normal(0, 0.3, (contracts, scenarios)))
    years = random.uniform(7 / 365, 2.0, contracts)
    deviations = random.uniform(0.2, 1.2, (contracts, scenarios)) * np.sqrt(years)[:, None]
    return Options(forwards, deviations, 100 * np.exp(random.normal(0, 0.3, contracts)), random.random(contracts) < 0.5)


def priced(options: Options) -> np.ndarray:
    """Ours."""
    return black76_grid(options.forwards, options.strikes, options.deviations, options.call)


def careful(options: Options) -> np.ndarray:
    """The reference: each probability as the tail that it is, nothing subtracted from one."""
    strikes, sign = options.strikes[:, None], np.where(options.call, 1.0, -1.0)[:, None]
    d1 = np.log(options.forwards / strikes) / options.deviations + options.deviations / 2
    d2 = d1 - options.deviations
    one, other = (erfc(-sign * d / np.sqrt(2)) / 2 for d in (d1, d2))
    return sign * (options.forwards * one - strikes * other)


def by_numpy(options: Options, repeats: int) -> Figure:
    """What one writes with numpy and scipy."""

    def whole() -> np.ndarray:
        strikes, sign = options.strikes[:, None], np.where(options.call, 1.0, -1.0)[:, None]
        d1 = np.log(options.forwards / strikes) / options.deviations + options.deviations / 2
        d2 = d1 - options.deviations
        return sign * (options.forwards * ndtr(sign * d1) - strikes * ndtr(sign * d2))

    return Figure(
        key="pricing-numpy",
        figure="peer: numpy and scipy's ndtr, one thread",
        unit="ms",
        samples=milliseconds(whole, repeats),
    )


def one_at_a_time(
    key: str, requirement: str, peer: Callable[[Options, int], Callable[[], None]], options: Options, repeats: int
) -> Figure:
    """A peer that prices one option a call, timed on a sample; or how to install it."""
    count = min(SAMPLE, options.forwards.size)
    figure = Figure(
        key=f"pricing-{key}",
        figure=f"peer: {requirement.replace('==', ' ')}, one by one (scaled from {count:,})",
        unit="ms",
    )
    try:
        sample = peer(options, count)
    except ModuleNotFoundError as error:
        figure.skipped = f"{error}: pip install {requirement}"
        return figure
    scale = options.forwards.size / count
    figure.samples = [scale * sample for sample in milliseconds(sample, min(3, repeats))]
    return figure


def quantlib(options: Options, count: int) -> Callable[[], None]:
    """QuantLib's ``blackFormula`` in a loop."""
    library = importlib.import_module("QuantLib")
    rows = sampled(options, count)
    formula, call, put = library.blackFormula, library.Option.Call, library.Option.Put

    def loop() -> None:
        for forward, strike, deviation, is_call in rows:
            formula(call if is_call else put, strike, forward, deviation)

    return loop


def vollib(options: Options, count: int) -> Callable[[], None]:
    """vollib's ``black`` in a loop: a year to expiry, no rate."""
    formula = importlib.import_module("vollib.black").black
    rows = sampled(options, count)

    def loop() -> None:
        for forward, strike, deviation, is_call in rows:
            formula("c" if is_call else "p", forward, strike, 1.0, 0.0, deviation)

    return loop


def sampled(options: Options, count: int) -> list[tuple[float, float, float, bool]]:
    """Options of the grid at random, as Python's own numbers."""
    at = np.random.default_rng(1).integers(0, options.forwards.size, count)
    contracts = at // options.forwards.shape[1]
    columns = (options.forwards.ravel()[at], options.strikes[contracts], options.deviations.ravel()[at])
    return list(zip(*(column.tolist() for column in (*columns, options.call[contracts])), strict=True))


def milliseconds(work: Callable[[], object], repeats: int) -> list[float]:
    """What each of several runs takes; the first one warms up."""
    return [1e3 * seconds(work) for _ in range(repeats + 1)][1:]

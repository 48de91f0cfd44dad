"""The options of one underlying as arrays, and what they are worth at other prices and volatilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from novate.risk.black import black76, black76_greeks
from novate.risk.checks import Floats
from novate.risk.days import YEAR_DAYS
from novate.risk.scenarios.crypto_grid import DOWN, SAME, UP, VolShock
from novate.risk.venues.book import Book, Option

COLUMNS: Final = ("amounts", "strikes", "calls", "vols", "forwards", "rates", "years", "expiry", "confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Columns over options; ``expiry`` numbers their expiries, ``forwards`` and ``rates`` are those of their expiry."""

    held: tuple[Option, ...]
    amounts: Floats
    strikes: Floats
    calls: Floats
    vols: Floats
    forwards: Floats
    rates: Floats
    years: Floats
    expiry: Floats
    confidence: Floats

    def __len__(self) -> int:
        return len(self.held)

    @property
    def days(self) -> Floats:
        return self.years * YEAR_DAYS

    def where(self, here: NDArray[np.bool_]) -> "Options":
        """Some of them."""
        held = tuple(each for each, kept in zip(self.held, here, strict=True) if kept)
        return Options(held, *(getattr(self, name)[here] for name in COLUMNS))

    def values(self, vols: Floats, moved: Floats | float = 1.0, *, days: float = 0.0, rates: bool = True) -> Floats:
        """Value per unit, ``[option, scenario]``.

        Parameters
        ----------
        vols : ndarray of shape (n_options, n_scenarios)
        moved : ndarray of shape (n_scenarios,)
            What forwards are multiplied by.
        days : float
            How many days have passed by then.
        rates : bool
            Whether values are discounted.
        """
        forwards = self.forwards[:, None] * np.atleast_1d(moved)
        years = np.maximum(self.years - days / YEAR_DAYS, 0.0)[:, None]
        rate = self.rates[:, None] if rates else 0.0
        return black76(forwards, self.strikes[:, None], vols, years, self.calls[:, None] > 0, rate=rate)

    def now(self, *, rates: bool = True) -> Floats:
        """Value per unit now, ``[option]``."""
        return self.values(self.vols[:, None], rates=rates)[:, 0]

    def deltas(self) -> Floats:
        """Change of value per unit by the forward, ``[option]``."""
        if not self.held:
            return np.zeros(0)
        return black76_greeks(self.forwards, self.strikes, self.vols, self.years, self.calls > 0, rate=self.rates).delta

    def shocked(self, shock: VolShock, ways: Sequence[str]) -> Floats:
        """Volatilities ``[option, scenario]`` after each scenario's way of moving."""
        by_way = {way: shock.shocked(self.vols, self.days, way) for way in (UP, SAME, DOWN)}
        return np.stack([by_way[way] for way in ways], axis=1)


def options_of(book: Book, underlying: str) -> Options:
    """The options that a book holds on an underlying."""
    held = book.options(underlying)
    expiries = [book.expiry(each) for each in held]
    numbers = {at: number for number, at in enumerate(dict.fromkeys(each.expiry for each in held))}
    spot = book.underlyings[underlying].confidence
    return Options(
        held,
        *(
            np.array(column, np.float64)
            for column in (
                [each.amount for each in held],
                [each.strike for each in held],
                [each.right == "call" for each in held],
                [each.vol for each in held],
                [expiry.forward for expiry in expiries],
                [expiry.rate for expiry in expiries],
                [book.years(each.expiry) for each in held],
                [numbers[each.expiry] for each in held],
                [min(each.confidence, expiry.confidence, spot) for each, expiry in zip(held, expiries, strict=True)],
            )
        ),
    )


def results(book: Book, underlying: str, moved: Floats, vols: Floats, *, days: float = 0.0) -> tuple[list[str], Floats]:
    """Symbols and what each position gains, ``[position, scenario]``: perpetuals and futures first, then options.

    ``moved`` multiplies prices and forwards; ``vols`` are those of the options, ``[option, scenario]``.
    """
    straight, options = book.straight(underlying), options_of(book, underlying)
    lines = np.array([each.amount * each.price for each in straight])[:, None] * (moved - 1)
    gains = options.amounts[:, None] * (options.values(vols, moved, days=days) - options.now()[:, None])
    symbols = [each.symbol for each in (*straight, *options.held)]
    return symbols, np.concatenate([lines.reshape(len(straight), len(moved)), gains.reshape(len(options), len(moved))])


def naked_shorts(options: Options) -> float:
    """Units short of one strike and expiry that no long of the other right at the same strike matches."""
    strikes: dict[tuple[float, float], list[float]] = {}
    for amount, strike, expiry, call in zip(
        options.amounts, options.strikes, options.expiry, options.calls, strict=True
    ):
        strikes.setdefault((expiry, strike), [0.0, 0.0])[int(call)] += float(amount)
    found = 0.0
    for put, call in strikes.values():
        shorts, longs = max(0.0, -put) + max(0.0, -call), max(0.0, put) + max(0.0, call)
        found += max(0.0, shorts - longs)
    return found

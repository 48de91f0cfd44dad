"""What one lot of a contract is worth at prices and volatilities: the house's own value per lot, in floats.

Futures and perpetuals, linear and inverse (settled in the coin), and European options on a price that stays above zero
(Black-76), linear and inverse, or on one that may not (Bachelier). Values are in whole units of the settlement asset.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from novate.core.terms import Contract, Kind
from novate.risk.bachelier import bachelier
from novate.risk.black import black76_grid
from novate.risk.checks import Floats, require
from novate.risk.days import YEAR_NS
from novate.risk.errors import RiskError
from novate.risk.surface.smile import Smile


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """A contract, the factors that its price follows, and where it stands now.

    Attributes
    ----------
    contract : Contract
        Its terms, as listed.
    index : str
        The factor that it is on: "BTC". Its level is in the currency of the contract's price.
    settlement : str or None
        The factor that is the price of its settlement asset in the numeraire; None where that is the numeraire.
    price : float
        Of a future or perpetual its price now, of an option the forward of its expiry now.
    vol : float
        Of an option its implied volatility now: an annual fraction; of the price itself where ``normal``.
    smile : Smile, optional
        The fitted smile of its expiry: volatility then moves with the forward along it. Without one it is the strike's.
    normal : bool
        Whether the index moves by differences and may be zero or below: options are priced by Bachelier, a basis is an
        amount and not a rate.
    rate : float
        Continuously compounded, held as it is: what an option's premium that is paid up front is discounted by.
    fundings_a_day : float
        How often a perpetual's funding rate is paid in a day.
    """

    contract: Contract
    index: str
    settlement: str | None
    price: float
    vol: float = np.nan
    smile: Smile | None = None
    normal: bool = False
    rate: float = 0.0
    fundings_a_day: float = 0.0

    def __post_init__(self) -> None:
        terms, symbol = self.contract, self.contract.symbol
        if terms.kind is Kind.INDEX:
            raise RiskError(f"{symbol}: an index is not traded: give the contracts on it")
        if not np.isfinite(self.price):
            raise RiskError(f"{symbol}: price: got {self.price}: give its mark, or leave it out until it has one")
        if terms.is_option and not self.vol >= 0:
            raise RiskError(f"{symbol}: vol: got {self.vol}: give its implied volatility, zero or more")
        if terms.inverse and self.normal:
            raise RiskError(f"{symbol}: normal: an inverse contract divides by a price that stays above zero")
        if self.smile is not None and (self.normal or not terms.is_option):
            raise RiskError(f"{symbol}: smile: only an option priced by Black-76 moves along one")

    @property
    def lot(self) -> float:
        """Units of the underlying in one lot (of the quote currency, for an inverse future)."""
        return float(self.contract.lot_size)

    @property
    def strike(self) -> float:
        """An option's strike."""
        return float(self.contract.strike or "nan")

    def years(self, time_ns: int) -> float:
        """Years from a time to its expiry, zero after it; infinite for a perpetual."""
        if self.contract.expiry_ns is None:
            return np.inf
        return max(0, self.contract.expiry_ns - time_ns) / YEAR_NS


def values_per_lot(instruments: Sequence[Instrument], prices: Floats, vols: Floats, years: Floats) -> Floats:
    """What one lot, held long, is worth in each scenario, before funding.

    Parameters
    ----------
    instruments : sequence of Instrument, n_contracts of them
    prices : ndarray of shape (n_contracts, n_scenarios)
        Prices of futures and perpetuals, forwards of options, in the currency of the contract's price.
    vols : ndarray of shape (n_contracts, n_scenarios)
        Volatilities of options; others are not looked at.
    years : ndarray of shape (n_contracts,)
        Time to expiry; an option without any is worth its payoff.

    Returns
    -------
    ndarray of shape (n_contracts, n_scenarios)
        In whole units of the settlement asset: price x lot; -lot / price of an inverse future; premium x lot of an
        option, whose premium in the coin is that of Black-76, undiscounted, over the forward. A capped contract is
        worth nothing outside its limits.

    Raises
    ------
    RiskError
        For a price that is not finite, and one at or below zero where the contract's terms (a lowest price above
        zero) or its model exclude it, with contract and scenario.
    """
    out = np.empty(prices.shape)
    names = [each.contract.symbol for each in instruments]
    require(np.isfinite(prices), "price", prices, "give a level of every factor", names)
    positive = [needs_positive(each) for each in instruments]
    cure = "neither its terms nor its model allow a price at or below zero: make it normal, or leave the scenario out"
    require((prices > 0) | ~np.array(positive)[:, None], "price", prices, cure, names)
    options = np.array([each.contract.is_option for each in instruments])
    for at, each in enumerate(instruments):
        if not options[at]:
            out[at] = -each.lot / prices[at] if each.contract.inverse else each.lot * within(each.contract, prices[at])
    require((vols >= 0) | ~options[:, None], "vol", vols, "give a volatility of zero or more", names)
    normal = np.array([each.normal for each in instruments])
    for which, pricer in ((options & ~normal, _black), (options & normal, _bachelier)):
        if which.any():
            chosen = [each for each, taken in zip(instruments, which, strict=True) if taken]
            out[which] = pricer(chosen, prices[which], vols[which], years[which])
    return out


def needs_positive(instrument: Instrument) -> bool:
    """Whether a price at or below zero is out of the question: by the terms of a future, by the model of an option."""
    if instrument.contract.is_option:
        return not instrument.normal
    return instrument.contract.price_min_ticks > 0


def within(terms: Contract, prices: Floats) -> Floats:
    """Prices, those of a capped contract held inside its limits."""
    if not terms.capped:
        return prices
    tick = float(terms.tick)
    return np.clip(prices, terms.price_min_ticks * tick, terms.price_max_ticks * tick)


def _black(instruments: Sequence[Instrument], forwards: Floats, vols: Floats, years: Floats) -> Floats:
    strikes, calls, lots = _columns(instruments)
    premiums = black76_grid(forwards, strikes, vols * np.sqrt(years)[:, None], calls)
    inverse = np.array([each.contract.inverse for each in instruments])
    premiums[inverse] /= forwards[inverse]
    return (lots * _discounts(instruments, years))[:, None] * premiums


def _bachelier(instruments: Sequence[Instrument], forwards: Floats, vols: Floats, years: Floats) -> Floats:
    strikes, calls, lots = _columns(instruments)
    premiums = bachelier(forwards, strikes[:, None], vols, years[:, None], calls[:, None])
    return (lots * _discounts(instruments, years))[:, None] * premiums


def _columns(instruments: Sequence[Instrument]) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Strikes, whether they are calls, lots."""
    strikes = np.array([each.strike for each in instruments])
    calls = np.array([each.contract.kind is Kind.CALL for each in instruments])
    return strikes, calls, np.array([each.lot for each in instruments])


def _discounts(instruments: Sequence[Instrument], years: Floats) -> Floats:
    """What premiums are discounted by: not those in a coin, nor those paid by variation."""
    rates = [each.rate if each.contract.pays_premium and not each.contract.inverse else 0.0 for each in instruments]
    return np.exp(-np.array(rates) * years)

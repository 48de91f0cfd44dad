"""What a venue's rules are asked about: the prices, positions and money of one account, as one checked value.

Amounts are units of the underlying (coins, barrels, index points times dollars), long positive; prices are per unit, in
the currency of ``cash``. A book settled in a coin is margined at its dollar value.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from novate.risk.days import YEAR_SECONDS
from novate.risk.errors import RiskError

FIGURE_MAX: Final = 1e18
"""More than any market has of anything; no price is smaller than 1 in it. Products of such figures are finite."""
VOL_MAX: Final = 10_000.0
GROWTH_MAX: Final = 50.0
"""The most that a rate and the years to an expiry may come to: what is discounted by it is nothing."""


class NotCovered(RiskError):
    """The rules say nothing of something that the book holds."""


class Expiry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The forward of an expiry, the continuously compounded rate that its options are discounted by, and how far its
    forward is to be believed (1: wholly)."""

    at: datetime
    forward: float
    rate: float = 0.0
    confidence: float = 1.0


class Underlying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An index: its price now. ``open_interest`` is everyone's, in money, for rules that look at it."""

    price: float
    confidence: float = 1.0
    open_interest: float | None = None
    expiries: tuple[Expiry, ...] = ()


class Perpetual(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="perpetual"):
    """``price`` is its mark, ``entry`` what the amount was bought or sold at; ``funding`` is due to the account."""

    underlying: str
    amount: float
    price: float
    entry: float
    funding: float = 0.0
    confidence: float = 1.0

    @property
    def symbol(self) -> str:
        return f"{self.underlying}-PERP"


class Future(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="future"):
    """``price`` is its mark, ``entry`` what the amount was bought or sold at."""

    underlying: str
    expiry: datetime
    amount: float
    price: float
    entry: float
    confidence: float = 1.0

    @property
    def symbol(self) -> str:
        return f"{self.underlying}-{self.expiry:%Y-%m-%d}"


class Option(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="option"):
    """A European option whose premium was paid up front; ``vol`` is its implied volatility, an annual fraction."""

    underlying: str
    expiry: datetime
    strike: float
    right: Literal["call", "put"]
    amount: float
    vol: float | None = None
    confidence: float = 1.0

    @property
    def symbol(self) -> str:
        strike = repr(self.strike).removesuffix(".0")  # in full: strikes that differ are different contracts
        return f"{self.underlying}-{self.expiry:%Y-%m-%d}-{strike}-{self.right[0].upper()}"


class Collateral(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An asset held beside cash, and its price."""

    asset: str
    amount: float
    price: float
    confidence: float = 1.0

    @property
    def value(self) -> float:
        return self.amount * self.price


Position = Perpetual | Future | Option


class Book(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account at one time. ``cash`` below zero is borrowed; ``stable_price`` is that of the stablecoin that cash
    is in, where it is one."""

    time: datetime
    cash: float
    underlyings: dict[str, Underlying]
    positions: tuple[Position, ...]
    collateral: tuple[Collateral, ...] = ()
    stable_price: float | None = None

    def held(self) -> tuple[str, ...]:
        """Underlyings with a position, in the order of the positions."""
        return tuple(dict.fromkeys(each.underlying for each in self.positions))

    def options(self, underlying: str) -> tuple[Option, ...]:
        return tuple(each for each in self.positions if isinstance(each, Option) and each.underlying == underlying)

    def straight(self, underlying: str) -> tuple[Perpetual | Future, ...]:
        """Perpetuals and futures: what follows the price one to one."""
        return tuple(each for each in self.positions if not isinstance(each, Option) and each.underlying == underlying)

    def expiry(self, of: Option) -> Expiry:
        return next(each for each in self.underlyings[of.underlying].expiries if each.at == of.expiry)

    def years(self, at: datetime) -> float:
        """Years of 365 days from the book's time."""
        return (at - self.time).total_seconds() / YEAR_SECONDS

    @property
    def unrealised(self) -> float:
        """Result since entry of perpetuals and futures, and funding that is due."""
        straight = [each for each in self.positions if not isinstance(each, Option)]
        funding = sum(each.funding for each in straight if isinstance(each, Perpetual))
        return sum(each.amount * (each.price - each.entry) for each in straight) + funding

    def needs_stable_price(self) -> float:
        if self.stable_price is None:
            raise RiskError("$.stable_price: missing: these rules look at the price of the stablecoin that cash is in")
        return self.stable_price


def only_perpetuals(book: Book, underlying: str) -> tuple[Perpetual, ...]:
    """The positions of an underlying, where rules know perpetuals alone. Raises ``NotCovered`` for others."""
    for each in book.positions:
        if each.underlying == underlying and not isinstance(each, Perpetual):
            raise NotCovered(f"{each.symbol}: the rules cover perpetuals alone")
    return tuple(each for each in book.positions if isinstance(each, Perpetual) and each.underlying == underlying)


def no_futures(book: Book, underlying: str) -> None:
    """Raises ``NotCovered`` for a dated future on an underlying, where rules know perpetuals and options alone."""
    for each in book.straight(underlying):
        if isinstance(each, Future):
            raise NotCovered(f"{each.symbol}: the rules cover perpetuals and options alone")


def checked(book: Book) -> Book:
    """The book, its times in UTC. Raises ``RiskError`` for the first thing in it that cannot be, with its path and the
    cure."""
    if book.time.tzinfo is None:
        raise RiskError("$.time: it has no time zone: write 2026-01-05T08:00:00Z")
    for path, value, cure in (*_prices(book), *_amounts(book)):
        if not (isfinite(value) and (value > 0 or not cure)):
            raise RiskError(f"{path}: got {value}: {cure or 'give a finite number'}")
        if abs(value) > FIGURE_MAX or (cure and value * FIGURE_MAX < 1):
            most = f"{1 / FIGURE_MAX:g} to {FIGURE_MAX:g}" if cure else f"{FIGURE_MAX:g} at most"
            raise RiskError(f"{path}: got {value}: no market has such a figure: expected {most}: correct it")
    for name, underlying in book.underlyings.items():
        _check_underlying(f"$.underlyings.{name}", underlying)
    for path, value in _confidences(book):
        if not 0 <= value <= 1:
            raise RiskError(f"{path}: got {value}: expected 0 (not believed) to 1 (wholly believed)")
    rows: dict[object, int] = {}
    for at, each in enumerate(book.positions):
        _check_position(book, at, each)
        before = rows.setdefault(_contract(each), at)
        if before != at:
            raise RiskError(
                f"$.positions[{at}]: {each.symbol} is that of $.positions[{before}]: give one row per contract"
            )
    book = _in_utc(book)
    for name, underlying in book.underlyings.items():
        for at, expiry in enumerate(underlying.expiries):
            if abs(expiry.rate * book.years(expiry.at)) > GROWTH_MAX:
                path = f"$.underlyings.{name}.expiries[{at}].rate"
                raise RiskError(
                    f"{path}: got {expiry.rate} until {_written(expiry.at)}: correct it: 0.05 is five per cent a year"
                )
    return book


def _in_utc(book: Book) -> Book:
    """Times of one zone, so that one instant has one name."""
    underlyings = {
        name: replace(of, expiries=tuple(replace(each, at=_utc(each.at)) for each in of.expiries))
        for name, of in book.underlyings.items()
    }
    positions = tuple(
        each if isinstance(each, Perpetual) else replace(each, expiry=_utc(each.expiry)) for each in book.positions
    )
    return replace(book, time=_utc(book.time), underlyings=underlyings, positions=positions)


def _contract(of: Position) -> object:
    """What makes two positions one contract."""
    if isinstance(of, Perpetual):
        return of.underlying
    return (of.underlying, of.expiry) if isinstance(of, Future) else (of.underlying, of.expiry, of.strike, of.right)


def _prices(book: Book) -> Iterator[tuple[str, float, str]]:
    """Path, value and cure of everything that must be above zero."""
    cure = "expected a price above zero"
    if book.stable_price is not None:
        yield "$.stable_price", book.stable_price, cure
    for name, underlying in book.underlyings.items():
        yield f"$.underlyings.{name}.price", underlying.price, cure
        for at, expiry in enumerate(underlying.expiries):
            yield f"$.underlyings.{name}.expiries[{at}].forward", expiry.forward, cure
    for at, each in enumerate(book.positions):
        if isinstance(each, Option):
            yield f"$.positions[{at}].strike", each.strike, "expected a strike above zero"
        else:
            yield f"$.positions[{at}].price", each.price, cure
            yield f"$.positions[{at}].entry", each.entry, cure
    for at, each in enumerate(book.collateral):
        yield f"$.collateral[{at}].price", each.price, cure
        yield f"$.collateral[{at}].amount", each.amount, "what is borrowed stands in cash, below zero"


def _amounts(book: Book) -> Iterator[tuple[str, float, str]]:
    """Path, value and cure of everything else: without a cure it must be finite and no more."""
    yield "$.cash", book.cash, ""
    for name, underlying in book.underlyings.items():
        for at, expiry in enumerate(underlying.expiries):
            yield f"$.underlyings.{name}.expiries[{at}].rate", expiry.rate, ""
    for at, each in enumerate(book.positions):
        yield f"$.positions[{at}].amount", each.amount, ""
        if isinstance(each, Perpetual):
            yield f"$.positions[{at}].funding", each.funding, ""


def _confidences(book: Book) -> Iterator[tuple[str, float]]:
    for name, underlying in book.underlyings.items():
        yield f"$.underlyings.{name}.confidence", underlying.confidence
        for at, expiry in enumerate(underlying.expiries):
            yield f"$.underlyings.{name}.expiries[{at}].confidence", expiry.confidence
    for at, each in enumerate(book.positions):
        yield f"$.positions[{at}].confidence", each.confidence
    for at, each in enumerate(book.collateral):
        yield f"$.collateral[{at}].confidence", each.confidence


def _check_underlying(path: str, of: Underlying) -> None:
    interest = of.open_interest
    if interest is not None and not 0 <= interest <= FIGURE_MAX:
        raise RiskError(f"{path}.open_interest: got {interest}: expected money, zero or more, {FIGURE_MAX:g} at most")
    for at, expiry in enumerate(of.expiries):
        if expiry.at.tzinfo is None:
            raise RiskError(f"{path}.expiries[{at}].at: it has no time zone: write {expiry.at:%Y-%m-%dT%H:%M:%S}Z")
        if expiry.at in [before.at for before in of.expiries[:at]]:
            raise RiskError(
                f"{path}.expiries[{at}].at: {_written(expiry.at)} stands twice: give one forward per expiry"
            )


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise RiskError(f"{at.isoformat()}: in UTC it is before the year 1 or after 9999: correct it") from None


def _written(at: datetime) -> str:
    return f"{_utc(at):%Y-%m-%dT%H:%M:%SZ}"


def _check_position(book: Book, at: int, each: Position) -> None:
    path = f"$.positions[{at}]"
    if each.underlying not in book.underlyings:
        raise RiskError(
            f"{path}.underlying: {each.underlying!r} is unknown: add [underlyings.{each.underlying}] with its price"
        )
    if isinstance(each, Perpetual):
        return
    if each.expiry.tzinfo is None:
        raise RiskError(f"{path}.expiry: it has no time zone: write {each.expiry:%Y-%m-%dT%H:%M:%S}Z")
    if each.expiry <= book.time:
        raise RiskError(f"{path}.expiry: {each.symbol} has expired: leave it out")
    if isinstance(each, Future):
        return
    if all(expiry.at != each.expiry for expiry in book.underlyings[each.underlying].expiries):
        when = _written(each.expiry)
        raise RiskError(
            f"{path}.expiry: {each.underlying} has no forward for {when}: add "
            f"[[underlyings.{each.underlying}.expiries]] with at = {when} and its forward"
        )
    if each.vol is None or not 0 <= each.vol <= VOL_MAX:
        raise RiskError(f"{path}.vol: got {each.vol}: give the implied volatility of {each.symbol}, an annual fraction")

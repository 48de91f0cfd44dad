"""A book as one of our own houses would hold it: the default model's risk sheet for its contracts, and its lots.

One lot of each contract is the whole position, so that amounts stay exactly as they are given, and rounding to whole
sheet units costs half a unit a position. Where add-ons of so large a lot are more than a sheet holds it is a tenth, a
hundredth and so on of the position. Of a collateral asset all there is is one lot.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct

from novate.core.money import PPM
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import Contract, Kind
from novate.risk.days import DAY_NS
from novate.risk.errors import RiskError
from novate.risk.factors import TENOR, Factor, FactorHistory, moves_by_difference
from novate.risk.histories import rows_known
from novate.risk.instruments import Instrument
from novate.risk.models.basis import Basis
from novate.risk.models.blocks import prices_of
from novate.risk.models.draft import Collateral, Draft, Markets, Row, draft, quantised
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.gap import Gap
from novate.risk.models.liquidity import Liquidity
from novate.risk.scenarios.hypothetical import hypothetical
from novate.risk.sheet import ADD_ON_RATE_MAX
from novate.risk.venues.book import Book, NotCovered, Option, Perpetual, Position
from novate.risk.venues.requirement import Share

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Depth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How liquid contracts on an underlying are: half the spread as a part of the price, units traded in a day, the
    part of those that a liquidation can take, and Y of the square-root law."""

    half_spread: Share
    daily_units: Annotated[float, Meta(gt=0.0)]
    closable: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.2
    impact: Annotated[float, Meta(ge=0.0)] = 1.0


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's parameters: the default model's, and what a sheet and a book need besides.

    A sheet unit is ``unit_fine`` of 10^-``fine_decimals`` of the ``numeraire``, the currency of cash. ``collateral``
    are weights of assets that no series and no shock moves. ``shocks`` are hypothetical scenarios by label: changes of
    factors, in parts of the level or, of a basis, premium, funding rate or skew, as a difference; what the book does
    not read is left out of them. ``netting_sets``, ``liquidity`` and ``short_options`` go by underlying; the last are
    the parts of its price that every unit sold by an option adds.
    """

    numeraire: str
    unit_fine: Annotated[int, Meta(ge=1)]
    fine_decimals: Annotated[int, Meta(ge=0, le=18)]
    model: FilteredShortfall
    maintenance: Share
    fundings_a_day: Annotated[float, Meta(ge=0.0)] = 0.0
    netting_sets: dict[str, str] = {}
    collateral: dict[str, Share] = {}
    liquidity: dict[str, Depth] = {}
    short_options: dict[str, Share] = {}
    shocks: dict[str, dict[str, float]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The sheet of a book's own contracts, before and after rounding, and the lots that the book holds of its rows.

    ``past`` is the history that it was drawn up from, up to the book's time.
    """

    made: Draft
    sheet: RiskSheet
    lots: Mapping[str, int]
    past: FactorHistory


def series_read(book: Book, rules: Rules, known: Collection[str]) -> tuple[str, ...]:
    """Which of the series that are there a book is margined by; none where it holds nothing that has one.

    The price of every underlying held and of collateral; "BTC basis 90d" beside dated contracts, "BTC vol 30d" and "BTC
    skew 30d" beside options, "BTC premium" and "BTC funding" beside a perpetual; names whose failure spreads to what
    is held, and what an index nets with. RiskError where an underlying has no price series.
    """
    found = dict.fromkeys(book.held())
    for name in found:
        if name not in known:
            has = ", ".join(known) or "none"
            raise RiskError(f"{name}: the history has no series of this name: it has {has}: add it, or rename one")
    found |= dict.fromkeys(each.asset for each in book.collateral if each.asset in known)
    found |= dict.fromkeys(name for name in known if _is_read(book, name))
    if found:
        found |= dict.fromkeys(name for name in beside_held(found, rules) if name in known)
    return tuple(found)


def beside_held(names: Collection[str], rules: Rules) -> tuple[str, ...]:
    """Names whose failure spreads, whether held or not, and the leaders of those held that net with another."""
    leaders = {} if rules.model.basis is None else rules.model.basis.beside
    return (*(each.name for each in rules.model.wrong_way), *(leaders[name] for name in names if name in leaders))


def _beside(each: Position) -> dict[str, str]:
    """What moves a position beside the price of its underlying: an example, and the pattern of its name."""
    if isinstance(each, Perpetual):
        return {"premium": "premium", "funding": "funding"}
    dated = {"basis 90d": f"basis {TENOR}"}
    smile = {"vol 30d": f"vol {TENOR}", "skew 30d": f"skew {TENOR}"}
    return dated | smile if isinstance(each, Option) else dated


def _is_read(book: Book, name: str) -> bool:
    """Whether a factor beside a price moves something that the book holds."""
    return any(_is_of(each, pattern, name) for each in book.positions for pattern in _beside(each).values())


def _is_of(each: Position, pattern: str, name: str) -> bool:
    return re.fullmatch(f"{re.escape(each.underlying)} {pattern}", name) is not None


def unmoved(book: Book, known: Collection[str]) -> dict[str, list[str]]:
    """What stays as it is for want of a series, by underlying: an example of the name that one would have."""
    found: dict[str, dict[str, None]] = {}
    for each in book.positions:
        for example, pattern in _beside(each).items():
            if not any(_is_of(each, pattern, name) for name in known):
                found.setdefault(each.underlying, {})[f"{each.underlying} {example}"] = None
    return {name: list(examples) for name, examples in found.items()}


def drawn_up(book: Book, rules: Rules, history: FactorHistory) -> Drawn:
    """The sheet of a book's contracts and collateral. Rows of the history that end after the book's time are left out.

    Raises
    ------
    RiskError
        For a series that is missing, a history that is too short or ends long before the book's time, and a price of
        the book that its series could not have come to.
    NotCovered
        For an option on an underlying that may be zero or below, and collateral that nothing says the risk of.
    """
    time_ns = now_ns(book)
    known = [factor.name for factor in history.factors]
    if not (names := series_read(book, rules, known)):
        raise RiskError(f"nothing that the book holds has a series: the history has {', '.join(known)}: add one")
    past = _known_by(history.of(names), time_ns)
    until_now(past, book)
    held = [each for each in book.positions if each.amount]
    named = dict(zip(_symbols(held), held, strict=True))
    for each in book.collateral:
        if each.asset in named:
            raise RiskError(f"{each.asset}: it is the symbol of a position and of collateral: name the asset otherwise")
    counts = dict.fromkeys(named, 1)
    made = _made(book, rules, past, time_ns, named, counts)
    while wide := {row.symbol: tens for row in made.rows if (tens := _tens(row, rules)) > 1}:
        counts |= {symbol: counts[symbol] * tens for symbol, tens in wide.items()}
        made = _made(book, rules, past, time_ns, named, counts)
    sheet = quantised(
        made,
        name=f"{made.name}, {book.time:%Y-%m-%d %H:%M}",
        numeraire=rules.numeraire,
        unit_fine=rules.unit_fine,
        fine_decimals=rules.fine_decimals,
    )
    shorts = [symbol for symbol, each in named.items() if each.amount < 0]
    lots = {row.symbol: (-1 if row.symbol in shorts else 1) * counts.get(row.symbol, 1) for row in made.rows}
    return Drawn(made, sheet, lots, past)


def until_now(history: FactorHistory, book: Book) -> FactorHistory:
    """What was known of a history at the book's time, and then the levels of that time: prices are the book's, other
    series stand where they were last. RiskError where that cannot be its next row: after a hole, or by an absurd move.
    """
    time_ns = now_ns(book)
    past = _known_by(history, time_ns)
    time_ns = time_ns // DAY_NS * DAY_NS if past.whole_days else time_ns
    if time_ns <= past.times_ns[-1]:
        return past
    now = _prices(book)
    row = [now.get(factor.name, float(level)) for factor, level in zip(past.factors, past.levels[-1], strict=True)]
    levels = np.concatenate([past.levels, np.array([row])])
    return replace(past, times_ns=np.append(past.times_ns, time_ns), levels=levels)


def now_ns(book: Book) -> int:
    """The time of a book in nanoseconds since 1970."""
    return (book.time - EPOCH) // timedelta(microseconds=1) * 1000


def _made(
    book: Book,
    rules: Rules,
    past: FactorHistory,
    time_ns: int,
    named: Mapping[str, Position],
    counts: Mapping[str, int],
) -> Draft:
    """The draft, each position being so many lots."""
    kinds, levels = {factor.name: factor.kind for factor in past.factors}, _levels(book, rules, past)
    instruments = [
        _instrument(book, rules, symbol, each, counts[symbol], normal=kinds[each.underlying] == "absolute")
        for symbol, each in named.items()
    ]
    pledged = [_pledge(asset, amount, value / levels[asset]) for asset, amount, value in _moving(book, rules, past)]
    markets = _markets(book, rules, named, counts)
    model = _model(book, rules, past)
    part = rules.maintenance
    return draft(model, instruments, past, levels, time_ns, collateral=pledged, markets=markets, maintenance=part)


def _tens(row: Row, rules: Rules) -> int:
    """By which power of ten a lot is too large for a sheet to hold the rates of its add-ons; 1 where it is not."""
    rate_ppm = row.most_added * 10**rules.fine_decimals / rules.unit_fine * PPM
    return 10 ** math.ceil(math.log10(rate_ppm / ADD_ON_RATE_MAX)) if rate_ppm > ADD_ON_RATE_MAX else 1


def carried(book: Book, rules: Rules, known: Collection[str]) -> tuple[list[str], float]:
    """Collateral that runs the scenarios, by asset, and what the rest counts for by its weight.

    Raises ``NotCovered`` for an asset that has neither a series, nor a shock, nor a weight.
    """
    moving = {*known, *(name for changes in rules.shocks.values() for name in changes)}
    runs = [each.asset for each in book.collateral if each.asset in moving]
    for each in book.collateral:
        if each.asset not in moving and each.asset not in rules.collateral:
            raise NotCovered(
                f"{each.asset}: nothing says what it may lose: give its series in the history, or its weight in a "
                "rulebook of your own"
            )
    weighed = sum(each.value * rules.collateral[each.asset] for each in book.collateral if each.asset not in moving)
    return list(dict.fromkeys(runs)), weighed


def _known_by(history: FactorHistory, time_ns: int) -> FactorHistory:
    """The rows that were known at a time, two at least."""
    if (count := rows_known(history, time_ns)) < 2:
        raise RiskError(
            f"{history.factors[0].name}: the history begins at {history.labels()[0]}, and {count} of its rows end by "
            "the book's time: give a history of the years before it"
        )
    return history.rows(0, count)


def _levels(book: Book, rules: Rules, past: FactorHistory) -> dict[str, float]:
    """Levels now: prices are the book's, other series stand where they were last. A factor that only shocks move stands
    at 1, or at 0 where it moves by differences: what counts is by how much it moves."""
    shocked = {name for changes in rules.shocks.values() for name in changes}
    now = {name: 0.0 if moves_by_difference(name) else 1.0 for name in shocked}
    now |= {factor.name: float(level) for factor, level in zip(past.factors, past.levels[-1], strict=True)}
    return now | _prices(book)


def _prices(book: Book) -> dict[str, float]:
    """The book's own prices, by asset and underlying."""
    pledged = {each.asset: each.price for each in book.collateral}
    return pledged | {name: each.price for name, each in book.underlyings.items()}


def _model(book: Book, rules: Rules, past: FactorHistory) -> FilteredShortfall:
    """The model with what concerns the book: shocks of what it reads, gaps of single names, bases of what nets."""
    known = {factor.name: factor for factor in past.factors}
    model = replace(rules.model, gap=_gap(rules.model.gap, past), basis=_basis(rules.model.basis, past))
    read = {*book.held(), *(each.asset for each in book.collateral)}
    changes = {
        label: {name: change for name, change in moved.items() if name in read or _is_read(book, name)}
        for label, moved in rules.shocks.items()
    }
    changes = {label: moved for label, moved in changes.items() if moved}
    if not changes:
        return model
    names = dict.fromkeys(name for moved in changes.values() for name in moved)
    factors = tuple(
        known.get(name) or Factor(name, "absolute" if moves_by_difference(name) else "relative") for name in names
    )
    return replace(model, hypothetical=(hypothetical("shocks", factors, changes),))


def _gap(rule: Gap | None, past: FactorHistory) -> Gap | None:
    """The rule with the indices that are there; none where nothing else is."""
    prices = prices_of(past.factors)
    if rule is None or set(prices) <= set(rule.indices):
        return None
    return replace(rule, indices=tuple(name for name in rule.indices if name in prices))


def _basis(rule: Basis | None, past: FactorHistory) -> Basis | None:
    """The rule with the indices that are there; none where nothing is left open."""
    if rule is None:
        return None
    names = [factor.name for factor in past.factors]
    beside = {name: leader for name, leader in rule.beside.items() if name in names}
    left_open = any(re.fullmatch(rf".+ (basis {TENOR}|premium)", name) for name in names)
    return replace(rule, beside=beside) if beside or left_open else None


def _symbols(held: Collection[Position]) -> list[str]:
    """A symbol for each position, with the time of its expiry where two expire on one day."""
    plain = [each.symbol for each in held]
    return [
        symbol if plain.count(symbol) == 1 or isinstance(each, Perpetual) else f"{symbol}, {each.expiry.time()}"
        for symbol, each in zip(plain, held, strict=True)
    ]


def _instrument(book: Book, rules: Rules, symbol: str, each: Position, count: int, *, normal: bool) -> Instrument:
    """A position as a contract of which it is so many lots."""
    option = each if isinstance(each, Option) else None
    if option is not None and normal:
        raise NotCovered(
            f"{symbol}: {each.underlying} moves by differences, and the volatility of its options is a part of the "
            "price: give it as a relative series, or leave the option out"
        )
    kind = Kind.PERPETUAL if isinstance(each, Perpetual) else Kind.FUTURE if option is None else Kind(option.right)
    expiry = None if isinstance(each, Perpetual) else each.expiry
    terms = Contract(
        symbol=symbol,
        kind=kind,
        settlement=rules.numeraire,
        tick_size="0.01",
        lot_size=f"{Decimal(repr(abs(each.amount))) / count:f}",
        price_min_ticks=-(2**53) if normal else 1,
        price_max_ticks=2**53,
        position_limit_lots=count,
        margin_class=each.underlying,
        stale_after_ns=DAY_NS,
        underlying=each.underlying if option else None,
        strike=f"{Decimal(repr(option.strike)):f}" if option else None,
        expiry_ns=None if expiry is None else (expiry - EPOCH) // timedelta(microseconds=1) * 1000,
    )
    if option is None:
        assert not isinstance(each, Option)
        return Instrument(terms, each.underlying, None, each.price, normal=normal, fundings_a_day=rules.fundings_a_day)
    forward = book.expiry(option)
    assert option.vol is not None
    return Instrument(terms, each.underlying, None, forward.forward, option.vol, rate=forward.rate)


def _moving(book: Book, rules: Rules, past: FactorHistory) -> Iterator[tuple[str, float, float]]:
    """Asset, amount and value of collateral that runs the scenarios."""
    runs, _ = carried(book, rules, [factor.name for factor in past.factors])
    for asset in runs:
        held = [each for each in book.collateral if each.asset == asset and each.amount]
        if held:
            yield asset, sum(each.amount for each in held), sum(each.value for each in held)


def _pledge(asset: str, amount: float, units: float) -> Collateral:
    """One lot of all there is of an asset: ``units`` at the level of its factor are its value. Its size in minor units
    is that of eight decimals."""
    return Collateral(asset, max(1, int(Decimal(repr(amount)) * 10**8)), units, 1)


def _markets(book: Book, rules: Rules, named: Mapping[str, Position], counts: Mapping[str, int]) -> Markets:
    """Who nets with whom, the market of each lot, and what short options add."""
    liquidity = {}
    for symbol, each in named.items():
        if depth := rules.liquidity.get(each.underlying):
            size, price = abs(each.amount) / counts[symbol], book.underlyings[each.underlying].price
            lot = depth.half_spread * price * size, depth.daily_units / size
            liquidity[symbol] = Liquidity(*lot, depth.closable, depth.impact)
    held = [name for name in rules.short_options if name in book.held()]
    charges = {name: rules.short_options[name] * book.underlyings[name].price for name in held}
    return Markets(rules.netting_sets, liquidity, charges)

"""What the simulated house lists and by which rules, derived from a price history.

The primary series gets everything: an index, dated futures, a perpetual and options (and, where it is a coin, an
inverse perpetual). The others get an index and either dated futures or a perpetual. Sizes and limits are set from the
first price of the window and margins from the moves before it: nothing here knows what comes.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np

from novate.core.terms import Asset, Contract, Kind, Layer, Overdraft, Rulebook, Tier
from novate.market.history import PriceHistory

DAY_NS = 86_400 * 10**9
MINUTE_NS = 60 * 10**9
NUMERAIRE_DECIMALS, NUMERAIRE_FINE = 2, 8
COIN_DECIMALS, COIN_FINE = 8, 10
SERIES_MAX = 48
LOT_WORTH = 20_000.0
INVERSE_LOT, INVERSE_LEAST = "100", 1.0
"""An inverse lot is so much of the numeraire; coins worth less than the second have no inverse contract."""
PRICE_SPAN = 10
COLLATERAL_HAIRCUT_PPM = 150_000
OVERDRAFT = 250_000
"""Whole units of the numeraire that an account may stand below zero."""
OVERDRAFT_DAYS = 5
INTEREST_PPM = 80_000
"""What it pays on them, in a year."""
FEE_PPM = 3
MARGIN_FLOOR, MARGIN_QUANTILE, MARGIN_MOVES_MIN = 0.02, 0.99, 100
MARGIN_WITHOUT_HISTORY = 0.10
QUOTES = ("USDT", "USDC", "USD")

Form = Literal["clearing_house", "venue"]


@dataclass(slots=True)
class Series:
    """One price series and the codes and scales of what is listed on it."""

    column: int
    name: str
    code: str
    tick: Decimal
    lot: Decimal
    first_price: float
    dated: bool
    perpetual: bool
    margin_rate: float
    margin_rate_at_start: float = 0.0

    def __post_init__(self) -> None:
        self.margin_rate_at_start = self.margin_rate

    @property
    def limit_ticks(self) -> tuple[int, int]:
        """The price limits: a tenth and ten times the first price of the window."""
        ticks = self.first_price / float(self.tick)
        return max(1, int(ticks / PRICE_SPAN)), int(ticks * PRICE_SPAN)

    def ticks(self, price: float) -> int:
        """The nearest tick, at least one."""
        return max(1, round(price / float(self.tick)))


@dataclass(slots=True)
class Listed:
    """A contract on record: its index, its terms and the series it follows. ``ends_at`` is a step of the run, or -1."""

    index: int
    terms: Contract
    series: Series
    ends_at: int = -1

    @property
    def lot_units(self) -> float:
        """Units of the underlying (or, inverse, of the numeraire) in a lot."""
        return float(self.terms.lot_size)


@dataclass(slots=True)
class Plan:
    """The house to build over a window of history."""

    history: PriceHistory
    before: PriceHistory
    series: list[Series]
    form: Form
    numeraire: str
    coin: str
    coin_note: str
    inverse: bool
    step_ns: int
    expiries: list[int] = field(default_factory=list)
    calm_sigma: float = 0.01

    @property
    def primary(self) -> Series:
        """The series that gets options and backs the second collateral asset."""
        return self.series[0]

    @property
    def daily(self) -> bool:
        """Whether a step is a day (or longer)."""
        return self.step_ns >= DAY_NS

    @property
    def unit_ns(self) -> int:
        """A 144th of a step: ten minutes of a day. What happens within a step is timed in it."""
        return self.step_ns // 144

    @property
    def steps_per_year(self) -> float:
        """Steps in a year, business days for a daily history."""
        return 252.0 if self.daily else 365 * DAY_NS / self.step_ns

    @property
    def margin_steps(self) -> int:
        """The steps over which moves are measured for margin: two days of a daily history, else one day."""
        return 2 if self.daily else max(1, round(DAY_NS / self.step_ns))

    def time_ns(self, step: int) -> int:
        """When the prices of a step are known: the recorded time; for a daily history 21:00 UTC of that day."""
        return int(self.history.times_ns[step]) + (21 * 60 * MINUTE_NS if self.daily else 0)


def make_plan(history: PriceHistory, window: tuple[int, int], form: Form) -> Plan:
    """Plan a house for the rows ``window`` of a history; what comes before them calibrates the margin."""
    shown, before = history.rows(*window), history.rows(0, window[0]) if window[0] else history.rows(0, 1)
    priced = [column for column in range(len(shown.symbols)) if not math.isnan(_first(shown.close[:, column]))]
    coins = [_coin_of(shown.symbols[column]) for column in priced]
    order = sorted(range(len(priced)), key=lambda at: (coins[at] != "BTC", at))[:SERIES_MAX]
    columns = [priced[at] for at in order]
    names = [shown.symbols[column] for column in columns]
    coin = _coin_of(names[0])
    plan = Plan(
        history=shown,
        before=before,
        series=[],
        form=form,
        numeraire=_quote_of(names[0]),
        coin=coin or f"{_code(names[0])}.U",
        coin_note=f"one {coin}" if coin else f"a tracker unit worth the {names[0]}",
        inverse=bool(coin) and _first(shown.close[:, columns[0]]) >= INVERSE_LEAST,
        step_ns=history.step_ns,
    )
    for place, column in enumerate(columns):
        plan.series.append(_series(plan, place, column))
    plan.expiries = _expiries(plan)
    plan.calm_sigma = _calm_sigma(plan)
    return plan


def _calm_sigma(plan: Plan) -> float:
    """Volatility of a step of the primary series over the year before the window, or its first tenth without one."""
    past = past_of(plan, plan.primary.name, 0)[-round(plan.steps_per_year) :]
    if len(past) < MARGIN_MOVES_MIN:
        past = past_of(plan, plan.primary.name, max(20, len(plan.history) // 10))
    return float(np.std(np.diff(np.log(past)))) if len(past) > 2 else 0.01


def _series(plan: Plan, place: int, column: int) -> Series:
    name = plan.history.symbols[column]
    price = _first(plan.history.close[:, column])
    tick_exponent = math.floor(math.log10(price)) - 5
    lot_exponent = max(round(math.log10(LOT_WORTH / price)), -NUMERAIRE_FINE - tick_exponent)
    tick, lot = Decimal(10) ** tick_exponent, Decimal(10) ** lot_exponent
    daily = plan.daily
    return Series(
        column=column,
        name=name,
        code=_code(name),
        tick=tick,
        lot=lot,
        first_price=price,
        dated=place < 3 if daily else place < 2,
        perpetual=place < 2 or not daily or place >= 3,
        margin_rate=margin_rate(past_of(plan, name, 0), plan.margin_steps),
    )


def past_of(plan: Plan, name: str, step: int) -> np.ndarray:
    """Every price of a series before a step of the window, missing ones left out."""
    column = plan.history.symbols.index(name)
    parts = [plan.history.close[:step, column]]
    if name in plan.before.symbols and plan.before.times_ns[-1] < plan.history.times_ns[0]:
        parts.insert(0, plan.before.close[:, plan.before.symbols.index(name)])
    prices = np.concatenate(parts)
    return prices[~np.isnan(prices)]


def margin_rate(past: np.ndarray, steps: int) -> float:
    """The move over ``steps`` that 99 of 100 past ones stayed within, at least the floor, in whole per mille."""
    if len(past) - steps < MARGIN_MOVES_MIN:
        return MARGIN_WITHOUT_HISTORY
    moves = np.abs(past[steps:] / past[:-steps] - 1)
    return max(MARGIN_FLOOR, math.ceil(1000 * float(np.quantile(moves, MARGIN_QUANTILE))) / 1000)


def _expiries(plan: Plan) -> list[int]:
    """Steps at which dated contracts expire: the last at or before each third Friday of a quarter, or each Friday."""
    days = [datetime.fromtimestamp(int(t) // 10**9, UTC).date() for t in plan.history.times_ns]
    wanted = []
    day = days[0]
    while day <= days[-1] + timedelta(days=200):
        friday = day.weekday() == 4
        if friday and (not plan.daily or (day.month % 3 == 0 and 15 <= day.day <= 21)):
            wanted.append(day)
        day += timedelta(days=1)
    steps = []
    for day in wanted:
        if day <= days[-1]:
            step = max(at for at, known in enumerate(days) if known <= day)
        else:  # after the end of the history: it will not expire in this run, its date still counts
            step = len(days) + (day - days[-1]).days
        if step > 2 and (not steps or step > steps[-1]):
            steps.append(step)
    return steps


# --- terms --------------------------------------------------------------------------------------------------------


def assets(plan: Plan) -> list[Asset]:
    """The settlement asset and the second collateral asset."""
    ceiling = math.ceil(plan.primary.first_price * PRICE_SPAN * 10**NUMERAIRE_FINE)
    return [
        Asset(plan.numeraire, NUMERAIRE_DECIMALS, NUMERAIRE_FINE),
        Asset(plan.coin, COIN_DECIMALS, COIN_FINE, ceiling, 7 * max(plan.step_ns, DAY_NS)),
    ]


def contract(
    plan: Plan, series: Series, kind: Kind, *, ends_at: int = -1, strike: int = 0, inverse: bool = False
) -> Contract:
    """Terms of a contract on a series. ``strike`` is in ticks of the series."""
    low, high = series.limit_ticks
    tick, lot = format(series.tick, "f"), format(series.lot, "f")
    symbol, expiry = series.code, None
    if kind is Kind.PERPETUAL:
        symbol += ".PERP" + (".INV" if inverse else "")
    if ends_at >= 0:
        expiry = expiry_ns(plan, ends_at)
        symbol += "." + datetime.fromtimestamp(expiry // 10**9, UTC).strftime("%Y-%m-%d")
    option = kind in (Kind.CALL, Kind.PUT)
    if option:
        symbol += f".{'C' if kind is Kind.CALL else 'P'}{_plain(strike * series.tick)}"
    if inverse:
        lot = INVERSE_LOT
    scale = Decimal(10) ** (COIN_FINE if inverse else NUMERAIRE_FINE)
    worth = (Decimal(lot) / series.tick / low if inverse else series.tick * series.lot * high) * scale
    doubled = 2 if kind is Kind.PERPETUAL else 1
    limit = int(Decimal(2**61) / (worth * doubled)) if kind is not Kind.INDEX else 1
    return Contract(
        symbol=symbol,
        kind=kind,
        settlement=plan.coin if inverse else plan.numeraire,
        tick_size=tick,
        lot_size=lot,
        price_min_ticks=1 if option else low,
        price_max_ticks=high,
        position_limit_lots=max(1, min(limit - 1, 10**7)),
        margin_class=margin_class(series, option=option),
        stale_after_ns=8 * max(plan.step_ns, DAY_NS),
        inverse=inverse,
        underlying=series.code if option else None,
        strike=_plain(strike * series.tick) if option else None,
        expiry_ns=expiry,
        fee_ppm=0 if kind is Kind.INDEX else FEE_PPM,
    )


def expiry_ns(plan: Plan, step: int) -> int:
    """When a dated contract that ends at a step expires; beyond the window, one day for each step past its end."""
    last = len(plan.history) - 1
    return plan.time_ns(step) if step <= last else plan.time_ns(last) + (step - last) * DAY_NS


def margin_class(series: Series, *, option: bool) -> str:
    """The name of a margin class."""
    return series.code + (".options" if option else "")


def rulebook(plan: Plan) -> Rulebook:
    """The rules in force, at the margin rates that the series have now."""
    classes: dict[str, tuple[Tier, ...]] = {}
    for series in plan.series:
        rate = round(series.margin_rate * 1_000_000)
        classes[margin_class(series, option=False)] = tuple(
            Tier(floor * 10**NUMERAIRE_FINE, _ppm(rate * scale), _ppm(rate * scale * 0.8))
            for floor, scale in ((0, 1.0), (500_000_000, 1.25), (2_000_000_000, 1.6))
        )
        short = Tier(0, _ppm(rate * 1.5), _ppm(rate * 1.2), _ppm(rate * 0.75), _ppm(rate * 0.6))
        classes[margin_class(series, option=True)] = (short,)
    if plan.inverse:
        # An inverse class is in coins: its brackets would be another size, so that it has one.
        rate = round(plan.primary.margin_rate * 1_000_000)
        classes[margin_class(plan.primary, option=False)] = (Tier(0, _ppm(rate * 1.1), _ppm(rate * 0.88)),)
    unit = plan.unit_ns
    return Rulebook(
        name="demo",
        numeraire=plan.numeraire,
        form=plan.form,
        collateral={plan.numeraire: 0, plan.coin: COLLATERAL_HAIRCUT_PPM},
        margin_classes=classes,
        settlement_interval_ns=DAY_NS if plan.daily else 8 * 60 * MINUTE_NS,
        call_due_ns=max(140 * unit, 60 * MINUTE_NS),
        waterfall=_waterfall(plan.form),
        call_minimum_fine=1_000 * 10**NUMERAIRE_FINE,
        slice_ppm=250_000,
        slippage_ppm=20_000,
        slice_expiry_ns=120 * unit,
        slices_max=4,
        overdrafts={plan.numeraire: Overdraft(OVERDRAFT * 10**NUMERAIRE_DECIMALS, OVERDRAFT_DAYS * DAY_NS)},
    )


def _waterfall(form: Form) -> tuple[Layer, ...]:
    if form == "venue":
        return (Layer.INSURANCE, Layer.SKIN, Layer.GAINS_HAIRCUT)
    return (Layer.DEFAULTER_FUND, Layer.SKIN, Layer.INSURANCE, Layer.SURVIVORS_FUND, Layer.GAINS_HAIRCUT)


def _ppm(rate: float) -> int:
    return min(round(rate), 1_000_000)


def _first(prices: np.ndarray) -> float:
    known = prices[~np.isnan(prices)]
    return float(known[0]) if len(known) else math.nan


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")


# --- names --------------------------------------------------------------------------------------------------------


def _code(name: str) -> str:
    """A short code of a series: ``S&P 500`` -> ``SP500``, ``BTCUSDT`` stays."""
    known = {"S&P 500": "SPX", "Nasdaq Composite": "COMP", "WTI crude": "WTI"}
    return known.get(name) or "".join(letter for letter in name if letter.isalnum() or letter in "@-_").upper()


def _coin_of(name: str) -> str:
    """The coin that a series prices, or nothing: ``BTCUSDT`` and ``BTC-PERP`` give ``BTC``, ``S&P 500`` none."""
    stem = name.split("@", maxsplit=1)[0].upper()
    for mark in ("/", "-"):
        stem = stem.split(mark)[0]
    for quote in QUOTES:
        if stem.endswith(quote) and len(stem) > len(quote):
            return stem.removesuffix(quote)
    return stem if stem in ("BTC", "ETH", "SOL") else ""


def _quote_of(name: str) -> str:
    stem = name.split("@", maxsplit=1)[0].upper()
    return next((quote for quote in QUOTES if stem.endswith(quote)), "USD")

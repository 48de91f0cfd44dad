"""The listed side of the simulation: what is listed when, its marks, its funding and its end."""

import math

import numpy as np

from novate.core.commands import AssetPrice, ExpireContract, ListContract, PublishFunding, PublishMarks
from novate.core.rows import FUNDING, MARK
from novate.core.terms import Kind
from novate.sim import plan as plans
from novate.sim.plan import Listed, Plan, Series
from novate.sim.pricing import YEAR_NS, black76, forward, funding_rate, realised_volatility

STRIKES = (0.85, 0.95, 1.05, 1.15)
ROLL_STEPS = 8
"""Steps before its expiry in which holders of a dated contract move to the next."""
MOMENTUM_STEPS = 20
TURMOIL = 2.5


class Market:
    """Everything listed so far and its prices at the current step."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.listed: list[Listed] = []
        self.step = 0
        self.expired: set[int] = set()
        self.price_ticks = np.zeros(0, np.int64)  # of the last mark; 0 where there is none
        self.lot_value = np.zeros(0)  # underlying value of a lot in the numeraire at the last mark
        self.live = np.zeros(0, bool)
        self.coin_price = plan.primary.first_price
        self.sigma: dict[str, float] = {}
        self.momentum: dict[str, float] = {}

    # --- listings -----------------------------------------------------------------------------------------------

    def first_listings(self) -> list[ListContract]:
        """Indices and perpetuals, which stay."""
        commands = []
        for series in self.plan.series:
            commands.append(self._list(series, Kind.INDEX))
            if series.perpetual:
                commands.append(self._list(series, Kind.PERPETUAL))
        if self.plan.inverse:
            commands.append(self._list(self.plan.primary, Kind.PERPETUAL, inverse=True))
        return commands

    def new_listings(self, step: int) -> list[ListContract]:
        """The front and the next dated contract of each series, and options with the front."""
        commands = []
        ahead = [expiry for expiry in self.plan.expiries if expiry > step][:2]
        for series in self.plan.series:
            if not series.dated:
                continue
            known = {entry.ends_at for entry in self.of(series, Kind.FUTURE)}
            commands += [self._list(series, Kind.FUTURE, ends_at=expiry) for expiry in ahead if expiry not in known]
        spot = self.plan.history.close[step, self.plan.primary.column]
        known = {entry.ends_at for entry in self.of(self.plan.primary, Kind.PUT)}
        if ahead and ahead[0] not in known and not math.isnan(spot):
            commands += self._list_options(ahead[0], float(spot))
        return commands

    def _list_options(self, expiry: int, spot: float) -> list[ListContract]:
        series = self.plan.primary
        grid = 10 ** (math.floor(math.log10(spot)) - 2)
        strikes = sorted({series.ticks(round(spot * part / grid) * grid) for part in STRIKES})
        kinds = (Kind.PUT, Kind.CALL)
        return [self._list(series, kind, ends_at=expiry, strike=strike) for strike in strikes for kind in kinds]

    def _list(
        self, series: Series, kind: Kind, *, ends_at: int = -1, strike: int = 0, inverse: bool = False
    ) -> ListContract:
        terms = plans.contract(self.plan, series, kind, ends_at=ends_at, strike=strike, inverse=inverse)
        self.listed.append(Listed(len(self.listed), terms, series, ends_at))
        self.price_ticks = np.append(self.price_ticks, 0)
        self.lot_value = np.append(self.lot_value, 0.0)
        self.live = np.append(self.live, False)
        return ListContract(terms)

    def of(self, series: Series, *kinds: Kind) -> list[Listed]:
        """What is listed on a series and has not expired."""
        return [
            entry
            for entry in self.listed
            if entry.series is series and entry.terms.kind in kinds and entry.index not in self.expired
        ]

    def goes_by(self, series: Series, *, perpetual: bool) -> Listed | None:
        """The contract in which a holder of the series would be now: the perpetual, or the dated one to hold."""
        always = [entry for entry in self.of(series, Kind.PERPETUAL) if not entry.terms.inverse]
        dated = [entry for entry in self.of(series, Kind.FUTURE) if self.live[entry.index]]
        lasting = [entry for entry in dated if entry.ends_at - self.step > ROLL_STEPS] or dated
        if always and (perpetual or not lasting):
            return always[0] if self.live[always[0].index] else None
        return min(lasting, key=lambda entry: entry.ends_at) if lasting else None

    # --- prices -------------------------------------------------------------------------------------------------

    def publish(self, step: int) -> PublishMarks:
        """Marks of everything that has not expired, and the price of the second collateral asset."""
        self.step = step
        rows = []
        for series in self.plan.series:
            spot = float(self.plan.history.close[step, series.column])
            if not math.isnan(spot):
                self._learn(series, step)
            mine = (entry for entry in self.listed if entry.series is series and entry.index not in self.expired)
            rows += [self._mark(entry, spot) for entry in mine]
        spot = float(self.plan.history.close[step, self.plan.primary.column])
        price = None if math.isnan(spot) else round(spot * 10**plans.NUMERAIRE_FINE)
        self.coin_price = self.coin_price if math.isnan(spot) else spot
        return PublishMarks(np.array(rows, MARK).tobytes(), (AssetPrice(1, price),))

    def _mark(self, entry: Listed, spot: float) -> tuple[int, int, int]:
        if math.isnan(spot):
            self.live[entry.index] = False
            return 0, entry.index, 1
        price = self._model(entry, spot)
        ticks = entry.series.ticks(price)
        low, high = entry.terms.price_min_ticks, entry.terms.price_max_ticks
        self.price_ticks[entry.index] = ticks
        self.live[entry.index] = low <= ticks <= high
        self.lot_value[entry.index] = entry.lot_units * (1.0 if entry.terms.inverse else spot)
        return ticks, entry.index, 0

    def _model(self, entry: Listed, spot: float) -> float:
        years = self._years_left(entry)
        match entry.terms.kind:
            case Kind.FUTURE:
                return forward(spot, years)
            case Kind.CALL | Kind.PUT:
                volatility = self.sigma[entry.series.code] * math.sqrt(self.plan.steps_per_year)
                strike = float(entry.terms.strike or 0)
                return black76(spot, strike, years, volatility, call=entry.terms.kind is Kind.CALL)
            case _:
                return spot

    def _years_left(self, entry: Listed) -> float:
        if entry.terms.expiry_ns is None:
            return 0.0
        return max(0, entry.terms.expiry_ns - self.plan.time_ns(self.step)) / YEAR_NS

    def _learn(self, series: Series, step: int) -> None:
        """Volatility of a step and the recent move of a series, from what is known by now."""
        past = plans.past_of(self.plan, series.name, step + 1)
        yearly = realised_volatility(past, self.plan.steps_per_year)
        self.sigma[series.code] = yearly / math.sqrt(self.plan.steps_per_year)
        back = past[-min(MOMENTUM_STEPS + 1, len(past))]
        self.momentum[series.code] = float(past[-1] / back - 1)

    @property
    def in_turmoil(self) -> bool:
        """Whether the primary series moves ``TURMOIL`` times as much as in the year before the window."""
        return self.sigma.get(self.plan.primary.code, 0.0) > TURMOIL * self.plan.calm_sigma

    def funding(self) -> list[PublishFunding]:
        """Funding rates of the live perpetuals for one step."""
        days = self.plan.step_ns / plans.DAY_NS
        rows = [
            (round(funding_rate(self.momentum.get(entry.series.code, 0.0), days) * 1e12), entry.index, 0)
            for entry in self.listed
            if entry.terms.kind is Kind.PERPETUAL and self.live[entry.index]
        ]
        return [PublishFunding(np.array(rows, FUNDING).tobytes())] if rows else []

    def expiring(self, step: int) -> list[ExpireContract]:
        """Contracts whose last step this is, at the index as their final price; without a price they wait."""
        commands = []
        for entry in self.listed:
            if 0 <= entry.ends_at <= step and entry.index not in self.expired:
                spot = float(self.plan.history.close[step, entry.series.column])
                if not math.isnan(spot):
                    self.expired.add(entry.index)
                    self.live[entry.index] = False
                    commands.append(ExpireContract(entry.index, entry.series.ticks(spot)))
        return commands

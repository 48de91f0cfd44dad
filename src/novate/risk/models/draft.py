"""A risk sheet before it is rounded: results of one lot in floats, their blocks, netting sets and add-ons.

``draft`` draws it up from a model, instruments, history and levels; ``quantised`` makes it the integer program that the
house adopts; ``novate.risk.models.requirement`` estimates from it what a portfolio will be asked for.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from novate.core.money import PPM
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet
from novate.core.terms import Kind
from novate.risk.errors import RiskError
from novate.risk.factors import TENOR, FactorHistory, levels_after
from novate.risk.histories import require_up_to
from novate.risk.instruments import Instrument
from novate.risk.models.blocks import Block, Model, combined, require_ppm
from novate.risk.models.liquidity import Liquidity, Slope, added, slopes
from novate.risk.revaluation import Levels, results_of_one_lot
from novate.risk.sheet import ADD_ON_RATE_MAX, quantise


@dataclass(frozen=True, slots=True)
class Collateral:
    """A collateral asset that runs the scenarios.

    Attributes
    ----------
    symbol : str
        The asset, and the factor that is its price in the numeraire.
    lot_minor, lot_units : int, float
        One lot, in minor units and in whole units of the asset.
    lots_max : int
        The most lots of one balance that count this way.
    """

    symbol: str
    lot_minor: int
    lot_units: float
    lots_max: int

    def __post_init__(self) -> None:
        if not (self.lot_minor > 0 and 0 < self.lot_units < math.inf and self.lots_max > 0):
            raise RiskError(f"{self}: expected a lot of some units, and one lot at least")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One lot of a contract or collateral asset: its results in every scenario of every block, in the numeraire.

    ``short_option`` is what every lot of an option that is held short adds.
    """

    symbol: str
    netting_set: str
    results: NDArray[np.float64]
    add_ons: tuple[Slope, ...]
    collateral: Collateral | None = None
    short_option: float = 0.0

    @property
    def in_sheet(self) -> NDArray[np.float64]:
        """What a sheet has as the results: with half of what a short option adds, see ``quantised``."""
        return self.results + self.short_option / 2

    @property
    def most_added(self) -> float:
        """The most that one more lot adds at any size, as a sheet writes it."""
        return max((piece.per_lot for piece in self.add_ons), default=0.0) + self.short_option / 2

    def add_on(self, lots: float) -> float:
        """What the size of a position adds."""
        return added(self.add_ons, abs(lots))


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A margin program in floats. ``offset_cap`` and ``maintenance`` are parts, as in ``RiskSheet``."""

    name: str
    blocks: tuple[Block, ...]
    rows: tuple[Row, ...]
    offset_cap: float
    maintenance: float

    def __post_init__(self) -> None:
        require_ppm("offset_cap", self.offset_cap)
        require_ppm("maintenance", self.maintenance)
        if any(row.short_option for row in self.rows) and any(
            block.weight < 1 for block in self.blocks if block.part == "floor"
        ):
            raise RiskError(
                "short_options: a sheet holds them where floor blocks weigh 1: weigh them so, or leave them out"
            )

    def row(self, symbol: str) -> Row:
        """The row of a contract or collateral asset. RiskError where there is none."""
        for row in self.rows:
            if row.symbol == symbol:
                return row
        raise RiskError(f"{symbol}: it has no row in {self.name}: give its instrument when the sheet is drawn up")

    def in_block(self, results: NDArray[np.float64], block: Block) -> NDArray[np.float64]:
        """The part of results that belongs to a block."""
        first = sum(len(each.scenarios) for each in self.blocks[: self.blocks.index(block)])
        return results[first : first + len(block.scenarios)]

    def asked_of_one(self, results: NDArray[np.float64]) -> float:
        """What one lot is asked for without add-ons, long or short, whichever is more."""
        both = np.stack([results, -results], axis=1)
        return float(combined(self.blocks, [block.loss(self.in_block(both, block)) for block in self.blocks]).max())


@dataclass(frozen=True, slots=True, eq=False)
class Markets:
    """What a sheet needs to know besides prices: who nets with whom, how liquid contracts are, what short options add.

    ``netting_sets`` maps an index, or a collateral asset, to its netting set; without an entry it is one of its own.
    ``liquidity`` maps a symbol to its market; one without an entry has no liquidity add-on. ``short_options`` maps an
    index to what every unit of it that an option on it is short of adds, in the numeraire, zero or more.
    """

    netting_sets: Mapping[str, str] = field(default_factory=dict)
    liquidity: Mapping[str, Liquidity] = field(default_factory=dict)
    short_options: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, charge in self.short_options.items():
            if not (math.isfinite(charge) and charge >= 0):
                raise RiskError(f"short_options: {index}: got {charge}: expected an amount of money, zero or more")

    def of_short(self, each: Instrument) -> float:
        """What a short lot of a contract adds: of an option alone."""
        return each.lot * self.short_options.get(each.index, 0.0) if each.contract.is_option else 0.0


def draft(
    model: Model,
    instruments: Sequence[Instrument],
    history: FactorHistory,
    levels: Mapping[str, float],
    time_ns: int,
    *,
    collateral: Sequence[Collateral] = (),
    markets: Markets | None = None,
    maintenance: float = 0.8,
) -> Draft:
    """The margin program of a model for contracts as they stand now.

    Parameters
    ----------
    instruments : sequence of Instrument
        The contracts, at their own marks now.
    history : FactorHistory
        Its last row is known at ``time_ns``, a day's close when the day has ended (``factors.known_when``): nothing is
        foreseen from what comes after. Nor was it known more than ``gap_max_ns`` before: that would be a hole.
    levels : mapping of str to float
        The level now of every factor of the history, and of every factor that only hypothetical scenarios move.
    time_ns : int
        Now, in nanoseconds since 1970.

    Raises
    ------
    RiskError
        For a history that is too short, stale or reaches beyond now, a level that is missing, a price that a contract
        excludes, a skew that leaves an option no volatility, a factor outside the history that nothing reads, a skew
        as a venue's own rule rotates it: with the series, contract or parameter, and the cure.
    """
    require_up_to(history, time_ns)
    markets = markets or Markets()
    blocks = model.blocks(history)
    _check_read(blocks, history, instruments, collateral)
    parts = [_results(block, blocks, instruments, collateral, levels, time_ns) for block in blocks]
    results = np.concatenate(parts, axis=1)
    bare = Draft(model.name, blocks, (), model.offset_cap, maintenance)
    held = [
        *((each.contract.symbol, each.index, None, markets.of_short(each)) for each in instruments),
        *((each.symbol, each.symbol, each, 0.0) for each in collateral),
    ]
    rows = []
    for (symbol, index, pledge, short_option), values in zip(held, results, strict=True):
        market = markets.liquidity.get(symbol)
        add_ons = () if market is None else _add_ons(bare, values, market)
        rows.append(Row(symbol, markets.netting_sets.get(index, index), values, add_ons, pledge, short_option))
    return Draft(model.name, blocks, tuple(rows), model.offset_cap, maintenance)


def quantised(made: Draft, *, name: str, numeraire: str, unit_fine: int, fine_decimals: int) -> RiskSheet:
    """The draft as the sheet that the house adopts.

    One sheet unit is ``unit_fine`` fine units of a numeraire with ``fine_decimals``. Results are rounded to the nearest
    unit, slopes of add-ons up. Raises ``RiskError`` naming the contract whose results are 2^52 units or more, or whose
    add-on is more for a lot than a sheet holds.

    An add-on of a sheet knows |lots| alone, and short lots are half of |lots| less lots: half of what a short lot adds
    goes into the add-on, the other half is a gain of every lot in every scenario, which takes it off what a long is
    asked for and puts it on what a short is.
    """
    unit = unit_fine / 10**fine_decimals
    contracts, pledged = [], []
    for row in made.rows:
        try:
            results = quantise(row.in_sheet, unit)
        except ValueError as error:
            raise RiskError(f"{row.symbol}: {error}") from error
        add_ons = tuple(
            AddOn(slope.floor_lots, math.ceil((slope.per_lot + row.short_option / 2) / unit * PPM))
            for slope in row.add_ons or ((Slope(0, 0.0),) if row.short_option else ())
        )
        if any(piece.rate_ppm > ADD_ON_RATE_MAX for piece in add_ons):
            most = ADD_ON_RATE_MAX / PPM * unit
            raise RiskError(f"{row.symbol}: add-ons of a lot reach beyond {most:g}: use smaller lots or a larger unit")
        if row.collateral is None:
            contracts.append(ContractRow(row.symbol, row.netting_set, results, add_ons))
        else:
            lot, most = row.collateral.lot_minor, row.collateral.lots_max
            pledged.append(CollateralRow(row.symbol, row.netting_set, results, lot, most, add_ons))
    return RiskSheet(
        name=name,
        numeraire=numeraire,
        unit_fine=unit_fine,
        blocks=tuple(block.terms() for block in made.blocks),
        contracts=tuple(contracts),
        collateral=tuple(pledged),
        offset_cap_ppm=round(made.offset_cap * PPM),
        maintenance_ppm=round(made.maintenance * PPM),
    )


def _check_read(
    blocks: Sequence[Block],
    history: FactorHistory,
    instruments: Sequence[Instrument],
    collateral: Sequence[Collateral],
) -> None:
    """RiskError for a factor whose moves would cost nothing, in silence."""
    known = {each.symbol for each in collateral} | {factor.name for factor in history.factors}
    for factor in dict.fromkeys(factor for block in blocks for factor in block.scenarios.factors):
        name = factor.name
        if name.endswith((" skew linear", " skew abs")):
            tenor = re.sub(r"(linear|abs)$", "30d", name)
            raise RiskError(
                f"{name}: a venue's rule says how far it goes, and no sheet: move '{tenor}', or leave it out"
            )
        if name not in known and not any(_reads(each, name) for each in instruments):
            raise RiskError(f"{name}: no contract or collateral moves by it: correct its name, or leave it out")
        if name not in known and (
            beside := [other for other in known if _curve(other) and _curve(other) == _curve(name)]
        ):
            raise RiskError(
                f"{name}: where {', '.join(beside)} move it would stand still: move those, or give its history"
            )


def _curve(name: str) -> str:
    """The curve that a factor is a tenor of: "BTC vol" of "BTC vol 30d"; none of others."""
    found = re.fullmatch(rf"(.+ (?:basis|vol|skew)) {TENOR}", name)
    return found[1] if found else ""


def _reads(each: Instrument, name: str) -> bool:
    """Whether ``revaluation`` looks at a factor for an instrument."""
    if name in (each.index, each.settlement):
        return True
    if each.contract.kind is Kind.PERPETUAL:
        return name in (f"{each.index} premium", f"{each.index} funding")
    curves = "basis|vol|skew" if each.contract.is_option else "basis"
    return re.fullmatch(rf"{re.escape(each.index)} ({curves}) {TENOR}", name) is not None


def _results(
    block: Block,
    blocks: Sequence[Block],
    instruments: Sequence[Instrument],
    collateral: Sequence[Collateral],
    levels: Mapping[str, float],
    time_ns: int,
) -> NDArray[np.float64]:
    """Results of one lot by row and scenario of a block; a factor that the block does not move stays at its level."""
    factors = tuple(dict.fromkeys(factor for each in blocks for factor in each.scenarios.factors))
    if missing := [factor.name for factor in factors if factor.name not in levels]:
        raise RiskError(f"levels: {missing[0]} has none: give its level now")
    now = np.array([levels[factor.name] for factor in factors])
    after = np.tile(now, (len(block.scenarios), 1))
    moved = [factors.index(factor) for factor in block.scenarios.factors]
    after[:, moved] = levels_after(now[moved], block.scenarios)
    at = Levels(tuple(factor.name for factor in factors), now, after, block.scenarios.horizon_days)
    rows = [results_of_one_lot(instruments, at, time_ns)] if instruments else []
    for each in collateral:
        price, later = at.of(each.symbol, each.symbol)
        rows.append(each.lot_units * (later - price)[None])
    if not rows:
        raise RiskError("instruments: none, and no collateral: give one contract at least")
    counted = block.scenarios.counted
    return np.concatenate(rows) * (1.0 if counted is None else counted)


def _add_ons(made: Draft, results: NDArray[np.float64], market: Liquidity) -> tuple[Slope, ...]:
    """By the volatility of a lot's results in the first block, and what one lot is asked for."""
    first = made.blocks[0]
    days = first.scenarios.horizon_days
    sigma = math.sqrt(float((made.in_block(results, first) ** 2).mean()) / days)
    return slopes(market, day_sigma=sigma, asked_of_one=made.asked_of_one(results), horizon_days=days)

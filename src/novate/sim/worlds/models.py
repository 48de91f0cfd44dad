"""Risk sheets as somebody's model has them: plausible, wild, and wrong in every way that a sheet can be wrong."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import Kind
from novate.sim.book_picture import Picture
from novate.sim.worlds.terms import PPM

if TYPE_CHECKING:
    from novate.sim.worlds.world import World

WEIGHTS = ((PPM,), (750_000, 250_000), (333_333, 333_334, 333_333), (1, 999_999))
LARGEST = 2**52 - 1
WILD = (0, 1, 3, 1_000, 10**6, 2**31, 2**45)


def draw_sheet(world: "World", seen: Picture) -> RiskSheet:
    """A sheet on what is listed now; some rows are left out."""
    random = world.random
    blocks = _blocks(random)
    model = _Model(world, seen, sum(block.scenarios for block in blocks))
    kinds = [listing.terms for listing in world.listings[: len(seen["contract"])]]
    held = {contract for (bucket, contract) in seen["position"] if bucket in seen["mode"]}
    chosen = [at for at, terms in enumerate(kinds) if terms.kind is not Kind.INDEX and not terms.collateralised]
    rows = [at for at in chosen if random.random() < (0.99 if at in held else 0.93)]
    coins = [asset for asset in world.terms.coin_prices if random.random() < 0.6]
    return RiskSheet(
        f"model {random.randrange(100)}",
        "USD",
        model.unit,
        blocks,
        tuple(model.contract_row(at) for at in rows or chosen),
        tuple(model.collateral_row(asset) for asset in coins),
        random.choice([0, 1, 800_000, 800_000, PPM]),
        random.choice([1, 500_000, 800_000, 800_000, PPM]),
    )


def nudged(random: Random, sheet: RiskSheet) -> RiskSheet:
    """The same model a while later: what a lot gains or loses is somewhat more or less, here and there by a lot."""
    factor = random.choice([0.7, 0.9, 0.9999, 1, 1.0001, 1.1, 1.25])
    finer = random.choice([1, 1, 1, 10]) if sheet.unit_fine % 10 == 0 else 1
    rows = []
    for row in sheet.contracts:
        own = factor * (1 if random.random() < 0.8 else random.choice([0, 0.5, 1.2, 3]))
        values = [round(value * own * finer) for value in np.frombuffer(row.results, "<i8").tolist()]
        rows.append(replace(row, results=packed([max(-LARGEST, min(LARGEST, value)) for value in values])))
    return replace(sheet, contracts=tuple(rows), unit_fine=sheet.unit_fine // finer)


def _blocks(random: Random) -> tuple[ScenarioBlock, ...]:
    """One to three blocks that are added, and now and then a floor; every measure, in short runs of scenarios."""
    found = []
    weights = random.choice(WEIGHTS)
    for weight in (*weights, *random.choice([(), (), (PPM,), (400_001,)])):
        part: Any = "floor" if len(found) >= len(weights) else random.choice(["current", "stressed"])
        scenarios = 60 if random.random() < 0.03 else random.randint(1, 8)
        measure: Any = random.choice(["worst", "kth_worst", "expected_shortfall"])
        rank, whole = random.choice([1, scenarios, random.randint(1, scenarios)]), random.choice([1, 3, 7, 40, 10**6])
        tail = random.randint(-(-whole // scenarios), whole)
        found.append(ScenarioBlock(f"b{len(found)}", part, scenarios, measure, weight, rank, tail, whole))
    return tuple(found)


class _Model:
    """What moves and how far in each scenario; or, of a wild one, any results at all."""

    def __init__(self, world: "World", seen: Picture, scenarios: int) -> None:
        self.world, self.seen, self.random, self.scenarios = world, seen, world.random, scenarios
        self.wild = self.random.random() < 0.12
        reach = self.random.choice([0.02, 0.1, 0.3])
        self.moves = [
            [self.random.choice([0.0, self.random.uniform(-reach, reach)]) for _ in range(scenarios)]
            for _ in world.terms.spots
        ]
        sizes = sorted(self._size(at) for at in seen["contract"])
        self.unit = max(1, sizes[len(sizes) // 2] // self.random.choice([10, 10**3, 10**5]))
        self.sets = self.random.choice(["one", "spots", "kinds", "any"])

    def _size(self, contract: int) -> int:
        """About what one lot is worth, in fine units of the numeraire."""
        terms = self.world.contracts[contract]
        asset = next(at for at, money in enumerate(self.world.terms.assets) if money.symbol == terms.settlement)
        mantissa, scale = self.seen["asset"][asset][2]
        return max(1, self.seen["contract"][contract][3] * mantissa // scale)

    def contract_row(self, contract: int) -> ContractRow:
        """A future gains what its spot gains, an option about half of it, a put when its spot falls."""
        listing = self.world.listings[contract]
        delta = {Kind.CALL: 0.5, Kind.PUT: -0.5}.get(listing.terms.kind, 1.0)
        results = self._results(listing.spot, delta * self._size(contract))
        netting_set = self._set(f"spot {listing.spot}", listing.terms.kind.name)
        return ContractRow(listing.terms.symbol, netting_set, results, self._add_ons())

    def collateral_row(self, asset: int) -> CollateralRow:
        """Lots of a coin, small or large, all that there is or only a few."""
        terms = self.world.terms.assets[asset]
        tied = [at for at, spot in enumerate(self.world.terms.spots) if spot.coin == asset]
        lot = self.random.choice([1, 7, 10 ** max(0, terms.decimals - 2), 10**terms.decimals])
        size = self.world.asset_price(asset) * lot / 10**terms.decimals
        results = self._results(tied[0] if tied else 0, size)
        netting_set, most = (
            self._set(f"spot {tied[0] if tied else 9}", "coin"),
            self.random.choice([1, 5, 10**4, 10**7]),
        )
        return CollateralRow(terms.symbol, netting_set, results, lot, most, self._add_ons())

    def _results(self, spot: int, size: float) -> bytes:
        """Results of one lot, nearly in line with its spot."""
        if self.wild:
            largest = self.random.choice(WILD)
            return packed([self.random.randint(-largest, largest) for _ in range(self.scenarios)])
        basis = self.random.uniform(0.8, 1.2)
        return packed([round(move * basis * size / self.unit) for move in self.moves[spot]])

    def _set(self, spot: str, kind: str) -> str:
        """What offsets what."""
        return {"one": "all", "spots": spot, "kinds": kind, "any": f"set {self.random.randrange(3)}"}[self.sets]

    def _add_ons(self) -> tuple[AddOn, ...]:
        """Concentration, in a third of the rows."""
        floor, rate = self.random.choice([1, 10, 333]), self.random.choice([1, 250_001, 3 * PPM])
        pieces = (AddOn(0, self.random.choice([0, 7])), AddOn(floor, rate), AddOn(3 * floor, 2 * rate))
        return pieces[: self.random.choice([0, 0, 0, 0, 2, 3])]


def packed(results: list[int]) -> bytes:
    """Results as a sheet holds them."""
    return np.array(results, "<i8").tobytes()


# ---- what is wrong --------------------------------------------------------------------------------------------------


def spoilt(random: Random, sheet: RiskSheet) -> RiskSheet:
    """One thing more that is wrong, or that only looks so."""
    kinds: list[Callable[[Random, RiskSheet], RiskSheet]] = [_wrong_terms, _wrong_blocks, _wrong_row, _wrong_coin]
    return random.choice(kinds)(random, sheet)


def _wrong_terms(random: Random, sheet: RiskSheet) -> RiskSheet:
    terms: dict[str, Any] = random.choice(
        [
            {"name": ""},
            {"name": "n" * 129},
            {"numeraire": "EUR"},
            {"unit_fine": random.choice([0, -1, 2**61, 2**61 + 1])},
            {"offset_cap_ppm": random.choice([-1, PPM + 1])},
            {"maintenance_ppm": random.choice([-1, 0, PPM + 1])},
            {"contracts": ()},
            {"contracts": (*sheet.contracts, *sheet.contracts[:1])},
            {"collateral": (*sheet.collateral, *sheet.collateral[:1])},
        ]
    )
    return replace(sheet, **terms)


def _wrong_blocks(random: Random, sheet: RiskSheet) -> RiskSheet:
    if not sheet.blocks:
        return sheet
    block = sheet.blocks[-1]
    changes: list[dict[str, Any]] = [
        {"scenarios": random.choice([0, block.scenarios + 1, 2**14])},
        {"weight_ppm": random.choice([0, -1, block.weight_ppm - 1, PPM + 1])},
        {"measure": "kth_worst", "rank": random.choice([0, block.scenarios + 1])},
        {"measure": "expected_shortfall", "tail_numerator": 2, "tail_denominator": random.choice([0, 1, 10**6 + 1])},
        {"measure": "expected_shortfall", "tail_numerator": 1, "tail_denominator": block.scenarios + 1},
        {"name": sheet.blocks[0].name},
    ]
    last = random.choice([(), *((replace(block, **change),) for change in changes)])
    return replace(sheet, blocks=(*sheet.blocks[:-1], *last))


def _wrong_row(random: Random, sheet: RiskSheet) -> RiskSheet:
    if not sheet.contracts:
        return sheet
    at = random.randrange(len(sheet.contracts))
    row = sheet.contracts[at]
    terms: dict[str, Any] = random.choice(
        [
            {"netting_set": ""},
            {"results": row.results[8:]},
            {"results": packed([random.choice([2**52 - 1, 2**52, -(2**63)])]) + row.results[8:]},
            {"add_ons": (AddOn(1, 5),)},
            {"add_ons": (AddOn(0, 5), AddOn(7, 5), AddOn(7, 6))},
            {"add_ons": (AddOn(0, random.choice([-1, 2**40, 2**40 + 1])),)},
            {"symbol": random.choice(["NONE", "S0-IDX", "S0-BET"])},
        ]
    )
    return replace(sheet, contracts=(*sheet.contracts[:at], replace(row, **terms), *sheet.contracts[at + 1 :]))


def _wrong_coin(random: Random, sheet: RiskSheet) -> RiskSheet:
    if not sheet.collateral:
        return sheet
    terms: dict[str, Any] = random.choice(
        [
            {"symbol": random.choice(["NONE", "USD"])},
            {"lot_minor": random.choice([0, -1, 2**61 + 1])},
            {"lots_max": random.choice([0, 2**52])},
            {"lots_max": 2**51},
            {"lots_max": 2**50, "add_ons": (AddOn(0, 2 * PPM),)},
        ]
    )
    return replace(sheet, collateral=(*sheet.collateral[:-1], replace(sheet.collateral[-1], **terms)))

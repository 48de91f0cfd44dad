"""What a risk sheet is: a margin model as an integer program, as commands put it on record."""

from typing import Literal

import msgspec


class ScenarioBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run of scenarios with a measure of their losses.

    ``worst`` is the largest loss, ``kth_worst`` the ``rank``-th largest, ``expected_shortfall`` the mean of the worst
    ``tail_numerator / tail_denominator`` of the scenarios, the last of them in part, rounded up. Current and stressed
    blocks are added at their weights, which sum to 100 %; the largest weighted floor block is the least of it.
    """

    name: str
    part: Literal["current", "stressed", "floor"]
    scenarios: int
    measure: Literal["worst", "kth_worst", "expected_shortfall"]
    weight_ppm: int
    rank: int = 1
    tail_numerator: int = 1
    tail_denominator: int = 1


class AddOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of a piecewise-linear add-on: for the part of |lots| above ``floor_lots``, ppm of a unit per lot."""

    floor_lots: int
    rate_ppm: int


class ContractRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one lot of a contract, held long, gains in each scenario: int64 sheet units, packed (little-endian)."""

    symbol: str
    netting_set: str
    results: bytes
    add_ons: tuple[AddOn, ...] = ()


class CollateralRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one lot (``lot_minor`` minor units) of a collateral asset gains in each scenario.

    At most ``lots_max`` whole lots of a settled balance count at the price and run the scenarios; the rest of the
    balance, and all that is not settled, keeps its haircut.
    """

    symbol: str
    netting_set: str
    results: bytes
    lot_minor: int
    lots_max: int
    add_ons: tuple[AddOn, ...] = ()


class RiskSheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A margin model as an integer program: results of one lot by scenario, and how they become a requirement.

    One sheet unit is ``unit_fine`` fine units of the numeraire. Results of one netting set offset each other in full;
    across sets at most ``offset_cap_ppm`` of what offsetting takes off the sum of the sets' own measures is granted.
    Maintenance is ``maintenance_ppm`` of initial. Results are converted at each scenario's own price of the settlement
    asset and rounded to the nearest unit; evaluation adds half a unit a lot, rounded up: the most that this can hide.
    """

    name: str
    numeraire: str
    unit_fine: int
    blocks: tuple[ScenarioBlock, ...]
    contracts: tuple[ContractRow, ...]
    collateral: tuple[CollateralRow, ...] = ()
    offset_cap_ppm: int = 800_000
    maintenance_ppm: int = 800_000

    @property
    def scenario_count(self) -> int:
        """Scenarios of all blocks."""
        return sum(block.scenarios for block in self.blocks)

    @property
    def netting_sets(self) -> tuple[str, ...]:
        """The netting sets in the order in which rows name them."""
        return tuple(dict.fromkeys(row.netting_set for row in (*self.contracts, *self.collateral)))

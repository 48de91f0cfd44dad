"""The tape's commands about risk sheets and margin modes."""

from typing import Any, Literal

import msgspec

from novate.tape.base import Number, Wire


class SheetBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A run of scenarios with a measure; ``tail`` is the fraction of an expected shortfall, ``[1, 40]`` for 2.5 %."""

    name: str
    part: Literal["current", "stressed", "floor"]
    scenarios: int
    measure: Literal["worst", "kth_worst", "expected_shortfall"]
    weight: Number
    rank: int = 1
    tail: tuple[int, int] = (1, 1)


class SheetAddOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A piece of an add-on: sheet units per lot for the lots beyond ``above``."""

    above: int
    per_lot: Number


class SheetRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one lot of a contract, held long, gains in each scenario, in whole sheet units."""

    netting_set: str
    results: list[int]
    add_ons: list[SheetAddOn] = []


class SheetCollateral(SheetRow, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same of a collateral asset; one lot is an amount of it."""

    lot: Number
    lots_max: int


class AdoptRiskSheet(Wire, frozen=True, tag="adopt_risk_sheet"):
    """Put a risk sheet in force, at once or at ``effective``; ``unit`` is one sheet unit in the numeraire."""

    name: str
    numeraire: str
    unit: Number
    blocks: list[SheetBlock]
    contracts: dict[str, Any]
    collateral: dict[str, Any] = msgspec.field(default_factory=dict)
    offset_cap: Number = "0.8"
    maintenance: Number = "0.8"
    effective: Number | None = None


class CancelRiskSheet(Wire, frozen=True, tag="cancel_risk_sheet"):
    """Take back a risk sheet that was to come into force."""

    name: str


class SetMarginMode(Wire, frozen=True, tag="set_margin_mode"):
    """Margin an account in tiers (cross) or by the risk sheet (portfolio)."""

    account: str
    mode: Literal["cross", "portfolio"]


SheetWire = AdoptRiskSheet | CancelRiskSheet | SetMarginMode

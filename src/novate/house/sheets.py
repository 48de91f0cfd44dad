"""The methods of a house about risk sheets and who is margined by them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from novate.house.asking import Asking
from novate.house.outcome import Outcome
from novate.house.plain import Number, Time


class SheetCommands(Asking):
    """A risk sheet adopted or cancelled, and accounts switched to it and back."""

    def adopt_risk_sheet(
        self,
        name: str,
        *,
        numeraire: str,
        unit: Number,
        blocks: Sequence[Mapping[str, Any]],
        contracts: Mapping[str, Any],
        collateral: Mapping[str, Any] | None = None,
        offset_cap: Number = "0.8",
        maintenance: Number = "0.8",
        effective: Time | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Put a risk sheet in force for accounts in portfolio mode; replaces the sheet before.

        ``unit`` is what a sheet unit is worth. ``contracts`` maps a contract to ``{"netting_set": …, "results": […]}``,
        what one lot gains in each scenario in whole units; ``collateral`` an asset to the same with ``lot`` (an amount)
        and ``lots_max``. With ``effective`` the sheet waits for that time and is decided again when it comes.
        """
        return self._ask("adopt_risk_sheet", locals())

    def cancel_risk_sheet(self, name: str, *, time: Time | None = None) -> Outcome:
        """Take back a risk sheet that was to come into force."""
        return self._ask("cancel_risk_sheet", locals())

    def set_margin_mode(
        self, account: str, mode: Literal["cross", "portfolio"], *, time: Time | None = None
    ) -> Outcome:
        """Margin an account in tiers or by the risk sheet; it must be above its initial requirement there."""
        return self._ask("set_margin_mode", locals())

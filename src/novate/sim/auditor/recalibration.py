"""How far a risk sheet may go from the one before it: in what a lot asks for by itself, long or short, and how soon."""

from fractions import Fraction

from novate.core.reasons import Reason
from novate.core.sheet_terms import ContractRow, RiskSheet
from novate.sim.auditor.house import House
from novate.sim.auditor.rounding import PPM
from novate.sim.auditor.scenarios import Held, in_blocks


def too_far(house: House, sheet: RiskSheet, former: RiskSheet, gone_ns: int) -> tuple[Reason, str] | None:
    """Why a sheet may not follow another so long after it. What asked for nothing before may ask for anything."""
    rules = house.rules
    if gone_ns < rules.recalibration_every_ns:
        return Reason.RECALIBRATION_TOO_SOON, "$.effective_ns"
    rise, fall = Fraction(rules.recalibration_rise_ppm, PPM), Fraction(rules.recalibration_fall_ppm, PPM)
    if not rise and not fall:
        return None
    before = {row.symbol: row for row in former.contracts}
    for row in sheet.contracts:
        if row.symbol not in before:
            continue
        for lots in (1, -1):
            was, now = alone(former, before[row.symbol], lots), alone(sheet, row, lots)
            if (rise and was and now > was * (1 + rise)) or (fall and now < was * (1 - fall)):
                return Reason.RECALIBRATION_TOO_FAR, f"$.sheet.contracts.{row.symbol}"
    return None


def alone(sheet: RiskSheet, row: ContractRow, lots: int) -> int:
    """What lots of one contract ask for by their results alone, in fine units of the numeraire."""
    return in_blocks(sheet, [Held(row, lots, lots)]) * sheet.unit_fine

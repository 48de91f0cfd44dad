"""What can have happened to the risk sheet and to who is margined by it."""

import msgspec

from novate.core.record import Fact
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import MarginMode


class WorstScenario(msgspec.Struct, frozen=True, array_like=True):
    """The scenario (counted within its block) in which a portfolio bucket loses most, and that loss."""

    block: int
    scenario: int
    loss_fine: int


class RiskSheetAdopted(Fact, frozen=True):
    """A risk sheet is in force; ``digest`` is the SHA-256 of its canonical form."""

    sheet: RiskSheet
    digest: str


class MarginModeSet(Fact, frozen=True):
    """A bucket is margined in this mode from now."""

    bucket: int
    mode: MarginMode

"""What a run leaves for its report: plain numbers, gathered step by step while it runs.

Amounts that the report must show exactly are integers of minor units; what only becomes a line in a chart is a float
of whole units of the numeraire.
"""

from dataclasses import dataclass, field

from novate.report.lending import Lent, Loan
from novate.report.omnibus import Omnibus

LAYERS = (
    ("own_margin", "Own margin"),
    ("defaulter_fund", "Own fund contribution"),
    ("skin_in_the_game", "House capital (skin in the game)"),
    ("insurance_fund", "Insurance fund"),
    ("survivors_fund", "Survivors' default fund"),
    ("treasury", "Treasury (what it had lent)"),
    ("gains_haircut", "Gains haircut"),
)
"""The layers of the waterfall as the report names them, in the order in which they pay."""


@dataclass(slots=True)
class StepFigures:
    """One step of the history (a day, an hour). Values are of the whole house, in units of the numeraire.

    ``exposure`` is open interest at the mark (one side) per underlying. ``losses`` adds the accounts that lost since
    the step before, as a positive number. Orders and fills are at the mark of the step.
    """

    time_s: int
    prices: dict[str, float | None]
    exposure: dict[str, float] = field(default_factory=dict)
    collateral: float = 0.0
    required: float = 0.0
    losses: float = 0.0
    calls_made: int = 0
    calls_met_by_payment: int = 0
    calls_met_by_price: int = 0
    calls_missed: int = 0
    called: float = 0.0
    ordered: float = 0.0
    filled: float = 0.0
    taken_over: float = 0.0
    default_fund: float = 0.0
    skin: float = 0.0
    insurance: float = 0.0
    members_defaulted: int = 0


@dataclass(slots=True)
class DefaultRecord:
    """One member default: what it owed after its own margin, and who paid, in minor units of the numeraire.

    ``paid`` is what each layer paid in the first place, ``returned`` what the close-out then gave back to the layers.
    """

    member: str
    kind: str
    time_s: int
    cause: str
    accounts: int
    position: float
    paid: dict[str, int]
    returned_minor: int
    closed: bool

    @property
    def loss_minor(self) -> int:
        """All that was paid, the defaulter's own margin included."""
        return sum(self.paid.values())

    @property
    def mutual_minor(self) -> int:
        """What others than the defaulter paid in the first place."""
        return sum(amount for layer, amount in self.paid.items() if layer not in ("own_margin", "defaulter_fund"))


@dataclass(slots=True)
class Check:
    """One line of the proof: what was checked, what came out, and whether it holds."""

    name: str
    result: str
    holds: bool


@dataclass(slots=True)
class MoneyLine:
    """Conservation of one asset, in minor units: what came in less what went out is what the accounts hold."""

    asset: str
    decimals: int
    paid_in_minor: int
    paid_out_minor: int
    held_minor: dict[str, int]

    @property
    def difference_minor(self) -> int:
        """Zero, or money appeared or vanished."""
        return self.paid_in_minor - self.paid_out_minor - sum(self.held_minor.values())


@dataclass(slots=True)
class Statement:
    """A table of the fine print: rows of name, value and remark."""

    title: str
    intro: str
    rows: list[tuple[str, str, str]]


@dataclass(slots=True)
class RunSeries:
    """Everything the report of a run shows."""

    title: str
    source: str
    span: str
    step: str
    seed: int
    form: str
    numeraire: str
    decimals: int
    crisis: tuple[int, int]
    crisis_label: str
    intraday: bool
    steps: list[StepFigures] = field(default_factory=list)
    defaults: list[DefaultRecord] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    money: list[MoneyLine] = field(default_factory=list)
    lent: list[Lent] = field(default_factory=list)
    loans: list[Loan] = field(default_factory=list)
    omnibus: list[Omnibus] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)
    rejections: dict[str, int] = field(default_factory=dict)

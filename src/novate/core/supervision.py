"""What can have happened under the house's eye: rules to come, limits, halts, levels that equity fell through, and
what is given back of what a change of rules took."""

from novate.core.reasons import Reason
from novate.core.record import Fact
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import Limit, Rulebook


class RulebookScheduled(Fact, frozen=True):
    """A rulebook is to come into force with the first command at or after a time."""

    rulebook: Rulebook
    effective_ns: int


class RulebookCancelled(Fact, frozen=True):
    """A rulebook that was to come into force will not."""

    name: str


class RulebookLapsed(Fact, frozen=True):
    """A rulebook did not fit the house when its time came; the one in force stays. The path names the field."""

    name: str
    reason: Reason
    path: str
    message: str


class RiskSheetScheduled(Fact, frozen=True):
    """A risk sheet is to come into force with the first command at or after a time."""

    sheet: RiskSheet
    digest: str
    effective_ns: int


class RiskSheetTookForce(Fact, frozen=True):
    """The scheduled risk sheet of this name is in force; what it says stands in ``RiskSheetScheduled``."""

    name: str
    digest: str


class RiskSheetCancelled(Fact, frozen=True):
    """A risk sheet that was to come into force will not."""

    name: str


class RiskSheetLapsed(Fact, frozen=True):
    """A risk sheet did not fit the house when its time came; the one in force stays. The path names the field."""

    name: str
    reason: Reason
    path: str
    message: str


class LimitSet(Fact, frozen=True):
    """A limit holds from now, under its number."""

    number: int
    limit: Limit


class LimitRemoved(Fact, frozen=True):
    """A limit is lifted."""

    number: int
    name: str


class TradingHalted(Fact, frozen=True):
    """The operator stopped trading in a contract; whether it has a price is another matter."""

    contract: int
    cause: str


class TradingResumed(Fact, frozen=True):
    """The operator lets a contract trade again."""

    contract: int


class InitialScaled(Fact, frozen=True):
    """A contract's initial rates are those at this open interest from now: the value of all open lots, up to the value
    from which on the rates are 100 %, in fine units of its settlement asset."""

    contract: int
    open_interest_fine: int


class CallPaid(Fact, frozen=True):
    """Part of a call was paid: what a deposit added to equity, and what of the call is still open."""

    bucket: int
    paid_fine: int
    open_fine: int


class AccountRestricted(Fact, frozen=True):
    """A bucket's equity fell through the reduce-only level: it may only reduce, and nothing leaves it."""

    bucket: int
    equity_fine: int
    maintenance_fine: int


class AccountReleased(Fact, frozen=True):
    """A restricted bucket's equity is back at the release level."""

    bucket: int


class MaintenanceRelieved(Fact, frozen=True):
    """A change of rules took a bucket nearer to liquidation, and what it took is given back.

    Where a venue looks whether to liquidate the bucket, of every ``uncounted_fine`` that its worth is above its equity
    ``credit_fine`` are added to that, rounded down, and of every ``asked_fine`` of its maintenance requirement only
    ``kept_fine`` count, rounded up. All are numeraire fine units and not negative; ``uncounted_fine`` and
    ``asked_fine`` are what the new rules leave out and ask for at the marks of the change. A credit of more than
    was left out is added as it is. It takes the place of what the bucket was relieved of before.
    """

    bucket: int
    credit_fine: int
    uncounted_fine: int
    kept_fine: int
    asked_fine: int

    @property
    def relief_fine(self) -> int:
        """How far below maintenance equity may be, at the marks of the change."""
        return self.credit_fine + self.asked_fine - self.kept_fine


class ReliefEnded(Fact, frozen=True):
    """A relieved bucket is at its initial requirement, or a later change of rules gave back what one had taken."""

    bucket: int


SupervisionFact = (
    RulebookScheduled
    | RulebookCancelled
    | RulebookLapsed
    | RiskSheetScheduled
    | RiskSheetTookForce
    | RiskSheetCancelled
    | RiskSheetLapsed
    | LimitSet
    | LimitRemoved
    | TradingHalted
    | TradingResumed
    | InitialScaled
    | CallPaid
    | AccountRestricted
    | AccountReleased
    | MaintenanceRelieved
    | ReliefEnded
)

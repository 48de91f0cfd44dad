"""Who failed and who paid for it: the table of defaults (or, in the venue form, of bankruptcies) of a run.

Amounts are minor units of the numeraire; those of another asset enter at its last price, rounded towards zero.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from novate.core.facts import (
    CollateralConverted,
    Fact,
    GainsCut,
    LiquidationClosed,
    LossAbsorbed,
    MemberDefaulted,
    TakenOver,
    Transferred,
)
from novate.core.terms import Role
from novate.report.series import DefaultRecord
from novate.sim.population import Population
from novate.sim.sight import NUMERAIRE


@dataclass(slots=True)
class Failure:
    """A member or bucket that failed: what it still had, what that fetched, and what went back to it."""

    record: DefaultRecord
    held_minor: int = 0
    raised_minor: int = 0
    kept_minor: int = 0
    declared: bool = True

    @property
    def own_minor(self) -> int:
        """What its own margin paid."""
        return max(0, self.held_minor + self.raised_minor - self.kept_minor)


@dataclass(slots=True)
class Failures:
    """Collects failures from facts. ``roles`` and ``members`` are by account and grow with the house."""

    people: Population
    venue: bool
    roles: list[Role]
    members: list[int]
    origins: dict[int, int]
    in_numeraire: Callable[[int, int], int]
    known: dict[int, Failure] = field(default_factory=dict)
    absorbed: Counter[str] = field(default_factory=Counter)
    now_s: int = 0
    before: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    raised: Counter[int] = field(default_factory=Counter)

    def begin(self, now_s: int, balances: np.ndarray | None) -> None:
        """A command begins; ``balances`` of the numeraire before it, where somebody fails or is paid for in it."""
        self.now_s = now_s
        self.raised.clear()
        if balances is not None:
            self.before = balances.copy()

    def note(self, fact: Fact, taken_value: float) -> None:
        """One fact; ``taken_value`` is what a take-over moves, at the mark, in whole units."""
        match fact:
            case MemberDefaulted():
                self._declare(fact)
            case TakenOver():
                self._taken(fact.bucket, taken_value)
            case CollateralConverted() if fact.received_asset == NUMERAIRE:
                self.raised[fact.bucket] += fact.received_minor
                if (failure := self._of(fact.bucket)) and self._is_own(fact.bucket):
                    failure.raised_minor += fact.received_minor
            case LossAbsorbed():
                self._paid(fact.bucket, str(fact.layer), self.in_numeraire(fact.asset, fact.amount_minor))
            case GainsCut():
                for bucket, amount in fact.unpaid:
                    self._paid(bucket, "gains_haircut", self.in_numeraire(fact.asset, amount))
            case Transferred():
                self._moved(fact)
            case LiquidationClosed():
                if (failure := self._of(fact.account)) and self._is_own(fact.account):
                    failure.record.closed = True
            case _:
                pass

    # --- whose it is ----------------------------------------------------------------------------------------------

    def _origin(self, bucket: int) -> int:
        return self.origins.get(bucket, bucket)

    def _key(self, bucket: int) -> int:
        """A bucket in the venue form, a member in the clearing-house form."""
        origin = self._origin(bucket)
        return origin if self.venue else self.members[origin]

    def _of(self, bucket: int) -> Failure | None:
        return self.known.get(self._key(bucket))

    def _is_own(self, bucket: int) -> bool:
        """Whether a bucket is the failed one itself, and not a client of the failed member."""
        return self.venue or self.roles[self._origin(bucket)] is Role.HOUSE

    def _new(self, bucket: int, cause: str, *, declared: bool = True) -> Failure:
        origin = self._origin(bucket)
        place = int(np.flatnonzero(self.people.index == origin)[0])
        if not self.venue:
            place = self.members[origin]
        name, kind = self.people.account_name(place), self.people.kind(place)
        behind = 1 if self.venue else int((self.people.member == place).sum())
        record = DefaultRecord(name, kind, self.now_s, cause, behind, 0.0, {}, 0, closed=False)
        failure = Failure(record, declared=declared)
        self.known[self._key(bucket)] = failure
        return failure

    # --- what happens to it ---------------------------------------------------------------------------------------

    def _declare(self, fact: MemberDefaulted) -> None:
        bucket = int(self.people.index[fact.member])
        # Losses of a settlement are absorbed before the default that it leads to is declared.
        failure = self.known.get(fact.member) or self._new(bucket, fact.cause)
        failure.declared, failure.record.cause, failure.record.time_s = True, fact.cause, self.now_s
        failure.held_minor, failure.raised_minor = int(self.before[bucket]), self.raised[bucket]

    def _taken(self, bucket: int, value: float) -> None:
        failure = self._of(bucket)
        if failure is None and self.venue:
            failure = self._new(bucket, "below_maintenance")
        if failure is None or not self._is_own(bucket):
            return
        failure.record.position += value
        if self.venue and not failure.held_minor:
            failure.held_minor = int(self.before[bucket])

    def _paid(self, bucket: int, layer: str, amount: int) -> None:
        failure = self._of(bucket) or self._new(bucket, "settlement_missed", declared=self.venue)
        if self.venue and not failure.record.paid and not failure.held_minor:
            failure.held_minor, failure.raised_minor = int(self.before[bucket]), self.raised[bucket]
        failure.record.paid[layer] = failure.record.paid.get(layer, 0) + amount
        self.absorbed[layer] += amount

    def _moved(self, fact: Transferred) -> None:
        failure = self._of(fact.payer)
        if failure is None:
            return
        amount = self.in_numeraire(fact.asset, fact.amount_minor)
        if fact.cause == "reimbursement":
            # A member that made its client's lack good is repaid too, but is no layer.
            same = self.members[fact.payee] == self.members[self._origin(fact.payer)]
            if not (same and self.roles[fact.payee] is Role.HOUSE):
                failure.record.returned_minor += amount
        elif fact.cause != "liquidation_rounding" and fact.asset == NUMERAIRE and self._is_own(fact.payer):
            failure.kept_minor += amount

    def records(self) -> list[DefaultRecord]:
        """Every failure, in order of time, with what its own margin paid."""
        found = []
        for failure in self.known.values():
            if failure.declared:
                if failure.own_minor:
                    failure.record.paid["own_margin"] = failure.own_minor
                found.append(failure.record)
        return sorted(found, key=lambda record: record.time_s)

    def unplaced_minor(self) -> int:
        """What layers paid and no record of ``records`` shows: zero, or the table is not complete."""
        shown: Counter[str] = Counter()
        for failure in self.known.values():
            if failure.declared:
                shown.update({layer: amount for layer, amount in failure.record.paid.items() if layer != "own_margin"})
        return sum(abs(self.absorbed[layer] - shown[layer]) for layer in self.absorbed | shown)

"""Rules that change, a rulebook or a risk sheet: adopted at once, or scheduled and decided again when their time comes.

Both wait on one schedule. What is due takes force in the order of the times, of one time in the order of scheduling.
"""

from typing import Final

from novate.core.admission import check_terms
from novate.core.admission import decide_adopt_rulebook as decide_rulebook_at_once
from novate.core.admission import fold_rulebook_adopted as fold_rules
from novate.core.book import Book
from novate.core.commands import AdoptRiskSheet, AdoptRulebook, CancelRiskSheet, CancelRulebook
from novate.core.facts import Rejected, RiskSheetAdopted, RulebookAdopted
from novate.core.layout import EXPIRED
from novate.core.reasons import Reason
from novate.core.recalibration import beyond_bounds
from novate.core.record import Fact
from novate.core.registers import Scheduled, ScheduledRulebook, ScheduledSheet
from novate.core.risk_sheet import check_sheet, digest_of, put_in_force
from novate.core.risk_sheet import decide_adopt_risk_sheet as decide_sheet_at_once
from novate.core.sheet_terms import RiskSheet
from novate.core.supervision import (
    RiskSheetCancelled,
    RiskSheetLapsed,
    RiskSheetScheduled,
    RiskSheetTookForce,
    RulebookCancelled,
    RulebookLapsed,
    RulebookScheduled,
)

SCHEDULED_MAX: Final = {ScheduledRulebook: 64, ScheduledSheet: 8}
"""As many may wait at most: a sheet can be large, and each stands in every snapshot."""


# ---- rulebooks ------------------------------------------------------------------------------------------------------


def decide_adopt_rulebook(book: Book, command: AdoptRulebook) -> list[Fact]:
    """Put a rulebook in force, or on the schedule where its time is to come.

    What is wrong with it in itself is refused at once; whether it fits what is open is asked when it takes force.
    """
    now, effective = book.registers.time_ns, command.effective_ns
    if effective is None or effective == now:
        return decide_rulebook_at_once(book, command, now)
    if refused := _cannot_wait(book, ScheduledRulebook(command.rulebook, effective)):
        return [refused]
    for path, message in check_terms(book, command.rulebook):
        return [Rejected(Reason.RULEBOOK_INVALID, f"$.rulebook.{path}", message)]
    return [RulebookScheduled(command.rulebook, effective)]


def decide_cancel_rulebook(book: Book, command: CancelRulebook) -> list[Fact]:
    """Take a rulebook off the schedule."""
    if find(book, ScheduledRulebook, command.name) is None:
        known = _names(book, ScheduledRulebook)
        message = f"no rulebook {command.name!r} is to come into force; scheduled are: {known}"
        return [Rejected(Reason.RULEBOOK_NOT_SCHEDULED, "$.name", message)]
    return [RulebookCancelled(command.name)]


def fold_rulebook_scheduled(book: Book, fact: RulebookScheduled) -> None:
    """Put the rulebook on the schedule."""
    book.registers.scheduled.append(ScheduledRulebook(fact.rulebook, fact.effective_ns))


def fold_rulebook_adopted(book: Book, fact: RulebookAdopted) -> None:
    """Put the rulebook in force; one whose time had come leaves the schedule."""
    fold_rules(book, fact)
    if fact.scheduled:
        _take_off(book, ScheduledRulebook, fact.rulebook.name)


def fold_rulebook_over(book: Book, fact: RulebookCancelled | RulebookLapsed) -> None:
    """Take the rulebook off the schedule."""
    _take_off(book, ScheduledRulebook, fact.name)


# ---- risk sheets ----------------------------------------------------------------------------------------------------


def decide_adopt_risk_sheet(book: Book, command: AdoptRiskSheet) -> list[Fact]:
    """Put a sheet in force, or on the schedule where its time is to come.

    What is wrong with it in itself is refused at once, and so is one too far from the sheet that it would follow, or
    without a row that the one before it has: who holds that contract could make it lapse. Whether it can judge what is
    open, and how far it is from the sheet then in force, is asked when it takes force.
    """
    sheet, now = command.sheet, book.registers.time_ns
    effective = now if command.effective_ns is None else command.effective_ns
    if effective == now:
        facts = decide_sheet_at_once(book, command)
        refused = None if isinstance(facts[0], Rejected) else _forgotten_after(book, sheet, now)
        return [refused] if refused else facts
    if refused := _cannot_wait(book, ScheduledSheet(sheet, effective)):
        return [refused]
    for reason, path, message in check_sheet(book, sheet):
        return [Rejected(reason, f"$.sheet.{path}", message)]
    former, since_ns = _followed_at(book, effective)
    if former is not None and (symbol := forgotten(book, sheet, former)):
        message = f"{former.name!r}, which it would follow, has a row for {symbol}, and whoever held it then could not"
        message += " be judged: add a row, or wait until the contract has expired"
        return [Rejected(Reason.SHEET_ROW_MISSING, f"$.sheet.contracts.{symbol}", message)]
    if refused := _forgotten_after(book, sheet, effective):
        return [refused]
    if former is not None and (refused := beyond_bounds(book, sheet, former, since_ns, effective)):
        return [refused]
    return [RiskSheetScheduled(sheet, digest_of(sheet), effective)]


def _waiting_sheets(book: Book) -> list[ScheduledSheet]:
    """Sheets to come, in the order in which they will take force."""
    waiting = [each for each in book.registers.scheduled if isinstance(each, ScheduledSheet)]
    return sorted(waiting, key=lambda each: each.effective_ns)


def _followed_at(book: Book, time_ns: int) -> tuple[RiskSheet | None, int]:
    """The sheet that a sheet of that time would follow, and since when it would be in force."""
    before = [each for each in _waiting_sheets(book) if each.effective_ns <= time_ns]
    if before:
        return before[-1].sheet, before[-1].effective_ns
    return book.registers.sheet, book.registers.sheet_since_ns


def _forgotten_after(book: Book, sheet: RiskSheet, time_ns: int) -> Rejected | None:
    """Why a sheet of that time cannot be followed by the first that is scheduled after it."""
    after = next((each for each in _waiting_sheets(book) if each.effective_ns > time_ns), None)
    if after is None or not (symbol := forgotten(book, after.sheet, sheet)):
        return None
    message = f"{after.name!r}, which is to follow it, has no row for {symbol}: cancel that one first"
    return Rejected(Reason.SHEET_ROW_MISSING, f"$.sheet.contracts.{symbol}", message)


def forgotten(book: Book, sheet: RiskSheet, former: RiskSheet) -> str | None:
    """The first contract with a row in ``former`` and none in ``sheet`` that somebody may hold: it has not expired."""
    kept, symbols = {row.symbol: row for row in sheet.contracts}, book.registers.symbols
    for row in former.contracts:
        if row.symbol not in kept and book.contracts[symbols[row.symbol]]["state"] != EXPIRED:
            return row.symbol
    return None


def decide_cancel_risk_sheet(book: Book, command: CancelRiskSheet) -> list[Fact]:
    """Take a risk sheet off the schedule."""
    if find(book, ScheduledSheet, command.name) is None:
        known = _names(book, ScheduledSheet)
        message = f"no risk sheet {command.name!r} is to come into force; scheduled are: {known}"
        return [Rejected(Reason.SHEET_NOT_SCHEDULED, "$.name", message)]
    return [RiskSheetCancelled(command.name)]


def fold_risk_sheet_scheduled(book: Book, fact: RiskSheetScheduled) -> None:
    """Put the sheet on the schedule."""
    book.registers.scheduled.append(ScheduledSheet(fact.sheet, fact.effective_ns))


def fold_risk_sheet_took_force(book: Book, fact: RiskSheetTookForce) -> None:
    """Put the sheet in force that is on the schedule under this name."""
    coming = _take_off(book, ScheduledSheet, fact.name)
    assert isinstance(coming, ScheduledSheet)
    put_in_force(book, coming.sheet, coming.effective_ns)


def fold_risk_sheet_over(book: Book, fact: RiskSheetCancelled | RiskSheetLapsed) -> None:
    """Take the sheet off the schedule."""
    _take_off(book, ScheduledSheet, fact.name)


# ---- the schedule ---------------------------------------------------------------------------------------------------


def is_due(book: Book) -> bool:
    """Whether the time of scheduled rules has come."""
    now = book.registers.time_ns
    return any(each.effective_ns <= now for each in book.registers.scheduled)


def take_force(book: Book) -> list[Fact]:
    """Decide the first rules that are due again, on the book as it is; where they do not fit, the old ones stay."""
    coming = min(book.registers.scheduled, key=lambda each: each.effective_ns)  # the first of equals
    if isinstance(coming, ScheduledRulebook):
        fact, *others = decide_rulebook_at_once(book, AdoptRulebook(coming.rulebook), book.registers.time_ns)
        if isinstance(fact, Rejected):
            return [RulebookLapsed(coming.name, fact.reason, fact.path, fact.message)]
        assert isinstance(fact, RulebookAdopted)
        return [RulebookAdopted(fact.rulebook, fact.settlement_due_ns, fact.rates, scheduled=True), *others]
    fact, *others = decide_sheet_at_once(book, AdoptRiskSheet(coming.sheet, coming.effective_ns))
    if isinstance(fact, Rejected):
        return [RiskSheetLapsed(coming.name, fact.reason, fact.path, fact.message)]
    assert isinstance(fact, RiskSheetAdopted)
    return [RiskSheetTookForce(coming.name, fact.digest), *others]


def _cannot_wait(book: Book, coming: Scheduled) -> Rejected | None:
    """Why rules cannot be put on the schedule, whatever they say."""
    kind, now, name = type(coming), book.registers.time_ns, coming.name
    field, of, invalid = _WORDS[kind]
    if coming.effective_ns < now:
        message = f"{coming.effective_ns} ns is past, it is {now} ns: give a time to come, or none for at once"
        return Rejected(Reason.EFFECTIVE_TIME_PAST, "$.effective_ns", message)
    if find(book, kind, name) is not None:
        message = f"{name!r} is scheduled already: cancel it first, or choose another name"
        return Rejected(Reason.NAME_TAKEN, f"$.{field}.name", message)
    if sum(isinstance(each, kind) for each in book.registers.scheduled) >= SCHEDULED_MAX[kind]:
        message = f"{SCHEDULED_MAX[kind]} {of} are scheduled, which is as many as may be: cancel one first"
        return Rejected(invalid, "$.effective_ns", message)
    return None


_WORDS: Final = {
    ScheduledRulebook: ("rulebook", "rulebooks", Reason.RULEBOOK_INVALID),
    ScheduledSheet: ("sheet", "risk sheets", Reason.SHEET_INVALID),
}
"""The field of the command, the word for several, and the reason for what cannot be."""


def find(book: Book, kind: type[Scheduled], name: str) -> Scheduled | None:
    """What waits under a name, or None."""
    return next((each for each in book.registers.scheduled if isinstance(each, kind) and each.name == name), None)


def _names(book: Book, kind: type[Scheduled]) -> str:
    return ", ".join(each.name for each in book.registers.scheduled if isinstance(each, kind)) or "none"


def _take_off(book: Book, kind: type[Scheduled], name: str) -> Scheduled:
    """What waits under a name, off the schedule from now. For ``evolve`` only."""
    scheduled = book.registers.scheduled
    at = next(at for at, each in enumerate(scheduled) if isinstance(each, kind) and each.name == name)
    return scheduled.pop(at)

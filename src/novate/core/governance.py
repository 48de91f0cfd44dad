"""Rules that change: adopted at once, or scheduled for a time and decided again when it comes."""

from novate.core.admission import check_terms
from novate.core.admission import decide_adopt_rulebook as decide_at_once
from novate.core.admission import fold_rulebook_adopted as fold_rules
from novate.core.book import Book
from novate.core.commands import AdoptRulebook, CancelRulebook
from novate.core.facts import Rejected, RulebookAdopted
from novate.core.reasons import Reason
from novate.core.record import Fact
from novate.core.registers import Scheduled
from novate.core.supervision import RulebookCancelled, RulebookLapsed, RulebookScheduled

SCHEDULED_MAX = 64


def decide_adopt_rulebook(book: Book, command: AdoptRulebook) -> list[Fact]:
    """Put a rulebook in force, or on the schedule where its time is to come.

    What is wrong with it in itself is refused at once; whether it fits what is open is asked when it takes force.
    """
    now, effective, name = book.registers.time_ns, command.effective_ns, command.rulebook.name
    if effective is None or effective == now:
        return decide_at_once(book, command, now)
    if effective < now:
        message = f"{effective} ns is past, it is {now} ns: give a time to come, or none for at once"
        return [Rejected(Reason.EFFECTIVE_TIME_PAST, "$.effective_ns", message)]
    if name in book.registers.scheduled:
        message = f"{name!r} is scheduled already: cancel it first, or choose another name"
        return [Rejected(Reason.NAME_TAKEN, "$.rulebook.name", message)]
    for path, message in check_terms(book, command.rulebook):
        return [Rejected(Reason.RULEBOOK_INVALID, f"$.rulebook.{path}", message)]
    if len(book.registers.scheduled) >= SCHEDULED_MAX:
        message = f"{SCHEDULED_MAX} rulebooks are scheduled, which is as many as may be: cancel one first"
        return [Rejected(Reason.RULEBOOK_INVALID, "$.effective_ns", message)]
    return [RulebookScheduled(command.rulebook, effective)]


def decide_cancel_rulebook(book: Book, command: CancelRulebook) -> list[Fact]:
    """Take a rulebook off the schedule."""
    if command.name not in book.registers.scheduled:
        known = ", ".join(book.registers.scheduled) or "none"
        message = f"no rulebook {command.name!r} is to come into force; scheduled are: {known}"
        return [Rejected(Reason.RULEBOOK_NOT_SCHEDULED, "$.name", message)]
    return [RulebookCancelled(command.name)]


def is_due(book: Book) -> bool:
    """Whether the time of a scheduled rulebook has come."""
    now = book.registers.time_ns
    return any(each.effective_ns <= now for each in book.registers.scheduled.values())


def take_force(book: Book) -> list[Fact]:
    """Decide the first rulebook that is due again, on the book as it is; where it does not fit, the old one stays."""
    scheduled = book.registers.scheduled
    name = min(scheduled, key=lambda each: scheduled[each].effective_ns)  # the first of equals was scheduled first
    fact, *reliefs = decide_at_once(book, AdoptRulebook(scheduled[name].rulebook), book.registers.time_ns)
    if isinstance(fact, Rejected):
        return [RulebookLapsed(name, fact.reason, fact.path, fact.message)]
    assert isinstance(fact, RulebookAdopted)
    return [RulebookAdopted(fact.rulebook, fact.settlement_due_ns, fact.rates, scheduled=True), *reliefs]


def fold_rulebook_adopted(book: Book, fact: RulebookAdopted) -> None:
    """Put the rulebook in force; one whose time had come leaves the schedule."""
    fold_rules(book, fact)
    if fact.scheduled:
        del book.registers.scheduled[fact.rulebook.name]


def fold_rulebook_scheduled(book: Book, fact: RulebookScheduled) -> None:
    """Put the rulebook on the schedule."""
    book.registers.scheduled[fact.rulebook.name] = Scheduled(fact.rulebook, fact.effective_ns)


def fold_rulebook_over(book: Book, fact: RulebookCancelled | RulebookLapsed) -> None:
    """Take the rulebook off the schedule."""
    del book.registers.scheduled[fact.name]

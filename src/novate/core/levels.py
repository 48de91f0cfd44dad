"""The levels that equity passes on its way down and up: call, restriction, breach, release.

Downwards: below the trigger a bucket is called, below the reduce-only level it may only reduce, below maintenance a
venue liquidates it, unless nothing but a change of rules put it there (``relief``). Upwards: a call is met by payment,
or by price as the rulebook says; a restriction ends at the release level, and so does a liquidation. Levels are rounded
up, against the account.
"""

from collections.abc import Iterable

import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.facts import Breached, CallMet, MarginCalled, MemberDefaulted
from novate.core.ledger import check_withdrawal, fits
from novate.core.margin import JUDGED_ACCESS, Judgement, judge, judge_house, judge_many, why_called
from novate.core.money import EXPOSURE_MAX, PPM, ceil_div, charge
from novate.core.money_facts import CollateralTransferred
from novate.core.reasons import Reason
from novate.core.record import Fact
from novate.core.registers import Call
from novate.core.relief import relief_at, reliefs_of
from novate.core.rows import MOVED
from novate.core.supervision import AccountReleased, AccountRestricted, CallPaid
from novate.core.terms import Role, Rulebook

LEVEL_MAX = 100 * PPM
WHOLE_HOUSE_SHARE = 8
"""Beyond 1/8 of all buckets, judging every bucket on all cores is cheaper than choosing."""


def check_levels(rulebook: Rulebook) -> list[tuple[str, str]]:
    """What is wrong with a rulebook's levels and bands, as ``(path, message)``."""
    wrong = [
        (name, f"must be between {low} and {high} ppm, got {getattr(rulebook, name)}")
        for name, low, high in (
            ("call_trigger_ppm", 1, PPM),
            ("call_target_ppm", PPM, 10 * PPM),
            ("release_ppm", PPM, 10 * PPM),
        )
        if not low <= getattr(rulebook, name) <= high
    ]
    wrong += [
        (name, f"must be 0 (off) or between {PPM} and {LEVEL_MAX} ppm, got {getattr(rulebook, name)}")
        for name in ("warning_ppm", "reduce_only_ppm")
        if getattr(rulebook, name) and not PPM <= getattr(rulebook, name) <= LEVEL_MAX
    ]
    for name, band in rulebook.price_bands.items():
        path = f"price_bands.{name}"
        if name not in rulebook.margin_classes:
            wrong.append((path, f"there is no margin class {name!r} to trade inside a band"))
        elif not 1 <= band <= PPM:
            wrong.append((path, f"a band of 1 ppm to 100 % of the mark is needed, got {band} ppm"))
    return wrong


# ---- the levels -----------------------------------------------------------------------------------------------------


def charge_all(amounts: np.ndarray, rate_ppm: int) -> np.ndarray:
    """Each amount (int64, 0 to 2^62 - 1) x rate, rounded up, and kept below 2^62 where it would pass that."""
    if rate_ppm == PPM:
        return amounts
    kept = np.minimum(amounts, EXPOSURE_MAX * PPM // max(rate_ppm, PPM))
    whole = kept // PPM
    return whole * rate_ppm + ((kept - whole * PPM) * rate_ppm + (PPM - 1)) // PPM


def called_below(book: Book, verdict: Judgement) -> int:
    """Equity below this is called."""
    return charge(verdict.initial_fine, book.rulebook.call_trigger_ppm)


def asked_for(book: Book, verdict: Judgement) -> int:
    """Equity that a call brings the bucket back to."""
    return charge(verdict.initial_fine, book.rulebook.call_target_ppm)


def reduces_below(book: Book, verdict: Judgement) -> int:
    """Equity below this may only reduce; 0 where the rulebook has no such level."""
    return charge(verdict.maintenance_fine, book.rulebook.reduce_only_ppm)


def sound_from(book: Book, verdict: Judgement) -> int:
    """Equity from which a bucket leaves its liquidation."""
    return charge(verdict.initial_fine, book.rulebook.release_ppm)


# ---- downwards ------------------------------------------------------------------------------------------------------


def below_level(book: Book, buckets: np.ndarray) -> list[int]:
    """Those of the buckets (int64; all where empty) that may trade and are below a level, ascending.

    A sub-account is judged with its purse.
    """
    buckets = book.purses(buckets)
    if len(buckets) * WHOLE_HOUSE_SHARE > book.account_count:
        rows = judge_house(book)
        rows = rows if len(buckets) == book.account_count else rows[buckets]
    else:
        rows = judge_many(book, buckets) if len(buckets) else judge_house(book)
    rules = book.rulebook
    venue = rules.form == "venue"
    bar = rows["maintenance_fine"] if venue else charge_all(rows["initial_fine"], rules.call_trigger_ppm)
    if rules.reduce_only_ppm:
        bar = np.maximum(bar, charge_all(rows["maintenance_fine"], rules.reduce_only_ppm))
    short = np.flatnonzero(rows["equity_fine"] < bar)
    found = (buckets[short] if len(buckets) else short).tolist()
    return [bucket for bucket in found if book.buckets[bucket]["access"] in JUDGED_ACCESS]


def spared(book: Book, short: Iterable[int]) -> dict[int, None]:
    """Those of buckets below a level of a venue of whom nothing becomes: relieved, and restricted if they are to be."""
    relieved, rules = book.registers.relieved, book.rulebook
    asked = [bucket for bucket in short if bucket in relieved]
    if rules.reduce_only_ppm:
        asked = [bucket for bucket in asked if book.buckets[bucket]["access"] != layout.OPEN]
    purses = np.array(asked, np.int64)
    rows = judge_many(book, purses)
    lacking = (rows["maintenance_fine"] - rows["equity_fine"]).tolist()
    reliefs = reliefs_of(book, purses, rows)
    return {bucket: None for bucket, lack, spare in zip(asked, lacking, reliefs, strict=True) if lack <= spare}


def fallen(book: Book, bucket: int) -> list[Fact]:
    """What becomes of a bucket below a level: a breach, or a call and a restriction."""
    verdict = judge(book, bucket)
    relief = relief_at(book, bucket, verdict)
    if book.rulebook.form == "venue" and verdict.equity_fine + relief < verdict.maintenance_fine:
        return [Breached(bucket, "below_maintenance", verdict.equity_fine, verdict.maintenance_fine)]
    facts: list[Fact] = []
    if book.rulebook.form == "clearing_house":
        facts += called(book, bucket, verdict, book.registers.calls.get(bucket))
    restricts = book.rulebook.reduce_only_ppm and book.buckets[bucket]["access"] == layout.OPEN
    if restricts and verdict.equity_fine < reduces_below(book, verdict):
        facts.append(AccountRestricted(bucket, verdict.equity_fine, verdict.maintenance_fine))
    return facts


def called(book: Book, bucket: int, verdict: Judgement, earlier: Call | None) -> list[Fact]:
    """A call where equity is below the trigger and at least the minimum more is lacking than is called already.

    It takes the place of the earlier one: the amount is the new total, and it ages from the first.
    """
    rules, now = book.rulebook, book.registers.time_ns
    lacking = asked_for(book, verdict) - verdict.equity_fine
    already = earlier.amount_fine if earlier else 0
    if verdict.equity_fine >= called_below(book, verdict) or lacking < already + max(1, rules.call_minimum_fine):
        return []
    due, since = (earlier.due_ns, earlier.since_ns) if earlier else (now + rules.call_due_ns, now)
    largest, worst = why_called(book, bucket)
    return [MarginCalled(bucket, lacking, due, verdict.equity_fine, verdict.initial_fine, largest, since, worst)]


def missed_calls(book: Book) -> list[Fact]:
    """Calls that are due: met by price, or missed. A house account's miss is its member's default.

    Where the rulebook says so a member pays for its clients, one after the other; one that it cannot pay for is its
    default, and what becomes of the others is decided behind it.
    """
    facts: list[Fact] = []
    paid: dict[tuple[int, int], int] = {}
    failing: dict[int, None] = {}
    for bucket in sorted(book.registers.calls):
        if book.registers.calls[bucket].due_ns > book.registers.time_ns:
            continue
        verdict = judge(book, bucket)
        account = book.registers.accounts[bucket]
        if book.rulebook.call_recovery != "must_pay" and verdict.equity_fine >= asked_for(book, verdict):
            facts.append(CallMet(bucket, "price"))
        elif account.role is Role.HOUSE:
            facts += [] if account.member in failing else [MemberDefaulted(account.member, "call_missed")]
            failing[account.member] = None
        elif book.rulebook.missed_client_calls == "liquidate" or book.registers.members[account.member].defaulted:
            facts.append(Breached(bucket, "call_missed", verdict.equity_fine, verdict.maintenance_fine))
        elif account.member not in failing:
            fact = paid_by_member(book, bucket, verdict, paid)
            failing |= {account.member: None} if isinstance(fact, MemberDefaulted) else {}
            facts.append(fact)
    return facts


def paid_by_member(
    book: Book, bucket: int, verdict: Judgement, paid: dict[tuple[int, int], int]
) -> CollateralTransferred | Breached | MemberDefaulted:
    """What a client's bucket lacks out of its member's free collateral in the numeraire, or the member's default.

    It becomes the client's, as what the member adds to it at any other time. ``paid`` is what the member has paid for
    others before. Where no more of the numeraire counts for the bucket, payment would not help it: it is liquidated.
    """
    asset = next(at for at, of in enumerate(book.registers.assets) if of.symbol == book.rulebook.numeraire)
    member = book.registers.accounts[bucket].member
    house = book.registers.members[member].house_account
    lacking = asked_for(book, verdict) - verdict.equity_fine
    if book.rulebook.call_recovery == "must_pay":  # a price that recovered is no payment
        lacking = max(lacking, book.registers.calls[bucket].amount_fine)
    amount = ceil_div(lacking, book.registers.assets[asset].unit_fine)
    if judge(book, bucket, {asset: -amount}).equity_fine - verdict.equity_fine < lacking:
        return Breached(bucket, "call_missed", verdict.equity_fine, verdict.maintenance_fine)
    reason, _ = check_withdrawal(book, house, asset, amount, paid)
    if reason is not Reason.ACCEPTED or not fits(book, bucket, asset, amount):
        return MemberDefaulted(member, "client_call_missed")
    paid[house, asset] = paid.get((house, asset), 0) + amount
    return CollateralTransferred(np.array([(amount, house, bucket, asset, 0)], MOVED).tobytes())


# ---- upwards --------------------------------------------------------------------------------------------------------


def recovered(book: Book) -> list[Fact]:
    """Calls that the price has met, where the rulebook lets it, and restrictions that end."""
    facts: list[Fact] = []
    if book.rulebook.call_recovery == "at_once":
        for bucket in sorted(book.registers.calls):
            verdict = judge(book, bucket)
            if verdict.equity_fine >= asked_for(book, verdict):
                facts.append(CallMet(bucket, "price"))
    return facts + released(book, sorted(book.registers.restricted))


def released(book: Book, buckets: Iterable[int]) -> list[Fact]:
    """Restrictions of these buckets that end: equity is at the release level, and not below the reduce-only one."""
    facts: list[Fact] = []
    for bucket in buckets:
        if bucket in book.registers.restricted:
            verdict = judge(book, bucket)
            if verdict.equity_fine >= max(sound_from(book, verdict), reduces_below(book, verdict)):
                facts.append(AccountReleased(bucket))
    return facts


def paid(book: Book, deposits: Iterable[tuple[int, int, int]]) -> list[Fact]:
    """What money ``(amount_minor, account, asset)`` that just came in does to calls and restrictions.

    A call counts as paid what the money adds to equity, after haircuts. It is met when it is paid in full, whatever
    the price did since, or when equity is back at what it asked for (unless calls must be paid). What is lacking beyond
    a call that was paid in full is called afresh.
    """
    of_account: dict[int, dict[int, int]] = {}
    for amount, account, asset in deposits:
        own = of_account.setdefault(account, {})
        own[asset] = own.get(asset, 0) + amount
    facts: list[Fact] = []
    for bucket in sorted(of_account):
        call = book.registers.calls.get(bucket)
        if call is None:
            continue
        verdict = judge(book, bucket)
        added = verdict.equity_fine - judge(book, bucket, of_account[bucket]).equity_fine
        enough = verdict.equity_fine >= asked_for(book, verdict)
        if added >= call.amount_fine:
            facts += [CallMet(bucket, "payment"), *called(book, bucket, verdict, None)]
        elif enough and book.rulebook.call_recovery != "must_pay":
            facts.append(CallMet(bucket, "payment"))
        elif added > 0:
            left = Call(call.amount_fine - added, call.due_ns, call.largest, call.since_ns, call.worst)
            facts += [CallPaid(bucket, added, left.amount_fine), *called(book, bucket, verdict, left)]
    return facts + released(book, sorted(of_account))


def eased(book: Book, buckets: Iterable[int]) -> list[Fact]:
    """Calls and restrictions of these buckets that end because of what moved between them."""
    facts: list[Fact] = []
    for bucket in sorted(dict.fromkeys(buckets)):
        if bucket in book.registers.calls and book.rulebook.call_recovery != "must_pay":
            verdict = judge(book, bucket)
            if verdict.equity_fine >= asked_for(book, verdict):
                facts.append(CallMet(bucket, "payment"))
    return facts + released(book, sorted(dict.fromkeys(buckets)))


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_margin_called(book: Book, fact: MarginCalled) -> None:
    """Open a call, or put a later one in its place."""
    book.registers.calls[fact.bucket] = Call(fact.amount_fine, fact.due_ns, fact.largest, fact.since_ns, fact.worst)


def fold_call_paid(book: Book, fact: CallPaid) -> None:
    """Set what is still open of a call."""
    book.registers.calls[fact.bucket].amount_fine = fact.open_fine


def fold_call_met(book: Book, fact: CallMet) -> None:
    """Close a call."""
    del book.registers.calls[fact.bucket]


def fold_account_restricted(book: Book, fact: AccountRestricted) -> None:
    """The bucket may only reduce."""
    book.registers.restricted[fact.bucket] = book.registers.time_ns
    book.set_access(fact.bucket, layout.RESTRICTED)


def fold_account_released(book: Book, fact: AccountReleased) -> None:
    """The bucket may trade again."""
    del book.registers.restricted[fact.bucket]
    book.set_access(fact.bucket, layout.OPEN)

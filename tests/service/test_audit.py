"""Every command decided again: of an honest journal, of forged ones, and of one that is still written."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from novate.core.facts import MemberAdded, TradesNovated
from novate.service import folding
from novate.service.audit import Audit, audit, encode_facts, follow
from novate.service.engine import Engine
from novate.service.journal import Entry, JournalDamaged, JournalError
from novate.service.replay import replay
from tests.service.forger import rewrite, with_facts
from tests.service.house import HOUR, carry_out, day


def test_an_audit_of_an_honest_journal_is_clean(folder: Path, digest: bytes) -> None:
    found = audit(folder)
    assert found.clean
    assert found.lines() == [f"{len(day())} records, {len(day())} decided again with identical facts"]


def test_an_audit_finds_a_fact_that_was_changed_with_every_hash_made_to_fit(folder: Path, digest: bytes) -> None:
    def cheaper(facts: list[Any]) -> list[Any]:
        rows = bytearray(facts[0].rows)
        rows[8] ^= 1  # the value per lot of the first trade
        return [TradesNovated(bytes(rows)), *facts[1:]]

    rewrite(folder, with_facts(11, cheaper))
    replay(folder)  # the chain is sound: only deciding again can tell
    found = audit(folder)
    assert not found.clean
    assert (found.records, found.decided_again) == (11, 10)
    assert found.difference is not None
    assert (found.difference.seq, found.difference.index) == (11, 0)
    assert found.difference.journaled != found.difference.decided
    assert found.lines()[1].startswith("record 11 (SubmitTrades): fact 0 is TradesNovated(")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: [*facts, MemberAdded("Mallory")], "fact 1 is MemberAdded(name='Mallory') in the journal"),
        (lambda _: [], "fact 0 is None in the journal, decided again it is MemberAdded(name='Alice')"),
        (lambda facts: b"\xdc\x00\x01" + encode_facts(facts)[1:], "its facts are not in their canonical form"),
        (lambda _: b"\x91\x80", "its facts cannot be read: Object missing required field `type`"),
    ],
)
def test_an_audit_tells_how_the_facts_differ(
    folder: Path, digest: bytes, change: Callable[[list[Any]], Any], message: str
) -> None:
    rewrite(folder, with_facts(4, change))
    found = audit(folder)
    assert found.difference is not None
    assert found.difference.seq == 4
    assert message in found.difference.message


def test_records_of_other_versions_are_folded_and_listed(
    folder: Path, digest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def older(entries: list[Entry]) -> list[Entry]:
        return [
            msgspec.structs.replace(entry, version=7 if n < 3 else entry.version) for n, entry in enumerate(entries)
        ]

    rewrite(folder, older)
    found = audit(folder)
    assert found.others == {7: 3}
    assert found.decided_again == len(day()) - 3
    assert "3 records of decision version 7 were folded and not decided again" in found.lines()[1]
    assert found.lines()[1].endswith("audit them with a later release than this one")
    monkeypatch.setitem(folding.DECIDED_BY, 7, "0.7")
    assert audit(folder).lines()[1].endswith("audit them with release 0.7")
    assert replay(folder).digest() == digest


def test_a_damaged_chain_is_neither_replayed_nor_audited(folder: Path, digest: bytes) -> None:
    rewrite(folder, lambda entries: entries[:-1], keep_head=True)
    for read in (replay, audit):
        with pytest.raises(JournalDamaged, match=f"record {len(day())} is missing"):
            read(folder)
    assert replay(folder, until=12).digest() != digest


def test_time_that_runs_backwards_is_named_by_replay_and_audit(folder: Path, digest: bytes) -> None:
    """A forger's journal: the last record is moved before the one before it, with every hash made to fit."""

    def earlier(entries: list[Entry]) -> list[Entry]:
        return [*entries[:-1], msgspec.structs.replace(entries[-1], time_ns=5)]

    rewrite(folder, earlier)
    message = f"record {len(day())} \\(PublishMarks\\): its time 5 is before {2 * HOUR}, that of the record before it"
    for read in (replay, Engine):
        with pytest.raises(JournalError, match=message):
            read(folder)
    found = audit(folder)
    assert found.difference is not None
    assert re.search(message, found.difference.message)


# --- beside the engine ----------------------------------------------------------------------------------------------


def test_an_audit_follows_the_journal_while_it_is_written(folder: Path) -> None:
    """It decides what is there, waits for more, and takes all that was durable when it is told to end."""
    ended, caught_up, found = threading.Event(), threading.Event(), list[Audit]()
    tape = day()

    def progress(done: int, _: int) -> None:
        if done == 10:
            caught_up.set()

    with Engine(folder) as engine:
        carry_out(engine, tape[:10])
        following = threading.Thread(target=lambda: found.append(follow(folder, ended.is_set, progress)))
        following.start()
        assert caught_up.wait(60)
        carry_out(engine, tape[10:])
        ended.set()
        following.join(60)
    assert found == [Audit(len(tape), len(tape), {}, None)]
    assert found[0].clean


def test_an_audit_that_follows_ends_at_the_first_difference(folder: Path, digest: bytes) -> None:
    rewrite(folder, with_facts(4, lambda facts: [*facts, MemberAdded("Mallory")]))
    found = follow(folder, lambda: False)
    assert found.difference is not None
    assert (found.records, found.difference.seq) == (4, 4)


def test_a_damaged_chain_is_not_followed(folder: Path, digest: bytes) -> None:
    rewrite(folder, lambda entries: entries[:-1], keep_head=True)
    with pytest.raises(JournalDamaged, match=f"record {len(day())} is missing"):
        follow(folder, lambda: False)

"""The audit beside a run: what it finds is heard, also where it ends before anybody asks."""

from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from novate.core.facts import MemberAdded
from novate.service.audit import Audit
from novate.sim.proof import AuditBeside, audited_beside
from tests.service.forger import rewrite, with_facts
from tests.service.house import a_day_in, day


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a day of the small house."""
    a_day_in(tmp_path / "house")
    return tmp_path / "house"


def found_by(beside: AuditBeside) -> Audit:
    with Progress(console=Console(quiet=True)) as progress:
        return beside.found(progress, len(day()))


def test_all_of_a_journal_is_decided_again(folder: Path) -> None:
    with audited_beside(folder) as beside:
        found = found_by(beside)
    assert (found.clean, found.records) == (True, len(day()))


def test_a_difference_is_heard_though_the_audit_ended_with_it(folder: Path) -> None:
    rewrite(folder, with_facts(4, lambda facts: [*facts, MemberAdded("Mallory")]))
    with audited_beside(folder) as beside:
        assert beside.ended(60)
        found = found_by(beside)
    assert found.difference is not None
    assert (found.clean, found.difference.seq) == (False, 4)


def test_a_damaged_journal_is_named(folder: Path) -> None:
    rewrite(folder, lambda entries: entries[:-1], keep_head=True)
    with (
        audited_beside(folder) as beside,
        pytest.raises(ChildProcessError, match=rf"JournalIncomplete: .*record {len(day())} is missing"),
    ):
        found_by(beside)

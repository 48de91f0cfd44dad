"""The same journal, the same bytes and the same house on every Python: held against hashes that are checked in.

``.ci/run`` runs this file under each of Python 3.11, 3.12 and 3.13 that the machine has.
"""

from pathlib import Path

import msgspec
import pytest

from novate.service.audit import audit
from novate.service.engine import Engine
from novate.service.journal import JournalReader
from novate.service.replay import replay
from novate.service.snapshot import snapshots
from tests.service.everywhere import EXPECTED, TAPE, Hashes, carry_out

KINDS = (
    "CycleClosed",
    "FundingPublished",
    "LiquidationExecuted",
    "MemberDefaulted",
    "ShortfallAssigned",
    "CollateralConverted",
    "GainsCut",
    "TakenOver",
    "LimitSet",
    "LimitRemoved",
    "TradingHalted",
    "TradingResumed",
    "RulebookScheduled",
    "RulebookCancelled",
    "RiskSheetScheduled",
    "RiskSheetTookForce",
    "RiskSheetCancelled",
    "RowsRefused",
    "Rejected",
)


@pytest.fixture
def expected() -> Hashes:
    return msgspec.json.decode(EXPECTED.read_bytes(), type=Hashes)


def test_the_tape_leads_to_the_same_hashes_everywhere(tmp_path: Path, expected: Hashes) -> None:
    found = carry_out(tmp_path)
    cure = "if it was meant: python -m tests.service.everywhere"
    assert (found.records, found.chain) == (expected.records, expected.chain), f"decided otherwise; {cure}"
    assert found.state == expected.state, f"the same facts made another book; {cure}"


def test_replay_audit_and_snapshot_agree_with_them(tmp_path: Path, expected: Hashes) -> None:
    carry_out(tmp_path)
    assert replay(tmp_path).digest().hex() == expected.state
    with Engine(tmp_path) as engine:
        engine.snapshot().result(60)
    found = audit(tmp_path)
    assert found.clean
    assert found.confirmed == len(snapshots(tmp_path)) == 1
    assert found.decided_again == expected.records


def test_the_tape_is_worth_comparing(tmp_path: Path) -> None:
    """Every kind of rounding is in it: settlements, funding, liquidations, a default and its waterfall."""
    carry_out(tmp_path)
    with JournalReader(tmp_path) as reader:
        facts = b"".join(record.facts for record in reader.records())
    for name in KINDS:
        assert name.encode() in facts, name
    assert TAPE.stat().st_size < 200_000

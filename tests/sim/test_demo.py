"""The demo, end to end: real prices in, a proven journal and a report out."""

import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from novate.core.terms import Layer
from novate.market.history import HistoryError, PriceHistory
from novate.report.series import LAYERS
from novate.service.audit import audit
from novate.service.replay import replay
from novate.sim import demo, proof
from novate.sim.demo import DemoResult, crisis_of, plan_of, run_demo
from novate.sim.plan import Form

LEHMAN = ("2008-09-08", "2008-10-10")


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def small(
    out: Path,
    history: Path | None = None,
    window: tuple[str, str] | None = LEHMAN,
    form: Form = "clearing_house",
    *,
    seed: int = 2008,
    journal: Path | None = None,
) -> DemoResult:
    return run_demo(history, seed, out, 16, 120, quiet(), window=window, form=form, flow_trades=30, journal=journal)


@pytest.fixture(scope="module")
def lehman(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    folder = tmp_path_factory.mktemp("lehman")
    return small(folder, journal=folder / "journal")


def check_result(result: DemoResult) -> None:
    run = result.run
    assert all(check.holds for check in run.checks), run.checks
    assert [line.difference_minor for line in run.money] == [0, 0]
    assert run.figures["trades"] > 0
    assert all(step.required > 0 for step in run.steps)
    assert all(set(record.paid) <= {layer for layer, _ in LAYERS} for record in run.defaults)
    page = result.report.read_text(encoding="utf-8")
    assert "Every unit accounted for" in page
    assert result.state_hash in page


def test_the_crisis_is_cleared_and_proven(lehman: DemoResult) -> None:
    check_result(lehman)
    run = lehman.run
    assert len(run.steps) == 25
    assert run.figures["accounts"] == 136
    assert sum(step.calls_made for step in run.steps) > 0
    assert sum(step.calls_met_by_payment for step in run.steps) > 0
    for kind in ("FundingPublished", "ContractExpired", "CycleClosed", "CollateralConverted", "RulebookAdopted"):
        assert run.facts[kind] > 0, kind
    assert sum(line.loans for line in run.lent) == len(run.loans) > 0
    assert "Balances below zero" in lehman.report.read_text(encoding="utf-8")


def test_the_journal_that_it_keeps_can_be_replayed_and_audited(lehman: DemoResult) -> None:
    assert lehman.journal is not None
    assert replay(lehman.journal).digest().hex() == lehman.state_hash
    assert audit(lehman.journal).clean


def test_a_seed_is_a_journal(lehman: DemoResult, tmp_path: Path) -> None:
    again, other = small(tmp_path / "again"), small(tmp_path / "other", seed=7)
    assert again.state_hash == lehman.state_hash
    assert other.state_hash != lehman.state_hash
    assert again.journal is None
    assert strip_time(again) == strip_time(lehman)


def strip_time(result: DemoResult) -> str:
    return hashlib.sha256(result.report.read_bytes()).hexdigest()


def test_the_console_ends_with_the_summary_and_the_path(tmp_path: Path) -> None:
    console = quiet()
    result = run_demo(None, 1, tmp_path, 6, 10, console, window=("2008-09-12", "2008-09-22"), flow_trades=5)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "Replay and audit" in text
    assert "identical" in text
    assert text.rstrip().endswith(str(result.report.resolve()))


def test_a_missing_price_halts_and_is_never_filled(tmp_path: Path) -> None:
    rows = ["date,gold,oil"] + [
        f"2020-01-{day:02d},{1500 + day},{'' if day in (7, 8) else 60 + day}" for day in range(1, 21)
    ]
    path = tmp_path / "metals.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    result = small(tmp_path, path, None)
    check_result(result)
    assert result.run.facts["ContractHalted"] > 0
    assert [step.prices["oil"] for step in result.run.steps[5:9]] == [66.0, None, None, 69.0]


def test_no_member_too_few_and_no_history_too_short(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 4 members"):
        run_demo(None, 1, tmp_path, 2, 5, quiet(), window=LEHMAN)
    with pytest.raises(HistoryError, match="at least 3 are needed"):
        run_demo(None, 1, tmp_path, 6, 5, quiet(), window=("2008-09-12", "2008-09-12"))


def test_a_failed_proof_is_an_error_and_not_a_footnote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = proof.replay

    def dishonest(*args: object, **options: object) -> object:
        book = honest(*args, **options)  # type: ignore[arg-type]
        book.registers.time_ns += 1
        return book

    monkeypatch.setattr(proof, "replay", dishonest)
    with pytest.raises(demo.ProofFailed, match="folded into an empty house"):
        run_demo(None, 1, tmp_path, 6, 10, quiet(), window=("2008-09-12", "2008-09-22"), flow_trades=5)
    assert "Something does not hold" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_crisis_of_a_file_is_its_deepest_fall() -> None:
    plan = plan_of(None, "clearing_house", ("2008-01-02", "2008-12-31"))
    assert crisis_of(plan, default=True)[1] == demo.CRISIS_LABEL
    (first, last), label = crisis_of(plan, default=False)
    assert np.datetime64(first, "s").astype("datetime64[D]") == np.datetime64("2008-01-02")
    assert np.datetime64(last, "s").astype("datetime64[D]") == np.datetime64("2008-11-20")
    assert label == "S&P 500 from its high to its low, −48.0 %"
    rising = PriceHistory("up", "made up", ("X",), plan.history.times_ns[:9], np.arange(1.0, 10.0)[:, None])
    assert crisis_of(replace(plan, history=rising, series=[replace(plan.series[0], column=0)]), default=False)


CRASHES = [
    ("binance_perp_1h_last_mark.parquet", ("2020-03-11", "2020-03-13")),
    ("binance_perp_15m_2025h2.parquet", ("2025-10-10", "2025-10-10")),
    ("multi_venue_5m_2025q1.parquet", ("2025-02-03", "2025-02-03")),
    ("bybit_perp_30m_1h_2025oct.parquet", ("2025-10-10", "2025-10-11")),
]


@pytest.mark.parametrize(("name", "window"), CRASHES, ids=[name.split(".")[0] for name, _ in CRASHES])
@pytest.mark.parametrize("form", ["clearing_house", "venue"])
def test_recorded_crashes(
    market_file: Callable[[str], Path], tmp_path: Path, name: str, window: tuple[str, str], form: Form
) -> None:
    result = small(tmp_path, market_file(name), window, form)
    check_result(result)
    assert result.run.intraday
    if form == "venue":
        assert not any(step.calls_made for step in result.run.steps)
        assert result.run.facts["Breached"] > 0


@pytest.mark.long
def test_the_default_demo_reaches_the_survivors_fund(tmp_path: Path) -> None:
    result = run_demo(None, 2008, tmp_path, 200, 3000, quiet())
    check_result(result)
    layers = {layer: sum(record.paid.get(layer, 0) for record in result.run.defaults) for layer, _ in LAYERS}
    for layer in (Layer.DEFAULTER_FUND, Layer.SKIN, Layer.INSURANCE, Layer.SURVIVORS_FUND):
        assert layers[layer] > 0, layer
    crisis = [record for record in result.run.defaults if 1221436800 <= record.time_s <= 1227225600]
    assert len(crisis) >= 5
    assert sum(step.calls_missed for step in result.run.steps) > 100
    assert re.search(r"Survivors", result.report.read_text(encoding="utf-8"))

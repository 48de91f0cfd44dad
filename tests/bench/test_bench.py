"""The bench measures what it says and writes what it promises. How fast anything is, no test asks."""

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as bench
from bench import peer, table
from bench.figures import RESULT_KEYS, Figure
from bench.session import Session
from bench.trades import Recorder
from bench.world import Size, World

TINY = Size(
    accounts=40,
    contracts=12,
    positions=3,
    hubs=2,
    hub_positions=8,
    batch_rows=50,
    batches=2,
    submitters=3,
    singles_each=2,
    ticks=2,
    one_ticks=2,
    popular_holders=20,
    portfolio_accounts=30,
    scenarios=80,
    recovery_batches=3,
    recovery_singles=60,
    recovery_singles_measured=60,
    snapshot_every=10,
    limit_seconds=0.0001,
    peer_fills=10,
    repeats=2,
)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> list[Figure]:
    options = bench.parse(["--small", "--no-peer"])
    session = Session(TINY, tmp_path_factory.mktemp("bench"), with_peer=False)
    return bench.measure(session, list(bench.FIGURES), Console(quiet=True), options)


def test_every_figure_has_a_value_or_says_why_not(figures: list[Figure]) -> None:
    for figure in figures:
        if figure.key == "peer-nautilus":
            assert figure.value is None
            assert figure.skipped == "left out with --no-peer"
        elif figure.key in ("pricing-quantlib", "pricing-vollib") and figure.value is None:  # peers one may have
            assert "pip install" in figure.skipped
        elif figure.key == "recalibration" and figure.value is None:  # real chains one may have
            assert "set NOVATE_DATA" in figure.skipped
        elif figure.key in ("tick-one-holder", "tick-one-fixed"):  # a difference of two times
            assert figure.value is not None
            assert math.isfinite(figure.value)
        else:
            assert figure.value is not None, figure.key
            assert figure.value > 0, figure.key


def test_the_figures_of_the_readme_are_there_once(figures: list[Figure]) -> None:
    keys = [figure.key for figure in figures]
    assert len(keys) == len(set(keys))
    assert {
        "trades-uniform",
        "trades-hubs",
        "portfolio",
        "portfolio-judge",
        "pricing-grid",
        "pricing-error",
        "recalibration",
        "remargin-warm",
        "remargin-cold",
        "remargin-tick",
        "remargin-one",
        "remargin-model-warm",
        "remargin-million-warm",
        "remargin-million-memory",
        "journal-batches",
        "journal-singles",
        "tick-house",
        "tick-judge",
        "tick-one-usual",
        "tick-one-popular",
        "recovery-batches",
        "recovery-singles",
        "recovery-snapshot",
        "memory",
        "peer-nautilus",
        "limit-memory",
        "limit-sha256",
        "limit-commits",
        "limit-syncs",
    } <= set(keys)


def test_results_json_is_a_list_of_figures(figures: list[Figure], tmp_path: Path) -> None:
    bench.write_results(tmp_path / "results.json", figures)
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results) == len(figures)
    for result in results:
        assert tuple(result) == RESULT_KEYS
        assert isinstance(result["figure"], str)
        assert isinstance(result["unit"], str)
        assert isinstance(result["beside"], dict)
        assert result["value"] is None or isinstance(result["value"], float)
        assert result["target"] is None  # a small run reaches none
        assert result["met"] is None
        assert result["command"].startswith("python -m bench")


def test_the_limits_stand_beside_the_figures(figures: list[Figure]) -> None:
    by_key = {figure.key: figure for figure in figures}
    assert by_key["journal-singles"].beside["durable one-row commits"] == by_key["limit-commits"].value
    for key in ("trades-uniform", "journal-batches", "tick-house", "recovery-batches"):
        assert by_key[key].beside, key


def test_the_table_shows_every_figure(figures: list[Figure]) -> None:
    written = io.StringIO()
    table.show(Console(file=written, width=600), {"processor": "one"}, figures)
    shown = written.getvalue()
    assert "processor  one" in shown
    for figure in figures:
        assert figure.figure in shown


def test_met_follows_the_target_and_its_direction() -> None:
    assert Figure(key="k", figure="f", unit="1/s", samples=[3.0, 1.0, 2.0], target=2.0).met is True
    assert Figure(key="k", figure="f", unit="1/s", samples=[1.0], target=2.0).met is False
    assert Figure(key="k", figure="f", unit="s", samples=[1.0], target=2.0, at_most=True).met is True
    assert Figure(key="k", figure="f", unit="s", samples=[3.0], target=2.0, at_most=True).met is False
    assert Figure(key="k", figure="f", unit="s", samples=[3.0]).met is None


def test_the_world_is_the_same_every_time_and_keeps_its_size() -> None:
    one, other = World(TINY), World(TINY)
    assert list(one.filling()) == list(other.filling())
    assert one.batch(hubs=True) == other.batch(hubs=True)
    assert one.batch() != other.batch(hubs=True)


def test_filling_gives_every_account_its_positions(tmp_path: Path) -> None:
    session = Session(TINY, tmp_path, with_peer=False)
    recorder = Recorder(session.book())
    held = recorder.book.buckets["count"][7 : 7 + TINY.accounts]
    assert set(held.tolist()) == {TINY.positions}
    recorder.record_all(session.world.batch() for _ in range(5))
    assert set(recorder.book.buckets["count"][7 : 7 + TINY.accounts].tolist()) == {TINY.positions}
    recorder.record_all(session.world.hub_filling())
    assert min(recorder.book.buckets["count"][session.world.hubs].tolist()) >= TINY.hub_positions


def test_an_unknown_figure_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--only", "speed"]) == 2
    assert "no figure is called speed; there are trades-uniform" in capsys.readouterr().err


def test_a_peer_that_cannot_be_installed_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peer, "ENVIRONMENT", tmp_path / "peers" / "nautilus")
    monkeypatch.setattr(peer.sys, "executable", str(tmp_path / "no-python"))
    figure = peer.measure(TINY, wanted=True)
    assert figure.value is None
    assert "no-python" in figure.skipped

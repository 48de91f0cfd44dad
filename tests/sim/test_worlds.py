"""A seed is a world; a failure becomes one short line that brings it back; the known ways to lose the fund."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novate.cli import main
from novate.core import estate, settlement
from novate.core.book import Book
from novate.core.commands import PublishMarks
from novate.sim.worlds import known
from novate.sim.worlds.known import KNOWN, Outcome
from novate.sim.worlds.play import Lost, Stage, play, replay
from novate.sim.worlds.script import Restart, Step, places_of, ranges
from novate.sim.worlds.shrink import fewest, shrink
from tests.sim.finding import first_failure
from tests.sim.test_auditor import cheaper, novation


def test_a_seed_is_a_world() -> None:
    one, again, other = play(7, 60), play(7, 60), play(8, 60)
    assert one.script == again.script != other.script
    assert one.failure is None


def test_the_auditor_changes_nothing() -> None:
    assert play(7, 60, audited=False).script == play(7, 60).script


def test_recorded_prices_move_a_world(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("date,GOLD\n" + "".join(f"2024-01-{day:02},{100 + day % 3}\n" for day in range(1, 29)))
    one = play(7, 40, file)
    assert one.failure is None
    assert one.script != play(7, 40).script


# ---- shrinking ------------------------------------------------------------------------------------------------------


def test_places_are_written_and_read() -> None:
    assert ranges([0, 1, 2, 3, 9, 12, 13]) == "0-3,9,12-13"
    assert places_of("0-3, 9,12-13") == [0, 1, 2, 3, 9, 12, 13]


def test_only_what_is_needed_is_left() -> None:
    tried: list[list[int]] = []

    def needs(places: list[int]) -> bool:
        tried.append(places)
        return {3, 17, 18} <= {*places}

    assert fewest(list(range(40)), needs, 1.0, lambda: 0.0) == [3, 17, 18]
    assert len(tried) < 120


def test_shrinking_ends_when_its_time_is_over() -> None:
    assert len(fewest(list(range(40)), lambda places: True, 1.0, lambda: 2.0)) == 40


def test_a_failure_becomes_a_line_that_brings_it_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bug = novation, "judge_trades", cheaper
    played, failure = first_failure(bug, range(300), monkeypatch)
    monkeypatch.setattr(*bug)
    line = shlex.split(shrink(played))
    assert line[:2] == ["novate", "sim"]
    places = places_of(line[line.index("--only") + 1])
    assert len(places) < 30 < len(played.script)
    again = replay(played.script, places)
    assert again is not None
    assert again.noun == failure.noun
    assert main(line[1:]) == 1
    assert "fact TradesNovated: the auditor has" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(line[1:]) == 0
    assert "nothing fails" in capsys.readouterr().out


# ---- restarts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["snapshot", "facts", "engine"])
def test_a_restart_finds_the_same_house(how: Any) -> None:
    stage = Stage(None)
    for one in play(3, 80).script:
        stage.do(one)
    before = stage.book.digest()
    stage.do(Step(0, Restart(how)))
    assert stage.book.digest() == before
    assert stage.seen[f"restart {how}"]


def test_a_restart_that_loses_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(None)
    for one in play(3, 30).script:
        stage.do(one)
    lost = max(at for at, (_, command, _) in enumerate(stage.records) if isinstance(command, PublishMarks))
    del stage.records[lost:]
    with pytest.raises(Lost, match="after a restart from facts it is another house"):
        stage.do(Step(0, Restart("facts")))


# ---- the known ways -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", KNOWN, ids=lambda world: world.__name__)
def test_the_house_loses_no_more_than_it_may(world: Callable[[], Outcome]) -> None:
    outcome = world()
    assert outcome.lost_minor <= outcome.bound_minor, outcome
    assert not outcome.escaped, "money was let go or a trade taken that should not have been"


def test_an_attacker_gains_no_more_than_the_house_may_lose() -> None:
    for world in (known.self_trade_at_a_bad_price, known.both_sides_across_a_capped_price):
        outcome = world()
        assert outcome.gained_minor <= outcome.bound_minor, outcome


def test_the_work_of_a_queue_of_liquidations_grows_with_its_length() -> None:
    few, many = known.a_queue_of_liquidations(10), known.a_queue_of_liquidations(40)
    assert few.orders == 10
    assert many.orders == 40


def test_a_remainder_costs_no_more_for_being_paid_often() -> None:
    often = known.a_remainder_paid_again_and_again(200)
    assert often.lost_minor <= often.bound_minor == known.a_remainder_paid_again_and_again(4).bound_minor


def test_a_world_of_a_known_way_finds_its_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound means something: where remainders are rounded up and forgotten, the house loses more than it may."""
    honest = settlement.flows_of

    def forgetful(book: Book, asset: int) -> Any:
        flow, carry = honest(book, asset)
        return settlement.Flows(flow + (carry > 0), carry * 0)

    monkeypatch.setattr(settlement, "flows_of", forgetful)
    monkeypatch.setattr(known, "Auditor", lambda: None)
    outcome = known.a_remainder_paid_again_and_again(60)
    assert outcome.lost_minor > outcome.bound_minor


# ---- the command line -----------------------------------------------------------------------------------------------


def test_the_command_line_plays_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seeds", "2", "--steps", "20", "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "2 worlds, " in shown
    assert "the auditor agrees with the core in every one of them" in shown
    assert main(["sim", "--seed", "5", "--steps", "20"]) == 0


def test_a_disagreement_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(estate, "SENIORITY", ())
    monkeypatch.setattr(novation, "judge_trades", cheaper)
    assert main(["sim", "--seeds", "3", "--steps", "60", "--jobs", "1"]) == 1
    shown = capsys.readouterr().out
    assert "    novate sim --seed " in shown
    assert " of 3 worlds failed" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seeds", "0"], "must be positive"),
        (["--only", "1-3"], "--only needs the --seed"),
        (["--seed", "1", "--steps", "5", "--only", "1,x"], "--only 1,x"),
        (["--seed", "1", "--steps", "5", "--only", "999"], "has the places 0 to"),
        (["--seed", "1", "--history", "nowhere.parquet"], "no such file"),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", *arguments]) == 2
    assert says in capsys.readouterr().err

"""How every command ends: 0 done, 1 a check did not pass, 2 what was given cannot be used."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from novate.cli import app, main
from novate.risk.backtest import comparison
from novate.sim import demo
from novate.sim.worlds import console

ROOT = Path(__file__).resolve().parent.parent
TAPE, BOOK = ROOT / "examples" / "first_day.jsonl", ROOT / "examples" / "portfolio.toml"
Novate = Callable[..., tuple[int, str, str]]

GIVEN = {
    "run": [["nowhere.jsonl"], ["bad.toml"], [str(TAPE), "--journal", "bad.toml"], [str(TAPE), "--facts", "many"]],
    "replay": [["nowhere"], ["bad.toml"], ["house", "--until", "99"], ["house", "--tape", "nowhere/tape.jsonl"]],
    "what-if": [["nowhere", "alice"], ["house", "alicia"], ["house", "alice", "--trade", "buy some BTC-PERP"]],
    "margin": [
        ["nowhere.toml", "--compare"],
        ["bad.toml", "--compare"],
        [str(BOOK), "--rulebook", "mars"],
        [str(BOOK), "--rulebook", "bad.toml"],
        [str(BOOK), "--rulebook", "vega"],
        [str(BOOK), "--rulebook", "ccp", "--history", "nowhere.csv"],
        [str(BOOK), "--rulebook", "ccp", "--history", "bad.csv"],
        [str(BOOK), "--compare", "--history", "bad.csv"],
    ],
    "backtest": [
        ["nowhere.csv"],
        ["bad.csv"],
        ["--accounts", "nowhere.toml"],
        ["--accounts", "bad.toml"],
        ["--series", "gold"],
        ["--level", "1.5"],
        ["--model", "crystal-ball"],
    ],
    "audit": [["nowhere"], ["bad.toml"]],
    "rebuild-head": [["nowhere"], ["house", "--last", "3"]],
    "demo": [
        ["--history", "nowhere.csv"],
        ["--history", "bad.csv"],
        ["--members", "1"],
        ["--form", "bazaar"],
        ["--journal", "house"],
    ],
    "sim": [["--seeds", "0"], ["--seed", "1", "--history", "nowhere.csv"], ["--only", "1-3"]],
}
"""What cannot be used, of every command: command lines, names and files, in a folder with the files of ``novate``."""


@pytest.fixture
def novate(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Novate:
    """Runs the command line in a folder with a journal ``house`` and two files that are not what they should be."""
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text("members = [", encoding="utf-8")
    Path("bad.csv").write_text("when,what\nnow,this\n", encoding="utf-8")
    assert main(["run", str(TAPE), "--journal", "house"]) == 0
    capsys.readouterr()

    def call(*arguments: str) -> tuple[int, str, str]:
        return main([*arguments]), *capsys.readouterr()

    return call


def test_every_command_is_held_to_it() -> None:
    assert {name for name in app if not name.startswith("-")} == {*GIVEN}
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`novate ([a-z-]+)", page)) == {*GIVEN}


@pytest.mark.parametrize("command", GIVEN)
def test_what_cannot_be_used_ends_with_2(novate: Novate, command: str) -> None:
    for given in (*GIVEN[command], ["--no-such-option"]):
        code, _, err = novate(command, *given)
        assert (code, err[:8]) == (2, "novate: ") or (command, code, err[:8]) == ("run", 2, "bad.toml"), (given, err)
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "command",
    [["replay"], ["audit"], ["what-if", "alice"], ["rebuild-head"], ["run"]],
    ids=lambda command: command[0],
)
def test_a_journal_that_is_not_what_was_written_ends_with_1(novate: Novate, command: list[str]) -> None:
    database = Path("house/journal.sqlite")
    database.write_bytes(database.read_bytes().replace(b"alice", b"alicf"))
    name, *rest = command
    code, _, err = novate(*(["run", str(TAPE), "--journal", "house"] if name == "run" else [name, "house", *rest]))
    assert code == 1
    assert "does not match its hash" in err


def test_a_journal_whose_records_are_gone_ends_with_1(novate: Novate) -> None:
    Path("house/journal.sqlite").unlink()
    code, _, err = novate("audit", "house")
    assert code == 1
    assert "restore the file from a copy" in err


def test_a_world_in_which_the_auditor_disagrees_ends_with_1(novate: Novate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "simulate_one", lambda *_: False)
    assert novate("sim", "--seed", "1")[0] == 1


def test_a_demo_without_proof_ends_with_1(novate: Novate, monkeypatch: pytest.MonkeyPatch) -> None:
    def unproved(**_: object) -> None:
        raise demo.ProofFailed("a cent is missing")

    monkeypatch.setattr(demo, "run_demo", unproved)
    assert novate("demo") == (1, "", "novate: a cent is missing\n")


def never(*_: object, **__: object) -> None:
    raise AssertionError("the work was begun")


@pytest.mark.parametrize("out", ["bad.toml", "bad.toml/deeper", "taken"])
def test_a_report_that_cannot_be_written_is_said_before_the_work(
    novate: Novate, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    Path("taken/report.html").mkdir(parents=True)
    monkeypatch.setattr(demo, "rehearse", never)
    monkeypatch.setattr(comparison, "compare", never)
    for command in (["demo", "--out", out], ["backtest", "--out", f"{out}/report.html"]):
        code, _, err = novate(*command)
        assert code == 2
        assert re.fullmatch(rf"novate: {out}(/report\.html)?: .+\n", err)


def test_answers_that_say_no_end_with_0(novate: Novate) -> None:
    """Refused rows and rulebooks that cannot answer beside others are results."""
    assert novate("run", str(TAPE))[0] == 0
    assert novate("what-if", "house", "alice", "--trade", "buy 100000 BTC-PERP at 51000")[0] == 0
    assert novate("margin", str(BOOK), "--compare")[0] == 0


def test_a_fault_of_the_program_keeps_its_trace(novate: Novate, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise KeyError("nobody knows")

    monkeypatch.setattr(demo, "run_demo", broken)
    with pytest.raises(KeyError, match="nobody knows"):
        novate("demo")

"""The command line: tables that a person can read, JSON that a program can, and one clear line for what goes wrong."""

import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from novate import __version__
from novate.cli import main
from novate.sim import demo

TAPE = Path(__file__).resolve().parent.parent / "examples" / "first_day.jsonl"


class Shown:
    """What a run of the command line printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def novate(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str | Path) -> Shown:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Shown(code, out, err)

    return call


def test_run_shows_accounts_funds_facts_and_refusals(novate: Any) -> None:
    shown = novate("run", TAPE)
    assert shown.code == 0
    assert shown.err == ""
    words = {" ".join(line.split()) for line in shown.out.splitlines()}
    # alice: 1500 + 145.45 paid at settlement; the requirement is 10 % of 150 x 51.
    assert "alice client Alpha open 1,645.45 765.00 382.50 880.45" in words
    assert "house:fees 7.50 0.000075 USD" in words
    assert "20 2024-03-04T16:00:00Z settled account alice, amount 145.45, asset USD" in words
    assert "line 21: price_off_tick at `$.rows[1].price`: 50000.25 is not a multiple of the tick 0.5" in shown.out
    assert "line 21: margin_insufficient at `$.rows[2].buyer`" in shown.out
    assert shown.out.endswith("20 commands: 20 on record, 2 refusals\n")
    assert max(map(len, shown.out.splitlines())) <= 160


def test_numbers_stand_point_under_point(novate: Any) -> None:
    lines = novate("run", TAPE).out.splitlines()
    rows = [line for line in lines if line.startswith((" alice    client  Alpha", " bob      client  Beta"))]
    assert len(rows) == 2
    assert len({row.index(".") for row in rows}) == 1


def test_run_in_json_is_exact(novate: Any) -> None:
    shown = novate("run", TAPE, "--json").json
    alice = next(account for account in shown["house"]["accounts"] if account["name"] == "alice")
    assert alice["equity"] == "1645.45496250"
    assert alice["positions"][0]["price"] == "51000"
    assert "E" not in json.dumps(shown["house"]["funds"])
    assert sum(Decimal(fund["settled"]) for fund in shown["house"]["funds"] if fund["asset"] == "BTC") == Decimal(
        "0.00333312"
    )
    (refused,) = (outcome for outcome in shown["outcomes"] if outcome["refusals"])
    assert (refused["line"], refused["rows"], [refusal["row"] for refusal in refused["refusals"]]) == (21, 3, [1, 2])
    assert shown["facts"][0] == {
        "seq": 1,
        "time_ns": 1_709_539_200_000_000_000,
        "fact": "asset_added",
        "symbol": "USD",
        "decimals": 2,
    }


def test_malformed_lines_are_listed_and_the_rest_is_cleared(novate: Any, tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    lines = TAPE.read_text().splitlines()
    lines[25] = lines[25].replace('"0.01%"', "0.0001")
    lines.insert(3, "{not json")
    path.write_text("\n".join(lines))
    shown = novate("run", path)
    assert shown.code == 2
    not_json = "not JSON at column 2: Expecting property name enclosed in double quotes"
    not_exact = (
        "expected a decimal string, got the number 0.0001: "
        'JSON numbers with a fraction are not exact, write "0.0001" in quotes'
    )
    assert shown.err.splitlines() == [
        f"{path}:4: malformed at `$`: {not_json}; write one object per line, in double quotes",
        f"{path}:27: malformed at `$.rates.BTC-PERP`: {not_exact}",
    ]
    assert "alice" in shown.out
    assert shown.out.endswith("21 commands: 19 on record, 2 refusals, 2 malformed\n")
    assert novate("run", path, "--json").code == 2


def test_the_journal_of_a_run_is_continued_replayed_and_audited(novate: Any, tmp_path: Path) -> None:
    journal, written = tmp_path / "journal", tmp_path / "written.jsonl"
    digest = novate("run", TAPE, "--journal", journal, "--json").json["house"]["digest"]
    assert novate("run", TAPE, "--json").json["house"]["digest"] == digest
    assert novate("audit", journal).out == "20 records, 20 decided again with identical facts\n"
    assert novate("replay", journal, "--json").json["house"]["digest"] == digest
    early = novate("replay", journal, "--until", "14", "--json").json["house"]
    assert (early["seq"], early["contracts"][0]["open_lots"]) == (14, 0)
    assert "alice" in novate("replay", journal).out
    # What the journal says, written as a tape, gives the same house again.
    assert novate("replay", journal, "--tape", written, "--json").code == 0
    assert novate("run", written, "--json").json["house"]["digest"] == digest
    more = novate("run", TAPE, "--journal", journal)
    assert more.code == 0
    assert "time_runs_backwards at `$.time`" in more.out


def test_what_if_asks_a_journal(novate: Any, tmp_path: Path) -> None:
    """alice has 1,645.45 and is asked for 765; 100 lots more are 510, and at 51,010 lose 1.00 at once."""
    journal = tmp_path / "journal"
    assert novate("run", TAPE, "--journal", journal).code == 0
    buy = ("--trade", "buy 100 BTC-PERP at 51000")
    shown = novate("what-if", journal, "alice", *buy, "--trade", "sell 1 BTC-PERP at 51000.25", "--json").json
    assert (shown["seq"], shown["account"], shown["numeraire"]) == (20, "alice", "USD")
    assert (Decimal(shown["before"]["initial"]), Decimal(shown["after"]["initial"])) == (765, 1275)
    assert [each["path"] for each in shown["refusals"]] == ["$.trades[1].price"]
    told = novate("what-if", journal, "alice", *buy, *buy, "--deposit", "0 USD")
    words = {" ".join(line.split()) for line in told.out.splitlines()}
    assert any(line.startswith("alice before 1,645.45") for line in words)
    assert "amount_must_be_positive at `$.deposits[0].amount`" in told.out
    assert "margin_insufficient at `$.trades[1]`" in told.out
    assert novate("audit", journal).out == "20 records, 20 decided again with identical facts\n"
    for account, trade, message in (
        ("alicia", buy[1], 'no account is called "alicia"'),
        ("alice", "buy some BTC-PERP", "'buy some BTC-PERP' is no trade: write \"buy 10 OIL at 100.00\""),
    ):
        failed = novate("what-if", journal, account, "--trade", trade)
        assert (failed.code, failed.out, failed.err.count("\n")) == (2, "", 1)
        assert message in failed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.jsonl"], "novate: nowhere.jsonl: No such file or directory"),
        (["run", "."], "novate: .: Is a directory"),
        (["replay", "nowhere"], "journal.sqlite does not exist"),
        (["audit", "nowhere"], "journal.sqlite does not exist"),
        (["clear"], '"clear"'),
        (["run"], "`novate --help` shows what there is"),
        (["run", "x", "--facts", "many"], "--facts"),
    ],
)
def test_errors_are_one_line(novate: Any, arguments: list[str], message: str) -> None:
    shown = novate(*arguments)
    assert shown.code == 2
    assert shown.out == ""
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# only words\n", b"\xef\xbb\xbf"])
def test_an_empty_tape_says_so(novate: Any, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_bytes(content)
    shown = novate("run", path)
    assert shown.code == 2
    assert "the tape is empty" in shown.err


def test_a_binary_file_is_malformed_line_by_line(novate: Any, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe")
    shown = novate("run", path)
    assert shown.code == 2
    assert len(shown.err.splitlines()) == 3
    assert "not UTF-8" in shown.err


def test_an_audit_follows_until_it_is_interrupted(novate: Any, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    novate("run", TAPE, "--journal", journal)
    started = "import sys; from novate.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", started, "audit", str(journal), "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as audit:
        assert audit.stderr is not None
        assert audit.stderr.readline() == f"following {journal}; Ctrl-C ends it\n"
        with pytest.raises(subprocess.TimeoutExpired):
            audit.wait(1)  # it goes on by itself
        audit.send_signal(signal.SIGINT)
        out, err = audit.communicate(timeout=60)
    assert (out, err, audit.returncode) == ("20 records, 20 decided again with identical facts\n", "", 0)


def test_until_past_the_end_and_a_damaged_journal_are_told(novate: Any, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    novate("run", TAPE, "--journal", journal)
    shown = novate("replay", journal, "--until", "99")
    assert (shown.code, shown.err.count("\n")) == (2, 1)
    assert "there is no record 99; the journal ends at 20" in shown.err
    database = journal / "journal.sqlite"
    content = database.read_bytes()
    database.write_bytes(content.replace(b"house:fees", b"house:fess").replace(b"alice", b"alicf"))
    for command in ("replay", "audit", "run"):
        arguments = (TAPE, "--journal", journal) if command == "run" else (journal,)
        shown = novate(command, *arguments)
        assert shown.code == 1
        assert "does not match its hash" in shown.err
        assert shown.err.count("\n") == 1


def test_version_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys; from novate.cli import main; main(['--version']);"
        "print(*sorted({'numba', 'numpy', 'arch', 'pyarrow', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n\n"


def test_help_names_every_command(novate: Any) -> None:
    shown = novate("--help")
    assert shown.code == 0
    for command in ("run", "replay", "what-if", "audit", "demo"):
        assert command in shown.out


def test_demo_passes_its_options_on(novate: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(demo, "run_demo", lambda **options: seen.update(options))
    out = tmp_path / "report"
    assert novate("demo", "--seed", "7", "--out", out, "--members", "3", "--accounts", "9").code == 0
    seen.pop("console")
    assert seen == {
        "history": None,
        "seed": 7,
        "out": out,
        "members": 3,
        "accounts": 9,
        "form": "clearing_house",
        "journal": None,
    }


@pytest.mark.parametrize(
    ("error", "code"), [(demo.ProofFailed("a cent is missing"), 1), (ValueError("too few members"), 2)]
)
def test_what_a_demo_raises_is_one_line(
    novate: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(demo, "run_demo", fail)
    shown = novate("demo")
    assert (shown.code, shown.err) == (code, f"novate: {error}\n")


def test_a_history_that_is_not_there_is_one_line(novate: Any, tmp_path: Path) -> None:
    shown = novate("demo", "--history", tmp_path / "nothing.csv", "--out", tmp_path)
    assert shown.code == 2
    assert "nothing.csv" in shown.err
    assert shown.err.count("\n") == 1


def test_a_tape_comes_through_a_pipe() -> None:
    command = [sys.executable, "-c", "import sys; from novate.cli import main; sys.exit(main())", "run", "-"]
    done = subprocess.run(command, input=TAPE.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"20 commands: 20 on record" in done.stdout

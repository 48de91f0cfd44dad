"""Every example runs as it stands, without a warning, and prints what its documentation promises."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from novate import ClearingHouse, Reason
from novate.tape import rows, wire
from novate.tape.read import COMMANDS

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

# Worked by hand.
#   01: 100 lots at 50,000.5 with the mark at 50,000: alice 1000 - 0.05 - fee, bob 1000 + 0.05 - fee; the fee is
#       0.05 % of 5000.05 = 2.500025. Initial margin 10 % of 5000.
#   02: 5 lots of 720 MWh bought at 60, 4 sold at 61.25, the mark at 58.40: Utility +5 x 720 x 1.60, Smelter
#       -4 x 720 x 2.85, Trader -1 x 720 x 1.60 + 4 x 720 x 1.25.
#   03: 10,000 x (1/50,000 - 1/55,000) = 0.018181818200 BTC (100 lots of 0.002 and 0.001818181818), less funding of
#       0.01 % of 0.1818181818 = 0.000018181800 for 100 lots.
#   04: Alpha is long 100 from 5000; the house takes over at 4400 (its 60,000 are gone) and closes at 4150: 25,000 is
#       lost, of which its fund pays 10,000, the house 5,000 and the survivors 5,000 each.
#   05: ann could lose 150 x 0.40 = 60 of 100, bob 150 x 0.60 = 90; she wins his 90. 167 at 0.40 would cost him 100.20.
#   06: tiers ask for 10 % of 10 x 5000 and of 10 x 5050. Of the sheet's scenarios the spread loses most where the legs
#       move apart: 10 x 60, and half a dollar for each of 20 lots. 5 MAR against 10 JUN lose 10 x 390 - 5 x 400 in the
#       largest rise, and half of 15, rounded up; JUN alone 10 x 390, and half of 10.
#   07: a lot is asked for whole cents and half of one for rounding: 36.47, then 36.47 x 1.2 = 43.764, then 43.76 x 1.2
#       = 52.512, then what the model asks. Moves are 2 % a day until 14 May, and then 7 %.
PROMISES = {
    "01_one_trade.py": ["997.44997500", "997.54997500", "margin_insufficient at `$.rows[0].buyer`"],
    "02_a_day_of_variation.py": ["65760.00", "51792.00", "62448.00", "44.4 % netted away"],
    "03_an_inverse_perpetual.py": ["0.038163636400 BTC", "settled 0.03816363 BTC", "0.00000001 BTC, in house:rounding"],
    "05_a_bet.py": [
        "collateral_not_covered at `$.rows[0].seller`: RAIN is fully collateralised",
        "at 0.40  ann free  40.00  bob free  10.00",
        "at 0.95  ann free  40.00  bob free  10.00",
        "ann 190.00, bob 10.00",
    ],
    "06_a_spread.py": [
        "in tiers      initial  10050.00",
        "by the sheet  initial    610.00",
        "5 lots of MAR are sold: initial   1908.00",
        "10 lots of MAR are sold: initial   3905.00",
    ],
    "07_a_week_of_volatility.py": [
        "2025-05-11  55893:   36.48 a lot  schedule, 0.95 times as volatile",
        "2025-05-17  50736:   43.77 a lot  volatility, 1.29 times as volatile; long 47.32, 3.55 uncovered",
        "2025-05-18  47869:   52.52 a lot  a step more; long 53.07, 0.55 uncovered",
        "2025-05-19  49051:   54.29 a lot  a step more\n",
    ],
    "04_a_default.py": [
        "called: Alpha for 62,000.00 USD",
        "layer defaulter_fund, payer Alpha:fund, account liquidation:11, amount 10000.00",
        "layer skin_in_the_game, payer house:skin, account liquidation:11, amount 5000.00",
        "layer survivors_fund, payer Gamma:fund, account liquidation:11, amount 5000.00",
        "Beta    -100 lots  settled   280,000.00 USD",
    ],
}


def test_every_example_is_listed() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_example(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for promise in PROMISES[name]:
        assert promise in done.stdout


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page of the documentation."""
    text = (EXAMPLES.parent / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_start_page_prints_what_it_promises() -> None:
    (code,) = blocks("start.md", "python")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "999.95000000\n", done.stderr


def test_the_readme_prints_what_it_promises() -> None:
    text = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    promised = [line.rpartition("# ")[2] for line in code.splitlines() if "print(" in line]
    assert done.stdout.splitlines() == promised == ["999.95000000"], done.stderr


def test_the_what_if_page_prints_what_it_promises() -> None:
    (code,) = blocks("concepts/what-if.md", "python")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    promised = [line.rpartition("# ")[2] for line in code.splitlines() if "print(" in line]
    assert done.stdout.splitlines() == promised, done.stderr
    assert len(promised) == 3


def test_the_page_of_rulebooks_prints_what_it_promises() -> None:
    (code,) = blocks("concepts/rulebooks-of-venues.md", "python")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    promised = [line.rpartition("# ")[2] for line in code.splitlines() if "print(" in line]
    assert done.stdout.splitlines() == promised == ["8000040.00000000", "2666680.00000000"], done.stderr


def test_the_tape_of_the_reference_runs_without_a_refusal() -> None:
    tape = "".join(blocks("reference/tape.md", "json"))
    with ClearingHouse() as house:
        outcomes = list(house.run(tape.encode()))
        assert [str(refusal) for _, outcome in outcomes for refusal in outcome.refusals] == []
        assert len(outcomes) == len(tape.splitlines())
        # Two lots of ten bought at 21.45, ended 20.5 above the strike: alice -429 + 410, less 150 x 0.05 % fees, the
        # result of the mark 50,000 against 50,000.5, and funding of 0.01 % of 7,500. Next day: a fee.
        worth = 200_000 - Decimal("99.95") - 429 + 410 - Decimal("3.7500375") - Decimal("0.075") - Decimal("0.75")
        worth -= Decimal("0.05")
        moved = 25_000 - 5_000 + 400  # by wire, out again, and from its member
        assert house.account("alice").equity == worth + moved


def test_the_reference_names_every_command_field_and_reason() -> None:
    text = (EXAMPLES.parent / "docs" / "reference" / "tape.md").read_text(encoding="utf-8")
    names = [reason.text for reason in Reason if reason is not Reason.ACCEPTED]
    for name, kind in COMMANDS.items():
        names += [name, *kind.__struct_fields__]
    for kind in (
        *(rows.TradeRow, rows.OrderRow, rows.CashRow, rows.TransferRow),
        *(wire.Tier, wire.MarginClass, wire.OpenInterest, wire.Cap),
    ):
        names += kind.__struct_fields__
    assert [name for name in dict.fromkeys(names) if not re.search(rf"[`\"]{name}[`\"]", text)] == []

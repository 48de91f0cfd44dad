"""The report: one file that needs nothing else, with exact amounts and no chart without data."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_struct

from novate.report.charts import all_charts
from novate.report.html import bound, money, render, short, write_report
from novate.report.lending import lending
from novate.report.omnibus import omnibus_accounts
from novate.report.series import Check, DefaultRecord, MoneyLine, RunSeries, Statement, StepFigures
from tests.report.pooled_house import moved, pooled_house


def step(day: int, **figures: float) -> StepFigures:
    made = StepFigures(1_221_436_800 + 86_400 * day, {"Index": 100.0 - day, "Oil": None if day == 1 else 50.0})
    made.exposure = {"Index": 2.5e9, "Oil": 1.5e9}
    made.collateral, made.required, made.default_fund, made.skin, made.insurance = 5e8, 2e8, 3e7, 1e6, 2e6
    for name, value in figures.items():
        setattr(made, name, value)
    return made


def a_run() -> RunSeries:
    paid = {"own_margin": 123_456_789, "defaulter_fund": 100, "survivors_fund": 7}
    return RunSeries(
        title="A crisis <cleared>",
        source="made up",
        span="2008-09-15 to 2008-09-17",
        step="day",
        seed=5,
        form="clearing_house",
        numeraire="USD",
        decimals=2,
        crisis=(1_221_436_800, 1_221_523_200),
        crisis_label="the first day",
        intraday=False,
        steps=[
            step(0, calls_made=3),
            step(1, calls_met_by_payment=2, calls_missed=1, losses=1e7),
            step(2, ordered=1e6),
        ],
        defaults=[DefaultRecord("Member 007", "one bet", 1_221_523_200, "call_missed", 3, 1e8, paid, 42, closed=True)],
        figures={
            "trades": 1_234_567,
            "notional": 98_765_432_101,
            "accounts": 5200,
            "members": 200,
            "contracts": 30,
            "gross_lots": 1000,
            "net_lots": 50,
            "orders": 4,
            "taken_over": 1,
        },
        statements=[Statement("Rules", "As they were.", [("Fee", "3 ppm", "a side")])],
        checks=[Check("Replay gives", "abc123", holds=True)],
        money=[MoneyLine("USD", 2, 1_000_00, 250_00, {"client accounts": 700_00, "the fees account": 50_00})],
        facts={"CallMet": 2},
        rejections={"margin_insufficient": 9},
    )


def test_the_page_needs_no_network_and_no_other_file() -> None:
    page = render(a_run())
    assert "default-src 'none'" in page
    outside = [
        url for url in re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", page) if not url.startswith(("#", "data:"))
    ]
    assert outside == []
    assert "url(" not in page
    assert "@import" not in page
    assert "Copyright (c) 2022 Leon Sorokin" in page


def test_amounts_stand_to_the_unit_with_separators() -> None:
    page = render(a_run())
    for text in ("1,234,567", "98.8\u00a0billion USD", "1,234,567.89", "0.07", "1,234,568.96", "0.42", "95.0\u00a0%"):
        assert text in page, text


def test_text_from_outside_is_escaped() -> None:
    page = render(replace(a_run(), source="</script><script>alert(1)</script>"))
    assert "<cleared>" not in page
    assert "alert(1)</script>" not in page


def test_the_chart_data_is_json_that_cannot_end_its_element() -> None:
    run = replace(a_run(), steps=[StepFigures(1, {"</script>": 1.0}), StepFigures(2, {"</script>": 2.0})])
    page = render(run)
    data = re.search(r'id="chart-data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    charts = json.loads(data[1])
    assert [chart["key"] for chart in charts] == ["prices", "exposure", "margin", "calls", "liquidations", "funds"]
    assert charts[0]["traces"][0]["label"] == "</script>"


def test_charts_scale_stack_and_keep_gaps() -> None:
    charts = {chart.key: chart for chart in all_charts(a_run())}
    assert charts["exposure"].axis == "USD billion"
    assert [list(trace.top or []) for trace in charts["exposure"].traces] == [[2.5] * 3, [4.0] * 3]
    oil = charts["prices"].traces[1]
    assert list(oil.values) == [100.0, None, 100.0]
    assert charts["margin"].axis == "USD million"
    assert charts["liquidations"].axis == "USD million"
    assert charts["calls"].empty == ""


def test_a_chart_without_data_says_so_instead() -> None:
    run = replace(a_run(), steps=[step(0), step(1)], defaults=[])
    charts = {chart.key: chart for chart in all_charts(run)}
    assert "No account was called" in charts["calls"].empty
    assert charts["liquidations"].empty == "Nothing had to be liquidated."
    page = render(run)
    assert 'id="chart-calls"' not in page
    assert "No member defaulted." in page
    venue = render(replace(run, form="venue"))
    assert "The house took no account over." in venue
    assert "The venue form makes no calls" in venue


def test_balances_below_zero_and_omnibus_accounts_are_shown_where_there_are_any() -> None:
    without = render(a_run())
    assert "Balances below zero" not in without
    assert "Omnibus accounts" not in without
    with pooled_house() as house:
        moved(house, 90, 8)
        moved(house, 85, 16)
        lent, loans = house.read(lambda book: lending(house.records(), book))
        house.marks({"OIL": "84.5"}).expect()
        pools = house.read(omnibus_accounts)
    page = render(replace(a_run(), lent=lent, loans=loans, omnibus=pools))
    for text in (
        *('href="#lending"', "36.5 %", "300.07", "500.00", "0.06666667", "stands; may until 1970-01-03 08:00"),
        *('href="#omnibus"', "Sub-accounts of Pool", "Pool/1", "62.5 %", "−25.00000000 USD", "9,690.00"),
    ):
        assert text in page, text
    assert 'broken-check">300.07' not in page  # within its limit
    only_loans = render(replace(a_run(), lent=lent, loans=[replace_struct(loans[0], limit=Decimal(300))]))
    assert 'broken-check">300.07' in only_loans
    assert "Omnibus accounts" not in only_loans


def test_long_lists_say_how_many_there_are() -> None:
    with pooled_house() as house:
        moved(house, 90, 8)
        lent, loans = house.read(lambda book: lending(house.records(), book))
    page = render(replace(a_run(), lent=lent, loans=loans * 41))
    assert "The first 40 of 41 are listed." in page
    assert page.count("stands; may until") == 40


def test_what_does_not_hold_is_the_headline() -> None:
    assert "Every unit accounted for" in render(a_run())
    broken = replace(a_run(), checks=[Check("Replay gives", "abd", holds=False)])
    assert "Something does not hold" in render(broken)
    run = a_run()
    run.money[0].paid_in_minor += 1
    assert "Something does not hold" in render(run)


def test_a_run_without_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no steps"):
        write_report(replace(a_run(), steps=[]), tmp_path / "report.html")
    path = write_report(a_run(), tmp_path / "new" / "report.html")
    assert path.stat().st_size > 50_000


@pytest.mark.parametrize(
    ("minor", "decimals", "text"),
    [(0, 2, "0.00"), (5, 2, "0.05"), (-123456, 2, "−1,234.56"), (1234567, 0, "1,234,567"), (1, 8, "0.00000001")],
)
def test_money(minor: int, decimals: int, text: str) -> None:
    assert money(minor, decimals) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (999_999, "999,999"), (1.5e6, "1.50 million"), (2.34e10, "23.4 billion"), (4e14, "400 trillion")],
)
def test_short(amount: float, text: str) -> None:
    assert short(amount) == text


def test_units_stay_with_their_numbers() -> None:
    assert bound("5 % of 3 million") == "5\u00a0% of 3\u00a0million"

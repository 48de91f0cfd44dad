"""The report of a backtest of accounts: every account, every member and the house, for the terminal and the page."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from novate.report.backtest import GLOSSARY, Section, days_in_words, pof_in_words, write_page
from novate.report.charts import COLOURS, Chart, Trace
from novate.report.html import percent_of
from novate.risk.backtest.portfolios import Covered, Portfolios

CHARTS_MAX: Final = 12
"""Members that are drawn, those with the largest shortfalls of all; the tables list every one."""
LAWS: Final = ("exceptions", "expected", "POF", "runs", "both", "light")
SHORT: Final = ("largest", "known on", "of margin", "mean")
MEANINGS: Final = {
    **{name: GLOSSARY[name] for name in LAWS if name in GLOSSARY},
    "exceptions": "Days on which an account lost more than it was asked for: of a member and of the house, days on "
    "which any account of theirs did.",
    "expected": "Exceptions of a model that is right; of n accounts up to n times as many, since theirs may come "
    "together or apart. POF, which is for one rate, has then none.",
    "light": "Basel's zones for so many days: yellow from 95 %, red from 99.99 % of what a correct model brings; of n "
    "accounts of what n that are covered can bring at most, however they move together.",
    "largest": "The largest shortfall, what was lost beyond the margin, with the day on which it was known and its "
    "part of the margin asked for. Of a member and of the house the sum of its accounts' own: what one has to spare "
    "does not help another.",
    "mean": "The mean shortfall of the days with one.",
    "margin": "The mean margin; of a member and of the house that of its accounts together.",
}


def figures(found: Portfolios) -> dict[str, Any]:
    """Every figure of the tables as numbers, in money of the prices' currency, or as the weights are."""
    return {
        "accounts": dict(zip(found.held.names, found.held.members, strict=True)),
        "from": found.held.note,
        "series": found.series,
        "level": found.level,
        "horizon_steps": found.horizon_steps,
        "first": found.labels[0],
        "last": found.labels[-1],
        "covered": [asdict(each) for each in found.covered],
    }  # fmt: skip


def sections(found: Portfolios) -> list[Section]:
    """The tables: accounts, then members and the house."""
    span, days = days_in_words(found.horizon_steps), len(found.labels)
    held = f"{found.held.note[:1].upper()}{found.held.note[1:]}"
    intro = (
        f"{held}: margins of {span} against results of {span}, {days:,} days from {found.labels[0]} to "
        f"{found.labels[-1]}. At {percent_of(found.level)} an account is meant to have an exception on at most "
        f"{percent_of(1 - found.level)} of the days."
    )
    columns = ("account", "model", *LAWS, *SHORT, "margin")
    numbers = tuple(name for name in columns[2:] if name != "light")
    names = {
        name: name if name == member else f"{member}: {name}"
        for name, member in zip(found.held.names, found.held.members, strict=True)
    }
    alone = [[*_once(each, found, names[each.name]), *_row(each)] for each in found.covered if each.whose == "account"]
    together = [
        [*_once(each, found, each.name, str(each.accounts)), *_row(each)]
        for each in found.covered
        if each.whose != "account"
    ]
    return [
        Section("Accounts", columns, alone, numbers, "accounts", intro),
        Section(
            "Members and the house",
            ("member", "accounts", *columns[1:]),
            together,
            ("accounts", *numbers),
            "members",
            "Accounts do not offset each other: a shortfall is the sum of what each account lacked by itself.",
        ),
    ]


def _once(each: Covered, found: Portfolios, *words: str) -> list[str]:
    """Words of the first model's row alone, and the model."""
    first = each.model == next(iter(found.requirements))
    return [*(word if first else "" for word in words), each.model]


def _row(each: Covered) -> list[str]:
    most = "≤ " if each.accounts > 1 else ""
    return [
        f"{each.exceptions:,}",
        f"{most}{each.expected:,.1f}",
        pof_in_words(each),
        f"{each.independence:.3f}",
        "–" if each.conditional is None else f"{each.conditional:.3f}",
        "–" if each.light is None else each.light.zone,
        *_shortfall(each),
        _amount(each.mean),
    ]


def _shortfall(each: Covered) -> list[str]:
    if each.largest_on is None:
        return ["–"] * len(SHORT)
    part = "–" if each.of_margin is None else f"{100 * each.of_margin:,.1f} %"
    return [_amount(each.largest), each.largest_on, part, _amount(each.mean_shortfall)]


def _amount(value: float) -> str:
    """Four figures or more of what may be a part of one or millions."""
    return f"{value:.4f}" if value < 1 else f"{value:,.2f}" if value < 1_000 else f"{value:,.0f}"


def charts(found: Portfolios) -> list[Chart]:
    """For the house and each member what its losing accounts lost, what was asked, and by how much it was short."""
    model = next(iter(found.requirements))
    short = found.shortfalls(model)
    drawn = [(name, places) for whose, name, places in found.groups() if whose != "account"]
    members = sorted(drawn[:-1], key=lambda each: -short[:, each[1]].sum(axis=1).max())[:CHARTS_MAX]
    shown = [drawn[-1], *(each for each in drawn[:-1] if each in members)]
    more = f" {CHARTS_MAX} of {len(drawn) - 1} members are drawn." if len(members) < len(drawn) - 1 else ""
    span, losses = days_in_words(found.horizon_steps), np.maximum(-found.results, 0.0)
    caption = (
        f"Each day what its losing accounts lost over {span}, and the margin that each model had asked of all of them. "
        f"Points are by how much accounts were short of what {model} had asked, though others of the same member had "
        f"margin to spare.{more}"
    )
    times = [time // 10**9 for time in found.times_ns.tolist()]
    out = []
    for at, (name, places) in enumerate(shown):
        lacked = [value or None for value in short[:, places].sum(axis=1).tolist()]
        traces = [
            Trace("losses", "c6", losses[:, places].sum(axis=1).tolist(), "bar"),
            *(
                Trace(each, COLOURS[place], asked[:, places].sum(axis=1).tolist())
                for place, (each, asked) in enumerate(found.requirements.items())
            ),
            Trace(f"short under {model}", "red", lacked, "point"),
        ]
        title = "The house" if not at else name
        out.append(Chart(f"member-{at}", title, caption, "in units of the results", times, traces, (0, 0), 4))
    return out


def write_accounts(found: Portfolios, source: str, out: Path) -> Path:
    """Write the page of a backtest of accounts to ``out`` (folders are made) and return its path."""
    tested = days_in_words(found.horizon_steps), percent_of(found.level)
    title = f"Accounts in {', '.join(found.series)}"
    return write_page(title, source, tested, sections(found), charts(found), MEANINGS, out)

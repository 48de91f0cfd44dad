"""The report of a backtest: tables for the terminal and the page, and one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from novate.report.charts import COLOURS, Chart, Trace
from novate.report.html import page_parts, percent_of, templates
from novate.risk.apc import Procyclicality
from novate.risk.backtest.comparison import Comparison, Verdict
from novate.risk.backtest.portfolios import Covered
from novate.views.tables import Table

SIGNIFICANCE: Final = 0.05
TESTED: Final = ("days", "exceptions", "expected", "POF", "runs", "both", "light", "Z2", "pinball", "mean")
MOVED: Final = ("peak/trough", "1 day", "5 days", "30 days")


class Section(Table, frozen=True):
    """A table with its place on the page and what is said above it."""

    anchor: str = ""
    intro: str = ""


GLOSSARY: Final = {
    "exceptions": "Days whose loss was more than the margin asked for. One with fewer than expected is prudent.",
    "POF": "Kupiec's proportion of failures: how likely a count as far off is under a model that is right, exactly; "
    "“few” and “many” say on which side a rejected one lies.",
    "runs": "Christoffersen's independence: the less likely, the more exceptions come one upon the other.",
    "both": "Christoffersen's conditional coverage: the two together.",
    "light": "Basel's zones for so many days: yellow from 95 %, red from 99.99 % of what a correct model brings.",
    "Z2": "Acerbi and Szekely's second test of the model's own expected shortfall: 0 is right, below it losses were "
    "larger or more frequent; in brackets its simulated p-value under a normal tail. A scan has no expected shortfall.",
    "pinball": "The loss of a quantile, mean by day: the lower, the better a forecast of the level, and of that alone.",
    "mean": "The mean margin of one unit.",
    "peak/trough": "The highest margin over the lowest.",
    "1, 5, 30 days": "The largest rise of a margin over what it was at any time in so many days before.",
    "cost": "The mean margin over that of the current part alone.",
}


def figures(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Every figure of the tables as numbers: parts of the price, or units of an absolute factor."""
    return [
        {
            "series": one.factor.name,
            "kind": one.factor.kind,
            "level": one.level,
            "horizon_steps": one.horizon_steps,
            "first": one.labels[0],
            "last": one.labels[-1],
            "verdicts": [asdict(verdict) for verdict in one.verdicts],
            "procyclicality": {name: asdict(each) for name, each in one.procyclicality.items()},
            "tools": {name: asdict(each) for name, each in one.tools.items()},
        }
        for one in found
    ]


def sections(found: Sequence[Comparison]) -> list[Section]:
    """The tables of a backtest, in reading order."""
    coverage = [
        [one.factor.name if not place else "", *_verdict_row(one, verdict)]
        for one in found
        for place, verdict in enumerate(one.verdicts)
    ]
    models = [
        [one.factor.name, name, *_ratios(each)[:-1]] for one in found for name, each in one.procyclicality.items()
    ]
    tools = [[one.factor.name, name, *_ratios(each)] for one in found for name, each in one.tools.items()]
    span, level = horizon_of(found), found[0].level
    intro = (
        f"Margins of {span} against what a long and a short of one unit then gained or lost. At {percent_of(level)} a "
        f"margin is meant to have an exception on at most {percent_of(1 - level)} of the days."
    )
    columns = ("series", "model", "side", *TESTED)
    out = [Section("Coverage", columns, coverage, tuple(name for name in TESTED if name != "light"), "coverage", intro)]
    intro = "How the margin of a long moved: ratios, 1 being no movement."
    out.append(Section("Procyclicality", ("series", "model", *MOVED), models, MOVED, "procyclicality", intro))
    if tools:
        intro = "The default model's current part of a long, bare and with each tool; what a tool costs is on average."
        columns = ("series", "margin", *MOVED, "cost")
        out.append(Section("Tools against procyclicality", columns, tools, columns[2:], "tools", intro))
    return out


def horizon_of(found: Sequence[Comparison]) -> str:
    """The horizon in words."""
    return days_in_words(found[0].horizon_steps)


def days_in_words(steps: int) -> str:
    """So many days."""
    return "one day" if steps == 1 else f"{steps} days"


def _verdict_row(one: Comparison, verdict: Verdict) -> list[str]:
    return [
        verdict.model,
        verdict.side,
        f"{verdict.steps:,}",
        f"{verdict.exceptions:,}",
        f"{verdict.expected:.1f}",
        pof_in_words(verdict),
        f"{verdict.independence:.3f}",
        f"{verdict.conditional:.3f}",
        verdict.light.zone,
        "–" if verdict.z2 is None else f"{verdict.z2[0]:+.2f} ({verdict.z2[1]:.3f})".replace("-", "−"),
        amount(one, verdict.pinball, 3),
        amount(one, verdict.mean, 1),
    ]


def pof_in_words(verdict: Verdict | Covered) -> str:
    """The p-value of the proportion of failures, and on which side a rejected one lies; a dash where there is none."""
    if verdict.pof is None:
        return "–"
    side = "few" if verdict.exceptions < verdict.expected else "many"
    return f"{verdict.pof:.3f}" + (f" {side}" if verdict.pof < SIGNIFICANCE else "")


def _ratios(each: Procyclicality) -> list[str]:
    return [f"{value:.2f}" for value in (each.peak_to_trough, each.rise_1, each.rise_5, each.rise_30, each.cost)]


def amount(one: Comparison, value: float, digits: int) -> str:
    """A requirement or score: a percentage of the price, or units of an absolute factor."""
    return f"{100 * value:.{digits}f} %" if one.factor.kind == "relative" else f"{value:.{digits + 1}f}"


def charts(found: Sequence[Comparison]) -> list[Chart]:
    """For each series the losses of a long beside what every model asked for."""
    out, span = [], horizon_of(found)
    for at, one in enumerate(found):
        relative = one.factor.kind == "relative"
        scale = 100.0 if relative else 1.0
        losses = [round(-gain * scale, 3) if gain < 0 else None for gain in one.results[:, 0].tolist()]
        traces = [Trace("loss", "c6", losses, "bar")]
        for place, path in enumerate(one.paths):
            asked = [round(value * scale, 3) for value in path.requirement[:, 0].tolist()]
            traces.append(Trace(path.model, COLOURS[place], asked))
        first = one.paths[0]
        beyond = [loss if loss is not None and loss > scale * asked else None
                  for loss, asked in zip(losses, first.requirement[:, 0].tolist(), strict=True)]  # fmt: skip
        traces.append(Trace(f"exception of {first.model}", "red", beyond, "point"))
        caption = (
            f"Each day a loss of a long of one unit over {span}, and the margin that each model had asked for it "
            f"{span} before. "
            f"Points are the days on which the loss was more than {first.model} had asked for."
        )
        axis = "% of the price" if relative else "in units of the price"
        times = [time // 10**9 for time in one.times_ns.tolist()]
        out.append(Chart(f"series-{at}", one.factor.name, caption, axis, times, traces, (0, 0), 2))
    return out


def write_backtest(found: Sequence[Comparison], source: str, out: Path) -> Path:
    """Write the page of a backtest to ``out`` (folders are made) and return its path."""
    title, tested = ", ".join(one.factor.name for one in found), (horizon_of(found), percent_of(found[0].level))
    return write_page(title, source, tested, sections(found), charts(found), GLOSSARY, out)


def write_page(
    title: str,
    source: str,
    tested: tuple[str, str],
    tables: Sequence[Section],
    drawn: Sequence[Chart],
    glossary: Mapping[str, str],
    out: Path,
) -> Path:
    """Write a page of tables and charts to ``out`` (folders are made) and return its path; ``tested`` are the horizon
    and the level in words."""
    page = templates().get_template("backtest.html").render(
        title=title,
        source=source,
        horizon=tested[0],
        level=tested[1],
        tables=tables,
        charts=drawn,
        glossary=glossary,
        **page_parts(drawn),
    )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    return out

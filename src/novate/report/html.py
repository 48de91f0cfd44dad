"""The report of a run: one HTML file that needs nothing else, not even a network.

Charts are drawn by uPlot, whose code is part of the file; the waterfall and the tables are plain HTML. The page follows
the reader's light or dark scheme.
"""

import json
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from novate.report.charts import Chart, all_charts, iso
from novate.report.series import LAYERS, DefaultRecord, RunSeries

BARS_MAX = 12
"""Defaults drawn as bars, the largest; the table lists all of them."""
LINES_MAX = 40
"""Balances below zero, and sub-accounts of one omnibus account, that are listed."""

SHORT_LAYERS = (
    ("own_margin", "Own margin"),
    ("defaulter_fund", "Own fund"),
    ("skin_in_the_game", "House capital"),
    ("insurance_fund", "Insurance"),
    ("survivors_fund", "Survivors"),
    ("treasury", "Treasury"),
    ("gains_haircut", "Gains cut"),
)
SHOWN_IF_PAID = ("treasury", "gains_haircut")
HOUSE_WORDS = {
    "bars": "Who paid for the defaults",
    "table": "The defaults to the unit",
    "who": "Member",
    "one": "default",
    "none": "No member defaulted.",
}
LOSS_WORDS = {
    "clearing_house": "paid by house capital, insurance, the survivors' fund or cut gains, before recoveries",
    "venue": "paid by insurance, house capital or cut gains, before recoveries",
}
VENUE_WORDS = {
    "bars": "Who paid for the bankruptcies",
    "table": "The bankruptcies to the unit",
    "who": "Account",
    "one": "account that the house took over",
    "none": "The house took no account over.",
}


def require_writable(page: Path) -> None:
    """See that a page can be written (folders are made) before the work that it tells of; raises ``OSError``."""
    page.parent.mkdir(parents=True, exist_ok=True)
    was_there = page.exists()
    page.open("ab").close()
    if not was_there:
        page.unlink()


def write_report(run: RunSeries, out: Path) -> Path:
    """Write the report of a run to ``out`` (folders are made) and return its path."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(run), encoding="utf-8")
    return out


def render(run: RunSeries) -> str:
    """The report as text. Raises ``ValueError`` for a run without steps: there is nothing to show."""
    if not run.steps:
        raise ValueError("the run has no steps: clear at least one before asking for its report")
    environment = templates()
    environment.filters.update(when=lambda seconds: iso(seconds, run.intraday))
    environment.filters["money"] = lambda minor: money(minor, run.decimals)
    environment.filters["down"] = lambda worth: rounded(worth, run.decimals, ROUND_FLOOR)
    environment.filters["up"] = lambda need: rounded(need, run.decimals, ROUND_CEILING)
    environment.filters.update(exact=exact, percent=percent, moment=lambda at_ns: iso(at_ns // 10**9, intraday=True))
    charts = all_charts(run)
    totals = {layer: sum(record.paid.get(layer, 0) for record in run.defaults) for layer, _ in LAYERS}
    return environment.get_template("report.html").render(
        run=run,
        layers=[(layer, label) for layer, label in LAYERS if totals[layer] or layer not in SHOWN_IF_PAID],
        paying_layers=[(layer, label) for layer, label in SHORT_LAYERS if totals[layer] or layer not in SHOWN_IF_PAID],
        totals=totals,
        words=VENUE_WORDS if run.form == "venue" else HOUSE_WORDS,
        tiles=tiles(run),
        charts={chart.key: chart for chart in charts},
        **page_parts(charts),
        bars=[bar(run, record) for record in largest(run)],
        loans=run.loans[:LINES_MAX],
        lines_max=LINES_MAX,
        holds=all(check.holds for check in run.checks) and all(not line.difference_minor for line in run.money),
        money_of=money,
    )


def templates() -> jinja2.Environment:
    """What pages are made with: a name that a page asks for and that is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("novate.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=count, bound=bound)
    return environment


def page_parts(charts: Sequence[Chart]) -> dict[str, Markup]:
    """What ``page.html`` needs: styles, scripts and the data of the charts."""
    return {
        "chart_data": _json([chart.as_data() for chart in charts]),
        "style": asset("style.css"),
        "uplot_style": asset("uplot.min.css"),
        "uplot": asset("uplot.min.js"),
        "uplot_license": asset("uplot.LICENSE"),
        "script": asset("charts.js"),
    }


def asset(name: str) -> Markup:
    """A file of the package as text that goes into the page as it is."""
    return Markup(files("novate.report").joinpath("assets", name).read_text(encoding="utf-8"))


def _json(value: Any) -> Markup:
    """JSON that may stand inside a script element: no ``<`` in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


# --- numbers ------------------------------------------------------------------------------------------------------


def count(number: float) -> str:
    """A whole number with thousands separators."""
    return f"{number:,.0f}"


def bound(text: str) -> str:
    """Units do not part from their numbers at the end of a line."""
    return text.replace(" %", "\u00a0%").replace(" million", "\u00a0million").replace(" billion", "\u00a0billion")


def money(minor: int, decimals: int) -> str:
    """An amount of minor units, exactly, with thousands separators: 123456789 -> 1,234,567.89."""
    sign, size = ("−", -minor) if minor < 0 else ("", minor)
    whole, rest = divmod(size, 10**decimals)
    return f"{sign}{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")


def exact(amount: Decimal) -> str:
    """A decimal with all its places and thousands separators."""
    return f"{amount:,f}".replace("-", "−")


def rounded(amount: Decimal | None, decimals: int, rounding: str) -> str:
    """A decimal to this many places, rounded in the named direction; a dash where there is none."""
    if amount is None:
        return "–"
    with localcontext(prec=60):
        return exact(amount.quantize(Decimal(1).scaleb(-decimals), rounding))


def percent(part: Decimal) -> str:
    """A part as a percentage with one place, rounded down: 0.0525 is 5.2 %."""
    with localcontext(prec=60):
        return f"{exact((part * 100).quantize(Decimal('0.1'), ROUND_FLOOR))} %"


def percent_of(part: float) -> str:
    """A part as a percentage, with the places that it has: 0.975 is 97.5 %."""
    return f"{round(100 * part, 9):g} %"


def short(amount: float) -> str:
    """An amount for a headline, three digits or so and its size in words: 1.23 billion."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if abs(amount) >= size:
            scaled = amount / size
            digits = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
            return f"{scaled:,.{digits}f} {word}"
    return f"{amount:,.0f}"


# --- headline -----------------------------------------------------------------------------------------------------


def tiles(run: RunSeries) -> list[dict[str, str]]:
    """The figures at the top: a name, a value and what it means."""
    figures, unit, scale = run.figures, run.numeraire, 10**run.decimals
    made = sum(step.calls_made for step in run.steps)
    missed = sum(step.calls_missed for step in run.steps)
    mutual = sum(record.mutual_minor for record in run.defaults)
    unexplained = sum(abs(line.difference_minor) for line in run.money)
    ordered, filled = (sum(getattr(step, name) for step in run.steps) for name in ("ordered", "filled"))
    return [
        _tile("Trades novated", count(figures["trades"]), f"{short(figures['notional'])} {unit} of the underlying"),
        _tile(
            "Cleared for",
            f"{count(figures['accounts'])} accounts",
            f"of {count(figures['members'])} members, in {count(figures['contracts'])} contracts",
        ),
        _tile(
            "Netting",
            f"{100 * (1 - figures['net_lots'] / max(figures['gross_lots'], 1)):.1f} %",
            "of all lots traded closed another out; the rest was held to the end",
        ),
        _calls_tile(run, made, missed),
        _tile(
            "Liquidations",
            f"{count(figures['orders'])} orders",
            f"{100 * filled / ordered:.0f} % filled, {count(figures['taken_over'])} buckets taken over"
            if ordered
            else f"none needed, {count(figures['taken_over'])} buckets taken over",
        ),
        _failures_tile(run),
        _tile(
            "Loss beyond the defaulters" if run.form != "venue" else "Loss beyond the bankrupt",
            f"{short(mutual / scale)} {unit}",
            LOSS_WORDS[run.form],
        ),
        _tile("Unexplained", f"{money(unexplained, run.decimals)} {unit}", "of all the money that moved"),
    ]


def _failures_tile(run: RunSeries) -> dict[str, str]:
    number = count(len(run.defaults))
    if run.form == "venue":
        return _tile("Bankruptcies", number, "accounts that the house took over or had to pay for")
    return _tile("Member defaults", number, f"of {count(run.figures['members'])} members")


def _calls_tile(run: RunSeries, made: int, missed: int) -> dict[str, str]:
    if run.form == "venue":
        return _tile("Margin calls", "none", "the venue form liquidates at once below maintenance")
    met = made - missed
    return _tile(
        "Margin calls", count(made), f"{100 * met / made:.1f} % met, {count(missed)} missed" if made else "none"
    )


def _tile(name: str, value: str, remark: str) -> dict[str, str]:
    return {"name": name, "value": value, "remark": remark}


# --- the waterfall ------------------------------------------------------------------------------------------------


def largest(run: RunSeries) -> list[DefaultRecord]:
    """The defaults that reached furthest beyond the defaulter, the largest first."""
    return sorted(run.defaults, key=lambda record: (-record.mutual_minor, -record.loss_minor, record.time_s))[:BARS_MAX]


def bar(run: RunSeries, record: DefaultRecord) -> dict[str, Any]:
    """One bar: its segments in paying order with their share of the whole in percent."""
    whole = max(record.loss_minor, 1)
    parts = []
    for layer, label in LAYERS:
        amount = record.paid.get(layer, 0)
        if amount > 0:
            share = 100 * amount / whole
            parts.append(
                {
                    "layer": layer,
                    "label": label,
                    "share": f"{share:.4f}",
                    "amount": money(amount, run.decimals),
                    "text": f"{short(amount / 10**run.decimals)}" if share >= 11 else "",
                }
            )
    return {"record": record, "parts": parts, "total": short(record.loss_minor / 10**run.decimals)}


__all__ = ["Chart", "render", "require_writable", "write_report"]

"""The charts of a run's report as data: what is drawn, in which unit, and how to read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from novate.report.series import RunSeries, StepFigures

COLOURS = ("c1", "c2", "c3", "c4", "c5", "c7")
GROUPS_MAX = 5
"""Lines that a chart tells apart; what is smaller is drawn together as "others"."""

Numbers = Sequence[float | None]


@dataclass(slots=True)
class Trace:
    """One line, area or bar. ``top`` is where it is drawn (stacked), ``values`` what the legend says."""

    label: str
    colour: str
    values: Numbers
    kind: Literal["line", "area", "bar", "point"] = "line"
    top: Numbers | None = None
    dash: bool = False


@dataclass(slots=True)
class Chart:
    """A figure: its traces over the run's times, the unit of its axis and a caption that says how to read it."""

    key: str
    title: str
    caption: str
    axis: str
    times_s: list[int]
    traces: list[Trace]
    crisis: tuple[int, int]
    digits: int = 1
    empty: str = ""
    intraday: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """For the page's script. Stacks come highest first, so that the lower are drawn over them."""
        stacked = [trace for trace in self.traces if trace.top is not None]
        plain = [trace for trace in self.traces if trace.top is None]
        return {
            "key": self.key,
            "axis": self.axis,
            "x": self.times_s,
            "crisis": list(self.crisis),
            "digits": self.digits,
            "intraday": self.intraday,
            "traces": [
                {
                    "label": trace.label,
                    "colour": trace.colour,
                    "kind": trace.kind,
                    "dash": trace.dash,
                    "y": _rounded(trace.values if trace.top is None else trace.top),
                    "raw": _rounded(trace.values),
                }
                for trace in [*reversed(stacked), *plain]
            ],
        }


def all_charts(run: RunSeries) -> list[Chart]:
    """Every figure of the report, in reading order."""
    makers = (prices, exposure, margin, calls, liquidations, funds)
    return [maker(run) for maker in makers]


def prices(run: RunSeries) -> Chart:
    """Every price, rebased to 100 where it begins."""
    names = list(run.steps[0].prices)
    shown = names[:GROUPS_MAX]
    traces = []
    for place, name in enumerate(shown):
        column = [step.prices[name] for step in run.steps]
        first = next((price for price in column if price is not None), None)
        rebased = [None if price is None or first is None else 100 * price / first for price in column]
        traces.append(Trace(name, _colour(place), rebased))
    more = f" The first {len(shown)} of {len(names)} series are drawn." if len(names) > len(shown) else ""
    caption = f"As recorded. A gap is a price that the source does not have: the contracts on it are halted.{more}"
    return _chart(run, "prices", "The prices that were cleared", caption, "first price = 100", traces)


def exposure(run: RunSeries) -> Chart:
    """Open interest at the mark per underlying, stacked."""
    names = _ranked(run, lambda step: step.exposure)
    columns = {name: [step.exposure.get(name, 0.0) for step in run.steps] for name in names[:GROUPS_MAX]}
    if len(names) > GROUPS_MAX:
        rest = names[GROUPS_MAX:]
        columns["others"] = [sum(step.exposure.get(name, 0.0) for name in rest) for step in run.steps]
    unit, word = _unit([sum(column) for column in zip(*columns.values(), strict=True)] if columns else [])
    return _chart(
        run,
        "exposure",
        "Open exposure",
        "Open interest at the day's mark, one side counted, by underlying; every lot has a long and a short."
        if not run.intraday
        else "Open interest at the mark, one side counted, by underlying; every lot has a long and a short.",
        f"{run.numeraire}{word}",
        _stack(columns, unit, "area"),
        digits=2,
    )


def margin(run: RunSeries) -> Chart:
    """Collateral and requirement as lines, losses as bars, on one scale."""
    unit, word = _unit([step.collateral for step in run.steps])
    span = "step" if run.intraday else "day"
    held, required, losses = (
        [getattr(step, name) / unit for step in run.steps] for name in ("collateral", "required", "losses")
    )
    return _chart(
        run,
        "margin",
        "Margin held against losses",
        f"Collateral of members and clients after haircut, the initial margin required of them, and what the losing "
        f"accounts lost in each {span}. A loss above the lines would have been more than all margin held.",
        f"{run.numeraire}{word}",
        [
            Trace(f"Losses of the {span}", "red", losses, "bar"),
            Trace("Margin required", "c2", required),
            Trace("Collateral held", "c1", held),
        ],
        digits=2,
    )


def calls(run: RunSeries) -> Chart:
    """How the calls of each step ended, stacked."""
    columns = {
        "Met by payment": [float(step.calls_met_by_payment) for step in run.steps],
        "Met by price": [float(step.calls_met_by_price) for step in run.steps],
        "Missed": [float(step.calls_missed) for step in run.steps],
    }
    made = [float(step.calls_made) or None for step in run.steps]
    traces = _stack(columns, 1.0, "bar", ("c3", "c1", "red"))
    empty = "" if any(made) else "No account was called: none fell below its initial requirement."
    if run.form == "venue":
        empty = "The venue form makes no calls: a bucket below its maintenance requirement is liquidated at once."
    return _chart(
        run,
        "calls",
        "Margin calls",
        "Calls by how they ended, where they ended: met by a payment, met because the price came back, or missed, "
        "after which a client is liquidated and a member is in default.",
        "number of calls",
        [*traces, Trace("Made", "ink", made, "point")],
        digits=0,
        empty=empty,
    )


def liquidations(run: RunSeries) -> Chart:
    """What was put up for sale, what the market took, and what the house took over."""
    columns = [[getattr(step, name) for step in run.steps] for name in ("ordered", "filled", "taken_over")]
    unit, word = _unit([value for column in columns for value in column])
    ordered, filled, taken = ([value / unit for value in column] for column in columns)
    taken_or_none: Numbers = [value or None for value in taken]
    empty = "" if any(ordered) or any(taken) else "Nothing had to be liquidated."
    return _chart(
        run,
        "liquidations",
        "Liquidations",
        "Value of the slices ordered (including those ordered again after they expired), of their fills by the depth "
        "model, and of the positions that the house took over, at the mark.",
        f"{run.numeraire}{word}",
        [
            Trace("Ordered", "c6", ordered, "bar"),
            Trace("Filled", "c1", filled, "bar"),
            Trace("Taken over by the house", "c2", taken_or_none, "point"),
        ],
        digits=1,
        empty=empty,
    )


def funds(run: RunSeries) -> Chart:
    """The prefunded layers, stacked in the reverse of the order in which they pay."""
    columns = {
        "Default fund": [step.default_fund for step in run.steps],
        "Insurance fund": [step.insurance for step in run.steps],
        "House capital": [step.skin for step in run.steps],
    }
    unit, word = _unit([sum(values) for values in zip(*columns.values(), strict=True)])
    return _chart(
        run,
        "funds",
        "What stands behind the members",
        "Balances of the layers of the waterfall: contributions of all members to the default fund, the insurance fund "
        "and the house's own capital at risk. A step down is a layer that paid, a step up one that was paid back.",
        f"{run.numeraire}{word}",
        _stack(columns, unit, "area", ("l-survivors_fund", "l-insurance_fund", "l-skin_in_the_game")),
        digits=1,
    )


def iso(seconds: int, intraday: bool) -> str:
    """A time as people read it: the date, and the minute where the run has several steps a day."""
    when = datetime.fromtimestamp(seconds, UTC)
    return when.strftime("%Y-%m-%d %H:%M" if intraday else "%Y-%m-%d")


def _chart(
    run: RunSeries, key: str, title: str, caption: str, axis: str, traces: list[Trace], digits: int = 1, empty: str = ""
) -> Chart:
    times = [step.time_s for step in run.steps]
    return Chart(key, title, caption, axis, times, traces, run.crisis, digits, empty, run.intraday)


def _colour(place: int) -> str:
    return COLOURS[place]


def _ranked(run: RunSeries, table: Any) -> list[str]:
    totals: dict[str, float] = {}
    for step in run.steps:
        for name, value in table(step).items():
            totals[name] = totals.get(name, 0.0) + value
    return sorted(totals, key=lambda name: -totals[name])


def _unit(values: list[float]) -> tuple[float, str]:
    """The size in which values are drawn, and its word for the axis."""
    highest = max(values, default=0.0)
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if highest >= size:
            return size, word
    return 1.0, ""


def _stack(
    columns: dict[str, list[float]], unit: float, kind: Literal["area", "bar"], colours: tuple[str, ...] = ()
) -> list[Trace]:
    """Traces one upon the other, the first at the bottom."""
    below = [0.0] * max((len(column) for column in columns.values()), default=0)
    traces = []
    for place, (label, column) in enumerate(columns.items()):
        values = [value / unit for value in column]
        below = [low + value for low, value in zip(below, values, strict=True)]
        colour = colours[place] if colours else _colour(place)
        traces.append(Trace(label, colour, values, kind, below))
    return traces


def _rounded(values: Numbers) -> list[float | None]:
    """Six significant digits are more than a chart can show, and keep the file small."""
    return [None if value is None else float(f"{value:.6g}") for value in values]


__all__ = ["Chart", "StepFigures", "Trace", "all_charts", "iso"]

"""The main job in one call: a real market history, cleared through its crisis, with a report and its proof."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from novate.core.book import Book
from novate.core.commands import AnyCommand
from novate.core.facts import Fact
from novate.market.history import DEFAULT_NAME, HistoryError, PriceHistory, default_history, read_history
from novate.report.html import money, require_writable, short, write_report
from novate.report.lending import Lending
from novate.report.omnibus import omnibus_accounts
from novate.report.series import Check, MoneyLine, RunSeries, StepFigures
from novate.service.engine import Engine
from novate.service.reader import DATABASE
from novate.sim import plan as plans
from novate.sim.desk import EngineDesk
from novate.sim.plan import Form, Plan
from novate.sim.population import Population, draw_population
from novate.sim.proof import audited_beside, prove
from novate.sim.recorder import Recorder
from novate.sim.rehearsal import rehearse
from novate.sim.statements import statements
from novate.sim.world import World

WINDOW = ("2007-07-02", "2009-06-30")
CRISIS = ("2008-09-15", "2008-11-20")
CRISIS_LABEL = "15 September to 20 November 2008"
STEPS_MAX = 480
CRASH_AT = 0.6
FLOW_TRADES = 500


class ProofFailed(AssertionError):
    """The journal did not give the same house again, or money is missing: a defect, shown in the report."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo leaves behind. ``journal`` is None where it was only kept for the run."""

    report: Path
    journal: Path | None
    state_hash: str
    seconds: float
    run: RunSeries


def run_demo(
    history: Path | None,
    seed: int,
    out: Path,
    members: int,
    accounts: int,
    console: Console,
    *,
    journal: Path | None = None,
    form: Form = "clearing_house",
    window: tuple[str, str] | None = None,
    flow_trades: int = FLOW_TRADES,
) -> DemoResult:
    """Clear a history with ``members`` members and ``accounts`` client accounts and write ``out/report.html``.

    Without a ``history`` it is the crisis of 2008 from the ``arch`` package; of a file, at most ``STEPS_MAX`` times
    around its steepest fall are cleared, or those from one ISO date to another. ``journal`` is a folder that keeps the
    journal; it must not hold one yet. Raises ``HistoryError`` for a history that cannot be cleared, ``ValueError`` for
    too few members and for a folder that holds a journal, ``ProofFailed`` where the journal does not give the same
    house again, and ``OSError``, before anything is cleared, where the report cannot be written.
    """
    started = time.monotonic()
    if journal is not None and (journal / DATABASE).exists():
        raise ValueError(f"{journal} holds a journal: give a new folder")
    with progress_on(console) as progress:
        plan = plan_of(history, form, window)
        require_writable(out / "report.html")
        rehearse(plan, progress)
        people = draw_population(np.random.default_rng(seed), members, accounts, len(plan.series))
        with tempfile.TemporaryDirectory(prefix="novate-demo-") as scratch:
            folder = journal or Path(scratch) / "journal"
            with audited_beside(folder) as audit:
                run, book = clear(plan, people, seed, folder, flow_trades, progress)
                prove(run, book, folder, audit, progress)
        report = write_report(run, out / "report.html")
    result = DemoResult(report, journal, book.digest().hex(), time.monotonic() - started, run)
    console.print(summary(result))
    console.print(f"Report: {report.resolve()}", soft_wrap=True)
    broken = [check.name for check in run.checks if not check.holds]
    if broken or any(line.difference_minor for line in run.money):
        raise ProofFailed(f"does not hold: {', '.join(broken) or 'conservation of money'}; see {report}")
    return result


@contextmanager
def progress_on(console: Console) -> Iterator[Progress]:
    """A progress display with a bar and the time."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<38}"),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[note]:<12}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield progress


# --- the history --------------------------------------------------------------------------------------------------


def plan_of(path: Path | None, form: Form, window: tuple[str, str] | None) -> Plan:
    """The house to build over a history's crisis."""
    history = default_history() if path is None else read_history(path)
    if window is None and path is None:
        window = WINDOW
    first, last = steepest(history) if window is None else rows_between(history, *window)
    if last - first < 3:
        raise HistoryError(f"{history.name}: {last - first} times in the window: at least 3 are needed")
    return plans.make_plan(history, (first, last), form)


def rows_between(history: PriceHistory, first: str, last: str) -> tuple[int, int]:
    """The rows from one ISO date to another, both included."""
    times = history.times_ns.astype("datetime64[ns]")
    start = int(np.searchsorted(times, np.datetime64(first, "ns")))
    stop = int(np.searchsorted(times, np.datetime64(last, "D") + np.timedelta64(1, "D")))
    return start, stop


def steepest(history: PriceHistory) -> tuple[int, int]:
    """At most ``STEPS_MAX`` rows around the steepest fall of all series together over twenty steps or a day."""
    steps = 20 if history.step_ns >= plans.DAY_NS else max(1, plans.DAY_NS // history.step_ns)
    if len(history) <= max(steps, STEPS_MAX):
        return 0, len(history)
    logs = np.log(history.close)
    moves = logs[steps:] - logs[:-steps]
    known = ~np.isnan(moves)
    mean = np.where(known, moves, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    low = int(np.argmin(mean)) + steps
    first = max(0, min(len(history) - STEPS_MAX, low - int(CRASH_AT * STEPS_MAX)))
    return first, first + STEPS_MAX


def crisis_of(plan: Plan, *, default: bool) -> tuple[tuple[int, int], str]:
    """What the charts mark: the autumn of 2008, or the deepest fall of the primary series, from its high to its low."""
    if default:
        first, last = (int(np.datetime64(day, "s").astype(np.int64)) for day in CRISIS)
        return (first, last), CRISIS_LABEL
    prices = plan.history.close[:, plan.primary.column]
    filled = np.where(np.isnan(prices), -np.inf, prices)
    high = np.maximum.accumulate(filled)
    low_at = int(np.nanargmin(prices / high))
    high_at = int(np.flatnonzero(prices[: low_at + 1] == high[low_at])[0])
    first, last = (plan.time_ns(at) // 10**9 for at in (high_at, low_at))
    fall = 100 * (prices[low_at] / prices[high_at] - 1)
    return (first, last), f"{plan.primary.name} from its high to its low, −{-fall:.1f} %"


# --- the run ------------------------------------------------------------------------------------------------------


def clear(
    plan: Plan, people: Population, seed: int, folder: Path, flow_trades: int, progress: Progress
) -> tuple[RunSeries, Book]:
    """Play the whole window through an engine with its journal in ``folder``; the series and the final book."""
    rng = np.random.default_rng([seed, 1])
    default = plan.history.name == DEFAULT_NAME
    name = "The crisis of 2008" if default else plan.history.name.replace("_", " ")
    crisis, label = crisis_of(plan, default=default)
    run = RunSeries(
        title=f"{name}, cleared",
        source=plan.history.source,
        span=f"{_day(plan, 0)} to {_day(plan, len(plan.history) - 1)}",
        step="day" if plan.daily else _length(plan.step_ns),
        seed=seed,
        form=plan.form,
        numeraire=plan.numeraire,
        decimals=plans.NUMERAIRE_DECIMALS,
        crisis=crisis,
        crisis_label=label,
        intraday=not plan.daily,
    )
    task = progress.add_task("Clearing", total=len(plan.history), note="")
    with Engine(folder, snapshot_every=None) as engine:
        desk = EngineDesk(engine)
        recorder, lending = Recorder(people=people, form=plan.form), Lending()

        def watch(command: AnyCommand, facts: Sequence[Fact], time_ns: int) -> None:
            recorder.watch(command, facts, time_ns)
            lending.fold(facts, time_ns)

        world = World(plan, people, rng, desk, watch, flow_trades)
        recorder.market = world.market
        world.open_house()
        before = world.look()
        for step in range(len(plan.history)):
            recorder.figures = StepFigures(plan.time_ns(step) // 10**9, _prices(plan, step))
            after = world.play(step)
            run.steps.append(recorder.close_step(world, before, after))
            before = after
            progress.update(task, advance=1, note=_day(plan, step))
        book = desk.look(lambda book: Book.loads(book.dumps()))
    gather(run, recorder, world, book)
    run.lent, run.loans, run.omnibus = lending.lent(book), lending.loans(book), omnibus_accounts(book)
    run.statements = statements(plan, people, world.market, book.rulebook, seed)
    return run, book


def gather(run: RunSeries, recorder: Recorder, world: World, book: Book) -> None:
    """Totals, defaults and the conservation of money, from the recorder's own ledger."""
    people = world.people
    run.figures = {
        "trades": recorder.trades,
        "notional": round(recorder.notional),
        "accounts": people.count,
        "members": people.members,
        "contracts": len(world.market.listed),
        "gross_lots": recorder.gross_lots,
        "net_lots": recorder.net_lots(book),
        "orders": len(recorder.orders),
        "taken_over": recorder.taken_over,
        "commands": recorder.commands,
    }
    run.defaults = recorder.failures.records()
    run.facts = dict(recorder.facts.most_common())
    run.rejections = dict(recorder.rejections.most_common())
    for index, asset in enumerate(book.registers.assets):
        held = recorder.held_by_role(index)
        run.money.append(
            MoneyLine(asset.symbol, asset.decimals, recorder.paid_in[index], recorder.paid_out[index], held)
        )
    wrong = recorder.differences(book)
    accounts, assets = book.account_count, book.asset_count
    run.checks.append(
        Check(
            "An independent ledger, written from facts alone, has the book's balances",
            f"{accounts * assets:,} balances, {wrong:,} differ",
            wrong == 0,
        )
    )
    unplaced = recorder.failures.unplaced_minor()
    run.checks.append(
        Check(
            "Every unit that a layer paid stands in the table of who paid for whom",
            f"{sum(recorder.failures.absorbed.values()):,} minor units, {unplaced:,} missing",
            unplaced == 0,
        )
    )


def summary(result: DemoResult) -> Table:
    """The figures that matter, for the terminal."""
    run, figures = result.run, result.run.figures
    made, missed = (sum(getattr(step, name) for step in run.steps) for name in ("calls_made", "calls_missed"))
    table = Table(title=f"{run.title}: {run.span}", show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column(justify="right")
    unit = run.numeraire
    rows = [
        ("Members, accounts, contracts", " · ".join(f"{figures[k]:,}" for k in ("members", "accounts", "contracts"))),
        ("Trades novated", f"{figures['trades']:,}"),
        ("worth of the underlying", f"{short(figures['notional'])} {unit}"),
        ("Margin calls, missed", f"{made:,} · {missed:,}"),
        ("Liquidation orders, buckets taken over", f"{figures['orders']:,} · {figures['taken_over']:,}"),
        ("Member defaults", f"{sum(step.members_defaulted for step in run.steps):,}"),
    ]
    for layer, words in (
        ("own_margin", "paid by the defaulters' margin"),
        ("defaulter_fund", "by their fund contributions"),
        ("skin_in_the_game", "by the house's capital"),
        ("insurance_fund", "by the insurance fund"),
        ("survivors_fund", "by the survivors' fund"),
        ("treasury", "by the treasury, of what it had lent"),
        ("gains_haircut", "by a haircut of gains"),
    ):
        rows.append((words, f"{money(sum(r.paid.get(layer, 0) for r in run.defaults), run.decimals)} {unit}"))
    rows += [
        ("Unexplained money", money(sum(abs(line.difference_minor) for line in run.money), run.decimals) + f" {unit}"),
        ("Replay and audit", "identical" if all(check.holds for check in run.checks) else "DIFFERENT"),
        ("State", result.state_hash[:16] + "…"),
        ("Time", f"{result.seconds:.1f} s"),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _prices(plan: Plan, step: int) -> dict[str, float | None]:
    row = plan.history.close[step]
    return {s.name: None if np.isnan(row[s.column]) else float(row[s.column]) for s in plan.series}


def _day(plan: Plan, step: int) -> str:
    return datetime.fromtimestamp(plan.time_ns(step) // 10**9, UTC).date().isoformat()


def _length(step_ns: int) -> str:
    minutes = step_ns // plans.MINUTE_NS
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


__all__ = ["DemoResult", "ProofFailed", "run_demo"]

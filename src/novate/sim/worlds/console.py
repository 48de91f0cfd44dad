"""``novate sim``: worlds played on a terminal."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from novate.sim.worlds.many import Report, play_many, report_of
from novate.sim.worlds.play import play, replay
from novate.sim.worlds.script import places_of


def simulate(first: int, count: int, steps: int, jobs: int, history: Path | None, console: Console) -> bool:
    """Play many worlds with a sign of progress; says what failed and how to bring it back. True where all agree."""
    seen: Counter[str] = Counter()
    failed: list[Report] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("worlds", total=count)
        for report in play_many(first, count, steps, jobs, history):
            progress.advance(task)
            seen += report.seen
            seen["steps"] += report.steps
            if report.line is not None:
                failed.append(report)
                tell(report, console)
    what = ("TradesNovated", "MarginCalled", "Breached", "MemberDefaulted", "TakenOver", "LossAbsorbed", "GainsCut")
    counts = ", ".join(f"{name} {seen[name]:,}" for name in what)
    console.print(f"{count:,} worlds, {seen['steps']:,} steps: {counts}", highlight=False)
    if failed:
        console.print(f"{len(failed):,} of {count:,} worlds failed", style="bold red", highlight=False)
    else:
        console.print("the auditor agrees with the core in every one of them", highlight=False)
    return not failed


def simulate_one(seed: int, steps: int, only: str | None, history: Path | None, console: Console) -> bool:
    """Play one world, or (``only``) some places of its script. True where nothing fails. Raises ``ValueError``."""
    if only is None:
        report = report_of(seed, steps, history)
        if report.line is not None:
            tell(report, console)
            return False
        console.print(f"world {seed}: {report.steps:,} steps, the auditor agrees with the core", highlight=False)
        return True
    places = places_of(only)
    script = play(seed, steps, history, audited=False).script
    if not places or places[-1] >= len(script):
        raise ValueError(f"--only {only}: the script of world {seed} has the places 0 to {len(script) - 1}")
    failure = replay(script, places)
    for place in places:
        step = script[place]
        console.print(f"{place:>5}  {step.time_ns}  {step.what}"[:400], markup=False, highlight=False, soft_wrap=True)
    if failure is None:
        console.print("nothing fails", highlight=False)
        return True
    console.print(f"place {failure.place}: {failure.message}", markup=False, highlight=False, soft_wrap=True)
    return False


def tell(report: Report, console: Console) -> None:
    """What failed, and on a line of its own how to bring it back."""
    console.print(f"world {report.seed}: {report.message}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"    {report.line}", markup=False, highlight=False, soft_wrap=True)

"""The figures as people read them."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.figures import Figure

WIDTH_LEAST = 150


def show(console: Console, machine: dict[str, str], figures: Sequence[Figure]) -> None:
    """Print the machine and a row for each figure; what stands beside a figure is shown as a ratio to it."""
    if not console.is_terminal:
        console.width = max(console.width, WIDTH_LEAST)
    for name, words in machine.items():
        console.print(f"{name:>10}  {words}", highlight=False, soft_wrap=True)
    table = Table(show_lines=True)
    table.add_column("figure", ratio=4)
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("lowest to highest", justify="right", no_wrap=True)
    table.add_column("target", justify="right", no_wrap=True)
    table.add_column("reached", justify="center")
    table.add_column("beside it", ratio=5)
    for figure in figures:
        table.add_row(*row(figure))
    console.print(table)


def row(figure: Figure) -> tuple[str, ...]:
    """The cells of a figure."""
    if figure.value is None:
        return figure.figure, "skipped", "", "", "", figure.skipped
    low, high = min(figure.samples), max(figure.samples)
    spread = f"{number(low)} to {number(high)} ({len(figure.samples)})" if len(figure.samples) > 1 else ""
    bound = "at most" if figure.at_most else "at least"
    target = "" if figure.target is None else f"{bound} {number(figure.target)}"
    met = {None: "", True: "yes", False: "[bold red]no[/]"}[figure.met]
    lines = [f"{ratio(figure.value, other)} {name}: {number(other)}" for name, other in figure.beside.items()]
    return figure.figure, f"{number(figure.value)} {figure.unit}", spread, target, met, "\n".join(lines)


def ratio(value: float, other: float) -> str:
    """How many times one is the other."""
    if not other:
        return "-"
    times = value / other
    return f"{times:.0f}x" if times >= 10 else f"{times:.2f}x"


def number(value: float) -> str:
    """Three or more figures, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

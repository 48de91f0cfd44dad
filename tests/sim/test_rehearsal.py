"""What is compiled ahead is what the house then asks for: otherwise it would be compiled twice."""

import io

from rich.console import Console

from novate.core.kernels import fills, legs, margin, marks, sweep, trades
from novate.sim.demo import plan_of, progress_on
from novate.sim.rehearsal import compile_others, compile_trades, rehearse

AHEAD = (trades.judge_trades, sweep.judge_range, margin.judge_one, fills.judge_side, marks.mark_rows, legs.novate_rows)


def test_what_is_compiled_ahead_is_what_a_house_asks_for() -> None:
    with progress_on(Console(file=io.StringIO())) as progress:
        rehearse(plan_of(None, "clearing_house", None), progress)
    asked = [set(kernel.signatures) for kernel in AHEAD]
    compile_trades()
    compile_others()
    assert [set(kernel.signatures) for kernel in AHEAD] == asked

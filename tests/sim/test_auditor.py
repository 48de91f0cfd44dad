"""Worlds with the auditor beside the core; and bugs planted in the core, each of which the auditor must find."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from novate.core import (
    collateral,
    consequences,
    estate,
    ledger,
    liquidation,
    novation,
    settlement,
    variation,
    waterfall,
)
from novate.core.facts import AnyFact
from novate.core.money import ceil_div, rate_of
from novate.core.reasons import Reason
from novate.core.settlement import Flows
from novate.sim.auditor import Auditor
from novate.sim.auditor.auditor import APPLIES
from novate.sim.worlds.console import simulate_one
from novate.sim.worlds.many import Report, play_many
from novate.sim.worlds.play import Failure, Played, Stage, play
from novate.sim.worlds.shrink import shrink

JOBS = os.cpu_count() or 1


def all_agree(reports: list[Report]) -> Counter[str]:
    """What was seen in worlds of which none may fail."""
    failed = [f"world {report.seed}: {report.message}\n    {report.line}" for report in reports if report.line]
    assert not failed, "\n".join(failed)
    return sum((report.seen for report in reports), Counter())


def test_fifty_worlds_agree_and_reach_every_fact() -> None:
    seen = all_agree(list(play_many(0, 50, 200, JOBS)))
    assert [kind.__name__ for kind in AnyFact.__args__ if not seen[kind.__name__]] == []
    assert seen["restart engine"] and seen["restart facts"] and seen["restart snapshot"]


@pytest.mark.long
def test_a_thousand_worlds_agree() -> None:
    all_agree(list(play_many(1_000, 1_000, 200, JOBS)))


def test_the_auditor_knows_every_fact() -> None:
    assert [kind.__name__ for kind in AnyFact.__args__ if kind not in APPLIES] == []


# ---- planted bugs ---------------------------------------------------------------------------------------------------


def first_failure(worlds: int = 40, steps: int = 200) -> tuple[Played, Failure]:
    """The first world that fails."""
    for seed in range(worlds):
        played = play(seed, steps)
        if played.failure is not None:
            return played, played.failure
    raise AssertionError(f"{worlds} worlds did not find the bug")


def last_gets_the_rest(total: int, weights: Any) -> list[int]:
    """Pro rata with what is left over for the last one."""
    shares = [total * weight // sum(weights) for weight in weights]
    shares[-1] += total - sum(shares)
    return shares


def flows_rounded_up(book: Any, asset: int) -> Flows:
    """A payer pays less, a receiver receives more."""
    flow, carry = HONEST_FLOWS(book, asset)
    unit = int(book.assets[asset]["unit_fine"])
    up = (carry > 0).astype(np.int64)
    return Flows(flow + up, carry - up * unit)


def remainder_paid_again(book: Any, asset: int) -> Flows:
    """What is paid out stays in the carry too."""
    flow, carry = HONEST_FLOWS(book, asset)
    return Flows(flow, carry + np.where(carry > 0, 1, 0))


def fees_a_unit_low(*arguments: Any) -> Any:
    """Fees rounded down."""
    novated, refused, mark = HONEST_TRADES(*arguments)
    for side in ("buyer_fee_fine", "seller_fee_fine"):
        novated[side] -= (novated[side] > 0).astype(np.int64)
    return novated, refused, mark


def wrong_sign_of_funding(book: Any, command: Any) -> Any:
    """Shorts pay longs where longs should pay shorts."""
    rows = np.frombuffer(command.rows, variation.FUNDING).copy()
    rows["rate_e12"] = -rows["rate_e12"]
    return HONEST_FUNDING(book, type(command)(rows.tobytes()))


def nobody_is_short(book: Any, buckets: Any) -> list[Any]:
    """No calls and no breaches."""
    return []


def skipped_payment(book: Any, fact: Any) -> None:
    """A layer owes it and does not pay."""
    waterfall.add_claim(book, fact.bucket, waterfall.Claim(fact.layer, fact.payer, fact.asset, fact.amount_minor))


HONEST_FLOWS = settlement.flows_of
HONEST_TRADES = novation.judge_trades
HONEST_FUNDING = variation.decide_funding

BUGS: dict[str, tuple[Any, str, Any]] = {
    "shares of a loss": (waterfall, "split_pro_rata", last_gets_the_rest),
    "shares of a cut": (settlement, "split_pro_rata", last_gets_the_rest),
    "shares of a take-over": (liquidation, "split_pro_rata", last_gets_the_rest),
    "shares of a repayment": (estate, "split_pro_rata", last_gets_the_rest),
    "settlement rounded up": (settlement, "flows_of", flows_rounded_up),
    "a remainder paid again and again": (settlement, "flows_of", remainder_paid_again),
    "fees rounded down": (novation, "judge_trades", fees_a_unit_low),
    "funding with the wrong sign": (variation, "decide_funding", wrong_sign_of_funding),
    "a funding index cut off": (variation, "round_half_even", lambda numerator, denominator: numerator // denominator),
    "haircuts the wrong way round": (collateral, "rate_of", lambda price, up: rate_of(price, up=not up)),
    "conversion in favour of the payer": (
        collateral,
        "ceil_div",
        lambda numerator, denominator: numerator // denominator,
    ),
    "withdrawals without margin": (ledger, "_check_withdrawal", lambda *_: (Reason.ACCEPTED, 0)),
    "nobody is called": (consequences, "check", nobody_is_short),
    "slices a lot too small": (liquidation, "enough_lots", lambda *_: 1),
    "slices of the whole position": (
        liquidation,
        "ceil_div",
        lambda n, d: ceil_div(n, d) if d != 10**6 else n // d + 1,
    ),
    "repaid in the order of payment": (estate, "SENIORITY", estate.SENIORITY[::-1]),
}
QUICK = (
    "shares of a cut",
    "settlement rounded up",
    "fees rounded down",
    "withdrawals without margin",
    "nobody is called",
)


@pytest.mark.parametrize(
    "bug", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in BUGS]
)
def test_the_auditor_finds_a_planted_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BUGS[bug])
    _, failure = first_failure()
    print(bug, failure)
    assert failure.message.startswith(failure.noun + ": "), "it must be the auditor who objects"

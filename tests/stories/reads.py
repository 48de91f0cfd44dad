"""The reads of the house as ``Then`` sentences: a row asks a question, and its further cells are the answer.

They go through ``house.questions``, as a user's do, and a read that changes the house fails the story.
"""

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from novate.house import questions
from novate.tape import Refusal, Refused
from tests.stories.cells import fields_of
from tests.stories.compare import Record, compare
from tests.stories.parse import Step, StoryError
from tests.stories.words import Words
from tests.stories.world import World

DEPOSIT, TRADE = ("asset", "amount"), ("contract", "side", "price", "lots")


def trades_would_be(world: World, step: Step) -> None:
    """What-if: rows of one account that follow on each other are one question, each row with what stands after it.

    A row has a trade, a deposit (``amount``) or both; a trade in a contract that is held isolated shows that bucket.
    """

    def ask(records: list[Record]) -> Iterator[Record]:
        for name, rows in itertools.groupby(records, key=lambda row: row["account"]):
            so_far: list[dict[str, Any]] = []
            for row in rows:
                so_far.append(fields_of(row))
                yield answered(world, partial(after, world, rows=so_far), name)

    compare_answers(world, step, ("account", "amount", *TRADE), ask)


def after(world: World, account: int, rows: list[dict[str, Any]]) -> Record:
    """The answer to the last of the rows, and the bucket that it went to."""
    deposits = [{name: row[name] for name in DEPOSIT} for row in rows if "amount" in row]
    trades = [{name: row[name] for name in TRADE if name in row} for row in rows if "side" in row]
    answer = questions.what_if(world.book, account, questions.decode(trades, deposits, world.names), 0)
    last, bucket = rows[-1], answer.account
    places = [f"$.deposits[{len(deposits) - 1}]"] if "amount" in last else []
    places += [f"$.trades[{len(trades) - 1}]"] if "side" in last else []
    figures = answer.after
    for each in answer.isolated:
        if each.contract == last.get("contract"):
            bucket, figures = each.account, each.after
    return {
        **reason_of(next((each for each in answer.refusals if each.path.startswith(tuple(places))), None)),
        "bucket": bucket,
        "priced": "yes" if figures.priced else "no",
        **{name: f"{getattr(figures, name):f}" for name in ("equity", "initial", "maintenance", "free")},
    }


def largest_orders(world: World, step: Step) -> None:
    """The most lots that are accepted, and why one lot more is refused."""

    def largest(row: dict[str, Any], account: int) -> Record:
        contract = world.names.contract(row["contract"], "$.contract")
        ticks = world.names.ticks(row["price"], contract, "$.price")
        found = questions.largest_order(world.book, account, contract, row["side"], ticks, 0)
        return {"lots": str(found.lots), **reason_of(found.refusal)}

    each_row(world, step, ("account", "contract", "side", "price"), largest)


def liquidation_prices(world: World, step: Step) -> None:
    """The first marks at which an account falls short of initial (a call) and of maintenance, or none."""
    words = Words(world.book)

    def price(decimal: Decimal | None, contract: int) -> str:
        return "none" if decimal is None else words.price(world.names.ticks(f"{decimal:f}", contract, "$"), contract)

    def ends(row: dict[str, Any], account: int) -> Record:
        contract = world.names.contract(row["contract"], "$.contract")
        found = questions.liquidation_price(world.book, account, contract, 0)
        names = ("mark", "call_below", "call_above", "liquidation_below", "liquidation_above")
        prices = {name.replace("_", " "): price(getattr(found, name), contract) for name in names}
        return {"answer": "found", **prices, "because": found.reason}

    each_row(world, step, ("account", "contract"), ends)


# --- what the three have in common ----------------------------------------------------------------------------------


def each_row(world: World, step: Step, question: tuple[str, ...], ask: Callable[[dict[str, Any], int], Record]) -> None:
    """Ask each row of the table by itself."""

    def asked(records: list[Record]) -> Iterator[Record]:
        for row in records:
            yield answered(world, partial(ask, fields_of(row)), row["account"])

    compare_answers(world, step, question, asked)


def compare_answers(
    world: World, step: Step, question: tuple[str, ...], ask: Callable[[list[Record]], Iterator[Record]]
) -> None:
    """Ask, compare what is not the question, and see that nothing has changed; ``says`` is part of a message."""
    digest, records, found = world.book.digest(), step.records(), []
    for row, answer in zip(records, ask(records), strict=True):
        if row.get("says", "") in answer.get("says", ""):
            answer["says"] = row.get("says", "")
        found.append({column: row[column] for column in question if column in row} | answer)
    compare(step, records, found)
    if world.book.digest() != digest:
        raise StoryError(f"{step.place}: the question changed the house")


def answered(world: World, ask: Callable[[int], Record], name: str) -> Record:
    """The answer about an account, or why the question cannot be asked."""
    try:
        return ask(world.names.account(name, "$.account"))
    except Refused as error:
        return reason_of(error.refusal)


def reason_of(refusal: Refusal | None) -> Record:
    """The reason and the message of a refusal."""
    if refusal is None:
        return {"answer": "accepted", "says": ""}
    return {"answer": refusal.reason.text.replace("_", " "), "says": refusal.message}

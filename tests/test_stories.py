"""Every story under ``stories/`` is a test, and the runner itself is tested: a wrong figure must fail."""

import functools
from typing import Any

import pytest

from novate.core.book import Book
from novate.core.reasons import Reason
from novate.house import questions
from tests.stories.checks import run
from tests.stories.parse import Story, StoryError, parse, parse_file
from tests.stories.sentences import FOLDER, setups

FILES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


@functools.cache
def stories() -> dict[str, Story]:
    """All stories by code."""
    return {story.code: story for path in FILES for story in parse_file(path).stories}


@pytest.mark.parametrize("code", stories())
def test_story(code: str) -> None:
    """The house does what the story says, to the last figure."""
    run(stories()[code].steps)


# --- the list of stories --------------------------------------------------------------------------------------------


def test_codes_belong_to_one_story_each() -> None:
    """No code is given twice, and each file holds the family that the README names for it."""
    codes = [story.code for path in FILES for story in parse_file(path).stories]
    assert len(codes) == len(set(codes))
    readme = (FOLDER / "README.md").read_text("utf-8")
    for path in FILES:
        families = {story.code.split("-")[0] for story in parse_file(path).stories}
        assert len(families) == 1, f"{path.name} mixes families: {sorted(families)}"
        line = next((line for line in readme.splitlines() if f"]({path.name})" in line), "")
        assert line.endswith(f"| {families.pop()} |"), f"{path.name} is not in the README's table with its family"


UNTOLD = {
    Reason.ACCEPTED: "no refusal",
    Reason.EXECUTION_EXCEEDS_POSITION: "an order never exceeds its position, so its lots end first",
    Reason.TIME_RUNS_BACKWARDS: "the engine that stamps the time refuses it, and the stories begin behind it",
}
"""Reasons that no story asks for, and why."""


def test_every_reason_is_told() -> None:
    """Each way of saying no has a story, and each refusal in a story has a reason of the list."""
    told = {
        record["reason"].upper().replace(" ", "_")
        for story in stories().values()
        for step in story.steps
        if step.phrase == "the refusals are"
        for record in step.records()
    }
    assert told | {reason.name for reason in UNTOLD} == {reason.name for reason in Reason}


# --- the runner itself ----------------------------------------------------------------------------------------------

TRADE = """
## NOV-001 A trade

> Two legs.

Given the standard house

And the deposits

| account | amount     |
|---------|------------|
| Alder   | 500.00 USD |
| Birch   | 500.00 USD |

When at 10:00 the trades

| buyer | seller | contract | lots | price  |
|-------|--------|----------|------|--------|
| Alder | Birch  | OIL      | 2    | 101.00 |

Then the positions are

| account | contract | lots | cost      |
|---------|----------|------|-----------|
| Alder   | OIL      | 2    | 2,020.00  |

And the accounts are

| account | equity | initial | free   |
|---------|--------|---------|--------|
| Alder   | 480.00 | 200.00  | 280.00 |

And the facts are

| fact           | who | what                   |
|----------------|-----|------------------------|
| trades novated |     | Alder 2 OIL from Birch |

*Working.* 2 × 1,010.
"""


def tell(text: str) -> None:
    """Run the one story of a text."""
    (story,) = parse(text, "text.md").stories
    run(story.steps)


def test_a_true_story_passes() -> None:
    tell(TRADE)


@pytest.mark.parametrize(
    ("true", "false", "message"),
    [
        ("2,020.00", "2,020.01", "row 1 .Alder., cost: the story says 2,020.01, the house says 2020.00"),
        ("| OIL      | 2    | 2,", "| OIL      | 3    | 2,", "lots: the story says 3, the house says 2"),
        ("| 480.00 |", "| 480.00000001 |", "equity: the story says 480.00000001, the house says 480.00"),
        ("| 280.00 |", "| 280 |", None),
        ("2 OIL from Birch |", "2 OIL from Cedar |", "the story says Alder 2 OIL from Cedar"),
        ("| trades novated |     | Alder 2 OIL from Birch |\n", "", "a table needs a header"),
        ("| Alder   | OIL      | 2    | 2,020.00  |", "| Birch   | none |  |  |", "the story says none"),
        ("| lots | price  |\n|--", "| lotz | price  |\n|--", "refused and not mentioned so far: malformed"),
        ("| equity | initial | free   |", "| equity | initial | gratis |", "no column 'gratis'"),
        ("the positions are", "the positions were", "no sentence is"),
        ("the trades\n", "the trade\n", "no sentence is"),
        ("| 2    | 101.00 |", "| 20   | 101.00 |", "before this, the house refused|the house says"),
        ("*Working.* 2 × 1,010.", "2 × 1,010.", "neither a step, a table, a promise nor a working"),
        ("> Two legs.\n", "", "lacks a promise"),
        ("Then the positions", "Later the positions", "neither a step"),
        ("| 2    | 101.00 |", "| 2    |", "row 1 has 4 cells of 5"),
    ],
)
def test_a_false_story_fails(true: str, false: str, message: str | None) -> None:
    """A wrong figure, an unknown sentence, a forgotten row: each fails, and says where."""
    assert true in TRADE
    text = TRADE.replace(true, false)
    if message is None:
        tell(text)
        return
    with pytest.raises(StoryError, match=message):
        tell(text)


READS = (
    TRADE.split("Then the positions", maxsplit=1)[0]
    + """
Then the trades would be

| account | side | contract | lots | price  | answer              | says     | equity | initial |
|---------|------|----------|------|--------|---------------------|----------|--------|---------|
| Alder   | buy  | OIL      | 2    | 100.00 | accepted            |          | 480.00 | 400.00  |
| Alder   | buy  | OIL      | 1    | 100.00 | margin insufficient | 20 USD   | 480.00 | 400.00  |

And the largest orders are

| account | contract | side | price  | lots | answer              |
|---------|----------|------|--------|------|---------------------|
| Alder   | OIL      | buy  | 100.00 | 2    | margin insufficient |

And the liquidation prices are

| account | contract | call below | call above | liquidation below |
|---------|----------|------------|------------|-------------------|
| Alder   | OIL      | 84.44      | none       | 79.99             |

*Working.* 500 + 20 (p - 101) against 2 p and 1 p.
"""
)


@pytest.mark.parametrize(
    ("true", "false", "message"),
    [
        ("", "", None),
        ("| accepted            |", "| margin insufficient |", "row 1 .Alder., answer: the story says margin insuff"),
        ("| 480.00 | 400.00  |", "| 480.00 | 200.00  |", "initial: the story says 200.00, the house says 400.00"),
        ("| 20 USD   |", "| 30 USD   |", "says: the story says 30 USD"),
        ("| 100.00 | 2    |", "| 100.00 | 3    |", "lots: the story says 3, the house says 2"),
        ("| 100.00 | 2    | margin insufficient", "| 100.00 | 2    | accepted", "the story says accepted"),
        ("| 84.44 ", "| 84.45 ", "call below: the story says 84.45, the house says 84.44"),
        ("| none       |", "| 120.00     |", "call above: the story says 120.00, the house says none"),
        ("| Alder   | OIL      | 84.44", "| Elder   | OIL      | 84.44", "no column 'call below'"),
        ("| call above |", "| call often |", "no column 'call often'"),
        ("| side | price  | lots | answer", "| side | price  | many | answer", "no column 'many'"),
    ],
)
def test_a_false_answer_fails(true: str, false: str, message: str | None) -> None:
    """Each cell that follows a question is compared."""
    assert true in READS
    if message is None:
        tell(READS)
        return
    with pytest.raises(StoryError, match=message):
        tell(READS.replace(true, false, 1))


def test_a_question_that_changes_the_house_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = questions.largest_order

    def meddling(book: Book, *others: Any) -> questions.LargestOrder:
        book.registers.time_ns += 1
        return ask(book, *others)

    monkeypatch.setattr(questions, "largest_order", meddling)
    with pytest.raises(StoryError, match="the question changed the house"):
        tell(READS)


def test_a_refusal_that_nobody_mentions_fails() -> None:
    text = TRADE.split("Then the positions", maxsplit=1)[0].replace("| 2    | 101.00 |", "| 20   | 101.00 |")
    with pytest.raises(StoryError, match="margin_insufficient"):
        tell(text + "Then no calls are open\n\n*Working.* 20 lots need 2,000.\n")


def test_a_fact_that_nobody_mentions_fails() -> None:
    """Facts are complete: a settlement that the story leaves out is noticed."""
    text = TRADE.replace("Then the positions", "And at 16:00 the clock strikes\n\nThen the positions")
    with pytest.raises(StoryError, match="the story has 1 rows, the house has 3"):
        tell(text.replace("2,020.00", "2,000.00"))


def test_set_ups_can_be_read() -> None:
    """The standard house and its variants stand in the README and are accepted whole."""
    assert set(setups()) == {
        "the standard house",
        "a house of bets",
        "a venue",
        "a house that lends",
        "a house that sells by order",
        "a house with a risk sheet",
    }
    for steps in setups().values():
        run(steps)

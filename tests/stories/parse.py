"""Reads a story: headings, sentences and pipe tables. Strict, so that a typing error cannot pass for prose.

A file holds stories (``## VAR-001 A rise is paid …``) and named set-ups (``## Given the standard house``). Inside them
every paragraph is one of: a promise (``> …``), a step (``Given``, ``When``, ``Then``, ``And``), the table of the step
before it, or the working (``*Working.* …``). Anything else is an error with its place.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

HEADING = re.compile(r"## (?P<code>[A-Z]{2,4}-\d{3}) (?P<title>.+)")
SETUP = re.compile(r"## (?P<name>Given .+)")
STEP = re.compile(
    r"(?P<word>Given|When|Then|And)"
    r"(?:,? (?:at|on) (?:day (?P<day>\d+)(?:,? at)? )?(?P<clock>\d\d:\d\d(?::\d\d)?))?,?"
    r" (?P<phrase>.+?)[:.]?",
    re.DOTALL,
)


class StoryError(AssertionError):
    """A story that cannot be read, or whose figures are not those of the house. The message names the place."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A pipe table: cells as written, without the space around them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int

    def records(self) -> list[dict[str, str]]:
        """Each row as ``{column: cell}``; empty cells are left out."""
        return [{name: cell for name, cell in zip(self.columns, row, strict=True) if cell} for row in self.rows]


@dataclasses.dataclass(frozen=True)
class Step:
    """One sentence with its table. ``word`` is Given, When or Then; ``clock`` is ``(day, "HH:MM:SS")`` or None."""

    word: str
    phrase: str
    clock: tuple[int | None, str] | None
    table: Table | None
    place: str

    def records(self) -> list[dict[str, str]]:
        """The rows of its table, which it must have."""
        if self.table is None:
            raise StoryError(f'{self.place}: "{self.phrase}" needs a table')
        return self.table.records()


@dataclasses.dataclass(frozen=True)
class Story:
    """A code, a title, a one-line promise, steps and the working of their figures."""

    code: str
    title: str
    promise: str
    steps: tuple[Step, ...]
    working: str
    place: str


@dataclasses.dataclass(frozen=True)
class Pages:
    """What a file holds."""

    stories: tuple[Story, ...]
    setups: dict[str, tuple[Step, ...]]


def parse_file(path: Path) -> Pages:
    """Stories and set-ups of one file."""
    return parse(path.read_text("utf-8"), path.name)


def parse(text: str, name: str) -> Pages:
    """Stories and set-ups of a text. Raises ``StoryError`` with the line of what cannot be read."""
    stories: list[Story] = []
    setups: dict[str, tuple[Step, ...]] = {}
    for line, heading, paragraphs in sections(text):
        place = f"{name}:{line}"
        if match := HEADING.fullmatch(heading):
            stories.append(story_of(match["code"], match["title"], paragraphs, name, line))
        elif match := SETUP.fullmatch(heading):
            steps, _, _ = contents(paragraphs, name)
            setups[match["name"].removeprefix("Given ")] = steps
        elif name != "README.md":
            raise StoryError(f'{place}: {heading!r} is no story: write "## NOV-001 What it shows"')
    codes = [story.code for story in stories]
    if twice := sorted(code for code in set(codes) if codes.count(code) > 1):
        raise StoryError(f"{name}: {', '.join(twice)} given twice: each story has a code of its own")
    return Pages(tuple(stories), setups)


def story_of(code: str, title: str, paragraphs: list[tuple[int, str]], name: str, line: int) -> Story:
    """A story with all that it must have."""
    steps, promise, working = contents(paragraphs, name)
    place = f"{name}:{line}"
    missing = [
        what
        for what, there in (
            ("a promise (> …)", promise),
            ("a Then", any(step.word == "Then" for step in steps)),
            ("its working (*Working.* …)", working),
        )
        if not there
    ]
    if missing:
        raise StoryError(f"{place}: {code} lacks {' and '.join(missing)}")
    return Story(code, title, promise, steps, working, place)


def sections(text: str) -> Iterator[tuple[int, str, list[tuple[int, str]]]]:
    """Each ``##`` heading with its line and its paragraphs; what stands before the first is an introduction."""
    heading: tuple[int, str] | None = None
    paragraphs: list[tuple[int, str]] = []
    for line, paragraph in paragraphs_of(text):
        if paragraph.startswith("## "):
            if heading:
                yield *heading, paragraphs
            heading, paragraphs = (line, paragraph), []
        else:
            paragraphs.append((line, paragraph))
    if heading:
        yield *heading, paragraphs


def paragraphs_of(text: str) -> Iterator[tuple[int, str]]:
    """Runs of lines with the number of their first; a heading, and the start of a table, begin a new one."""
    start, lines = 0, []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        line = line.rstrip()
        breaks = not line or line.startswith("#") or (line.startswith("|") != (lines[:1] and lines[0].startswith("|")))
        if lines and (breaks or lines[0].startswith("#")):
            yield start, "\n".join(lines)
            lines = []
        if line:
            start = start if lines else number
            lines.append(line)


def contents(paragraphs: list[tuple[int, str]], name: str) -> tuple[tuple[Step, ...], str, str]:
    """``(steps, promise, working)`` of a section."""
    steps: list[Step] = []
    promise, working = "", []
    for line, paragraph in paragraphs:
        place = f"{name}:{line}"
        if paragraph.startswith("|"):
            if not steps or steps[-1].table:
                raise StoryError(f"{place}: a table without a sentence before it")
            steps[-1] = dataclasses.replace(steps[-1], table=table_of(paragraph, line, place))
        elif paragraph.startswith("> "):
            promise = paragraph.removeprefix("> ")
        elif paragraph.startswith("*Working"):
            working.append(paragraph)
        elif match := STEP.fullmatch(paragraph.replace("\n", " ")):
            steps.append(step_of(match, steps[-1].word if steps else "Given", place))
        else:
            raise StoryError(f"{place}: neither a step, a table, a promise nor a working: {paragraph[:60]!r}")
    return tuple(steps), promise, "\n".join(working)


def step_of(match: re.Match[str], before: str, place: str) -> Step:
    """A step from its sentence; ``And`` goes on with the word before it."""
    word = before if match["word"] == "And" else match["word"]
    clock = None
    if match["clock"]:
        clock = (int(match["day"]) if match["day"] else None, match["clock"])
    return Step(word, match["phrase"], clock, None, place)


def table_of(paragraph: str, line: int, place: str) -> Table:
    """A table from its lines: header, rule, rows of the same width."""
    rows = [tuple(cell.strip() for cell in text.strip().strip("|").split("|")) for text in paragraph.splitlines()]
    if len(rows) < 3 or not all(re.fullmatch(r":?-+:?", cell) for cell in rows[1]):
        raise StoryError(f"{place}: a table needs a header, a rule (|---|) and rows")
    for at, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise StoryError(f"{place}: row {at - 1} has {len(row)} cells of {len(rows[0])}")
    return Table(tuple(cell.lower() for cell in rows[0]), tuple(rows[2:]), line)

"""What a table of a story says against what the house says, cell by cell.

A wrong cell fails with the place, what the story says and what the house says.
"""

from tests.stories.parse import Step, StoryError
from tests.stories.world import World

Record = dict[str, str]


def compare(step: Step, said: list[Record], found: list[Record]) -> None:
    """Row by row and cell by cell; cells that a row leaves empty are not compared."""
    for at, (row, own) in enumerate(zip(said, found, strict=False), start=1):
        for column, cell in row.items():
            if column not in own:
                raise StoryError(f"{step.place}: no column {column!r} in {step.phrase}; known are {', '.join(own)}")
            if plain(cell) != plain(own[column]):
                who = own.get("account") or own.get("who") or own.get("contract") or ""
                raise StoryError(
                    f"{step.place}: {step.phrase}, row {at} ({who}), {column}: the story says {cell}, "
                    f"the house says {own[column]}\n{pictured(found)}"
                )
    if len(said) != len(found):
        counts = f"the story has {len(said)} rows, the house has {len(found)}"
        raise StoryError(f"{step.place}: {step.phrase}: {counts}\n{pictured(found)}")


def plain(cell: str) -> str:
    """A cell without thousands separators and without needless zeros: 1,000.00 and 1000 are the same figure."""
    words = []
    for word in cell.split(" "):
        bare, comma = (word[:-1], ",") if word.endswith(",") else (word, "")
        number = bare.replace(",", "")
        if number.lstrip("-").replace(".", "", 1).isdigit() and "." in number:
            number = number.rstrip("0").rstrip(".")
        words.append((number if number.lstrip("-").replace(".", "", 1).isdigit() else bare) + comma)
    return " ".join(words)


def pictured(rows: list[Record]) -> str:
    """The house's own rows, for a failing story."""
    return "\n".join("| " + " | ".join(row.values()) + " |" for row in rows) or "(no rows)"


def account_of(world: World, step: Step, name: str) -> int:
    """Index of an account by name."""
    if name not in world.book.registers.names:
        raise StoryError(f"{step.place}: the house has no account {name!r}")
    return world.book.registers.names[name]

"""A function fits a screen, a file a sitting."""

import ast
from collections.abc import Iterator

from tests.tidy.core_police import Offence

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400


def functions_too_long(tree: ast.Module, lines_max: int = FUNCTION_LINES_MAX) -> Iterator[Offence]:
    """Functions with more lines than a screen, docstring included and decorators not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > lines_max:
                yield node.lineno, f"{node.name}() has {lines} lines of at most {lines_max}: give a part of it a name"


def file_too_long(text: str, lines_max: int = FILE_LINES_MAX) -> Iterator[Offence]:
    """A file with more lines than a sitting."""
    lines = len(text.splitlines())
    if lines > lines_max:
        yield lines, f"the file has {lines} lines of at most {lines_max}: make it a package of its ideas"

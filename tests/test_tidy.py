"""The style police: what a reviewer would otherwise have to say again and again.

Each offence is printed with its place and its cure. What counts as one stands in ``tests/tidy``.
"""

import ast
from pathlib import Path

import pytest

from novate import kernel_cache
from tests.tidy.core_police import CorePolice, Offence, fields_of_sets
from tests.tidy.lengths import file_too_long, functions_too_long
from tests.tidy.places import SOURCE, imports_out_of_place, is_within, module_of

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in FILES}
CORE = [path for path in FILES if path.is_relative_to(SOURCE / "core")]


def judge(offences: list[tuple[Path, Offence]]) -> None:
    """Fail with every offence at its place."""
    lines = [f"{path.relative_to(ROOT)}:{line}: {message}" for path, (line, message) in offences]
    if lines:
        pytest.fail("\n".join([f"{len(lines)} offences", *lines]), pytrace=False)


def test_the_core_is_deterministic_and_integer() -> None:
    assert CORE, f"no source in {SOURCE / 'core'}"
    set_fields = fields_of_sets([TREES[path] for path in CORE])
    found = []
    for path in CORE:
        police = CorePolice(kernel=is_within(module_of(path), "core.kernels"), set_fields=set_fields)
        police.visit(TREES[path])
        found += [(path, offence) for offence in sorted(police.offences)]
    judge(found)


def test_each_package_imports_only_what_its_place_allows() -> None:
    judge([(path, offence) for path in FILES for offence in imports_out_of_place(module_of(path), TREES[path])])


def test_functions_fit_a_screen() -> None:
    judge([(path, offence) for path in FILES for offence in functions_too_long(TREES[path])])


def test_files_fit_a_sitting() -> None:
    judge([(path, offence) for path in FILES for offence in file_too_long(path.read_text(encoding="utf-8"))])


def test_the_cache_of_kernels_is_named_by_every_file_that_is_compiled() -> None:
    named = {path for pattern in kernel_cache.COMPILED for path in SOURCE.glob(pattern)}
    compiled = {path for path in FILES if any(imports_njit(node) for node in ast.walk(TREES[path]))}
    assert any(path.is_relative_to(SOURCE / "risk" / "kernels") for path in compiled)
    judge([(path, (1, "it compiles, and is not in kernel_cache.COMPILED")) for path in sorted(compiled - named)])


def imports_njit(node: ast.AST) -> bool:
    """Whether it brings in what compiles functions."""
    return (
        isinstance(node, ast.ImportFrom) and node.module == "numba" and any(each.name == "njit" for each in node.names)
    )

"""Which part of novate may import which: import-linter checks the layers as a whole, this the parts of a package."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.core_police import Offence

SOURCE = Path(__file__).resolve().parents[2] / "src" / "novate"
MAY_IMPORT = {
    "__init__": ("house", "core", "tape", "kernel_cache"),
    "kernel_cache": (),
    "core": ("core",),
    "core.kernels": ("core.layout", "core.rows", "core.reasons", "core.money"),  # as kernel_cache.COMPILED says
    "tape": ("core",),
    "risk": ("core.money", "core.terms", "core.sheet_terms"),
    "risk.kernels": (),  # as kernel_cache.COMPILED says
    "market": ("core.money", "core.terms"),
    "files": ("risk.errors",),
    "rulebooks": ("risk", "files"),
    "service": ("core", "tape", "market", "risk"),
    "sim": ("core", "market", "risk", "service.engine", "report.series"),
    "sim.proof": ("sim", "core", "service", "report.series"),
    "sim.demo": ("sim", "core", "market", "risk", "service", "report"),
    "sim.auditor": (
        "core.terms",
        "core.commands",
        "core.facts",
        "core.lifecycle_commands",
        "core.lifecycle_facts",
        "core.liquidation_facts",
        "core.money_facts",
        "core.overdraft_facts",
        "core.reasons",
        "core.rows",
        "core.sheet_terms",
        "core.supervision",
    ),
    "views": ("core", "tape"),
    "house": ("core", "tape", "views", "market", "risk", "service.engine", "service.journal"),
    "report": ("core", "tape", "views", "risk", "service"),
    "cli": ("",),
    "terminal": ("house", "views", "tape", "core.reasons"),
}
"""Part of novate -> what it may import of novate, besides itself. The longest entry that fits decides."""


def imports_out_of_place(module: str, tree: ast.Module) -> Iterator[Offence]:
    """Imports of novate by ``module`` (dotted, without "novate.") that ``MAY_IMPORT`` does not list."""
    part = max((part for part in MAY_IMPORT if is_within(module, part)), key=len, default=None)
    if part is None:
        yield 1, f"novate.{module} has no entry in MAY_IMPORT: decide what it may import, and write it there"
        return
    allowed = (part, *MAY_IMPORT[part])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            top, _, rest = target.partition(".")
            if top == "novate" and not any(is_within(rest, place) for place in allowed):
                places = ", ".join(sorted(f"novate.{place}" for place in allowed))
                yield node.lineno, f"novate.{module} may not import {target}: it may import {places}"


def is_within(name: str, place: str) -> bool:
    """Whether the dotted name is the place or lies in it; the empty place holds everything."""
    return not place or name == place or name.startswith(place + ".")


def module_of(path: Path) -> str:
    """``src/novate/core/money.py`` -> ``core.money``; a package is its ``__init__.py``."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

"""The style police: what a reviewer would otherwise have to say again and again.

The core must give the same book from the same journal on every machine and in every year, so it may not read a clock,
a file, the environment or a random number, nor compute money in floats, nor depend on the order of a set. Packages may
import only what their place allows (import-linter checks the layers as a whole, this file which part of a package),
and a function fits a screen, a file a sitting. Each offence is printed with its place and its cure.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "novate"

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400

MAY_IMPORT = {
    "__init__": ("house", "core", "tape", "kernel_cache"),
    "kernel_cache": (),
    "core": ("core",),
    "core.kernels": ("core.layout", "core.rows", "core.reasons", "core.money"),  # as kernel_cache.COMPILED says
    "tape": ("core",),
    "risk": ("core.money", "core.terms"),
    "market": ("core.money", "core.terms"),
    "service": ("core", "tape", "market", "risk"),
    "sim": ("core", "market", "risk", "service.engine", "report.series"),
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
        "core.supervision",
    ),
    "views": ("core", "tape"),
    "house": ("core", "tape", "views", "market", "risk", "service.engine", "service.journal"),
    "report": ("core", "tape", "views", "risk", "service"),
    "cli": ("",),
    "terminal": ("house", "views", "tape", "core.reasons"),
}
"""Part of novate -> what it may import of novate, besides itself. The longest entry that fits decides."""

CORE_LIBRARIES = {"llvmlite", "msgspec", "numba", "numpy", "novate"}
CORE_BANNED_MODULES = {
    "asyncio": "nothing in the core waits",
    "concurrent": "one thread owns the book",
    "io": "the core does no input or output",
    "logging": "the core speaks in facts",
    "multiprocessing": "one thread owns the book",
    "os": "the core knows no machine",
    "pathlib": "the core does no input or output",
    "random": "a choice is a command",
    "secrets": "a choice is a command",
    "shutil": "the core does no input or output",
    "socket": "the core does no input or output",
    "sqlite3": "the journal belongs to novate.service",
    "subprocess": "the core knows no machine",
    "tempfile": "the core does no input or output",
    "threading": "one thread owns the book",
    "time": "time comes with the command",
    "uuid": "an identifier is a number of the book",
}
CORE_BANNED_CALLS = {
    "open": "the core does no input or output",
    "input": "the core does no input or output",
    "hash": "it differs from process to process; use hashlib over canonical bytes",
}
CORE_BANNED_ATTRIBUTES = {"now", "utcnow", "today"}
MATH_OF_INTEGERS = ("ceil", "comb", "factorial", "floor", "gcd", "isqrt", "lcm", "perm", "prod")
NUMPY_BANNED = {"random", "double", "divide", "true_divide", "mean", "average", "std", "var", "sqrt", "exp", "log"}
FLOATS = {"float", "float16", "float32", "float64", "complex", "complex64", "complex128"}
FLOAT_DTYPE = re.compile(r"[<>=|]?[fc]\d{1,2}|float\d*|double|complex\d*")
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
KEEPS_ORDER = {"list", "tuple", "enumerate", "iter", "map", "filter", "zip", "reversed"}

Offence = tuple[int, str]
"""Line, and what is wrong there with its cure."""


# --- the core -----------------------------------------------------------------------------------------------------


class CorePolice(ast.NodeVisitor):
    """Collects what the core may not contain. ``kernel``: float64 may stand here, as exact integers under a bound."""

    def __init__(self, *, kernel: bool = False, set_fields: frozenset[str] = frozenset()) -> None:
        self.kernel = kernel
        self.set_fields = set_fields
        self.set_names: set[str] = set()
        self.sorted_at_once: set[ast.comprehension] = set()
        self.offences: list[Offence] = []

    def report(self, node: ast.AST, message: str) -> None:
        self.offences.append((getattr(node, "lineno", 0), message))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.check_module(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.check_module(node, node.module or "")
        for alias in node.names:
            self.check_module(node, f"{node.module}.{alias.name}")
            self.check_name(node, alias.name)

    def check_module(self, node: ast.AST, name: str) -> None:
        top, _, rest = name.partition(".")
        if top in CORE_BANNED_MODULES:
            self.report(node, f"`{top}` is banned in the core: {CORE_BANNED_MODULES[top]}")
        elif top not in CORE_LIBRARIES and top not in sys.stdlib_module_names:
            self.report(node, f"`{top}` is banned in the core: use the standard library, msgspec, numpy and numba")
        elif rest:
            self.check_library_attribute(node, top, rest.split(".")[0])

    def check_library_attribute(self, node: ast.AST, library: str, name: str) -> None:
        if library in ("np", "numpy") and name in NUMPY_BANNED:
            self.report(node, f"`{library}.{name}` is banned in the core: it is random, or gives floats")
        if library == "math" and name not in MATH_OF_INTEGERS:
            integers = ", ".join(MATH_OF_INTEGERS)
            self.report(node, f"`math.{name}` is banned in the core: of math, {integers} stay integer")

    def check_name(self, node: ast.AST, name: str) -> None:
        if name in FLOATS and not (self.kernel and name == "float64"):
            self.report(node, f"`{name}` is banned in the core: money is integers (float64 may stand in kernels alone)")

    def visit_Name(self, node: ast.Name) -> None:
        self.check_name(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.check_name(node, node.attr)
        if isinstance(node.value, ast.Name):
            self.check_library_attribute(node, node.value.id, node.attr)
        if node.attr in CORE_BANNED_ATTRIBUTES:
            self.report(node, f"`.{node.attr}` is banned in the core: time comes with the command")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, float | complex):
            self.report(node, f"float literal {node.value!r}: write an integer and its unit (10**9, rate_ppm)")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.check_operator(node, node.op)
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.UnaryOp) and isinstance(node.right.op, ast.USub):
            self.report(node, "a negative power is a float: divide with // and name the rounding")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.check_operator(node, node.op)
        self.generic_visit(node)

    def check_operator(self, node: ast.AST, op: ast.operator) -> None:
        if isinstance(op, ast.Div):
            self.report(node, "true division: use // and name the rounding, multiply across, or write Fraction(a, b)")

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id=name) if name in CORE_BANNED_CALLS:
                self.report(node, f"`{name}()` is banned in the core: {CORE_BANNED_CALLS[name]}")
            case ast.Name(id=name) if name in KEEPS_ORDER:
                for argument in node.args:
                    self.check_order(argument)
            case ast.Name(id="sorted") if node.args and isinstance(node.args[0], ast.GeneratorExp):
                self.sorted_at_once.update(node.args[0].generators)
            case ast.Attribute(attr="join"):
                for argument in node.args:
                    self.check_order(argument)
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self.check_dtype(argument)
        self.generic_visit(node)

    def check_dtype(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and FLOAT_DTYPE.fullmatch(node.value):
            if self.kernel and node.value in ("f8", "<f8", "float64"):
                return
            self.report(node, f"dtype {node.value!r} is banned in the core: money is integers")

    # Sets: membership, size, union and sorted() are fine; an order is not theirs to give.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self.set_names = self.set_names, self.set_names | set(bound_to_sets(node))
        self.generic_visit(node)
        self.set_names = outer

    def visit_Module(self, node: ast.Module) -> None:
        self.set_names = set(bound_to_sets(node))
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self.check_order(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if node not in self.sorted_at_once:
            self.check_order(node.iter)
        if node.is_async:
            self.report(node.iter, "async is banned in the core: nothing in it waits")
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self.check_order(node.value)
        self.generic_visit(node)

    def check_order(self, node: ast.expr) -> None:
        if is_set(node, self.set_names, self.set_fields):
            self.report(node, "a set has no order of its own: iterate over sorted(…), or keep a list or a dict")

    def ban_async(self, node: ast.AST) -> None:
        self.report(node, "async is banned in the core: nothing in it waits")
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_AsyncFor = visit_AsyncWith = visit_Await = ban_async  # noqa: N815


def is_set(node: ast.expr, names: set[str], fields: frozenset[str]) -> bool:
    """Whether the expression is plainly a set; ``names`` and ``fields`` are known to hold one."""
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr=name):
            return name in fields
        case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.BitXor() | ast.Sub()):
            return is_set(node.left, names, fields) or is_set(node.right, names, fields)
        case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in SET_METHODS:
            return is_set(value, names, fields)
    return False


def is_set_type(annotation: ast.expr | None) -> bool:
    """Whether an annotation reads ``set[…]`` or ``frozenset[…]``."""
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return isinstance(annotation, ast.Name) and annotation.id in ("set", "frozenset", "Set", "AbstractSet")


def bound_to_sets(scope: ast.AST) -> Iterator[str]:
    """The names that a function or module binds to a set, those of the functions in it left aside."""
    for node in walk_scope(scope):
        match node:
            case ast.arg(arg=name, annotation=annotation) if is_set_type(annotation):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if is_set_type(annotation):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_set(value, set(), frozenset()):
                yield name


def walk_scope(scope: ast.AST) -> Iterator[ast.AST]:
    """Every node below, without the insides of other functions and classes."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from walk_scope(child)


def fields_of_sets(trees: list[ast.Module]) -> frozenset[str]:
    """The attributes that classes of the core declare as sets."""
    return frozenset(
        statement.target.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and is_set_type(statement.annotation)
    )


# --- all of novate ------------------------------------------------------------------------------------------------


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


# --- the tests: the tree as it stands -----------------------------------------------------------------------------

FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in FILES}
CORE = [path for path in FILES if path.is_relative_to(SOURCE / "core")]


def module_of(path: Path) -> str:
    """``src/novate/core/money.py`` -> ``core.money``; a package is its ``__init__.py``."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


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


# --- the tests: the police itself ---------------------------------------------------------------------------------

BAD_IN_CORE = [
    ("rate = 0.5", "float literal 0.5"),
    ("unit = 1e9", "float literal"),
    ("share = total / count", "true division"),
    ("share /= count", "true division"),
    ("tick = 10 ** -2", "negative power"),
    ("fee = float(amount)", "`float`"),
    ("def fee(amount: float) -> int: ...", "`float`"),
    ("import numpy as np\nfees = np.zeros(3, np.float64)", "`float64`"),
    ("import numpy as np\nfees = np.zeros(3, dtype='f8')", "dtype 'f8'"),
    ("from numpy import float64", "`float64`"),
    ("import numpy as np\nnp.mean(fees)", "`np.mean`"),
    ("import numpy as np\nnp.random.default_rng()", "`np.random`"),
    ("import numpy.random", "`numpy.random`"),
    ("import math\nmath.sqrt(fee)", "`math.sqrt`"),
    ("from math import sqrt", "`math.sqrt`"),
    ("text = open('terms.json').read()", "`open()`"),
    ("import time", "`time`"),
    ("from time import time_ns", "`time`"),
    ("from datetime import datetime\nnow = datetime.now()", "`.now`"),
    ("import datetime\nnow = datetime.date.today()", "`.today`"),
    ("import random", "`random`"),
    ("import uuid", "`uuid`"),
    ("from os import environ", "`os`"),
    ("import os.path", "`os`"),
    ("import logging", "`logging`"),
    ("import threading", "`threading`"),
    ("from concurrent.futures import ThreadPoolExecutor", "`concurrent`"),
    ("import pandas", "`pandas`"),
    ("key = hash(name)", "`hash()`"),
    ("async def step(): ...", "async"),
    ("async def step():\n    await other()", "async"),
    ("for x in {1, 2}: post(x)", "no order"),
    ("for x in set(accounts): post(x)", "no order"),
    ("flows = [post(x) for x in frozenset(accounts)]", "no order"),
    ("flows = [post(x) for x in {y for y in accounts}]", "no order"),
    ("for x in set(accounts) - {house}: post(x)", "no order"),
    ("for x in {1}.union(accounts): post(x)", "no order"),
    ("first = list(set(accounts))", "no order"),
    ("text = ','.join({'a', 'b'})", "no order"),
    ("order = [*set(accounts)]", "no order"),
    ("def f():\n    touched = set()\n    for x in touched: post(x)", "no order"),
    ("def f(touched: set[int]):\n    for x in touched: post(x)", "no order"),
    ("class Book:\n    halted: set[int]\ndef f(book):\n    for x in book.halted: post(x)", "no order"),
]

GOOD_IN_CORE = [
    "share = total // count",
    "unit = 10**9",
    "import math\nroot = math.isqrt(variance)",
    "from datetime import timedelta",
    "import hashlib, enum, msgspec\nimport numpy as np\nfees = np.zeros(3, np.int64)",
    "from novate.core.money import split",
    "touched = set()\ntouched.add(3)\nfound = 3 in touched\nfor x in sorted(touched): post(x)",
    "def f():\n    touched = set()\ndef g(touched: list[int]):\n    for x in touched: post(x)",
    "for x in dict.fromkeys(accounts): post(x)",
    "names = sorted(x.name for x in {house, *accounts})",
    "double = 2 * remainder",
    "'''A docstring may speak of 0.5 and of open().'''",
]


def core_offences(source: str, *, kernel: bool = False) -> list[str]:
    tree = ast.parse(source)
    police = CorePolice(kernel=kernel, set_fields=fields_of_sets([tree]))
    police.visit(tree)
    return [message for _, message in police.offences]


@pytest.mark.parametrize(("source", "expected"), BAD_IN_CORE, ids=[source for source, _ in BAD_IN_CORE])
def test_police_finds(source: str, expected: str) -> None:
    assert any(expected in message for message in core_offences(source))


@pytest.mark.parametrize("source", GOOD_IN_CORE)
def test_police_lets_pass(source: str) -> None:
    assert core_offences(source) == []


def test_police_lets_float64_stand_in_kernels_alone() -> None:
    source = "import numpy as np\nrow = np.zeros(3, np.float64)"
    assert core_offences(source, kernel=True) == []
    assert core_offences(source) != []
    assert core_offences("import numpy as np\nrow = np.zeros(3, np.float32)", kernel=True) != []
    assert core_offences("half = 0.5", kernel=True) != []


@pytest.mark.parametrize(
    ("module", "source", "offends"),
    [
        ("core.money", "from novate.core.terms import Asset", False),
        ("core.money", "from novate.house import ClearingHouse", True),
        ("core.money", "from novate import house", True),
        ("core.money", "import novate.service.engine", True),
        ("market.index", "from novate.core.terms import Contract", False),
        ("market.index", "from novate.core import terms", False),
        ("market.index", "from novate.core.book import Book", True),
        ("sim.run", "from novate.service.engine import Engine", False),
        ("sim.run", "from novate.service.journal import Journal", True),
        ("sim.auditor", "from novate.core.facts import Novated", False),
        ("sim.auditor", "from novate.core.money import split", True),
        ("sim.auditor", "from novate.sim.prices import walk", True),
        ("cli", "from novate.sim.run import world", False),
        ("unheard_of", "import enum", True),
    ],
)
def test_police_knows_who_may_import_whom(module: str, source: str, offends: bool) -> None:
    assert bool(list(imports_out_of_place(module, ast.parse(source)))) is offends


def test_police_counts_lines() -> None:
    function = "@decorated\ndef f():\n" + "    post()\n" * 4
    assert list(functions_too_long(ast.parse(function), lines_max=5)) == []
    assert [line for line, _ in functions_too_long(ast.parse(function), lines_max=4)] == [2]
    assert list(file_too_long("x = 1\n" * 5, lines_max=5)) == []
    assert len(list(file_too_long("x = 1\n" * 6, lines_max=5))) == 1

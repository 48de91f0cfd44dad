"""The style police itself: what it finds, and what it lets pass."""

import ast

import pytest

from tests.tidy.core_police import CorePolice, fields_of_sets
from tests.tidy.lengths import file_too_long, functions_too_long
from tests.tidy.places import imports_out_of_place

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

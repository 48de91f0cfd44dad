"""What no source of the core may hold, each offence with its cure.

The core must give the same book from the same journal on every machine and in every year, so it may not read a clock,
a file, the environment or a random number, nor compute money in floats, nor depend on the order of a set.
"""

import ast
import re
import sys
from collections.abc import Iterator

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
